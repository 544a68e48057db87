/* svg_axis.c: what all charts share: the frame, axes with round ticks, text, numbers. */
#include "app/svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void xml_add(struct str *out, const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; s && *s; s++) {
        switch (*s) {
        case '&': str_add(out, "&amp;"); break;
        case '<': str_add(out, "&lt;"); break;
        case '>': str_add(out, "&gt;"); break;
        case '"': str_add(out, "&quot;"); break;
        case '\'': str_add(out, "&#39;"); break;
        case '`': str_add(out, "&#96;"); break;
        default:
            if (*s >= 32 || *s == '\t') str_addc(out, (char)*s);
            else str_addc(out, ' ');
        }
    }
}

/* 1234567 as 1,234,567 */
static const char *grouped(char buf[48], double v)
{
    char digits[32];
    int n = snprintf(digits, sizeof digits, "%.0f", fabs(v)), at = 0;

    if (v < 0) buf[at++] = '-';
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0) buf[at++] = ',';
        buf[at++] = digits[i];
    }
    buf[at] = '\0';
    return buf;
}

const char *report_number(char buf[48], double v)
{
    if (!isfinite(v)) return strcpy(buf, isnan(v) ? "–" : v > 0 ? "∞" : "-∞");
    if (v == trunc(v) && fabs(v) < 1e12) return grouped(buf, v);
    if (fabs(v) >= 1000 && fabs(v) < 1e12) return grouped(buf, round(v));
    snprintf(buf, 48, fabs(v) < 1e-4 || fabs(v) >= 1e12 ? "%.3g" : "%.4g", v);
    return buf;
}

double svg_x(const struct svg_plot *p, double x)
{
    return p->left + (x - p->x0) / (p->x1 - p->x0) * (p->right - p->left);
}

double svg_y(const struct svg_plot *p, double y)
{
    return p->bottom - (y - p->y0) / (p->y1 - p->y0) * (p->bottom - p->top);
}

void svg_begin(struct str *out, double w, double h, const struct val *chart)
{
    str_addf(out, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", w, h);
    xml_add(out, val_get_str(chart, "title", "chart"));
    str_add(out, "\">");
}

void svg_end(struct str *out)
{
    str_add(out, "</svg>\n");
}

void svg_text(struct str *out, double x, double y, const char *attributes, const char *text)
{
    str_addf(out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, attributes);
    xml_add(out, text);
    str_add(out, "</text>");
}

double svg_nice(double *lo, double *hi, int ticks)
{
    static const double steps[] = { 1, 2, 2.5, 5, 10 };
    double range = *hi - *lo, step, unit;

    if (!(range > 0)) range = *lo != 0 ? fabs(*lo) : 1;
    unit = pow(10, floor(log10(range / ticks)));
    step = unit * 10;
    for (size_t i = 0; i < 5; i++)
        if (range / (unit * steps[i]) <= ticks) {
            step = unit * steps[i];
            break;
        }
    *lo = floor(*lo / step + 1e-9) * step;
    *hi = ceil(*hi / step - 1e-9) * step;
    if (!(*hi > *lo)) *hi = *lo + step;
    return step;
}

static void tick_text(char buf[48], double v, double step)
{
    if (fabs(v) < step / 1e6) v = 0;
    if (fabs(v) >= 1e6 || (v != 0 && fabs(v) < 1e-4)) snprintf(buf, 48, "%.3g", v);
    else report_number(buf, v);
}

void svg_axes(struct str *out, const struct svg_plot *p, const struct val *chart)
{
    double lo = p->x0, hi = p->x1, xs = svg_nice(&lo, &hi, 6), ys;
    char buf[48];

    for (double v = lo; v <= p->x1 + xs / 1e6; v += xs) {
        if (v < p->x0 - xs / 1e6) continue;
        double x = svg_x(p, v);
        str_addf(out, "<path class=\"g\" d=\"M%.1f %.1fV%.1f\"/>", x, p->top, p->bottom);
        tick_text(buf, v, xs);
        svg_text(out, x, p->bottom + 16, "class=\"t\" text-anchor=\"middle\"", buf);
    }
    lo = p->y0;
    hi = p->y1;
    ys = svg_nice(&lo, &hi, 5);
    for (double v = lo; v <= p->y1 + ys / 1e6; v += ys) {
        if (v < p->y0 - ys / 1e6) continue;
        double y = svg_y(p, v);
        str_addf(out, "<path class=\"g\" d=\"M%.1f %.1fH%.1f\"/>", p->left, y, p->right);
        tick_text(buf, v, ys);
        svg_text(out, p->left - 7, y + 4, "class=\"t\" text-anchor=\"end\"", buf);
    }
    str_addf(out, "<path class=\"a\" d=\"M%.1f %.1fV%.1fH%.1f\"/>", p->left, p->top, p->bottom,
             p->right);
    svg_text(out, (p->left + p->right) / 2, p->bottom + 34, "class=\"l\" text-anchor=\"middle\"",
             val_get_str(chart, "x_label", ""));
    snprintf(buf, sizeof buf, "%.1f", (p->top + p->bottom) / 2);
    str_addf(out,
             "<text class=\"l\" text-anchor=\"middle\" transform=\"translate(11 %s) rotate(-90)\">",
             buf);
    xml_add(out, val_get_str(chart, "y_label", ""));
    str_add(out, "</text>");
}

void svg_short(struct str *out, const char *text, size_t chars)
{
    size_t n = 0;

    for (const char *s = text; *s; s++) {
        if (((unsigned char)*s & 0xc0) != 0x80 && n++ == chars) {
            str_add(out, "…");
            return;
        }
        str_addc(out, *s);
    }
}
