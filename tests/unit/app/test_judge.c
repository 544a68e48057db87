/* test_judge.c: verdicts on candidates: the gate's order, and whole simulated rollouts judged every
 * few seconds as the daemon does. Healthy candidates reach the last step, harmful ones go back in
 * time, missing data moves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "app/rollout.h"
#include "base/mem.h"
#include "base/rng.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SECOND 1000000LL
#define MINUTE (60 * SECOND)

static const double steps[] = { 0.1, 0.5, 1 };
static struct rollout_arm arms[2];

static struct rollout canary(double share)
{
    arms[0] = (struct rollout_arm){ .version = 1, .role = "production", .share = 1 - share };
    arms[1] = (struct rollout_arm){ .version = 2, .role = "canary", .share = share };
    return (struct rollout){ .id = "R",
                             .model = "m",
                             .mode = ROLLOUT_canary,
                             .state = "running",
                             .n_arms = 2,
                             .arms = arms,
                             .n_steps = 3,
                             .steps = steps,
                             .limits = rollout_default_limits(),
                             .started_us = 0,
                             .step_us = 0 };
}

static void add(struct rollout_facts *f, int arm, int64_t n, int64_t errors, double ms, int64_t now)
{
    f->sum[arm].requests += n;
    f->sum[arm].errors += errors;
    f->sum[arm].to_us = now;
    f->step_requests[arm] += n;
    for (int64_t i = 0; i < n; i++) hist_add(&f->sum[arm].seconds, ms / 1000);
}

static void expect(const struct rollout *r, const struct rollout_facts *f, int64_t now,
                   const char *verdict, const char *why)
{
    struct rollout_evidence ev;
    rollout_judge(r, f, now, &ev);
    if (strcmp(ev.verdict, verdict) != 0 || !strstr(ev.why, why))
        fail_msg("%s: %s, not %s: %s", ev.verdict, ev.why, verdict, why);
}

static void the_gate_in_its_order(void **state)
{
    (void)state;
    struct rollout r = canary(0.1);
    struct rollout_facts f = { 0 };
    expect(&r, &f, 30 * SECOND, "hold", "no requests to the candidate");
    expect(&r, &f, 48 * 60 * MINUTE, "hold", "no requests to the candidate");
    add(&f, 1, 400, 0, 2, 30 * SECOND);
    expect(&r, &f, 30 * SECOND, "hold", "no requests to the stable");
    add(&f, 0, 4000, 0, 2, 30 * SECOND);
    expect(&r, &f, 30 * SECOND, "hold", "400 of 500");
    add(&f, 1, 400, 0, 2, 30 * SECOND);
    expect(&r, &f, 30 * SECOND, "hold", "30 s of this step");
    expect(&r, &f, 80 * SECOND, "advance", "not worse");
    expect(&r, &f, 91 * SECOND, "hold", "no requests to the stable version for 61 s");
    f.sum[0].to_us = 91 * SECOND;
    expect(&r, &f, 91 * SECOND, "hold", "no requests to the candidate version for 61 s");
    r.state = "aborted";
    expect(&r, &f, 80 * SECOND, "hold", "aborted");
}

static void what_is_undecided_pauses_in_the_end(void **state)
{
    (void)state;
    struct rollout r = canary(0.1);
    struct rollout_facts f = { 0 };
    int64_t now = 5 * MINUTE;
    r.limits.margin = 0.001;
    add(&f, 0, 9000, 180, 2, now);
    add(&f, 1, 1000, 20, 2, now);
    expect(&r, &f, now, "hold", "error_rate");
    f.sum[0].to_us = f.sum[1].to_us = 7 * 60 * MINUTE;
    expect(&r, &f, 7 * 60 * MINUTE, "pause", "undecided");
    f.step_requests[1] = 100;
    expect(&r, &f, 7 * 60 * MINUTE, "pause", "error_rate");
    r.limits.margin = 0.05;
    expect(&r, &f, 7 * 60 * MINUTE, "pause", "only 100 of 500");
}

static void harm_is_seen_before_the_time_is_up(void **state)
{
    (void)state;
    struct rollout r = canary(0.1);
    struct rollout_facts f = { 0 };
    add(&f, 0, 900, 0, 2, SECOND);
    add(&f, 1, 99, 99, 2, SECOND);
    expect(&r, &f, SECOND, "hold", "99 of 500"); /* a variance needs a hundred */
    add(&f, 1, 1, 1, 2, SECOND);
    expect(&r, &f, SECOND, "rollback", "error_rate 1 against 0");
    r.state = "held";
    expect(&r, &f, SECOND, "rollback", "error_rate");
    r.state = "paused";
    expect(&r, &f, SECOND, "rollback", "error_rate");
}

