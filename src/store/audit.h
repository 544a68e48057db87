/* audit.h: the hash-chained audit log. Each row's hash is SHA-256 over the previous hash and
 * the row's canonical text, so no row can be changed, removed or inserted unnoticed. Append
 * inside the transaction of the change it records. */
#pragma once
#include "store/store.h"
#include <stdint.h>

struct audit_row {
    int64_t seq, at_us;
    const char *actor, *verb, *object; /* object: "model:fraud/3", "run:…", "job:…" */
    const char *reason;                /* may be "" */
    const char *detail;                /* JSON of the arguments and the outcome */
    const char *hash, *prev;           /* hex */
};
int audit_append(struct store *s, const struct audit_row *row, int64_t *ret_seq, struct err *e);
/* Newest first; before 0: from the end; object NULL: all; prefix match with a trailing '*'. */
int audit_list(struct store *s, struct arena *a, const char *object, int64_t before,
               int64_t limit, struct audit_row **ret, size_t *n, struct err *e);
struct audit_check { int64_t rows, first_bad; char head[65]; };
/* Recomputes the chain; first_bad 0: intact. */
int audit_verify(struct store *s, struct audit_check *ret, struct err *e);
/* Oldest first, in pages: after = last seq seen. */
int audit_page(struct store *s, struct arena *a, int64_t after, int64_t limit,
               struct audit_row **ret, size_t *n, struct err *e);
