/* net_train.c: see net_train.h.
 *
 *   batch -> groups of rows -> forwards -> gradient of each group ---+
 *     weights <- Adam <- sum of the groups' gradients, in order <----+
 *
 * A batch is cut into at most GROUPS groups by its size alone. A group is one task, and so is a
 * piece of the weights in Adam's step, so the bytes do not depend on the number of threads.
 * Where a norm needs the statistics of the whole batch, the groups meet in between. After each
 * epoch the weights, norms folded in, go into the net that predicts; that one is measured on the
 * validation rows, and is the result. */
#include "engine/learn/net_train.h"

#include "base/mem.h"
#include "base/rng.h"
#include "engine/learn/net_back.h"
#include "engine/pool.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS       8
#define PIECE        8192 /* weights of a task of Adam */
#define ADAM_BETA1   0.9
#define ADAM_BETA2   0.999
#define NET_CLASSES  1000 /* TARGET_MAX_CLASSES */
#define STREAM_ORDER ((uint64_t)1 << 32)
#define STREAM_STEP  ((uint64_t)2 << 32)

void net_recipe_read(const struct val *params, struct net_recipe *ret)
{
    const char *schedule = val_get_str(params, "schedule", "cosine");

    *ret = (struct net_recipe){
        .epochs = (size_t)val_get_int(params, "epochs", 10),
        .batch = (size_t)val_get_int(params, "batch_size", 64),
        .rate = val_get_real(params, "learning_rate", 0.002),
        .cosine = strcmp(schedule, "cosine") == 0,
        .decay = val_get_real(params, "weight_decay", 0.0001),
        .patience = (size_t)val_get_int(params, "early_stopping_rounds", 0),
    };
}

enum net_op net_activation(const struct val *params)
{
    return strcmp(val_get_str(params, "activation", "relu"), "tanh") == 0 ? NET_TANH : NET_RELU;
}

/* What one task of Adam changes. */
struct piece {
    size_t layer, at, n; /* floats [at, at + n) of the parameters */
    size_t from, to;     /* rows of the layer's weights; equal: none to turn */
};

struct fitting {
    const struct engine *en;
    const struct fit_input *in;
    const struct net_recipe *recipe;
    struct net *net;  /* in training */
    struct net *eval; /* as it predicts; the result */
    struct net_train t;
    struct net_group group[GROUPS];
    void *memory[GROUPS];
    size_t groups, group_rows; /* of the present batch; room in a group */
    float *moment;             /* Adam's two, each like params */
    struct piece *pieces;
    size_t n_pieces, step, steps;
    uint32_t *order;
    double *rest_loss; /* validation loss of each block */
    float *best;
    double mean_weight;
    size_t from, to; /* layers of the present section */
    const uint32_t *rows;
};

static const struct net_plan *plan_of(const struct fitting *f)
{
    return &f->net->plan;
}

static bool is_weighted(const struct net_layer *l)
{
    return l->op == NET_DENSE || l->op == NET_CONV;
}

/* ---- memory -------------------------------------------------------------------------- */

/* Hands out parts of one allocation; the first round only counts. */
struct carve {
    char *p;
    size_t n;
};

static void *cut(struct carve *c, size_t n, size_t size)
{
    void *at = c->p ? c->p + c->n : NULL;

    c->n += (n * size + 63) / 64 * 64;
    return at;
}

static void carve_group(const struct fitting *f, struct carve *c, struct net_group *g)
{
    const struct net_plan *p = plan_of(f);
    size_t rows = f->group_rows, widest = 0;

    g->act[0] = cut(c, rows * net_size(&p->input), sizeof(float));
    for (size_t i = 0; i < p->n; i++) {
        const struct net_layer *l = &p->layer[i];
        size_t n = rows * net_size(&l->out);
        g->act[i + 1] = l->op == NET_RELU ? g->act[i] : cut(c, n, sizeof(float));
        if (l->op == NET_DROPOUT) g->mask[i] = cut(c, n, 1);
        if (l->op == NET_NORM) g->sum[i] = cut(c, 2 * l->in.stride, sizeof(double));
        if (n > widest) widest = n;
    }
    g->delta = cut(c, widest, sizeof(float));
    g->other = cut(c, widest, sizeof(float));
    g->border = cut(c, net_border(p), sizeof(float));
    g->wide = cut(c, net_wide(p), sizeof(float));
    g->grad = cut(c, p->n_params, sizeof(float));
}

