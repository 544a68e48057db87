/* tfserving.c: TensorFlow Serving's REST form: POST /v1/models/NAME[/versions/V]:predict with
 * "instances" (rows; the answer is "predictions") or "inputs" (columns; "outputs"), and GET for the
 * state of a model. Errors are {"error": "…"}, as in oip.h. */
#include "http/dataframe.h"
#include "http/handlers.h"
#include "http/oip.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void write_probabilities(const struct infer *s, size_t row, struct str *out)
{
    int classes = model_classes(s->call.arm->by->model);
    char buf[32];

    for (int k = 0; k < classes; k++) {
        str_addc(out, k ? ',' : '[');
        str_add(out, str_real(buf, infer_value(s, row, k)));
    }
    str_addc(out, ']');
}

/* One output has no name; with classes there are two. */
static void write_rows(const struct infer *s, bool whole, struct str *out)
{
    bool classes = model_classes(s->call.arm->by->model) > 0;

    str_add(out, "{\"predictions\":");
    for (size_t i = 0; i < s->call.rows->n; i++) {
        str_addc(out, i ? ',' : '[');
        if (classes) str_add(out, "{\"prediction\":");
        infer_write_answer(s, i, whole, out);
        if (!classes) continue;
        str_add(out, ",\"probabilities\":");
        write_probabilities(s, i, out);
        str_addc(out, '}');
    }
    str_add(out, "]}");
}

static void write_columns(const struct infer *s, bool whole, struct str *out)
{
    bool classes = model_classes(s->call.arm->by->model) > 0;

    str_add(out, classes ? "{\"outputs\":{\"prediction\":" : "{\"outputs\":");
    for (size_t i = 0; i < s->call.rows->n; i++) {
        str_addc(out, i ? ',' : '[');
        infer_write_answer(s, i, whole, out);
    }
    str_addc(out, ']');
    if (classes) str_add(out, ",\"probabilities\":");
    for (size_t i = 0; classes && i < s->call.rows->n; i++) {
        str_addc(out, i ? ',' : '[');
        write_probabilities(s, i, out);
    }
    str_add(out, classes ? "]}}" : "}");
}

static void answer(struct infer *s)
{
    const enum dataframe_form *form = s->user;
    struct str out = STR_INIT;

    if (s->call.rc) {
        oip_error(s->q, &s->call.err);
        return;
    }
    bool whole = infer_whole_labels(s->call.arm->by->model);
    if (*form == DATAFRAME_INSTANCES) write_rows(s, whole, &out);
    else write_columns(s, whole, &out);
    http_answer(s->q, 200, NULL, &out);
}

/* "NAME:predict" of the path's last part, in the request's arena; NULL: another verb, answered. */
static const char *before_verb(struct http_req *q, const char *last)
{
    const char *colon = strrchr(last, ':');
    struct err e = ERR_INIT;

    if (colon && str_eq(colon, ":predict"))
        return arena_strndup(http_arena(q), last, (size_t)(colon - last));
    err_set(&e, ERR_NOTFOUND, "only :predict is offered here");
    oip_error(q, &e);
    return NULL;
}

void tf_predict_handler(struct http_req *q)
{
    enum dataframe_form *form = arena_new(http_arena(q), enum dataframe_form);
    struct infer *s = infer_new(q, answer, form);
    const char *name = http_param(q, "model"), *version = http_param(q, "version");
    const char *last = before_verb(q, version ? version : name);
    struct err e = ERR_INIT;
    struct rows *rows;
    size_t n = 0;
    const char *body = http_body(q, &n);

    if (!last) return;
    int rc = infer_begin(s, version ? name : last, version ? last : NULL, &rows, &e);
    if (!rc) rc = dataframe_read_json(s, body, n, DATAFRAME_INSTANCES | DATAFRAME_INPUTS, form, &e);
    if (rc) oip_error(q, &e);
    else infer_run(s);
}

void tf_status_handler(struct http_req *q)
{
    struct infer *s = infer_new(q, NULL, NULL);
    struct val *o = val_obj(http_arena(q)), *list = val_set_list(o, "model_version_status");
    struct err e = ERR_INIT;
    struct rows *rows;

    if (infer_begin(s, http_param(q, "model"), http_param(q, "version"), &rows, &e)) {
        oip_error(q, &e);
        return;
    }
    const struct serve_route *r = s->call.route;
    for (size_t i = 0; i < r->n_arms; i++) {
        int64_t version = r->arms[i].by->version;
        if (s->call.version && s->call.version != version) continue;
        struct val *x = val_push_obj(list);
        val_set_strf(x, "version", "%" PRId64, version);
        val_set_str(x, "state", "AVAILABLE");
        struct val *status = val_set_obj(x, "status");
        val_set_str(status, "error_code", "OK");
        val_set_str(status, "error_message", "");
    }
    http_answer_val(q, 200, o);
}
