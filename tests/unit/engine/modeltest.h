/* modeltest.h: what the tests of whole models share: a table with every kind of column, short ways
 * to fit and predict, and hostile files. */
#pragma once
#include "engine/model/model.h"

#include "base/digest.h"
#include "base/rng.h"
#include "enginetest.h"

#define N 600

struct notes {
    char text[4000];
};

static inline void keep_note(void *user, const char *line)
{
    struct notes *n = user;
    size_t at = strlen(n->text);

    snprintf(n->text + at, sizeof n->text - at, "%s\n", line);
}

/* Columns x (missing here and there), colour, flag, id (text), same (constant), and targets:
 * label yes/no, kind with three labels, digit 0..4 and price. */
static inline struct frame *sample(uint64_t seed)
{
    static const char *const colours[] = { "red", "green", "blue", NULL };
    static const char *const kinds[] = { "cat", "dog", "eel" };
    struct frame *f = frame_new();
    struct rng rng;
    double *x = add_num(f, "x", COL_REAL, N), *flag = add_num(f, "flag", COL_BOOL, N);
    double *same = add_num(f, "same", COL_INT, N), *digit = add_num(f, "digit", COL_INT, N);
    double *price = add_num(f, "price", COL_REAL, N), *w = add_num(f, "w", COL_REAL, N);
    const char *colour[N], *label[N], *kind[N], *id[N];
    static char ids[N][16];

    rng_seed(&rng, seed);
    for (size_t i = 0; i < N; i++) {
        double v = rng_normal(&rng), z;
        size_t c = rng_below(&rng, 4);
        flag[i] = (double)rng_below(&rng, 2);
        z = 1.5 * v + (c == 0) - flag[i];
        x[i] = i % 11 == 0 ? (double)NAN : v;
        colour[i] = colours[c];
        same[i] = 7;
        w[i] = 0.5 + rng_unit(&rng);
        digit[i] = floor(fmin(fmax(z + 2.5, 0), 4.9));
        price[i] = 100 + 10 * z + rng_normal(&rng);
        label[i] = z + rng_normal(&rng) > 0 ? "yes" : "no";
        kind[i] = kinds[z < -1 ? 0 : z < 1 ? 1 : 2];
        snprintf(ids[i], sizeof ids[i], "id%zu", i);
        id[i] = ids[i];
    }
    put_texts(f, "colour", COL_CATEGORY, colour, N);
    put_texts(f, "id", COL_TEXT, id, N);
    put_texts(f, "label", COL_CATEGORY, label, N);
    put_texts(f, "kind", COL_CATEGORY, kind, N);
    return f;
}

static const char *const other_targets[] = { "label", "kind", "digit", "price", "w", NULL };

/* A spec that predicts target and looks at x, flag, colour, id and same. */
static const struct val *few_trees;

static inline struct model_spec spec_for(const char *algorithm, const char *target)
{
    static const char *drop[ARRAY_LEN(other_targets)];
    struct model_spec s = { .algorithm = algorithm, .target = target, .drop = drop };
    size_t n = 0;

    for (const char *const *t = other_targets; *t; t++)
        if (strcmp(*t, target) != 0) drop[n++] = *t;
    drop[n] = NULL;
    if (!strcmp(algorithm, "gbdt")) s.params = few_trees;
    return s;
}

static inline struct model *fit_on(int threads, const struct model_spec *spec, const struct frame *f,
                            struct notes *notes)
{
    struct engine en = { .pool = pool_new(threads),
                         .note = notes ? keep_note : NULL,
                         .user = notes };
    struct model *m = NULL;
    struct err e = ERR_INIT;

    check_ok(model_fit(&en, spec, f, NULL, &m, &e), &e);
    pool_free(en.pool);
    return m;
}

static inline double *predict(int threads, const struct model *m, const struct frame *f)
{
    struct engine en = { .pool = pool_new(threads) };
    double *out = malloc((f->n_rows + 1) * (size_t)model_outputs(m) * sizeof *out);
    struct err e = ERR_INIT;

    check_ok(model_predict(&en, m, f, out, &e), &e);
    pool_free(en.pool);
    return out;
}

