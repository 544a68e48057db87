/* sched.h: recurring work inside a process that stays: one timer on the loop. The work itself is
 * the verb `schedule run` on the writer thread, one piece a call, so that what a user asks for
 * comes in between. Which slots there are, and that each is done once over all processes, is
 * app/schedule.c's. Loop's thread. */
#pragma once
#include "run/verbthread.h"

struct sched;
/* Begins `after_ms` from now. news(user) after work was done; may be NULL. The threads must
 * outlive it. */
int sched_new(struct loop *l, struct verbthreads *t, const struct clock *clock, uint64_t after_ms,
              void (*news)(void *user), void *user, struct sched **ret, struct err *e);
/* Before the threads and the loop; NULL is fine. A piece that runs is ended by verbthreads_free,
 * which waits for it. */
void sched_free(struct sched *s);
