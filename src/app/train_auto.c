/* train_auto.c: compares algorithms on the same folds and takes the best.
 *
 *   rows -> [sample] -> folds -> each candidate of auto.def: fit, measure -> the best one
 *
 * All candidates see the same rows and folds, so their scores can be compared pairwise. More than
 * SAMPLE_ROWS rows are sampled; fewer still when a trial on TRIAL_ROWS tells that the budget
 * would not do. A candidate that has begun when the budget ends stops after its second fold;
 * those after it are left out. Without a budget all is a function of data, arguments and seed.
 *
 * The interval of a score over k folds is that of Nadeau and Bengio (2003): folds share rows of
 * training, so the variance of their mean is (1/k + measured/fitted) s^2, with Student's t. */
#include "app/train_auto.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/model/params.h"
#include "engine/model/target.h"
#include "engine/stats/special.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_ROWS  50000
#define TRIAL_ROWS   1000
#define LATENCY_ROWS 200
#define LATENCY_US   10000
#define MIN_FOLDS    2

const struct auto_row auto_rows[] = {
#define AUTO(name, algorithm, tasks, max_rows, growth, params)                                     \
    { name, algorithm, tasks, max_rows, growth, params },
#include "app/auto.def"
#undef AUTO
    { 0 },
};

static const struct frame *compared(const struct comparison *x)
{
    return x->sample ? x->sample : x->t->train;
}

static double seconds_since(int64_t us)
{
    return (double)(clock_mono_us() - us) / 1e6;
}

static int stop_asked(const struct comparison *x, struct err *e)
{
    return engine_cancelled(&x->t->en) ? err_set(e, ERR_CANCELLED, "the training was stopped") : 0;
}

/* ---- candidates ---------------------------------------------------------------------------- */

/* "k=v k=v" and what was asked of all of them. */
static int read_candidate(struct comparison *x, struct candidate *c, struct err *e)
{
    struct arena *a = x->t->c->arena;
    struct val *in = val_copy(a, x->t->plan.params), *bound = NULL;
    char *text = arena_strdup(a, c->row->params), *save = NULL;

    for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        char *eq = strchr(w, '=');
        assert(eq);
        *eq = '\0';
        val_set_str(in, w, eq + 1);
    }
    c->learner = learner_find(c->row->algorithm);
    if (!c->learner)
        return err_set(e, ERR_INTERNAL, "auto: there is no learner %s", c->row->algorithm);
    int rc = model_bind_params(c->learner, a, in, &bound, e);
    c->params = bound;
    return rc < 0 ? err_prefix(e, "%s", c->row->name) : 0;
}

static int find_task(const struct comparison *x, enum task *ret, struct err *e)
{
    const struct train_plan *p = &x->t->plan;
    const struct target_wish wish = { p->task, p->positive, learner_find("gbdt") };
    struct target target = { 0 };
    int rc = target_fit(frame_col(x->t->train, p->target), x->t->train->n_rows, &wish, &target, e);

    if (rc == 0) *ret = target.task;
    target_done(&target);
    return rc;
}

static int choose_metric(struct comparison *x, enum task task, struct err *e)
{
    const char *usual = task == TASK_REGRESSION ? "rmse" : task == TASK_BINARY ? "auc" : "accuracy";

    x->metric = metric_find(x->t->plan.metric ? x->t->plan.metric : usual);
    assert(x->metric);
    if (x->metric->tasks & (unsigned)task) return 0;
    return err_set(e, ERR_INVALID, "metric: %s is not for %s", x->metric->name, task_name(task));
}

