/* rows.h: the rows of a prediction request, read straight from its body into cells.
 *
 * A schema is the set of input columns that a route may need: the union over the models behind
 * it, found by name through a hash. A cell holds a number or a piece of text that points into
 * the request's body (or into the rows' own memory, when escapes had to be resolved); nothing
 * is converted to a category's code here, because that differs from model to model. A rows
 * object belongs to one I/O thread and is used again for the next request: cleared, not freed.
 *
 * Limits: SERVE_MAX_ROWS rows, SERVE_MAX_CELLS cells, a cell of SERVE_MAX_TEXT bytes. Unknown
 * names are passed over with whatever they hold (and counted); a known name that occurs twice in
 * one object is ERR_INVALID. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "engine/model/model.h"
#include <stdint.h>

#define SERVE_MAX_ROWS  100000
#define SERVE_MAX_CELLS ((size_t)4 << 20)
#define SERVE_MAX_TEXT  ((size_t)64 << 10)

struct schema;
struct schema_field {
    const char *name;
    uint32_t n_name;
    bool text;          /* a category in at least one model */
    bool plain;         /* the name needs no escapes in JSON */
    enum col_type type; /* as the first model that has it knows it */
};
/* Borrows nothing. */
struct schema *schema_new(const struct model *const *models, size_t n);
void schema_free(struct schema *s); /* NULL is fine */
size_t schema_width(const struct schema *s);
const struct schema_field *schema_field(const struct schema *s, size_t slot);
int schema_find(const struct schema *s, const char *name, size_t n); /* slot; -1: unknown */

enum cell_kind { CELL_ABSENT, CELL_NULL, CELL_NUM, CELL_TEXT };
struct cell {
    enum cell_kind kind;
    uint32_t n;       /* bytes of text */
    const char *text; /* not terminated. CELL_NUM: the number as it was written, NULL: unknown */
    double num;       /* CELL_NUM; true and false are 1 and 0 */
};
struct rows_memo;
struct rows {
    const struct schema *schema;
    size_t n;           /* rows */
    struct cell *cells; /* n * schema_width, row-major */
    size_t room;        /* cells there is memory for */
    size_t unknown;     /* names passed over */
    bool list;          /* the body was a list: the answer is one, too */
    struct arena text;  /* resolved escapes, and whatever else lives as long as the rows */
    bool no_cache;      /* the caller wants no remembered answer */
    struct rows_memo *memo; /* as the model asked last sees them */
};
void rows_init(struct rows *r);
void rows_done(struct rows *r);
void rows_clear(struct rows *r, const struct schema *s);
/* The next row, all cells absent. ERR_LIMIT. */
int rows_add(struct rows *r, struct cell **ret, struct err *e);
/* To be called when cells changed after the rows were scored. */
void rows_changed(struct rows *r);
/* Copies into the rows' own memory what still points into the body. */
void rows_own(struct rows *r);

/* One JSON object {"column": value, …} or a list of them; the text must stay as long as the
 * rows. Numbers are read exactly as strtod would; null is missing, nested values are
 * ERR_INVALID. If `at` is not NULL the value starts there (inside a larger document) and *at is
 * moved behind it; else the whole text must be that value. Also the JSON words NaN, Infinity
 * and -Infinity, which other clients send: missing. */
int rows_scan_json(struct rows *r, const char *text, size_t n, size_t *at, struct err *e);
/* One value of JSON (number, string, true, false, null) at text[*at]. */
int cell_scan_json(struct rows *r, const char *text, size_t n, size_t *at, struct cell *ret,
                   struct err *e);
/* Passes over one value of JSON, whatever it holds. */
int cell_skip_json(struct rows *r, const char *text, size_t n, size_t *at, struct err *e);
/* Missing inputs of one model among the rows: the first column of `m` that no row has at all is
 * ERR_INVALID naming it and the columns that are expected. Null is allowed. */
int rows_check(const struct rows *r, const struct model *m, struct err *e);
