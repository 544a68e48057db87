/* test_kernels.c: every instruction set's kernels against each other, to the bit, and against
 * plain loops and libm. */
#include "base/rng.h"
#include "engine/kernel/kernel.h"
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

static void logistic_by_hand(const struct kernel_logistic *a, double *loss)
{
    *loss = 0;
    for (size_t i = 0; i < a->n; i++) {
        double p = 1 / (1 + exp(-a->score[i])), w = a->w ? a->w[i] : 1;
        double like = a->y[i] > 0 ? p : 1 - p;
        check_near((double)a->g[i], w * (p - a->y[i]), 1e-7, 1e-6, "g");
        check_near((double)a->h[i], w * p * (1 - p), 1e-7, 1e-6, "h");
        *loss -= w * log(like > 1e-15 ? like : 1e-15);
    }
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
            }
        }
}

/* Each number is one of its two neighbours, the mean is right, and a row's result depends on
 * its number and not on where a piece begins. */
static void test_quantise(void **state)
{
    enum { ROWS = 40000 };
    static float g[ROWS], h[ROWS];
    static int64_t a[ROWS], b[ROWS];
    double sum = 0, exact = 0, mul = 100;
    struct kernel_quantise q = {
        .g = g, .h = h, .n = ROWS, .seed = 9, .g_mul = mul, .h_mul = mul, .gh = a
    };

    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        g[i] = (float)sin((double)i) * 3.0f;
        h[i] = (float)(1 + cos((double)i));
    }
    kernels_for(KERNEL_GENERIC)->quantise(&q);
    for (size_t i = 0; i < ROWS; i++) {
        int64_t gi = a[i] >> 32, hi = a[i] & INT64_C(0xffffffff);
        assert_true(fabs((double)gi - (double)g[i] * mul) <= 1);
        assert_true(fabs((double)hi - (double)h[i] * mul) <= 1);
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
                                          .g_mul = mul,
                                          .h_mul = mul,
                                          .gh = b + from };
            kernels_for(isa)->quantise(&q);
        }
        assert_memory_equal(a, b, sizeof a);
    }
}

static void test_split_gain(void **state)
{
    int64_t prefix[260], sum = 0;
    double want[260], got[260];
    struct rng r;

    (void)state;
    rng_seed(&r, 4);
    for (size_t i = 0; i < 260; i++) {
        int64_t g = (int64_t)rng_below(&r, 2001) - 1000, h = 1 + (int64_t)rng_below(&r, 500);
        prefix[i] = sum += g * (INT64_C(1) << 32) + h;
    }
    struct kernel_gain a = { .total = sum + (INT64_C(-77) * (INT64_C(1) << 32)) + 900,
                             .extra = INT64_C(-50) * (INT64_C(1) << 32) + 300,
                             .l1 = 12.5,
                             .l2 = 3.25 };
    kernels_for(KERNEL_GENERIC)->split_gain(prefix, 257, &a, want);
    for (size_t i = 0; i < 257; i++) {
        int64_t l = prefix[i] + a.extra, rest = a.total - l;
        double tl = fmax(fabs((double)(l >> 32)) - a.l1, 0);
        double tr = fmax(fabs((double)(rest >> 32)) - a.l1, 0);
        double gain = tl * tl / ((double)(l & INT64_C(0xffffffff)) + a.l2) +
                      tr * tr / ((double)(rest & INT64_C(0xffffffff)) + a.l2);
        assert_true(gain == want[i]);
    }
    for (int isa = 1; isa < KERNEL_ISAS; isa++) {
        if (!kernels_for(isa)) continue;
        kernels_for(isa)->split_gain(prefix, 257, &a, got);
        assert_memory_equal(got, want, 257 * sizeof *got);
    }
}

