/* gp.c: Bayesian optimisation: a Gaussian process of the trials so far, and the point where the
 * logarithm of the expected improvement is greatest.
 *
 * 2,000 Sobol points and the neighbourhood of the best trial are scored; the best of them, and the
 * best trial itself, are improved by L-BFGS over what is continuous, in the coordinate t with
 * u = (1 - cos t) / 2, which keeps [0, 1] without bounds, and by trying every value, or the
 * neighbours, of what is not.
 *
 * Only the better half of the values is taken as it is. The others are compressed, by their
 * logarithm in units of the better half's spread: how bad a bad trial was says little about where
 * the best one is, and a few huge values would leave the process no eye for the rest.
 *
 * The improvement is one over the least mean of the process at a trial, not over the least value:
 * where the process takes ripples for noise, the luckiest value is far below any mean, and to
 * improve on it nothing near it would seem worth a trial.
 *
 * The logarithm (Ament et al. 2023) has slopes where the improvement itself underflows. Trials
 * under way are taken to have had the mean that was expected (W&B does so too), pruned ones the
 * worst value. Beyond POINTS_MAX trials the best and the newest half are used. The first trials
 * are Sobol points. */
#include "engine/search/gp.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/learn/lbfgs.h"
#include "engine/search/search.h"
#include "engine/search/sobol.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

extern const struct sampler sampler_gp;

enum { STARTUP = 10, POINTS_MAX = 300, SOBOL_POINTS = 2000, NEAR = 48, STARTS = 8, CLIMB = 60 };
enum { LEVELS_ALL = 16 };
#define LOG_ROOT_2PI 0.91893853320467274178

struct candidate {
    double *u, score;
};

struct bo {
    const struct space *s;
    const struct search_past *past;
    struct gp g;
    bool *choice;
    double best;      /* least mean at a trial that ended */
    size_t incumbent; /* which it is */
    size_t *used;     /* trials in g, in order */
    size_t n_used;
    /* climbing */
    double *at, *dmean, *dvar, *t; /* d each */
    struct candidate *top;         /* STARTS, best first */
    double *memory;
};

/* ---- log expected improvement --------------------------------------------------------------- */

/* log of phi(z) + z Phi(z), and of Phi(z). */
static double log_h(double z, double *ret_log_cdf)
{
    double log_pdf = -0.5 * z * z - LOG_ROOT_2PI;

    if (z > -1) {
        double cdf = 0.5 * erfc(-z * M_SQRT1_2);
        *ret_log_cdf = log(cdf);
        return log(exp(log_pdf) + z * cdf);
    }
    if (z > -25) {
        double x = -z * M_SQRT1_2, mills = sqrt(M_PI_2) * exp(x * x) * erfc(x);
        *ret_log_cdf = log_pdf + log(mills);
        return log_pdf + log1p(z * mills);
    }
    double q = 1 / (z * z);
    *ret_log_cdf = log_pdf - log(-z) + log1p(-q);
    return log_pdf + log(q) + log1p(q * (-3 + 15 * q));
}

/* du: gradient, NULL: not wanted. */
static double log_ei(struct bo *b, const double *u, double *du)
{
    double mean, var, log_cdf;

    gp_predict(&b->g, u, &mean, &var, du ? b->dmean : NULL, b->dvar);
    double sd = sqrt(var), z = (b->best - mean) / sd;
    double h = log_h(z, &log_cdf);
    if (du) {
        double by_sd = exp(-0.5 * z * z - LOG_ROOT_2PI - h) / sd, by_mean = exp(log_cdf - h) / sd;
        for (size_t j = 0; j < b->s->n; j++)
            du[j] = by_sd * b->dvar[j] / (2 * sd) - by_mean * b->dmean[j];
    }
    return log(sd) + h;
}

/* As the process sees a point: choices by their number. */
static void encode(const struct bo *b, const double *u, double *x)
{
    for (size_t j = 0; j < b->s->n; j++) {
        const struct dim *d = &b->s->dims[j];
        x[j] = b->choice[j] ? (double)dim_level(d, u[j]) : u[j];
    }
}

static void decode(const struct bo *b, const double *x, double *u)
{
    for (size_t j = 0; j < b->s->n; j++) {
        const struct dim *d = &b->s->dims[j];
        u[j] = b->choice[j] ? dim_middle(d, (size_t)x[j]) : dim_snap(d, x[j]);
    }
}

