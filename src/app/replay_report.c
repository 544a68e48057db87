/* replay_report.c: production's answers and a candidate's to the same requests, compared.
 *
 *   changes      how many decisions differ, which way, and where most: segments are the levels of
 *                categories and the quarters of numbers, ordered by what is at least changed
 *                (lower end of Wilson's interval), so few rows do not come first
 *   scores       how far probabilities moved, and whether their distribution did
 *   curves       both versions at every threshold: what they would say yes to, and with labels
 *                what that costs
 *   metrics      both on the labelled rows, and how many answers became right or wrong
 *
 * Decisions are the logged ones for production and the candidate's own; with a threshold other
 * than 0.5 both are decided anew by it. */
#include "app/replay.h"

#include "app/monitor_priv.h"
#include "base/mem.h"
#include "engine/metric/metric.h"
#include "engine/stats/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FLIPS_MAX = 50, SEGMENTS_MAX = 20, SEGMENT_ROWS = 30, LEVELS_MAX = 200, QUARTERS = 4 };

struct compare {
    struct arena *a;
    const struct replay *r;
    const struct replay_options *o;
    enum task task;
    double tolerance;
    bool *changed; /* a row */
    size_t n_changed, labelled;
    struct val *out;
    struct err *e;
};

/* ---- changes -------------------------------------------------------------------------------- */

static int decision(const struct compare *c, int class, double p)
{
    if (c->task != TASK_BINARY || c->o->threshold == 0.5 || isnan(p)) return class;
    return p >= c->o->threshold;
}

static int old_of(const struct compare *c, const struct replay_row *row)
{
    return decision(c, row->old_class, row->old_p);
}

static int new_of(const struct compare *c, const struct replay_row *row)
{
    return decision(c, row->new_class, row->new_p);
}

static void find_changes(struct compare *c)
{
    for (size_t i = 0; i < c->r->n; i++) {
        const struct replay_row *row = &c->r->rows[i];
        bool same = c->task == TASK_REGRESSION ? fabs(row->new_p - row->old_p) <= c->tolerance
                                               : old_of(c, row) == new_of(c, row);
        c->changed[i] = !same;
        c->n_changed += !same;
    }
}

static const char *class_name(const struct compare *c, int class)
{
    return class < 0 ? "(other)" : model_class(c->r->model, class);
}

struct flip {
    int from, to;
    int64_t n;
};

static int most_first(const void *x, const void *y)
{
    const struct flip *a = x, *b = y;

    if (a->n != b->n) return a->n < b->n ? 1 : -1;
    return a->from != b->from ? (a->from > b->from) - (a->from < b->from)
                              : (a->to > b->to) - (a->to < b->to);
}

/* Of which class to which, most frequent first. */
static void set_flips(struct compare *c)
{
    struct val *list = val_set_list(c->out, "flips");
    int k = model_classes(c->r->model) + 1; /* one for classes the candidate does not know */
    struct flip *flips = arena_array(c->a, (size_t)k * (size_t)k + 1, struct flip);

    if (c->task == TASK_REGRESSION) return;
    for (int i = 0; i < k * k; i++) flips[i] = (struct flip){ i / k - 1, i % k - 1, 0 };
    for (size_t i = 0; i < c->r->n; i++) {
        const struct replay_row *row = &c->r->rows[i];
        if (c->changed[i]) flips[(old_of(c, row) + 1) * k + new_of(c, row) + 1].n++;
    }
    qsort(flips, (size_t)(k * k), sizeof *flips, most_first);
    for (int i = 0; i < k * k && i < FLIPS_MAX && flips[i].n; i++) {
        struct val *o = val_push_obj(list);
        val_set_str(o, "from", class_name(c, flips[i].from));
        val_set_str(o, "to", class_name(c, flips[i].to));
        val_set_int(o, "n", flips[i].n);
    }
}

static void set_share(struct val *o, double k, double n)
{
    struct interval ci = wilson_interval(k, n, 0.95);

    monitor_set_real(o, "changes", n > 0 ? k / n : (double)NAN);
    monitor_set_real(o, "low", fmax(0, ci.low));
    monitor_set_real(o, "high", fmin(1, ci.high));
}

