/* rollout.c: the document of a rollout: text to struct and back, which one holds for a model now,
 * and the assignment of keys to shares.
 *
 * A document is written by this program alone, yet read with every check, because whatever stands
 * in it decides where production's traffic goes. Defaults of what a document leaves out:
 *   limits  alpha 0.01, tau 0.01, margin 0.01, min_samples 500, min_time 60 s, max_time 6 h,
 *           max_p99_ms none, consecutive_errors 5, slo_ms none, latency_margin 0.25,
 *           auto_advance yes, auto_promote no
 *   breaker 5 failures, 30 s; timeout none; sample 1; threshold 0.8; combine mean */
#include "app/rollout.h"

#include "base/digest.h"
#include "base/mem.h"
#include "store/registry.h"

#include <math.h>
#include <string.h>

enum { MAX_ARMS = 16, MAX_RULES = 64, MAX_STEPS = 50, MAX_WEIGHT = 100 };

const char *rollout_mode_name(enum rollout_mode m)
{
    static const char *const names[] = {
#define MODE(id, help) #id,
#include "app/modes.def"
#undef MODE
    };
    return (size_t)m < ARRAY_LEN(names) ? names[m] : "none";
}

bool rollout_mode_find(const char *name, enum rollout_mode *ret)
{
    for (int m = 0; m < ROLLOUT_MODES; m++) {
        if (!str_eq(rollout_mode_name((enum rollout_mode)m), name)) continue;
        *ret = (enum rollout_mode)m;
        return true;
    }
    return false;
}

/* ---- assignment ---------------------------------------------------------------------------- */

#define FNV_PRIME 0x100000001b3u

static uint64_t fnv_more(uint64_t h, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)p[i]) * FNV_PRIME;
    return h;
}

uint64_t rollout_salt(const char *salt)
{
    return fnv_more(fnv1a64(salt, strlen(salt)), ":", 1);
}

/* FNV-1a alone leaves the low bits uneven and two experiments correlated; the finaliser of
 * MurmurHash3 (Appleby 2011) mends both. */
unsigned rollout_bucket_salted(uint64_t salt, const char *key, size_t n_key)
{
    uint64_t h = fnv_more(salt, key, n_key);
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdu;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53u;
    return (unsigned)((h ^ (h >> 33)) % 10000);
}

unsigned rollout_bucket(const char *salt, const char *key, size_t n_key)
{
    return rollout_bucket_salted(rollout_salt(salt), key, n_key);
}

size_t rollout_arm_of(const struct rollout *r, uint64_t salt, const char *key, size_t n_key)
{
    double bucket = rollout_bucket_salted(salt, key, n_key), sum = 0;

    for (size_t i = r->n_arms; i-- > 1;) {
        sum += r->arms[i].share;
        if (bucket < sum * 10000 - 1e-6) return i;
    }
    return 0;
}

/* ---- checks -------------------------------------------------------------------------------- */

struct rollout_limits rollout_default_limits(void)
{
    return (struct rollout_limits){
        .alpha = 0.01,
        .tau = 0.01,
        .margin = 0.01,
        .min_samples = 500,
        .min_time_us = 60 * 1000000LL,
        .max_time_us = 6 * 3600 * 1000000LL,
        .max_p99_ms = NAN,
        .consecutive_errors = 5,
        .auto_advance = true,
        .auto_promote = false,
        .slo_ms = NAN,
        .latency_margin = 0.25,
    };
}

static bool within(double v, double low, double high)
{
    return v >= low && v <= high;
}

