/* test_kernels.c: every instruction set's kernels against each other, to the bit, and against
 * plain loops and libm. */
#include "base/mem.h"
#include "base/rng.h"
#include "engine/learn/gbdt.h"
#include "enginetest.h"

#define N 1003

static void fill(double *v, size_t n, double scale, uint64_t seed)
{
    struct rng r;

    rng_seed(&r, seed);
    for (size_t i = 0; i < n; i++) v[i] = scale * rng_normal(&r);
}

static void test_exp(void **state)
{
    const struct kernels *g = kernels_for(KERNEL_GENERIC);
    double x[N], want[N], got[N];

    (void)state;
    fill(x, N, 30, 1);
    x[0] = 0;
    x[1] = 700;
    x[2] = -700;
    x[3] = 1e9;
    x[4] = -1e9;
    g->exp(x, N, want);
    for (size_t i = 0; i < N; i++)
        check_near(want[i], exp(fmin(fmax(x[i], -700), 700)), 0, 1e-14, "exp");
    for (int isa = 1; isa < KERNEL_ISAS; isa++) {
        const struct kernels *k = kernels_for(isa);
        if (!k) continue;
        for (size_t n = 0; n < 9; n++) {
            memset(got, 0, sizeof got);
            k->exp(x, n, got);
            assert_memory_equal(got, want, n * sizeof *got);
        }
        k->exp(x, N, got);
        assert_memory_equal(got, want, sizeof got);
    }
}

/* Two dimensions and seven kernels, one more to fill up; the second half far away. */
static void test_mixture(void **state)
{
    double mu[16], c[16], start[8], shares[8], x[2] = { 0.3, 0.8 }, want = 0, got, first = 0;
    const struct kernel_mixture m = { 8, 2, mu, c };

    (void)state;
    for (int i = 0; i < 16; i++) {
        mu[i] = i % 8 < 4 ? 0.06 * i : 40 + i;
        c[i] = i % 3 ? 2.0 * i : 0;
    }
    for (int k = 0; k < 8; k++) start[k] = k < 7 ? -0.5 * k : -HUGE_VAL;
    for (int k = 0; k < 7; k++)
        want += exp(start[k] - c[k] * (mu[k] - x[0]) * (mu[k] - x[0]) -
                    c[8 + k] * (mu[8 + k] - x[1]) * (mu[8 + k] - x[1]));
    for (int isa = 0; isa < KERNEL_ISAS; isa++) {
        if (!kernels_for(isa)) continue;
        memcpy(shares, start, sizeof start);
        kernels_for(isa)->mixture(&m, x, shares, &got);
        check_near(got, log(want), 1e-12, 0, "log density");
        if (isa == KERNEL_GENERIC) first = got;
        assert_memory_equal(&got, &first, sizeof got);
    }
}

static void logistic_by_hand(const struct kernel_logistic *a, double *loss)
{
    double sum_g = 0;

    *loss = 0;
    for (size_t i = 0; i < a->n; i++) {
        sum_g += fabs((double)a->g[i]);
        double p = 1 / (1 + exp(-a->score[i])), w = a->w ? a->w[i] : 1;
        double like = a->y[i] > 0 ? p : 1 - p;
        check_near((double)a->g[i], w * (p - a->y[i]), 1e-7, 1e-6, "g");
        check_near((double)a->h[i], w * p * (1 - p), 1e-7, 1e-6, "h");
        *loss -= w * log(like > 1e-15 ? like : 1e-15);
    }
    check_near(a->sum_g, sum_g, 1e-4, 1e-6, "sum of |g|");
}

static void test_logistic(void **state)
{
    double s[N], y[N], w[N], loss;
    float g[2][N], h[2][N];

    (void)state;
    fill(s, N, 3, 2);
    s[10] = 60;
    s[11] = -60;
    for (size_t i = 0; i < N; i++) {
        y[i] = i % 3 == 0;
        w[i] = (double)(i % 5);
    }
    for (size_t n = 1; n <= N; n += n < 40 ? 1 : 321)
        for (int weighted = 0; weighted < 2; weighted++) {
            struct kernel_logistic a = {
                .score = s, .y = y, .w = weighted ? w : NULL, .n = n, .g = g[0], .h = h[0]
            };
            kernels_for(KERNEL_GENERIC)->logistic(&a);
            logistic_by_hand(&a, &loss);
            check_near(a.loss, loss, 1e-12, 1e-11, "loss");
            for (int isa = 1; isa < KERNEL_ISAS; isa++) {
                struct kernel_logistic b = a;
                if (!kernels_for(isa)) continue;
                b.g = g[1];
                b.h = h[1];
                kernels_for(isa)->logistic(&b);
                assert_memory_equal(g[0], g[1], n * sizeof(float));
                assert_memory_equal(h[0], h[1], n * sizeof(float));
                assert_true(a.loss == b.loss && a.max_g == b.max_g && a.max_h == b.max_h);
                assert_true(a.sum_g == b.sum_g);
            }
        }
}

