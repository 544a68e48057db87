/* plog.c: predictions on their way to the prediction log of the store.
 *
 *   I/O thread: plog_begin … plog_commit --> its ring --> writer thread: one transaction for
 *                                                          what all rings hold
 * - A ring (ring.h) is full when the writer cannot keep up or the store is busy: then rows are
 *   dropped and counted, a prediction never waits.
 * - The writer has a store handle of its own. It commits every flush_ms, or sooner once
 *   flush_rows are there. A row leaves its ring only when it is committed, so kill -9 loses at
 *   most what came since the last commit: one group.
 * - Windows of new rows are marked in the same transaction (store/snapshot.h), features are
 *   packed as app/feature_pack.h does: monitoring sees such rows as it sees ingested ones.
 * - The counters of arms and the row of the daemon go along, once a second.
 *
 * Targets (model, version, packed columns) are numbered once and kept for good; there are as
 * many as versions were ever served by this process. */
#include "app/monitor.h"
#include "base/id.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "serve/priv.h"
#include "serve/ring.h"
#include "store/prediction.h"
#include "store/rollout.h"
#include "store/snapshot.h"

#include <assert.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_GROUP     20000 /* rows of a transaction */
#define TELL_EVERY_US 10000000
#define SUMS_KEPT     10000 /* rows of counters that wait while the store is busy */
#define KNOWN_FOR_US  10000000

struct group;
struct target {
    char *model, *schema_json;
    int64_t version;
    int64_t schema_id, length_us; /* writer's: 0 until first used */
    int64_t known_us;             /* when these were asked for */
};

struct plog_ring { /* records are struct plog_row */
    struct plog_ring *next;
    struct plog *log;
    struct ring *ring;
    bool gone;                                       /* its thread ended; under the lock */
    _Alignas(64) atomic_uint_fast64_t rows, dropped; /* producer */
    _Alignas(64) atomic_uint_fast64_t rows_done;     /* writer */
    uint64_t rows_reading; /* writer: read within the open transaction */
};

struct sum {
    struct serving_sum s;
    char *model, *role, *rollout;
};

struct plog {
    struct plog_config cfg;
    struct app app;
    bool open;
    struct group *group; /* writer's */
    char id[ULID_LEN + 1];
    int64_t started_us;
    pthread_t thread;
    pthread_mutex_t lock; /* everything below */
    pthread_cond_t wake;
    bool stop, started, hurry;
    struct plog_ring *rings;
    VEC(struct target *) targets;
    VEC(struct sum) sums;
    struct serve_totals gauges;
    bool have_gauges;
    uint64_t written, dropped_before; /* rows of rings that are gone are in these */
    struct err trouble;               /* why the last group could not be written; OK: it was */
    int64_t trouble_since_us;
    uint64_t dropped_told;
    int64_t told_us;
    atomic_bool alive;
};

/* ---- rings: producer -------------------------------------------------------------------- */

struct plog_ring *plog_ring_new(struct plog *l)
{
    struct plog_ring *r = mem_try_aligned(1, sizeof *r);

    if (!r) abort();
    memset(r, 0, sizeof *r);
    r->log = l;
    r->ring = ring_new(l->cfg.ring_bytes);
    pthread_mutex_lock(&l->lock);
    r->next = l->rings;
    l->rings = r;
    pthread_mutex_unlock(&l->lock);
    return r;
}

void plog_ring_free(struct plog_ring *r)
{
    if (!r) return;
    pthread_mutex_lock(&r->log->lock);
    r->gone = true; /* the writer frees it once it is empty */
    pthread_mutex_unlock(&r->log->lock);
}