/* ---- climbing ------------------------------------------------------------------------------- */

static double minus_log_ei(void *arg, const double *t, double *grad)
{
    struct bo *b = arg;
    double f;

    for (size_t j = 0; j < b->s->n; j++)
        if (!b->choice[j]) b->at[j] = 0.5 - 0.5 * cos(t[j]);
    f = log_ei(b, b->at, grad);
    for (size_t j = 0; j < b->s->n; j++) grad[j] = b->choice[j] ? 0 : -grad[j] * 0.5 * sin(t[j]);
    return isfinite(f) ? -f : HUGE_VAL;
}

static bool go_on(void *arg, int iteration, double f, const double *x)
{
    (void)arg, (void)iteration, (void)f, (void)x;
    return true;
}

static int climb_smooth(struct bo *b, double *x, struct err *e)
{
    const struct lbfgs p = {
        .n = b->s->n, .max_iter = CLIMB, .tol = 1e-5, .eval = minus_log_ei, .step = go_on, .arg = b
    };
    enum lbfgs_end end;

    memcpy(b->at, x, b->s->n * sizeof *x);
    for (size_t j = 0; j < b->s->n; j++) b->t[j] = acos(1 - 2 * fmin(fmax(x[j], 1e-3), 1 - 1e-3));
    int rc = lbfgs_minimise(&p, b->t, &end, e);
    for (size_t j = 0; j < b->s->n; j++)
        if (!b->choice[j]) x[j] = 0.5 - 0.5 * cos(b->t[j]);
    return rc;
}

/* Tries one value after another of dimension j; x keeps the best. */
static bool climb_levels(struct bo *b, size_t j, double *x, double *score)
{
    const struct dim *d = &b->s->dims[j];
    double kept = x[j];
    size_t now = b->choice[j] ? (size_t)x[j] : dim_level(d, x[j]), from = 0, to = d->levels;
    bool better = false;

    if (d->levels > LEVELS_ALL) {
        from = now > 2 ? now - 2 : 0;
        to = now + 3 < d->levels ? now + 3 : d->levels;
    }
    for (size_t k = from; k < to; k++) {
        x[j] = b->choice[j] ? (double)k : dim_middle(d, k);
        double f = k == now ? -HUGE_VAL : log_ei(b, x, NULL);
        if (!(f > *score)) continue;
        *score = f;
        kept = x[j];
        better = true;
    }
    x[j] = kept;
    return better;
}

/* Smooth and stepwise in turn, until steps bring nothing. x is snapped at the end. */
static int climb(struct bo *b, struct candidate *c, double *u, struct err *e)
{
    for (int round = 0; round < 3; round++) {
        bool moved = false;
        int rc = climb_smooth(b, c->u, e);
        if (rc < 0) return rc;
        decode(b, c->u, u);
        encode(b, u, c->u);
        c->score = log_ei(b, c->u, NULL);
        for (size_t j = 0; j < b->s->n; j++)
            if (b->s->dims[j].levels) moved |= climb_levels(b, j, c->u, &c->score);
        if (!moved) break;
    }
    return 0;
}

/* ---- candidates ----------------------------------------------------------------------------- */

static void consider(struct bo *b, const double *x)
{
    double score = log_ei(b, x, NULL);
    struct candidate *top = b->top, last = top[STARTS - 1];
    int i = STARTS - 1;

    if (!(score > last.score)) return;
    for (; i > 0 && score > top[i - 1].score; i--) top[i] = top[i - 1];
    memcpy(last.u, x, b->s->n * sizeof *x);
    last.score = score;
    top[i] = last;
}

/* Around the best trial, at ever shorter distances. */
static void near(struct bo *b, struct rng *r, int i, double *u)
{
    const double *best = b->past->trials[b->incumbent].u;
    double reach = pow(0.5, 2 + (double)(i % 8));

    for (size_t j = 0; j < b->s->n; j++) {
        double v = best[j] + reach * rng_normal(r);
        u[j] = dim_snap(&b->s->dims[j], v < 0 ? -v : v > 1 ? 2 - v : v);
    }
}

