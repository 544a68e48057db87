/* rollout_args.c: see rollout_args.h. The version in Production always is arms[0]; the others
 * follow in the order in which they were named. What of the present rollout has nothing to do
 * with versions (key, timeouts, breaker, last resort) is kept unless it is said anew. */
#include "app/rollout_args.h"

#include "app/modelref.h"
#include "app/settings.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { MAX_ARMS = 16 };

struct building {
    struct app *app;
    struct arena *a;
    const struct val *args;
    const char *name;
    struct rollout r;
    struct rollout_arm arms[MAX_ARMS + 1];
    bool shared[MAX_ARMS + 1]; /* a share was given */
    struct err *e;
};

bool rollout_duration(const char *text, int64_t *ret_us)
{
    size_t n = text ? strlen(text) : 0;
    char digits[16];
    long long ms;

    if (str_eq(text, "0")) {
        *ret_us = 0;
        return true;
    }
    if (n < 3 || n - 2 >= sizeof digits || !str_ends(text, "ms"))
        return settings_duration(text, ret_us);
    memcpy(digits, text, n - 2);
    digits[n - 2] = '\0';
    if (!str_to_i64(digits, &ms) || ms < 1) return false;
    *ret_us = ms * 1000;
    return true;
}

static int take_duration(struct building *b, const char *name, int64_t *us)
{
    const char *text = val_get_str(b->args, name, NULL);

    if (!text || rollout_duration(text, us)) return 0;
    err_set(b->e, ERR_INVALID, "%s: '%s' is no duration", name, text);
    return err_hint(b->e, "write a whole number and ms, s, m, h or d: 20ms, 15m");
}

/* ---- versions ------------------------------------------------------------------------------- */

static size_t arm_of_version(const struct building *b, int64_t version)
{
    for (size_t i = 0; i < b->r.n_arms; i++)
        if (b->arms[i].version == version) return i;
    return SIZE_MAX;
}

static int add_arm(struct building *b, int64_t version, const char *role, double share)
{
    if (b->r.n_arms == MAX_ARMS)
        return err_set(b->e, ERR_INVALID, "at most %d versions share a route", MAX_ARMS);
    b->arms[b->r.n_arms++] =
        (struct rollout_arm){ .version = version, .role = role, .share = share };
    return 0;
}

static int version_of(struct building *b, const char *which, int64_t *ret)
{
    struct reg_version v;
    int rc = registry_version(b->app, b->a, b->name, which, &v, b->e);

    if (!rc) *ret = v.version;
    return rc;
}

/* "VERSION" or "VERSION:SHARE". */
static int take_part(struct building *b, const char *text, int64_t *version, double *share)
{
    const char *colon = strrchr(text, ':');
    const char *which = colon ? arena_strndup(b->a, text, (size_t)(colon - text)) : text;

    *share = (double)NAN;
    if (colon && (!str_to_real(colon + 1, share) || !(*share >= 0))) {
        err_set(b->e, ERR_INVALID, "split: '%s' has no share", text);
        return err_hint(b->e, "versions with shares that add up to 1: 3:0.9,4:0.1");
    }
    return version_of(b, which, version);
}

/* Adds what --split names; the version in Production is arms[0] already. */
static int take_split(struct building *b, bool *ret_has_stable)
{
    const struct val *list = val_get(b->args, "split");
    int rc = 0;

    *ret_has_stable = false;
    for (size_t i = 0; !rc && i < val_len(list); i++) {
        int64_t version;
        double share;
        rc = take_part(b, val_as_str(val_at(list, i), ""), &version, &share);
        if (rc) break;
        bool stable = version == b->arms[0].version;
        size_t at = arm_of_version(b, version);
        if (at != SIZE_MAX && !(stable && !*ret_has_stable))
            return err_set(b->e, ERR_INVALID, "split: version %lld is there twice",
                           (long long)version);
        if (stable) *ret_has_stable = true;
        else rc = add_arm(b, version, "member", share);
        at = stable ? 0 : b->r.n_arms - 1;
        b->shared[at] = !isnan(share);
        b->arms[at].share = isnan(share) ? 1 : share;
    }
    return rc;
}

