/* sweep_past.c: see sweep_past.h. Points are kept in the rows as numbers of the unit cube, so
 * nothing has to be inferred back from the values. */
#include "app/sweep_past.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

static int point(struct arena *a, const struct space *space, const struct trial *t,
                 const double **ret, struct err *e)
{
    struct val *list = NULL;
    double *u = arena_array(a, space->n + 1, double);
    int rc = val_parse_json(a, t->unit, strlen(t->unit), &list, e);

    if (rc == 0 && val_len(list) != space->n)
        rc = err_set(e, ERR_CORRUPT, "trial %lld has %zu parameters, its sweep %zu",
                     (long long)t->number, val_len(list), space->n);
    for (size_t i = 0; rc == 0 && i < space->n; i++) u[i] = val_as_real(val_at(list, i), 0.5);
    *ret = u;
    return rc;
}

static bool state_of(const struct trial *t, enum search_state *ret)
{
    if (str_eq(t->state, "complete") && !isnan(t->value)) *ret = SEARCH_DONE;
    else if (str_eq(t->state, "pruned")) *ret = SEARCH_PRUNED;
    else if (str_eq(t->state, "running")) *ret = SEARCH_RUNNING;
    else return false;
    return t->unit != NULL;
}

int sweep_past(struct arena *a, const struct sweep *w, const struct space *space,
               const struct trial *all, size_t n, int64_t except, struct search_past *ret,
               struct err *e)
{
    struct search_trial *out = arena_array(a, n + 1, struct search_trial);
    size_t k = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct trial *t = &all[i];
        struct search_trial *o = &out[k];
        if (t->number == except || !state_of(t, &o->state)) continue;
        rc = point(a, space, t, &o->u, e);
        o->value = w->maximise ? -t->value : t->value;
        o->step = t->step;
        k++;
    }
    *ret = (struct search_past){ out, k };
    return rc;
}
