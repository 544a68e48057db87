/* tpe.c: tree-structured Parzen estimator (Bergstra et al. 2011), multivariate, as in Optuna's
 * sampler but for three things named below.
 *
 * The best gamma(n) = min(ceil(n / 10), 25) trials and all others each become a mixture of
 * kernels, one a trial and a wide one as prior; of 64 draws from the first mixture the one with
 * the greatest ratio of densities, first to second, is proposed. A kernel is a product over the
 * dimensions: for numbers normal, cut to [0, 1], as wide as the farther of its two neighbours in
 * that dimension is away, within [1/2 / min(100, n+2), 1]; for choices the one seen plus a share
 * of the prior. In each mixture the newest 25 trials weigh 1, older ones less. Pruned trials
 * count after the finished ones, those that came farther first; trials under way count as bad
 * ones (constant liar), so that the next keeps away.
 *
 * Different from Optuna: kernels may be half as wide as there, since in a product over all
 * dimensions the least width, meant for one, keeps the search at a distance from what it has
 * found; 64 draws instead of 24, since draws from a product are seldom good in all dimensions at
 * once; and the first trials are Sobol points, not random. On the functions of
 * test_sweep_regret.sh the narrower kernels take a quarter to four fifths off the median regret,
 * and more draws help in five and six dimensions. Kernels narrower still, or more good trials,
 * find the first local minimum sooner and do not leave it. That is their price already: where
 * local minima are many and about as good (Levy's function), Optuna's width finds better ones.
 *
 * Numbers with few values get the mass of their cell, with many the density in its middle: the
 * width of the cell is the same in both mixtures. A suggestion with 200 trials of 6 numbers
 * takes less than 0.1 ms where the processor has AVX2: almost all of it is the densities of the
 * draws, which kernel.h's mixture computes. */
#include "base/mem.h"
#include "base/rng.h"
#include "engine/kernel/kernel.h"
#include "engine/search/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const struct sampler sampler_tpe;

enum { STARTUP = 10, CANDIDATES = 64, NEWEST = 25, TRIES = 128 };
enum { LEVELS = 16, ROWS = 64 }; /* of the table of a number with few values */

/* Kernels at one level of such a number with one width: the log mass of every cell. */
struct row {
    size_t level;
    double sigma, log_mass[LEVELS];
};

/* Log shares of a choice: in a kernel that saw it, in one that saw another, in the prior. */
struct odds {
    double hit, miss, prior;
};

/* One of the two mixtures. Kernel n-1 is the prior; those from n up to the stride, a multiple of
 * 8, weigh nothing. mu, sigma, c, row: [dimension][stride]. */
struct mixture {
    size_t n, stride, d;
    double *mu;        /* where a kernel lies */
    double *sigma;     /* how wide it is there */
    double *c;         /* 1 / (2 sigma^2); 0 for choices and numbers with a table */
    size_t *row;       /* its row of the table; of choices the level */
    double *weight;    /* cumulated, ending in 1 */
    double *log_scale; /* log weight less the log of all normalising constants */
    double *work;      /* stride */
    struct row *table; /* ROWS a dimension */
    size_t *rows;      /* how many of them there are, by dimension */
    struct odds *odds; /* by dimension */
    size_t *order, *count;
};

struct tpe {
    const struct space *s;
    const struct search_past *past;
    struct mixture good, bad;
    size_t *order; /* trials, the good ones first */
    double *tried; /* a point */
};

/* ---- splitting ------------------------------------------------------------------------------ */

/* Whether trial i is the better one; i comes after k. */
static bool is_better(const struct search_past *past, size_t i, size_t k)
{
    const struct search_trial *x = &past->trials[i], *y = &past->trials[k];

    if (x->state != y->state) return x->state < y->state;
    if (x->state == SEARCH_RUNNING) return false;
    if (x->state == SEARCH_PRUNED && x->step != y->step) return x->step > y->step;
    if (isnan(x->value) || isnan(y->value)) return !isnan(x->value);
    return x->value < y->value;
}

static int by_number(const void *a, const void *b)
{
    size_t i = *(const size_t *)a, k = *(const size_t *)b;

    return i < k ? -1 : i > k;
}

static size_t gamma_of(size_t ended)
{
    size_t n = (ended + 9) / 10;

    return n < NEWEST ? n : NEWEST;
}

static size_t count_ended(const struct search_past *past)
{
    size_t n = 0;

    for (size_t i = 0; i < past->n; i++) n += past->trials[i].state != SEARCH_RUNNING;
    return n;
}

/* ---- mixtures ------------------------------------------------------------------------------- */

