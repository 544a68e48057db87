/* pool.h: a fixed set of threads for data-parallel loops.
 *
 * Work is split by index, never by who is free first where order matters, so results do not
 * depend on the number of threads. Workers spin briefly before they sleep (wake-ups cost tens
 * of microseconds). The calling thread works too; calls do not nest. */
#pragma once
#include <stddef.h>

struct pool;
struct pool *pool_new(int threads); /* 0: as many as this process may use; NULL: no memory */
void pool_free(struct pool *p);
int pool_size(const struct pool *p); /* threads including the caller, >= 1 */

/* Calls fn(arg, task, thread) once for every task in [0,n); returns when all are done.
 * thread is in [0,pool_size). Tasks are handed out in order, to whoever is free. */
void pool_run(struct pool *p, size_t n, void (*fn)(void *arg, size_t task, int thread), void *arg);
int pool_cpus(void); /* CPUs this process may run on (affinity and cgroup quota) */
