/* mode_ensemble.c: several versions are asked, their answers become one.
 *
 *   mean      the mean of the probabilities, or of the numbers
 *   weighted  the mean by the arms' shares
 *   vote      each version has one vote for a class; p is the share of the votes; of classes
 *             with equally many the one that the stable version voted for wins
 *   stack     a linear model over the log odds without an intercept, its weights the shares:
 *             softmax(sum w_i log p_i); for numbers sum w_i y_i
 *
 * The versions are asked at the same time and have the same deadline. Where one failed the
 * others answer (their weights add up to 1 again) and the call says so; a stack is fitted to
 * all of its members, so there the stable version answers alone. When none is left the fallback
 * chain is. Classes are in the stable arm's order. Every member is compared with the stable
 * version. On the thread of the call's serve_io. */
#include "base/mem.h"
#include "serve/mode_priv.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct member {
    double *p; /* aligned; the ensemble's own */
    double weight;
};
struct mix {
    enum task task;
    size_t k; /* outputs a row */
    const struct member *members;
    size_t n;
    size_t stable; /* which of them; MODE_NONE: it failed */
};
typedef void combine_fn(const struct mix *m, size_t row, double *out);

/* -- arithmetic, for one row ------------------------------------------------------------------- */

static void combine_weighted(const struct mix *m, size_t row, double *out)
{
    double sum = 0;

    memset(out, 0, m->k * sizeof *out);
    for (size_t i = 0; i < m->n; i++) {
        sum += m->members[i].weight;
        for (size_t c = 0; c < m->k; c++)
            out[c] += m->members[i].weight * m->members[i].p[row * m->k + c];
    }
    for (size_t c = 0; c < m->k; c++) out[c] /= sum;
}

static size_t voted(const struct mix *m, const struct member *by, size_t row)
{
    const double *p = by->p + row * m->k;
    size_t best = 0;

    if (m->task == TASK_BINARY) return *p >= 0.5;
    for (size_t c = 1; c < m->k; c++)
        if (p[c] > p[best]) best = c;
    return best;
}

static void combine_vote(const struct mix *m, size_t row, double *out)
{
    double tie = m->n * DBL_EPSILON; /* less than any vote, and enough between equals */

    memset(out, 0, m->k * sizeof *out);
    for (size_t i = 0; i < m->n; i++) {
        size_t c = voted(m, &m->members[i], row);
        if (m->task != TASK_BINARY) out[c] += 1;
        else *out += (double)c;
    }
    for (size_t c = 0; c < m->k; c++) out[c] /= (double)m->n;
    if (m->stable == MODE_NONE) return;
    if (m->task != TASK_BINARY) out[voted(m, &m->members[m->stable], row)] += tie;
    else if (*out == 0.5 && voted(m, &m->members[m->stable], row) == 0) *out -= tie;
}

static double log_p(double p)
{
    return log(fmin(fmax(p, 1e-15), 1 - 1e-15));
}

static void combine_stack(const struct mix *m, size_t row, double *out)
{
    double most = -INFINITY, sum = 0;

    memset(out, 0, m->k * sizeof *out);
    for (size_t i = 0; i < m->n; i++) {
        const double *p = m->members[i].p + row * m->k;
        double w = m->members[i].weight;
        for (size_t c = 0; c < m->k; c++) {
            if (m->task == TASK_REGRESSION) out[c] += w * p[c];
            else if (m->task == TASK_BINARY) out[c] += w * (log_p(p[c]) - log_p(1 - p[c]));
            else out[c] += w * log_p(p[c]);
        }
    }
    if (m->task == TASK_BINARY) *out = 1 / (1 + exp(-*out));
    if (m->task != TASK_MULTICLASS) return;
    for (size_t c = 0; c < m->k; c++) most = fmax(most, out[c]);
    for (size_t c = 0; c < m->k; c++) sum += out[c] = exp(out[c] - most);
    for (size_t c = 0; c < m->k; c++) out[c] /= sum;
}

static const struct combination {
    const char *name;
    combine_fn *row;
    bool weights; /* the arms' shares; else all weigh the same */
    bool all;     /* needs every member */
    int tasks;
} combinations[] = {
    { "mean", combine_weighted, false, false, TASK_BINARY | TASK_MULTICLASS | TASK_REGRESSION },
    { "weighted", combine_weighted, true, false, TASK_BINARY | TASK_MULTICLASS | TASK_REGRESSION },
    { "vote", combine_vote, false, false, TASK_BINARY | TASK_MULTICLASS },
    { "stack", combine_stack, true, true, TASK_BINARY | TASK_MULTICLASS | TASK_REGRESSION },
};

static const struct combination *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(combinations); i++)
        if (str_eq(combinations[i].name, name)) return &combinations[i];
    return NULL;
}

