/* test_net.c: nets: gradients of every layer against finite differences, the kernels against
 * plain loops, and what mlp and cnn promise as learners. */
#include "base/dense.h"
#include "base/rng.h"
#include "engine/kernel/kernel.h"
#include "engine/learn/net_back.h"
#include "engine/learn/net_int8.h"
#include "engine/model/exchange.h"
#include "engine/model/model.h"
#include "enginetest.h"

static void fill(float *v, size_t n, double size, uint64_t seed)
{
    struct rng r;

    rng_seed(&r, seed);
    for (size_t i = 0; i < n; i++) v[i] = (float)(size * rng_normal(&r));
}

/* ---- kernels ------------------------------------------------------------------------- */

static double one_sum(const struct kernel_gemm *g, size_t r, size_t j)
{
    double sum = g->add    ? (double)g->c[(ptrdiff_t)r * g->ldc + (ptrdiff_t)j]
                 : g->bias ? (double)g->bias[j]
                           : 0;

    for (size_t o = 0; o < g->k1; o++)
        for (size_t i = 0; i < g->k2; i++)
            sum += (double)g->a[g->row[r] + (ptrdiff_t)o * g->a1 + (ptrdiff_t)i * g->a2] *
                   (double)g->b[(ptrdiff_t)o * g->b1 + (ptrdiff_t)i * g->b2 + (ptrdiff_t)j];
    return sum;
}

/* Every number of rows and columns around the sizes of tiles; row tables with overlaps. */
static void test_gemm(void **state)
{
    enum { M = 14, N = 40, K1 = 3, K2 = 7, SIZE = 4096 };
    static float a[SIZE], b[SIZE], bias[N], c[M * N], start[M * N];
    int32_t row[M];

    (void)state;
    fill(a, SIZE, 1, 1);
    fill(b, SIZE, 1, 2);
    fill(bias, N, 1, 3);
    fill(start, M * N, 1, 4);
    for (int i = 0; i < M; i++) row[i] = i * 2;
    for (int isa = 0; isa < KERNEL_ISAS; isa++) {
        const struct kernels *k = kernels_for(isa);
        for (size_t m = 1; k && m <= M; m++)
            for (size_t n = 8; n <= N; n += 8)
                for (int how = 0; how < 3; how++) {
                    struct kernel_gemm g = { .m = m,
                                             .n = n,
                                             .k1 = K1,
                                             .k2 = K2,
                                             .a = a,
                                             .row = row,
                                             .a1 = 50,
                                             .a2 = 3,
                                             .b = b,
                                             .b1 = 300,
                                             .b2 = N,
                                             .c = start,
                                             .ldc = N,
                                             .bias = how == 1 ? bias : NULL,
                                             .add = how == 2 };
                    struct kernel_gemm run = g;
                    memcpy(c, start, sizeof c);
                    run.c = c;
                    k->gemm(&run);
                    for (size_t i = 0; i < (size_t)M * N; i++) {
                        bool inside = i / N < m && i % N < n;
                        double want = inside ? one_sum(&g, i / N, i % N) : (double)start[i];
                        check_near((double)c[i], want, 1e-5, 1e-5, k->isa);
                    }
                }
    }
}

static void test_gemm8(void **state)
{
    enum { M = 6, N = 16, K1 = 2, K2 = 12 };
    static uint8_t a[512];
    static int8_t b[K1 * K2 * N];
    int32_t c[M * N], row[M] = { 0, 3, 6, 9, 12, 1 };

    (void)state;
    for (size_t i = 0; i < sizeof a; i++) a[i] = i % 11 == 0 ? 127 : (uint8_t)(i * 37 % 128);
    for (size_t i = 0; i < sizeof b; i++) b[i] = i % 7 == 0 ? -127 : (int8_t)(i * 61 % 255 - 127);
    for (int isa = 0; isa < KERNEL_ISAS; isa++) {
        const struct kernels *k = kernels_for(isa);
        for (size_t m = 1; k && m <= M; m++) {
            memset(c, 0, sizeof c);
            k->gemm8(&(struct kernel_gemm8){ .m = m,
                                             .n = N,
                                             .k1 = K1,
                                             .k2 = K2,
                                             .a = a,
                                             .row = row,
                                             .a1 = 100,
                                             .b = b,
                                             .c = c,
                                             .ldc = N });
            for (size_t r = 0; r < m; r++)
                for (size_t j = 0; j < N; j++) {
                    int32_t want = 0;
                    for (size_t i = 0; i < K1 * K2; i++)
                        want += a[row[r] + (int32_t)(i / K2 * 100 + i % K2)] *
                                b[(i / 4 * N + j) * 4 + i % 4];
                    assert_int_equal(c[r * N + j], want);
                }
        }
    }
}

