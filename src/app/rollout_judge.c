/* rollout_judge.c: what the numbers say about a candidate. Pure: facts in, verdict out.
 *
 * Guards compare with the stable version of the same time, so what hits both (a slow machine,
 * odd traffic) hits neither's reputation. Each is a sequential test that may be looked at any
 * time. Of the error rates and of wrong answers the candidate is worse when the test says so; a
 * latency only when it is worse by more than the margin, because with enough requests every
 * microsecond is significant.
 *
 *   rollback  a hard limit, or a guard says "worse"      from EARLY requests on, whatever the time
 *   hold      no requests in this step, or too few, too early, or none any more
 *   advance   every guard that has data says "ok"
 *   pause     undecided when max_time is over
 *
 * No data never decides: neither for nor against. */
#include "app/rollout.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { EARLY = 100 };          /* a variance from fewer is none */
#define FRESH_US    60000000LL /* requests older than that are none of now */
#define LATENCY_TAU 0.1        /* of log latency: effects of about ten percent */
#define ANSWER_TAU  0.02

static const char *state_of(const struct rollout_guard *g, bool beyond_margin)
{
    if (g->n[0] < 1 || g->n[1] < 1 || isnan(g->s.difference)) return "no data";
    if (beyond_margin ? g->s.low > g->margin : g->s.reject && g->s.difference > 0) return "worse";
    return g->s.high < g->margin ? "ok" : "unsure";
}

static double rate(int64_t x, int64_t n)
{
    return n ? (double)x / (double)n : (double)NAN;
}

static void guard_rates(struct rollout_guard *g, const struct sequential_spec *spec,
                        const int64_t x[2], const int64_t n[2], double margin)
{
    for (int i = 0; i < 2; i++) {
        g->n[i] = n[i];
        g->value[i] = rate(x[i], n[i]);
    }
    g->margin = margin;
    g->s = sequential_rates(spec, x[0], n[0], x[1], n[1]);
    g->state = state_of(g, false);
}

/* Mean and variance of the logarithm, from the buckets; what the buckets blur is added. */
static void log_moments(const struct hist *h, double *mean, double *variance, int64_t *n)
{
    const double width = log(2) / 4, first = log(hist_bound(0)) - width / 2;
    double sum = 0, sq = 0, total = 0;

    for (int b = 0; b < HIST_BUCKETS; b++) {
        double v = first + b * width, c = h->bucket[b];
        total += c;
        sum += c * v;
        sq += c * v * v;
    }
    *n = (int64_t)total;
    *mean = total > 0 ? sum / total : (double)NAN;
    *variance = total > 0 ? fmax(0, sq / total - *mean * *mean) + width * width / 12 : (double)NAN;
}

static void guard_latency(struct rollout_guard *g, const struct rollout_limits *l,
                          const struct serving_sum *sum)
{
    const struct sequential_spec spec = { .alpha = l->alpha, .tau = LATENCY_TAU };
    double variance[2], mean[2];

    for (int i = 0; i < 2; i++) {
        log_moments(&sum[i].seconds, &mean[i], &variance[i], &g->n[i]);
        g->value[i] = 1000 * exp(mean[i]);
    }
    g->name = "latency";
    g->margin = log1p(l->latency_margin);
    g->s = sequential_means(&spec, mean[0], variance[0], g->n[0], mean[1], variance[1], g->n[1]);
    g->state = state_of(g, true);
}

/* With an objective: the share of requests that miss it. */
static void guard_slow(struct rollout_guard *g, const struct rollout_limits *l,
                       const struct serving_sum *sum)
{
    const struct sequential_spec spec = { .alpha = l->alpha, .tau = l->tau };
    int64_t slow[2], n[2];

    for (int i = 0; i < 2; i++) {
        n[i] = (int64_t)sum[i].seconds.n;
        slow[i] = n[i] - (int64_t)hist_below(&sum[i].seconds, l->slo_ms / 1000);
    }
    g->name = "slow_rate";
    guard_rates(g, &spec, slow, n, l->margin);
}

static void guard_prediction(struct rollout_guard *g, const struct rollout_limits *l,
                             const struct rollout_answers *a)
{
    const struct sequential_spec spec = { .alpha = l->alpha, .tau = ANSWER_TAU };

    g->name = "prediction";
    g->warns = true;
    g->margin = (double)NAN;
    for (int i = 0; i < 2; i++) {
        g->n[i] = a[i].n;
        g->value[i] = a[i].n ? a[i].mean : (double)NAN;
    }
    g->s =
        sequential_means(&spec, a[0].mean, a[0].variance, a[0].n, a[1].mean, a[1].variance, a[1].n);
    g->state = isnan(g->s.difference) ? "no data" : g->s.reject ? "worse" : "ok";
}

static void fill_guards(const struct rollout_limits *l, const struct rollout_facts *f,
                        struct rollout_evidence *ev)
{
    const struct sequential_spec spec = { .alpha = l->alpha, .tau = l->tau };
    int64_t wrong[2], labelled[2];

    ev->guard[0].name = "error_rate";
    guard_rates(&ev->guard[0], &spec, ev->errors, ev->n, l->margin);
    ev->error_rate = ev->guard[0].s;
    if (isnan(l->slo_ms)) guard_latency(&ev->guard[1], l, f->sum);
    else guard_slow(&ev->guard[1], l, f->sum);
    for (int i = 0; i < 2; i++) {
        wrong[i] = f->with_log ? f->answers[i].wrong : 0;
        labelled[i] = f->with_log ? f->answers[i].labelled : 0;
    }
    ev->guard[2].name = "label_error";
    guard_rates(&ev->guard[2], &spec, wrong, labelled, l->margin);
    guard_prediction(&ev->guard[3], l, f->answers);
}