/* Fallbacks are versions asked in order when the one that was meant fails. */
static int take_fallback(struct building *b)
{
    const struct val *list = val_get(b->args, "fallback");
    size_t *chain = arena_array(b->a, val_len(list) + 1, size_t);
    int64_t version;

    if (val_len(list) == 0) return 0;
    if (val_len(list) > MAX_ARMS) return err_set(b->e, ERR_INVALID, "fallback: too many versions");
    for (size_t i = 0; i < val_len(list); i++) {
        int rc = version_of(b, val_as_str(val_at(list, i), ""), &version);
        if (!rc && arm_of_version(b, version) == SIZE_MAX) rc = add_arm(b, version, "fallback", 0);
        if (rc) return rc;
        chain[i] = arm_of_version(b, version);
    }
    b->r.fallback = chain;
    b->r.n_fallback = val_len(list);
    return 0;
}

/* ---- modes ---------------------------------------------------------------------------------- */

static int need_stable(struct building *b, bool has_stable)
{
    if (has_stable) return 0;
    err_set(b->e, ERR_INVALID, "split: version %lld, which is in Production, is not among them",
            (long long)b->arms[0].version);
    return err_hint(b->e, "it is where everything goes back to; promote another one first if it is "
                          "to leave");
}

static int shape_single(struct building *b, bool has_stable)
{
    (void)has_stable;
    if (b->r.n_arms == 1) return 0;
    err_set(b->e, ERR_INVALID, "mode single is for version %lld, which is in Production",
            (long long)b->arms[0].version);
    return err_hint(b->e, "'model promote' changes which that is; --mode ab splits");
}

static int shape_ab(struct building *b, bool has_stable)
{
    static const char *const roles[] = { "a", "b", "c", "d", "e", "f", "g", "h",
                                         "i", "j", "k", "l", "m", "n", "o", "p" };
    size_t given = 0;

    for (size_t i = 0; i < b->r.n_arms; i++) {
        b->arms[i].role = roles[i];
        given += b->shared[i];
    }
    if (given && given < b->r.n_arms)
        return err_set(b->e, ERR_INVALID, "split: every version needs a share, or none");
    for (size_t i = 0; !given && i < b->r.n_arms; i++) b->arms[i].share = 1 / (double)b->r.n_arms;
    return need_stable(b, has_stable);
}

static int shape_shadow(struct building *b, bool has_stable)
{
    (void)has_stable;
    for (size_t i = 1; i < b->r.n_arms; i++) b->arms[i].role = "shadow";
    for (size_t i = 0; i < b->r.n_arms; i++) b->arms[i].share = 1;
    b->r.sample = val_get_real(b->args, "sample", 1);
    return 0;
}

static int shape_ensemble(struct building *b, bool has_stable)
{
    b->r.combine = val_get_str(b->args, "combine", "mean");
    b->arms[0].role = "member";
    return need_stable(b, has_stable);
}

/* The first that was named is the fast one. */
static int shape_tiered(struct building *b, bool has_stable)
{
    const struct val *list = val_get(b->args, "split");
    int64_t first = 0;
    double share;
    int rc = val_len(list) ? take_part(b, val_as_str(val_at(list, 0), ""), &first, &share) : 0;

    if (rc) return rc;
    if (b->r.n_arms != 2)
        return err_set(b->e, ERR_INVALID, "mode tiered takes two versions: --split FAST,BETTER");
    for (size_t i = 0; i < 2; i++) {
        b->arms[i].role = b->arms[i].version == first ? "fast" : "complex";
        b->arms[i].share = 1;
    }
    b->r.threshold = val_get_real(b->args, "threshold", 0.8);
    return need_stable(b, has_stable);
}

