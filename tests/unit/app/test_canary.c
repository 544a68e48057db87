/* test_canary.c: the state machine of a canary on a real store: every move in every state, what
 * it writes, the registry's moves in between, judging by what daemons counted, several judges at
 * once, and dying in the middle. */
#include "rollouttest.h"

#include "base/rng.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static const char start[] = "{\"name\":\"fraud\",\"version\":\"2\",\"steps\":\"10,50,100\","
                            "\"reason\":\"better recall\"}";
#define WHY "{\"name\":\"fraud\",\"reason\":\"because\"}"

static const struct rollout *stored(struct fixture *f)
{
    struct rollout_row row;
    const struct rollout *r;
    ok(f, rollout_get(f->app.store, &f->a, "fraud", &row, &f->e));
    ok(f, rollout_parse(&f->a, &row, &r, &f->e));
    return r;
}

static const struct rollout *current(struct fixture *f)
{
    const struct rollout *r;
    ok(f, rollout_current(&f->app, &f->a, "fraud", &r, &f->e));
    return r;
}

static int64_t production(struct fixture *f)
{
    struct reg_version v;
    ok(f, store_version_by_stage(f->app.store, &f->a, "fraud", "Production", &v, &f->e));
    return v.version;
}

static int64_t audit_rows(struct fixture *f)
{
    struct audit_check c;
    ok(f, audit_verify(f->app.store, &c, &f->e));
    assert_int_equal(c.first_bad, 0);
    return c.rows;
}

static const struct rollout_event *last_event(struct fixture *f)
{
    struct rollout_event *ev;
    size_t n;
    ok(f, rollout_events(f->app.store, &f->a, "fraud", 1, &ev, &n, &f->e));
    assert_int_equal(n, 1);
    return ev;
}

/* Ten seconds of traffic by the shares, `errors` of a hundred requests of the candidate fail. */
static void traffic(struct fixture *f, int64_t requests, int64_t errors, double ms)
{
    const struct rollout *r = stored(f);
    int64_t n = (int64_t)((double)requests * r->arms[1].share);
    tick(f, 10);
    if (requests > n) served(f, r, 0, requests - n, 0, 2);
    if (n) served(f, r, 1, n, n * errors / 100, ms);
}

static const struct val *check(struct fixture *f)
{
    return val_at(val_get(call(f, 0, "canary check", "{\"name\":\"fraud\"}"), "canaries"), 0);
}

/* ---- by hand -------------------------------------------------------------------------------- */

static void steps_to_promotion(void **state)
{
    struct fixture *f = *state;
    static const double shares[] = { 0.1, 0.5, 1 };
    versions(f, 2);
    int64_t rows = audit_rows(f);
    const struct val *v = call(f, 0, "canary start", start);
    assert_string_equal(val_get_str(v, "state", ""), "running");
    assert_int_equal(audit_rows(f), rows + 1);
    const char *id = stored(f)->id;
    for (int i = 0; i < 3; i++) {
        const struct rollout *r = current(f);
        assert_true(r->arms[1].share == shares[i]);
        assert_true(fabs(r->arms[0].share - (1 - shares[i])) < 1e-12);
        assert_int_equal(r->step, i);
        assert_int_equal(r->n_fallback, 1);
        assert_string_equal(r->id, id); /* evidence and assignment go on */
        tick(f, 60);
        v = call(f, 0, "canary step", WHY);
        assert_int_equal(last_event(f)->at_us, f->clock.fixed_us);
    }
    assert_string_equal(val_get_str(v, "change", ""), "done");
    assert_string_equal(stored(f)->state, "done");
    assert_int_equal(production(f), 2);
    assert_int_equal(current(f)->mode, ROLLOUT_single);
    assert_int_equal(current(f)->arms[0].version, 2);
    /* start, two steps, and: who asked, the registry's move, the end */
    assert_int_equal(audit_rows(f), rows + 6);
    call(f, ERR_STATE, "canary step", WHY);
    call(f, ERR_STATE, "canary abort", WHY);
    assert_int_equal(audit_rows(f), rows + 6);
}

