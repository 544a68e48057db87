/* paired.c: see paired.h. The bootstrap draws rows as weights, once for both models, and costs
 * at most DRAWS draws, but never fewer replicates than percentiles need. */
#include "engine/metric/paired.h"

#include "base/mem.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define Z95 1.959963984540054
enum { REPLICATES_MIN = 200, REPLICATES_MAX = 2000, DRAWS = 50000000 };

static size_t slots(const struct metric_input *in)
{
    return in->task == TASK_MULTICLASS ? (size_t)in->n_classes : 1;
}

/* The rows both have a target for, each as its model numbers it; memory is the caller's. */
static int common_rows(struct metric_input *a, struct metric_input *b, double **memory,
                       struct err *e)
{
    size_t ka = slots(a), kb = slots(b), n = 0;
    double *m = mem_try(a->n + 1, (ka + kb + 3) * sizeof *m);
    if (!m) return err_set(e, ERR_NOMEM, "no memory to compare %zu rows", a->n);
    double *ya = m, *yb = ya + a->n, *pa = yb + a->n, *pb = pa + a->n * ka;
    for (size_t i = 0; i < a->n; i++) {
        if (isnan(a->y[i]) || isnan(b->y[i])) continue;
        ya[n] = a->y[i];
        yb[n] = b->y[i];
        memcpy(pa + n * ka, a->p + i * ka, ka * sizeof *pa);
        memcpy(pb + n * kb, b->p + i * kb, kb * sizeof *pb);
        n++;
    }
    a->n = b->n = n;
    a->y = ya;
    b->y = yb;
    a->p = pa;
    b->p = pb;
    *memory = m;
    return 0;
}

/* ---- DeLong --------------------------------------------------------------------------------- */

struct scored {
    double score;
    size_t row;
};

static int by_score(const void *pa, const void *pb)
{
    const struct scored *a = pa, *b = pb;
    return (a->score > b->score) - (a->score < b->score);
}

/* Adds sign times the placement of each row: for a positive the share of negatives below it,
 * for a negative the share of positives above it; ties count half. */
static void add_placements(const struct metric_input *in, double pos, double sign, struct scored *s,
                           double *out)
{
    double neg = (double)in->n - pos, below_pos = 0, below_neg = 0;
    for (size_t i = 0; i < in->n; i++) s[i] = (struct scored){ in->p[i], i };
    qsort(s, in->n, sizeof *s, by_score);
    for (size_t i = 0, end; i < in->n; i = end) {
        double k1 = 0;
        for (end = i; end < in->n && s[end].score == s[i].score; end++) k1 += in->y[s[end].row] > 0;
        double k0 = (double)(end - i) - k1;
        double for_pos = (below_neg + k0 / 2) / neg, for_neg = (pos - below_pos - k1 / 2) / pos;
        for (size_t k = i; k < end; k++)
            out[s[k].row] += sign * (in->y[s[k].row] > 0 ? for_pos : for_neg);
        below_pos += k1;
        below_neg += k0;
    }
}

/* Variance of the mean of the rows' values with y of that sign; their mean in *ret_mean. */
static double variance(const struct metric_input *in, const double *v, bool positive, double n,
                       double *ret_mean)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < in->n; i++) sum += (in->y[i] > 0) == positive ? v[i] : 0;
    *ret_mean = sum / n;
    for (size_t i = 0; i < in->n; i++)
        if ((in->y[i] > 0) == positive) squares += (v[i] - *ret_mean) * (v[i] - *ret_mean);
    return n > 1 ? squares / (n - 1) / n : 0;
}

