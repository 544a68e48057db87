/* mode_rows.c: the modes that look at each row: rules, tiered.
 *
 * rules: the first rule that a row fulfils names its version; without one it is the stable
 * version's. tiered: the fast version answers all rows, then the complex one those where the
 * fast one's confidence (its largest probability) is below the threshold; where the complex one
 * cannot, the fast answers stand and the call says why.
 *
 * Each version is asked once for all its rows. An answer that several versions made is in the
 * order of the stable arm's classes, and row_arm says who answered which row. On the thread of
 * the call's serve_io. */
#include "base/mem.h"
#include "serve/mode_priv.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -- one rule ---------------------------------------------------------------------------------- */

enum { LESS = 1, EQUAL = 2, MORE = 4 };
static const struct {
    const char *op;
    int holds;
} ops[] = {
    { "=", EQUAL }, { "!=", LESS | MORE },  { "<", LESS },
    { ">", MORE },  { "<=", LESS | EQUAL }, { ">=", MORE | EQUAL },
};

int mode_rule_op(const char *op)
{
    for (int i = 0; i < (int)ARRAY_LEN(ops); i++)
        if (str_eq(ops[i].op, op)) return i;
    return -1;
}

static double cell_number(const struct cell *c)
{
    char text[64];
    double v;

    if (c->kind == CELL_NUM) return c->num;
    if (c->kind != CELL_TEXT || c->n >= sizeof text) return NAN;
    memcpy(text, c->text, c->n);
    text[c->n] = '\0';
    return str_to_real(text, &v) ? v : (double)NAN;
}

static int compare_text(const struct cell *c, const struct mode_rule *u)
{
    char buf[32];
    const char *text = c->kind == CELL_NUM ? str_real(buf, c->num) : c->text;
    size_t n = c->kind == CELL_NUM ? strlen(text) : c->n;
    int order = memcmp(text, u->text, n < u->n_text ? n : u->n_text);

    if (order == 0) order = n < u->n_text ? -1 : n > u->n_text;
    return order < 0 ? LESS : order > 0 ? MORE : EQUAL;
}

/* A missing value fulfils no rule. */
static bool fulfils(const struct cell *c, const struct mode_rule *u)
{
    if (c->kind != CELL_NUM && c->kind != CELL_TEXT) return false;
    if (!isnan(u->num)) {
        double v = cell_number(c);
        int order = v < u->num ? LESS : v > u->num ? MORE : EQUAL;
        return !isnan(v) && (ops[u->op].holds & order) != 0;
    }
    return (ops[u->op].holds & compare_text(c, u)) != 0;
}

static size_t arm_of_row(const struct flight *f, size_t row)
{
    const struct rows *rows = f->c->rows;
    const struct cell *cells = rows->cells + row * schema_width(rows->schema);

    for (size_t i = 0; i < f->route->rollout->n_rules; i++) {
        const struct mode_rule *u = &f->state->rules[i];
        if (fulfils(&cells[u->slot], u)) return u->arm;
    }
    return 0;
}

/* -- an answer of several ---------------------------------------------------------------------- */

static size_t index_of(const struct flight *f, const struct arm *arm)
{
    return (size_t)(arm - f->route->arms);
}

/* The leg's rows into the flight's answer. A version whose classes are others (a fallback) cannot
 * speak for a part of the rows. */
static bool put_rows(struct flight *f, const struct leg *l)
{
    size_t k = mode_outputs(&f->route->arms[0]), arm = index_of(f, l->arm);
    double *aligned;

    if (!f->state->arms[arm].fits) return false;
    aligned = mem_alloc((l->n * k + 1) * sizeof *aligned);
    mode_align(f->route, arm, l->p, l->n, aligned);
    for (size_t i = 0; i < l->n; i++) {
        size_t row = l->pick != NULL ? l->pick[i] : i;
        memcpy(f->p + row * k, aligned + i * k, k * sizeof *aligned);
        f->row_arm[row] = l->arm;
    }
    free(aligned);
    return true;
}

static int make_room(struct flight *f)
{
    size_t n = flight_rows(f);

    f->p = mem_try_zero(n + 1, mode_outputs(&f->route->arms[0]) * sizeof *f->p);
    f->row_arm = mem_try_zero(n + 1, sizeof *f->row_arm);
    if (f->p != NULL && f->row_arm != NULL) return 0;
    return err_set(&f->c->err, ERR_NOMEM, "no memory for the answers to %zu rows", n);
}

/* -- rules ------------------------------------------------------------------------------------- */

