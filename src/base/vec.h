/* vec.h: a growable array of any plain type.
 *   VEC(int) v = VEC_INIT;  vec_push(&v, 3);  v.p[0]  v.n  vec_done(&v);
 * Grows by doubling through mem.h (never fails). One owner. */
#pragma once
#include "base/mem.h"
#include <stdlib.h>

#define VEC(type) struct { type *p; size_t n, cap; }
#define VEC_INIT { NULL, 0, 0 }
#define vec_reserve(v, want)                                                                     \
    do {                                                                                         \
        if ((v)->cap < (want)) {                                                                 \
            size_t vec_c_ = (v)->cap ? (v)->cap : 8;                                             \
            while (vec_c_ < (want)) vec_c_ *= 2;                                                 \
            (v)->p = mem_realloc((v)->p, vec_c_ * sizeof *(v)->p);                               \
            (v)->cap = vec_c_;                                                                   \
        }                                                                                        \
    } while (0)
#define vec_push(v, item)                                                                        \
    do {                                                                                         \
        vec_reserve((v), (v)->n + 1);                                                            \
        (v)->p[(v)->n++] = (item);                                                               \
    } while (0)
#define vec_done(v)                                                                              \
    do {                                                                                         \
        free((v)->p);                                                                            \
        (v)->p = NULL;                                                                           \
        (v)->n = (v)->cap = 0;                                                                   \
    } while (0)