static bool make_group(struct fitting *f, size_t i)
{
    struct carve c = { NULL, 0 };

    carve_group(f, &c, &f->group[i]);
    c.p = f->memory[i] = mem_try_aligned(c.n, 1);
    if (!c.p) return false;
    memset(c.p, 0, c.n);
    c.n = 0;
    carve_group(f, &c, &f->group[i]);
    return true;
}

static void add_piece(struct fitting *f, struct piece p)
{
    f->pieces[f->n_pieces++] = p;
}

static void add_pieces(struct fitting *f, size_t layer)
{
    const struct net_layer *l = &plan_of(f)->layer[layer];
    size_t n = l->out.stride, many = PIECE / n ? PIECE / n : 1;

    if (l->op == NET_NORM) add_piece(f, (struct piece){ layer, l->weights, n, 0, 0 });
    else if (!is_weighted(l)) return;
    for (size_t from = 0; from < l->rows; from += many) {
        size_t to = from + many < l->rows ? from + many : l->rows;
        add_piece(f, (struct piece){ layer, l->weights + from * n, (to - from) * n, from, to });
    }
    add_piece(f, (struct piece){ layer, l->bias, n, 0, 0 });
}

static size_t groups_of(size_t batch)
{
    size_t n = (batch + NET_BLOCK - 1) / NET_BLOCK;

    return n > GROUPS ? GROUPS : n;
}

static bool make_rest(struct fitting *f)
{
    size_t n = plan_of(f)->n_params, valid = f->in->valid.n;
    size_t most = n / PIECE + 3 * NET_LAYERS + 2;

    for (size_t i = 0; i < plan_of(f)->n; i++) most += plan_of(f)->layer[i].rows;
    f->moment = mem_try_aligned(2 * n, sizeof(float));
    f->pieces = mem_try(most, sizeof *f->pieces);
    f->order = mem_try(f->in->train.n, sizeof *f->order);
    f->rest_loss = mem_try(valid / NET_BLOCK + 1, sizeof *f->rest_loss);
    if (f->recipe->patience && valid) f->best = mem_try(f->eval->plan.n_params, sizeof *f->best);
    if (!f->moment || !f->pieces || !f->order || !f->rest_loss) return false;
    if (f->recipe->patience && valid && !f->best) return false;
    memset(f->moment, 0, 2 * n * sizeof(float));
    return true;
}

static int make(struct fitting *f, const struct net_plan *plan, struct err *e)
{
    size_t outputs = f->in->task == TASK_MULTICLASS ? (size_t)f->in->n_classes : 1;
    size_t batch = f->recipe->batch < f->in->train.n ? f->recipe->batch : f->in->train.n;
    struct net_plan bare;
    bool ok;

    net_plan_strip(plan, &bare);
    f->net = net_new(plan, f->in->task, outputs);
    f->eval = net_new(&bare, f->in->task, outputs);
    ok = f->net && f->eval;
    f->t.net = f->net;
    f->t.kernels = kernels_best();
    f->groups = groups_of(batch);
    f->group_rows = (batch + f->groups - 1) / f->groups;
    for (size_t i = 0; ok && i < f->groups; i++) ok = make_group(f, i);
    if (ok) ok = net_train_make(&f->t) && make_rest(f);
    for (size_t i = 0; ok && i < plan->n; i++) add_pieces(f, i);
    return ok ? 0 : err_set(e, ERR_NOMEM, "no memory to train %zu weights", plan->n_params);
}

static void unmake(struct fitting *f)
{
    for (size_t i = 0; i < GROUPS; i++) free(f->memory[i]);
    net_train_done(&f->t);
    free(f->moment);
    free(f->pieces);
    free(f->order);
    free(f->rest_loss);
    free(f->best);
    net_free(f->net);
    net_free(f->eval);
}

/* ---- start --------------------------------------------------------------------------- */

/* Normal numbers that keep the size of what passes (He et al. 2015; Glorot and Bengio 2010 for
 * tanh and the last layer); 0 where there is no channel. */