static double phi(double z) /* twice the distribution function, less 1 */
{
    return z > 6 ? 1 : z < -6 ? -1 : erf(z * M_SQRT1_2);
}

static bool has_table(const struct dim *d)
{
    return !d->values && d->levels > 0 && d->levels <= LEVELS;
}

/* Positions sorted by value: into buckets first, which leaves next to nothing to do. */
static void sort_means(struct mixture *m, const double *mu, size_t n)
{
    size_t *at = m->count, *order = m->order;

    memset(at, 0, (n + 1) * sizeof *at);
    for (size_t k = 0; k < n; k++) at[(size_t)(mu[k] * (double)(n - 1)) + 1]++;
    for (size_t i = 1; i < n; i++) at[i] += at[i - 1];
    for (size_t k = 0; k < n; k++) order[at[(size_t)(mu[k] * (double)(n - 1))]++] = k;
    for (size_t i = 1; i < n; i++) {
        size_t k = order[i], to = i;
        for (; to > 0 && mu[order[to - 1]] > mu[k]; to--) order[to] = order[to - 1];
        order[to] = k;
    }
}

static void set_widths(struct mixture *m, size_t j)
{
    const double *mu = m->mu + j * m->stride;
    double *sigma = m->sigma + j * m->stride;
    size_t n = m->n - 1;
    double least = 0.5 / fmin(100, 2 + (double)n);

    sigma[n] = 1;
    if (n == 0) return;
    sort_means(m, mu, n);
    for (size_t i = 0; i < n; i++) {
        size_t k = m->order[i];
        double below = i > 0 ? mu[k] - mu[m->order[i - 1]] : n > 1 ? 0 : mu[k];
        double above = i + 1 < n ? mu[m->order[i + 1]] - mu[k] : n > 1 ? 0 : 1 - mu[k];
        double wide = below > above ? below : above;
        sigma[k] = wide < least ? least : wide;
    }
}

static void fill_row(const struct dim *d, double mu, struct row *r)
{
    for (size_t x = 0; x < d->levels; x++) {
        double lo = 0, hi = 1;
        dim_cell(d, dim_middle(d, x), &lo, &hi);
        r->log_mass[x] = log(fmax(phi((hi - mu) / r->sigma) - phi((lo - mu) / r->sigma), 1e-300));
    }
}

/* The row for a kernel; there are few different ones, since many lie on the same level. */
static size_t row_of(struct mixture *m, const struct dim *d, size_t j, size_t k)
{
    struct row *t = m->table + j * ROWS;
    double mu = m->mu[j * m->stride + k], sigma = m->sigma[j * m->stride + k];
    bool prior = k + 1 == m->n;
    size_t level = prior ? LEVELS : dim_level(d, mu), similar = 0;

    for (size_t i = 0; i < m->rows[j]; i++) {
        if (t[i].level != level) continue;
        similar = i;
        if (t[i].sigma == sigma) return i;
    }
    if (m->rows[j] == ROWS) return similar;
    t[m->rows[j]] = (struct row){ .level = level, .sigma = sigma };
    fill_row(d, mu, &t[m->rows[j]]);
    return m->rows[j]++;
}

static void set_choice(struct mixture *m, const struct dim *d, size_t j)
{
    double prior = 1 / (double)m->n, total = 1 + (double)d->levels * prior;

    m->odds[j] =
        (struct odds){ log((1 + prior) / total), log(prior / total), -log((double)d->levels) };
    for (size_t k = 0; k + 1 < m->n; k++)
        m->row[j * m->stride + k] = dim_level(d, m->mu[j * m->stride + k]);
}

static void set_number(struct mixture *m, const struct dim *d, size_t j)
{
    double *c = m->c + j * m->stride, *sigma = m->sigma + j * m->stride;

    set_widths(m, j);
    m->rows[j] = 0;
    for (size_t k = m->n; k-- > 0;) /* the prior first: its row is there whatever comes */
        if (has_table(d)) m->row[j * m->stride + k] = row_of(m, d, j, k);
        else c[k] = 0.5 / (sigma[k] * sigma[k]);
}

/* Weights by age, then their logs and sums. */
static void weigh(struct mixture *m)
{
    size_t n = m->n - 1, old = n > NEWEST ? n - NEWEST : 0;
    double sum = 0, so_far = 0;

    for (size_t k = 0; k < n; k++) {
        double ramp = old > 1 ? 1 / (double)n + (1 - 1 / (double)n) * (double)k / (double)(old - 1)
                              : 1 / (double)n;
        m->weight[k] = k < old ? ramp : 1;
        sum += m->weight[k];
    }
    m->weight[n] = 1;
    sum += 1;
    for (size_t k = 0; k < m->n; k++) {
        m->log_scale[k] = log(m->weight[k] / sum);
        m->weight[k] = so_far += m->weight[k] / sum;
    }
    m->weight[n] = 1;
    for (size_t k = m->n; k < m->stride; k++) m->log_scale[k] = -HUGE_VAL;
}

