/* file.h: files done safely. Errors carry the path. Blocking; any thread. */
#pragma once
#include "base/err.h"
#include "base/str.h"
#include <stddef.h>
#include <stdint.h>

/* Whole file into *out (appended); ERR_LIMIT above max bytes. */
int file_read(const char *path, size_t max, struct str *out, struct err *e);
/* Durable replacement: temporary file in the same folder, write, fsync, rename, fsync folder.
 * A reader sees the old or the new content, never a mixture; a crash leaves one of the two. */
int file_write_atomic(const char *path, const void *data, size_t n, struct err *e);
int file_mkdirs(const char *path, struct err *e); /* mkdir -p, mode 0700 */
bool file_exists(const char *path);
int64_t file_size(const char *path); /* -1: none */
int file_remove_tree(const char *path, struct err *e);
int file_sync_dir(const char *path, struct err *e);
/* Exclusive advisory lock (flock). wait false: ERR_BUSY when held. Returns fd in *ret_fd. */
int file_lock(const char *path, bool wait, int *ret_fd, struct err *e);
void file_unlock(int fd);
