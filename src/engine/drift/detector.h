/* detector.h: change detectors on a stream, one value at a time. A new one is a file in this
 * folder and a row in detectors.def.
 *
 * The stream is usually the error stream of a model in the order of events: 1 for a wrong
 * prediction, 0 for a right one; ADWIN, Page-Hinkley and KSWIN also take real values. After
 * answering DETECTOR_DRIFT a detector starts anew with the next value. Memory is bounded
 * (logarithmic for ADWIN, constant or a window otherwise). One owner, any thread. */
#pragma once
#include "base/param.h"

enum detector_state { DETECTOR_STEADY, DETECTOR_WARNING, DETECTOR_DRIFT };

struct detector {
    const char *name;             /* "adwin" */
    const char *title;
    const struct param *params;   /* name NULL ends */
    const char *help;             /* when to use it, and the paper */
    size_t size;                  /* bytes of its state */
    /* state is zeroed; params are bound. Called again after a drift. */
    void (*start)(void *state, const struct val *params, uint64_t seed);
    enum detector_state (*add)(void *state, double x);
    void (*stop)(void *state);    /* frees what the state owns; NULL: nothing */
};

extern const struct detector *const detectors[]; /* NULL ends */
const struct detector *detector_find(const char *name);

struct watch; /* a detector at work */
/* params: k=v texts or typed values; NULL: defaults. ERR_INVALID names the wrong one. */
int watch_new(const struct detector *d, const struct val *params, uint64_t seed,
              struct watch **ret, struct err *e);
enum detector_state watch_add(struct watch *w, double x); /* NaN is passed over: steady */
uint64_t watch_seen(const struct watch *w);               /* values since the start */
void watch_free(struct watch *w);                         /* NULL is fine */
