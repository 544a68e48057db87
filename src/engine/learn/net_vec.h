/* net_vec.h: eight floats at a time for the small loops of nets, in GCC's vector extension.
 * Elementwise operations alone: the same bits on every machine. */
#pragma once
#include "engine/kernel/kernel.h"
#include <string.h>

typedef float v8f __attribute__((vector_size(32)));
typedef int32_t v8m __attribute__((vector_size(32)));

#define NET_SPLAT(x)         ((v8f){ (x), (x), (x), (x), (x), (x), (x), (x) })
#define NET_PICK(mask, a, b) ((v8f)(((mask) & (v8m)(a)) | (~(mask) & (v8m)(b))))
#define NET_WHERE(mask, a)   ((v8f)((mask) & (v8m)(a)))
#define NET_GET(v, p)        memcpy(&(v), (p), sizeof(v8f))
#define NET_PUT(p, v)        memcpy((p), &(v), sizeof(v8f))
