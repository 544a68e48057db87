/* batch.c: rows that wait for a worker thread, scored together.
 *
 *   I/O thread: score_later --> the model's queue --> ready list --> worker: takes rows, scores
 *        ^                                                              |
 *        '-- async <-- finished list of the I/O thread <----------------'
 *
 * - What waits is taken at once; a batch waits for more only if the setting batch_wait_us says
 *   so. Batches are bounded in rows. A batch runs because it is full, because the wait is over,
 *   or because nothing more was there (drained).
 * - A queue is bounded in rows; beyond that the caller hears ERR_BUSY at once.
 * - All workers but one may work for the same model, so one that hangs does not stop the others.
 * - Deadlines are kept by the I/O thread's own timer: when the time is up the ask is answered with
 *   ERR_TIMEOUT whatever the worker does, and what it still brings is dropped. Rows whose time
 *   was up before a worker came are not scored.
 * - A worker is woken when a queue gets its first row, the I/O thread when its list gets its
 *   first result.
 *
 * An item is the ask's rows as numbers, and belongs to the I/O thread but for the time between
 * leaving its queue and joining the finished list. */
#include "base/clock.h"
#include "base/mem.h"
#include "engine/pool.h"
#include "serve/priv.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SLICE       256 /* rows between two looks at whether anybody still wants them */
#define MAX_WORKERS 64

struct item {
    struct item *next;           /* in a queue or finished list */
    struct item *before, *after; /* items whose ask waits; I/O thread */
    struct ask *ask;             /* NULL: answered already; I/O thread */
    struct catalog *catalog;
    struct loaded *loaded;
    struct batch_io *io;
    size_t n, batch;
    int64_t deadline_us, queued_ns;
    double model_us, queue_us;
    atomic_bool dropped; /* nobody wants it */
    bool expired;
    double *p, x[];
};

struct queue {
    struct item *head, **tail;
    size_t rows;
};

struct batcher {
    struct batch_pool *pool;
    struct batcher *next; /* in the ready list */
    struct queue queue;
    bool ready;
    struct serve_limits limits; /* of the newest ask */
    int workers;                /* busy with it */
};

struct ready {
    struct batcher *first, *last;
};

struct batch_pool {
    pthread_mutex_t lock;
    pthread_cond_t wake; /* of idle workers */
    pthread_cond_t more; /* of those that wait for a batch to fill */
    struct ready ready;
    bool stop;
    int n_threads, idle;
    pthread_t threads[MAX_WORKERS];
    size_t queued; /* rows */
    uint64_t full, deadline, drained;
};

struct batch_io {
    atomic_int refs; /* the thread's, and one per item */
    pthread_mutex_t lock;
    struct item *finished, **finished_tail;
    bool closed;
    struct loop_async *arrived;
    /* the I/O thread's */
    struct item *first, *last;
    struct loop_timer *timer;
    int64_t timer_us; /* when it fires; 0: not set */
};

/* ---- items ------------------------------------------------------------------------------ */

static void batch_io_unref(struct batch_io *io)
{
    if (atomic_fetch_sub(&io->refs, 1) > 1) return;
    pthread_mutex_destroy(&io->lock);
    free(io);
}

static void item_free(struct item *t)
{
    struct batch_io *io = t->io;

    catalog_unref(t->catalog);
    loaded_unref(t->loaded);
    free(t);
    batch_io_unref(io);
}

static void push(struct queue *q, struct item *t)
{
    t->next = NULL;
    *q->tail = t;
    q->tail = &t->next;
    q->rows += t->n;
}

static struct item *pop(struct queue *q)
{
    struct item *t = q->head;

    q->head = t->next;
    if (!q->head) q->tail = &q->head;
    q->rows -= t->n;
    return t;
}

/* ---- batchers --------------------------------------------------------------------------- */

struct batcher *batcher_new(struct batch_pool *p)
{
    struct batcher *b = mem_zalloc(1, sizeof *b);

    b->pool = p;
    b->queue.tail = &b->queue.head;
    return b;
}

void batcher_free(struct batcher *b)
{
    assert(!b || (!b->queue.head && !b->ready));
    free(b);
}

static int most_workers(const struct batch_pool *p)
{
    return p->n_threads > 1 ? p->n_threads - 1 : 1;
}