static int delong(const struct metric_input *a, const struct metric_input *b,
                  struct comparison *ret, struct err *e)
{
    double pos = 0, mean, unused, *v = NULL;
    for (size_t i = 0; i < a->n; i++) pos += a->y[i] > 0;
    double neg = (double)a->n - pos;
    ret->method = "paired DeLong";
    if (!(pos > 0) || !(neg > 0)) return 0;
    struct scored *s = mem_try(a->n, sizeof *s);
    if (s) v = mem_try_zero(a->n, sizeof *v);
    if (!v) {
        free(s);
        return err_set(e, ERR_NOMEM, "no memory to compare %zu rows", a->n);
    }
    add_placements(a, pos, 1, s, v);
    add_placements(b, pos, -1, s, v);
    double var = variance(a, v, true, pos, &mean) + variance(a, v, false, neg, &unused);
    ret->difference = mean;
    ret->low = mean - Z95 * sqrt(var);
    ret->high = mean + Z95 * sqrt(var);
    free(s);
    free(v);
    return 0;
}

/* ---- bootstrap ------------------------------------------------------------------------------- */

static double difference(const struct metric *m, const struct metric_input *a,
                         const struct metric_input *b)
{
    double d = m->fn(a) - m->fn(b);
    return m->greater_is_better ? d : -d;
}

static int ascending(const void *pa, const void *pb)
{
    const double *a = pa, *b = pb;
    return (*a > *b) - (*a < *b);
}

/* Linear between the order statistics. */
static double quantile(const double *sorted, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t i = (size_t)at;
    return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[i];
}

static void draw(struct rng *r, double *w, size_t n)
{
    memset(w, 0, n * sizeof *w);
    for (size_t i = 0; i < n; i++) w[rng_below(r, n)]++;
}

static int bootstrap(const struct metric *m, struct metric_input *a, struct metric_input *b,
                     uint64_t seed, struct comparison *ret, struct err *e)
{
    size_t replicates = DRAWS / (a->n + 1), n = 0;
    struct rng r;
    if (replicates < REPLICATES_MIN) replicates = REPLICATES_MIN;
    if (replicates > REPLICATES_MAX) replicates = REPLICATES_MAX;
    ret->method = "paired bootstrap";
    if (a->n == 0) return 0;
    double *w = mem_try(a->n + replicates, sizeof *w), *d = w + a->n;
    if (!w) return err_set(e, ERR_NOMEM, "no memory to compare %zu rows", a->n);
    rng_seed(&r, seed);
    ret->difference = difference(m, a, b);
    a->w = b->w = w;
    for (size_t i = 0; i < replicates; i++) {
        draw(&r, w, a->n);
        double each = difference(m, a, b);
        if (!isnan(each)) d[n++] = each;
    }
    qsort(d, n, sizeof *d, ascending);
    if (n * 20 >= replicates * 19 && !isnan(ret->difference)) {
        ret->low = quantile(d, n, 0.025);
        ret->high = quantile(d, n, 0.975);
    }
    free(w);
    return 0;
}

static bool same_target(const struct metric_input *a, const struct metric_input *b)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->y[i] != b->y[i]) return false;
    return true;
}

int metric_compare(const struct metric *m, const struct metric_input *a,
                   const struct metric_input *b, uint64_t seed, struct comparison *ret,
                   struct err *e)
{
    struct metric_input x = *a, z = *b;
    struct comparison c = { (double)NAN, (double)NAN, (double)NAN, "", 0 };
    double *memory = NULL;
    int rc = common_rows(&x, &z, &memory, e);
    if (rc < 0) return rc;
    x.w = z.w = NULL;
    c.n = x.n;
    bool auc = m == metric_find("auc") && x.task == TASK_BINARY && same_target(&x, &z);
    rc = auc ? delong(&x, &z, &c, e) : bootstrap(m, &x, &z, seed, &c, e);
    free(memory);
    if (rc == 0) *ret = c;
    return rc;
}

void metric_trivial(const struct metric_input *train, size_t n, double *p)
{
    size_t k = slots(train);
    double known = 0;
    for (size_t c = 0; c < k; c++) p[c] = 0;
    for (size_t i = 0; i < train->n; i++) {
        if (isnan(train->y[i])) continue;
        known++;
        if (train->task == TASK_MULTICLASS) p[(size_t)train->y[i]]++;
        else p[0] += train->y[i];
    }
    for (size_t c = 0; c < k; c++) p[c] = known > 0 ? p[c] / known : 0;
    for (size_t i = 1; i < n; i++) memcpy(p + i * k, p, k * sizeof *p);
}
