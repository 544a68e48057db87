/* search.c: the tables of samplers and pruners, made from their .def files, and how a curve is
 * read. Any thread: the tables are constant. */
#include "engine/search/search.h"

#include <math.h>

#define ALSO(name, id)
#define SAMPLER(id) extern const struct sampler sampler_##id;
#include "engine/search/samplers.def"
#undef SAMPLER
#undef ALSO
#define PRUNER(id) extern const struct pruner pruner_##id;
#include "engine/search/pruners.def"
#undef PRUNER

const struct sampler_name samplers[] = {
#define ALSO(name, id) { #name, &sampler_##id },
#define SAMPLER(id)    ALSO(id, id)
#include "engine/search/samplers.def"
#undef SAMPLER
#undef ALSO
    { NULL, NULL },
};

const struct pruner *const pruners[] = {
#define PRUNER(id) &pruner_##id,
#include "engine/search/pruners.def"
#undef PRUNER
    NULL,
};

const struct sampler *sampler_find(const char *name)
{
    for (const struct sampler_name *s = samplers; s->name; s++)
        if (str_eq(s->name, name)) return s->sampler;
    return NULL;
}

const struct pruner *pruner_find(const char *name)
{
    for (size_t i = 0; pruners[i]; i++)
        if (str_eq(pruners[i]->name, name)) return pruners[i];
    return NULL;
}

double curve_at(const struct search_curve *c, int64_t step)
{
    double v = (double)NAN;

    for (size_t i = 0; i < c->n && c->step[i] <= step; i++) v = c->value[i];
    return v;
}

double curve_best(const struct search_curve *c, int64_t step)
{
    double v = (double)NAN;

    for (size_t i = 0; i < c->n && c->step[i] <= step; i++) v = fmin(v, c->value[i]);
    return v;
}

bool search_seen(const struct space *s, const struct search_past *past, const double *u)
{
    for (size_t j = 0; j < s->n; j++)
        if (!dim_is_discrete(&s->dims[j])) return false;
    for (size_t i = 0; i < past->n; i++) {
        size_t j = 0;
        while (j < s->n && fabs(past->trials[i].u[j] - u[j]) < 1e-12) j++;
        if (j == s->n) return true;
    }
    return false;
}
