/* engine.h: what every engine function gets from outside, and the words they share.
 *
 * The engine is pure computation: it sees base/ only, does no I/O, reads no clock and no
 * environment, prints nothing and has no globals. Threads, progress, cancellation and
 * randomness come in through struct engine. Results are a function of the data, the parameters
 * and the seed alone: the same bytes for any number of threads. */
#pragma once
#include "base/err.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool; /* engine/pool.h */

/* One step of progress: `done` of `total` units, with the current value of up to two loss
 * curves (NaN when there is none). Called on the thread that called the engine, at most once
 * per tree, epoch or iteration. */
struct engine_progress {
    const char *what;       /* "round", "iteration", "fold" */
    size_t done, total;
    const char *metric;     /* "log_loss", "rmse" … or NULL */
    double train, valid;    /* value of metric; NaN: not measured */
};

struct engine {
    struct pool *pool;      /* never NULL; pool_new(1) is the calling thread alone */
    uint64_t seed;
    const atomic_bool *cancel; /* NULL: cannot be cancelled */
    void (*progress)(void *user, const struct engine_progress *p); /* NULL: silent */
    void (*note)(void *user, const char *line); /* a remark for the log; NULL: dropped */
    void *user;
};

static inline bool engine_cancelled(const struct engine *en)
{
    return en->cancel && atomic_load_explicit(en->cancel, memory_order_relaxed);
}
void engine_progress(const struct engine *en, const struct engine_progress *p);
void engine_note(const struct engine *en, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

enum task { TASK_BINARY = 1, TASK_MULTICLASS = 2, TASK_REGRESSION = 4 };
const char *task_name(enum task t); /* "binary", "multiclass", "regression" */
bool task_parse(const char *s, enum task *ret);
