/* train_job.c: the job `train`: data in, model out.
 *
 *   begin run -> read -> split -> [compare algorithms | k folds: fit, measure] -> fit -> measure
 *   -> publish
 *
 * Without folds a part of the rows (--holdout) or other data (--valid) is measured on; with
 * folds the means over the folds are the metrics and the model is then fitted on all rows. The
 * measured rows also draw the second loss curve, and choose the number of rounds if the learner
 * was asked to stop early. Everything is a function of the data, the arguments and the seed. */
#include "app/train_auto.h"
#include "app/train_run.h"
#include "base/mem.h"
#include "engine/pool.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -- progress -------------------------------------------------------------- */

static void begin_step(struct training *t, double from, double to, const char *name)
{
    t->from = t->shown = from;
    t->to = to;
    t->step = name;
}

void train_step(struct training *t, double from, double to, const char *what)
{
    begin_step(t, from, to, "");
    t->c->report(t->c, t->from, what);
}

void train_progress(void *user, const struct engine_progress *p)
{
    struct training *t = user;
    double done = p->total ? (double)p->done / (double)p->total : 0;
    double shown = isnan(p->valid) ? p->train : p->valid;
    STR_AUTO text = STR_INIT;

    str_addf(&text, "%s%s %zu/%zu", t->step, p->what ? p->what : "step", p->done, p->total);
    if (p->metric && !isnan(shown)) str_addf(&text, " %s %.4g", p->metric, shown);
    t->shown = fmax(t->shown, t->from + (t->to - t->from) * done);
    t->c->report(t->c, t->shown, str_c(&text));
    if (t->draws_curve) train_curve_add(t, p);
}

static void on_note(void *user, const char *line)
{
    struct training *t = user;

    log_line(t->c->app->log, LOG_INFO, "train", "%s", line);
}

static int check_cancel(const struct training *t, struct err *e)
{
    return engine_cancelled(&t->en) ? err_set(e, ERR_CANCELLED, "the training was stopped") : 0;
}

/* -- data ------------------------------------------------------------------- */

static int need_column(const struct frame *f, const char *name, const char *what,
                       const struct column **ret, struct err *e)
{
    const struct column *c = frame_col(f, name);
    const char *nearest = NULL;
    int best = 0;

    if (c) {
        *ret = c;
        return 0;
    }
    for (size_t i = 0; i < f->n_cols; i++) {
        int far = str_distance(f->cols[i].name, name);
        if (far < best) {
            best = far;
            nearest = f->cols[i].name;
        }
    }
    err_set(e, ERR_INVALID, "%s: the data have no column '%s'", what, name);
    return nearest ? err_hint(e, "did you mean '%s'?", nearest) : -ERR_INVALID;
}

static void log_ingest(const struct training *t, const char *ref, const struct ingest_report *r)
{
    struct log *log = t->c->app->log;

    log_line(log, LOG_INFO, "train", "%s: %lld rows, %lld columns, %s", ref, (long long)r->rows,
             (long long)r->columns, r->format);
    if (r->skipped + r->repaired)
        log_line(log, LOG_WARN, "train", "%s: %lld bad rows skipped, %lld repaired; first: %s", ref,
                 (long long)r->skipped, (long long)r->repaired, r->first_bad);
    for (int i = 0; i < r->n_notes; i++) log_line(log, LOG_INFO, "train", "%s", r->notes[i]);
}

/* like: columns that are categories there are read as such here; NULL: as they look. */
static int read_data(struct training *t, const char *ref, const struct frame *like,
                     struct frame **ret, struct err *e)
{
    const char **coded = arena_array(t->c->arena, like ? like->n_cols : 1, const char *);
    struct ingest_options o;
    struct ingest_report report = { 0 };
    int rc = ingest_options_from(t->plan.args, &o, e);

    if (rc < 0) return rc;
    o.as_text = coded;
    o.cancel = t->c->cancel;
    if (like) o.labels = NULL; /* those of the training data */
    for (size_t i = 0; like && i < like->n_cols; i++)
        if (col_is_coded(like->cols[i].type)) coded[o.n_as_text++] = like->cols[i].name;
    rc = ingest_data(t->c->app, ref, &o, ret, &report, e);
    if (rc == 0) log_ingest(t, ref, &report);
    return rc;
}

