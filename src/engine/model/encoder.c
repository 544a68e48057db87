/* encoder.c: see encoder.h. Fitting looks at one column at a time; applying is a binding (the
 * frame's columns looked up once, with a table from the frame's codes to the model's levels)
 * and then plain loops over a block of rows. */
#include "engine/model/encoder.h"

#include "base/ensemble.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/pool.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_ROWS  2048
#define SINGLE_ROWS 128 /* of a block that is encoded before it becomes float32 */
#define PIXELS      64  /* columns that look like an image */

void encoder_free(struct encoder *enc)
{
    if (!enc) return;
    for (size_t i = 0; i < enc->n; i++) {
        free(enc->f[i].name);
        dict_unref(enc->f[i].levels);
    }
    free(enc->f);
    free(enc->first);
    free(enc->levels);
    free(enc);
}

static size_t feature_width(enum encoding kind, const struct feature *f)
{
    if (kind == ENC_TREE) return 1;
    return f->levels ? dict_len(f->levels) + 1 : 1 + (size_t)f->indicator;
}

/* Positions and levels of the encoded columns, once the features are known. */
static void lay_out(struct encoder *enc)
{
    enc->first = mem_zalloc(enc->n + 1, sizeof *enc->first);
    for (size_t i = 0; i < enc->n; i++)
        enc->first[i + 1] = enc->first[i] + feature_width(enc->kind, &enc->f[i]);
    enc->width = enc->first[enc->n];
    enc->levels = mem_zalloc(enc->width + 1, sizeof *enc->levels);
    if (enc->kind != ENC_TREE) return;
    for (size_t i = 0; i < enc->n; i++)
        enc->levels[i] = enc->f[i].levels ? (int32_t)dict_len(enc->f[i].levels) : 0;
}

/* ---- fit ----------------------------------------------------------------------------- */

struct level {
    const char *text;
    size_t len, count;
};

static int by_text(const void *pa, const void *pb)
{
    const struct level *a = pa, *b = pb;
    int c = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);

    return c ? c : (a->len > b->len) - (a->len < b->len);
}

static int by_count(const void *pa, const void *pb)
{
    const struct level *a = pa, *b = pb;

    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    return by_text(pa, pb);
}

/* Levels that occur, at most cap of them; *ret_missing: whether rows without a level do. */
static struct dict *fit_levels(const struct engine *en, const struct column *c, size_t n_rows,
                               size_t cap, bool *ret_missing)
{
    size_t n = dict_len(c->dict), kept = 0;
    struct level *l = mem_zalloc(n + 1, sizeof *l);
    struct dict *levels = dict_new();

    *ret_missing = false;
    for (size_t i = 0; i < n_rows; i++) {
        if (c->code[i] < 0) *ret_missing = true;
        else l[c->code[i]].count++;
    }
    for (size_t i = 0; i < n; i++)
        if (l[i].count) {
            l[kept].count = l[i].count;
            l[kept].text = dict_str(c->dict, (int32_t)i, &l[kept].len);
            kept++;
        }
    if (kept > cap) {
        engine_note(en, "column %s has %zu levels: the %zu most frequent are told apart", c->name,
                    kept, cap);
        qsort(l, kept, sizeof *l, by_count);
        kept = cap;
    }
    qsort(l, kept, sizeof *l, by_text);
    for (size_t i = 0; i < kept; i++) dict_add(levels, l[i].text, l[i].len);
    free(l);
    return levels;
}

struct number_stats {
    size_t present, n_rows;
    double min, max, mean, scale;
};

/* Mean of the present values; deviation of all rows after imputation, so that the column the
 * learner sees has mean 0 and variance 1. */
static struct number_stats fit_number(const struct column *c, size_t n_rows)
{
    struct number_stats s = { .n_rows = n_rows, .min = HUGE_VAL, .max = -HUGE_VAL, .scale = 1 };
    double sum = 0, squares = 0;