/* Three steps on few numbers, by the book in double. */
static void test_adam(void **state)
{
    enum { N = 16 };
    float w[N], m[N] = { 0 }, v[N] = { 0 }, g[2][N];
    double bw[N], bm[N] = { 0 }, bv[N] = { 0 };

    (void)state;
    for (int isa = 0; isa < KERNEL_ISAS; isa++) {
        const struct kernels *k = kernels_for(isa);
        if (!k) continue;
        fill(w, N, 1, 5);
        memset(m, 0, sizeof m);
        memset(v, 0, sizeof v);
        for (int i = 0; i < N; i++) bw[i] = (double)w[i];
        memset(bm, 0, sizeof bm);
        memset(bv, 0, sizeof bv);
        for (int t = 1; t <= 3; t++) {
            fill(g[0], N, 1, 10 + (uint64_t)t);
            fill(g[1], N, 1, 20 + (uint64_t)t);
            k->adam(&(struct kernel_adam){ .w = w,
                                           .m = m,
                                           .v = v,
                                           .grad = (const float *const[]){ g[0], g[1] },
                                           .parts = 2,
                                           .n = N,
                                           .scale = 0.5f,
                                           .rate = 0.01f,
                                           .beta1 = 0.9f,
                                           .beta2 = 0.999f,
                                           .epsilon = 1e-8f,
                                           .decay = 0.001f,
                                           .fix1 = (float)(1 / (1 - pow(0.9, t))),
                                           .fix2 = (float)(1 / (1 - pow(0.999, t))) });
            for (int i = 0; i < N; i++) {
                double grad = 0.5 * ((double)g[0][i] + (double)g[1][i]);
                bm[i] = 0.9 * bm[i] + 0.1 * grad;
                bv[i] = 0.999 * bv[i] + 0.001 * grad * grad;
                bw[i] = bw[i] * 0.999 - 0.01 * (bm[i] / (1 - pow(0.9, t))) /
                                            (sqrt(bv[i] / (1 - pow(0.999, t))) + 1e-8);
                check_near((double)w[i], bw[i], 1e-5, 1e-4, k->isa);
            }
        }
    }
}

/* Windows of 2 over 5 x 6 pixels, the last line in none; ties go to the first. */
static void test_pool(void **state)
{
    enum { H = 5, W = 6, C = 8, OUT = 2 * 3 * C, IN = H * W * C };
    float x[IN], y[OUT], dy[OUT], dx[IN], sum;

    (void)state;
    fill(x, IN, 1, 1);
    fill(dy, OUT, 1, 2);
    memcpy(x + C, x, C * sizeof *x);
    for (int isa = 0; isa < KERNEL_ISAS; isa++) {
        const struct kernels *k = kernels_for(isa);
        struct kernel_pool p = {
            .oh = 2, .ow = 3, .w = W, .stride = C, .side = 2, .x = x, .y = y, .dy = dy, .dx = dx
        };
        if (!k) continue;
        memset(dx, 0, sizeof dx);
        k->pool(&p);
        k->pool_back(&p);
        for (size_t i = 0; i < OUT; i++) {
            size_t at = i / C / 3 * 2 * W * C + i / C % 3 * 2 * C + i % C;
            size_t four[4] = { at, at + C, at + (size_t)W * C, at + (size_t)(W + 1) * C }, top = at;
            for (int q = 1; q < 4; q++)
                if (x[four[q]] > x[top]) top = four[q];
            assert_memory_equal(&y[i], &x[top], sizeof *y);
            assert_memory_equal(&dx[top], &dy[i], sizeof *dx);
            sum = fabsf(dx[four[0]]) + fabsf(dx[four[1]]) + fabsf(dx[four[2]]) + fabsf(dx[four[3]]);
            check_near((double)sum, fabs((double)dy[i]), 0, 0, "only one");
        }
        k->relu(x, IN, dx);
        for (size_t i = 0; i < IN; i++)
            check_near((double)dx[i], fmax((double)x[i], 0), 0, 0, "relu");
        memcpy(y, dy, sizeof y);
        k->relu_back(x, OUT, y);
        for (size_t i = 0; i < OUT; i++)
            check_near((double)y[i], x[i] > 0 ? (double)dy[i] : 0, 0, 0, "relu back");
    }
}

