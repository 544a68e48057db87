/* test_log.c: unit tests of base/log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"

#include <unistd.h>

static void lines_have_time_level_topic(void **state)
{
    (void)state;
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    struct clock c = clock_fixed(1500000);
    struct log l;
    log_fd(&l, fd[1], LOG_INFO, &c);
    log_line(&l, LOG_DEBUG, "t", "below the level");
    log_line(&l, LOG_WARN, "train", "round %d", 3);
    log_line(NULL, LOG_ERROR, "t", "nobody listens");
    char buf[256];
    ssize_t n = read(fd[0], buf, sizeof buf - 1);
    buf[n > 0 ? n : 0] = '\0';
    assert_string_equal(buf, "1970-01-01T00:00:01.500Z warn train: round 3\n");
    close(fd[0]);
    close(fd[1]);
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    struct log l;
    log_fd(&l, fd[1], LOG_INFO, NULL);
    char big[5000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    log_line(&l, LOG_INFO, "t", "%s", big);
    char buf[4096];
    ssize_t n = read(fd[0], buf, sizeof buf);
    assert_true(n > 1000 && n <= 1200);
    assert_int_equal(buf[n - 1], '\n');
    close(fd[0]);
    close(fd[1]);
}

int main(void)
{
    const struct CMUnitTest t[] = { cmocka_unit_test(lines_have_time_level_topic),
                                    cmocka_unit_test(long_lines_are_cut) };
    return cmocka_run_group_tests_name("base.log", t, NULL, NULL);
}
