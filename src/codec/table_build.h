/* table_build.h: a table in the making; for table.c and table_parts.c alone.
 *
 * A column goes through these modes while rows stream in:
 *
 *            number          other kind later            end of pass 1
 *   EMPTY ----------> NUM ---------------------> REREAD ---------------> CODED (pass 2)
 *     |    boolean                                  ^
 *     |----------> BOOL ---------------------------'|
 *     |    time                                     |
 *     |----------> TIME ----------------------------'
 *     '----------> CODED  (text first: nothing to re-read)
 *
 * EMPTY columns own no array; the first value makes one and fills the rows above it with
 * missing. In pass 2 every column but those in REREAD is DONE and untouched. Invariant: arrays
 * of a column that has them are cap_rows long; rows [0,n_rows) are set.
 *
 * The same struct serves as a part: rows from the middle of a file, read beside others and then
 * appended. A part starts where the whole stands (builder_restart), looks texts up in the
 * whole's dictionaries, which nobody changes meanwhile, and numbers new ones -2, -3, … ; it
 * keeps its arrays from one piece of text to the next. */
#pragma once
#include "base/str.h"
#include "codec/csv.h"
#include "codec/table.h"

enum mode { MODE_EMPTY, MODE_NUM, MODE_BOOL, MODE_TIME, MODE_CODED, MODE_REREAD, MODE_DONE };
enum kind { K_INT = 1, K_BIG = 2, K_REAL = 4, K_INF = 8, K_BOOL = 16, K_TIME = 32, K_TEXT = 64 };

struct build {
    struct table_column c;
    enum mode mode;
    enum mode first; /* a part's: of its first value */
    bool forced;     /* a part's: starts as CODED whatever the whole is */
    unsigned kinds;
    size_t values; /* not missing; counted for CODED */
    uint64_t not_utf8, infinite;
};

struct builder {
    const struct table_options *o;
    const struct builder *whole; /* NULL: this is no part */
    struct build *cols;
    size_t n_cols, n_rows, cap_rows;
    struct str scratch;
};

void builder_done(struct builder *t);
struct row_sink builder_sink(struct builder *t);
/* Arrays with missing values in all rows. */
int builder_start_numbers(struct builder *t, struct build *b, struct err *e);
int builder_start_codes(struct builder *t, struct build *b, struct err *e);
void builder_drop_numbers(struct builder *t, struct build *b); /* the column is to be re-read */

struct part_options {
    const struct row_options *rows;
    size_t piece; /* as table_options */
    int threads;
};
/* Reads the rows of a CSV block, whose header is h, into the builder, whose columns are known by
 * then, in parts. */
int builder_read_parts(struct builder *t, struct block *b, struct csv_head *h,
                       const struct part_options *o, struct row_report *r, struct err *e);

/* -- parts -- */
/* A part of the whole for about `rows` rows. */
int builder_part(struct builder *part, const struct builder *whole, size_t rows, struct err *e);
int builder_restart(struct builder *part, struct err *e);
/* Room for n more rows in the whole; they are not counted yet. expected: how many it will have in
 * the end, as far as can be told; 0: it cannot. */
int builder_reserve(struct builder *whole, size_t n, size_t expected, struct err *e);
/* Appends column j of a part to the whole's rows from `at` on. Different columns may be appended
 * at the same time; of one column, parts in the order of the file. */
int builder_append(struct builder *whole, size_t j, size_t at, const struct builder *part,
                   struct err *e);
