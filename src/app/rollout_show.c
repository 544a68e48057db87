/* rollout_show.c: the verb `route show`: one read with everything a person or a screen wants to
 * know of a route: where the traffic goes, how each version does, what is known of candidates,
 * which daemons serve.
 *
 * Figures of versions are of the last window; evidence is of the time since the rollout began.
 * The curve of the test has at most CURVE points however long that is. Reads only. */
#include "app/modelval.h"
#include "app/rollout_args.h"
#include "app/runval.h"
#include "app/verb.h"
#include "engine/stats/table.h"
#include "store/run.h"

#include <math.h>
#include <string.h>

enum { POINTS = 60, CURVE = 120, EVENTS = 20 };
#define ALIVE_US 10000000LL

static void set_real(struct arena *a, struct val *o, const char *key, double v)
{
    val_set(o, key, isfinite(v) ? val_real(a, v) : val_null(a));
}

/* ---- versions ------------------------------------------------------------------------------- */

struct view {
    struct app *app;
    struct arena *a;
    const struct rollout *r;  /* what holds now */
    int64_t now, from, width; /* of the window, and of a point of the series */
    struct serving_sum *buckets;
    size_t n_buckets;
};

struct point {
    int64_t requests, errors;
    struct hist seconds;
};

static void set_latency(struct arena *a, struct val *o, const struct hist *h)
{
    set_real(a, o, "p50_ms", 1000 * hist_quantile(h, 0.5));
    set_real(a, o, "p95_ms", 1000 * hist_quantile(h, 0.95));
    set_real(a, o, "p99_ms", 1000 * hist_quantile(h, 0.99));
    set_real(a, o, "mean_ms", h->n ? 1000 * h->sum / (double)h->n : (double)NAN);
}

static void push_ms(struct arena *a, struct val *list, const struct hist *h, double q)
{
    double ms = 1000 * hist_quantile(h, q);

    val_push(list, isfinite(ms) ? val_real(a, ms) : val_null(a));
}

/* {at, width_s, rps[], errors[], p50_ms[], p95_ms[], p99_ms[]}, oldest first. */
static void set_series(const struct view *v, struct val *o, const struct point *points)
{
    struct val *s = val_set_obj(o, "series"), *rps, *errors, *p50, *p95, *p99;

    val_set_time(s, "from", v->from);
    val_set_real(s, "width_s", (double)v->width / 1e6);
    rps = val_set_list(s, "rps");
    errors = val_set_list(s, "errors");
    p50 = val_set_list(s, "p50_ms");
    p95 = val_set_list(s, "p95_ms");
    p99 = val_set_list(s, "p99_ms");
    for (int i = 0; i < POINTS; i++) {
        val_push(rps, val_real(v->a, (double)points[i].requests / ((double)v->width / 1e6)));
        val_push(errors, val_int(v->a, points[i].errors));
        push_ms(v->a, p50, &points[i].seconds, 0.5);
        push_ms(v->a, p95, &points[i].seconds, 0.95);
        push_ms(v->a, p99, &points[i].seconds, 0.99);
    }
}

/* {le_ms[], counts[]}: the buckets that have something between the first and the last. */
static void set_histogram(struct arena *a, struct val *o, const struct hist *h)
{
    struct val *out = val_set_obj(o, "histogram"), *bounds, *counts;
    int first = 0, last = HIST_BUCKETS - 1;

    bounds = val_set_list(out, "le_ms");
    counts = val_set_list(out, "counts");
    while (first < HIST_BUCKETS && !h->bucket[first]) first++;
    while (last > first && !h->bucket[last]) last--;
    for (int b = first; b <= last && b < HIST_BUCKETS; b++) {
        val_push(bounds, val_real(a, 1000 * hist_bound(b)));
        val_push(counts, val_int(a, h->bucket[b]));
    }
}

static bool belongs(const struct view *v, const struct serving_sum *d,
                    const struct rollout_arm *arm)
{
    return d->version == arm->version && str_eq(d->role, arm->role) &&
           str_eq(d->rollout_id, v->r->id);
}

