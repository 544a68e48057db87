/* layout.c: arithmetic of rectangles, nothing else; see layout.h for what it promises. */
#include "views/layout.h"

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

void layout_frame(int w, int h, struct frame_layout *ret)
{
    *ret = (struct frame_layout){ 0 };
    if (w < LAYOUT_MIN_W || h < LAYOUT_MIN_H) {
        ret->too_small = true;
        return;
    }
    /* A blank line under the tabs is worth it only when there are lines to spare. */
    int gap = h >= 20 ? 1 : 0;
    ret->header = rect_make(0, 0, w, 1);
    ret->tabs = rect_make(0, 1, w, 1);
    ret->body = rect_make(1, 2 + gap, w - 2, h - 3 - gap);
    ret->footer = rect_make(0, h - 1, w, 1);
}

void layout_split(struct rect r, bool zoom, struct split_layout *ret)
{
    *ret = (struct split_layout){ 0 };
    if (zoom) {
        ret->detail = r;
    } else if (r.w >= 110 && r.h >= 8) {
        int left = r.w * 11 / 20;
        ret->list = rect_make(r.x, r.y, left, r.h);
        ret->detail = rect_make(r.x + left + 2, r.y, r.w - left - 2, r.h);
        ret->beside = true;
    } else if (r.h >= 16) {
        int top = r.h / 2;
        ret->list = rect_make(r.x, r.y, r.w, top);
        ret->detail = rect_make(r.x, r.y + top, r.w, r.h - top);
    } else {
        ret->list = r;
    }
}

void layout_shrink(struct split_layout *s, int rows)
{
    int spare = s->list.h - max_int(rows, 1);
    if (s->beside || spare <= 0 || s->detail.h <= 0) return;
    s->list.h -= spare;
    s->detail.y -= spare;
    s->detail.h += spare;
}

/* Cuts a section of a heading and `want` rows (and a blank line after it when there is room)
 * off the top of *r. */
static struct rect cut_section(struct rect *r, int want, int reserve)
{
    int room = r->h - reserve;
    if (want <= 0 || room < 2) return rect_make(r->x, r->y, 0, 0);
    int h = min_int(want + 1, room);
    struct rect s = rect_make(r->x, r->y, r->w, h);
    int used = min_int(h + 1, r->h);
    r->y += used;
    r->h -= used;
    return s;
}

/* Two sections side by side, with the share of the left one in twentieths. */
static void cut_pair(struct rect *r, int h, int twentieths, struct rect *left, struct rect *right)
{
    int w = r->w * twentieths / 20;
    *left = rect_make(r->x, r->y, w, h);
    *right = rect_make(r->x + w + 2, r->y, r->w - w - 2, h);
    int used = min_int(h + 1, r->h);
    r->y += used;
    r->h -= used;
}

void layout_overview(struct rect r, const struct overview_want *want, struct overview_layout *ret)
{
    *ret = (struct overview_layout){ 0 };
    bool high = r.h >= 32;
    ret->attention = cut_section(&r, want->attention, r.h >= 6 ? r.h / 2 : 0);
    if (high && want->tiles > 0 && r.h >= 2 * want->tiles)
        ret->tiles = cut_section(&r, want->tiles - 1, 0);
    if (r.w >= 100 && r.h >= 8) {
        int top = max_int(min_int(max_int(want->models, want->jobs) + 1, r.h - r.h / 3), 2);
        cut_pair(&r, top, 11, &ret->models, &ret->jobs);
        int low = min_int(max_int(want->changes, want->runs) + 1, r.h);
        if (low >= 2) cut_pair(&r, low, 11, &ret->runs, &ret->changes);
        return;
    }
    ret->models = cut_section(&r, want->models, r.h >= 12 ? r.h / 2 : 0);
    ret->jobs = cut_section(&r, want->jobs, r.h >= 9 ? r.h / 2 : 0);
    if (r.h >= 9) ret->changes = cut_section(&r, min_int(want->changes, 3), r.h / 2);
    ret->runs = cut_section(&r, want->runs, 0);
}

int layout_columns(struct rect r, int n, int min, struct rect *ret)
{
    if (rect_empty(r) || n <= 0) return 0;
    int fit = max_int(1, (r.w + 1) / (min + 1));
    n = min_int(n, fit);
    int at = r.x, left = r.w;
    for (int i = 0; i < n; i++) {
        int w = (left - (n - 1 - i)) / (n - i);
        ret[i] = rect_make(at, r.y, w, r.h);
        at += w + 1;
        left -= w + 1;
    }
    return n;
}
