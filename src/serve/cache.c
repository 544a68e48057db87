/* cache.c: answers that an I/O thread remembers. No locks: one cache a thread; only its counters
 * are read by others.
 *
 *   key   uid of the loaded model and the row's numbers as the model sees them, compared in full,
 *         so two inputs never share an answer
 *   out   the oldest use goes first when entries or bytes run out; nothing is older than the ttl
 *
 * A table of chains by hash, and a ring of all entries by last use. An entry that is thrown out
 * is filled again at once where it has the size, so a full cache does not allocate. */
#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"
#include "serve/priv.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    struct entry *chain;         /* same slot */
    struct entry *older, *newer; /* ring of use */
    uint64_t hash, uid;
    int64_t until_us;
    uint32_t n, outputs;
    double v[]; /* n of x, outputs of p */
};
struct predict_cache {
    size_t max_entries, max_bytes, n_slots;
    int64_t ttl_us;
    struct entry **slots;
    struct entry *newest, *oldest;
    struct cache_counts counts;
};

struct predict_cache *predict_cache_new(size_t entries, size_t bytes, int64_t ttl_us)
{
    struct predict_cache *c = mem_zalloc(1, sizeof *c);

    c->max_entries = entries;
    c->max_bytes = bytes;
    c->ttl_us = ttl_us;
    for (c->n_slots = 16; c->n_slots < entries; c->n_slots *= 2) continue;
    c->slots = mem_zalloc(c->n_slots, sizeof *c->slots);
    return c;
}

void predict_cache_free(struct predict_cache *c)
{
    if (!c) return;
    for (struct entry *t = c->oldest, *next; t; t = next) {
        next = t->newer;
        free(t);
    }
    free(c->slots);
    free(c);
}

const struct cache_counts *predict_cache_counts(const struct predict_cache *c)
{
    return &c->counts;
}

/* One writer: no need for a locked instruction. */
static void count(atomic_uint_fast64_t *n, int64_t by)
{
    uint64_t v = atomic_load_explicit(n, memory_order_relaxed);

    atomic_store_explicit(n, v + (uint64_t)by, memory_order_relaxed);
}

static size_t entry_bytes(size_t n, size_t outputs)
{
    return sizeof(struct entry) + (n + outputs) * sizeof(double);
}

static uint64_t hash_of(const struct cache_key *k)
{
    return map_hash(k->x, k->n * sizeof *k->x) ^ rng_mix(k->uid);
}

static void ring_out(struct predict_cache *c, struct entry *t)
{
    if (t->newer) t->newer->older = t->older;
    else c->newest = t->older;
    if (t->older) t->older->newer = t->newer;
    else c->oldest = t->newer;
}

static void ring_in(struct predict_cache *c, struct entry *t)
{
    t->newer = NULL;
    t->older = c->newest;
    if (c->newest) c->newest->newer = t;
    else c->oldest = t;
    c->newest = t;
}

static struct entry *find(const struct predict_cache *c, const struct cache_key *k, uint64_t hash)
{
    struct entry *t = c->slots[hash & (c->n_slots - 1)];

    while (t && !(t->hash == hash && t->uid == k->uid && t->n == k->n &&
                  memcmp(t->v, k->x, k->n * sizeof *k->x) == 0))
        t = t->chain;
    return t;
}

/* Out of table and ring; the memory is the caller's. */
static void take_out(struct predict_cache *c, struct entry *t)
{
    struct entry **at = &c->slots[t->hash & (c->n_slots - 1)];

    while (*at != t) at = &(*at)->chain;
    *at = t->chain;
    ring_out(c, t);
    count(&c->counts.entries, -1);
    count(&c->counts.bytes, -(int64_t)entry_bytes(t->n, t->outputs));
}

bool predict_cache_get(struct predict_cache *c, const struct cache_key *k, int64_t now_us,
                       double *p)
{
    struct entry *t = find(c, k, hash_of(k));

    if (t && t->until_us <= now_us) {
        take_out(c, t);
        free(t);
        t = NULL;
    }
    count(t ? &c->counts.hits : &c->counts.misses, 1);
    if (!t) return false;
    if (t != c->newest) {
        ring_out(c, t);
        ring_in(c, t);
    }
    memcpy(p, t->v + t->n, t->outputs * sizeof *p);
    return true;
}

/* Makes room for one more of that size; what was thrown out last and fits, or NULL. */
static struct entry *make_room(struct predict_cache *c, size_t bytes)
{
    struct entry *spare = NULL;

    while (c->oldest &&
           (c->counts.entries >= c->max_entries || c->counts.bytes + bytes > c->max_bytes)) {
        struct entry *t = c->oldest;
        take_out(c, t);
        free(spare);
        spare = t;
    }
    if (spare && entry_bytes(spare->n, spare->outputs) == bytes) return spare;
    free(spare);
    return NULL;
}

void predict_cache_put(struct predict_cache *c, const struct cache_key *k, int64_t now_us,
                       const double *p)
{
    size_t bytes = entry_bytes(k->n, k->outputs);
    uint64_t hash = hash_of(k);
    struct entry *t, **slot = &c->slots[hash & (c->n_slots - 1)];

    if (!c->max_entries || bytes > c->max_bytes || find(c, k, hash)) return;
    t = make_room(c, bytes);
    if (!t) t = mem_alloc(bytes);
    t->hash = hash;
    t->uid = k->uid;
    t->until_us = now_us + c->ttl_us;
    t->n = (uint32_t)k->n;
    t->outputs = (uint32_t)k->outputs;
    memcpy(t->v, k->x, k->n * sizeof *k->x);
    memcpy(t->v + k->n, p, k->outputs * sizeof *p);
    t->chain = *slot;
    *slot = t;
    ring_in(c, t);
    count(&c->counts.entries, 1);
    count(&c->counts.bytes, (int64_t)bytes);
}