/* Each number is one of its two neighbours, the mean is right, and a row's result depends on
 * its number and not on where a piece begins. */
static void test_quantise(void **state)
{
    enum { ROWS = 40000 };
    static float g[ROWS], h[ROWS];
    static int32_t a[ROWS], b[ROWS];
    double sum = 0, exact = 0, mul = 100;
    struct kernel_quantise q = {
        .g = g, .h = h, .n = ROWS, .seed = 9, .g_mul = 100, .h_mul = 100, .gh = a
    };

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        g[i] = (float)sin((double)i) * 3.0f;
        h[i] = (float)(1 + cos((double)i));
    }
    g[5] = 320;
    g[6] = -320;
    h[7] = 650;
    kernels_for(KERNEL_GENERIC)->quantise(&q);
    for (size_t i = 0; i < ROWS; i++) {
        int64_t packed = kernel_packed(a[i]), gi = packed >> 32, hi = packed & INT64_C(0xffffffff);
        assert_true(fabs((double)gi - (double)g[i] * mul) <= 1.01);
        assert_true(fabs((double)hi - (double)h[i] * mul) <= 1.01);
        sum += (double)gi;
        exact += (double)g[i] * mul;
    }
    assert_true(fabs(sum - exact) < 4 * 0.5 * sqrt(ROWS));
    for (int isa = 0; isa < KERNEL_ISAS; isa++) {
        if (!kernels_for(isa)) continue;
        for (size_t from = 0, n; from < ROWS; from += n) {
            n = 1 + from % 1013;
            if (from + n > ROWS) n = ROWS - from;
            q = (struct kernel_quantise){ .g = g + from,
                                          .h = h + from,
                                          .n = n,
                                          .seed = 9,
                                          .row = (uint32_t)from,
                                          .g_mul = 100,
                                          .h_mul = 100,
                                          .gh = b + from };
            kernels_for(isa)->quantise(&q);
        }
        assert_memory_equal(a, b, sizeof a);
    }
}

/* Gain of cut i, minus infinity where a side is too small. */
static double gain_by_hand(const int64_t *prefix, size_t i, const struct kernel_cut *a)
{
    int64_t l = prefix[i] + a->extra, r = a->total - l;
    double hl = (double)(l & INT64_C(0xffffffff)), hr = (double)(r & INT64_C(0xffffffff));
    double tl = fmax(fabs((double)(l >> 32)) - a->l1, 0);
    double tr = fmax(fabs((double)(r >> 32)) - a->l1, 0);

    if (hl < a->min_h || hr < a->min_h) return -HUGE_VAL;
    return tl * tl / (hl + a->l2) + tr * tr / (hr + a->l2);
}

static void test_best_cut(void **state)
{
    int64_t prefix[264], sum;
    struct rng r;

    (void)state;
    rng_seed(&r, 4);
    for (size_t n = 1; n < 257; n += n < 20 ? 1 : 59) {
        sum = 0;
        for (size_t i = 0; i < n; i++) {
            int64_t g = (int64_t)rng_below(&r, 2001) - 1000, h = (int64_t)rng_below(&r, 500);
            if (i % 5 != 4) sum += g * (INT64_C(1) << 32) + h; /* some bins are empty: ties */
            prefix[i] = sum;
        }
        for (size_t i = n; i < n + 4; i++) prefix[i] = sum;
        for (int kind = 0; kind < 4; kind++) {
            struct kernel_cut a = { .total = sum + (INT64_C(-77) * (INT64_C(1) << 32)) + 900,
                                    .extra = kind & 1 ? INT64_C(-50) * (INT64_C(1) << 32) + 300 : 0,
                                    .l1 = kind & 2 ? 12.5 : 0,
                                    .l2 = 3.25,
                                    .min_h = 400,
                                    .gain = 1 };
            double best = 1;
            size_t bin = SIZE_MAX;
            for (size_t i = 0; i < n; i++) {
                double gain = gain_by_hand(prefix, i, &a);
                if (gain > best * (1 + 1e-12)) {
                    best = gain;
                    bin = i;
                }
            }
            for (int isa = 0; isa < KERNEL_ISAS; isa++) {
                struct kernel_cut b = a;
                static double first;
                if (!kernels_for(isa)) continue;
                b.bin = SIZE_MAX;
                kernels_for(isa)->best_cut(prefix, n, &b);
                assert_true(b.bin == bin);
                check_near(b.gain, best, 0, 1e-12, "gain");
                if (isa == 0) first = b.gain;
                assert_true(b.gain == first);
            }
        }
    }
}

