/* text.h: small questions about a field's text that all readers and the typed table ask. Pure,
 * but for the names, which the caller owns. */
#pragma once
#include "base/str.h"
#include "codec/rows.h"
#include <stdbool.h>

struct slice {
    const char *p;
    size_t len;
};
struct slice text_trim(const char *p, size_t n); /* without blanks and tabs at both ends */

/* Stands for "no value": nothing, blanks, NA, N/A, NaN, nan, null, NULL and ?. None and unknown
 * are values: real data sets have them as levels. */
bool text_missing(const char *p, size_t n);
/* true, True, TRUE, false, False, FALSE; yes/no and 0/1 are not booleans. */
bool text_bool(const char *p, size_t n, bool *ret);
/* Every byte printable as UTF-8 and none of them NUL. */
bool text_clean(const char *p, size_t n);
/* Appends valid UTF-8: sequences that are none are read as Windows-1252 (of which Latin-1's
 * letters are a part), bytes that mean nothing there and NUL become U+FFFD. */
void text_repair(struct str *out, const char *p, size_t n);

/* Column names out of header fields: trimmed, valid, unique, not empty. */
char **text_names(const struct field *f, size_t n, uint64_t *ret_unnamed, uint64_t *ret_renamed);
void text_names_free(char **names, size_t n);