/* ---- gradients ----------------------------------------------------------------------- */

enum { ROWS = 5 };

/* A net in training with one group, and a loss that is a fixed sum of its outputs. */
struct bench {
    struct net *net;
    struct net_train t;
    struct net_group g;
    float *memory[NET_LAYERS + 1], *coefficient;
    size_t outputs;
};

static float *room(size_t n)
{
    return mem_zalloc(n + 64, sizeof(float));
}

static void bench_open(struct bench *b, const char *layers, size_t h, size_t w, size_t c,
                       enum net_op activation)
{
    struct net_plan plan;
    struct err e = ERR_INIT;
    size_t widest = 0;

    memset(b, 0, sizeof *b);
    net_plan_init(&plan, h, w, c);
    check_ok(net_plan_parse(&plan, layers, activation, &e), &e);
    b->net = net_new(&plan, TASK_MULTICLASS, 3);
    b->t.net = b->net;
    b->t.kernels = kernels_best();
    assert_true(net_train_make(&b->t));
    b->g.rows = ROWS;
    b->g.seed = 99;
    b->g.act[0] = b->memory[0] = room(ROWS * net_size(&plan.input));
    fill(b->g.act[0], ROWS * net_size(&plan.input), 1, 7);
    for (size_t i = 0; i < plan.n; i++) {
        const struct net_layer *l = &plan.layer[i];
        size_t n = ROWS * net_size(&l->out);
        if (l->op != NET_RELU) b->memory[i + 1] = room(n);
        b->g.act[i + 1] = l->op == NET_RELU ? b->g.act[i] : b->memory[i + 1];
        if (l->op == NET_DROPOUT) b->g.mask[i] = mem_zalloc(n, 1);
        if (l->op == NET_NORM) b->g.sum[i] = mem_zalloc(2 * l->in.stride, sizeof(double));
        if (n > widest) widest = n;
    }
    b->outputs = ROWS * net_size(net_plan_shape(&plan));
    b->coefficient = room(b->outputs);
    fill(b->coefficient, b->outputs, 1, 8);
    b->g.delta = room(widest);
    b->g.other = room(widest);
    b->g.border = room(net_border(&plan));
    b->g.wide = room(net_wide(&plan));
    b->g.grad = room(plan.n_params);
}

static void bench_close(struct bench *b)
{
    for (size_t i = 0; i < NET_LAYERS; i++) {
        free(b->memory[i]);
        free(b->g.mask[i]);
        free(b->g.sum[i]);
    }
    free(b->coefficient);
    free(b->g.delta);
    free(b->g.other);
    free(b->g.border);
    free(b->g.wide);
    free(b->g.grad);
    net_train_done(&b->t);
    net_free(b->net);
}

static double loss_of(struct bench *b)
{
    const struct net_plan *p = &b->net->plan;
    size_t stride = net_plan_shape(p)->stride, real = net_plan_shape(p)->c;
    double sum = 0;

    for (size_t i = 0; i < p->n; i++) {
        if (p->layer[i].op == NET_NORM) {
            net_norm_sums(&b->t, &b->g, i);
            net_norm_meet(&b->t, &b->g, 1, i);
        }
        net_forward(&b->t, &b->g, i, i + 1);
    }
    for (size_t i = 0; i < b->outputs; i++)
        if (i % stride < real) sum += (double)b->coefficient[i] * (double)b->g.act[p->n][i];
    return sum;
}

static void run_back(struct bench *b)
{
    const struct net_plan *p = &b->net->plan;
    size_t stride = net_plan_shape(p)->stride, real = net_plan_shape(p)->c;

    for (size_t i = 0; i < p->n; i++) net_turn(&b->t, i, 0, p->layer[i].rows);
    for (size_t i = 0; i < b->outputs; i++)
        b->g.delta[i] = i % stride < real ? b->coefficient[i] : 0;
    for (size_t i = p->n; i-- > 0;) {
        if (p->layer[i].op == NET_NORM) {
            net_norm_back_sums(&b->t, &b->g, i);
            net_norm_back_meet(&b->t, &b->g, 1, i);
        }
        net_back(&b->t, &b->g, i);
    }
}

