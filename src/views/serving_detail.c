/* serving_detail.c: what is known of the versions of a route: the ladder of a canary with its
 * verdict and evidence, the curve of the sequential test against its bound, how far shadows and
 * members agree with the stable version, how latencies lie, what the daemon reports of itself,
 * and who changed the route. From the top, as much as there is room for. */
#include "base/mem.h"
#include "views/moment.h"
#include "views/page.h"
#include "views/serving.h"
#include "views/widgets/chart.h"
#include "views/widgets/meter.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHART_LEAST = 7, EVENTS = 6, BARS_MAX = 64 };

/* -- canary ----------------------------------------------------------------------------- */

/* "✓ 1 % → ▶ 5 % → 25 % → 100 %". */
static void draw_ladder(struct page *p, const struct val *canary)
{
    const struct val *steps = val_get(canary, "steps");
    int64_t now = val_get_int(canary, "step", 0);
    struct rect at = page_take(p, 1);
    int x = at.x;
    x += canvas_text(p->cv, x, at.y, ROLE_DIM, "steps") + 2;
    for (size_t i = 0; i < val_len(steps) && x < at.x + at.w - 6; i++) {
        int64_t step = (int64_t)i + 1;
        char share[FMT_LEN];
        serving_share(share, val_as_real(val_at(steps, i), 0));
        if (i) x += canvas_text(p->cv, x, at.y, ROLE_RULE, " → ");
        x += step == now  ? canvas_printf(p->cv, x, at.y, ROLE_STAGING, "[▶ %s]", share)
             : step < now ? canvas_printf(p->cv, x, at.y, ROLE_OK, "✓ %s", share)
                          : canvas_text(p->cv, x, at.y, ROLE_DIM, share);
    }
}

static struct status_look verdict_look(const char *verdict)
{
    static const struct {
        const char *verdict;
        struct status_look look;
    } looks[] = {
        { "advance", { "✓", "advance", ROLE_OK } },
        { "hold", { "·", "hold", ROLE_TEXT } },
        { "rollback", { "✗", "roll back", ROLE_BAD } },
        { "pause", { "!", "pause", ROLE_WARN } },
        { "aborted", { "✗", "aborted", ROLE_WARN } },
        { "done", { "✓", "done", ROLE_OK } },
        { "different", { "!", "different", ROLE_WARN } },
        { "undecided", { "·", "undecided", ROLE_TEXT } },
    };
    for (size_t i = 0; i < ARRAY_LEN(looks); i++)
        if (str_eq(looks[i].verdict, verdict)) return looks[i].look;
    return (struct status_look){ "·", verdict ? verdict : "–", ROLE_DIM };
}

/* "hold  277 of 300 requests in this step". */
static void draw_verdict(struct page *p, const struct val *route)
{
    struct status_look look = verdict_look(val_get_str(route, "verdict", NULL));
    const char *why = val_get_str(route, "why", "");
    char text[300];
    if (!val_has(route, "verdict")) return;
    snprintf(text, sizeof text, "%s %s%s%.240s", look.glyph, look.word, *why ? ": " : "", why);
    page_fact(p, "verdict", look.role, text);
}

static void draw_progress_facts(struct page *p, const struct val *canary, int64_t now_us)
{
    const struct val *limits = val_get(canary, "limits");
    char text[200], n[FMT_LEN], of[FMT_LEN], age[FMT_LEN], least[FMT_LEN], most[FMT_LEN];
    int64_t began = moment_us(val_get_str(canary, "step_at", NULL));
    if (!canary || began == INT64_MIN) return;
    snprintf(text, sizeof text,
             "%s of %s requests, %s of %s; undecided it waits for a human after %s",
             fmt_count(n, val_get_int(canary, "step_requests", 0)),
             fmt_count(of, val_get_int(limits, "min_samples", 0)),
             fmt_duration(age, fmax(0, (double)(now_us - began) / 1e6)),
             fmt_duration(least, val_get_real(limits, "min_time_s", 0)),
             fmt_duration(most, val_get_real(limits, "max_time_s", 0)));
    page_fact(p, "this step", ROLE_TEXT, text);
}

/* -- evidence --------------------------------------------------------------------------- */

static struct status_look guard_look(const char *state)
{
    if (str_eq(state, "ok")) return (struct status_look){ "✓", "ok", ROLE_OK };
    if (str_eq(state, "worse")) return (struct status_look){ "✗", "worse", ROLE_BAD };
    if (str_eq(state, "unsure")) return (struct status_look){ "·", "unsure", ROLE_TEXT };
    return (struct status_look){ "·", state ? state : "–", ROLE_DIM };
}

