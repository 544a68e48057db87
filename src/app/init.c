/* init.c: the verb `init`: makes a workspace, or finds that there is one. Doing it twice is
 * no error, so set-up scripts need no test of their own. */
#include "app/verb.h"
#include "base/file.h"
#include <stdlib.h>

int verb_init(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const char *dir = val_get_str(args, "dir", app->dir);
    if (!dir || !*dir) {
        err_set(e, ERR_USAGE, "no folder is named for the workspace");
        return err_hint(e, "signalbox init DIR");
    }
    bool there = file_exists(arena_printf(&r->arena, "%s/signalbox.db", dir));
    struct store *s = NULL;
    int rc = file_mkdirs(dir, e);
    if (!rc) rc = store_open(&s, dir, STORE_CREATE, app->clock, e);
    if (rc) return rc;
    store_close(s);
    char *full = realpath(dir, NULL);
    r->v = val_obj(&r->arena);
    val_set_str(r->v, "workspace", full ? full : dir);
    val_set_bool(r->v, "created", !there);
    r->text = arena_printf(&r->arena, "%s %s\n", there ? "already a workspace:" : "made",
                           full ? full : dir);
    free(full);
    return 0;
}
