/* whatif.c: the verb that changes values of a row and shows what one or two models answer before
 * and after, and what each column adds to the score (engine/model/model.h). Of a registered
 * model that is Production beside Staging. Nothing is stored. */
#include "app/whatif.h"

#include "app/verb.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/pool.h"
#include "store/registry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MANY_LEVELS 60 /* of a category that are listed */

/* What an arm answers to the two rows. */
struct answers {
    double *p;   /* outputs of row 0, then of row 1 */
    double *phi; /* of the explained output: features + 1 of row 0, then of row 1; NULL: unknown */
    int output;  /* the one explained: the class row 0 is decided for */
};

/* ---- arms ---------------------------------------------------------------------------- */

static int open_arm(struct whatif *w, const char *role, const char *uri, struct err *e)
{
    struct whatif_arm *arm = &w->arm[w->n_arms];
    int rc = modelref_open(w->app, w->a, uri, &arm->ref, &arm->model, e);

    arm->role = role;
    w->n_arms += rc == 0;
    return rc;
}

/* A bare name of the registry: Production, else the latest version; then Staging. */
static int open_registered(struct whatif *w, const char *name, bool alone, struct err *e)
{
    struct reg_model m;
    int rc = store_model_get(w->app->store, w->a, name, &m, e);

    if (rc) return rc;
    if (m.production)
        rc = open_arm(w, "Production", arena_printf(w->a, "models:/%s/Production", name), e);
    else rc = open_arm(w, "latest", arena_printf(w->a, "models:/%s/latest", name), e);
    if (!rc && m.staging && !alone && w->arm[0].ref.version != m.staging)
        rc = open_arm(w, "Staging", arena_printf(w->a, "models:/%s/Staging", name), e);
    return rc;
}

static bool is_name(const struct whatif *w, const char *model)
{
    return w->app->store && !strchr(model, ':') && !strchr(model, '/') &&
           (w->app->remote || file_size(model) < 0);
}

static int open_arms(struct whatif *w, const struct val *args, struct err *e)
{
    const char *model = val_get_str(args, "model", ""), *other = val_get_str(args, "against", NULL);
    int rc = is_name(w, model) ? open_registered(w, model, other != NULL, e)
                               : open_arm(w, "model", model, e);

    if (!rc && other) rc = open_arm(w, "against", other, e);
    return rc;
}

/* ---- answers ------------------------------------------------------------------------- */

static int explain(struct whatif *w, const struct whatif_arm *arm, struct answers *ret,
                   struct err *e)
{
    size_t n = model_features(arm->model) + 1, k = (size_t)model_outputs(arm->model);
    MEM_AUTO double *all = mem_alloc(n * k * sizeof *all);
    struct err why = ERR_INIT;
    double *phi = arena_array(w->a, 2 * n, double);

    for (size_t row = 0; row < 2; row++) {
        int rc = model_contributions(arm->model, w->rows, row, all, &why);
        if (rc == -ERR_INVALID) return 0; /* this kind of model does not know */
        if (rc) return err_set(e, why.kind, "%s", why.msg);
        memcpy(phi + row * n, all + (size_t)ret->output * n, n * sizeof *phi);
    }
    ret->phi = phi;
    return 0;
}

static int answer(struct whatif *w, const struct whatif_arm *arm, struct answers *ret,
                  struct err *e)
{
    struct engine en = { .pool = pool_new(1) };
    int k = model_outputs(arm->model), rc;

    *ret = (struct answers){ .p = arena_array(w->a, 2 * (size_t)k, double) };
    rc = en.pool ? model_predict(&en, arm->model, w->rows, ret->p, e)
                 : err_set(e, ERR_NOMEM, "no memory for threads");
    pool_free(en.pool);
    if (rc) return err_prefix(e, "%.200s", arm->ref.uri);
    ret->output = k > 1 ? model_decide(arm->model, ret->p) : 0;
    return explain(w, arm, ret, e);
}

/* ---- reply --------------------------------------------------------------------------- */

static void put_answer(struct val *o, const char *key, const struct whatif_arm *arm,
                       const struct answers *x, size_t row)
{
    const struct model *m = arm->model;
    size_t k = (size_t)model_outputs(m), n = model_features(m);
    const double *p = x->p + row * k;
    struct val *v = val_set_obj(o, key);
    double score = 0;

    if (model_classes(m) > 0) {
        val_set_str(v, "prediction", model_class(m, model_decide(m, p)));
        val_set_real(v, "probability", p[x->output]);
    } else {
        val_set_real(v, "prediction", *p);
    }
    for (size_t i = 0; x->phi && i <= n; i++) score += x->phi[row * (n + 1) + i];
    if (x->phi) val_set_real(v, "score", score);
}

