/* num.h: numbers in text, as fast as they can be read and exactly as strtod(3) reads them.
 *
 * Grammar: [blanks] [+-] digits [. digits] [eE [+-] digits] [blanks], with digits on at least
 * one side of the point; also inf and infinity in any case. No hexadecimal, no thousands
 * separators, and the decimal point is a point whatever the locale says. Pure; any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum num_kind {
    NUM_NONE, /* not a number; *ret is untouched */
    NUM_INT,  /* written as an integer, |value| <= 2^53, so exact */
    NUM_BIG,  /* written as an integer that a double need not hold exactly */
    NUM_REAL, /* with point or exponent */
    NUM_INF   /* infinite, by name or by overflow */
};
enum num_kind num_scan(const char *p, size_t n, double *ret);
/* The same, faster, for text behind which NUM_PAD bytes may be read (a field in a block). */
#define NUM_PAD 32
enum num_kind num_scan_padded(const char *p, size_t n, double *ret);
static inline bool num_blank(char c)
{
    return c == ' ' || c == '\t';
}
