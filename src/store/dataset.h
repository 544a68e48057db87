/* dataset.h: imported data sets: a name, versions, the blob of the original bytes, and what
 * the import learned (schema and profile as JSON). */
#pragma once
#include "store/store.h"
#include <stdint.h>

struct dataset {
    const char *id, *name;
    int64_t version;         /* 1, 2, … per name; the same bytes again give no new version */
    const char *digest;      /* blob: the file as it was (compressed or not) */
    int64_t size, rows, columns, skipped_rows;
    const char *source;      /* path it came from */
    const char *format;      /* csv | tsv | jsonl, with .gz/.zst */
    const char *schema;      /* JSON list of {name,type} */
    const char *profile;     /* JSON, as `data profile` prints */
    int64_t created_us;
};
int store_dataset_add(struct store *s, struct dataset *d, int64_t *ret_version, struct err *e);
/* "name" is the newest version, "name:3" that one. ERR_NOTFOUND. */
int store_dataset_get(struct store *s, struct arena *a, const char *ref, struct dataset *ret,
                      struct err *e);
int store_dataset_list(struct store *s, struct arena *a, struct dataset **ret, size_t *n,
                       struct err *e); /* newest version of each name */