static void bump(atomic_uint_fast64_t *n)
{
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

static void hurry(struct plog *l)
{
    pthread_mutex_lock(&l->lock);
    if (!l->hurry) pthread_cond_signal(&l->wake);
    l->hurry = true;
    pthread_mutex_unlock(&l->lock);
}

struct plog_row *plog_begin(struct plog_ring *r, size_t n_bytes)
{
    struct plog_row *row = ring_begin(r->ring, sizeof *row + n_bytes + 2);

    if (row) return row;
    bump(&r->dropped);
    if (!ring_empty(r->ring)) hurry(r->log);
    return NULL;
}

void plog_commit(struct plog_ring *r)
{
    uint64_t rows = atomic_load_explicit(&r->rows, memory_order_relaxed) + 1;

    atomic_store_explicit(&r->rows, rows, memory_order_relaxed);
    ring_commit(r->ring);
    if (rows % r->log->cfg.flush_rows == 0) hurry(r->log);
}

int plog_target(struct plog *l, const char *model, int64_t version, const char *schema_json)
{
    size_t i = 0;

    pthread_mutex_lock(&l->lock);
    for (; i < l->targets.n; i++) {
        const struct target *t = l->targets.p[i];
        if (t->version == version && str_eq(t->model, model) && str_eq(t->schema_json, schema_json))
            break;
    }
    if (i == l->targets.n) {
        struct target *t = mem_zalloc(1, sizeof *t);
        t->model = mem_strdup(model);
        t->version = version;
        t->schema_json = mem_strdup(schema_json);
        vec_push(&l->targets, t);
    }
    pthread_mutex_unlock(&l->lock);
    return (int)i;
}

/* ---- the writer ------------------------------------------------------------------------- */

struct window_key {
    int32_t target;
    int32_t pad;
    int64_t start_us;
};
enum { TOGETHER = 1000 };
/* One transaction. Rows are added together as long as they are of one model. */
struct group {
    struct plog *l;
    struct map *windows; /* struct window_key of new rows */
    size_t rows, n;
    const char *model; /* of the n rows that wait */
    struct prediction p[TOGETHER];
    int32_t target[TOGETHER];
    bool fresh[TOGETHER];
    char number[TOGETHER][32];
};

static struct target *target_at(struct plog *l, int32_t i)
{
    pthread_mutex_lock(&l->lock);
    struct target *t = l->targets.p[i];
    pthread_mutex_unlock(&l->lock);
    return t;
}

/* What store and settings have to say about a target, asked now and then. */
static int know(struct plog *l, struct target *t, struct err *e)
{
    struct arena a = ARENA_INIT;
    const struct val *settings;
    int64_t now = clock_mono_us();
    int rc = 0;

    if (t->length_us && now - t->known_us < KNOWN_FOR_US) return 0;
    t->known_us = now;
    rc = prediction_schema_id(l->app.store, t->schema_json, &t->schema_id, e);
    if (!rc) rc = monitor_settings(&l->app, &a, t->model, &settings, &t->length_us, e);
    arena_done(&a);
    return rc;
}

static void mark(struct group *g, size_t i)
{
    const struct target *t = target_at(g->l, g->target[i]);
    const struct window_key k = { .target = g->target[i],
                                  .start_us =
                                      monitor_window(g->p[i].at_us, t->length_us).start_us };

    map_at(g->windows, (const char *)&k, sizeof k, NULL);
}

/* One of them is refused: the others must not wait for it for ever. */
static int add_singly(struct group *g, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < g->n; i++) {
        g->fresh[i] = false;
        rc = prediction_add(g->l->app.store, g->model, &g->p[i], &g->fresh[i], e);
        if (rc != -ERR_INVALID) continue;
        log_line(g->l->cfg.app->log, LOG_WARN, "serve", "prediction log: %s", e->msg);
        err_clear(e);
        rc = 0;
    }
    return rc;
}

/* The rows that wait. */
static int add_rows(struct group *g, struct err *e)
{
    struct store *s = g->l->app.store;
    int rc = g->n ? prediction_add_all(s, g->model, g->p, g->n, g->fresh, e) : 0;

    if (rc == -ERR_INVALID) rc = add_singly(g, e);
    for (size_t i = 0; !rc && i < g->n; i++)
        if (g->fresh[i]) mark(g, i);
    g->n = 0;
    return rc;
}

static int add_row(struct group *g, const struct plog_row *row, struct err *e)
{
    struct target *t = target_at(g->l, row->target);
    int rc = know(g->l, t, e);

    if (!rc && g->n && (g->n == TOGETHER || !str_eq(g->model, t->model))) rc = add_rows(g, e);
    if (rc) return rc;
    const char *answer = row->bytes + row->n_id + 1;
    g->model = t->model;
    g->target[g->n] = row->target;
    g->p[g->n] =
        (struct prediction){ .request_id = row->bytes,
                             .at_us = row->at_us,
                             .version = t->version,
                             .answer =
                                 isnan(row->value) ? answer : str_real(g->number[g->n], row->value),
                             .probability = row->probability,
                             .latency_ms = row->latency_ms,
                             .schema_id = t->schema_id,
                             .features = answer + row->n_answer + 1,
                             .n_bytes = row->n_features };
    g->n++;
    return 0;
}

