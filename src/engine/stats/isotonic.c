/* isotonic.c: see isotonic.h. Rows of equal score are one pool from the start, so that the
 * result does not depend on their order. */
#include "engine/stats/isotonic.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

struct row {
    double score, y, w;
};

/* A run of rows whose rates had to be made one. */
struct block {
    double low, high; /* scores */
    double weight, rate;
};

static int by_score(const void *a, const void *b)
{
    const struct row *x = a, *z = b;

    return (x->score > z->score) - (x->score < z->score);
}

static size_t sorted_rows(const double *score, const double *y, const double *w, size_t n,
                          struct row *ret)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        if (!w || w[i] > 0) ret[kept++] = (struct row){ score[i], y[i], w ? w[i] : 1 };
    qsort(ret, kept, sizeof *ret, by_score);
    return kept;
}

/* The rows from i on that have its score, as one pool. */
static size_t pool_ties(const struct row *r, size_t n, size_t i, struct block *ret)
{
    struct block p = { .low = r[i].score, .high = r[i].score };
    double sum = 0;

    for (; i < n && r[i].score == p.low; i++) {
        sum += r[i].y * r[i].w;
        p.weight += r[i].w;
    }
    p.rate = sum / p.weight;
    *ret = p;
    return i;
}

static struct block merged(const struct block *a, const struct block *b)
{
    double w = a->weight + b->weight;

    return (struct block){ a->low, b->high, w, (a->rate * a->weight + b->rate * b->weight) / w };
}

static size_t pool_violators(const struct row *r, size_t n, struct block *p)
{
    size_t pools = 0;

    for (size_t i = 0; i < n;) {
        i = pool_ties(r, n, i, &p[pools++]);
        while (pools > 1 && p[pools - 2].rate >= p[pools - 1].rate) {
            p[pools - 2] = merged(&p[pools - 2], &p[pools - 1]);
            pools--;
        }
    }
    return pools;
}

static void add_knot(struct isotonic *f, double x, double rate)
{
    f->x[f->n] = x;
    f->rate[f->n++] = rate;
}

int isotonic_fit(const double *score, const double *y, const double *w, size_t n,
                 struct isotonic *ret, struct err *e)
{
    MEM_AUTO struct row *rows = mem_try(n + 1, sizeof *rows);
    MEM_AUTO struct block *pools = mem_try(n + 1, sizeof *pools);
    struct isotonic f = { 0 };
    size_t found = 0;

    if (rows && pools) {
        found = pool_violators(rows, sorted_rows(score, y, w, n, rows), pools);
        f.x = mem_try(2 * found + 1, sizeof *f.x);
        f.rate = mem_try(2 * found + 1, sizeof *f.rate);
    }
    if (!f.x || !f.rate) {
        isotonic_done(&f);
        return err_set(e, ERR_NOMEM, "no memory to calibrate %zu scores", n);
    }
    for (size_t k = 0; k < found; k++) {
        add_knot(&f, pools[k].low, pools[k].rate);
        if (pools[k].high > pools[k].low) add_knot(&f, pools[k].high, pools[k].rate);
    }
    *ret = f;
    return 0;
}

double isotonic_at(const struct isotonic *f, double s)
{
    if (f->n == 0 || isnan(s)) return (double)NAN;
    if (s <= f->x[0]) return f->rate[0];
    if (s >= f->x[f->n - 1]) return f->rate[f->n - 1];
    size_t low = 0, high = f->n - 1;
    while (high - low > 1) {
        size_t mid = (low + high) / 2;
        if (f->x[mid] <= s) low = mid;
        else high = mid;
    }
    double t = (s - f->x[low]) / (f->x[high] - f->x[low]);
    return f->rate[low] + t * (f->rate[high] - f->rate[low]);
}

void isotonic_done(struct isotonic *f)
{
    free(f->x);
    free(f->rate);
    *f = (struct isotonic){ 0 };
}