static inline double share_right(const struct model *m, const struct frame *f)
{
    double *p = predict(1, m, f), *y = malloc(f->n_rows * sizeof *y), right = 0;
    struct err e = ERR_INIT;

    check_ok(model_encode_target(m, f, y, &e), &e);
    for (size_t i = 0; i < f->n_rows; i++)
        right += model_decide(m, p + i * (size_t)model_outputs(m)) == (int)y[i];
    free(p);
    free(y);
    return right / (double)f->n_rows;
}

/* What row i of f is for model_predict_row. */
static inline void raw_row(const struct model *m, const struct frame *f, size_t i, double *x)
{
    for (size_t j = 0; j < model_features(m); j++) {
        const struct column *c = frame_col(f, model_feature(m, j, NULL));
        size_t len = 0;
        if (!col_is_coded(c->type)) {
            x[j] = c->num[i];
        } else if (c->code[i] < 0) {
            x[j] = (double)NAN;
        } else {
            const char *s = dict_str(c->dict, c->code[i], &len);
            x[j] = model_code(m, j, s, len);
        }
    }
}

static inline void check_refused(const uint8_t *p, size_t n)
{
    struct model *m = NULL;
    struct err e = ERR_INIT;
    uint8_t *exact = malloc(n ? n : 1); /* its own block: a sanitizer sees any overrun */
    int r;

    memcpy(exact, p, n);
    r = model_open(exact, n, &m, &e);
    if (r != -ERR_CORRUPT && r != -ERR_PARSE) fail_msg("accepted, or error %d: %s", r, e.msg);
    assert_non_null(strstr(e.msg, "model"));
    assert_null(m);
    free(exact);
}

static inline void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i));
}

/* Repairs the checksums after a change, as somebody who means harm would. */
static inline void forge(uint8_t *p, size_t n)
{
    struct cursor in = { p + 24, n - 24, false };
    uint32_t sections = p[12]; /* fewer than 256 */
    size_t head = 24 + 32 * (size_t)sections;

    for (uint32_t i = 0; i < sections; i++) {
        uint8_t *entry = p + 24 + 32 * i;
        cur_u64(&in);
        uint64_t at = cur_u64(&in), size = cur_u64(&in);
        cur_u64(&in);
        put_u32(entry + 24, crc32c(0, p + at, size));
    }
    put_u32(p + head, crc32c(0, p, head));
}

/* Predicts a row of zeros and frees the model. */
static inline void predict_zeros(struct model *m)
{
    double *x = calloc(model_features(m) + 1, sizeof *x);
    double *scratch = calloc(model_scratch(m) + 1, sizeof *scratch);
    double *out = calloc((size_t)model_outputs(m) + 1, sizeof *out);

    model_predict_row(m, x, scratch, out);
    free(x);
    free(scratch);
    free(out);
    model_free(m);
}

/* Puts wrong values at places all over the file of m, checksums made right: whatever opens must
 * predict. */
static inline void forge_everywhere(const struct model *m)
{
    static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };
    struct buf b = BUF_INIT;
    struct err e = ERR_INIT;

    check_ok(model_save(m, &b, &e), &e);
    size_t stride = 1 + b.n / 2000; /* of a large file every so many bytes */
    for (size_t i = 24 + 32 * (size_t)b.p[12] + 4; i < b.n; i += stride)
        for (size_t v = 0; v < ARRAY_LEN(values); v++) {
            uint8_t *copy = malloc(b.n);
            struct model *bad = NULL;
            memcpy(copy, b.p, b.n);
            copy[i] = values[v];
            forge(copy, b.n);
            if (model_open(copy, b.n, &bad, &e) == 0) predict_zeros(bad);
            free(copy);
        }
    buf_done(&b);
}

/* Mean over the rows of the squared distance from outputs to targets: Brier score for classes. */
static inline double squared_error(const struct model *m, const struct frame *f)
{
    size_t k = (size_t)model_outputs(m);
    double *p = predict(1, m, f), *y = malloc(f->n_rows * sizeof *y), sum = 0;
    struct err e = ERR_INIT;

    check_ok(model_encode_target(m, f, y, &e), &e);
    for (size_t i = 0; i < f->n_rows; i++)
        for (size_t c = 0; c < k; c++) {
            double is = k == 1 ? y[i] : y[i] == (double)c;
            sum += (p[i * k + c] - is) * (p[i * k + c] - is);
        }
    free(p);
    free(y);
    return sum / (double)f->n_rows;
}
