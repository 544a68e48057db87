/* test_plog.c: predictions on their way to the store: nothing lost while there is room, drops
 * counted when there is none, windows marked, rows as `monitor ingest` would have stored them. */
#include "app/feature_pack.h"
#include "app/monitor.h"
#include "base/mem.h"
#include "serve/priv.h"
#include "store/prediction.h"
#include "store/rollout.h"
#include "store/snapshot.h"
#include "workspace.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SCHEMA "[{\"name\":\"x\",\"type\":\"real\"}]"

static struct plog *open_log(struct bench *b, size_t ring_bytes, int64_t flush_us)
{
    const struct plog_config cfg = { .app = &b->cfg,
                                     .flush_us = flush_us,
                                     .flush_rows = 1000000,
                                     .ring_bytes = ring_bytes,
                                     .listen = "127.0.0.1:1" };
    struct plog *l;

    assert_int_equal(plog_new(&cfg, &l, NULL), 0);
    return l;
}

static bool put(struct plog_ring *r, int target, int i, size_t n_features)
{
    char id[32];
    int n_id = snprintf(id, sizeof id, "id%d", i);
    struct plog_row *row = plog_begin(r, (size_t)n_id + 3 + n_features);

    if (!row) return false;
    row->target = target;
    row->at_us = 1700000000000000 + i;
    row->n_id = (uint16_t)n_id;
    row->n_answer = 3;
    row->n_features = (uint32_t)n_features;
    row->probability = 0.25;
    row->latency_ms = 1.5;
    row->value = (double)NAN;
    memcpy(row->bytes, id, (size_t)n_id + 1);
    memcpy(row->bytes + n_id + 1, "yes", 4);
    memset(row->bytes + n_id + 5, i & 0x7f, n_features);
    plog_commit(r);
    return true;
}

struct seen {
    size_t n;
    bool in_order;
};

static int see(void *user, const struct prediction *p)
{
    struct seen *s = user;
    char id[32];

    snprintf(id, sizeof id, "id%d", (int)(p->at_us - 1700000000000000));
    assert_string_equal(p->request_id, id);
    assert_string_equal(p->answer, "yes");
    assert_true(p->probability == 0.25 && p->latency_ms == 1.5 && p->version == 3);
    assert_true(p->schema_id > 0 && p->n_bytes == 8);
    s->n++;
    return 0;
}

static size_t count(struct bench *b, const char *model)
{
    struct seen s = { 0 };

    assert_int_equal(prediction_each(b->app.store, model, 0, INT64_MAX, see, &s, NULL), 0);
    return s.n;
}

static void everything_arrives(void **state)
{
    struct bench b;
    struct serve_totals t = { 0 };
    size_t windows;
    struct window *w;

    (void)state;
    bench_open(&b);
    struct plog *l = open_log(&b, 1 << 20, 20000);
    struct plog_ring *r = plog_ring_new(l), *second = plog_ring_new(l);
    int a = plog_target(l, "a", 3, SCHEMA), other = plog_target(l, "b", 3, SCHEMA);
    assert_int_equal(plog_target(l, "a", 3, SCHEMA), a);
    assert_true(a != other && plog_target(l, "a", 4, SCHEMA) != a);
    for (int i = 0; i < 3000; i++) assert_true(put(i % 2 ? r : second, i % 3 ? a : other, i, 8));
    plog_ring_free(second); /* its rows are still written */
    plog_ring_free(r);
    plog_free(l);
    assert_int_equal(count(&b, "a"), 2000);
    assert_int_equal(count(&b, "b"), 1000);
    assert_int_equal(window_dirty(b.app.store, &b.arena, "a", INT64_MAX, &w, &windows, NULL), 0);
    assert_int_equal(windows, 1);
    struct window day = monitor_window(1700000000000000, 86400000000);
    assert_true(w->start_us == day.start_us && w->end_us == day.end_us);
    (void)t;
    bench_close(&b);
}

static void a_group_is_written_while_it_runs(void **state)
{
    struct bench b;
    struct serve_totals t = { 0 };

    (void)state;
    bench_open(&b);
    struct plog *l = open_log(&b, 1 << 20, 10000);
    struct plog_ring *r = plog_ring_new(l);
    int a = plog_target(l, "a", 3, SCHEMA);
    put(r, a, 1, 8);
    for (int i = 0; i < 500 && t.log_written < 1; i++) {
        t = (struct serve_totals){ 0 };
        usleep(10000);
        plog_totals(l, &t);
    }
    assert_int_equal(t.log_written, 1);
    assert_int_equal(t.log_queued, 0);
    assert_int_equal(count(&b, "a"), 1);
    assert_true(plog_alive(l));
    plog_ring_free(r);
    plog_free(l);
    bench_close(&b);
}

