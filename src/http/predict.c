/* predict.c: the own API's predictions.
 *
 *   POST /predict?model=NAME        POST /api/v1/{model}/predict?version=3
 *   {"column": value, …} or a list of such objects
 *   --> {"prediction", "confidence", "probabilities": {class: p}, "model", "model_version",
 *        "arm", "request_id", "cached", "model_ms", "overhead_ms", …} or a list of them
 *
 * overhead_ms is all time of the request that was neither spent in the model nor in its queue.
 * Numbers are the shortest that read back as the same double. I/O thread. */
#include "base/clock.h"
#include "http/handlers.h"
#include "http/infer.h"

#include <math.h>
#include <string.h>

struct predict_req {
    struct predict_call call;
    struct http_req *q;
};

/* ---- the answer ------------------------------------------------------------------------- */

/* buf need not be where the text is. */
static const char *real_text(char buf[32], double v)
{
    return isfinite(v) ? str_real(buf, v) : "null";
}

/* Microseconds as milliseconds with four decimals at most. */
static void put_ms(struct str *out, const char *name, double us)
{
    uint64_t tenths = us > 0 ? (uint64_t)(us * 10 + 0.5) : 0, rest = tenths % 10000;
    char buf[32], *p = buf + sizeof buf;
    int decimals = 4;

    str_add(out, name);
    while (decimals && rest % 10 == 0) {
        rest /= 10;
        decimals--;
    }
    for (int i = 0; i < decimals; i++, rest /= 10) *--p = (char)('0' + rest % 10);
    if (decimals) *--p = '.';
    tenths /= 10000;
    do *--p = (char)('0' + tenths % 10);
    while (tenths /= 10);
    str_addn(out, p, (size_t)(buf + sizeof buf - p));
}

static void put_int(struct str *out, int64_t v)
{
    char buf[24], *p = buf + sizeof buf;
    uint64_t rest = v < 0 ? -(uint64_t)v : (uint64_t)v;

    do *--p = (char)('0' + rest % 10);
    while (rest /= 10);
    if (v < 0) *--p = '-';
    str_addn(out, p, (size_t)(buf + sizeof buf - p));
}

static void put_text(struct str *out, const char *s)
{
    size_t n = strlen(s), i = 0;

    while (i < n && (unsigned char)s[i] >= 0x20 && s[i] != '"' && s[i] != '\\' &&
           (unsigned char)s[i] < 0x80)
        i++;
    if (i < n) {
        val_write_json_str(out, s, n);
        return;
    }
    str_reserve(out, n + 2);
    str_addc(out, '"');
    str_addn(out, s, n);
    str_addc(out, '"');
}

/* Labels that are whole numbers are written as such, as the verb predict does. */
static void put_label(struct str *out, const char *label)
{
    long long i;

    if ((*label == '-' || (unsigned char)(*label - '0') < 10) && str_to_i64(label, &i))
        put_int(out, i);
    else put_text(out, label);
}

static double probability(const struct model *m, const double *p, int class)
{
    return model_outputs(m) > 1 ? p[class] : class ? *p : 1 - *p;
}

/* decided: the class whose probability is written already, as `confidence`. */
static void put_probabilities(struct str *out, const struct model *m, const double *p, int decided,
                              const char *confidence)
{
    int n = model_classes(m);
    char buf[32];

    str_add(out, ",\"probabilities\":{");
    for (int i = 0; i < n; i++) {
        if (i) str_addc(out, ',');
        put_text(out, model_class(m, i));
        str_addc(out, ':');
        str_add(out, i == decided ? confidence : real_text(buf, probability(m, p, i)));
    }
    str_addc(out, '}');
}

static void put_prediction(struct str *out, const struct model *m, const double *p)
{
    int class = model_decide(m, p);
    char buf[32];
    const char *confidence;

    str_add(out, "{\"prediction\":");
    if (class < 0) {
        str_add(out, real_text(buf, *p));
        return;
    }
    put_label(out, model_class(m, class));
    str_add(out, ",\"confidence\":");
    confidence = real_text(buf, probability(m, p, class));
    str_add(out, confidence);
    put_probabilities(out, m, p, class, confidence);
}

