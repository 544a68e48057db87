/* num.c: see num.h. Three ways to the same bits, chosen by how many digits there are:
 *
 *  1. mantissa <= 2^53, |exponent| <= 22: both exact as doubles, one multiplication or division
 *     rounds once (Clinger 1990). Nearly every number in a table.
 *  2. mantissa < 10^19, |exponent| <= 65: the product with 128 digits of the power of five tells
 *     all 53 digits and how to round (Lemire 2021; that it always does: Mushtak, Lemire 2022).
 *     What programs print with 16 or 17 digits.
 *  3. the rest: strtod in the C locale.
 *
 * Way 2 uses no extended floating point, so it gives the same result on every machine and under
 * emulators. */
#include "codec/num.h"

#include "base/mem.h"
#include "base/pow10.h"
#include "codec/pow5.h"
#include <assert.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_EXACT  ((uint64_t)1 << 53)
#define MAX_DIGITS 19
#define EXP_CLAMP  100000

static const double pow10_real[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
#define MAX_CLINGER 22

/* A number taken apart: sign, the digits as an integer, and the power of ten they carry. */
struct parts {
    uint64_t mantissa; /* meaningful while digits <= MAX_DIGITS */
    long exp10;
    long digits; /* without leading zeros */
    bool negative, integer;
};

#ifdef __SIZEOF_INT128__
typedef unsigned __int128 u128;

/* The upper 128 bits of m * 5^q, m with its highest bit set; the lower 64 digits of the power only
 * count when the upper ones leave the rounding open. */
static inline u128 times_pow5(uint64_t m, long q)
{
    const struct pow5 *f = &pow5[q - POW5_MIN];
    u128 product = (u128)m * f->high;

    if ((product >> 64 & 0x1ff) == 0x1ff) product += (u128)m * f->low >> 64;
    return product;
}

/* m * 10^q rounded half to even; 0 < m, q within the table, so the result is a normal number. */
static double wide(uint64_t m, long q)
{
    int zeros = __builtin_clzll(m), carry, shift;
    u128 product = times_pow5(m << zeros, q);
    uint64_t high = (uint64_t)(product >> 64), top, bits;
    long exp2;
    double v;

    carry = (int)(high >> 63);
    shift = carry + 64 - 52 - 3;
    top = high >> shift; /* 54 bits: one more than is kept */
    exp2 = (217706 * q >> 16) + 63 + carry - zeros + 1023;
    if ((uint64_t)product <= 1 && q >= -4 && q <= 23 && (top & 3) == 1 && top << shift == high)
        top--; /* halfway between two: to the even one */
    top = (top + (top & 1)) >> 1;
    if (top >> 53) exp2++; /* rounded up to the next power of two: all other digits are 0 */
    bits = (uint64_t)exp2 << 52 | (top & (((uint64_t)1 << 52) - 1));
    memcpy(&v, &bits, sizeof v);
    return v;
}
#define HAVE_WIDE 1
#else
#define HAVE_WIDE      0
#define wide(m, exp10) 0.0
#endif

static double by_strtod(const char *p, size_t n)
{
    char small[64];
    char *s = n < sizeof small ? small : mem_alloc(n + 1);
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* a constant in the C library */
    double v;

    memcpy(s, p, n);
    s[n] = '\0';
    v = c ? strtod_l(s, NULL, c) : strtod(s, NULL);
    if (c) freelocale(c);
    if (s != small) free(s);
    return v;
}

static enum num_kind scan_inf(const char *p, size_t n, bool negative, double *ret)
{
    if (!((n == 3 && strncasecmp(p, "inf", 3) == 0) ||
          (n == 8 && strncasecmp(p, "infinity", 8) == 0)))
        return NUM_NONE;
    *ret = negative ? -(double)INFINITY : (double)INFINITY;
    return NUM_INF;
}

/* Digits behind e or E; NULL when there are none. */
static const char *scan_exponent(const char *p, const char *end, long *ret)
{
    bool negative = false;
    const char *first;
    long v = 0;

    if (p < end && (*p == '+' || *p == '-')) negative = *p++ == '-';
    for (first = p; p < end && (unsigned char)(*p - '0') < 10; p++)
        if (v < EXP_CLAMP) v = v * 10 + (*p - '0');
    if (p == first) return NULL;
    *ret = negative ? -v : v;
    return p;
}

static long leading_zeros(const char *p, const char *end)
{
    long n = 0;

    for (; p < end && (*p == '0' || *p == '.'); p++) n += *p == '0';
    return n;
}

/* Takes the unsigned part [p,end) apart; false: not a number. */
static inline bool scan_parts(const char *p, const char *end, struct parts *n)
{
    const char *first = p, *stop;
    uint64_t m = 0;
    long point = 0;
    unsigned d;

    for (; p < end && (d = (unsigned char)(*p - '0')) < 10; p++) m = m * 10 + d;
    n->digits = p - first;
    n->integer = true;
    if (p < end && *p == '.') {
        const char *frac = ++p;
        for (; p < end && (d = (unsigned char)(*p - '0')) < 10; p++) m = m * 10 + d;
        point = p - frac;
        n->digits += point;
        n->integer = false;
    }
    if (n->digits == 0) return false;
    stop = p;
    n->exp10 = 0;
    if (p < end && (*p == 'e' || *p == 'E')) {
        n->integer = false;
        if (!(p = scan_exponent(p + 1, end, &n->exp10))) return false;
    }
    if (p != end) return false;
    n->exp10 -= point;
    n->mantissa = m;
    if (n->digits > MAX_DIGITS) n->digits -= leading_zeros(first, stop);
    return true;
}

static inline double parts_value(const struct parts *n, const char *p, size_t len)
{
    double v;

    if (n->digits > MAX_DIGITS) return by_strtod(p, len);
    if (n->mantissa <= MAX_EXACT && n->exp10 >= -MAX_CLINGER && n->exp10 <= MAX_CLINGER) {
        v = (double)n->mantissa;
        return n->exp10 < 0 ? v / pow10_real[-n->exp10] : v * pow10_real[n->exp10];
    }
    if (n->mantissa == 0) return 0.0;
    if (HAVE_WIDE && n->exp10 >= POW5_MIN && n->exp10 <= POW5_MAX)
        return wide(n->mantissa, n->exp10);
    return by_strtod(p, len);
}

enum num_kind num_scan(const char *p, size_t n, double *ret)
{
    const char *end = p + n;
    struct parts parts;
    bool negative = false;
    double v;

    while (p < end && num_blank(*p)) p++;
    while (end > p && num_blank(end[-1])) end--;
    if (p < end && (*p == '-' || *p == '+')) negative = *p++ == '-';
    if (!scan_parts(p, end, &parts)) return scan_inf(p, (size_t)(end - p), negative, ret);
    v = parts_value(&parts, p, (size_t)(end - p));
    *ret = negative ? -v : v;
    if (isinf(v)) return NUM_INF;
    if (!parts.integer) return NUM_REAL;
    return parts.digits <= MAX_DIGITS && parts.mantissa <= MAX_EXACT ? NUM_INT : NUM_BIG;
}

/* -- eight digits at a time ---------------------------------------------------------------- */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTES(b) ((uint64_t)0x0101010101010101u * (b))

static inline uint64_t load8(const char *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof w);
    return w;
}

