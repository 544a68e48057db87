/* mem.h: allocation policy.
 *
 * Bookkeeping (names, rows of a screen, nodes of a reply) goes through mem_*, which never
 * return NULL: running out there leaves nothing sensible to do, and the process aborts; jobs,
 * registry and audit are safe because they live in transactions.
 * Memory whose size comes from input data (columns, matrices, histograms) goes through
 * mem_try*, which may return NULL and must be reported as ERR_NOMEM. Any thread. */
#pragma once
#include <stddef.h>

void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *p, size_t size) __attribute__((returns_nonnull));
char *mem_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *mem_strndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));

/* n * size bytes, zeroed or not; NULL when it does not fit or overflows. */
void *mem_try(size_t n, size_t size);
void *mem_try_zero(size_t n, size_t size);
void *mem_try_grow(void *p, size_t n, size_t size);
/* As mem_try_grow, for what will be filled from end to end (columns, windows): blocks of a MiB and
 * more begin on large pages where the system has them, which saves most page faults; they are
 * rounded up to whole ones. */
void *mem_try_large(void *p, size_t n, size_t size);
/* 64-byte aligned, for vector code; from 2 MiB on large pages where the system has them, because
 * such blocks are often read here and there. Free with free(). */
void *mem_try_aligned(size_t n, size_t size);

/* Cleanup attribute for a pointer owned by a scope: MEM_AUTO char *p = ...; */
void mem_freep(void *pp);
#define MEM_AUTO __attribute__((cleanup(mem_freep)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
