/* gbdt_loss.c: from scores to gradients, and the losses of the curves.
 *
 * regression  squared error: g = w(s-y), h = w; curve: root mean squared error
 * binary      logistic: p = 1/(1+exp(-s)), g = w(p-y), h = w p(1-p); curve: log loss
 * multiclass  softmax over k scores: g = w(p-[y=c]), h = w p(1-p) k/(k-1); curve: log loss
 *
 * The training curve falls out of the gradient pass. Tasks are blocks of GBDT_CHUNK rows whose
 * partial sums are added in order of rows, so the curve does not depend on the threads. */
#include "engine/learn/gbdt.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EPS 1e-15

const char *gbdt_loss_name(enum task task)
{
    return task == TASK_REGRESSION ? "rmse" : "log_loss";
}

static int check_input(const struct fit_input *in, struct err *e)
{
    double top = in->n_classes - 1, sum = 0;

    for (size_t i = 0; i < in->train.n; i++) {
        double y = in->y[i], w = in->w ? in->w[i] : 1;
        bool ok = in->task == TASK_REGRESSION ? isfinite(y) : y >= 0 && y <= top && y == floor(y);
        if (!ok) return err_set(e, ERR_INVALID, "gbdt: target of row %zu is %g", i + 1, y);
        if (!(w >= 0 && isfinite(w)))
            return err_set(e, ERR_INVALID, "gbdt: weight of row %zu is %g", i + 1, w);
        sum += w;
    }
    if (!(sum > 0 && isfinite(sum)))
        return err_set(e, ERR_INVALID, "gbdt: the weights of all rows add up to %g", sum);
    return 0;
}

int gbdt_loss_init(const struct fit_input *in, const struct kernels *kern, struct gbdt_loss *ret,
                   struct err *e)
{
    struct gbdt_loss l = {
        .task = in->task, .n = in->train.n, .y = in->y, .w = in->w, .kern = kern
    };
    int r = check_input(in, e);

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
    l.chunks = mem_try(chunks * (2 * k + 1), sizeof *l.chunks);
    if (!l.score || !l.g || !l.h || !l.max_g || !l.chunks) {
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
    free(l->chunks);
}

void gbdt_loss_base(const struct gbdt_loss *l, double *base)
{
    size_t k = (size_t)l->k;

    for (size_t c = 0; c < k; c++) base[c] = 0;
    for (size_t i = 0; i < l->n; i++) {
        double w = l->w ? l->w[i] : 1;
        if (l->task == TASK_MULTICLASS) base[(size_t)l->y[i]] += w;
        else base[0] += w * l->y[i];
    }
    for (size_t c = 0; c < k; c++) {
        double p = base[c] / l->w_sum;
        if (l->task != TASK_REGRESSION) p = p < EPS ? EPS : p > 1 - EPS ? 1 - EPS : p;
        base[c] = l->task == TASK_REGRESSION ? p
                  : l->task == TASK_BINARY   ? log(p / (1 - p))
                                             : log(p);
    }
}

/* ---- gradients of a block of rows; out: loss, then max g and max h of each score ---- */

static void squared(const struct gbdt_loss *l, size_t from, size_t n, double *out)
{
    double loss = 0, max_g = 0, max_h = 0;

    for (size_t i = from; i < from + n; i++) {
        double w = l->w ? l->w[i] : 1, d = l->score[i] - l->y[i], g = w * d;
        loss += g * d;
        l->g[i] = (float)g;
        l->h[i] = (float)w;
        if (fabs(g) > max_g) max_g = fabs(g);
        if (w > max_h) max_h = w;
    }
    out[0] = loss;
    out[1] = max_g;
    out[2] = max_h;
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
}

/* n <= SOFT rows: all their scores fit in the cache. */
#define SOFT 256

static void softmax_rows(const struct gbdt_loss *l, size_t from, size_t n, double *out)
{
    size_t k = (size_t)l->k;
    double top[SOFT], sum[SOFT], p[SOFT], factor = (double)k / (double)(k - 1);

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
            for (size_t i = 0; i < n; i++) p[i] = s[i] - top[i];
            l->kern->exp(p, n, p);
            for (size_t i = 0; pass == 0 && i < n; i++) sum[i] += p[i];
            for (size_t i = 0; pass == 1 && i < n; i++) {
                size_t row = from + i, at = c * l->n + row;
                double w = l->w ? l->w[row] : 1, q = p[i] / sum[i];
                bool hit = l->y[row] == (double)c;
                double g = w * (q - hit), h = w * factor * q * (1 - q);
                if (hit) out[0] -= w * log(q > EPS ? q : EPS);
                l->g[at] = (float)g;
                l->h[at] = (float)h;
                if (fabs(g) > out[1 + 2 * c]) out[1 + 2 * c] = fabs(g);
                if (h > out[2 + 2 * c]) out[2 + 2 * c] = h;
            }
        }
}

