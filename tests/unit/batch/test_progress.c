/* test_progress.c: the bar and the JSON lines of a running job, read from a pipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "batch/progress.h"
#include <string.h>
#include <unistd.h>

static int fds[2];

static int setup(void **state)
{
    (void)state;
    return pipe(fds);
}

static int teardown(void **state)
{
    (void)state;
    close(fds[0]);
    return 0;
}

/* Everything written so far; closes the writing end. */
static const char *written(void)
{
    static char buf[8192];
    close(fds[1]);
    ssize_t n = read(fds[0], buf, sizeof buf - 1);
    buf[n > 0 ? n : 0] = 0;
    return buf;
}

static void t_json(void **state)
{
    (void)state;
    struct progress p = { .mode = PROGRESS_JSON, .fd = fds[1] };
    progress_news(&p, &(struct job_news){ 0.25, "round 1/4 \"x\"", "running" });
    progress_news(&p, &(struct job_news){ 1, NULL, NULL });
    progress_end(&p);
    assert_string_equal(written(),
                        "{\"event\":\"progress\",\"progress\":0.25,\"state\":\"running\","
                        "\"message\":\"round 1/4 \\\"x\\\"\"}\n"
                        "{\"event\":\"progress\",\"progress\":1.0}\n");
}

static void t_bar(void **state)
{
    (void)state;
    struct progress p = { .mode = PROGRESS_BAR, .fd = fds[1], .width = 45, .ascii = true };
    progress_news(&p, &(struct job_news){ 0.5, "a message\nlonger than the line", "running" });
    progress_news(&p, &(struct job_news){ 0.6, "too soon to be drawn", "running" });
    progress_news(&p, &(struct job_news){ 7, "", "succeeded" });
    progress_end(&p);
    progress_end(&p);
    assert_string_equal(written(), "\r\033[K[############............]  50% a message lo"
                                   "\r\033[K[########################] 100% succeeded"
                                   "\r\033[K");
}

static void t_unicode_bar(void **state)
{
    (void)state;
    struct progress p = { .mode = PROGRESS_BAR, .fd = fds[1], .width = 80 };
    progress_news(&p, &(struct job_news){ -1, NULL, "ready" });
    const char *s = written();
    assert_non_null(strstr(s, "[░░"));
    assert_non_null(strstr(s, "]   0% ready"));
}

static void t_none(void **state)
{
    (void)state;
    struct progress p = { .mode = PROGRESS_NONE, .fd = fds[1] };
    progress_news(&p, &(struct job_news){ 0.5, "x", "running" });
    progress_end(&p);
    assert_string_equal(written(), "");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = { T(t_json), T(t_bar), T(t_unicode_bar), T(t_none) };
    return cmocka_run_group_tests_name("batch.progress", tests, NULL, NULL);
}
