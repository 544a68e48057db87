/* test_encoder.c: what a learner gets to see of a table, in training and later. */
#include "engine/model/encoder.h"

#include "enginetest.h"

static struct notes {
    char text[2000];
} notes;

static void keep_note(void *user, const char *line)
{
    size_t at = strlen(notes.text);

    (void)user;
    snprintf(notes.text + at, sizeof notes.text - at, "%s\n", line);
}

static struct engine engine_new(void)
{
    notes.text[0] = 0;
    return (struct engine){ .pool = pool_new(2), .note = keep_note };
}

static struct frame *sample(void)
{
    struct frame *f = frame_new();
    const double n[] = { 1, 2, 3, 4 }, gap[] = { 10, NAN, 20, INFINITY }, same[] = { 5, 5, 5, 5 };
    const double b[] = { 1, 0, NAN, 1 }, none[] = { NAN, NAN, NAN, NAN };
    const char *const c[] = { "red", "blue", NULL, "red" }, *const one[] = { "x", "x", "x", "x" };
    const char *const id[] = { "a", "b", "c", "d" };

    put_nums(f, "n", COL_INT, n, 4);
    put_nums(f, "gap", COL_REAL, gap, 4);
    put_nums(f, "same", COL_INT, same, 4);
    put_nums(f, "b", COL_BOOL, b, 4);
    put_nums(f, "none", COL_REAL, none, 4);
    put_texts(f, "c", COL_CATEGORY, c, 4);
    put_texts(f, "one", COL_CATEGORY, one, 4);
    put_texts(f, "id", COL_TEXT, id, 4);
    return f;
}

static struct encoder *fit(const struct engine *en, enum encoding kind, const struct frame *f)
{
    struct encoder *enc = NULL;
    struct err e = ERR_INIT;

    check_ok(encoder_fit(en, kind, f, NULL, &enc, &e), &e);
    return enc;
}

static double *encode(const struct engine *en, const struct encoder *enc, const struct frame *f)
{
    struct matrix m;
    struct err e = ERR_INIT;

    check_ok(encoder_matrix(en, enc, f, &m, &e), &e);
    assert_int_equal(m.n, f->n_rows);
    assert_int_equal(m.d, enc->width);
    double *copy = malloc((m.n * m.d + 1) * sizeof *copy);
    memcpy(copy, m.x, m.n * m.d * sizeof *copy);
    free((void *)(uintptr_t)m.x);
    return copy;
}

static void check_row(const double *got, const double *want, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++) check_near(got[i], want[i], 1e-15, 1e-14, what);
}

/* Columns: n | gap, gap missing | b, b missing | blue, red, other */
static void test_dense_columns(void **state)
{
    struct engine en = engine_new();
    struct frame *f = sample();
    struct encoder *enc = fit(&en, ENC_DENSE, f);
    double *x = encode(&en, enc, f), s = sqrt(1.25), g = sqrt(50.0 / 4);
    double t = 2.0 / 3, d = sqrt((2 * (1 - t) * (1 - t) + t * t) / 4);
    const double want[4][8] = {
        { -1.5 / s, -5 / g, 0, (1 - t) / d, 0, 0, 1, 0 },
        { -0.5 / s, 0, 1, -t / d, 0, 1, 0, 0 },
        { 0.5 / s, 5 / g, 0, 0, 1, 0, 0, 1 },
        { 1.5 / s, 0, 1, (1 - t) / d, 0, 0, 1, 0 },
    };

    (void)state;
    assert_int_equal(enc->n, 4);
    assert_int_equal(enc->width, 8);
    for (size_t i = 0; i < 4; i++) check_row(x + 8 * i, want[i], 8, "dense row");
    assert_non_null(strstr(notes.text, "column same is left out: one value only"));
    assert_non_null(strstr(notes.text, "column none is left out: no values"));
    assert_non_null(strstr(notes.text, "column one is left out: one value only"));
    assert_non_null(strstr(notes.text, "column id is left out: free text"));
    free(x);
    encoder_free(enc);
    frame_free(f);
    pool_free(en.pool);
}

static void test_tree_columns(void **state)
{
    struct engine en = engine_new();
    struct frame *f = sample();
    struct encoder *enc = fit(&en, ENC_TREE, f);
    double *x = encode(&en, enc, f);
    const double want[] = { 1, 2, 3, 4, 10, NAN, 20, NAN, 1, 0, NAN, 1, 1, 0, NAN, 1 };

    (void)state;
    assert_int_equal(enc->width, 4);
    check_row(x, want, 16, "tree columns");
    assert_int_equal(enc->levels[0], 0);
    assert_int_equal(enc->levels[3], 2);
    free(x);
    encoder_free(enc);
    frame_free(f);
    pool_free(en.pool);
}

