/* mem.c: see mem.h for the policy: bookkeeping aborts, data reports. */
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LARGE_PAGE ((size_t)2 << 20)

void *mem_alloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p) abort();
    return p;
}

void *mem_zalloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size ? size : 1);
    if (!p) abort();
    return p;
}

void *mem_realloc(void *old, size_t size)
{
    void *p = realloc(old, size ? size : 1);
    if (!p) abort();
    return p;
}

char *mem_strdup(const char *s) { return mem_strndup(s, strlen(s)); }

char *mem_strndup(const char *s, size_t n)
{
    char *p = mem_alloc(n + 1);
    memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

static int fits(size_t n, size_t size) { return size == 0 || n <= (SIZE_MAX / 2) / size; }

void *mem_try(size_t n, size_t size)
{
    return fits(n, size) ? malloc(n && size ? n * size : 1) : NULL;
}

void *mem_try_zero(size_t n, size_t size)
{
    return fits(n, size) ? calloc(n ? n : 1, size ? size : 1) : NULL;
}

void *mem_try_grow(void *p, size_t n, size_t size)
{
    return fits(n, size) ? realloc(p, n && size ? n * size : 1) : NULL;
}

/* Asks for large pages where whole ones lie in the block; an unwilling system changes nothing. */
static void prefer_large_pages(void *p, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    uintptr_t from = ((uintptr_t)p + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
    uintptr_t to = ((uintptr_t)p + bytes) & ~(LARGE_PAGE - 1);

    if (from < to) (void)madvise((char *)p + (from - (uintptr_t)p), to - from, MADV_HUGEPAGE);
#else
    (void)p, (void)bytes;
#endif
}

void *mem_try_large(void *p, size_t n, size_t size)
{
    size_t bytes = n * size;

    if (!fits(n, size) || bytes < LARGE_PAGE / 2) return mem_try_grow(p, n, size);
    bytes = (bytes + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
    p = p ? realloc(p, bytes) : aligned_alloc(LARGE_PAGE, bytes);
    if (p) prefer_large_pages(p, bytes);
    return p;
}

void *mem_try_aligned(size_t n, size_t size)
{
    if (!fits(n, size)) return NULL;
    size_t bytes = (n * size + 63) & ~(size_t)63;
    if (bytes < LARGE_PAGE) return aligned_alloc(64, bytes ? bytes : 64);
    void *p = NULL; /* aligned_alloc would want whole pages */
    if (posix_memalign(&p, LARGE_PAGE, bytes)) return NULL;
    prefer_large_pages(p, bytes);
    return p;
}

void mem_freep(void *pp)
{
    void *p;
    memcpy(&p, pp, sizeof p); /* pp is the address of a pointer of any type */
    free(p);
}