static void every_move_in_every_state(void **state)
{
    struct fixture *f = *state;
    static const char *const moves[] = { "canary step", "canary hold", "canary resume",
                                         "canary abort" };
    static const struct {
        const char *state;
        const char *to[4];
    } table[] = {
        { "running", { "running", "held", NULL, "aborted" } },
        { "held", { "running", NULL, "running", "aborted" } },
        { "paused", { "running", "held", "running", "aborted" } },
        { "aborted", { NULL, NULL, NULL, NULL } },
        { "done", { NULL, NULL, NULL, NULL } },
    };
    versions(f, 2);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        for (size_t k = 0; k < ARRAY_LEN(moves); k++) {
            rollout_delete(f->app.store, "fraud", NULL);
            call(f, 0, "canary start", start);
            struct rollout r = *stored(f);
            r.state = table[i].state;
            STR_AUTO json = STR_INIT;
            val_write_json(&json, rollout_val(&f->a, &r), 0);
            struct rollout_row row = {
                .model = "fraud", .id = r.id, .number = r.number, .document = str_c(&json)
            };
            ok(f, rollout_put(f->app.store, &row, &f->e));
            int64_t rows = audit_rows(f);
            const char *to = table[i].to[k];
            call(f, to ? 0 : ERR_STATE, moves[k], WHY);
            assert_string_equal(stored(f)->state, to ? to : table[i].state);
            assert_int_equal(audit_rows(f), rows + (to != NULL));
        }
    }
}

static void abort_sends_all_back(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    call(f, 0, "canary start", start);
    call(f, 0, "canary step", WHY);
    call(f, 0, "canary abort", "{\"name\":\"fraud\",\"reason\":\"pager\"}");
    const struct rollout *r = stored(f);
    assert_string_equal(r->state, "aborted");
    assert_string_equal(r->reason, "pager");
    assert_true(r->arms[0].share == 1 && r->arms[1].share == 0);
    assert_int_equal(current(f)->mode, ROLLOUT_single);
    assert_int_equal(production(f), 1);
    assert_string_equal(last_event(f)->type, "abort");
    assert_string_equal(last_event(f)->reason, "pager");
    assert_string_equal(last_event(f)->actor, "kim");
    call(f, 0, "canary start", start); /* can be tried again, as a question of its own */
    assert_string_not_equal(stored(f)->id, r->id);
    assert_string_equal(stored(f)->state, "running");
}

static void what_cannot_be_is_refused(void **state)
{
    struct fixture *f = *state;
    struct registry_moved moved;
    versions(f, 3);
    call(f, ERR_NOTFOUND, "canary step", WHY);
    call(f, ERR_INVALID, "canary start", "{\"name\":\"fraud\",\"version\":\"x\",\"reason\":\"r\"}");
    call(f, ERR_NOTFOUND, "canary start",
         "{\"name\":\"fraud\",\"version\":\"9\",\"reason\":\"r\"}");
    call(f, ERR_STATE, "canary start", "{\"name\":\"fraud\",\"version\":\"1\",\"reason\":\"r\"}");
    call(f, ERR_STATE, "canary start", "{\"name\":\"none\",\"version\":\"1\",\"reason\":\"r\"}");
    call(f, ERR_NOTFOUND, "canary start", "{\"name\":\"fraud\",\"reason\":\"r\"}"); /* no Staging */
    call(f, ERR_INVALID, "canary start",
         "{\"name\":\"fraud\",\"version\":\"2\",\"steps\":\"50,10\",\"reason\":\"r\"}");
    call(f, ERR_INVALID, "canary start",
         "{\"name\":\"fraud\",\"version\":\"2\",\"steps\":\"much\",\"reason\":\"r\"}");
    call(f, ERR_INVALID, "canary start",
         "{\"name\":\"fraud\",\"version\":\"2\",\"min-time\":\"2h\",\"max-time\":\"1h\","
         "\"reason\":\"r\"}");
    call(f, ERR_INVALID, "canary start",
         "{\"name\":\"fraud\",\"version\":\"2\",\"timeout\":\"soon\",\"reason\":\"r\"}");
    call(f, ERR_INVALID, "canary start", "{\"name\":\"fraud\",\"version\":\"2\",\"reason\":\" \"}");
    call(f, ERR_INVALID, "canary abort", "{\"name\":\"fraud\",\"reason\":\"\"}");
    ok(f, registry_archive(&f->app, &f->a, "fraud", 3, "old", &moved, &f->e));
    call(f, ERR_STATE, "canary start", "{\"name\":\"fraud\",\"version\":\"3\",\"reason\":\"r\"}");
    struct rollout_row row;
    assert_int_equal(rollout_get(f->app.store, &f->a, "fraud", &row, &f->e), -ERR_NOTFOUND);
    call(f, 0, "canary start", start);
    call(f, ERR_STATE, "canary start", start); /* one at a time */
    call(f, ERR_STATE, "route set",
         "{\"name\":\"fraud\",\"mode\":\"ab\",\"split\":\"1:0.5,2:0.5\",\"reason\":\"r\"}");
}

