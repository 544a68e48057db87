/* relation.c: see relation.h. Numbers are sorted once; ranks over the rows that two columns share
 * come from walking that order, so no pair sorts again. */
#include "engine/frame/relation.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 10, CELLS = (RELATION_LEVELS + 1) * (RELATION_LEVELS + 1) };

struct member {
    const struct column *c;
    double *x;       /* numbers; NaN missing */
    uint32_t *order; /* known rows by rising value */
    size_t known;
    int32_t *code; /* coded: level; numbers: quantile bin. -1 missing */
    size_t levels; /* of code */
    bool coded;
};

struct relations {
    size_t rows, of, n, target; /* rows of the sample, of the table */
    struct member *m;
};

void relations_free(struct relations *r)
{
    for (size_t i = 0; r && i < r->n; i++) {
        free(r->m[i].x);
        free(r->m[i].order);
        free(r->m[i].code);
    }
    if (r) free(r->m);
    free(r);
}

size_t relations_rows(const struct relations *r)
{
    return r->rows;
}

size_t relations_n(const struct relations *r)
{
    return r->n;
}

size_t relations_target(const struct relations *r)
{
    return r->target;
}

const struct column *relations_column(const struct relations *r, size_t i)
{
    return r->m[i].c;
}

bool relations_is_coded(const struct relations *r, size_t i)
{
    return r->m[i].coded;
}

size_t relations_levels(const struct relations *r, size_t i)
{
    return r->m[i].coded ? r->m[i].levels : 0;
}

const char *relations_label(const struct relations *r, size_t i, size_t level, char buf[40])
{
    for (size_t k = 0; k < r->rows; k++)
        if (r->m[i].code[k] == (int32_t)level)
            return column_text(r->m[i].c, k * r->of / r->rows, buf);
    return "";
}

/* ---- columns ----------------------------------------------------------------------------- */

struct valued {
    double v;
    uint32_t row;
};