static void hard_limit(void **state)
{
    (void)state;
    struct rollout r = canary(0.1);
    struct rollout_facts f = { 0 };
    r.limits.max_p99_ms = 50;
    r.limits.latency_margin = 100;
    add(&f, 0, 900, 0, 2, SECOND);
    add(&f, 1, 300, 0, 2, SECOND);
    expect(&r, &f, SECOND, "hold", "300 of 500");
    add(&f, 1, 20, 0, 80, SECOND);
    expect(&r, &f, SECOND, "rollback", "p99 80.0 ms is over");
}

static void slower_by_more_than_the_margin(void **state)
{
    (void)state;
    struct rollout r = canary(0.5);
    struct rng g;
    static const double factor[] = { 1, 1.1, 2 };
    static const char *const verdict[] = { "advance", "advance", "rollback" };
    rng_seed(&g, 3);
    for (int k = 0; k < 3; k++) {
        struct rollout_facts f = { 0 };
        for (int i = 0; i < 8000; i++) {
            double ms = exp(0.5 * rng_normal(&g));
            add(&f, i & 1, 1, 0, i & 1 ? ms * factor[k] : ms, 2 * MINUTE);
        }
        expect(&r, &f, 2 * MINUTE, verdict[k], k == 2 ? "latency" : "");
    }
}

static void an_objective_replaces_the_margin(void **state)
{
    (void)state;
    struct rollout r = canary(0.5);
    struct rollout_facts f = { 0 };
    struct rollout_evidence ev;
    r.limits.slo_ms = 10;
    add(&f, 0, 5000, 0, 2, 2 * MINUTE);
    add(&f, 1, 5000, 0, 8, 2 * MINUTE);
    expect(&r, &f, 2 * MINUTE, "advance", "");
    add(&f, 1, 300, 0, 20, 2 * MINUTE);
    rollout_judge(&r, &f, 2 * MINUTE, &ev);
    assert_string_equal(ev.verdict, "rollback");
    assert_string_equal(ev.guard[1].name, "slow_rate");
    assert_true(fabs(ev.guard[1].value[1] - 300.0 / 5300) < 1e-9);
}

static void labels_count_when_there_are_enough(void **state)
{
    (void)state;
    struct rollout r = canary(0.5);
    struct rollout_facts f = { .with_log = true };
    struct rollout_evidence ev;
    add(&f, 0, 5000, 0, 2, 2 * MINUTE);
    add(&f, 1, 5000, 0, 2, 2 * MINUTE);
    f.answers[0] = (struct rollout_answers){ 5000, 0.3, 0.04, 50, 2 };
    f.answers[1] = (struct rollout_answers){ 5000, 0.3, 0.04, 50, 30 };
    expect(&r, &f, 2 * MINUTE, "advance", ""); /* fifty labels decide nothing */
    f.answers[0].labelled = f.answers[1].labelled = 2000;
    f.answers[0].wrong = 100;
    f.answers[1].wrong = 400;
    expect(&r, &f, 2 * MINUTE, "rollback", "label_error 0.2 against 0.05");
    f.answers[1].wrong = 101;
    expect(&r, &f, 2 * MINUTE, "hold", "label_error"); /* too few for the margin */
    f.answers[1].wrong = 100;
    f.answers[1].mean = 0.6; /* answers otherwise: warns, does not decide */
    rollout_judge(&r, &f, 2 * MINUTE, &ev);
    assert_string_equal(ev.guard[3].name, "prediction");
    assert_string_equal(ev.guard[3].state, "worse");
    assert_true(ev.guard[3].warns);
    assert_string_equal(ev.verdict, "hold");
}

/* ---- simulations ---------------------------------------------------------------------------- */

static int64_t binomial(struct rng *r, int64_t n, double p)
{
    int64_t hits = 0;
    double l = log1p(-p), at = 0;
    if (p <= 0) return 0;
    for (;;) {
        at += floor(log1p(-rng_unit(r)) / l) + 1;
        if (at > (double)n) return hits;
        hits++;
    }
}

struct world {
    double p[2];      /* error rates */
    double scale[2];  /* latencies, ms */
    int64_t rate;     /* requests in ten seconds */
    int64_t stops_us; /* traffic ends then; 0: never */
    double fixed;     /* share that never steps; 0: goes through the steps */
    int64_t lasts_us;
};
struct outcome {
    const char *state; /* "done" "aborted" "paused" "running" */
    int64_t requests;
    double share;
};

