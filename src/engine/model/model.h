/* model.h: a trained model as one immutable object: schema, encoders, learner, provenance.
 *
 * Fit from frames, predict on frames or on single rows, save to bytes and open again with
 * equal predictions to the bit. The same object serves training and serving. After fit or
 * open it never changes; any number of threads may predict with it. */
#pragma once
#include "base/val.h"
#include "engine/engine.h"
#include "engine/frame/frame.h"
#include "engine/learn/learner.h"

struct model;

struct model_spec {
    const char *algorithm;      /* learner's name */
    const char *target;         /* column of the frame; NULL for learners that find it */
    const char *task;           /* "binary", "multiclass", "regression" or NULL: target.h says */
    const char *positive;       /* binary: class 1; NULL: of two labels the one that sorts last */
    const char *weight;         /* column of row weights; NULL: none; not a feature */
    const char *const *drop;    /* NULL-terminated names not used as features; NULL: none */
    const struct val *params;   /* k=v strings or typed values, see params.h; NULL: defaults */
};

/* valid may be NULL. Columns that cannot be features (text ids, constants) are left out with
 * an engine_note. ERR_INVALID for a bad spec, ERR_PARSE never, ERR_NOMEM, ERR_CANCELLED. */
int model_fit(const struct engine *en, const struct model_spec *spec, const struct frame *train,
              const struct frame *valid, struct model **ret, struct err *e);
void model_free(struct model *m); /* NULL is fine */

enum task model_task(const struct model *m);
int model_outputs(const struct model *m);                     /* 1 or n_classes */
int model_classes(const struct model *m);                     /* 0 for regression */
const char *model_class(const struct model *m, int i);        /* label of class i */
const char *model_algorithm(const struct model *m);
const char *model_target(const struct model *m);
size_t model_features(const struct model *m);                 /* input columns */
const char *model_feature(const struct model *m, size_t i, enum col_type *ret_type);
const struct val *model_params(const struct model *m);        /* all, with defaults */
/* Importance per input column (encoded features summed), sums to 1 or all 0. */
void model_importance(const struct model *m, double *out);

/* What the learner's fit has to tell beside metrics (learner.h), as fields of an object. */
void model_describe(const struct model *m, struct val *out);
/* Probabilities or values for every row: out has n_rows * model_outputs(m) doubles, row-major.
 * Columns are matched by name; a missing column is ERR_INVALID naming it, extra ones are
 * ignored; unseen levels count as missing. Parallel over the engine's pool. */
int model_predict(const struct engine *en, const struct model *m, const struct frame *f,
                  double *out, struct err *e);
/* One row without malloc or lock: x[i] is feature i (numbers; coded: model_code). scratch has
 * model_scratch(m) doubles. */
size_t model_scratch(const struct model *m);
void model_predict_row(const struct model *m, const double *x, double *scratch, double *out);
size_t model_levels(const struct model *m, size_t feature); /* 0: a number */
const char *model_level(const struct model *m, size_t feature, size_t i);
double model_code(const struct model *m, size_t feature, const char *s, size_t n); /* NaN: unseen */

/* The model in 8-bit integers, with ranges found on the rows of f: nets alone, else ERR_INVALID;
 * also when it is so already. Answers differ a little, in the decisions hardly ever. */
int model_quantise(const struct engine *en, const struct model *m, const struct frame *f,
                   struct model **ret, struct err *e);

/* What each input column added to the score of one row of a frame, and the score without them:
 * model_features(m) + 1 values per output. Scores add up to log-odds for classes, to the value
 * for regression. Trees: exact Shapley values. Linear models: coefficient times standardised
 * value. ERR_INVALID: this model's learner cannot tell. */
int model_contributions(const struct model *m, const struct frame *f, size_t row, double *out,
                        struct err *e);

/* Targets of a frame as the metrics want them (class index, or value; NaN when missing or an
 * unknown label). out has n_rows doubles. */
int model_encode_target(const struct model *m, const struct frame *f, double *out, struct err *e);
/* Class decision for one output row: argmax, or p >= 0.5. -1 for regression. */
int model_decide(const struct model *m, const double *out);

/* File form: magic "SIGNALBX", format version, section table, sections each with CRC-32C and
 * a checksum over the head. model_open refuses truncation, flipped bytes, and versions it
 * does not know with ERR_CORRUPT or ERR_PARSE and says which section. */
int model_save(const struct model *m, struct buf *out, struct err *e);
int model_open(const void *p, size_t n, struct model **ret, struct err *e);

/* Fingerprints for semantic versioning (registry): hashes of the signature (features, types,
 * target, task), of the architecture (algorithm) and of the parameters. */
uint64_t model_fp_signature(const struct model *m);
uint64_t model_fp_architecture(const struct model *m);
uint64_t model_fp_params(const struct model *m);