/* All parts are there: the answer, or the failure of the first part that has none. */
static int part_through(struct flight *f, struct leg *l)
{
    const struct leg *failed = NULL;

    (void)l;
    if (f->open > 0) return 1;
    for (size_t i = 0; i < f->n_legs; i++) {
        const struct leg *part = &f->legs[i];
        if (part->why != NULL && f->c->fallback == NULL) f->c->fallback = part->why;
        f->c->cached = part->cached && (i == 0 || f->c->cached);
        if (part->rc == 0 && put_rows(f, part)) continue;
        if (failed == NULL) failed = part;
    }
    if (failed == NULL) return flight_answer(f, &f->route->arms[0], f->route->arms[0].role, f->p);
    if (failed->rc != 0) return flight_fail(f, failed->rc);
    return flight_fail(f, err_set(&f->c->err, ERR_STATE,
                                  "version %lld of %s answers other classes than version %lld",
                                  (long long)failed->arm->by->version, f->route->name,
                                  (long long)f->route->arms[0].by->version));
}

static int ask_parts(struct flight *f, const uint8_t *arms, size_t n_parts)
{
    size_t rows = flight_rows(f), part = 0;
    size_t n_arms = f->state->n_arms;
    struct flight *h = flight_grow(f, n_parts);
    int rc = make_room(h);

    if (rc != 0) return flight_fail(h, rc);
    h->then = part_through;
    h->open = 1; /* not through before all were asked */
    for (size_t arm = 0; arm < n_arms; arm++) {
        struct leg *l = &h->legs[part];
        size_t n = 0;
        for (size_t i = 0; i < rows; i++) n += arms[i] == arm;
        if (n == 0) continue;
        l->pick = mem_alloc(n * sizeof *l->pick);
        for (size_t i = 0; i < rows; i++)
            if (arms[i] == arm) l->pick[l->n++] = (uint32_t)i;
        part++;
        (void)leg_start(l, arm);
    }
    h->open--;
    return part_through(h, NULL);
}

int mode_run_rules(struct flight *f)
{
    size_t n = flight_rows(f), n_parts = 0, last = 0;
    uint64_t used = 0;
    uint8_t few[64], *arms = n <= sizeof few ? few : mem_alloc(n);
    int rc;

    for (size_t i = 0; i < n; i++) {
        last = arm_of_row(f, i);
        arms[i] = (uint8_t)last;
        n_parts += (used >> last & 1) == 0;
        used |= (uint64_t)1 << last;
    }
    rc = n_parts > 1 ? ask_parts(f, arms, n_parts) : leg_start(&f->one, last);
    if (arms != few) free(arms);
    return rc;
}

/* -- tiered ------------------------------------------------------------------------------------ */

static double confidence(const struct arm *arm, const double *p)
{
    double best = p[0];

    if (model_task(arm->by->model) == TASK_BINARY) return fmax(*p, 1 - *p);
    for (size_t c = 1; c < mode_outputs(arm); c++) best = fmax(best, p[c]);
    return best;
}

/* The complex version is through: its rows replace the fast one's. */
static int complex_through(struct flight *f, struct leg *l)
{
    struct leg *fast = &f->legs[0];

    f->c->cached = l->cached && (l->pick == NULL || fast->cached);
    if (l->why != NULL) f->c->fallback = l->why;
    if (l->rc != 0) return flight_answer(f, fast->arm, fast->arm->role, fast->p);
    if (l->pick == NULL) return flight_answer(f, l->arm, l->arm->role, l->p);
    if (make_room(f) != 0) return flight_fail(f, -ERR_NOMEM);
    (void)(put_rows(f, fast) && put_rows(f, l)); /* they fit, or the mode is not carried out */
    return flight_answer(f, &f->route->arms[0], f->route->arms[0].role, f->p);
}

static int fast_through(struct flight *f, struct leg *l)
{
    size_t rows = flight_rows(f), k = mode_outputs(l->arm), n = 0;
    double threshold = f->route->rollout->threshold;
    struct flight *h;
    struct leg *complex;

    if (l->rc != 0 || l->constant || l->index != f->state->fast) return flight_answer_leg(f, l);
    for (size_t i = 0; i < rows; i++) n += confidence(l->arm, l->p + i * k) < threshold;
    if (n == 0) return flight_answer_leg(f, l);
    h = flight_grow(f, 2);
    complex = &h->legs[1];
    h->then = complex_through;
    if (n < rows) {
        const double *p = h->legs[0].p;
        complex->pick = mem_alloc(n * sizeof *complex->pick);
        for (size_t i = 0; i < rows; i++)
            if (confidence(h->legs[0].arm, p + i * k) < threshold)
                complex->pick[complex->n++] = (uint32_t)i;
    }
    complex->alone = true; /* the fast answer is what it falls back to */
    return leg_start(complex, h->state->complex);
}

int mode_run_tiered(struct flight *f)
{
    f->then = fast_through;
    return leg_start(&f->one, f->state->fast);
}