/* Real weights get random values; those that fill up stay 0, as in training. */
static void random_weights(struct bench *b)
{
    const struct net_plan *p = &b->net->plan;
    struct rng r;

    rng_seed(&r, 3);
    for (size_t i = 0; i < p->n; i++) {
        const struct net_layer *l = &p->layer[i];
        size_t rows = l->op == NET_NORM ? 1 : l->op == NET_DENSE || l->op == NET_CONV ? l->rows : 0;
        for (size_t row = 0; row < rows; row++)
            for (size_t c = 0; row % l->in.stride < l->in.c && c < l->out.c; c++)
                b->net->params[l->weights + row * l->out.stride + c] =
                    (float)(rng_normal(&r) / sqrt((double)rows) + (l->op == NET_NORM));
        for (size_t c = 0; rows && c < l->out.c; c++)
            b->net->params[l->bias + c] = (float)(0.1 * rng_normal(&r));
    }
}

/* The slope along a random direction of some parameters, against a difference of losses. */
static void check_slope(struct bench *b, const char *layers, size_t at, size_t n, size_t layer)
{
    const double step = 5e-4;
    float *w = b->net->params + at, *old = room(n), *way = room(n);
    double want, got = 0, loss[2];

    memcpy(old, w, n * sizeof *w);
    fill(way, n, 1, at + 1);
    for (size_t i = 0; i < n; i++) {
        if (fabsf(old[i]) <= 0) way[i] = 0; /* fills up */
        got += (double)b->g.grad[at + i] * (double)way[i];
    }
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < n; i++) w[i] = old[i] + (float)(side ? step : -step) * way[i];
        loss[side] = loss_of(b);
    }
    memcpy(w, old, n * sizeof *w);
    want = (loss[1] - loss[0]) / (2 * step);
    if (!(fabs(got - want) <= 0.02 * fabs(want) + 0.03))
        fail_msg("%s, layer %zu: slope %g, difference %g", layers, layer, got, want);
    free(old);
    free(way);
}

static void check_gradient(const char *layers, size_t h, size_t w, size_t c, enum net_op activation)
{
    struct bench b;

    bench_open(&b, layers, h, w, c, activation);
    random_weights(&b);
    loss_of(&b);
    run_back(&b);
    for (size_t i = 0; i < b.net->plan.n; i++) {
        const struct net_layer *l = &b.net->plan.layer[i];
        size_t n = l->op == NET_NORM ? l->out.stride : l->rows * l->out.stride;
        if (l->op != NET_NORM && l->op != NET_DENSE && l->op != NET_CONV) continue;
        check_slope(&b, layers, l->weights, n, i);
        check_slope(&b, layers, l->bias, l->out.stride, i);
    }
    bench_close(&b);
}

static void test_gradients(void **state)
{
    (void)state;
    check_gradient("dense:3", 1, 1, 5, NET_TANH);
    check_gradient("dense:7,dense:20,dense:3", 1, 1, 13, NET_TANH);
    check_gradient("dense:24,dense:3", 1, 1, 9, NET_RELU);
    check_gradient("dense:12,bn,dense:9,bn,dense:3", 1, 1, 6, NET_TANH);
    check_gradient("dense:30,dropout:0.4,dense:3", 1, 1, 6, NET_TANH);
    check_gradient("conv:5:3,dense:3", 6, 7, 1, NET_TANH);
    check_gradient("conv:5:3,conv:9:3,dense:3", 7, 8, 2, NET_TANH);
    check_gradient("conv:8:3:same,conv:4:5:same,dense:3", 6, 5, 3, NET_TANH);
    check_gradient("conv:6:3,pool:2,conv:16:2,dense:3", 9, 8, 1, NET_TANH);
    check_gradient("conv:6:3,pool:2,dense:3", 9, 8, 1, NET_RELU);
    check_gradient("conv:6:3,bn,pool:2,conv:5:2,bn,dense:3", 8, 8, 1, NET_TANH);
    check_gradient("conv:6:3:same,bn,dropout:0.3,conv:7:3,dense:3", 6, 6, 1, NET_TANH);
}

/* ---- plans --------------------------------------------------------------------------- */

static void refuse(const char *layers, const char *why)
{
    struct net_plan plan;
    struct err e = ERR_INIT;

    net_plan_init(&plan, 28, 28, 1);
    check_err(net_plan_parse(&plan, layers, NET_RELU, &e), ERR_INVALID, &e, why);
}

