/* test_screens.c: every pane and window as a golden screen, and what keys lead to.
 *
 * Goldens are tests/tui/golden/NAME.screen; GENERATE=1 rewrites them. A difference shows the
 * whole new screen. The recorded workspace has something of everything: a running, a waiting, a
 * failed, a cancelled job; models with and without Production; names wider than ASCII. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "fake_host.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_golden(struct fake *f, const char *name)
{
    char file[128];
    STR_AUTO now = STR_INIT;
    STR_AUTO was = STR_INIT;
    fake_draw(f);
    canvas_write_golden(&f->cv, name, &now);
    snprintf(file, sizeof file, "golden/%s-%dx%d.screen", name, f->cv.w, f->cv.h);
    if (getenv("GENERATE")) {
        assert_int_equal(file_write_atomic(fake_source(file), now.p, now.len, NULL), 0);
        return;
    }
    assert_int_equal(file_read(fake_source(file), 1 << 20, &was, NULL), 0);
    if (str_eq(str_c(&was), str_c(&now))) return;
    fprintf(stderr, "%s differs; it is now:\n%s", file, str_c(&now));
    fail_msg("screen %s differs from its golden", name);
}

static const int sizes[][2] = { { 80, 24 }, { 120, 40 }, { 40, 10 } };

/* The screen reached by keys, in all sizes. */
static void check_screens(const char *name, const char *keys)
{
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct fake f;
        fake_open(&f, sizes[i][0], sizes[i][1], false);
        fake_keys(&f, keys);
        check_golden(&f, name);
        fake_close(&f);
    }
}

static void test_panes(void **state)
{
    (void)state;
    check_screens("overview", "");
    check_screens("runs", "2");
    check_screens("runs-detail", "2j<Enter>");
    check_screens("runs-compare", "2j<space><space>C");
    check_screens("registry", "3");
    check_screens("registry-versions", "3<Tab>j");
    check_screens("jobs", "4");
    check_screens("jobs-log", "4<Enter>");
    check_screens("jobs-failed", "4jj");
    check_screens("audit", "5");
    check_screens("monitor", "6");
    check_screens("monitor-features", "6<Enter>");
    check_screens("monitor-feature", "6<Enter><Enter>");
    check_screens("monitor-quiet", "6j");
    check_screens("alerts", "7");
    check_screens("alerts-evidence", "7j<Enter>");
    check_screens("drift", "8");
    check_screens("drift-feature", "8j<Enter>");
    check_screens("drift-past", "8jhhhhhhhh");
    check_screens("monitor-past", "6hhhhhhhh");
    check_screens("alerts-past", "6hhhhhhhh7");
    check_screens("serving", "T");
    check_screens("serving-canary", "Tj<Enter>");
    check_screens("whatif", "I");
    check_screens("whatif-changed", "Il");
    check_screens("whatif-edit", "Ije");
    check_screens("data", "B");
    check_screens("data-column", "B<Enter>jjj<Enter>");
    check_screens("data-together", "Bn");
    check_screens("data-target", "B<Enter>jjjjjjjjjje");
    check_screens("retrain-list", "9");
    check_screens("sweeps", "P");
    check_screens("sweeps-trials", "P<Enter>");
    check_screens("sweeps-failed", "Pjj");
    check_screens("retrain-outcome", "9jj<Enter>");
    check_screens("retrain-past", "6hhhhhhhh9");
}

static void test_windows(void **state)
{
    (void)state;
    check_screens("help", "3?");
    check_screens("help-search", "3?roll");
    check_screens("promote", "3<Tab>p");
    check_screens("promote-ready", "3<Tab>pranks better<Enter>");
    check_screens("rollback", "3R");
    check_screens("cancel", "4c");
    check_screens("sweep-stop", "Ps");
    check_screens("train-form", "t");
    check_screens("retrain", "7x");
    check_screens("retrain-blocked", "6jx");
    check_screens("silence", "7s");
    check_screens("canary-step", "Tjs");
    check_screens("canary-start", "Tc");
    check_screens("shift", "Tw");
    check_screens("prompt", ":model pro");
    check_screens("filter", "2/auc");
}

