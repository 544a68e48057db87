/* pool.c: threads that share a counter of tasks.
 *
 *   owner    job fields := fn, arg, n ; unfinished := n ; left := n      (release)
 *   anybody  left > 0 ?  left -= 1 (compare and swap, acquire) ; run task n - left
 *            unfinished -= 1 (release) ; the last one wakes the owner if it sleeps
 *   owner    works too, then waits for unfinished = 0                    (acquire)
 *
 * A successful decrement of `left` is the right to run one task of the present job, and the
 * job cannot change before that task is counted as finished: so the fields need no lock, and
 * a worker that sleeps through a whole job does no harm. Who runs a task is a matter of luck;
 * callers get equal bytes for any thread count by writing to places chosen by task alone.
 *
 * Waiting is spinning for some microseconds, then sleeping. The sleeper announces itself
 * (`sleepers`, `owner_waits`) before it looks a last time; the waker changes the state before
 * it looks for sleepers; both sequentially consistent, so no wake-up is lost.
 * One caller at a time; calls do not nest. Workers take no signals. */
#include "base/pool.h"

#include "base/cpu.h"
#include "base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#define MAX_THREADS 1024
#define SPINS       4000 /* about 20-100 microseconds */

typedef void task_fn(void *arg, size_t task, int thread);

struct pool {
    int size; /* threads including the caller */
    int spins;
    task_fn *fn; /* the present job */
    void *arg;
    size_t n;
    atomic_size_t left, unfinished;
    atomic_int sleepers;
    atomic_bool owner_waits, quit;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    struct worker {
        struct pool *pool;
        pthread_t id;
        int thread;
    } workers[];
};

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static bool claim(struct pool *p, size_t *ret_left)
{
    size_t left = atomic_load_explicit(&p->left, memory_order_relaxed);

    while (left > 0)
        if (atomic_compare_exchange_weak_explicit(&p->left, &left, left - 1, memory_order_acquire,
                                                  memory_order_relaxed)) {
            *ret_left = left;
            return true;
        }
    return false;
}

static void work_off(struct pool *p, int thread)
{
    size_t left;

    while (claim(p, &left)) {
        p->fn(p->arg, p->n - left, thread);
        if (atomic_fetch_sub(&p->unfinished, 1) == 1 && atomic_load(&p->owner_waits)) {
            pthread_mutex_lock(&p->lock);
            pthread_cond_signal(&p->done);
            pthread_mutex_unlock(&p->lock);
        }
    }
}

static void wait_for_work(struct pool *p)
{
    for (int i = 0; i < p->spins; i++) {
        if (atomic_load_explicit(&p->left, memory_order_relaxed) > 0) return;
        relax();
    }
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->sleepers, 1);
    while (atomic_load(&p->left) == 0 && !atomic_load(&p->quit))
        pthread_cond_wait(&p->work, &p->lock);
    atomic_fetch_sub(&p->sleepers, 1);
    pthread_mutex_unlock(&p->lock);
}

static void *worker_main(void *arg)
{
    const struct worker *w = arg;

    while (!atomic_load(&w->pool->quit)) {
        wait_for_work(w->pool);
        work_off(w->pool, w->thread);
    }
    return NULL;
}

/* Starts workers until p->size is reached; gives up early when the system has no more. */
static void start_workers(struct pool *p, int want)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (p->size < want) {
        struct worker *w = &p->workers[p->size - 1];
        *w = (struct worker){ .pool = p, .thread = p->size };
        if (pthread_create(&w->id, NULL, worker_main, w) != 0) break;
        p->size++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct pool *pool_new(int threads)
{
    int cpus = pool_cpus();
    int want = threads <= 0 ? cpus : threads;
    struct pool *p;

    if (want > MAX_THREADS) want = MAX_THREADS;
    p = mem_try_zero(1, sizeof *p + (size_t)(want - 1) * sizeof p->workers[0]);
    if (!p) return NULL;
    p->size = 1;
    p->spins = want <= cpus ? SPINS : 0; /* spinning only steals time when CPUs are short */
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->done, NULL);
    start_workers(p, want);
    return p;
}

void pool_free(struct pool *p)
{
    if (!p) return;
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->quit, true);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i + 1 < p->size; i++) pthread_join(p->workers[i].id, NULL);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->done);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

int pool_size(const struct pool *p)
{
    return p->size;
}

static void wait_until_done(struct pool *p)
{
    for (int i = 0; i < p->spins; i++) {
        if (atomic_load_explicit(&p->unfinished, memory_order_acquire) == 0) return;
        relax();
    }
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->owner_waits, true);
    while (atomic_load(&p->unfinished) > 0) pthread_cond_wait(&p->done, &p->lock);
    atomic_store(&p->owner_waits, false);
    pthread_mutex_unlock(&p->lock);
}

void pool_run(struct pool *p, size_t n, task_fn *fn, void *arg)
{
    if (p->size == 1 || n < 2) {
        for (size_t i = 0; i < n; i++) fn(arg, i, 0);
        return;
    }
    assert(atomic_load(&p->unfinished) == 0);
    p->fn = fn;
    p->arg = arg;
    p->n = n;
    atomic_store(&p->unfinished, n);
    atomic_store(&p->left, n);
    if (atomic_load(&p->sleepers) > 0) {
        pthread_mutex_lock(&p->lock);
        pthread_cond_broadcast(&p->work);
        pthread_mutex_unlock(&p->lock);
    }
    work_off(p, 0);
    wait_until_done(p);
}

int pool_cpus(void) { return cpu_count(); }
