/* chart.h: line chart in braille dots (2x4 a cell), with axes, legend and a threshold; on an
 * ASCII canvas one glyph a cell and series.
 *
 * Made for growing curves over a slow line: the ends of both axes are rounded outward to "nice"
 * numbers, so a new point normally changes the cells it touches and nothing else; the chart
 * re-scales rarely and never scrolls. Pure: draws its arguments, keeps no state. */
#pragma once
#include "views/canvas.h"

struct chart_point {
    double x, y;
};
struct chart_band {
    double low, high; /* NAN: not known here */
};
struct chart_series {
    const struct chart_point *p; /* by rising x; NAN y is a gap */
    size_t n;
    const char *name;
    enum role role;
    const struct chart_band *band; /* one a point, drawn faint behind all lines; NULL: none */
};
struct chart_line { /* across the plot, faint; labelled in the legend */
    double y;
    const char *name;
};
struct chart_mark { /* something that happened: a glyph on the x axis … */
    double x;
    double y; /* … or at this height, NAN: on the axis */
    uint32_t glyph;
    enum role role;
};
struct chart {
    const struct chart_series *series;
    size_t n_series;
    double threshold;           /* NAN: none */
    const char *threshold_name; /* for the legend; NULL: not there */
    const char *x_label;        /* "step"; may be NULL */
    double x_max;               /* > 0: the axis reaches at least so far (planned rounds) */
    bool x_time;                /* x is seconds since 1970: labelled so, not rounded, not from 0 */
    const struct chart_line *lines;
    size_t n_lines;
    const struct chart_mark *marks;
    size_t n_marks;
    int bad_side;            /* of the threshold, drawn faint: 1 above, -1 below, 0 none */
    double cursor;           /* > 0: this x is pointed at and the legend has its values … */
    const char *cursor_name; /* … under this name in place of the first series' */
};
#define CHART_SERIES_MAX 8

void chart_draw(struct canvas *cv, struct rect r, const struct chart *c);
/* Rounds outward to 1, 2, 2.5 or 5 times a power of ten; for axes. */
void chart_nice(double lo, double hi, int ticks, double *ret_lo, double *ret_hi, double *ret_step);
