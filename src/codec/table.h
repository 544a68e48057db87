/* table.h: rows of text into typed columns.
 *
 * The type of a column is decided over the whole of it, from the set of kinds its values have:
 *
 *   integer    only integers a double holds exactly (|v| <= 2^53); 0 and 1 too
 *   real       numbers, at least one with point or exponent; also a column with no value at all
 *   boolean    only true/false (also True, TRUE)
 *   timestamp  only RFC 3339 and the ISO forms of clock_parse
 *   category   anything else
 *   text       as category, but more than half of the values (and more than 20) are different,
 *              or more than 65,535 are: keys and prose, of no use as levels
 *
 * Integers beyond 2^53 without reals beside them are category or text: they are identifiers, and
 * rounding would merge them. Infinite numbers are missing in a numeric column, and counted.
 * Missing values: text_missing in text.h.
 *
 * A column that turns out to be text after numbers were seen ("007", "1.50", then "x") gets its
 * original text by reading the input a second time, for those columns only; at most two passes,
 * and nothing is kept in memory in case.
 *
 * CSV is read in pieces side by side, each parsed while the next window is read or unpacked. The
 * table is the same for any number of threads and any length of pieces: types, codes, counters
 * and the first error with its line. Beside the table itself that takes two windows and the
 * columns of one. */
#pragma once
#include "base/map.h"
#include "codec/codec.h"
#include <stdatomic.h>

enum cell_type { CELL_INT, CELL_REAL, CELL_BOOL, CELL_TIME, CELL_CATEGORY, CELL_TEXT };

struct table_column {
    char *name;
    enum cell_type type;
    double *num;      /* INT REAL BOOL TIME (µs): NaN is missing; from mem_try */
    int32_t *code;    /* CATEGORY TEXT: number of the key in dict, -1 missing; from mem_try */
    struct map *dict; /* keys in order of first appearance, valid UTF-8 */
};
struct table {
    size_t n_rows, n_cols;
    struct table_column *cols;
    uint64_t not_utf8; /* fields repaired (text_repair) */
    uint64_t infinite; /* numbers turned missing */
    uint64_t reread;   /* columns that took the second pass */
};
struct table_options {
    struct row_options rows;
    const char *const *as_text; /* columns read as category or text whatever they look like */
    size_t n_as_text;
    const atomic_bool *cancel; /* set: the reading ends with ERR_CANCELLED; NULL: never */
    int threads;               /* 0: as many as this process may use, up to TABLE_MAX_THREADS */
    size_t piece;              /* bytes a thread parses at a time; 0: what suits the caches */
};
#define TABLE_MAX_THREADS 16

int table_read(struct block *b, const struct codec *codec, const struct table_options *o,
               struct table *ret, struct row_report *report, struct err *e);
void table_done(struct table *t);
const char *cell_type_name(enum cell_type t);
