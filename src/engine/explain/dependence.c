/* dependence.c: see dependence.h. The rows are copied once; a grid point overwrites the columns
 * of the copy and asks the model for all rows. Serial over points, parallel within; sums go in
 * the order of rows, so results do not depend on threads. */
#include "engine/explain/dependence.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct asker {
    const struct engine *en;
    const struct model *m;
    struct frame *rows; /* own copy */
    size_t k;           /* outputs */
    double *p;          /* n_rows * k */
    struct dependence *d;
    struct arena *a;
    struct err *e;
};

/* ---- grid ---------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* Distinct values when they are few enough, else quantiles from the 2nd to the 98th percent:
 * values that occur, ascending. Returns how many. */
static size_t number_grid(double *v, size_t n, size_t most, double *ret)
{
    size_t distinct = 0, used = 0;

    qsort(v, n, sizeof *v, ascending);
    for (size_t i = 0; i < n; i++) distinct += i == 0 || v[i] > v[i - 1];
    if (distinct <= most) {
        for (size_t i = 0; i < n; i++)
            if (i == 0 || v[i] > v[i - 1]) ret[used++] = v[i];
        return used;
    }
    for (size_t i = 0; i < most; i++) {
        double share = most > 1 ? 0.02 + 0.96 * (double)i / (double)(most - 1) : 0.5;
        double x = v[(size_t)(share * (double)(n - 1) + 0.5)];
        if (used == 0 || x > ret[used - 1]) ret[used++] = x;
    }
    return used;
}

struct level {
    size_t count;
    int32_t code;
};

static int by_count(const void *pa, const void *pb)
{
    const struct level *a = pa, *b = pb;

    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    return a->code < b->code ? -1 : a->code > b->code;
}

static size_t level_grid(const struct column *c, size_t n, size_t most, double *ret)
{
    size_t levels = dict_len(c->dict), used = 0;
    MEM_AUTO struct level *all = mem_zalloc(levels + 1, sizeof *all);

    for (size_t l = 0; l < levels; l++) all[l].code = (int32_t)l;
    for (size_t i = 0; i < n; i++)
        if (c->code[i] >= 0) all[c->code[i]].count++;
    qsort(all, levels, sizeof *all, by_count);
    while (used < levels && used < most && all[used].count > 0) {
        ret[used] = (double)all[used].code;
        used++;
    }
    return used;
}

static int make_axis(struct asker *k, const struct frame *f, const char *name, size_t most,
                     struct dependence_axis *ret)
{
    const struct column *c = frame_col(k->rows, name);
    size_t n = k->rows->n_rows, known = 0;
    bool used = false;

    for (size_t i = 0; i < model_features(k->m); i++)
        used |= !strcmp(model_feature(k->m, i, NULL), name);
    if (!used) return err_set(k->e, ERR_INVALID, "the model does not use a column '%.200s'", name);
    if (!c) return err_set(k->e, ERR_INVALID, "the table has no column '%.200s'", name);
    if (most > DEPENDENCE_GRID) most = DEPENDENCE_GRID;
    ret->column = frame_col(f, name);
    ret->value = arena_array(k->a, most + 1, double);
    if (c->code) {
        ret->n = level_grid(c, n, most, ret->value);
    } else {
        MEM_AUTO double *v = mem_alloc((n + 1) * sizeof *v);
        for (size_t i = 0; i < n; i++)
            if (!isnan(c->num[i])) v[known++] = c->num[i];
        ret->n = number_grid(v, known, most, ret->value);
    }
    if (column_missing(c, n) > 0) ret->value[ret->n++] = (double)NAN;
    return 0;
}

/* ---- asking -------------------------------------------------------------------------- */

static void set_column(struct asker *k, const struct dependence_axis *x, double v)
{
    struct column *c = &k->rows->cols[frame_index(k->rows, x->column->name)];

    for (size_t i = 0; i < k->rows->n_rows; i++) {
        if (c->code) c->code[i] = isnan(v) ? -1 : (int32_t)v;
        else c->num[i] = v;
    }
}

static int ask(struct asker *k)
{
    return model_predict(k->en, k->m, k->rows, k->p, k->e);
}

/* Mean over the rows of the chosen output; rows' own answers into curve at point i. */
static double collect(const struct asker *k, size_t i)
{
    const struct dependence *d = k->d;
    double sum = 0;

    for (size_t r = 0; r < d->n_rows; r++) {
        double v = k->p[r * k->k + (size_t)d->output];
        sum += v;
        if (d->curve) d->curve[r * d->axis[0].n + i] = v;
    }
    return sum / (double)d->n_rows;
}

static int choose_output(struct asker *k, int wish)
{
    double best = -HUGE_VAL;
    int rc;

    k->d->output = wish >= 0 ? wish : 0;
    if (wish >= 0 || k->k == 1) return 0;
    if ((rc = ask(k))) return rc;
    for (size_t c = 0; c < k->k; c++) {
        double sum = 0;
        for (size_t r = 0; r < k->rows->n_rows; r++) sum += k->p[r * k->k + c];
        if (sum > best) k->d->output = (int)c;
        if (sum > best) best = sum;
    }
    return 0;
}

