/* modetest.c: see modetest.h. It stands in for score.c and serve.c. */
#include "modetest.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct fake fake;
static struct ask *waiting[64];
static size_t n_waiting;
static struct fake_aside {
    struct aside a;
    double stable[FAKE_ROWS * 4];
} aside[64];
static size_t n_aside;
static _Thread_local double room[4096];
static struct arena arena;
static struct schema *schema;

static struct fake_arm *script_of(const struct arm *arm)
{
    return &fake.script[arm - fake.arms];
}

/* ---- in the place of score.c ------------------------------------------------------------ */

int score_now(const struct arm *arm, const struct rows *rows, double *p, double *ret_model_us,
              struct err *e)
{
    struct fake_arm *s = script_of(arm);

    s->asked_now++;
    s->rows = rows->n;
    *ret_model_us = s->model_us;
    if (s->rc)
        return err_set(e, (enum err_kind) - s->rc, "version %d fails", (int)arm->by->version);
    memcpy(p, s->p, rows->n * (size_t)model_outputs(arm->by->model) * sizeof *p);
    return 0;
}

int score_later(struct ask *k, struct err *e)
{
    struct fake_arm *s = script_of(k->arm);

    if (s->rc == -ERR_BUSY) return err_set(e, ERR_BUSY, "full");
    s->asked_later++;
    s->rows = k->rows->n;
    s->deadline_us = k->deadline_us;
    assert(n_waiting < ARRAY_LEN(waiting));
    waiting[n_waiting++] = k;
    return 0;
}

static void come(size_t i, int rc)
{
    struct ask *k = waiting[i];
    struct fake_arm *s = script_of(k->arm);
    struct err e = ERR_INIT;

    memmove(waiting + i, waiting + i + 1, (--n_waiting - i) * sizeof *waiting);
    k->model_us = s->model_us;
    k->queue_us = 1;
    k->batch = 1;
    if (!rc)
        memcpy(k->p, s->p, s->rows * (size_t)model_outputs(k->arm->by->model) * sizeof(double));
    else err_set(&e, (enum err_kind) - rc, "version %d fails", (int)k->arm->by->version);
    k->done(k, rc, rc ? &e : NULL);
}

/* ---- in the place of aside.c ------------------------------------------------------------ */

bool aside_may(struct serve_io *io, size_t rows, size_t n)
{
    (void)io;
    (void)rows;
    (void)n;
    return true;
}

int score_aside(struct serve_io *io, const struct serve_route *r, size_t arm,
                const struct rows *rows, const double *stable, struct err *e)
{
    struct fake_arm *s = &fake.script[arm];
    struct fake_aside *k = &aside[n_aside];

    (void)io;
    if (s->asked_aside >= (int)fake.aside_room) return err_set(e, ERR_BUSY, "full");
    if (s->rc) return err_set(e, (enum err_kind) - s->rc, "the rows do not fit");
    s->asked_aside++;
    s->rows = rows->n;
    assert(n_aside < ARRAY_LEN(aside));
    memcpy(k->stable, stable,
           rows->n * (size_t)model_outputs(r->arms[0].by->model) * sizeof *stable);
    k->a = (struct aside){
        .route = r, .arm = arm, .n = rows->n, .stable = k->stable, .queue_us = 1
    };
    n_aside++;
    return 0;
}

void fake_mirror(bool late)
{
    for (size_t i = 0; i < n_aside; i++) {
        struct aside *a = &aside[i].a;
        a->late = late;
        a->p = late ? NULL : fake.script[a->arm].p;
        a->model_us = fake.script[a->arm].model_us;
        mode_mirrored(a);
    }
    n_aside = 0;
}

void fake_let_go(void)
{
    while (n_waiting) come(0, script_of(waiting[0]->arm)->rc);
}

void fake_let_go_arm(size_t arm, int rc)
{
    for (size_t i = 0; i < n_waiting; i++) {
        if (waiting[i]->arm != &fake.arms[arm]) continue;
        come(i, rc);
        return;
    }
    assert(!"nobody asked that arm");
}

size_t fake_waiting(void)
{
    return n_waiting;
}

/* ---- in the place of serve.c and served.c ----------------------------------------------- */

double *serve_io_room(struct serve_io *io, size_t n)
{
    (void)io;
    assert(n <= ARRAY_LEN(room));
    memset(room, 0xff, sizeof room); /* what was there is gone */
    return room;
}

bool serve_io_cached(struct serve_io *io, const struct arm *arm, const struct rows *rows, double *p)
{
    (void)io;
    if (!fake.cache || arm != &fake.arms[0]) return false;
    for (size_t i = 0; i < rows->n; i++) p[i] = 0.125;
    return true;
}

void serve_io_cache(struct serve_io *io, const struct arm *arm, const struct rows *rows,
                    const double *p)
{
    (void)io, (void)arm, (void)rows, (void)p;
    fake.cached_puts++;
}