static int set_version(const struct view *v, struct val *o, int64_t version, struct err *e)
{
    struct reg_version ver;
    struct run run;
    int rc = store_version_get(v->app->store, v->a, v->r->model, version, &ver, e);

    if (rc) return rc;
    val_set_str(o, "semver", ver.semver);
    val_set_str(o, "stage", ver.stage);
    val_set_str(o, "algorithm", ver.algorithm);
    rc = ver.run_id ? store_run_get(v->app->store, v->a, ver.run_id, &run, e) : -ERR_NOTFOUND;
    if (rc && rc != -ERR_NOTFOUND) return rc;
    if (rc) err_clear(e);
    val_set(o, "metrics", rc ? val_obj(v->a) : run_metrics_to_val(v->a, &run));
    return 0;
}

static int set_arm(const struct view *v, struct val *o, const struct rollout_arm *arm,
                   struct err *e)
{
    struct point *points = arena_array(v->a, POINTS, struct point);
    struct serving_sum sum = { 0 };
    double span = (double)(v->now - v->from) / 1e6;

    for (size_t i = 0; i < v->n_buckets; i++) {
        const struct serving_sum *d = &v->buckets[i];
        if (!belongs(v, d, arm)) continue;
        sum.requests += d->requests;
        sum.rows += d->rows;
        sum.errors += d->errors;
        sum.cached += d->cached;
        sum.fallbacks += d->fallbacks;
        hist_merge(&sum.seconds, &d->seconds);
        int64_t at = (d->from_us - v->from) / v->width;
        struct point *p = &points[at < 0 ? 0 : at < POINTS ? at : POINTS - 1];
        p->requests += d->requests;
        p->errors += d->errors;
        hist_merge(&p->seconds, &d->seconds);
    }
    val_set_int(o, "version", arm->version);
    val_set_str(o, "role", arm->role);
    val_set_real(o, "share", arm->share);
    val_set_int(o, "requests", sum.requests);
    val_set_int(o, "rows", sum.rows);
    val_set_int(o, "errors", sum.errors);
    val_set_int(o, "cached", sum.cached);
    val_set_int(o, "fallbacks", sum.fallbacks);
    set_real(v->a, o, "rps", (double)sum.requests / span);
    set_real(v->a, o, "error_rate",
             sum.requests ? (double)sum.errors / (double)sum.requests : (double)NAN);
    set_latency(v->a, o, &sum.seconds);
    set_histogram(v->a, o, &sum.seconds);
    set_series(v, o, points);
    return set_version(v, o, arm->version, e);
}

/* ---- the document --------------------------------------------------------------------------- */

static void set_fallback(struct arena *a, struct val *o, const struct rollout *r)
{
    struct val *list = val_set_list(o, "fallback");

    for (size_t i = 0; i < r->n_fallback; i++)
        val_push(list, val_int(a, r->arms[r->fallback[i]].version));
    val_set(o, "constant", r->constant ? val_copy(a, r->constant) : val_null(a));
    set_real(a, o, "timeout_ms", r->timeout_us ? (double)r->timeout_us / 1e3 : (double)NAN);
    val_set_int(o, "breaker_failures", r->breaker_failures);
    val_set_real(o, "breaker_s", (double)r->breaker_us / 1e6);
}

static void set_rules(struct arena *a, struct val *o, const struct rollout *r)
{
    struct val *list = val_set_list(o, "rules");

    for (size_t i = 0; i < r->n_rules; i++) {
        const struct rollout_rule *u = &r->rules[i];
        struct val *rule = val_push_obj(list);
        val_set_str(rule, "feature", u->feature);
        val_set_str(rule, "op", u->op);
        val_set(rule, "value", isnan(u->num) ? val_str(a, u->text) : val_real(a, u->num));
        val_set_int(rule, "version", r->arms[u->arm].version);
    }
}

static void set_document(struct arena *a, struct val *o, const struct rollout *r)
{
    val_set_str(o, "mode", rollout_mode_name(r->mode));
    val_set_str(o, "state", r->state);
    val_set(o, "id", *r->id ? val_str(a, r->id) : val_null(a));
    val_set_int(o, "number", r->number);
    val_set_str(o, "key", r->key);
    set_fallback(a, o, r);
    if (r->mode == ROLLOUT_ensemble) val_set_str(o, "combine", r->combine);
    if (r->mode == ROLLOUT_tiered) val_set_real(o, "threshold", r->threshold);
    if (r->mode == ROLLOUT_shadow) val_set_real(o, "sample", r->sample);
    if (r->mode == ROLLOUT_rules) set_rules(a, o, r);
    val_set_time(o, "started_at", r->started_us);
    val_set_str(o, "reason", r->reason);
}

