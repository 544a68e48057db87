/* request.c: the rows of keys.def as a table, and looking a key up in it. */
#include "views/request.h"
#include <stddef.h>

const struct binding bindings[] = {
#define KEY(id, key1, key2, where, flags, label, help)                                             \
    { REQ_##id, key1, key2, where, flags, label, help },
#include "views/keys.def"
#undef KEY
    { REQ_NONE, 0, 0, 0, 0, NULL, NULL },
};

const struct binding *binding_of(enum request req)
{
    for (const struct binding *b = bindings; b->label; b++)
        if (b->req == req) return b;
    return NULL;
}

enum request binding_find(enum view_id view, uint32_t key)
{
    for (const struct binding *b = bindings; key && b->label; b++)
        if ((b->where & (1u << view)) && (b->key1 == key || b->key2 == key)) return b->req;
    return REQ_NONE;
}
