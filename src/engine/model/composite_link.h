/* composite_link.h: what composite.c and composite_fit.c share. */
#pragma once
#include "base/str.h"
#include "engine/model/composite.h"

struct composite *composite_new(size_t n);
/* What the combiner knows an answer of a member by. */
void composite_answer_name(const struct model *whole, const struct model *member, int output,
                           struct str *ret);
/* What the combiner sees of an answer: log-odds of a probability, a value as it is. */
double composite_answer(enum task task, double answer);
/* Finds where the parts take their inputs from; false: not all are there. */
bool composite_link(const struct model *whole);
