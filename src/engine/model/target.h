/* target.h: what a model predicts: the task, and for a classifier its labels in class order.
 *
 * Without a wish the task follows from the target column:
 *   category, text, boolean       2 labels: binary; 3 to 1,000: multiclass
 *   integer                       2 values: binary; 3 to 20 values, each on average in 5 rows
 *                                 or more: multiclass; else regression
 *   real                          just 0 and 1: binary; else regression
 *   timestamp                     refused
 * and a learner that only knows regression gets regression of any number. Classes of numbers
 * are in numeric order, others in byte order of their text; class 1 of a binary task is the
 * positive label, the one that sorts last unless another is named. */
#pragma once
#include "engine/frame/frame.h"
#include "engine/learn/learner.h"

#define TARGET_MAX_CLASSES 1000

struct target {
    char *name;
    enum col_type type; /* of the column in training */
    enum task task;
    struct dict *classes; /* label <-> class; NULL: regression */
};

struct target_wish {
    const char *task;     /* NULL: from the column */
    const char *positive; /* NULL: the label that sorts last */
    const struct learner *learner;
};
/* ERR_INVALID when column and wish do not fit. */
int target_fit(const struct column *c, size_t n_rows, const struct target_wish *wish,
               struct target *ret, struct err *e);
/* What a learner without a target finds. */
void target_found(const struct learner *l, const struct val *params, struct target *ret);
void target_done(struct target *t);
struct target target_copy(const struct target *t); /* shares the labels */
int target_n_classes(const struct target *t); /* 0: regression */
/* Class or value of every row, NaN when missing or an unknown label. ERR_INVALID when the
 * frame has no such column or its values are of another kind. */
int target_encode(const struct target *t, const struct frame *f, double *out, struct err *e);