static void test_hist(void **state)
{
    enum { ROWS = 700, STRIDE = 16, LIST = 400 };
    static uint8_t bins[ROWS * STRIDE];
    static uint16_t wide[ROWS];
    static int64_t gh[ROWS], got[8 * KERNEL_BINS], want[8 * KERNEL_BINS], w[4096], v[4096];
    uint32_t rows[LIST];
    struct rng r;

    (void)state;
    rng_seed(&r, 5);
    for (size_t i = 0; i < sizeof bins; i++) bins[i] = (uint8_t)rng_u64(&r);
    for (size_t i = 0; i < ROWS; i++) {
        wide[i] = (uint16_t)rng_below(&r, 4096);
        gh[i] = (int64_t)rng_u64(&r) >> 24;
    }
    for (size_t i = 0; i < LIST; i++) rows[i] = (uint32_t)rng_below(&r, ROWS);
    for (unsigned width = 1; width <= 8; width++)
        for (int listed = 0; listed < 2; listed++) {
            struct kernel_hist a = { .bins = bins + 3,
                                     .stride = STRIDE,
                                     .width = width,
                                     .rows = listed ? rows : NULL,
                                     .first = 100,
                                     .n = LIST,
                                     .gh = gh };
            memset(got, 0, sizeof got);
            memset(want, 0, sizeof want);
            memset(w, 0, sizeof w);
            memset(v, 0, sizeof v);
            kernel_hist_bytes(&a, got);
            kernel_hist_wide(wide, &a, w);
            for (size_t i = 0; i < LIST; i++) {
                size_t row = listed ? rows[i] : 100 + i;
                for (unsigned k = 0; k < width; k++)
                    want[k * KERNEL_BINS + bins[3 + row * STRIDE + k]] += gh[i];
                v[wide[row]] += gh[i];
            }
            assert_memory_equal(got, want, sizeof got);
            assert_memory_equal(w, v, sizeof w);
        }
}

/* Random trees, evaluated node by node, against both forms of every instruction set. The ops
 * of a chain: node i's right child is node i + 1, all left children are leaves. */
static void test_trees(void **state)
{
    enum { TREES = 40, PLANES = 90, NODES = KERNEL_ROW_LEAVES - 1 };
    static struct kernel_row_tree t[TREES];
    static struct kernel_op ops[NODES];
    static uint8_t planes[PLANES * KERNEL_ROWS], slots[KERNEL_SLOTS * KERNEL_ROWS];
    struct rng r;

    (void)state;
    rng_seed(&r, 6);
    for (size_t i = 0; i < sizeof planes; i++) planes[i] = (uint8_t)rng_u64(&r);
    for (size_t i = KERNEL_TEMPS; i < KERNEL_SLOTS; i++)
        memset(slots + i * KERNEL_ROWS, (int)(i - KERNEL_TEMPS), KERNEL_ROWS);
    for (unsigned few = 0; few < 2; few++)
        for (int isa = 0; isa < KERNEL_ISAS; isa++) {
            const struct kernels *k = kernels_for(isa);
            double want[3] = { 0.25, 0.5, 1 }, got[3] = { 0.25, 0.5, 1 };
            uint8_t bytes[PLANES];
            if (!k) continue;
            for (size_t i = 0; i < PLANES; i++) bytes[i] = planes[i * KERNEL_ROWS + 7];
            for (size_t j = 0; j < TREES; j++) {
                unsigned leaf = NODES;
                memset(&t[j], 0, sizeof t[j]);
                memset(t[j].threshold, 255, sizeof t[j].threshold);
                for (unsigned i = 0; i < NODES; i++) {
                    uint16_t plane = (uint16_t)rng_below(&r, few ? KERNEL_FEW_PLANES : PLANES);
                    t[j].plane[i] = plane;
                    t[j].near[i] = (uint8_t)plane;
                    t[j].threshold[i] = (uint8_t)rng_below(&r, 30);
                    t[j].keep[i] = ~(UINT32_C(1) << i);
                    if (leaf == NODES && bytes[plane] <= t[j].threshold[i]) leaf = i;
                    ops[NODES - 1 - i] =
                        (struct kernel_op){ .plane = plane,
                                            .threshold = t[j].threshold[i],
                                            .out = 0,
                                            .left = (uint16_t)(KERNEL_TEMPS + i),
                                            .right = i + 1 < NODES ? 0 : KERNEL_TEMPS + NODES };
                }
                for (unsigned i = 0; i <= NODES; i++) t[j].value[i] = rng_normal(&r);
                want[j % 3] += t[j].value[leaf];
                k->tree_block(ops, NODES, planes, slots);
                assert_int_equal(slots[7], leaf);
            }
            struct kernel_row row = { bytes, few ? KERNEL_FEW_PLANES : PLANES, 3, got };
            k->tree_rows(t, TREES, &row);
            assert_memory_equal(got, want, sizeof got);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_exp),        TEST(test_logistic), TEST(test_quantise),
        TEST(test_split_gain), TEST(test_hist),     TEST(test_trees),
    };

    printf("# best kernels here: %s\n", kernels_best()->isa);
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
