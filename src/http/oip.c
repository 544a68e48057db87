/* oip.c: the routes of the Open Inference Protocol version 2: health, what is served, inference.
 * As Triton's client and KServe speak it, with packed tensors; errors are {"error": "…"}. Models
 * are loaded and unloaded by promotion alone, so the requests for that are refused. */
#include "http/oip.h"
#include "base/mem.h"
#include "config.h"
#include "http/handlers.h"
#include "http/server.h"
#include "http/tensor.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void oip_error(struct http_req *q, const struct err *e)
{
    struct val *o = val_obj(http_arena(q));

    if (e->hint[0]) val_set_strf(o, "error", "%s; %s", e->msg, e->hint);
    else val_set_str(o, "error", e->msg);
    if (err_retryable(e->kind)) http_answer_header(q, "Retry-After", "1");
    http_answer_val(q, err_http(e->kind), o);
}

static struct val *object(struct http_req *q)
{
    return val_obj(http_arena(q));
}

/* ---- health and metadata --------------------------------------------------------------------- */

void oip_live_handler(struct http_req *q)
{
    struct val *o = object(q);

    val_set_bool(o, "live", true);
    http_answer_val(q, 200, o);
}

void oip_ready_handler(struct http_req *q)
{
    bool ready = http_server_ready(http_server_of(q));
    struct val *o = object(q);

    val_set_bool(o, "ready", ready);
    http_answer_val(q, ready ? 200 : 503, o);
}

void oip_server_handler(struct http_req *q)
{
    struct val *o = object(q);

    val_set_str(o, "name", "signalbox");
    val_set_str(o, "version", PACKAGE_VERSION);
    struct val *list = val_set_list(o, "extensions");
    val_push_str(list, "binary_tensor_data");
    val_push_str(list, "model_repository");
    val_push_str(list, "statistics");
    http_answer_val(q, 200, o);
}

/* The model that the path names, or the answer that there is none. */
static struct infer *find(struct http_req *q)
{
    struct infer *s = infer_new(q, NULL, NULL);
    struct rows *rows;
    struct err e = ERR_INIT;

    if (!infer_begin(s, http_param(q, "model"), http_param(q, "version"), &rows, &e)) return s;
    oip_error(q, &e);
    return NULL;
}

/* Open to everybody, so it must not make the daemon load a version that is not there yet. */
void oip_model_ready_handler(struct http_req *q)
{
    const struct catalog *c = serve_io_catalog(http_serve(http_io_of(q)));
    const char *name = http_param(q, "model"), *version = http_param(q, "version");
    const struct serve_route *r = c ? catalog_route(c, name, strlen(name)) : NULL;
    struct err e = ERR_INIT;
    long long number = 0;

    if (!r || (version && (!str_to_i64(version, &number) || !catalog_version(c, r, number)))) {
        err_set(&e, ERR_NOTFOUND, "%.200s%s%.40s does not serve here", name,
                version ? " version " : "", version ? version : "");
        oip_error(q, &e);
        return;
    }
    struct val *o = object(q);
    val_set_str(o, "name", r->name);
    val_set_bool(o, "ready", true);
    http_answer_val(q, 200, o);
}

static void add_tensor(struct arena *a, struct val *list, const char *name, enum tensor_type type,
                       int64_t columns)
{
    struct val *o = val_push_obj(list);

    val_set_str(o, "name", name);
    val_set_str(o, "datatype", tensor_name(type));
    struct val *shape = val_set_list(o, "shape");
    val_push(shape, val_int(a, -1));
    if (columns) val_push(shape, val_int(a, columns));
}

static void add_versions(struct val *o, const struct serve_route *r)
{
    struct val *list = val_set_list(o, "versions");
    char text[24];

    for (size_t i = 0; i < r->n_arms; i++) {
        size_t k = 0;
        while (k < i && r->arms[k].by->version != r->arms[i].by->version) k++;
        if (k < i) continue;
        snprintf(text, sizeof text, "%" PRId64, r->arms[i].by->version);
        val_push_str(list, text);
    }
}

