/* test_metrics.c: the page of metrics: what is in it, that a strict reader takes it in both
 * formats, that figures agree with what was counted, also while threads go on counting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/count.h"
#include "http/metrics_in.h"
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

static const struct http_route get_a = { .method = "GET", .pattern = "/a/{x}" };
static const struct http_route post_a = { .method = "POST", .pattern = "/a/{x}" };
static const struct http_route b = { .method = "POST", .pattern = "/b" };

static const char facts_text[] =
    "{\"jobs\": {\"counts\": {\"ready\": 2, \"running\": 1}, \"training\": 1},"
    " \"monitoring\": ["
    "  {\"model\": \"fraud\", \"share_drifted\": 0.25, \"accuracy\": 0.9, \"auc\": 0.8,"
    "   \"brier\": 0.1, \"label_coverage\": 0.5, \"volume\": 100, \"data_freshness_s\": 3.5,"
    "   \"alerts\": [{}, {}], \"escalation\": {\"state\": \"incident\"}},"
    "  {\"model\": \"new \\\"one\\\"\", \"share_drifted\": null, \"accuracy\": null,"
    "   \"alerts\": [], \"escalation\": {\"state\": \"none\"}}],"
    " \"problems\": [{}]}";

struct fx {
    struct arena a;
    struct http_count *counts[2];
    struct serve_count arms[3];
    struct metrics_arm live[2];
    struct serve_totals totals;
    struct metrics_in in;
};

static int setup(void **state)
{
    struct fx *f = mem_zalloc(1, sizeof *f);
    struct val *facts = NULL;

    assert_int_equal(val_parse_json(&f->a, facts_text, strlen(facts_text), &facts, NULL), 0);
    for (int i = 0; i < 2; i++) f->counts[i] = http_count_new();
    for (int i = 0; i < 3; i++) {
        struct serve_count *c = &f->arms[i];
        *c = (struct serve_count){ .model = "fraud",
                                   .role = i == 1 ? "canary" : "production",
                                   .version = i == 1 ? 10 : 9,
                                   .requests = 10,
                                   .rows = 20,
                                   .errors = 1,
                                   .cached = 2,
                                   .fallbacks = 3,
                                   .compared = 4,
                                   .disagreed = 1 };
        for (int k = 0; k < 1000; k++) {
            hist_add(&c->seconds_request, k * 1e-6);
            hist_add(&c->seconds_model, 5e-6);
            hist_add(&c->seconds_queue, 100);
            hist_add(&c->batch_rows, (k % 9) * 1e-6);
        }
    }
    f->live[0] = (struct metrics_arm){ "fraud", "production", 9, 0.9, 1.5, false };
    f->live[1] = (struct metrics_arm){ "fraud", "canary", 10, 0.1, 2.5, true };
    f->totals = (struct serve_totals){ .cache_hits = 7, .log_dropped = 4, .batches_full = 1 };
    f->in = (struct metrics_in){ .counts = f->counts,
                                 .n_counts = 2,
                                 .rate_rejections = 5,
                                 .arms = f->arms,
                                 .n_arms = 3,
                                 .live = f->live,
                                 .n_live = 2,
                                 .totals = &f->totals,
                                 .facts = facts,
                                 .ready = true,
                                 .version = "1.2.3",
                                 .process = { 1, 2, 3, 4 } };
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fx *f = *state;
    for (int i = 0; i < 2; i++) http_count_free(f->counts[i]);
    arena_done(&f->a);
    free(f);
    return 0;
}

static struct prom_doc page(struct fx *f, enum prom_format format)
{
    struct err e = ERR_INIT;
    struct prom_doc d = { NULL, 0 };
    STR_AUTO out = STR_INIT;

    metrics_render(&f->in, format, &out);
    if (prom_read(&f->a, out.p, out.len, format, &d, &e)) fail_msg("%s\n%s", e.msg, out.p);
    return d;
}

#define L(...)                                                                                     \
    (const struct prom_label[]){ __VA_ARGS__ },                                                    \
        sizeof((const struct prom_label[]){ __VA_ARGS__ }) / sizeof(struct prom_label)
#define IS(want, ...) assert_true(fabs(prom_sum(&d, __VA_ARGS__) - (want)) < 1e-9)

static void requests_are_counted_by_route_method_and_status(void **state)
{
    struct fx *f = *state;

    for (int i = 0; i < 10; i++) http_count_add(f->counts[i % 2], &get_a, "GET", 200, 0.003);
    http_count_add(f->counts[0], &get_a, "HEAD", 200, 0.003);
    http_count_add(f->counts[0], &post_a, "POST", 429, 0.00005);
    http_count_add(f->counts[1], &b, "POST", 200, 100);
    http_count_add(f->counts[1], &b, "POST", 299, 0.0025);
    http_count_add(f->counts[1], NULL, "BREW", 404, 0);
    struct prom_doc d = page(f, PROM_TEXT);
    IS(15, "http_requests_total", NULL, 0);
    IS(10, "http_requests_total", L({ "route", "/a/{x}" }, { "method", "GET" }, { "code", "200" }));
    IS(1, "http_requests_total", L({ "method", "HEAD" }));
    IS(1, "http_requests_total", L({ "route", "/a/{x}" }, { "code", "429" }));
    IS(1, "http_requests_total", L({ "route", "/b" }, { "code", "other" }));
    IS(1, "http_requests_total",
       L({ "route", "unmatched" }, { "method", "other" }, { "code", "404" }));
    IS(10, "http_request_duration_seconds_bucket",
       L({ "route", "/a/{x}" }, { "method", "GET" }, { "le", "0.005" }));
    IS(0, "http_request_duration_seconds_bucket",
       L({ "route", "/a/{x}" }, { "method", "GET" }, { "le", "0.0025" }));
    IS(1, "http_request_duration_seconds_bucket", L({ "route", "/b" }, { "le", "0.0025" }));
    IS(2, "http_request_duration_seconds_count", L({ "route", "/b" }));
    IS(0.03, "http_request_duration_seconds_sum", L({ "route", "/a/{x}" }, { "method", "GET" }));
    IS(5, "http_ratelimit_rejections_total", NULL, 0);
}

static void arms_that_came_twice_are_one_series(void **state)
{
    struct fx *f = *state;
    struct prom_doc d = page(f, PROM_TEXT);

    IS(60, "model_predictions_total", NULL, 0);
    IS(40, "model_predictions_total",
       L({ "model", "fraud" }, { "version", "9" }, { "arm", "production" }));
    IS(20, "model_predictions_total", L({ "version", "10" }, { "arm", "canary" }));
    IS(2, "model_prediction_errors_total", L({ "arm", "production" }));
    IS(3000, "model_prediction_duration_seconds_count", NULL, 0);
    IS(8, "model_shadow_compared_total", L({ "arm", "production" }));
    IS(3, "model_shadow_disagreements_total", NULL, 0);
    IS(0, "model_breaker_open", L({ "arm", "production" }));
    IS(1, "model_breaker_open", L({ "arm", "canary" }));
    IS(0.9, "model_rollout_weight_ratio", L({ "arm", "production" }));
    IS(2.5e-6, "model_row_duration_seconds", L({ "arm", "canary" }));
}

static void bounds_are_where_counts_are_exact(void **state)
{
    struct fx *f = *state;
    struct prom_doc d = page(f, PROM_TEXT);

    IS(64, "model_prediction_duration_seconds_bucket",
       L({ "arm", "canary" }, { "le", "6.4e-05" })); /* 0 to 63 microseconds */
    IS(512, "model_prediction_duration_seconds_bucket",
       L({ "arm", "canary" }, { "le", "0.000512" }));
    IS(1000, "model_prediction_duration_seconds_bucket",
       L({ "arm", "canary" }, { "le", "0.001024" }));
    IS(1000, "model_inference_duration_seconds_bucket",
       L({ "arm", "canary" }, { "le", "1.6e-05" }));
    IS(0, "model_queue_wait_seconds_bucket", L({ "arm", "canary" }, { "le", "8.388608" }));
    IS(1000, "model_queue_wait_seconds_bucket", L({ "arm", "canary" }, { "le", "+Inf" }));
    IS(223, "model_batch_rows_bucket", L({ "arm", "canary" }, { "le", "1.0" })); /* 0 and 1 */
    IS(445, "model_batch_rows_bucket", L({ "arm", "canary" }, { "le", "3.0" }));
    IS(889, "model_batch_rows_bucket", L({ "arm", "canary" }, { "le", "7.0" }));
    IS(3996, "model_batch_rows_sum", L({ "arm", "canary" }));
}