static void start_weights(struct fitting *f, size_t layer)
{
    const struct net_layer *l = &plan_of(f)->layer[layer];
    double fan = (double)(l->rows / l->in.stride * l->in.c);
    bool relu = layer + 1 < plan_of(f)->n && net_activation(f->in->params) == NET_RELU;
    double size = sqrt((relu ? 2 : 1) / fan);
    float *w = f->net->params + l->weights;
    struct rng rng;

    rng_stream(&rng, f->en->seed, layer);
    for (size_t i = 0; i < l->rows; i++, w += l->out.stride)
        for (size_t c = 0; i % l->in.stride < l->in.c && c < l->out.c; c++)
            w[c] = (float)(size * rng_normal(&rng));
    net_turn(&f->t, layer, 0, l->rows);
}

static double weight_of(const struct fitting *f, size_t row)
{
    return f->in->w ? f->in->w[row] : 1;
}

static void start_target(struct fitting *f)
{
    double weight = 0, sum = 0, squares = 0;
    size_t n = f->in->train.n;

    for (size_t i = 0; i < n; i++) {
        weight += weight_of(f, i);
        sum += weight_of(f, i) * f->in->y[i];
    }
    f->mean_weight = weight / (double)n;
    if (f->in->task != TASK_REGRESSION) return;
    f->eval->mean = sum / weight;
    for (size_t i = 0; i < n; i++)
        squares += weight_of(f, i) * (f->in->y[i] - f->eval->mean) * (f->in->y[i] - f->eval->mean);
    f->eval->scale = sqrt(squares / weight);
    if (!(f->eval->scale > 0)) f->eval->scale = 1;
    f->net->mean = f->eval->mean;
    f->net->scale = f->eval->scale;
}

static void start(struct fitting *f)
{
    for (size_t i = 0; i < plan_of(f)->n; i++) {
        const struct net_layer *l = &plan_of(f)->layer[i];
        if (is_weighted(l)) start_weights(f, i);
        if (l->op != NET_NORM) continue;
        for (size_t c = 0; c < l->in.c; c++) f->net->params[l->weights + c] = 1;
    }
    for (size_t i = 0; i < f->in->train.n; i++) f->order[i] = (uint32_t)i;
    start_target(f);
}

/* ---- a batch ------------------------------------------------------------------------- */

static size_t clamped(ptrdiff_t v, size_t n)
{
    return v < 0 ? 0 : v >= (ptrdiff_t)n ? n - 1 : (size_t)v;
}

/* The image moved by dx, dy pixels; what comes in repeats the edge. */
static void moved(const struct net_shape *s, const float *x, ptrdiff_t dx, ptrdiff_t dy, float *to)
{
    size_t pixel = s->c;

    for (size_t y = 0; y < s->h; y++) {
        const float *line = x + clamped((ptrdiff_t)y - dy, s->h) * s->w * pixel;
        for (size_t i = 0; i < s->w; i++, to += pixel)
            memcpy(to, line + clamped((ptrdiff_t)i - dx, s->w) * pixel, pixel * sizeof *to);
    }
}

static void load_rows(const struct fitting *f, struct net_group *g, const uint32_t *rows)
{
    const struct net_shape *s = &plan_of(f)->input;
    size_t d = net_size(s), shift = f->recipe->shift;
    struct rng rng;

    rng_stream(&rng, g->seed, NET_LAYERS);
    for (size_t r = 0; r < g->rows; r++) {
        const float *x = f->in->train_f + rows[r] * d;
        float *to = g->act[0] + r * d;
        if (shift) {
            ptrdiff_t dx = (ptrdiff_t)rng_below(&rng, 2 * shift + 1) - (ptrdiff_t)shift;
            ptrdiff_t dy = (ptrdiff_t)rng_below(&rng, 2 * shift + 1) - (ptrdiff_t)shift;
            moved(s, x, dx, dy, to);
        } else {
            memcpy(to, x, d * sizeof *to);
        }
    }
}

