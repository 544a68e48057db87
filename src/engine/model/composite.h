/* composite.h: a model made of models: the members, each with its own encoder, and for stacking
 * the combiner over their answers. For model.c and modelfile.c alone.
 *
 * The whole has an encoder of its own, ENC_TREE, which says what its columns and levels are; a
 * row comes in as raw values of that one, and what a member wants is found in it by name when
 * the composite is put together, level by level. So members predict from rows, blocks and files
 * alike, without memory of their own, and parts are never composites themselves. */
#pragma once
#include "engine/model/composite_plan.h"
#include "engine/model/parts.h"

/* A model inside and where it takes its inputs from: source k is answer k of the members (of the
 * combiner alone), or, after those, feature k of the whole. */
struct part {
    struct model *m;
    size_t *source;
    struct recode { /* from codes of the whole to the part's own; own NULL: a number */
        size_t n;
        double *own;
    } * recode;
};

struct composite {
    size_t n;
    struct part *member;
    double *weight;       /* of the answers, for voting */
    struct part combiner; /* m NULL: voting */
};

struct composite_input {
    const struct model_spec *spec;
    const struct frame *rows, *valid; /* all with a target; valid NULL: none */
    const char *const *skip;          /* columns that are no features */
};
/* m has its learner, params, target; gets its encoder and its parts. */
int composite_fit(const struct engine *en, const struct composite_input *in, struct model *m,
                  struct err *e);
void composite_free(struct composite *c); /* NULL is fine */

/* Doubles of scratch that a row needs. */
size_t composite_scratch(const struct model *m);
/* raw: n rows of the whole's features, column-major; scratch: n * composite_scratch. */
void composite_predict(const struct model *m, const double *raw, size_t n, double *scratch,
                       double *out);
/* Per feature of the whole. */
void composite_importance(const struct model *m, double *out);

/* The algorithms of the parts, for fingerprints. */
void composite_describe(const struct composite *c, struct buf *out);
int composite_save(const struct composite *c, struct buf *out, struct err *e);
/* m has all but its parts. Hostile bytes. */
int composite_load(struct cursor *in, struct model *m, struct err *e);
/* The model file inside another, which holds no composite. */
int model_open_part(const void *p, size_t n, struct model **ret, struct err *e);
/* One block of any model but a composite: raw as above. scratch: n * model_scratch. */
void model_predict_raw(const struct model *m, const double *raw, size_t n, double *scratch,
                       double *out);