/* Every pattern of bits, ends of every length; nothing is written outside the areas. */
static void test_move(void **state)
{
    enum { MOST = 203 };
    uint32_t rows[MOST], left[MOST + 8], right[MOST + 8];
    uint8_t lut[256], col[MOST], bits[MOST / 8 + 1];
    uint16_t wide[MOST];
    struct rng r;

    (void)state;
    rng_seed(&r, 8);
    for (size_t i = 0; i < sizeof lut; i++) lut[i] = i % 2;
    for (size_t n = 0; n <= MOST; n++)
        for (int kind = 0; kind < 4; kind++) {
            for (size_t i = 0; i < n; i++) {
                size_t row = n - 1 - i;
                rows[i] = (uint32_t)row;
                col[row] = (uint8_t)(kind == 0 ? 0 : kind == 1 ? 1 : rng_below(&r, 256));
                if (kind == 3) col[row] = i < n / 2;
                wide[row] = col[row];
            }
            size_t n_left = kernel_flags(col, rows, n, lut, bits), l = 0, k = 0;
            assert_int_equal(kernel_flags_wide(wide, rows, n, lut, bits), n_left);
            for (int isa = 0; isa < KERNEL_ISAS; isa++) {
                if (!kernels_for(isa)) continue;
                memset(left, 0xee, sizeof left);
                memset(right, 0xee, sizeof right);
                kernels_for(isa)->move(
                    &(struct kernel_move){ rows, bits, n, n_left, left, right });
                l = k = 0;
                for (size_t i = 0; i < n; i++)
                    if (lut[col[rows[i]]]) assert_int_equal(left[l++], rows[i]);
                    else assert_int_equal(right[k++], rows[i]);
                assert_int_equal(l, n_left);
                assert_int_equal(left[l], 0xeeeeeeee);
                assert_int_equal(right[k], 0xeeeeeeee);
            }
        }
}

/* Marks of three leaves, sets of every density, ends of every length. */
static void test_marks(void **state)
{
    enum { MOST = 203 };
    uint8_t bins[MOST], marks[MOST], after[MOST + 1];
    uint32_t rows[MOST + 4];
    int32_t gh[MOST], rows_gh[MOST + 4];
    struct rng r;

    (void)state;
    rng_seed(&r, 18);
    for (int i = 0; i < MOST; i++) gh[i] = (int32_t)rng_u64(&r);
    for (size_t n = 0; n <= MOST; n++)
        for (uint64_t dense = 0; dense <= 4; dense++) {
            struct kernel_split a = { .bins = bins, .marks = after, .n = n, .mark = 2, .right = 9 };
            for (size_t i = 0; i < n; i++) {
                bins[i] = (uint8_t)rng_u64(&r);
                marks[i] = (uint8_t)(rng_below(&r, 4) < dense ? 2 : 1 + 2 * (i % 2));
            }
            for (size_t b = 0; b < KERNEL_BINS; b++)
                a.left[b / 8] |= (uint8_t)((rng_below(&r, 4) < dense) << b % 8);
            for (int isa = 0; isa < KERNEL_ISAS; isa++) {
                size_t moved = 0, found = 0;
                if (!kernels_for(isa)) continue;
                memcpy(after, marks, n);
                after[n] = 2;
                kernels_for(isa)->split(&a);
                assert_int_equal(after[n], 2);
                struct kernel_marked m = {
                    .marks = after, .n = n, .mark = 9, .row = 1000, .rows = rows
                };
                rows[n + 3] = rows_gh[n + 3] = 77;
                for (int with_gh = 0; with_gh < 2; with_gh++) {
                    if (with_gh) {
                        m.gh = gh;
                        m.rows_gh = rows_gh;
                    }
                    kernels_for(isa)->marked(&m);
                    assert_int_equal(rows[n + 3], 77);
                    for (size_t i = 0; with_gh && i < m.found; i++)
                        assert_int_equal(rows_gh[i], gh[rows[i] - 1000]);
                }
                assert_int_equal(rows_gh[n + 3], 77);
                for (size_t i = 0; i < n; i++) {
                    bool moves = marks[i] == 2 && !(a.left[bins[i] / 8] >> bins[i] % 8 & 1);
                    assert_int_equal(after[i], moves ? 9 : marks[i]);
                    moved += moves;
                    if (moves) assert_int_equal(rows[found++], 1000 + i);
                }
                assert_int_equal(a.n_right, moved);
                assert_int_equal(m.found, found);
            }
        }
}

