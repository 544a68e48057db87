/* exchange.c: see exchange.h. */
#include "engine/model/exchange.h"

#include "base/mem.h"
#include "base/str.h"
#include "engine/learn/gbdt_ensemble.h"
#include "engine/model/parts.h"

#include <string.h>

static int make_target(const struct ensemble *in, struct target *t, struct err *e)
{
    struct arena a = ARENA_INIT;
    int rc = 0;

    t->name = mem_strdup(in->target ? in->target : "target");
    t->task = in->link == ENSEMBLE_SOFTMAX    ? TASK_MULTICLASS
              : in->link == ENSEMBLE_LOGISTIC ? TASK_BINARY
                                              : TASK_REGRESSION;
    t->type = in->n_classes == 0 ? COL_REAL : in->classes ? COL_CATEGORY : COL_INT;
    if (in->n_classes > 0) t->classes = dict_new();
    for (size_t c = 0; c < in->n_classes && !rc; c++) {
        const char *s = in->classes ? in->classes[c] : arena_printf(&a, "%zu", c);
        if (dict_add(t->classes, s, strlen(s)) != (int32_t)c)
            rc = err_set(e, ERR_INVALID, "the class '%.100s' is there twice", s);
    }
    arena_done(&a);
    return rc;
}

int model_from_ensemble(const struct ensemble *in, struct model **ret, struct err *e)
{
    struct model *m = mem_zalloc(1, sizeof *m);
    int rc;

    m->learner = learner_find("gbdt");
    rc = param_bind_val(m->learner->params, &m->arena, NULL, &m->params, e);
    if (!rc) rc = make_target(in, &m->target, e);
    if (!rc) rc = encoder_describe(in->features, in->n_features, &m->enc, e);
    if (rc) {
        model_free(m);
        return rc;
    }
    m->state = gbdt_from_ensemble(in);
    *ret = m;
    return 0;
}

static const char *const *texts(const struct dict *d, struct arena *a)
{
    const char **s = arena_array(a, dict_len(d) + 1, const char *);

    for (size_t i = 0; i < dict_len(d); i++) s[i] = arena_strdup(a, dict_str(d, (int32_t)i, NULL));
    return s;
}

static struct ensemble_feature *give_features(const struct encoder *enc, struct arena *a)
{
    struct ensemble_feature *ret = arena_array(a, enc->n, struct ensemble_feature);

    for (size_t i = 0; i < enc->n; i++) {
        const struct feature *f = &enc->f[i];
        ret[i].name = arena_strdup(a, f->name);
        if (!f->levels) continue;
        ret[i].n_levels = dict_len(f->levels);
        ret[i].levels = texts(f->levels, a);
    }
    return ret;
}

int model_exchangeable(const struct model *m, struct err *e)
{
    if (!m->calibration) return 0;
    err_set(e, ERR_INVALID, "the model is calibrated, which this form cannot say");
    return err_hint(e, "train it without calibration, or use --format signalbox");
}

bool model_has_ensemble(const struct model *m)
{
    return m->learner->to_ensemble != NULL;
}

bool model_has_dense(const struct model *m)
{
    return m->learner->to_dense && !val_has(m->params, "precision"); /* not in integers */
}

void model_to_ensemble(const struct model *m, struct arena *a, struct ensemble *ret)
{
    *ret = (struct ensemble){ .arena = a,
                              .n_features = m->enc->n,
                              .features = give_features(m->enc, a),
                              .n_classes = (size_t)target_n_classes(&m->target),
                              .target = arena_strdup(a, m->target.name) };
    if (m->target.classes) ret->classes = texts(m->target.classes, a);
    m->learner->to_ensemble(m->state, ret);
}

bool model_splits(const struct model *m, size_t *out)
{
    struct arena a = ARENA_INIT;
    struct ensemble in;

    if (!model_has_ensemble(m)) return false;
    model_to_ensemble(m, &a, &in);
    for (size_t i = 0; i < in.n_features; i++) out[i] = 0;
    for (size_t t = 0; t < in.n_trees; t++)
        for (uint32_t i = 0; i + 1 < in.trees[t].n_leaves; i++) out[in.trees[t].nodes[i].feature]++;
    arena_done(&a);
    return true;
}

void model_to_dense(const struct model *m, struct arena *a, struct dense *ret)
{
    struct dense_scaling *scaling = arena_array(a, m->enc->n, struct dense_scaling);

    for (size_t i = 0; i < m->enc->n; i++) {
        const struct feature *f = &m->enc->f[i];
        scaling[i] = (struct dense_scaling){ f->mean, f->scale, f->indicator };
    }
    *ret = (struct dense){ .arena = a,
                           .n_features = m->enc->n,
                           .features = give_features(m->enc, a),
                           .scaling = scaling,
                           .n_classes = (size_t)target_n_classes(&m->target),
                           .target = arena_strdup(a, m->target.name) };
    ret->link = m->target.task == TASK_REGRESSION ? ENSEMBLE_IDENTITY
                : m->target.task == TASK_BINARY   ? ENSEMBLE_LOGISTIC
                                                  : ENSEMBLE_SOFTMAX;
    if (m->target.classes) ret->classes = texts(m->target.classes, a);
    m->learner->to_dense(m->state, ret);
}
