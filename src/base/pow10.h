/* pow10.h: the powers of ten that fit 64 bits, for those who read and write numbers. */
#pragma once
#include <stdint.h>

#define POW10_INTS 20
extern const uint64_t pow10_int[POW10_INTS]; /* in real.c */