/* Sums by hand, in 64 bits, of entry i's part e. */
static int64_t part_of(const void *hist, enum kernel_entry entry, size_t i, size_t e)
{
    int64_t v = entry == KERNEL_NARROW ? ((const int32_t *)hist)[i]
                : entry == KERNEL_PACKED ? ((const int64_t *)hist)[i]
                                         : ((const int64_t *)hist)[2 * i + e];

    return v;
}

static void test_hist(void **state)
{
    enum { ROWS = 700, STRIDE = 32, LIST = 400, MOST = 29 };
    static uint8_t bins[ROWS * STRIDE];
    static uint16_t wide[ROWS];
    static int64_t gh[2 * LIST], got[2 * MOST * KERNEL_BINS], wide_got[8192];
    static int64_t want[2 * MOST * KERNEL_BINS], wide_want[8192];
    static uint32_t rows[LIST + KERNEL_AHEAD];
    struct rng r;

    (void)state;
    rng_seed(&r, 5);
    for (size_t i = 0; i < sizeof bins; i++) bins[i] = (uint8_t)rng_u64(&r);
    for (size_t i = 0; i < ROWS; i++) wide[i] = (uint16_t)rng_below(&r, 4096);
    for (size_t i = 0; i < LIST; i++) rows[i] = (uint32_t)rng_below(&r, ROWS);
    for (unsigned width = 1; width <= MOST; width++)
        for (int form = 0; form < 3; form++) {
            enum kernel_entry entry = (enum kernel_entry)form;
            size_t parts = entry == KERNEL_EXACT ? 2 : 1;
            struct kernel_hist a = { .records = bins + (width <= 8 ? 3 : 0),
                                     .rows = rows,
                                     .n = LIST,
                                     .stride = STRIDE,
                                     .gh = gh,
                                     .width = width,
                                     .entry = entry };
            for (size_t i = 0; i < 2 * LIST; i++) gh[i] = (int64_t)rng_u64(&r) >> 12;
            if (entry == KERNEL_NARROW)
                for (size_t i = 0; i < LIST; i++)
                    ((int32_t *)(void *)gh)[i] = (int32_t)rng_below(&r, 1 << 20) - (1 << 19);
            memset(got, 0, sizeof got);
            memset(want, 0, sizeof want);
            memset(wide_got, 0, sizeof wide_got);
            memset(wide_want, 0, sizeof wide_want);
            kernel_hist_bytes(&a, got);
            kernel_hist_wide(&a, wide, wide_got);
            for (size_t i = 0; i < LIST; i++)
                for (size_t e = 0; e < parts; e++) {
                    int64_t v = part_of(gh, entry, i, e);
                    for (unsigned k = 0; k < width; k++)
                        want[parts * (k * KERNEL_BINS + a.records[rows[i] * STRIDE + k]) + e] += v;
                    wide_want[parts * wide[rows[i]] + e] += v;
                }
            for (size_t i = 0; i < width * KERNEL_BINS; i++)
                for (size_t e = 0; e < parts; e++)
                    assert_true(part_of(got, entry, i, e) == want[parts * i + e]);
            for (size_t i = 0; i < 4096; i++)
                for (size_t e = 0; e < parts; e++)
                    assert_true(part_of(wide_got, entry, i, e) == wide_want[parts * i + e]);
        }
}

/* Sums over blocks of every length, of the largest gradients there are. */
static void test_weigh(void **state)
{
    enum { MOST = 75 };
    int32_t gh[MOST];

    (void)state;
    for (int i = 0; i < MOST; i++)
        gh[i] =
            (int32_t)((uint32_t)(i % 3 == 0 ? -32000 : 31000 + i) << 16 | (uint32_t)(65000 - i));
    for (int isa = 0; isa < KERNEL_ISAS; isa++) {
        uint32_t want_g = 0, want_h = 0, g, h;
        if (!kernels_for(isa)) continue;
        for (size_t n = 0; n <= MOST; n++) {
            kernels_for(isa)->weigh(gh, n, &g, &h);
            assert_int_equal(g, want_g);
            assert_int_equal(h, want_h);
            if (n == MOST) break;
            want_g += n % 3 == 0 ? 32000 : 31000 + (uint32_t)n;
            want_h += 65000 - (uint32_t)n;
        }
    }
}

