/* tile.c: see tile.h. */
#include "views/tile.h"
#include "base/utf8.h"
#include "views/escalation.h"
#include "views/fmt.h"
#include <math.h>
#include <stdio.h>

/* Pieces in one line, as many as fit whole. */
struct line {
    struct canvas *cv;
    struct rect r; /* what is left */
};

static void put(struct line *l, enum role role, const char *text)
{
    int w = (int)utf8_width(text);
    if (w == 0 || w > l->r.w) {
        l->r.w = 0; /* nothing after it either: pieces never change places */
        return;
    }
    canvas_text(l->cv, l->r.x, l->r.y, role, text);
    l->r.x += w + 2;
    l->r.w -= w + 2;
}

static void draw_state(struct line l, const struct val *m)
{
    const struct val *e = val_get(m, "escalation");
    const char *state = val_get_str(e, "state", "none");
    struct status_look look = escalation_look(state);
    char text[120];
    if (escalation_rank(state) <= 0) {
        put(&l, ROLE_OK, "✓ no alert");
        return;
    }
    snprintf(text, sizeof text, "%s %s", look.glyph, look.word);
    put(&l, look.role, text);
    put(&l, ROLE_STRONG, action_text(val_get_str(e, "recommended_action", NULL)));
    snprintf(text, sizeof text, "%.30s, %lld in a row", val_get_str(e, "rule", "?"),
             (long long)val_get_int(e, "streak", 0));
    put(&l, ROLE_DIM, text);
}

static void draw_quality(struct line l, const struct val *model, const struct val *m)
{
    const struct val *promoted = fmt_path(model, "production.metrics");
    const char *name = metric_main(promoted);
    double then = val_get_real(promoted, name ? name : "", (double)NAN);
    double now = val_get_real(m, name ? name : "", (double)NAN);
    double share = val_get_real(m, "share_drifted", (double)NAN);
    double p99 = val_get_real(m, "p99_ms", (double)NAN);
    char text[120], a[FMT_LEN], b[FMT_LEN];
    if (name && isfinite(now)) {
        bool worse = (metric_info(name)->higher_is_better ? then - now : now - then) > 0.05;
        snprintf(text, sizeof text, "%.20s %s → %s", name, fmt_metric(a, then), fmt_metric(b, now));
        put(&l, worse ? ROLE_WARN : ROLE_TEXT, text);
    }
    snprintf(text, sizeof text, "%s%.0f %% drifted", share > 0.2 ? "! " : "", 100 * share);
    if (isfinite(share)) put(&l, share > 0.2 ? ROLE_WARN : ROLE_TEXT, text);
    snprintf(text, sizeof text, "p99 %.0f ms", p99);
    if (isfinite(p99)) put(&l, ROLE_DIM, text);
}

static void draw_volume(struct line l, const struct val *m)
{
    double coverage = val_get_real(m, "label_coverage", (double)NAN);
    char text[80], a[FMT_LEN];
    snprintf(text, sizeof text, "%s rows", fmt_count(a, val_get_int(m, "volume", 0)));
    put(&l, ROLE_TEXT, text);
    snprintf(text, sizeof text, "%.0f %% labelled", 100 * coverage);
    if (isfinite(coverage)) put(&l, coverage < 0.2 ? ROLE_WARN : ROLE_TEXT, text);
    snprintf(text, sizeof text, "newest %s",
             fmt_duration(a, val_get_real(m, "data_freshness_s", (double)NAN)));
    put(&l, ROLE_DIM, text);
}

void tile_draw(struct canvas *cv, struct rect r, const struct val *model)
{
    const struct val *m = val_get(model, "monitoring"), *p = val_get(model, "production");
    char title[120];
    if (r.w < 12 || r.h < TILE_H) return;
    if (r.w > TILE_MOST) r.w = TILE_MOST;
    snprintf(title, sizeof title, "%.60s", val_get_str(m, "model", ""));
    if (val_has(p, "version"))
        snprintf(title, sizeof title, "%.60s v%lld", val_get_str(m, "model", ""),
                 (long long)val_get_int(p, "version", 0));
    canvas_box(cv, r, ROLE_RULE, title);
    struct line l = { cv, rect_make(r.x + 2, r.y + 1, r.w - 4, 1) };
    draw_state(l, m);
    l.r.y++;
    draw_quality(l, model, m);
    l.r.y++;
    draw_volume(l, m);
}
