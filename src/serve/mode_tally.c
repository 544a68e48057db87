/* mode_tally.c: what the arms did: counters for /metrics, evidence for the store.
 *
 * A tally belongs to one version in one role of one rollout and has a few lanes; an I/O thread
 * always uses the same lane, so its lock is free but for the moment in which somebody reads. The
 * thread that scores shadows has one to itself: it must never hold what an I/O thread waits for.
 * Counts gather in the lanes; a flush takes them out, hands them to the store's writer and adds
 * them to the tally's total, so total + lanes is everything since the process began.
 *
 * What the cache answered is left out of the times that are evidence: the stable version's cache
 * is warm and a candidate's is not, and that must not decide between them.
 *
 * The book holds the tallies of one model name and outlives the catalogs: a call that was
 * answered under the catalog before last still counts where it belongs. A tally that no catalog
 * uses any more is dropped once it was flushed. Any thread. */
#include "base/mem.h"
#include "base/vec.h"
#include "serve/mode_priv.h"
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 4, ASIDE = LANES }; /* ASIDE: the lane of the thread that scores shadows */

struct counts { /* everything that is counted of a tally */
    uint64_t requests, rows, errors, cached, fallbacks, dropped;
    struct hist request, model, queue, batch;
    struct hist fresh; /* requests that the cache did not answer */
    struct agreement agreement;
};
struct lane {
    pthread_mutex_t lock;
    bool used; /* counts is not all zero */
    struct counts counts;
};
struct tally {
    atomic_int refs; /* the book's is one of them */
    char *role, *rollout;
    int64_t version;
    struct counts total; /* the book's lock */
    struct lane lanes[LANES + 1];
};
struct book {
    atomic_int refs;
    char *model;
    pthread_mutex_t lock;
    VEC(struct tally *) tallies;
};

/* -- counting ---------------------------------------------------------------------------------- */

static void agreement_add(struct agreement *to, const struct agreement *a)
{
    to->compared += a->compared;
    to->agreed += a->agreed;
    to->sum_abs_dp += a->sum_abs_dp;
    if (a->max_abs_dp > to->max_abs_dp) to->max_abs_dp = a->max_abs_dp;
    hist_merge(&to->abs_dp, &a->abs_dp);
    for (size_t i = 0; i < ARRAY_LEN(to->confusion); i++) to->confusion[i] += a->confusion[i];
}

static void counts_merge(struct counts *to, const struct counts *c)
{
    to->requests += c->requests;
    to->rows += c->rows;
    to->errors += c->errors;
    to->cached += c->cached;
    to->fallbacks += c->fallbacks;
    to->dropped += c->dropped;
    hist_merge(&to->request, &c->request);
    hist_merge(&to->fresh, &c->fresh);
    hist_merge(&to->model, &c->model);
    hist_merge(&to->queue, &c->queue);
    hist_merge(&to->batch, &c->batch);
    agreement_add(&to->agreement, &c->agreement);
}

static void counts_add(struct counts *to, const struct tally_add *add)
{
    if (add->dropped) {
        to->dropped++;
        return;
    }
    to->requests++;
    to->rows += add->rows;
    to->errors += add->error;
    to->cached += add->cached;
    to->fallbacks += add->fallback;
    hist_add(&to->request, add->seconds);
    if (!add->cached) hist_add(&to->fresh, add->seconds);
    if (add->model_us > 0) hist_add(&to->model, add->model_us * 1e-6);
    if (add->queue_us > 0) hist_add(&to->queue, add->queue_us * 1e-6);
    if (add->batch > 0) hist_add(&to->batch, (double)add->batch * 1e-6);
    if (add->agreement != NULL) agreement_add(&to->agreement, add->agreement);
}

/* Neighbouring objects of the heap differ in their middle bits. */
static size_t lane_of(const struct serve_io *io)
{
    if (io == NULL) return ASIDE;
    return (size_t)(((uint64_t)(uintptr_t)io >> 4) * 0x9E3779B97F4A7C15ULL >> 62) % LANES;
}

