/* mode_pick.c: the modes in which one arm answers the whole call: single, ab, canary, shadow.
 *
 * A key always gets the same bucket of 10,000, and so the same version, on every thread, after
 * every restart, without anything being remembered; a canary's share that grows moves nobody out
 * of it. Without a key the request's id takes its place and nothing sticks. On the thread of the
 * call's serve_io. */
#include "serve/mode_priv.h"
#include <string.h>

static size_t assigned(const struct flight *f)
{
    const struct predict_call *c = f->c;
    const char *key = c->key != NULL ? c->key : c->request_id != NULL ? c->request_id : "";

    return rollout_arm_of(f->route->rollout, f->state->salt, key,
                          c->key != NULL ? c->n_key : strlen(key));
}

int mode_run_single(struct flight *f)
{
    return leg_start(&f->one, 0);
}

int mode_run_ab(struct flight *f)
{
    return leg_start(&f->one, assigned(f));
}

int mode_run_canary(struct flight *f)
{
    bool over = f->state->ended || guard_tripped(f->state->guard);

    return leg_start(&f->one, over ? 0 : assigned(f));
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
