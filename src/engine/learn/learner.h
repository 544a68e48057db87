/* learner.h: the shape of a learner. A new one is a file in learn/ and a row in learners.def.
 *
 * A learner sees an encoded matrix, never a frame: the encoder (model/encoder.h) is part of
 * the model, so training and serving cannot differ. It chooses one of three encodings:
 *   ENC_DENSE  imputed, one-hot, standardised; row-major doubles, no NaN
 *   ENC_IMAGE  numbers alone, all of them, standardised all alike; row-major doubles, no NaN
 *   ENC_TREE   one double per feature: the number (NaN missing) or the category's code
 *              (0..levels-1; NaN for missing and for levels unseen in training); column-major
 * Targets: regression y; binary y in {0,1}; multiclass y in {0..k-1}. Weights may be NULL.
 * fit reports progress per round or iteration and returns -ERR_CANCELLED promptly when asked
 * to stop. predict has no state and may run on any thread. */
#pragma once
#include "base/param.h"
#include "engine/engine.h"
#include "engine/model/buf.h"

enum encoding {
    ENC_DENSE,
    ENC_TREE,
    ENC_IMAGE,
    ENC_EITHER /* a wish: ENC_IMAGE if the columns look like pixels, else ENC_DENSE */
};

struct matrix {
    size_t n, d;         /* rows, features */
    const double *x;     /* ENC_DENSE: x[row * d + j]; ENC_TREE: x[j * n + row] */
    const int32_t *levels; /* ENC_TREE: number of category levels of feature j, 0: numeric */
};

struct fit_input {
    enum task task;
    int n_classes;            /* 2 for binary, 0 for regression */
    struct matrix train;
    const double *y, *w;      /* train.n values; w NULL: all 1 */
    struct matrix valid;      /* n == 0: none; for early stopping and the valid curve */
    const double *y_valid;
    const char *const *features; /* train.d names of the columns; NULL: they have none */
    const float *train_f, *valid_f; /* of a learner that is `single`, instead of train.x, valid.x */
    const struct val *params; /* bound against the learner's params */
};

struct ensemble; /* base/ensemble.h */
struct dense;    /* base/dense.h */

struct learner {
    const char *name;         /* "gbdt" */
    const char *title;        /* "gradient-boosted trees" */
    unsigned tasks;           /* mask of enum task */
    enum encoding encoding;
    /* Where a parameter decides instead; not ENC_TREE. Optional. */
    enum encoding (*encoding_of)(const struct val *params);
    bool single; /* fit wants its matrices in float32: half the memory */
    const struct param *params;
    /* Learners without a target: what they find (the name of what is predicted), and the classes
     * they answer with; names NULL: 0, 1, …  A target may be given where takes_labels is set; its
     * two labels stand for the classes then, and only measuring looks at it. */
    const char *finds;
    const char *const *(*groups)(const struct val *params, size_t *ret_n);
    bool takes_labels;
    /* *ret is the learner's own state, freed by free. */
    int (*fit)(const struct engine *en, const struct fit_input *in, void **ret, struct err *e);
    /* One row: x has d values in the learner's encoding. out: 1 value for regression and
     * binary (probability of class 1), n_classes probabilities for multiclass. No malloc. */
    void (*predict_row)(const void *state, const double *x, double *out);
    /* Many rows of a matrix, rows [from, to); out row-major from row `from`. */
    void (*predict)(const void *state, const struct matrix *m, size_t from, size_t to,
                    double *out);
    /* Learners that compute in working memory have these instead of the two above: work is how
     * many doubles up to `rows` rows at once need. */
    size_t (*work)(const void *state, size_t rows);
    void (*predict_in)(const void *state, const struct matrix *m, size_t from, size_t to,
                       double *work, double *out);
    /* Gain-like importance per encoded feature, summing to 1 (or all 0); optional (NULL). */
    void (*importance)(const void *state, size_t d, double *out);
    /* What each encoded feature added to the score of one row, and the score without them:
     * d + 1 values per output, in the space where scores add up (log-odds for classes). Their
     * sum is the score. Optional. ERR_INVALID: this model does not know. */
    int (*contributions)(const void *state, const double *x, double *out, struct err *e);
    /* The state as trees or as layers, in the arena of *ret, which has its features and classes
     * already. Optional; a learner has one of them at most. */
    void (*to_ensemble)(const void *state, struct ensemble *ret);
    void (*to_dense)(const void *state, struct dense *ret);
    /* Turns the state into one in 8-bit integers; rows of m show the ranges. Optional. */
    int (*quantise)(void *state, const struct matrix *m, struct err *e);
    /* What a fit has to tell beside its metrics, as fields of an object; optional. */
    void (*describe)(const void *state, struct val *out);
    int (*save)(const void *state, struct buf *out, struct err *e);
    /* The section's bytes, already checksummed; still treated as hostile: every index and
     * length is checked. d, n_classes: what the model's header says. */
    int (*load)(struct cursor *in, enum task task, int n_classes, size_t d, void **ret,
                struct err *e);
    void (*free)(void *state);
    /* A learner of learners is fitted on tables, by model/composite.c: the slots above from fit
     * on are NULL, and encoding is ENC_TREE, the raw values of a row. combines: another model
     * makes the answer of what the members say. */
    bool composite, combines;
};

/* The parameter of learners that take tables and images alike, and what it chooses. */
#define INPUT_PARAM                                                                                \
    { "input", PARAM_ENUM, 0, "auto", 0, 0, "auto|columns|image",                                  \
      "scale each column, or all alike; auto: image for 64 or more columns of whole numbers in "   \
      "0..255" }
enum encoding input_encoding(const struct val *params);

extern const struct learner *const learners[]; /* NULL-terminated, in learners.def's order */
const struct learner *learner_find(const char *name); /* NULL: unknown */
