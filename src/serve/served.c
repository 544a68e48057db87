/* served.c: catalogs: what the store and the settings say turned into models in memory.
 *
 * A build has two steps. First the plan: which models have a route, which versions are its arms,
 * everything as text; when that equals the plan of the catalog before, there is nothing to do.
 * Then versions are opened, or taken over from the catalog before: a model file is in memory once
 * however many versions and catalogs have it (by digest). A route one of whose versions cannot be
 * opened is taken over whole from the catalog before; without one there, the version in
 * Production answers alone. */
#include "app/modelref.h"
#include "app/settings.h"
#include "base/digest.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "serve/priv.h"
#include "store/registry.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WANTED_FOR_US ((int64_t)600 * 1000000)
#define RETRY_US      ((int64_t)10 * 1000000)

struct served_own { /* a served and its strings */
    struct served s;
    struct arena a;
};

struct route {
    struct serve_route r;
    struct schema *schema;
    struct arm *arms; /* n_arms, then extra ones */
    size_t n_extra;
};

struct absent {
    const char *model, *why;
    int64_t version;
};

struct catalog {
    atomic_int refs;
    struct arena a;
    VEC(struct route *) routes;  /* by name */
    VEC(struct served *) served; /* one reference each */
    VEC(struct catalog *) homes; /* of routes taken over */
    VEC(struct absent) absent;
    struct map *by_name;
    const struct serve_route *standard;
    struct val *problems;
    struct str plan;
};

/* ---- models in memory ------------------------------------------------------------------- */

struct loaded *loaded_ref(struct loaded *l)
{
    atomic_fetch_add(&l->refs, 1);
    return l;
}

void loaded_unref(struct loaded *l)
{
    if (!l || atomic_fetch_sub(&l->refs, 1) > 1) return;
    batcher_free(l->batcher);
    model_free(l->model);
    free(l);
}

