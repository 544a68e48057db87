/* mlflow_scoring.c: MLflow's scoring server: POST /invocations, GET /ping and /version. It serves
 * one model, the default one. Which answers are JSON and which are plain text, and their codes, are
 * those that MLflow's clients and the platforms around it expect. */
#include "config.h"
#include "http/dataframe.h"
#include "http/handlers.h"
#include "http/server.h"
#include <string.h>
#include <strings.h>

static void answer_text(struct http_req *q, int status, const char *type, const char *text)
{
    struct str out = STR_INIT;

    str_add(&out, text);
    http_answer(q, status, type, &out);
}

/* What is wrong with the request is BAD_REQUEST, whatever it is. */
static void answer_error(struct http_req *q, const struct err *e)
{
    struct val *o = val_obj(http_arena(q));

    if (err_http(e->kind) != 400) {
        http_answer_err(q, e);
        return;
    }
    val_set_str(o, "error_code", "BAD_REQUEST");
    if (e->hint[0]) val_set_strf(o, "message", "%s; %s", e->msg, e->hint);
    else val_set_str(o, "message", e->msg);
    http_answer_val(q, 400, o);
}

static void answer(struct infer *s)
{
    struct str out = STR_INIT;

    if (s->call.rc) {
        answer_error(s->q, &s->call.err);
        return;
    }
    bool whole = infer_whole_labels(s->call.arm->by->model);
    str_add(&out, "{\"predictions\": ");
    for (size_t i = 0; i < s->call.rows->n; i++) {
        str_add(&out, i ? ", " : "[");
        infer_write_answer(s, i, whole, &out);
    }
    str_add(&out, "]}");
    http_answer(s->q, 200, NULL, &out);
}

/* ---- content types --------------------------------------------------------------------------- */

enum content { CONTENT_JSON, CONTENT_CSV, CONTENT_WRONG };

static bool is(const char *s, size_t n, const char *word)
{
    return strlen(word) == n && strncasecmp(s, word, n) == 0;
}

/* The next part between semicolons, without the blanks around it. */
static const char *part(const char **at, size_t *ret_n)
{
    const char *s = *at + strspn(*at, " \t;");
    size_t n = strcspn(s, ";");

    *at = s + n;
    while (n && strchr(" \t", s[n - 1])) n--;
    *ret_n = n;
    return s;
}

/* CONTENT_WRONG: *why says what is. */
static enum content content_of(const char *type, const char **why)
{
    size_t n;
    const char *at = type ? type : "", *s = part(&at, &n);
    enum content c = is(s, n, "application/json") ? CONTENT_JSON
                     : is(s, n, "text/csv")       ? CONTENT_CSV
                                                  : CONTENT_WRONG;

    *why = "Content-Type must be application/json or text/csv.";
    while (*at && c != CONTENT_WRONG) {
        s = part(&at, &n);
        if (n == 0) continue;
        *why = "The only charset is utf-8.";
        if (n > 8 && strncasecmp(s, "charset=", 8) == 0) {
            s += 8;
            n -= 8;
            if (is(s, n, "utf-8") || is(s, n, "\"utf-8\"")) continue;
        } else {
            *why = "Content-Type takes no parameter but charset.";
        }
        c = CONTENT_WRONG;
    }
    return c;
}

/* ---- routes ---------------------------------------------------------------------------------- */

void invocations_handler(struct http_req *q)
{
    const unsigned forms =
        DATAFRAME_SPLIT | DATAFRAME_RECORDS | DATAFRAME_INSTANCES | DATAFRAME_INPUTS;
    struct infer *s = infer_new(q, answer, NULL);
    enum dataframe_form form;
    struct err e = ERR_INIT;
    struct rows *rows;
    const char *why;
    size_t n = 0;
    const char *body = http_body(q, &n);
    enum content content = content_of(http_header(q, "Content-Type"), &why);

    if (content == CONTENT_WRONG) {
        answer_text(q, 415, "text/plain", why);
        return;
    }
    int rc = infer_begin(s, NULL, NULL, &rows, &e);
    if (!rc)
        rc = content == CONTENT_CSV ? dataframe_read_csv(s, body, n, &e)
                                    : dataframe_read_json(s, body, n, forms, &form, &e);
    if (rc) answer_error(q, &e);
    else infer_run(s);
}

void ping_handler(struct http_req *q)
{
    bool ready = http_server_ready(http_server_of(q));
    answer_text(q, ready ? 200 : 404, "application/json", "\n");
}

void version_handler(struct http_req *q)
{
    answer_text(q, 200, "text/plain", PACKAGE_VERSION);
}
