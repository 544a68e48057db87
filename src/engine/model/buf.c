/* buf.c: little-endian writing into a growing buffer, and reading back with bounds.
 *
 * Reading is written for hostile input: a cursor never passes the end, and once it would have
 * it stays `bad` and yields zeros and empty strings, so a loader may read a whole structure
 * and look at `bad` once, as long as it bounds every count it reads before it allocates.
 * One owner. */
#include "engine/model/buf.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void buf_done(struct buf *b)
{
    free(b->p);
    *b = (struct buf)BUF_INIT;
}

static uint8_t *extend(struct buf *b, size_t n)
{
    uint8_t *at;

    if (b->cap - b->n < n) {
        size_t cap = b->cap ? b->cap : 256;
        while (cap - b->n < n) cap *= 2;
        b->p = mem_realloc(b->p, cap);
        b->cap = cap;
    }
    at = b->p + b->n;
    b->n += n;
    return at;
}

static void put_le(struct buf *b, uint64_t v, size_t bytes)
{
    uint8_t *at = extend(b, bytes);

    for (size_t i = 0; i < bytes; i++) at[i] = (uint8_t)(v >> (8 * i));
}

void buf_u8(struct buf *b, uint8_t v)
{
    put_le(b, v, 1);
}
void buf_u32(struct buf *b, uint32_t v)
{
    put_le(b, v, 4);
}
void buf_u64(struct buf *b, uint64_t v)
{
    put_le(b, v, 8);
}

void buf_f64(struct buf *b, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    buf_u64(b, bits);
}

void buf_bytes(struct buf *b, const void *p, size_t n)
{
    if (n) memcpy(extend(b, n), p, n);
}

void buf_str(struct buf *b, const char *s)
{
    size_t n = strlen(s);

    buf_u32(b, (uint32_t)n);
    buf_bytes(b, s, n);
}

const uint8_t *cur_bytes(struct cursor *c, size_t n)
{
    const uint8_t *at = c->p;

    if (c->bad || n > c->left) {
        c->bad = true;
        c->left = 0;
        return NULL;
    }
    c->p += n;
    c->left -= n;
    return at;
}

static uint64_t get_le(struct cursor *c, size_t bytes)
{
    const uint8_t *at = cur_bytes(c, bytes);
    uint64_t v = 0;

    if (!at) return 0;
    for (size_t i = 0; i < bytes; i++) v |= (uint64_t)at[i] << (8 * i);
    return v;
}

uint8_t cur_u8(struct cursor *c)
{
    return (uint8_t)get_le(c, 1);
}
uint32_t cur_u32(struct cursor *c)
{
    return (uint32_t)get_le(c, 4);
}
uint64_t cur_u64(struct cursor *c)
{
    return get_le(c, 8);
}

double cur_f64(struct cursor *c)
{
    uint64_t bits = get_le(c, 8);
    double v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

const char *cur_str(struct cursor *c, size_t *ret_len)
{
    uint32_t n = cur_u32(c);
    const uint8_t *at = cur_bytes(c, n);

    *ret_len = at ? n : 0;
    return at ? (const char *)at : "";
}