static int by_value(const void *pa, const void *pb)
{
    const struct valued *a = pa, *b = pb;

    if (a->v != b->v) return a->v < b->v ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

/* Equal values share a code: classes get one each, others up to BINS of about equal size. */
static void set_codes(struct member *m, const struct valued *s, bool classes)
{
    for (size_t i = 0, end; i < m->known; i = end) {
        for (end = i; end < m->known && s[end].v == s[i].v; end++)
            m->code[s[end].row] = (int32_t)m->levels;
        if (classes || end * BINS >= (m->levels + 1) * m->known) m->levels++;
    }
    if (!classes && m->known && m->code[s[m->known - 1].row] == (int32_t)m->levels) m->levels++;
}

static bool read_numbers(struct member *m, size_t rows, size_t n_rows, bool classes)
{
    MEM_AUTO struct valued *s = mem_try(rows + 1, sizeof *s);

    m->x = mem_try(rows + 1, sizeof *m->x);
    m->order = mem_try(rows + 1, sizeof *m->order);
    if (!s || !m->x || !m->order) return false;
    for (size_t i = 0; i < rows; i++) {
        m->x[i] = m->c->num[i * n_rows / rows];
        m->code[i] = -1;
        if (isfinite(m->x[i])) s[m->known++] = (struct valued){ m->x[i], (uint32_t)i };
        else m->x[i] = (double)NAN;
    }
    qsort(s, m->known, sizeof *s, by_value);
    for (size_t i = 0; i < m->known; i++) m->order[i] = s[i].row;
    set_codes(m, s, classes);
    m->coded = classes;
    return true;
}

static void read_codes(struct member *m, size_t rows, size_t n_rows)
{
    size_t dict = dict_len(m->c->dict);
    MEM_AUTO int32_t *seen = mem_alloc((dict + 1) * sizeof *seen);

    for (size_t k = 0; k < dict; k++) seen[k] = -1;
    for (size_t i = 0; i < rows; i++) {
        int32_t code = m->c->code[i * n_rows / rows];
        if (code >= 0 && seen[code] < 0) seen[code] = (int32_t)m->levels++;
        m->code[i] = code < 0 ? -1 : seen[code];
        m->known += code >= 0;
    }
    m->coded = true;
}

static bool is_constant(const struct member *m)
{
    if (m->coded) return m->levels < 2;
    return m->known < 2 || m->x[m->order[0]] == m->x[m->order[m->known - 1]];
}

/* Adds a column if it can take part; false: no memory. */
static bool add(struct relations *r, const struct column *c, size_t n_rows, bool classes)
{
    struct member m = { .c = c, .code = mem_try(r->rows + 1, sizeof *m.code) };
    bool ok = m.code != NULL;

    if (ok && col_is_coded(c->type)) read_codes(&m, r->rows, n_rows);
    else if (ok) ok = read_numbers(&m, r->rows, n_rows, classes || c->type == COL_BOOL);
    if (ok && !is_constant(&m) && m.levels <= RELATION_LEVELS) {
        r->m[r->n++] = m;
        return true;
    }
    free(m.x);
    free(m.order);
    free(m.code);
    return ok;
}

int relations_new(const struct frame *f, const struct relations_spec *spec, struct relations **ret,
                  struct err *e)
{
    struct relations *r = mem_zalloc(1, sizeof *r);
    bool ok = true;

    r->rows = f->n_rows < spec->rows ? f->n_rows : spec->rows;
    r->of = f->n_rows;
    r->m = mem_zalloc(spec->cols + 2, sizeof *r->m);
    if (spec->target) {
        ok = add(r, frame_col(f, spec->target), f->n_rows, spec->classes);
        if (ok && r->n == 0) {
            relations_free(r);
            return err_set(e, ERR_INVALID, "column %s has one value, or more than %d levels",
                           spec->target, RELATION_LEVELS);
        }
    }
    size_t most = spec->cols + r->n;
    r->target = spec->target ? 0 : most + 1;
    for (size_t i = 0; ok && i < f->n_cols && r->n < most; i++)
        if (!spec->target || strcmp(f->cols[i].name, spec->target))
            ok = add(r, &f->cols[i], f->n_rows, false);
    if (!spec->target) r->target = r->n;
    if (ok) {
        *ret = r;
        return 0;
    }
    relations_free(r);
    return err_set(e, ERR_NOMEM, "no memory to compare columns of %zu rows", f->n_rows);
}

/* ---- two numbers ------------------------------------------------------------------------- */

/* Over the rows where neither is NaN. */
static double pearson(const double *x, const double *y, size_t n)
{
    double k = 0, mx = 0, my = 0, xx = 0, yy = 0, xy = 0;

    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i]) || isnan(y[i])) continue;
        k++;
        mx += x[i];
        my += y[i];
    }
    mx /= k;
    my /= k;
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i]) || isnan(y[i])) continue;
        double a = x[i] - mx, b = y[i] - my;
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    double v = xy / sqrt(xx * yy);
    return k >= 2 && xx > 0 && yy > 0 ? fmax(-1, fmin(1, v)) : (double)NAN;
}

double relation_pearson(const struct relations *r, size_t i, size_t j)
{
    return pearson(r->m[i].x, r->m[j].x, r->rows);
}

/* Midranks of m among the rows that `with` has too; NaN elsewhere. */
static void ranks(const struct member *m, const struct member *with, size_t rows, double *out)
{
    double before = 0;

    for (size_t i = 0; i < rows; i++) out[i] = (double)NAN;
    for (size_t i = 0, end; i < m->known; i = end) {
        double v = m->x[m->order[i]], k = 0;
        for (end = i; end < m->known && m->x[m->order[end]] == v; end++)
            k += !isnan(with->x[m->order[end]]);
        for (size_t t = i; t < end; t++)
            if (!isnan(with->x[m->order[t]])) out[m->order[t]] = before + (k + 1) / 2;
        before += k;
    }
}

double relation_spearman(const struct relations *r, size_t i, size_t j)
{
    MEM_AUTO double *a = mem_try(2 * r->rows + 1, sizeof *a);

    if (!a) return (double)NAN;
    ranks(&r->m[i], &r->m[j], r->rows, a);
    ranks(&r->m[j], &r->m[i], r->rows, a + r->rows);
    return pearson(a, a + r->rows, r->rows);
}

/* ---- levels ------------------------------------------------------------------------------ */

struct table {
    size_t k, l;
    double n, *cell, *row, *col; /* k * l, k, l */
    size_t rows, cols, cells;    /* of them not empty */
};

/* missing: counts as a level of its own, else such rows are left out. */
static struct table count(const struct relations *r, size_t i, size_t j, bool missing)
{
    const struct member *a = &r->m[i], *b = &r->m[j];
    struct table t = { .k = a->levels + 1, .l = b->levels + 1 };

