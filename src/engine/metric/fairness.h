/* fairness.h: how differently a two-class model treats groups of rows. Differences are the
 * largest minus the smallest rate of a group, ratios the smallest over the largest, as Fairlearn
 * has them; against one privileged group the signed measures of AI Fairness 360. Groups that are
 * too small, or for which a rate is undefined, do not take part in it. Pure. */
#pragma once
#include "engine/engine.h"
#include "engine/stats/table.h"

struct group_rates {
    double n, tp, fp, fn, tn;
};
static inline double group_selected(const struct group_rates *g) { return (g->tp + g->fp) / g->n; }
static inline double group_tpr(const struct group_rates *g) { return g->tp / (g->tp + g->fn); }
static inline double group_fpr(const struct group_rates *g) { return g->fp / (g->fp + g->tn); }
static inline double group_precision(const struct group_rates *g) { return g->tp / (g->tp + g->fp); }
static inline double group_accuracy(const struct group_rates *g) { return (g->tp + g->tn) / g->n; }

enum fair {
#define FAIR(name, help) FAIR_##name,
#include "engine/metric/fairness.def"
#undef FAIR
    FAIR_COUNT
};
struct fair_info {
    const char *name, *help;
};
extern const struct fair_info fair_infos[FAIR_COUNT];

struct fair_input {
    size_t n, n_groups;
    const double *y, *p;     /* y in {0, 1}, no NaN */
    const size_t *group;     /* of each row; n_groups and more: of no group */
    double threshold;        /* decided as positive from here on */
    double least;            /* groups of fewer rows do not take part */
    size_t privileged;       /* n_groups: none */
};
void fair_count(const struct fair_input *in, const double *w, struct group_rates *ret);
/* By enum fair; NaN: undefined (fewer than two groups, or no privileged one). */
void fair_measures(const struct fair_input *in, const struct group_rates *g, double *out);
/* 95 % intervals by bootstrap of rows. */
int fair_intervals(const struct engine *en, const struct fair_input *in, size_t replicates,
                   struct interval *out, struct err *e);