static void test_ascii_and_small(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 80, 24, true);
    fake_keys(&f, "2j");
    check_golden(&f, "runs-ascii");
    for (int i = 0; i < f.cv.w * f.cv.h; i++) assert_in_range(f.cv.cells[i].cp, 32, 126);
    fake_keys(&f, "8jhhhhhh");
    check_golden(&f, "drift-ascii");
    for (int i = 0; i < f.cv.w * f.cv.h; i++) assert_in_range(f.cv.cells[i].cp, 32, 126);
    fake_close(&f);
    fake_open(&f, 39, 12, false);
    check_golden(&f, "too-small");
    fake_close(&f);
}

/* -- behaviour -------------------------------------------------------------------------- */

static bool sees(struct fake *f, const char *text)
{
    fake_draw(f);
    return canvas_find(&f->cv, text, NULL, NULL);
}

/* A change is asked for by its column, Esc takes all back, another row starts as it is. */
static void test_whatif(void **state)
{
    static const struct {
        const char *keys, *sees;
    } steps[] = {
        { "I", "row 1 of the log · t" },
        { "l", "1 changed" },
        { "je9<Enter>", "2 changed" },
        { "u", "1 changed" },
        { "u", "this column is as it was" },
        { "<Esc>", "row 1 of the log · t" },
        { "N", "this is the newest row" },
        { "n", "row 2 of the log" },
        { "el<Esc>", "row 2 of the log · t" },
    };
    struct fake f;
    (void)state;
    fake_open(&f, 120, 40, false);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        fake_keys(&f, steps[i].keys);
        if (!sees(&f, steps[i].sees)) fail_msg("after %s: no %s", steps[i].keys, steps[i].sees);
    }
    fake_close(&f);
}

/* Each key of the Serving pane calls its verb, after showing what changes and hearing why. */
static void test_traffic(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *asks, *effect, *then, *verb, *args, *says;
    } cases[] = {
        { "Tjs", "Next step of fraud", "v4 25 %    → v4 50 %", "evidence<Enter>y", "canary step",
          "{\"name\":\"fraud\",\"reason\":\"evidence\"}", "✓ fraud: v3 50 %, v4 50 % · audit 22" },
        { "Tjo", "Hold the canary of fraud", "only harm still ends it", "lunch<Enter>y",
          "canary hold", "{\"name\":\"fraud\",\"reason\":\"lunch\"}", "✓ fraud: v3 75 %, v4 25 %" },
        { "Tja", "Abort the canary of fraud", "v3 75 %, v4 25 % → v3 100 %", "slow<Enter>y",
          "canary abort", "{\"name\":\"fraud\",\"reason\":\"slow\"}", "✓ fraud: v3 100 %" },
        { "Ta", "Send all traffic of churn to Production", "v2 100 %, v5 shadow → v2 100 %",
          "seen<Enter>y", "route clear", "{\"name\":\"churn\",\"reason\":\"seen\"}",
          "✓ churn: v2 100 %" },
        { "Tw", "Shift the traffic of churn", "2:1,5:0", "<Enter>test<Enter>y", "route set",
          "{\"name\":\"churn\",\"mode\":\"ab\",\"split\":\"2:1,5:0\",\"reason\":\"test\"}",
          "✓ churn: v2 70 %, v5 30 %" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake f;
        fake_open(&f, 100, 30, false);
        fake_keys(&f, cases[i].keys);
        assert_true(sees(&f, cases[i].asks));
        assert_true(sees(&f, cases[i].effect));
        assert_string_equal(f.last_write, "");
        fake_keys(&f, cases[i].then);
        assert_string_equal(f.last_write, cases[i].verb);
        assert_string_equal(str_c(&f.last_args), cases[i].args);
        assert_true(sees(&f, cases[i].says));
        fake_close(&f);
    }
}

static void test_traffic_says_why_not(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 110, 30, false);
    fake_keys(&f, "Ts");
    assert_true(sees(&f, "no canary is under way: c starts one"));
    fake_keys(&f, "jc");
    assert_true(sees(&f, "a canary is under way: a aborts it"));
    fake_keys(&f, "w");
    assert_true(sees(&f, "s takes the next step"));
    f.now_us += 60000000; /* the daemon was seen a minute ago */
    fake_settle(&f);
    assert_true(sees(&f, "✗ no daemon, last seen"));
    fake_close(&f);
}