/* ---- scores --------------------------------------------------------------------------------- */

/* Regressions: what is too little to matter, from how far the logged answers spread. */
static int find_tolerance(struct compare *c)
{
    MEM_AUTO double *v = mem_try(c->r->n + 1, sizeof *v);
    struct sample s;

    c->tolerance = c->o->tolerance;
    if (c->task != TASK_REGRESSION || !isnan(c->tolerance)) return 0;
    if (!v) return err_set(c->e, ERR_NOMEM, "no memory for %zu requests", c->r->n);
    for (size_t i = 0; i < c->r->n; i++) v[i] = c->r->rows[i].old_p;
    int rc = sample_new(v, c->r->n, &s, c->e);
    if (rc) return rc;
    double std = s.n > 1 ? sample_moments(&s).std : 0;
    c->tolerance = isfinite(std) ? 0.05 * std : 0;
    sample_done(&s);
    return 0;
}

static int set_moves(struct compare *c, double *v)
{
    struct val *o = val_set_obj(c->out, "abs_dp");
    struct sample s;

    for (size_t i = 0; i < c->r->n; i++) v[i] = fabs(c->r->rows[i].new_p - c->r->rows[i].old_p);
    int rc = sample_new(v, c->r->n, &s, c->e);
    if (rc) return rc;
    val_set_int(o, "n", (int64_t)s.n);
    monitor_set_real(o, "mean", s.n ? sample_moments(&s).mean : (double)NAN);
    monitor_set_real(o, "p95", sample_quantile(&s, 0.95));
    monitor_set_real(o, "max", sample_quantile(&s, 1));
    sample_done(&s);
    return 0;
}

static void set_drift(struct val *o, const struct sample *was, const struct sample *is)
{
    double p[BINS_MAX], q[BINS_MAX];
    struct two_sample t;
    struct bins b;

    two_sample_merge(was, is, &t);
    bins_quantile(was, 10, &b);
    bins_count(&b, was, p);
    bins_count(&b, is, q);
    val_set_real(o, "ks", t.ks);
    val_set_real(o, "wasserstein", t.wasserstein);
    monitor_set_real(o, "psi", dist_psi_jeffreys(p, q, b.n));
    val_set_real(o, "mean_old", sample_moments(was).mean);
    val_set_real(o, "mean_new", sample_moments(is).mean);
}

/* The scores of rows that have both. */
static int set_score_drift(struct compare *c, double *v)
{
    size_t n = c->r->n;
    struct val *o = val_set_obj(c->out, "score_drift");
    struct sample was, is;

    for (size_t i = 0; i < n; i++) {
        const struct replay_row *row = &c->r->rows[i];
        v[i] = isnan(row->new_p) ? (double)NAN : row->old_p;
        v[n + i] = isnan(row->old_p) ? (double)NAN : row->new_p;
    }
    int rc = sample_new(v, n, &was, c->e);
    if (rc) return rc;
    rc = sample_new(v + n, n, &is, c->e);
    if (!rc && was.n && is.n) set_drift(o, &was, &is);
    if (!rc) sample_done(&is);
    sample_done(&was);
    return rc;
}

static int set_scores(struct compare *c)
{
    MEM_AUTO double *v = mem_try(2 * c->r->n + 1, sizeof *v);

    if (!v) return err_set(c->e, ERR_NOMEM, "no memory for %zu requests", c->r->n);
    int rc = set_moves(c, v);
    return rc ? rc : set_score_drift(c, v);
}

/* ---- thresholds ----------------------------------------------------------------------------- */

struct side { /* one version at one threshold */
    int64_t yes, labelled, tp, fp, fn;
};