static int touch_windows(struct group *g, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < map_len(g->windows); i++) {
        struct window_key k;
        size_t n;
        memcpy(&k, map_key(g->windows, i, &n), sizeof k);
        const struct target *t = target_at(g->l, k.target);
        const struct window w = { k.start_us, k.start_us + t->length_us };
        rc = window_touch(g->l->app.store, t->model, w, e);
    }
    return rc;
}

/* The rows of one ring, as far as the group has room. */
static int read_ring(struct group *g, struct plog_ring *r, struct err *e)
{
    const struct plog_row *row;
    int rc = 0;

    ring_rewind(r->ring); /* the last group may have been rolled back */
    r->rows_reading = 0;
    while (!rc && g->rows < MAX_GROUP && (row = ring_read(r->ring)) != NULL) {
        rc = add_row(g, row, e);
        r->rows_reading++;
        g->rows++;
    }
    return rc ? rc : add_rows(g, e);
}

static struct plog_ring *rings(struct plog *l)
{
    pthread_mutex_lock(&l->lock);
    struct plog_ring *r = l->rings;
    pthread_mutex_unlock(&l->lock);
    return r; /* new ones are put in front; only this thread takes some out */
}

static bool anything(struct plog *l)
{
    for (const struct plog_ring *r = rings(l); r; r = r->next)
        if (!ring_empty(r->ring)) return true;
    return false;
}

static void sum_done(struct sum *s)
{
    free(s->model);
    free(s->role);
    free(s->rollout);
}

static void sums_done(struct sum *s, size_t n)
{
    for (size_t i = 0; i < n; i++) sum_done(&s[i]);
    free(s);
}

static void write_gauges(struct str *out, const struct serve_totals *t)
{
    struct arena a = ARENA_INIT;
    struct val *o = val_obj(&a), *cache = val_set_obj(o, "cache"), *log = val_set_obj(o, "log");
    struct val *batches = val_set_obj(o, "batches");

    val_set_int(cache, "hits", (int64_t)t->cache_hits);
    val_set_int(cache, "misses", (int64_t)t->cache_misses);
    val_set_int(cache, "entries", (int64_t)t->cache_entries);
    val_set_int(cache, "bytes", (int64_t)t->cache_bytes);
    val_set_int(log, "written", (int64_t)t->log_written);
    val_set_int(log, "dropped", (int64_t)t->log_dropped);
    val_set_int(log, "queued", (int64_t)t->log_queued);
    val_set_int(batches, "full", (int64_t)t->batches_full);
    val_set_int(batches, "deadline", (int64_t)t->batches_deadline);
    val_set_int(batches, "drained", (int64_t)t->batches_drained);
    val_set_int(o, "shadow_dropped", (int64_t)t->shadow_dropped);
    val_set_int(o, "queued", (int64_t)t->queued);
    val_set_int(o, "reloads", (int64_t)t->reloads);
    val_set_int(o, "reload_failures", (int64_t)t->reload_failures);
    val_write_json(out, o, 0);
    arena_done(&a);
}

static int put_daemon(struct plog *l, const struct serve_totals *t, struct err *e)
{
    STR_AUTO detail = STR_INIT;

    write_gauges(&detail, t);
    const struct serving_daemon d = { .id = l->id,
                                      .listen = l->cfg.listen ? l->cfg.listen : "",
                                      .detail = str_c(&detail),
                                      .pid = getpid(),
                                      .started_us = l->started_us,
                                      .seen_us = clock_now(l->app.clock) };
    return serving_daemon_put(l->app.store, &d, e);
}

/* The transaction: rows, windows, counters, the daemon's row. */
static int write_group(struct group *g, const struct sum *sums, size_t n_sums,
                       const struct serve_totals *gauges, struct err *e)
{
    struct store *s = g->l->app.store;
    int rc = store_begin(s, e);

    if (rc) return rc;
    for (struct plog_ring *r = rings(g->l); !rc && r; r = r->next) rc = read_ring(g, r, e);
    if (!rc) rc = touch_windows(g, e);
    for (size_t i = 0; !rc && i < n_sums; i++) rc = serving_add(s, &sums[i].s, e);
    if (!rc && gauges) rc = put_daemon(g->l, gauges, e);
    if (rc) store_rollback(s);
    return rc ? rc : store_commit(s, e);
}

