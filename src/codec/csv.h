/* csv.h: reader of delimited text as RFC 4180 has it, and as files in the wild have it.
 *
 * Line ends LF, CRLF and lone CR; quoted fields with doubled quotes, delimiters and line ends
 * inside; a quote inside an unquoted field is an ordinary character; no final line end needed;
 * empty lines are passed over. The first row names the columns. The delimiter is the one of
 * , ; tab | that the header has most of, unless it is given. A bad row has too few or too many
 * fields, or text behind a closing quote. A quote that is never closed ends the reading under
 * every policy: nothing behind it can be trusted. */
#pragma once
#include "codec/rows.h"

row_reader csv_read;

/* The same in steps, for those who read pieces of a file side by side. */
struct csv_head {
    char delimiter;
    char **names; /* owned */
    size_t n_cols;
    uint64_t line; /* of the first byte that was not read yet */
};
/* The header; tells the sink the columns. b->start is behind it then. */
int csv_open(struct block *b, const struct row_options *o, const struct row_sink *sink,
             struct row_report *r, struct csv_head *ret, struct err *e);
/* All rows from b->start on, the first of which is line h->line. A block that is at its end
 * (eof) and ends with a row is never written to, so it may be a piece of a larger one, given
 * that NUM_PAD bytes behind it may be read; only h->line changes in h. */
int csv_rows(struct block *b, struct csv_head *h, const struct row_options *o,
             const struct row_sink *sink, struct row_report *r, struct err *e);
void csv_close(struct csv_head *h);

/* Cuts text into pieces that are whole rows. A quote opens a field only at its very start:
 * outside of quotes that is behind a delimiter or a line end. So whether a byte is inside of
 * quotes follows from the quotes before it, which are few. */
struct csv_cut {
    const char *at, *end; /* first byte of a row; end of the text */
    char delimiter;
    const char *known, *quote; /* quote: the first opening one from `known` on, or end */
};
/* End of the first row that ends at `want` or behind it; if none does, of the last row there is;
 * NULL when no row ends. Goes on there. A row at the end of the text without a line end is not
 * counted, nor one whose line end is a CR there: more may follow. */
const char *csv_cut(struct csv_cut *c, const char *want);