    for (size_t i = 0; i < n_rows; i++) {
        double v = c->num[i];
        if (!isfinite(v)) continue;
        s.present++;
        sum += v;
        if (v < s.min) s.min = v;
        if (v > s.max) s.max = v;
    }
    if (!s.present) return s;
    s.mean = sum / (double)s.present;
    if (!isfinite(s.mean)) s.mean = s.min / 2 + s.max / 2;
    for (size_t i = 0; i < n_rows; i++)
        if (isfinite(c->num[i])) squares += (c->num[i] - s.mean) * (c->num[i] - s.mean);
    s.scale = sqrt(squares / (double)n_rows);
    if (!isfinite(s.scale)) s.scale = s.max / 2 - s.min / 2;
    if (!(s.scale > 0)) s.scale = 1;
    return s;
}

/* Why a column cannot be a feature, or NULL and the feature. */
static const char *fit_column(const struct engine *en, enum encoding kind, const struct column *c,
                              size_t n_rows, struct feature *ret)
{
    struct feature f = { .type = c->type, .scale = 1 };
    bool missing = false;

    if (c->type == COL_TEXT) return "free text";
    if (col_is_coded(c->type)) {
        size_t cap = kind == ENC_DENSE ? ENCODER_DENSE_LEVELS : ENCODER_TREE_LEVELS;
        f.levels = fit_levels(en, c, n_rows, cap, &missing);
        if (dict_len(f.levels) + (size_t)missing < 2) {
            size_t n = dict_len(f.levels);
            dict_unref(f.levels);
            return n ? "one value only" : "no values";
        }
    } else {
        struct number_stats s = fit_number(c, n_rows);
        missing = s.present < n_rows;
        if (!s.present) return "no values";
        if (s.min == s.max && !missing) return "one value only";
        f.mean = s.mean;
        f.scale = s.scale;
        f.indicator = kind == ENC_DENSE && missing;
    }
    f.name = mem_strdup(c->name);
    *ret = f;
    return NULL;
}

static bool is_named(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (!strcmp(*names, name)) return true;
    return false;
}

static bool is_number(const struct column *c)
{
    return c->type == COL_INT || c->type == COL_REAL || c->type == COL_BOOL;
}

/* Many columns, of whole numbers that fit in a byte. */
static bool looks_like_image(const struct frame *f, const char *const *skip)
{
    size_t n = 0;

    for (size_t j = 0; j < f->n_cols; j++) {
        const struct column *c = &f->cols[j];
        if (is_named(skip, c->name)) continue;
        if (c->type != COL_INT) return false;
        for (size_t i = 0; i < f->n_rows; i++)
            if (c->num[i] < 0 || c->num[i] > 255) return false;
        n++;
    }
    return n >= PIXELS;
}

/* One mean and one deviation for all pixels: of their columns' means and mean squares. */
static void fit_image(struct encoder *enc, const struct frame *f)
{
    double n = 0, sum = 0, squares = 0;

    for (size_t j = 0; j < enc->n; j++) {
        const struct column *c = frame_col(f, enc->f[j].name);
        for (size_t i = 0; i < f->n_rows; i++) {
            if (!isfinite(c->num[i])) continue;
            n++;
            sum += c->num[i];
            squares += c->num[i] * c->num[i];
        }
    }
    double mean = n > 0 ? sum / n : 0, var = n > 0 ? squares / n - mean * mean : 0;
    for (size_t j = 0; j < enc->n; j++) {
        enc->f[j].mean = isfinite(mean) ? mean : 0;
        enc->f[j].scale = var > 0 && isfinite(var) ? sqrt(var) : 1;
    }
}

static const char *fit_pixel(const struct column *c, struct feature *ret)
{
    if (!is_number(c)) return "no pixel";
    *ret = (struct feature){ .type = c->type, .name = mem_strdup(c->name) };
    return NULL;
}