/* Committed: what was read leaves the rings; empty ones whose thread ended are freed. */
static void take_off(struct plog *l)
{
    struct plog_ring **at;

    pthread_mutex_lock(&l->lock);
    for (at = &l->rings; *at;) {
        struct plog_ring *r = *at;
        uint64_t done = atomic_load_explicit(&r->rows_done, memory_order_relaxed);
        atomic_store_explicit(&r->rows_done, done + r->rows_reading, memory_order_relaxed);
        l->written += r->rows_reading;
        r->rows_reading = 0;
        ring_release(r->ring);
        if (r->gone && ring_empty(r->ring)) {
            *at = r->next;
            l->dropped_before += r->dropped;
            ring_free(r->ring);
            free(r);
        } else {
            at = &r->next;
        }
    }
    pthread_mutex_unlock(&l->lock);
}

/* Rolled back: a schema's number may have been part of it. */
static void know_nothing(struct plog *l)
{
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < l->targets.n; i++) l->targets.p[i]->length_us = 0;
    pthread_mutex_unlock(&l->lock);
}

static void note_result(struct plog *l, int rc, const struct err *e)
{
    int64_t now = clock_mono_us();
    bool tell = rc && now - l->told_us > TELL_EVERY_US;

    pthread_mutex_lock(&l->lock);
    if (rc && l->trouble.kind == ERR_OK) l->trouble_since_us = now;
    if (rc) l->trouble = *e;
    else l->trouble = (struct err)ERR_INIT;
    if (tell) l->told_us = now;
    pthread_mutex_unlock(&l->lock);
    if (tell) log_line(l->cfg.app->log, LOG_ERROR, "serve", "prediction log: %s", e->msg);
}

static uint64_t dropped_rows(const struct plog *l)
{
    uint64_t n = l->dropped_before;

    for (const struct plog_ring *r = l->rings; r; r = r->next)
        n += atomic_load_explicit(&r->dropped, memory_order_relaxed);
    return n;
}

static void tell_drops(struct plog *l)
{
    int64_t now = clock_mono_us();

    pthread_mutex_lock(&l->lock);
    uint64_t all = dropped_rows(l), fresh = all - l->dropped_told;
    bool tell = fresh && (now - l->told_us > TELL_EVERY_US || !l->dropped_told);
    if (tell) {
        l->dropped_told = all;
        l->told_us = now;
    }
    pthread_mutex_unlock(&l->lock);
    if (tell)
        log_line(l->cfg.app->log, LOG_WARN, "serve",
                 "the prediction log could not keep up: %llu predictions are not in it",
                 (unsigned long long)fresh);
}

/* One group commit; what cannot be written stays for the next time. */
static int flush(struct plog *l)
{
    struct group *g = l->group;
    struct err e = ERR_INIT;
    struct serve_totals gauges = { 0 };
    int rc = 0;

    g->l = l;
    g->rows = g->n = 0;
    g->windows = map_new();
    pthread_mutex_lock(&l->lock);
    struct sum *sums = l->sums.p;
    size_t n = l->sums.n;
    l->sums.p = NULL;
    l->sums.n = l->sums.cap = 0;
    bool have = l->have_gauges;
    gauges = l->gauges;
    l->have_gauges = false;
    pthread_mutex_unlock(&l->lock);
    if (!l->open && (rc = app_open(&l->app, l->cfg.app, &e)) == 0) l->open = true;
    if (!rc && (n || have || anything(l))) rc = write_group(g, sums, n, have ? &gauges : NULL, &e);
    note_result(l, rc, &e);
    if (!rc) take_off(l);
    else know_nothing(l);
    tell_drops(l);
    if (rc && n <= SUMS_KEPT) { /* back in front of those that came since */
        pthread_mutex_lock(&l->lock);
        for (size_t i = 0; i < n; i++) vec_push(&l->sums, sums[i]);
        pthread_mutex_unlock(&l->lock);
        free(sums);
    } else {
        sums_done(sums, n);
    }
    map_free(g->windows);
    return rc;
}

static void *writer_main(void *arg)
{
    struct plog *l = arg;
    bool stop = false;

    while (!stop) {
        int64_t until = clock_mono_us() + l->cfg.flush_us;
        struct timespec ts = { until / 1000000, until % 1000000 * 1000 };
        int rc = 0;
        pthread_mutex_lock(&l->lock);
        while (!l->stop && !rc && !l->hurry) rc = pthread_cond_timedwait(&l->wake, &l->lock, &ts);
        l->hurry = false;
        stop = l->stop;
        pthread_mutex_unlock(&l->lock);
        do rc = flush(l);
        while (!rc && stop && anything(l));
        if (rc) usleep(50000); /* a full ring would call again at once */
    }
    if (l->open) app_close(&l->app);
    atomic_store(&l->alive, false);
    return NULL;
}

