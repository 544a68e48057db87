/* pca.c: do current rows lie where the reference's principal components put them?
 *
 * The components are those of every second reference row; what they leave of a row is its
 * reconstruction error. The errors of the other reference rows, which the components have not
 * been made for, and of the current rows are two samples of equal law if nothing changed, and
 * Welch's test compares their means. Missing numbers are the reference's mean; a level is its
 * share in the reference, missing and unseen ones too. Shares: by how much the mean squared
 * error of each feature moved. */
#include "engine/drift/multivariate.h"

#include "base/mem.h"
#include "engine/stats/principal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define VARIANCE 0.65
#define COLUMNS  256 /* the work grows with the cube */
#define Z95      1.959963984540054

enum { FITTED, HELD_OUT, CURRENT, SETS };

struct set {
    const struct column **cols;
    const uint32_t *rows;
    size_t n, step; /* rows[0], rows[step] … */
    double *x;      /* column-major */
    double *error, *squares;
};

/* ---- columns as numbers ----------------------------------------------------------------- */

static double mean_of(const struct set *s, const struct column *c)
{
    double sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++) {
        double v = c->num[s->rows[i * s->step]];
        if (!isfinite(v)) continue;
        sum += v;
        n++;
    }
    return n ? sum / (double)n : 0;
}

static void fill_numbers(const struct set *s, const struct column *c, double missing, double *x)
{
    for (size_t i = 0; i < s->n; i++) {
        double v = c->num[s->rows[i * s->step]];
        x[i] = isfinite(v) ? v : missing;
    }
}

/* Shares of the levels in the fitted rows, by code; then the share of missing ones. */
static void level_shares(const struct set *s, const struct column *c, double *share)
{
    size_t k = dict_len(c->dict);

    for (size_t i = 0; i < s->n; i++) {
        int32_t code = c->code[s->rows[i * s->step]];
        share[code < 0 ? k : (size_t)code] += 1 / (double)s->n;
    }
}

static void fill_levels(const struct set *s, const struct column *c, const struct column *ref,
                        const double *share, double *x)
{
    size_t missing = dict_len(ref->dict);

    for (size_t i = 0; i < s->n; i++) {
        int32_t code = c->code[s->rows[i * s->step]];
        if (code >= 0 && c->dict != ref->dict) {
            size_t len;
            const char *text = dict_str(c->dict, code, &len);
            code = dict_find(ref->dict, text, len);
            x[i] = code < 0 ? 0 : share[code];
        } else {
            x[i] = share[code < 0 ? missing : (size_t)code];
        }
    }
}

static int fill_column(struct set *sets, size_t j, struct err *e)
{
    const struct column *ref = sets[FITTED].cols[j];
    double missing = ref->code ? 0 : mean_of(&sets[FITTED], ref);
    MEM_AUTO double *share = ref->code ? mem_try_zero(dict_len(ref->dict) + 1, sizeof *share) : NULL;

    if (ref->code && !share) return err_set(e, ERR_NOMEM, "no memory for the levels of a column");
    if (ref->code) level_shares(&sets[FITTED], ref, share);
    for (int k = 0; k < SETS; k++) {
        struct set *s = &sets[k];
        if (ref->code) fill_levels(s, s->cols[j], ref, share, s->x + j * s->n);
        else fill_numbers(s, s->cols[j], missing, s->x + j * s->n);
    }
    return 0;
}

/* ---- errors ----------------------------------------------------------------------------- */

static int sets_new(const struct multi_rows *m, struct set sets[SETS], struct err *e)
{
    sets[FITTED] = (struct set){ m->ref, m->rows_ref, (m->n_ref + 1) / 2, 2, NULL, NULL, NULL };
    sets[HELD_OUT] = (struct set){ m->ref, m->rows_ref + 1, m->n_ref / 2, 2, NULL, NULL, NULL };
    sets[CURRENT] = (struct set){ m->cur, m->rows_cur, m->n_cur, 1, NULL, NULL, NULL };
    for (int k = 0; k < SETS; k++) {
        struct set *s = &sets[k];
        s->x = mem_try(s->n * m->d + 1, sizeof *s->x);
        s->error = mem_try(s->n + 1, sizeof *s->error);
        s->squares = mem_try(m->d + 1, sizeof *s->squares);
        if (!s->x || !s->error || !s->squares)
            return err_set(e, ERR_NOMEM, "no memory for %zu rows of %zu columns", s->n, m->d);
    }
    return 0;
}

static struct moments moments_of(const struct sample *s, double *ret_half)
{
    struct moments m = sample_moments(s);

    *ret_half = Z95 * m.std / sqrt((double)s->n);
    return m;
}

static int conclude(const struct set *ref, const struct set *cur, struct multi_result *r,
                    struct err *e)
{
    struct sample a = { 0 }, b = { 0 };
    double half_a, half_b;
    int rc = sample_new(ref->error, ref->n, &a, e);

    if (rc == 0) rc = sample_new(cur->error, cur->n, &b, e);
    if (rc == 0) {
        struct moments before = moments_of(&a, &half_a), now = moments_of(&b, &half_b);
        double band = hypot(half_a, half_b);
        bool differ = before.mean != now.mean;
        r->figure = (struct multi_figure){ now.mean, now.mean - half_b, now.mean + half_b, b.n };
        r->expected = (struct multi_figure){ before.mean, before.mean - band, before.mean + band, a.n };
        r->p = differ ? welch_t(&a, &b).p : 1;
        r->effect = differ ? fabs(cohens_d(&a, &b)) : 0;
    }
    sample_done(&a);
    sample_done(&b);
    return rc;
}

static void set_shares(const struct multi_rows *m, const struct set *ref, const struct set *cur,
                       double *shares)
{
    for (size_t j = 0; j < m->d; j++)
        shares[j] = fabs(cur->squares[j] / (double)cur->n - ref->squares[j] / (double)ref->n);
}

static int measure(const struct engine *en, const struct multi_rows *m, struct set sets[SETS],
                   struct multi_result *ret, double *shares, struct err *e)
{
    struct principal p = { 0 };
    int rc = sets_new(m, sets, e);

    for (size_t j = 0; rc == 0 && j < m->d; j++) rc = fill_column(sets, j, e);
    if (rc == 0)
        rc = principal_fit(en, sets[FITTED].x, sets[FITTED].n, m->d, VARIANCE, &p, e);
    for (int k = HELD_OUT; rc == 0 && k < SETS; k++)
        rc = principal_distance(&p, sets[k].x, sets[k].n, sets[k].error, sets[k].squares, e);
    if (rc == 0) rc = conclude(&sets[HELD_OUT], &sets[CURRENT], ret, e);
    if (rc == 0) {
        set_shares(m, &sets[HELD_OUT], &sets[CURRENT], shares);
        snprintf(ret->note, sizeof ret->note, "%zu of %zu components", p.k, p.d);
    }
    principal_done(&p);
    return rc;
}

int measure_multi_pca(const struct engine *en, const struct multi_rows *m,
                      struct multi_result *ret, double *shares, struct err *e)
{
    struct set sets[SETS] = { { 0 } };
    int rc = 0;

    if (m->d > COLUMNS)
        snprintf(ret->note, sizeof ret->note, "%zu columns; at most %d are compared", m->d,
                 COLUMNS);
    else
        rc = measure(en, m, sets, ret, shares, e);
    for (int k = 0; k < SETS; k++) {
        free(sets[k].x);
        free(sets[k].error);
        free(sets[k].squares);
    }
    return rc;
}