/* What the cut to [0, 1] and the width take from each kernel's density. */
static void normalise(const struct space *s, struct mixture *m)
{
    for (size_t k = 0; k < m->n; k++) {
        double z = 1;
        for (size_t j = 0; j < m->d; j++) {
            if (dim_is_choice(&s->dims[j])) continue;
            double sigma = m->sigma[j * m->stride + k], mu = m->mu[j * m->stride + k];
            double per = 1 / sigma;
            z *= phi((1 - mu) * per) + phi(mu * per); /* twice, as in the tables */
            if (!has_table(&s->dims[j])) z *= sigma;
            if (z > 1e-250) continue;
            m->log_scale[k] -= log(z);
            z = 1;
        }
        m->log_scale[k] -= log(z);
    }
}

static void build(struct tpe *t, struct mixture *m, const size_t *which, size_t n)
{
    const struct space *s = t->s;

    m->n = n + 1;
    m->stride = (m->n + 7) / 8 * 8;
    m->d = s->n;
    memset(m->c, 0, m->stride * s->n * sizeof *m->c);
    for (size_t j = 0; j < s->n; j++) {
        double *mu = m->mu + j * m->stride;
        for (size_t k = 0; k < n; k++) mu[k] = t->past->trials[which[k]].u[j];
        for (size_t k = n; k < m->stride; k++) mu[k] = 0.5;
        if (dim_is_choice(&s->dims[j])) set_choice(m, &s->dims[j], j);
        else set_number(m, &s->dims[j], j);
    }
    weigh(m);
    normalise(s, m);
}

/* ---- densities ------------------------------------------------------------------------------ */

static void add_level(const struct mixture *m, const struct dim *d, size_t j, double x, double *sum)
{
    const size_t *row = m->row + j * m->stride, level = dim_level(d, x);
    const struct row *t = m->table + j * ROWS;

    for (size_t k = 0; k < m->n; k++) sum[k] += t[row[k]].log_mass[level];
}

static void add_choice(const struct mixture *m, const struct dim *d, size_t j, double x,
                       double *sum)
{
    const size_t *seen = m->row + j * m->stride, level = dim_level(d, x), n = m->n - 1;
    const struct odds *odds = &m->odds[j];

    for (size_t k = 0; k < n; k++) sum[k] += seen[k] == level ? odds->hit : odds->miss;
    sum[n] += odds->prior;
}

static double log_density(const struct space *s, const struct mixture *m, const double *u)
{
    const struct kernel_mixture numbers = { m->stride, m->d, m->mu, m->c };
    double ret;

    memcpy(m->work, m->log_scale, m->stride * sizeof *m->work);
    for (size_t j = 0; j < m->d; j++) {
        const struct dim *d = &s->dims[j];
        if (dim_is_choice(d)) add_choice(m, d, j, u[j], m->work);
        else if (has_table(d)) add_level(m, d, j, u[j], m->work);
    }
    kernels_best()->mixture(&numbers, u, m->work, &ret);
    return ret;
}

/* ---- drawing -------------------------------------------------------------------------------- */

/* Normal numbers come in pairs (Box and Muller), and many are drawn. */
struct source {
    struct rng r;
    double spare;
    bool has_spare;
};

static double draw_normal(struct source *from)
{
    from->has_spare = !from->has_spare;
    if (!from->has_spare) return from->spare;
    double u = 1 - rng_unit(&from->r), angle = 2 * M_PI * rng_unit(&from->r), sine, cosine;
    double radius = sqrt(-2 * log(u));
    sincos(angle, &sine, &cosine);
    from->spare = radius * sine;
    return radius * cosine;
}

static double draw_number(struct source *from, double mu, double sigma)
{
    for (;;) {
        double x = mu + sigma * draw_normal(from);
        if (x >= 0 && x <= 1) return x; /* mu is inside: at worst every third */
    }
}

static double draw_choice(struct source *from, const struct mixture *m, const struct dim *d,
                          double mu, bool prior)
{
    double stay = 1 / (1 + (double)d->levels / (double)m->n);

    if (!prior && rng_unit(&from->r) < stay) return mu;
    return dim_middle(d, (size_t)rng_below(&from->r, d->levels));
}

