/* served.h: model versions ready to answer, and the table of what answers for which name.
 *
 * A catalog is immutable. The main loop builds a new one when the registry or a rollout changed,
 * warms its models up, and publishes it; each I/O thread takes it over at its next turn
 * (serve_io_catalog) and drops its reference to the old one. What waits for a worker holds a
 * reference of its own. A catalog without references frees the models only it had, so old
 * versions go when nobody can read them any more; models present in both are shared. Where a
 * version could not be loaded the route before stays, and catalog_problems says so. */
#pragma once
#include "app/rollout.h"
#include "serve/rows.h"
#include <stdatomic.h>

struct loaded;
struct serve_limits { /* settings of the daemon for one model */
    int64_t timeout_us;
    double inline_us, inline_total_us; /* of a row, of a request */
    size_t batch_rows, queue_rows;
    int64_t batch_wait_us;
    bool cache, log;
};
struct served { /* one version of one model; immutable but for the counter of references */
    atomic_int refs;
    struct model *model;
    const char *name;
    int64_t version; /* 0: a file given on the command line */
    const char *semver, *stage, *digest;
    double row_us;   /* measured at warm-up, microseconds a row */
    bool cheap;      /* row_us is below the limit: scored on the I/O thread */
    struct serve_limits limits;
    struct loaded *loaded; /* the model and its batch queue; shared by versions of one digest */
};
/* Is a request of so many rows scored on the I/O thread? */
bool served_inline(const struct served *by, size_t rows);

enum arm_input { INPUT_NUMBER, INPUT_TIME, INPUT_LEVEL };

struct arm { /* one version within a route */
    const struct served *by;
    const char *role;    /* "production" "canary" "shadow" "a" "b" … as in the rollout */
    double share;        /* 0..1 */
    const int32_t *slot; /* model feature i is cell slot[i] of the route's schema */
    const unsigned char *input; /* and is an enum arm_input */
    int log;             /* target of the prediction log; -1: none */
};

struct serve_route { /* what answers for one name */
    const char *name;
    const struct rollout *rollout; /* never NULL: without one, mode single on Production */
    const struct schema *schema;
    size_t n_arms;
    const struct arm *arms; /* in the rollout's order; [0] is the stable one */
    uint64_t salt;          /* of the assignment hash */
    void *state;            /* mode.c's: breakers, live evidence; shared by all threads */
    struct catalog *home;   /* whose memory it is in */
};

struct catalog;
/* By name; n == 0: the default route (the only model, or setting serve.default). NULL: none. */
const struct serve_route *catalog_route(const struct catalog *c, const char *name, size_t n);
size_t catalog_size(const struct catalog *c);
const struct serve_route *catalog_at(const struct catalog *c, size_t i);
/* An arm, or a version that is none but was asked for (serve_version); NULL: neither. */
const struct arm *catalog_version(const struct catalog *c, const struct serve_route *r,
                                  int64_t version);
/* What could not be loaded: a list of {model, version, error}. */
const struct val *catalog_problems(const struct catalog *c);
struct catalog *catalog_ref(const struct catalog *c);
void catalog_unref(struct catalog *c); /* NULL is fine */