static const char *figure(char buf[FMT_LEN], const struct val *v, const char *key)
{
    double x = val_get_real(v, key, (double)NAN);
    return fmt_metric(buf, fabs(x) < 5e-5 ? 0 : x);
}

/* Where the columns of the evidence are; x < 0: no room. */
struct guard_columns {
    int name, stable, version, difference, between, verdict;
};
enum { NAME_W = 13, FIGURE_W = 8, BETWEEN_W = 18, VERDICT_W = 8 };

static int next_column(int *x, int *room, int w)
{
    int at = *x;
    if (*room < w) return -1;
    *x += w + 1;
    *room -= w + 1;
    return at;
}

static struct guard_columns guard_columns(struct rect r)
{
    int x = r.x + NAME_W, room = r.w - NAME_W - VERDICT_W - 1;
    bool between = room >= 3 * (FIGURE_W + 1) + BETWEEN_W + 1;
    struct guard_columns c = { .name = r.x, .between = -1 };
    c.stable = next_column(&x, &room, FIGURE_W);
    c.version = next_column(&x, &room, FIGURE_W);
    c.difference = next_column(&x, &room, FIGURE_W);
    if (between) c.between = next_column(&x, &room, BETWEEN_W);
    c.verdict = x + 1;
    return c;
}

static void put_figure(struct page *p, int x, int y, int w, const char *text)
{
    if (x >= 0) canvas_right(p->cv, rect_make(x, y, w, 1), ROLE_TEXT, text);
}

static void draw_guard(struct page *p, const struct val *g, bool named)
{
    struct status_look look = guard_look(val_get_str(g, "state", NULL));
    struct rect at = page_take(p, 1);
    struct guard_columns c = guard_columns(at);
    char text[120], a[FMT_LEN], b[FMT_LEN];
    if (named)
        snprintf(text, sizeof text, "v%lld %.40s", (long long)val_get_int(g, "version", 0),
                 val_get_str(g, "metric", ""));
    else snprintf(text, sizeof text, "%.40s", val_get_str(g, "metric", ""));
    canvas_fit(p->cv, rect_make(c.name, at.y, NAME_W, 1), ROLE_TEXT, text);
    snprintf(text, sizeof text, "%s %.20s", look.glyph, look.word);
    canvas_fit(p->cv, rect_make(c.verdict, at.y, VERDICT_W, 1), look.role, text);
    put_figure(p, c.stable, at.y, FIGURE_W, figure(a, g, "stable"));
    put_figure(p, c.version, at.y, FIGURE_W, figure(a, g, "candidate"));
    if (!val_has(g, "low")) return;
    put_figure(p, c.difference, at.y, FIGURE_W, figure(a, g, "difference"));
    snprintf(text, sizeof text, "%s to %s", figure(a, g, "low"), figure(b, g, "high"));
    put_figure(p, c.between, at.y, BETWEEN_W, text);
}

static bool has_data(const struct val *guard)
{
    return !str_eq(val_get_str(guard, "state", ""), "no data");
}

static void draw_titles(struct page *p)
{
    static const char *const titles[] = { "stable", "version", "differ", "surely between" };
    struct rect at = page_take(p, 1);
    struct guard_columns c = guard_columns(at);
    const int x[] = { c.stable, c.version, c.difference, c.between };
    for (size_t i = 0; i < ARRAY_LEN(x) && at.h; i++)
        if (x[i] >= 0)
            canvas_right(p->cv, rect_make(x[i], at.y, i < 3 ? FIGURE_W : BETWEEN_W, 1), ROLE_DIM,
                         titles[i]);
}

/* What was measured, a line each; what was not, in one. */
static void draw_evidence(struct page *p, const struct val *route)
{
    const struct val *list = val_get(route, "differences");
    bool several = val_len(val_get(route, "arms")) > 2;
    STR_AUTO unknown = STR_INIT;
    if (val_len(list) == 0 || p->r.h < 2) return;
    page_section(p, "Evidence", NULL);
    if (p->r.h > 3) draw_titles(p);
    for (size_t i = 0; i < val_len(list) && p->r.h > 0; i++) {
        const struct val *g = val_at(list, i);
        if (has_data(g)) draw_guard(p, g, several);
        else str_addf(&unknown, "%s%.40s", unknown.len ? ", " : "", val_get_str(g, "metric", ""));
    }
    page_fact(p, "no data on", ROLE_DIM, str_c(&unknown));
}

