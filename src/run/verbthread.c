/* verbthread.c: queues and the threads that serve them.
 *
 *   post --> write queue --> writer  --.
 *       |--> read queue  --> reader 1 --+--> finished list --async--> done() on the loop
 *       |                \-> reader 2 --|
 *       \--> long queue  --> (daemon)  --'
 *
 * One writer keeps writes in the order they were asked for; two readers keep a slow listing
 * from holding up a quick one. Where there are threads for long verbs, those run there, reads
 * and writes alike; the store lets one write at a time, whoever asks. A posted call belongs to
 * the loop's thread (list `calls`), and to a verb thread only between leaving its queue and
 * joining the finished list; in that time the loop's thread touches nothing of it but `done`,
 * which only the loop's thread ever reads. A submitted task is answered where it ran.
 * Verb threads block all signals: those are for the main thread. */
#include "run/verbthread.h"
#include "base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { READERS = 2, THREADS_MAX = 16 };
enum lane { WRITES, READS, LONGS, LANES };

struct call {
    struct verb_task task;      /* first */
    struct call *next;          /* in the finished list; under the lock */
    struct call *newer, *older; /* in verbthreads.newest; loop's thread */
    uint64_t ticket;
    struct arena arena; /* holds args */
    verb_done *done;    /* NULL: nobody wants the answer; loop's thread */
    void *user;
    atomic_bool skip; /* a read nobody wants: need not run */
    int rc;
    struct reply reply;
    struct err err;
};

struct queue {
    struct verb_task *head, **tail;
    pthread_cond_t wake;
};

struct verb_thread {
    struct verbthreads *all;
    enum lane lane;
    pthread_t id;
    struct app app;
    bool open;
};

struct verbthreads {
    struct app_config cfg;
    pthread_mutex_t lock; /* queues, finished, n_running, stop */
    struct queue queues[LANES];
    struct call *finished, **finished_tail;
    bool stop;
    struct loop_async *answered;
    struct verb_thread threads[THREADS_MAX]; /* [0] writes */
    int n_started, n_long, n_running;
    struct call *newest; /* every call not yet answered */
    uint64_t last_ticket;
};

static void queue_init(struct queue *q)
{
    q->head = NULL;
    q->tail = &q->head;
    pthread_cond_init(&q->wake, NULL);
}

static void queue_push(struct queue *q, struct verb_task *k)
{
    k->next = NULL;
    *q->tail = k;
    q->tail = &k->next;
    pthread_cond_signal(&q->wake);
}

static struct verb_task *queue_pop(struct queue *q)
{
    struct verb_task *k = q->head;

    q->head = k->next;
    if (!q->head) q->tail = &q->head;
    return k;
}

/* A verb that queues a job is long only for who follows the job, and here nobody does. */
static enum lane lane_of(const struct verbthreads *t, const struct verb_task *k)
{
    unsigned flags = k->verb ? k->verb->flags : k->write ? VERB_WRITE : 0;

    if (t->n_long && (flags & VERB_LONG) && !(flags & VERB_JOB)) return LONGS;
    return flags & VERB_WRITE ? WRITES : READS;
}

static void call_free(struct verbthreads *t, struct call *c)
{
    if (c->newer) c->newer->older = c->older;
    else t->newest = c->older;
    if (c->older) c->older->newer = c->newer;
    reply_done(&c->reply);
    arena_done(&c->arena);
    free(c);
}

/* -- on a verb thread ----------------------------------------------------- */

/* The next task, or NULL when the thread shall end. Writes that were asked for are still done
 * then, of the long ones those that run. */
static struct verb_task *next_task(struct verb_thread *th)
{
    struct verbthreads *t = th->all;
    struct queue *q = &t->queues[th->lane];
    struct verb_task *k = NULL;

    pthread_mutex_lock(&t->lock);
    while (!q->head && !t->stop) pthread_cond_wait(&q->wake, &t->lock);
    if (q->head && !(t->stop && th->lane != WRITES)) k = queue_pop(q);
    t->n_running += k != NULL;
    pthread_mutex_unlock(&t->lock);
    return k;
}

/* A posted call ran: to the loop with it. */
static void call_ran(struct verb_task *k, int rc, struct reply *r, struct err *e)
{
    struct call *c = (struct call *)k;
    struct verbthreads *t = k->user;

    c->rc = rc;
    c->reply = *r;
    reply_init(r);
    c->err = *e;
    pthread_mutex_lock(&t->lock);
    c->next = NULL;
    *t->finished_tail = c;
    t->finished_tail = &c->next;
    pthread_mutex_unlock(&t->lock);
    loop_async_send(t->answered);
}

static bool is_unwanted(const struct verb_task *k)
{
    return k->done == call_ran && atomic_load(&((const struct call *)k)->skip);
}

/* With the thread's app, as whoever the task is run for. */
static int run_as(struct app *app, const struct verb_task *k, struct reply *r, struct err *e)
{
    const struct app own = *app;

    if (k->actor) app->actor = k->actor;
    if (k->role) app->role = k->role;
    app->dry_run |= k->dry_run;
    app->remote |= k->remote;
    int rc = k->verb ? verb_call(app, k->verb, k->args, r, e) : k->fn(app, k->user, e);
    app->actor = own.actor;
    app->role = own.role;
    app->dry_run = own.dry_run;
    app->remote = own.remote;
    return rc;
}

static void run_task(struct verb_thread *th, struct verb_task *k)
{
    struct err e = ERR_INIT;
    struct reply r;
    int rc = 0;

    reply_init(&r);
    if (is_unwanted(k)) rc = err_set(&e, ERR_CANCELLED, "not wanted any more");
    if (!rc && !th->open) {
        rc = app_open(&th->app, &th->all->cfg, &e);
        th->open = rc == 0; /* if not, the next task tries again */
    }
    if (!rc) rc = run_as(&th->app, k, &r, &e);
    k->done(k, rc, &r, &e);
    reply_done(&r);
}