static void test_promotion_asks_for_a_reason_and_another_key(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 100, 30, false);
    fake_keys(&f, "3<Tab>p");
    assert_true(sees(&f, "Promote fraud v4 to Production"));
    assert_true(sees(&f, "v3  2.0.0"));
    fake_keys(&f, "<Enter>"); /* no reason: stays */
    assert_true(sees(&f, "Say why"));
    fake_keys(&f, "py"); /* typed into the reason, confirms nothing */
    assert_string_equal(f.last_write, "");
    fake_keys(&f, "<Enter>p");
    assert_string_equal(f.last_write, "");
    fake_keys(&f, "y");
    assert_string_equal(f.last_write, "model promote");
    assert_string_equal(str_c(&f.last_args), "{\"name\":\"fraud\",\"version\":\"4\","
                                             "\"to\":\"Production\",\"reason\":\"py\"}");
    assert_true(sees(&f, "✓ fraud v4 is now in Production · audit 21"));
    fake_close(&f);
}

static void test_changed_world_refuses(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 100, 30, false);
    fake_keys(&f, "3<Tab>pwhy<Enter>");
    struct val *model = (struct val *)(uintptr_t)val_get(f.replies, "model show fraud");
    val_set_int((struct val *)(uintptr_t)val_get(model, "production"), "version", 9);
    fake_keys(&f, "y");
    assert_string_equal(f.last_write, "");
    assert_true(sees(&f, "Somebody changed this meanwhile"));
    fake_keys(&f, "<Esc>");
    assert_false(ui_dialog(f.ui));
    fake_close(&f);
}

static void test_verb_errors_are_shown(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 100, 30, false);
    snprintf(f.fail_verb, sizeof f.fail_verb, "model rollback");
    err_set(&f.fail_with, ERR_CONFLICT, "somebody else moved it first");
    err_hint(&f.fail_with, "look at the history");
    fake_keys(&f, "3Rbad<Enter>y");
    assert_true(sees(&f, "somebody else moved it first"));
    assert_true(sees(&f, "look at the history"));
    fake_close(&f);
}

static void test_disabled_keys_say_why(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 100, 30, false);
    fake_keys(&f, "3lp");
    assert_true(sees(&f, "p promote: nothing is in Staging"));
    fake_keys(&f, "4r");
    assert_true(sees(&f, "r retry: only a failed or cancelled job can be retried"));
    fake_keys(&f, "2C");
    assert_true(sees(&f, "C compare: mark two or more runs first"));
    assert_string_equal(f.last_write, "");
    fake_close(&f);
}

static void test_lists_stand_still_under_a_question(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 100, 30, false);
    fake_keys(&f, "4c");
    assert_true(sees(&f, "Cancel job"));
    struct val *list = (struct val *)(uintptr_t)val_get(f.replies, "job list");
    val_set_list(list, "jobs"); /* all jobs are gone now */
    ui_touch(f.ui);
    fake_settle(&f);
    assert_true(sees(&f, "succeeded") || sees(&f, "done"));
    fake_keys(&f, "y");
    assert_string_equal(f.last_write, "job cancel");
    assert_true(strstr(str_c(&f.last_args), "01KM000000RUNNING0000JOB01") != NULL);
    fake_close(&f);
}

static void test_failed_reads_keep_the_last_data(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 100, 30, false);
    fake_keys(&f, "2");
    assert_true(sees(&f, "challenger-gbdt"));
    snprintf(f.fail_verb, sizeof f.fail_verb, "run search");
    err_set(&f.fail_with, ERR_BUSY, "the database is locked");
    ui_touch(f.ui);
    fake_settle(&f);
    assert_true(sees(&f, "challenger-gbdt"));
    assert_true(sees(&f, "! last data, not fresh: the database is locked"));
    f.fail_verb[0] = '\0';
    f.now_us += 3000000;
    fake_settle(&f);
    assert_false(sees(&f, "not fresh"));
    fake_close(&f);
}

