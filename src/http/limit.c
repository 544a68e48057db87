/* limit.c: see limit.h. The buckets follow the generic cell rate algorithm: what is kept is when
 * the bucket will be full, each token moves that by 1/rate, and a token is there while it is
 * no further away than a whole bucket. Names hang in a hash table and in a list by last use. */
#include "http/limit.h"
#include "base/id.h"
#include "base/map.h"
#include "base/mem.h"
#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

struct entry {
    char name[LIMIT_NAME];
    double full_us; /* when the bucket is full again */
    uint32_t chain; /* next with the same hash */
    uint32_t newer, older;
};

struct limit {
    pthread_mutex_t lock;
    double token_us, bucket_us; /* time that one token, a whole bucket stands for; 0: no limit */
    uint64_t seed;              /* so that nobody can choose names that collide */
    uint32_t n, room, mask;
    uint32_t newest, oldest;
    uint32_t *heads;
    struct entry *entries;
};

struct limit *limit_new(double rate, double burst, size_t names)
{
    struct limit *l = mem_zalloc(1, sizeof *l);
    uint32_t heads = 16;

    pthread_mutex_init(&l->lock, NULL);
    l->newest = l->oldest = NONE;
    if (!(rate > 0)) return l;
    assert(names > 0 && names < NONE / 4);
    if (!(burst >= 1)) burst = fmax(1, rate);
    l->token_us = 1e6 / rate;
    l->bucket_us = burst * l->token_us;
    l->room = (uint32_t)names;
    while (heads < names) heads *= 2;
    l->mask = heads - 1;
    l->heads = mem_alloc(heads * sizeof *l->heads);
    memset(l->heads, 0xff, heads * sizeof *l->heads);
    l->entries = mem_alloc(names * sizeof *l->entries);
    id_random(&l->seed, sizeof l->seed);
    return l;
}

void limit_free(struct limit *l)
{
    if (!l) return;
    pthread_mutex_destroy(&l->lock);
    free(l->heads);
    free(l->entries);
    free(l);
}

bool limit_set(const struct limit *l)
{
    return l->token_us > 0;
}

int limit_burst(const struct limit *l)
{
    return l->token_us > 0 ? (int)fmin(1e9, floor(l->bucket_us / l->token_us)) : 0;
}

static uint32_t *head_of(struct limit *l, const char name[LIMIT_NAME])
{
    char text[LIMIT_NAME + sizeof l->seed];

    memcpy(text, &l->seed, sizeof l->seed);
    memcpy(text + sizeof l->seed, name, LIMIT_NAME);
    return &l->heads[map_hash(text, sizeof text) & l->mask];
}

static void unlink_use(struct limit *l, const struct entry *x)
{
    if (x->newer == NONE) l->newest = x->older;
    else l->entries[x->newer].older = x->older;
    if (x->older == NONE) l->oldest = x->newer;
    else l->entries[x->older].newer = x->newer;
}

static void link_newest(struct limit *l, uint32_t i)
{
    struct entry *x = &l->entries[i];

    x->newer = NONE;
    x->older = l->newest;
    if (l->newest == NONE) l->oldest = i;
    else l->entries[l->newest].newer = i;
    l->newest = i;
}

/* A place for a new name: one never used, else that of the name unused the longest. */
static uint32_t take_place(struct limit *l)
{
    if (l->n < l->room) return l->n++;
    uint32_t i = l->oldest;
    uint32_t *at = head_of(l, l->entries[i].name);
    while (*at != i) at = &l->entries[*at].chain;
    *at = l->entries[i].chain;
    unlink_use(l, &l->entries[i]);
    return i;
}

static struct entry *entry_of(struct limit *l, const char *text)
{
    char name[LIMIT_NAME] = { 0 };

    memcpy(name, text, strnlen(text, sizeof name));
    uint32_t *head = head_of(l, name), i = *head;
    while (i != NONE && memcmp(l->entries[i].name, name, sizeof name) != 0) i = l->entries[i].chain;
    if (i != NONE) {
        unlink_use(l, &l->entries[i]);
    } else {
        i = take_place(l);
        memcpy(l->entries[i].name, name, sizeof name);
        l->entries[i].full_us = 0;
        l->entries[i].chain = *head;
        *head = i;
    }
    link_newest(l, i);
    return &l->entries[i];
}

bool limit_take(struct limit *l, const char *name, int64_t mono_us, int *ret_after_s, int *ret_left)
{
    const double now = (double)mono_us;

    *ret_after_s = 0;
    *ret_left = -1;
    if (!limit_set(l)) return true;
    pthread_mutex_lock(&l->lock);
    struct entry *x = entry_of(l, name);
    double full = fmax(x->full_us, now) + l->token_us, over = full - now - l->bucket_us;
    /* a hair's breadth: sums of fractions must not cost the last token */
    bool ok = over <= fmin(1, l->token_us * 1e-3);
    if (ok) x->full_us = full;
    pthread_mutex_unlock(&l->lock);
    *ret_left = ok ? (int)fmin(1e9, floor(fmax(0, -over) / l->token_us + 1e-3)) : 0;
    if (!ok) *ret_after_s = (int)fmin(86400, fmax(1, ceil(over / 1e6)));
    return ok;
}
