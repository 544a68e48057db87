/* svg_heat.c: heat maps: a colour for each sign, its strength for the size, and the number itself
 * where the cells are large enough to be read. */
#include "app/svg.h"

#include <math.h>
#include <stdio.h>

enum { LABEL = 120, CELL_MIN = 14, CELL_MAX = 46, READABLE = 34 };

static void add_label(struct str *out, const char *attributes, const char *name)
{
    STR_AUTO cut = STR_INIT;

    svg_short(&cut, name, 17);
    str_addf(out, "<text %s>", attributes);
    xml_add(out, str_c(&cut));
    str_add(out, "</text>");
}

struct cell {
    double x, y, side;
};

static void add_cell(struct str *out, struct cell c, double v, double top, const char *tip)
{
    char buf[48];
    double strength = isnan(v) ? 0 : fmin(1, fabs(v) / top);

    str_addf(out,
             "<rect class=\"%s\" fill-opacity=\"%.3f\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
             "height=\"%.1f\"><title>",
             v < 0 ? "f3" : "f0", strength, c.x, c.y, c.side - 1, c.side - 1);
    xml_add(out, tip);
    str_addf(out, ": %s</title></rect>", report_number(buf, v));
    if (c.side < READABLE || isnan(v)) return;
    if (top <= 1 && fabs(v) < 1) snprintf(buf, sizeof buf, "%.2f", v);
    str_addf(out, "<text class=\"%s\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">%s</text>",
             strength > .6 ? "i" : "v", c.x + c.side / 2, c.y + c.side / 2 + 4, buf);
}

void svg_heat(struct str *out, const struct val *chart)
{
    const struct val *columns = val_get(chart, "columns"), *rows = val_get(chart, "rows"),
                     *m = val_get(chart, "matrix");
    size_t k = val_len(columns), n = val_len(rows);
    double side = k ? (SVG_W * 1.25 - LABEL - 10) / (double)k : 1, top = 0, w, h;
    char attributes[160];

    side = fmax(CELL_MIN, fmin(CELL_MAX, side));
    w = LABEL + side * (double)k + 10;
    h = LABEL * .75 + side * (double)n + 6;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < k; j++)
            top = fmax(top, fabs(val_as_real(val_at(val_at(m, i), j), 0)));
    if (val_get_bool(chart, "signed", false) || !(top > 0)) top = 1;
    svg_begin(out, fmax(w, SVG_W), h, chart);
    for (size_t j = 0; j < k; j++) {
        snprintf(attributes, sizeof attributes,
                 "class=\"t\" transform=\"translate(%.1f %.1f) rotate(-45)\"",
                 LABEL + side * ((double)j + .5), LABEL * .75 - 5);
        add_label(out, attributes, val_as_str(val_at(columns, j), ""));
    }
    for (size_t i = 0; i < n; i++) {
        double y = LABEL * .75 + side * (double)i;
        snprintf(attributes, sizeof attributes,
                 "class=\"t\" text-anchor=\"end\" x=\"%d\" y=\"%.1f\"", LABEL - 6,
                 y + side / 2 + 4);
        add_label(out, attributes, val_as_str(val_at(rows, i), ""));
        for (size_t j = 0; j < k; j++) {
            STR_AUTO tip = STR_INIT;
            str_addf(&tip, "%s × %s", val_as_str(val_at(rows, i), ""),
                     val_as_str(val_at(columns, j), ""));
            add_cell(out, (struct cell){ LABEL + side * (double)j, y, side },
                     val_as_real(val_at(val_at(m, i), j), (double)NAN), top, str_c(&tip));
        }
    }
    svg_end(out);
}