/* Narrow entries at the ends of their range, added to what is there. */
static void test_widen(void **state)
{
    enum { ENTRIES = 64 };
    int32_t narrow[ENTRIES];
    int64_t hist[ENTRIES];

    (void)state;
    for (int isa = 0; isa < KERNEL_ISAS; isa++) {
        if (!kernels_for(isa)) continue;
        for (int32_t i = 0; i < ENTRIES; i++) {
            int32_t g = i % 3 == 0 ? -32767 : i % 3 == 1 ? 32767 : i - 30;
            narrow[i] = (int32_t)((uint32_t)g << 16 | (i % 2 ? 65535 : (uint32_t)i));
            hist[i] = INT64_C(-5) * (INT64_C(1) << 32) + 1000;
        }
        kernels_for(isa)->widen(narrow, ENTRIES, hist);
        for (int32_t i = 0; i < ENTRIES; i++) {
            int32_t g = i % 3 == 0 ? -32767 : i % 3 == 1 ? 32767 : i - 30;
            assert_int_equal(narrow[i], 0);
            assert_true(hist[i] >> 32 == g - 5);
            assert_true((hist[i] & INT64_C(0xffffffff)) == 1000 + (i % 2 ? 65535 : i));
        }
    }
}

/* Counts of bounds below a value, for bounds near one another, far apart and at the ends. */
static void test_ranks(void **state)
{
    static const unsigned sizes[] = { 0, 1, 2, 5, 31, 100, 255 };
    static struct gbdt_cuts c;
    static uint8_t below[GBDT_BUCKETS];
    static double bound[2 * 255 + 4], x[N];
    struct rng r;

    (void)state;
    rng_seed(&r, 8);
    for (size_t i = 0; i < ARRAY_LEN(sizes) * 4; i++) {
        unsigned n = sizes[i / 4], shape = i % 4;
        double at = shape == 3 ? -1e300 : -3;
        for (unsigned j = 0; j < ARRAY_LEN(bound); j++) {
            bound[j] = j < n ? at : HUGE_VAL;
            at = shape == 0   ? at + rng_unit(&r) + 1e-9
                 : shape == 1 ? at + exp(10 * rng_normal(&r))
                 : shape == 2 ? nextafter(at, 9)
                              : at + 2e300 / 255;
        }
        for (size_t j = 0; j < N; j++) {
            double b = n ? bound[rng_below(&r, n)] : 0;
            x[j] = j % 4 == 0   ? b
                   : j % 4 == 1 ? nextafter(b, HUGE_VAL)
                   : j % 4 == 2 ? b + rng_normal(&r)
                                : (double[]){ HUGE_VAL, -HUGE_VAL, (double)NAN, -0.0 }[j / 4 % 4];
        }
        struct kernel_cuts k = { .first = 200, .missing = 77 };
        assert_in_range(gbdt_cuts_small(&k, bound, n, below), 1, GBDT_BUCKETS);
        memcpy(c.bound, bound, n * sizeof *bound);
        gbdt_cuts_index(&c, n);
        for (size_t j = 0; j < N; j++) {
            unsigned want = 0;
            uint8_t got[KERNEL_ISAS + 1];
            for (unsigned b = 0; b < n; b++) want += x[j] > bound[b];
            assert_int_equal(gbdt_cuts_rank1(&c, x[j], 99), x[j] != x[j] ? 99 : want);
            for (int isa = 0; isa < KERNEL_ISAS; isa++) {
                if (!kernels_for(isa)) continue;
                kernels_for(isa)->ranks(&k, x + j, 1, got);
                assert_int_equal(got[0], x[j] != x[j] ? 77 : (uint8_t)(200 + want));
            }
        }
        for (int isa = 0; isa < KERNEL_ISAS; isa++) {
            uint8_t one[N], all[N];
            if (!kernels_for(isa)) continue;
            for (size_t j = 0; j < N; j++) kernels_for(isa)->ranks(&k, x + j, 1, one + j);
            kernels_for(isa)->ranks(&k, x, N, all);
            assert_memory_equal(one, all, N);
        }
    }
}

enum { OPS = 200, OP_PAIRS = 50, OP_PLANES = 20, OP_SETS = 12 };

/* What an op says of a row, as tree.h has it. */
static uint8_t op_by_hand(const struct kernel_op *o, const struct kernel_block *b, size_t row)
{
    const uint8_t *p = b->planes + o->plane * b->rows + row;
    bool right = (int8_t)(uint8_t)(p[0] - o->bias) > (int8_t)o->threshold;

    if (o->pages) {
        size_t page = o->pages > 1 ? p[2 * b->rows] : 0;
        right = b->sets[(o->set + page) * 32 + p[0]] & p[b->rows];
    }
    return b->slots[(right ? o->right : o->left) * KERNEL_ROWS + row];
}

