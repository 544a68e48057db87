/* gather.c: what the daemon knows of its workspace without asking in a request: gathered every
 * few seconds on a verb thread (facts.h), published as one immutable tree. A scrape or a
 * readiness probe reads that, so neither ever waits for the store. */
#include "http/facts.h"
#include "http/server_priv.h"

#include "base/mem.h"
#include "serve/serve.h"

#include <stdlib.h>

struct val *http_server_facts(const struct http_server *s, struct arena *a)
{
    struct http_server *mine = (struct http_server *)(uintptr_t)s; /* the lock is no part of it */

    pthread_mutex_lock(&mine->lock);
    struct facts *f = mine->facts;
    if (f) atomic_fetch_add(&f->refs, 1);
    pthread_mutex_unlock(&mine->lock);
    struct val *v = f ? val_copy(a, f->v) : val_obj(a);
    facts_free(f);
    return v;
}

void facts_free(struct facts *f)
{
    if (!f || atomic_fetch_sub(&f->refs, 1) > 1) return;
    arena_done(&f->arena);
    free(f);
}

/* On a verb thread. */
static int gather(struct app *app, void *user, struct err *e)
{
    struct facts *f = ((struct http_server *)user)->gathering;
    struct val *found = NULL;
    int rc = facts_gather(app, &f->arena, &found, e);

    for (size_t i = 0; !rc && i < val_len(found); i++)
        val_set(f->v, val_key(found, i), val_copy(&f->arena, val_at(found, i)));
    return rc;
}

/* Likewise. What was known stays where the store could not be asked. */
static void gathered(struct verb_task *k, int rc, struct reply *r, struct err *e)
{
    struct http_server *s = k->user;
    struct facts *f = s->gathering, *old;
    char when[32];

    (void)r;
    val_set_bool(f->v, "store_ok", rc == 0);
    if (rc) val_set_str(f->v, "store_error", e->msg);
    val_set_str(f->v, "at", clock_format(when, clock_now(s->cfg.clock)));
    pthread_mutex_lock(&s->lock);
    old = s->facts;
    s->facts = f;
    s->gathering = NULL;
    pthread_mutex_unlock(&s->lock);
    facts_free(old);
    atomic_store(&s->gather_busy, false);
}

void server_gather(struct http_server *s)
{
    if (atomic_exchange(&s->gather_busy, true)) return;
    struct facts *f = mem_zalloc(1, sizeof *f);
    atomic_init(&f->refs, 1);
    arena_init(&f->arena);
    f->v = val_obj(&f->arena);
    val_set(f->v, "problems", serve_problems(s->serve, &f->arena));
    s->gathering = f;
    s->gather = (struct verb_task){ .fn = gather, .done = gathered, .user = s };
    verbthreads_submit(s->threads, &s->gather);
}
