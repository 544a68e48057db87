/* test_crash.c: kill -9 of a process that writes. After every kill the workspace opens, is
 * structurally sound, its audit chain verifies, and it holds every transaction that was
 * acknowledged, whole: never half of one. */
#include "base/rng.h"
#include "store/audit.h"
#include "store/blob.h"
#include "store/registry.h"
#include "store/run.h"
#include "storetest.h"
#include <signal.h>
#include <sys/wait.h>

enum { KILLS = 50 };

/* A promotion: run, version, stages, audit row; one transaction. */
static int promote(struct fx *f, struct store *s, int i)
{
    char text[64], digest[65];
    snprintf(text, sizeof text, "model file number %d", i);
    struct run run = { .name = text };
    int64_t version = 0;
    struct reg_version last;
    int r = blob_put(s, text, strlen(text), digest, &f->e);
    if (r == 0) r = store_begin(s, &f->e);
    if (r < 0) return r;
    r = store_run_create(s, &f->a, &run, &f->e);
    struct artifact file = { "model", digest, 1 };
    if (r == 0) r = store_run_add_artifact(s, run.id, &file, &f->e);
    if (r == 0) r = store_model_ensure(s, "m", &f->e);
    struct reg_version v = { .name = "m", .run_id = run.id, .digest = digest };
    if (r == 0) r = store_version_create(s, &v, &version, &f->e);
    if (r == 0 && store_version_by_stage(s, &f->a, "m", "Production", &last, NULL) == 0)
        r = store_version_set_stage(s, "m", last.version, "Production", "Archived", &f->e);
    if (r == 0) r = store_version_set_stage(s, "m", version, "None", "Production", &f->e);
    struct audit_row row = { .actor = "t", .verb = "model promote", .object = "model:m" };
    if (r == 0) r = audit_append(s, &row, NULL, &f->e);
    if (r == 0) return store_commit(s, &f->e);
    store_rollback(s);
    return r;
}

static _Noreturn void writer(struct fx *f, _Atomic int *acknowledged)
{
    struct store *s;
    if (store_open(&s, f->dir, STORE_CREATE, &f->clock->clock, &f->e) < 0) _exit(1);
    for (;;) {
        arena_reset(&f->a);
        if (promote(f, s, *acknowledged + 1) < 0) _exit(2);
        ++*acknowledged;
    }
}

static void look(struct fx *f, int acknowledged)
{
    fx_open(f);
    OK(store_check(f->s, &f->e));
    struct audit_check c;
    OK(audit_verify(f->s, &c, &f->e));
    assert_int_equal(c.first_bad, 0);
    int64_t n = fx_number(f, "SELECT count(*) FROM model_version");
    assert_true(n >= acknowledged && n <= acknowledged + 1);
    assert_int_equal(c.rows, n);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM run"), n);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM artifact"), n);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM model_version WHERE stage = 'Production'"),
                     n > 0);
    if (n > 0) {
        struct reg_version v;
        STR_AUTO bytes = STR_INIT;
        OK(store_version_by_stage(f->s, &f->a, "m", "Production", &v, &f->e));
        assert_int_equal(v.version, n);
        OK(blob_get(f->s, v.digest, &bytes, &f->e));
    }
    store_close(f->s);
    f->s = NULL;
}

static void test_kill_9_while_writing(void **state)
{
    struct fx *f = *state;
    _Atomic int *acknowledged =
        mmap(NULL, sizeof *acknowledged, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct rng r;
    rng_seed(&r, 5);
    for (int k = 0; k < KILLS; k++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) writer(f, acknowledged);
        struct timespec ts = { 0, (long)rng_below(&r, 40) * 1000000 };
        nanosleep(&ts, NULL);
        kill(pid, SIGKILL);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        look(f, *acknowledged);
        /* one that was committed but not acknowledged counts from now on */
        fx_open(f);
        *acknowledged = (int)fx_number(f, "SELECT count(*) FROM model_version");
        store_close(f->s);
        f->s = NULL;
    }
    assert_true(*acknowledged > 5);
    munmap(acknowledged, sizeof *acknowledged);
}

int main(void)
{
    static const struct CMUnitTest tests[] = { STORE_TEST_CLOSED(test_kill_9_while_writing) };
    return cmocka_run_group_tests_name("store.crash", tests, NULL, NULL);
}
