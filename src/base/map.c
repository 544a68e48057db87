/* map.c: see map.h. Linear probing over a power-of-two table of entry numbers; entries and
 * keys lie in insertion order, so iteration is stable and growth only rebuilds the table. */
#include "base/map.h"
#include "base/arena.h"
#include "base/mem.h"
#include "base/vec.h"

#include <string.h>

struct entry {
    const char *key;
    size_t len;
    uint64_t hash;
    int64_t value;
};

struct map {
    VEC(struct entry) entries;
    uint32_t *slots; /* entry number + 1; 0: free */
    size_t n_slots;
    struct arena keys;
};

/* n < 8 bytes as a number, the first lowest, without a loop or a call. */
static inline uint64_t load_tail(const unsigned char *p, size_t n)
{
    uint32_t low, high;
    if (n >= 4) {
        memcpy(&low, p, 4);
        memcpy(&high, p + n - 4, 4);
        return low | (uint64_t)high << 8 * (n - 4);
    }
    if (n == 0) return 0;
    return p[0] | (uint64_t)p[n / 2] << 8 * (n / 2) | (uint64_t)p[n - 1] << 8 * (n - 1);
}

uint64_t map_hash(const void *key, size_t len)
{
    const unsigned char *p = key;
    uint64_t h = 0x9e3779b97f4a7c15u ^ (len * 0xff51afd7ed558ccdu);
    while (len >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        h = (h ^ w) * 0xd6e8feb86659fd93u;
        h ^= h >> 32;
        p += 8;
        len -= 8;
    }
    h = (h ^ load_tail(p, len)) * 0xd6e8feb86659fd93u;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    return h ^ (h >> 32);
}

struct map *map_new(void)
{
    struct map *m = mem_zalloc(1, sizeof *m);
    m->n_slots = 16;
    m->slots = mem_zalloc(m->n_slots, sizeof *m->slots);
    return m;
}

void map_free(struct map *m)
{
    if (!m) return;
    vec_done(&m->entries);
    free(m->slots);
    arena_done(&m->keys);
    free(m);
}

size_t map_len(const struct map *m) { return m->entries.n; }

/* Slot that holds the key, or the free slot where it belongs. */
static size_t probe(const struct map *m, const char *key, size_t len, uint64_t hash)
{
    size_t i = hash & (m->n_slots - 1);
    for (;; i = (i + 1) & (m->n_slots - 1)) {
        if (!m->slots[i]) return i;
        const struct entry *e = &m->entries.p[m->slots[i] - 1];
        if (e->hash == hash && e->len == len && memcmp(e->key, key, len) == 0) return i;
    }
}

static void grow(struct map *m)
{
    free(m->slots);
    m->n_slots *= 2;
    m->slots = mem_zalloc(m->n_slots, sizeof *m->slots);
    for (size_t k = 0; k < m->entries.n; k++) {
        size_t i = m->entries.p[k].hash & (m->n_slots - 1);
        while (m->slots[i]) i = (i + 1) & (m->n_slots - 1);
        m->slots[i] = (uint32_t)k + 1;
    }
}

int64_t *map_at(struct map *m, const char *key, size_t len, bool *ret_new)
{
    uint64_t hash = map_hash(key, len);
    size_t i = probe(m, key, len, hash);
    if (ret_new) *ret_new = !m->slots[i];
    if (!m->slots[i]) {
        struct entry e = { arena_strndup(&m->keys, key, len), len, hash, 0 };
        vec_push(&m->entries, e);
        m->slots[i] = (uint32_t)m->entries.n;
        if (m->entries.n * 2 > m->n_slots) grow(m);
        return &m->entries.p[m->entries.n - 1].value;
    }
    return &m->entries.p[m->slots[i] - 1].value;
}

const int64_t *map_find(const struct map *m, const char *key, size_t len)
{
    size_t i = probe(m, key, len, map_hash(key, len));
    return m->slots[i] ? &m->entries.p[m->slots[i] - 1].value : NULL;
}

const char *map_key(const struct map *m, size_t i, size_t *ret_len)
{
    if (ret_len) *ret_len = m->entries.p[i].len;
    return m->entries.p[i].key;
}
