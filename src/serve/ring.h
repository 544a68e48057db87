/* ring.h: a queue of byte records between two threads: one writes, one reads, nobody locks.
 *
 *   producer: ring_begin, fill in, ring_commit       NULL: full, nothing waits
 *   consumer: ring_read … ring_read, ring_release    or ring_rewind: read them again
 *
 * A record is a multiple of 8 bytes, aligned to 8, and in one piece. What was read stays in the
 * ring until it is released, so a consumer whose transaction fails reads it once more. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct ring;
struct ring *ring_new(size_t bytes); /* rounded up to a power of two, at least 4096 */
void ring_free(struct ring *r);      /* NULL is fine; both threads are through with it */
size_t ring_size(const struct ring *r);

/* Producer. Room for n bytes until ring_commit makes them a record; NULL: there is not so much
 * now, or the record would fill more than half of the ring. */
void *ring_begin(struct ring *r, size_t n);
void ring_commit(struct ring *r);

/* Consumer. The next record not read yet, of at least the bytes that were asked for; NULL: none. */
const void *ring_read(struct ring *r);
void ring_release(struct ring *r); /* what was read is gone */
void ring_rewind(struct ring *r);  /* what was read and not released will be read again */
bool ring_empty(const struct ring *r); /* nothing that is not released; either thread */