/* The curve of the error rates' test: above the bound they differ. */
static void draw_curve(struct page *p, const struct val *canary, int h)
{
    const struct val *curve = val_get(canary, "curve"), *at = val_get(curve, "at");
    const struct val *ratio = val_get(curve, "log_ratio");
    struct arena a = ARENA_INIT;
    size_t n = val_len(at);
    struct chart_point *points = arena_array(&a, n + 1, struct chart_point);
    char bound[FMT_LEN];
    if (n == 0 || p->r.h < CHART_LEAST) return arena_done(&a);
    for (size_t i = 0; i < n; i++)
        points[i] = (struct chart_point){ (double)moment_us(val_as_str(val_at(at, i), NULL)) / 1e6,
                                          val_as_real(val_at(ratio, i), (double)NAN) };
    struct chart_series series = { points, n, "log L", ROLE_S1, NULL };
    struct chart c = { .series = &series,
                       .n_series = 1,
                       .threshold = val_get_real(curve, "bound", (double)NAN),
                       .threshold_name = "differ",
                       .x_time = true,
                       .bad_side = 1 };
    char right[80];
    snprintf(right, sizeof right, "bound %s", fmt_metric(bound, c.threshold));
    page_section(p, "Sequential test of the error rates", right);
    chart_draw(p->cv, page_take(p, h < p->r.h ? h : p->r.h), &c);
    arena_done(&a);
}

/* -- agreement -------------------------------------------------------------------------- */

static void draw_shadow(struct page *p, const struct val *s)
{
    const struct val *c = val_get(s, "confusion");
    char text[300], label[40], n[FMT_LEN], mean[FMT_LEN], p95[FMT_LEN], max[FMT_LEN];
    double agreement = val_get_real(s, "agreement", (double)NAN);
    bool binary = false;
    for (size_t i = 0; i < val_len(c); i++) binary |= val_as_int(val_at(c, i), 0) > 0;
    snprintf(label, sizeof label, "v%lld", (long long)val_get_int(s, "version", 0));
    snprintf(text, sizeof text,
             "agrees %.2f %% (%.2f to %.2f) of %s rows  |Δp| mean %s, p95 %s, max %s",
             100 * agreement, 100 * val_get_real(s, "low", 0), 100 * val_get_real(s, "high", 0),
             fmt_count(n, val_get_int(s, "compared", 0)),
             fmt_metric(mean, val_get_real(s, "mean_abs_dp", (double)NAN)),
             fmt_metric(p95, val_get_real(s, "p95_abs_dp", (double)NAN)),
             fmt_metric(max, val_get_real(s, "max_abs_dp", (double)NAN)));
    page_fact(p, label, agreement < 0.9 ? ROLE_WARN : ROLE_TEXT, text);
    if (!binary || p->r.h <= 0) return;
    char no[FMT_LEN], lost[FMT_LEN], won[FMT_LEN], yes[FMT_LEN];
    snprintf(text, sizeof text, "both no %s, both yes %s, only stable yes %s, only v%lld yes %s",
             fmt_count(no, val_as_int(val_at(c, 0), 0)),
             fmt_count(yes, val_as_int(val_at(c, 3), 0)),
             fmt_count(lost, val_as_int(val_at(c, 2), 0)), (long long)val_get_int(s, "version", 0),
             fmt_count(won, val_as_int(val_at(c, 1), 0)));
    page_fact(p, "", ROLE_DIM, text);
}

static void draw_shadows(struct page *p, const struct val *route)
{
    const struct val *list = val_get(route, "shadow");
    if (val_len(list) == 0 || p->r.h < 2) return;
    page_section(p, "Agreement with the stable version", "same rows");
    for (size_t i = 0; i < val_len(list) && p->r.h > 0; i++) draw_shadow(p, val_at(list, i));
}

/* -- latency ---------------------------------------------------------------------------- */

/* Histograms of all versions over the same buckets, so that they can be compared by eye. */
struct buckets {
    double low, high; /* bounds of what there is, in ms */
    int n;
};
static const double growth = 1.189207115002721; /* four to a doubling */

