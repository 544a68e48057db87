/* test_prediction_procs.c: the prediction log among processes: several that ingest the same rows,
 * one that measures while others write, and kill -9 of a writer. In the end every row is there
 * once, counters agree, and no window was measured for the last time before its last row. */
#include "base/rng.h"
#include "store/prediction.h"
#include "store/snapshot.h"
#include "storetest.h"
#include <signal.h>
#include <sys/wait.h>

#define WINDOW_US 1000

static struct window window_of(int64_t at_us)
{
    int64_t start = at_us - at_us % WINDOW_US;
    return (struct window){ start, start + WINDOW_US };
}

/* Row i: ten rows a window. */
static int add_row(struct fx *f, int i, bool *ret_new)
{
    char id[32];
    snprintf(id, sizeof id, "request %d", i);
    struct prediction p = { .request_id = id, .at_us = T0 + i * (WINDOW_US / 10), .answer = "1" };
    return prediction_add(f->s, "m", &p, ret_new, &f->e);
}

static int label_row(struct fx *f, int i)
{
    char id[32];
    snprintf(id, sizeof id, "request %d", i);
    return label_add(f->s, "m", &(struct label){ id, i % 2 ? "1" : "0", T0 }, NULL, &f->e);
}

static int touch_row(struct fx *f, int i)
{
    return window_touch(f->s, "m", window_of(T0 + i * (WINDOW_US / 10)), &f->e);
}

static pid_t start(struct fx *f, int (*fn)(struct fx *f, int who, _Atomic int *shared), int who,
                   _Atomic int *shared)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) return pid;
    int r = store_open(&f->s, f->dir, STORE_CREATE, &f->clock->clock, &f->e);
    if (r == 0) r = fn(f, who, shared);
    store_close(f->s);
    _exit(r < 0 ? 1 : 0);
}

