/* encoder.h: from the columns of a table to the numbers a learner sees. Part of the model, so
 * training and serving cannot differ.
 *
 * A row becomes `raw` values first, one per feature: the number, or the level of a category
 * (0..levels-1); NaN for missing, for infinite, and for levels unseen in training. That is
 * already ENC_TREE. ENC_DENSE makes of it, feature by feature:
 *   number    (x - mean) / deviation, missing as the mean; then, when training had missing
 *             values, one column that is 1 where it was missing
 *   category  one column a level, 1 for the row's level; then one column that is 1 for
 *             everything else: missing, unseen, and levels beyond the cap
 * ENC_IMAGE takes numbers, all of them, also those of one value, and the same mean and deviation
 * for all; missing as the mean. Categories, texts and times are no pixels and are left out.
 * Booleans and times are numbers. Levels are in byte order of their text, so that the order of
 * rows does not matter; of more than the cap the most frequent are kept. Text columns and
 * columns of one value are no features. An encoder does not change after fit or load: any
 * number of threads may use it. */
#pragma once
#include "engine/engine.h"
#include "engine/frame/frame.h"
#include "engine/learn/learner.h"

#define ENCODER_DENSE_LEVELS 128
#define ENCODER_TREE_LEVELS  4096

struct feature {
    char *name;
    enum col_type type;  /* of the column in training */
    struct dict *levels; /* categories: text -> level; NULL: a number */
    bool indicator;      /* ENC_DENSE numbers: a column for "missing" */
    double mean, scale;  /* numbers, but for ENC_TREE */
};

struct encoder {
    enum encoding kind;
    size_t n; /* features: input columns */
    struct feature *f;
    size_t width;    /* columns of the matrix */
    size_t *first;   /* n + 1: feature i is columns [first[i], first[i + 1]) */
    int32_t *levels; /* width values for struct matrix */
};

/* ENC_EITHER ends as one of the two. skip: names of columns that are no features, NULL-terminated. What is left out for other
 * reasons gets an engine_note. ERR_INVALID when no feature remains, ERR_NOMEM. */
int encoder_fit(const struct engine *en, enum encoding kind, const struct frame *f,
                const char *const *skip, struct encoder **ret, struct err *e);
void encoder_free(struct encoder *enc); /* NULL is fine */

/* A frame's columns found for an encoder: by name, categories by text. Borrows both. */
struct binding;
/* ERR_INVALID for a missing column or one whose values do not fit. A column without any value
 * fits always; integer, real and boolean fit one another; a category fits numbers by their
 * text. */
int encoder_bind(const struct encoder *enc, const struct frame *f, struct binding **ret,
                 struct err *e);
void binding_free(struct binding *b);
/* Rows [from, to) as a matrix in x, which has (to - from) * width doubles; raw has as many for
 * n instead of width (may be NULL for ENC_TREE). */
struct matrix encoder_block(const struct binding *b, size_t from, size_t to, double *raw,
                            double *x);
/* All rows; the caller frees ret->x. In parallel over the engine's pool. */
int encoder_matrix(const struct engine *en, const struct encoder *enc, const struct frame *f,
                   struct matrix *ret, struct err *e);
/* The same from raw values that are there already, column-major: ENC_TREE is those, ENC_DENSE is
 * made of them in x. */
struct matrix encoder_raw(const struct encoder *enc, const double *raw, size_t n, double *x);
/* The same in float32, in *ret_f instead of ret->x; not for ENC_TREE. */
int encoder_matrix_single(const struct engine *en, const struct encoder *enc,
                          const struct frame *f, struct matrix *ret, float **ret_f, struct err *e);
/* One row: raw has n values, x gets width values. */
void encoder_row(const struct encoder *enc, const double *raw, double *x);
/* Level of a text, NaN when there is none. */
double encoder_level(const struct feature *f, const char *s, size_t n);

/* ENC_TREE for columns that were described elsewhere, codes as given. ERR_LIMIT, ERR_INVALID for
 * a name or level that occurs twice. */
struct ensemble_feature;
int encoder_describe(const struct ensemble_feature *f, size_t n, struct encoder **ret,
                     struct err *e);

void encoder_save(const struct encoder *enc, struct buf *out);
int encoder_load(struct cursor *in, struct encoder **ret, struct err *e);
