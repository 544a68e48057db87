/* xgboost.h: XGBoost's model files, as Booster.save_model writes "x.json" (1.7 to 3) and "x.ubj",
 * of which only the former is written here.
 * Boosters gbtree and dart; objectives binary:logistic, squared and absolute error and their relatives,
 * multi:softmax and multi:softprob. XGBoost rounds inputs to float32 before it compares; the
 * thresholds read here do that rounding's work on doubles. Any thread. */
#pragma once
#include "base/ensemble.h"
#include "base/str.h"

/* ret lives in the arena. ERR_PARSE says what and in which tree; ERR_INVALID: a booster or
 * objective whose answers could not be the same here. */
int xgboost_read(struct arena *a, const char *text, size_t n, struct ensemble *ret, struct err *e);
int xgboost_ubj_read(struct arena *a, const char *bytes, size_t n, struct ensemble *ret,
                     struct err *e);
/* Thresholds and values become float32: answers for float32 inputs are the same to 1e-6. */
void xgboost_write(const struct ensemble *m, struct str *out);
