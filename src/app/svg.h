/* svg.h: charts of a report as inline SVG, drawn from values alone: no scripts, no fonts, colours
 * by the page's CSS variables, so that one text serves light and dark. All text from data goes
 * through xml_add. Pure; for report*.c.
 *
 * A chart is an object:
 *   chart   "line": series[{name, points[[x, y] or [x, y, low, high]], dots (bool), area (bool)}],
 *           x_label, y_label, x_min, x_max, y_min, y_max, diagonal (bool), marks[{x, label}]
 *           "bars": items[{label, value, low, high}], least 0
 *           "histogram": lo, width, counts[], x_label
 *           "heat": columns[], rows[], matrix[][], signed (bool: -1 … 1, else 0 … largest)
 *   title   said in its caption and to screen readers */
#pragma once
#include "base/val.h"

void svg_chart(struct str *out, const struct val *chart);
/* A few bars as tall as a line of text. counts: a list of numbers. */
void svg_spark(struct str *out, const struct val *counts);

/* Text as XML has it; control characters are dropped, so nothing can leave its element. */
void xml_add(struct str *out, const char *text);
/* Short: four significant digits, thousands separated, "–" for NaN. */
const char *report_number(char buf[48], double v);

/* svg_axis.c, for svg*.c */
enum { SVG_W = 520, SVG_H = 320 };
struct svg_plot {
    double left, top, right, bottom; /* of the plot, in pixels */
    double x0, x1, y0, y1;           /* the values there */
};
double svg_x(const struct svg_plot *p, double x);
double svg_y(const struct svg_plot *p, double y);
void svg_begin(struct str *out, double w, double h, const struct val *chart);
void svg_end(struct str *out);
/* Axes with ticks, grid and labels. */
void svg_axes(struct str *out, const struct svg_plot *p, const struct val *chart);
/* Widens [lo, hi] to round numbers; the step between ticks. */
double svg_nice(double *lo, double *hi, int ticks);
void svg_text(struct str *out, double x, double y, const char *attributes, const char *text);
/* The text, or its beginning with an ellipsis where it has more characters. */
void svg_short(struct str *out, const char *text, size_t chars);
void svg_heat(struct str *out, const struct val *chart);
