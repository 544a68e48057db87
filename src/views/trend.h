/* trend.h: a reply of `monitor trend` as a chart: values with their interval, threshold, the
 * promoted version's figure, breaches, the change point, moves to Production, the time cursor;
 * and under it the same in words. Shared by the panes Monitor and Drift. The loop's thread. */
#pragma once
#include "views/view.h"

struct trend_look {
    const struct val *trend; /* the reply; NULL: none yet */
    const struct val *moves; /* list {at, version; to, name}: others than to Production … */
    const char *model;       /* … or of another model are ignored */
    const struct focus *focus;
    size_t windows;            /* newest; 0: all */
    const char *title, *right; /* of the heading */
    double limit;              /* threshold where the reply has none; NAN: none */
    int bad_side;              /* of the threshold: see chart.h */
};
void trend_draw(struct canvas *cv, struct rect r, const struct trend_look *look);
