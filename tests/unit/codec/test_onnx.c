/* test_onnx.c: what is written as ONNX, read back field by field and walked as its specification
 * says, answers as the trees do; layers have their weights in the right places. The real checker
 * and the real runtime are asked in tests/integration/test_model_onnx.sh. */
#include "codec/onnx.h"
#include "codec/protobuf.h"
#include "foresttest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- reading messages ---------------------------------------------------------------- */

struct span {
    const uint8_t *p, *end;
};
struct field {
    unsigned number;
    uint64_t v;
    struct span bytes;
};

static uint64_t varint(struct span *s)
{
    uint64_t v = 0;

    for (int shift = 0;; shift += 7) {
        assert_true(s->p < s->end && shift < 64);
        uint8_t b = *s->p++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) return v;
    }
}

static bool next(struct span *s, struct field *f)
{
    if (s->p == s->end) return false;
    uint64_t key = varint(s);
    *f = (struct field){ .number = (unsigned)(key >> 3) };
    switch (key & 7) {
    case 0: f->v = varint(s); break;
    case 5:
        f->bytes = (struct span){ s->p, s->p + 4 };
        s->p += 4;
        break;
    default:
        assert_int_equal(key & 7, 2);
        f->v = varint(s);
        assert_true(f->v <= (uint64_t)(s->end - s->p));
        f->bytes = (struct span){ s->p, s->p + f->v };
        s->p += f->v;
    }
    return true;
}

/* The i-th field of that number; an empty span when there is none. */
static struct span get(struct span s, unsigned number, size_t i)
{
    struct field f;

    while (next(&s, &f))
        if (f.number == number && i-- == 0) return f.bytes;
    return (struct span){ NULL, NULL };
}

static bool is(struct span s, const char *text)
{
    return (size_t)(s.end - s.p) == strlen(text) && !memcmp(s.p, text, strlen(text));
}

/* Of the graph's nodes (1) or constants (5) the one with that type or name. */
static struct span find(struct span graph, unsigned number, unsigned name_field, const char *name)
{
    for (size_t i = 0;; i++) {
        struct span one = get(graph, number, i);
        if (!one.p) fail_msg("there is no %s", name);
        if (is(get(one, name_field, 0), name)) return one;
    }
}

static struct span attribute(struct span node, const char *name)
{
    return find(node, 5, 1, name);
}

static size_t read_floats(struct span s, float *out)
{
    size_t n = (size_t)(s.end - s.p) / 4;

    memcpy(out, s.p, 4 * n);
    return n;
}

static size_t read_ints(struct span s, int64_t *out)
{
    size_t n = 0;

    while (s.p < s.end) out[n++] = (int64_t)varint(&s);
    return n;
}

/* ---- trees --------------------------------------------------------------------------- */

enum { MOST = 20000 };
static struct nodes {
    size_t n, leaves;
    int64_t tree[MOST], node[MOST], feature[MOST], yes[MOST], no[MOST], missing[MOST];
    float value[MOST];
    bool leaf[MOST], equal[MOST];
    int64_t leaf_tree[MOST], leaf_node[MOST], target[MOST];
    float weight[MOST], base[8];
} x;

