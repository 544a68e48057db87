/* drift_detail.c: the feature at rest in the Drift pane: the reference and the window at the
 * cursor as histograms laid over each other, and the trend of its effect with the least effect
 * that counts, the change point and promotions. */
#include "views/drift.h"
#include "views/moment.h"
#include "views/monitor.h"
#include "views/trend.h"
#include "views/widgets/overlap.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Its verdict in the window at the cursor; NULL: the window does not know it. */
static const struct val *verdict(const struct view *v)
{
    const struct val *data = val_get(view_data(v, DF_WINDOW), "snapshot");
    const struct val *list = fmt_path(data, "drift.features");
    if (!str_starts(v->rest, "feature:")) return val_get(data, "prediction_drift");
    for (size_t i = 0; i < val_len(list); i++)
        if (str_eq(val_get_str(val_at(list, i), "name", ""), v->rest + strlen("feature:")))
            return val_at(list, i);
    return NULL;
}

static const char *name_of(const struct view *v)
{
    return str_starts(v->rest, "feature:") ? v->rest + strlen("feature:") : "predictions";
}

static void draw_histogram(const struct view *v, struct canvas *cv, struct rect r)
{
    char when[FMT_LEN];
    const char *start = val_get_str(view_data(v, DF_WINDOW), "window_start", NULL);
    overlap_draw(cv, r, val_get(verdict(v), "bins"), name_of(v), moment_text(when, start));
}

static void draw_trend(const struct view *v, struct canvas *cv, struct rect r)
{
    const struct drift *s = v->state;
    const struct val *f = verdict(v);
    char title[100], right[120], p[FMT_LEN];
    double p_value = val_get_real(f, "p_adjusted", val_get_real(f, "p_value", 1));
    struct trend_look look = { .trend = view_data(v, DF_TREND),
                               .moves = val_get(view_data(v, DF_MAP), "deploys"),
                               .model = "",
                               .focus = v->focus,
                               .windows = monitor_ranges[s->range].windows,
                               .title = title,
                               .right = right,
                               .limit = (double)NAN,
                               .bad_side = 1 };
    const struct val *row = view_selected(v, 0);
    if (str_eq(val_get_str(row, "metric", ""), v->rest))
        look.limit = val_get_real(row, "floor", look.limit);
    /* The reply may still be of the feature before. */
    if (!str_eq(val_get_str(look.trend, "metric", ""), v->rest)) look.trend = NULL;
    snprintf(title, sizeof title, "effect of %.60s", name_of(v));
    right[0] = '\0';
    if (val_has(f, "method"))
        snprintf(right, sizeof right, "%.30s  p %s", val_get_str(f, "method", ""),
                 p_value < 0.0001 ? "< .0001" : fmt_metric(p, p_value));
    trend_draw(cv, r, &look);
}

void drift_detail_draw(struct view *v, struct canvas *cv, struct rect r)
{
    if (!v->rest[0] || r.h < 3) return;
    int bins = (int)val_len(val_get(val_get(verdict(v), "bins"), "labels"));
    if (!v->zoom && r.w >= 70) {
        int left = r.w * 2 / 5;
        draw_histogram(v, cv, rect_make(r.x, r.y, left, r.h));
        draw_trend(v, cv, rect_make(r.x + left + 2, r.y, r.w - left - 2, r.h));
    } else if (r.h < 12) {
        draw_trend(v, cv, r);
    } else {
        int low = bins + 1 <= r.h - DRIFT_STRIP ? bins + 1 : r.h / 2;
        if (low < 4) low = 4;
        draw_trend(v, cv, rect_make(r.x, r.y, r.w, r.h - low - 1));
        draw_histogram(v, cv, rect_make(r.x, r.y + r.h - low, r.w, low));
    }
}