bool mode_combines(const char *combine, enum task task)
{
    const struct combination *c = find(combine);

    return c != NULL && (c->tasks & (int)task) != 0;
}

/* -- the members ------------------------------------------------------------------------------- */

static int rescue_through(struct flight *f, struct leg *l)
{
    return flight_answer_leg(f, l);
}

/* Nothing to combine: who of the chain was not asked yet, in the end the constant. The last leg
 * goes on where the members failed. */
static int rescue(struct flight *f, const char *why)
{
    struct leg *l = &f->legs[f->n_legs - 1];

    l->arm = &f->route->arms[0];
    l->index = l->assigned = 0;
    l->n = flight_rows(f);
    l->why = why;
    l->uncounted = true;
    l->rc = f->legs[0].rc;
    for (size_t i = 0; i + 1 < f->n_legs; i++) l->tried |= f->legs[i].tried;
    f->then = rescue_through;
    f->open++;
    return leg_resume(l);
}

/* The members that answered, in the order of the stable arm's classes. */
static size_t gather(struct flight *f, struct mix *m, struct member *members, bool weights)
{
    size_t rows = flight_rows(f);

    m->members = members;
    m->stable = MODE_NONE;
    for (size_t i = 0; i + 1 < f->n_legs; i++) {
        const struct leg *l = &f->legs[i];
        struct member *to = &members[m->n];
        if (l->rc != 0) continue;
        if (l->assigned == 0) m->stable = m->n;
        to->p = mem_alloc((rows * m->k + 1) * sizeof *to->p);
        to->weight = weights ? l->arm->share : 1;
        mode_align(f->route, l->assigned, l->p, rows, to->p);
        m->n++;
    }
    return m->n;
}

/* Members asked beside the stable version say how much they agree with it. */
static void compare_members(const struct flight *f)
{
    const struct leg *stable = &f->legs[0];

    if (stable->assigned != 0 || stable->rc != 0) return;
    for (size_t i = 1; i + 1 < f->n_legs; i++) {
        const struct leg *l = &f->legs[i];
        struct agreement a;
        if (l->rc != 0) continue;
        mode_compare(f->route, l->assigned, stable->p, l->p, flight_rows(f), &a);
        tally_agree(f->state->arms[l->assigned].tally, f->io, &a);
    }
}

static double weight_of(const struct mix *m)
{
    double sum = 0;

    for (size_t i = 0; i < m->n; i++) sum += m->members[i].weight;
    return sum;
}

static int combine(struct flight *f)
{
    const struct combination *how = find(f->route->rollout->combine);
    size_t rows = flight_rows(f), n_members = f->n_legs - 1;
    struct mix m = { .task = model_task(f->route->arms[0].by->model),
                     .k = mode_outputs(&f->route->arms[0]) };
    struct member *members = mem_zalloc(n_members + 1, sizeof *members);
    const char *why = NULL;
    bool good;

    for (size_t i = 0; i < n_members && why == NULL; i++) why = f->legs[i].why;
    good = gather(f, &m, members, how->weights) > 0 && weight_of(&m) > 0;
    if (good && how->all && m.n < n_members) { /* the stable version alone */
        good = m.stable != MODE_NONE;
        if (good) f->p = members[m.stable].p;
        if (good) members[m.stable].p = NULL;
    } else if (good) {
        f->p = mem_alloc((rows * m.k + 1) * sizeof *f->p);
        for (size_t i = 0; i < rows; i++) how->row(&m, i, f->p + i * m.k);
    }
    compare_members(f);
    for (size_t i = 0; i < m.n; i++) free(members[i].p);
    free(members);
    if (!good) return rescue(f, why);
    f->c->fallback = why;
    return flight_answer(f, &f->route->arms[0], "ensemble", f->p);
}

static int member_through(struct flight *f, struct leg *l)
{
    (void)l;
    if (f->open > 0) return 1;
    for (size_t i = 0; i + 1 < f->n_legs; i++)
        if (f->legs[i].refused) return flight_fail(f, f->legs[i].rc);
    return combine(f);
}

int mode_run_ensemble(struct flight *f)
{
    const struct mode_state *s = f->state;
    struct flight *h;
    size_t n = 0, leg = 0;

    for (size_t i = 0; i < s->n_arms; i++) n += !s->arms[i].fallback_only;
    h = flight_grow(f, n + 1);
    h->then = member_through;
    h->open = 1; /* not through before all were asked */
    for (size_t i = 0; i < s->n_arms; i++) {
        if (s->arms[i].fallback_only) continue;
        h->legs[leg].alone = true;
        (void)leg_start(&h->legs[leg++], i);
    }
    h->open--;
    return member_through(h, NULL);
}
