/* overlap.c: see overlap.h. */
#include "views/widgets/overlap.h"
#include "base/str.h"
#include "base/utf8.h"
#include "views/fmt.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BINS = 64, LABEL_W = 16 };

struct shares {
    double ref[BINS], cur[BINS], top; /* top: the largest of all */
    int n;
};

static bool read_shares(const struct val *bins, struct shares *s)
{
    const struct val *ref = val_get(bins, "reference"), *cur = val_get(bins, "current");
    double sum_ref = 0, sum_cur = 0;
    size_t n = val_len(ref) < val_len(cur) ? val_len(ref) : val_len(cur);
    *s = (struct shares){ .n = (int)(n < BINS ? n : BINS) };
    for (int i = 0; i < s->n; i++) {
        sum_ref += s->ref[i] = val_as_real(val_at(ref, (size_t)i), 0);
        sum_cur += s->cur[i] = val_as_real(val_at(cur, (size_t)i), 0);
    }
    if (!(sum_ref > 0) || !(sum_cur > 0)) return false;
    for (int i = 0; i < s->n; i++) {
        s->ref[i] /= sum_ref;
        s->cur[i] /= sum_cur;
        s->top = fmax(s->top, fmax(s->ref[i], s->cur[i]));
    }
    return true;
}

/* Along x or, upwards, along y: `room` cells for the largest share. */
static void draw_bar(struct canvas *cv, int x, int y, bool upwards, int width, int room,
                     const struct shares *s, int i)
{
    int ref = (int)lround(s->ref[i] / s->top * room), cur = (int)lround(s->cur[i] / s->top * room);
    for (int k = 0; k < room; k++) {
        bool in_ref = k < ref, in_cur = k < cur;
        if (!in_ref && !in_cur) return;
        enum role role = in_ref && in_cur ? ROLE_S1 : in_cur ? ROLE_WARN : ROLE_DIM;
        uint32_t glyph = in_ref && in_cur ? 0x2588 : in_cur ? 0x2593 : 0x2591;
        for (int w = 0; w < width; w++)
            canvas_put(cv, upwards ? x + w : x + k, upwards ? y - k : y, role, glyph);
    }
}

/* Every glyph with its meaning, as far as they fit. */
static void draw_key(struct canvas *cv, struct rect at)
{
    static const struct {
        uint32_t glyph;
        enum role role;
        const char *text;
    } key[] = { { 0x2588, ROLE_S1, "both" },
                { 0x2593, ROLE_WARN, "more" },
                { 0x2591, ROLE_DIM, "less" } };
    int x = at.x + at.w - 21;
    if (x < at.x) return;
    for (int i = 0; i < 3; i++, x += 7) {
        canvas_put(cv, x, at.y, key[i].role, key[i].glyph);
        canvas_text(cv, x + 2, at.y, ROLE_DIM, key[i].text);
    }
}

/* Of numbers "from..to", with either end open, in few digits; classes as they are. */
static const char *label(const struct val *bins, int i, char *buf, size_t cap)
{
    char text[64];
    double from, to;
    fmt_val(text, sizeof text, val_at(val_get(bins, "labels"), (size_t)i), NULL, 0);
    char *dots = strstr(text, "..");
    if (!dots) {
        snprintf(buf, cap, "%s", text);
        return buf;
    }
    *dots = '\0';
    bool low = str_to_real(text, &from), high = str_to_real(dots + 2, &to);
    if (low && high) snprintf(buf, cap, "%.3g–%.3g", from, to);
    else if (high) snprintf(buf, cap, "up to %.3g", to);
    else if (low) snprintf(buf, cap, "from %.3g", from);
    else {
        *dots = '.';
        snprintf(buf, cap, "%s", text);
    }
    return buf;
}

/* Shares in percent stand at the end where there is room: "12 → 31". */
static void draw_rows(struct canvas *cv, struct rect r, const struct val *bins,
                      const struct shares *s)
{
    int room = r.w - LABEL_W - 2, figures = room >= 26 ? 9 : 0;
    for (int i = 0; i < s->n && i < r.h; i++) {
        char buf[64];
        canvas_right(cv, rect_make(r.x, r.y + i, LABEL_W, 1), ROLE_TEXT,
                     label(bins, i, buf, sizeof buf));
        draw_bar(cv, r.x + LABEL_W + 1, r.y + i, false, 1, room - figures, s, i);
        if (!figures) continue;
        bool moved = fabs(s->ref[i] - s->cur[i]) > 0.05;
        snprintf(buf, sizeof buf, "%.0f → %.0f", 100 * s->ref[i], 100 * s->cur[i]);
        canvas_right(cv, rect_make(r.x + r.w - figures, r.y + i, figures, 1),
                     moved ? ROLE_WARN : ROLE_DIM, buf);
    }
}

/* Bins stand beside each other over an axis with the first and the last label. */
static void draw_columns(struct canvas *cv, struct rect r, const struct val *bins,
                         const struct shares *s)
{
    char first[64], last[64];
    int width = r.w / s->n;
    if (width < 1 || r.h < 2) return;
    if (width > 6) width = 6;
    int y = r.y + r.h - 1, bar = width > 2 ? width - 1 : width;
    for (int i = 0; i < s->n; i++) draw_bar(cv, r.x + i * width, y - 1, true, bar, r.h - 1, s, i);
    canvas_hline(cv, r.x, y, width * s->n, ROLE_RULE);
    label(bins, 0, first, sizeof first);
    label(bins, s->n - 1, last, sizeof last);
    int used = (int)utf8_width(first) + (int)utf8_width(last);
    if (used + 2 > width * s->n) return;
    canvas_text(cv, r.x, y, ROLE_DIM, first);
    canvas_right(cv, rect_make(r.x, y, width * s->n, 1), ROLE_DIM, last);
}

void overlap_draw(struct canvas *cv, struct rect r, const struct val *bins, const char *title,
                  const char *current)
{
    struct shares s;
    char text[120];
    if (r.h < 3 || r.w < 12) return;
    struct rect old = canvas_clip(cv, r);
    snprintf(text, sizeof text, "%.50s%s%.50s", title, *current ? " · " : "", current);
    canvas_fit(cv, rect_make(r.x, r.y, r.w, 1), ROLE_STRONG, text);
    if ((int)utf8_width(text) + 24 <= r.w) draw_key(cv, rect_make(r.x, r.y, r.w, 1));
    struct rect rest = rect_make(r.x, r.y + 1, r.w, r.h - 1);
    if (!read_shares(bins, &s))
        canvas_text(cv, rest.x, rest.y, ROLE_DIM, "no histogram of this window");
    else if (rest.h >= s.n && rest.w >= LABEL_W + 12) draw_rows(cv, rest, bins, &s);
    else draw_columns(cv, rest, bins, &s);
    canvas_unclip(cv, old);
}
