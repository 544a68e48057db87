/* explain.c: the verb that shows what a model looks at: its columns by importance, as the
 * learner itself measured it in training (gain of splits, size of standardised coefficients). */
#include "app/modelref.h"
#include "app/verb.h"
#include "base/mem.h"

#include <stdlib.h>

struct ranked {
    const char *name;
    double gain;
    size_t at;
};

static int by_gain(const void *pa, const void *pb)
{
    const struct ranked *a = pa, *b = pb;

    if (a->gain != b->gain) return a->gain > b->gain ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}

static void put_importance(struct reply *r, const struct model *m)
{
    size_t n = model_features(m);
    double *gain = mem_zalloc(n, sizeof *gain);
    struct ranked *all = mem_zalloc(n, sizeof *all);
    struct val *list = val_set_list(r->v, "importance");

    model_importance(m, gain);
    for (size_t i = 0; i < n; i++)
        all[i] = (struct ranked){ model_feature(m, i, NULL), gain[i], i };
    qsort(all, n, sizeof *all, by_gain);
    for (size_t i = 0; i < n; i++) {
        struct val *o = val_push_obj(list);
        val_set_str(o, "feature", all[i].name);
        val_set_real(o, "gain", all[i].gain);
    }
    free(gain);
    free(all);
}

int verb_explain(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    static const struct reply_column columns[] = {
        { "feature", "feature", NULL },
        { "gain", "gain", "percent" },
        { NULL, NULL, NULL },
    };
    struct modelref ref;
    struct model *m;
    int rc = modelref_open(app, &r->arena, val_get_str(args, "model", ""), &ref, &m, e);

    if (rc) return rc;
    r->v = val_obj(&r->arena);
    val_set_str(r->v, "model", ref.uri);
    val_set_str(r->v, "algorithm", model_algorithm(m));
    val_set_str(r->v, "target", model_target(m));
    put_importance(r, m);
    reply_table(r, "importance", columns);
    model_free(m);
    return 0;
}
