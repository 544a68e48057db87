/* profile.c: see profile.h. Values are sorted by radix over their bit patterns (flipped so that
 * unsigned order is numeric order); bytes that are the same in all values cost no pass, which is
 * most of them in columns of small integers. Mean and deviation take a second look at the values
 * so that a large offset does not eat the digits. */
#include "engine/frame/profile.h"
#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RADIX  256
#define DIGITS 8

const double profile_probs[7] = { .01, .05, .25, .50, .75, .95, .99 };

/* -- sorting ------------------------------------------------------------------------------ */

static uint64_t key_of(double v)
{
    uint64_t bits;

    v += 0.0; /* -0 and 0 are one value */
    memcpy(&bits, &v, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

static double value_of(uint64_t key)
{
    uint64_t bits = key >> 63 ? key & ~((uint64_t)1 << 63) : ~key;
    double v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

/* Sorts keys ascending with the help of as many in spare. Answers the one that holds them. */
static uint64_t *radix_sort(uint64_t *keys, uint64_t *spare, size_t n)
{
    for (unsigned d = 0; d < DIGITS; d++) {
        size_t count[RADIX] = { 0 }, at = 0;
        unsigned shift = d * 8;
        uint64_t *swap;
        for (size_t i = 0; i < n; i++) count[keys[i] >> shift & (RADIX - 1)]++;
        if (count[keys[0] >> shift & (RADIX - 1)] == n) continue;
        for (size_t b = 0; b < RADIX; b++) {
            size_t c = count[b];
            count[b] = at;
            at += c;
        }
        for (size_t i = 0; i < n; i++) spare[count[keys[i] >> shift & (RADIX - 1)]++] = keys[i];
        swap = keys;
        keys = spare;
        spare = swap;
    }
    return keys;
}

/* -- numbers ------------------------------------------------------------------------------ */

static double mean_about(const double *v, size_t n, double about)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) sum += v[i] - about;
    return about + sum / (double)n;
}

static void moments(const double *v, size_t n, struct profile *p)
{
    double squares = 0;

    p->mean = mean_about(v, n, mean_about(v, n, v[n / 2]));
    for (size_t i = 0; i < n; i++) squares += (v[i] - p->mean) * (v[i] - p->mean);
    if (n > 1) p->std = sqrt(squares / (double)(n - 1));
}

/* Type 7 of Hyndman and Fan: linear between the order statistics around (n-1)p. */
static double quantile(const double *sorted, size_t n, double prob)
{
    double at = (double)(n - 1) * prob, below = floor(at);
    size_t i = (size_t)below;

    if (i + 1 >= n || at == below) return sorted[i];
    return sorted[i] + (at - below) * (sorted[i + 1] - sorted[i]);
}

static void histogram(const double *sorted, size_t n, struct profile *p)
{
    double range = p->max - p->min;

    if (!isfinite(range)) return;
    p->lo = p->min;
    p->bins = range > 0 ? PROFILE_BINS : 1;
    p->width = range / (double)p->bins;
    for (size_t i = 0; i < n; i++) {
        size_t b = p->width > 0 ? (size_t)((sorted[i] - p->lo) / p->width) : 0;
        p->count[b < p->bins ? b : p->bins - 1]++;
    }
}

static void describe_sorted(const double *v, size_t n, struct profile *p)
{
    p->min = v[0];
    p->max = v[n - 1];
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && v[end] == v[i];) end++;
        if (end - i > p->mode_count) p->mode_count = end - i;
        p->distinct++;
    }
    for (size_t i = 0; i < ARRAY_LEN(profile_probs); i++)
        p->q[i] = quantile(v, n, profile_probs[i]);
    moments(v, n, p);
    histogram(v, n, p);
}

static int profile_numbers(const struct column *c, struct profile *p, struct err *e)
{
    uint64_t *keys = mem_try(p->rows + 1, sizeof *keys),
             *spare = mem_try(p->rows + 1, sizeof *keys);
    size_t n = 0;

    if (!keys || !spare) {
        free(keys);
        free(spare);
        return err_set(e, ERR_NOMEM, "not enough memory to sort column %s of %zu rows", c->name,
                       p->rows);
    }
    for (size_t i = 0; i < p->rows; i++)
        if (!isnan(c->num[i])) keys[n++] = key_of(c->num[i]);
    p->missing = p->rows - n;
    if (n) {
        uint64_t *sorted = radix_sort(keys, spare, n);
        double *v = (double *)(void *)(sorted == keys ? spare : keys);
        for (size_t i = 0; i < n; i++) v[i] = value_of(sorted[i]);
        describe_sorted(v, n, p);
    }
    free(keys);
    free(spare);
    return 0;
}

/* -- levels ------------------------------------------------------------------------------- */

/* Keeps the list of the most frequent levels in order; equal counts stay in order of code. */
static void offer_top(struct profile *p, int32_t code, size_t count)
{
    size_t i = p->n_top;

    if (i == PROFILE_TOP && count <= p->top_count[i - 1]) return;
    if (i < PROFILE_TOP) p->n_top++;
    else i--;
    for (; i > 0 && p->top_count[i - 1] < count; i--) {
        p->top_code[i] = p->top_code[i - 1];
        p->top_count[i] = p->top_count[i - 1];
    }
    p->top_code[i] = code;
    p->top_count[i] = count;
}

static int profile_codes(const struct column *c, struct profile *p, struct err *e)
{
    size_t levels = dict_len(c->dict), *count = mem_try_zero(levels + 1, sizeof *count);

    if (!count)
        return err_set(e, ERR_NOMEM, "not enough memory to count the %zu levels of column %s",
                       levels, c->name);
    for (size_t i = 0; i < p->rows; i++) {
        assert(c->code[i] < (int32_t)levels);
        if (c->code[i] < 0) p->missing++;
        else count[c->code[i]]++;
    }
    for (size_t k = 0; k < levels; k++) {
        if (count[k] == 0) continue;
        p->distinct++;
        if (count[k] > p->mode_count) p->mode_count = count[k];
        offer_top(p, (int32_t)k, count[k]);
    }
    free(count);
    return 0;
}

int profile_column(const struct column *c, size_t n_rows, struct profile *ret, struct err *e)
{
    const double none = (double)NAN;
    struct profile p = { .rows = n_rows, .min = none, .max = none, .mean = none, .std = none };
    int rc;

    for (size_t i = 0; i < ARRAY_LEN(p.q); i++) p.q[i] = none;
    rc = col_is_coded(c->type) ? profile_codes(c, &p, e) : profile_numbers(c, &p, e);
    if (rc == 0) *ret = p;
    return rc;
}
