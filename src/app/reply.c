/* reply.c: the life of a reply. A front end makes one, passes it down to a verb and renders
 * what came back; everything in it, text included, lives in its arena. One owner. */
#include "app/reply.h"
#include <string.h>

void reply_init(struct reply *r)
{
    memset(r, 0, sizeof *r);
    arena_init(&r->arena);
}

void reply_done(struct reply *r)
{
    arena_done(&r->arena);
    memset(r, 0, sizeof *r);
}

void reply_table(struct reply *r, const char *rows, const struct reply_column *columns)
{
    r->rows = rows;
    r->columns = columns;
}
