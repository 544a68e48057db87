/* user.h: who may call over HTTP: names, roles, and hashes of keys, never the keys.
 *
 * A key is 32 random bytes shown once; stored is its keyed BLAKE2b-256, the key of the hash being
 * a secret of the workspace (file `secret`, mode 0600), so neither the database nor the file
 * alone helps anybody. */
#pragma once
#include "store/store.h"
#include <stdint.h>

struct user {
    const char *id;          /* ULID of the key */
    const char *name, *role; /* viewer auditor developer operator approver admin */
    const char *hash;        /* 64 hex digits */
    const char *prefix;      /* first characters of the key, to recognise it by */
    int64_t created_us, expires_us /* 0: never */, revoked_us /* 0: not */;
    const char *created_by;
};
int user_add(struct store *s, const struct user *u, struct err *e);
int user_list(struct store *s, struct arena *a, struct user **ret, size_t *n, struct err *e);
/* id, or a name: all keys of that name. *ret_n: how many were revoked now. */
int user_revoke(struct store *s, const char *which, int64_t at_us, int64_t *ret_n, struct err *e);