/* The store is locked by somebody else: the ring fills, rows are dropped and counted, nobody
 * waits; what was in the ring is written when the store is free again. */
static void a_full_ring_drops_and_says_so(void **state)
{
    struct bench b;
    struct serve_totals t = { 0 };
    size_t fit = 0;

    (void)state;
    bench_open(&b);
    struct plog *l = open_log(&b, 1 << 14, 1000000);
    struct plog_ring *r = plog_ring_new(l);
    int a = plog_target(l, "a", 3, SCHEMA);
    assert_int_equal(store_begin(b.app.store, NULL), 0);
    int64_t before = clock_mono_us();
    for (int i = 0; i < 2000; i++) fit += put(r, a, i, 8);
    assert_true(clock_mono_us() - before < 1000000);
    assert_true(fit > 100 && fit < 2000);
    plog_totals(l, &t);
    assert_int_equal(t.log_dropped, 2000 - fit);
    struct val *problems = val_list(&b.arena);
    plog_problems(l, &b.arena, problems);
    assert_int_equal(val_len(problems), 1);
    store_rollback(b.app.store);
    plog_ring_free(r);
    plog_free(l);
    assert_int_equal(count(&b, "a"), fit);
    bench_close(&b);
}

/* A row that the store refuses is left out; the others do not wait for it. */
static void a_refused_row_stops_nobody(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b);
    struct plog *l = open_log(&b, 1 << 20, 10000);
    struct plog_ring *r = plog_ring_new(l);
    int a = plog_target(l, "a", 3, SCHEMA);
    put(r, a, 1, 8);
    struct plog_row *row = plog_begin(r, 100);
    *row = (struct plog_row){ .target = a, .value = (double)NAN, .at_us = 1700000000000000 };
    memset(row->bytes, 0, 100); /* no request id */
    plog_commit(r);
    put(r, a, 2, 8);
    plog_ring_free(r);
    plog_free(l);
    assert_int_equal(count(&b, "a"), 2);
    bench_close(&b);
}

static void rings_wrap_around(void **state)
{
    struct bench b;
    size_t sent = 0;

    (void)state;
    bench_open(&b);
    struct plog *l = open_log(&b, 4096, 1000);
    struct plog_ring *r = plog_ring_new(l);
    int a = plog_target(l, "w", 3, SCHEMA);
    for (int i = 0; i < 1000; i++) {
        while (!put(r, a, i, 8)) usleep(1000);
        sent++;
    }
    assert_null(plog_begin(r, 1 << 20)); /* larger than the ring */
    plog_ring_free(r);
    plog_free(l);
    assert_int_equal(count(&b, "w"), sent);
    bench_close(&b);
}

static void counters_and_the_daemons_row_go_along(void **state)
{
    struct bench b;
    struct serving_sum sum = {
        .model = "m", .role = "production", .rollout_id = "", .version = 2, .requests = 7, .rows = 9
    };
    struct serve_totals gauges = { .cache_hits = 5, .queued = 3 };
    struct serving_sum *sums;
    struct serving_daemon *daemons;
    size_t n;

    (void)state;
    bench_open(&b);
    struct plog *l = open_log(&b, 4096, 10000);
    plog_sums(l, &sum, 1, 1700000000000000, 1700000001000000, &gauges);
    plog_free(l);
    assert_int_equal(serving_sums(b.app.store, &b.arena, "m", 0, INT64_MAX, &sums, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(sums->requests, 7);
    assert_int_equal(serving_daemons(b.app.store, &b.arena, &daemons, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_string_equal(daemons->listen, "127.0.0.1:1");
    assert_int_equal(daemons->pid, getpid());
    assert_non_null(strstr(daemons->detail, "\"queued\":3"));
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(everything_arrives),
        cmocka_unit_test(a_group_is_written_while_it_runs),
        cmocka_unit_test(a_full_ring_drops_and_says_so),
        cmocka_unit_test(a_refused_row_stops_nobody),
        cmocka_unit_test(rings_wrap_around),
        cmocka_unit_test(counters_and_the_daemons_row_go_along),
    };
    return cmocka_run_group_tests_name("serve.plog", t, NULL, NULL);
}
