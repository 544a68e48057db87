/* test_monitor.c: windows measured from real logs in a real store, against figures worked out by
 * hand: performance, times, drift and its seasons, broken data, silence, late labels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "desk.h"
#include "app/monitor.h"
#include "app/verb.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY  (86400 * 1000000LL)
#define HOUR (3600 * 1000000LL)
#define JAN5 (1767571200LL * 1000000) /* 2026-01-05, a Monday */

struct fixture {
    char dir[64];
    struct clock clock;
    struct app app;
    struct arena a;
    struct err e;
    struct reply r;
};

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(1, sizeof *f);
    desk_open(&f->app, f->dir, &f->clock, JAN5 + 30 * DAY);
    reply_init(&f->r);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    reply_done(&f->r);
    desk_close(&f->app);
    arena_done(&f->a);
    free(f);
    return 0;
}

/* ---- helpers ---------------------------------------------------------------------------- */

static const char *write_file(struct fixture *f, const char *name, const char *text)
{
    const char *path = arena_printf(&f->a, "%s/%s", f->dir, name);
    assert_int_equal(file_write_atomic(path, text, strlen(text), &f->e), 0);
    return path;
}

/* Calls a verb with name, value, … NULL as text arguments. */
static int call(struct fixture *f, const char *verb, ...)
{
    struct val *in = val_obj(&f->a);
    va_list ap;
    va_start(ap, verb);
    for (const char *key; (key = va_arg(ap, const char *));)
        val_set_str(in, key, va_arg(ap, const char *));
    va_end(ap);
    reply_done(&f->r);
    reply_init(&f->r);
    err_clear(&f->e);
    return verb_call(&f->app, verb_find(verb), in, &f->r, &f->e);
}

static void ok(struct fixture *f, int rc)
{
    if (rc) fail_msg("%s (%s)", f->e.msg, f->e.hint);
}

static void ingest(struct fixture *f, const char *csv)
{
    const char *path = write_file(f, "in.csv", csv);
    ok(f, call(f, "monitor ingest", "name", "m", "data", path, NULL));
}

static void label(struct fixture *f, const char *csv)
{
    const char *path = write_file(f, "labels.csv", csv);
    ok(f, call(f, "monitor label", "name", "m", "data", path, NULL));
}

static int64_t check(struct fixture *f, int64_t until_us)
{
    int64_t n = -1;
    ok(f, monitor_check(&f->app, "m", until_us, &n, &f->e));
    return n;
}

/* Newest data of the window that starts then. */
static const struct val *data_at(struct fixture *f, int64_t start_us, int64_t *ret_version)
{
    struct snapshot *list = NULL;
    struct val *v = NULL;
    size_t n = 0;
    ok(f, snapshot_list(f->app.store, &f->a, "m", start_us, start_us + 1, 0, &list, &n, &f->e));
    assert_int_equal(n, 1);
    ok(f, val_parse_json(&f->a, list[0].data, strlen(list[0].data), &v, &f->e));
    if (ret_version) *ret_version = list[0].version;
    assert_int_equal(val_get_int(v, "version", 0), list[0].version);
    return v;
}

static double real(const struct val *v, const char *a, const char *b, const char *c)
{
    v = val_get(v, a);
    if (b) v = val_get(v, b);
    if (c) v = val_get(v, c);
    return val_as_real(v, NAN);
}

