/* params.c: see params.h. The learner's table and the general one are put into one, so that
 * a misspelt name finds its nearest in both. */
#include "engine/model/params.h"

#include "base/str.h"
#include "engine/model/class_weight.h"
#include "engine/model/composite_plan.h"

#include <string.h>

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

/* The table of the learner itself, without what belongs to members. */
static int bind_own(const struct learner *l, struct arena *a, const struct val *in,
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

/* One parameter of a member: only what was given is kept, the member knows its defaults. */
static int bind_member(const struct learner *l, struct arena *a, const char *key,
                       const struct val *value, struct val *out, struct err *e)
{
    const struct learner *owner;
    const char *name;
    struct val *one = val_obj(a), *bound = NULL;
    int r = composite_owner(l, out, key, &owner, &name, e);

    if (r < 0) return r;
    val_set(one, name, val_copy(a, value));
    r = bind_own(owner, a, one, &bound, e);
    if (r < 0) return err_prefix(e, "%s", key);
    const struct param *p = param_find(all_params(owner, a), name);
    if (p && val_has(bound, p->name)) val_set(out, key, val_copy(a, val_get(bound, p->name)));
    return 0;
}

static int bind_composite(const struct learner *l, struct arena *a, const struct val *in,
                          struct val **ret, struct err *e)
{
    struct val *own = val_obj(a), *bound = NULL;

    for (size_t i = 0; i < val_len(in); i++)
        if (!strchr(val_key(in, i), '.')) val_set(own, val_key(in, i), val_copy(a, val_at(in, i)));
    int r = bind_own(l, a, own, &bound, e);
    if (r == 0) r = composite_check(l, bound, e);
    for (size_t i = 0; i < val_len(in) && r == 0; i++)
        if (strchr(val_key(in, i), '.'))
            r = bind_member(l, a, val_key(in, i), val_at(in, i), bound, e);
    if (r == 0) *ret = bound;
    return r;
}

int model_bind_params(const struct learner *l, struct arena *a, const struct val *in,
                      struct val **ret, struct err *e)
{
    return l->composite ? bind_composite(l, a, in, ret, e) : bind_own(l, a, in, ret, e);
}