void tally_count(struct tally *t, const struct serve_io *io, const struct tally_add *add)
{
    struct lane *l = &t->lanes[lane_of(io)];

    pthread_mutex_lock(&l->lock);
    l->used = true;
    counts_add(&l->counts, add);
    pthread_mutex_unlock(&l->lock);
}

void tally_agree(struct tally *t, const struct serve_io *io, const struct agreement *a)
{
    struct lane *l = &t->lanes[lane_of(io)];

    pthread_mutex_lock(&l->lock);
    l->used = true;
    agreement_add(&l->counts.agreement, a);
    pthread_mutex_unlock(&l->lock);
}

/* -- books ------------------------------------------------------------------------------------- */

static struct tally *tally_new(const char *role, int64_t version, const char *rollout)
{
    struct tally *t = mem_zalloc(1, sizeof *t);

    atomic_init(&t->refs, 1);
    t->role = mem_strdup(role);
    t->rollout = mem_strdup(rollout);
    t->version = version;
    for (size_t i = 0; i <= ASIDE; i++) pthread_mutex_init(&t->lanes[i].lock, NULL);
    return t;
}

void tally_unref(struct tally *t)
{
    if (t == NULL || atomic_fetch_sub(&t->refs, 1) > 1) return;
    for (size_t i = 0; i <= ASIDE; i++) pthread_mutex_destroy(&t->lanes[i].lock);
    free(t->role);
    free(t->rollout);
    free(t);
}

struct book *book_new(const char *model)
{
    struct book *b = mem_zalloc(1, sizeof *b);

    atomic_init(&b->refs, 1);
    b->model = mem_strdup(model);
    pthread_mutex_init(&b->lock, NULL);
    return b;
}

struct book *book_ref(struct book *b)
{
    atomic_fetch_add(&b->refs, 1);
    return b;
}

void book_unref(struct book *b)
{
    if (b == NULL || atomic_fetch_sub(&b->refs, 1) > 1) return;
    for (size_t i = 0; i < b->tallies.n; i++) tally_unref(b->tallies.p[i]);
    vec_done(&b->tallies);
    pthread_mutex_destroy(&b->lock);
    free(b->model);
    free(b);
}

struct tally *book_tally(struct book *b, const char *role, int64_t version, const char *rollout)
{
    struct tally *t = NULL;

    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->tallies.n && t == NULL; i++) {
        struct tally *it = b->tallies.p[i];
        if (it->version == version && str_eq(it->role, role) && str_eq(it->rollout, rollout))
            t = it;
    }
    if (t == NULL) {
        t = tally_new(role, version, rollout);
        vec_push(&b->tallies, t);
    }
    atomic_fetch_add(&t->refs, 1);
    pthread_mutex_unlock(&b->lock);
    return t;
}

/* -- reading ----------------------------------------------------------------------------------- */

/* What the lanes hold; taken out of them, or only looked at. False: nothing. */
static bool tally_read(struct tally *t, bool take, struct counts *ret)
{
    bool any = false;

    memset(ret, 0, sizeof *ret);
    for (size_t i = 0; i <= ASIDE; i++) {
        struct lane *l = &t->lanes[i];
        pthread_mutex_lock(&l->lock);
        if (l->used) {
            any = true;
            counts_merge(ret, &l->counts);
            if (take) {
                memset(&l->counts, 0, sizeof l->counts);
                l->used = false;
            }
        }
        pthread_mutex_unlock(&l->lock);
    }
    return any;
}

static void fill_sum(struct serving_sum *s, const struct book *b, const struct tally *t,
                     const struct counts *c, struct arena *a)
{
    s->model = arena_strdup(a, b->model);
    s->role = arena_strdup(a, t->role);
    s->rollout_id = arena_strdup(a, t->rollout);
    s->version = t->version;
    s->requests = (int64_t)c->requests;
    s->rows = (int64_t)c->rows;
    s->errors = (int64_t)c->errors;
    s->cached = (int64_t)c->cached;
    s->fallbacks = (int64_t)c->fallbacks;
    s->seconds = c->fresh;
    s->compared = c->agreement.compared;
    s->agreed = c->agreement.agreed;
    s->sum_abs_dp = c->agreement.sum_abs_dp;
    s->max_abs_dp = c->agreement.max_abs_dp;
    s->abs_dp = c->agreement.abs_dp;
    memcpy(s->confusion, c->agreement.confusion, sizeof s->confusion);
}

