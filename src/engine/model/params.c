/* params.c: see params.h. The learner's table and the general one are put into one, so that
 * a misspelt name finds its nearest in both. */
#include "engine/model/params.h"

#include "base/str.h"
#include "engine/model/class_weight.h"

const struct param model_general_params[] = {
    { "calibrate", PARAM_ENUM, 0, NULL, 0, 0, "none|platt|isotonic",
      "calibrate probabilities on predictions for rows left out" },
    { "calibrate_folds", PARAM_INT, 0, NULL, 2, 50, NULL, "folds those rows come from; default 5" },
    { "class_weight", PARAM_STR, 0, NULL, 0, 0, NULL,
      "balanced, or LABEL:WEIGHT,…; times the row's weight" },
    { 0 },
};

static size_t length(const struct param *t)
{
    size_t n = 0;

    while (t && t[n].name) n++;
    return n;
}

static const struct param *all_params(const struct learner *l, struct arena *a)
{
    size_t own = length(l->params), n = 0;
    struct param *all = arena_array(a, own + length(model_general_params) + 1, struct param);

    while (n < own) {
        all[n] = l->params[n];
        n++;
    }
    if (l->tasks & (TASK_BINARY | TASK_MULTICLASS))
        for (const struct param *p = model_general_params; p->name; p++)
            if (own == 0 || !param_find(l->params, p->name)) all[n++] = *p;
    all[n] = (struct param){ 0 };
    return all;
}

static struct val *without(struct arena *a, const struct val *in, const char *const *names)
{
    struct val *out = val_obj(a);

    for (size_t i = 0; i < val_len(in); i++) {
        bool skip = false;
        for (const char *const *n = names; *n; n++) skip |= str_eq(val_key(in, i), *n);
        if (!skip) val_set(out, val_key(in, i), val_copy(a, val_at(in, i)));
    }
    return out;
}

const struct val *model_params_uncalibrated(struct arena *a, const struct val *params)
{
    static const char *const names[] = { "calibrate", "calibrate_folds", NULL };

    return without(a, params, names);
}

int model_bind_params(const struct learner *l, struct arena *a, const struct val *in,
                      struct val **ret, struct err *e)
{
    static const char *const calibrate[] = { "calibrate", NULL };
    struct val *bound = NULL;
    int r = param_bind_val(all_params(l, a), a, in, &bound, e);

    if (r == 0) r = class_weight_check(val_get_str(bound, "class_weight", NULL), e);
    if (r < 0) return r;
    bool none = str_eq(val_get_str(bound, "calibrate", NULL), "none");
    *ret = none ? without(a, bound, calibrate) : bound;
    return 0;
}