/* Puts the batcher where workers look, if it has rows and may have one more worker. Locked. */
static void make_ready(struct batcher *b)
{
    struct batch_pool *p = b->pool;
    struct ready *r = &p->ready;

    if (b->ready || !b->queue.head || b->workers >= most_workers(p)) return;
    b->ready = true;
    b->next = NULL;
    if (r->last) r->last->next = b;
    else r->first = b;
    r->last = b;
    if (p->idle) pthread_cond_signal(&p->wake);
}

static struct batcher *take_ready(struct ready *r)
{
    struct batcher *b = r->first;

    r->first = b->next;
    if (!r->first) r->last = NULL;
    b->ready = false;
    return b;
}

/* Its queue is empty: nobody shall look, and it may go with its last item. Locked. */
static void not_ready(struct batcher *b)
{
    struct ready *r = &b->pool->ready;
    struct batcher **at = &r->first, *before = NULL;

    if (!b->ready) return;
    for (; *at != b; at = &(*at)->next) before = *at;
    *at = b->next;
    if (r->last == b) r->last = before;
    b->ready = false;
}

/* ---- workers ---------------------------------------------------------------------------- */

static void deliver(struct item *t)
{
    struct batch_io *io = t->io;
    bool first, closed;

    t->next = NULL;
    pthread_mutex_lock(&io->lock);
    closed = io->closed;
    first = !io->finished;
    if (!closed) {
        *io->finished_tail = t;
        io->finished_tail = &t->next;
        if (first) loop_async_send(io->arrived);
    }
    pthread_mutex_unlock(&io->lock);
    if (closed) item_free(t);
}

static void score_item(struct item *t, int64_t now_ns, size_t batch_rows)
{
    const struct loaded *l = t->loaded;

    t->queue_us = (double)(now_ns - t->queued_ns) / 1e3;
    t->batch = batch_rows;
    t->expired = now_ns / 1000 >= t->deadline_us;
    for (size_t at = 0; at < t->n && !t->expired; at += SLICE) {
        size_t n = t->n - at < SLICE ? t->n - at : SLICE;
        if (atomic_load_explicit(&t->dropped, memory_order_relaxed)) break;
        loaded_score(l, t->x + at * l->features, n, t->p + at * l->outputs);
    }
}

/* Waits until the batch is full or its oldest row waited long enough. Locked; true: the wait
 * made the difference. */
static bool gather(struct batcher *b, struct queue *q)
{
    int64_t until = q->head->queued_ns + b->limits.batch_wait_us * 1000;
    struct timespec ts = { until / 1000000000, until % 1000000000 };

    while (q->rows < b->limits.batch_rows && !b->pool->stop && clock_mono_ns() < until)
        pthread_cond_timedwait(&b->pool->more, &b->pool->lock, &ts);
    return q->rows < b->limits.batch_rows;
}

/* Takes a batch off the queue. Locked. */
static struct item *take_batch(struct batcher *b, struct queue *q, bool waited, size_t *ret_rows)
{
    struct batch_pool *p = b->pool;
    struct item *list = NULL, **tail = &list;
    size_t rows = 0, most = b->limits.batch_rows;

    while (q->head && (rows == 0 || rows + q->head->n <= most)) {
        struct item *t = pop(q);
        rows += t->n;
        t->next = NULL;
        *tail = t;
        tail = &t->next;
    }
    p->queued -= rows;
    if (q->head || rows >= most) p->full++;
    else if (waited) p->deadline++;
    else p->drained++;
    *ret_rows = rows;
    return list;
}

/* Results are delivered as they come. */
static void run_batch(struct item *list, size_t rows)
{
    int64_t from = clock_mono_ns(), now;
    size_t batch = rows;

    for (struct item *t = list, *next; t; t = next) {
        next = t->next;
        score_item(t, from, batch);
        now = clock_mono_ns();
        t->model_us = (double)(now - from) / 1e3;
        from = now;
        batch = 0;
        deliver(t);
    }
}

/* One turn of a worker for a batcher. Locked on entry and exit. */
static void work(struct batch_pool *p, struct batcher *b)
{
    struct queue *q = &b->queue;
    bool waited = false;
    size_t rows;

    if (b->workers >= most_workers(p)) return; /* who is busy with it looks again afterwards */
    b->workers++;
    if (q->head && b->limits.batch_wait_us) waited = gather(b, q);
    if (!q->head) {
        b->workers--;
        return;
    }
    struct item *list = take_batch(b, q, waited, &rows);
    struct loaded *l = loaded_ref(list->loaded); /* b lives as long */
    if (q->head) make_ready(b);
    else not_ready(b);
    pthread_mutex_unlock(&p->lock);
    run_batch(list, rows);
    pthread_mutex_lock(&p->lock);
    b->workers--;
    make_ready(b);
    pthread_mutex_unlock(&p->lock);
    loaded_unref(l);
    pthread_mutex_lock(&p->lock);
}