/* "FEATURE OP VALUE:VERSION". */
static int take_rule(struct building *b, const char *text, struct rollout_rule *u)
{
    size_t n = strcspn(text, "=!<>"), n_op = strspn(text + n, "=!<>");
    const char *value = text + n + n_op, *colon = strrchr(value, ':');
    int64_t version;

    if (n == 0 || n_op == 0 || n_op > 2 || !colon || colon == value) {
        err_set(b->e, ERR_INVALID, "rule: '%s' is none", text);
        return err_hint(b->e, "FEATURE, one of = != < <= > >=, VALUE, a colon and the version: "
                              "amount>=100:4");
    }
    int rc = version_of(b, colon + 1, &version);
    if (rc) return rc;
    u->feature = arena_strndup(b->a, text, n);
    u->op = arena_strndup(b->a, text + n, n_op);
    u->text = arena_strndup(b->a, value, (size_t)(colon - value));
    if (!str_to_real(u->text, &u->num)) u->num = (double)NAN;
    u->arm = arm_of_version(b, version);
    if (u->arm != SIZE_MAX) return 0;
    return err_set(b->e, ERR_INVALID, "rule: '%s' names version %lld, which is not in the split",
                   text, (long long)version);
}

static int shape_rules(struct building *b, bool has_stable)
{
    const struct val *list = val_get(b->args, "rule");
    struct rollout_rule *rules = arena_array(b->a, val_len(list) + 1, struct rollout_rule);
    int rc = need_stable(b, has_stable);

    for (size_t i = 0; i < b->r.n_arms; i++) b->arms[i].share = 1;
    for (size_t i = 0; !rc && i < val_len(list); i++)
        rc = take_rule(b, val_as_str(val_at(list, i), ""), &rules[i]);
    b->r.rules = rules;
    b->r.n_rules = val_len(list);
    return rc;
}

/* ---- what only the models know -------------------------------------------------------------- */

static bool has_feature(const struct model *m, const char *name)
{
    enum col_type type;

    for (size_t i = 0; i < model_features(m); i++)
        if (str_eq(model_feature(m, i, &type), name)) return true;
    return false;
}

static int open_arm(struct building *b, size_t i, struct model **ret)
{
    struct modelref ref;
    const char *uri = arena_printf(b->a, "models:/%s/%lld", b->name, (long long)b->arms[i].version);

    return modelref_open(b->app, b->a, uri, &ref, ret, b->e);
}

static int check_features(struct building *b)
{
    bool *known = arena_array(b->a, b->r.n_rules + 1, bool);

    for (size_t i = 0; b->r.n_rules && i < b->r.n_arms; i++) {
        struct model *m;
        int rc = open_arm(b, i, &m);
        if (rc) return rc;
        for (size_t u = 0; u < b->r.n_rules; u++) known[u] |= has_feature(m, b->r.rules[u].feature);
        model_free(m);
    }
    for (size_t u = 0; u < b->r.n_rules; u++) {
        if (known[u]) continue;
        err_set(b->e, ERR_INVALID, "rule: none of the versions has the input '%s'",
                b->r.rules[u].feature);
        return err_hint(b->e, "rules look at columns of the request that a model knows");
    }
    return 0;
}

static int check_constant(struct building *b)
{
    STR_AUTO text = STR_INIT;
    struct model *m;
    double number;
    bool good = false;

    if (!b->r.constant || !val_has(b->args, "constant")) return 0;
    int rc = open_arm(b, 0, &m);
    if (rc) return rc;
    val_write_text(&text, val_get(b->r.constant, "prediction"));
    if (model_task(m) == TASK_REGRESSION) good = str_to_real(str_c(&text), &number);
    for (int i = 0; i < model_classes(m); i++) good |= str_eq(model_class(m, i), str_c(&text));
    if (!good) {
        err_set(b->e, ERR_INVALID, "constant: '%s' is no answer of this model", str_c(&text));
        err_hint(b->e, "one of its classes, or a number for a regression");
    }
    model_free(m);
    return good ? 0 : -ERR_INVALID;
}

/* Modes that a kind of question has no use for. */
static int check_task(struct building *b)
{
    struct reg_version v;
    int rc = store_version_get(b->app->store, b->a, b->name, b->arms[0].version, &v, b->e);

    if (rc || !str_eq(v.task, "regression")) return rc;
    if (b->r.mode == ROLLOUT_tiered)
        return err_set(b->e, ERR_STATE, "mode tiered needs a confidence, and %s predicts a number",
                       b->name);
    if (b->r.mode == ROLLOUT_ensemble && str_eq(b->r.combine, "vote"))
        return err_set(b->e, ERR_STATE, "%s predicts a number: there is nothing to vote on",
                       b->name);
    return 0;
}