static void *thread_main(void *arg)
{
    struct verb_thread *th = arg;
    struct verbthreads *t = th->all;
    struct verb_task *k;

    while ((k = next_task(th))) {
        run_task(th, k);
        pthread_mutex_lock(&t->lock);
        t->n_running--;
        pthread_mutex_unlock(&t->lock);
    }
    if (th->open) app_close(&th->app);
    return NULL;
}

/* -- on the loop's thread ------------------------------------------------- */

static void deliver(void *user)
{
    struct verbthreads *t = user;
    struct call *c, *next;

    pthread_mutex_lock(&t->lock);
    c = t->finished;
    t->finished = NULL;
    t->finished_tail = &t->finished;
    pthread_mutex_unlock(&t->lock);
    for (; c; c = next) {
        next = c->next;
        if (c->done) c->done(c->user, c->rc, &c->reply, &c->err);
        call_free(t, c);
    }
}

static int start_threads(struct verbthreads *t, struct err *e)
{
    sigset_t all, old;
    int rc = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (int i = 0; i < 1 + READERS + t->n_long && rc == 0; i++) {
        struct verb_thread *th = &t->threads[i];

        th->all = t;
        th->lane = i == 0 ? WRITES : i <= READERS ? READS : LONGS;
        rc = pthread_create(&th->id, NULL, thread_main, th);
        if (rc == 0) t->n_started++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc ? err_set(e, ERR_NOMEM, "cannot start a thread for verbs") : 0;
}

int verbthreads_new_lanes(struct loop *l, const struct app_config *cfg, int n_long,
                          struct verbthreads **ret, struct err *e)
{
    struct verbthreads *t = mem_zalloc(1, sizeof *t);
    int rc;

    assert(n_long >= 0 && 1 + READERS + n_long <= THREADS_MAX);
    t->cfg = *cfg;
    t->n_long = n_long;
    pthread_mutex_init(&t->lock, NULL);
    for (int i = 0; i < LANES; i++) queue_init(&t->queues[i]);
    t->finished_tail = &t->finished;
    rc = app_open(&t->threads[0].app, &t->cfg, e);
    t->threads[0].open = rc == 0;
    t->cfg.create = false; /* it is there now */
    if (rc == 0) rc = loop_async_new(l, deliver, t, &t->answered, e);
    if (rc == 0) rc = start_threads(t, e);
    if (rc < 0) {
        if (t->n_started == 0 && t->threads[0].open) app_close(&t->threads[0].app);
        verbthreads_free(t);
        return rc;
    }
    *ret = t;
    return 0;
}

int verbthreads_new(struct loop *l, const struct app_config *cfg, struct verbthreads **ret,
                    struct err *e)
{
    return verbthreads_new_lanes(l, cfg, 0, ret, e);
}

void verbthreads_submit(struct verbthreads *t, struct verb_task *k)
{
    pthread_mutex_lock(&t->lock);
    queue_push(&t->queues[lane_of(t, k)], k);
    pthread_mutex_unlock(&t->lock);
}

uint64_t verbthreads_post(struct verbthreads *t, const struct verb *v, const struct val *args,
                          verb_done *done, void *user)
{
    struct call *c = mem_zalloc(1, sizeof *c);

    arena_init(&c->arena);
    c->task = (struct verb_task){
        .verb = v, .args = args ? val_copy(&c->arena, args) : NULL, .done = call_ran, .user = t
    };
    c->ticket = ++t->last_ticket;
    c->done = done;
    c->user = user;
    reply_init(&c->reply);
    c->older = t->newest;
    if (c->older) c->older->newer = c;
    t->newest = c;
    verbthreads_submit(t, &c->task);
    return c->ticket;
}

void verbthreads_cancel(struct verbthreads *t, uint64_t ticket)
{
    for (struct call *c = t->newest; c; c = c->older) {
        if (c->ticket != ticket) continue;
        c->done = NULL;
        if (!(c->task.verb->flags & VERB_WRITE)) atomic_store(&c->skip, true);
        return;
    }
}

/* What was submitted and never ran is answered; posted calls are nobody's any more. */
static void drop_queued(struct queue *q)
{
    while (q->head) {
        struct verb_task *k = queue_pop(q);
        struct err e = ERR_INIT;
        struct reply r;

        if (k->done == call_ran) continue;
        reply_init(&r);
        k->done(k, err_set(&e, ERR_BUSY, "stopped before its turn came"), &r, &e);
        reply_done(&r);
    }
}

bool verbthreads_busy(struct verbthreads *t)
{
    pthread_mutex_lock(&t->lock);
    bool busy = t->n_running > 0 || t->queues[WRITES].head;
    pthread_mutex_unlock(&t->lock);
    return busy;
}

void verbthreads_free(struct verbthreads *t)
{
    if (!t) return;
    pthread_mutex_lock(&t->lock);
    t->stop = true;
    for (int i = 0; i < LANES; i++) pthread_cond_broadcast(&t->queues[i].wake);
    pthread_mutex_unlock(&t->lock);
    for (int i = 0; i < t->n_started; i++) pthread_join(t->threads[i].id, NULL);
    for (int i = 0; i < LANES; i++) drop_queued(&t->queues[i]);
    while (t->newest) call_free(t, t->newest);
    loop_async_free(t->answered);
    for (int i = 0; i < LANES; i++) pthread_cond_destroy(&t->queues[i].wake);
    pthread_mutex_destroy(&t->lock);
    free(t);
}
