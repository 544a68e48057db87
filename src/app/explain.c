/* explain.c: the verb that shows what a model looks at: its columns by importance, as the
 * learner itself measured it in training (gain of splits, size of standardised coefficients)
 * and, given rows whose answers are known, by what shuffling a column costs; and what each
 * column did to the answer for one row. */
#include "app/explain.h"
#include "app/explain_text.h"

#include "base/mem.h"
#include "engine/explain/permutation.h"
#include "engine/model/exchange.h"
#include "engine/pool.h"

#include <math.h>
#include <stdlib.h>

struct ranked {
    const char *name;
    double gain, permutation; /* NaN: not measured */
    size_t at;
};

static int by_gain(const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;

    if (a->gain != b->gain) return a->gain > b->gain ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}

/* permutation NULL: not measured. */
static void put_importance(struct reply *r, const struct model *m, const double *permutation)
{
    size_t n = model_features(m);
    MEM_AUTO double *gain = mem_zalloc(n, sizeof *gain);
    MEM_AUTO size_t *splits = mem_zalloc(n, sizeof *splits);
    MEM_AUTO struct ranked *all = mem_zalloc(n, sizeof *all);
    struct val *list = val_set_list(r->v, "importance");
    bool trees = model_splits(m, splits);

    model_importance(m, gain);
    for (size_t i = 0; i < n; i++)
        all[i] = (struct ranked){ model_feature(m, i, NULL), gain[i],
                                  permutation ? permutation[i] : (double)NAN, i };
    qsort(all, n, sizeof *all, by_gain);
    for (size_t i = 0; i < n; i++) {
        struct val *o = val_push_obj(list);
        val_set_str(o, "feature", all[i].name);
        val_set_real(o, "gain", all[i].gain);
        if (permutation) val_set_real(o, "permutation", all[i].permutation);
        if (trees) val_set_int(o, "splits", (int64_t)splits[all[i].at]);
    }
}

/* ---- with rows ----------------------------------------------------------------------- */

/* A table without the target's column has no permutation importance, and that is no fault. */
static int put_permuted(struct reply *r, const struct scoring *s, const struct val *args,
                        struct err *e)
{
    MEM_AUTO double *out = mem_zalloc(model_features(s->model) + 1, sizeof *out);
    struct engine en = { .pool = pool_new((int)val_get_int(args, "threads", 0)),
                         .seed = (uint64_t)val_get_int(args, "seed", 0) };
    struct permutation p;

    if (!frame_col(s->rows, model_target(s->model))) {
        pool_free(en.pool);
        put_importance(r, s->model, NULL);
        return 0;
    }
    int rc = en.pool ? permutation_importance(&en, s->model, s->rows,
                                              (int)val_get_int(args, "repeats", 3), out, &p, e)
                     : err_set(e, ERR_NOMEM, "no memory for threads");
    pool_free(en.pool);
    if (rc) return rc;
    put_importance(r, s->model, out);
    val_set_str(r->v, "metric", p.metric);
    val_set_real(r->v, p.metric, p.baseline);
    val_set_int(r->v, "rows", (int64_t)p.rows);
    return 0;
}

static int by_size(const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;
    double x = fabs(a->gain), y = fabs(b->gain);

    if (x != y) return x > y ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}

static void put_value(struct val *o, const struct scoring *s, const char *name, size_t row)
{
    const struct column *c = frame_col(s->rows, name);
    char buf[40];
    const char *text = c ? column_text(c, row, buf) : "";

    val_set_str(o, "value", *text ? text : NULL);
}

/* The output that is explained: of several classes the one that was decided for. */
static int explained(const struct scoring *s, size_t row)
{
    int k = model_outputs(s->model);

    return k > 1 ? model_decide(s->model, s->p + row * (size_t)k) : 0;
}