static void set_side(struct val *o, const struct compare *c, const struct side *s, int64_t n)
{
    double cost = (double)s->fp * c->o->cost_fp + (double)s->fn * c->o->cost_fn;

    val_set_real(o, "positive_rate", (double)s->yes / (double)n);
    if (!s->labelled) return;
    monitor_set_real(o, "precision",
                     s->tp + s->fp ? (double)s->tp / (double)(s->tp + s->fp) : (double)NAN);
    monitor_set_real(o, "recall",
                     s->tp + s->fn ? (double)s->tp / (double)(s->tp + s->fn) : (double)NAN);
    val_set_real(o, "cost", cost / (double)s->labelled);
}

static void count_side(struct side *s, const struct replay_row *row, bool yes)
{
    s->yes += yes;
    if (row->label_class < 0) return;
    s->labelled++;
    s->tp += yes && row->label_class == 1;
    s->fp += yes && row->label_class == 0;
    s->fn += !yes && row->label_class == 1;
}

static void set_best(struct val *curve, const char *side, struct val *out)
{
    const struct val *best = NULL;

    for (size_t i = 0; i < val_len(curve); i++) {
        const struct val *o = val_at(curve, i);
        double cost = val_get_real(val_get(o, side), "cost", (double)NAN);
        if (!isnan(cost) && (!best || cost < val_get_real(val_get(best, side), "cost", 0)))
            best = o;
    }
    if (!best) return;
    struct val *o = val_set_obj(out, side);
    val_set_real(o, "threshold", val_get_real(best, "threshold", 0));
    val_set_real(o, "cost", val_get_real(val_get(best, side), "cost", 0));
}

/* Both at every threshold, over the rows whose logged probability is known. */
static void set_curve(struct compare *c)
{
    static const double at_all[] = { 0.01, 0.02, 0.05, 0.1, 0.15, 0.2,  0.25, 0.3,
                                     0.35, 0.4,  0.45, 0.5, 0.55, 0.6,  0.65, 0.7,
                                     0.75, 0.8,  0.85, 0.9, 0.95, 0.98, 0.99 };
    struct val *curve = val_set_list(c->out, "thresholds");
    struct val *best = val_set_obj(c->out, "best_threshold");

    for (size_t t = 0; t < ARRAY_LEN(at_all) && c->task == TASK_BINARY; t++) {
        double at = at_all[t];
        struct side was = { 0 }, is = { 0 };
        int64_t n = 0, same = 0;
        for (size_t i = 0; i < c->r->n; i++) {
            const struct replay_row *row = &c->r->rows[i];
            if (isnan(row->old_p) || isnan(row->new_p)) continue;
            bool before = row->old_p >= at, after = row->new_p >= at;
            n++;
            same += before == after;
            count_side(&was, row, before);
            count_side(&is, row, after);
        }
        if (n == 0) return;
        struct val *o = val_push_obj(curve);
        val_set_real(o, "threshold", at);
        val_set_real(o, "agreement", (double)same / (double)n);
        set_side(val_set_obj(o, "old"), c, &was, n);
        set_side(val_set_obj(o, "new"), c, &is, n);
    }
    set_best(curve, "old", best);
    set_best(curve, "new", best);
}

/* ---- labels --------------------------------------------------------------------------------- */

static void set_metric(struct val *to, const char *name, double was, double is)
{
    struct val *o = val_set_obj(to, name);

    monitor_set_real(o, "old", was);
    monitor_set_real(o, "new", is);
    monitor_set_real(o, "difference", is - was);
}

static bool has_label(const struct compare *c, const struct replay_row *row)
{
    if (c->task == TASK_REGRESSION) return !isnan(row->label) && !isnan(row->old_p);
    return row->label_class >= 0;
}

/* Right before and now, right or wrong: {labelled, fixed, broken}, and the accuracies. */
static void set_answers(struct compare *c, struct val *to)
{
    struct val *o = val_set_obj(c->out, "labels");
    int64_t was = 0, is = 0, fixed = 0, broken = 0;

    for (size_t i = 0; i < c->r->n && c->task != TASK_REGRESSION; i++) {
        const struct replay_row *row = &c->r->rows[i];
        if (!has_label(c, row)) continue;
        bool before = old_of(c, row) == row->label_class,
             after = new_of(c, row) == row->label_class;
        was += before;
        is += after;
        fixed += !before && after;
        broken += before && !after;
    }
    val_set_int(o, "n", (int64_t)c->labelled);
    if (c->task == TASK_REGRESSION) return;
    val_set_int(o, "fixed", fixed);
    val_set_int(o, "broken", broken);
    if (c->labelled)
        set_metric(to, "accuracy", (double)was / (double)c->labelled,
                   (double)is / (double)c->labelled);
}