static void dry_runs_write_nothing(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    int64_t rows = audit_rows(f);
    f->app.dry_run = true;
    const struct val *v = call(f, 0, "canary start", start);
    assert_true(val_get_bool(v, "dry_run", false));
    assert_true(val_get_real(v, "share", 0) == 0.1);
    f->app.dry_run = false;
    call(f, 0, "canary start",
         "{\"name\":\"fraud\",\"version\":\"2\",\"steps\":\"100\",\"reason\":\"r\"}");
    f->app.dry_run = true;
    v = call(f, 0, "canary step", WHY);
    assert_string_equal(val_get_str(v, "state", ""), "done");
    v = call(f, 0, "canary abort", WHY);
    assert_string_equal(val_get_str(v, "state", ""), "aborted");
    v = call(f, 0, "route clear", WHY);
    assert_string_equal(val_get_str(v, "change", ""), "clear");
    assert_string_equal(stored(f)->state, "running");
    assert_int_equal(production(f), 1);
    assert_int_equal(audit_rows(f), rows + 1);
}

/* ---- the registry moves --------------------------------------------------------------------- */

static void a_promotion_by_hand_ends_it(void **state)
{
    struct fixture *f = *state;
    struct registry_moved moved;
    versions(f, 3);
    call(f, 0, "canary start", start);
    ok(f, registry_promote(&f->app, &f->a, "fraud", 3, "Staging", "next", &moved, &f->e));
    assert_string_equal(stored(f)->state, "running"); /* no concern of it */
    ok(f, registry_promote(&f->app, &f->a, "fraud", 3, "Production", "hotfix", &moved, &f->e));
    const struct rollout *r = stored(f);
    assert_string_equal(r->state, "aborted");
    assert_true(r->arms[0].share == 1);
    assert_non_null(strstr(r->reason, "version 1 is not in Production any more: hotfix"));
    assert_string_equal(last_event(f)->type, "end");
    assert_int_equal(current(f)->arms[0].version, 3);
    ok(f, registry_rollback(&f->app, &f->a, "fraud", "no", &moved, &f->e));
    assert_string_equal(stored(f)->state, "aborted"); /* it does not rise again */
    assert_int_equal(current(f)->mode, ROLLOUT_single);
    assert_int_equal(current(f)->arms[0].version, 1);
}

static void promoting_the_candidate_is_its_end(void **state)
{
    struct fixture *f = *state;
    struct registry_moved moved;
    versions(f, 2);
    call(f, 0, "canary start", start);
    ok(f, registry_promote(&f->app, &f->a, "fraud", 2, "Production", "sure", &moved, &f->e));
    assert_string_equal(stored(f)->state, "done");
    assert_true(stored(f)->arms[1].share == 1);
    assert_string_equal(last_event(f)->type, "done");
    ok(f, registry_rollback(&f->app, &f->a, "fraud", "not so sure", &moved, &f->e));
    assert_int_equal(current(f)->arms[0].version, 1);
    assert_int_equal(current(f)->n_arms, 1);
}

static void archiving_the_candidate_ends_it(void **state)
{
    struct fixture *f = *state;
    struct registry_moved moved;
    versions(f, 2);
    call(f, 0, "canary start", start);
    f->app.dry_run = true;
    ok(f, registry_archive(&f->app, &f->a, "fraud", 2, "bad", &moved, &f->e));
    f->app.dry_run = false;
    assert_string_equal(stored(f)->state, "running");
    ok(f, registry_archive(&f->app, &f->a, "fraud", 2, "bad", &moved, &f->e));
    assert_string_equal(stored(f)->state, "aborted");
    assert_int_equal(current(f)->arms[0].version, 1);
}

static void a_failed_promotion_changes_nothing(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    call(f, 0, "canary start",
         "{\"name\":\"fraud\",\"version\":\"2\",\"steps\":\"100\",\"reason\":\"r\"}");
    int64_t rows = audit_rows(f);
    /* behind the registry's back: the promotion at the end will be refused */
    ok(f, store_version_set_stage(f->app.store, "fraud", 2, "None", "Archived", &f->e));
    call(f, ERR_STATE, "canary step", WHY);
    assert_string_equal(stored(f)->state, "running");
    assert_int_equal(production(f), 1);
    assert_int_equal(audit_rows(f), rows);
    assert_int_equal(current(f)->mode, ROLLOUT_single); /* and nobody is sent there */
}