static void set_limits(struct arena *a, struct val *o, const struct rollout_limits *l)
{
    val_set_real(o, "alpha", l->alpha);
    val_set_real(o, "tau", l->tau);
    val_set_real(o, "margin", l->margin);
    val_set_real(o, "latency_margin", l->latency_margin);
    val_set_int(o, "min_samples", l->min_samples);
    val_set_real(o, "min_time_s", (double)l->min_time_us / 1e6);
    val_set_real(o, "max_time_s", (double)l->max_time_us / 1e6);
    set_real(a, o, "slo_ms", l->slo_ms);
    set_real(a, o, "max_p99_ms", l->max_p99_ms);
    val_set_int(o, "consecutive_errors", l->consecutive_errors);
    val_set_bool(o, "auto_advance", l->auto_advance);
    val_set_bool(o, "auto_promote", l->auto_promote);
}

/* ---- evidence ------------------------------------------------------------------------------- */

/* log L of the error rates after each stretch since the canary began. */
static int set_curve(const struct view *v, struct val *o, const struct rollout *r, struct err *e)
{
    const struct sequential_spec spec = { .alpha = r->limits.alpha, .tau = r->limits.tau };
    struct val *c = val_set_obj(o, "curve"), *at, *ratio;
    int64_t width = (v->now - r->started_us) / CURVE, n[2] = { 0 }, x[2] = { 0 };
    struct serving_sum *l;
    size_t count;

    width = (width / SERVING_BUCKET_US + 1) * SERVING_BUCKET_US;
    int rc = serving_stretches(v->app->store, v->a, r->model, r->id, r->started_us, width, &l,
                               &count, e);
    if (rc) return rc;
    val_set_real(c, "bound", -log(r->limits.alpha));
    at = val_set_list(c, "at");
    ratio = val_set_list(c, "log_ratio");
    for (size_t i = 0; i < count; i++) {
        int k = l[i].version == r->arms[1].version;
        char text[32];
        n[k] += l[i].requests;
        x[k] += l[i].errors;
        if (i + 1 < count && l[i + 1].from_us == l[i].from_us) continue;
        val_push_str(at, clock_format(text, l[i].from_us + width));
        double log_ratio = sequential_rates(&spec, x[0], n[0], x[1], n[1]).log_ratio;
        val_push(ratio, val_real(v->a, log_ratio));
    }
    return 0;
}

static int set_canary(const struct view *v, struct val *o, const struct rollout *r, bool with_log,
                      struct err *e)
{
    struct val *c = val_set_obj(o, "canary"), *steps;
    struct rollout_evidence ev;
    struct rollout_facts f;
    int rc = rollout_facts(v->app, r, 1, with_log, &f, e);

    if (rc) return rc;
    rollout_judge(r, &f, v->now, &ev);
    val_set_int(c, "version", r->arms[1].version);
    val_set_int(c, "stable", r->arms[0].version);
    val_set_str(c, "state", r->state);
    val_set_int(c, "step", (int64_t)r->step + 1);
    steps = val_set_list(c, "steps");
    for (size_t i = 0; i < r->n_steps; i++) val_push(steps, val_real(v->a, r->steps[i]));
    val_set_real(c, "share", r->arms[1].share);
    val_set_time(c, "started_at", r->started_us);
    val_set_time(c, "step_at", r->step_us);
    val_set_int(c, "step_requests", f.step_requests[1]);
    val_set_str(c, "reason", r->reason);
    set_limits(v->a, val_set_obj(c, "limits"), &r->limits);
    val_set(c, "evidence", rollout_evidence_val(v->a, &ev));
    val_set_str(o, "verdict", rollout_splits(r) ? ev.verdict : r->state);
    val_set_str(o, "why", rollout_splits(r) ? ev.why : r->reason);
    return set_curve(v, c, r, e);
}

