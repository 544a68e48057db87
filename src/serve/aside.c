/* aside.c: rows that other versions score beside the answer, for shadows: by a thread of its own
 * that runs only where nobody else wants the processor.
 *
 *   I/O thread: aside_may, score_aside --> its ring
 *   --> thread "aside": scores, mode_mirrored compares
 *
 * Some thousand comparisons a second say as much about a version as all of them would, so an I/O
 * thread hands over serve.shadow_rows a second at most (a token bucket; what is over is dropped
 * and counted): under load a shadow then costs a few thousandths of its time however many
 * requests come.
 *
 * Nothing comes back to the I/O thread and nothing it uses is ever locked by the other, so what a
 * shadow costs the caller is turning his rows into its model's numbers and copying them. The
 * thread has the scheduling class for idle time (SCHED_IDLE): on a machine that has no time to
 * spare the ring fills, and what does not fit is dropped and counted. It looks every GATHER_US and
 * falls asleep after IDLE_LOOKS in vain, so that the I/O thread has to wake it, which is what would
 * cost it most, only for the first request after a pause. Records that waited longer than LATE_US
 * are dropped, too: they would say something about a load that is over.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "serve/priv.h"
#include "serve/ring.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GATHER_US  20000
#define IDLE_LOOKS 250 /* five seconds */
#define LATE_US    10000000
#define RING_BYTES ((size_t)4 << 20)
#define BURST_US   100000 /* what the bucket holds: so long at the full rate */

struct record { /* holds references to catalog and loaded */
    struct catalog *catalog;
    struct loaded *loaded;
    const struct serve_route *route;
    size_t arm, n;
    int64_t queued_ns;
    double x[]; /* n rows of the model's features, then of the stable arm's outputs */
};

struct aside_ring { /* of one I/O thread */
    struct aside_ring *next;
    struct aside_pool *pool;
    struct ring *ring;
    double rate, tokens; /* rows per us; rows that may go now, below 0 after a large call */
    int64_t filled_us;
    atomic_uint_fast64_t dropped; /* over the rate, found no room, or nobody had time */
    bool gone; /* its thread ended; under the lock */
};

struct aside_pool {
    pthread_t thread;
    bool started;
    atomic_bool stop, asleep;
    sem_t wake;
    double *p; /* the thread's: answers */
    size_t room;
    pthread_mutex_t lock; /* below; no I/O thread takes it while it serves */
    struct aside_ring *rings;
    uint64_t dropped_before; /* by rings that are gone */
};

/* ---- the thread ------------------------------------------------------------------------- */

static void let_go(const struct record *r)
{
    catalog_unref(r->catalog);
    loaded_unref(r->loaded);
}

static void score(struct aside_pool *p, struct aside_ring *of, const struct record *r)
{
    const struct loaded *l = r->loaded;
    int64_t before = clock_mono_ns();
    struct aside a = { .route = r->route,
                       .arm = r->arm,
                       .n = r->n,
                       .stable = r->x + r->n * l->features,
                       .queue_us = (double)(before - r->queued_ns) / 1e3 };

    if (r->n * l->outputs > p->room) {
        p->room = r->n * l->outputs;
        free(p->p);
        p->p = mem_alloc(p->room * sizeof *p->p);
    }
    a.late = a.queue_us > LATE_US;
    if (a.late) {
        atomic_fetch_add_explicit(&of->dropped, 1, memory_order_relaxed);
    } else {
        loaded_score(l, r->x, r->n, p->p);
        a.p = p->p;
        a.model_us = (double)(clock_mono_ns() - before) / 1e3;
    }
    mode_mirrored(&a);
}

static struct aside_ring *first_ring(struct aside_pool *p)
{
    pthread_mutex_lock(&p->lock);
    struct aside_ring *r = p->rings;
    pthread_mutex_unlock(&p->lock);
    return r; /* new ones are put in front; only this thread takes some out */
}

/* Scores what is there; a record leaves the ring when it is done with. */
static void work(struct aside_pool *p)
{
    const struct record *r;

    for (struct aside_ring *at = first_ring(p); at; at = at->next)
        while (!atomic_load(&p->stop) && (r = ring_read(at->ring))) {
            score(p, at, r);
            let_go(r);
            ring_release(at->ring);
        }
}

static void ring_end(struct aside_ring *r)
{
    for (const struct record *left; (left = ring_read(r->ring)) != NULL;) let_go(left);
    ring_free(r->ring);
    free(r);
}

static void take_off(struct aside_pool *p, bool all)
{
    pthread_mutex_lock(&p->lock);
    for (struct aside_ring **at = &p->rings, *r; (r = *at) != NULL;) {
        if (!all && !(r->gone && ring_empty(r->ring))) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        p->dropped_before += atomic_load(&r->dropped);
        ring_end(r);
    }
    pthread_mutex_unlock(&p->lock);
}

static bool anything(struct aside_pool *p)
{
    for (const struct aside_ring *r = first_ring(p); r; r = r->next)
        if (!ring_empty(r->ring)) return true;
    return false;
}

