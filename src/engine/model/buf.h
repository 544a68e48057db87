/* buf.h: little-endian byte buffer and bounds-checked cursor, for model sections.
 * Writing never fails (see base/mem.h); reading past the end sets `bad` and yields zeros, so a
 * loader checks once at the end. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf { uint8_t *p; size_t n, cap; };
#define BUF_INIT { 0, 0, 0 }
void buf_done(struct buf *b);
void buf_u8(struct buf *b, uint8_t v);
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
void buf_f64(struct buf *b, double v);
void buf_str(struct buf *b, const char *s); /* u32 length + bytes */
void buf_bytes(struct buf *b, const void *p, size_t n); /* raw */

struct cursor { const uint8_t *p; size_t left; bool bad; };
uint8_t cur_u8(struct cursor *c);
uint32_t cur_u32(struct cursor *c);
uint64_t cur_u64(struct cursor *c);
double cur_f64(struct cursor *c);
/* Pointer into the buffer and its length; not NUL-terminated. */
const char *cur_str(struct cursor *c, size_t *ret_len);
const uint8_t *cur_bytes(struct cursor *c, size_t n);
