/* quality.h: what is odd about the rows of a table: values far out, rows that repeat, and which
 * values are missing together. Pure. */
#pragma once
#include "engine/frame/frame.h"

enum { OUTLIER_ROWS = 5, PATTERNS = 10 };

/* Of one column of numbers. Fences: 1.5 interquartile ranges beyond the quartiles (Tukey 1977);
 * modified z: |x - median| over 1.4826 MAD above 3.5 (Iglewicz and Hoaglin 1993). */
struct outliers {
    double low, high;      /* fences; NaN: no values */
    size_t iqr, mad;       /* values beyond; mad is 0 where more than half of the values are equal */
    double centre, spread; /* median, 1.4826 MAD */
    size_t n;              /* rows farthest from the median, farthest first, equal ones by row */
    size_t row[OUTLIER_ROWS];
};
int column_outliers(const struct column *c, size_t n_rows, struct outliers *ret, struct err *e);

/* Rows that are copies of an earlier one, by 128 bits of hash. */
int frame_duplicates(const struct frame *f, size_t *ret, struct err *e);

/* Which columns are missing together, most frequent first; complete rows are no pattern. */
struct pattern {
    size_t rows, example; /* how many; the first of them */
};
struct missingness {
    size_t complete, patterns; /* rows without a missing value; all patterns there are */
    size_t n;
    struct pattern top[PATTERNS];
};
int frame_missingness(const struct frame *f, struct missingness *ret, struct err *e);
bool cell_missing(const struct column *c, size_t row);