static void draw(struct source *from, const struct space *s, const struct mixture *m, double *u)
{
    double at = rng_unit(&from->r);
    size_t k = 0;

    while (k + 1 < m->n && at >= m->weight[k]) k++;
    for (size_t j = 0; j < m->d; j++) {
        const struct dim *d = &s->dims[j];
        double mu = m->mu[j * m->stride + k];
        bool prior = k + 1 == m->n;
        u[j] = dim_is_choice(d) ? draw_choice(from, m, d, mu, prior)
                                : dim_snap(d, draw_number(from, mu, m->sigma[j * m->stride + k]));
    }
}

/* The best of the draws; where nothing is continuous, the best of those not tried before, if need
 * be one from anywhere. */
static void choose(struct tpe *t, struct source *from, double *u)
{
    const struct space *s = t->s;
    double best = 0, *tried = t->tried;
    bool found = false; /* u has not been tried before */

    for (int i = 0; i < CANDIDATES || (!found && i < TRIES); i++) {
        if (i < CANDIDATES) draw(from, s, &t->good, tried);
        else
            for (size_t j = 0; j < s->n; j++) tried[j] = dim_snap(&s->dims[j], rng_unit(&from->r));
        bool fresh = !search_seen(s, t->past, tried);
        double gain = log_density(s, &t->good, tried) - log_density(s, &t->bad, tried);
        if (i > 0 && !(fresh && !found) && !(fresh == found && gain > best)) continue;
        best = gain;
        found = fresh;
        memcpy(u, tried, s->n * sizeof *u);
    }
}

/* ---- the suggestion ------------------------------------------------------------------------- */

static int new_mixture(struct mixture *m, size_t n, size_t d, struct err *e)
{
    n = (n + 7) / 8 * 8;
    bool ok = (m->mu = mem_try(n * (3 * d + 3) + 1, sizeof *m->mu)) &&
              (m->table = mem_try(d * ROWS + 1, sizeof *m->table)) &&
              (m->odds = mem_try(d + 1, sizeof *m->odds)) &&
              (m->rows = mem_try(d + n * (d + 2) + 2, sizeof *m->rows));

    if (!ok) return err_set(e, ERR_NOMEM, "no memory for a sweep's next trial");
    m->sigma = m->mu + n * d;
    m->c = m->sigma + n * d;
    m->weight = m->c + n * d;
    m->log_scale = m->weight + n;
    m->work = m->log_scale + n;
    m->row = m->rows + d;
    m->order = m->row + n * d;
    m->count = m->order + n;
    return 0;
}

static void free_mixture(struct mixture *m)
{
    free(m->mu);
    free(m->table);
    free(m->odds);
    free(m->rows);
}

static int prepare(struct tpe *t, struct err *e)
{
    size_t n = t->past->n + 1, d = t->s->n;
    int rc = new_mixture(&t->good, n, d, e);

    if (rc == 0) rc = new_mixture(&t->bad, n, d, e);
    t->order = mem_alloc(n * sizeof *t->order);
    t->tried = mem_alloc((d + 1) * sizeof *t->tried);
    return rc;
}

/* The best n trials to the front, in the order of their numbers, and the others behind. */
static void split(const struct search_past *past, size_t n, size_t *order)
{
    size_t kept = 0;

    for (size_t i = 0; i < past->n; i++) {
        if (kept == n && !is_better(past, i, order[n - 1])) continue;
        kept += kept < n;
        size_t to = kept - 1;
        for (; to > 0 && is_better(past, i, order[to - 1]); to--) order[to] = order[to - 1];
        order[to] = i;
    }
    qsort(order, n, sizeof *order, by_number);
    for (size_t i = 0, best = 0, other = n; i < past->n; i++) {
        if (best < n && order[best] == i) best++;
        else order[other++] = i;
    }
}

static int suggest(const struct space *s, const struct search_past *past, uint64_t seed,
                   uint64_t number, double *u, struct err *e)
{
    struct tpe t = { .s = s, .past = past };
    struct source from = { .has_spare = false };
    int rc;

    if (count_ended(past) < STARTUP)
        return sampler_find("sobol")->suggest(s, past, seed, number, u, e);
    rng_stream(&from.r, seed, number);
    rc = prepare(&t, e);
    if (rc == 0) {
        size_t good = gamma_of(count_ended(past));
        split(past, good, t.order);
        build(&t, &t.good, t.order, good);
        build(&t, &t.bad, t.order + good, past->n - good);
        choose(&t, &from, u);
    }
    free_mixture(&t.good);
    free_mixture(&t.bad);
    free(t.order);
    free(t.tried);
    return rc;
}

const struct sampler sampler_tpe = {
    .name = "tpe", .title = "tree-structured Parzen estimator", .learns = true, .suggest = suggest
};
