/* verbthread.c: two queues, three threads.
 *
 *   post --> write queue --> writer  --.
 *       \--> read queue  --> reader 1 --+--> finished list --async--> done() on the loop
 *                        \-> reader 2 --'
 *
 * One writer keeps writes in the order they were asked for; two readers keep a slow listing
 * from holding up a quick one. A call belongs to the loop's thread (list `calls`), and to a
 * verb thread only between leaving its queue and joining the finished list; in that time the
 * loop's thread touches nothing of it but `done`, which only the loop's thread ever reads.
 * Verb threads block all signals: those are for the main thread. */
#include "run/verbthread.h"
#include "base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { READERS = 2, THREADS = 1 + READERS };

struct call {
    struct call *next;          /* in a queue or in the finished list; under the lock */
    struct call *newer, *older; /* in verbthreads.newest; loop's thread */
    uint64_t ticket;
    const struct verb *verb;
    struct arena arena; /* holds args */
    struct val *args;
    verb_done *done; /* NULL: nobody wants the answer; loop's thread */
    void *user;
    atomic_bool skip; /* a read nobody wants: need not run */
    int rc;
    struct reply reply;
    struct err err;
};

struct queue {
    struct call *head, **tail;
    pthread_cond_t wake;
};

struct verb_thread {
    struct verbthreads *all;
    struct queue *queue;
    pthread_t id;
    struct app app;
    bool open;
};

struct verbthreads {
    struct app_config cfg;
    pthread_mutex_t lock; /* queues, finished, stop */
    struct queue writes, reads;
    struct call *finished, **finished_tail;
    bool stop;
    struct loop_async *answered;
    struct verb_thread threads[THREADS]; /* [0] writes */
    int n_started;
    struct call *newest; /* every call not yet answered */
    uint64_t last_ticket;
};

static void queue_init(struct queue *q)
{
    q->head = NULL;
    q->tail = &q->head;
    pthread_cond_init(&q->wake, NULL);
}

static void queue_push(struct queue *q, struct call *c)
{
    c->next = NULL;
    *q->tail = c;
    q->tail = &c->next;
    pthread_cond_signal(&q->wake);
}

static struct call *queue_pop(struct queue *q)
{
    struct call *c = q->head;

    q->head = c->next;
    if (!q->head) q->tail = &q->head;
    return c;
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

/* The next call, or NULL when the thread shall end. */
static struct call *next_call(struct verb_thread *th)
{
    struct verbthreads *t = th->all;
    struct queue *q = th->queue;
    struct call *c = NULL;

    pthread_mutex_lock(&t->lock);
    while (!q->head && !t->stop) pthread_cond_wait(&q->wake, &t->lock);
    if (q->head && !(t->stop && q == &t->reads)) c = queue_pop(q);
    pthread_mutex_unlock(&t->lock);
    return c;
}

static void run_call(struct verb_thread *th, struct call *c)
{
    if (atomic_load(&c->skip)) {
        c->rc = err_set(&c->err, ERR_CANCELLED, "not wanted any more");
        return;
    }
    if (!th->open) {
        c->rc = app_open(&th->app, &th->all->cfg, &c->err);
        if (c->rc < 0) return; /* the next call tries again */
        th->open = true;
    }
    c->rc = verb_call(&th->app, c->verb, c->args, &c->reply, &c->err);
}

static void *thread_main(void *arg)
{
    struct verb_thread *th = arg;
    struct verbthreads *t = th->all;
    struct call *c;

    while ((c = next_call(th))) {
        run_call(th, c);
        pthread_mutex_lock(&t->lock);
        c->next = NULL;
        *t->finished_tail = c;
        t->finished_tail = &c->next;
        pthread_mutex_unlock(&t->lock);
        loop_async_send(t->answered);
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
    for (int i = 0; i < THREADS && rc == 0; i++) {
        struct verb_thread *th = &t->threads[i];

        th->all = t;
        th->queue = i == 0 ? &t->writes : &t->reads;
        rc = pthread_create(&th->id, NULL, thread_main, th);
        if (rc == 0) t->n_started++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc ? err_set(e, ERR_NOMEM, "cannot start a thread for verbs") : 0;
}

int verbthreads_new(struct loop *l, const struct app_config *cfg, struct verbthreads **ret,
                    struct err *e)
{
    struct verbthreads *t = mem_zalloc(1, sizeof *t);
    int rc;

    t->cfg = *cfg;
    pthread_mutex_init(&t->lock, NULL);
    queue_init(&t->writes);
    queue_init(&t->reads);
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

uint64_t verbthreads_post(struct verbthreads *t, const struct verb *v, const struct val *args,
                          verb_done *done, void *user)
{
    struct call *c = mem_zalloc(1, sizeof *c);

    arena_init(&c->arena);
    c->args = args ? val_copy(&c->arena, args) : NULL;
    c->ticket = ++t->last_ticket;
    c->verb = v;
    c->done = done;
    c->user = user;
    reply_init(&c->reply);
    c->older = t->newest;
    if (c->older) c->older->newer = c;
    t->newest = c;
    pthread_mutex_lock(&t->lock);
    queue_push(v->flags & VERB_WRITE ? &t->writes : &t->reads, c);
    pthread_mutex_unlock(&t->lock);
    return c->ticket;
}

void verbthreads_cancel(struct verbthreads *t, uint64_t ticket)
{
    for (struct call *c = t->newest; c; c = c->older) {
        if (c->ticket != ticket) continue;
        c->done = NULL;
        if (!(c->verb->flags & VERB_WRITE)) atomic_store(&c->skip, true);
        return;
    }
}

void verbthreads_free(struct verbthreads *t)
{
    if (!t) return;
    pthread_mutex_lock(&t->lock);
    t->stop = true;
    pthread_cond_broadcast(&t->writes.wake);
    pthread_cond_broadcast(&t->reads.wake);
    pthread_mutex_unlock(&t->lock);
    for (int i = 0; i < t->n_started; i++) pthread_join(t->threads[i].id, NULL);
    while (t->newest) call_free(t, t->newest);
    loop_async_free(t->answered);
    pthread_cond_destroy(&t->writes.wake);
    pthread_cond_destroy(&t->reads.wake);
    pthread_mutex_destroy(&t->lock);
    free(t);
}