/* ---- whole documents ------------------------------------------------------------------------ */

static int start(struct building *b)
{
    const struct rollout *now;
    struct reg_version v;
    int rc = store_version_by_stage(b->app->store, b->a, b->name, "Production", &v, b->e);

    if (rc == -ERR_NOTFOUND || (rc && b->e && b->e->kind == ERR_NOTFOUND)) {
        err_set(b->e, ERR_STATE, "%s has no version in Production", b->name);
        return err_hint(b->e, "'model promote %s VERSION --reason WHY' puts one there", b->name);
    }
    if (!rc) rc = rollout_current(b->app, b->a, b->name, &now, b->e);
    if (rc) return rc;
    b->r = (struct rollout){ .id = "",
                             .model = b->name,
                             .state = "active",
                             .constant = now->constant,
                             .key = now->key,
                             .combine = "mean",
                             .threshold = 0.8,
                             .timeout_us = now->timeout_us,
                             .breaker_failures = now->breaker_failures,
                             .breaker_us = now->breaker_us,
                             .sample = 1,
                             .limits = rollout_default_limits(),
                             .reason = "" };
    return add_arm(b, v.version, "production", 1);
}

/* "none" takes away what the rollout before had. */
static int take_constant(struct building *b)
{
    const char *text = val_get_str(b->args, "constant", NULL);
    struct val *v;

    if (!text) return 0;
    b->r.constant = NULL;
    if (str_eq(text, "none")) return 0;
    if (text[0] == '{') {
        int rc = val_parse_json(b->a, text, strlen(text), &v, b->e);
        if (rc) return err_prefix(b->e, "constant");
    } else {
        v = val_obj(b->a);
        val_set_str(v, "prediction", text);
    }
    b->r.constant = v;
    return 0;
}

static int take_common(struct building *b)
{
    const char *key = val_get_str(b->args, "key", NULL);
    int rc = take_duration(b, "timeout", &b->r.timeout_us);

    if (key) b->r.key = str_eq(key, "none") ? NULL : key;
    if (!rc) rc = take_duration(b, "breaker-time", &b->r.breaker_us);
    b->r.breaker_failures = (int)val_get_int(b->args, "breaker-failures", b->r.breaker_failures);
    if (!rc) rc = take_constant(b);
    return rc ? rc : take_fallback(b);
}

static int finish(struct building *b, const struct rollout **ret)
{
    struct rollout *r = arena_new(b->a, struct rollout);
    struct rollout_arm *arms = arena_array(b->a, b->r.n_arms + 1, struct rollout_arm);
    int rc = check_task(b);

    if (!rc) rc = check_features(b);
    if (!rc) rc = check_constant(b);
    memcpy(arms, b->arms, b->r.n_arms * sizeof *arms);
    *r = b->r;
    r->arms = arms;
    if (!rc) rc = rollout_check(r, b->e);
    if (!rc) *ret = r;
    return rc;
}

/* Percent, growing. None given: those of the arguments' default, or the one share that was. */
static int take_steps(struct building *b, double share)
{
    static const double usual[] = { 0.01, 0.05, 0.25, 0.5, 1 };
    const struct val *list = val_get(b->args, "steps");
    size_t n = val_len(list), usual_n = ARRAY_LEN(usual);
    double *steps = arena_array(b->a, n + usual_n, double);

    if (n == 0 && isnan(share)) memcpy(steps, usual, sizeof usual);
    else if (n == 0) steps[0] = share;
    for (size_t i = 0; i < n; i++) {
        if (!str_to_real(val_as_str(val_at(list, i), ""), &steps[i])) {
            err_set(b->e, ERR_INVALID, "steps: '%s' is no number", val_as_str(val_at(list, i), ""));
            return err_hint(b->e, "percent of the traffic, growing: 1,5,25,50,100");
        }
        steps[i] /= 100;
    }
    b->r.steps = steps;
    b->r.n_steps = n ? n : isnan(share) ? usual_n : 1;
    b->arms[0].share = 1 - steps[0];
    b->arms[1].share = steps[0];
    return 0;
}