int encoder_fit(const struct engine *en, enum encoding kind, const struct frame *f,
                const char *const *skip, struct encoder **ret, struct err *e)
{
    struct encoder *enc = mem_zalloc(1, sizeof *enc);

    if (kind == ENC_EITHER) kind = looks_like_image(f, skip) ? ENC_IMAGE : ENC_DENSE;
    enc->kind = kind;
    enc->f = mem_zalloc(f->n_cols + 1, sizeof *enc->f);
    for (size_t j = 0; j < f->n_cols; j++) {
        const struct column *c = &f->cols[j];
        const char *why;
        if (is_named(skip, c->name)) continue;
        why = kind == ENC_IMAGE ? fit_pixel(c, &enc->f[enc->n])
                                : fit_column(en, kind, c, f->n_rows, &enc->f[enc->n]);
        if (why) engine_note(en, "column %s is left out: %s", c->name, why);
        else enc->n++;
    }
    if (!enc->n) {
        encoder_free(enc);
        err_set(e, ERR_INVALID, "no column is left to learn from");
        return err_hint(e, "text columns and columns of one value are no features");
    }
    if (kind == ENC_IMAGE) fit_image(enc, f);
    lay_out(enc);
    *ret = enc;
    return 0;
}

/* ---- binding ------------------------------------------------------------------------- */

struct binding {
    const struct encoder *enc;
    size_t n_rows;
    struct source {
        const struct column *col; /* NULL: nothing but missing values */
        double *level_of;         /* coded: level of code - 1; NULL: a number */
        bool by_text;             /* numbers for a category: through their text */
    } src[];
};

void binding_free(struct binding *b)
{
    if (!b) return;
    for (size_t i = 0; i < b->enc->n; i++) free(b->src[i].level_of);
    free(b);
}

double encoder_level(const struct feature *f, const char *s, size_t n)
{
    int32_t code = dict_find(f->levels, s, n);

    return code < 0 ? (double)NAN : (double)code;
}

static double *map_levels(const struct feature *f, const struct dict *d)
{
    size_t n = dict_len(d);
    double *map = mem_try(n + 1, sizeof *map);

    if (!map) return NULL;
    map[0] = (double)NAN;
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *s = dict_str(d, (int32_t)i, &len);
        map[i + 1] = encoder_level(f, s, len);
    }
    return map;
}

static int wrong_type(const struct feature *f, const struct column *c, size_t n_rows, struct err *e)
{
    char buf[40];
    size_t row = 0;

    while (row < n_rows && !*column_text(c, row, buf)) row++;
    err_set(e, ERR_INVALID, "column %s is %s here (\"%.60s\" in row %zu), the model knows it as %s",
            c->name, col_type_name(c->type), row < n_rows ? column_text(c, row, buf) : "", row + 1,
            col_type_name(f->type));
    return err_hint(e, "correct the values, or leave them empty where they are unknown");
}

static int bind_source(const struct feature *f, const struct column *c, size_t n_rows,
                       struct source *ret, struct err *e)
{
    bool fits =
        f->levels || (!col_is_coded(c->type) && (f->type == COL_TIME) == (c->type == COL_TIME));

    if (!fits) {
        if (column_missing(c, n_rows) < n_rows) return wrong_type(f, c, n_rows, e);
        return 0; /* ret->col stays NULL */
    }
    ret->col = c;
    ret->by_text = f->levels && !col_is_coded(c->type);
    if (!col_is_coded(c->type)) return 0;
    ret->level_of = map_levels(f, c->dict);
    if (!ret->level_of)
        return err_set(e, ERR_NOMEM, "no memory for the levels of column %s", c->name);
    return 0;
}

static int no_column(const struct frame *f, const char *name, struct err *e)
{
    const char *near = NULL;
    int best = 4;

    for (size_t j = 0; j < f->n_cols; j++) {
        int d = str_distance(f->cols[j].name, name);
        if (d < best) {
            best = d;
            near = f->cols[j].name;
        }
    }
    err_set(e, ERR_INVALID, "the data have no column %s, which the model needs", name);
    return near ? err_hint(e, "the data have %s; is that the same?", near)
                : err_hint(e, "give the columns the model was trained on");
}

int encoder_bind(const struct encoder *enc, const struct frame *f, struct binding **ret,
                 struct err *e)
{
    struct binding *b = mem_zalloc(1, sizeof *b + enc->n * sizeof b->src[0]);

    b->enc = enc;
    b->n_rows = f->n_rows;
    for (size_t i = 0; i < enc->n; i++) {
        const struct column *c = frame_col(f, enc->f[i].name);
        int r = c ? bind_source(&enc->f[i], c, f->n_rows, &b->src[i], e)
                  : no_column(f, enc->f[i].name, e);
        if (r < 0) {
            binding_free(b);
            return r;
        }
    }
    *ret = b;
    return 0;
}