static struct served *served_ref(struct served *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

static void served_unref(struct served *s)
{
    if (atomic_fetch_sub(&s->refs, 1) > 1) return;
    struct served_own *own = (struct served_own *)s; /* its first member */
    loaded_unref(s->loaded);
    arena_done(&own->a);
    free(own);
}

bool served_inline(const struct served *by, size_t rows)
{
    return by->cheap && (rows == 1 || (double)rows * by->row_us <= by->limits.inline_total_us);
}

static int load(const struct catalog_source *src, const struct reg_version *v, struct loaded **ret,
                struct err *e)
{
    static atomic_uint_fast64_t last_uid;
    STR_AUTO bytes = STR_INIT;
    struct modelref ref = { .name = v->name, .version = v->version, .digest = v->digest };
    struct model *m = NULL;
    int rc = modelref_read(src->app, &ref, &bytes, e);

    if (!rc) rc = model_open(bytes.p, bytes.len, &m, e);
    if (rc) return rc;
    struct loaded *l = mem_zalloc(1, sizeof *l);
    atomic_init(&l->refs, 1);
    l->uid = atomic_fetch_add(&last_uid, 1) + 1;
    l->model = m;
    memcpy(l->digest, v->digest, strnlen(v->digest, sizeof l->digest - 1));
    l->features = model_features(m);
    l->outputs = (size_t)model_outputs(m);
    l->batcher = batcher_new(src->pool);
    loaded_warm_up(l);
    *ret = l;
    return 0;
}

static struct serve_limits limits_of(const struct val *settings, const char *model)
{
    const struct val *s = settings_serve(settings, model);

    return (struct serve_limits){
        .timeout_us = val_get_int(s, "timeout_ms", 1000) * 1000,
        .inline_us = val_get_real(s, "inline_us", 20),
        .inline_total_us = val_get_real(s, "inline_total_us", 500),
        .batch_rows = (size_t)val_get_int(s, "batch_rows", 256),
        .queue_rows = (size_t)val_get_int(s, "queue_rows", 10000),
        .batch_wait_us = val_get_int(s, "batch_wait_us", 0),
        .cache = val_get_int(s, "cache_entries", 4096) > 0,
        .log = val_get_bool(s, "log", true),
    };
}

static bool same_limits(const struct serve_limits *a, const struct serve_limits *b)
{
    return a->timeout_us == b->timeout_us && a->inline_us >= b->inline_us &&
           a->inline_us <= b->inline_us && a->inline_total_us >= b->inline_total_us &&
           a->inline_total_us <= b->inline_total_us && a->batch_rows == b->batch_rows &&
           a->queue_rows == b->queue_rows && a->batch_wait_us == b->batch_wait_us &&
           a->cache == b->cache && a->log == b->log;
}

static struct served *served_new(const struct reg_version *v, struct loaded *l,
                                 const struct serve_limits *limits)
{
    struct served_own *own = mem_zalloc(1, sizeof *own);
    struct served *s = &own->s;

    atomic_init(&s->refs, 1);
    s->model = l->model;
    s->loaded = l;
    s->name = arena_strdup(&own->a, v->name);
    s->version = v->version;
    s->semver = arena_strdup(&own->a, v->semver ? v->semver : "");
    s->stage = arena_strdup(&own->a, v->stage);
    s->digest = arena_strdup(&own->a, v->digest);
    s->row_us = l->row_us;
    s->limits = *limits;
    s->cheap = l->row_us <= limits->inline_us;
    return s;
}

/* The version as it is now: as in this catalog, as before, of the same file, or opened. */
static int serve_it(const struct catalog_source *src, struct catalog *c,
                    const struct reg_version *v, struct served **ret, struct err *e)
{
    const struct serve_limits limits = limits_of(src->settings, v->name);
    const struct catalog *in[] = { c, src->before };
    struct loaded *l = NULL;

    for (size_t k = 0; k < ARRAY_LEN(in); k++)
        for (size_t i = 0; in[k] && i < in[k]->served.n; i++) {
            struct served *s = in[k]->served.p[i];
            if (!str_eq(s->digest, v->digest)) continue;
            l = s->loaded;
            if (!str_eq(s->name, v->name) || s->version != v->version ||
                !str_eq(s->stage, v->stage) || !str_eq(s->semver, v->semver) ||
                !same_limits(&s->limits, &limits))
                continue;
            *ret = s;
            if (in[k] != c) vec_push(&c->served, served_ref(s));
            return 0;
        }
    int rc = 0;
    if (l) loaded_ref(l);
    else rc = load(src, v, &l, e);
    if (rc) return rc;
    *ret = served_new(v, l, &limits);
    vec_push(&c->served, *ret);
    return 0;
}

/* ---- the plan --------------------------------------------------------------------------- */

struct plan_route {
    const char *name;
    const struct rollout *rollout;
    struct reg_version *arms; /* of the rollout, then extra ones */
    size_t n_extra;
};
struct plan {
    VEC(struct plan_route) routes;
};

static void add_problem(struct catalog *c, const char *model, int64_t version, const char *text)
{
    struct val *o = val_push_obj(c->problems);

    val_set_str(o, "model", model);
    if (version) val_set_int(o, "version", version);
    else val_set(o, "version", val_null(&c->a));
    val_set_str(o, "error", text);
}

/* Versions that were named and are no arms. */
static void plan_extra(const struct catalog_source *src, struct catalog *c, struct plan_route *r)
{
    struct wanted_version all[ARRAY_LEN(src->wanted->at)];
    size_t n, arms = r->rollout->n_arms;

    pthread_mutex_lock(&src->wanted->lock);
    n = src->wanted->n;
    memcpy(all, src->wanted->at, n * sizeof *all);
    for (size_t i = 0; i < n; i++) all[i].model = arena_strdup(&c->a, all[i].model);
    pthread_mutex_unlock(&src->wanted->lock);
    for (size_t i = 0; i < n; i++) {
        struct err e = ERR_INIT;
        bool known = !str_eq(all[i].model, r->name);
        for (size_t k = 0; k < arms; k++) known |= r->rollout->arms[k].version == all[i].version;
        if (known) continue;
        struct reg_version *v = &r->arms[arms + r->n_extra];
        if (store_version_get(src->app->store, &c->a, r->name, all[i].version, v, &e)) {
            const struct absent gone = { r->name, arena_strdup(&c->a, e.msg), all[i].version };
            vec_push(&c->absent, gone);
        } else {
            r->n_extra++;
        }
    }
}

static int plan_route(const struct catalog_source *src, struct catalog *c, const char *name,
                      struct plan_route *ret, struct err *e)
{
    struct plan_route r = { .name = arena_strdup(&c->a, name) };
    int rc = rollout_current(src->app, &c->a, name, &r.rollout, e);

    if (rc) return rc;
    r.arms = arena_array(&c->a, r.rollout->n_arms + ARRAY_LEN(src->wanted->at), struct reg_version);
    for (size_t i = 0; !rc && i < r.rollout->n_arms; i++)
        rc = store_version_get(src->app->store, &c->a, name, r.rollout->arms[i].version, &r.arms[i],
                               e);
    if (!rc) plan_extra(src, c, &r);
    *ret = r;
    return rc;
}

static void write_version(struct str *out, const struct reg_version *v)
{
    str_addf(out, " %lld %s %s %s", (long long)v->version, v->digest, v->stage,
             v->semver ? v->semver : "");
}

/* Everything that a route depends on, as text. */
static void write_route(struct str *out, const struct plan_route *r)
{
    struct arena a = ARENA_INIT;

    str_addf(out, "%s %s %lld ", r->name, r->rollout->id, (long long)r->rollout->number);
    val_write_json(out, rollout_val(&a, r->rollout), 0);
    for (size_t i = 0; i < r->rollout->n_arms + r->n_extra; i++) write_version(out, &r->arms[i]);
    str_addc(out, '\n');
    arena_done(&a);
}

static int make_plan(const struct catalog_source *src, struct catalog *c, struct plan *p,
                     struct err *e)
{
    struct reg_model *models;
    size_t n;
    int rc = store_model_list(src->app->store, &c->a, &models, &n, e);

    for (size_t i = 0; !rc && i < n; i++) {
        struct plan_route r;
        struct err own = ERR_INIT;
        int got = plan_route(src, c, models[i].name, &r, &own);
        if (got == -ERR_NOTFOUND) continue; /* nothing of it is in Production */
        if (got == -ERR_BUSY || got == -ERR_IO || got == -ERR_CORRUPT) { /* the store itself */
            if (e) *e = own;
            return got;
        }
        if (got) {
            add_problem(c, models[i].name, 0, own.msg);
            str_addf(&c->plan, "%s: %s\n", models[i].name, own.msg);
            continue;
        }
        write_route(&c->plan, &r);
        vec_push(&p->routes, r);
    }
    val_write_json(&c->plan, val_get(src->settings, "serve"), 0);
    for (size_t i = 0; i < c->absent.n; i++)
        str_addf(&c->plan, "\nno %s %lld", c->absent.p[i].model, (long long)c->absent.p[i].version);
    return rc;
}

/* ---- routes ----------------------------------------------------------------------------- */

static struct route *route_of(const struct catalog *c, const char *name, size_t n)
{
    const int64_t *at = c ? map_find(c->by_name, name, n) : NULL;

    return at ? c->routes.p[*at] : NULL;
}

static void add_route(struct catalog *c, struct route *r)
{
    const char *name = r->r.name;

    *map_at(c->by_name, name, strlen(name), NULL) = (int64_t)c->routes.n;
    vec_push(&c->routes, r);
}

/* The route as it was, with the catalog whose memory it is in. */
static bool take_over(const struct catalog_source *src, struct catalog *c, const char *name)
{
    struct route *r = route_of(src->before, name, strlen(name));

    if (!r) return false;
    vec_push(&c->homes, catalog_ref(r->r.home));
    add_route(c, r);
    return true;
}

/* The columns that are packed, as app/feature_pack.h has them. */
static char *schema_json(struct arena *a, const struct schema *s)
{
    STR_AUTO out = STR_INIT;
    struct val *list = val_list(a);

    for (size_t i = 0; i < schema_width(s); i++) {
        const struct schema_field *f = schema_field(s, i);
        struct val *o = val_push_obj(list);
        val_set_str(o, "name", f->name);
        val_set_str(o, "type", col_type_name(f->type));
    }
    val_write_json(&out, list, 0);
    return arena_strdup(a, str_c(&out));
}

static void make_arm(struct arena *a, const struct schema *s, struct arm *arm)
{
    size_t n = arm->by->loaded->features;
    int32_t *slot = arena_array(a, n + 1, int32_t);
    unsigned char *input = arena_array(a, n + 1, unsigned char);

    for (size_t i = 0; i < n; i++) {
        enum col_type type;
        const char *name = model_feature(arm->by->model, i, &type);
        slot[i] = schema_find(s, name, strlen(name));
        input[i] = col_is_coded(type) ? INPUT_LEVEL : type == COL_TIME ? INPUT_TIME : INPUT_NUMBER;
    }
    arm->slot = slot;
    arm->input = input;
}

/* Arms stand with their models: schema, look-up tables, log, the modes' state. */
static void finish_route(const struct catalog_source *src, struct catalog *c, struct route *r,
                         const struct rollout *rollout)
{
    size_t n = rollout->n_arms + r->n_extra;
    const struct model **models = arena_array(&c->a, n, const struct model *);
    struct route *old = route_of(src->before, r->r.name, strlen(r->r.name));

    for (size_t i = 0; i < n; i++) models[i] = r->arms[i].by->model;
    r->schema = schema_new(models, n);
    const char *json = schema_json(&c->a, r->schema);
    for (size_t i = 0; i < n; i++) {
        struct arm *arm = &r->arms[i];
        bool extra = i >= rollout->n_arms;
        arm->role = extra ? "version" : rollout->arms[i].role;
        arm->share = extra ? 0 : rollout->arms[i].share;
        arm->log = arm->by->limits.log && src->plog
                       ? plog_target(src->plog, r->r.name, arm->by->version, json)
                       : -1;
        make_arm(&c->a, r->schema, arm);
    }
    r->r.rollout = rollout;
    r->r.schema = r->schema;
    r->r.arms = r->arms;
    r->r.n_arms = rollout->n_arms;
    r->r.salt = rollout_salt(rollout->id);
    r->r.home = c;
    r->r.state = mode_state_new(&r->r, old ? old->r.state : NULL);
}

/* Opens all versions of a route; those beyond the arms may fail. */
static int open_arms(const struct catalog_source *src, struct catalog *c,
                     const struct plan_route *p, struct route *r)
{
    size_t n = p->rollout->n_arms, extra = 0;
    struct err e = ERR_INIT;

    r->arms = arena_array(&c->a, n + p->n_extra, struct arm);
    for (size_t i = 0; i < n + p->n_extra; i++) {
        struct served *s;
        int rc = serve_it(src, c, &p->arms[i], &s, &e);
        if (!rc) {
            r->arms[i < n ? i : n + extra++].by = s;
            continue;
        }
        add_problem(c, p->name, p->arms[i].version, e.msg);
        if (i < n) return rc;
        const struct absent gone = { p->name, arena_strdup(&c->a, e.msg), p->arms[i].version };
        vec_push(&c->absent, gone);
    }
    r->n_extra = extra;
    return 0;
}

/* Production alone, when the rollout cannot be carried out. */
static const struct rollout *only_production(struct arena *a, const struct plan_route *p)
{
    struct rollout *one = arena_new(a, struct rollout);
    struct rollout_arm *arm = arena_new(a, struct rollout_arm);

    *one = *p->rollout;
    *arm = (struct rollout_arm){ .version = p->arms[0].version, .role = "production", .share = 1 };
    one->mode = ROLLOUT_single;
    one->state = "active";
    one->arms = arm;
    one->n_arms = 1;
    one->n_rules = one->n_steps = one->n_fallback = one->step = 0;
    return one;
}

static void build_route(const struct catalog_source *src, struct catalog *c,
                        const struct plan_route *p)
{
    struct route *r = arena_new(&c->a, struct route);
    const struct rollout *rollout = p->rollout;
    struct plan_route alone = *p;
    int rc;

    r->r.name = p->name;
    rc = open_arms(src, c, p, r);
    if (rc && take_over(src, c, p->name)) return;
    if (rc && rollout->n_arms > 1) {
        rollout = only_production(&c->a, p);
        alone.rollout = rollout;
        alone.n_extra = 0;
        rc = open_arms(src, c, &alone, r);
    }
    if (rc) return;
    finish_route(src, c, r, rollout);
    add_route(c, r);
}

/* ---- catalogs --------------------------------------------------------------------------- */

static struct catalog *catalog_new(void)
{
    struct catalog *c = mem_zalloc(1, sizeof *c);

    atomic_init(&c->refs, 1);
    c->by_name = map_new();
    c->problems = val_list(&c->a);
    return c;
}

static void choose_standard(struct catalog *c, const struct val *settings)
{
    const char *name = val_get_str(val_get(settings, "serve"), "default", NULL);
    struct route *r = NULL;

    if (name) {
        r = route_of(c, name, strlen(name));
        if (!r)
            add_problem(c, name, 0,
                        "serve.default names a model of which nothing is in "
                        "Production");
    } else if (c->routes.n == 1) {
        r = c->routes.p[0];
    }
    c->standard = r ? &r->r : NULL;
}

/* Wishes of long ago are forgotten. */
static void prune_wanted(struct wanted *w, int64_t now_us)
{
    size_t kept = 0;

    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < w->n; i++) {
        struct wanted_version *v = &w->at[i];
        if (now_us - v->asked_us < WANTED_FOR_US) w->at[kept++] = *v;
        else free(v->model);
    }
    w->n = kept;
    pthread_mutex_unlock(&w->lock);
}