static int take_limits(struct building *b)
{
    struct rollout_limits *l = &b->r.limits;
    const struct val *v = b->args;
    int rc = take_duration(b, "min-time", &l->min_time_us);

    if (!rc) rc = take_duration(b, "max-time", &l->max_time_us);
    l->alpha = val_get_real(v, "alpha", l->alpha);
    l->tau = val_get_real(v, "tau", l->tau);
    l->margin = val_get_real(v, "margin", l->margin);
    l->latency_margin = val_get_real(v, "latency-margin", l->latency_margin);
    l->min_samples = val_get_int(v, "min-samples", l->min_samples);
    l->max_p99_ms = val_get_real(v, "max-p99-ms", l->max_p99_ms);
    l->slo_ms = val_get_real(v, "slo-ms", l->slo_ms);
    l->consecutive_errors = val_get_int(v, "consecutive-errors", l->consecutive_errors);
    l->auto_advance = val_get_bool(v, "auto-advance", l->auto_advance);
    l->auto_promote = val_get_bool(v, "auto-promote", l->auto_promote);
    return rc;
}

/* The candidate is arms[1]; a canary that fails is answered for by the stable version. */
static int shape_canary(struct building *b, double share)
{
    static const size_t stable[] = { 0 };

    if (b->r.n_arms != 2)
        return err_set(b->e, ERR_INVALID,
                       "a canary needs one version beside the one in Production");
    b->r.mode = ROLLOUT_canary;
    b->r.state = "running";
    b->arms[1].role = "canary";
    b->r.fallback = stable;
    b->r.n_fallback = 1;
    int rc = take_steps(b, share);
    return rc ? rc : take_limits(b);
}

int canary_from_args(struct app *app, struct arena *a, const struct val *args,
                     const struct rollout **ret, struct err *e)
{
    struct building b = {
        .app = app, .a = a, .args = args, .name = val_get_str(args, "name", ""), .e = e
    };
    const char *which = val_get_str(args, "version", "@staging");
    int64_t version = 0;
    int rc = start(&b);

    if (!rc) rc = version_of(&b, which, &version);
    if (!rc && version == b.arms[0].version) {
        err_set(e, ERR_STATE, "version %lld of %s is in Production already", (long long)version,
                b.name);
        return err_hint(e, "name another one with --version");
    }
    if (!rc) rc = add_arm(&b, version, "canary", 0);
    if (!rc) rc = shape_canary(&b, (double)NAN);
    if (!rc) rc = take_common(&b);
    return rc ? rc : finish(&b, ret);
}

int rollout_from_args(struct app *app, struct arena *a, const struct val *args,
                      const struct rollout **ret, struct err *e)
{
    static int (*const shapes[ROLLOUT_MODES])(struct building * b, bool has_stable) = {
        [ROLLOUT_single] = shape_single, [ROLLOUT_ab] = shape_ab,
        [ROLLOUT_shadow] = shape_shadow, [ROLLOUT_ensemble] = shape_ensemble,
        [ROLLOUT_tiered] = shape_tiered, [ROLLOUT_rules] = shape_rules,
    };
    struct building b = {
        .app = app, .a = a, .args = args, .name = val_get_str(args, "name", ""), .e = e
    };
    enum rollout_mode mode;
    bool has_stable;
    int rc = start(&b);

    if (!rc) rc = take_split(&b, &has_stable);
    if (rc) return rc;
    if (!rollout_mode_find(val_get_str(args, "mode", ""), &mode))
        return err_set(e, ERR_INVALID, "there is no mode '%s'", val_get_str(args, "mode", ""));
    b.r.mode = mode;
    if (mode == ROLLOUT_canary) rc = shape_canary(&b, b.shared[1] ? b.arms[1].share : (double)NAN);
    else rc = shapes[mode](&b, has_stable);
    if (!rc) rc = take_common(&b);
    return rc ? rc : finish(&b, ret);
}
