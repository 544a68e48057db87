/* layout.h: where everything goes: pure functions from sizes to rectangles.
 *
 * Promises, tested over all sizes from 1x1 to 300x100: every rectangle lies inside the screen,
 * no two of one call overlap, and body has at least one cell unless the screen is too small. */
#pragma once
#include "views/canvas.h"

#define LAYOUT_MIN_W 40
#define LAYOUT_MIN_H 10

struct frame_layout {
    bool too_small; /* below 40x10: everything else is empty */
    struct rect header, tabs, body, footer;
};
void layout_frame(int w, int h, struct frame_layout *ret);

/* A list and the details of its selected row: side by side when wide, one above the other when
 * only tall, the list alone when neither. With `zoom` the details get everything. */
struct split_layout {
    struct rect list, detail;
    bool beside;
};
void layout_split(struct rect r, bool zoom, struct split_layout *ret);

/* A list above its details gets no more than so many rows; the details have the rest. */
void layout_shrink(struct split_layout *s, int rows);

/* Overview: how many rows each section would like, in; where it is, out. A section that finds
 * no room gets an empty rectangle; attention is served first, then models, jobs, changes, runs. */
struct overview_layout {
    struct rect attention, tiles, models, jobs, changes, runs;
};
struct overview_want {
    int attention, models, jobs, changes, runs; /* rows without the heading */
    int tiles;                                  /* rows of the tiles, on screens that are high */
};
void layout_overview(struct rect r, const struct overview_want *want, struct overview_layout *ret);

/* n columns of at least min cells; fewer are returned when they do not fit. */
int layout_columns(struct rect r, int n, int min, struct rect *ret);
