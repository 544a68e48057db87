/* verbthread.h: runs verbs off the main thread: one writer and two readers, each with a store
 * handle of its own. Answers come back on the loop's thread. */
#pragma once
#include "app/verb.h"
#include "run/loop.h"

struct verbthreads;
/* Called on the loop's thread; r and e are valid during the call only. rc 0 or -kind. */
typedef void verb_done(void *user, int rc, const struct reply *r, const struct err *e);

int verbthreads_new(struct loop *l, const struct app_config *cfg, struct verbthreads **ret,
                    struct err *e);
/* Queues a call; args are copied. Writes go to the writer in order, reads to a reader.
 * Returns a ticket; verbthreads_cancel drops the answer (the verb may still run). */
uint64_t verbthreads_post(struct verbthreads *t, const struct verb *v, const struct val *args,
                          verb_done *done, void *user);
void verbthreads_cancel(struct verbthreads *t, uint64_t ticket);
/* Waits for running verbs, drops queued ones, joins. */
void verbthreads_free(struct verbthreads *t);
