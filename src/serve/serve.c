/* serve.c: the daemon's predictions from the outside: catalogs that follow the store, the I/O
 * threads' view of them, and a call from rows to answer and log.
 *
 *   main thread    serve_new, serve_reload, a tick a second that hands counters to the log
 *   reload thread  looks whether the store changed, builds catalogs, publishes them
 *   I/O threads    serve_io_*, serve_predict: no lock on the way of a prediction but in a queue
 *   writer thread  plog.c           workers  batch.c
 *
 * A catalog is published under the lock and by a generation that I/O threads look at when they
 * take up a request; they are woken too, so that old models go even where nobody asks. The main
 * thread holds no reference: what was replaced is let go on that thread. */
#include "serve/serve.h"

#include "app/settings.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/vec.h"
#include "serve/priv.h"

#include <assert.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TICK_MS   1000
#define MAX_SPARE 64

struct waiter {
    void (*then)(void *user);
    void *user;
};

struct serve {
    struct serve_config cfg;
    struct wanted wanted;
    struct batch_pool *pool;
    struct aside_pool *aside;
    struct plog *plog;
    size_t cache_entries, cache_bytes;
    int64_t cache_ttl_us;
    double shadow_rows;       /* a second, per I/O thread */
    struct loop_async *built; /* main loop */
    struct loop_timer *tick;
    int64_t ticked_us;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* everything below */
    pthread_cond_t wake, first;
    bool want, stop, looked; /* looked: the first build is over */
    struct catalog *catalog;
    atomic_uint_fast64_t generation;
    struct serve_io *ios;
    VEC(struct waiter) waiting, told;
    VEC(struct catalog *) retired; /* the main thread may still be looking at them */
    uint64_t reloads, reload_failures;
    struct err trouble; /* of the last build, OK: none */
};

/* ---- the reload thread ------------------------------------------------------------------ */

struct reloader {
    struct serve *s;
    struct app app;
    bool open;
    int64_t revision; /* of the store when it was last looked at; -1: not yet */
    uint64_t wishes;  /* likewise */
    struct arena settings_arena;
    struct val *settings;
    struct stat settings_file;
};

/* Reads signalbox.yaml when it is another file than last time. */
static int read_settings(struct reloader *r, struct err *e)
{
    struct arena fresh = ARENA_INIT;
    const char *path = arena_printf(&fresh, "%s/signalbox.yaml", r->app.dir);
    struct stat st = { 0 };
    struct val *settings;

    (void)stat(path, &st); /* none: all zero */
    if (r->settings && st.st_ino == r->settings_file.st_ino &&
        st.st_size == r->settings_file.st_size &&
        st.st_mtim.tv_sec == r->settings_file.st_mtim.tv_sec &&
        st.st_mtim.tv_nsec == r->settings_file.st_mtim.tv_nsec) {
        arena_done(&fresh);
        return 0;
    }
    int rc = settings_load(&fresh, r->app.dir, &settings, e);
    if (rc) {
        arena_done(&fresh);
        return rc;
    }
    arena_done(&r->settings_arena);
    r->settings_arena = fresh;
    r->settings = settings;
    r->settings_file = st;
    r->revision = -1;
    return 0;
}

static void publish(struct serve *s, struct catalog *c)
{
    struct catalog *before;

    pthread_mutex_lock(&s->lock);
    before = s->catalog;
    s->catalog = c;
    s->reloads += before != NULL;
    atomic_fetch_add(&s->generation, 1);
    for (struct serve_io *io = s->ios; io; io = io->next) loop_async_send(io->news);
    if (before) vec_push(&s->retired, before);
    pthread_mutex_unlock(&s->lock);
    loop_async_send(s->built);
}

