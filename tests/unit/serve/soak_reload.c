/* soak_reload.c: reloads under load. Two versions take turns in Production while a thread asks
 * for predictions without a pause, cheap ones and such that go through the workers; no request
 * may fail, answers come from one of the two, and memory must not grow.
 *
 * RELOAD_ROUNDS: how many reloads (150). */
#include "app/registry.h"
#include "base/mem.h"
#include "sample.h"
#include "workspace.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char body[] =
    "{\"age\":40,\"balance\":512.5,\"city\":\"Genf\",\"member\":true,\"since\":null}";

struct load {
    struct serve *serve;
    atomic_bool stop;
    atomic_int answered, failed, by[3];
    char first_error[256];
};

struct pending {
    bool done;
    int version;
};

/* What a call names lives as long as the catalog it was asked of, which may be replaced in the
 * same turn of the loop: it is looked at here, not after. */
static void answered(struct predict_call *c)
{
    struct pending *p = c->user;

    p->done = true;
    if (!c->rc) p->version = c->arm->by->version;
}

/* One call, waited for. */
static void ask(struct load *l, struct loop *loop, struct serve_io *io, const char *model)
{
    const struct catalog *cat = serve_io_catalog(io);
    struct rows *rows = serve_io_rows(io);
    struct pending p = { 0 };
    struct predict_call c = { .request_id = "x", .done = answered, .user = &p };

    c.route = catalog_route(cat, model, strlen(model));
    rows_clear(rows, c.route->schema);
    c.rows = rows;
    if (rows_scan_json(rows, body, sizeof body - 1, NULL, &c.err)) c.rc = -1;
    else if (!serve_predict(io, &c)) answered(&c);
    else
        while (!p.done) loop_run_once(loop, 1000);
    if (c.rc && !atomic_fetch_add(&l->failed, 1))
        snprintf(l->first_error, sizeof l->first_error, "%.250s", c.err.msg);
    if (!c.rc) atomic_fetch_add(&l->by[p.version], 1);
    atomic_fetch_add(&l->answered, 1);
}

static void *load_main(void *arg)
{
    struct load *l = arg;
    struct loop *loop;
    struct serve_io *io;

    if (loop_new(&loop, NULL) || serve_io_new(l->serve, loop, &io, NULL)) abort();
    while (!atomic_load(&l->stop)) {
        ask(l, loop, io, "cheap");
        ask(l, loop, io, "costly");
        loop_run_once(loop, 0);
    }
    serve_io_free(io);
    loop_free(loop);
    return NULL;
}

static long resident_kb(void)
{
    long pages = 0, ignored;
    FILE *f = fopen("/proc/self/statm", "r");

    if (!f || fscanf(f, "%ld %ld", &ignored, &pages) != 2) pages = 0;
    if (f) fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void two_versions(struct bench *b, const char *name)
{
    bench_register(b, name, sample_model("gbdt", "buys", NULL, NULL), "Production");
    bench_register(b, name, sample_model("gbdt", "buys", "age", NULL), NULL);
}

static void reloads_under_load(void **state)
{
    const char *env = getenv("RELOAD_ROUNDS");
    int rounds = env && atoi(env) > 0 ? atoi(env) : 150, warm = rounds / 5;
    struct load l = { 0 };
    struct serve_totals t;
    struct bench b;
    pthread_t thread;
    long before = 0;

    (void)state;
    bench_open(&b);
    two_versions(&b, "cheap");
    two_versions(&b, "costly");
    bench_settings(&b, "serve: {timeout_ms: 60000, log: false, inline_us: 1e6, "
                       "models: {costly: {inline_us: 0, timeout_ms: 60000}}}\n");
    bench_start(&b);
    l.serve = b.serve;
    assert_int_equal(pthread_create(&thread, NULL, load_main, &l), 0);
    for (int i = 0; i < rounds; i++) {
        bench_promote(&b, i % 2 ? "cheap" : "costly", i / 2 % 2 ? 1 : 2);
        bench_reload(&b);
        arena_reset(&b.arena);
        if (i == warm) before = resident_kb();
    }
    long after = resident_kb();
    atomic_store(&l.stop, true);
    pthread_join(thread, NULL);
    serve_totals(b.serve, &t);
    bench_close(&b);
    print_message("%d promotions, %llu reloads, %d answers (%d by version 1, %d by 2), "
                  "%ld kB then %ld kB\n",
                  rounds, (unsigned long long)t.reloads, l.answered, l.by[1], l.by[2], before,
                  after);
    if (l.failed) fail_msg("%d requests failed: %s", l.failed, l.first_error);
    assert_true(t.reloads >= (uint64_t)rounds / 3);
    assert_int_equal(t.reload_failures, 0);
    assert_true(l.by[1] > 0 && l.by[2] > 0);
    /* the sanitizers keep freed memory for a while */
#ifndef __SANITIZE_ADDRESS__
    assert_true(after < before + before / 10 + 4096);
#endif
}

int main(void)
{
    const struct CMUnitTest t[] = { cmocka_unit_test(reloads_under_load) };

    return cmocka_run_group_tests_name("serve.soak", t, NULL, NULL);
}
