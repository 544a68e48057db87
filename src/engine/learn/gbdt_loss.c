/* gbdt_loss.c: from scores to gradients, and the losses of the curves. s is a score, d = s - y:
 *
 *   objective             g                          h                  curve
 *   logistic (binary)     p - y, p = 1/(1+exp(-s))   p(1-p)             log loss
 *   softmax (multiclass)  p - [y=c]                  p(1-p) k/(k-1)     log loss
 *   l2                    d                          1                  root mean d^2
 *   l1                    sign(d)                    1                  mean |d|
 *   huber                 d within alpha, else       1                  mean Huber loss
 *                         alpha sign(d)
 *   quantile              1 - alpha or -alpha        1                  mean pinball loss
 *   poisson               exp(s) - y                 exp(s + 0.7)       mean deviance
 *
 * Each times the row's weight. The training curve falls out of the gradient pass. Tasks are blocks
 * of GBDT_CHUNK rows whose partial sums are added in order of rows, so the curve does not
 * depend on the threads. */
#include "engine/learn/gbdt_train.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EPS          1e-15
#define SOME         256                /* rows whose scores are worked on together */
#define POISSON_STEP 2.0137527074704766 /* exp(0.7): keeps the first steps from overshooting */

const char *gbdt_loss_name(enum gbdt_objective o)
{
    static const char *const names[] = {
        [GBDT_LOGISTIC] = "log_loss",
        [GBDT_SOFTMAX] = "log_loss",
        [GBDT_L2] = "rmse",
        [GBDT_L1] = "mae",
        [GBDT_HUBER] = "huber",
        [GBDT_QUANTILE] = "quantile",
        [GBDT_POISSON] = "poisson_deviance",
    };

    return names[o];
}

static int check_input(const struct fit_input *in, enum gbdt_objective o, struct err *e)
{
    double top = in->n_classes - 1, sum = 0;

    for (size_t i = 0; i < in->train.n; i++) {
        double y = in->y[i], w = in->w ? in->w[i] : 1;
        bool ok = in->task == TASK_REGRESSION ? isfinite(y) : y >= 0 && y <= top && y == floor(y);
        if (!ok) return err_set(e, ERR_INVALID, "gbdt: target of row %zu is %g", i + 1, y);
        if (o == GBDT_POISSON && y < 0)
            return err_set(e, ERR_INVALID,
                           "gbdt: target of row %zu is %g; objective poisson wants counts, "
                           "none below 0",
                           i + 1, y);
        if (!(w >= 0 && isfinite(w)))
            return err_set(e, ERR_INVALID, "gbdt: weight of row %zu is %g", i + 1, w);
        sum += w;
    }
    if (!(sum > 0 && isfinite(sum)))
        return err_set(e, ERR_INVALID, "gbdt: the weights of all rows add up to %g", sum);
    return 0;
}

int gbdt_loss_init(const struct fit_input *in, const struct gbdt_params *p,
                   const struct kernels *kern, struct gbdt_loss *ret, struct err *e)
{
    struct gbdt_loss l = { .objective = p->objective,
                           .alpha = p->alpha,
                           .n = in->train.n,
                           .y = in->y,
                           .w = in->w,
                           .kern = kern };
    int r = check_input(in, p->objective, e);

    if (r < 0) return r;
    l.k = in->task == TASK_MULTICLASS ? in->n_classes : 1;
    l.w_sum = (double)l.n;
    if (l.w) {
        l.w_sum = 0;
        for (size_t i = 0; i < l.n; i++) l.w_sum += l.w[i];
    }
    size_t k = (size_t)l.k, chunks = (l.n + GBDT_CHUNK - 1) / GBDT_CHUNK;
    l.score = mem_try_zero(l.n * k, sizeof *l.score);
    l.g = mem_try(l.n * k, sizeof *l.g);
    l.h = mem_try(l.n * k, sizeof *l.h);
    l.max_g = mem_try_zero(2 * k, sizeof *l.max_g);
    l.max_h = l.max_g ? l.max_g + k : NULL;
    l.sum_g = mem_try_zero(k, sizeof *l.sum_g);
    l.chunks = mem_try(chunks * (3 * k + 1), sizeof *l.chunks);
    if (!l.score || !l.g || !l.h || !l.max_g || !l.sum_g || !l.chunks) {
        gbdt_loss_done(&l);
        return err_set(e, ERR_NOMEM, "no memory for the gradients of %zu rows x %zu scores", l.n,
                       k);
    }
    *ret = l;
    return 0;
}

void gbdt_loss_done(struct gbdt_loss *l)
{
    free(l->score);
    free(l->g);
    free(l->h);
    free(l->max_g);
    free(l->sum_g);
    free(l->chunks);
}

/* ---- starting scores ---- */