/* ---- by evidence ---------------------------------------------------------------------------- */

/* The traffic of the step before says nothing about a step that has none. */
static void a_step_without_traffic_waits(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    call(f, 0, "canary start", start);
    for (int i = 0; i < 12; i++) traffic(f, 10000, 0, 2);
    tick(f, 10);
    call(f, 0, "canary step", WHY);
    tick(f, 3600);
    const struct val *v = check(f);
    assert_string_equal(val_get_str(v, "verdict", ""), "hold");
    assert_int_equal(val_get_int(v, "step", 0), 2);
    v = val_get(call(f, 0, "route show", "{\"name\":\"fraud\"}"), "canary");
    assert_int_equal(val_get_int(v, "step_requests", -1), 0);
}

static void a_healthy_candidate_moves_on(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    call(f, 0, "canary start",
         "{\"name\":\"fraud\",\"version\":\"2\",\"steps\":\"10,50,100\",\"auto-promote\":true,"
         "\"min-time\":\"30s\",\"reason\":\"r\"}");
    const struct val *v = check(f);
    assert_string_equal(val_get_str(v, "verdict", ""), "hold");
    int advanced = 0;
    for (int i = 0; i < 200 && str_eq(stored(f)->state, "running"); i++) {
        size_t before = stored(f)->step;
        traffic(f, 2000, 0, 2);
        v = check(f);
        if (!val_has(v, "action")) continue;
        advanced++;
        if (str_eq(stored(f)->state, "running")) assert_int_equal(stored(f)->step, before + 1);
    }
    assert_int_equal(advanced, 3);
    assert_string_equal(val_get_str(v, "action", ""), "promote");
    assert_string_equal(stored(f)->state, "done");
    assert_int_equal(production(f), 2);
    v = check(f); /* again: nothing */
    assert_false(val_has(v, "action"));
    assert_string_equal(val_get_str(v, "state", ""), "done");
}

static void a_bad_candidate_goes_back(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    call(f, 0, "canary start", start);
    const struct val *v = NULL;
    int rounds = 0;
    do {
        traffic(f, 2000, 20, 2);
        v = check(f);
    } while (!val_has(v, "action") && ++rounds < 100);
    assert_string_equal(val_get_str(v, "action", ""), "rollback");
    assert_true(rounds < 5);
    assert_string_equal(stored(f)->state, "aborted");
    assert_true(stored(f)->arms[1].share == 0);
    assert_string_equal(last_event(f)->type, "rollback");
    struct val *detail;
    ok(f,
       val_parse_json(&f->a, last_event(f)->detail, strlen(last_event(f)->detail), &detail, &f->e));
    assert_int_equal(val_len(val_get(val_get(detail, "evidence"), "guards")), ROLLOUT_GUARDS);
    int64_t rows = audit_rows(f);
    assert_false(val_has(check(f), "action"));
    assert_int_equal(audit_rows(f), rows);
}

static void a_held_one_only_goes_back(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    call(f, 0, "canary start", start);
    call(f, 0, "canary hold", WHY);
    for (int i = 0; i < 30; i++) {
        traffic(f, 2000, 0, 2);
        assert_false(val_has(check(f), "action"));
    }
    assert_string_equal(stored(f)->state, "held");
    for (int i = 0; i < 30 && str_eq(stored(f)->state, "held"); i++) {
        traffic(f, 2000, 50, 2);
        check(f);
    }
    assert_string_equal(stored(f)->state, "aborted");
}

static void without_auto_advance_a_human_steps(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    call(f, 0, "canary start",
         "{\"name\":\"fraud\",\"version\":\"2\",\"auto-advance\":false,\"reason\":\"r\"}");
    for (int i = 0; i < 30; i++) traffic(f, 20000, 0, 2);
    assert_string_equal(val_get_str(check(f), "verdict", ""), "advance");
    assert_int_equal(stored(f)->step, 0);
    f->app.dry_run = true;
    assert_string_equal(val_get_str(check(f), "verdict", ""), "advance");
    f->app.dry_run = false;
}