/* Planes [0, 8) are numbers, then come threes of planes of codes. */
static void check_tree_block(size_t rows)
{
    static uint8_t planes[OP_PLANES * KERNEL_ROWS], sets[OP_SETS * 32];
    static uint8_t want[KERNEL_SLOTS * KERNEL_ROWS], got[KERNEL_SLOTS * KERNEL_ROWS];
    static struct kernel_op ops[OPS];
    const struct kernel_ops all = { ops, OPS, OP_PAIRS };
    struct rng r;

    rng_seed(&r, 6);
    for (size_t i = 0; i < sizeof sets; i++) sets[i] = (uint8_t)rng_u64(&r);
    for (size_t i = 0; i < sizeof want; i++) want[i] = got[i] = (uint8_t)rng_u64(&r);
    for (size_t i = 0; i < sizeof planes; i++) {
        size_t kind = i / rows < 8 ? 3 : (i / rows - 8) % 3;
        uint64_t v = rng_u64(&r) >> 20;
        planes[i] = (uint8_t)(kind == 0 ? v % 32 : kind == 1 ? 1u << v % 8 : kind == 2 ? v % 3 : v);
    }
    for (size_t i = 0; i < OPS; i++) {
        bool set = i % 3 == 0;
        uint64_t first = i < OP_PAIRS ? KERNEL_TEMPS : 0, slots = i < OP_PAIRS ? 256 : KERNEL_SLOTS;
        ops[i] = (struct kernel_op){
            .plane = (uint16_t)(set ? 8 + 3 * rng_below(&r, 4) : rng_below(&r, 8)),
            .left = (uint16_t)(first + rng_below(&r, slots)),
            .right = (uint16_t)(first + rng_below(&r, slots)),
            .out = (uint16_t)rng_below(&r, i < OP_PAIRS ? KERNEL_TEMPS : KERNEL_SLOTS),
            .threshold = (uint8_t)((uint8_t)rng_u64(&r) % 255 + 128), /* all but 127 */
            .bias = i % 2,
            .pages = set ? i % 2 ? 3 : 1 : 0,
            .set = (uint32_t)rng_below(&r, OP_SETS - 2),
        };
        ops[i].plain = (uint8_t)(ops[i].threshold + ops[i].bias);
    }
    for (int i = 0; i < 2 * KERNEL_ISAS; i++) {
        int isa = i % KERNEL_ISAS; /* all with missing numbers, then all without */
        struct kernel_block b = { rows, i < KERNEL_ISAS, planes, sets, want };
        if (!kernels_for(isa)) continue;
        for (size_t j = 0; !b.missing && j < 8 * rows; j++)
            if (planes[j] == 128) planes[j] = 0;
        for (size_t j = 0; j < 256; j++)
            memset(want + (KERNEL_TEMPS + j) * KERNEL_ROWS, (int)j, KERNEL_ROWS);
        memcpy(got, want, sizeof got);
        for (size_t j = 0; j < OPS; j++)
            for (size_t row = 0; row < rows; row++)
                want[ops[j].out * (size_t)KERNEL_ROWS + row] = op_by_hand(&ops[j], &b, row);
        b.slots = got;
        kernels_for(isa)->tree_block(&all, &b);
        assert_memory_equal(got, want, sizeof got);
    }
}

static void test_tree_block(void **state)
{
    (void)state;
    check_tree_block(KERNEL_ROWS);
    check_tree_block(160);
    check_tree_block(32);
}

enum { ROW_TREES = 43, ROW_STRIDE = 48, ROW_CUTS = 90, ROW_NODES = KERNEL_ROW_LEAVES - 1 };
enum { ROW_BOUNDS = 64, ROW_RANKS = ROW_BOUNDS + 2 };

/* Single rows: node i's left child is leaf i, its right child is node i + 1. */
static void fill_row_model(struct kernel_row_model *m, struct rng *r)
{
    static struct kernel_row_tree t[ROW_STRIDE];
    static uint8_t bias[ROW_STRIDE][KERNEL_ROW_LEAVES];
    static uint16_t wide[ROW_STRIDE][KERNEL_ROW_LEAVES];
    static double value[ROW_TREES][KERNEL_ROW_LEAVES];

    memset(t, 0, sizeof t);
    memset(wide, 0, sizeof wide);
    memset(bias, 0, sizeof bias);
    for (size_t j = 0; j < ROW_STRIDE; j++) memset(t[j].threshold, 127, KERNEL_ROW_LEAVES);
    for (size_t j = 0; j < ROW_TREES; j++) {
        for (unsigned i = 0; i < ROW_NODES; i++) {
            wide[j][i] = (uint16_t)rng_below(r, m->n_cuts);
            if (m->n_cuts <= KERNEL_FEW_PLANES) t[j].plane[i] = (uint8_t)wide[j][i];
            t[j].threshold[i] = (uint8_t)(129 + rng_below(r, 40));
            bias[j][i] = (uint8_t)rng_below(r, 2);
            t[j].drop[kernel_drop(i)] = UINT32_C(1) << i;
        }
        for (unsigned i = 0; i <= ROW_NODES; i++) value[j][i] = rng_normal(r);
    }
    m->trees = t;
    m->bias = (const uint8_t(*)[KERNEL_ROW_LEAVES])bias;
    m->value = (const double(*)[KERNEL_ROW_LEAVES])value;
    m->wide = (const uint16_t(*)[KERNEL_ROW_LEAVES])wide;
}