void serve_answer(struct serve_io *io, struct predict_call *c)
{
    size_t n = c->p ? c->rows->n * (size_t)model_outputs(c->arm->by->model) : 0;

    (void)io;
    fake.answered++;
    if (n > 0) c->p = memcpy(room, c->p, n * sizeof *room); /* it is freed when this returns */
}

bool served_inline(const struct served *by, size_t rows)
{
    return by->cheap && (double)rows * by->row_us <= 2000;
}

struct catalog *serve_catalog(struct serve *s)
{
    return (struct catalog *)(void *)s;
}

const struct catalog *serve_io_catalog(struct serve_io *io)
{
    (void)io;
    return (const struct catalog *)(void *)&fake;
}

size_t catalog_size(const struct catalog *c)
{
    (void)c;
    return 1;
}

const struct serve_route *catalog_at(const struct catalog *c, size_t i)
{
    (void)c, (void)i;
    return &fake.route;
}

const struct arm *catalog_version(const struct catalog *c, const struct serve_route *r,
                                  int64_t version)
{
    (void)c, (void)r, (void)version;
    return NULL;
}

/* ---- the route -------------------------------------------------------------------------- */

void fake_setup(enum rollout_mode mode, size_t n, const struct model *const *models)
{
    static const char *const roles[] = { "production", "member" };

    memset(&fake, 0, sizeof fake);
    arena_init(&arena);
    n_waiting = 0;
    n_aside = 0;
    fake.aside_room = 10000;
    fake.id = "r1";
    schema = schema_new(models, n);
    fake.rollout = (struct rollout){ .id = "01ROLLOUT",
                                     .model = "adult",
                                     .mode = mode,
                                     .state = mode == ROLLOUT_canary ? "running" : "active",
                                     .n_arms = n,
                                     .arms = fake.docs,
                                     .sample = 1,
                                     .combine = "mean",
                                     .threshold = 0.8,
                                     .breaker_us = 1000000 };
    fake.rollout.limits.max_p99_ms = (double)NAN;
    for (size_t i = 0; i < n; i++) {
        fake.served[i] = (struct served){
            .name = "adult", .version = (int64_t)i + 1, .row_us = 1, .cheap = true
        };
        memcpy(&fake.served[i].model, &models[i], sizeof models[i]);
        fake.arms[i] = (struct arm){ .by = &fake.served[i], .role = roles[i > 0], .share = 1 };
        fake.docs[i] = (struct rollout_arm){ (int64_t)i + 1, roles[i > 0], i > 0 ? 0 : 1 };
    }
    fake.route = (struct serve_route){
        .name = "adult", .rollout = &fake.rollout, .schema = schema, .n_arms = n, .arms = fake.arms
    };
}

void fake_ready(void)
{
    void *before = fake.route.state;

    for (size_t i = 0; i < fake.route.n_arms; i++) {
        fake.arms[i].role = fake.docs[i].role;
        fake.arms[i].share = fake.docs[i].share;
    }
    fake.route.state = mode_state_new(&fake.route, before);
    mode_state_free(before);
}

void fake_done(void)
{
    assert(n_waiting == 0 && n_aside == 0);
    mode_state_free(fake.route.state);
    rows_done(&fake.rows);
    schema_free(schema);
    arena_done(&arena);
}

void fake_rows(size_t n)
{
    struct cell *c;

    rows_clear(&fake.rows, schema);
    for (size_t i = 0; i < n; i++) {
        if (rows_add(&fake.rows, &c, NULL)) abort();
        for (size_t k = 0; k < schema_width(schema); k++) c[k] = (struct cell){ .kind = CELL_NULL };
        c[schema_find(schema, "age", 3)] = (struct cell){ .kind = CELL_NUM, .num = (double)i };
        c[schema_find(schema, "city", 4)] =
            (struct cell){ .kind = CELL_TEXT, .text = i % 2 ? "Bern" : "Genf", .n = 4 };
    }
}

int fake_ask(const char *key)
{
    fake.call = (struct predict_call){ .route = &fake.route,
                                       .key = key,
                                       .n_key = key ? strlen(key) : 0,
                                       .request_id = fake.id,
                                       .rows = &fake.rows,
                                       .deadline_us = clock_mono_us() + 1000000 };
    return mode_run((struct serve_io *)(void *)&fake.rows, &fake.call);
}

struct serve_count fake_count(int64_t version, const char *role)
{
    struct serve_count *all = NULL, none = { 0 };
    size_t n = 0;

    mode_counts(&fake.route, &arena, &all, &n);
    for (size_t i = 0; i < n; i++)
        if (all[i].version == version && strcmp(all[i].role, role) == 0) return all[i];
    return none;
}

struct serving_sum fake_flush(int64_t version)
{
    struct serving_sum *all = NULL, none = { 0 };
    size_t n = 0;

    mode_flush((struct serve *)(void *)&fake, &arena, &all, &n);
    for (size_t i = 0; i < n; i++)
        if (all[i].version == version) return all[i];
    return none;
}
