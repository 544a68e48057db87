/* calibration.c: see calibration.h. */
#include "engine/model/calibration.h"

#include "base/mem.h"
#include "base/str.h"
#include "engine/stats/isotonic.h"

#include <math.h>
#include <stdlib.h>

#define EDGE  1e-12 /* log-odds are taken of probabilities not closer to 0 and 1 */
#define STEPS 100

/* One map; of the two forms one is used. */
struct map {
    double slope, offset; /* of the log-odds */
    struct isotonic steps;
};

struct calibration {
    enum calibration_method how;
    int outputs;
    struct map *map; /* one an output */
};

bool calibration_parse(const char *s, enum calibration_method *ret)
{
    if (str_eq(s, "platt")) *ret = CALIBRATE_PLATT;
    else if (str_eq(s, "isotonic")) *ret = CALIBRATE_ISOTONIC;
    else return false;
    return true;
}

void calibration_free(struct calibration *c)
{
    if (!c) return;
    for (int i = 0; i < c->outputs; i++) isotonic_done(&c->map[i].steps);
    free(c->map);
    free(c);
}

static struct calibration *make(enum calibration_method how, int outputs)
{
    struct calibration *c = mem_zalloc(1, sizeof *c);

    c->how = how;
    c->outputs = outputs;
    c->map = mem_zalloc((size_t)outputs, sizeof *c->map);
    return c;
}

static double log_odds(double p)
{
    double q = fmin(fmax(p, EDGE), 1 - EDGE);

    return log(q / (1 - q));
}

static double sigmoid(double z)
{
    return z >= 0 ? 1 / (1 + exp(-z)) : exp(z) / (1 + exp(z));
}

/* ---- Platt ------------------------------------------------------------------------------ */

/* Rows of one class against the rest: z log-odds, t smoothed targets. */
struct sample {
    size_t n;
    const double *z, *t, *w;
};

/* Value of the loss, its gradient and its second derivatives at a map. */
struct slope {
    double loss, g[2], h[3];
};

static struct slope measure(const struct sample *s, double a, double b)
{
    struct slope r = { 0 };

    for (size_t i = 0; i < s->n; i++) {
        double w = s->w ? s->w[i] : 1, v = a * s->z[i] + b, p = sigmoid(v);
        double d = w * (p - s->t[i]), q = w * p * (1 - p);
        /* cross-entropy of t and sigmoid(v) without overflow */
        r.loss += w * (fmax(v, 0) - s->t[i] * v + log1p(exp(-fabs(v))));
        r.g[0] += d * s->z[i];
        r.g[1] += d;
        r.h[0] += q * s->z[i] * s->z[i];
        r.h[1] += q * s->z[i];
        r.h[2] += q;
    }
    return r;
}

/* The longest halved step that lowers the loss enough; false: none does. */
static bool descend(const struct sample *s, struct slope *at, double *a, double *b)
{
    double ridge = 1e-12 * (at->h[0] + at->h[2]) + 1e-300;
    double h0 = at->h[0] + ridge, h2 = at->h[2] + ridge, det = h0 * h2 - at->h[1] * at->h[1];
    double da = -(h2 * at->g[0] - at->h[1] * at->g[1]) / det;
    double db = -(h0 * at->g[1] - at->h[1] * at->g[0]) / det;
    double down = at->g[0] * da + at->g[1] * db;

    for (double step = 1; step > 1e-10; step /= 2) {
        struct slope next = measure(s, *a + step * da, *b + step * db);
        if (!(next.loss < at->loss + 1e-4 * step * down)) continue;
        *a += step * da;
        *b += step * db;
        *at = next;
        return true;
    }
    return false;
}

static void fit_sigmoid(const struct sample *s, double rate, struct map *ret)
{
    double a = 0, b = log_odds(rate);
    struct slope at = measure(s, a, b);

    for (int i = 0; i < STEPS; i++)
        if (fabs(at.g[0]) + fabs(at.g[1]) < 1e-9 * (double)s->n || !descend(s, &at, &a, &b)) break;
    ret->slope = a;
    ret->offset = b;
}

/* y: 1 for the class, 0 for the rest. */
static int fit_platt(const double *p, const double *y, const double *w, size_t n, struct map *ret,
                     struct err *e)
{
    MEM_AUTO double *z = mem_try(n + 1, 2 * sizeof *z);
    double positives = 0, all = 0;

    if (!z) return err_set(e, ERR_NOMEM, "no memory to calibrate %zu scores", n);
    double *t = z + n;
    for (size_t i = 0; i < n; i++) {
        positives += (w ? w[i] : 1) * y[i];
        all += w ? w[i] : 1;
        z[i] = log_odds(p[i]);
    }
    for (size_t i = 0; i < n; i++)
        t[i] = y[i] > 0 ? (positives + 1) / (positives + 2) : 1 / (all - positives + 2);
    fit_sigmoid(&(struct sample){ n, z, t, w }, (positives + 1) / (all + 2), ret);
    return 0;
}