static void test_prompt(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 100, 30, false);
    fake_keys(&f, ":model prom<Tab>f<Tab>");
    assert_true(sees(&f, ":model promote fraud "));
    fake_keys(&f, "4 --to St<Tab>--reason 'a b'<Enter>");
    assert_string_equal(f.last_write, "model promote");
    assert_true(strstr(str_c(&f.last_args), "\"reason\":\"a b\"") != NULL);
    assert_true(strstr(str_c(&f.last_args), "\"to\":\"Staging\"") != NULL);
    fake_keys(&f, "<Esc>:<Up>");
    assert_true(sees(&f, ":model promote fraud 4"));
    fake_keys(&f, "<Esc>:nonsense<Enter>");
    assert_true(sees(&f, "there is no verb 'nonsense'"));
    fake_keys(&f, ":audit export<Enter>");
    assert_true(sees(&f, "writes to standard output"));
    fake_keys(&f, ":train --data x --target y<Enter>");
    assert_true(strstr(str_c(&f.last_args), "\"wait\":false") != NULL);
    assert_true(sees(&f, "is in the queue"));
    fake_keys(&f, ":q<Enter>");
    assert_true(ui_quitting(f.ui));
    fake_close(&f);
}

static void test_train_form(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 100, 30, false);
    fake_keys(&f, "t");
    fake_keys(&f, "<^S>");
    assert_true(sees(&f, "data")); /* the missing argument is named, nothing was started */
    assert_string_equal(f.last_write, "");
    fake_keys(&f, "cards.csv<Enter>fraud<Enter><Enter><Right><Enter>learning_rate=0.1<^S>");
    assert_string_equal(f.last_write, "train");
    assert_true(strstr(str_c(&f.last_args), "\"task\":\"binary\"") != NULL);
    assert_true(strstr(str_c(&f.last_args), "\"learning_rate\":\"0.1\"") != NULL);
    fake_close(&f);
}

/* To the end of an opened alert and no further, and back; the next one begins at its top. */
static void test_an_opened_alert_scrolls(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct fake f;
        fake_open(&f, sizes[i][0], sizes[i][1], false);
        fake_keys(&f, "7j<Enter>");
        fake_draw(&f);
        for (int k = 0; k < 9; k++) {
            fake_keys(&f, "<PgDn>");
            fake_draw(&f);
        }
        check_golden(&f, "alerts-evidence-end");
        for (int k = 0; k < 9; k++) {
            fake_keys(&f, "<PgUp>");
            fake_draw(&f);
        }
        check_golden(&f, "alerts-evidence");
        fake_keys(&f, "<PgDn>k");
        fake_draw(&f);
        fake_keys(&f, "j");
        check_golden(&f, "alerts-evidence");
        fake_close(&f);
    }
}

static void test_enter_follows_things(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 100, 30, false);
    fake_keys(&f, "<Enter>"); /* an incident is what needs attention first */
    assert_int_equal(ui_view(f.ui)->id, VIEW_alerts);
    assert_string_equal(ui_view(f.ui)->tables[0].id, "a1f00000000000000000000001");
    fake_keys(&f, "<Enter><Enter>"); /* its evidence, then the model's trends */
    assert_int_equal(ui_view(f.ui)->id, VIEW_monitor);
    fake_keys(&f, "1jj<Enter>");
    assert_int_equal(ui_view(f.ui)->id, VIEW_jobs);
    assert_string_equal(ui_view(f.ui)->tables[0].id, "01KM000000FAILED00000JOB02");
    fake_keys(&f, "1<Tab><Enter>");
    assert_int_equal(ui_view(f.ui)->id, VIEW_registry);
    fake_keys(&f, "<Enter>j<Enter>");
    assert_int_equal(ui_view(f.ui)->id, VIEW_runs);
    fake_close(&f);
}

/* Every pane and window in many sizes: nothing is written outside, keys that cannot be seen to
 * work do nothing. */
