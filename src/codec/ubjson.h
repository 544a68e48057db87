/* ubjson.h: Universal Binary JSON (draft 12) into value trees: what XGBoost saves by default.
 * Within limits, because files come from anybody: depth, number of values, keys of an object;
 * no length in the file is believed before as many bytes are there. Any thread. */
#pragma once
#include "base/val.h"

#define UBJSON_MAX_BYTES  ((size_t)64 << 20)
#define UBJSON_MAX_VALUES 16000000
#define UBJSON_MAX_DEPTH  128
#define UBJSON_MAX_KEYS   10000

/* One document, the whole of the bytes. ERR_PARSE names the byte, ERR_LIMIT. Text that is not
 * UTF-8 or holds NUL, a key twice, and big decimal numbers are refused. */
int ubjson_parse(struct arena *a, const void *p, size_t n, struct val **ret, struct err *e);