static void *worker_main(void *arg)
{
    struct batch_pool *p = arg;

    pthread_mutex_lock(&p->lock);
    for (;;) {
        if (p->ready.first) {
            work(p, take_ready(&p->ready));
            continue;
        }
        if (p->stop) break;
        p->idle++;
        pthread_cond_wait(&p->wake, &p->lock);
        p->idle--;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct batch_pool *batch_pool_new(int workers, struct err *e)
{
    struct batch_pool *p = mem_zalloc(1, sizeof *p);
    pthread_condattr_t attr;
    sigset_t all, old;

    if (workers <= 0) workers = pool_cpus() > 2 ? pool_cpus() : 2;
    if (workers > MAX_WORKERS) workers = MAX_WORKERS;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&p->wake, &attr);
    pthread_cond_init(&p->more, &attr);
    pthread_condattr_destroy(&attr);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_mutex_lock(&p->lock);
    while (p->n_threads < workers &&
           pthread_create(&p->threads[p->n_threads], NULL, worker_main, p) == 0)
        pthread_setname_np(p->threads[p->n_threads++], "score");
    pthread_mutex_unlock(&p->lock);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (p->n_threads) return p;
    batch_pool_free(p);
    err_set(e, ERR_NOMEM, "cannot start a thread for predictions");
    return NULL;
}

void batch_pool_free(struct batch_pool *p)
{
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->wake);
    pthread_cond_broadcast(&p->more);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->n_threads; i++) pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->wake);
    pthread_cond_destroy(&p->more);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void batch_pool_totals(struct batch_pool *p, struct serve_totals *add)
{
    pthread_mutex_lock(&p->lock);
    add->batches_full += p->full;
    add->batches_deadline += p->deadline;
    add->batches_drained += p->drained;
    add->queued += p->queued;
    pthread_mutex_unlock(&p->lock);
}

/* ---- the I/O thread's side -------------------------------------------------------------- */

static void forget(struct batch_io *io, struct item *t)
{
    if (t->before) t->before->after = t->after;
    else io->first = t->after;
    if (t->after) t->after->before = t->before;
    else io->last = t->before;
}

static void remember(struct batch_io *io, struct item *t)
{
    t->after = NULL;
    t->before = io->last;
    if (io->last) io->last->after = t;
    else io->first = t;
    io->last = t;
}

static void set_timer(struct batch_io *io, int64_t at_us)
{
    int64_t in = at_us - clock_mono_us();

    if (io->timer_us && io->timer_us <= at_us) return;
    io->timer_us = at_us;
    loop_timer_start(io->timer, in > 0 ? (uint64_t)(in + 999) / 1000 : 0, 0);
}

/* The ask has its answer; the item may stay with a worker. */
static void answer(struct item *t, int rc, double queue_us, const struct err *e)
{
    struct ask *k = t->ask;

    t->ask = NULL;
    k->impl = NULL;
    k->model_us = rc ? 0 : t->model_us;
    k->queue_us = queue_us;
    k->batch = rc ? 0 : t->batch;
    k->done(k, rc, e);
}

static int timed_out(struct err *e)
{
    return err_set(e, ERR_TIMEOUT, "the model did not answer in time");
}

static void on_time(void *user)
{
    struct batch_io *io = user;
    int64_t now = clock_mono_us(), next = 0;
    struct item *late = NULL, **tail = &late;

    io->timer_us = 0;
    for (struct item *t = io->first, *after; t; t = after) {
        after = t->after;
        if (t->deadline_us <= now) {
            forget(io, t);
            t->before = NULL;
            *tail = t; /* done may bring new asks: first take all out, then answer */
            tail = &t->before;
        } else if (!next || t->deadline_us < next) {
            next = t->deadline_us;
        }
    }
    *tail = NULL;
    if (next) set_timer(io, next);
    for (struct item *t = late, *following; t; t = following) {
        struct err e = ERR_INIT;
        int rc = timed_out(&e);
        following = t->before;
        atomic_store(&t->dropped, true);
        answer(t, rc, (double)(clock_mono_ns() - t->queued_ns) / 1e3, &e);
    }
}

