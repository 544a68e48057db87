/* runs.h: state of the Runs pane, shared by pane_runs.c (list, requests), runs_detail.c (one run)
 * and runs_compare.c (several side by side). */
#pragma once
#include "views/layout.h"
#include "views/view.h"
#include "views/widgets/chart.h"

enum { RF_LIST, RF_SHOW, RF_COMPARE, RF_CURVE, RUN_CURVES = 6 };
enum { RP_LIST, RP_METRICS, RP_COMPARE };
enum { RUN_COLUMNS = 14, RUN_METRICS = 5 };

struct runs {
    struct arena arena; /* rows of RP_METRICS */
    const struct val *metrics;
    struct listing_column columns[RUN_COLUMNS];
    char paths[RUN_METRICS][72], titles[RUN_METRICS][24];
    int n_columns, sort; /* sort: index into columns, -1 newest first */
    bool descending;
    long base, total; /* the window of the list that is loaded */
    int chart;        /* which group of metrics is drawn */
    bool compare;
};

/* The points of one metric of a reply of `run show`; the array is in the arena. */
size_t runs_history(struct arena *a, const struct val *run, const char *metric,
                    struct chart_point **ret);
/* Names of metrics with a history, without train_ and valid_, each once; returns how many. */
int runs_groups(const struct val *run, const char *out[], int cap);
void runs_detail_update(struct view *v);
void runs_detail_draw(struct view *v, struct canvas *cv, struct rect r, const struct draw_ctx *ctx);
void runs_compare_draw(struct view *v, struct canvas *cv, struct rect r,
                       const struct draw_ctx *ctx);
