/* num.c: see num.h. Three ways to the same bits, chosen by how many digits there are:
 *
 *  1. mantissa <= 2^53, |exponent| <= 22: both exact as doubles, one multiplication or division
 *     rounds once (Clinger 1990). Nearly every number in a table.
 *  2. mantissa < 10^19, |exponent| <= 19: exact product or quotient in 128-bit integers, rounded
 *     by hand, half to even. What programs print with 16 or 17 digits.
 *  3. the rest: strtod in the C locale.
 *
 * Way 2 uses no extended floating point, so it gives the same result on every machine and under
 * emulators. */
#include "codec/num.h"

#include "base/mem.h"
#include "base/pow10.h"
#include <assert.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_EXACT  ((uint64_t)1 << 53)
#define MAX_DIGITS 19
#define MAX_WIDE   19
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

_Static_assert(MAX_WIDE < POW10_INTS, "the table is long enough");

/* v * 2^exp2 rounded half to even; v has at least 54 bits, sticky: something below was cut. */
static double round_scaled(uint64_t v, int exp2, bool sticky)
{
    int cut = 64 - __builtin_clzll(v) - 53;
    uint64_t low = v & (((uint64_t)1 << cut) - 1), half = (uint64_t)1 << (cut - 1);
    uint64_t top = v >> cut;

    assert(cut > 0);
    if (low > half || (low == half && (sticky || (top & 1)))) top++;
    return ldexp((double)top, exp2 + cut);
}

static double wide(uint64_t m, long exp10)
{
    int shift = __builtin_clzll(m);

    m <<= shift;
    if (exp10 < 0) {
        uint64_t d = pow10_int[-exp10];
        int dshift = __builtin_clzll(d);
        u128 num = (u128)m << 63;
        uint64_t q;
        d <<= dshift;
        q = (uint64_t)(num / d);
        return round_scaled(q, dshift - shift - 63, num % d != 0);
    }
    {
        uint64_t f = pow10_int[exp10];
        int fshift = __builtin_clzll(f);
        u128 product = (u128)m * (f << fshift);
        return round_scaled((uint64_t)(product >> 64), 64 - shift - fshift, (uint64_t)product != 0);
    }
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
    if (HAVE_WIDE && n->exp10 >= -MAX_WIDE && n->exp10 <= MAX_WIDE)
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

/* Plain decimals: [-] up to eight digits, or [-] up to seven, a point and up to sixteen more.
 * Everything else goes the long way. */
enum num_kind num_scan_padded(const char *p, size_t n, double *ret)
{
    bool negative = *p == '-';
    const char *s = p + negative;
    uint64_t w = load8(s), m;
    unsigned whole = digit_run(w), frac;
    struct parts parts;
    double v;

    if (n - 1 >= NUM_PAD || whole == 0) return num_scan(p, n, ret);
    n -= negative;
    m = digits_value(w, whole);
    if (whole == n) {
        *ret = negative ? -(double)m : (double)m;
        return NUM_INT;
    }
    if (whole == 8 || s[whole] != '.') return num_scan(p, n + negative, ret);
    s += whole + 1;
    w = load8(s);
    if ((frac = digit_run(w)) == 0) return num_scan(p, n + negative, ret);
    m = m * (uint64_t)pow10_real[frac] + digits_value(w, frac);
    if (frac == 8 && whole + 1 + frac < n) {
        unsigned more = digit_run(w = load8(s + 8));
        if (more == 0) return num_scan(p, n + negative, ret);
        m = m * (uint64_t)pow10_real[more] + digits_value(w, more);
        frac += more;
    }
    if (whole + 1 + frac != n || whole + frac > MAX_DIGITS) return num_scan(p, n + negative, ret);
    parts = (struct parts){ .mantissa = m, .exp10 = -(long)frac, .digits = whole + frac };
    v = parts_value(&parts, p + negative, n);
    *ret = negative ? -v : v;
    return NUM_REAL;
}
#else
enum num_kind num_scan_padded(const char *p, size_t n, double *ret)
{
    return num_scan(p, n, ret);
}
#endif