int train_split_column(const struct training *t, const struct frame *f, const struct column **ret,
                       struct err *e)
{
    *ret = NULL;
    if (t->plan.split == SPLIT_STRATIFIED) return need_column(f, t->plan.target, "target", ret, e);
    if (t->plan.split == SPLIT_TIME && t->plan.time_column)
        return need_column(f, t->plan.time_column, "split", ret, e);
    return 0;
}

static int split_off_holdout(struct training *t, struct frame *all, struct err *e)
{
    const struct column *by;
    struct split s = { 0 };
    int rc = train_split_column(t, all, &by, e);

    if (rc == 0)
        rc = split_holdout(all->n_rows, t->plan.split, t->plan.holdout, by, t->plan.seed, &s, e);
    if (rc == 0) rc = frame_take(all, s.train, s.n_train, &t->train, e);
    if (rc == 0) rc = frame_take(all, s.test, s.n_test, &t->valid, e);
    split_done(&s);
    return rc;
}

/* Fills in train and valid; with folds, and without a target, train is everything. */
int train_load(struct training *t, struct err *e)
{
    const struct column *target;
    struct frame *all = NULL;
    int rc;

    train_step(t, 0, 0.05, "reading data");
    rc = read_data(t, t->plan.data, NULL, &all, e);
    if (rc == 0 && t->plan.target)
        rc = need_column(all, t->plan.target, "target", &target, e);
    if (rc == 0) rc = check_cancel(t, e);
    if (rc < 0) {
        frame_free(all);
        return rc;
    }
    t->rows = all->n_rows;
    if (t->plan.target && !t->plan.valid && !t->plan.folds) {
        rc = split_off_holdout(t, all, e);
        frame_free(all);
    } else {
        t->train = all;
        if (t->plan.valid) rc = read_data(t, t->plan.valid, all, &t->valid, e);
    }
    if (rc == 0)
        t->fp_data =
            arena_printf(t->c->arena, "%016llx", (unsigned long long)frame_fingerprint(t->train));
    return rc;
}

/* -- fit and measure --------------------------------------------------------- */

int train_fit(struct training *t, const struct frame *train, const struct frame *valid,
              struct model **ret, struct err *e)
{
    const struct train_plan *p = &t->plan;
    const struct model_spec spec = { .algorithm = p->learner->name,
                                     .target = p->target,
                                     .task = p->task,
                                     .positive = p->positive,
                                     .weight = p->weight,
                                     .drop = p->drop,
                                     .params = p->params };

    return model_fit(&t->en, &spec, train, valid, ret, e);
}

int train_measure(struct training *t, const struct model *m, const struct frame *f, double *out,
                  struct err *e)
{
    double *p = mem_try(f->n_rows * (size_t)model_outputs(m), sizeof *p);
    double *y = mem_try(f->n_rows, sizeof *y);
    struct metric_input in = {
        .task = model_task(m), .n_classes = model_classes(m), .n = f->n_rows, .y = y, .p = p
    };
    int rc = p && y ? 0 : err_set(e, ERR_NOMEM, "no memory to score %zu rows", f->n_rows);

    if (rc == 0) rc = model_predict(&t->en, m, f, p, e);
    if (rc == 0) rc = model_encode_target(m, f, y, e);
    if (rc == 0) rc = metric_all(&in, out, e);
    free(p);
    free(y);
    return rc;
}

static int one_fold(struct training *t, const struct split *s, double *out, struct err *e)
{
    struct frame *train = NULL, *test = NULL;
    struct model *m = NULL;
    int rc = frame_take(t->train, s->train, s->n_train, &train, e);

    if (rc == 0) rc = frame_take(t->train, s->test, s->n_test, &test, e);
    if (rc == 0) rc = train_fit(t, train, test, &m, e);
    if (rc == 0) rc = train_measure(t, m, test, out, e);
    model_free(m);
    frame_free(train);
    frame_free(test);
    return rc;
}