/* Nothing came for a while: until something does. */
static void sleep_on(struct aside_pool *p)
{
    atomic_store(&p->asleep, true); /* then look again: a record may have come in between */
    if (!anything(p) && !atomic_load(&p->stop)) sem_wait(&p->wake);
    atomic_store(&p->asleep, false);
}

static void *aside_main(void *arg)
{
    struct aside_pool *p = arg;
    int in_vain = IDLE_LOOKS;

    pthread_setschedparam(pthread_self(), SCHED_IDLE, &(struct sched_param){ 0 });
    while (!atomic_load(&p->stop)) {
        in_vain = anything(p) ? 0 : in_vain + 1;
        work(p);
        take_off(p, false);
        if (in_vain > IDLE_LOOKS) sleep_on(p);
        if (!atomic_load(&p->stop)) usleep(GATHER_US);
    }
    return NULL;
}

/* ---- the pool --------------------------------------------------------------------------- */

struct aside_pool *aside_pool_new(struct err *e)
{
    struct aside_pool *p = mem_zalloc(1, sizeof *p);
    sigset_t all, old;

    pthread_mutex_init(&p->lock, NULL);
    sem_init(&p->wake, 0, 0);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    p->started = pthread_create(&p->thread, NULL, aside_main, p) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (p->started) {
        pthread_setname_np(p->thread, "aside");
        return p;
    }
    aside_pool_free(p);
    err_set(e, ERR_NOMEM, "cannot start a thread for shadows");
    return NULL;
}

void aside_pool_free(struct aside_pool *p)
{
    if (!p) return;
    atomic_store(&p->stop, true);
    sem_post(&p->wake);
    if (p->started) pthread_join(p->thread, NULL);
    take_off(p, true);
    sem_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p->p);
    free(p);
}

uint64_t aside_pool_dropped(struct aside_pool *p)
{
    pthread_mutex_lock(&p->lock);
    uint64_t n = p->dropped_before;
    for (const struct aside_ring *r = p->rings; r; r = r->next) n += atomic_load(&r->dropped);
    pthread_mutex_unlock(&p->lock);
    return n;
}

/* ---- the I/O thread's side -------------------------------------------------------------- */

struct aside_ring *aside_ring_new(struct aside_pool *p, double rows_per_s)
{
    struct aside_ring *r = mem_zalloc(1, sizeof *r);

    r->pool = p;
    r->rate = rows_per_s * 1e-6;
    r->ring = ring_new(RING_BYTES);
    pthread_mutex_lock(&p->lock);
    r->next = p->rings;
    p->rings = r;
    pthread_mutex_unlock(&p->lock);
    return r;
}

void aside_ring_free(struct aside_ring *r)
{
    if (!r) return;
    pthread_mutex_lock(&r->pool->lock);
    r->gone = true; /* the thread, or the pool's end, frees it */
    pthread_mutex_unlock(&r->pool->lock);
}

bool aside_may(struct serve_io *io, size_t rows, size_t n)
{
    struct aside_ring *r = io->aside;

    if (r->rate <= 0) return true;
    double gained = (double)(io->now_us - r->filled_us) * r->rate;
    r->tokens = fmin(r->tokens + gained, fmax(BURST_US * r->rate, 1));
    r->filled_us = io->now_us;
    if (r->tokens < 1) {
        atomic_fetch_add_explicit(&r->dropped, n, memory_order_relaxed);
        return false;
    }
    r->tokens -= (double)rows;
    return true;
}

int score_aside(struct serve_io *io, const struct serve_route *route, size_t arm,
                const struct rows *rows, const double *stable, struct err *e)
{
    struct loaded *l = route->arms[arm].by->loaded;
    size_t n_x = rows->n * l->features, n_stable = rows->n * route->arms[0].by->loaded->outputs;
    struct aside_ring *ring = io->aside;
    const double *x;
    int rc = rows_encode(rows, &route->arms[arm], &x, e);

    if (rc) return rc;
    struct record *r = ring_begin(ring->ring, sizeof *r + (n_x + n_stable) * sizeof *x);
    if (!r) {
        atomic_fetch_add_explicit(&ring->dropped, 1, memory_order_relaxed);
        err_set(e, ERR_BUSY, "no room for another shadow's rows");
        return -ERR_BUSY; /* also without an e */
    }
    *r = (struct record){ .catalog = catalog_ref(route->home),
                          .loaded = loaded_ref(l),
                          .route = route,
                          .arm = arm,
                          .n = rows->n,
                          .queued_ns = clock_mono_ns() };
    memcpy(r->x, x, n_x * sizeof *x);
    memcpy(r->x + n_x, stable, n_stable * sizeof *x);
    ring_commit(ring->ring);
    atomic_thread_fence(memory_order_seq_cst); /* pairs with the look in sleep_on */
    if (atomic_load_explicit(&ring->pool->asleep, memory_order_relaxed) &&
        atomic_exchange(&ring->pool->asleep, false))
        sem_post(&ring->pool->wake);
    return 0;
}
