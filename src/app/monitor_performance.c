/* monitor_performance.c: how right the answers of a window were, as far as labels say, what the
 * probabilities promise where they do not, and whether the stream of errors changed.
 *
 * The task is the model's; without a model it is told from the labels: only 0/1 or true/false:
 * binary; only numbers: regression; else multiclass. Answers count as given, which may be by
 * another threshold than 0.5; where there are none the probability decides. A log may hold the
 * probability of the positive class or that of the answered class: it is taken for the latter
 * when some answers are negative and no probability is below 0.5. */
#include "app/monitor_priv.h"
#include "base/mem.h"
#include "engine/drift/detector.h"
#include "engine/metric/performance.h"
#include "engine/stats/isotonic.h"

#include <math.h>
#include <string.h>

#define Z95            1.959963984540054
#define CALIBRATE_ROWS 500 /* labels of the window before that make a calibration worth it */
#define CALIBRATE_POS  30  /* of the rarer class */

struct view { /* the rows as the task sees them */
    enum task task;
    const char *positive;
    int32_t positive_code[2]; /* in the texts of rows and before; -1: not there */
    bool answered;            /* probabilities are those of the answered class */
};

/* Labelled rows in the order of events. */
struct labelled {
    double *y, *hard; /* truth and answer: 0/1, or numbers; multiclass: hard says right or wrong */
    double *py, *p;   /* of those with a probability */
    size_t n, np;
};

/* ---- task ------------------------------------------------------------------------------- */

static bool is_truth(const char *s)
{
    return str_eq(s, "0") || str_eq(s, "1") || str_eq(s, "true") || str_eq(s, "false");
}

static enum task guess_task(const struct monitor_rows *r)
{
    bool truth = true, number = true;
    double v;

    for (size_t i = 0; i < r->row.n; i++) {
        int32_t code = r->row.p[i].label;
        if (code < 0) continue;
        const char *s = dict_str(r->texts, code, NULL);
        truth = truth && is_truth(s);
        number = number && str_to_real(s, &v);
    }
    return truth ? TASK_BINARY : number ? TASK_REGRESSION : TASK_MULTICLASS;
}

/* Texts of one meaning have one code, so the positive label is looked up in the same form. */
static int32_t positive_of(const struct monitor_rows *r, const char *positive)
{
    char number[32];
    double v;

    if (!r->texts) return -1;
    if (positive && str_to_real(positive, &v)) positive = str_real(number, v);
    if (positive && !str_eq(positive, "True") && !str_eq(positive, "TRUE"))
        return dict_find(r->texts, positive, strlen(positive));
    int32_t code = dict_find(r->texts, "true", 4);
    return code >= 0 ? code : dict_find(r->texts, "1", 1);
}

static bool probabilities_of_answers(const struct monitor_rows *r, int32_t positive)
{
    bool negatives = false;

    for (size_t i = 0; i < r->row.n; i++) {
        const struct monitor_row *row = &r->row.p[i];
        if (isnan(row->p) || row->answer < 0) continue;
        if (row->p < 0.5) return false;
        negatives = negatives || row->answer != positive;
    }
    return negatives;
}

static struct view view_of(const struct measurement *ms)
{
    const struct reference *ref = &ms->m->ref;
    struct view v = { .positive = ref->positive };

    if (!ref->task || !task_parse(ref->task, &v.task)) v.task = guess_task(&ms->rows);
    v.positive_code[0] = positive_of(&ms->rows, ref->positive);
    v.positive_code[1] = positive_of(&ms->before, ref->positive);
    if (v.task == TASK_BINARY) v.answered = probabilities_of_answers(&ms->rows, v.positive_code[0]);
    return v;
}

/* Of the positive class; NaN: unknown. */
static double probability(const struct view *v, const struct monitor_row *r, int32_t positive)
{
    if (r->p < 0 || r->p > 1) return (double)NAN;
    return v->answered && r->answer >= 0 && r->answer != positive ? 1 - r->p : r->p;
}

static double number(const struct monitor_rows *r, int32_t code)
{
    double v;

    return code >= 0 && str_to_real(dict_str(r->texts, code, NULL), &v) ? v : (double)NAN;
}

/* ---- labelled rows ---------------------------------------------------------------------- */

static void add_binary(const struct view *v, const struct monitor_row *r, int32_t positive,
                       struct labelled *l)
{
    double p = probability(v, r, positive), y = r->label == positive;
    double hard = r->answer >= 0 ? r->answer == positive : p >= 0.5;

    if (r->answer < 0 && isnan(p)) return;
    l->y[l->n] = y;
    l->hard[l->n++] = hard;
    if (isnan(p)) return;
    l->py[l->np] = y;
    l->p[l->np++] = p;
}