/* ---- encoding ------------------------------------------------------------------------ */

static double level_by_text(const struct feature *f, const struct column *c, size_t row)
{
    char buf[40];
    const char *s = column_text(c, row, buf);

    return *s ? encoder_level(f, s, strlen(s)) : (double)NAN;
}

static void raw_values(const struct feature *f, const struct source *s, size_t from, size_t n,
                       double *out)
{
    if (!s->col) {
        for (size_t i = 0; i < n; i++) out[i] = (double)NAN;
    } else if (s->level_of) {
        const int32_t *code = s->col->code + from;
        for (size_t i = 0; i < n; i++) out[i] = s->level_of[code[i] + 1];
    } else if (s->by_text) {
        for (size_t i = 0; i < n; i++) out[i] = level_by_text(f, s->col, from + i);
    } else {
        const double *v = s->col->num + from;
        for (size_t i = 0; i < n; i++) out[i] = isfinite(v[i]) ? v[i] : (double)NAN;
    }
}

static inline void dense_number(const struct feature *f, double v, double *x)
{
    bool missing = !isfinite(v);

    x[0] = missing ? 0 : (v - f->mean) / f->scale;
    if (f->indicator) x[1] = missing;
}

static inline void dense_category(double v, double *x, size_t width)
{
    size_t others = width - 1; /* the last column: missing, unseen, beyond the cap */

    for (size_t k = 0; k < width; k++) x[k] = 0;
    x[v >= 0 && v < (double)others ? (size_t)v : others] = 1;
}

static void dense_feature(const struct encoder *enc, size_t i, double v, double *row)
{
    const struct feature *f = &enc->f[i];
    double *x = row + enc->first[i];

    if (f->levels) dense_category(v, x, enc->first[i + 1] - enc->first[i]);
    else dense_number(f, v, x);
}

void encoder_row(const struct encoder *enc, const double *raw, double *x)
{
    if (enc->kind == ENC_TREE) {
        memcpy(x, raw, enc->n * sizeof *x);
        return;
    }
    for (size_t i = 0; i < enc->n; i++) dense_feature(enc, i, raw[i], x);
}

struct matrix encoder_raw(const struct encoder *enc, const double *raw, size_t n, double *x)
{
    struct matrix m = { .n = n, .d = enc->width, .x = raw, .levels = enc->levels };

    if (enc->kind == ENC_TREE) return m;
    for (size_t i = 0; i < enc->n; i++)
        for (size_t r = 0; r < n; r++)
            dense_feature(enc, i, raw[i * n + r], x + r * enc->width);
    m.x = x;
    return m;
}

struct matrix encoder_block(const struct binding *b, size_t from, size_t to, double *raw, double *x)
{
    const struct encoder *enc = b->enc;
    size_t n = to - from;
    double *values = enc->kind == ENC_TREE ? x : raw;

    assert(from <= to && to <= b->n_rows);
    for (size_t i = 0; i < enc->n; i++) raw_values(&enc->f[i], &b->src[i], from, n, values + i * n);
    return encoder_raw(enc, values, n, x);
}

struct matrix_job {
    const struct binding *b;
    double *raw; /* not ENC_TREE: a block of raw values for every thread */
    double *x;
};

static void dense_rows(void *arg, size_t task, int thread)
{
    const struct matrix_job *j = arg;
    const struct encoder *enc = j->b->enc;
    size_t from = task * BLOCK_ROWS;
    size_t to = from + BLOCK_ROWS < j->b->n_rows ? from + BLOCK_ROWS : j->b->n_rows;

    encoder_block(j->b, from, to, j->raw + (size_t)thread * BLOCK_ROWS * enc->n,
                  j->x + from * enc->width);
}

static void tree_column(void *arg, size_t i, int thread)
{
    const struct matrix_job *j = arg;

    (void)thread;
    raw_values(&j->b->enc->f[i], &j->b->src[i], 0, j->b->n_rows, j->x + i * j->b->n_rows);
}