/* Another table: columns in another order, other types that mean the same, unseen levels. */
static void test_columns_are_matched_by_name_and_text(void **state)
{
    struct engine en = engine_new();
    struct frame *f = sample(), *g = frame_new();
    struct encoder *enc = fit(&en, ENC_TREE, f);
    const char *const c[] = { "green", "red" };
    const double real[] = { 1.5, 7 }, whole[] = { 3, NAN }, none[] = { NAN, NAN };

    (void)state;
    put_texts(g, "c", COL_TEXT, c, 2);
    put_nums(g, "extra", COL_REAL, real, 2);
    put_nums(g, "gap", COL_INT, whole, 2);
    put_nums(g, "n", COL_REAL, real, 2);
    put_nums(g, "b", COL_REAL, none, 2);
    double *x = encode(&en, enc, g);
    const double want[] = { 1.5, 7, 3, NAN, NAN, NAN, NAN, 1 };
    check_row(x, want, 8, "other table");
    free(x);
    encoder_free(enc);
    frame_free(f);
    frame_free(g);
    pool_free(en.pool);
}

static void test_numbers_for_a_category(void **state)
{
    struct engine en = engine_new();
    struct frame *f = frame_new(), *g = frame_new(), *h = frame_new();
    const char *const zip[] = { "10", "20.5", "30" };
    const double ints[] = { 30, NAN, 10 }, reals[] = { 20.5, 10, 99 };

    (void)state;
    put_texts(f, "zip", COL_CATEGORY, zip, 3);
    put_nums(g, "zip", COL_INT, ints, 3);
    put_nums(h, "zip", COL_REAL, reals, 3);
    struct encoder *enc = fit(&en, ENC_TREE, f);
    double *x = encode(&en, enc, g), *y = encode(&en, enc, h);
    const double want_x[] = { 2, NAN, 0 }, want_y[] = { 1, 0, NAN };
    check_row(x, want_x, 3, "integers");
    check_row(y, want_y, 3, "reals");
    free(x);
    free(y);
    encoder_free(enc);
    frame_free(f);
    frame_free(g);
    frame_free(h);
    pool_free(en.pool);
}

static void test_mismatches_are_refused(void **state)
{
    struct engine en = engine_new();
    struct frame *f = sample(), *g = frame_new(), *h = frame_new();
    struct encoder *enc = fit(&en, ENC_TREE, f);
    const char *const text[] = { NULL, "n/k", NULL, "3" }, *const no_text[] = { NULL, NULL, NULL,
                                                                                NULL };
    struct binding *b = NULL;
    struct err e = ERR_INIT;
    double *y;

    (void)state;
    put_texts(g, "n", COL_CATEGORY, text, 4);
    check_err(encoder_bind(enc, g, &b, &e), ERR_INVALID, &e,
              "column n is category here (\"n/k\" in row 2)");
    assert_non_null(strstr(e.msg, "integer"));
    put_texts(h, "n", COL_CATEGORY, no_text, 4);
    put_nums(h, "Gap", COL_REAL, f->cols[0].num, 4);
    check_err(encoder_bind(enc, h, &b, &e), ERR_INVALID, &e, "no column gap");
    assert_non_null(strstr(e.hint, "Gap"));
    assert_null(b);
    put_nums(h, "gap", COL_REAL, f->cols[1].num, 4);
    put_nums(h, "b", COL_TIME, f->cols[0].num, 4);
    put_texts(h, "c", COL_CATEGORY, text, 4);
    check_err(encoder_bind(enc, h, &b, &e), ERR_INVALID, &e, "column b is timestamp here");
    for (size_t i = 0; i < 4; i++) h->cols[frame_index(h, "b")].num[i] = NAN;
    y = encode(&en, enc, h); /* columns without values fit whatever their type */
    assert_true(isnan(y[0]) && isnan(y[8]));
    free(y);
    encoder_free(enc);
    frame_free(f);
    frame_free(g);
    frame_free(h);
    pool_free(en.pool);
}

