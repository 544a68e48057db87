/* monitor.h: state of the Monitor pane, shared by pane_monitor.c (models, feeds, requests) and
 * monitor_detail.c (everything about one model). */
#pragma once
#include "views/layout.h"
#include "views/view.h"

enum { MF_STATUS, MF_MODEL, MF_TREND, MF_HISTORY, MF_DECISIONS };
enum { MP_MODELS, MP_FEATURES, MP_DECISIONS };

struct monitor {
    struct arena arena;
    const struct val *features; /* of the newest snapshot, worst first; NULL: none yet */
    char metric[40];            /* charted; "": the one that says most */
    int range;                  /* index of monitor_ranges */
    bool feature;               /* the chart shows the feature under the cursor */
};

struct monitor_range {
    size_t windows; /* 0: all */
    const char *title;
};
enum { MONITOR_RANGES = 4 };
extern const struct monitor_range monitor_ranges[MONITOR_RANGES];

/* Figure of a reply of monitor status by name; NAN: not known. */
double monitor_figure(const struct val *status, const char *metric);
/* The metric charted now. */
const char *monitor_metric(const struct view *v);
void monitor_detail_update(struct view *v);
void monitor_detail_draw(struct view *v, struct canvas *cv, struct rect r,
                         const struct draw_ctx *ctx);
