/* test_pty.c: the real program in a pseudo-terminal: start, panes, promotion and rollback with
 * their questions, and everything terminals do to programs: hanging up, resizing, no colour, no
 * UTF-8, unknown and dumb types, tiny sizes, signals. One demo workspace for all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "pty.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAIT = 15000 };
static char workspace[256];
static const char *program;

static const char *const plain_env[] = {
    "TERM=xterm-256color", "LC_ALL=C.UTF-8", "NO_COLOR", "LINES", "COLUMNS", NULL
};

static void start(struct pty *p, int w, int h, const char *const *env, bool ignore_hup)
{
    char *const argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t) "-w", workspace, NULL };
    pty_start(p, w, h, argv, env, ignore_hup);
}

static void expect(struct pty *p, const char *text)
{
    if (pty_wait(p, text, WAIT)) return;
    STR_AUTO s = STR_INIT;
    vt_text(&p->vt, &s);
    fail_msg("'%s' did not appear; the screen is:\n%s", text, str_c(&s));
}

static void leave(struct pty *p)
{
    pty_send(p, "q");
    assert_int_equal(pty_exit(p, WAIT), 0);
    pty_stop(p);
}

/* The demo's queued retraining is taken out of the queue: what it would find, and when, is not
 * what these tests are about. */