static void put_arm(struct val *list, const struct whatif_arm *arm, const struct answers *x)
{
    struct val *o = val_push_obj(list);
    const struct model *m = arm->model;

    val_set_str(o, "role", arm->role);
    val_set_str(o, "model", arm->ref.uri);
    if (arm->ref.version) val_set_int(o, "version", arm->ref.version);
    val_set_str(o, "algorithm", model_algorithm(m));
    val_set_str(o, "target", model_target(m));
    if (model_classes(m) > 0)
        val_set_str(o, "class", model_class(m, model_outputs(m) > 1 ? x->output : 1));
    put_answer(o, "before", arm, x, 0);
    put_answer(o, "after", arm, x, 1);
    if (x->phi) val_set_real(o, "base", x->phi[model_features(m)]);
}

static ptrdiff_t feature_of(const struct model *m, const char *name)
{
    for (size_t i = 0; i < model_features(m); i++)
        if (!strcmp(model_feature(m, i, NULL), name)) return (ptrdiff_t)i;
    return -1;
}

static bool same_cell(const struct column *c)
{
    if (c->code) return c->code[0] == c->code[1];
    return !(c->num[0] < c->num[1]) && !(c->num[0] > c->num[1]) &&
           isnan(c->num[0]) == isnan(c->num[1]);
}

static void put_cell(struct val *o, const char *key, const struct column *c, size_t row)
{
    char buf[40];
    const char *text = column_text(c, row, buf);

    val_set_str(o, key, *text ? text : NULL);
}

/* Levels to choose from, as the first arm that knows the column has them. */
static void put_levels(struct val *o, const struct whatif *w, const char *name)
{
    for (size_t i = 0; i < w->n_arms; i++) {
        ptrdiff_t at = feature_of(w->arm[i].model, name);
        size_t n = at < 0 ? 0 : model_levels(w->arm[i].model, (size_t)at);
        if (n == 0) continue;
        struct val *list = val_set_list(o, "levels");
        for (size_t l = 0; l < n && l < MANY_LEVELS; l++)
            val_push_str(list, model_level(w->arm[i].model, (size_t)at, l));
        return;
    }
}

/* A text that a model has not seen in training is a missing value to it. */
static bool unseen(const struct model *m, ptrdiff_t at, const struct column *c)
{
    size_t len;

    if (at < 0 || model_levels(m, (size_t)at) == 0 || !c->code || c->code[1] < 0) return false;
    const char *s = dict_str(c->dict, c->code[1], &len);
    return isnan(model_code(m, (size_t)at, s, len));
}

static double put_feature(const struct whatif *w, const struct answers *x, const char *name,
                          struct val *o)
{
    const struct column *c = frame_col(w->rows, name);
    struct val *arms = val_list(w->a);
    double weight = 0;
    bool strange = false;

    val_set_str(o, "feature", name);
    val_set_str(o, "type", col_type_name(c->type));
    put_cell(o, "value", c, 0);
    put_cell(o, "now", c, 1);
    val_set_bool(o, "changed", !same_cell(c));
    for (size_t i = 0; i < w->n_arms; i++) {
        const struct model *m = w->arm[i].model;
        ptrdiff_t at = feature_of(m, name);
        struct val *one = val_push_obj(arms);
        strange |= unseen(m, at, c);
        if (at < 0 || !x[i].phi) continue;
        const double *phi = x[i].phi + at;
        val_set_real(one, "before", phi[0]);
        val_set_real(one, "after", phi[model_features(m) + 1]);
        weight = fmax(weight, fmax(fabs(phi[0]), fabs(phi[model_features(m) + 1])));
    }
    val_set(o, "contributions", arms);
    if (strange) val_set_bool(o, "unseen", true);
    put_levels(o, w, name);
    return weight;
}

struct ranked {
    struct val *o;
    double weight;
    size_t at;
};

static int by_weight(const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;

    if (a->weight != b->weight) return a->weight > b->weight ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}

