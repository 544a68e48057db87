/* composite_plan.c: see composite_plan.h. */
#include "engine/model/composite_plan.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define CLASSES_MEMBERS "gbdt,forest,logistic"
#define NUMBERS_MEMBERS "gbdt,forest,linear"
#define COMBINER        "combiner"

static int member_named(const char *name, const char *what, const struct learner **ret,
                        struct err *e)
{
    STR_AUTO known = STR_INIT;

    *ret = learner_find(name);
    if (*ret && !(*ret)->composite) return 0;
    if (*ret) return err_set(e, ERR_INVALID, "%s: %s cannot be part of another model", what, name);
    for (const struct learner *const *l = learners; *l; l++)
        if (!(*l)->composite) str_addf(&known, "%s%s", known.len ? ", " : "", (*l)->name);
    err_set(e, ERR_INVALID, "%s: there is no algorithm '%s'", what, name);
    return err_hint(e, "there are %s", str_c(&known));
}

static int read_members(const char *text, struct composite_plan *p, struct err *e)
{
    for (p->n = 0; *text; p->n++) {
        char name[64];
        size_t len = strcspn(text, ",");
        if (p->n == COMPOSITE_MEMBERS)
            return err_set(e, ERR_INVALID, "members: %d are possible", COMPOSITE_MEMBERS);
        if (len >= sizeof name) return err_set(e, ERR_INVALID, "members: '%.60s…' is none", text);
        memcpy(name, text, len);
        name[len] = '\0';
        int r = member_named(name, "members", &p->member[p->n], e);
        if (r < 0) return r;
        for (size_t i = 0; i < p->n; i++)
            if (p->member[i] == p->member[p->n])
                return err_set(e, ERR_INVALID, "members: %s is there twice", name);
        text += len + (text[len] == ',');
    }
    return p->n ? 0 : err_set(e, ERR_INVALID, "members: there are none");
}

static int bad_weights(const struct composite_plan *p, struct err *e)
{
    err_set(e, ERR_INVALID, "weights: as many numbers as members (%zu), not all 0, are needed",
            p->n);
    return err_hint(e, "for instance members=gbdt,forest and weights=2,1");
}

static int read_weights(const char *text, struct composite_plan *p, struct err *e)
{
    double sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++) p->weight[i] = 1.0 / (double)p->n;
    if (!text) return 0;
    while (*text) {
        char number[64];
        size_t len = strcspn(text, ",");
        if (n == p->n || len >= sizeof number) return bad_weights(p, e);
        memcpy(number, text, len);
        number[len] = '\0';
        if (!str_to_real(number, &p->weight[n]) || !(p->weight[n] >= 0 && p->weight[n] < 1e9))
            return bad_weights(p, e);
        sum += p->weight[n++];
        text += len + (text[len] == ',');
    }
    if (n != p->n || !(sum > 0)) return bad_weights(p, e);
    for (size_t i = 0; i < n; i++) p->weight[i] /= sum;
    return 0;
}

int composite_check(const struct learner *l, const struct val *own, struct err *e)
{
    const char *members = val_get_str(own, "members", NULL);
    const char *weights = val_get_str(own, "weights", NULL);
    const char *combiner = val_get_str(own, COMBINER, NULL);
    struct composite_plan p = { .n = 3 }; /* as many as the default has */
    int r = members ? read_members(members, &p, e) : 0;

    if (r == 0) r = read_weights(weights, &p, e);
    if (r == 0 && l->combines && combiner) r = member_named(combiner, COMBINER, &p.combiner, e);
    return r;
}

static bool is_member(const struct val *own, const char *name)
{
    const char *given = val_get_str(own, "members", NULL);
    size_t n = strlen(name);

    if (!given) given = CLASSES_MEMBERS "," NUMBERS_MEMBERS;
    for (const char *at = given; *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == n && !memcmp(at, name, n)) return true;
    return false;
}

int composite_owner(const struct learner *l, const struct val *own, const char *key,
                    const struct learner **ret, const char **ret_name, struct err *e)
{
    const char *dot = strchr(key, '.'), *combiner = val_get_str(own, COMBINER, NULL);
    char name[64];
    size_t len = dot ? (size_t)(dot - key) : 0;

    if (len == 0 || len >= sizeof name)
        return err_set(e, ERR_INVALID, "'%.60s' names no member's parameter", key);
    memcpy(name, key, len);
    name[len] = '\0';
    *ret_name = dot + 1;
    if (l->combines && str_eq(name, COMBINER)) {
        if (combiner) return member_named(combiner, COMBINER, ret, e);
        err_set(e, ERR_INVALID, "%s: which algorithm combines must be said, too", key);
        return err_hint(e, "for instance combiner=logistic");
    }
    if (is_member(own, name)) return member_named(name, "members", ret, e);
    err_set(e, ERR_INVALID, "%s: %s is no member", key, name);
    return err_hint(e, "members=… names the members");
}

/* The parameters that begin with the name and a dot, without both. A weight of classes that is
 * said of the whole is one of each part. */
static const struct val *params_of(struct arena *a, const struct val *params, const char *name)
{
    struct val *own = val_obj(a);
    const char *classes = val_get_str(params, "class_weight", NULL);
    size_t n = strlen(name);

    if (classes) val_set_str(own, "class_weight", classes);
    for (size_t i = 0; i < val_len(params); i++) {
        const char *key = val_key(params, i);
        if (str_starts(key, name) && key[n] == '.')
            val_set(own, key + n + 1, val_copy(a, val_at(params, i)));
    }
    return own;
}

static int check_task(const struct learner *l, enum task task, struct err *e)
{
    if (l->tasks & (unsigned)task) return 0;
    return err_set(e, ERR_INVALID, "%s does not do %s", l->name, task_name(task));
}

int composite_plan_read(const struct learner *l, struct arena *a, const struct val *params,
                        enum task task, struct composite_plan *ret, struct err *e)
{
    bool numbers = task == TASK_REGRESSION;
    const char *members = numbers ? NUMBERS_MEMBERS : CLASSES_MEMBERS;
    const char *combiner = numbers ? "linear" : "logistic";
    struct composite_plan p = { .folds = (int)val_get_int(params, "folds", 5),
                                .passthrough = val_get_bool(params, "passthrough", false) };
    int r = read_members(val_get_str(params, "members", members), &p, e);

    if (r == 0) r = read_weights(val_get_str(params, "weights", NULL), &p, e);
    for (size_t i = 0; i < p.n && r == 0; i++) {
        p.params[i] = params_of(a, params, p.member[i]->name);
        r = check_task(p.member[i], task, e);
    }
    if (r == 0 && l->combines) {
        r = member_named(val_get_str(params, COMBINER, combiner), COMBINER, &p.combiner, e);
        if (r == 0) r = check_task(p.combiner, task, e);
        p.combiner_params = params_of(a, params, COMBINER);
    }
    if (r == 0) *ret = p;
    return r;
}