static int ask_grid(struct asker *k, bool two)
{
    struct dependence *d = k->d;
    size_t n = d->axis[0].n, m = d->axis[1].n;
    int rc = 0;

    for (size_t i = 0; i < n && !rc; i++) {
        set_column(k, &d->axis[0], d->axis[0].value[i]);
        for (size_t j = 0; j < m && !rc; j++) {
            if (engine_cancelled(k->en))
                return err_set(k->e, ERR_CANCELLED, "explaining was cancelled");
            if (two) set_column(k, &d->axis[1], d->axis[1].value[j]);
            if ((rc = ask(k)) == 0) d->mean[i * m + j] = collect(k, i);
        }
        engine_progress(k->en, &(struct engine_progress){ .what = "point",
                                                          .done = i + 1,
                                                          .total = n,
                                                          .train = (double)NAN,
                                                          .valid = (double)NAN });
    }
    return rc;
}

/* ---- what it says -------------------------------------------------------------------- */

/* curves about their own means against the mean curve about its */
static void measure_spread(struct dependence *d)
{
    size_t n = d->axis[0].n;
    double middle = 0;

    for (size_t i = 0; i < n; i++) middle += d->mean[i] / (double)n;
    for (size_t r = 0; r < d->n_rows; r++) {
        const double *c = d->curve + r * n;
        double own = 0;
        for (size_t i = 0; i < n; i++) own += c[i] / (double)n;
        for (size_t i = 0; i < n; i++) {
            double off = (c[i] - own) - (d->mean[i] - middle);
            d->spread[i] += off * off;
        }
    }
    for (size_t i = 0; i < n; i++) d->spread[i] = sqrt(d->spread[i] / (double)d->n_rows);
}

static void measure_interaction(struct dependence *d, struct arena *a)
{
    size_t n = d->axis[0].n, m = d->axis[1].n;
    double *row = arena_array(a, n, double), *col = arena_array(a, m, double);
    double middle = 0, all = 0, left = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++) {
            double v = d->mean[i * m + j];
            row[i] += v / (double)m;
            col[j] += v / (double)n;
            middle += v / (double)(n * m);
        }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m; j++) {
            double v = d->mean[i * m + j], rest = v - row[i] - col[j] + middle;
            d->left[i * m + j] = rest;
            left += rest * rest;
            all += (v - middle) * (v - middle);
        }
    d->interaction = all > 0 ? left / all : 0;
}

/* ---- all of it ----------------------------------------------------------------------- */

static int take_rows(struct asker *k, const struct frame *f, size_t most)
{
    size_t n = f->n_rows, keep = most < n ? most : n;

    if (n == 0) return err_set(k->e, ERR_INVALID, "the table has no rows");
    if (keep > DEPENDENCE_ROWS) keep = DEPENDENCE_ROWS;
    k->d->row = arena_array(k->a, keep, uint32_t);
    for (size_t i = 0; i < keep; i++) k->d->row[i] = (uint32_t)(i * n / keep);
    k->d->n_rows = keep;
    int rc = frame_take(f, k->d->row, keep, &k->rows, k->e);
    if (!rc && !(k->p = mem_try(keep * k->k + 1, sizeof *k->p)))
        rc = err_set(k->e, ERR_NOMEM, "no memory for %zu rows", keep);
    return rc;
}

static int measure(struct asker *k, const struct frame *f, const struct dependence_wish *wish)
{
    struct dependence *d = k->d;
    bool two = wish->column[1] != NULL;
    int rc = take_rows(k, f, wish->rows);

    if (!rc) rc = make_axis(k, f, wish->column[0], wish->grid[0], &d->axis[0]);
    d->axis[1].n = 1;
    if (!rc && two) rc = make_axis(k, f, wish->column[1], wish->grid[1], &d->axis[1]);
    if (!rc && two && d->axis[0].column == d->axis[1].column)
        rc = err_set(k->e, ERR_INVALID, "the two columns are the same");
    if (!rc) rc = choose_output(k, wish->output);
    if (rc) return rc;
    size_t points = d->axis[0].n * d->axis[1].n;
    d->mean = arena_array(k->a, points, double);
    if (two) d->left = arena_array(k->a, points, double);
    else d->spread = arena_array(k->a, points, double);
    if (!two) d->curve = arena_array(k->a, points * d->n_rows, double);
    if ((rc = ask_grid(k, two))) return rc;
    if (two) measure_interaction(d, k->a);
    else measure_spread(d);
    return 0;
}

int dependence_measure(const struct engine *en, const struct model *m, const struct frame *f,
                       const struct dependence_wish *wish, struct arena *a, struct dependence *ret,
                       struct err *e)
{
    struct dependence d = { 0 };
    struct asker k = { .en = en, .m = m, .k = (size_t)model_outputs(m), .d = &d, .a = a, .e = e };
    int rc = measure(&k, f, wish);

    frame_free(k.rows);
    free(k.p);
    if (!rc) *ret = d;
    return rc;
}