void train_summarise(double (*fold)[TRAIN_METRICS_MAX], int k, double *mean, double *deviation)
{
    for (int m = 0; m < TRAIN_METRICS_MAX; m++) {
        double sum = 0, squares = 0;
        int n = 0;
        for (int i = 0; i < k; i++)
            if (!isnan(fold[i][m])) {
                sum += fold[i][m];
                n++;
            }
        mean[m] = n ? sum / n : (double)NAN;
        for (int i = 0; i < k; i++)
            if (!isnan(fold[i][m])) squares += (fold[i][m] - mean[m]) * (fold[i][m] - mean[m]);
        deviation[m] = n > 1 ? sqrt(squares / (n - 1)) : (double)NAN;
    }
}

int train_cross_validate(struct training *t, struct err *e)
{
    int k = t->plan.folds;
    const struct column *by;
    struct split *s = arena_array(t->c->arena, (size_t)k, struct split);
    double(*fold)[TRAIN_METRICS_MAX] = arena_alloc(t->c->arena, (size_t)k * sizeof *fold);
    int rc = train_split_column(t, t->train, &by, e);

    if (rc == 0) rc = split_folds(t->train->n_rows, t->plan.split, k, by, t->plan.seed, s, e);
    for (int i = 0; rc == 0 && i < k; i++) {
        for (int m = 0; m < TRAIN_METRICS_MAX; m++) fold[i][m] = NAN;
        double each = 0.85 / (k + 1);
        begin_step(t, 0.05 + each * i, 0.05 + each * (i + 1),
                   arena_printf(t->c->arena, "fold %d/%d: ", i + 1, k));
        t->fold = i + 1;
        rc = one_fold(t, &s[i], fold[i], e);
    }
    t->fold = 0;
    for (int i = 0; i < k; i++) split_done(&s[i]);
    if (rc == 0) train_summarise(fold, k, t->measured, t->deviation);
    return rc;
}

/* Finds out which algorithm it shall be. */
static int decide(struct training *t, struct err *e)
{
    t->comparison = arena_new(t->c->arena, struct comparison);
    t->comparison->t = t;
    int rc = auto_compare(t->comparison, e);
    auto_done(t->comparison);
    return rc;
}

static int compute(struct training *t, struct err *e)
{
    int rc = train_load(t, e);
    int64_t t0;

    if (rc == 0 && !t->plan.learner) rc = decide(t, e);
    else if (rc == 0 && t->plan.folds) rc = train_cross_validate(t, e);
    if (rc < 0) return rc;
    train_step(t, t->plan.folds ? t->to : 0.05, 0.9, "fitting");
    t->draws_curve = true;
    t0 = clock_mono_us();
    rc = train_fit(t, t->train, t->valid, &t->model, e);
    t->fit_s = (double)(clock_mono_us() - t0) / 1e6;
    if (rc < 0) return rc;
    train_step(t, 0.9, 1, "measuring");
    if (!t->plan.target) return check_cancel(t, e); /* the fit has its own figures */
    if (t->valid) rc = train_measure(t, t->model, t->valid, t->measured, e);
    if (rc == 0) rc = train_measure(t, t->model, t->train, t->trained, e);
    return rc == 0 ? check_cancel(t, e) : rc;
}

/* -- the job ------------------------------------------------------------------ */

int train_begin(struct training *t, struct err *e)
{
    for (int i = 0; i < TRAIN_METRICS_MAX; i++)
        t->measured[i] = t->deviation[i] = t->trained[i] = NAN;
    t->en = (struct engine){ .pool = pool_new(t->plan.threads),
                             .seed = t->plan.seed,
                             .cancel = t->c->cancel,
                             .progress = train_progress,
                             .note = on_note,
                             .user = t };
    if (!t->en.pool) return err_set(e, ERR_NOMEM, "no memory for the engine's threads");
    return train_run_begin(t, e);
}

void train_done(struct training *t)
{
    model_free(t->model);
    frame_free(t->train);
    frame_free(t->valid);
    if (t->en.pool) pool_free(t->en.pool);
    vec_done(&t->params);
    vec_done(&t->curve.points);
}

int job_train(struct job_ctx *c, struct val *result, struct err *e)
{
    struct training t = { .c = c, .step = "", .started_us = clock_mono_us() };
    int rc = train_plan_read(c->arena, c->args, &t.plan, e);

    if (rc == 0) rc = train_begin(&t, e);
    if (rc == 0) rc = compute(&t, e);
    if (rc == 0) rc = train_publish(&t, result, e);
    train_done(&t);
    return rc;
}