static struct val *describe(struct http_req *q, const struct infer *s)
{
    const struct model *m = infer_arm(s)->by->model;
    struct arena *a = http_arena(q);
    struct val *o = object(q);

    val_set_str(o, "name", s->call.route->name);
    add_versions(o, s->call.route);
    val_set_strf(o, "platform", "signalbox_%s", model_algorithm(m));
    struct val *list = val_set_list(o, "inputs");
    for (size_t i = 0; i < model_features(m); i++) {
        enum col_type type;
        const char *name = model_feature(m, i, &type);
        add_tensor(a, list, name, tensor_of_column(type), 1);
    }
    list = val_set_list(o, "outputs");
    enum tensor_type labels = infer_whole_labels(m) ? TENSOR_INT64 : TENSOR_BYTES;
    add_tensor(a, list, "prediction", model_classes(m) ? labels : TENSOR_FP64, 0);
    if (model_classes(m)) add_tensor(a, list, "probabilities", TENSOR_FP64, model_classes(m));
    return o;
}

void oip_model_handler(struct http_req *q)
{
    const struct infer *s = find(q);

    if (s) http_answer_val(q, 200, describe(q, s));
}

/* The same as Triton's own form of a model's configuration, as far as it means something here. */
static struct val *config_tensors(const struct val *list, struct arena *a)
{
    struct val *ret = val_list(a);

    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *t = val_at(list, i);
        const char *type = val_get_str(t, "datatype", "");
        struct val *o = val_push_obj(ret);
        val_set_str(o, "name", val_get_str(t, "name", ""));
        val_set_strf(o, "data_type", "TYPE_%s", str_eq(type, "BYTES") ? "STRING" : type);
        val_set(o, "dims", val_copy(a, val_get(t, "shape")));
    }
    return ret;
}

void oip_config_handler(struct http_req *q)
{
    const struct infer *s = find(q);

    if (!s) return;
    struct arena *a = http_arena(q);
    struct val *o = object(q), *about = describe(q, s);
    val_set_str(o, "name", s->call.route->name);
    val_set_str(o, "platform", val_get_str(about, "platform", ""));
    val_set_str(o, "backend", "signalbox");
    val_set_int(o, "max_batch_size", 0); /* the first dimension is part of the shapes */
    val_set(o, "input", config_tensors(val_get(about, "inputs"), a));
    val_set(o, "output", config_tensors(val_get(about, "outputs"), a));
    http_answer_val(q, 200, o);
}

/* ---- repository and statistics --------------------------------------------------------------- */

static bool only_ready(struct http_req *q)
{
    struct val *in = NULL;
    size_t n = 0;
    const char *body = http_body(q, &n);

    return n && n <= 65536 && !val_parse_json(http_arena(q), body, n, &in, NULL) &&
           val_get_bool(in, "ready", false);
}

void oip_index_handler(struct http_req *q)
{
    const struct catalog *c = serve_io_catalog(http_serve(http_io_of(q)));
    struct val *list = val_list(http_arena(q));

    for (size_t i = 0; c && i < catalog_size(c); i++) {
        const struct serve_route *r = catalog_at(c, i);
        struct val *versions = val_obj(http_arena(q));
        add_versions(versions, r);
        for (size_t k = 0; k < val_len(val_get(versions, "versions")); k++) {
            struct val *o = val_push_obj(list);
            val_set_str(o, "name", r->name);
            val_set_str(o, "version", val_as_str(val_at(val_get(versions, "versions"), k), ""));
            val_set_str(o, "state", "READY");
            val_set_str(o, "reason", "");
        }
    }
    const struct val *bad = c && !only_ready(q) ? catalog_problems(c) : NULL;
    for (size_t i = 0; i < val_len(bad); i++) {
        const struct val *x = val_at(bad, i);
        struct val *o = val_push_obj(list);
        val_set_str(o, "name", val_get_str(x, "model", ""));
        val_set_strf(o, "version", "%" PRId64, val_get_int(x, "version", 0));
        val_set_str(o, "state", "UNAVAILABLE");
        val_set_str(o, "reason", val_get_str(x, "error", ""));
    }
    http_answer_val(q, 200, list);
}

