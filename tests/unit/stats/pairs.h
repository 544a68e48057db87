/* pairs.h: the samples of pairs.json: raw values, or regenerated from a generator's
 * specification and checked against its fingerprint. Only + - * / sqrt and floor on doubles, so
 * every machine makes the same bits. */
#pragma once
#include "base/rng.h"
#include "vectors.h"

static inline uint64_t pair_out(uint64_t seed, uint64_t k)
{
    return rng_mix(seed + (k - 1) * 0x9e3779b97f4a7c15u);
}
static inline double pair_u(uint64_t s, uint64_t k) { return (double)(pair_out(s, k) >> 11) * 0x1p-53; }
static inline double pair_uo(uint64_t s, uint64_t k)
{
    return ((double)(pair_out(s, k) >> 12) + 0.5) * 0x1p-52;
}
static inline double pair_ih(uint64_t s, uint64_t k) /* sum of twelve uniforms, centred */
{
    double t = pair_u(s, k);
    for (uint64_t j = 1; j < 12; j++) t = t + pair_u(s, k + j);
    return t - 6.0;
}

static inline double pair_value(const char *dist, const double *p, uint64_t seed, uint64_t i)
{
    if (str_eq(dist, "const")) return p[0];
    if (str_eq(dist, "unif")) return p[0] + (p[1] - p[0]) * pair_u(seed, i + 1);
    if (str_eq(dist, "ih12")) return p[0] + p[1] * pair_ih(seed, i * 12 + 1);
    if (str_eq(dist, "heavy")) {
        double w = pair_uo(seed, i + 1);
        return p[0] + p[1] * ((w - 0.5) / (w * (1.0 - w)));
    }
    if (str_eq(dist, "pareto1")) return p[0] / pair_uo(seed, i + 1);
    if (str_eq(dist, "pareto2")) return p[0] / sqrt(pair_uo(seed, i + 1));
    if (str_eq(dist, "int")) return p[0] + floor(pair_u(seed, i + 1) * p[1]);
    if (str_eq(dist, "binom")) {
        uint64_t m = (uint64_t)p[0];
        double x = 0;
        for (uint64_t j = 0; j < m; j++) x += pair_u(seed, i * m + 1 + j) < p[1];
        return x;
    }
    bool first = pair_u(seed, i * 13 + 1) < p[0];
    double z = pair_ih(seed, i * 13 + 2);
    if (str_eq(dist, "mix")) return first ? p[1] + p[2] * z : p[3] + p[4] * z;
    assert_string_equal(dist, "zinf");
    return first ? 0.0 : p[1] + p[2] * z;
}

static inline void pair_fingerprint(const double *x, size_t n, const char *want)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) {
        uint64_t w = 0x7ff8000000000000u;
        if (!isnan(x[i])) memcpy(&w, &x[i], 8);
        h = (h ^ w) * 0x100000001b3u;
    }
    char hex[17];
    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)h);
    assert_string_equal(hex, want);
}

/* Values of a generator's specification, in the arena. */
static inline double *pair_generate(struct arena *a, const struct val *gen, size_t *ret_n)
{
    double p[8] = { 0 };
    size_t n = (size_t)val_get_int(gen, "n", 0);
    double *x = arena_array(a, n, double);
    *ret_n = n;
    for (size_t i = 0; i < val_len(val_get(gen, "p")); i++)
        p[i] = vectors_num(val_at(val_get(gen, "p"), i));
    const char *dist = val_get_str(gen, "dist", "");
    uint64_t seed = (uint64_t)val_get_int(gen, "seed", 0);
    double q = val_get_real(gen, "q", 0), nan_p = val_get_real(gen, "nan_p", 0);
    for (uint64_t i = 0; i < n; i++) {
        x[i] = pair_value(dist, p, seed, i);
        if (q > 0) x[i] = floor(x[i] / q + 0.5) * q;
        if (nan_p > 0 && pair_u(seed ^ 0xa5a5a5a5a5a5a5a5u, i + 1) < nan_p) x[i] = NAN;
    }
    return x;
}

/* Values of {"raw": …} or {"gen": …, "fnv": …}, in the arena. */
static inline double *pair_sample(struct arena *a, const struct val *src, size_t *ret_n)
{
    const struct val *raw = val_get(src, "raw"), *gen = val_get(src, "gen");
    double *x;
    if (gen) {
        x = pair_generate(a, gen, ret_n);
        pair_fingerprint(x, *ret_n, val_get_str(src, "fnv", ""));
        return x;
    }
    *ret_n = val_len(raw);
    x = arena_array(a, *ret_n, double);
    for (size_t i = 0; i < *ret_n; i++) x[i] = vectors_num(val_at(raw, i));
    return x;
}