static struct buckets find_buckets(const struct val *arms)
{
    struct buckets b = { INFINITY, 0, 0 };
    for (size_t i = 0; i < val_len(arms); i++) {
        const struct val *le = fmt_path(val_at(arms, i), "histogram.le_ms");
        if (val_len(le) == 0) continue;
        b.low = fmin(b.low, val_as_real(val_at(le, 0), INFINITY));
        b.high = fmax(b.high, val_as_real(val_at(le, val_len(le) - 1), 0));
    }
    if (b.high > 0) b.n = 1 + (int)lround(log(b.high / b.low) / log(growth));
    if (b.n > BARS_MAX) b.n = BARS_MAX;
    return b;
}

static void draw_histogram(struct page *p, const struct val *arm, const struct buckets *b)
{
    const struct val *le = fmt_path(arm, "histogram.le_ms");
    const struct val *counts = fmt_path(arm, "histogram.counts");
    double most = 0;
    struct rect at = page_take(p, 1);
    canvas_printf(p->cv, at.x, at.y, ROLE_DIM, "v%lld", (long long)val_get_int(arm, "version", 0));
    for (size_t i = 0; i < val_len(counts); i++)
        most = fmax(most, val_as_real(val_at(counts, i), 0));
    for (size_t i = 0; i < val_len(counts); i++) {
        double n = val_as_real(val_at(counts, i), 0);
        int k = (int)lround(log(val_as_real(val_at(le, i), b->low) / b->low) / log(growth));
        if (n <= 0 || k >= b->n || 12 + k >= at.w) continue;
        canvas_put(p->cv, at.x + 12 + k, at.y, ROLE_S1, 0x2581u + (uint32_t)lround(n / most * 7));
    }
}

static void draw_latency(struct page *p, const struct val *route)
{
    const struct val *arms = val_get(route, "arms");
    struct buckets b = find_buckets(arms);
    char right[120], low[FMT_LEN], high[FMT_LEN];
    if (b.n == 0 || p->r.h < 2) return;
    snprintf(right, sizeof right, "%s to %s ms", fmt_metric(low, b.low), fmt_metric(high, b.high));
    page_section(p, "Latency", right);
    for (size_t i = 0; i < val_len(arms) && p->r.h > 0; i++) draw_histogram(p, val_at(arms, i), &b);
}

/* -- daemon and history ----------------------------------------------------------------- */

static void draw_daemon(struct page *p, const struct val *d, int64_t now_us)
{
    const struct val *detail = val_get(d, "detail"), *cache = val_get(detail, "cache");
    const struct val *log = val_get(detail, "log");
    int64_t hits = val_get_int(cache, "hits", 0), asked = hits + val_get_int(cache, "misses", 0);
    int64_t lost = val_get_int(log, "dropped", 0),
            shadows = val_get_int(detail, "shadow_dropped", 0);
    char hit[FMT_LEN], entries[FMT_LEN], queue[FMT_LEN], written[FMT_LEN], dropped[FMT_LEN];
    char up[FMT_LEN];
    STR_AUTO s = STR_INIT;
    bool alive = serving_alive(d, now_us);
    if (!alive) {
        str_addf(&s, "✗ %.60s, pid %lld: last seen %s", val_get_str(d, "listen", ""),
                 (long long)val_get_int(d, "pid", 0),
                 fmt_ago(up, val_get_str(d, "seen_at", NULL), now_us));
        page_fact(p, "daemon", ROLE_DIM, str_c(&s));
        return;
    }
    str_addf(&s, "up %s  cache %s hit, %s entries  queue %s rows  log %s written",
             fmt_age(up, val_get_str(d, "started_at", NULL), now_us),
             fmt_percent(hit, asked ? (double)hits / (double)asked : (double)NAN),
             fmt_count(entries, val_get_int(cache, "entries", 0)),
             fmt_count(queue, val_get_int(detail, "queued", 0)),
             fmt_count(written, val_get_int(log, "written", 0)));
    if (shadows) str_addf(&s, "  shadows not asked %s", fmt_count(dropped, shadows));
    if (lost) str_addf(&s, "  ✗ %s predictions not logged", fmt_count(dropped, lost));
    page_fact(p, "daemon", lost ? ROLE_BAD : ROLE_TEXT, str_c(&s));
}

/* Those that live; of the dead only the last one, and only when none lives. */
static void draw_daemons(struct page *p, const struct val *route, int64_t now_us)
{
    const struct val *list = val_get(route, "daemons"), *last = NULL;
    bool any = false;
    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *d = val_at(list, i);
        if (!last || strcmp(val_get_str(d, "seen_at", ""), val_get_str(last, "seen_at", "")) > 0)
            last = d;
        if (!serving_alive(d, now_us)) continue;
        any = true;
        draw_daemon(p, d, now_us);
    }
    if (!any && last) draw_daemon(p, last, now_us);
}