/* ---- verdicts ------------------------------------------------------------------------------- */

static void decide(struct rollout_evidence *ev, const char *verdict, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void decide(struct rollout_evidence *ev, const char *verdict, const char *fmt, ...)
{
    va_list ap;

    ev->verdict = verdict;
    va_start(ap, fmt);
    vsnprintf(ev->why, sizeof ev->why, fmt, ap);
    va_end(ap);
}

/* True when the candidate must go. Labels and answers that are few decide nothing. */
static bool must_go_back(const struct rollout *r, struct rollout_evidence *ev)
{
    const struct rollout_limits *l = &r->limits;
    int64_t early = l->min_samples < EARLY ? l->min_samples : EARLY;

    if (ev->n[1] < early) return false;
    if (ev->p99_ms[1] > l->max_p99_ms) {
        decide(ev, "rollback", "p99 %.1f ms is over the limit of %.1f ms", ev->p99_ms[1],
               l->max_p99_ms);
        return true;
    }
    for (int i = 0; i < ROLLOUT_GUARDS; i++) {
        const struct rollout_guard *g = &ev->guard[i];
        if (g->warns || strcmp(g->state, "worse") != 0 || g->n[0] < early || g->n[1] < early)
            continue;
        bool tiny = g->s.p < 1e-9;
        decide(ev, "rollback",
               "%s %.4g against %.4g of the stable version (p %s %.2g, n = %" PRId64 ")", g->name,
               g->value[1], g->value[0], tiny ? "<" : "=", tiny ? 1e-9 : g->s.p, g->n[1]);
        return true;
    }
    return false;
}

/* Why nothing can be said yet; false: something can. */
static bool must_wait(const struct rollout *r, const struct rollout_facts *f, int64_t now_us,
                      struct rollout_evidence *ev)
{
    const struct rollout_limits *l = &r->limits;
    bool baseline = r->arms[0].share > 0; /* at the last step all may go to the candidate */
    int64_t spent = now_us - r->step_us;

    if (f->step_requests[1] == 0 || (baseline && f->step_requests[0] == 0)) {
        decide(ev, "hold", "no requests to the %s version in this step",
               f->step_requests[1] ? "stable" : "candidate");
        return true;
    }
    for (int i = baseline ? 0 : 1; i < 2; i++) {
        if (now_us - f->sum[i].to_us <= FRESH_US) continue;
        decide(ev, "hold", "no requests to the %s version for %" PRId64 " s",
               i ? "candidate" : "stable", (now_us - f->sum[i].to_us) / 1000000);
        return true;
    }
    if (spent >= l->max_time_us) return false;
    if (f->step_requests[1] < l->min_samples) {
        decide(ev, "hold", "%" PRId64 " of %" PRId64 " requests in this step", f->step_requests[1],
               l->min_samples);
        return true;
    }
    if (spent < l->min_time_us) {
        decide(ev, "hold", "%" PRId64 " s of this step are left",
               (l->min_time_us - spent) / 1000000);
        return true;
    }
    return false;
}

/* The first guard that has data and is not sure; NULL: none. */
static const struct rollout_guard *unsure(const struct rollout_evidence *ev)
{
    for (int i = 0; i < ROLLOUT_GUARDS; i++) {
        const struct rollout_guard *g = &ev->guard[i];
        bool few = i >= 2 && (g->n[0] < EARLY || g->n[1] < EARLY); /* labels that trickle in */
        if (!g->warns && !few && strcmp(g->state, "ok") != 0) return g;
    }
    return NULL;
}

static void judge_canary(const struct rollout *r, const struct rollout_facts *f, int64_t now_us,
                         struct rollout_evidence *ev)
{
    if (!rollout_splits(r)) {
        decide(ev, "hold", "it is %s", r->state);
        return;
    }
    if (must_go_back(r, ev) || must_wait(r, f, now_us, ev)) return;
    const struct rollout_guard *g = unsure(ev);
    bool enough = f->step_requests[1] >= r->limits.min_samples;
    if (!g && enough) {
        decide(ev, "advance",
               "not worse than the stable version by %.3g after %" PRId64 " requests",
               r->limits.margin, ev->n[1]);
    } else if (now_us - r->step_us < r->limits.max_time_us) {
        decide(ev, "hold", "%s: the difference may be up to %.4g, the margin is %.4g",
               g ? g->name : "requests", g ? g->s.high : 0, g ? g->margin : 0);
    } else if (g) {
        decide(ev, "pause", "undecided after max-time: %s may be worse by up to %.4g", g->name,
               g->s.high);
    } else {
        decide(ev, "pause", "only %" PRId64 " of %" PRId64 " requests within max-time",
               f->step_requests[1], r->limits.min_samples);
    }
}

void rollout_judge(const struct rollout *r, const struct rollout_facts *f, int64_t now_us,
                   struct rollout_evidence *ret)
{
    struct rollout_evidence ev = { .verdict = "hold" };

    for (int i = 0; i < 2; i++) {
        ev.n[i] = f->sum[i].requests;
        ev.errors[i] = f->sum[i].errors;
        ev.p99_ms[i] = 1000 * hist_quantile(&f->sum[i].seconds, 0.99);
    }
    fill_guards(&r->limits, f, &ev);
    if (r->mode == ROLLOUT_canary) judge_canary(r, f, now_us, &ev);
    *ret = ev;
}
