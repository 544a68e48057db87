/* calibration.h: from what a classifier says to a probability that holds. Part of a model.
 *
 *   platt     a sigmoid of the log-odds (Platt 1999), fitted to targets that are smoothed as he
 *             does, by Newton's method with step halving (Lin, Lin and Weng 2007)
 *   isotonic  a monotone map (stats/isotonic.h)
 *
 * Binary: one map, of the positive class. Multiclass: one map a class, class against rest, and
 * the results divided by their sum (Zadrozny and Elkan 2002). Fit it on predictions for rows
 * that the model did not see. Immutable after fit or load; apply needs neither memory nor a
 * lock. */
#pragma once
#include "engine/engine.h"
#include "engine/model/buf.h"

enum calibration_method { CALIBRATE_PLATT = 1, CALIBRATE_ISOTONIC = 2 }; /* as in files */

struct calibration;

/* "platt", "isotonic"; false: neither. */
bool calibration_parse(const char *s, enum calibration_method *ret);

struct calibration_input {
    size_t n;
    int outputs;        /* values of p a row: 1 for binary, else classes */
    const double *p;    /* n * outputs */
    const double *y, *w; /* classes; w NULL: all 1 */
};
/* ERR_NOMEM. */
int calibration_fit(enum calibration_method how, const struct calibration_input *in,
                    struct calibration **ret, struct err *e);
void calibration_free(struct calibration *c); /* NULL is fine */
/* n rows of outputs, in place. */
void calibration_apply(const struct calibration *c, double *p, size_t n);

void calibration_save(const struct calibration *c, struct buf *out);
/* Hostile bytes; ERR_CORRUPT. */
int calibration_load(struct cursor *in, int outputs, struct calibration **ret, struct err *e);