static void read_nodes(struct span node)
{
    struct span modes = attribute(node, "nodes_modes");

    x.n = read_ints(get(attribute(node, "nodes_treeids"), 8, 0), x.tree);
    read_ints(get(attribute(node, "nodes_nodeids"), 8, 0), x.node);
    read_ints(get(attribute(node, "nodes_featureids"), 8, 0), x.feature);
    read_ints(get(attribute(node, "nodes_truenodeids"), 8, 0), x.yes);
    read_ints(get(attribute(node, "nodes_falsenodeids"), 8, 0), x.no);
    read_ints(get(attribute(node, "nodes_missing_value_tracks_true"), 8, 0), x.missing);
    assert_int_equal(read_floats(get(attribute(node, "nodes_values"), 7, 0), x.value), x.n);
    for (size_t i = 0; i < x.n; i++) {
        x.leaf[i] = is(get(modes, 9, i), "LEAF");
        x.equal[i] = is(get(modes, 9, i), "BRANCH_EQ");
        assert_true(x.leaf[i] || x.equal[i] || is(get(modes, 9, i), "BRANCH_LEQ"));
    }
    x.leaves = read_ints(get(attribute(node, "target_treeids"), 8, 0), x.leaf_tree);
    read_ints(get(attribute(node, "target_nodeids"), 8, 0), x.leaf_node);
    read_ints(get(attribute(node, "target_ids"), 8, 0), x.target);
    read_floats(get(attribute(node, "target_weights"), 7, 0), x.weight);
    read_floats(get(attribute(node, "base_values"), 7, 0), x.base);
}

static size_t place(int64_t tree, int64_t node)
{
    for (size_t i = 0; i < x.n; i++)
        if (x.tree[i] == tree && x.node[i] == node) return i;
    fail_msg("tree %lld has no node %lld", (long long)tree, (long long)node);
    return 0;
}

/* Score c of a row, as the operator is specified. */
static double walk(size_t trees, size_t c, const double *row)
{
    double sum = (double)x.base[c];

    for (size_t t = 0; t < trees; t++) {
        size_t at = place((int64_t)t, 0);
        while (!x.leaf[at]) {
            float v = (float)row[x.feature[at]];
            bool yes = x.equal[at] ? v == x.value[at] : v <= x.value[at];
            yes |= isnan(v) && x.missing[at];
            at = place((int64_t)t, yes ? x.yes[at] : x.no[at]);
        }
        for (size_t i = 0; i < x.leaves; i++)
            if (x.leaf_tree[i] == (int64_t)t && x.leaf_node[i] == x.node[at] &&
                x.target[i] == (int64_t)c)
                sum += (double)x.weight[i];
    }
    return sum;
}

/* A child that a no-branch leads to has no other such parent: a runtime lays it out next. */
static void check_shape(void)
{
    for (size_t i = 0; i < x.n; i++)
        for (size_t j = i + 1; j < x.n && x.tree[j] == x.tree[i]; j++)
            if (!x.leaf[i] && !x.leaf[j]) assert_true(x.no[i] != x.no[j]);
}

static void test_trees(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct arena a = ARENA_INIT;
        struct rng r;
        struct ensemble m = make(&a, (enum ensemble_link)(seed % 3), seed);
        STR_AUTO file = STR_INIT;
        onnx_write_ensemble(&m, &file);
        struct span all = { (const uint8_t *)file.p, (const uint8_t *)file.p + file.len };
        read_nodes(find(get(all, 7, 0), 1, 4, "TreeEnsembleRegressor"));
        check_shape();
        rng_seed(&r, seed);
        for (int i = 0; i < 100; i++) {
            double row[3] = { (double)(float)rng_normal(&r), (double)(float)rng_normal(&r),
                              (double)rng_below(&r, 40) };
            if (rng_below(&r, 3) == 0) row[rng_below(&r, 3)] = (double)NAN;
            if (rng_below(&r, 4) == 0 && m.trees[0].n_leaves > 1 && !m.trees[0].nodes[0].cat)
                row[m.trees[0].nodes[0].feature] = m.trees[0].nodes[0].threshold;
            for (size_t c = 0; c < m.k; c++)
                assert_true(fabs(walk(m.n_trees, c, row) - score(&m, c, row)) < 1e-5);
        }
        arena_done(&a);
    }
}

