/* serving.h: state of the Serving pane, shared by pane_serving.c (routes, versions, requests),
 * serving_detail.c (what is known of the versions) and serving_ask.c (the questions). Replies are
 * those of route show. The loop's thread. */
#pragma once
#include "views/view.h"

enum { SF_ROUTES, SF_ROUTE };
enum { SP_ROUTES, SP_VERSIONS };
enum { SERVING_SERIES = 5 };

struct serving {
    int series; /* what the versions' sparklines show: index of serving_series */
    int range;  /* index of the windows */
};
struct serving_series {
    const char *key, *title; /* in `series` of an arm */
};
extern const struct serving_series serving_series[SERVING_SERIES];

/* The reply about the model at rest; NULL: not there yet. */
const struct val *serving_route(const struct view *v);
/* The canary of a route while it is not over; NULL: none. */
const struct val *serving_canary(const struct val *route);
/* Values of a series as numbers, in the arena; NAN where there is none. */
const double *serving_values(struct arena *a, const struct val *arm, const char *key, size_t *n);
/* Requests a second lately: over the last minute, or the last whole point where points are
 * longer. */
double serving_rps(const struct val *arm);
/* "12.5 %", as long as it needs to be. */
const char *serving_share(char buf[FMT_LEN], double share);
/* A daemon that was seen within ten seconds. */
bool serving_alive(const struct val *daemon, int64_t now_us);

/* Everything under the versions. */
void serving_detail_draw(struct view *v, struct canvas *cv, struct rect r,
                         const struct draw_ctx *ctx);

/* -- questions --------------------------------------------------------------------------- */

void serving_ask_start(const struct val *route, struct intent *out);
void serving_ask_step(const struct val *route, struct intent *out);
void serving_ask_hold(const struct val *route, struct intent *out);  /* or to go on */
void serving_ask_abort(const struct val *route, struct intent *out); /* or to end another mode */
void serving_ask_shift(const struct val *route, struct intent *out);