static void monitoring_shows_what_is_known(void **state)
{
    struct fx *f = *state;
    struct prom_doc d = page(f, PROM_TEXT);

    IS(0.25, "model_drift_share", NULL, 0); /* the other one is not known */
    IS(3, "model_escalation_state", L({ "model", "fraud" }));
    IS(0, "model_escalation_state", L({ "model", "new \"one\"" }));
    IS(2, "model_alerts", NULL, 0);
    IS(1, "training_jobs_active", NULL, 0);
    IS(2, "signalbox_jobs", L({ "state", "ready" }));
    IS(7, "prediction_cache_requests_total", L({ "result", "hit" }));
    IS(4, "prediction_log_dropped_total", NULL, 0);
    IS(1, "signalbox_serving_problems", NULL, 0);
    IS(1, "signalbox_build_info", L({ "version", "1.2.3" }));
}

static void every_metric_of_the_table_is_on_a_full_page(void **state)
{
    static const char *const names[] = {
#define METRIC(id, name, type, labels, help) name,
#include "http/metrics.def"
#undef METRIC
    };
    struct fx *f = *state;

    http_count_add(f->counts[0], &b, "POST", 200, 0.1);
    struct prom_doc d = page(f, PROM_TEXT);
    assert_int_equal(d.n, ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!prom_find(&d, names[i])) fail_msg("%s", names[i]);
    d = page(f, PROM_OPENMETRICS);
    assert_int_equal(d.n, ARRAY_LEN(names));
}