void book_flush(struct book *b, struct arena *a, struct serving_sum **sums, size_t *n)
{
    struct serving_sum *all;
    size_t kept = 0;

    pthread_mutex_lock(&b->lock);
    all = arena_array(a, *n + b->tallies.n + 1, struct serving_sum);
    if (*n > 0) memcpy(all, *sums, *n * sizeof *all);
    for (size_t i = 0; i < b->tallies.n; i++) {
        struct tally *t = b->tallies.p[i];
        bool retired = atomic_load(&t->refs) == 1;
        struct counts c;
        if (tally_read(t, true, &c)) {
            counts_merge(&t->total, &c);
            if (c.requests > 0 || c.agreement.compared > 0) fill_sum(&all[(*n)++], b, t, &c, a);
        } else if (retired) {
            tally_unref(t);
            continue;
        }
        b->tallies.p[kept++] = t;
    }
    b->tallies.n = kept;
    pthread_mutex_unlock(&b->lock);
    *sums = all;
}

static void fill_count(struct serve_count *s, const struct book *b, const struct tally *t,
                       const struct counts *c, struct arena *a)
{
    s->model = arena_strdup(a, b->model);
    s->role = arena_strdup(a, t->role);
    s->version = t->version;
    s->requests = c->requests;
    s->rows = c->rows;
    s->errors = c->errors;
    s->cached = c->cached;
    s->fallbacks = c->fallbacks;
    s->dropped = c->dropped;
    s->compared = (uint64_t)c->agreement.compared;
    s->disagreed = (uint64_t)(c->agreement.compared - c->agreement.agreed);
    s->seconds_request = c->request;
    s->seconds_model = c->model;
    s->seconds_queue = c->queue;
    s->batch_rows = c->batch;
}

/* The same version may have had the same role in two rollouts: one series for /metrics. */
static struct serve_count *find_count(struct serve_count *all, size_t n, const struct book *b,
                                      const struct tally *t)
{
    for (size_t i = 0; i < n; i++)
        if (all[i].version == t->version && str_eq(all[i].role, t->role) &&
            str_eq(all[i].model, b->model))
            return &all[i];
    return NULL;
}

static void add_count(struct serve_count *to, const struct serve_count *c)
{
    to->requests += c->requests;
    to->rows += c->rows;
    to->errors += c->errors;
    to->cached += c->cached;
    to->fallbacks += c->fallbacks;
    to->dropped += c->dropped;
    to->compared += c->compared;
    to->disagreed += c->disagreed;
    hist_merge(&to->seconds_request, &c->seconds_request);
    hist_merge(&to->seconds_model, &c->seconds_model);
    hist_merge(&to->seconds_queue, &c->seconds_queue);
    hist_merge(&to->batch_rows, &c->batch_rows);
}

void book_counts(struct book *b, struct arena *a, struct serve_count **counts, size_t *n)
{
    struct serve_count *all;
    size_t before = *n;

    pthread_mutex_lock(&b->lock);
    all = arena_array(a, *n + b->tallies.n + 1, struct serve_count);
    if (*n > 0) memcpy(all, *counts, *n * sizeof *all);
    for (size_t i = 0; i < b->tallies.n; i++) {
        struct tally *t = b->tallies.p[i];
        struct serve_count one = { 0 }, *same = find_count(all + before, *n - before, b, t);
        struct counts c;
        tally_read(t, false, &c);
        counts_merge(&c, &t->total);
        fill_count(&one, b, t, &c, a);
        if (same != NULL) add_count(same, &one);
        else all[(*n)++] = one;
    }
    pthread_mutex_unlock(&b->lock);
    *counts = all;
}