/* How many of the eight bytes are digits before the first that is none. A byte x is a digit when
 * x ^ '0' < 10; carries of the addition only reach bytes behind one that is none. */
static inline unsigned digit_run(uint64_t w)
{
    uint64_t t = w ^ BYTES('0'), none = (t | (t + BYTES(0x76))) & BYTES(0x80);

    return none ? (unsigned)__builtin_ctzll(none) / 8 : 8;
}

/* Value of the first n digits, 1 <= n <= 8: joined to pairs, fours, eight. */
static inline uint64_t digits_value(uint64_t w, unsigned n)
{
    w = (w ^ BYTES('0')) << (64 - 8 * n);
    w = (w * (10 << 8 | 1)) >> 8 & 0x00ff00ff00ff00ffu;
    w = (w * (100 << 16 | 1)) >> 16 & 0x0000ffff0000ffffu;
    return (w * ((uint64_t)10000 << 32 | 1)) >> 32;
}

/* Appends the digits at s to *m, eight at a time; returns how many. Past MAX_DIGITS *m means
 * nothing, and NUM_PAD bytes are enough to find that out. */
static inline unsigned take_digits(const char *s, uint64_t *m)
{
    unsigned n = 0, k;

    do {
        uint64_t w = load8(s + n);
        k = digit_run(w);
        if (k == 0) break;
        *m = *m * pow10_int[k] + digits_value(w, k);
        n += k;
    } while (k == 8 && n <= MAX_DIGITS);
    return n;
}

/* Without a branch: signs come as they like. */
static inline double signed_value(double v, bool negative)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    bits ^= (uint64_t)negative << 63;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* [-] digits [. digits] [e [+-] digits], at most 19 digits; everything else goes the long way. */
static enum num_kind scan_longer(const char *p, size_t n, double *ret)
{
    bool negative = *p == '-';
    const char *s = p + negative, *end = p + n;
    struct parts parts = { .integer = true };
    unsigned whole, frac = 0;
    double v;

    whole = take_digits(s, &parts.mantissa);
    s += whole;
    if (s < end && *s == '.') {
        frac = take_digits(++s, &parts.mantissa);
        s += frac;
        parts.integer = false;
    }
    if (s < end && (*s == 'e' || *s == 'E')) {
        parts.integer = false;
        s = scan_exponent(s + 1, end, &parts.exp10);
    }
    parts.digits = whole + frac;
    if (s != end || parts.digits == 0 || parts.digits > MAX_DIGITS) return num_scan(p, n, ret);
    parts.exp10 -= (long)frac;
    v = parts_value(&parts, p + negative, n - negative);
    *ret = signed_value(v, negative);
    if (parts.integer) return parts.mantissa <= MAX_EXACT ? NUM_INT : NUM_BIG;
    return isinf(v) ? NUM_INF : NUM_REAL;
}

/* First what most numbers are: [-], up to seven digits, and perhaps a point and up to eight more:
 * 15 digits, so that both sides of the division are exact. */
enum num_kind num_scan_padded(const char *p, size_t n, double *ret)
{
    bool negative = *p == '-';
    const char *s = p + negative, *end = p + n;
    uint64_t w = load8(s), m;
    unsigned run = digit_run(w);

    if (n - 1 >= NUM_PAD) return num_scan(p, n, ret);
    if (run - 1 >= 7) return scan_longer(p, n, ret);
    m = digits_value(w, run);
    s += run;
    if (s == end) {
        *ret = signed_value((double)m, negative);
        return NUM_INT;
    }
    w = load8(s + 1);
    run = digit_run(w);
    if (*s != '.' || run == 0 || s + 1 + run != end) return scan_longer(p, n, ret);
    m = m * pow10_int[run] + digits_value(w, run);
    *ret = signed_value((double)m / pow10_real[run], negative);
    return NUM_REAL;
}
#else
enum num_kind num_scan_padded(const char *p, size_t n, double *ret)
{
    return num_scan(p, n, ret);
}
#endif