static void say_what_changed(struct serve *s, const struct catalog *c)
{
    struct log *log = s->cfg.app->log;

    for (size_t i = 0; i < catalog_size(c); i++) {
        const struct serve_route *r = catalog_at(c, i);
        log_line(log, LOG_INFO, "serve", "%s: version %lld answers%s%s", r->name,
                 (long long)r->arms[0].by->version, r->rollout->mode == ROLLOUT_single ? "" : ", ",
                 r->rollout->mode == ROLLOUT_single ? "" : rollout_mode_name(r->rollout->mode));
    }
    for (size_t i = 0; i < val_len(catalog_problems(c)); i++) {
        const struct val *p = val_at(catalog_problems(c), i);
        log_line(log, LOG_ERROR, "serve", "%s: version %lld cannot be served: %s",
                 val_get_str(p, "model", ""), (long long)val_get_int(p, "version", 0),
                 val_get_str(p, "error", ""));
    }
}

static int look(struct reloader *r, struct err *e)
{
    struct serve *s = r->s;
    struct catalog_source src = {
        .app = &r->app, .pool = s->pool, .plog = s->plog, .wanted = &s->wanted
    };
    struct catalog *c;
    int rc = 0;

    if (!r->open && (rc = app_open(&r->app, s->cfg.app, e)) == 0) r->open = true;
    if (!rc) rc = read_settings(r, e);
    if (rc) return rc;
    int64_t revision = store_revision(r->app.store);
    uint64_t wishes = atomic_load(&s->wanted.wishes);
    src.settings = r->settings;
    src.before = serve_catalog(s);
    bool well = src.before && val_len(catalog_problems(src.before)) == 0;
    if (well && revision == r->revision && wishes == r->wishes) return 0;
    rc = catalog_build(&src, &c, e);
    if (!rc) {
        r->revision = revision;
        r->wishes = wishes;
    }
    if (!rc && c) {
        say_what_changed(s, c);
        publish(s, c);
    }
    return rc;
}

static void *reload_main(void *arg)
{
    struct serve *s = arg;
    struct reloader r = { .s = s, .revision = -1 };

    pthread_mutex_lock(&s->lock);
    for (;;) {
        struct err e = ERR_INIT;
        while (!s->want && !s->stop) pthread_cond_wait(&s->wake, &s->lock);
        if (s->stop) break;
        s->want = false;
        size_t n = s->waiting.n; /* who comes later waits for the next look */
        pthread_mutex_unlock(&s->lock);
        int rc = look(&r, &e);
        pthread_mutex_lock(&s->lock);
        if (rc && s->trouble.kind != e.kind)
            log_line(s->cfg.app->log, LOG_ERROR, "serve", "cannot look for changes: %s", e.msg);
        s->reload_failures += rc != 0;
        s->trouble = e;
        s->looked = true;
        for (size_t i = 0; i < n; i++) vec_push(&s->told, s->waiting.p[i]);
        s->waiting.n -= n;
        if (n) memmove(s->waiting.p, s->waiting.p + n, s->waiting.n * sizeof *s->waiting.p);
        pthread_cond_broadcast(&s->first);
        if (n) loop_async_send(s->built);
    }
    pthread_mutex_unlock(&s->lock);
    if (r.open) app_close(&r.app);
    arena_done(&r.settings_arena);
    return NULL;
}

