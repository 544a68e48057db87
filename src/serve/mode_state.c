/* mode_state.c: what can be known of a route before its first call: who may stand in for whom,
 * in which order their classes come, shares as buckets, rules as slots, the constant answer;
 * and what of the rollout cannot be honoured. Such a rollout is not carried out by halves: the
 * stable version answers, each answer says that it is a substitute, and serve_problems says
 * why. Immutable once built, but for the tallies and the guard, which are shared by the
 * catalogs of a name and of a rollout. */
#include "base/mem.h"
#include "serve/mode_priv.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t mode_outputs(const struct arm *arm)
{
    return (size_t)model_outputs(arm->by->model);
}

/* -- classes ----------------------------------------------------------------------------------- */

/* The arm's classes among the stable arm's; false: task or classes differ. */
static bool align(struct arena *a, const struct model *stable, const struct model *m,
                  const int32_t **ret)
{
    int n = model_classes(stable);
    int32_t *to = arena_array(a, (size_t)n + 1, int32_t);
    bool same = true;

    if (model_task(m) != model_task(stable) || model_classes(m) != n) return false;
    for (int i = 0; i < n; i++) {
        int j = 0;
        while (j < n && !str_eq(model_class(m, i), model_class(stable, j))) j++;
        if (j == n) return false;
        to[i] = j;
        same = same && i == j;
    }
    *ret = same ? NULL : to;
    return true;
}

void mode_align(const struct serve_route *r, size_t arm, const double *p, size_t n, double *out)
{
    const struct mode_state *s = r->state;
    const int32_t *to = s->arms[arm].align;
    size_t k = mode_outputs(&r->arms[0]);

    if (to == NULL) {
        memcpy(out, p, n * k * sizeof *out);
        return;
    }
    for (size_t i = 0; i < n; i++, p += k, out += k) {
        if (k == 1) *out = 1 - *p; /* binary: the other class is the positive one */
        else
            for (size_t c = 0; c < k; c++) out[to[c]] = p[c];
    }
}

/* -- problems ---------------------------------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3)))
problem(struct mode_state *s, const char *fmt, ...)
{
    va_list ap;

    if (s->problem != NULL) return;
    va_start(ap, fmt);
    s->problem = arena_vprintf(&s->arena, fmt, ap);
    va_end(ap);
}

static bool mixes(enum rollout_mode m)
{
    return m == ROLLOUT_ensemble || m == ROLLOUT_tiered || m == ROLLOUT_rules ||
           m == ROLLOUT_shadow;
}

/* Only a shadow that does not fit leaves the rest as it is. */
static void check_arms(struct mode_state *s, const struct serve_route *r)
{
    const struct model *stable = r->arms[0].by->model;

    for (size_t i = 0; i < s->n_arms; i++) {
        const struct arm *arm = &r->arms[i];
        struct mode_arm *m = &s->arms[i];
        m->fits = align(&s->arena, stable, arm->by->model, &m->align);
        m->fallback_only = str_eq(arm->role, "fallback");
        if (m->fits || m->fallback_only || !mixes(r->rollout->mode)) continue;
        problem(s, "version %lld answers other classes than version %lld",
                (long long)arm->by->version, (long long)r->arms[0].by->version);
        s->degraded = s->degraded || r->rollout->mode != ROLLOUT_shadow;
    }
}

