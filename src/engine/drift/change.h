/* change.h: did a short series (a metric, window by window) change, when, and how.
 *
 * The models, fitted by least squares: one level; a step between two levels; a ramp from one
 * level to another over at least three intervals. A step must explain more than one level by
 * n ln(S0/S1) > 2 ln n + 6 (the BIC's price of a second level and its place, and a margin for
 * having looked at every place), with at least two values a side; a ramp must explain more than
 * the best step by n ln(S1/S2) > ln n + 2. All that must still hold without the value that fits
 * worst: one odd value is no change. Looked at are all values, the newer half, the newest
 * quarter and so on (with 12 in place of 6), and the latest change counts, so that one that
 * came and went does not hide it. Pure. */
#pragma once
#include <stddef.h>

enum change_kind { CHANGE_NONE, CHANGE_SUDDEN, CHANGE_GRADUAL };
struct change {
    enum change_kind kind;
    size_t at, end;       /* first value that is different; first one at the new level */
    double before, after; /* levels */
};
#define CHANGE_MIN 6   /* shorter series do not change */
#define CHANGE_MAX 256 /* of longer ones the newest so many are looked at */
/* x has no NaN. */
struct change change_find(const double *x, size_t n);
