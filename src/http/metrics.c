/* metrics.c: figures as Prometheus reads them (promtext.h): one function for each source of
 * figures, in the order of metrics.def. Nothing is asked for here; page_metrics.c brings it. */
#include "base/mem.h"
#include "codec/promtext.h"
#include "http/count.h"
#include "http/metrics_in.h"
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABELS_MAX = 3, TIME_FROM = 4, TIME_TO = 23, ROWS_TO = 14 };

enum metric {
#define METRIC(id, name, type, labels, help) METRIC_##id,
#include "http/metrics.def"
#undef METRIC
};
static const struct {
    const char *name;
    enum prom_type type;
    const char *labels, *help;
} metrics[] = {
#define METRIC(id, name, type, labels, help) { name, PROM_##type, labels, help },
#include "http/metrics.def"
#undef METRIC
};

/* Names of the labels from the table, values from the call. */
struct labels {
    struct prom_label at[LABELS_MAX];
    size_t n;
    char names[LABELS_MAX][16];
};

static void name_labels(struct labels *l, enum metric m, const char *const *values)
{
    const char *at = metrics[m].labels;

    for (l->n = 0; *at; l->n++) {
        size_t len = strcspn(at, " ");
        assert(l->n < LABELS_MAX && len < sizeof l->names[0] && values[l->n]);
        memcpy(l->names[l->n], at, len);
        l->names[l->n][len] = '\0';
        l->at[l->n] = (struct prom_label){ l->names[l->n], values[l->n] };
        at += len + (at[len] == ' ');
    }
}

struct page {
    struct prom_writer w;
    const struct metrics_in *in;
};

static void family(struct page *p, enum metric m)
{
    prom_family(&p->w, metrics[m].name, metrics[m].type, metrics[m].help);
}

/* A figure that is not known (NaN) is not shown. */
static void sample(struct page *p, enum metric m, const char *const *values, double v)
{
    struct labels l;

    if (isnan(v)) return;
    name_labels(&l, m, values);
    prom_sample(&p->w, l.at, l.n, v);
}

static void figure(struct page *p, enum metric m, double v)
{
    family(p, m);
    sample(p, m, NULL, v);
}

static void histogram(struct page *p, enum metric m, const char *const *values,
                      const struct prom_hist *h)
{
    struct labels l;

    name_labels(&l, m, values);
    prom_histogram(&p->w, l.at, l.n, h);
}

/* ---- requests -------------------------------------------------------------------------------- */

