/* cnn.c: the learner `cnn`: convolution, pooling and dense layers over images. See net.h.
 *
 * The columns are pixels, line by line from the top, channels of a pixel side by side. All are
 * kept and all are scaled alike, so that the image stays one. */
#include "base/mem.h"
#include "base/str.h"
#include "engine/learn/net_train.h"

#include <math.h>

static const struct param params[] = {
    { "layers", PARAM_STR, 0, "conv:8:5,pool:2,conv:16:5,pool:2,dense:120,dense:84", 0, 0, NULL,
      "conv:CHANNELS:SIDE[:same], pool:SIDE, dense:UNITS, bn and dropout:RATE, first to last" },
    { "width", PARAM_INT, 0, "0", 0, 65536, NULL, "pixels of a line; 0: images are square" },
    { "height", PARAM_INT, 0, "0", 0, 65536, NULL, "lines; 0: what the columns give" },
    { "channels", PARAM_INT, 0, "1", 1, 65536, NULL, "values of a pixel, side by side" },
    { "shift", PARAM_INT, 0, "0", 0, 64, NULL,
      "move training images by up to so many pixels each way, anew each epoch" },
    NET_PARAMS,
    { 0 },
};

static int wrong_size(size_t d, const size_t s[3], struct err *e)
{
    if (s[0] || s[1])
        err_set(e, ERR_INVALID, "images of %zu x %zu with %zu channels are not %zu columns", s[0],
                s[1], s[2], d);
    else err_set(e, ERR_INVALID, "%zu columns are no square image with %zu channels", d, s[2]);
    return err_hint(e, "set width, height and channels, and --drop columns that are no pixels");
}

/* Height, width and channels. */
static int image_size(const struct val *v, size_t d, size_t s[3], struct err *e)
{
    size_t pixels;

    s[0] = (size_t)val_get_int(v, "height", 0);
    s[1] = (size_t)val_get_int(v, "width", 0);
    s[2] = (size_t)val_get_int(v, "channels", 1);
    pixels = d / s[2];
    size_t given[3] = { s[0], s[1], s[2] };
    if (!s[0] && !s[1]) s[0] = s[1] = (size_t)lround(sqrt((double)pixels));
    else if (!s[0]) s[0] = pixels / s[1];
    else if (!s[1]) s[1] = pixels / s[0];
    return s[0] * s[1] * s[2] == d ? 0 : wrong_size(d, given, e);
}

static int fit(const struct engine *en, const struct fit_input *in, void **ret, struct err *e)
{
    const char *layers = val_get_str(in->params, "layers", "");
    struct net_recipe recipe;
    struct net_plan plan;
    size_t s[3];
    int r = image_size(in->params, in->train.d, s, e);

    net_recipe_read(in->params, &recipe);
    recipe.shift = (size_t)val_get_int(in->params, "shift", 0);
    net_plan_init(&plan, s[0], s[1], s[2]);
    if (r == 0 && (r = net_plan_parse(&plan, layers, net_activation(in->params), e)) < 0)
        err_prefix(e, "layers");
    return r < 0 ? r : net_fit(en, in, &plan, &recipe, ret, e);
}

extern const struct learner learner_cnn;
const struct learner learner_cnn = {
    .name = "cnn",
    .title = "convolutional net",
    .tasks = TASK_BINARY | TASK_MULTICLASS | TASK_REGRESSION,
    .encoding = ENC_IMAGE,
    .params = params,
    .fit = fit,
    NET_MODEL,
};