static void counters_alone_only_take_back(void **state)
{
    struct fixture *f = *state;
    static const char quick[] = "{\"name\":\"fraud\",\"labels\":false}";
    versions(f, 2);
    call(f, 0, "canary start", start);
    for (int i = 0; i < 30; i++) traffic(f, 4000, 0, 2);
    const struct val *v = val_at(val_get(call(f, 0, "canary check", quick), "canaries"), 0);
    assert_string_equal(val_get_str(v, "verdict", ""), "advance");
    assert_false(val_has(v, "action"));
    assert_int_equal(stored(f)->step, 0);
    for (int i = 0; i < 30; i++) traffic(f, 4000, 50, 2);
    v = val_at(val_get(call(f, 0, "canary check", quick), "canaries"), 0);
    assert_string_equal(val_get_str(v, "action", ""), "rollback");
    assert_string_equal(stored(f)->state, "aborted");
}

static void a_trip_is_of_one_rollout(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    ok(f, canary_tripped(&f->app, "fraud", "ID", "none at all", &f->e));
    call(f, 0, "canary start", start);
    const char *id = stored(f)->id;
    ok(f, canary_tripped(&f->app, "fraud", "ANOTHER", "not this one", &f->e));
    assert_string_equal(stored(f)->state, "running");
    ok(f, canary_tripped(&f->app, "fraud", id, "five errors in a row", &f->e));
    assert_string_equal(stored(f)->state, "aborted");
    assert_true(stored(f)->arms[0].share == 1);
    assert_string_equal(last_event(f)->type, "rollback");
    assert_string_equal(last_event(f)->reason, "five errors in a row");
    int64_t rows = audit_rows(f);
    ok(f, canary_tripped(&f->app, "fraud", id, "again", &f->e)); /* daemons may say it twice */
    assert_int_equal(audit_rows(f), rows);
}

static void max_time_pauses(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    call(f, 0, "canary start",
         "{\"name\":\"fraud\",\"version\":\"2\",\"max-time\":\"5m\",\"reason\":\"r\"}");
    for (int i = 0; i < 40; i++) {
        traffic(f, 100, 0, 2);
        check(f);
    }
    assert_string_equal(stored(f)->state, "paused");
    assert_true(stored(f)->arms[1].share == 0.01);
    call(f, 0, "canary resume", WHY);
    check(f);
    assert_string_equal(stored(f)->state, "running"); /* the time begins anew */
}

static void other_rollouts_do_not_count(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    call(f, 0, "canary start", start);
    struct rollout other = *stored(f);
    other.id = "SOMETHINGELSE";
    for (int i = 0; i < 20; i++) {
        tick(f, 10);
        served(f, &other, 0, 900, 0, 2);
        served(f, &other, 1, 100, 100, 2);
    }
    const struct val *v = check(f);
    assert_string_equal(val_get_str(v, "verdict", ""), "hold");
    assert_non_null(strstr(val_get_str(v, "why", ""), "no requests"));
}

/* ---- several at once ------------------------------------------------------------------------ */

enum { JUDGES = 6 };

static void of_many_judges_one_acts(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    call(f, 0, "canary start", start);
    for (int i = 0; i < 30; i++) traffic(f, 4000, 0, 2);
    int64_t rows = audit_rows(f);
    store_close(f->app.store);
    f->app.store = NULL;
    pid_t pids[JUDGES];
    for (int i = 0; i < JUDGES; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i]) continue;
        struct err e = ERR_INIT;
        struct arena a = ARENA_INIT;
        if (store_open(&f->app.store, f->dir, 0, &f->clock, &e)) _exit(9);
        struct val *list = val_list(&a);
        if (canary_check(&f->app, &a, "fraud", true, list, &e)) _exit(8);
        _exit(val_has(val_at(list, 0), "action"));
    }
    int acted = 0;
    for (int i = 0; i < JUDGES; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
        acted += WEXITSTATUS(status);
    }
    ok(f, store_open(&f->app.store, f->dir, 0, &f->clock, &f->e));
    assert_int_equal(acted, 1);
    assert_int_equal(stored(f)->step, 1);
    assert_int_equal(audit_rows(f), rows + 1);
}

/* ---- dying in the middle -------------------------------------------------------------------- */