static void check_mode(struct mode_state *s, const struct serve_route *r)
{
    enum task task = model_task(r->arms[0].by->model);
    const struct rollout *ro = r->rollout;

    if (ro->mode == ROLLOUT_ensemble && !mode_combines(ro->combine, task)) {
        problem(s, "an ensemble of %s models cannot be combined by \"%s\"", task_name(task),
                ro->combine != NULL ? ro->combine : "");
        s->degraded = true;
    }
    if (ro->mode == ROLLOUT_tiered && task == TASK_REGRESSION) {
        problem(s, "mode tiered needs a confidence, and version %lld predicts a number",
                (long long)r->arms[0].by->version);
        s->degraded = true;
    }
    if (ro->mode == ROLLOUT_tiered && s->fast == s->complex) {
        problem(s, "mode tiered needs two versions");
        s->degraded = true;
    }
    for (size_t i = 0; i < ro->n_rules && ro->mode == ROLLOUT_rules; i++) {
        const struct mode_rule *u = &s->rules[i];
        if (u->op >= 0 && u->slot != MODE_NONE && u->arm < s->n_arms) continue;
        problem(s,
                "rule %zu cannot be applied: \"%s\" is no input of any of the versions, or \"%s\" "
                "no comparison",
                i + 1, ro->rules[i].feature, ro->rules[i].op);
        s->degraded = true;
    }
}

/* -- what the modes ask for -------------------------------------------------------------------- */

static void set_rules(struct mode_state *s, const struct serve_route *r)
{
    const struct rollout *ro = r->rollout;

    s->rules = arena_array(&s->arena, ro->n_rules + 1, struct mode_rule);
    for (size_t i = 0; i < ro->n_rules; i++) {
        const struct rollout_rule *from = &ro->rules[i];
        struct mode_rule *to = &s->rules[i];
        int slot = schema_find(r->schema, from->feature, strlen(from->feature));
        to->slot = slot < 0 ? MODE_NONE : (size_t)slot;
        to->arm = from->arm;
        to->op = mode_rule_op(from->op);
        to->num = from->num;
        to->text = arena_strdup(&s->arena, from->text != NULL ? from->text : "");
        to->n_text = strlen(to->text);
    }
}

static size_t arm_of_role(const struct serve_route *r, const char *role, size_t otherwise)
{
    for (size_t i = 0; i < r->n_arms; i++)
        if (str_eq(r->arms[i].role, role)) return i;
    return otherwise;
}

static void set_roles(struct mode_state *s, const struct serve_route *r)
{
    const char *state = r->rollout->state;

    s->salt = rollout_salt(r->rollout->id != NULL ? r->rollout->id : "");
    s->fast = arm_of_role(r, "fast", 0);
    s->complex = arm_of_role(r, "complex", s->n_arms > 1 ? 1 : 0);
    s->candidate = MODE_NONE;
    if (r->rollout->mode == ROLLOUT_canary && s->n_arms > 1)
        s->candidate = arm_of_role(r, "canary", 1);
    s->ended = str_eq(state, "aborted") || str_eq(state, "done");
}

/* The constant is {"prediction": label or number, "probabilities": {label: p}}; without
 * probabilities the predicted class has all of it. */
static bool constant_class(const struct model *m, const struct val *v, double *p)
{
    const struct val *probabilities = val_get(v, "probabilities");
    STR_AUTO label = STR_INIT;
    double all = 0, each[256] = { 0 };
    int n = model_classes(m);

    if (n > (int)ARRAY_LEN(each)) return false;
    val_write_text(&label, val_get(v, "prediction"));
    for (int i = 0; i < n; i++) {
        const char *c = model_class(m, i);
        each[i] = val_len(probabilities) > 0 ? val_get_real(probabilities, c, 0)
                                             : str_eq(c, str_c(&label));
        all += each[i];
    }
    if (!(fabs(all - 1) < 0.01)) return false;
    if (model_task(m) == TASK_BINARY) p[0] = each[1];
    else memcpy(p, each, (size_t)n * sizeof *p);
    return true;
}

static void set_constant(struct mode_state *s, const struct serve_route *r)
{
    const struct model *m = r->arms[0].by->model;
    const struct val *v = r->rollout->constant;
    double *p = arena_array(&s->arena, mode_outputs(&r->arms[0]), double);
    bool good;

    if (val_type(v) == VAL_NULL) return;
    if (model_task(m) == TASK_REGRESSION) {
        *p = val_get_real(v, "prediction", NAN);
        good = isfinite(*p);
    } else {
        good = constant_class(m, v, p);
    }
    if (good) s->constant = p;
    else
        problem(s,
                "the constant answer names no class of version %lld, or its probabilities do "
                "not add up to 1",
                (long long)r->arms[0].by->version);
}

