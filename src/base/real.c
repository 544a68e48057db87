/* real.c: str_real of str.h: the shortest text that reads back as the same double.
 *
 * The text is what printf gives with 15 digits, else with 16, else with 17: the first that reads
 * back. For numbers from 1e-5 to 1e15 that is found in 128-bit integers, exactly: the number is
 * m * 2^-s, times 10^k it has 17 digits before the point, and whether a candidate of fewer
 * digits lies between the halves to both neighbours is a comparison. All others take the way
 * through printf and strtod, which is some twenty times slower. */
#include "base/pow10.h"
#include "base/str.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const uint64_t pow10_int[POW10_INTS] = { 1u,
                                         10u,
                                         100u,
                                         1000u,
                                         10000u,
                                         100000u,
                                         1000000u,
                                         10000000u,
                                         100000000u,
                                         1000000000u,
                                         10000000000u,
                                         100000000000u,
                                         1000000000000u,
                                         10000000000000u,
                                         100000000000000u,
                                         1000000000000000u,
                                         10000000000000000u,
                                         100000000000000000u,
                                         1000000000000000000u,
                                         10000000000000000000u };

static const char *by_printf(char buf[32], double v)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buf, 32, "%.*g", digits, v);
        if (strtod(buf, NULL) == v) break;
    }
    return buf;
}

static char *put_integer(char *p, uint64_t v)
{
    char reversed[20];
    size_t n = 0;

    do reversed[n++] = (char)('0' + v % 10);
    while (v /= 10);
    while (n) *p++ = reversed[--n];
    return p;
}

#ifdef __SIZEOF_INT128__
typedef unsigned __int128 u128;

static u128 times_pow10(u128 v, int k)
{
    return k > 19 ? v * pow10_int[19] * pow10_int[k - 19] : v * pow10_int[k];
}

/* A number as 17 digits and a rest: value = digits / 10^k, exactly (number * 10^k) << shift is
 * `scaled`; neighbours are halfway at low and high. */
struct decimal {
    u128 scaled, low, high;
    uint64_t digits;  /* scaled >> shift, in [10^16, 10^17) */
    int shift, exp10; /* exponent of the first digit */
    bool inclusive;   /* halfway reads back as this number */
};

static bool decompose(double v, struct decimal *d)
{
    uint64_t bits, m;
    int e2;

    memcpy(&bits, &v, sizeof bits);
    m = (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1 << 52;
    e2 = (int)(bits >> 52) - 1075;
    d->shift = 2 - e2;
    d->exp10 = ((e2 + 52) * 1233) >> 12; /* log10(2), rounded down; off by one at most */
    for (;;) {
        int k = 16 - d->exp10;
        if (k < 0 || k > 21) return false;
        d->scaled = times_pow10((u128)m * 4, k);
        d->digits = (uint64_t)(d->scaled >> d->shift);
        if (d->digits >= pow10_int[17]) {
            d->exp10++;
        } else if (d->digits < pow10_int[16]) {
            d->exp10--;
        } else {
            u128 unit = times_pow10(1, k);
            d->low = d->scaled - (m == (uint64_t)1 << 52 ? unit : 2 * unit);
            d->high = d->scaled + 2 * unit;
            d->inclusive = !(m & 1);
            return true;
        }
    }
}

/* The digits rounded half to even to 17 - cut; does that read back? */
static bool candidate(const struct decimal *d, int cut, uint64_t *ret)
{
    uint64_t unit = pow10_int[cut], q = d->digits / unit, low = d->digits % unit;
    u128 rest = d->scaled - ((u128)d->digits << d->shift), c, half;

    /* (low + rest / 2^shift) against unit / 2 */
    rest += (u128)low << d->shift;
    half = ((u128)unit << d->shift) >> 1;
    q += rest > half || (rest == half && (q & 1));
    c = (u128)(q * unit) << d->shift;
    *ret = q;
    return d->inclusive ? c >= d->low && c <= d->high : c > d->low && c < d->high;
}

/* q is n digits, the first of which stands for 10^exp10. As printf's %g writes it. */
static void write_digits(char *p, uint64_t q, int n, int exp10)
{
    char digits[24];

    if (q == pow10_int[n]) {
        q /= 10;
        exp10++;
    }
    for (; q % 10 == 0; q /= 10) n--;
    put_integer(digits, q);
    if (exp10 < -4) {
        *p++ = digits[0];
        if (n > 1) *p++ = '.';
        memcpy(p, digits + 1, (size_t)n - 1);
        p += n - 1;
        memcpy(p, "e-0", 3);
        p[3] = (char)('0' - exp10);
        p[4] = '\0';
        return;
    }
    if (exp10 < 0) {
        memcpy(p, "0.0000", 6);
        p += 1 - exp10;
        memcpy(p, digits, (size_t)n);
        p[n] = '\0';
        return;
    }
    for (int i = 0; i <= exp10; i++) *p++ = i < n ? digits[i] : '0';
    if (n > exp10 + 1) {
        *p++ = '.';
        memcpy(p, digits + exp10 + 1, (size_t)(n - exp10 - 1));
        p += n - exp10 - 1;
    }
    *p = '\0';
}

static bool by_integers(char *p, double v)
{
    struct decimal d;
    uint64_t q;

    if (!(v >= 1e-5 && v < 1e15) || !decompose(v, &d)) return false;
    for (int cut = 2; cut >= 0; cut--) {
        if (!candidate(&d, cut, &q)) continue;
        write_digits(p, q, 17 - cut, d.exp10);
        return true;
    }
    return false;
}
#else
static bool by_integers(char *p, double v)
{
    (void)p;
    (void)v;
    return false;
}
#endif

const char *str_real(char buf[32], double v)
{
    char *p = buf;

    if (isnan(v)) return strcpy(buf, "nan");
    if (isinf(v)) return strcpy(buf, v < 0 ? "-inf" : "inf");
    if (signbit(v)) *p++ = '-';
    if (fabs(v) < 1e15 && fabs(v) == (double)(uint64_t)fabs(v)) {
        *put_integer(p, (uint64_t)fabs(v)) = '\0';
        return buf;
    }
    return by_integers(p, fabs(v)) ? buf : by_printf(buf, v);
}