static void put_features(const struct whatif *w, const struct answers *x, struct val *v)
{
    size_t n = 0, most = 0;

    for (size_t i = 0; i < w->n_arms; i++) most += model_features(w->arm[i].model);
    MEM_AUTO struct ranked *all = mem_alloc((most + 1) * sizeof *all);
    for (size_t i = 0; i < w->n_arms; i++)
        for (size_t j = 0; j < model_features(w->arm[i].model); j++) {
            const char *name = model_feature(w->arm[i].model, j, NULL);
            if (i > 0 && feature_of(w->arm[0].model, name) >= 0) continue;
            struct val *o = val_obj(w->a);
            all[n] = (struct ranked){ o, put_feature(w, x, name, o), n };
            n++;
        }
    qsort(all, n, sizeof *all, by_weight);
    struct val *list = val_set_list(v, "features");
    for (size_t i = 0; i < n; i++) val_push(list, all[i].o);
}

/* ---- for people ---------------------------------------------------------------------- */

static void say_arm(struct str *s, const struct val *arm)
{
    const struct val *before = val_get(arm, "before"), *after = val_get(arm, "after");

    str_addf(s, "%-11s", val_get_str(arm, "role", ""));
    if (val_get(arm, "version")) str_addf(s, "v%-4lld", (long long)val_get_int(arm, "version", 0));
    str_addf(s, "%-10s", val_get_str(arm, "algorithm", ""));
    if (!val_get(arm, "class")) {
        str_addf(s, "%.6g -> %.6g\n", val_get_real(before, "prediction", (double)NAN),
                 val_get_real(after, "prediction", (double)NAN));
        return;
    }
    str_addf(s, "P(%s) %.4f -> %.4f", val_get_str(arm, "class", ""),
             val_get_real(before, "probability", (double)NAN),
             val_get_real(after, "probability", (double)NAN));
    str_addf(s, "   %s -> %s\n", val_get_str(before, "prediction", ""),
             val_get_str(after, "prediction", ""));
}

static void say_feature(struct str *s, const struct val *o)
{
    const struct val *arms = val_get(o, "contributions");

    str_addf(s, "%c %-20.20s %-14.14s %-14.14s", val_get_bool(o, "changed", false) ? '*' : ' ',
             val_get_str(o, "feature", ""), val_get_str(o, "value", "-"),
             val_get_str(o, "now", "-"));
    for (size_t i = 0; i < val_len(arms); i++) {
        const struct val *c = val_at(arms, i);
        if (val_len(c))
            str_addf(s, "  %+9.4f -> %+9.4f", val_get_real(c, "before", 0),
                     val_get_real(c, "after", 0));
        else str_add(s, "          -            ");
    }
    str_add(s, val_get_bool(o, "unseen", false) ? "  (not seen in training)\n" : "\n");
}

static const char *say(const struct val *v, struct arena *a)
{
    const struct val *arms = val_get(v, "arms"), *list = val_get(v, "features");
    STR_AUTO s = STR_INIT;

    for (size_t i = 0; i < val_len(arms); i++) say_arm(&s, val_at(arms, i));
    str_addf(&s, "\n  %-20s %-14s %-14s", "feature", "value", "now");
    for (size_t i = 0; i < val_len(arms); i++)
        str_addf(&s, "  %-22s", val_get_str(val_at(arms, i), "role", ""));
    str_addc(&s, '\n');
    for (size_t i = 0; i < val_len(list); i++) say_feature(&s, val_at(list, i));
    return arena_strdup(a, str_c(&s));
}

int verb_whatif(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct whatif w = { .app = app, .a = &r->arena };
    struct answers x[WHATIF_ARMS];
    int rc = open_arms(&w, args, e);

    if (!rc) rc = whatif_row(&w, args, e);
    for (size_t i = 0; i < w.n_arms && !rc; i++) rc = answer(&w, &w.arm[i], &x[i], e);
    if (!rc) {
        r->v = val_obj(&r->arena);
        val_set_str(r->v, "name", w.arm[0].ref.name);
        val_set_str(r->v, "source", w.source);
        val_set_int(r->v, "row", val_get_int(args, "row", 1));
        val_set_str(r->v, "request_id", w.request_id);
        struct val *arms = val_set_list(r->v, "arms");
        for (size_t i = 0; i < w.n_arms; i++) put_arm(arms, &w.arm[i], &x[i]);
        put_features(&w, x, r->v);
        r->text = say(r->v, &r->arena);
    }
    for (size_t i = 0; i < w.n_arms; i++) model_free(w.arm[i].model);
    frame_free(w.rows);
    return rc;
}