static void test_plans(void **state)
{
    struct net_plan plan;
    struct err e = ERR_INIT;

    (void)state;
    net_plan_init(&plan, 28, 28, 1);
    check_ok(
        net_plan_parse(&plan, "conv:8:5,pool:2,conv:16:5,pool:2,dense:120,dense:84", NET_RELU, &e),
        &e);
    assert_int_equal(plan.n, 10);
    assert_int_equal(plan.layer[1].op, NET_POOL);
    assert_int_equal(plan.layer[2].op, NET_RELU); /* behind the pool: fewer of them */
    assert_int_equal(plan.layer[6].in.h, 4);
    assert_int_equal(plan.layer[6].rows, 256);
    refuse("pool:2", "'pool:2' at position 1: the first layer");
    refuse("conv:8:5,pol:2", "'pol:2' at position 10: there are conv, pool");
    refuse("conv:8", "expected conv:CHANNELS:SIDE");
    refuse("conv:8:4:same", "must be odd");
    refuse("conv:8:29", "larger than the image");
    refuse("conv:8:5,pool:1", "2 or more");
    refuse("conv:8:5,pool:25", "larger than the image");
    refuse("conv:0:5", "channels must be");
    refuse("dense:x", "expected dense:UNITS");
    refuse("dense:10:3", "too many numbers");
    refuse("dense:10,dropout:1", "a share between");
    refuse("conv:4:3,pool:2,bn", "right after conv or dense");
    refuse("conv:4:3:same:1", "too many numbers");
    refuse("dense:60000,dense:60000", "too many weights");
}

/* ---- learners ------------------------------------------------------------------------ */

/* Images of 8 x 8 with a bar that lies (0), stands (1) or slants (2). */
static struct frame *bars(size_t n, uint64_t seed)
{
    static const char *const names[] = { "lies", "stands", "slants" };
    struct frame *f = frame_new();
    const char **label = mem_zalloc(n, sizeof *label);
    struct rng r;

    for (size_t i = 0; i < 64; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%zu", i);
        add_num(f, name, COL_INT, n);
    }
    rng_seed(&r, seed);
    for (size_t row = 0; row < n; row++) {
        size_t kind = rng_below(&r, 3), at = 1 + rng_below(&r, 6), from = rng_below(&r, 3);
        for (size_t i = 0; i < 64; i++) f->cols[i].num[row] = (double)rng_below(&r, 120);
        for (size_t k = from; k < from + 5; k++) {
            size_t y = kind == 0 ? at : k, x = kind == 0 ? k : kind == 1 ? at : (k + at) % 8;
            f->cols[y * 8 + x].num[row] = 200 + (double)rng_below(&r, 56);
        }
        label[row] = names[kind];
    }
    put_texts(f, "label", COL_CATEGORY, label, n);
    free(label);
    return f;
}

static struct val *texts(struct arena *a, const char *const *kv)
{
    struct val *v = val_obj(a);

    for (; kv && kv[0]; kv += 2) val_set_str(v, kv[0], kv[1]);
    return v;
}

static int fit_threads(const char *algorithm, const char *target, const char *const *kv,
                       int threads, const struct frame *train, const struct frame *valid,
                       struct model **ret, struct err *e)
{
    struct engine en = { .pool = pool_new(threads), .seed = 3 };
    struct arena a = ARENA_INIT;
    struct model_spec spec = { .algorithm = algorithm, .target = target, .params = texts(&a, kv) };
    int r = model_fit(&en, &spec, train, valid, ret, e);

    pool_free(en.pool);
    arena_done(&a);
    return r;
}

static struct model *fit(const char *algorithm, const char *target, const char *const *kv,
                         const struct frame *train, const struct frame *valid)
{
    struct err e = ERR_INIT;
    struct model *m = NULL;

    check_ok(fit_threads(algorithm, target, kv, 2, train, valid, &m, &e), &e);
    return m;
}

static double *predict(const struct model *m, const struct frame *f)
{
    struct engine en = { .pool = pool_new(2) };
    struct err e = ERR_INIT;
    double *p = mem_zalloc(f->n_rows * (size_t)model_outputs(m), sizeof *p);

    check_ok(model_predict(&en, m, f, p, &e), &e);
    pool_free(en.pool);
    return p;
}

