/* arena.h: bump allocator; everything in it lives until arena_reset or arena_done.
 *
 * Use one per verb call, per reply, per frame of the console: then results need no free
 * functions and cannot leak. Never returns NULL (see mem.h). Not thread safe: one owner. */
#pragma once
#include <stddef.h>
#include <stdarg.h>

struct arena_block;
struct arena {
    struct arena_block *head; /* newest block; older ones hang behind it */
    size_t used;              /* bytes handed out since reset, for limits and tests */
};

#define ARENA_INIT { NULL, 0 }

void arena_init(struct arena *a);
void arena_reset(struct arena *a); /* forgets the contents, keeps one block */
void arena_done(struct arena *a);  /* frees all; the arena may be used again */

void *arena_alloc(struct arena *a, size_t size) __attribute__((returns_nonnull)); /* 16-aligned */
void *arena_zalloc(struct arena *a, size_t n, size_t size) __attribute__((returns_nonnull));
char *arena_strdup(struct arena *a, const char *s); /* NULL gives NULL */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
#define arena_new(a, type) ((type *)arena_zalloc((a), 1, sizeof(type)))
#define arena_array(a, n, type) ((type *)arena_zalloc((a), (n), sizeof(type)))