static void softmax(const struct gbdt_loss *l, size_t from, size_t n, double *out)
{
    for (size_t c = 0; c < 2 * (size_t)l->k + 1; c++) out[c] = 0;
    for (size_t i = 0; i < n; i += SOFT)
        softmax_rows(l, from + i, n - i < SOFT ? n - i : SOFT, out);
}

static void gradient_task(void *arg, size_t chunk, int thread)
{
    const struct gbdt_loss *l = arg;
    size_t from = chunk * GBDT_CHUNK, n = l->n - from < GBDT_CHUNK ? l->n - from : GBDT_CHUNK;
    double *out = l->chunks + chunk * (2 * (size_t)l->k + 1);

    (void)thread;
    if (l->task == TASK_REGRESSION) squared(l, from, n, out);
    else if (l->task == TASK_BINARY) logistic(l, from, n, out);
    else softmax(l, from, n, out);
}

double gbdt_loss_gradients(struct gbdt_loss *l, struct pool *pool)
{
    size_t chunks = (l->n + GBDT_CHUNK - 1) / GBDT_CHUNK, k = (size_t)l->k;
    double loss = 0;

    pool_run(pool, chunks, gradient_task, l);
    memset(l->max_g, 0, 2 * k * sizeof *l->max_g);
    for (size_t j = 0; j < chunks; j++) {
        const double *out = l->chunks + j * (2 * k + 1);
        loss += out[0];
        for (size_t c = 0; c < k; c++) {
            if (out[1 + 2 * c] > (double)l->max_g[c]) l->max_g[c] = (float)out[1 + 2 * c];
            if (out[2 + 2 * c] > (double)l->max_h[c]) l->max_h[c] = (float)out[2 + 2 * c];
        }
    }
    loss /= l->w_sum;
    return l->task == TASK_REGRESSION ? sqrt(loss) : loss;
}

static double row_loss(enum task task, size_t k, size_t n, double y, const double *score)
{
    if (task == TASK_REGRESSION) return (score[0] - y) * (score[0] - y);
    if (task == TASK_BINARY) {
        double p = 1 / (1 + exp(y > 0 ? -score[0] : score[0]));
        return -log(p > EPS ? p : EPS);
    }
    double top = score[0], sum = 0;
    for (size_t c = 1; c < k; c++)
        if (score[c * n] > top) top = score[c * n];
    for (size_t c = 0; c < k; c++) sum += exp(score[c * n] - top);
    double p = exp(score[(size_t)y * n] - top) / sum;
    return -log(p > EPS ? p : EPS);
}

double gbdt_loss_of(enum task task, int k, size_t n, const double *y, const double *score)
{
    double loss = 0;

    for (size_t i = 0; i < n; i++) loss += row_loss(task, (size_t)k, n, y[i], score + i);
    loss /= (double)n;
    return task == TASK_REGRESSION ? sqrt(loss) : loss;
}