static void came_back(struct batch_io *io, struct item *t)
{
    struct err e = ERR_INIT;

    if (t->ask) {
        forget(io, t);
        if (!t->expired) memcpy(t->ask->p, t->p, t->n * t->loaded->outputs * sizeof *t->p);
        answer(t, t->expired ? timed_out(&e) : 0, t->queue_us, &e);
    }
    item_free(t);
}

static void on_arrival(void *user)
{
    struct batch_io *io = user;
    struct item *t, *next;

    pthread_mutex_lock(&io->lock);
    t = io->finished;
    io->finished = NULL;
    io->finished_tail = &io->finished;
    pthread_mutex_unlock(&io->lock);
    for (; t; t = next) {
        next = t->next;
        came_back(io, t);
    }
}

int batch_io_new(struct loop *l, struct batch_io **ret, struct err *e)
{
    struct batch_io *io = mem_zalloc(1, sizeof *io);
    int rc;

    atomic_init(&io->refs, 1);
    pthread_mutex_init(&io->lock, NULL);
    io->finished_tail = &io->finished;
    rc = loop_async_new(l, on_arrival, io, &io->arrived, e);
    if (!rc) rc = loop_timer_new(l, on_time, io, &io->timer, e);
    if (rc) batch_io_free(io);
    else *ret = io;
    return rc;
}

void batch_io_free(struct batch_io *io)
{
    struct item *t, *next;

    if (!io) return;
    while (io->first) { /* who asked must hear of the end */
        struct err e = ERR_INIT;
        struct item *left = io->first;
        int rc = err_set(&e, ERR_CANCELLED, "the daemon stops");
        forget(io, left);
        atomic_store(&left->dropped, true);
        answer(left, rc, 0, &e);
    }
    pthread_mutex_lock(&io->lock);
    io->closed = true;
    t = io->finished;
    io->finished = NULL;
    pthread_mutex_unlock(&io->lock);
    for (; t; t = next) {
        next = t->next;
        item_free(t);
    }
    if (io->arrived) loop_async_free(io->arrived);
    if (io->timer) loop_timer_free(io->timer);
    batch_io_unref(io);
}

static struct item *item_new(struct ask *k, const double *x, struct err *e)
{
    struct loaded *l = k->arm->by->loaded;
    size_t n = k->rows->n * l->features, n_p = k->rows->n * l->outputs;
    struct item *t = NULL;

    if (n + n_p < SIZE_MAX / 16) t = mem_try(1, sizeof *t + (n + n_p) * sizeof(double));
    if (!t) {
        err_set(e, ERR_NOMEM, "no memory for %zu rows", k->rows->n);
        return NULL;
    }
    *t = (struct item){ .ask = k, .n = k->rows->n, .deadline_us = k->deadline_us };
    memcpy(t->x, x, n * sizeof *x);
    t->p = t->x + n;
    t->loaded = loaded_ref(l);
    t->catalog = catalog_ref(k->route->home);
    t->io = k->io->batch;
    atomic_fetch_add(&t->io->refs, 1);
    t->queued_ns = clock_mono_ns();
    return t;
}

static int full(const struct serve_limits *l, struct err *e)
{
    err_set(e, ERR_BUSY, "%zu rows wait for this model already", l->queue_rows);
    err_hint(e, "try again in a moment; serve.queue_rows sets the limit");
    return -ERR_BUSY; /* also without an e */
}

int score_later(struct ask *k, struct err *e)
{
    const struct serve_limits *limits = &k->arm->by->limits;
    struct batcher *b = k->arm->by->loaded->batcher;
    struct batch_pool *p = b->pool;
    struct queue *q = &b->queue;
    const double *x;
    int rc = rows_encode(k->rows, k->arm, &x, e);

    if (rc) return rc;
    if (k->deadline_us <= clock_mono_us()) return timed_out(e);
    struct item *t = item_new(k, x, e);
    if (!t) return -ERR_NOMEM;
    pthread_mutex_lock(&p->lock);
    bool fits = !q->head || q->rows + t->n <= limits->queue_rows;
    if (fits) {
        b->limits = *limits;
        push(q, t);
        p->queued += t->n;
        make_ready(b);
        if (limits->batch_wait_us && q->rows >= limits->batch_rows)
            pthread_cond_broadcast(&p->more);
    }
    pthread_mutex_unlock(&p->lock);
    if (!fits) {
        item_free(t);
        return full(limits, e);
    }
    k->impl = t;
    remember(k->io->batch, t);
    set_timer(k->io->batch, k->deadline_us);
    return 0;
}