static double accuracy(const struct model *m, const struct frame *f)
{
    double *p = predict(m, f), *y = mem_zalloc(f->n_rows, sizeof *y);
    struct err e = ERR_INIT;
    size_t right = 0;

    check_ok(model_encode_target(m, f, y, &e), &e);
    for (size_t i = 0; i < f->n_rows; i++)
        right += model_decide(m, p + i * (size_t)model_outputs(m)) == (int)y[i];
    free(p);
    free(y);
    return (double)right / (double)f->n_rows;
}

static const char *const small_cnn[] = { "layers",
                                         "conv:6:3,bn,pool:2,dense:16,dropout:0.1",
                                         "epochs",
                                         "20",
                                         "learning_rate",
                                         "0.005",
                                         "shift",
                                         "1",
                                         NULL };
static const char *const small_mlp[] = { "hidden", "24,12",   "epochs", "20", "batch_size",
                                         "32",     "dropout", "0.1",    NULL };

static void test_learns(void **state)
{
    struct frame *train = bars(1200, 1), *test = bars(400, 2);
    struct model *cnn = fit("cnn", "label", small_cnn, train, NULL);
    struct model *mlp = fit("mlp", "label", small_mlp, train, NULL);

    (void)state;
    if (accuracy(cnn, test) < 0.97) fail_msg("cnn: accuracy %g", accuracy(cnn, test));
    if (accuracy(mlp, test) < 0.9) fail_msg("mlp: accuracy %g", accuracy(mlp, test));
    model_free(cnn);
    model_free(mlp);
    frame_free(train);
    frame_free(test);
}

/* y = x0 - 2 x1 + 3, on a large scale; also the row-wise answers against those of a table. */
static void test_regression(void **state)
{
    enum { N = 600 };
    struct frame *f = frame_new();
    double *x0 = add_num(f, "x0", COL_REAL, N), *x1, *y, *p, worst = 0;
    struct rng r;

    (void)state;
    x1 = add_num(f, "x1", COL_REAL, N);
    y = add_num(f, "y", COL_REAL, N);
    x0 = f->cols[0].num;
    x1 = f->cols[1].num;
    rng_seed(&r, 4);
    for (size_t i = 0; i < N; i++) {
        x0[i] = rng_normal(&r);
        x1[i] = 5 + rng_normal(&r);
        y[i] = 1000 * (x0[i] - 2 * x1[i] + 3);
    }
    struct model *m =
        fit("mlp", "y", (const char *const[]){ "epochs", "60", "hidden", "16", NULL }, f, NULL);
    p = predict(m, f);
    double *scratch = mem_zalloc(model_scratch(m), sizeof *scratch);
    for (size_t i = 0; i < N; i++) {
        double row[2] = { x0[i], x1[i] }, one;
        model_predict_row(m, row, scratch, &one);
        assert_memory_equal(&one, &p[i], sizeof one);
        worst += (p[i] - y[i]) * (p[i] - y[i]) / N;
    }
    if (sqrt(worst) > 250) fail_msg("rmse %g", sqrt(worst));
    free(scratch);
    free(p);
    model_free(m);
    frame_free(f);
}

static struct buf bytes_of(const struct model *m)
{
    struct buf b = BUF_INIT;
    struct err e = ERR_INIT;

    check_ok(model_save(m, &b, &e), &e);
    return b;
}

static void check_threads(const char *algorithm, const char *const *kv)
{
    static const int threads[] = { 1, 2, 8 };
    struct frame *train = bars(300, 5), *valid = bars(70, 6);
    struct buf first = BUF_INIT;
    struct err e = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        struct model *m = NULL;
        check_ok(fit_threads(algorithm, "label", kv, threads[i], train, valid, &m, &e), &e);
        struct buf b = bytes_of(m);
        model_free(m);
        if (i > 0) {
            assert_int_equal(b.n, first.n);
            assert_memory_equal(b.p, first.p, b.n);
            buf_done(&b);
        } else {
            first = b;
        }
    }
    buf_done(&first);
    frame_free(train);
    frame_free(valid);
}

static void test_threads(void **state)
{
    (void)state;
    check_threads("cnn", small_cnn);
    check_threads("mlp", small_mlp);
    check_threads("mlp", (const char *const[]){ "batch_size", "200", "early_stopping_rounds", "2",
                                                "activation", "tanh", NULL });
}

/* What is saved answers to the bit; every cut and flipped byte of the learner's section is
 * refused or gives a model that still answers. */