/* ---- the outside ------------------------------------------------------------------------ */

int plog_new(const struct plog_config *cfg, struct plog **ret, struct err *e)
{
    struct plog *l = mem_zalloc(1, sizeof *l);
    pthread_condattr_t attr;
    sigset_t all, old;
    int rc;

    l->cfg = *cfg;
    l->group = mem_zalloc(1, sizeof *l->group);
    if (!l->cfg.flush_rows) l->cfg.flush_rows = 1;
    pthread_mutex_init(&l->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&l->wake, &attr);
    pthread_condattr_destroy(&attr);
    rc = app_open(&l->app, cfg->app, e);
    l->open = rc == 0;
    if (!rc) {
        l->started_us = clock_now(l->app.clock);
        id_ulid(l->id, l->started_us);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        atomic_store(&l->alive, true);
        if (pthread_create(&l->thread, NULL, writer_main, l))
            rc = err_set(e, ERR_NOMEM, "cannot start a thread for the prediction log");
        else l->started = true;
        if (l->started) pthread_setname_np(l->thread, "prediction-log");
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    }
    if (rc) plog_free(l);
    else *ret = l;
    return rc;
}

void plog_free(struct plog *l)
{
    if (!l) return;
    pthread_mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_signal(&l->wake);
    pthread_mutex_unlock(&l->lock);
    if (l->started) pthread_join(l->thread, NULL);
    else if (l->open) app_close(&l->app);
    for (struct plog_ring *r = l->rings, *next; r; r = next) {
        next = r->next;
        ring_free(r->ring);
        free(r);
    }
    for (size_t i = 0; i < l->targets.n; i++) {
        free(l->targets.p[i]->model);
        free(l->targets.p[i]->schema_json);
        free(l->targets.p[i]);
    }
    vec_done(&l->targets);
    free(l->group);
    sums_done(l->sums.p, l->sums.n);
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void plog_sums(struct plog *l, const struct serving_sum *sums, size_t n, int64_t from_us,
               int64_t to_us, const struct serve_totals *gauges)
{
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < n; i++) {
        struct sum s = { .s = sums[i],
                         .model = mem_strdup(sums[i].model),
                         .role = mem_strdup(sums[i].role),
                         .rollout = mem_strdup(sums[i].rollout_id ? sums[i].rollout_id : "") };
        s.s.model = s.model;
        s.s.role = s.role;
        s.s.rollout_id = s.rollout;
        s.s.from_us = from_us;
        s.s.to_us = to_us;
        vec_push(&l->sums, s);
    }
    l->gauges = *gauges;
    l->have_gauges = true;
    pthread_mutex_unlock(&l->lock);
}

bool plog_alive(const struct plog *l)
{
    return atomic_load(&l->alive);
}

void plog_problems(struct plog *l, struct arena *a, struct val *list)
{
    int64_t now = clock_mono_us();

    pthread_mutex_lock(&l->lock);
    uint64_t dropped = dropped_rows(l);
    if (l->trouble.kind != ERR_OK && now - l->trouble_since_us > 2000000) {
        struct val *o = val_push_obj(list);
        val_set(o, "model", val_null(a));
        val_set(o, "version", val_null(a));
        val_set_strf(o, "error", "the prediction log is not written: %s", l->trouble.msg);
    }
    if (dropped) {
        struct val *o = val_push_obj(list);
        val_set(o, "model", val_null(a));
        val_set(o, "version", val_null(a));
        val_set_strf(o, "error",
                     "%llu predictions are not in the prediction log, it could not "
                     "keep up",
                     (unsigned long long)dropped);
    }
    pthread_mutex_unlock(&l->lock);
}

void plog_totals(struct plog *l, struct serve_totals *add)
{
    pthread_mutex_lock(&l->lock);
    add->log_written += l->written;
    add->log_dropped += dropped_rows(l);
    for (const struct plog_ring *r = l->rings; r; r = r->next) {
        add->log_queued += atomic_load_explicit(&r->rows, memory_order_relaxed) -
                           atomic_load_explicit(&r->rows_done, memory_order_relaxed);
        add->log_room += ring_size(r->ring);
    }
    pthread_mutex_unlock(&l->lock);
}
