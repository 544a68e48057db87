/* verbthread.h: runs verbs off the main thread: one writer and two readers, each with a store
 * handle of its own. Answers come back on the loop's thread. All functions: loop's thread. */
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
/* Queues a call; args are copied. Writes go to the writer in order, reads to a reader.
 * Returns a ticket; verbthreads_cancel drops the answer (a write still runs). */
uint64_t verbthreads_post(struct verbthreads *t, const struct verb *v, const struct val *args,
                          verb_done *done, void *user);
void verbthreads_cancel(struct verbthreads *t, uint64_t ticket); /* 0 or answered: nothing */
/* Waits for running verbs and for writes already queued (somebody confirmed them), drops
 * queued reads and all answers, joins. NULL is fine. Before loop_free. */
void verbthreads_free(struct verbthreads *t);
