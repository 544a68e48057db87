/* explain_text.h: a model that can be read, in words: a decision tree with its conditions in the
 * units of the table, or a linear model's formula. For explain.c. */
#pragma once
#include "app/reply.h"
#include "base/ensemble.h"
#include "engine/model/model.h"

/* rows NULL: none to count in the leaves. Sets text and fields of the reply. ERR_INVALID: this
 * model is neither. args: depth, tree. */
int explain_text(const struct model *m, const struct frame *rows, const struct val *args,
                 struct reply *r, struct err *e);
