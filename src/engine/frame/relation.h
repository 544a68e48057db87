/* relation.h: how columns of a table hang together, two at a time, each pair over the rows that
 * have both. A sample of evenly spaced rows stands for a long table, so that many pairs cost
 * little; what is left out is for the caller to say. Columns of one value, and of more levels
 * than RELATION_LEVELS, take no part. Pure; read-only after relations_new. */
#pragma once
#include "engine/frame/frame.h"

enum { RELATION_LEVELS = 100 };

struct relations;
struct relations_spec {
    size_t rows, cols;  /* at most so many of each; the first columns */
    const char *target; /* takes part whatever its place; NULL: none */
    bool classes;       /* the target's values are classes even if they are numbers */
};
/* ERR_NOMEM; ERR_INVALID: the target cannot take part. */
int relations_new(const struct frame *f, const struct relations_spec *spec, struct relations **ret,
                  struct err *e);
void relations_free(struct relations *r); /* NULL is fine */
size_t relations_rows(const struct relations *r);
size_t relations_n(const struct relations *r);
const struct column *relations_column(const struct relations *r, size_t i);
bool relations_is_coded(const struct relations *r, size_t i);
size_t relations_levels(const struct relations *r, size_t i); /* 0: numbers */
/* Text of a level, as the first row of the sample that has it shows it. */
const char *relations_label(const struct relations *r, size_t i, size_t level, char buf[40]);
size_t relations_target(const struct relations *r); /* its index; relations_n: none */

/* NaN where undefined. Two numbers: */
double relation_pearson(const struct relations *r, size_t i, size_t j);
double relation_spearman(const struct relations *r, size_t i, size_t j); /* midranks */
/* Two coded columns: Cramer's V with the correction of Bergsma 2013. */
double relation_cramers_v(const struct relations *r, size_t i, size_t j);
/* Coded i and number j: share of the variance of j between the levels of i (eta squared). */
double relation_eta2(const struct relations *r, size_t i, size_t j);
/* Coded i of two levels and number j: P(j is larger in the second level) + half of ties. */
double relation_auc(const struct relations *r, size_t i, size_t j);
/* Any two, in nats, less its bias (Miller and Madow 1955), at least 0: numbers count in ten
 * quantile bins, a missing value as a value of its own. */
double relation_information(const struct relations *r, size_t i, size_t j);