static void test_bytes(void **state)
{
    struct frame *f = bars(100, 7);
    struct model *m = fit("cnn", "label", small_cnn, f, NULL), *again;
    double *want = predict(m, f), *got;
    struct buf b = bytes_of(m);
    struct err e = ERR_INIT;

    (void)state;
    check_ok(model_open(b.p, b.n, &again, &e), &e);
    got = predict(again, f);
    assert_memory_equal(got, want, f->n_rows * 3 * sizeof *got);
    struct buf second = bytes_of(again);
    assert_int_equal(second.n, b.n);
    assert_memory_equal(second.p, b.p, b.n);
    free(want);
    free(got);
    buf_done(&b);
    buf_done(&second);
    model_free(m);
    model_free(again);
    frame_free(f);
}

/* A net's own bytes, without the checksums around a model. */
static struct buf net_bytes(bool int8)
{
    struct net_plan plan;
    struct err e = ERR_INIT;
    struct buf b = BUF_INIT;
    double x[36];

    net_plan_init(&plan, 6, 6, 1);
    check_ok(net_plan_parse(&plan, "conv:3:3,pool:2", NET_RELU, &e), &e);
    assert_null(net_plan_add(&plan, &(struct net_layer){ .op = NET_DENSE }, 3));
    struct net *net = net_new(&plan, TASK_MULTICLASS, 3);
    for (size_t i = 0; i < ARRAY_LEN(x); i++) x[i] = (double)i - 9;
    if (int8) check_ok(net8_make(net, &(struct matrix){ 1, 36, x, NULL }, &e), &e);
    net_save(net, &b, &e);
    net_free(net);
    return b;
}

static int open_net(const uint8_t *p, size_t n, size_t d)
{
    struct cursor in = { p, n, false };
    struct err e = ERR_INIT;
    void *net = NULL;
    int r = net_load(&in, TASK_MULTICLASS, 3, d, &net, &e);
    double x[36] = { 1, 2, 3 }, out[3];

    if (r == 0) {
        double *work = mem_zalloc(net_predict_work(net, 1), sizeof *work);
        net_predict(net, &(struct matrix){ 1, 36, x, NULL }, 0, 1, work, out);
        free(work);
        net_free(net);
    }
    return r == 0 && (in.bad || in.left) ? -ERR_CORRUPT : r;
}

static void test_hostile(void **state)
{
    (void)state;
    for (int int8 = 0; int8 < 2; int8++) {
        struct buf b = net_bytes(int8);
        assert_int_equal(open_net(b.p, b.n, 36), 0);
        assert_int_equal(open_net(b.p, b.n, 35), -ERR_CORRUPT);
        for (size_t n = 0; n < b.n; n++) {
            uint8_t *exact = mem_alloc(n + 1);
            memcpy(exact, b.p, n);
            assert_int_not_equal(open_net(exact, n, 36), 0);
            free(exact);
        }
        for (size_t i = 0; i < b.n; i++)
            for (int bit = 0; bit < 8; bit++) {
                b.p[i] ^= (uint8_t)(1 << bit);
                open_net(b.p, b.n, 36);
                b.p[i] ^= (uint8_t)(1 << bit);
            }
        buf_done(&b);
    }
}

static void stop_at_second(void *user, const struct engine_progress *p)
{
    if (p->done == 2) atomic_store((atomic_bool *)user, true);
}

static void test_cancel(void **state)
{
    atomic_bool cancel = false;
    struct engine en = {
        .pool = pool_new(2), .cancel = &cancel, .progress = stop_at_second, .user = &cancel
    };
    struct frame *f = bars(200, 8);
    struct model *m = NULL;
    struct err e = ERR_INIT;
    struct model_spec spec = { .algorithm = "mlp", .target = "label" };

    (void)state;
    check_err(model_fit(&en, &spec, f, NULL, &m, &e), ERR_CANCELLED, &e, "cancelled");
    pool_free(en.pool);
    frame_free(f);
}

static void refuse_fit(const char *algorithm, const char *const *kv, const char *why)
{
    struct frame *f = bars(40, 9);
    struct model *m = NULL;
    struct err e = ERR_INIT;

    check_err(fit_threads(algorithm, "label", kv, 1, f, NULL, &m, &e), ERR_INVALID, &e, why);
    frame_free(f);
}

