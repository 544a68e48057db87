/* ring.c: see ring.h. A record is preceded by its length with this word, in bytes; a length of 0
 * says that the next record is at the ring's beginning. Positions only grow; their low bits are
 * the place. Writer and reader keep what they write on cache lines of their own. */
#include "serve/ring.h"
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct ring {
    char *p;
    size_t size;                     /* power of two */
    _Alignas(64) atomic_size_t head; /* written up to here; producer */
    size_t entry;                    /* bytes of the record that was begun */
    size_t tail_seen;                /* the reader was there, at least */
    _Alignas(64) atomic_size_t tail; /* released up to here; consumer */
    size_t reading;                  /* read up to here */
};

struct ring *ring_new(size_t bytes)
{
    struct ring *r = mem_try_aligned(1, sizeof *r);

    if (!r) abort();
    memset(r, 0, sizeof *r);
    for (r->size = 4096; r->size < bytes; r->size *= 2) continue;
    r->p = mem_alloc(r->size);
    return r;
}

void ring_free(struct ring *r)
{
    if (!r) return;
    free(r->p);
    free(r);
}

size_t ring_size(const struct ring *r)
{
    return r->size;
}

void *ring_begin(struct ring *r, size_t n)
{
    size_t need = (sizeof(uint64_t) + n + 7) & ~(size_t)7;
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    size_t at = head & (r->size - 1), skip = r->size - at < need ? r->size - at : 0;
    uint64_t length = 0;

    if (n > r->size / 2 || need > r->size / 2) return NULL;
    if (r->size - (head - r->tail_seen) < need + skip) {
        r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (r->size - (head - r->tail_seen) < need + skip) return NULL;
    }
    if (skip) {
        memcpy(r->p + at, &length, sizeof length);
        atomic_store_explicit(&r->head, head + skip, memory_order_release);
        at = 0;
    }
    length = need;
    memcpy(r->p + at, &length, sizeof length);
    r->entry = need;
    return r->p + at + sizeof length;
}

void ring_commit(struct ring *r)
{
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

    atomic_store_explicit(&r->head, head + r->entry, memory_order_release);
}

const void *ring_read(struct ring *r)
{
    size_t head = atomic_load_explicit(&r->head, memory_order_acquire);

    while (r->reading != head) {
        size_t at = r->reading & (r->size - 1);
        uint64_t length;
        memcpy(&length, r->p + at, sizeof length);
        if (length) {
            r->reading += length;
            return r->p + at + sizeof length;
        }
        r->reading += r->size - at;
    }
    return NULL;
}

void ring_release(struct ring *r)
{
    atomic_store_explicit(&r->tail, r->reading, memory_order_release);
}

void ring_rewind(struct ring *r)
{
    r->reading = atomic_load_explicit(&r->tail, memory_order_relaxed);
}

bool ring_empty(const struct ring *r)
{
    return atomic_load_explicit(&r->head, memory_order_acquire) ==
           atomic_load_explicit(&r->tail, memory_order_acquire);
}