int catalog_build(const struct catalog_source *src, struct catalog **ret, struct err *e)
{
    struct catalog *c = catalog_new();
    struct plan plan = { .routes = VEC_INIT };
    bool retry = src->before && val_len(src->before->problems);
    int rc = make_plan(src, c, &plan, e);

    if (retry) str_addf(&c->plan, "\ntry %lld", (long long)(clock_mono_us() / RETRY_US));
    if (rc || (src->before && str_eq(str_c(&c->plan), str_c(&src->before->plan)))) {
        vec_done(&plan.routes);
        catalog_unref(c);
        if (!rc) *ret = NULL;
        return rc;
    }
    for (size_t i = 0; i < plan.routes.n; i++) build_route(src, c, &plan.routes.p[i]);
    vec_done(&plan.routes);
    choose_standard(c, src->settings);
    prune_wanted(src->wanted, clock_mono_us());
    *ret = c;
    return 0;
}

struct catalog *catalog_ref(const struct catalog *c)
{
    struct catalog *own = (struct catalog *)(uintptr_t)c; /* what is counted is no content */

    atomic_fetch_add(&own->refs, 1);
    return own;
}

void catalog_unref(struct catalog *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) > 1) return;
    for (size_t i = 0; i < c->routes.n; i++) {
        struct route *r = c->routes.p[i];
        if (r->r.home != c) continue;
        mode_state_free(r->r.state);
        schema_free(r->schema);
    }
    for (size_t i = 0; i < c->served.n; i++) served_unref(c->served.p[i]);
    for (size_t i = 0; i < c->homes.n; i++) catalog_unref(c->homes.p[i]);
    vec_done(&c->routes);
    vec_done(&c->served);
    vec_done(&c->homes);
    vec_done(&c->absent);
    map_free(c->by_name);
    str_done(&c->plan);
    arena_done(&c->a);
    free(c);
}

