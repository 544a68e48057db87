/* lightgbm.h: LightGBM's text model files (version v4, also v3), as Booster.save_model writes
 * them. Objectives binary, regression and its robust relatives, multiclass. Categories are codes
 * whose texts stand in the file's last line, pandas_categorical. Any thread. */
#pragma once
#include "base/ensemble.h"
#include "base/str.h"

/* ret lives in the arena. ERR_PARSE says what and in which tree; ERR_INVALID: an objective or
 * kind of tree whose answers could not be the same here. */
int lightgbm_read(struct arena *a, const char *text, size_t n, struct ensemble *ret,
                  struct err *e);
void lightgbm_write(const struct ensemble *m, struct str *out);