/* Requests of ten seconds; of a few the time is taken, which is enough and quicker. */
static void serve(struct rng *g, const struct world *w, double share, struct rollout_facts *f,
                  int64_t now)
{
    int64_t n[2];
    n[1] = binomial(g, w->rate, share < 1 ? share : 1 - 1e-12);
    n[0] = w->rate - n[1];
    for (int k = 0; k < 2; k++) {
        if (!n[k]) continue;
        f->sum[k].requests += n[k];
        f->sum[k].errors += binomial(g, n[k], w->p[k]);
        f->sum[k].to_us = now;
        f->step_requests[k] += n[k];
        for (int64_t i = 0; i < n[k] && i < 20; i++)
            hist_add(&f->sum[k].seconds, w->scale[k] / 1000 * (0.5 + rng_unit(g)));
    }
}

/* The life of a canary, judged every ten seconds, moved as the daemon would. */
static struct outcome live(const struct world *w, uint64_t seed)
{
    struct rollout r = canary(w->fixed > 0 ? w->fixed : steps[0]);
    struct rollout_facts f = { 0 };
    struct outcome o = { .state = "running" };
    struct rng g;
    rng_seed(&g, seed);
    if (w->fixed > 0) r.limits.min_time_us = r.limits.max_time_us = 1000 * 60 * MINUTE;
    for (int64_t now = 10 * SECOND; now <= w->lasts_us; now += 10 * SECOND) {
        struct rollout_evidence ev;
        if (!w->stops_us || now <= w->stops_us) {
            serve(&g, w, arms[1].share, &f, now);
            o.requests += w->rate;
        }
        rollout_judge(&r, &f, now, &ev);
        o.share = arms[1].share;
        if (strcmp(ev.verdict, "rollback") == 0) o.state = "aborted";
        else if (strcmp(ev.verdict, "pause") == 0) o.state = "paused";
        else if (strcmp(ev.verdict, "advance") == 0 && r.step + 1 == r.n_steps) o.state = "done";
        else if (strcmp(ev.verdict, "advance") == 0) {
            arms[1].share = steps[++r.step];
            arms[0].share = 1 - arms[1].share;
            r.step_us = now;
            f.step_requests[0] = f.step_requests[1] = 0;
        }
        if (strcmp(o.state, "running") != 0) break;
    }
    return o;
}

static void healthy_canaries_are_rarely_rolled_back(void **state)
{
    (void)state;
    const struct world w = {
        .p = { 0.02, 0.02 }, .scale = { 2, 2 }, .rate = 200, .fixed = 0.1, .lasts_us = 2000 * SECOND
    };
    int back = 0, sims = 2000;
    for (int i = 0; i < sims; i++)
        back += strcmp(live(&w, 1000 + (uint64_t)i).state, "aborted") == 0;
    printf("healthy at 10 %%, 40,000 requests, 200 looks: rolled back %.2f %% of %d\n",
           100.0 * back / sims, sims);
    assert_true(back <= sims / 100);
}

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static void twice_the_errors_are_caught(void **state)
{
    (void)state;
    const struct world w = {
        .p = { 0.02, 0.04 }, .scale = { 2, 2 }, .rate = 200, .fixed = 0.1, .lasts_us = 2000 * SECOND
    };
    enum { SIMS = 300 };
    double when[SIMS];
    int caught = 0;
    for (int i = 0; i < SIMS; i++) {
        struct outcome o = live(&w, 5000 + (uint64_t)i);
        caught += strcmp(o.state, "aborted") == 0;
        when[i] = (double)o.requests;
    }
    qsort(when, SIMS, sizeof when[0], by_value);
    printf("2 %% -> 4 %% at 10 %%: caught %d of %d, median after %.0f requests\n", caught, SIMS,
           when[SIMS / 2]);
    assert_true(caught >= SIMS * 99 / 100);
    assert_true(when[SIMS / 2] > 8000 && when[SIMS / 2] < 12000);
}

static void healthy_canaries_get_through(void **state)
{
    (void)state;
    const struct world w = {
        .p = { 0.01, 0.01 }, .scale = { 2, 2 }, .rate = 1000, .lasts_us = 5 * 60 * MINUTE
    };
    int done = 0, sims = 100;
    for (int i = 0; i < sims; i++) done += strcmp(live(&w, (uint64_t)i).state, "done") == 0;
    printf("healthy through all steps: %d of %d\n", done, sims);
    assert_true(done >= sims - 2);
}