/* The best of very many points, then the best trial. */
static void score_all(struct bo *b, uint64_t seed, uint64_t number, double *u)
{
    struct candidate *last = &b->top[STARTS - 1];
    struct rng r;

    rng_stream(&r, seed ^ 0x67705f6e656172ULL, number);
    for (int i = 0; i < STARTS; i++) b->top[i].score = -HUGE_VAL;
    for (uint32_t i = 0; i < SOBOL_POINTS + NEAR; i++) {
        if (i < SOBOL_POINTS) sobol_point(rng_mix(seed ^ rng_mix(number)), i, b->s->n, u);
        else near(b, &r, (int)i, u);
        for (size_t j = 0; j < b->s->n; j++) u[j] = dim_snap(&b->s->dims[j], u[j]);
        encode(b, u, b->t);
        consider(b, b->t);
    }
    encode(b, b->past->trials[b->incumbent].u, last->u);
    last->score = log_ei(b, last->u, NULL);
}

/* Where every climb ended on a trial that was: the best of the Sobol points that are new. */
static void choose_unseen(struct bo *b, uint64_t key, double *u)
{
    double best = -HUGE_VAL, *tried = b->memory;

    for (uint32_t i = 0; i < SOBOL_POINTS; i++) {
        sobol_point(key, i, b->s->n, tried);
        for (size_t j = 0; j < b->s->n; j++) tried[j] = dim_snap(&b->s->dims[j], tried[j]);
        if (search_seen(b->s, b->past, tried)) continue;
        encode(b, tried, b->t);
        double score = log_ei(b, b->t, NULL);
        if (score > best) memcpy(u, tried, b->s->n * sizeof *u);
        best = fmax(best, score);
    }
}

static int choose(struct bo *b, uint64_t seed, uint64_t number, double *u, struct err *e)
{
    double best = -HUGE_VAL, *tried = b->memory;
    bool found = false;
    int rc = 0;

    score_all(b, seed, number, tried);
    decode(b, b->top[0].u, u);
    for (int i = 0; rc == 0 && i < STARTS; i++) {
        struct candidate *c = &b->top[i];
        if (!isfinite(c->score)) continue;
        rc = climb(b, c, tried, e);
        if (rc < 0 || !(c->score > best)) continue;
        decode(b, c->u, tried);
        if (search_seen(b->s, b->past, tried)) continue;
        best = c->score;
        found = true;
        memcpy(u, tried, b->s->n * sizeof *u);
    }
    if (rc == 0 && !found) choose_unseen(b, rng_mix(seed ^ rng_mix(number)), u);
    return rc;
}

/* ---- the process ---------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b, void *arg)
{
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    const struct search_trial *all = arg, *x = &all[i], *y = &all[k];

    if (x->state != y->state) return x->state < y->state ? -1 : 1;
    if (x->state == SEARCH_DONE && x->value != y->value) return x->value < y->value ? -1 : 1;
    return i > k ? -1 : 1; /* the newest first */
}

static int by_number(const void *a, const void *b)
{
    size_t i = *(const size_t *)a, k = *(const size_t *)b;

    return i < k ? -1 : i > k;
}