    t.cell = mem_zalloc(t.k * t.l + t.k + t.l, sizeof *t.cell);
    t.row = t.cell + t.k * t.l;
    t.col = t.row + t.k;
    for (size_t n = 0; n < r->rows; n++) {
        if (!missing && (a->code[n] < 0 || b->code[n] < 0)) continue;
        size_t x = (size_t)(a->code[n] + 1), y = (size_t)(b->code[n] + 1);
        t.cell[x * t.l + y]++;
        t.row[x]++;
        t.col[y]++;
        t.n++;
    }
    for (size_t x = 0; x < t.k; x++) t.rows += t.row[x] > 0;
    for (size_t y = 0; y < t.l; y++) t.cols += t.col[y] > 0;
    for (size_t c = 0; c < t.k * t.l; c++) t.cells += t.cell[c] > 0;
    return t;
}

double relation_cramers_v(const struct relations *r, size_t i, size_t j)
{
    struct table t = count(r, i, j, false);
    double phi2 = -1, k = (double)t.rows, l = (double)t.cols;

    for (size_t x = 0; x < t.k; x++)
        for (size_t y = 0; y < t.l; y++)
            if (t.cell[x * t.l + y] > 0)
                phi2 += t.cell[x * t.l + y] * t.cell[x * t.l + y] / t.row[x] / t.col[y];
    free(t.cell);
    if (t.rows < 2 || t.cols < 2 || t.n < 2) return (double)NAN;
    phi2 = fmax(0, phi2 - (k - 1) * (l - 1) / (t.n - 1));
    k -= (k - 1) * (k - 1) / (t.n - 1);
    l -= (l - 1) * (l - 1) / (t.n - 1);
    double least = fmin(k, l) - 1;
    return least > 0 ? fmin(1, sqrt(phi2 / least)) : (double)NAN;
}

double relation_information(const struct relations *r, size_t i, size_t j)
{
    struct table t = count(r, i, j, true);
    double sum = 0;

    for (size_t x = 0; x < t.k; x++)
        for (size_t y = 0; y < t.l; y++) {
            double c = t.cell[x * t.l + y];
            if (c > 0) sum += c / t.n * log(c * t.n / t.row[x] / t.col[y]);
        }
    free(t.cell);
    sum -= ((double)t.cells - (double)t.rows - (double)t.cols + 1) / (2 * t.n);
    return t.n > 0 ? fmax(0, sum) : (double)NAN;
}

double relation_eta2(const struct relations *r, size_t i, size_t j)
{
    const struct member *a = &r->m[i], *b = &r->m[j];
    MEM_AUTO double *n = mem_zalloc(2 * (a->levels + 1), sizeof *n);
    double *sum = n + a->levels, all = 0, mean = 0, total = 0, between = 0;

    for (size_t k = 0; k < r->rows; k++) {
        if (a->code[k] < 0 || isnan(b->x[k])) continue;
        all++;
        mean += b->x[k];
    }
    mean /= all;
    for (size_t k = 0; k < r->rows; k++) {
        if (a->code[k] < 0 || isnan(b->x[k])) continue;
        double d = b->x[k] - mean;
        n[a->code[k]]++;
        sum[a->code[k]] += d;
        total += d * d;
    }
    for (size_t k = 0; k < a->levels; k++)
        if (n[k] > 0) between += sum[k] * sum[k] / n[k];
    return total > 0 ? fmin(1, between / total) : (double)NAN;
}

double relation_auc(const struct relations *r, size_t i, size_t j)
{
    const struct member *a = &r->m[i], *b = &r->m[j];
    double below = 0, pos = 0, neg = 0;

    if (a->levels != 2) return (double)NAN;
    for (size_t k = 0, end; k < b->known; k = end) {
        double v = b->x[b->order[k]], k0 = 0, k1 = 0;
        for (end = k; end < b->known && b->x[b->order[end]] == v; end++) {
            int32_t code = a->code[b->order[end]];
            k0 += code == 0;
            k1 += code == 1;
        }
        below += k1 * (neg + k0 / 2);
        pos += k1;
        neg += k0;
    }
    return pos > 0 && neg > 0 ? below / pos / neg : (double)NAN;
}