/* Starts, steps, promotes, aborts and rolls back without end; the parent kills it. */
__attribute__((noreturn)) static void never_rest(struct fixture *f, uint64_t seed)
{
    struct err e = ERR_INIT;
    struct arena a = ARENA_INIT;
    struct registry_moved moved;
    struct rollout_change c;
    struct rng g;
    rng_seed(&g, seed);
    f->clock = clock_system;
    if (store_open(&f->app.store, f->dir, 0, &f->clock, &e)) _exit(9);
    for (;;) {
        struct reg_version v;
        arena_reset(&a);
        if (store_version_by_stage(f->app.store, &a, "fraud", "Production", &v, &e)) _exit(8);
        struct rollout_arm arms[] = {
            { .version = v.version, .role = "production", .share = 0.9 },
            { .version = 1 + (int64_t)rng_below(&g, 4), .role = "canary", .share = 0.1 }
        };
        static const double steps[] = { 0.1, 1 };
        struct rollout r = { .id = "",
                             .model = "fraud",
                             .mode = ROLLOUT_canary,
                             .state = "running",
                             .n_arms = 2,
                             .arms = arms,
                             .n_steps = 2,
                             .steps = steps,
                             .combine = "mean",
                             .sample = 1,
                             .limits = rollout_default_limits(),
                             .reason = "" };
        /* what is refused is refused; the next round tries something else */
        registry_promote(&f->app, &a, "fraud", arms[1].version, "Staging", "back", &moved, &e);
        rollout_set(&f->app, &a, &r, "try", &c, &e);
        if (rng_below(&g, 3)) canary_move(&f->app, &a, "fraud", CANARY_STEP, "on", &c, &e);
        if (rng_below(&g, 2)) canary_move(&f->app, &a, "fraud", CANARY_STEP, "on", &c, &e);
        if (rng_below(&g, 2)) canary_move(&f->app, &a, "fraud", CANARY_ABORT, "off", &c, &e);
        if (rng_below(&g, 4) == 0) registry_rollback(&f->app, &a, "fraud", "back", &moved, &e);
    }
}

/* The document, the registry and the events tell the same story. */
static void consistent(struct fixture *f)
{
    struct rollout_row row;
    struct rollout_event *ev;
    size_t n;
    const char *why;
    audit_rows(f);
    int64_t serving = production(f);
    const struct rollout *now = current(f);
    assert_int_equal(now->arms[0].version, serving);
    if (rollout_get(f->app.store, &f->a, "fraud", &row, NULL)) return;
    const struct rollout *r = stored(f);
    ok(f, rollout_events(f->app.store, &f->a, "fraud", 1, &ev, &n, &f->e));
    assert_int_equal(n, 1);
    assert_string_equal(ev->id, r->id);
    if (str_eq(r->state, "running")) {
        ok(f, rollout_fits(&f->app, &f->a, r, &why, &f->e));
        assert_null(why);
        assert_int_equal(now->mode, ROLLOUT_canary);
        assert_true(r->arms[1].share == r->steps[r->step]);
        assert_true(str_eq(ev->type, r->step ? "step" : "start"));
    } else {
        assert_int_equal(now->mode, ROLLOUT_single);
        assert_true(r->arms[1].share == (str_eq(r->state, "done") ? 1 : 0));
        assert_true(str_eq(ev->type, str_eq(r->state, "done") ? "done" : "abort") ||
                    str_eq(ev->type, "end"));
    }
}

static void killed_in_the_middle(void **state)
{
    struct fixture *f = *state;
    enum { ROUNDS = 48 };
    struct rng g;
    rng_seed(&g, 4);
    versions(f, 4);
    int64_t rows = audit_rows(f);
    for (int i = 0; i < ROUNDS; i++) {
        store_close(f->app.store);
        f->app.store = NULL;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) never_rest(f, (uint64_t)i);
        usleep(5000 + (useconds_t)rng_below(&g, 25000));
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        ok(f, store_open(&f->app.store, f->dir, 0, &f->clock, &f->e));
        consistent(f);
        arena_reset(&f->a);
    }
    rows = audit_rows(f) - rows;
    printf("%lld changes survived %d kills\n", (long long)rows, ROUNDS);
    assert_true(rows > ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(steps_to_promotion),
        T(every_move_in_every_state),
        T(abort_sends_all_back),
        T(what_cannot_be_is_refused),
        T(dry_runs_write_nothing),
        T(a_promotion_by_hand_ends_it),
        T(promoting_the_candidate_is_its_end),
        T(archiving_the_candidate_ends_it),
        T(a_failed_promotion_changes_nothing),
        T(a_step_without_traffic_waits),
        T(a_healthy_candidate_moves_on),
        T(a_bad_candidate_goes_back),
        T(a_held_one_only_goes_back),
        T(without_auto_advance_a_human_steps),
        T(counters_alone_only_take_back),
        T(a_trip_is_of_one_rollout),
        T(max_time_pauses),
        T(other_rollouts_do_not_count),
        T(of_many_judges_one_acts),
        T(killed_in_the_middle),
    };
    return cmocka_run_group_tests_name("canary", tests, NULL, NULL);
}