/* Which trials the process sees: of those that ended all, or the best and the newest. */
static void choose_points(struct bo *b)
{
    const struct search_past *past = b->past;
    size_t n = 0, half = POINTS_MAX / 2;

    for (size_t i = 0; i < past->n; i++)
        if (past->trials[i].state != SEARCH_RUNNING) b->used[n++] = i;
    qsort_r(b->used, n, sizeof *b->used, by_value, (void *)(uintptr_t)past->trials);
    if (n > POINTS_MAX) {
        qsort(b->used + half, n - half, sizeof *b->used, by_number);
        memmove(b->used + half, b->used + n - half, half * sizeof *b->used);
        n = POINTS_MAX;
    }
    b->n_used = n;
    for (size_t i = 0; i < past->n; i++)
        if (past->trials[i].state == SEARCH_RUNNING) b->used[n++] = i;
    b->g.n = n;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Values above the median m become m + s log(1 + (y - m) / s), s being m less the least. */
static void compress(double *y, size_t n)
{
    double *sorted = mem_alloc((n + 1) * sizeof *sorted);

    memcpy(sorted, y, n * sizeof *y);
    qsort(sorted, n, sizeof *sorted, ascending);
    double median = sorted[n ? (n - 1) / 2 : 0], spread = n ? median - sorted[0] : 0;
    free(sorted);
    for (size_t i = 0; spread > 0 && i < n; i++)
        if (y[i] > median) y[i] = median + spread * log1p((y[i] - median) / spread);
}

/* Values with mean 0 and deviation 1; pruned trials get the worst. */
static void standardise(struct bo *b)
{
    double worst = -HUGE_VAL, mean = 0, square = 0, n = (double)b->n_used;
    double *y = b->g.y;

    for (size_t i = 0; i < b->n_used; i++) {
        const struct search_trial *t = &b->past->trials[b->used[i]];
        if (t->state == SEARCH_DONE && t->value > worst) worst = t->value;
    }
    for (size_t i = 0; i < b->n_used; i++) {
        const struct search_trial *t = &b->past->trials[b->used[i]];
        y[i] = t->state == SEARCH_DONE ? t->value : worst;
    }
    compress(y, b->n_used);
    for (size_t i = 0; i < b->n_used; i++) mean += y[i] / n;
    for (size_t i = 0; i < b->n_used; i++) square += (y[i] - mean) * (y[i] - mean) / n;
    double sd = square > 0 ? sqrt(square) : 1;
    for (size_t i = 0; i < b->n_used; i++) y[i] = (y[i] - mean) / sd;
}

/* Where the process is lowest among the trials. Its mean there is y - noise alpha, since
 * (covariance + noise) alpha = y. */
static void find_incumbent(struct bo *b)
{
    b->best = HUGE_VAL;
    for (size_t i = 0; i < b->n_used; i++) {
        double mean = b->g.y[i] - b->g.noise * b->g.alpha[i];
        if (!(mean < b->best)) continue;
        b->best = mean;
        b->incumbent = b->used[i];
    }
}

/* Fits what ended, then adds what is under way at its expected mean. */
static int fit(struct bo *b, struct err *e)
{
    struct gp *g = &b->g;
    size_t all = g->n;
    double var;
    int rc;

    for (size_t i = 0; i < all; i++) encode(b, b->past->trials[b->used[i]].u, g->x + i * g->d);
    standardise(b);
    g->n = b->n_used;
    rc = gp_fit(g, e);
    if (rc == 0) find_incumbent(b);
    if (rc < 0 || all == b->n_used) return rc;
    for (size_t i = b->n_used; i < all; i++)
        gp_predict(g, g->x + i * g->d, &g->y[i], &var, NULL, NULL);
    g->n = all;
    return gp_factor(g, e);
}

static int prepare(struct bo *b, struct err *e)
{
    size_t d = b->s->n, running = 0;
    int rc;

    for (size_t i = 0; i < b->past->n; i++) running += b->past->trials[i].state == SEARCH_RUNNING;
    b->choice = mem_zalloc(d + 1, sizeof *b->choice);
    b->used = mem_zalloc(b->past->n + 1, sizeof *b->used);
    b->top = mem_zalloc(STARTS, sizeof *b->top);
    b->memory = mem_zalloc(d * (5 + STARTS) + 1, sizeof *b->memory);
    b->at = b->memory + d;
    b->dmean = b->at + d;
    b->dvar = b->dmean + d;
    b->t = b->dvar + d;
    for (size_t i = 0; i < STARTS; i++) b->top[i].u = b->t + (i + 1) * d;
    for (size_t j = 0; j < d; j++) b->choice[j] = dim_is_choice(&b->s->dims[j]);
    size_t ended = b->past->n - running;
    rc = gp_new(&b->g, (ended < POINTS_MAX ? ended : POINTS_MAX) + running, d, b->choice, e);
    if (rc == 0) choose_points(b);
    return rc;
}

static int suggest(const struct space *s, const struct search_past *past, uint64_t seed,
                   uint64_t number, double *u, struct err *e)
{
    struct bo b = { .s = s, .past = past };
    size_t done = 0;
    int rc;

    for (size_t i = 0; i < past->n; i++) done += past->trials[i].state == SEARCH_DONE;
    if (done < STARTUP || s->n == 0)
        return sampler_find("sobol")->suggest(s, past, seed, number, u, e);
    rc = prepare(&b, e);
    if (rc == 0) rc = fit(&b, e);
    if (rc == 0) rc = choose(&b, seed, number, u, e);
    gp_free(&b.g);
    free(b.choice);
    free(b.used);
    free(b.top);
    free(b.memory);
    return rc;
}

const struct sampler sampler_gp = { .name = "gp",
                                    .title = "Gaussian process, expected improvement",
                                    .learns = true,
                                    .suggest = suggest };
