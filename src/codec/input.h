/* input.h: a stream of bytes from a file, standard input or memory, unpacked on the way.
 *
 * gzip and zstd are recognised by their first bytes, never by the name, so a misnamed file
 * still reads. Formats that are certainly no text table (Parquet, Excel, UTF-16 …) are refused
 * at once with a message that names them. Every input can be rewound: what cannot seek (a pipe)
 * is copied to an unlinked temporary file while it is read. Blocking; one owner; any thread. */
#pragma once
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

struct input;
enum input_packing { INPUT_PLAIN, INPUT_GZIP, INPUT_ZSTD };

/* path "-" is file descriptor 0. label stands in messages and tells the format by its ending;
 * NULL: the path. */
int input_open(struct input **ret, const char *path, const char *label, struct err *e);
/* Reads n bytes at p, which must outlive the input; name stands in messages. */
int input_memory(struct input **ret, const void *p, size_t n, const char *name, struct err *e);
void input_close(struct input *in); /* NULL is fine */

/* Up to cap bytes of unpacked content; *ret_n 0 only at the end. */
int input_read(struct input *in, void *buf, size_t cap, size_t *ret_n, struct err *e);
int input_rewind(struct input *in, struct err *e);
/* About how many bytes will still come; 0: not to be told (packed, a pipe). */
uint64_t input_left(const struct input *in);

const char *input_name(const struct input *in); /* label, path, or "standard input" */
enum input_packing input_packing(const struct input *in);
const char *input_packing_suffix(enum input_packing p); /* "", ".gz", ".zst" */
