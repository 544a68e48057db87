/* utf8.h: decoding, validity and column width of UTF-8 text. Width follows the terminal's
 * convention (East Asian wide = 2, combining = 0) independent of the locale. Any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Next code point at s (n bytes left, n > 0); *ret gets it, U+FFFD for an invalid byte (which
 * consumes one byte). Returns the bytes consumed. */
size_t utf8_next(const char *s, size_t n, uint32_t *ret);
size_t utf8_put(char buf[4], uint32_t cp); /* bytes written */
bool utf8_valid(const char *s, size_t n);
int utf8_cp_width(uint32_t cp);            /* 0, 1 or 2; control characters 0 */
size_t utf8_width(const char *s);          /* columns of a whole string */
/* Longest prefix of at most cols columns, in bytes. */
size_t utf8_fit(const char *s, size_t cols);