static void test_every_size_can_be_drawn(void **state)
{
    (void)state;
    static const char *const keys[] = { "1",          "2j",        "2j<space><space>C",
                                        "3<Tab>",     "3<Tab>p",   "4",
                                        "4<Enter>",   "5",         "t",
                                        "6",          "6hhh",      "6<Enter><Enter>",
                                        "7",          "7<Enter>",  "8",
                                        "8hhh",       "8j<Enter>", "9",
                                        "9jj<Enter>", "?",         ":model " };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct fake f;
        fake_open(&f, 100, 30, i % 2);
        fake_keys(&f, keys[i]);
        for (int w = 1; w <= 220; w += w < 130 ? 3 : 30) {
            for (int h = 1; h <= 70; h += h < 45 ? 2 : 12) {
                canvas_resize(&f.cv, w, h);
                fake_draw(&f);
            }
        }
        fake_close(&f);
    }
    struct fake f;
    fake_open(&f, 39, 9, false);
    fake_draw(&f);
    fake_keys(&f, "3R");
    assert_false(ui_dialog(f.ui));
    fake_keys(&f, "q");
    assert_true(ui_quitting(f.ui));
    fake_close(&f);
}

static void test_alerts_are_answered(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 100, 30, false);
    fake_keys(&f, "7ay");
    assert_string_equal(f.last_write, "alert ack");
    assert_true(sees(&f, "✓ fraud auc: acknowledged"));
    fake_keys(&f, "s<Bksp><Bksp>1d<Enter>"); /* how long, and then why */
    fake_keys(&f, "<Enter>");
    assert_true(sees(&f, "Say why"));
    fake_keys(&f, "known<Enter>y");
    assert_string_equal(f.last_write, "alert silence");
    assert_string_equal(str_c(&f.last_args), "{\"alert\":\"a1f00000000000000000000001\","
                                             "\"for\":\"1d\",\"reason\":\"known\"}");
    fake_keys(&f, "ja"); /* ben looks after this one */
    assert_true(sees(&f, "a ack: somebody looks after it already"));
    fake_keys(&f, "R"); /* what would come back is read first */
    assert_true(sees(&f, "Roll back fraud"));
    assert_true(sees(&f, "1.0.0"));
    fake_keys(&f, "worse<Enter>y");
    assert_string_equal(f.last_write, "model rollback");
    fake_close(&f);
}

static void test_retraining_is_shown_before_it_is_queued(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 100, 30, false);
    fake_keys(&f, "6x");
    assert_true(sees(&f, "Retrain fraud?"));
    assert_true(sees(&f, "0.8431 against 0.9104"));
    assert_string_equal(f.last_write, ""); /* the dry run only reads */
    fake_keys(&f, "drift<Enter>y");
    assert_string_equal(f.last_write, "retrain policy");
    assert_string_equal(str_c(&f.last_args),
                        "{\"name\":\"fraud\",\"dry-run\":false,\"reason\":\"drift\"}");
    f.last_write[0] = '\0';
    fake_keys(&f, "6jx");
    assert_true(sees(&f, "blocked by"));
    fake_keys(&f, "<Enter>y"); /* nothing to confirm */
    assert_string_equal(f.last_write, "");
    fake_keys(&f, "<Esc>");
    assert_false(ui_dialog(f.ui));
    fake_close(&f);
}

static void test_trends_by_metric_range_and_feature(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 120, 40, false);
    fake_keys(&f, "6");
    assert_true(sees(&f, "auc ───"));
    fake_keys(&f, "n");
    assert_true(sees(&f, "accuracy ───"));
    fake_keys(&f, "Nz");
    assert_true(sees(&f, "last 72 windows"));
    fake_keys(&f, "<Enter><Enter>");
    assert_true(sees(&f, "effect of amount"));
    assert_true(sees(&f, "this window"));
    fake_keys(&f, "<Esc>");
    assert_true(sees(&f, "auc ───"));
    fake_close(&f);
}

static void test_the_challenger_is_promoted_from_its_decision(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 100, 30, false);
    fake_keys(&f, "9p");
    assert_true(sees(&f, "p promote: this decision gave no version"));
    fake_keys(&f, "jj");
    assert_true(sees(&f, "v4 2.1.0 is in Staging: p promotes it"));
    fake_keys(&f, "pbetter on the holdout<Enter>y");
    assert_string_equal(f.last_write, "model promote");
    assert_true(strstr(str_c(&f.last_args), "\"version\":\"4\"") != NULL);
    fake_keys(&f, "R");
    assert_true(sees(&f, "Roll back fraud"));
    fake_keys(&f, "<Esc>");
    fake_close(&f);
}

