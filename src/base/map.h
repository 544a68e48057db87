/* map.h: byte-string keys to a 64-bit integer; open addressing, keys copied.
 * For dictionaries of categories and name look-ups. Iteration order is insertion order.
 * One owner; concurrent reads of an unchanging map are fine. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map;
struct map *map_new(void);
void map_free(struct map *m); /* NULL is fine */
size_t map_len(const struct map *m);
/* Adds or finds. Returns the slot's value, valid until the next add; *ret_new tells (may be
 * NULL). A new value starts as 0. */
int64_t *map_at(struct map *m, const char *key, size_t len, bool *ret_new);
const int64_t *map_find(const struct map *m, const char *key, size_t len); /* NULL: absent */
/* i-th key in insertion order, NUL-terminated, owned by the map. */
const char *map_key(const struct map *m, size_t i, size_t *ret_len);
uint64_t map_hash(const void *key, size_t len); /* wyhash-like mix, stable across runs */