/* -- life -------------------------------------------------------------------------------------- */

static void set_shared(struct mode_state *s, const struct serve_route *r,
                       const struct mode_state *before)
{
    const char *id = r->rollout->id != NULL ? r->rollout->id : "";

    s->book = before != NULL ? book_ref(before->book) : book_new(r->name);
    s->guard =
        before != NULL && guard_fits(before->guard, r) ? guard_ref(before->guard) : guard_new(r);
    for (size_t i = 0; i < s->n_arms; i++) {
        const struct arm *arm = &r->arms[i];
        s->arms[i].tally = book_tally(s->book, arm->role, arm->by->version, id);
    }
}

void *mode_state_new(const struct serve_route *r, void *before)
{
    struct mode_state *s = mem_zalloc(1, sizeof *s);

    arena_init(&s->arena);
    s->n_arms = r->n_arms < LEG_MAX_ARMS ? r->n_arms : LEG_MAX_ARMS;
    s->arms = arena_array(&s->arena, s->n_arms + 1, struct mode_arm);
    set_shared(s, r, before);
    set_rules(s, r);
    check_arms(s, r);
    set_roles(s, r);
    check_mode(s, r);
    set_constant(s, r);
    if (r->n_arms > LEG_MAX_ARMS) {
        problem(s, "%zu versions in one rollout, at most %d", r->n_arms, LEG_MAX_ARMS);
        s->degraded = true;
    }
    return s;
}

void mode_state_free(void *state)
{
    struct mode_state *s = state;

    if (s == NULL) return;
    for (size_t i = 0; i < s->n_arms; i++) tally_unref(s->arms[i].tally);
    guard_unref(s->guard);
    book_unref(s->book);
    arena_done(&s->arena);
    free(s);
}

const char *mode_problem(const struct serve_route *r)
{
    return ((const struct mode_state *)r->state)->problem;
}

/* -- for the main thread ----------------------------------------------------------------------- */

const char *mode_tripped(const struct serve_route *r)
{
    const struct mode_state *s = r->state;

    return s->candidate == MODE_NONE || s->ended ? NULL : guard_reason(s->guard);
}

bool mode_broken(const struct serve_route *r, const struct arm *arm)
{
    const struct mode_state *s = r->state;

    return guard_broken(s->guard, (size_t)(arm - r->arms));
}

void mode_flush(struct serve *s, struct arena *a, struct serving_sum **sums, size_t *n)
{
    const struct catalog *c = serve_catalog(s);

    for (size_t i = 0; c != NULL && i < catalog_size(c); i++)
        book_flush(((struct mode_state *)catalog_at(c, i)->state)->book, a, sums, n);
}

void mode_counts(const struct serve_route *r, struct arena *a, struct serve_count **counts,
                 size_t *n)
{
    book_counts(((struct mode_state *)r->state)->book, a, counts, n);
}

size_t serve_trips(struct serve *s, struct arena *a, struct serve_trip **ret)
{
    const struct catalog *c = serve_catalog(s);
    size_t n = 0, routes = c != NULL ? catalog_size(c) : 0;
    struct serve_trip *trips = arena_array(a, routes + 1, struct serve_trip);

    for (size_t i = 0; i < routes; i++) {
        const struct serve_route *r = catalog_at(c, i);
        const char *why = mode_tripped(r);
        if (why == NULL) continue;
        trips[n].model = arena_strdup(a, r->name);
        trips[n].rollout_id = arena_strdup(a, r->rollout->id);
        trips[n++].reason = arena_strdup(a, why);
    }
    *ret = trips;
    return n;
}