/* Loss of a row, in units of the standardised target; z: scores, becomes the gradient. */
static double row_loss(const struct net *net, float *z, double y)
{
    size_t k = net->outputs;
    double sum = 0, loss;
    float top = z[0];

    if (net->task == TASK_REGRESSION) {
        double miss = (double)z[0] - (y - net->mean) / net->scale;
        z[0] = (float)miss;
        return miss * miss;
    }
    if (net->task == TASK_BINARY) {
        double s = (double)z[0], t = exp(-fabs(s));
        loss = (y > 0.5 ? fmax(-s, 0) : fmax(s, 0)) + log1p(t);
        z[0] = (float)((s >= 0 ? 1 : t) / (1 + t) - y);
        return loss;
    }
    for (size_t c = 1; c < k; c++)
        if (z[c] > top) top = z[c];
    loss = (double)(top - z[(size_t)y]);
    for (size_t c = 0; c < k; c++) {
        z[c] = expf(z[c] - top);
        sum += (double)z[c];
    }
    for (size_t c = 0; c < k; c++) z[c] = (float)((double)z[c] / sum);
    z[(size_t)y] -= 1;
    return loss + log(sum);
}

static void measure_group(const struct fitting *f, struct net_group *g, const uint32_t *rows)
{
    const struct net_plan *p = plan_of(f);
    size_t stride = p->layer[p->n - 1].out.stride;

    memcpy(g->delta, g->act[p->n], g->rows * stride * sizeof(float));
    for (size_t r = 0; r < g->rows; r++) {
        double w = weight_of(f, rows[r]);
        float *z = g->delta + r * stride;
        g->loss += w * row_loss(f->net, z, f->in->y[rows[r]]);
        g->weight += w;
        for (size_t c = 0; f->in->w && c < stride; c++) z[c] *= (float)(w / f->mean_weight);
    }
}

/* Rows of a batch before group i. */
static size_t group_start(const struct fitting *f, size_t i)
{
    return i * f->group_rows;
}

/* Forwards through layers [f->from, f->to); then either the first half of a norm, or back down
 * to the norm before, or to the input. */
static void section_forward(void *arg, size_t i, int thread)
{
    struct fitting *f = arg;
    struct net_group *g = &f->group[i];
    const uint32_t *rows = f->rows + group_start(f, i);

    (void)thread;
    if (f->from == 0) load_rows(f, g, rows);
    net_forward(&f->t, g, f->from, f->to);
    if (f->to < plan_of(f)->n) net_norm_sums(&f->t, g, f->to);
    else measure_group(f, g, rows);
}

/* Backwards through layers f->from - 1 … f->to; a norm is first done in halves. */
static void section_back(void *arg, size_t i, int thread)
{
    struct fitting *f = arg;
    struct net_group *g = &f->group[i];

    (void)thread;
    for (size_t k = f->from; k-- > f->to;) net_back(&f->t, g, k);
    if (f->to > 0 && plan_of(f)->layer[f->to - 1].op == NET_NORM)
        net_norm_back_sums(&f->t, g, f->to - 1);
}

static size_t next_norm(const struct net_plan *p, size_t from)
{
    while (from < p->n && p->layer[from].op != NET_NORM) from++;
    return from;
}

static size_t norm_before(const struct net_plan *p, size_t end)
{
    while (end > 0 && p->layer[end - 1].op != NET_NORM) end--;
    return end;
}

static void gradients(struct fitting *f)
{
    const struct net_plan *p = plan_of(f);

    for (f->from = 0;; f->from = f->to) {
        f->to = next_norm(p, f->from + (f->from > 0));
        pool_run(f->en->pool, f->groups, section_forward, f);
        if (f->to == p->n) break;
        net_norm_meet(&f->t, f->group, f->groups, f->to);
    }
    for (f->from = p->n; f->from > 0; f->from = f->to) {
        f->to = norm_before(p, f->from - (f->from < p->n));
        pool_run(f->en->pool, f->groups, section_back, f);
        if (f->to > 0) net_norm_back_meet(&f->t, f->group, f->groups, f->to - 1);
    }
}

/* ---- Adam ---------------------------------------------------------------------------- */

static double rate_now(const struct fitting *f)
{
    double share = (double)f->step / (double)f->steps;

    return f->recipe->rate * (f->recipe->cosine ? 0.5 * (1 + cos(M_PI * share)) : 1);
}