static int put_row(struct reply *r, const struct scoring *s, size_t row, struct err *e)
{
    static const struct reply_column columns[] = {
        { "feature", "feature", NULL },
        { "value", "value", NULL },
        { "contribution", "contribution", "real" },
        { NULL, NULL, NULL },
    };
    size_t n = model_features(s->model), k = (size_t)model_outputs(s->model);
    size_t c = (size_t)explained(s, row);
    MEM_AUTO double *phi = mem_alloc(k * (n + 1) * sizeof *phi);
    MEM_AUTO struct ranked *all = mem_zalloc(n + 1, sizeof *all);
    int rc = model_contributions(s->model, s->rows, row, phi, e);

    if (rc) return rc;
    const double *mine = phi + c * (n + 1);
    double score = mine[n];
    for (size_t i = 0; i < n; i++) {
        all[i] = (struct ranked){ model_feature(s->model, i, NULL), mine[i], 0, i };
        score += mine[i];
    }
    qsort(all, n, sizeof *all, by_size);
    struct val *list = val_set_list(r->v, "shap");
    for (size_t i = 0; i < n; i++) {
        struct val *o = val_push_obj(list);
        val_set_str(o, "feature", all[i].name);
        put_value(o, s, all[i].name, row);
        val_set_real(o, "contribution", all[i].gain);
    }
    val_set_int(r->v, "row", (int64_t)row + 1);
    if (model_classes(s->model) > 0)
        val_set_str(r->v, "class", model_class(s->model, k > 1 ? (int)c : 1));
    val_set_real(r->v, "base", mine[n]);
    val_set_real(r->v, "score", score);
    val_set_real(r->v, model_classes(s->model) ? "probability" : "prediction", s->p[row * k + c]);
    reply_table(r, "shap", columns);
    return 0;
}

static int with_rows(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    int64_t row = val_get_int(args, "row", 0);
    struct scoring s;
    int rc = scoring_run(app, &r->arena, args, &s, e);

    if (rc) return rc;
    val_set_str(r->v, "model", s.ref.uri);
    val_set_str(r->v, "algorithm", model_algorithm(s.model));
    val_set_str(r->v, "target", model_target(s.model));
    if (val_get_bool(args, "text", false)) rc = explain_text(s.model, s.rows, args, r, e);
    else if (val_has(args, "pdp")) rc = explain_dependence(&s, args, r, e);
    else if (row > (int64_t)s.rows->n_rows)
        rc = err_set(e, ERR_INVALID, "there is no row %lld; the table has %zu", (long long)row,
                     s.rows->n_rows);
    else if (row > 0) rc = put_row(r, &s, (size_t)row - 1, e);
    else rc = put_permuted(r, &s, args, e);
    scoring_done(&s);
    return rc;
}

int verb_explain(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    static const struct reply_column columns[] = {
        { "feature", "feature", NULL },
        { "gain", "gain", "percent" },
        { "permutation", "permutation", "real" },
        { "splits", "splits", NULL },
        { NULL, NULL, NULL },
    };
    struct modelref ref;
    struct model *m;

    r->v = val_obj(&r->arena);
    reply_table(r, "importance", columns);
    if (val_has(args, "data")) return with_rows(app, args, r, e);
    if (val_has(args, "row") || val_has(args, "pdp")) {
        bool row = val_has(args, "row");
        err_set(e, ERR_USAGE, "%s needs --data, a table of rows", row ? "--row" : "--pdp");
        return err_hint(e, "signalbox explain --model URI --data FILE %s",
                        row ? "--row 1" : "--pdp COLUMN");
    }
    int rc = modelref_open(app, &r->arena, val_get_str(args, "model", ""), &ref, &m, e);
    if (rc) return rc;
    val_set_str(r->v, "model", ref.uri);
    val_set_str(r->v, "algorithm", model_algorithm(m));
    val_set_str(r->v, "target", model_target(m));
    if (val_get_bool(args, "text", false)) {
        rc = explain_text(m, NULL, args, r, e);
    } else {
        model_describe(m, val_set_obj(r->v, "fit"));
        put_importance(r, m, NULL);
    }
    model_free(m);
    return rc;
}