/* ---- fit and apply ---------------------------------------------------------------------- */

static int fit_map(struct calibration *c, int i, const struct calibration_input *in, double *p,
                   double *y, struct err *e)
{
    int class = in->outputs == 1 ? 1 : i;

    for (size_t r = 0; r < in->n; r++) {
        p[r] = in->p[r * (size_t)in->outputs + (size_t)i];
        y[r] = (int)in->y[r] == class;
    }
    if (c->how == CALIBRATE_PLATT) return fit_platt(p, y, in->w, in->n, &c->map[i], e);
    return isotonic_fit(p, y, in->w, in->n, &c->map[i].steps, e);
}

int calibration_fit(enum calibration_method how, const struct calibration_input *in,
                    struct calibration **ret, struct err *e)
{
    MEM_AUTO double *p = mem_try(in->n + 1, 2 * sizeof *p);
    struct calibration *c;
    int r = 0;

    if (!p) return err_set(e, ERR_NOMEM, "no memory to calibrate %zu scores", in->n);
    c = make(how, in->outputs);
    for (int i = 0; i < in->outputs && r == 0; i++) r = fit_map(c, i, in, p, p + in->n, e);
    if (r < 0) calibration_free(c);
    else *ret = c;
    return r;
}

static double map_at(const struct calibration *c, int i, double p)
{
    const struct map *m = &c->map[i];

    if (c->how == CALIBRATE_ISOTONIC) return isotonic_at(&m->steps, p);
    return sigmoid(m->slope * log_odds(p) + m->offset);
}

static void apply_row(const struct calibration *c, double *p)
{
    double sum = 0;

    for (int i = 0; i < c->outputs; i++) {
        p[i] = map_at(c, i, p[i]);
        sum += p[i];
    }
    if (c->outputs == 1) return;
    for (int i = 0; i < c->outputs; i++) p[i] = sum > 0 ? p[i] / sum : 1.0 / c->outputs;
}

void calibration_apply(const struct calibration *c, double *p, size_t n)
{
    for (size_t i = 0; i < n; i++) apply_row(c, p + i * (size_t)c->outputs);
}

/* ---- file form --------------------------------------------------------------------------- */

void calibration_save(const struct calibration *c, struct buf *out)
{
    buf_u8(out, (uint8_t)c->how);
    buf_u32(out, (uint32_t)c->outputs);
    for (int i = 0; i < c->outputs; i++) {
        const struct map *m = &c->map[i];
        if (c->how == CALIBRATE_PLATT) {
            buf_f64(out, m->slope);
            buf_f64(out, m->offset);
            continue;
        }
        buf_u32(out, (uint32_t)m->steps.n);
        for (size_t k = 0; k < m->steps.n; k++) {
            buf_f64(out, m->steps.x[k]);
            buf_f64(out, m->steps.rate[k]);
        }
    }
}

static bool load_steps(struct cursor *in, struct isotonic *s)
{
    uint32_t n = cur_u32(in);

    if (in->bad || n == 0 || n > in->left / 16) return false;
    s->x = mem_try(n, sizeof *s->x);
    s->rate = mem_try(n, sizeof *s->rate);
    if (!s->x || !s->rate) return false;
    for (s->n = 0; s->n < n; s->n++) {
        size_t k = s->n;
        s->x[k] = cur_f64(in);
        s->rate[k] = cur_f64(in);
        if (!isfinite(s->x[k]) || !(s->rate[k] >= 0 && s->rate[k] <= 1)) return false;
        if (k > 0 && !(s->x[k] > s->x[k - 1] && s->rate[k] >= s->rate[k - 1])) return false;
    }
    return true;
}

static bool load_map(struct cursor *in, enum calibration_method how, struct map *m)
{
    if (how == CALIBRATE_ISOTONIC) return load_steps(in, &m->steps);
    m->slope = cur_f64(in);
    m->offset = cur_f64(in);
    return isfinite(m->slope) && isfinite(m->offset);
}

int calibration_load(struct cursor *in, int outputs, struct calibration **ret, struct err *e)
{
    uint8_t how = cur_u8(in);
    uint32_t n = cur_u32(in);
    bool good =
        !in->bad && (how == CALIBRATE_PLATT || how == CALIBRATE_ISOTONIC) && n == (uint32_t)outputs;
    struct calibration *c = make(good ? (enum calibration_method)how : CALIBRATE_PLATT, outputs);

    for (int i = 0; i < outputs && good; i++) good = load_map(in, c->how, &c->map[i]);
    if (!good || in->bad || in->left) {
        calibration_free(c);
        return err_set(e, ERR_CORRUPT, "the model file's calibration makes no sense");
    }
    *ret = c;
    return 0;
}