/* Every version of an A/B split against the stable one, guard by guard. */
static int set_differences(const struct view *v, struct val *o, bool with_log, struct err *e)
{
    struct val *list = val_set_list(o, "differences");
    const struct rollout *r = v->r;
    bool concurrent = r->mode == ROLLOUT_ab || r->mode == ROLLOUT_canary, any = false;

    for (size_t i = 1; concurrent && i < r->n_arms; i++) {
        struct rollout_evidence ev;
        struct rollout_facts f;
        if (str_eq(r->arms[i].role, "fallback")) continue;
        int rc = rollout_facts(v->app, r, i, with_log, &f, e);
        if (rc) return rc;
        rollout_judge(r, &f, v->now, &ev);
        const struct val *guards = val_get(rollout_evidence_val(v->a, &ev), "guards");
        for (size_t k = 0; k < val_len(guards); k++) {
            struct val *d = val_copy(v->a, val_at(guards, k));
            val_set_int(d, "version", r->arms[i].version);
            val_set_int(d, "against", r->arms[0].version);
            any |= val_get_bool(d, "reject", false);
            val_push(list, d);
        }
    }
    if (r->mode == ROLLOUT_ab) val_set_str(o, "verdict", any ? "different" : "undecided");
    return 0;
}

/* Versions that were asked beside the stable one, since the rollout began. */
static int set_shadow(const struct view *v, struct val *o, struct err *e)
{
    struct val *list = val_set_list(o, "shadow");
    struct serving_sum *l;
    size_t n;
    int rc =
        serving_sums(v->app->store, v->a, v->r->model,
                     v->r->started_us ? v->r->started_us : v->from, v->now + ALIVE_US, &l, &n, e);

    for (size_t i = 0; !rc && i < n; i++) {
        const struct serving_sum *d = &l[i];
        if (!d->compared || !str_eq(d->rollout_id, v->r->id)) continue;
        double rows = (double)d->compared;
        struct interval ci = wilson_interval((double)d->agreed, rows, 0.95);
        struct val *s = val_push_obj(list), *confusion;
        val_set_int(s, "version", d->version);
        val_set_int(s, "requests", d->requests);
        val_set_int(s, "errors", d->errors);
        val_set_int(s, "compared", d->compared);
        val_set_int(s, "agreed", d->agreed);
        val_set_real(s, "agreement", (double)d->agreed / rows);
        val_set_real(s, "low", ci.low);
        val_set_real(s, "high", ci.high);
        val_set_real(s, "mean_abs_dp", d->sum_abs_dp / rows);
        set_real(v->a, s, "p95_abs_dp", hist_quantile(&d->abs_dp, 0.95));
        val_set_real(s, "max_abs_dp", d->max_abs_dp);
        confusion = val_set_list(s, "confusion");
        for (int k = 0; k < 4; k++) val_push(confusion, val_int(v->a, d->confusion[k]));
        set_latency(v->a, s, &d->seconds);
    }
    return rc;
}

/* ---- what surrounds it ---------------------------------------------------------------------- */

static int set_events(const struct view *v, struct val *o, const char *model, struct err *e)
{
    struct rollout_event *ev;
    struct val *list = val_set_list(o, "events"), *detail;
    size_t n;
    int rc = rollout_events(v->app->store, v->a, model, EVENTS, &ev, &n, e);

    for (size_t i = 0; !rc && i < n; i++) {
        struct val *x = val_push_obj(list);
        val_set_time(x, "at", ev[i].at_us);
        val_set_str(x, "id", ev[i].id);
        val_set_str(x, "type", ev[i].type);
        val_set_str(x, "actor", ev[i].actor);
        val_set_str(x, "reason", ev[i].reason);
        if (val_parse_json(v->a, ev[i].detail, strlen(ev[i].detail), &detail, NULL))
            detail = val_obj(v->a);
        val_set(x, "detail", detail);
    }
    return rc;
}

static int set_daemons(struct app *app, struct arena *a, struct val *o, struct err *e)
{
    struct serving_daemon *d;
    struct val *list = val_set_list(o, "daemons"), *detail;
    int64_t now = clock_now(app->clock);
    size_t n;
    int rc = serving_daemons(app->store, a, &d, &n, e);

    for (size_t i = 0; !rc && i < n; i++) {
        struct val *x = val_push_obj(list);
        val_set_str(x, "id", d[i].id);
        val_set_str(x, "listen", d[i].listen);
        val_set_int(x, "pid", d[i].pid);
        val_set_time(x, "started_at", d[i].started_us);
        val_set_time(x, "seen_at", d[i].seen_us);
        val_set_bool(x, "alive", now - d[i].seen_us < ALIVE_US);
        if (val_parse_json(a, d[i].detail, strlen(d[i].detail), &detail, NULL)) detail = val_obj(a);
        val_set(x, "detail", detail);
    }
    return rc;
}

