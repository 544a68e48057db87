/* frame.h: a table in memory, column by column.
 *
 * Numbers (int, real, bool, time) are doubles with NaN for missing: integers are exact to
 * 2^53 and times are microseconds. Category and text columns are codes into a dictionary in
 * order of first appearance, -1 for missing. Rows are never reordered in place; subsets are
 * row index lists or new frames. Owner: whoever called frame_new; read-only sharing between
 * threads is fine. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum col_type { COL_INT, COL_REAL, COL_BOOL, COL_TIME, COL_CATEGORY, COL_TEXT };
const char *col_type_name(enum col_type t); /* "integer" "real" "boolean" "timestamp" "category" "text" */
bool col_type_parse(const char *s, enum col_type *ret);
static inline bool col_is_coded(enum col_type t) { return t == COL_CATEGORY || t == COL_TEXT; }

struct dict; /* strings <-> codes 0..n-1 */
struct dict *dict_new(void);
struct dict *dict_ref(struct dict *d);  /* dictionaries are shared between frames */
void dict_unref(struct dict *d);
int32_t dict_add(struct dict *d, const char *s, size_t n);        /* code of a new or known string */
int32_t dict_find(const struct dict *d, const char *s, size_t n); /* -1: unknown */
const char *dict_str(const struct dict *d, int32_t code, size_t *ret_len); /* NUL-terminated */
size_t dict_len(const struct dict *d);

struct column {
    char *name;
    enum col_type type;
    double *num;       /* not coded: n_rows values, NaN missing */
    int32_t *code;     /* coded: n_rows codes, -1 missing */
    struct dict *dict; /* coded */
};

struct frame {
    size_t n_rows, n_cols;
    struct column *cols;
};

struct frame *frame_new(void);
void frame_free(struct frame *f); /* NULL is fine */
/* Adds a column with n_rows uninitialised values; the first column fixes n_rows. ERR_NOMEM,
 * ERR_EXISTS for a name twice. The returned column stays valid until the next add. */
int frame_add(struct frame *f, const char *name, enum col_type type, size_t n_rows,
              struct column **ret, struct err *e);
/* Takes an array made by mem_try: num for numbers, code+dict (one reference) for coded. */
int frame_adopt(struct frame *f, const char *name, enum col_type type, size_t n_rows,
                double *num, int32_t *code, struct dict *dict, struct err *e);
const struct column *frame_col(const struct frame *f, const char *name); /* NULL: none */
ptrdiff_t frame_index(const struct frame *f, const char *name);          /* -1: none */
/* New frame with the given rows (any order, repeats allowed); dictionaries shared. */
int frame_take(const struct frame *f, const uint32_t *rows, size_t n, struct frame **ret,
               struct err *e);
size_t column_missing(const struct column *c, size_t n_rows);
/* Text of one cell, as CSV would show it; missing is "". buf has 40 bytes, used for numbers. */
const char *column_text(const struct column *c, size_t row, char buf[40]);
/* SHA-free content fingerprint of names, types and values: equal tables, equal fingerprints. */
uint64_t frame_fingerprint(const struct frame *f);
uint64_t frame_schema_fingerprint(const struct frame *f); /* names and types only */
