/* monitor_measure.c: a snapshot's data, put together. What it has is said in monitor.h; the
 * order of the keys is fixed here, so that the same rows give the same bytes. */
#include "app/monitor_priv.h"
#include "base/mem.h"
#include "engine/stats/sample.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* {"3": 1200, "unknown": 4}: rows by the version that answered, in order of the number. */
static int set_versions(struct measurement *ms, struct err *e)
{
    struct val *o = val_set_obj(ms->data, "model_versions");
    size_t n = ms->rows.row.n;
    MEM_AUTO int64_t *v = mem_try(n + 1, sizeof *v);

    if (!v) return err_set(e, ERR_NOMEM, "no memory for %zu predictions", n);
    for (size_t i = 0; i < n; i++) v[i] = ms->rows.row.p[i].version;
    qsort(v, n, sizeof *v, by_number);
    for (size_t i = 0; i < n;) {
        size_t end = i;
        char key[24] = "unknown";
        while (end < n && v[end] == v[i]) end++;
        if (v[i]) snprintf(key, sizeof key, "%lld", (long long)v[i]);
        val_set_int(o, key, (int64_t)(end - i));
        i = end;
    }
    return 0;
}

static int set_head(struct measurement *ms, struct err *e)
{
    struct val *d = ms->data;
    size_t n = ms->rows.row.n;

    val_set_str(d, "model", ms->m->model);
    monitor_set_time(d, "window_start", ms->w.start_us);
    monitor_set_time(d, "window_end", ms->w.end_us);
    val_set_int(d, "version", 0); /* known when it is stored */
    int rc = set_versions(ms, e);
    val_set_int(d, "volume", (int64_t)n);
    val_set_int(d, "labels", (int64_t)ms->rows.labels);
    monitor_set_real(d, "label_coverage", n ? (double)ms->rows.labels / (double)n : (double)NAN);
    return rc;
}

static void set_reference(struct measurement *ms)
{
    const struct reference *r = &ms->m->ref;

    if (!r->features) {
        val_set_str(ms->data, "reference", NULL);
        return;
    }
    struct val *o = val_set_obj(ms->data, "reference");
    val_set_str(o, "data", r->data);
    if (r->version) val_set_int(o, "version", r->version);
    else val_set_str(o, "version", NULL);
    val_set_int(o, "rows", (int64_t)r->rows);
    val_set_int(o, "scores", r->scores ? (int64_t)r->scores->n_rows : 0);
}

/* ---- times ------------------------------------------------------------------------------ */

/* Quantiles of one number a row into o, under the names given. */
static int set_quantiles(struct measurement *ms, struct val *o, const char *const *names,
                         double (*of)(const struct monitor_row *r), struct err *e)
{
    static const double probs[] = { 0.5, 0.95, 0.99 };
    size_t n = ms->rows.row.n;
    MEM_AUTO double *v = mem_try(n + 1, sizeof *v);
    struct sample s;

    if (!v) return err_set(e, ERR_NOMEM, "no memory for %zu predictions", n);
    for (size_t i = 0; i < n; i++) v[i] = of(&ms->rows.row.p[i]);
    int rc = sample_new(v, n, &s, e);
    if (rc < 0) return rc;
    for (size_t i = 0; i < ARRAY_LEN(probs) && names[i]; i++)
        monitor_set_real(o, names[i], sample_quantile(&s, probs[i]));
    val_set_int(o, "n", (int64_t)s.n);
    sample_done(&s);
    return 0;
}

static double latency_of(const struct monitor_row *r)
{
    return r->latency_ms;
}

static double delay_of(const struct monitor_row *r)
{
    return r->label >= 0 ? (double)(r->label_us - r->at_us) / 1e6 : (double)NAN;
}

/* Silent windows up to this one: how many, and how many rows the last one before them had. */
static int count_silent(struct measurement *ms, int64_t *ret, int64_t *ret_before, struct err *e)
{
    struct snapshot *list = NULL;
    size_t n = 0;
    int64_t length = ms->w.end_us - ms->w.start_us;
    int64_t from = ms->w.start_us - (MONITOR_SILENT + 1) * length;
    int rc = snapshot_list(ms->m->app->store, ms->a, ms->m->model, from, ms->w.start_us, 0, &list,
                           &n, e);

    *ret = 1;
    *ret_before = 0;
    for (size_t i = n; rc == 0 && i-- > 0 && *ret_before == 0;) {
        struct val *v;
        rc = val_parse_json(ms->a, list[i].data, strlen(list[i].data), &v, e);
        *ret_before = rc == 0 ? val_get_int(v, "volume", 0) : 0;
        if (rc == 0 && *ret_before == 0) ++*ret;
    }
    return rc;
}

static int set_freshness(struct measurement *ms, struct err *e)
{
    const struct monitor_row *row = ms->rows.row.p;
    struct val *o = val_set_obj(ms->data, "freshness");
    size_t n = ms->rows.row.n;
    int64_t gap = 0, silent = 0, expected = (int64_t)n;
    int rc = n ? 0 : count_silent(ms, &silent, &expected, e);

    for (size_t i = 1; i < n; i++)
        if (row[i].at_us - row[i - 1].at_us > gap) gap = row[i].at_us - row[i - 1].at_us;
    monitor_set_real(o, "data_s",
                     n ? (double)(ms->w.end_us - row[n - 1].at_us) / 1e6 : (double)NAN);
    monitor_set_real(o, "max_gap_s", n > 1 ? (double)gap / 1e6 : (double)NAN);
    val_set_int(o, "windows_silent", silent);
    val_set_int(o, "n", expected);
    return rc;
}

static int set_times(struct measurement *ms, struct err *e)
{
    static const char *const latency[] = { "p50_ms", "p95_ms", "p99_ms" };
    static const char *const delay[] = { "p50_s", "p95_s", NULL };
    int rc = set_quantiles(ms, val_set_obj(ms->data, "latency"), latency, latency_of, e);

    if (rc == 0) rc = set_freshness(ms, e);
    if (rc == 0) rc = set_quantiles(ms, val_set_obj(ms->data, "label_delay"), delay, delay_of, e);
    return rc;
}

/* ---- all -------------------------------------------------------------------------------- */

int measurement_make(struct measurement *ms, struct err *e)
{
    const struct window before = { 2 * ms->w.start_us - ms->w.end_us, ms->w.start_us };
    int rc = monitor_rows_read(ms->m, ms->w, ms->m->ref.features, &ms->rows, e);

    ms->data = val_obj(ms->a);
    if (rc == 0) rc = monitor_rows_read(ms->m, before, NULL, &ms->before, e);
    if (rc == 0) rc = set_head(ms, e);
    if (rc == 0) set_reference(ms);
    if (rc == 0) rc = measure_performance(ms, e);
    if (rc == 0) rc = set_times(ms, e);
    if (rc == 0) rc = measure_drift(ms, e);
    if (rc == 0) rc = measure_quality(ms, e);
    return rc;
}

void measurement_done(struct measurement *ms)
{
    monitor_rows_done(&ms->rows);
    monitor_rows_done(&ms->before);
}
