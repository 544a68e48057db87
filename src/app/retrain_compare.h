/* retrain_compare.h: may the challenger take the incumbent's place? Decided on the rows neither
 * has learned from, with the uncertainty they leave. Pure but for the time it takes. */
#pragma once
#include "engine/metric/paired.h"
#include "engine/model/model.h"

struct retrain_verdict {
    double challenger, incumbent, trivial; /* trivial: what needs no features */
    struct comparison gain;                /* of the challenger over the incumbent */
    struct comparison chance;              /* of the challenger over the trivial predictor */
    const char *chance_metric;
    bool better;
    const char *why; /* in the arena; the first reason against it, or what speaks for it */
};
struct retrain_rivals {
    const struct engine *en;
    const struct model *challenger, *incumbent;
    const struct frame *train, *holdout; /* train: what the trivial predictor knows */
    const struct metric *metric;
    double margin;
};
int retrain_compare(const struct retrain_rivals *r, struct arena *a, struct retrain_verdict *ret,
                    struct err *e);
