/* search_priv.h: MLflow's search grammar for runs, parsed. search_parse.c makes these structs
 * from text, search.c makes SQL from them. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum search_entity {
    SEARCH_METRIC,
    SEARCH_PARAM,
    SEARCH_TAG,
    SEARCH_TEXT,    /* attribute with a text value */
    SEARCH_NUMBER,  /* attribute with a number: times, in ms */
    SEARCH_DATASET, /* name, digest or context of a data set the run has read */
};

enum search_op {
    SEARCH_EQ,
    SEARCH_NE,
    SEARCH_LT,
    SEARCH_LE,
    SEARCH_GT,
    SEARCH_GE,
    SEARCH_LIKE,
    SEARCH_ILIKE,
    SEARCH_IN,
    SEARCH_NOT_IN,
};

struct search_field {
    enum search_entity entity;
    const char *key; /* of a metric, param or tag; canonical name of an attribute */
};

struct search_term {
    struct search_field field;
    enum search_op op;
    bool whole; /* the number is whole: use integer */
    int64_t integer;
    double number;
    const char **texts; /* one, or the list of IN */
    size_t n_texts;
};

struct search_filter {
    struct search_term *terms; /* all must hold */
    size_t n;
};

struct search_order {
    struct search_field field;
    bool descending;
};

/* text NULL or blank: no terms. ERR_INVALID tells the character where it went wrong. */
int search_parse_filter(struct arena *a, const char *text, struct search_filter *ret,
                        struct err *e);
/* list is NULL-terminated; NULL: none. */
int search_parse_order(struct arena *a, const char *const *list, struct search_order **ret,
                       size_t *n, struct err *e);