/* Bound i of every feature is i, so a value in (i - 1, i] has rank i. */
static void row_by_hand(const struct kernel_row_model *m, const double *x, double *score)
{
    for (size_t t = 0; t < ROW_TREES; t++) {
        unsigned leaf = 0;
        for (; leaf < ROW_NODES; leaf++) {
            double v = x[m->wide[t][leaf]], cut = m->trees[t].threshold[leaf] - 129;
            bool out = false;
            for (unsigned l = 0; l < m->n_levels; l++)
                out |=
                    m->levels[l].drop[(unsigned)x[m->levels[l].column] * m->stride + t] >> leaf & 1;
            if (!out && (v != v ? !m->bias[t][leaf] : v <= cut)) break;
        }
        score[t % m->k] += m->value[t][leaf];
    }
}

/* The same nodes, looked up by rank. */
static void fill_by_rank(struct kernel_row_model *m)
{
    static uint32_t tables[ROW_CUTS][ROW_RANKS][ROW_STRIDE];
    static const uint32_t *by_rank[ROW_CUTS];

    memset(tables, 0, sizeof tables);
    for (size_t i = 0; i < ROW_CUTS; i++) by_rank[i] = tables[i][0];
    for (size_t t = 0; t < ROW_TREES; t++)
        for (unsigned i = 0; i < ROW_NODES; i++)
            for (unsigned row = 0; row < ROW_RANKS; row++) {
                bool right = row ? row - 1 > m->trees[t].threshold[i] - 129U : m->bias[t][i];
                if (right) tables[m->wide[t][i]][row][t] |= UINT32_C(1) << i;
            }
    m->by_rank = by_rank;
}

static void test_tree_row(void **state)
{
    static const unsigned counts[] = { 1, 16, 17, 32, 33, 48, 49, 64, 65, ROW_CUTS };
    static const uint16_t class_of[] = { 0, 1, 2, 2, 2 };
    static uint8_t below[GBDT_BUCKETS];
    static uint32_t drop[2][3 * ROW_STRIDE];
    static struct kernel_cuts cuts[ROW_CUTS];
    double bound[2 * ROW_BOUNDS + 4], x[ROW_CUTS + 2];
    struct rng r;

    (void)state;
    rng_seed(&r, 7);
    for (unsigned i = 0; i < ARRAY_LEN(bound); i++) bound[i] = i < ROW_BOUNDS ? i : HUGE_VAL;
    for (unsigned i = 0; i < ROW_CUTS; i++) {
        gbdt_cuts_small(&cuts[i], bound, ROW_BOUNDS, below);
        cuts[i].column = i;
        cuts[i].first = 129;
        cuts[i].missing = 128;
    }
    for (size_t i = 0; i < 2 * ARRAY_LEN(drop[0]); i++)
        drop[i % 2][i / 2] = (uint32_t)(rng_u64(&r) & rng_u64(&r)) & ~(UINT32_C(1) << ROW_NODES);
    const struct kernel_levels levels[2] = { { ROW_CUTS, 3, class_of, drop[0] },
                                             { ROW_CUTS + 1, 3, class_of, drop[1] } };
    for (size_t c = 0; c < ARRAY_LEN(counts) * 4; c++) {
        struct kernel_row_model m = { .cuts = cuts,
                                      .levels = levels,
                                      .n_cuts = counts[c / 4],
                                      .n_levels = c % 4 > 1 ? 2 : 0,
                                      .n_trees = ROW_TREES,
                                      .stride = ROW_STRIDE,
                                      .k = c % 2 ? 3 : 1 };
        fill_row_model(&m, &r);
        fill_by_rank(&m);
        for (size_t i = 0; i < ARRAY_LEN(x); i++)
            x[i] = i >= ROW_CUTS ? (double)rng_below(&r, 3) : 60 * rng_unit(&r);
        for (unsigned missing = 0; missing < 2; missing++) {
            double want[3] = { 0.25, 0.5, 1 };
            for (size_t i = 0; missing && i < m.n_cuts; i += 3) x[i] = (double)NAN;
            row_by_hand(&m, x, want);
            for (int i = 0; i < 2 * KERNEL_ISAS; i++) {
                struct kernel_row_model few = m;
                double got[3] = { 0.25, 0.5, 1 };
                if (!kernels_for(i / 2)) continue;
                if (m.n_cuts <= KERNEL_FEW_PLANES) few.wide = NULL;
                few.by_rank = i % 2 ? m.by_rank : NULL;
                kernels_for(i / 2)->tree_row(&few, x, got);
                assert_memory_equal(got, want, sizeof got);
            }
        }
    }
}

