/* test_batch.c: rows that wait for a worker: batches bounded in rows, why they ran, a full queue,
 * deadlines that hold while a worker is busy, and ends with asks in flight. */
#include "base/mem.h"
#include "sample.h"
#include "serve/priv.h"
#include "workspace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ASKS = 40 };

struct asked {
    struct ask ask;
    int rc, order;
    bool done;
    double p[4];
    struct asked *all;
};

static int answers; /* in this test so far */

static void came(struct ask *k, int rc, const struct err *e)
{
    struct asked *a = k->user;

    assert_true((rc == 0) == (e->kind == ERR_OK));
    assert_false(a->done);
    a->rc = rc;
    a->order = answers++;
    a->done = true;
}

static const struct serve_route *start(struct bench *b, const char *settings)
{
    bench_open(b);
    bench_register(b, "m", sample_model("gbdt", "buys", NULL, NULL), "Production");
    bench_settings(b, settings);
    bench_start(b);
    answers = 0;
    return catalog_route(serve_io_catalog(b->io), "m", 1);
}

static struct rows *fill(struct bench *b, const struct serve_route *r, size_t n)
{
    struct rows *rows = serve_io_rows(b->io);
    struct cell *cells;

    rows_clear(rows, r->schema);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(rows_add(rows, &cells, NULL), 0);
        for (size_t k = 0; k < schema_width(r->schema); k++) {
            cells[k].kind = schema_field(r->schema, k)->type == COL_TIME ? CELL_NULL : CELL_NUM;
            cells[k].num = (double)(i + k);
        }
    }
    return rows;
}

static int post(struct bench *b, const struct serve_route *r, struct asked *a, int64_t in_us)
{
    a->ask = (struct ask){ .io = b->io,
                           .route = r,
                           .arm = &r->arms[0],
                           .rows = &b->io->rows->rows,
                           .p = a->p,
                           .deadline_us = clock_mono_us() + in_us,
                           .done = came,
                           .user = a };
    a->done = false;
    return score_later(&a->ask, NULL);
}

static void one_thread_waits_for_many(void **state)
{
    struct asked a[ASKS] = { 0 };
    struct bench b;
    const struct serve_route *r = start(&b, "serve: {batch_rows: 8, inline_us: 0}\n");
    struct serve_totals t;
    double direct[4], us;
    size_t rows = 0, batches = 0;

    (void)state;
    fill(&b, r, 1);
    assert_int_equal(score_now(&r->arms[0], serve_io_rows(b.io), direct, &us, NULL), 0);
    for (int i = 0; i < ASKS; i++) assert_int_equal(post(&b, r, &a[i], 10000000), 0);
    for (int i = 0; i < ASKS; i++) {
        bench_wait(&b, &a[i].done);
        assert_int_equal(a[i].rc, 0);
        assert_true(a[i].p[0] == direct[0] && a[i].ask.queue_us > 0);
        assert_int_equal(a[i].order, i); /* one model, one order */
        batches += a[i].ask.batch > 0;
        rows += a[i].ask.batch;
        assert_true(a[i].ask.batch <= 8);
    }
    assert_int_equal(rows, ASKS);
    serve_totals(b.serve, &t);
    assert_int_equal(t.batches_full + t.batches_drained + t.batches_deadline, batches);
    assert_int_equal(t.queued, 0);
    bench_close(&b);
}

static void a_full_queue_refuses_at_once(void **state)
{
    static struct asked a[ASKS];
    static struct asked big;
    struct bench b;
    const struct serve_route *r = start(&b, "serve: {queue_rows: 10, inline_us: 0, "
                                            "batch_wait_us: 1000000, batch_rows: 1000}\n");
    struct err e = ERR_INIT;
    int refused = 0;

    (void)state;
    fill(&b, r, 1); /* batches wait for more rows, so the queue fills */
    for (int i = 0; i < ASKS; i++) {
        int rc = post(&b, r, &a[i], 10000000);
        assert_true(rc == 0 || rc == -ERR_BUSY);
        refused += rc != 0;
    }
    assert_int_equal(refused, ASKS - 10);
    big.ask = a[0].ask;
    assert_int_equal(score_later(&big.ask, &e), -ERR_BUSY);
    assert_non_null(strstr(e.msg, "10 rows wait"));
    for (int i = 0; i < ASKS; i++)
        if (!a[i].done && a[i].ask.impl) bench_wait(&b, &a[i].done);
    struct serve_totals t;
    serve_totals(b.serve, &t);
    assert_int_equal(t.batches_deadline, 1);
    bench_close(&b);
}

/* The wait of the batch is longer than the ask's time: the answer comes when the time is up. */
static void deadlines_hold_while_workers_do_not(void **state)
{
    struct asked a = { 0 }, b2 = { 0 };
    struct bench b;
    const struct serve_route *r =
        start(&b, "serve: {inline_us: 0, batch_wait_us: 400000, batch_rows: 1000}\n");
    int64_t before = clock_mono_us();

    (void)state;
    fill(&b, r, 1);
    assert_int_equal(post(&b, r, &a, 30000), 0);
    assert_int_equal(post(&b, r, &b2, 60000), 0);
    bench_wait(&b, &a.done);
    assert_int_equal(a.rc, -ERR_TIMEOUT);
    int64_t took = clock_mono_us() - before;
    assert_true(took >= 30000 && took < 300000);
    assert_false(b2.done);
    bench_wait(&b, &b2.done);
    assert_int_equal(b2.rc, -ERR_TIMEOUT);
    assert_int_equal(post(&b, r, &a, -1), -ERR_TIMEOUT); /* too late from the start */
    bench_close(&b);                                     /* with two items still in the queue */
}

static void asks_in_flight_hear_of_the_end(void **state)
{
    struct asked a = { 0 };
    struct bench b;
    const struct serve_route *r =
        start(&b, "serve: {inline_us: 0, batch_wait_us: 300000, batch_rows: 1000}\n");

    (void)state;
    fill(&b, r, 1);
    assert_int_equal(post(&b, r, &a, 10000000), 0);
    bench_stop(&b);
    assert_true(a.done);
    assert_int_equal(a.rc, -ERR_CANCELLED);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(one_thread_waits_for_many),
        cmocka_unit_test(a_full_queue_refuses_at_once),
        cmocka_unit_test(deadlines_hold_while_workers_do_not),
        cmocka_unit_test(asks_in_flight_hear_of_the_end),
    };
    return cmocka_run_group_tests_name("serve.batch", t, NULL, NULL);
}