/* Labelled rows of both as the metrics want them: y, old, new of n each. */
static size_t gather(const struct compare *c, double *v, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < c->r->n; i++) {
        const struct replay_row *row = &c->r->rows[i];
        if (!has_label(c, row) || isnan(row->old_p) || isnan(row->new_p)) continue;
        v[n] = c->task == TASK_REGRESSION ? row->label : row->label_class;
        v[room + n] = row->old_p;
        v[2 * room + n] = row->new_p;
        n++;
    }
    return n;
}

static int set_measured(struct compare *c, struct val *to)
{
    static const char *const names[] = {
        "auc", "average_precision", "brier", "log_loss", "ece", "rmse", "mae", "r2"
    };
    size_t room = c->labelled + 1;
    MEM_AUTO double *v = mem_try(room, 3 * sizeof *v);

    if (c->task == TASK_MULTICLASS) return 0;
    if (!v) return err_set(c->e, ERR_NOMEM, "no memory for %zu labels", c->labelled);
    struct metric_input was = {
        .task = c->task, .n_classes = model_classes(c->r->model), .n = gather(c, v, room), .y = v
    };
    struct metric_input is = was;
    was.p = v + room;
    is.p = v + 2 * room;
    for (size_t i = 0; i < ARRAY_LEN(names) && was.n; i++) {
        const struct metric *m = metric_find(names[i]);
        if (m && m->tasks & (unsigned)c->task) set_metric(to, m->name, m->fn(&was), m->fn(&is));
    }
    return 0;
}

static int set_labels(struct compare *c)
{
    struct val *to = val_set_obj(c->out, "metrics");

    set_answers(c, to);
    return c->labelled ? set_measured(c, to) : 0;
}

/* ---- segments ------------------------------------------------------------------------------- */

struct segment {
    const char *feature, *value;
    double n, k, low;
};
struct segments {
    VEC(struct segment) list;
};

static void add_segment(struct segments *s, const char *feature, const char *value, double n,
                        double k)
{
    const struct segment seg = {
        .feature = feature, .value = value, .n = n, .k = k, .low = wilson_interval(k, n, 0.95).low
    };

    if (n >= SEGMENT_ROWS) vec_push(&s->list, seg);
}

static void add_levels(struct compare *c, const struct column *col, struct segments *s)
{
    size_t levels = dict_len(col->dict);
    double *n = arena_array(c->a, 2 * levels + 1, double), *k = n + levels;

    if (levels > LEVELS_MAX) return;
    for (size_t i = 0; i < c->r->n; i++) {
        int32_t code = col->code[i];
        if (code < 0) continue;
        n[code]++;
        k[code] += c->changed[i];
    }
    for (size_t l = 0; l < levels; l++)
        add_segment(s, col->name, arena_strdup(c->a, dict_str(col->dict, (int32_t)l, NULL)), n[l],
                    k[l]);
}

static const char *range_text(struct arena *a, const struct bins *b, size_t i)
{
    char from[32], to[32];

    if (b->n == 1) return "all";
    if (i == 0) return arena_printf(a, "<= %s", str_real(to, b->edge[0]));
    if (i + 1 == b->n) return arena_printf(a, "> %s", str_real(from, b->edge[i - 1]));
    return arena_printf(a, "%s to %s", str_real(from, b->edge[i - 1]), str_real(to, b->edge[i]));
}

