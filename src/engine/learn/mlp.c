/* mlp.c: the learner `mlp`: layers of units, each seeing all of the layer before. See net.h.
 *
 * Its columns are scaled one by one, or, where they are the pixels of images, all alike (param
 * input): border pixels that are hardly ever set would otherwise shout. */
#include "base/mem.h"
#include "base/str.h"
#include "engine/learn/net_train.h"

#include <stdlib.h>
#include <string.h>

static const struct param params[] = {
    { "hidden", PARAM_STR, 0, "128,64", 0, 0, NULL, "units of the hidden layers, first to last" },
    { "dropout", PARAM_REAL, 0, "0", 0, 0.95, NULL, "share of hidden units left out a step" },
    INPUT_PARAM,
    NET_PARAMS,
    { 0 },
};

/* "128,64" as "dense:128,dropout:0.2,dense:64,dropout:0.2". */
static int layers_of(const struct val *v, struct str *out, struct err *e)
{
    const char *s = val_get_str(v, "hidden", "");
    double dropout = val_get_real(v, "dropout", 0);

    while (*s) {
        char *end;
        long units = strtol(s, &end, 10);
        if (*s < '0' || *s > '9' || units < 1 || units > NET_MAX_UNITS || (*end && *end != ',')) {
            err_set(e, ERR_INVALID, "hidden: '%.60s' is no list of units", s);
            return err_hint(e, "for example hidden=128,64; an empty text is a net without any");
        }
        str_addf(out, "%sdense:%ld", out->len ? "," : "", units);
        if (dropout > 0) str_addf(out, ",dropout:%g", dropout);
        s = *end ? end + 1 : end;
    }
    return 0;
}

static int fit(const struct engine *en, const struct fit_input *in, void **ret, struct err *e)
{
    STR_AUTO text = STR_INIT;
    struct net_recipe recipe;
    struct net_plan plan;
    int r = layers_of(in->params, &text, e);

    net_recipe_read(in->params, &recipe);
    net_plan_init(&plan, 1, 1, in->train.d);
    if (r == 0) r = net_plan_parse(&plan, str_c(&text), net_activation(in->params), e);
    return r < 0 ? r : net_fit(en, in, &plan, &recipe, ret, e);
}

extern const struct learner learner_mlp;
const struct learner learner_mlp = {
    .name = "mlp",
    .title = "multi-layer perceptron",
    .tasks = TASK_BINARY | TASK_MULTICLASS | TASK_REGRESSION,
    .encoding = ENC_DENSE,
    .encoding_of = input_encoding,
    .params = params,
    .fit = fit,
    .to_dense = net_to_dense,
    NET_MODEL,
};