static void requests(struct page *p, struct arena *a)
{
    struct count_row *rows = NULL;
    size_t n = http_counts_merge(p->in->counts, p->in->n_counts, a, &rows);
    char code[16];

    family(p, METRIC_REQUESTS);
    for (size_t i = 0; i < n; i++) {
        for (size_t s = 0; s < rows[i].n_statuses; s++) {
            if (rows[i].statuses[s].status)
                snprintf(code, sizeof code, "%d", rows[i].statuses[s].status);
            else strcpy(code, "other");
            sample(p, METRIC_REQUESTS, (const char *[]){ rows[i].route, rows[i].method, code },
                   (double)rows[i].statuses[s].n);
        }
    }
    family(p, METRIC_REQUEST_SECONDS);
    for (size_t i = 0; i < n; i++) {
        const struct prom_hist h = { count_bounds, rows[i].buckets, COUNT_BOUNDS, rows[i].sum };
        histogram(p, METRIC_REQUEST_SECONDS, (const char *[]){ rows[i].route, rows[i].method }, &h);
    }
    figure(p, METRIC_RATELIMITED, (double)p->in->rate_rejections);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static void jobs(struct page *p)
{
    const struct val *o = val_get(p->in->facts, "jobs"), *counts = val_get(o, "counts");

    figure(p, METRIC_TRAINING, (double)val_get_int(o, "training", 0));
    family(p, METRIC_JOBS);
    for (size_t i = 0; i < val_len(counts); i++)
        sample(p, METRIC_JOBS, (const char *[]){ val_key(counts, i) },
               val_as_real(val_at(counts, i), (double)NAN));
}

/* ---- models ---------------------------------------------------------------------------------- */

struct arm_row {
    struct serve_count c;
    char version[24];
    const char *values[LABELS_MAX];
};

static int by_arm(const void *a, const void *b)
{
    const struct serve_count *x = &((const struct arm_row *)a)->c;
    const struct serve_count *y = &((const struct arm_row *)b)->c;
    int c = strcmp(x->model, y->model);

    if (c == 0) c = (x->version > y->version) - (x->version < y->version);
    return c ? c : strcmp(x->role, y->role);
}

static void merge_arm(struct serve_count *into, const struct serve_count *from)
{
    into->requests += from->requests;
    into->rows += from->rows;
    into->errors += from->errors;
    into->cached += from->cached;
    into->fallbacks += from->fallbacks;
    into->dropped += from->dropped;
    into->compared += from->compared;
    into->disagreed += from->disagreed;
    hist_merge(&into->seconds_request, &from->seconds_request);
    hist_merge(&into->seconds_model, &from->seconds_model);
    hist_merge(&into->seconds_queue, &from->seconds_queue);
    hist_merge(&into->batch_rows, &from->batch_rows);
}

/* One row for each model, version and role, whatever the order and number of what came. */
static size_t arm_rows(const struct metrics_in *in, struct arena *a, struct arm_row **ret)
{
    struct arm_row *rows = arena_array(a, in->n_arms, struct arm_row);
    size_t n = 0;

    for (size_t i = 0; i < in->n_arms; i++) rows[i].c = in->arms[i];
    qsort(rows, in->n_arms, sizeof *rows, by_arm);
    for (size_t i = 0; i < in->n_arms; i++) {
        if (n && by_arm(&rows[n - 1], &rows[i]) == 0) merge_arm(&rows[n - 1].c, &rows[i].c);
        else rows[n++] = rows[i];
    }
    for (size_t i = 0; i < n; i++) {
        struct arm_row *r = &rows[i];
        snprintf(r->version, sizeof r->version, "%" PRId64, r->c.version);
        r->values[0] = r->c.model;
        r->values[1] = r->version;
        r->values[2] = r->c.role;
    }
    *ret = rows;
    return n;
}

/* Buckets of a hist four by four: their bounds are powers of two (microseconds or rows), where
 * the counts are exact. from, to: exponents of the first and the last bound. */
static void hist_buckets(const struct hist *h, int from, int to, uint64_t *counts)
{
    memset(counts, 0, (size_t)(to - from + 2) * sizeof *counts);
    for (int b = 0; b < HIST_BUCKETS; b++) {
        int k = b / 4 + 1; /* the values are below 2^k */
        int at = k <= from ? 0 : k > to ? to - from + 1 : k - from;
        counts[at] += h->bucket[b];
    }
}

static void time_histogram(struct page *p, enum metric m, const struct arm_row *r,
                           const struct hist *h)
{
    double bounds[TIME_TO - TIME_FROM + 1];
    uint64_t counts[TIME_TO - TIME_FROM + 2];

    for (int k = TIME_FROM; k <= TIME_TO; k++) bounds[k - TIME_FROM] = ldexp(1, k) / 1e6;
    hist_buckets(h, TIME_FROM, TIME_TO, counts);
    histogram(p, m, r->values,
              &(struct prom_hist){ bounds, counts, TIME_TO - TIME_FROM + 1, h->sum });
}

/* Whole numbers below 2^k are at most 2^k - 1. */
static void rows_histogram(struct page *p, enum metric m, const struct arm_row *r,
                           const struct hist *h)
{
    double bounds[ROWS_TO];
    uint64_t counts[ROWS_TO + 1];

    for (int k = 1; k <= ROWS_TO; k++) bounds[k - 1] = ldexp(1, k) - 1;
    hist_buckets(h, 1, ROWS_TO, counts);
    histogram(p, m, r->values, &(struct prom_hist){ bounds, counts, ROWS_TO, h->sum * 1e6 });
}

#define COUNTER(metric, field)                                                                     \
    do {                                                                                           \
        family(p, metric);                                                                         \
        for (size_t i = 0; i < n; i++) sample(p, metric, r[i].values, (double)r[i].c.field);       \
    } while (0)

static void predictions(struct page *p, struct arena *a)
{
    struct arm_row *r = NULL;
    size_t n = arm_rows(p->in, a, &r);

    COUNTER(METRIC_PREDICTIONS, rows);
    COUNTER(METRIC_PREDICT_REQUESTS, requests);
    COUNTER(METRIC_PREDICT_ERRORS, errors);
    COUNTER(METRIC_PREDICT_FALLBACKS, fallbacks);
    COUNTER(METRIC_PREDICT_CACHED, cached);
    COUNTER(METRIC_SHADOW_DROPPED, dropped);
    COUNTER(METRIC_COMPARED, compared);
    COUNTER(METRIC_DISAGREED, disagreed);
    family(p, METRIC_PREDICT_SECONDS);
    for (size_t i = 0; i < n; i++)
        time_histogram(p, METRIC_PREDICT_SECONDS, &r[i], &r[i].c.seconds_request);
    family(p, METRIC_INFERENCE_SECONDS);
    for (size_t i = 0; i < n; i++)
        time_histogram(p, METRIC_INFERENCE_SECONDS, &r[i], &r[i].c.seconds_model);
    family(p, METRIC_QUEUE_SECONDS);
    for (size_t i = 0; i < n; i++)
        time_histogram(p, METRIC_QUEUE_SECONDS, &r[i], &r[i].c.seconds_queue);
    family(p, METRIC_BATCH_ROWS);
    for (size_t i = 0; i < n; i++) rows_histogram(p, METRIC_BATCH_ROWS, &r[i], &r[i].c.batch_rows);
}

static double arm_weight(const struct metrics_arm *x)
{
    return x->share;
}
static double arm_broken(const struct metrics_arm *x)
{
    return x->broken;
}
static double arm_row(const struct metrics_arm *x)
{
    return x->row_us / 1e6;
}

static void arms(struct page *p)
{
    static const struct {
        enum metric m;
        double (*value)(const struct metrics_arm *x);
    } figures[] = { { METRIC_WEIGHT, arm_weight },
                    { METRIC_BROKEN, arm_broken },
                    { METRIC_ROW_SECONDS, arm_row } };

    for (size_t f = 0; f < ARRAY_LEN(figures); f++) {
        family(p, figures[f].m);
        for (size_t i = 0; i < p->in->n_live; i++) {
            const struct metrics_arm *x = &p->in->live[i];
            char version[24];
            snprintf(version, sizeof version, "%" PRId64, x->version);
            sample(p, figures[f].m, (const char *[]){ x->model, version, x->role },
                   figures[f].value(x));
        }
    }
}

/* ---- monitoring ------------------------------------------------------------------------------ */

static double escalation(const struct val *m)
{
    static const char *const states[] = { "none", "active", "watch", "incident" };
    const char *state = val_get_str(val_get(m, "escalation"), "state", "none");

    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (str_eq(states[i], state)) return (double)i;
    return (double)NAN;
}

static void monitoring(struct page *p)
{
    static const struct {
        enum metric m;
        const char *field;
    } fields[] = {
        { METRIC_DRIFT, "share_drifted" },
        { METRIC_ESCALATION, NULL },
        { METRIC_ALERTS, "alerts" },
        { METRIC_ACCURACY, "accuracy" },
        { METRIC_AUC, "auc" },
        { METRIC_BRIER, "brier" },
        { METRIC_COVERAGE, "label_coverage" },
        { METRIC_VOLUME, "volume" },
        { METRIC_FRESHNESS, "data_freshness_s" },
    };
    const struct val *models = val_get(p->in->facts, "monitoring");

    for (size_t f = 0; f < ARRAY_LEN(fields); f++) {
        family(p, fields[f].m);
        for (size_t i = 0; i < val_len(models); i++) {
            const struct val *m = val_at(models, i);
            const struct val *v = fields[f].field ? val_get(m, fields[f].field) : NULL;
            double x = !fields[f].field          ? escalation(m)
                       : val_type(v) == VAL_LIST ? (double)val_len(v)
                                                 : val_as_real(v, (double)NAN);
            sample(p, fields[f].m, (const char *[]){ val_get_str(m, "model", "") }, x);
        }
    }
}

/* ---- the daemon ------------------------------------------------------------------------------ */

static void serving(struct page *p)
{
    const struct serve_totals *t = p->in->totals;

    if (!t) return;
    family(p, METRIC_CACHE);
    sample(p, METRIC_CACHE, (const char *[]){ "hit" }, (double)t->cache_hits);
    sample(p, METRIC_CACHE, (const char *[]){ "miss" }, (double)t->cache_misses);
    figure(p, METRIC_CACHE_ENTRIES, (double)t->cache_entries);
    figure(p, METRIC_CACHE_BYTES, (double)t->cache_bytes);
    figure(p, METRIC_LOG_WRITTEN, (double)t->log_written);
    figure(p, METRIC_LOG_DROPPED, (double)t->log_dropped);
    figure(p, METRIC_LOG_QUEUED, (double)t->log_queued);
    figure(p, METRIC_LOG_ROOM, (double)t->log_room);
    family(p, METRIC_BATCHES);
    sample(p, METRIC_BATCHES, (const char *[]){ "full" }, (double)t->batches_full);
    sample(p, METRIC_BATCHES, (const char *[]){ "deadline" }, (double)t->batches_deadline);
    sample(p, METRIC_BATCHES, (const char *[]){ "drained" }, (double)t->batches_drained);
    figure(p, METRIC_QUEUED, (double)t->queued);
    figure(p, METRIC_RELOADS, (double)t->reloads);
    figure(p, METRIC_RELOAD_FAILURES, (double)t->reload_failures);
    figure(p, METRIC_PROBLEMS, (double)val_len(val_get(p->in->facts, "problems")));
    figure(p, METRIC_READY, p->in->ready);
}

static void process(struct page *p)
{
    const struct metrics_process *x = &p->in->process;

    family(p, METRIC_BUILD);
    sample(p, METRIC_BUILD, (const char *[]){ p->in->version }, 1);
    figure(p, METRIC_CPU, x->cpu_s);
    figure(p, METRIC_RESIDENT, x->resident_bytes);
    figure(p, METRIC_FDS, x->open_fds);
    figure(p, METRIC_START, x->start_s);
}

void metrics_render(const struct metrics_in *in, enum prom_format format, struct str *out)
{
    struct page p = { .in = in };
    struct arena a = ARENA_INIT;

    prom_begin(&p.w, out, format);
    requests(&p, &a);
    jobs(&p);
    predictions(&p, &a);
    arms(&p);
    monitoring(&p);
    serving(&p);
    process(&p);
    prom_end(&p.w);
    arena_done(&a);
}