static int add_quarters(struct compare *c, const struct column *col, struct segments *s)
{
    double n[QUARTERS] = { 0 }, k[QUARTERS] = { 0 };
    struct sample sorted;
    struct bins b;
    int rc = sample_new(col->num, c->r->n, &sorted, c->e);

    if (rc) return rc;
    bins_quantile(&sorted, QUARTERS, &b);
    sample_done(&sorted);
    b.closed_right = 1;
    for (size_t i = 0; i < c->r->n; i++) {
        size_t at = 0;
        if (isnan(col->num[i])) continue;
        while (at + 1 < b.n && col->num[i] > b.edge[at]) at++;
        n[at]++;
        k[at] += c->changed[i];
    }
    for (size_t i = 0; i < b.n && b.n > 1; i++)
        add_segment(s, col->name, range_text(c->a, &b, i), n[i], k[i]);
    return 0;
}

static int most_changed_first(const void *x, const void *y)
{
    const struct segment *a = x, *b = y;

    if (a->low != b->low) return a->low < b->low ? 1 : -1;
    int d = strcmp(a->feature, b->feature);
    return d ? d : strcmp(a->value, b->value);
}

static int set_segments(struct compare *c)
{
    struct val *list = val_set_list(c->out, "segments");
    struct segments s = { VEC_INIT };
    int rc = 0;

    for (size_t j = 0; !rc && j < c->r->features->n_cols; j++) {
        const struct column *col = &c->r->features->cols[j];
        if (col->code) add_levels(c, col, &s);
        else rc = add_quarters(c, col, &s);
    }
    if (s.list.n) qsort(s.list.p, s.list.n, sizeof *s.list.p, most_changed_first);
    for (size_t i = 0; !rc && i < s.list.n && i < SEGMENTS_MAX; i++) {
        const struct segment *seg = &s.list.p[i];
        struct val *o = val_push_obj(list);
        val_set_str(o, "feature", seg->feature);
        val_set_str(o, "value", seg->value);
        val_set_int(o, "n", (int64_t)seg->n);
        set_share(o, seg->k, seg->n);
    }
    vec_done(&s.list);
    return rc;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void set_head(struct compare *c)
{
    const struct replay *r = c->r;
    double n = (double)r->n;

    val_set_str(c->out, "model", r->name);
    val_set_int(c->out, "version", r->ref.version);
    val_set_str(c->out, "semver", r->ref.semver);
    val_set_str(c->out, "task", task_name(c->task));
    if (c->task == TASK_BINARY) val_set_str(c->out, "positive", model_class(r->model, 1));
    monitor_set_time(c->out, "window_start", r->w.start_us);
    monitor_set_time(c->out, "window_end", r->w.end_us);
    val_set_int(c->out, "logged", r->logged);
    val_set_int(c->out, "without_features", r->without);
    val_set_int(c->out, "rows", (int64_t)r->n);
    val_set(c->out, "answered_by", r->versions);
    val_set_real(c->out, "seconds", r->seconds);
    if (c->task == TASK_REGRESSION) val_set_real(c->out, "tolerance", c->tolerance);
    else val_set_real(c->out, "threshold", c->o->threshold);
    monitor_set_real(c->out, "agreement", 1 - (double)c->n_changed / n);
    val_set_int(c->out, "changed", (int64_t)c->n_changed);
    set_share(c->out, (double)c->n_changed, n);
}

int replay_report(struct arena *a, const struct replay *r, const struct replay_options *o,
                  struct val *out, struct err *e)
{
    struct compare c = { .a = a, .r = r, .o = o, .task = model_task(r->model), .out = out, .e = e };
    int rc = find_tolerance(&c);

    if (rc) return rc;
    c.changed = mem_try_zero(r->n + 1, sizeof *c.changed);
    if (!c.changed) return err_set(e, ERR_NOMEM, "no memory for %zu requests", r->n);
    for (size_t i = 0; i < r->n; i++) c.labelled += has_label(&c, &r->rows[i]);
    find_changes(&c);
    set_head(&c);
    set_flips(&c);
    rc = set_scores(&c);
    if (!rc) set_curve(&c);
    if (!rc) rc = set_labels(&c);
    if (!rc) rc = set_segments(&c);
    free(c.changed);
    return rc;
}
