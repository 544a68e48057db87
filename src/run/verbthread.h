/* verbthread.h: runs verbs off the main thread: one writer and two readers, each with a store
 * handle of its own. Answers come back on the loop's thread. All functions: loop's thread,
 * except verbthreads_submit. */
#pragma once
#include "app/verb.h"
#include "run/loop.h"

struct verbthreads;
/* Called on the loop's thread; r and e are never NULL and valid during the call only. rc 0 or
 * -kind. May post and cancel. */
typedef void verb_done(void *user, int rc, const struct reply *r, const struct err *e);

/* Opens the workspace before it returns (making it when cfg says so), so a workspace that
 * cannot be used is an error here and not in every answer. What cfg points to must outlive
 * the threads. */
int verbthreads_new(struct loop *l, const struct app_config *cfg, struct verbthreads **ret,
                    struct err *e);
/* As verbthreads_new, with n_long threads more for verbs that may take seconds, so that neither a
 * quick write nor a quick read waits behind one: for the daemon. Writes of different threads
 * come in any order. */
int verbthreads_new_lanes(struct loop *l, const struct app_config *cfg, int n_long,
                          struct verbthreads **ret, struct err *e);
/* Queues a call; args are copied. Writes go to the writer in order, reads to a reader.
 * Returns a ticket; verbthreads_cancel drops the answer (a write still runs). */
uint64_t verbthreads_post(struct verbthreads *t, const struct verb *v, const struct val *args,
                          verb_done *done, void *user);
void verbthreads_cancel(struct verbthreads *t, uint64_t ticket); /* 0 or answered: nothing */
/* A call on somebody's behalf, from any thread, answered on the verb thread that ran it. The task
 * is the caller's and must live until done was called, which happens exactly once, at the
 * latest in verbthreads_free (then possibly on its thread, ERR_BUSY). */
struct verb_task {
    const struct verb *verb; /* NULL: fn is run instead; it is quick */
    int (*fn)(struct app *app, void *user, struct err *e);
    const struct val *args;
    const char *actor, *role; /* NULL: as configured */
    bool dry_run, remote;     /* as in struct app */
    bool write;               /* fn changes the store */
    /* r may be taken over: leave an initialised one behind. */
    void (*done)(struct verb_task *k, int rc, struct reply *r, struct err *e);
    void *user;
    struct verb_task *next; /* the threads' own */
};
void verbthreads_submit(struct verbthreads *t, struct verb_task *k);
bool verbthreads_busy(struct verbthreads *t); /* something runs, or a write waits */
/* Waits for running verbs and for writes already queued (somebody confirmed them), drops
 * queued reads and all answers, joins. NULL is fine. Before loop_free. */
void verbthreads_free(struct verbthreads *t);
