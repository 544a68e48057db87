/* rowout.h: writer of rows as CSV, TSV or JSON lines into a string the caller flushes.
 *
 *   rowout_start(&w, &out, CODEC_CSV, names, n);        the header, for CSV and TSV
 *   rowout_text(&w, "a", 1); rowout_real(&w, 0.5); …    one call a cell, in column order
 *   rowout_end(&w);                                     ends the row (asserts n cells)
 *
 * What is written reads back as the same values: text is quoted when it must be, numbers have
 * the shortest form that keeps every bit, missing is an empty field or null. Lines end in LF.
 * Borrows the string and the names. One owner. */
#pragma once
#include "base/str.h"
#include "codec/codec.h"
#include <stdbool.h>
#include <stdint.h>

struct rowout {
    struct str *out;
    const char *const *names;
    size_t n, at;   /* columns; the next one to write */
    char delimiter; /* 0: JSON lines */
};
void rowout_start(struct rowout *w, struct str *out, enum codec_id format, const char *const *names,
                  size_t n);
void rowout_text(struct rowout *w, const char *s, size_t n);
void rowout_real(struct rowout *w, double v); /* NaN: missing */
void rowout_int(struct rowout *w, int64_t v);
void rowout_bool(struct rowout *w, bool v);
void rowout_missing(struct rowout *w);
void rowout_end(struct rowout *w);
/* One CSV field, quoted if need be: for other writers of CSV. */
void rowout_csv_field(struct str *out, char delimiter, const char *s, size_t n);