int encoder_matrix(const struct engine *en, const struct encoder *enc, const struct frame *f,
                   struct matrix *ret, struct err *e)
{
    struct matrix_job j = { 0 };
    struct binding *b;
    size_t threads = (size_t)pool_size(en->pool);
    bool dense = enc->kind != ENC_TREE;
    int r = encoder_bind(enc, f, &b, e);

    if (r < 0) return r;
    j.b = b;
    if (f->n_rows < SIZE_MAX / (enc->width * sizeof(double)))
        j.x = mem_try(f->n_rows * enc->width + 1, sizeof *j.x);
    if (dense) j.raw = mem_try(threads * BLOCK_ROWS * enc->n, sizeof *j.raw);
    if (!j.x || (dense && !j.raw)) {
        free(j.x);
        r = err_set(e, ERR_NOMEM, "no memory for %zu rows of %zu encoded columns", f->n_rows,
                    enc->width);
    } else {
        if (dense) pool_run(en->pool, (f->n_rows + BLOCK_ROWS - 1) / BLOCK_ROWS, dense_rows, &j);
        else pool_run(en->pool, enc->n, tree_column, &j);
        *ret = (struct matrix){ f->n_rows, enc->width, j.x, enc->levels };
    }
    free(j.raw);
    binding_free(b);
    return r;
}

struct single_job {
    const struct binding *b;
    double *memory; /* raw and encoded values of a block for every thread */
    float *f;
};

static void single_rows(void *arg, size_t task, int thread)
{
    const struct single_job *j = arg;
    const struct encoder *enc = j->b->enc;
    size_t from = task * SINGLE_ROWS, width = enc->width;
    size_t to = from + SINGLE_ROWS < j->b->n_rows ? from + SINGLE_ROWS : j->b->n_rows;
    double *raw = j->memory + (size_t)thread * SINGLE_ROWS * (enc->n + width);
    double *x = raw + SINGLE_ROWS * enc->n;

    encoder_block(j->b, from, to, raw, x);
    for (size_t i = 0; i < (to - from) * width; i++) j->f[from * width + i] = (float)x[i];
}

int encoder_matrix_single(const struct engine *en, const struct encoder *enc,
                          const struct frame *f, struct matrix *ret, float **ret_f, struct err *e)
{
    struct single_job j = { 0 };
    struct binding *b;
    size_t threads = (size_t)pool_size(en->pool);
    int r = encoder_bind(enc, f, &b, e);

    assert(enc->kind != ENC_TREE);
    if (r < 0) return r;
    j.b = b;
    if (f->n_rows < SIZE_MAX / (enc->width * sizeof *j.f))
        j.f = mem_try(f->n_rows * enc->width + 1, sizeof *j.f);
    j.memory = mem_try(threads * SINGLE_ROWS * (enc->n + enc->width), sizeof *j.memory);
    if (!j.f || !j.memory) {
        free(j.f);
        r = err_set(e, ERR_NOMEM, "no memory for %zu rows of %zu encoded columns", f->n_rows,
                    enc->width);
    } else {
        pool_run(en->pool, (f->n_rows + SINGLE_ROWS - 1) / SINGLE_ROWS, single_rows, &j);
        *ret = (struct matrix){ f->n_rows, enc->width, NULL, enc->levels };
        *ret_f = j.f;
    }
    free(j.memory);
    binding_free(b);
    return r;
}

/* ---- file form ----------------------------------------------------------------------- */

static void save_levels(const struct dict *d, struct buf *out)
{
    buf_u32(out, (uint32_t)dict_len(d));
    for (size_t i = 0; i < dict_len(d); i++) {
        size_t len;
        const char *s = dict_str(d, (int32_t)i, &len);
        buf_u32(out, (uint32_t)len);
        buf_bytes(out, s, len);
    }
}

