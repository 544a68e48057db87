/* dict.c: strings and their codes. The code of a string is the position at which it was first
 * added, so a dictionary built from the same rows is the same dictionary.
 *
 * Frames made from one another share a dictionary by reference count; a shared one must not
 * grow while another thread reads it. */
#include "engine/frame/frame.h"

#include "base/map.h"
#include "base/mem.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

struct dict {
    atomic_int refs;
    struct map *map; /* string -> code; its insertion order is the order of codes */
};

struct dict *dict_new(void)
{
    struct dict *d = mem_alloc(sizeof *d);

    atomic_init(&d->refs, 1);
    d->map = map_new();
    return d;
}

struct dict *dict_ref(struct dict *d)
{
    atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    return d;
}

void dict_unref(struct dict *d)
{
    if (!d || atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) > 1) return;
    map_free(d->map);
    free(d);
}

int32_t dict_add(struct dict *d, const char *s, size_t n)
{
    bool is_new;
    int64_t *code = map_at(d->map, s, n, &is_new);

    if (is_new) {
        assert(map_len(d->map) <= INT32_MAX);
        *code = (int64_t)map_len(d->map) - 1;
    }
    return (int32_t)*code;
}

int32_t dict_find(const struct dict *d, const char *s, size_t n)
{
    const int64_t *code = map_find(d->map, s, n);

    return code ? (int32_t)*code : -1;
}

const char *dict_str(const struct dict *d, int32_t code, size_t *ret_len)
{
    size_t len;
    const char *s;

    assert(code >= 0 && (size_t)code < map_len(d->map));
    s = map_key(d->map, (size_t)code, &len);
    if (ret_len) *ret_len = len;
    return s;
}

size_t dict_len(const struct dict *d)
{
    return map_len(d->map);
}