static void test_refusals(void **state)
{
    (void)state;
    refuse_fit("cnn", (const char *const[]){ "width", "9", NULL }, "not 64 columns");
    refuse_fit("cnn", (const char *const[]){ "channels", "3", NULL }, "no square image");
    refuse_fit("cnn", (const char *const[]){ "layers", "conv:2", NULL }, "layers: layer 'conv:2'");
    refuse_fit("mlp", (const char *const[]){ "hidden", "10,-4", NULL }, "hidden: '-4'");
    refuse_fit("mlp", (const char *const[]){ "learning_rate", "x", NULL }, "learning_rate");
}

/* Integers beside floats: nearly the same decisions, bytes that read back to the bit. */
static void test_int8(void **state)
{
    struct frame *train = bars(1200, 1), *test = bars(400, 2);
    static const char *const names[] = { "cnn", "mlp" };
    struct engine en = { .pool = pool_new(2) };
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct model *m = fit(names[i], "label", i ? small_mlp : small_cnn, train, NULL), *again;
        struct model *q = NULL;
        check_ok(model_quantise(&en, m, train, &q, &e), &e);
        double *want = predict(q, test), *got;
        check_near(accuracy(q, test), accuracy(m, test), 0.01, 0, names[i]);
        struct buf b = bytes_of(q), before = bytes_of(m);
        assert_true(b.n < before.n);
        assert_false(model_has_dense(q));
        check_ok(model_open(b.p, b.n, &again, &e), &e);
        got = predict(again, test);
        assert_memory_equal(got, want, test->n_rows * 3 * sizeof *got);
        check_err(model_quantise(&en, q, train, &again, &e), ERR_INVALID, &e, "int8 already");
        free(want);
        free(got);
        buf_done(&b);
        buf_done(&before);
        model_free(m);
        model_free(q);
        model_free(again);
    }
    pool_free(en.pool);
    frame_free(train);
    frame_free(test);
}

/* One row through the neutral form, by hand. */
static double by_hand(const struct dense *d, const double *row)
{
    double x[64], y[64];

    for (size_t i = 0; i < d->n_features; i++)
        x[i] = (row[i] - d->scaling[i].mean) / d->scaling[i].scale;
    for (size_t k = 0; k < d->n_layers; k++) {
        const struct dense_layer *l = &d->layers[k];
        for (size_t c = 0; c < l->out; c++) {
            y[c] = l->b[c];
            for (size_t i = 0; i < l->in; i++) y[c] += x[i] * l->w[i * l->out + c];
            if (l->act == DENSE_TANH) y[c] = tanh(y[c]);
            if (l->act == DENSE_RELU) y[c] = fmax(y[c], 0);
        }
        memcpy(x, y, sizeof x);
    }
    return x[0];
}

static void test_dense(void **state)
{
    enum { N = 100 };
    struct frame *f = frame_new();
    struct arena a = ARENA_INIT;
    struct rng r;
    struct dense d;

    (void)state;
    rng_seed(&r, 12);
    for (int j = 0; j < 3; j++) {
        double *v = add_num(f, (const char *const[]){ "a", "b", "y" }[j], COL_REAL, N);
        for (size_t i = 0; i < N; i++) v[i] = 5 + 20 * rng_normal(&r);
    }
    for (int act = 0; act < 2; act++) {
        struct model *m = fit(
            "mlp", "y",
            (const char *const[]){ "hidden", "12,5", "activation", act ? "tanh" : "relu", NULL }, f,
            NULL);
        double *p = predict(m, f);
        assert_true(model_has_dense(m));
        model_to_dense(m, &a, &d);
        assert_int_equal(d.n_layers, 3);
        for (size_t i = 0; i < N; i++)
            check_near(by_hand(&d, (double[]){ f->cols[0].num[i], f->cols[1].num[i] }), p[i], 1e-4,
                       1e-5, "dense");
        free(p);
        model_free(m);
    }
    arena_done(&a);
    frame_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_gemm),  TEST(test_gemm8),   TEST(test_adam),       TEST(test_gradients),
        TEST(test_plans), TEST(test_learns),  TEST(test_regression), TEST(test_threads),
        TEST(test_bytes), TEST(test_hostile), TEST(test_cancel),     TEST(test_refusals),
        TEST(test_pool),  TEST(test_int8),    TEST(test_dense),
    };
    return cmocka_run_group_tests_name("net", tests, NULL, NULL);
}