const struct serve_route *catalog_route(const struct catalog *c, const char *name, size_t n)
{
    const struct route *r;

    if (!n) return c->standard;
    r = route_of(c, name, n);
    return r ? &r->r : NULL;
}

size_t catalog_size(const struct catalog *c)
{
    return c->routes.n;
}

const struct serve_route *catalog_at(const struct catalog *c, size_t i)
{
    return &c->routes.p[i]->r;
}

const struct arm *catalog_version(const struct catalog *c, const struct serve_route *r,
                                  int64_t version)
{
    const struct route *own = (const struct route *)r; /* its first member */

    (void)c;
    for (size_t i = 0; i < r->n_arms + own->n_extra; i++)
        if (own->arms[i].by->version == version) return &own->arms[i];
    return NULL;
}

const struct val *catalog_problems(const struct catalog *c)
{
    return c->problems;
}

const char *catalog_absent(const struct catalog *c, const char *model, int64_t version)
{
    for (size_t i = 0; i < c->absent.n; i++)
        if (c->absent.p[i].version == version && str_eq(c->absent.p[i].model, model))
            return c->absent.p[i].why;
    return NULL;
}

/* ---- wishes ----------------------------------------------------------------------------- */

bool wanted_add(struct wanted *w, const char *model, int64_t version, int64_t now_us)
{
    bool fresh = true;

    pthread_mutex_lock(&w->lock);
    for (size_t i = 0; i < w->n; i++)
        if (w->at[i].version == version && str_eq(w->at[i].model, model)) {
            w->at[i].asked_us = now_us;
            fresh = false;
        }
    if (fresh && w->n == ARRAY_LEN(w->at)) { /* the one nobody asked for longest goes */
        size_t oldest = 0;
        for (size_t i = 1; i < w->n; i++)
            if (w->at[i].asked_us < w->at[oldest].asked_us) oldest = i;
        free(w->at[oldest].model);
        w->at[oldest] = w->at[--w->n];
    }
    if (fresh) {
        w->at[w->n++] = (struct wanted_version){ mem_strdup(model), version, now_us };
        atomic_fetch_add(&w->wishes, 1);
    }
    pthread_mutex_unlock(&w->lock);
    return fresh;
}

void wanted_done(struct wanted *w)
{
    for (size_t i = 0; i < w->n; i++) free(w->at[i].model);
    pthread_mutex_destroy(&w->lock);
}