/* Values that no float32 is equal to: what is below stays below. */
static void test_thresholds(void **state)
{
    struct rng r;

    (void)state;
    rng_seed(&r, 1);
    for (int i = 0; i < 300; i++) {
        struct arena a = ARENA_INIT;
        double values[] = { 1, 2 };
        struct ensemble_node nd = { .threshold = rng_normal(&r) * pow(10, rng_below(&r, 9)),
                                    .left = -1,
                                    .right = -2 };
        struct ensemble_tree t = { .n_leaves = 2, .nodes = &nd, .values = values };
        struct ensemble_feature f = { .name = "a" };
        double base = 0;
        struct ensemble m = { .arena = &a,
                              .k = 1,
                              .base = &base,
                              .n_features = 1,
                              .n_trees = 1,
                              .features = &f,
                              .trees = &t };
        STR_AUTO file = STR_INIT;
        onnx_write_ensemble(&m, &file);
        struct span all = { (const uint8_t *)file.p, (const uint8_t *)file.p + file.len };
        read_nodes(find(get(all, 7, 0), 1, 4, "TreeEnsembleRegressor"));
        float near = (float)nd.threshold;
        for (int k = 0; k < 3; k++) {
            double v = (double)(k == 0 ? near : nextafterf(near, k == 1 ? -HUGE_VALF : HUGE_VALF));
            assert_true(walk(1, 0, &v) == (v <= nd.threshold ? 1 : 2));
        }
        arena_done(&a);
    }
}

/* ---- layers -------------------------------------------------------------------------- */

/* A number with indicator, a category of two levels, a number: six inputs of ours, in the graph
 * numbers, indicator, levels, others. */
static void test_dense(void **state)
{
    static const char *const levels[] = { "x", "y" };
    static const double w[] = { 1, 2, 3, 4, 5, 6 }, b[] = { 7 };
    static const struct ensemble_feature features[] = {
        { .name = "a" }, { .name = "k", .n_levels = 2, .levels = levels }, { .name = "b" }
    };
    static const struct dense_scaling scaling[] = { { 10, 2, true },
                                                    { 0, 1, false },
                                                    { 20, 4, false } };
    struct dense_layer layer = { .in = 6, .out = 1, .w = w, .b = b };
    struct dense m = { .link = ENSEMBLE_LOGISTIC,
                       .n_features = 3,
                       .features = features,
                       .scaling = scaling,
                       .n_layers = 1,
                       .layers = &layer,
                       .n_classes = 2 };
    float got[8];
    int64_t columns[8];
    STR_AUTO file = STR_INIT;

    (void)state;
    onnx_write_dense(&m, &file);
    struct span all = { (const uint8_t *)file.p, (const uint8_t *)file.p + file.len };
    struct span graph = get(all, 7, 0);
    static const float want[] = { 1, 6, 2, 3, 4, 5 };
    assert_int_equal(read_floats(get(find(graph, 5, 8, "weights1"), 4, 0), got), 6);
    assert_memory_equal(got, want, sizeof want);
    assert_int_equal(read_ints(get(find(graph, 5, 8, "number_columns"), 7, 0), columns), 2);
    assert_int_equal(columns[1], 2);
    assert_int_equal(read_floats(get(find(graph, 5, 8, "mean"), 4, 0), got), 2);
    assert_true(got[0] == 10 && got[1] == 20);
    find(graph, 1, 4, "Sigmoid");
    find(graph, 11, 1, "input");
    find(graph, 12, 1, "probabilities");
}

static void test_protobuf(void **state)
{
    static const int64_t list[] = { 1, 300, -1 };
    static const char want[] = "\x08\xac\x02\x12\x02hi\x1d\0\0\x80\x3f\x22\x0d\x01\xac\x02"
                               "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    STR_AUTO m = STR_INIT;

    (void)state;
    pb_int(&m, 1, 300);
    pb_text(&m, 2, "hi");
    pb_float(&m, 3, 1);
    pb_ints(&m, 4, list, 3);
    assert_int_equal(m.len, sizeof want - 1);
    assert_memory_equal(m.p, want, m.len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_protobuf),
        cmocka_unit_test(test_trees),
        cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_dense),
    };

    return cmocka_run_group_tests_name("onnx", tests, NULL, NULL);
}
