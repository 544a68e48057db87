/* drift.h: state of the Drift pane, shared by pane_drift.c (feeds, map, requests) and
 * drift_detail.c (the feature at rest). */
#pragma once
#include "views/view.h"

enum { DF_MODELS, DF_MAP, DF_TREND, DF_WINDOW };
enum {
    DRIFT_WINDOWS_MAX = 1000, /* as many as the verb gives */
    DRIFT_STRIP = 7           /* rows that the details need below the map */
};

struct drift {
    struct arena arena;
    const struct val *shown; /* rows that match the filter */
    double top;              /* largest value; 0: effects, which have a floor */
    int metric, range;       /* indices */
    long first;              /* window in the first column */
    /* as drawn last */
    struct rect heat; /* of the cells of a row */
    int cell;         /* columns a window */
    long shown_windows;
};

/* How the values of the feature at rest lie, and its trend: beside each other or, where narrow
 * and high, one above the other. */
void drift_detail_draw(struct view *v, struct canvas *cv, struct rect r);
