/* tensor.c: see tensor.h. Bytes are put together one by one, so the machine's own order and the
 * alignment of what came over the wire do not matter. */
#include "http/tensor.h"
#include "base/mem.h"
#include <assert.h>
#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} types[] = {
#define TENSOR(id, size) { #id, size },
#include "http/tensors.def"
#undef TENSOR
};

const char *tensor_name(enum tensor_type t)
{
    return types[t].name;
}

size_t tensor_size(enum tensor_type t)
{
    return types[t].size;
}

bool tensor_find(const char *name, size_t n, enum tensor_type *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strlen(types[i].name) != n || memcmp(types[i].name, name, n) != 0) continue;
        *ret = (enum tensor_type)i;
        return true;
    }
    return false;
}

static uint64_t little(const unsigned char *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = n; i-- > 0;) v = v << 8 | p[i];
    return v;
}

static double from_f64(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static double from_f32(uint64_t bits)
{
    uint32_t b = (uint32_t)bits;
    float f;
    memcpy(&f, &b, sizeof f);
    return (double)f;
}

/* 1 sign, 5 exponent, 10 mantissa. */
static double from_f16(uint64_t bits)
{
    int exponent = (int)(bits >> 10 & 31);
    double mantissa = (double)(bits & 1023), v;

    if (exponent == 31) v = mantissa > 0 ? (double)NAN : (double)INFINITY;
    else if (exponent == 0) v = ldexp(mantissa, -24);
    else v = ldexp(1024 + mantissa, exponent - 25);
    return bits & 0x8000 ? -v : v;
}

static double number(enum tensor_type t, uint64_t v)
{
    switch (t) {
    case TENSOR_BOOL: return v != 0;
    case TENSOR_UINT8:
    case TENSOR_UINT16:
    case TENSOR_UINT32:
    case TENSOR_UINT64: return (double)v;
    case TENSOR_INT8: return (double)(int8_t)v;
    case TENSOR_INT16: return (double)(int16_t)v;
    case TENSOR_INT32: return (double)(int32_t)v;
    case TENSOR_INT64: return (double)(int64_t)v;
    case TENSOR_FP16: return from_f16(v);
    case TENSOR_FP32: return from_f32(v);
    case TENSOR_FP64: return from_f64(v);
    case TENSOR_BF16: return from_f32(v << 16);
    case TENSOR_BYTES:
    case TENSOR_TYPES: break;
    }
    return (double)NAN;
}

struct cell tensor_cell(enum tensor_type t, const void *p)
{
    assert(types[t].size);
    double v = number(t, little(p, types[t].size));

    return isfinite(v) ? (struct cell){ .kind = CELL_NUM, .num = v }
                       : (struct cell){ .kind = CELL_NULL };
}

bool tensor_fits(enum tensor_type t, const struct cell *c)
{
    return c->kind == CELL_NULL || (c->kind == CELL_TEXT) == (t == TENSOR_BYTES);
}

enum tensor_type tensor_of_column(enum col_type t)
{
    switch (t) {
    case COL_INT: return TENSOR_INT64;
    case COL_REAL: return TENSOR_FP64;
    case COL_BOOL: return TENSOR_BOOL;
    case COL_TIME:
    case COL_CATEGORY:
    case COL_TEXT: break;
    }
    return TENSOR_BYTES;
}

static void put(struct str *out, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) str_addc(out, (char)(v >> 8 * i & 255));
}

void tensor_put_f64(struct str *out, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put(out, bits, 8);
}

void tensor_put_i64(struct str *out, int64_t v)
{
    put(out, (uint64_t)v, 8);
}

void tensor_put_bytes(struct str *out, const char *p, size_t n)
{
    put(out, n, 4);
    str_addn(out, p, n);
}