static int quantile_base(const struct gbdt_loss *l, double alpha, double *base, struct err *e)
{
    MEM_AUTO double *v = mem_try(l->n, sizeof *v);
    MEM_AUTO double *w = l->w ? mem_try(l->n, sizeof *w) : NULL;

    if (!v || (l->w && !w)) return err_set(e, ERR_NOMEM, "no memory for %zu targets", l->n);
    memcpy(v, l->y, l->n * sizeof *v);
    if (w) memcpy(w, l->w, l->n * sizeof *w);
    base[0] = gbdt_quantile(v, w, l->n, alpha);
    return 0;
}

/* The score whose answer is p. */
static double link_of(enum gbdt_objective o, double p)
{
    if (o == GBDT_POISSON) return log(p > EPS ? p : EPS);
    if (o != GBDT_LOGISTIC && o != GBDT_SOFTMAX) return p;
    p = p < EPS ? EPS : p > 1 - EPS ? 1 - EPS : p;
    return o == GBDT_LOGISTIC ? log(p / (1 - p)) : log(p);
}

int gbdt_loss_base(const struct gbdt_loss *l, double *base, struct err *e)
{
    size_t k = (size_t)l->k;
    double alpha;

    if (gbdt_renews(l, &alpha)) return quantile_base(l, alpha, base, e);
    for (size_t c = 0; c < k; c++) base[c] = 0;
    for (size_t i = 0; i < l->n; i++) {
        double w = l->w ? l->w[i] : 1;
        if (l->objective == GBDT_SOFTMAX) base[(size_t)l->y[i]] += w;
        else base[0] += w * l->y[i];
    }
    for (size_t c = 0; c < k; c++) base[c] = link_of(l->objective, base[c] / l->w_sum);
    return 0;
}

/* ---- gradients of a block of rows; out: loss, then max g, max h, sum |g| of each score ---- */

/* One row of a regression: answer is exp(score) for poisson. */
struct point {
    double g, h, loss;
};

static double deviance(double y, double mu)
{
    return 2 * ((y > 0 ? y * log(y / mu) : 0) - (y - mu));
}

static inline struct point point_of(enum gbdt_objective o, double alpha, double y, double answer)
{
    double d = answer - y, a = fabs(d);

    switch ((int)o) {
    case GBDT_L1: return (struct point){ (d > 0) - (d < 0), 1, a };
    case GBDT_HUBER:
        if (a <= alpha) return (struct point){ d, 1, 0.5 * d * d };
        return (struct point){ d > 0 ? alpha : -alpha, 1, alpha * (a - 0.5 * alpha) };
    case GBDT_QUANTILE:
        return d >= 0 ? (struct point){ 1 - alpha, 1, (1 - alpha) * d }
                      : (struct point){ -alpha, 1, -alpha * d };
    case GBDT_POISSON: return (struct point){ d, answer * POISSON_STEP, deviance(y, answer) };
    default: return (struct point){ d, 1, d * d };
    }
}

static inline __attribute__((always_inline)) void
points(const struct gbdt_loss *l, enum gbdt_objective o, size_t from, size_t n, double *out)
{
    double answer[SOME];

    if (o == GBDT_POISSON) l->kern->exp(l->score + from, n, answer);
    else memcpy(answer, l->score + from, n * sizeof *answer);
    for (size_t i = 0; i < n; i++) {
        struct point p = point_of(o, l->alpha, l->y[from + i], answer[i]);
        double w = l->w ? l->w[from + i] : 1, g = w * p.g, h = w * p.h, a = fabs(g);
        l->g[from + i] = (float)g;
        l->h[from + i] = (float)h;
        out[0] += w * p.loss;
        if (a > out[1]) out[1] = a;
        if (h > out[2]) out[2] = h;
        out[3] += a;
    }
}

static void regression(const struct gbdt_loss *l, size_t from, size_t n, double *out)
{
    switch ((int)l->objective) {
    case GBDT_L1: points(l, GBDT_L1, from, n, out); break;
    case GBDT_HUBER: points(l, GBDT_HUBER, from, n, out); break;
    case GBDT_QUANTILE: points(l, GBDT_QUANTILE, from, n, out); break;
    case GBDT_POISSON: points(l, GBDT_POISSON, from, n, out); break;
    default: points(l, GBDT_L2, from, n, out); break;
    }
}

static void logistic(const struct gbdt_loss *l, size_t from, size_t n, double *out)
{
    struct kernel_logistic a = { .score = l->score + from,
                                 .y = l->y + from,
                                 .n = n,
                                 .w = l->w ? l->w + from : NULL,
                                 .g = l->g + from,
                                 .h = l->h + from };

    l->kern->logistic(&a);
    out[0] = a.loss;
    out[1] = (double)a.max_g;
    out[2] = (double)a.max_h;
    out[3] = a.sum_g;
}

