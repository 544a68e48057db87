/* stage.h: fits that are parts of a greater one: how far it is, of all of them together.
 *
 * What a part reports reaches the outer engine as per cent of the whole, without loss curves:
 * those of different models are not one curve. On the thread that fits. */
#pragma once
#include "engine/engine.h"

struct stage {
    const struct engine *outer;
    size_t done, total; /* parts */
    char what[96];
    struct engine en; /* what the running part gets */
};

void stage_begin(struct stage *s, const struct engine *outer, size_t total);
/* The engine for the next part, of which there are total. */
const struct engine *stage_next(struct stage *s, const char *what, ...)
    __attribute__((format(printf, 2, 3)));