static int check_limits(const struct rollout_limits *l, struct err *e)
{
    if (!within(l->alpha, 1e-9, 0.5)) return err_set(e, ERR_INVALID, "alpha must be in (0, 0.5]");
    if (!within(l->tau, 1e-9, 1)) return err_set(e, ERR_INVALID, "tau must be in (0, 1]");
    if (!within(l->margin, 0, 1)) return err_set(e, ERR_INVALID, "margin must be in [0, 1]");
    if (!within(l->latency_margin, 0, 100))
        return err_set(e, ERR_INVALID, "latency-margin must be in [0, 100]");
    if (l->min_samples < 1) return err_set(e, ERR_INVALID, "min-samples must be at least 1");
    if (l->min_time_us < 0 || l->max_time_us < l->min_time_us)
        return err_set(e, ERR_INVALID, "max-time must not be shorter than min-time");
    if (l->consecutive_errors < 0 || l->max_p99_ms <= 0 || l->slo_ms <= 0)
        return err_set(e, ERR_INVALID, "limits must be positive");
    return 0;
}

static int check_shares(const struct rollout *r, struct err *e)
{
    double sum = 0;

    for (size_t i = 0; i < r->n_arms; i++) {
        if (!within(r->arms[i].share, 0, r->mode == ROLLOUT_ensemble ? MAX_WEIGHT : 1))
            return err_set(e, ERR_INVALID, "the share of version %lld must be in [0, 1]",
                           (long long)r->arms[i].version);
        sum += r->arms[i].share;
    }
    if (r->mode != ROLLOUT_ab && r->mode != ROLLOUT_canary) return 0;
    if (fabs(sum - 1) < 1e-9) return 0;
    return err_set(e, ERR_INVALID, "shares add up to %g and not to 1", sum);
}

static int check_steps(const struct rollout *r, struct err *e)
{
    if (r->mode != ROLLOUT_canary) return 0;
    if (r->n_steps < 1 || r->step >= r->n_steps)
        return err_set(e, ERR_INVALID, "steps: at least one, and the current one among them");
    for (size_t i = 0; i < r->n_steps; i++)
        if (!(r->steps[i] > (i ? r->steps[i - 1] : 0)) || r->steps[i] > 1)
            return err_set(e, ERR_INVALID, "steps must grow, from above 0 to at most 1");
    return 0;
}

/* How many arms a mode has at least and at most. */
static int check_arms(const struct rollout *r, struct err *e)
{
    static const struct {
        size_t min, max;
    } arms[ROLLOUT_MODES] = {
        [ROLLOUT_single] = { 1, MAX_ARMS },   [ROLLOUT_ab] = { 2, MAX_ARMS },
        [ROLLOUT_canary] = { 2, MAX_ARMS },   [ROLLOUT_shadow] = { 2, MAX_ARMS },
        [ROLLOUT_ensemble] = { 2, MAX_ARMS }, [ROLLOUT_tiered] = { 2, MAX_ARMS },
        [ROLLOUT_rules] = { 2, MAX_ARMS },
    };
    const char *mode = rollout_mode_name(r->mode);

    if (r->n_arms < arms[r->mode].min || r->n_arms > arms[r->mode].max)
        return err_set(e, ERR_INVALID, "mode %s takes %zu to %zu versions; there are %zu", mode,
                       arms[r->mode].min, arms[r->mode].max, r->n_arms);
    for (size_t i = 0; i < r->n_arms; i++) {
        if (r->arms[i].version < 1)
            return err_set(e, ERR_INVALID, "arm %zu names no version", i + 1);
        for (size_t k = 0; k < i; k++)
            if (r->arms[k].version == r->arms[i].version)
                return err_set(e, ERR_INVALID, "version %lld is there twice",
                               (long long)r->arms[i].version);
    }
    return 0;
}

static int check_rules(const struct rollout *r, struct err *e)
{
    static const char *const ops[] = { "=", "!=", "<", "<=", ">", ">=" };

    if (r->mode == ROLLOUT_rules && !r->n_rules)
        return err_set(e, ERR_INVALID, "mode rules needs at least one rule");
    for (size_t i = 0; i < r->n_rules; i++) {
        const struct rollout_rule *u = &r->rules[i];
        bool known = false;
        for (size_t k = 0; k < ARRAY_LEN(ops); k++) known |= str_eq(ops[k], u->op);
        if (!known || !u->feature || !*u->feature)
            return err_set(e, ERR_INVALID, "rule %zu: a feature and one of = != < <= > >=", i + 1);
        if (isnan(u->num) && u->op[0] != '=' && u->op[0] != '!')
            return err_set(e, ERR_INVALID, "rule %zu: '%s' needs a number, not '%s'", i + 1, u->op,
                           u->text);
        if (u->arm >= r->n_arms)
            return err_set(e, ERR_INVALID, "rule %zu names a version that is no arm", i + 1);
    }
    return 0;
}