static void softmax(const struct gbdt_loss *l, size_t from, size_t n, double *out)
{
    size_t k = (size_t)l->k;
    double top[SOME], sum[SOME], p[SOME], factor = (double)k / (double)(k - 1);

    for (size_t i = 0; i < n; i++) top[i] = l->score[from + i];
    for (size_t c = 1; c < k; c++)
        for (size_t i = 0; i < n; i++) {
            double s = l->score[c * l->n + from + i];
            if (s > top[i]) top[i] = s;
        }
    memset(sum, 0, sizeof sum);
    for (int pass = 0; pass < 2; pass++)
        for (size_t c = 0; c < k; c++) {
            const double *s = l->score + c * l->n + from;
            double *o = out + 1 + 3 * c;
            for (size_t i = 0; i < n; i++) p[i] = s[i] - top[i];
            l->kern->exp(p, n, p);
            for (size_t i = 0; pass == 0 && i < n; i++) sum[i] += p[i];
            for (size_t i = 0; pass == 1 && i < n; i++) {
                size_t row = from + i, at = c * l->n + row;
                double w = l->w ? l->w[row] : 1, q = p[i] / sum[i];
                bool hit = l->y[row] == (double)c;
                double g = w * (q - hit), h = w * factor * q * (1 - q), a = fabs(g);
                if (hit) out[0] -= w * log(q > EPS ? q : EPS);
                l->g[at] = (float)g;
                l->h[at] = (float)h;
                if (a > o[0]) o[0] = a;
                if (h > o[1]) o[1] = h;
                o[2] += a;
            }
        }
}

static void gradient_task(void *arg, size_t chunk, int thread)
{
    const struct gbdt_loss *l = arg;
    size_t from = chunk * GBDT_CHUNK, n = l->n - from < GBDT_CHUNK ? l->n - from : GBDT_CHUNK;
    double *out = l->chunks + chunk * (3 * (size_t)l->k + 1);

    (void)thread;
    for (size_t c = 0; c < 3 * (size_t)l->k + 1; c++) out[c] = 0;
    if (l->objective == GBDT_LOGISTIC) {
        logistic(l, from, n, out);
        return;
    }
    for (size_t i = 0; i < n; i += SOME) {
        size_t some = n - i < SOME ? n - i : SOME;
        if (l->objective == GBDT_SOFTMAX) softmax(l, from + i, some, out);
        else regression(l, from + i, some, out);
    }
}

double gbdt_loss_gradients(struct gbdt_loss *l, struct pool *pool)
{
    size_t chunks = (l->n + GBDT_CHUNK - 1) / GBDT_CHUNK, k = (size_t)l->k;
    double loss = 0;

    pool_run(pool, chunks, gradient_task, l);
    memset(l->max_g, 0, 2 * k * sizeof *l->max_g);
    memset(l->sum_g, 0, k * sizeof *l->sum_g);
    for (size_t j = 0; j < chunks; j++) {
        const double *out = l->chunks + j * (3 * k + 1);
        loss += out[0];
        for (size_t c = 0; c < k; c++) {
            const double *o = out + 1 + 3 * c;
            if (o[0] > (double)l->max_g[c]) l->max_g[c] = (float)o[0];
            if (o[1] > (double)l->max_h[c]) l->max_h[c] = (float)o[1];
            l->sum_g[c] += o[2];
        }
    }
    loss /= l->w_sum;
    return l->objective == GBDT_L2 ? sqrt(loss) : loss;
}

static double row_loss(const struct gbdt_scored *s, size_t row)
{
    const double *score = s->score + row;
    double y = s->y[row];

    if (s->objective == GBDT_LOGISTIC) {
        double p = 1 / (1 + exp(y > 0 ? -score[0] : score[0]));
        return -log(p > EPS ? p : EPS);
    }
    if (s->objective != GBDT_SOFTMAX)
        return point_of(s->objective, s->alpha, y,
                        s->objective == GBDT_POISSON ? exp(score[0]) : score[0])
            .loss;
    double top = score[0], sum = 0;
    for (size_t c = 1; c < (size_t)s->k; c++)
        if (score[c * s->n] > top) top = score[c * s->n];
    for (size_t c = 0; c < (size_t)s->k; c++) sum += exp(score[c * s->n] - top);
    double p = exp(score[(size_t)y * s->n] - top) / sum;
    return -log(p > EPS ? p : EPS);
}

double gbdt_loss_of(const struct gbdt_scored *s)
{
    double loss = 0;

    for (size_t i = 0; i < s->n; i++) loss += row_loss(s, i);
    loss /= (double)s->n;
    return s->objective == GBDT_L2 ? sqrt(loss) : loss;
}