static void test_rare_levels_share_a_column(void **state)
{
    enum { N = 400, LEVELS = 200 };
    struct engine en = engine_new();
    struct frame *f = frame_new();
    static char names[LEVELS][8];
    const char *v[N];

    (void)state;
    for (size_t i = 0; i < LEVELS; i++) snprintf(names[i], sizeof names[i], "v%03zu", i);
    for (size_t i = 0; i < N; i++) v[i] = names[i % (i < LEVELS ? LEVELS : 50)];
    put_texts(f, "v", COL_CATEGORY, v, N);
    struct encoder *enc = fit(&en, ENC_DENSE, f);
    assert_int_equal(enc->width, ENCODER_DENSE_LEVELS + 1);
    assert_non_null(strstr(notes.text, "200 levels: the 128 most frequent"));
    double raw, *x = calloc(enc->width, sizeof *x);
    raw = encoder_level(&enc->f[0], "v000", 4);
    encoder_row(enc, &raw, x);
    assert_true(x[0] == 1 && x[ENCODER_DENSE_LEVELS] == 0);
    raw = encoder_level(&enc->f[0], "v199", 4);
    assert_true(isnan(raw));
    encoder_row(enc, &raw, x);
    assert_true(x[0] == 0 && x[ENCODER_DENSE_LEVELS] == 1);
    raw = 1e9; /* no such level: as unseen */
    encoder_row(enc, &raw, x);
    assert_true(x[ENCODER_DENSE_LEVELS] == 1);
    free(x);
    encoder_free(enc);
    frame_free(f);
    pool_free(en.pool);
}

static void test_extreme_numbers(void **state)
{
    struct engine en = engine_new();
    struct frame *f = frame_new();
    const double huge[] = { 1e308, -1e308, 1.5e308, 0 }, tiny[] = { 1e-310, 2e-310, 0, 3e-310 };
    const double far[] = { 1e15, 1e15 + 1, 1e15 + 2, 1e15 + 3 };

    (void)state;
    put_nums(f, "huge", COL_REAL, huge, 4);
    put_nums(f, "tiny", COL_REAL, tiny, 4);
    put_nums(f, "far", COL_REAL, far, 4);
    struct encoder *enc = fit(&en, ENC_DENSE, f);
    double *x = encode(&en, enc, f);
    for (size_t i = 0; i < 12; i++) assert_true(isfinite(x[i]));
    check_near(x[2], -1.5 / sqrt(1.25), 1e-9, 0, "far from 0");
    free(x);
    encoder_free(enc);
    frame_free(f);
    pool_free(en.pool);
}

static void test_nothing_to_learn_from(void **state)
{
    struct engine en = engine_new();
    struct frame *f = sample();
    const char *const skip[] = { "n", "gap", "b", "c", NULL };
    struct encoder *enc = NULL;
    struct err e = ERR_INIT;

    (void)state;
    check_err(encoder_fit(&en, ENC_DENSE, f, skip, &enc, &e), ERR_INVALID, &e, "no column is left");
    assert_null(enc);
    frame_free(f);
    pool_free(en.pool);
}

static void test_blocks_rows_and_file_agree(void **state)
{
    struct engine en = engine_new();
    struct frame *f = sample();

    (void)state;
    for (int kind = ENC_DENSE; kind <= ENC_TREE; kind++) {
        struct encoder *enc = fit(&en, (enum encoding)kind, f), *back = NULL;
        struct binding *b = NULL;
        struct buf bytes = BUF_INIT;
        struct err e = ERR_INIT;
        double raw[16], x[32], one[8], *all = encode(&en, enc, f);
        size_t d = enc->width;
        encoder_save(enc, &bytes);
        struct cursor in = { bytes.p, bytes.n, false };
        check_ok(encoder_load(&in, &back, &e), &e);
        assert_int_equal(in.left, 0);
        check_ok(encoder_bind(back, f, &b, &e), &e);
        struct matrix m = encoder_block(b, 1, 3, raw, x);
        assert_int_equal(m.n, 2);
        for (size_t r = 0; r < 2; r++)
            for (size_t j = 0; j < d; j++) {
                double want = kind == ENC_DENSE ? all[(r + 1) * d + j] : all[j * 4 + r + 1];
                double got = kind == ENC_DENSE ? x[r * d + j] : x[j * 2 + r];
                assert_memory_equal(&got, &want, sizeof got);
            }
        const double values[] = { 2, NAN, 0, encoder_level(&back->f[3], "blue", 4) };
        encoder_row(back, values, one);
        for (size_t j = 0; j < d; j++) {
            double want = kind == ENC_DENSE ? all[d + j] : all[j * 4 + 1];
            check_near(one[j], want, 0, 0, "one row");
        }
        binding_free(b);
        buf_done(&bytes);
        free(all);
        encoder_free(enc);
        encoder_free(back);
    }
    frame_free(f);
    pool_free(en.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_dense_columns),
        TEST(test_tree_columns),
        TEST(test_columns_are_matched_by_name_and_text),
        TEST(test_numbers_for_a_category),
        TEST(test_mismatches_are_refused),
        TEST(test_rare_levels_share_a_column),
        TEST(test_extreme_numbers),
        TEST(test_nothing_to_learn_from),
        TEST(test_blocks_rows_and_file_agree),
    };
    return cmocka_run_group_tests_name("engine/encoder", tests, NULL, NULL);
}