/* Scores of cuts of random counts; a cut that leaves too few rows has none. */
static void test_count_score(void **state)
{
    enum { CUTS = 259 };
    int64_t prefix[CUTS + 4], sum = 0;
    double want[CUTS + 4], got[CUTS + 4];
    struct rng r;

    (void)state;
    rng_seed(&r, 9);
    for (size_t i = 0; i < ARRAY_LEN(prefix); i++) {
        int64_t rows = (int64_t)rng_below(&r, 60), draws = 2 * rows;
        int64_t yes = rows ? (int64_t)rng_below(&r, (uint64_t)draws + 1) : 0;
        sum += rows | draws << KERNEL_COUNT_BITS | yes << (2 * KERNEL_COUNT_BITS);
        prefix[i] = sum;
    }
    const int64_t mask = (INT64_C(1) << KERNEL_COUNT_BITS) - 1;
    struct kernel_count a = { .total = sum + (int64_t)3e10 + 40,
                              .extra = 7 + (8 << 21),
                              .least = 90 };
    kernels_for(KERNEL_GENERIC)->count_score(prefix, CUTS, &a, want);
    for (size_t i = 0; i < CUTS; i++) {
        int64_t l = prefix[i] + a.extra, rest = a.total - l;
        double ld = (double)(l >> 21 & mask), rd = (double)(rest >> 21 & mask);
        double ly = (double)(l >> 42), ry = (double)(rest >> 42);
        if ((l & mask) < a.least || (rest & mask) < a.least) assert_true(want[i] < 0);
        else check_near(want[i], ly * ly / ld + ry * ry / rd, 0, 1e-12, "score");
    }
    for (int isa = 1; isa < KERNEL_ISAS; isa++) {
        if (!kernels_for(isa)) continue;
        kernels_for(isa)->count_score(prefix, CUTS, &a, got);
        assert_memory_equal(got, want, CUTS * sizeof *got);
    }
}

/* Rows of a dense matrix: every variant to the bit, and the plain sums but for rounding. */
static void test_dense_rows(void **state)
{
    enum { ROWS = 23, WIDE = 13, MOST = 5, SUMS = (WIDE + 1) * (WIDE + 1) };
    const struct kernels *plain = kernels_for(KERNEL_GENERIC), *fast = kernels_for(KERNEL_AVX2);
    double x[ROWS * WIDE], w[MOST * WIDE], s[ROWS], a[ROWS * MOST], b[ROWS * MOST], h[SUMS] = { 0 }, g[SUMS] = { 0 };
    struct rng rng;

    (void)state;
    rng_seed(&rng, 11);
    for (size_t i = 0; i < ROWS * WIDE; i++) x[i] = i % 4 ? rng_normal(&rng) : 0;
    for (size_t i = 0; i < MOST * WIDE; i++) w[i] = rng_normal(&rng);
    for (size_t i = 0; i < ROWS; i++) s[i] = rng_unit(&rng);
    for (size_t n = 1; n <= ROWS; n++)
        for (size_t k = 1; k <= MOST; k++) {
            const struct kernel_rows rows = { x, n, WIDE };
            plain->dots(&rows, w, k, a);
            for (size_t i = 0; i < n * k; i++) {
                double want = 0;
                for (size_t j = 0; j < WIDE; j++) want += x[i / k * WIDE + j] * w[i % k * WIDE + j];
                check_near(a[i], want, 1e-12, 0, "dot");
            }
            if (!fast) continue;
            fast->dots(&rows, w, k, b);
            assert_memory_equal(a, b, n * k * sizeof *a);
            plain->products(&rows, s, h);
            fast->products(&rows, s, g);
            assert_memory_equal(h, g, sizeof h);
            plain->slopes(&rows, s, h);
            fast->slopes(&rows, s, g);
            assert_memory_equal(h, g, sizeof h);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_exp),         TEST(test_mixture),    TEST(test_logistic),   TEST(test_quantise),
        TEST(test_best_cut),    TEST(test_move),       TEST(test_hist),       TEST(test_widen),
        TEST(test_weigh),       TEST(test_ranks),      TEST(test_tree_block), TEST(test_tree_row),
        TEST(test_count_score), TEST(test_dense_rows), TEST(test_marks),
    };

    printf("# best kernels here: %s\n", kernels_best()->isa);
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
