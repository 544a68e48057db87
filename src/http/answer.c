/* answer.c: what handlers call: the question's parts, and the answer. An answer is kept in the
 * request; exchange.c sends it when the protocol library asks. I/O thread of the request. */
#include "http/priv.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

/* ---- the question -------------------------------------------------------------------- */

const struct http_route *http_route_of(const struct http_req *q)
{
    return q->route;
}

const char *http_method(const struct http_req *q)
{
    return q->method;
}

const char *http_path(const struct http_req *q)
{
    return q->target.path ? q->target.path : "/";
}

const char *http_param(const struct http_req *q, const char *name)
{
    for (size_t i = 0; i < q->params.n; i++)
        if (str_eq(q->params.names[i], name)) return q->params.values[i];
    return NULL;
}

const char *http_query(const struct http_req *q, const char *name)
{
    return target_field(&q->target, name);
}

/* A name that is repeated becomes a list. */
struct val *http_query_val(const struct http_req *q)
{
    struct arena *a = http_arena((struct http_req *)(uintptr_t)q);
    struct val *o = val_obj(a);

    for (size_t i = 0; i < q->target.n_fields; i++) {
        const struct target_field *f = &q->target.fields[i];
        const struct val *before = val_get(o, f->name.p);
        struct val *item = val_strn(a, f->value.p, f->value.n);
        if (!before) {
            val_set(o, f->name.p, item);
            continue;
        }
        struct val *list = val_list(a);
        for (size_t k = 0; k < val_len(before); k++) val_push(list, val_copy(a, val_at(before, k)));
        if (val_type(before) == VAL_STR) val_push(list, val_copy(a, before));
        val_push(list, item);
        val_set(o, f->name.p, list);
    }
    return o;
}

const char *http_body(const struct http_req *q, size_t *ret_n)
{
    *ret_n = q->body.len;
    return str_c(&q->body);
}

const struct identity *http_identity(const struct http_req *q)
{
    return &q->who;
}

const char *http_request_id(const struct http_req *q)
{
    return q->id;
}

const char *http_address(const struct http_req *q)
{
    return q->address;
}

int64_t http_began_us(const struct http_req *q)
{
    return q->began_us;
}

struct arena *http_arena(struct http_req *q)
{
    return &q->arena;
}

struct http_io *http_io_of(const struct http_req *q)
{
    return q->io;
}

struct http_server *http_server_of(const struct http_req *q)
{
    return q->io->server;
}

/* ---- the answer ---------------------------------------------------------------------- */

void http_answer_header(struct http_req *q, const char *name, const char *value)
{
    struct answer_header *h;

    for (h = q->headers; h; h = h->next) {
        if (strcasecmp(h->name, name) != 0) continue;
        h->value = arena_strdup(&q->arena, value); /* the last one said counts */
        return;
    }
    h = arena_new(&q->arena, struct answer_header);
    *h = (struct answer_header){ q->headers, arena_strdup(&q->arena, name),
                                 arena_strdup(&q->arena, value) };
    q->headers = h;
}

void http_later(struct http_req *q)
{
    assert(!q->later && !q->answered);
    q->later = true;
    q->held++;
}

void http_answer(struct http_req *q, int status, const char *type, struct str *body)
{
    bool owed = q->later, gone = q->abandoned;

    if (!gone) {
        assert(!q->answered);
        q->answered = true;
        q->status = status;
        q->type = type ? arena_strdup(&q->arena, type) : "application/json";
        if (body) q->out = *body;
        if (q->state == REQ_PENDING) req_resume(q);
    } else if (body) {
        str_done(body);
    }
    if (body) *body = (struct str)STR_INIT;
    q->later = false;
    if (owed) req_release(q);
}

void http_answer_val(struct http_req *q, int status, const struct val *v)
{
    struct str s = STR_INIT;

    val_write_json(&s, v, 0);
    str_addc(&s, '\n');
    http_answer(q, status, NULL, &s);
}

void answer_status(struct http_req *q, int status, const struct err *e)
{
    struct str s = STR_INIT;
    enum err_kind kind = e->kind ? e->kind : ERR_INTERNAL;

    if (status == 0) status = err_http(kind);
    if (status >= 500 && err_retryable(kind)) http_answer_header(q, "Retry-After", "1");
    str_add(&s, "{\"error_code\": \"");
    str_add(&s, err_code(kind));
    str_add(&s, "\", \"message\": ");
    val_write_json_str(&s, e->msg, strlen(e->msg));
    if (e->hint[0]) {
        str_add(&s, ", \"hint\": ");
        val_write_json_str(&s, e->hint, strlen(e->hint));
    }
    /* where clients of the Open Inference Protocol and of TensorFlow Serving look for it */
    if (str_starts(http_path(q), "/v2/") || str_starts(http_path(q), "/v1/")) {
        str_add(&s, ", \"error\": ");
        val_write_json_str(&s, e->msg, strlen(e->msg));
    }
    str_add(&s, "}\n");
    http_answer(q, status, NULL, &s);
}

void http_answer_err(struct http_req *q, const struct err *e)
{
    answer_status(q, 0, e);
}
