/* hist.c: see hist.h. A value's bucket comes from its binary exponent and three comparisons, no
 * logarithm, because a daemon does this several times for every prediction. Bucket b holds
 * [2^(b/4), 2^((b+1)/4)) microseconds; the first also what is shorter, the last what is longer. */
#include "base/hist.h"

#include "base/err.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define UNIT 1e-6

static const double quarter[] = { 0.5, 0.59460355750136051, 0.70710678118654757,
                                  0.84089641525371450 }; /* 2^-1, 2^-3/4, 2^-1/2, 2^-1/4 */

static int bucket_of(double seconds)
{
    int exponent, q = 0;
    double m;

    if (!(seconds >= UNIT)) return 0;
    if (!(seconds < 4200)) return HIST_BUCKETS - 1;
    m = frexp(seconds / UNIT, &exponent); /* [0.5, 1) */
    while (q < 3 && m >= quarter[q + 1]) q++;
    int b = (exponent - 1) * 4 + q;
    return b < 0 ? 0 : b < HIST_BUCKETS ? b : HIST_BUCKETS - 1;
}

/* 2^(k/4) microseconds. */
static double edge(int k)
{
    return ldexp(quarter[k & 3], (k >> 2) + 1) * UNIT;
}

double hist_bound(int bucket)
{
    return edge(bucket + 1);
}

/* The middle of a bucket on the logarithmic scale: at most 9 % from anything in it. */
static double middle(int bucket)
{
    return edge(bucket) * 1.0905077326652577; /* 2^(1/8) */
}

void hist_add(struct hist *h, double seconds)
{
    if (!(seconds > 0)) seconds = 0; /* also what is not a number */
    h->n++;
    h->sum += seconds;
    if (seconds > h->max) h->max = seconds;
    uint32_t *at = &h->bucket[bucket_of(seconds)];
    if (*at < UINT32_MAX) ++*at;
}

void hist_merge(struct hist *into, const struct hist *from)
{
    into->n += from->n;
    into->sum += from->sum;
    if (from->max > into->max) into->max = from->max;
    for (int b = 0; b < HIST_BUCKETS; b++) {
        uint64_t both = (uint64_t)into->bucket[b] + from->bucket[b];
        into->bucket[b] = both < UINT32_MAX ? (uint32_t)both : UINT32_MAX;
    }
}

double hist_quantile(const struct hist *h, double q)
{
    uint64_t total = 0, seen = 0;

    for (int b = 0; b < HIST_BUCKETS; b++) total += h->bucket[b];
    if (total == 0) return (double)NAN;
    if (q >= 1) return h->max;
    double rank = q > 0 ? q * (double)total : 0;
    for (int b = 0; b < HIST_BUCKETS; b++) {
        seen += h->bucket[b];
        if (h->bucket[b] && (double)seen >= rank) return fmin(middle(b), h->max);
    }
    return h->max;
}

uint64_t hist_below(const struct hist *h, double seconds)
{
    uint64_t n = 0;

    if (seconds >= h->max) return h->n;
    for (int b = 0; b < HIST_BUCKETS && middle(b) <= seconds; b++) n += h->bucket[b];
    return n;
}

void hist_write(const struct hist *h, struct str *out)
{
    char sum[32], max[32];

    str_addf(out, "%" PRIu64 " %s %s", h->n, str_real(sum, h->sum), str_real(max, h->max));
    for (int b = 0; b < HIST_BUCKETS; b++)
        if (h->bucket[b]) str_addf(out, " %d:%" PRIu32, b, h->bucket[b]);
}

/* The next number of the text, as strtod or strtoull reads it; false when there is none. */
static bool read_count(const char **at, uint64_t *ret)
{
    char *end;

    if (**at < '0' || **at > '9') return false;
    *ret = strtoull(*at, &end, 10);
    *at = end;
    return true;
}

static bool read_real(const char **at, double *ret)
{
    char *end;

    if (*(*at)++ != ' ') return false;
    *ret = strtod(*at, &end);
    if (end == *at || !isfinite(*ret) || *ret < 0) return false;
    *at = end;
    return true;
}

int hist_read(struct hist *h, const char *text)
{
    struct hist r = { 0 };
    const char *at = text ? text : "";
    uint64_t b, count, next = 0;

    if (!read_count(&at, &r.n) || !read_real(&at, &r.sum) || !read_real(&at, &r.max))
        return -ERR_PARSE;
    while (*at == ' ') {
        at++;
        if (!read_count(&at, &b) || b < next || b >= HIST_BUCKETS || *at++ != ':')
            return -ERR_PARSE;
        if (!read_count(&at, &count) || count == 0 || count > UINT32_MAX) return -ERR_PARSE;
        r.bucket[b] = (uint32_t)count;
        next = b + 1;
    }
    if (*at) return -ERR_PARSE;
    *h = r;
    return 0;
}