static void add_other(const struct view *v, const struct monitor_rows *rows,
                      const struct monitor_row *r, struct labelled *l)
{
    double y = 1, hard = r->answer == r->label;

    if (r->answer < 0) return;
    if (v->task == TASK_REGRESSION) {
        y = number(rows, r->label);
        hard = number(rows, r->answer);
        if (isnan(y) || isnan(hard)) return;
    }
    l->y[l->n] = y;
    l->hard[l->n++] = hard;
}

/* Frees with free(l->y). */
static int collect(const struct view *v, const struct monitor_rows *rows, int32_t positive,
                   struct labelled *l, struct err *e)
{
    size_t n = rows->labels + 1;

    *l = (struct labelled){ .y = mem_try(n, 4 * sizeof *l->y) };
    if (!l->y) return err_set(e, ERR_NOMEM, "no memory for %zu labels", rows->labels);
    l->hard = l->y + n;
    l->py = l->hard + n;
    l->p = l->py + n;
    for (size_t i = 0; i < rows->row.n; i++) {
        const struct monitor_row *r = &rows->row.p[i];
        if (r->label < 0) continue;
        if (v->task == TASK_BINARY) add_binary(v, r, positive, l);
        else add_other(v, rows, r, l);
    }
    return 0;
}

/* ---- figures ---------------------------------------------------------------------------- */

static struct val *set_figure(struct val *o, const char *name, const struct figure *f)
{
    struct val *v = val_set_obj(o, name);

    monitor_set_real(v, "value", f->value);
    monitor_set_real(v, "low", f->low);
    monitor_set_real(v, "high", f->high);
    val_set_int(v, "n", (int64_t)f->n);
    return v;
}

static int set_classes(const struct view *v, const struct labelled *l, struct val *o, struct err *e)
{
    struct performance given, by_p;
    int rc = performance_measure(l->y, l->hard, l->n, &given, e);

    if (rc == 0) rc = performance_measure(l->py, l->p, l->np, &by_p, e);
    if (rc < 0) return rc;
    set_figure(o, "accuracy", &given.accuracy);
    if (v->task != TASK_BINARY) return 0; /* hard holds right or wrong; nothing else is known */
    set_figure(o, "precision", &given.precision);
    set_figure(o, "recall", &given.recall);
    struct val *brier = set_figure(o, "brier", &by_p.brier);
    monitor_set_real(brier, "reliability", by_p.reliability);
    monitor_set_real(brier, "resolution", by_p.resolution);
    monitor_set_real(brier, "uncertainty", by_p.uncertainty);
    set_figure(o, "log_loss", &by_p.log_loss);
    set_figure(o, "auc", &by_p.auc);
    set_figure(o, "ece", &by_p.ece);
    val_set_int(o, "positives", (int64_t)given.positives);
    return 0;
}

/* Mean of |error|^power with the normal interval, each end taken to the power of `back`. */
static struct figure error_figure(const struct labelled *l, double power, double back)
{
    long double sum = 0, squares = 0;

    for (size_t i = 0; i < l->n; i++) {
        double x = pow(fabs(l->hard[i] - l->y[i]), power);
        sum += x;
        squares += (long double)x * x;
    }
    double n = (double)l->n, mean = (double)sum / n, half = (double)NAN;
    if (l->n > 1) half = Z95 * sqrt(fmax(0, (double)squares / n - mean * mean) / (n - 1));
    return (struct figure){ pow(mean, back), pow(fmax(0, mean - half), back),
                            pow(mean + half, back), l->n };
}

static int set_performance(struct measurement *ms, const struct view *v, const struct labelled *l,
                           struct err *e)
{
    static const char *const names[] = { "accuracy", "precision", "recall", "brier",
                                         "log_loss", "auc",       "ece" };
    struct val *o = val_set_obj(ms->data, "performance");

    val_set_str(o, "task", ms->rows.labels || ms->m->ref.task ? task_name(v->task) : NULL);
    val_set_str(o, "positive", v->task == TASK_BINARY ? v->positive : NULL);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) val_set_str(o, names[i], NULL);
    if (l->n < ms->m->min_labels || l->n == 0) return 0;
    if (v->task != TASK_REGRESSION) return set_classes(v, l, o, e);
    struct figure rmse = error_figure(l, 2, 0.5), mae = error_figure(l, 1, 1);
    set_figure(o, "rmse", &rmse);
    set_figure(o, "mae", &mae);
    return 0;
}

/* ---- what can be expected ---------------------------------------------------------------- */

/* A map from probability to rate, from the labels of the window before. */
static int calibrate(struct measurement *ms, const struct view *v, struct isotonic *ret,
                     bool *ret_is, struct err *e)
{
    struct labelled l;
    int rc = collect(v, &ms->before, v->positive_code[1], &l, e);
    size_t positives = 0;

    *ret_is = false;
    if (rc < 0) return rc;
    for (size_t i = 0; i < l.np; i++) positives += l.py[i] > 0;
    size_t rarer = positives < l.np - positives ? positives : l.np - positives;
    if (l.np >= CALIBRATE_ROWS && rarer >= CALIBRATE_POS) {
        rc = isotonic_fit(l.p, l.py, NULL, l.np, ret, e);
        *ret_is = rc == 0;
    }
    free(l.y);
    return rc;
}

