/* explain_pdp.c: the part of the verb explain that answers for --pdp: how the answer of a model
 * depends on one or two columns, on average and row by row (engine/explain/dependence.h). */
#include "app/explain.h"

#include "base/mem.h"
#include "engine/explain/dependence.h"
#include "engine/pool.h"

#include <math.h>

#define TWO_GRID 10 /* points of an axis of two, unless --grid says otherwise */

static void put_value(struct val *o, const char *key, const struct dependence_axis *x, size_t i)
{
    double v = x->value[i];
    int32_t code = isnan(v) || !x->column->code ? -1 : (int32_t)v;
    const struct column one = {
        .type = x->column->type, .num = &v, .code = &code, .dict = x->column->dict
    };
    char buf[40];

    if (isnan(v)) val_set_str(o, key, NULL);
    else if (x->column->type == COL_INT || x->column->type == COL_REAL) val_set_real(o, key, v);
    else val_set_str(o, key, column_text(&one, 0, buf));
}

static void put_points(struct reply *r, const struct dependence *d)
{
    static const struct reply_column one[] = { { "value", "value", NULL },
                                               { "average", "average", "real" },
                                               { "spread", "spread", "real" },
                                               { NULL, NULL, NULL } };
    static const struct reply_column two[] = { { "value", "value", NULL },
                                               { "value2", "value2", NULL },
                                               { "average", "average", "real" },
                                               { "interaction", "interaction", "real" },
                                               { NULL, NULL, NULL } };
    struct val *list = val_set_list(r->v, "points");
    size_t m = d->axis[1].n;

    for (size_t i = 0; i < d->axis[0].n; i++)
        for (size_t j = 0; j < m; j++) {
            struct val *o = val_push_obj(list);
            put_value(o, "value", &d->axis[0], i);
            if (d->left) put_value(o, "value2", &d->axis[1], j);
            val_set_real(o, "average", d->mean[i * m + j]);
            if (d->left) val_set_real(o, "interaction", d->left[i * m + j]);
            else val_set_real(o, "spread", d->spread[i]);
        }
    reply_table(r, "points", d->left ? two : one);
}

/* Rows' own curves, evenly chosen. */
static void put_curves(struct reply *r, const struct dependence *d, size_t most)
{
    size_t n = most < d->n_rows ? most : d->n_rows;
    struct val *list = val_set_list(r->v, "ice");

    for (size_t i = 0; i < n; i++) {
        size_t row = i * d->n_rows / n;
        struct val *o = val_push_obj(list), *values;
        val_set_int(o, "row", (int64_t)d->row[row] + 1);
        values = val_set_list(o, "values");
        for (size_t p = 0; p < d->axis[0].n; p++)
            val_push(values, val_real(&r->arena, d->curve[row * d->axis[0].n + p]));
    }
}

static int find_class(const struct model *m, const char *label, int *ret, struct err *e)
{
    *ret = -1;
    if (!label) return 0;
    for (int c = 0; c < model_classes(m); c++)
        if (str_eq(model_class(m, c), label)) *ret = c;
    if (*ret < 0) return err_set(e, ERR_INVALID, "the model has no class '%.100s'", label);
    if (model_outputs(m) == 1 && *ret == 0) {
        err_set(e, ERR_INVALID, "of two classes '%.100s' is the one explained", model_class(m, 1));
        return err_hint(e, "the probability of the other one is 1 minus it");
    }
    if (model_outputs(m) == 1) *ret = 0;
    return 0;
}

static int make_wish(const struct scoring *s, const struct val *args, struct dependence_wish *ret,
                     struct err *e)
{
    const struct val *columns = val_get(args, "pdp");
    size_t n = val_len(columns), grid = (size_t)val_get_int(args, "grid", n > 1 ? TWO_GRID : 20);

    if (n < 1 || n > 2) return err_set(e, ERR_USAGE, "--pdp takes one column or two, not %zu", n);
    *ret = (struct dependence_wish){ .grid = { grid, grid },
                                     .rows = (size_t)val_get_int(args, "sample", 1000) };
    for (size_t i = 0; i < n; i++) ret->column[i] = val_as_str(val_at(columns, i), "");
    return find_class(s->model, val_get_str(args, "class", NULL), &ret->output, e);
}

int explain_dependence(const struct scoring *s, const struct val *args, struct reply *r,
                       struct err *e)
{
    struct engine en = { .pool = pool_new((int)val_get_int(args, "threads", 0)) };
    struct dependence_wish wish;
    struct dependence d;
    int64_t curves = val_get_int(args, "ice", 0);
    int rc = make_wish(s, args, &wish, e);

    if (!rc && wish.column[1] && curves) rc = err_set(e, ERR_USAGE, "--ice goes with one column");
    if (!rc)
        rc = en.pool ? dependence_measure(&en, s->model, s->rows, &wish, &r->arena, &d, e)
                     : err_set(e, ERR_NOMEM, "no memory for threads");
    pool_free(en.pool);
    if (rc) return rc;
    val_set(r->v, "columns", val_copy(&r->arena, val_get(args, "pdp")));
    val_set_int(r->v, "rows", (int64_t)d.n_rows);
    if (model_classes(s->model) > 0)
        val_set_str(r->v, "class",
                    model_class(s->model, model_outputs(s->model) > 1 ? d.output : 1));
    put_points(r, &d);
    if (d.left) val_set_real(r->v, "interaction", d.interaction);
    if (curves) put_curves(r, &d, (size_t)curves);
    return 0;
}