static void on_built(void *user)
{
    struct serve *s = user;

    pthread_mutex_lock(&s->lock);
    while (s->retired.n) {
        struct catalog *c = s->retired.p[--s->retired.n];
        pthread_mutex_unlock(&s->lock);
        catalog_unref(c);
        pthread_mutex_lock(&s->lock);
    }
    while (s->told.n) {
        struct waiter w = s->told.p[0];
        memmove(s->told.p, s->told.p + 1, --s->told.n * sizeof *s->told.p);
        pthread_mutex_unlock(&s->lock);
        w.then(w.user);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
}

void serve_reload(struct serve *s, void (*then)(void *user), void *user)
{
    const struct waiter w = { then, user };

    pthread_mutex_lock(&s->lock);
    if (then) vec_push(&s->waiting, w);
    s->want = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

/* ---- main thread ------------------------------------------------------------------------ */

struct catalog *serve_catalog(struct serve *s)
{
    pthread_mutex_lock(&s->lock);
    struct catalog *c = s->catalog;
    pthread_mutex_unlock(&s->lock);
    return c;
}

static void hand_over_counters(struct serve *s)
{
    struct arena a = ARENA_INIT;
    struct serving_sum *sums = NULL;
    struct serve_totals gauges;
    int64_t now = clock_now(s->cfg.app->clock ? s->cfg.app->clock : &clock_system);
    size_t n = 0;

    mode_flush(s, &a, &sums, &n);
    serve_totals(s, &gauges);
    plog_sums(s->plog, sums, n, s->ticked_us ? s->ticked_us : now, now, &gauges);
    s->ticked_us = now;
    arena_done(&a);
}

static void on_tick(void *user)
{
    struct serve *s = user;

    if (s->catalog) hand_over_counters(s);
}

static int start_parts(struct serve *s, struct loop *l, const struct val *settings, struct err *e)
{
    const struct plog_config log = { .app = s->cfg.app,
                                     .flush_us = val_get_int(settings, "flush_ms", 200) * 1000,
                                     .flush_rows =
                                         (size_t)val_get_int(settings, "flush_rows", 5000),
                                     .ring_bytes = (size_t)val_get_int(settings, "log_ring_mb", 8)
                                                   << 20,
                                     .listen = s->cfg.listen };
    sigset_t all, old;
    int rc = plog_new(&log, &s->plog, e);

    if (!rc && !(s->pool = batch_pool_new(s->cfg.workers, e))) rc = -ERR_NOMEM;
    if (!rc && !(s->aside = aside_pool_new(e))) rc = -ERR_NOMEM;
    if (!rc) rc = loop_async_new(l, on_built, s, &s->built, e);
    if (!rc) rc = loop_timer_new(l, on_tick, s, &s->tick, e);
    if (rc) return rc;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    s->started = pthread_create(&s->thread, NULL, reload_main, s) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (s->started) pthread_setname_np(s->thread, "reload");
    return s->started ? 0 : err_set(e, ERR_NOMEM, "cannot start a thread to load models");
}

/* The first catalog; without one there is nothing to serve with. */
static int wait_for_first(struct serve *s, struct err *e)
{
    int rc = 0;

    serve_reload(s, NULL, NULL);
    pthread_mutex_lock(&s->lock);
    while (!s->looked) pthread_cond_wait(&s->first, &s->lock);
    if (!s->catalog) {
        rc = -(int)s->trouble.kind;
        if (e) *e = s->trouble;
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

int serve_new(struct loop *main_loop, const struct serve_config *cfg, struct serve **ret,
              struct err *e)
{
    const struct val *settings = settings_serve(cfg->settings, NULL);
    struct serve *s = mem_zalloc(1, sizeof *s);
    int rc;

    s->cfg = *cfg;
    s->cache_entries = (size_t)val_get_int(settings, "cache_entries", 4096);
    s->cache_bytes = (size_t)val_get_int(settings, "cache_mb", 16) << 20;
    if (!settings_duration(val_get_str(settings, "cache_ttl", "5m"), &s->cache_ttl_us))
        s->cache_ttl_us = 300 * (int64_t)1000000;
    s->shadow_rows = val_get_real(settings, "shadow_rows", 2000);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->wanted.lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    pthread_cond_init(&s->first, NULL);
    rc = start_parts(s, main_loop, settings, e);
    if (!rc) rc = wait_for_first(s, e);
    if (rc) {
        serve_free(s);
        return rc;
    }
    loop_timer_start(s->tick, TICK_MS, TICK_MS);
    *ret = s;
    return 0;
}

void serve_free(struct serve *s)
{
    if (!s) return;
    assert(!s->ios);
    if (s->catalog) hand_over_counters(s);
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    if (s->started) pthread_join(s->thread, NULL);
    aside_pool_free(s->aside);
    if (s->tick) loop_timer_free(s->tick);
    if (s->built) loop_async_free(s->built);
    plog_free(s->plog);
    while (s->retired.n) catalog_unref(s->retired.p[--s->retired.n]);
    catalog_unref(s->catalog);
    batch_pool_free(s->pool);
    wanted_done(&s->wanted);
    vec_done(&s->waiting);
    vec_done(&s->told);
    vec_done(&s->retired);
    pthread_cond_destroy(&s->wake);
    pthread_cond_destroy(&s->first);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

bool serve_ready(const struct serve *s)
{
    return atomic_load(&s->generation) > 0 && plog_alive(s->plog);
}

struct val *serve_problems(struct serve *s, struct arena *a)
{
    struct val *list = val_list(a);
    const struct catalog *c = serve_catalog(s);
    const struct val *known = c ? catalog_problems(c) : NULL;

    for (size_t i = 0; i < val_len(known); i++) val_push(list, val_copy(a, val_at(known, i)));
    for (size_t i = 0; c && i < catalog_size(c); i++) {
        const struct serve_route *r = catalog_at(c, i);
        const char *why = mode_problem(r);
        if (!why) continue;
        struct val *o = val_push_obj(list);
        val_set_str(o, "model", r->name);
        val_set(o, "version", val_null(a));
        val_set_str(o, "error", why);
    }
    pthread_mutex_lock(&s->lock);
    if (s->trouble.kind != ERR_OK) {
        struct val *o = val_push_obj(list);
        val_set(o, "model", val_null(a));
        val_set(o, "version", val_null(a));
        val_set_strf(o, "error", "changes are not seen: %s", s->trouble.msg);
    }
    pthread_mutex_unlock(&s->lock);
    plog_problems(s->plog, a, list);
    return list;
}

/* ---- counters --------------------------------------------------------------------------- */

size_t serve_counts(struct serve *s, struct arena *a, struct serve_count **ret)
{
    struct catalog *c;
    size_t n = 0;

    *ret = NULL;
    pthread_mutex_lock(&s->lock);
    c = s->catalog ? catalog_ref(s->catalog) : NULL;
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; c && i < catalog_size(c); i++) mode_counts(catalog_at(c, i), a, ret, &n);
    catalog_unref(c);
    return n;
}

void serve_totals(struct serve *s, struct serve_totals *ret)
{
    struct serve_totals t = { 0 };

    pthread_mutex_lock(&s->lock);
    t.reloads = s->reloads;
    t.reload_failures = s->reload_failures;
    for (const struct serve_io *io = s->ios; io; io = io->next) {
        if (!io->cache) continue;
        const struct cache_counts *c = predict_cache_counts(io->cache);
        t.cache_hits += c->hits;
        t.cache_misses += c->misses;
        t.cache_entries += c->entries;
        t.cache_bytes += c->bytes;
    }
    pthread_mutex_unlock(&s->lock);
    if (s->pool) batch_pool_totals(s->pool, &t);
    if (s->aside) t.shadow_dropped = aside_pool_dropped(s->aside);
    if (s->plog) plog_totals(s->plog, &t);
    *ret = t;
}

/* ---- I/O threads ------------------------------------------------------------------------ */

static void take_catalog(struct serve_io *io)
{
    struct serve *s = io->s;
    struct catalog *before = io->catalog;

    pthread_mutex_lock(&s->lock);
    io->generation = atomic_load(&s->generation);
    io->catalog = catalog_ref(s->catalog);
    pthread_mutex_unlock(&s->lock);
    catalog_unref(before);
}

static void on_news(void *user)
{
    struct serve_io *io = user;

    if (io->generation != atomic_load(&io->s->generation)) take_catalog(io);
}

int serve_io_new(struct serve *s, struct loop *io_loop, struct serve_io **ret, struct err *e)
{
    struct serve_io *io = mem_zalloc(1, sizeof *io);
    int rc;

    io->s = s;
    rc = batch_io_new(io_loop, &io->batch, e);
    if (!rc) rc = loop_async_new(io_loop, on_news, io, &io->news, e);
    if (rc) {
        batch_io_free(io->batch);
        free(io);
        return rc;
    }
    if (s->cache_entries)
        io->cache = predict_cache_new(s->cache_entries, s->cache_bytes, s->cache_ttl_us);
    io->ring = plog_ring_new(s->plog);
    io->aside = aside_ring_new(s->aside, s->shadow_rows);
    take_catalog(io);
    pthread_mutex_lock(&s->lock);
    io->next = s->ios;
    s->ios = io;
    pthread_mutex_unlock(&s->lock);
    *ret = io;
    return 0;
}

static void call_rows_free(struct call_rows *r)
{
    if (!r) return;
    rows_done(&r->rows);
    free(r);
}

void serve_io_free(struct serve_io *io)
{
    struct serve_io **at;

    if (!io) return;
    pthread_mutex_lock(&io->s->lock);
    for (at = &io->s->ios; *at != io; at = &(*at)->next) continue;
    *at = io->next;
    pthread_mutex_unlock(&io->s->lock);
    batch_io_free(io->batch);
    loop_async_free(io->news);
    plog_ring_free(io->ring);
    aside_ring_free(io->aside);
    predict_cache_free(io->cache);
    for (struct call_rows *next; io->spare; io->spare = next) {
        next = io->spare->next;
        call_rows_free(io->spare);
    }
    call_rows_free(io->rows);
    catalog_unref(io->catalog);
    free(io->room);
    free(io);
}

const struct catalog *serve_io_catalog(struct serve_io *io)
{
    if (io->generation != atomic_load_explicit(&io->s->generation, memory_order_acquire))
        take_catalog(io);
    return io->catalog;
}

struct rows *serve_io_rows(struct serve_io *io)
{
    if (!io->rows && io->spare) {
        io->rows = io->spare;
        io->spare = io->rows->next;
        io->n_spare--;
    } else if (!io->rows) {
        io->rows = mem_zalloc(1, sizeof *io->rows);
    }
    return &io->rows->rows;
}

double *serve_io_room(struct serve_io *io, size_t n)
{
    if (n <= io->n_room && io->room) return io->room;
    free(io->room);
    io->n_room = n < 64 ? 64 : n;
    io->room = mem_alloc(io->n_room * sizeof *io->room);
    return io->room;
}

int serve_version(struct serve_io *io, const struct serve_route *r, int64_t version,
                  const struct arm **ret, struct err *e)
{
    const struct arm *arm = catalog_version(io->catalog, r, version);
    const char *why;

    if (!arm || strcmp(arm->role, "version") == 0) {
        bool fresh = wanted_add(&io->s->wanted, r->name, version, clock_mono_us());
        if (fresh) serve_reload(io->s, NULL, NULL);
    }
    if (arm) {
        *ret = arm;
        return 0;
    }
    if ((why = catalog_absent(io->catalog, r->name, version))) {
        err_set(e, ERR_NOTFOUND, "%s", why);
        return err_hint(e, "`signalbox model versions %.100s` lists what there is", r->name);
    }
    err_set(e, ERR_BUSY, "version %lld of %.100s is being loaded", (long long)version, r->name);
    return err_hint(e, "ask again in a second");
}

/* ---- the cache -------------------------------------------------------------------------- */

static bool cache_key(const struct serve_io *io, const struct arm *arm, const struct rows *rows,
                      struct cache_key *ret)
{
    const struct loaded *l = arm->by->loaded;

    if (!io->cache || rows->n != 1 || rows->no_cache || !arm->by->limits.cache) return false;
    if (rows_encode(rows, arm, &ret->x, NULL)) return false;
    ret->uid = l->uid;
    ret->n = l->features;
    ret->outputs = l->outputs;
    return true;
}

bool serve_io_cached(struct serve_io *io, const struct arm *arm, const struct rows *rows, double *p)
{
    struct cache_key k;

    return cache_key(io, arm, rows, &k) && predict_cache_get(io->cache, &k, io->now_us, p);
}

void serve_io_cache(struct serve_io *io, const struct arm *arm, const struct rows *rows,
                    const double *p)
{
    struct cache_key k;

    if (cache_key(io, arm, rows, &k)) predict_cache_put(io->cache, &k, io->now_us, p);
}

/* ---- the log ---------------------------------------------------------------------------- */

/* Upper bound of the packed features of a row. */
static size_t packed_bound(const struct schema *s, const struct cell *cells)
{
    size_t width = schema_width(s), bytes = 0;

    for (size_t i = 0; i < width; i++)
        bytes += col_is_coded(schema_field(s, i)->type) ? cells[i].n + 40 : sizeof(double);
    return bytes;
}

static char *pack_number(char *out, const struct cell *c, enum col_type type)
{
    uint64_t bits;
    double v;

    if (!cell_number(c, type == COL_TIME ? INPUT_TIME : INPUT_NUMBER, &v)) v = (double)NAN;
    memcpy(&bits, &v, sizeof bits);
    for (size_t i = 0; i < sizeof bits; i++) *out++ = (char)(bits >> (8 * i) & 0xff);
    return out;
}

static char *pack_text(char *out, const struct cell *c)
{
    char buf[32];
    size_t n;
    const char *s = cell_text(c, buf, &n);
    uint64_t rest = s ? n + 1 : 0;

    do {
        *out++ = (char)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
        rest >>= 7;
    } while (rest);
    if (!s) return out;
    memcpy(out, s, n);
    return out + n;
}

/* As app/feature_pack.c packs a row of a frame. */
static size_t pack(char *out, const struct schema *s, const struct cell *cells)
{
    const char *from = out;

    for (size_t i = 0; i < schema_width(s); i++) {
        enum col_type type = schema_field(s, i)->type;
        out = col_is_coded(type) ? pack_text(out, &cells[i]) : pack_number(out, &cells[i], type);
    }
    return (size_t)(out - from);
}

/* What a row of the log says was answered; the arm is the one whose classes p has. */
static const char *describe(const struct model *m, const double *p, double *ret_probability,
                            double *ret_value)
{
    int class = model_decide(m, p);

    *ret_probability = *ret_value = (double)NAN;
    if (class < 0) {
        *ret_value = *p;
        return "";
    }
    *ret_probability = model_task(m) == TASK_BINARY ? *p : p[class];
    return model_class(m, class);
}

static void log_row(struct serve_io *io, const struct predict_call *c, size_t row, int target)
{
    const struct schema *s = c->rows->schema;
    const struct model *m = c->arm->by->model;
    const struct cell *cells = c->rows->cells + row * schema_width(s);
    double probability, value;
    const char *answer = describe(m, c->p + row * (size_t)model_outputs(m), &probability, &value);
    size_t n_id = strlen(c->request_id), n_answer = strlen(answer);
    size_t bytes = n_id + 24 + n_answer + packed_bound(s, cells);
    struct plog_row *r = n_id > 230 || n_answer > 1000 ? NULL : plog_begin(io->ring, bytes);

    if (!r) return;
    memcpy(r->bytes, c->request_id, n_id);
    if (c->rows->list) n_id += (size_t)snprintf(r->bytes + n_id, 24, "/%zu", row);
    char *at = r->bytes + n_id;
    *at++ = '\0';
    memcpy(at, answer, n_answer + 1);
    at += n_answer + 1;
    r->target = target;
    r->n_id = (uint16_t)n_id;
    r->n_answer = (uint16_t)n_answer;
    r->at_us = clock_now(io->s->cfg.app->clock ? io->s->cfg.app->clock : &clock_system);
    r->probability = probability;
    r->value = value;
    r->latency_ms = (double)(clock_mono_us() - c->began_us) / 1e3;
    r->n_features = (uint32_t)pack(at, s, cells);
    plog_commit(io->ring);
}

/* Answers of models are logged; a constant is none. */
static void log_call(struct serve_io *io, const struct predict_call *c)
{
    if (c->rc || c->no_log || !c->arm || !c->p || !c->request_id) return;
    if (c->arm_role && strcmp(c->arm_role, "constant") == 0) return;
    for (size_t i = 0; i < c->rows->n; i++) {
        const struct arm *arm = c->row_arm ? c->row_arm[i] : c->arm;
        if (arm && arm->log >= 0) log_row(io, c, i, arm->log);
    }
}

/* ---- calls ------------------------------------------------------------------------------ */

/* Do all columns that the arm takes occur? The quick look; the slow one makes the message. */
static int check_columns(const struct arm *arm, const struct rows *rows, struct err *e)
{
    size_t n = arm->by->loaded->features;

    for (size_t i = 0; i < n; i++)
        if (rows->cells[arm->slot[i]].kind == CELL_ABSENT)
            return rows_check(rows, arm->by->model, e);
    return 0;
}

static int refuse(struct predict_call *c, int rc)
{
    c->rc = rc;
    return 0;
}

static void clear_answer(struct predict_call *c)
{
    c->rc = 0;
    c->err.kind = ERR_OK;
    c->err.msg[0] = c->err.hint[0] = '\0';
    c->arm = NULL;
    c->arm_role = c->fallback = NULL;
    c->p = NULL;
    c->row_arm = NULL;
    c->cached = c->sticky = false;
    c->model_us = c->queue_us = 0;
}

/* The call waits: its rows are its own, and what it reads stays. */
static void let_wait(struct serve_io *io, struct predict_call *c)
{
    struct call_rows *own = io->rows;

    rows_own(&own->rows);
    own->catalog = catalog_ref(c->route->home);
    io->rows = NULL;
}

int serve_predict(struct serve_io *io, struct predict_call *c)
{
    const struct arm *arm = &c->route->arms[0];
    int rc;

    assert(io->rows && c->rows == &io->rows->rows);
    io->now_us = clock_mono_us();
    if (!c->began_us) c->began_us = io->now_us;
    if (!c->deadline_us) c->deadline_us = c->began_us + arm->by->limits.timeout_us;
    clear_answer(c);
    io->rows->rows.no_cache = c->no_cache;
    if (c->version && !(arm = catalog_version(io->catalog, c->route, c->version)))
        return refuse(c, serve_version(io, c->route, c->version, &arm, &c->err));
    if (c->rows->n == 0) { /* an empty list has an empty answer */
        c->arm = arm;
        c->arm_role = arm->role;
        return 0;
    }
    if ((rc = check_columns(arm, c->rows, &c->err))) return refuse(c, rc);
    rc = mode_run(io, c);
    if (rc) let_wait(io, c);
    else log_call(io, c);
    return rc;
}

void serve_answer(struct serve_io *io, struct predict_call *c)
{
    struct call_rows *own = (struct call_rows *)(uintptr_t)c->rows; /* its first member */
    struct catalog *catalog = own->catalog;

    assert(catalog);
    log_call(io, c);
    c->done(c); /* may free c */
    own->catalog = NULL;
    if (io->n_spare < MAX_SPARE) {
        rows_clear(&own->rows, NULL);
        own->next = io->spare;
        io->spare = own;
        io->n_spare++;
    } else {
        call_rows_free(own);
    }
    catalog_unref(catalog);
}