static void an_empty_daemon_has_a_page_too(void **state)
{
    struct fx *f = *state;

    f->in =
        (struct metrics_in){ .version = "0",
                             .process = { (double)NAN, (double)NAN, (double)NAN, (double)NAN } };
    struct prom_doc d = page(f, PROM_TEXT);
    assert_non_null(prom_find(&d, "signalbox_build_info"));
    assert_null(prom_find(&d, "process_open_fds"));
    page(f, PROM_OPENMETRICS);
}

/* Prometheus's own opinion, where its tool is installed: parses and finds nothing to say on names.
 */
static void promtool_has_nothing_to_say(void **state)
{
    struct fx *f = *state;
    STR_AUTO out = STR_INIT;

    if (system("promtool --version >/dev/null 2>&1") != 0) {
        print_message("promtool is not installed (Debian package prometheus)\n");
        skip();
    }
    http_count_add(f->counts[0], &b, "POST", 200, 0.1);
    metrics_render(&f->in, PROM_TEXT, &out);
    FILE *tool = popen("promtool check metrics", "w");
    assert_non_null(tool);
    assert_int_equal(fwrite(out.p, 1, out.len, tool), out.len);
    assert_int_equal(pclose(tool), 0);
}

struct writer {
    struct http_count *c;
    atomic_bool *stop;
    uint64_t n;
};

static void *count_on(void *arg)
{
    struct writer *w = arg;
    for (; !atomic_load(w->stop); w->n++)
        http_count_add(w->c, w->n % 3 ? &get_a : &b, w->n % 3 ? "GET" : "POST",
                       w->n % 7 ? 200 : 404, (double)(w->n % 1000) / 1000);
    return NULL;
}

static void pages_agree_with_themselves_while_counting_goes_on(void **state)
{
    struct fx *f = *state;
    atomic_bool stop = false;
    struct writer w[2] = { { f->counts[0], &stop, 0 }, { f->counts[1], &stop, 0 } };
    pthread_t t[2];

    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&t[i], NULL, count_on, &w[i]), 0);
    double before = 0;
    for (int i = 0; i < 50; i++) {
        struct prom_doc d = page(f, i % 2 ? PROM_TEXT : PROM_OPENMETRICS);
        double now = prom_sum(&d, "http_requests_total", NULL, 0);
        if (!isnan(now)) assert_true(now >= before);
        if (!isnan(now)) before = now;
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++) pthread_join(t[i], NULL);
    struct prom_doc d = page(f, PROM_TEXT);
    IS((double)(w[0].n + w[1].n), "http_requests_total", NULL, 0);
    IS((double)(w[0].n + w[1].n), "http_request_duration_seconds_count", NULL, 0);
}

static void more_routes_than_places_do_no_harm(void **state)
{
    struct fx *f = *state;
    static struct http_route many[3000];

    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i].pattern = arena_printf(&f->a, "/r%zu", i);
        http_count_add(f->counts[0], &many[i], "GET", 200, 0.1);
        http_count_add(f->counts[0], &many[0], "GET", 200, 0.1);
    }
    struct prom_doc d = page(f, PROM_TEXT);
    IS(3001, "http_requests_total", L({ "route", "/r0" }));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest t[] = {
        TEST(requests_are_counted_by_route_method_and_status),
        TEST(arms_that_came_twice_are_one_series),
        TEST(bounds_are_where_counts_are_exact),
        TEST(monitoring_shows_what_is_known),
        TEST(every_metric_of_the_table_is_on_a_full_page),
        TEST(an_empty_daemon_has_a_page_too),
        TEST(promtool_has_nothing_to_say),
        TEST(pages_agree_with_themselves_while_counting_goes_on),
        TEST(more_routes_than_places_do_no_harm),
    };
    return cmocka_run_group_tests_name("http.metrics", t, NULL, NULL);
}