void encoder_save(const struct encoder *enc, struct buf *out)
{
    buf_u8(out, (uint8_t)enc->kind);
    buf_u32(out, (uint32_t)enc->n);
    for (size_t i = 0; i < enc->n; i++) {
        const struct feature *f = &enc->f[i];
        buf_str(out, f->name);
        buf_u8(out, (uint8_t)f->type);
        buf_u8(out, f->indicator);
        buf_f64(out, f->mean);
        buf_f64(out, f->scale);
        buf_u8(out, f->levels != NULL);
        if (f->levels) save_levels(f->levels, out);
    }
}

static struct dict *load_levels(struct cursor *in)
{
    uint32_t n = cur_u32(in);
    struct dict *d = dict_new();

    for (uint32_t i = 0; i < n && !in->bad; i++) {
        size_t len;
        const char *s = cur_str(in, &len);
        if (!in->bad && dict_add(d, s, len) != (int32_t)i) in->bad = true; /* a level twice */
    }
    return d;
}

static bool load_feature(struct cursor *in, enum encoding kind, struct feature *f)
{
    size_t len;
    const char *name = cur_str(in, &len);
    bool is_category;
    uint8_t type;

    if (in->bad || memchr(name, 0, len)) return false;
    f->name = mem_strndup(name, len);
    type = cur_u8(in);
    f->type = (enum col_type)type;
    f->indicator = cur_u8(in) == 1;
    f->mean = cur_f64(in);
    f->scale = cur_f64(in);
    is_category = cur_u8(in) == 1;
    if (is_category) f->levels = load_levels(in);
    return !in->bad && type <= COL_CATEGORY && is_category == (type == COL_CATEGORY) &&
           isfinite(f->mean) && isfinite(f->scale) && f->scale > 0 &&
           !(f->indicator && (is_category || kind != ENC_DENSE)) &&
           !(is_category && kind == ENC_IMAGE);
}

static int describe_feature(const struct ensemble_feature *in, struct feature *f, struct err *e)
{
    f->name = mem_strdup(in->name);
    f->type = in->n_levels > 0 ? COL_CATEGORY : COL_REAL;
    f->scale = 1;
    if (in->n_levels == 0) return 0;
    if (in->n_levels > ENCODER_TREE_LEVELS)
        return err_set(e, ERR_LIMIT, "column %s has %zu levels; %d are possible", in->name,
                       in->n_levels, ENCODER_TREE_LEVELS);
    f->levels = dict_new();
    for (size_t i = 0; i < in->n_levels; i++)
        if (dict_add(f->levels, in->levels[i], strlen(in->levels[i])) != (int32_t)i)
            return err_set(e, ERR_INVALID, "column %s has the level '%.100s' twice", in->name,
                           in->levels[i]);
    return 0;
}

int encoder_describe(const struct ensemble_feature *f, size_t n, struct encoder **ret,
                     struct err *e)
{
    struct encoder *enc = mem_zalloc(1, sizeof *enc);
    struct dict *names = dict_new();
    int rc = 0;

    enc->kind = ENC_TREE;
    enc->f = mem_zalloc(n + 1, sizeof *enc->f);
    while (enc->n < n && !rc) {
        size_t i = enc->n++;
        rc = describe_feature(&f[i], &enc->f[i], e);
        if (!rc && dict_add(names, f[i].name, strlen(f[i].name)) != (int32_t)i)
            rc = err_set(e, ERR_INVALID, "there are two columns named %.100s", f[i].name);
    }
    dict_unref(names);
    if (rc) {
        encoder_free(enc);
        return rc;
    }
    lay_out(enc);
    *ret = enc;
    return 0;
}

int encoder_load(struct cursor *in, struct encoder **ret, struct err *e)
{
    struct encoder *enc = mem_zalloc(1, sizeof *enc);
    uint8_t kind = cur_u8(in);
    uint32_t n = cur_u32(in);

    enc->kind = (enum encoding)kind;
    if (in->bad || kind > ENC_IMAGE || n == 0 || n > in->left) goto corrupt;
    enc->f = mem_zalloc(n, sizeof *enc->f);
    while (enc->n < n)
        if (!load_feature(in, enc->kind, &enc->f[enc->n++])) goto corrupt;
    lay_out(enc);
    *ret = enc;
    return 0;
corrupt:
    encoder_free(enc);
    return err_set(e, ERR_CORRUPT, "the model file's description of its columns makes no sense");
}