static void adam_piece(void *arg, size_t i, int thread)
{
    const struct fitting *f = arg;
    const struct piece *p = &f->pieces[i];
    size_t n = plan_of(f)->n_params, rows = 0;
    double rate = rate_now(f), t = (double)f->step + 1;

    (void)thread;
    for (size_t k = 0; k < f->groups; k++) rows += f->group[k].rows;
    const float *parts[GROUPS];
    for (size_t k = 0; k < f->groups; k++) parts[k] = f->group[k].grad + p->at;
    f->t.kernels->adam(&(struct kernel_adam){
        .w = f->net->params + p->at,
        .m = f->moment + p->at,
        .v = f->moment + n + p->at,
        .grad = parts,
        .parts = f->groups,
        .n = p->n,
        .scale = 1 / (float)rows,
        .rate = (float)rate,
        .beta1 = (float)ADAM_BETA1,
        .beta2 = (float)ADAM_BETA2,
        .epsilon = 1e-8f,
        .decay = p->from < p->to ? (float)(rate * f->recipe->decay) : 0,
        .fix1 = (float)(1 / (1 - pow(ADAM_BETA1, t))),
        .fix2 = (float)(1 / (1 - pow(ADAM_BETA2, t))),
    });
    net_turn(&f->t, p->layer, p->from, p->to);
}

static void step(struct fitting *f, size_t from, size_t rows, double *loss, double *weight)
{
    f->rows = f->order + from;
    f->groups = (rows + f->group_rows - 1) / f->group_rows;
    for (size_t i = 0; i < f->groups; i++) {
        struct net_group *g = &f->group[i];
        size_t left = rows - group_start(f, i);
        g->rows = left < f->group_rows ? left : f->group_rows;
        g->seed = rng_mix(f->en->seed ^ rng_mix(STREAM_STEP + f->step * GROUPS + i));
        g->loss = g->weight = 0;
    }
    gradients(f);
    pool_run(f->en->pool, f->n_pieces, adam_piece, f);
    for (size_t i = 0; i < f->groups; i++) {
        *loss += f->group[i].loss;
        *weight += f->group[i].weight;
    }
    f->step++;
}

/* ---- an epoch ------------------------------------------------------------------------ */

/* Weights of a layer of the net that predicts; norm: the one behind it in training, or NULL. */
static void fold_layer(const struct fitting *f, size_t layer, size_t to)
{
    const struct net_plan *p = plan_of(f);
    const struct net_layer *l = &p->layer[layer], *norm = NULL;
    size_t n = l->out.stride;
    float *w = f->eval->params + f->eval->plan.layer[to].weights;
    float *b = f->eval->params + f->eval->plan.layer[to].bias;

    memcpy(w, f->net->params + l->weights, l->rows * n * sizeof *w);
    memcpy(b, f->net->params + l->bias, n * sizeof *b);
    if (layer + 1 < p->n && l[1].op == NET_NORM) norm = &l[1];
    for (size_t c = 0; norm && c < n; c++) {
        double factor = (double)f->net->params[norm->weights + c] /
                        sqrt(f->t.norm[layer + 1].all_var[c] + NET_NORM_EPSILON);
        for (size_t i = 0; i < l->rows; i++) w[i * n + c] = (float)((double)w[i * n + c] * factor);
        b[c] = (float)(((double)b[c] - f->t.norm[layer + 1].all_mean[c]) * factor +
                       (double)f->net->params[norm->bias + c]);
    }
}

static void fold(struct fitting *f)
{
    size_t to = 0;

    for (size_t i = 0; i < plan_of(f)->n; i++) {
        enum net_op op = plan_of(f)->layer[i].op;
        if (op == NET_NORM || op == NET_DROPOUT) continue;
        if (is_weighted(&plan_of(f)->layer[i])) fold_layer(f, i, to);
        to++;
    }
}

/* Every GROUPS-th block of the validation rows. Without memory the loss is not known. */
static void measure_share(void *arg, size_t task, int thread)
{
    struct fitting *f = arg;
    const struct matrix *v = &f->in->valid;
    size_t blocks = (v->n + NET_BLOCK - 1) / NET_BLOCK, stride;
    size_t d = net_size(&plan_of(f)->input);
    float *work = mem_try(net_work(&f->eval->plan, NET_BLOCK), sizeof *work);
    struct net_pass p = { .net = f->eval, .kernels = f->t.kernels };

    (void)thread;
    stride = f->eval->plan.layer[f->eval->plan.n - 1].out.stride;
    for (size_t b = task; b < blocks; b += GROUPS) {
        size_t from = b * NET_BLOCK;
        f->rest_loss[b] = (double)NAN;
        if (!work) continue;
        p.rows = v->n - from < NET_BLOCK ? v->n - from : NET_BLOCK;
        const float *z = net_run(&p, f->in->valid_f + from * d, work);
        f->rest_loss[b] = 0;
        for (size_t r = 0; r < p.rows; r++) {
            float own[NET_CLASSES];
            memcpy(own, z + r * stride, f->eval->outputs * sizeof *own);
            f->rest_loss[b] += row_loss(f->eval, own, f->in->y_valid[from + r]);
        }
    }
    free(work);
}

