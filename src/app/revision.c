/* revision.c: the verb a console polls to learn cheaply whether anything was committed. The
 * number counts within one connection of the store, so the reply names the connection. */
#include "app/verb.h"
#include "base/rng.h"

int verb_revision(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    (void)args;
    (void)e;
    r->v = val_obj(&r->arena);
    val_set_int(r->v, "revision", store_revision(app->store));
    /* tells connections of one process apart; no address for outsiders */
    val_set_int(r->v, "handle", (int64_t)(rng_mix((uint64_t)(uintptr_t)app->store) >> 16));
    return 0;
}