static bool one_of(const char *s, const char *const *list)
{
    for (; *list; list++)
        if (str_eq(s, *list)) return true;
    return false;
}

static int check_rest(const struct rollout *r, struct err *e)
{
    static const char *const combines[] = { "mean", "vote", "weighted", "stack", NULL };
    static const char *const states[] = { "running", "held", "paused", "aborted", "done", NULL };

    for (size_t i = 0; i < r->n_fallback; i++)
        if (r->fallback[i] >= r->n_arms)
            return err_set(e, ERR_INVALID, "fallback %zu is no arm", i + 1);
    if (!one_of(r->combine, combines))
        return err_set(e, ERR_INVALID, "combine: mean, vote, weighted or stack, not '%s'",
                       r->combine);
    if (!within(r->threshold, 0, 1)) return err_set(e, ERR_INVALID, "threshold must be in [0, 1]");
    if (!within(r->sample, 0, 1)) return err_set(e, ERR_INVALID, "sample must be in [0, 1]");
    if (r->timeout_us < 0 || r->breaker_us < 0 || r->breaker_failures < 0)
        return err_set(e, ERR_INVALID, "timeout and breaker must not be negative");
    if (r->mode == ROLLOUT_canary ? !one_of(r->state, states) : !str_eq(r->state, "active"))
        return err_set(e, ERR_INVALID, "mode %s has no state '%s'", rollout_mode_name(r->mode),
                       r->state);
    return 0;
}

int rollout_check(const struct rollout *r, struct err *e)
{
    int rc = check_arms(r, e);
    if (!rc) rc = check_shares(r, e);
    if (!rc) rc = check_steps(r, e);
    if (!rc) rc = check_rules(r, e);
    if (!rc) rc = check_rest(r, e);
    return rc ? rc : check_limits(&r->limits, e);
}

/* ---- text to struct ------------------------------------------------------------------------ */

/* The list under a key, at most max long. */
static int get_list(const struct val *doc, const char *key, size_t max, const struct val **ret,
                    struct err *e)
{
    *ret = val_get(doc, key);
    if (*ret && val_type(*ret) != VAL_LIST && val_type(*ret) != VAL_NULL)
        return err_set(e, ERR_INVALID, "%s must be a list", key);
    if (val_len(*ret) > max)
        return err_set(e, ERR_INVALID, "%s: %zu are too many, at most %zu", key, val_len(*ret),
                       max);
    return 0;
}

/* An index in a document; what is none becomes one that no check lets pass. */
static size_t index_of(const struct val *v)
{
    int64_t i = val_as_int(v, -1);
    return val_type(v) == VAL_INT && i >= 0 ? (size_t)i : SIZE_MAX;
}

static int read_arms(struct arena *a, const struct val *doc, struct rollout *r, struct err *e)
{
    const struct val *list;
    int rc = get_list(doc, "arms", MAX_ARMS, &list, e);
    if (rc) return rc;
    struct rollout_arm *arms = arena_array(a, val_len(list) + 1, struct rollout_arm);

    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *o = val_at(list, i);
        arms[i].version = val_get_int(o, "version", 0);
        arms[i].role = arena_strdup(a, val_get_str(o, "role", i ? "member" : "production"));
        arms[i].share = val_get_real(o, "share", 1);
    }
    r->arms = arms;
    r->n_arms = val_len(list);
    return 0;
}

