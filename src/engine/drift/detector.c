/* detector.c: see detector.h: the table, and the start-anew rule all detectors share. */
#include "engine/drift/detector.h"

#include "base/mem.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define DETECTOR(name) extern const struct detector detector_##name;
#include "engine/drift/detectors.def"
#undef DETECTOR

const struct detector *const detectors[] = {
#define DETECTOR(name) &detector_##name,
#include "engine/drift/detectors.def"
#undef DETECTOR
    NULL,
};

const struct detector *detector_find(const char *name)
{
    for (const struct detector *const *d = detectors; *d; d++)
        if (str_eq((*d)->name, name)) return *d;
    return NULL;
}

struct watch {
    const struct detector *kind;
    struct arena arena;
    const struct val *params;
    uint64_t seed, seen;
    bool drifted; /* start anew with the next value */
    max_align_t state[];
};

static void start(struct watch *w)
{
    memset(w->state, 0, w->kind->size);
    w->kind->start(w->state, w->params, w->seed + w->seen);
    w->drifted = false;
}

static void stop(struct watch *w)
{
    if (w->kind->stop) w->kind->stop(w->state);
}

int watch_new(const struct detector *d, const struct val *params, uint64_t seed,
              struct watch **ret, struct err *e)
{
    struct watch *w = mem_zalloc(1, sizeof *w + d->size);
    struct val *bound;
    w->kind = d;
    w->seed = seed;
    int rc = param_bind_val(d->params, &w->arena, params, &bound, e);
    if (rc < 0) {
        arena_done(&w->arena);
        free(w);
        return err_prefix(e, "detector %s", d->name);
    }
    w->params = bound;
    start(w);
    *ret = w;
    return 0;
}

enum detector_state watch_add(struct watch *w, double x)
{
    if (isnan(x)) return DETECTOR_STEADY;
    if (w->drifted) {
        stop(w);
        start(w);
    }
    w->seen++;
    enum detector_state s = w->kind->add(w->state, x);
    w->drifted = s == DETECTOR_DRIFT;
    return s;
}

uint64_t watch_seen(const struct watch *w)
{
    return w->seen;
}

void watch_free(struct watch *w)
{
    if (!w) return;
    stop(w);
    arena_done(&w->arena);
    free(w);
}
