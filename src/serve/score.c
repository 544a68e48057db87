/* score.c: cells into the numbers of one model, and numbers into answers.
 *
 * Every model has its own order of columns and its own codes of categories, so the cells of a
 * request are turned into numbers once per arm that is asked; the last arm's are kept with the
 * rows, because cache and model look at the same ones. What a cell means is what it would mean
 * in a file that is scored by the verb predict: a category is compared by its text as it was
 * written, infinite is missing, a level not seen in training is missing. On top of that a number
 * in quotes is taken for the number. */
#include "base/clock.h"
#include "base/mem.h"
#include "codec/num.h"
#include "codec/text.h"
#include "serve/priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STACK_SCRATCH 1024

/* ---- cells ------------------------------------------------------------------------------ */

static bool text_number(const struct cell *c, enum arm_input input, double *ret)
{
    struct slice s = text_trim(c->text, c->n);
    int64_t us;
    bool b;

    *ret = (double)NAN;
    if (text_missing(s.p, s.len)) return true;
    if (input == INPUT_TIME) {
        if (!clock_parse(s.p, s.len, &us)) return false;
        *ret = (double)us;
        return true;
    }
    if (text_bool(s.p, s.len, &b)) {
        *ret = b;
        return true;
    }
    return num_scan(s.p, s.len, ret) != NUM_NONE;
}

bool cell_number(const struct cell *c, enum arm_input input, double *ret)
{
    bool ok = true;

    if (c->kind == CELL_NUM) {
        *ret = c->num + 0.0; /* -0 is 0 */
        ok = input != INPUT_TIME;
    } else if (c->kind == CELL_TEXT) {
        ok = text_number(c, input, ret);
    } else {
        *ret = (double)NAN;
    }
    if (ok && !isfinite(*ret)) *ret = (double)NAN;
    return ok;
}

const char *cell_text(const struct cell *c, char buf[32], size_t *ret_n)
{
    const char *s = c->text;

    *ret_n = c->n;
    if (c->kind != CELL_TEXT && c->kind != CELL_NUM) return NULL;
    if (c->kind == CELL_NUM && !s) {
        if (!isfinite(c->num)) return NULL;
        s = str_real(buf, c->num);
        *ret_n = strlen(s);
    }
    return c->kind == CELL_TEXT && text_missing(s, *ret_n) ? NULL : s;
}

/* ---- rows as numbers -------------------------------------------------------------------- */

static int wrong_cell(const struct arm *arm, size_t row, size_t feature, const struct cell *c,
                      struct err *e)
{
    enum col_type type;
    const char *name = model_feature(arm->by->model, feature, &type);
    int n = c->n > 60 ? 60 : (int)c->n;

    while (c->n > 60 && n > 0 && ((unsigned char)c->text[n] & 0xc0) == 0x80) n--;
    err_set(e, ERR_INVALID, "row %zu: the column '%.200s' is %s, \"%.*s\" is none", row + 1, name,
            type == COL_TIME ? "a time" : "a number", n, c->text ? c->text : "");
    err_hint(e, type == COL_TIME ? "write times as \"2026-01-31T23:59:59Z\"; null is unknown"
                                 : "write a number; null is unknown");
    return -ERR_INVALID; /* also without an e */
}

static int encode_row(const struct rows *r, const struct arm *arm, size_t row, double *x,
                      struct err *e)
{
    const struct cell *cells = r->cells + row * schema_width(r->schema);
    const struct model *m = arm->by->model;
    size_t n = arm->by->loaded->features, len;
    char buf[32];
    int rc;

    for (size_t i = 0; i < n; i++) {
        const struct cell *c = &cells[arm->slot[i]];
        if (c->kind == CELL_ABSENT && (rc = rows_check(r, m, e))) return rc;
        if (arm->input[i] == INPUT_LEVEL) {
            const char *s = cell_text(c, buf, &len);
            x[i] = s ? model_code(m, i, s, len) : (double)NAN;
        } else if (!cell_number(c, (enum arm_input)arm->input[i], &x[i])) {
            return wrong_cell(arm, row, i, c, e);
        }
    }
    return 0;
}

int rows_encode(const struct rows *r, const struct arm *arm, const double **ret, struct err *e)
{
    struct rows_memo *m = r->memo;
    size_t width = arm->by->loaded->features, need = r->n * width;
    int rc;

    *ret = m->x;
    if (m->arm == arm && m->uid == arm->by->loaded->uid) return 0;
    m->arm = NULL;
    if (need > m->room || !m->x) {
        double *x = mem_try_grow(m->x, need + 16, sizeof *x);
        if (!x) return err_set(e, ERR_NOMEM, "no memory for %zu rows", r->n);
        m->x = x;
        m->room = need + 16;
    }
    for (size_t i = 0; i < r->n; i++)
        if ((rc = encode_row(r, arm, i, m->x + i * width, e))) return rc;
    m->arm = arm;
    m->uid = arm->by->loaded->uid;
    *ret = m->x;
    return 0;
}

/* ---- scores ----------------------------------------------------------------------------- */

void loaded_score(const struct loaded *l, const double *x, size_t n, double *p)
{
    size_t need = model_scratch(l->model);
    double stack[STACK_SCRATCH],
        *scratch = need <= STACK_SCRATCH ? stack : mem_alloc(need * sizeof *stack);

    for (size_t i = 0; i < n; i++)
        model_predict_row(l->model, x + i * l->features, scratch, p + i * l->outputs);
    if (scratch != stack) free(scratch);
}

int score_now(const struct arm *arm, const struct rows *rows, double *p, double *ret_model_us,
              struct err *e)
{
    const double *x;
    int rc = rows_encode(rows, arm, &x, e);

    if (rc) return rc;
    int64_t before = clock_mono_ns();
    loaded_score(arm->by->loaded, x, rows->n, p);
    *ret_model_us = (double)(clock_mono_ns() - before) / 1e3;
    return 0;
}

/* The least of some runs over rows of different numbers: what a row costs when nobody disturbs. */
void loaded_warm_up(struct loaded *l)
{
    enum { ROWS = 16, RUNS = 5 };
    double *x = mem_zalloc(ROWS * l->features + 1, sizeof *x);
    double *p = mem_zalloc(ROWS * l->outputs, sizeof *p), best = INFINITY;

    for (size_t i = 0; i < ROWS * l->features; i++)
        x[i] = i % 7 ? (double)((i * 2654435761u >> 4) % 1000) / (i % 3 ? 7 : 1) : (double)NAN;
    for (int run = 0; run < RUNS; run++) {
        int64_t before = clock_mono_ns();
        loaded_score(l, x, ROWS, p);
        double us = (double)(clock_mono_ns() - before) / 1e3 / ROWS;
        if (us < best) best = us;
        if (best > 1e4) break;
    }
    l->row_us = best;
    free(x);
    free(p);
}