static int read_rules(struct arena *a, const struct val *doc, struct rollout *r, struct err *e)
{
    const struct val *list;
    int rc = get_list(doc, "rules", MAX_RULES, &list, e);
    if (rc) return rc;
    struct rollout_rule *rules = arena_array(a, val_len(list) + 1, struct rollout_rule);

    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *o = val_at(list, i), *v = val_get(o, "value");
        STR_AUTO text = STR_INIT;
        val_write_text(&text, v);
        rules[i].feature = arena_strdup(a, val_get_str(o, "feature", ""));
        rules[i].op = arena_strdup(a, val_get_str(o, "op", ""));
        rules[i].text = arena_strdup(a, str_c(&text));
        rules[i].num = val_as_real(v, (double)NAN);
        rules[i].arm = index_of(val_get(o, "arm"));
    }
    r->rules = rules;
    r->n_rules = val_len(list);
    return 0;
}

static int read_numbers(struct arena *a, const struct val *doc, struct rollout *r, struct err *e)
{
    const struct val *steps, *fallback;
    int rc = get_list(doc, "steps", MAX_STEPS, &steps, e);
    if (!rc) rc = get_list(doc, "fallback", MAX_ARMS, &fallback, e);
    if (rc) return rc;
    double *s = arena_array(a, val_len(steps) + 1, double);
    size_t *f = arena_array(a, val_len(fallback) + 1, size_t);

    for (size_t i = 0; i < val_len(steps); i++) s[i] = val_as_real(val_at(steps, i), (double)NAN);
    for (size_t i = 0; i < val_len(fallback); i++) f[i] = index_of(val_at(fallback, i));
    r->steps = s;
    r->n_steps = val_len(steps);
    r->step = val_has(doc, "step") ? index_of(val_get(doc, "step")) : 0;
    r->fallback = f;
    r->n_fallback = val_len(fallback);
    return 0;
}

static void read_limits(const struct val *o, struct rollout_limits *l)
{
    *l = rollout_default_limits();
    l->alpha = val_get_real(o, "alpha", l->alpha);
    l->tau = val_get_real(o, "tau", l->tau);
    l->margin = val_get_real(o, "margin", l->margin);
    l->min_samples = val_get_int(o, "min_samples", l->min_samples);
    l->min_time_us = val_get_int(o, "min_time_us", l->min_time_us);
    l->max_time_us = val_get_int(o, "max_time_us", l->max_time_us);
    l->max_p99_ms = val_get_real(o, "max_p99_ms", l->max_p99_ms);
    l->consecutive_errors = val_get_int(o, "consecutive_errors", l->consecutive_errors);
    l->auto_advance = val_get_bool(o, "auto_advance", l->auto_advance);
    l->auto_promote = val_get_bool(o, "auto_promote", l->auto_promote);
    l->slo_ms = val_get_real(o, "slo_ms", l->slo_ms);
    l->latency_margin = val_get_real(o, "latency_margin", l->latency_margin);
}

static int read_document(struct arena *a, const struct val *doc, struct rollout *r, struct err *e)
{
    const struct val *constant = val_get(doc, "constant");
    const char *mode = val_get_str(doc, "mode", "");

    if (val_type(doc) != VAL_OBJ) return err_set(e, ERR_INVALID, "a document is an object");
    if (!rollout_mode_find(mode, &r->mode))
        return err_set(e, ERR_INVALID, "there is no mode '%s'", mode);
    r->state = arena_strdup(a, val_get_str(doc, "state", "active"));
    if (val_type(constant) == VAL_OBJ) r->constant = val_copy(a, constant);
    r->key = arena_strdup(a, val_get_str(doc, "key", NULL));
    r->combine = arena_strdup(a, val_get_str(doc, "combine", "mean"));
    r->threshold = val_get_real(doc, "threshold", 0.8);
    r->timeout_us = val_get_int(doc, "timeout_us", 0);
    r->breaker_failures = (int)val_get_int(doc, "breaker_failures", 5);
    r->breaker_us = val_get_int(doc, "breaker_us", 30 * 1000000LL);
    r->sample = val_get_real(doc, "sample", 1);
    r->started_us = val_get_int(doc, "started_us", 0);
    r->step_us = val_get_int(doc, "step_us", 0);
    r->reason = arena_strdup(a, val_get_str(doc, "reason", ""));
    read_limits(val_get(doc, "limits"), &r->limits);
    int rc = read_arms(a, doc, r, e);
    if (!rc) rc = read_rules(a, doc, r, e);
    return rc ? rc : read_numbers(a, doc, r, e);
}

