/* quality.c: see quality.h. */
#include "engine/frame/quality.h"

#include "base/mem.h"
#include "base/rng.h"
#include "engine/stats/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAD_SCALE 1.4826022185056018
#define FAR       3.5

bool cell_missing(const struct column *c, size_t row)
{
    return col_is_coded(c->type) ? c->code[row] < 0 : isnan(c->num[row]) != 0;
}

/* Keeps the farthest rows in order. */
static void offer(struct outliers *o, const struct column *c, size_t row)
{
    double far = fabs(c->num[row] - o->centre);
    size_t i = o->n;

    if (i == OUTLIER_ROWS && far <= fabs(c->num[o->row[i - 1]] - o->centre)) return;
    if (i < OUTLIER_ROWS) o->n++;
    else i--;
    for (; i > 0 && fabs(c->num[o->row[i - 1]] - o->centre) < far; i--) o->row[i] = o->row[i - 1];
    o->row[i] = row;
}

int column_outliers(const struct column *c, size_t n_rows, struct outliers *ret, struct err *e)
{
    struct outliers o = { .low = (double)NAN, .high = (double)NAN };
    struct sample s;
    int rc = sample_new(c->num, n_rows, &s, e);

    if (rc) return rc;
    if (s.n) {
        double q1 = sample_quantile(&s, .25), q3 = sample_quantile(&s, .75),
               reach = 1.5 * (q3 - q1);
        o.low = q1 - reach;
        o.high = q3 + reach;
        o.centre = sample_quantile(&s, .5);
        o.spread = MAD_SCALE * sample_mad(&s, e);
    }
    for (size_t i = 0; i < s.n; i++) {
        o.iqr += s.x[i] < o.low || s.x[i] > o.high;
        o.mad += o.spread > 0 && fabs(s.x[i] - o.centre) > FAR * o.spread;
    }
    sample_done(&s);
    for (size_t i = 0; i < n_rows; i++)
        if (!isnan(c->num[i]) && (c->num[i] < o.low || c->num[i] > o.high)) offer(&o, c, i);
    *ret = o;
    return 0;
}

/* ---- rows -------------------------------------------------------------------------------- */

struct mark {
    uint64_t a, b;
    size_t row;
};

static int by_mark(const void *px, const void *py)
{
    const struct mark *x = px, *y = py;

    if (x->a != y->a) return x->a < y->a ? -1 : 1;
    if (x->b != y->b) return x->b < y->b ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* One cell as 64 bits; all missing ones are equal. */
static uint64_t cell_bits(const struct column *c, size_t row)
{
    uint64_t bits;
    double v;

    if (cell_missing(c, row)) return UINT64_MAX;
    if (col_is_coded(c->type)) return (uint64_t)c->code[row];
    v = c->num[row] + 0.0; /* -0 and 0 are one value */
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static uint64_t missing_bit(const struct column *c, size_t row)
{
    return cell_missing(c, row);
}

/* Rows by what `bits` says of their cells; equal ones are neighbours, in order of rows. */
static int marked(const struct frame *f, uint64_t (*bits)(const struct column *, size_t),
                  struct mark **ret, struct err *e)
{
    struct mark *m = mem_try(f->n_rows + 1, sizeof *m);

    if (!m) return err_set(e, ERR_NOMEM, "no memory to compare %zu rows", f->n_rows);
    for (size_t i = 0; i < f->n_rows; i++) m[i] = (struct mark){ 0, 1, i };
    for (size_t c = 0; c < f->n_cols; c++)
        for (size_t i = 0; i < f->n_rows; i++) {
            uint64_t v = bits(&f->cols[c], i);
            m[i].a = rng_mix(m[i].a ^ v);
            m[i].b = rng_mix(m[i].b + v * 0x9e3779b97f4a7c15U);
        }
    qsort(m, f->n_rows, sizeof *m, by_mark);
    *ret = m;
    return 0;
}

static bool same(const struct mark *x, const struct mark *y)
{
    return x->a == y->a && x->b == y->b;
}

int frame_duplicates(const struct frame *f, size_t *ret, struct err *e)
{
    struct mark *m;
    int rc = marked(f, cell_bits, &m, e);

    if (rc) return rc;
    *ret = 0;
    for (size_t i = 1; i < f->n_rows; i++) *ret += same(&m[i - 1], &m[i]);
    free(m);
    return 0;
}

static bool is_complete(const struct frame *f, size_t row)
{
    for (size_t c = 0; c < f->n_cols; c++)
        if (cell_missing(&f->cols[c], row)) return false;
    return true;
}

static bool goes_before(const struct pattern *a, const struct pattern *b)
{
    return a->rows != b->rows ? a->rows > b->rows : a->example < b->example;
}

static void keep(struct missingness *k, struct pattern p)
{
    size_t i = k->n;

    k->patterns++;
    if (i == PATTERNS && !goes_before(&p, &k->top[i - 1])) return;
    if (i < PATTERNS) k->n++;
    else i--;
    for (; i > 0 && goes_before(&p, &k->top[i - 1]); i--) k->top[i] = k->top[i - 1];
    k->top[i] = p;
}

int frame_missingness(const struct frame *f, struct missingness *ret, struct err *e)
{
    struct missingness k = { 0 };
    struct mark *m;
    int rc = marked(f, missing_bit, &m, e);

    if (rc) return rc;
    for (size_t i = 0, end; i < f->n_rows; i = end) {
        for (end = i; end < f->n_rows && same(&m[i], &m[end]);) end++;
        if (is_complete(f, m[i].row)) k.complete = end - i;
        else keep(&k, (struct pattern){ end - i, m[i].row });
    }
    free(m);
    *ret = k;
    return 0;
}