static double loss_shown(const struct fitting *f, double mean)
{
    return f->in->task == TASK_REGRESSION ? sqrt(mean) * f->eval->scale : mean;
}

static double valid_loss(struct fitting *f)
{
    size_t blocks = (f->in->valid.n + NET_BLOCK - 1) / NET_BLOCK;
    double sum = 0;

    if (!f->in->valid.n) return (double)NAN;
    pool_run(f->en->pool, GROUPS, measure_share, f);
    for (size_t b = 0; b < blocks; b++) sum += f->rest_loss[b];
    return loss_shown(f, sum / (double)f->in->valid.n);
}

static int epoch(struct fitting *f, size_t number, double *ret_loss, struct err *e)
{
    size_t n = f->in->train.n, batch = f->recipe->batch;
    double loss = 0, weight = 0;
    struct rng rng;

    rng_stream(&rng, f->en->seed, STREAM_ORDER + number);
    rng_shuffle(&rng, f->order, n);
    for (size_t from = 0; from < n; from += batch) {
        if (engine_cancelled(f->en)) return err_set(e, ERR_CANCELLED, "training was cancelled");
        step(f, from, n - from < batch ? n - from : batch, &loss, &weight);
    }
    *ret_loss = loss_shown(f, loss / weight);
    return 0;
}

static int run(struct fitting *f, struct err *e)
{
    size_t n = f->in->train.n, best_epoch = 0, size = f->eval->plan.n_params * sizeof(float);
    double best = HUGE_VAL, loss = 0;

    f->steps = f->recipe->epochs * ((n + f->recipe->batch - 1) / f->recipe->batch);
    for (size_t i = 1; i <= f->recipe->epochs; i++) {
        int r = epoch(f, i, &loss, e);
        if (r < 0) return r;
        fold(f);
        double valid = valid_loss(f);
        engine_progress(f->en, &(struct engine_progress){
                                   .what = "epoch",
                                   .done = i,
                                   .total = f->recipe->epochs,
                                   .metric = f->in->task == TASK_REGRESSION ? "rmse" : "log_loss",
                                   .train = loss,
                                   .valid = valid });
        if (!f->best) continue;
        if (valid < best) {
            best = valid;
            best_epoch = i;
            memcpy(f->best, f->eval->params, size);
        } else if (i - best_epoch >= f->recipe->patience) {
            break;
        }
    }
    if (!f->best || !best_epoch) return 0;
    memcpy(f->eval->params, f->best, size);
    engine_note(f->en, "kept the weights of epoch %zu", best_epoch);
    return 0;
}

static bool is_finite(const struct net *net)
{
    for (size_t i = 0; i < net->plan.n_params; i++)
        if (!isfinite(net->params[i])) return false;
    return true;
}

static int diverged(struct err *e)
{
    err_set(e, ERR_INVALID, "the weights grew beyond all bounds");
    return err_hint(e, "lower learning_rate, or scale the columns");
}

int net_fit(const struct engine *en, const struct fit_input *in, const struct net_plan *plan,
            const struct net_recipe *recipe, void **ret, struct err *e)
{
    struct fitting f = { .en = en, .in = in, .recipe = recipe };
    struct net_plan whole = *plan;
    size_t outputs = in->task == TASK_MULTICLASS ? (size_t)in->n_classes : 1;
    const char *why = net_plan_add(&whole, &(struct net_layer){ .op = NET_DENSE }, outputs);
    int r = why ? err_set(e, ERR_INVALID, "the last layer: %s", why) : make(&f, &whole, e);

    if (r == 0) {
        start(&f);
        r = run(&f, e);
    }
    if (r == 0 && !is_finite(f.eval)) r = diverged(e);
    if (r == 0) {
        *ret = f.eval;
        f.eval = NULL;
    }
    unmake(&f);
    return r;
}
