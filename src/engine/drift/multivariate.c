/* multivariate.c: see multivariate.h. Which columns and rows are compared, and the verdict; what
 * is measured is in the file of each test. */
#include "engine/drift/multivariate.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const struct multi_test multi_tests[] = {
#define MULTI(id, title, figure, floor, help)                                                      \
    { #id, title, figure, floor, measure_multi_##id, help },
#include "engine/drift/multivariates.def"
#undef MULTI
    { .name = NULL },
};

const struct multi_test *multi_test_find(const char *name)
{
    for (const struct multi_test *t = multi_tests; t->name; t++)
        if (str_eq(t->name, name)) return t;
    return NULL;
}

/* ---- columns and rows ------------------------------------------------------------------- */

static bool listed(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (str_eq(*names, name)) return true;
    return false;
}

static bool fits(const struct column *a, const struct column *b)
{
    if (!b || !a->code != !b->code) return false;
    if (a->type == COL_TEXT || b->type == COL_TEXT) return false;
    return a->type != COL_TIME && b->type != COL_TIME;
}

void multi_even_rows(uint32_t *rows, size_t n, size_t k)
{
    for (size_t i = 0; i < k; i++) rows[i] = (uint32_t)(i * n / k);
}

size_t multi_rows_wanted(size_t n, size_t d)
{
    size_t most = MULTI_CELLS / (d ? d : 1);

    if (most < MULTI_ROWS_MIN) most = MULTI_ROWS_MIN;
    if (most > MULTI_ROWS) most = MULTI_ROWS;
    return n < most ? n : most;
}

static void rows_done(struct multi_rows *m)
{
    free(m->ref);
    free(m->cur);
    free(m->rows_ref);
    free(m->rows_cur);
}

static int rows_new(const struct frame *ref, const struct frame *cur, const char *const *skip,
                    struct multi_rows *ret, struct err *e)
{
    struct multi_rows m = { .ref = mem_zalloc(ref->n_cols + 1, sizeof *m.ref),
                            .cur = mem_zalloc(ref->n_cols + 1, sizeof *m.cur) };

    for (size_t i = 0; i < ref->n_cols; i++) {
        const struct column *a = &ref->cols[i], *b = frame_col(cur, a->name);
        if (listed(skip, a->name) || !fits(a, b)) continue;
        m.ref[m.d] = a;
        m.cur[m.d++] = b;
    }
    m.n_ref = multi_rows_wanted(ref->n_rows, m.d);
    m.n_cur = multi_rows_wanted(cur->n_rows, m.d);
    m.rows_ref = mem_try(m.n_ref + 1, sizeof *m.rows_ref);
    m.rows_cur = mem_try(m.n_cur + 1, sizeof *m.rows_cur);
    if (!m.rows_ref || !m.rows_cur) {
        rows_done(&m);
        return err_set(e, ERR_NOMEM, "no memory for %zu row numbers", m.n_ref + m.n_cur);
    }
    multi_even_rows(m.rows_ref, ref->n_rows, m.n_ref);
    multi_even_rows(m.rows_cur, cur->n_rows, m.n_cur);
    *ret = m;
    return 0;
}

/* ---- verdict ---------------------------------------------------------------------------- */

/* The features with the largest shares, in the order of columns where those are equal. */
static void name_features(const struct multi_rows *m, double *shares, struct multi_result *r)
{
    double sum = 0;

    for (size_t i = 0; i < m->d; i++) sum += shares[i];
    while (r->n_features < MULTI_LIST) {
        size_t best = 0;
        for (size_t i = 1; i < m->d; i++)
            if (shares[i] > shares[best]) best = i;
        if (m->d == 0 || !(shares[best] > 0)) break;
        r->features[r->n_features++] =
            (struct multi_feature){ m->ref[best]->name, shares[best] / sum };
        shares[best] = 0;
    }
}

static void judge(const struct drift_profile *p, struct multi_result *r)
{
    if (isnan(r->p)) {
        r->state = DRIFT_SKIPPED;
        return;
    }
    r->state = DRIFT_OK;
    if (!(r->p < p->alpha)) return;
    bool small = p->floors && !(r->effect >= r->test->effect_floor);
    r->state = small ? DRIFT_NEGLIGIBLE : DRIFT_DRIFTED;
}

static bool testable(const struct multi_rows *m, const struct drift_profile *p,
                     struct multi_result *r)
{
    size_t least = p->min_rows > MULTI_LEAST ? p->min_rows : MULTI_LEAST;

    if (m->d == 0) {
        r->state = DRIFT_SKIPPED;
        snprintf(r->note, sizeof r->note, "no column can be compared");
    } else if (m->n_ref < least || m->n_cur < least) {
        r->state = DRIFT_TOO_FEW;
        snprintf(r->note, sizeof r->note, "%zu and %zu rows; at least %zu each are needed",
                 m->n_ref, m->n_cur, least);
    } else {
        return true;
    }
    return false;
}

int multi_compare(const struct engine *en, const struct multi_test *test, const struct frame *ref,
                  const struct frame *cur, const struct drift_profile *profile,
                  const char *const *skip, struct multi_result *ret, struct err *e)
{
    static const struct multi_figure unknown = { NAN, NAN, NAN, 0 };
    struct multi_result r = { .test = test, .figure = unknown, .expected = unknown, .p = NAN,
                              .effect = NAN };
    struct multi_rows m;
    int rc = rows_new(ref, cur, skip, &m, e);

    if (rc < 0) return rc;
    r.n_ref = m.n_ref;
    r.n_cur = m.n_cur;
    if (testable(&m, profile, &r)) {
        double *shares = mem_zalloc(m.d, sizeof *shares);
        rc = test->measure(en, &m, &r, shares, e);
        if (rc == 0) {
            judge(profile, &r);
            name_features(&m, shares, &r);
        }
        free(shares);
    }
    rows_done(&m);
    if (rc == 0) *ret = r;
    return rc;
}
