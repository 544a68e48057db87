/* mode_pick.c: the modes in which one arm answers the whole call: single, ab, canary, shadow.
 *
 * A key always gets the same bucket of 10,000, and so the same version, on every thread, after
 * every restart, without anything being remembered; a canary's share that grows moves nobody out
 * of it. Without a key the request's id takes its place and nothing sticks. On the thread of the
 * call's serve_io. */
#include "serve/mode_priv.h"
#include <string.h>

static unsigned bucket_of(const struct flight *f)
{
    const struct predict_call *c = f->c;
    const char *key = c->key != NULL ? c->key : c->request_id != NULL ? c->request_id : "";

    return rollout_bucket(f->route->rollout->id, key, c->key != NULL ? c->n_key : strlen(key));
}

int mode_run_single(struct flight *f)
{
    return leg_start(&f->one, 0);
}

int mode_run_ab(struct flight *f)
{
    unsigned bucket = bucket_of(f);
    const struct mode_state *s = f->state;

    for (size_t i = 0; i < s->n_arms; i++)
        if (bucket < s->arms[i].until) return leg_start(&f->one, i);
    return leg_start(&f->one, 0); /* shares that add up to less than one */
}

int mode_run_canary(struct flight *f)
{
    const struct mode_state *s = f->state;
    bool candidate = s->candidate != MODE_NONE && bucket_of(f) < s->share &&
                     !guard_tripped(s->guard);

    return leg_start(&f->one, candidate ? s->candidate : 0);
}

static int answer_and_mirror(struct flight *f, struct leg *l)
{
    if (l->rc == 0 && l->index == 0 && !l->constant) mode_mirror(f, l->p);
    return flight_answer_leg(f, l);
}

int mode_run_shadow(struct flight *f)
{
    f->then = answer_and_mirror;
    return leg_start(&f->one, 0);
}