static void reap(pid_t pid)
{
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static _Atomic int *share(size_t n)
{
    void *p = mmap(NULL, n * sizeof(_Atomic int), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    return p;
}

static int64_t broken_counters(struct fx *f)
{
    return fx_number(f, "SELECT count(*) FROM monitored m WHERE n_rows <>"
                        " (SELECT count(*) FROM prediction WHERE model = m.id)"
                        " OR n_labels <> (SELECT count(label) FROM prediction WHERE model = m.id)"
                        " OR n_orphans <> (SELECT count(*) FROM label_orphan WHERE model = m.id)");
}

/* -- the same rows from several processes ------------------------------------------------- */
enum { PROCESSES = 4, ROWS = 2000, BATCH = 100 };

/* Every process sends every batch, beginning somewhere else; labels go before or after. */
static int ingest_all(struct fx *f, int who, _Atomic int *n_new)
{
    int r = 0;
    for (int b = 0; b < ROWS / BATCH && r == 0; b++) {
        int first = (b + who * 5) % (ROWS / BATCH) * BATCH;
        r = store_begin(f->s, &f->e);
        for (int i = first; i < first + BATCH && r == 0; i++) {
            bool fresh = false;
            if (who % 2) r = label_row(f, i);
            if (r == 0) r = add_row(f, i, &fresh);
            if (r == 0 && !(who % 2)) r = label_row(f, i);
            *n_new += fresh;
        }
        if (r == 0) r = store_commit(f->s, &f->e);
    }
    return r;
}

static void test_the_same_rows_from_several_processes(void **state)
{
    struct fx *f = *state;
    _Atomic int *n_new = share(1);
    pid_t pid[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) pid[i] = start(f, ingest_all, i, n_new);
    for (int i = 0; i < PROCESSES; i++) reap(pid[i]);
    fx_open(f);
    assert_int_equal(*n_new, ROWS); /* each new to exactly one of them */
    struct prediction_totals t;
    OK(prediction_totals(f->s, "m", &t, &f->e));
    assert_int_equal(t.rows, ROWS);
    assert_int_equal(t.labels, ROWS);
    assert_int_equal(t.orphan_labels, 0);
    assert_int_equal(broken_counters(f), 0);
    munmap(n_new, sizeof *n_new);
}

/* -- measuring while others write --------------------------------------------------------- */
static int count_one(void *user, const struct prediction *p)
{
    (void)p;
    ++*(int *)user;
    return 0;
}

/* As a check does it: no transaction is open while it measures. */
static int measure(struct fx *f, struct window w)
{
    int64_t seen;
    int n = 0;
    char data[32];
    int r = window_mark(f->s, "m", w, &seen, &f->e);
    if (r == 0) r = prediction_each(f->s, "m", w.start_us, w.end_us, count_one, &n, &f->e);
    snprintf(data, sizeof data, "%d", n);
    struct snapshot sn = { .model = "m", .start_us = w.start_us, .end_us = w.end_us, .data = data };
    if (r == 0) r = snapshot_add(f->s, &sn, seen, NULL, &f->e);
    return r == -ERR_BUSY ? 0 : r; /* the other one was faster */
}

static int measure_dirty(struct fx *f, int *ret_n)
{
    struct window *w = NULL;
    size_t n = 0;
    arena_reset(&f->a);
    int r = window_dirty(f->s, &f->a, "m", INT64_MAX, &w, &n, &f->e);
    for (size_t i = 0; i < n && r == 0; i++) r = measure(f, w[i]);
    *ret_n = (int)n;
    return r;
}

static int measure_until_told(struct fx *f, int who, _Atomic int *done)
{
    int r = 0, n = 1;
    (void)who;
    for (bool last = false; r == 0 && (!last || n > 0);) {
        last = *done; /* before looking, so that what came until then is seen */
        r = measure_dirty(f, &n);
    }
    return r;
}

/* One row a transaction, so that a window grows while it is measured. */
static int write_rows(struct fx *f, int who, _Atomic int *done)
{
    int r = 0;
    (void)done;
    for (int k = 0; k < 200 && r == 0; k++) {
        int i = k * 2 + who;
        r = store_begin(f->s, &f->e);
        if (r == 0) r = add_row(f, i, NULL);
        if (r == 0) r = touch_row(f, i);
        if (r == 0) r = store_commit(f->s, &f->e);
    }
    return r;
}

static void test_no_row_is_missed_by_the_last_measurement(void **state)
{
    struct fx *f = *state;
    _Atomic int *done = share(1);
    pid_t writer[2], meter[2];
    for (int i = 0; i < 2; i++) meter[i] = start(f, measure_until_told, i, done);
    for (int i = 0; i < 2; i++) writer[i] = start(f, write_rows, i, done);
    for (int i = 0; i < 2; i++) reap(writer[i]);
    *done = 1;
    for (int i = 0; i < 2; i++) reap(meter[i]);
    fx_open(f);
    struct snapshot *list;
    size_t n;
    OK(snapshot_list(f->s, &f->a, "m", 0, INT64_MAX, 0, &list, &n, &f->e));
    assert_int_equal(n, 40);
    for (size_t i = 0; i < n; i++) assert_string_equal(list[i].data, "10");
    assert_true(fx_number(f, "SELECT count(*) FROM snapshot") >= 40);
    munmap(done, sizeof *done);
}

/* -- kill -9 ------------------------------------------------------------------------------ */
enum { KILLS = 40, KILL_BATCH = 50 };

/* Batch b: its rows, labels of its rows and of the next batch's first row, and its windows. */
static int write_batch(struct fx *f, int b)
{
    int r = store_begin(f->s, &f->e);
    for (int i = b * KILL_BATCH; i < (b + 1) * KILL_BATCH && r == 0; i++) {
        r = add_row(f, i, NULL);
        if (r == 0 && i % 3 == 0) r = label_row(f, i);
        if (r == 0 && i % 10 == 0) r = touch_row(f, i);
    }
    if (r == 0) r = label_row(f, (b + 1) * KILL_BATCH);
    return r < 0 ? r : store_commit(f->s, &f->e);
}

/* Begins with the last batch that was not acknowledged, as somebody who repeats it would. */
static int write_for_ever(struct fx *f, int who, _Atomic int *acknowledged)
{
    int r = 0;
    (void)who;
    while (r == 0) {
        r = write_batch(f, *acknowledged);
        if (r == 0) ++*acknowledged;
    }
    return r;
}

static void look(struct fx *f, int acknowledged)
{
    fx_open(f);
    OK(store_check(f->s, &f->e));
    int64_t n = fx_number(f, "SELECT count(*) FROM prediction");
    assert_int_equal(n % KILL_BATCH, 0); /* whole batches */
    assert_true(n >= acknowledged * KILL_BATCH && n <= (acknowledged + 1) * KILL_BATCH);
    assert_int_equal(fx_number(f, "SELECT count(DISTINCT request) FROM prediction"), n);
    assert_int_equal(broken_counters(f), 0);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM label_orphan"), n > 0);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM monitor_window WHERE mark > measured"),
                     n / 10);
    store_close(f->s);
    f->s = NULL;
}

static void test_kill_9_while_ingesting(void **state)
{
    struct fx *f = *state;
    _Atomic int *acknowledged = share(1);
    struct rng rng;
    rng_seed(&rng, 7);
    for (int k = 0; k < KILLS; k++) {
        pid_t pid = start(f, write_for_ever, 0, acknowledged);
        struct timespec ts = { 0, (long)rng_below(&rng, 30) * 1000000 };
        nanosleep(&ts, NULL);
        kill(pid, SIGKILL);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        look(f, *acknowledged);
    }
    assert_true(*acknowledged > 5);
    munmap(acknowledged, sizeof *acknowledged);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        STORE_TEST_CLOSED(test_the_same_rows_from_several_processes),
        STORE_TEST_CLOSED(test_no_row_is_missed_by_the_last_measurement),
        STORE_TEST_CLOSED(test_kill_9_while_ingesting),
    };
    return cmocka_run_group_tests_name("prediction.procs", tests, NULL, NULL);
}