int rollout_parse(struct arena *a, const struct rollout_row *row, const struct rollout **ret,
                  struct err *e)
{
    struct rollout *r = arena_new(a, struct rollout);
    struct val *doc;
    int rc = val_parse_json(a, row->document, strlen(row->document), &doc, e);

    if (rc) rc = err_set(e, ERR_INVALID, "it is no JSON");
    r->id = arena_strdup(a, row->id);
    r->model = arena_strdup(a, row->model);
    r->number = row->number;
    if (!rc) rc = read_document(a, doc, r, e);
    if (!rc) rc = rollout_check(r, e);
    if (rc) return err_prefix(e, "rollout of %s", row->model);
    *ret = r;
    return 0;
}

/* ---- struct to text ------------------------------------------------------------------------ */

static void set_limits(struct val *o, const struct rollout_limits *l)
{
    val_set_real(o, "alpha", l->alpha);
    val_set_real(o, "tau", l->tau);
    val_set_real(o, "margin", l->margin);
    val_set_int(o, "min_samples", l->min_samples);
    val_set_int(o, "min_time_us", l->min_time_us);
    val_set_int(o, "max_time_us", l->max_time_us);
    if (!isnan(l->max_p99_ms)) val_set_real(o, "max_p99_ms", l->max_p99_ms);
    val_set_int(o, "consecutive_errors", l->consecutive_errors);
    if (!isnan(l->slo_ms)) val_set_real(o, "slo_ms", l->slo_ms);
    val_set_real(o, "latency_margin", l->latency_margin);
    val_set_bool(o, "auto_advance", l->auto_advance);
    val_set_bool(o, "auto_promote", l->auto_promote);
}

static void set_lists(struct arena *a, struct val *o, const struct rollout *r)
{
    struct val *arms = val_set_list(o, "arms");

    for (size_t i = 0; i < r->n_arms; i++) {
        struct val *arm = val_push_obj(arms);
        val_set_int(arm, "version", r->arms[i].version);
        val_set_str(arm, "role", r->arms[i].role);
        val_set_real(arm, "share", r->arms[i].share);
    }
    if (r->n_rules) {
        struct val *rules = val_set_list(o, "rules");
        for (size_t i = 0; i < r->n_rules; i++) {
            const struct rollout_rule *u = &r->rules[i];
            struct val *rule = val_push_obj(rules);
            val_set_str(rule, "feature", u->feature);
            val_set_str(rule, "op", u->op);
            if (isnan(u->num)) val_set_str(rule, "value", u->text);
            else val_set_real(rule, "value", u->num);
            val_set_int(rule, "arm", (int64_t)u->arm);
        }
    }
    if (r->n_steps) {
        struct val *steps = val_set_list(o, "steps");
        for (size_t i = 0; i < r->n_steps; i++) val_push(steps, val_real(a, r->steps[i]));
        val_set_int(o, "step", (int64_t)r->step);
    }
    if (r->n_fallback) {
        struct val *fallback = val_set_list(o, "fallback");
        for (size_t i = 0; i < r->n_fallback; i++)
            val_push(fallback, val_int(a, (int64_t)r->fallback[i]));
    }
}

struct val *rollout_val(struct arena *a, const struct rollout *r)
{
    struct val *o = val_obj(a);

