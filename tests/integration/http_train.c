/* http_train.c: POST /train answers within 50 ms at the 99th percentile while a job trains, others
 * wait, and the recurring work goes on. Other programs on the machine disturb the figure, so the
 * best of three rounds counts. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "daemon.h"

enum { REQUESTS = 120, ROUNDS = 3, PAUSE_US = 15000, LIMIT_US = 50000 };

static struct daemon d;

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static int64_t one(int fd, int seed)
{
    char body[200], text[360];
    int64_t began;

    snprintf(body, sizeof body,
             "{\"data\": \"card_transactions\", \"target\": \"fraud\", \"algorithm\": \"gbdt\", "
             "\"seed\": %d, \"param\": {\"n_estimators\": 3000}}",
             seed);
    snprintf(text, sizeof text,
             "POST /train HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    began = clock_mono_us();
    assert_true(say(fd, text));
    struct answer a = hear(fd, 20000);
    int64_t us = clock_mono_us() - began;
    if (a.status != 202 || !strstr(a.body, "\"queued\"")) fail_msg("%d %s", a.status, a.body);
    answer_done(&a);
    return us;
}

static int64_t round_p99(int fd, int round)
{
    int64_t us[REQUESTS];

    for (int i = 0; i < REQUESTS; i++) {
        us[i] = one(fd, round * REQUESTS + i);
        usleep(PAUSE_US);
    }
    qsort(us, REQUESTS, sizeof *us, by_value);
    int64_t p99 = us[REQUESTS - 1 - REQUESTS / 100];
    print_message("p50 %.1f ms, p99 %.1f ms\n", (double)us[REQUESTS / 2] / 1e3, (double)p99 / 1e3);
    return p99;
}

static bool running(int fd)
{
    say(fd, "GET /api/v1/system/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
    struct answer a = hear(fd, 10000);
    int status = a.status;
    bool found = strstr(a.body, "\"state\":\"running\"") != NULL;
    answer_done(&a);
    assert_int_equal(status, 200);
    return found;
}

static void train_answers_at_once_while_jobs_run(void **state)
{
    int64_t best = INT64_MAX;
    int fd = dial(&d);
    (void)state;

    for (int i = 0; i < ROUNDS && best >= LIMIT_US; i++) {
        int64_t p99 = round_p99(fd, i);
        if (p99 < best) best = p99;
    }
    assert_in_range(best, 0, LIMIT_US);
    /* it was not idle meanwhile; a look may fall between the end of a job and the next one's start
     */
    bool busy = running(fd);
    for (int i = 0; i < 50 && !busy; i++, busy = running(fd)) usleep(PAUSE_US);
    assert_true(busy);
    close(fd);
}

static int open_all(void **state)
{
    (void)state;
    assert_int_equal(
        daemon_run(&d, (const char *const[]){ "--yes", "demo", "--rows", "5000", NULL }), 0);
    daemon_start(&d, (const char *const[]){ "--no-auth", NULL });
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    kill(d.pid, SIGTERM);
    int code = daemon_wait(&d, 20000);
    daemon_close(&d);
    return code != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(train_answers_at_once_while_jobs_run) };

    if (!daemon_open(&d, NULL)) return 77;
    return cmocka_run_group_tests_name("http_train", tests, open_all, close_all);
}