#define assert_near(x, want, tolerance)                                                            \
    do {                                                                                           \
        double x_ = (x), want_ = (want);                                                           \
        if (!(fabs(x_ - want_) <= (tolerance))) fail_msg(#x " is %.12g, not %.12g", x_, want_);    \
    } while (0)

static const struct val *named(const struct val *list, const char *name)
{
    for (size_t i = 0; i < val_len(list); i++)
        if (str_eq(val_get_str(val_at(list, i), "name", ""), name)) return val_at(list, i);
    return NULL;
}

#define EIGHT                                                                                      \
    "request_id,timestamp,prediction,probability,latency_ms,version\n"                             \
    "a,2026-01-05T10:00:00Z,1,0.9,10,3\nb,2026-01-05T11:00:00Z,1,0.8,20,3\n"                       \
    "c,2026-01-05T12:00:00Z,1,0.7,30,3\nd,2026-01-05T13:00:00Z,1,0.6,40,3\n"                       \
    "e,2026-01-05T14:00:00Z,0,0.4,50,12\nf,2026-01-05T15:00:00Z,0,0.3,60,\n"                       \
    "g,2026-01-05T16:00:00Z,0,0.2,70,3\nh,2026-01-05T17:00:00Z,0,0.1,80,3\n"
#define EIGHT_LABELS                                                                               \
    "request_id,label,timestamp\n"                                                                 \
    "a,1,2026-01-06T10:00:00Z\nb,1.0,2026-01-06T11:00:00Z\nc,0,2026-01-06T12:00:00Z\n"             \
    "d,1,2026-01-06T13:00:00Z\ne,0,2026-01-06T14:00:00Z\nf,1,2026-01-06T15:00:00Z\n"               \
    "g,0,2026-01-06T16:00:00Z\nh,0,2026-01-06T17:00:00Z\n"
#define SMALL "monitoring: { min_rows: 4, min_labels: 4 }\n"

/* ---- windows ---------------------------------------------------------------------------- */

static void windows_begin_at_midnight_and_on_monday(void **state)
{
    (void)state;
    struct window w = monitor_window(JAN5 + 3 * DAY + 5 * HOUR, DAY);
    assert_int_equal(w.start_us, JAN5 + 3 * DAY);
    assert_int_equal(w.end_us, JAN5 + 4 * DAY);
    w = monitor_window(JAN5 + 3 * DAY + 5 * HOUR, 7 * DAY);
    assert_int_equal(w.start_us, JAN5);
    assert_int_equal(monitor_window(JAN5, 7 * DAY).start_us, JAN5);
    assert_int_equal(monitor_window(JAN5 - 1, 7 * DAY).start_us, JAN5 - 7 * DAY);
    assert_int_equal(monitor_window(JAN5 + 5 * HOUR + 1, HOUR).start_us, JAN5 + 5 * HOUR);
    assert_int_equal(monitor_window(-1, DAY).start_us, -DAY);
    assert_int_equal(monitor_window(0, DAY).start_us, 0);
}

/* ---- performance ------------------------------------------------------------------------ */

static void figures_are_those_worked_out_by_hand(void **state)
{
    struct fixture *f = *state;
    write_file(f, "signalbox.yaml", SMALL);
    ingest(f, EIGHT);
    label(f, EIGHT_LABELS);
    assert_int_equal(check(f, JAN5 + DAY), 1);
    const struct val *d = data_at(f, JAN5, NULL);
    assert_int_equal(val_get_int(d, "volume", 0), 8);
    assert_int_equal(val_get_int(d, "labels", 0), 8);
    assert_near(real(d, "performance", "accuracy", "value"), 0.75, 1e-15);
    assert_near(real(d, "performance", "accuracy", "low"), 0.40927, 1e-5);
    assert_near(real(d, "performance", "accuracy", "high"), 0.92852, 1e-5);
    assert_near(real(d, "performance", "precision", "value"), 0.75, 1e-15);
    assert_near(real(d, "performance", "recall", "value"), 0.75, 1e-15);
    assert_near(real(d, "performance", "brier", "value"), 0.175, 1e-15);
    assert_near(real(d, "performance", "auc", "value"), 13.0 / 16, 1e-15);
    assert_near(real(d, "performance", "log_loss", "value"),
                -2 * (log(0.9) + log(0.8) + log(0.3) + log(0.6)) / 8, 1e-12);
    assert_near(real(d, "performance", "auc", "n"), 8, 0);
    assert_string_equal(val_get_str(val_get(d, "performance"), "task", ""), "binary");
    assert_near(real(d, "estimated", "accuracy", NULL), 0.75, 1e-12);
    assert_near(real(d, "latency", "p50_ms", NULL), 45, 1e-12);
    assert_near(real(d, "latency", "p95_ms", NULL), 76.5, 1e-9);
    assert_near(real(d, "freshness", "data_s", NULL), 7 * 3600, 0);
    assert_near(real(d, "freshness", "max_gap_s", NULL), 3600, 0);
    assert_near(real(d, "label_delay", "p50_s", NULL), 86400, 0);
    const struct val *v = val_get(d, "model_versions");
    assert_int_equal(val_len(v), 3);
    assert_string_equal(val_key(v, 0), "unknown");
    assert_string_equal(val_key(v, 1), "3");
    assert_string_equal(val_key(v, 2), "12");
    assert_int_equal(val_get_int(v, "3", 0), 6);
}

/* The same log with the probability of the answered class gives the same figures. */
static void probabilities_may_be_those_of_the_answer(void **state)
{
    struct fixture *f = *state;
    write_file(f, "signalbox.yaml", SMALL);
    ingest(f, "request_id,timestamp,prediction,probability\n"
              "a,2026-01-05T10:00:00Z,1,0.9\nb,2026-01-05T11:00:00Z,1,0.8\n"
              "c,2026-01-05T12:00:00Z,1,0.7\nd,2026-01-05T13:00:00Z,1,0.6\n"
              "e,2026-01-05T14:00:00Z,0,0.6\nf,2026-01-05T15:00:00Z,0,0.7\n"
              "g,2026-01-05T16:00:00Z,0,0.8\nh,2026-01-05T17:00:00Z,0,0.9\n");
    label(f, EIGHT_LABELS);
    check(f, JAN5 + DAY);
    const struct val *d = data_at(f, JAN5, NULL);
    assert_near(real(d, "performance", "brier", "value"), 0.175, 1e-12);
    assert_near(real(d, "performance", "auc", "value"), 13.0 / 16, 1e-12);
}

static void few_labels_give_no_figures(void **state)
{
    struct fixture *f = *state;
    write_file(f, "signalbox.yaml", SMALL);
    ingest(f, EIGHT);
    label(f, "request_id,label\na,1\nb,1\nc,0\n");
    check(f, JAN5 + DAY);
    const struct val *d = data_at(f, JAN5, NULL);
    assert_int_equal(val_get_int(d, "labels", 0), 3);
    assert_near(real(d, "label_coverage", NULL, NULL), 3.0 / 8, 1e-15);
    assert_false(val_has(val_get(d, "performance"), "accuracy"));
    assert_true(val_has(val_get(d, "estimated"), "accuracy"));
}

static void regressions_have_errors_of_their_own(void **state)
{
    struct fixture *f = *state;
    write_file(f, "signalbox.yaml", SMALL);
    ingest(f, "request_id,timestamp,prediction\n"
              "a,2026-01-05,10\nb,2026-01-05,20\nc,2026-01-05,30\nd,2026-01-05,40\n");
    label(f, "request_id,label\na,11\nb,18\nc,33\nd,44\n"); /* errors 1 2 3 4 */
    check(f, JAN5 + DAY);
    const struct val *d = data_at(f, JAN5, NULL);
    assert_string_equal(val_get_str(val_get(d, "performance"), "task", ""), "regression");
    assert_near(real(d, "performance", "mae", "value"), 2.5, 1e-12);
    assert_near(real(d, "performance", "rmse", "value"), sqrt(7.5), 1e-12);
    /* 2.5 +- 1.96 sqrt(1.25 / 3) */
    assert_near(real(d, "performance", "mae", "high"), 3.765148, 1e-5);
    assert_false(val_has(val_get(d, "performance"), "accuracy"));
}

static void classes_of_any_name_have_an_accuracy(void **state)
{
    struct fixture *f = *state;
    write_file(f, "signalbox.yaml", SMALL);
    ingest(f, "request_id,timestamp,prediction\n"
              "a,2026-01-05,cat\nb,2026-01-05,dog\nc,2026-01-05,cat\nd,2026-01-05,cow\n");
    label(f, "request_id,label\na,cat\nb,dog\nc,cow\nd,cow\n");
    check(f, JAN5 + DAY);
    const struct val *d = data_at(f, JAN5, NULL);
    assert_string_equal(val_get_str(val_get(d, "performance"), "task", ""), "multiclass");
    assert_near(real(d, "performance", "accuracy", "value"), 0.75, 1e-15);
    assert_false(val_has(val_get(d, "performance"), "auc"));
}

/* Right for a day, wrong for a day: the error stream says so in the second window only. */
static void errors_that_rise_are_concept_drift(void **state)
{
    struct fixture *f = *state;
    STR_AUTO rows = STR_INIT, labels = STR_INIT;
    str_add(&rows, "request_id,timestamp,prediction,probability\n");
    str_add(&labels, "request_id,label\n");
    for (int i = 0; i < 1000; i++) {
        int day = i / 500, right = i % 10 != 0;
        if (day) right = i % 10 < 3;
        str_addf(&rows, "r%04d,2026-01-%02dT%02d:%02d:00Z,1,0.9\n", i, 5 + day, i % 500 / 60,
                 i % 500 % 60);
        str_addf(&labels, "r%04d,%d\n", i, right);
    }
    ingest(f, str_c(&rows));
    label(f, str_c(&labels));
    assert_int_equal(check(f, JAN5 + 2 * DAY), 2);
    const struct val *one = data_at(f, JAN5, NULL), *two = data_at(f, JAN5 + DAY, NULL);
    assert_int_equal(val_get_int(val_get(one, "concept"), "alarms", -1), 0);
    assert_true(val_get_int(val_get(two, "concept"), "alarms", -1) > 0);
    assert_string_equal(val_get_str(val_get(two, "concept"), "detector", ""), "adwin");
    assert_true(
        str_starts(val_get_str(val_get(two, "concept"), "last_alarm_at", ""), "2026-01-06T0"));
}

/* ---- late labels, silence ---------------------------------------------------------------- */

static void late_labels_reopen_their_windows_alone(void **state)
{
    struct fixture *f = *state;
    int64_t version;
    ingest(f, EIGHT);
    ingest(f, "request_id,timestamp,prediction\nx,2026-01-06T01:00:00Z,1\n");
    assert_int_equal(check(f, JAN5 + 2 * DAY), 2);
    assert_int_equal(check(f, JAN5 + 2 * DAY), 0);
    label(f, "request_id,label\nx,1\nnobody,1\n");
    assert_int_equal(val_get_int(f->r.v, "orphans", 0), 1);
    assert_int_equal(check(f, JAN5 + 2 * DAY), 1);
    data_at(f, JAN5, &version);
    assert_int_equal(version, 1);
    assert_int_equal(val_get_int(data_at(f, JAN5 + DAY, &version), "labels", 0), 1);
    assert_int_equal(version, 2);
    /* the prediction of the early label arrives, then nothing is new */
    ingest(f, "request_id,timestamp,prediction\nnobody,2026-01-05T01:00:00Z,1\n");
    assert_int_equal(check(f, JAN5 + 2 * DAY), 1);
    assert_int_equal(val_get_int(data_at(f, JAN5, &version), "labels", 0), 1);
    assert_int_equal(version, 2);
    label(f, "request_id,label\nx,1\nnobody,1\n");
    assert_int_equal(val_get_int(f->r.v, "changed", -1), 0);
    assert_int_equal(check(f, JAN5 + 2 * DAY), 0);
}

static void open_windows_wait(void **state)
{
    struct fixture *f = *state;
    ingest(f, EIGHT);
    assert_int_equal(check(f, JAN5 + DAY - 1), 0);
    assert_int_equal(check(f, JAN5 + DAY), 1);
}

static void silence_is_counted_until_it_is_retirement(void **state)
{
    struct fixture *f = *state;
    ingest(f, EIGHT);
    assert_int_equal(check(f, JAN5 + 3 * DAY), 3);
    const struct val *d = data_at(f, JAN5 + 2 * DAY, NULL);
    assert_int_equal(val_get_int(d, "volume", -1), 0);
    assert_near(real(d, "freshness", "windows_silent", NULL), 2, 0);
    assert_near(real(d, "freshness", "n", NULL), 8, 0); /* as many as were expected */
    assert_false(val_has(d, "quality"));
    assert_near(real(data_at(f, JAN5, NULL), "freshness", "windows_silent", NULL), 0, 0);
    assert_int_equal(check(f, JAN5 + 40 * DAY), 0);
    /* what arrives after all makes it an ordinary window */
    ingest(f, "request_id,timestamp,prediction\nz,2026-01-07T01:00:00Z,1\n");
    assert_int_equal(check(f, JAN5 + 3 * DAY), 1);
    assert_near(real(data_at(f, JAN5 + 2 * DAY, NULL), "freshness", "windows_silent", NULL), 0, 0);
}

/* ---- drift and quality -------------------------------------------------------------------- */

/* 200 rows of x uniform in [0, 1), shop a or b, and code with 100 different values. */
static void write_reference(struct fixture *f, const char *settings)
{
    STR_AUTO s = STR_INIT;
    str_add(&s, "x,shop,code,probability\n");
    for (int i = 0; i < 200; i++)
        str_addf(&s, "%.3f,%s,%d,%.3f\n", (i * 37 % 200) / 200.0, i % 2 ? "a" : "b", i % 100,
                 (i * 53 % 200) / 200.0);
    const char *path = write_file(f, "reference.csv", str_c(&s));
    write_file(f, "signalbox.yaml",
               arena_printf(&f->a, "monitoring: { reference: %s%s }\n", path, settings));
}

/* 100 rows of a day; x is shifted, the texts go into shop and code where given. */
static void ingest_day(struct fixture *f, int day, double shift, const char *shop, const char *code)
{
    STR_AUTO s = STR_INIT;
    str_add(&s, "request_id,timestamp,prediction,probability,x,shop,code\n");
    for (int i = 0; i < 100; i++) {
        const char *own = i % 2 ? "a" : "b";
        str_addf(&s, "d%d-%d,2026-01-%02dT%02d:%02d:00Z,1,%.3f,%.3f,%s,", day, i, day, i / 60,
                 i % 60, (i * 53 % 100) / 100.0, (i * 37 % 100) / 100.0 + shift,
                 shop && i % 3 == 0 ? shop : own);
        if (code) str_addf(&s, "%s\n", code);
        else str_addf(&s, "%d\n", i);
    }
    ingest(f, str_c(&s));
}

static void equal_windows_do_not_drift(void **state)
{
    struct fixture *f = *state;
    write_reference(f, "");
    ingest_day(f, 5, 0, NULL, NULL);
    check(f, JAN5 + DAY);
    const struct val *d = data_at(f, JAN5, NULL), *drift = val_get(d, "drift");
    assert_int_equal(val_get_int(drift, "tested", 0), 3);
    assert_int_equal(val_get_int(drift, "drifted", -1), 0);
    assert_near(real(d, "reference", "rows", NULL), 200, 0);
    assert_near(real(d, "prediction_drift", "effect", NULL), 0, 0);
    assert_near(real(d, "quality", "issues", NULL), 0, 0);
    /* ten quantile bins of a uniform reference hold a tenth each */
    const struct val *bins = val_get(named(val_get(drift, "features"), "x"), "bins");
    assert_int_equal(val_len(val_get(bins, "labels")), 10);
    for (size_t i = 0; i < 10; i++)
        assert_in_range(val_as_int(val_at(val_get(bins, "reference"), i), 0), 19, 21);
    const struct val *shop = val_get(named(val_get(drift, "features"), "shop"), "bins");
    assert_string_equal(val_as_str(val_at(val_get(shop, "labels"), 2), ""), "(other)");
    assert_int_equal(val_as_int(val_at(val_get(shop, "current"), 0), 0), 50);
}

static void shifted_features_drift_unless_the_season_does(void **state)
{
    struct fixture *f = *state;
    write_reference(f, ", season: 1w");
    ingest_day(f, 5, 0, NULL, NULL);
    ingest_day(f, 12, 0.5, NULL, NULL);
    ingest_day(f, 19, 0.5, NULL, NULL);
    assert_int_equal(check(f, JAN5 + 15 * DAY), 3);
    const struct val *first = val_get(data_at(f, JAN5 + 7 * DAY, NULL), "drift");
    const struct val *again = val_get(data_at(f, JAN5 + 14 * DAY, NULL), "drift");
    const struct val *x = named(val_get(first, "features"), "x");
    assert_string_equal(val_get_str(x, "state", ""), "drifted");
    assert_near(val_get_real(first, "share", NAN), 1.0 / 3, 1e-15);
    assert_true(val_get_real(x, "season_effect", 0) > 0.4);
    x = named(val_get(again, "features"), "x");
    assert_string_equal(val_get_str(x, "state", ""), "known season");
    assert_false(val_get_bool(x, "drifted", true));
    assert_near(val_get_real(again, "share", NAN), 0, 0);
    assert_near(val_get_real(x, "season_effect", NAN), 0, 1e-15);
}

static bool breached(struct fixture *f, const char *rule)
{
    ok(f, call(f, "alert list", "model", "m", NULL));
    const struct val *list = val_get(f->r.v, "alerts");
    for (size_t i = 0; i < val_len(list); i++)
        if (str_eq(val_get_str(val_at(list, i), "rule", ""), rule)) return true;
    return false;
}

/* One of three is more than a fifth, and may still be chance: the table has not drifted. */
static void one_feature_of_few_is_no_drift_of_the_table(void **state)
{
    struct fixture *f = *state;
    write_reference(f, "");
    ingest_day(f, 5, 0.5, NULL, NULL);
    check(f, JAN5 + DAY);
    const struct val *d = data_at(f, JAN5, NULL);
    assert_near(real(d, "drift", "share", NULL), 1.0 / 3, 1e-15);
    assert_near(real(d, "drift", "table_share", NULL), 0, 0);
    assert_false(val_get_bool(val_get(d, "drift"), "drift", true));
    assert_false(breached(f, "drift"));
    ingest_day(f, 6, 0.5, "c", NULL);
    check(f, JAN5 + 2 * DAY);
    d = data_at(f, JAN5 + DAY, NULL);
    assert_near(real(d, "drift", "table_share", NULL), 2.0 / 3, 1e-15);
    assert_true(val_get_bool(val_get(d, "drift"), "drift", false));
    assert_true(breached(f, "drift"));
}

static void broken_columns_are_named(void **state)
{
    struct fixture *f = *state;
    write_reference(f, "");
    ingest_day(f, 5, 0, "new", "7");    /* 34 rows of an unseen shop; code stands still */
    ingest_day(f, 6, 3, "", NULL);      /* 34 rows without a shop; x out of range */
    ingest_day(f, 7, 0, NULL, "seven"); /* text where numbers belong */
    ingest(f, "request_id,timestamp,prediction,x\nq,2026-01-08,1,0.5\n"); /* columns gone */
    assert_int_equal(check(f, JAN5 + 4 * DAY), 4);
    const struct val *q = val_get(data_at(f, JAN5, NULL), "quality");
    assert_near(val_get_real(q, "unseen_share", NAN), 0.34, 1e-12);
    assert_string_equal(val_get_str(val_at(val_get(q, "unseen"), 0), "example", ""), "new");
    assert_int_equal(val_get_int(q, "stuck_issues", 0), 1);
    assert_string_equal(val_get_str(val_at(val_get(q, "stuck"), 0), "value", ""), "7");
    assert_int_equal(val_get_int(q, "schema_issues", -1), 0);
    q = val_get(data_at(f, JAN5 + DAY, NULL), "quality");
    assert_int_equal(val_get_int(q, "null_issues", 0), 1);
    assert_near(real(named(val_get(q, "nulls"), "shop"), "current", NULL, NULL), 0.34, 1e-12);
    assert_near(real(named(val_get(q, "out_of_range"), "x"), "share", NULL, NULL), 1, 0);
    q = val_get(data_at(f, JAN5 + 2 * DAY, NULL), "quality");
    assert_string_equal(val_get_str(named(val_get(q, "schema"), "code"), "issue", ""), "type");
    assert_string_equal(val_get_str(named(val_get(q, "schema"), "code"), "found", ""), "category");
    q = val_get(data_at(f, JAN5 + 3 * DAY, NULL), "quality");
    assert_int_equal(val_get_int(q, "schema_issues", 0), 2);
    assert_int_equal(val_get_int(q, "stuck_issues", -1), 0); /* one row is none */
}

/* Sampling keeps every second row of 200; all of them count in the volume. */
/* Rows of two uniform numbers; with `tied` the second is close to the first. */
static void add_pairs(struct str *s, const char *before, int n, bool tied, uint64_t stream)
{
    struct rng r;
    rng_stream(&r, 5, stream);
    for (int i = 0; i < n; i++) {
        double u = rng_unit(&r), v = tied ? fmod(u + 0.1 * rng_unit(&r), 1) : rng_unit(&r);
        if (*before) str_addf(s, "%s-%d,%sT%02d:%02d:00Z,1,0.5,", before, i, before, i / 60, i % 60);
        str_addf(s, "%.6f,%.6f\n", u, v);
    }
}

static void pairs_of(struct fixture *f, const char *method, const char *first_day, bool tied)
{
    STR_AUTO s = STR_INIT;
    str_add(&s, "u,v\n");
    add_pairs(&s, "", 600, true, 0);
    const char *path = write_file(f, "pairs.csv", str_c(&s));
    write_file(f, "signalbox.yaml",
               arena_printf(&f->a, "monitoring: { reference: %s, multivariate: %s, season: 1w }\n",
                            path, method));
    s.len = 0;
    str_add(&s, "request_id,timestamp,prediction,probability,u,v\n");
    add_pairs(&s, first_day, 300, tied, (uint64_t)strtol(first_day + 8, NULL, 10));
    ingest(f, str_c(&s));
}

static void features_together_are_tested_where_asked(void **state)
{
    struct fixture *f = *state;
    pairs_of(f, "domain_classifier", "2026-01-05", true);
    pairs_of(f, "domain_classifier", "2026-01-12", false);
    pairs_of(f, "domain_classifier", "2026-01-19", false);
    assert_int_equal(check(f, JAN5 + 15 * DAY), 3);
    const struct val *m = val_get(data_at(f, JAN5, NULL), "multivariate");
    assert_false(val_get_bool(m, "drifted", true));
    assert_near(val_get_real(m, "effect", NAN), 0, 0);
    const struct val *d = data_at(f, JAN5 + 7 * DAY, NULL);
    assert_near(real(d, "drift", "share", NULL), 0, 0); /* no feature shows it alone */
    m = val_get(d, "multivariate");
    assert_string_equal(val_get_str(m, "state", ""), "drifted");
    assert_true(real(m, "auc", "low", NULL) > 0.8 && real(m, "effect", NULL, NULL) > 0.6);
    assert_int_equal(val_get_int(m, "n_reference", 0), 600);
    assert_int_equal(val_get_int(m, "n", 0), 300);
    m = val_get(data_at(f, JAN5 + 14 * DAY, NULL), "multivariate");
    assert_string_equal(val_get_str(m, "state", ""), "known season");
    assert_near(val_get_real(m, "effect", NAN), 0, 0);
    assert_true(val_get_real(m, "effect_raw", NAN) > 0.6);
    /* trend and rule */
    ok(f, call(f, "monitor trend", "name", "m", "metric", "multivariate.auc", NULL));
    const struct val *p = val_at(val_get(f->r.v, "points"), 1);
    assert_true(val_get_real(p, "value", 0) > 0.8 && val_get_real(p, "low", 0) > 0.8);
    assert_int_equal(val_get_int(p, "n", 0), val_get_int(val_get(val_get(d, "multivariate"), "auc"), "n", -1));
    ok(f, call(f, "monitor trend", "name", "m", "metric", "multivariate", NULL));
    p = val_at(val_get(f->r.v, "points"), 1);
    assert_near(val_get_real(p, "value", NAN), real(d, "multivariate", "effect", NULL), 0);
    ok(f, call(f, "alert list", "model", "m", "all", "true", NULL));
    const struct val *list = val_get(f->r.v, "alerts");
    bool seen = false;
    for (size_t i = 0; i < val_len(list); i++)
        seen |= str_eq(val_get_str(val_at(list, i), "rule", ""), "multivariate");
    assert_true(seen);
    /* the verb finds the same */
    ok(f, call(f, "drift", "model", "m", "window", "2026-01-12", NULL));
    assert_true(val_get_bool(f->r.v, "drift", false));
    assert_near(real(f->r.v, "multivariate", "auc", "value"), real(d, "multivariate", "auc", "value"), 0);
    assert_int_equal(val_len(val_get(f->r.v, "features")), 3);
    ok(f, call(f, "drift", "model", "m", "window", "2026-01-12", "multivariate", "off", NULL));
    assert_false(val_get_bool(f->r.v, "drift", true));
    assert_false(val_has(f->r.v, "multivariate"));
}

static void components_are_another_way(void **state)
{
    struct fixture *f = *state;
    pairs_of(f, "pca", "2026-01-05", false);
    check(f, JAN5 + DAY);
    const struct val *m = val_get(data_at(f, JAN5, NULL), "multivariate");
    assert_string_equal(val_get_str(m, "method", ""), "pca");
    assert_true(val_get_bool(m, "drifted", false));
    assert_true(real(m, "error", "value", NULL) > real(m, "expected", "high", NULL));
    pairs_of(f, "off", "2026-01-06", false);
    check(f, JAN5 + 2 * DAY);
    assert_int_equal(val_type(val_get(data_at(f, JAN5 + DAY, NULL), "multivariate")), VAL_NULL);
}

static void large_windows_are_sampled(void **state)
{
    struct fixture *f = *state;
    STR_AUTO s = STR_INIT;
    write_reference(f, ", max_rows: 1000");
    str_add(&s, "request_id,timestamp,prediction,probability,x,shop,code\n");
    for (int i = 0; i < 2001; i++)
        str_addf(&s, "%d,2026-01-05T%02d:%02d:%02dZ,1,0.5,%.3f,%s,%d\n", i, i / 3600, i / 60 % 60,
                 i % 60, (i * 37 % 200) / 200.0, i % 4 < 2 ? "a" : "b", i % 100);
    ingest(f, str_c(&s));
    check(f, JAN5 + DAY);
    const struct val *d = data_at(f, JAN5, NULL);
    assert_int_equal(val_get_int(d, "volume", 0), 2001);
    assert_int_equal(val_get_int(val_get(d, "drift"), "n", 0), 667); /* every third */
}

static void without_a_reference_there_is_no_drift(void **state)
{
    struct fixture *f = *state;
    ingest_day(f, 5, 0, NULL, NULL);
    check(f, JAN5 + DAY);
    const struct val *d = data_at(f, JAN5, NULL);
    assert_false(val_has(d, "reference"));
    assert_false(val_has(val_get(d, "drift"), "share"));
    assert_false(val_has(d, "prediction_drift"));
    assert_false(val_has(d, "quality"));
    assert_int_equal(val_get_int(d, "volume", 0), 100);
}

/* ---- the verbs --------------------------------------------------------------------------- */

static void status_and_trend_read_snapshots(void **state)
{
    struct fixture *f = *state;
    write_file(f, "signalbox.yaml", SMALL);
    ingest(f, EIGHT);
    label(f, EIGHT_LABELS);
    ok(f, call(f, "monitor check", "until", "2026-01-06", NULL));
    ok(f, call(f, "monitor status", "name", "m", NULL));
    assert_near(real(f->r.v, "accuracy", NULL, NULL), 0.75, 0);
    assert_near(real(f->r.v, "data_freshness_s", NULL, NULL), 30 * 86400 - 17 * 3600, 0);
    assert_near(real(f->r.v, "snapshot", "volume", NULL), 8, 0);
    assert_string_equal(val_get_str(val_get(f->r.v, "escalation"), "state", ""), "none");
    ok(f, call(f, "monitor trend", "name", "m", "metric", "brier", NULL));
    const struct val *p = val_at(val_get(f->r.v, "points"), 0);
    assert_near(val_get_real(p, "value", NAN), 0.175, 1e-15);
    assert_int_equal(val_get_int(p, "n", 0), 8);
    assert_false(val_has(f->r.v, "change"));
    assert_int_equal(call(f, "monitor trend", "name", "m", "metric", "beauty", NULL), -ERR_INVALID);
    assert_int_equal(call(f, "monitor trend", "name", "other", NULL), -ERR_NOTFOUND);
    assert_int_equal(call(f, "monitor check", "until", "soon", NULL), -ERR_INVALID);
    assert_int_equal(call(f, "monitor status", "name", "other", NULL), -ERR_NOTFOUND);
}

/* Up, down, up again: the second rise is back where the first one was. */
static void a_change_that_was_there_before_is_recurring(void **state)
{
    struct fixture *f = *state;
    static const double shift[] = { 0.6, 0.6, 0, 0, 0, 0, 0, 0, 0, 0.6, 0.6, 0.6 };
    write_reference(f, "");
    for (int i = 0; i < (int)ARRAY_LEN(shift); i++) ingest_day(f, 5 + i, shift[i], NULL, NULL);
    check(f, JAN5 + 12 * DAY);
    ok(f, call(f, "monitor trend", "name", "m", "metric", "feature:x", NULL));
    const struct val *c = val_get(f->r.v, "change");
    assert_string_equal(val_get_str(c, "kind", ""), "recurring");
    assert_string_equal(val_get_str(c, "at", ""), "2026-01-14T00:00:00Z");
    assert_string_equal(val_get_str(c, "like", ""), "2026-01-05T00:00:00Z");
}

static const struct val *heat_row(struct fixture *f, size_t i, const char *name)
{
    const struct val *row = val_at(val_get(f->r.v, "rows"), i);
    assert_string_equal(val_get_str(row, "name", ""), name);
    return row;
}

/* Two days as in the reference, then one whose x and shop are not. */
static void the_heat_map_has_trouble_first(void **state)
{
    struct fixture *f = *state;
    write_reference(f, "");
    ingest_day(f, 5, 0, NULL, NULL);
    ingest_day(f, 6, 0, NULL, NULL);
    ingest_day(f, 7, 0.6, NULL, NULL);
    check(f, JAN5 + 3 * DAY);
    ok(f, call(f, "monitor heatmap", "name", "m", NULL));
    const struct val *windows = val_get(f->r.v, "windows");
    assert_int_equal(val_len(windows), 3);
    assert_string_equal(val_get_str(val_at(windows, 2), "start", ""), "2026-01-07T00:00:00Z");
    assert_int_equal(val_len(val_get(f->r.v, "rows")), 4);
    assert_string_equal(val_get_str(heat_row(f, 0, "prediction"), "kind", ""), "score");
    const struct val *x = heat_row(f, 1, "x");
    assert_string_equal(val_get_str(x, "metric", ""), "feature:x");
    assert_int_equal(val_get_int(x, "drifted", 0), 1);
    assert_int_equal(val_get_int(x, "streak", 0), 1);
    assert_string_equal(val_as_str(val_at(val_get(x, "states"), 0), ""), "ok");
    assert_string_equal(val_as_str(val_at(val_get(x, "states"), 2), ""), "drifted");
    const struct val *d = data_at(f, JAN5 + 2 * DAY, NULL);
    double effect = val_get_real(named(val_get(val_get(d, "drift"), "features"), "x"), "effect", 0);
    assert_near(val_as_real(val_at(val_get(x, "values"), 2), NAN), effect, 0);
    assert_near(val_get_real(x, "floor", NAN), 0.1, 0);
    assert_int_equal(val_get_int(heat_row(f, 2, "code"), "drifted", -1), 0);
    assert_non_null(strstr(f->r.text, "  x          |.."));
    assert_non_null(strstr(f->r.text, "| 1 drifted\n"));
    assert_int_equal(val_len(val_get(f->r.v, "deploys")), 0);
    ok(f, call(f, "monitor heatmap", "name", "m", "metric", "missing", "last", "1", NULL));
    assert_int_equal(val_len(val_get(f->r.v, "windows")), 1);
    assert_near(val_as_real(val_at(val_get(heat_row(f, 1, "x"), "values"), 0), NAN), 0, 0);
    assert_int_equal(call(f, "monitor heatmap", "name", "other", NULL), -ERR_NOTFOUND);
    assert_int_equal(call(f, "monitor heatmap", "name", "m", "metric", "beauty", NULL),
                     -ERR_INVALID);
}

/* Status at an earlier instant is that of its window, with the alerts of then. */
static void status_looks_back(void **state)
{
    struct fixture *f = *state;
    write_reference(f, "");
    for (int day = 5; day < 9; day++)
        ingest_day(f, day, day > 6 ? 0.6 : 0, day > 6 ? "c" : NULL, NULL);
    check(f, JAN5 + 4 * DAY);
    ok(f, call(f, "monitor status", "name", "m", NULL));
    assert_string_equal(val_get_str(f->r.v, "window_start", ""), "2026-01-08T00:00:00Z");
    assert_true(val_len(val_get(f->r.v, "alerts")) > 0);
    ok(f, call(f, "monitor status", "name", "m", "at", "2026-01-06T12:00:00Z", NULL));
    assert_string_equal(val_get_str(f->r.v, "window_start", ""), "2026-01-06T00:00:00Z");
    assert_near(real(f->r.v, "share_drifted", NULL, NULL), 0, 0);
    assert_int_equal(val_len(val_get(f->r.v, "alerts")), 0);
    assert_string_equal(val_get_str(val_get(f->r.v, "escalation"), "state", ""), "none");
    assert_false(val_has(f->r.v, "pipeline_freshness_s"));
    ok(f, call(f, "monitor status", "at", "2025-01-01", NULL));
    const struct val *m = val_at(val_get(f->r.v, "models"), 0);
    assert_false(val_has(m, "window_start"));
    assert_int_equal(call(f, "monitor status", "name", "m", "at", "once", NULL), -ERR_INVALID);
}

static void old_predictions_are_removed_window_by_window(void **state)
{
    struct fixture *f = *state;
    struct prediction_totals t;
    write_file(f, "signalbox.yaml", "monitoring: { retention: 25d }\n");
    ingest(f, EIGHT);
    ingest(f, "request_id,timestamp,prediction\nz,2026-01-20,1\n");
    ok(f, call(f, "monitor prune", NULL));
    ok(f, prediction_totals(f->app.store, "m", &t, &f->e));
    assert_int_equal(t.rows, 1);
}

static void rows_that_cannot_be_used_say_why(void **state)
{
    struct fixture *f = *state;
    const char *path = write_file(f, "in.csv",
                                  "request_id,timestamp,prediction,probability\n"
                                  "a,2026-01-05,1,0.5\nb,,1,0.5\nc,2026-01-05,,\n");
    assert_int_equal(call(f, "monitor ingest", "name", "m", "data", path, NULL), -ERR_INVALID);
    assert_non_null(strstr(f->e.msg, "row 2"));
    ok(f, call(f, "monitor ingest", "name", "m", "data", path, "on-bad-row", "skip", NULL));
    assert_int_equal(val_get_int(f->r.v, "new", 0), 1);
    assert_int_equal(val_get_int(f->r.v, "skipped", 0), 2);
    path = write_file(f, "in.csv",
                      "request_id,timestamp,prediction,probability\n"
                      "d,2026-01-05,1,high\n");
    assert_int_equal(call(f, "monitor ingest", "name", "m", "data", path, NULL), -ERR_INVALID);
    assert_non_null(strstr(f->e.msg, "'probability' holds text"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_begin_at_midnight_and_on_monday),
        TEST(figures_are_those_worked_out_by_hand),
        TEST(probabilities_may_be_those_of_the_answer),
        TEST(few_labels_give_no_figures),
        TEST(regressions_have_errors_of_their_own),
        TEST(classes_of_any_name_have_an_accuracy),
        TEST(errors_that_rise_are_concept_drift),
        TEST(late_labels_reopen_their_windows_alone),
        TEST(open_windows_wait),
        TEST(silence_is_counted_until_it_is_retirement),
        TEST(equal_windows_do_not_drift),
        TEST(shifted_features_drift_unless_the_season_does),
        TEST(one_feature_of_few_is_no_drift_of_the_table),
        TEST(broken_columns_are_named),
        TEST(features_together_are_tested_where_asked),
        TEST(components_are_another_way),
        TEST(large_windows_are_sampled),
        TEST(without_a_reference_there_is_no_drift),
        TEST(status_and_trend_read_snapshots),
        TEST(a_change_that_was_there_before_is_recurring),
        TEST(the_heat_map_has_trouble_first),
        TEST(status_looks_back),
        TEST(old_predictions_are_removed_window_by_window),
        TEST(rows_that_cannot_be_used_say_why),
    };
    return cmocka_run_group_tests_name("monitor", tests, NULL, NULL);
}