/* The stored canary, also when it is over; NULL: the row is none or of another mode. */
static const struct rollout *stored_canary(struct app *app, struct arena *a, const char *model)
{
    struct rollout_row row;
    const struct rollout *r;

    if (rollout_get(app->store, a, model, &row, NULL)) return NULL;
    if (rollout_parse(a, &row, &r, NULL)) return NULL;
    return r->mode == ROLLOUT_canary ? r : NULL;
}

static int set_evidence(const struct view *v, struct val *o, bool with_log, struct err *e)
{
    const struct rollout *canary = stored_canary(v->app, v->a, v->r->model);
    int rc = 0;

    val_set(o, "verdict", val_null(v->a));
    val_set(o, "why", val_null(v->a));
    if (canary) rc = set_canary(v, o, canary, with_log, e);
    else val_set(o, "canary", val_null(v->a));
    if (!rc) rc = set_differences(v, o, with_log, e);
    return rc ? rc : set_shadow(v, o, e);
}

int route_to_val(struct app *app, struct arena *a, const char *model, int64_t window_us,
                 bool with_log, struct val *o, struct err *e)
{
    struct view v = { .app = app, .a = a, .now = clock_now(app->clock) };
    int rc = rollout_current(app, a, model, &v.r, e);

    if (rc) return rc;
    v.width = (window_us / POINTS + SERVING_BUCKET_US - 1) / SERVING_BUCKET_US * SERVING_BUCKET_US;
    v.from = (v.now / SERVING_BUCKET_US + 1) * SERVING_BUCKET_US - POINTS * v.width;
    rc = serving_buckets(app->store, a, model, v.from, v.now + SERVING_BUCKET_US, &v.buckets,
                         &v.n_buckets, e);
    if (rc) return rc;
    val_set_str(o, "model", model);
    set_document(a, o, v.r);
    val_set_time(o, "from", v.from);
    val_set_time(o, "to", v.now);
    struct val *arms = val_set_list(o, "arms");
    for (size_t i = 0; !rc && i < v.r->n_arms; i++)
        rc = set_arm(&v, val_push_obj(arms), &v.r->arms[i], e);
    if (!rc) rc = set_evidence(&v, o, with_log, e);
    if (!rc) rc = set_events(&v, o, model, e);
    return rc;
}

/* ---- the verb ------------------------------------------------------------------------------- */

static void add_number(struct str *out, const struct val *v, const char *key, int width,
                       int decimals)
{
    double x = val_get_real(v, key, (double)NAN);

    if (isnan(x)) str_addf(out, " %*s", width, "-");
    else str_addf(out, " %*.*f", width, decimals, x);
}