/* One cursor for four panes: what one shows as of then, the others show too. */
static void test_the_time_cursor_is_shared(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 120, 40, false);
    fake_keys(&f, "8");
    assert_false(sees(&f, "◀ 03"));
    assert_true(sees(&f, "3 of 9 drifted, predictions too · 03-14 02:00"));
    fake_keys(&f, "0");
    assert_true(sees(&f, "0 now: this is now"));
    fake_keys(&f, "l"); /* there is nothing later */
    assert_true(sees(&f, "this is now"));
    assert_false(sees(&f, "◀ 03"));
    fake_keys(&f, "hhhhhhhh");
    assert_true(sees(&f, "◀ 03-13 18:00"));
    assert_true(sees(&f, "2 of 9 drifted · 03-13 18:00"));
    fake_keys(&f, "6");
    assert_true(sees(&f, "● 03-13 18:00"));
    assert_true(sees(&f, "▲ active  auc, 1 in a row"));
    fake_keys(&f, "7");
    assert_true(sees(&f, "! 1 watch   ▲ 1 active"));
    fake_keys(&f, "a"); /* what is over cannot be acknowledged */
    assert_true(sees(&f, "a ack: this is how it was; 0 returns to now"));
    fake_keys(&f, "x");
    assert_string_equal(f.last_write, "");
    assert_false(ui_dialog(f.ui));
    fake_keys(&f, "9");
    assert_string_equal(ui_view(f.ui)->tables[0].id, "01KM0000000000000RETRAIN01");
    fake_keys(&f, "1");
    assert_false(sees(&f, "◀ 03")); /* this pane shows what is */
    fake_keys(&f, "60");
    assert_false(sees(&f, "◀ 03"));
    assert_true(sees(&f, "9 in a row"));
    fake_keys(&f, "8ll");
    fake_keys(&f, "hl"); /* back to the newest window is now */
    assert_false(sees(&f, "◀ 03"));
    fake_close(&f);
}

static void test_the_map_scrolls_both_ways(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 40, 10, false);
    fake_keys(&f, "8");
    assert_true(sees(&f, "◀")); /* 24 windows do not fit */
    for (int i = 0; i < 23; i++) fake_keys(&f, "h");
    assert_true(sees(&f, "◀ 03-13 03:00"));
    assert_true(sees(&f, "▶"));
    fake_keys(&f, "h");
    assert_true(sees(&f, "z shows earlier windows"));
    fake_keys(&f, "G");
    assert_true(sees(&f, "is_weekend"));
    fake_keys(&f, "gg");
    assert_true(sees(&f, "→ predictions"));
    fake_close(&f);
}

/* From Monitor, whose chart reaches back further, to a map that does not: it takes more windows
 * until the cursor is on it. */
static void test_the_map_widens_to_the_cursor(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 100, 30, false);
    fake_keys(&f, "8");
    assert_true(sees(&f, "last 24 windows"));
    fake_keys(&f, "6hhh");
    struct val *map = (struct val *)(uintptr_t)val_get(f.replies, "monitor heatmap fraud");
    const struct val *windows = val_get(map, "windows");
    struct val *late = val_list(&f.arena);
    for (size_t i = 0; i < val_len(windows); i++) {
        struct val *w = val_copy(&f.arena, val_at(windows, i));
        val_set_strf(w, "start", "2026-03-15T%02zu:00:00Z", i); /* all after the cursor */
        val_push(late, w);
    }
    val_set(map, "windows", late);
    ui_touch(f.ui);
    fake_keys(&f, "8");
    assert_true(sees(&f, "last 72 windows")); /* there are no more than 24, so it stops there */
    fake_close(&f);
}

static void test_the_heat_map_filters_and_follows_the_model(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 100, 30, false);
    fake_keys(&f, "6d");
    assert_int_equal(ui_view(f.ui)->id, VIEW_drift);
    assert_true(sees(&f, "fraud · effect"));
    fake_keys(&f, "/amount<Enter>");
    assert_true(sees(&f, "amount_ratio"));
    assert_false(sees(&f, "distance_km"));
    fake_keys(&f, "<Esc>n");
    assert_true(sees(&f, "fraud · psi"));
    fake_keys(&f, "<Enter>");
    assert_true(sees(&f, "effect of amount"));
    fake_keys(&f, "<Enter>"); /* all about the model */
    assert_int_equal(ui_view(f.ui)->id, VIEW_monitor);
    fake_keys(&f, "8<Esc>>");
    assert_true(sees(&f, "churn · psi"));
    fake_keys(&f, "6");
    assert_string_equal(ui_view(f.ui)->tables[0].id, "churn");
    fake_keys(&f, "9x");
    assert_true(sees(&f, "Retrain fraud?")); /* the model of the decision */
    fake_close(&f);
}