static void put_row(struct str *out, const struct predict_call *c, size_t row, double overhead_us)
{
    const struct served *by = c->arm->by;
    const struct arm *arm = c->row_arm ? c->row_arm[row] : c->arm;
    const char *role = c->row_arm && arm ? arm->role : c->arm_role;
    size_t outputs = (size_t)model_outputs(by->model);

    put_prediction(out, by->model, c->p + row * outputs);
    str_add(out, ",\"model\":");
    put_text(out, by->name);
    str_add(out, ",\"model_version\":");
    put_int(out, arm ? arm->by->version : by->version);
    str_add(out, ",\"arm\":");
    put_text(out, role ? role : "");
    str_add(out, ",\"request_id\":");
    put_text(out, c->request_id);
    if (c->rows->list) { /* "ID/3" */
        out->len--;
        str_addc(out, '/');
        put_int(out, (int64_t)row);
        str_addc(out, '"');
    }
    str_add(out, c->cached ? ",\"cached\":true" : ",\"cached\":false");
    if (c->sticky) str_add(out, ",\"sticky\":true");
    if (c->fallback) {
        str_add(out, ",\"fallback\":");
        put_text(out, c->fallback);
    }
    put_ms(out, ",\"model_ms\":", c->model_us);
    if (c->queue_us > 0) put_ms(out, ",\"queue_ms\":", c->queue_us);
    put_ms(out, ",\"overhead_ms\":", overhead_us);
    str_addc(out, '}');
}

static void answer(struct http_req *q, const struct predict_call *c)
{
    double overhead = (double)(clock_mono_us() - http_began_us(q)) - c->model_us - c->queue_us;
    struct str out = STR_INIT;

    if (c->rc) {
        http_answer_err(q, &c->err);
        return;
    }
    str_reserve(&out, 64 + c->rows->n * 384);
    if (c->rows->list) str_addc(&out, '[');
    for (size_t i = 0; i < c->rows->n; i++) {
        if (i) str_addc(&out, ',');
        put_row(&out, c, i, overhead);
    }
    if (c->rows->list) str_addc(&out, ']');
    http_answer(q, 200, NULL, &out);
}

static void answered(struct predict_call *c)
{
    struct predict_req *r = c->user;

    answer(r->q, c);
}

/* ---- the question ----------------------------------------------------------------------- */

static int no_route(struct http_req *q, const struct catalog *cat, const char *name)
{
    struct err e = ERR_INIT;

    if (name && *name) {
        err_set(&e, ERR_NOTFOUND, "no version of the model '%.200s' is in Production", name);
        err_hint(&e, "GET /models lists what there is");
    } else if (catalog_size(cat) == 0) {
        err_set(&e, ERR_NOTFOUND, "no model is in Production");
        err_hint(&e, "`signalbox model promote NAME VERSION --to Production`");
    } else {
        err_set(&e, ERR_INVALID, "%zu models are in Production and none was named",
                catalog_size(cat));
        err_hint(&e, "POST /predict?model=%.100s, or set serve.default in signalbox.yaml",
                 catalog_at(cat, 0)->name);
    }
    http_answer_err(q, &e);
    return -1;
}

static int find_version(struct http_req *q, const char *text, int64_t *ret)
{
    struct err e = ERR_INIT;
    long long v;

    if (str_to_i64(text, &v) && v > 0) {
        *ret = v;
        return 0;
    }
    err_set(&e, ERR_INVALID, "'%.60s' is no version", text);
    err_hint(&e, "versions are numbers: ?version=3");
    http_answer_err(q, &e);
    return -1;
}

void predict_handler(struct http_req *q)
{
    struct serve_io *io = http_serve(http_io_of(q));
    const struct catalog *cat = serve_io_catalog(io);
    const char *name = http_param(q, "model"), *version = http_query(q, "version"), *body;
    struct rows *rows = serve_io_rows(io);
    struct predict_req *r = arena_alloc(http_arena(q), sizeof *r);
    struct predict_call *c = &r->call;
    struct err e = ERR_INIT;
    size_t n;

    if (!name) name = http_query(q, "model");
    memset(c, 0, offsetof(struct predict_call, err));
    c->route = catalog_route(cat, name ? name : "", name ? strlen(name) : 0);
    if (!c->route) {
        no_route(q, cat, name);
        return;
    }
    if (version && find_version(q, version, &c->version)) return;
    body = http_body(q, &n);
    rows_clear(rows, c->route->schema);
    if (rows_scan_json(rows, body, n, NULL, &e)) {
        http_answer_err(q, &e);
        return;
    }
    c->rows = rows;
    infer_find_key(q, c);
    c->request_id = http_request_id(q);
    c->began_us = http_began_us(q);
    c->deadline_us = 0;
    c->done = answered;
    c->user = r;
    r->q = q;
    if (serve_predict(io, c)) http_later(q);
    else answer(q, c);
}