static const char *as_text(struct arena *a, const struct val *o)
{
    const struct val *arms = val_get(o, "arms"), *differences = val_get(o, "differences");
    STR_AUTO s = STR_INIT;

    str_addf(&s, "%s: %s %s", val_get_str(o, "model", ""), val_get_str(o, "mode", ""),
             val_get_str(o, "state", ""));
    if (val_has(o, "verdict"))
        str_addf(&s, "\n%s%s%s", val_get_str(o, "verdict", ""), val_has(o, "why") ? ": " : "",
                 val_get_str(o, "why", ""));
    str_addf(&s, "\n\n%-8s%-12s%8s%12s%10s%9s%9s%9s%9s\n", "version", "role", "share", "requests",
             "rps", "errors", "p50 ms", "p95 ms", "p99 ms");
    for (size_t i = 0; i < val_len(arms); i++) {
        const struct val *arm = val_at(arms, i);
        str_addf(&s, "%-8lld%-12s%7.1f%%%12lld", (long long)val_get_int(arm, "version", 0),
                 val_get_str(arm, "role", ""), 100 * val_get_real(arm, "share", 0),
                 (long long)val_get_int(arm, "requests", 0));
        add_number(&s, arm, "rps", 9, 2);
        str_addf(&s, "%9lld", (long long)val_get_int(arm, "errors", 0));
        add_number(&s, arm, "p50_ms", 8, 2);
        add_number(&s, arm, "p95_ms", 8, 2);
        add_number(&s, arm, "p99_ms", 8, 2);
        str_addc(&s, '\n');
    }
    if (val_len(differences))
        str_addf(&s, "\n%-8s%-13s%10s%11s%12s%12s%12s%10s  %s\n", "version", "metric", "stable",
                 "candidate", "difference", "low", "high", "p", "state");
    for (size_t i = 0; i < val_len(differences); i++) {
        const struct val *d = val_at(differences, i);
        str_addf(&s, "%-8lld%-12s", (long long)val_get_int(d, "version", 0),
                 val_get_str(d, "metric", ""));
        add_number(&s, d, "stable", 10, 4);
        add_number(&s, d, "candidate", 10, 4);
        add_number(&s, d, "difference", 11, 4);
        add_number(&s, d, "low", 11, 4);
        add_number(&s, d, "high", 11, 4);
        add_number(&s, d, "p", 9, 4);
        str_addf(&s, "  %s\n", val_get_str(d, "state", ""));
    }
    return arena_strdup(a, str_c(&s));
}

/* A line a model: as the whole, without what takes room. */
static int set_brief(struct app *app, struct arena *a, const char *model, struct val *list,
                     struct err *e)
{
    struct err local = ERR_INIT;
    const struct rollout *r, *canary;
    STR_AUTO shares = STR_INIT;
    int rc = rollout_current(app, a, model, &r, &local);

    if (rc == -ERR_NOTFOUND) return 0; /* nothing serves */
    if (rc) {
        if (e) *e = local;
        return rc;
    }
    canary = stored_canary(app, a, model);
    struct val *o = val_push_obj(list), *arms;
    val_set_str(o, "model", model);
    set_document(a, o, r);
    arms = val_set_list(o, "arms");
    for (size_t i = 0; i < r->n_arms; i++) {
        struct val *arm = val_push_obj(arms);
        val_set_int(arm, "version", r->arms[i].version);
        val_set_str(arm, "role", r->arms[i].role);
        val_set_real(arm, "share", r->arms[i].share);
        str_addf(&shares, "%s%lld %g%%", i ? " " : "", (long long)r->arms[i].version,
                 100 * r->arms[i].share);
    }
    val_set_str(o, "shares", str_c(&shares));
    val_set_str(o, "canary", canary ? canary->state : NULL);
    return 0;
}

static int show_all(struct app *app, struct reply *r, struct err *e)
{
    static const struct reply_column columns[] = {
        { "model", "model", NULL },   { "mode", "mode", NULL },
        { "state", "state", NULL },   { "shares", "shares", NULL },
        { "canary", "canary", NULL }, { "started_at", "since", "age" },
        { "reason", "reason", NULL }, { NULL, NULL, NULL },
    };
    struct reg_model *m;
    size_t n;
    int rc = store_model_list(app->store, &r->arena, &m, &n, e);

    if (rc) return rc;
    r->v = val_obj(&r->arena);
    reply_table(r, "models", columns);
    struct val *list = val_set_list(r->v, "models");
    for (size_t i = 0; !rc && i < n; i++) rc = set_brief(app, &r->arena, m[i].name, list, e);
    return rc ? rc : set_daemons(app, &r->arena, r->v, e);
}

int verb_route_show(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const char *name = val_get_str(args, "name", NULL), *text = val_get_str(args, "window", "1h");
    int64_t window = 0;

    if (!rollout_duration(text, &window) || window < 60000000LL || window > 7 * 86400000000LL) {
        err_set(e, ERR_INVALID, "window: '%s' is none", text);
        return err_hint(e, "from 1m to 7d");
    }
    if (!name) return show_all(app, r, e);
    r->v = val_obj(&r->arena);
    int rc =
        route_to_val(app, &r->arena, name, window, val_get_bool(args, "labels", true), r->v, e);
    if (!rc) rc = set_daemons(app, &r->arena, r->v, e);
    if (!rc) r->text = as_text(&r->arena, r->v);
    return rc;
}
