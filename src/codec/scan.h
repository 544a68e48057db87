/* scan.h: where in a piece of delimited text a field may end. Pure; any thread. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Bit i of mask[k] tells whether byte 64 k + i of p is the delimiter, a line feed, a carriage
 * return or a quote; bits at n and behind are 0. BLOCK_PAD bytes behind p + n may be read. */
typedef void scan_marks_fn(const char *p, size_t n, char delimiter, uint64_t *mask);
scan_marks_fn *scan_marks_best(void); /* for this processor */
scan_marks_fn scan_marks_plain;       /* for every one; tests compare the two */