static int make_workspace(void **state)
{
    char command[1400];
    (void)state;
    snprintf(workspace, sizeof workspace, "%s/sbtuiXXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(workspace)) return -1;
    snprintf(command, sizeof command,
             "'%1$s' -q -w '%2$s' demo --rows 1000 >/dev/null && "
             "'%1$s' -q -w '%2$s' job cancel \"$('%1$s' -w '%2$s' -o jsonl job list --state ready "
             "| sed -n 's/.*\"id\":\"\\([^\"]*\\)\".*/\\1/p')\" >/dev/null",
             program, workspace);
    return system(command);
}

static int remove_workspace(void **state)
{
    (void)state;
    return file_remove_tree(workspace, NULL);
}

static void test_panes(void **state)
{
    (void)state;
    struct pty p;
    start(&p, 100, 30, plain_env, false);
    expect(&p, "Recent runs");
    expect(&p, "fraud");
    pty_send(&p, "2");
    expect(&p, "newest first");
    expect(&p, "challenger-gbdt");
    pty_send(&p, "3");
    expect(&p, "semver");
    expect(&p, "History");
    pty_send(&p, "4");
    expect(&p, "done");
    pty_send(&p, "5");
    expect(&p, "chain intact");
    pty_send(&p, "?");
    expect(&p, "Everywhere");
    pty_send(&p, "\033");
    assert_true(pty_wait_gone(&p, "Everywhere", WAIT));
    pty_send(&p, ":model list\r");
    expect(&p, "─ model list ─");
    expect(&p, "fraud");
    pty_send(&p, "\033");
    assert_true(pty_wait_gone(&p, "model list", WAIT));
    leave(&p);
}

/* v2 is in Staging, v1 in Production: promote v2, see it, roll back, see v1 again. */
static void test_promote_and_roll_back(void **state)
{
    (void)state;
    struct pty p;
    start(&p, 100, 30, plain_env, false);
    expect(&p, "Recent runs");
    pty_send(&p, "3");
    expect(&p, "semver");
    pty_send(&p, "p");
    expect(&p, "Promote fraud v2 to Production");
    pty_send(&p, "ranks better\r");
    expect(&p, "y promote");
    pty_send(&p, "y");
    expect(&p, "fraud v2 is now in Production");
    expect(&p, " ranks better"); /* the history has been read again */
    pty_send(&p, "R");
    expect(&p, "Roll back fraud");
    pty_send(&p, "false alarms\r");
    expect(&p, "y roll back");
    pty_send(&p, "y");
    expect(&p, "fraud v1 is now in Production");
    pty_send(&p, "5");
    expect(&p, "false alarms");
    leave(&p);
}

/* The demo's day drifted from noon on: seen, gone back before it, and asked whether to retrain. */
static void test_drift_back_in_time_and_retraining(void **state)
{
    (void)state;
    struct pty p;
    start(&p, 100, 30, plain_env, false);
    expect(&p, "Recent runs");
    pty_send(&p, "8");
    expect(&p, "fraud · effect");
    expect(&p, "predictions too");
    expect(&p, "! drifted");
    expect(&p, "effect of predictions");
    pty_send(&p, "j\r");
    expect(&p, "▓ more"); /* the histogram of a feature */
    pty_send(&p, "\033");
    expect(&p, "→ predictions");
    pty_send(&p, "hhhhhhhhhhhhhhhh");
    assert_true(pty_wait_gone(&p, "predictions too", WAIT));
    expect(&p, "◀ ");
    pty_send(&p, "6");
    expect(&p, "window ended");
    expect(&p, "◀ ");
    pty_send(&p, "7");
    expect(&p, "◀ ");
    pty_send(&p, "0");
    expect(&p, "What changed");
    expect(&p, "drift since: predictions");
    pty_send(&p, "9");
    expect(&p, "decided");
    expect(&p, "fraud");
    pty_send(&p, "x");
    expect(&p, "Retrain fraud?");
    pty_send(&p, "\033");
    assert_true(pty_wait_gone(&p, "Retrain fraud?", WAIT));
    leave(&p);
}

/* The form starts a real training; ^S is a key, not flow control. */
static void test_train_from_the_form(void **state)
{
    (void)state;
    struct pty p;
    start(&p, 100, 30, plain_env, false);
    expect(&p, "Recent runs");
    pty_send(&p, "t");
    expect(&p, "train a model");
    pty_send(&p, "\023");
    expect(&p, "data: ");
    pty_send(&p, "card_transactions\rfraud\rlogistic");
    pty_send(&p, "\025logistic\023");
    expect(&p, "is in the queue");
    pty_send(&p, "4");
    expect(&p, "5 done");
    leave(&p);
}

static void test_hang_up_ends_it(void **state)
{
    (void)state;
    for (int ignored = 0; ignored < 2; ignored++) {
        struct pty p;
        start(&p, 80, 24, plain_env, ignored);
        expect(&p, "Recent runs");
        close(p.fd);
        p.fd = -1;
        int64_t since = clock_mono_us();
        assert_int_not_equal(pty_exit(&p, WAIT), -1);
        assert_in_range(clock_mono_us() - since, 0, 2000000);
        pty_stop(&p);
    }
}

static size_t count(const char *s, const char *what)
{
    size_t n = 0;
    for (; (s = strstr(s, what)); s += strlen(what)) n++;
    return n;
}

static void test_resize_storm(void **state)
{
    (void)state;
    struct pty p;
    start(&p, 120, 40, plain_env, false);
    expect(&p, "Recent runs");
    pty_pump(&p, 300);
    p.keep_raw = true;
    int64_t since = clock_mono_us();
    for (int i = 0; i < 50; i++) {
        pty_resize(&p, 80 + i % 40, 24 + i % 16);
        pty_pump(&p, 20);
    }
    int64_t late_ms = (clock_mono_us() - since) / 1000 - 50 * 20;
    pty_resize(&p, 90, 30);
    pty_pump(&p, 500);
    expect(&p, "? keys");
    /* A storm with pauses in it, on a busy machine, is several storms. */
    assert_in_range(count(str_c(&p.raw), "\033[H\033[2J"), 1, 5 + late_ms / 100);
    leave(&p);
}

static void test_small_sizes(void **state)
{
    (void)state;
    struct pty p;
    start(&p, 40, 10, plain_env, false);
    expect(&p, "Attention");
    expect(&p, "q quit");
    pty_send(&p, "4");
    expect(&p, "kind");
    pty_resize(&p, 30, 8);
    expect(&p, "needs 40x10");
    pty_resize(&p, 1, 1);
    pty_pump(&p, 250);
    pty_resize(&p, 80, 24);
    expect(&p, "4 Jobs");
    leave(&p);
}

static void test_without_utf8(void **state)
{
    (void)state;
    static const char *const env[] = { "TERM=xterm-256color", "LC_ALL=C", NULL };
    struct pty p;
    start(&p, 100, 30, env, false);
    expect(&p, "Recent runs");
    expect(&p, "fraud");
    pty_send(&p, "2");
    expect(&p, "train");
    for (int y = 0; y < 30; y++)
        for (int x = 0; x < 100; x++) assert_in_range(vt_cell(&p.vt, x, y), 32, 126);
    leave(&p);
}

static void test_without_colour(void **state)
{
    (void)state;
    static const char *const env[] = { "TERM=xterm-256color", "LC_ALL=C.UTF-8", "NO_COLOR=1",
                                       NULL };
    struct pty p;
    start(&p, 80, 24, env, false);
    p.keep_raw = true;
    expect(&p, "fraud");
    pty_pump(&p, 200);
    assert_null(strstr(str_c(&p.raw), "[38;5;"));
    assert_null(strstr(str_c(&p.raw), "[48;5;"));
    leave(&p);
}

static void test_dumb_terminal_gets_text(void **state)
{
    (void)state;
    static const char *const env[] = { "TERM=dumb", "LC_ALL=C.UTF-8", NULL };
    struct pty p;
    start(&p, 100, 40, env, false);
    p.keep_raw = true;
    assert_int_equal(pty_exit(&p, WAIT), 0);
    assert_null(strchr(str_c(&p.raw), '\033'));
    assert_non_null(strstr(str_c(&p.raw), "fraud"));
    pty_stop(&p);
}

static void test_unknown_terminal_is_told(void **state)
{
    (void)state;
    static const char *const env[] = { "TERM=xterm-nobody", "LC_ALL=C.UTF-8", NULL };
    struct pty p;
    start(&p, 100, 30, env, false);
    expect(&p, "TERM=xterm-nobody is not known here");
    expect(&p, "fraud");
    leave(&p);
}

static void test_signals_give_the_screen_back(void **state)
{
    (void)state;
    static const int signums[] = { SIGTERM, SIGINT };
    for (size_t i = 0; i < 2; i++) {
        struct pty p;
        start(&p, 80, 24, plain_env, false);
        p.keep_raw = true;
        expect(&p, "fraud");
        kill(p.pid, signums[i]);
        assert_int_equal(pty_exit(&p, WAIT), 128 + signums[i]);
        assert_non_null(strstr(str_c(&p.raw), "\033[?1049l"));
        assert_non_null(strstr(str_c(&p.raw), "\033[?25h"));
        pty_stop(&p);
    }
}

/* An empty workspace trains the demo as jobs that can be seen; --no-bootstrap does not. */
static void test_first_run(void **state)
{
    (void)state;
    char dir[300];
    snprintf(dir, sizeof dir, "%s/first", workspace);
    char *const quiet[] = { (char *)(uintptr_t)program, (char *)(uintptr_t) "-w", dir,
                            (char *)(uintptr_t) "--no-bootstrap", NULL };
    struct pty p;
    pty_start(&p, 100, 30, quiet, plain_env, false);
    expect(&p, "no models yet");
    pty_pump(&p, 300);
    assert_false(vt_find(&p.vt, "Welcome"));
    leave(&p);
    char *const argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t) "-w", dir, NULL };
    pty_start(&p, 100, 30, argv, plain_env, false);
    expect(&p, "Welcome to signalbox");
    pty_send(&p, "\033");
    assert_true(pty_wait_gone(&p, "Welcome", WAIT));
    pty_send(&p, "4");
    expect(&p, "train");
    kill(p.pid, SIGTERM);
    assert_int_equal(pty_exit(&p, WAIT), 128 + SIGTERM);
    pty_stop(&p);
}

int main(void)
{
    program = getenv("SIGNALBOX");
    if (!program || access(program, X_OK)) {
        fprintf(stderr, "skipped: $SIGNALBOX names no program\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_panes),
        cmocka_unit_test(test_promote_and_roll_back),
        cmocka_unit_test(test_drift_back_in_time_and_retraining),
        cmocka_unit_test(test_train_from_the_form),
        cmocka_unit_test(test_hang_up_ends_it),
        cmocka_unit_test(test_resize_storm),
        cmocka_unit_test(test_small_sizes),
        cmocka_unit_test(test_without_utf8),
        cmocka_unit_test(test_without_colour),
        cmocka_unit_test(test_dumb_terminal_gets_text),
        cmocka_unit_test(test_unknown_terminal_is_told),
        cmocka_unit_test(test_signals_give_the_screen_back),
        cmocka_unit_test(test_first_run),
    };
    return cmocka_run_group_tests_name("tui.pty", tests, make_workspace, remove_workspace);
}
