/* blob.h: content-addressed objects in dir/blobs/ab/abcdef…: immutable, named by SHA-256 of
 * their bytes, written durably (temporary file, fsync, rename) before any row names them.
 * Blobs no row names are garbage from crashes; blob_gc removes those older than an hour. */
#pragma once
#include "base/str.h"
#include "store/store.h"
#include <stdint.h>

int blob_put(struct store *s, const void *p, size_t n, char ret_digest[65], struct err *e);
int blob_put_file(struct store *s, const char *path, char ret_digest[65], int64_t *ret_size,
                  struct err *e);
/* Path of an existing blob, in the arena; ERR_NOTFOUND. */
int blob_path(struct store *s, struct arena *a, const char *digest, const char **ret,
              struct err *e);
/* Reads and checks the digest: ERR_CORRUPT when the bytes do not match their name. */
int blob_get(struct store *s, const char *digest, struct str *out, struct err *e);
int blob_gc(struct store *s, int64_t *ret_removed, struct err *e);
