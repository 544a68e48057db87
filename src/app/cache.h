/* cache.h: what can be computed again, kept in the folder `cache` of the workspace.
 *
 * An entry belongs to an owner (of a kind) and is good for one key, a text that says all that
 * it was computed from; an owner has one entry, the newest. A file carries its key and a
 * checksum and replaces the one before atomically, so an entry is whole and of this key, or it
 * is not there: damaged and outdated ones are treated as absent. The folder, or anything in it,
 * may be deleted at any time. It is bounded: too large an entry is not kept, and the oldest go
 * when all together are too many. Keeping something never fails what is being done; why it was
 * not kept goes to the log. Any thread, any number of processes. */
#pragma once
#include "app/app.h"

#define CACHE_ENTRY_MAX (256u << 20) /* bytes of an entry */
#define CACHE_MAX       (1u << 30)   /* of the folder */

struct cache_slot {
    const char *kind;   /* letters: "reference" */
    const char *owner;  /* any text */
    const char *key;
};
/* Appends the bytes kept; false: there are none. */
bool cache_get(const struct app *app, const struct cache_slot *slot, struct str *ret);
void cache_put(const struct app *app, const struct cache_slot *slot, const void *p, size_t n);
/* Adds what tells this content of a file from another: device, number, size, times. False: there
 * is no such file. */
bool cache_file_stamp(struct str *key, const char *path);