    val_set_str(o, "mode", rollout_mode_name(r->mode));
    val_set_str(o, "state", r->state);
    set_lists(a, o, r);
    if (r->constant) val_set(o, "constant", val_copy(a, r->constant));
    if (r->key) val_set_str(o, "key", r->key);
    if (r->mode == ROLLOUT_ensemble) val_set_str(o, "combine", r->combine);
    if (r->mode == ROLLOUT_tiered) val_set_real(o, "threshold", r->threshold);
    if (r->mode == ROLLOUT_shadow) val_set_real(o, "sample", r->sample);
    val_set_int(o, "timeout_us", r->timeout_us);
    val_set_int(o, "breaker_failures", r->breaker_failures);
    val_set_int(o, "breaker_us", r->breaker_us);
    if (r->mode == ROLLOUT_canary) set_limits(val_set_obj(o, "limits"), &r->limits);
    val_set_int(o, "started_us", r->started_us);
    val_set_int(o, "step_us", r->step_us);
    val_set_str(o, "reason", r->reason);
    return o;
}

/* ---- what holds now ------------------------------------------------------------------------ */

bool rollout_splits(const struct rollout *r)
{
    return r->mode != ROLLOUT_canary || str_eq(r->state, "running") || str_eq(r->state, "held") ||
           str_eq(r->state, "paused");
}

int rollout_fits(struct app *app, struct arena *a, const struct rollout *r, const char **ret_why,
                 struct err *e)
{
    struct reg_version v;

    *ret_why = NULL;
    for (size_t i = 0; i < r->n_arms && !*ret_why; i++) {
        long long number = (long long)r->arms[i].version;
        int rc = store_version_get(app->store, a, r->model, r->arms[i].version, &v, e);
        if (rc && rc != -ERR_NOTFOUND) return rc;
        if (rc) {
            err_clear(e);
            *ret_why = arena_printf(a, "version %lld does not exist", number);
        } else if (i == 0 && !str_eq(v.stage, "Production")) {
            *ret_why = arena_printf(a, "version %lld is not in Production any more", number);
        } else if (str_eq(v.stage, "Archived")) {
            *ret_why = arena_printf(a, "version %lld is archived", number);
        }
    }
    return 0;
}

/* All to the version in Production; of the stored document what does not name versions stays. */
static int single(struct app *app, struct arena *a, const char *model, const struct rollout *was,
                  const char *why, const struct rollout **ret, struct err *e)
{
    struct rollout *r = arena_new(a, struct rollout);
    struct rollout_arm *arm = arena_new(a, struct rollout_arm);
    struct reg_version v;
    int rc = store_version_by_stage(app->store, a, model, "Production", &v, e);

    if (rc) return rc;
    *arm = (struct rollout_arm){ .version = v.version, .role = "production", .share = 1 };
    *r = (struct rollout){ .id = "",
                           .model = arena_strdup(a, model),
                           .mode = ROLLOUT_single,
                           .state = "active",
                           .n_arms = 1,
                           .arms = arm,
                           .combine = "mean",
                           .threshold = 0.8,
                           .breaker_failures = 5,
                           .breaker_us = 30 * 1000000LL,
                           .sample = 1,
                           .limits = rollout_default_limits(),
                           .reason = why };
    if (was) {
        r->number = was->number;
        r->constant = was->constant;
        r->key = was->key;
        r->timeout_us = was->timeout_us;
        r->breaker_failures = was->breaker_failures;
        r->breaker_us = was->breaker_us;
    }
    *ret = r;
    return 0;
}

int rollout_current(struct app *app, struct arena *a, const char *model, const struct rollout **ret,
                    struct err *e)
{
    struct err local = ERR_INIT;
    struct rollout_row row;
    const struct rollout *r = NULL;
    const char *why = NULL;
    int rc = rollout_get(app->store, a, model, &row, &local);

    if (rc == -ERR_NOTFOUND) return single(app, a, model, NULL, "", ret, e);
    if (!rc && rollout_parse(a, &row, &r, &local)) why = arena_strdup(a, local.msg);
    if (!rc && r && rollout_splits(r)) rc = rollout_fits(app, a, r, &why, &local);
    if (rc) {
        if (e) *e = local;
        return rc;
    }
    if (!r || why || !rollout_splits(r))
        return single(app, a, model, r, why ? why : r->reason, ret, e);
    *ret = r;
    return 0;
}
