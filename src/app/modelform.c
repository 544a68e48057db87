/* modelform.c: see modelform.h. */
#include "app/modelform.h"

#include "base/mem.h"
#include "codec/lightgbm.h"
#include "codec/onnx.h"
#include "codec/xgboost.h"
#include "engine/model/buf.h"
#include "engine/model/exchange.h"

#include <string.h>

static const struct form {
    const char *name, *begins;
    int (*read)(struct arena *a, const char *text, size_t n, struct ensemble *ret, struct err *e);
    void (*trees)(const struct ensemble *m, struct str *out);
    void (*layers)(const struct dense *m, struct str *out);
} forms[] = {
#define FORM(id, name, begins, read, trees, layers, help) { name, begins, read, trees, layers },
#include "app/modelforms.def"
#undef FORM
};

static const struct form *find(const char *name, const struct str *file)
{
    const char *text = str_c(file);

    if (!name) text += strspn(text, " \t\r\n");
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (name ? str_eq(name, forms[i].name)
                 : forms[i].begins && str_starts(text, forms[i].begins))
            return &forms[i];
    return NULL;
}

static int name_classes(struct ensemble *m, const struct val *list, struct arena *a, struct err *e)
{
    size_t n = val_len(list);
    const char **labels = arena_array(a, n + 1, const char *);

    if (n == 0) return 0;
    if (n != m->n_classes)
        return err_set(e, ERR_INVALID, "%zu class labels for a model of %zu classes", n,
                       m->n_classes);
    for (size_t i = 0; i < n; i++) labels[i] = val_as_str(val_at(list, i), "");
    m->classes = labels;
    return 0;
}

int modelform_read(struct arena *a, const struct str *file, const struct modelform_wish *wish,
                   struct model **ret, const char **ret_format, struct err *e)
{
    const struct form *f = find(wish->format, file);
    struct ensemble m;
    int rc;

    if (!f) { /* ours, or nothing anybody knows */
        *ret_format = MODELFORM_OWN;
        rc = model_open(file->p, file->len, ret, e);
        if (rc == -ERR_PARSE && !wish->format)
            err_hint(
                e,
                "model files of signalbox, LightGBM (text) and XGBoost (JSON, UBJSON) can be read");
        return rc;
    }
    *ret_format = f->name;
    if (!f->read)
        return err_set(e, ERR_INVALID, "model files of the form %s can only be written", f->name);
    rc = f->read(a, str_c(file), file->len, &m, e);
    if (!rc) rc = name_classes(&m, wish->classes, a, e);
    if (rc) return rc;
    if (wish->target) m.target = wish->target;
    return model_from_ensemble(&m, ret, e);
}

/* Only the most general form knows leaves of several values, and sums that are probabilities. */
static int write_trees(const struct form *f, const struct model *m, struct arena *a,
                       struct str *bytes, struct err *e)
{
    struct ensemble en;

    model_to_ensemble(m, a, &en);
    if ((en.vectors || en.link == ENSEMBLE_PROBABILITY) && !f->layers) {
        err_set(e, ERR_INVALID, "a %s of classes cannot be written as %s", model_algorithm(m),
                f->name);
        return err_hint(e, "--format onnx can write it; %s is for gbdt and for numbers", f->name);
    }
    str_clear(bytes);
    f->trees(&en, bytes);
    return 0;
}

static int write_model(const struct form *f, const struct model *m, struct arena *a,
                       struct str *bytes, struct err *e)
{
    struct dense net;

    if (model_has_ensemble(m) && f->trees) return write_trees(f, m, a, bytes, e);
    if (!model_has_dense(m) || !f->layers) {
        err_set(e, ERR_INVALID, "a model of %s cannot be written as %s", model_algorithm(m),
                f->name);
        return err_hint(e,
                        "--format signalbox writes every model; lightgbm and xgboost-json trees; "
                        "onnx trees, linear models and perceptrons");
    }
    model_to_dense(m, a, &net);
    str_clear(bytes);
    f->layers(&net, bytes);
    return 0;
}

int modelform_write(struct str *bytes, const char *format, struct err *e)
{
    const struct form *f = find(format, bytes);
    struct arena a = ARENA_INIT;
    struct model *m = NULL;
    int rc = f && (f->trees || f->layers)
                 ? model_open(bytes->p, bytes->len, &m, e)
                 : err_set(e, ERR_INVALID, "no model can be written as '%s'", format);

    if (!rc) rc = model_exchangeable(m, e);
    if (!rc) rc = write_model(f, m, &a, bytes, e);
    model_free(m);
    arena_done(&a);
    return rc;
}

int modelform_save(const struct model *m, struct str *out, struct err *e)
{
    struct buf b = BUF_INIT;
    int rc = model_save(m, &b, e);

    if (!rc) str_addn(out, (const char *)b.p, b.n);
    buf_done(&b);
    return rc;
}