void oip_control_handler(struct http_req *q)
{
    struct err e = ERR_INIT;

    err_set(&e, ERR_INVALID, "models are not loaded or unloaded by request");
    err_hint(&e, "what is in Production serves: signalbox model promote, model archive");
    oip_error(q, &e);
}

static void add_time(struct val *stats, const char *name, uint64_t count, double seconds)
{
    struct val *o = val_set_obj(stats, name);

    val_set_int(o, "count", (int64_t)count);
    val_set_int(o, "ns", (int64_t)(seconds * 1e9));
}

static void add_stats(struct val *list, const struct serve_count *c)
{
    struct val *o = val_push_obj(list);

    val_set_str(o, "name", c->model);
    val_set_strf(o, "version", "%" PRId64, c->version);
    val_set_str(o, "arm", c->role);
    val_set_int(o, "inference_count", (int64_t)c->rows);
    val_set_int(o, "execution_count", (int64_t)(c->requests - c->cached));
    struct val *stats = val_set_obj(o, "inference_stats");
    add_time(stats, "success", c->requests - c->errors, c->seconds_request.sum);
    add_time(stats, "fail", c->errors, 0);
    add_time(stats, "queue", c->seconds_queue.n, c->seconds_queue.sum);
    add_time(stats, "compute_infer", c->seconds_model.n, c->seconds_model.sum);
    add_time(stats, "cache_hit", c->cached, 0);
}

void oip_stats_handler(struct http_req *q)
{
    const char *name = http_param(q, "model");
    const struct infer *s = name ? find(q) : NULL;
    struct serve_count *counts = NULL;

    if (name && !s) return;
    size_t n = serve_counts(http_server_serve(http_server_of(q)), http_arena(q), &counts);
    struct val *o = object(q), *list = val_set_list(o, "model_stats");
    for (size_t i = 0; i < n; i++) {
        if (name && !str_eq(name, counts[i].model)) continue;
        if (s && s->call.version && s->call.version != counts[i].version) continue;
        add_stats(list, &counts[i]);
    }
    http_answer_val(q, 200, o);
}

/* ---- inference ------------------------------------------------------------------------------- */

static void answer(struct infer *s)
{
    struct oip_request *r = s->user;
    struct str out = STR_INIT;
    size_t json = 0;
    char length[24];

    if (s->call.rc) {
        oip_error(s->q, &s->call.err);
        return;
    }
    oip_write(s, r, &out, &json);
    if (json == out.len) {
        http_answer(s->q, 200, NULL, &out);
        return;
    }
    snprintf(length, sizeof length, "%zu", json);
    http_answer_header(s->q, "Inference-Header-Content-Length", length);
    http_answer(s->q, 200, "application/octet-stream", &out);
}

/* How many bytes of the body are JSON. */
static int json_length(struct http_req *q, size_t n, size_t *ret, struct err *e)
{
    const char *header = http_header(q, "Inference-Header-Content-Length");
    const char *coding = http_header(q, "Content-Encoding");
    long long given = 0;

    if (coding && !str_eq(coding, "identity"))
        return err_set(e, ERR_INVALID, "bodies packed as %.40s are not taken", coding);
    *ret = n;
    if (!header) return 0;
    if (!str_to_i64(header, &given) || given < 1 || (size_t)given > n)
        return err_set(e, ERR_INVALID,
                       "Inference-Header-Content-Length: '%.40s' is no length within "
                       "the body of %zu bytes",
                       header, n);
    *ret = (size_t)given;
    return 0;
}

void oip_infer_handler(struct http_req *q)
{
    struct oip_request *r = arena_new(http_arena(q), struct oip_request);
    struct infer *s = infer_new(q, answer, r);
    struct err e = ERR_INIT;
    struct rows *rows;
    size_t n = 0, json = 0;
    const char *body = http_body(q, &n);
    int rc = infer_begin(s, http_param(q, "model"), http_param(q, "version"), &rows, &e);

    if (!rc) rc = json_length(q, n, &json, &e);
    if (!rc) rc = oip_read(s, body, n, json, r, &e);
    if (rc) oip_error(q, &e);
    else infer_run(s);
}