static int expect(struct measurement *ms, const struct view *v, struct expected *x, size_t *ret_n,
                  bool *ret_calibrated, struct err *e)
{
    size_t n = ms->rows.row.n, k = 0;
    MEM_AUTO double *p = mem_try(n + 1, sizeof *p);
    struct isotonic map = { 0 };
    int rc = p ? calibrate(ms, v, &map, ret_calibrated, e)
               : err_set(e, ERR_NOMEM, "no memory for %zu predictions", n);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        double one = probability(v, &ms->rows.row.p[i], v->positive_code[0]);
        if (!isnan(one)) p[k++] = *ret_calibrated ? isotonic_at(&map, one) : one;
    }
    if (*ret_calibrated) isotonic_done(&map);
    *ret_n = k;
    if (rc == 0 && k > 0) rc = performance_expect(p, k, x, e);
    return rc;
}

static int set_estimated(struct measurement *ms, const struct view *v, struct err *e)
{
    struct expected x = { .accuracy = (double)NAN, .auc = (double)NAN, .brier = (double)NAN };
    struct val *o = val_set_obj(ms->data, "estimated");
    bool calibrated = false;
    size_t n = 0;
    int rc = v->task == TASK_BINARY ? expect(ms, v, &x, &n, &calibrated, e) : 0;

    monitor_set_real(o, "accuracy", x.accuracy);
    monitor_set_real(o, "auc", x.auc);
    monitor_set_real(o, "brier", x.brier);
    val_set_int(o, "n", (int64_t)n);
    val_set_bool(o, "calibrated", calibrated);
    return rc;
}

/* ---- the error stream ------------------------------------------------------------------- */

struct stream {
    struct watch *watch;
    double scale; /* regression: errors above this count as 1 */
    int64_t alarms, last_us, n;
};

static void feed(struct stream *s, const struct view *v, const struct monitor_rows *rows,
                 int32_t positive, bool counts)
{
    for (size_t i = 0; i < rows->row.n; i++) {
        const struct monitor_row *r = &rows->row.p[i];
        double wrong = r->answer != r->label, p = probability(v, r, positive);
        if (r->label < 0 || (r->answer < 0 && isnan(p))) continue;
        if (r->answer < 0) wrong = (r->label == positive) != (p >= 0.5);
        if (v->task == TASK_REGRESSION)
            wrong = fmin(1, fabs(number(rows, r->answer) - number(rows, r->label)) / s->scale);
        bool alarm = watch_add(s->watch, wrong) == DETECTOR_DRIFT && counts;
        s->n += counts;
        s->alarms += alarm;
        if (alarm) s->last_us = r->at_us;
    }
}

/* The known error rate of the promoted version makes the quickest detector; without it, or for
 * regressions, ADWIN finds the level by itself. */
static int start_stream(struct measurement *ms, const struct view *v, struct stream *s,
                        struct val *o, struct err *e)
{
    double p0 = 1 - val_get_real(ms->m->ref.baseline, "accuracy", (double)NAN);
    double mae = val_get_real(ms->m->ref.baseline, "mae", (double)NAN);
    bool known = v->task != TASK_REGRESSION && !isnan(p0);
    const char *name = known ? "cusum" : "adwin";
    struct val *params = NULL;

    s->scale = mae > 0 ? 4 * mae : 1;
    if (known) {
        p0 = fmin(0.9, fmax(0.001, p0));
        params = val_obj(ms->a);
        val_set_real(params, "p0", p0);
    }
    val_set_str(o, "detector", name);
    monitor_set_real(o, "p0", known ? p0 : (double)NAN);
    return watch_new(detector_find(name), params, 0, &s->watch, e);
}

static int set_concept(struct measurement *ms, const struct view *v, struct err *e)
{
    struct val *o = val_set_obj(ms->data, "concept");
    struct stream s = { 0 };
    int rc = start_stream(ms, v, &s, o, e);

    if (rc < 0) return rc;
    feed(&s, v, &ms->before, v->positive_code[1], false);
    feed(&s, v, &ms->rows, v->positive_code[0], true);
    watch_free(s.watch);
    if (s.n) val_set_int(o, "alarms", s.alarms);
    else val_set_str(o, "alarms", NULL);
    monitor_set_time(o, "last_alarm_at", s.last_us);
    val_set_int(o, "n", s.n);
    return 0;
}

int measure_performance(struct measurement *ms, struct err *e)
{
    struct view v = view_of(ms);
    struct labelled l;
    int rc = collect(&v, &ms->rows, v.positive_code[0], &l, e);

    if (rc < 0) return rc;
    rc = set_performance(ms, &v, &l, e);
    free(l.y);
    if (rc == 0) rc = set_estimated(ms, &v, e);
    if (rc == 0) rc = set_concept(ms, &v, e);
    return rc;
}