static void test_empty_workspaces_say_what_to_run(void **state)
{
    (void)state;
    struct fake f;
    fake_open(&f, 100, 30, false);
    val_set_list((struct val *)(uintptr_t)val_get(f.replies, "monitor status"), "models");
    val_set_list((struct val *)(uintptr_t)val_get(f.replies, "alert list"), "alerts");
    ui_touch(f.ui);
    fake_keys(&f, "6");
    assert_true(sees(&f, "signalbox monitor ingest NAME --data PREDICTIONS.csv"));
    fake_keys(&f, "x");
    assert_true(sees(&f, "x retrain: no model is monitored yet"));
    fake_keys(&f, "7");
    assert_true(sees(&f, "no alert"));
    fake_keys(&f, "8");
    assert_true(sees(&f, "No window has been measured yet"));
    val_set_list((struct val *)(uintptr_t)val_get(f.replies, "retrain list"), "decisions");
    ui_touch(f.ui);
    fake_keys(&f, "9");
    assert_true(sees(&f, "Nothing was decided yet"));
    fake_keys(&f, "x");
    assert_true(sees(&f, "x retrain: no model is monitored yet"));
    fake_close(&f);
}

/* Every key in every pane, at a small and a large size: nothing breaks, nothing is changed
 * without a question. */
static void test_all_keys_everywhere(void **state)
{
    (void)state;
    for (int view = 0; view < VIEW_COUNT; view++) {
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
            struct fake f;
            fake_open(&f, sizes[s][0], sizes[s][1], false);
            ui_show(f.ui, (enum view_id)view);
            fake_settle(&f);
            for (const struct binding *b = bindings; b->label; b++) {
                if (b->req == REQ_QUIT) continue;
                ui_key(f.ui, b->key1, f.now_us);
                fake_settle(&f);
                fake_draw(&f);
                fake_keys(&f, "<Esc><Esc>");
                ui_show(f.ui, (enum view_id)view);
            }
            assert_string_equal(f.last_write, "");
            fake_close(&f);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_panes),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_ascii_and_small),
        cmocka_unit_test(test_traffic),
        cmocka_unit_test(test_whatif),
        cmocka_unit_test(test_traffic_says_why_not),
        cmocka_unit_test(test_promotion_asks_for_a_reason_and_another_key),
        cmocka_unit_test(test_changed_world_refuses),
        cmocka_unit_test(test_verb_errors_are_shown),
        cmocka_unit_test(test_disabled_keys_say_why),
        cmocka_unit_test(test_lists_stand_still_under_a_question),
        cmocka_unit_test(test_failed_reads_keep_the_last_data),
        cmocka_unit_test(test_prompt),
        cmocka_unit_test(test_train_form),
        cmocka_unit_test(test_an_opened_alert_scrolls),
        cmocka_unit_test(test_enter_follows_things),
        cmocka_unit_test(test_every_size_can_be_drawn),
        cmocka_unit_test(test_alerts_are_answered),
        cmocka_unit_test(test_retraining_is_shown_before_it_is_queued),
        cmocka_unit_test(test_trends_by_metric_range_and_feature),
        cmocka_unit_test(test_the_challenger_is_promoted_from_its_decision),
        cmocka_unit_test(test_the_time_cursor_is_shared),
        cmocka_unit_test(test_the_map_scrolls_both_ways),
        cmocka_unit_test(test_the_map_widens_to_the_cursor),
        cmocka_unit_test(test_the_heat_map_filters_and_follows_the_model),
        cmocka_unit_test(test_empty_workspaces_say_what_to_run),
        cmocka_unit_test(test_all_keys_everywhere),
    };
    return cmocka_run_group_tests_name("tui.screens", tests, NULL, NULL);
}