static int list_candidates(struct comparison *x, struct err *e)
{
    enum task task = TASK_BINARY;
    size_t all = 0;
    int rc = find_task(x, &task, e);

    if (rc == 0) rc = choose_metric(x, task, e);
    while (auto_rows[all].name) all++;
    x->c = arena_alloc(x->t->c->arena, all * sizeof *x->c);
    for (size_t i = 0; i < all && rc == 0; i++) {
        struct candidate *c = &x->c[x->n];
        if (!(auto_rows[i].tasks & (unsigned)task)) continue;
        *c = (struct candidate){
            .row = &auto_rows[i], .score = (double)NAN, .low = (double)NAN, .high = (double)NAN
        };
        for (int m = 0; m < TRAIN_METRICS_MAX; m++) c->mean[m] = c->deviation[m] = (double)NAN;
        c->fold = arena_alloc(x->t->c->arena, (size_t)x->t->plan.folds * sizeof *c->fold);
        rc = read_candidate(x, c, e);
        x->n++;
    }
    return rc;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static int by_row(const void *a, const void *b)
{
    const uint32_t *x = a, *z = b;

    return (*x > *z) - (*x < *z);
}

/* n rows of the training's, drawn by the seed, in their order. */
static int draw(const struct comparison *x, size_t n, struct frame **ret, struct err *e)
{
    size_t all = x->t->train->n_rows;
    MEM_AUTO uint32_t *rows = mem_try(all + 1, sizeof *rows);
    struct rng rng;

    if (!rows) return err_set(e, ERR_NOMEM, "no memory to sample %zu rows", all);
    for (size_t i = 0; i < all; i++) rows[i] = (uint32_t)i;
    rng_stream(&rng, x->t->plan.seed, 1);
    rng_shuffle(&rng, rows, all);
    qsort(rows, n, sizeof *rows, by_row);
    return frame_take(x->t->train, rows, n, ret, e);
}

static void use_candidate(struct comparison *x, const struct candidate *c)
{
    x->t->plan.learner = c->learner;
    x->t->plan.params = c->params;
}

static bool too_many_rows(const struct candidate *c, size_t rows)
{
    return c->row->max_rows && rows > c->row->max_rows;
}

/* How long all folds of all candidates would take on so many rows, from one fit of each on few.
 * What cannot be fitted on them costs nothing here. */
static double estimate(const struct comparison *x, const double *trial_s, size_t rows)
{
    double k = x->t->plan.folds, times = (double)rows * (k - 1) / k / TRIAL_ROWS, sum = 0;

    for (size_t i = 0; i < x->n; i++)
        if (!too_many_rows(&x->c[i], rows)) sum += k * trial_s[i] * pow(times, x->c[i].row->growth);
    return sum;
}

static int time_trials(struct comparison *x, double *trial_s, struct err *e)
{
    double out[TRAIN_METRICS_MAX];
    struct frame *few = NULL;
    int rc = draw(x, TRIAL_ROWS, &few, e);

    for (size_t i = 0; i < x->n && rc == 0; i++) {
        struct model *m = NULL;
        struct err why = ERR_INIT;
        int64_t from = clock_mono_us();
        use_candidate(x, &x->c[i]);
        if (train_fit(x->t, few, NULL, &m, &why) == 0) train_measure(x->t, m, few, out, &why);
        trial_s[i] = seconds_since(from);
        model_free(m);
        rc = stop_asked(x, e);
    }
    frame_free(few);
    return rc;
}

/* As many rows as the budget allows, at least TRIAL_ROWS. */
static int rows_for_budget(struct comparison *x, struct err *e)
{
    double budget = x->t->plan.budget_s;
    double *trial_s = arena_array(x->t->c->arena, x->n, double);

    if (budget <= 0 || x->rows <= 2 * TRIAL_ROWS) return 0;
    train_step(x->t, 0.05, 0.08, "timing algorithms on few rows");
    int rc = time_trials(x, trial_s, e);
    while (rc == 0 && x->rows > TRIAL_ROWS && estimate(x, trial_s, x->rows) > budget)
        x->rows = x->rows * 3 / 4 > TRIAL_ROWS ? x->rows * 3 / 4 : TRIAL_ROWS;
    return rc;
}

static int choose_rows(struct comparison *x, struct err *e)
{
    x->rows = x->t->train->n_rows < SAMPLE_ROWS ? x->t->train->n_rows : SAMPLE_ROWS;
    int rc = rows_for_budget(x, e);

    if (rc < 0 || x->rows == x->t->train->n_rows) return rc;
    return draw(x, x->rows, &x->sample, e);
}

/* ---- measuring ----------------------------------------------------------------------------- */

/* The raw values of some rows, as serving has them; NULL: no memory. */
static double *raw_rows(const struct model *m, const struct frame *f, size_t n)
{
    size_t d = model_features(m);
    double *x = mem_try(n * d + 1, sizeof *x);
    char buf[40];

    for (size_t j = 0; x && j < d; j++) {
        enum col_type type;
        const struct column *c = frame_col(f, model_feature(m, j, &type));
        for (size_t i = 0; i < n; i++) {
            const char *s = column_text(c, i, buf);
            x[i * d + j] = col_is_coded(type) ? model_code(m, j, s, strlen(s)) : c->num[i];
        }
    }
    return x;
}

/* Microseconds of CPU for one row, the least of a few rounds: the others were disturbed. */
static double row_latency(const struct model *m, const struct frame *f)
{
    size_t n = f->n_rows < LATENCY_ROWS ? f->n_rows : LATENCY_ROWS, d = model_features(m);
    MEM_AUTO double *x = raw_rows(m, f, n);
    MEM_AUTO double *scratch = mem_try(model_scratch(m) + 1, sizeof *scratch);
    MEM_AUTO double *out = mem_try((size_t)model_outputs(m) + 1, sizeof *out);
    double best = (double)NAN, spent = 0;

    if (!x || !scratch || !out || n == 0) return best;
    for (int round = 0; round < 3 || (round < 50 && spent < LATENCY_US); round++) {
        int64_t from = clock_thread_ns();
        for (size_t i = 0; i < n; i++) model_predict_row(m, x + i * d, scratch, out);
        double us = (double)(clock_thread_ns() - from) / 1e3;
        best = fmin(isnan(best) ? us / (double)n : best, us / (double)n);
        spent += us;
    }
    return best;
}

static int weigh(struct candidate *c, const struct model *m, const struct frame *test,
                 struct err *e)
{
    struct buf b = BUF_INIT;
    int rc = model_save(m, &b, e);

    c->bytes = b.n;
    c->row_us = row_latency(m, test);
    buf_done(&b);
    return rc;
}

static int one_fold(struct comparison *x, struct candidate *c, const struct split *s, struct err *e)
{
    struct frame *train = NULL, *test = NULL;
    struct model *m = NULL;
    int rc = frame_take(compared(x), s->train, s->n_train, &train, e);

    if (rc == 0) rc = frame_take(compared(x), s->test, s->n_test, &test, e);
    int64_t from = clock_mono_us();
    if (rc == 0) rc = train_fit(x->t, train, NULL, &m, e);
    if (rc == 0) {
        c->fit_s += seconds_since(from);
        rc = train_measure(x->t, m, test, c->fold[c->folds], e);
    }
    if (rc == 0 && c->folds == 0) rc = weigh(c, m, test, e);
    if (rc == 0) c->folds++;
    model_free(m);
    frame_free(train);
    frame_free(test);
    return rc;
}

/* Means and deviations over the folds that were done, and the interval of what decides. */
static void summarise(struct comparison *x, struct candidate *c)
{
    size_t at = (size_t)(x->metric - metrics);
    double k = c->folds;

    train_summarise(c->fold, c->folds, c->mean, c->deviation);
    c->fit_s /= k;
    c->score = c->mean[at];
    double half = t_isf(0.025, k - 1) * c->deviation[at] * sqrt(1 / k + x->share);
    c->low = c->score - half;
    c->high = c->score + half;
}

static bool used_up(const struct comparison *x, int64_t began)
{
    return x->t->plan.budget_s > 0 && seconds_since(began) > x->t->plan.budget_s;
}

/* A candidate that fails is left out with its reason; the others may do. */
static int try_candidate(struct comparison *x, struct candidate *c, const struct split *s,
                         int64_t began, struct err *e)
{
    struct arena *a = x->t->c->arena;
    int k = x->t->plan.folds, rc = 0;

    use_candidate(x, c);
    for (int i = 0; i < k && rc == 0; i++) {
        double each = 0.8 / (double)x->n, from = 0.08 + each * (double)(c - x->c);
        if (i >= MIN_FOLDS && used_up(x, began)) {
            c->note = arena_printf(a, "%d of %d folds: the budget was used up", i, k);
            break;
        }
        train_step(x->t, from + each * i / k, from + each * (i + 1) / k,
                   arena_printf(a, "%s, fold %d of %d", c->row->name, i + 1, k));
        x->t->step = arena_printf(a, "%s, fold %d of %d: ", c->row->name, i + 1, k);
        rc = one_fold(x, c, &s[i], e);
        if (rc == 0) rc = stop_asked(x, e);
    }
    if (rc == -ERR_CANCELLED || rc == -ERR_NOMEM) return rc;
    if (rc < 0) c->note = arena_strdup(a, e->msg);
    else summarise(x, c);
    if (rc < 0) c->folds = 0;
    return 0;
}

static bool better(const struct comparison *x, const struct candidate *c)
{
    if (isnan(c->score)) return false;
    if (!x->best) return true;
    return x->metric->greater_is_better ? c->score > x->best->score : c->score < x->best->score;
}

static int compare_all(struct comparison *x, const struct split *s, struct err *e)
{
    int64_t began = clock_mono_us();
    int rc = 0;

    x->share = (double)s->n_test / (double)s->n_train;
    for (size_t i = 0; i < x->n && rc == 0; i++) {
        struct candidate *c = &x->c[i];
        if (too_many_rows(c, x->rows)) {
            c->note =
                arena_printf(x->t->c->arena, "left out: more than %zu rows", c->row->max_rows);
        } else if (x->best && used_up(x, began)) {
            c->note = "left out: the budget was used up";
        } else {
            rc = try_candidate(x, c, s, began, e);
            if (rc == 0 && better(x, c)) x->best = c;
        }
    }
    x->used_s = seconds_since(began);
    if (rc == 0 && !x->best) return err_prefix(e, "no algorithm could be fitted; the last one");
    return rc;
}

int auto_compare(struct comparison *x, struct err *e)
{
    struct training *t = x->t;
    int k = t->plan.folds;
    struct split *s = arena_array(t->c->arena, (size_t)k, struct split);
    const struct column *by;
    int rc = list_candidates(x, e);

    if (rc == 0) rc = choose_rows(x, e);
    if (rc == 0) rc = train_split_column(t, compared(x), &by, e);
    if (rc == 0) rc = split_folds(x->rows, t->plan.split, k, by, t->plan.seed, s, e);
    if (rc == 0) rc = compare_all(x, s, e);
    for (int i = 0; i < k; i++) split_done(&s[i]);
    if (rc < 0) return rc;
    use_candidate(x, x->best);
    memcpy(t->measured, x->best->mean, sizeof t->measured);
    memcpy(t->deviation, x->best->deviation, sizeof t->deviation);
    return 0;
}

void auto_done(struct comparison *x)
{
    frame_free(x->sample);
    x->sample = NULL;
}