static void draw_events(struct page *p, const struct val *route, int64_t now_us)
{
    const struct val *list = val_get(route, "events");
    if (val_len(list) == 0 || p->r.h < 2) return;
    page_section(p, "History", "newest first");
    for (size_t i = 0; i < val_len(list) && i < EVENTS && p->r.h > 0; i++) {
        const struct val *e = val_at(list, i);
        char text[300], age[FMT_LEN];
        bool bad = str_eq(val_get_str(e, "type", ""), "rollback");
        snprintf(text, sizeof text, "%.20s by %.30s: %.200s", val_get_str(e, "type", ""),
                 val_get_str(e, "actor", "?"), val_get_str(e, "reason", ""));
        page_fact(p, fmt_ago(age, val_get_str(e, "at", NULL), now_us), bad ? ROLE_WARN : ROLE_TEXT,
                  text);
    }
}

/* How the mode is set up, where that is not the canary's ladder. */
static void draw_setup(struct page *p, const struct val *route)
{
    const struct val *rules = val_get(route, "rules"), *fallback = val_get(route, "fallback");
    int64_t stable = val_get_int(val_at(val_get(route, "arms"), 0), "version", 0);
    char buf[FMT_LEN];
    STR_AUTO s = STR_INIT;
    for (size_t i = 0; i < val_len(rules); i++) {
        const struct val *u = val_at(rules, i);
        char value[60];
        str_addf(&s, "%s%.40s %.4s %s: v%lld", i ? ",  " : "", val_get_str(u, "feature", ""),
                 val_get_str(u, "op", ""),
                 fmt_val(value, sizeof value, val_get(u, "value"), NULL, 0),
                 (long long)val_get_int(u, "version", 0));
    }
    if (val_has(route, "combine"))
        str_addf(&s, "answers combined by %.20s", val_get_str(route, "combine", ""));
    if (val_has(route, "threshold"))
        str_addf(&s, "the complex version below a confidence of %s",
                 fmt_metric(buf, val_get_real(route, "threshold", 0)));
    if (val_has(route, "sample"))
        str_addf(&s, "%s of the requests are mirrored",
                 serving_share(buf, val_get_real(route, "sample", 0)));
    page_fact(p, "how", ROLE_TEXT, str_c(&s));
    str_clear(&s);
    bool plain = val_len(fallback) == 1 && !val_has(route, "constant") &&
                 val_as_int(val_at(fallback, 0), 0) == stable && !val_has(route, "timeout_ms");
    for (size_t i = 0; i < val_len(fallback) && !plain; i++)
        str_addf(&s, "%sv%lld", i ? ", then " : "", (long long)val_as_int(val_at(fallback, i), 0));
    if (val_has(route, "constant")) str_addf(&s, "%sa constant", s.len ? ", then " : "");
    if (val_has(route, "timeout_ms"))
        str_addf(&s, "%safter %g ms", s.len ? "  " : "", val_get_real(route, "timeout_ms", 0));
    page_fact(p, "fallback", ROLE_DIM, str_c(&s));
}

void serving_detail_draw(struct view *v, struct canvas *cv, struct rect r,
                         const struct draw_ctx *ctx)
{
    const struct val *route = serving_route(v), *canary = serving_canary(route);
    struct page p = { cv, r };
    if (!route || r.h < 1) return;
    if (p.r.h > 12) page_take(&p, 1);
    if (canary) draw_ladder(&p, canary);
    draw_verdict(&p, route);
    if (p.r.h > 10) draw_progress_facts(&p, canary, ctx->now_us);
    draw_setup(&p, route);
    draw_daemons(&p, view_data(v, SF_ROUTES), ctx->now_us);
    struct page second = { cv, rect_make(0, 0, 0, 0) };
    if (p.r.w >= 110 && p.r.h >= 8) { /* figures on the left, pictures on the right */
        int left = p.r.w * 14 / 24;
        second.r = rect_make(p.r.x + left + 2, p.r.y, p.r.w - left - 2, p.r.h);
        p.r.w = left;
    }
    bool beside = second.r.w > 0;
    draw_evidence(&p, route);
    draw_shadows(&p, route);
    draw_latency(beside ? &second : &p, route);
    draw_curve(beside ? &second : &p, canary, beside ? second.r.h : CHART_LEAST + 3);
    draw_events(&p, route, ctx->now_us);
}