static void harm_never_gets_through(void **state)
{
    (void)state;
    const struct world w[] = {
        { .p = { 0.01, 0.05 }, .scale = { 2, 2 }, .rate = 300, .lasts_us = 60 * MINUTE },
        { .p = { 0.01, 0.01 }, .scale = { 2, 4 }, .rate = 300, .lasts_us = 60 * MINUTE },
        { .p = { 0, 0.5 }, .scale = { 2, 2 }, .rate = 300, .lasts_us = 60 * MINUTE },
    };
    for (size_t k = 0; k < ARRAY_LEN(w); k++)
        for (uint64_t i = 0; i < 50; i++) {
            struct outcome o = live(&w[k], 100 * k + i);
            assert_string_equal(o.state, "aborted");
        }
}

static void no_data_moves_nothing(void **state)
{
    (void)state;
    /* stops after a minute: stays at the first step for a day and more */
    struct world w = { .p = { 0.01, 0.01 },
                       .scale = { 2, 2 },
                       .rate = 300,
                       .stops_us = MINUTE,
                       .lasts_us = 26 * 60 * MINUTE };
    for (uint64_t i = 0; i < 20; i++) {
        struct outcome o = live(&w, i);
        assert_string_equal(o.state, "running");
        assert_true(o.share == steps[0]);
    }
    /* never any at all */
    w.rate = 0;
    struct outcome o = live(&w, 1);
    assert_string_equal(o.state, "running");
    assert_true(o.share == steps[0]);
    /* a trickle: waits for a human, neither fails nor advances */
    w = (struct world){ .p = { 0, 0 }, .scale = { 2, 2 }, .rate = 2, .lasts_us = 7 * 60 * MINUTE };
    o = live(&w, 1);
    assert_string_equal(o.state, "paused");
    assert_true(o.share == steps[0]);
}

/* An A/B test looked at all the time: its intervals hold the truth at every look together. */
static void intervals_of_ab_tests_cover(void **state)
{
    (void)state;
    static const double p[][2] = { { 0.02, 0.02 }, { 0.02, 0.03 }, { 0.3, 0.25 } };
    enum { SIMS = 200 };
    for (size_t k = 0; k < ARRAY_LEN(p); k++) {
        int errors = 0, latencies = 0, found = 0;
        const struct world w = { .p = { p[k][0], p[k][1] }, .scale = { 2, 2.2 }, .rate = 200 };
        for (int i = 0; i < SIMS; i++) {
            struct rollout r = canary(0.5);
            struct rollout_facts f = { 0 };
            struct rollout_evidence ev;
            struct rng g;
            bool in_errors = true, in_latency = true;
            r.mode = ROLLOUT_ab;
            r.state = "active";
            rng_seed(&g, 7000 * k + (uint64_t)i);
            for (int64_t now = 10 * SECOND; now <= 1500 * SECOND; now += 10 * SECOND) {
                serve(&g, &w, 0.5, &f, now);
                if (f.sum[1].requests < 200) continue;
                rollout_judge(&r, &f, now, &ev);
                assert_string_equal(ev.verdict, "hold"); /* nobody acts on an A/B test */
                const struct sequential *e = &ev.guard[0].s, *l = &ev.guard[1].s;
                in_errors &= e->low <= p[k][1] - p[k][0] && p[k][1] - p[k][0] <= e->high;
                in_latency &= l->low <= log(1.1) && log(1.1) <= l->high;
            }
            errors += in_errors;
            latencies += in_latency;
            found += ev.guard[0].s.reject;
        }
        printf("A/B %.2f and %.2f: covered at 150 looks: errors %.3f, latency %.3f; found %.2f\n",
               p[k][0], p[k][1], (double)errors / SIMS, (double)latencies / SIMS,
               (double)found / SIMS);
        /* 99 % less three times the scatter of so many simulations */
        double least = SIMS * (0.99 - 3 * sqrt(0.99 * 0.01 / SIMS));
        assert_true(errors >= least);
        assert_true(latencies >= least);
        assert_true(p[k][0] == p[k][1] ? found <= SIMS / 100 + 2 : found >= SIMS * 8 / 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gate_in_its_order),
        cmocka_unit_test(what_is_undecided_pauses_in_the_end),
        cmocka_unit_test(harm_is_seen_before_the_time_is_up),
        cmocka_unit_test(hard_limit),
        cmocka_unit_test(slower_by_more_than_the_margin),
        cmocka_unit_test(an_objective_replaces_the_margin),
        cmocka_unit_test(labels_count_when_there_are_enough),
        cmocka_unit_test(healthy_canaries_are_rarely_rolled_back),
        cmocka_unit_test(twice_the_errors_are_caught),
        cmocka_unit_test(healthy_canaries_get_through),
        cmocka_unit_test(harm_never_gets_through),
        cmocka_unit_test(no_data_moves_nothing),
        cmocka_unit_test(intervals_of_ab_tests_cover),
    };
    return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
