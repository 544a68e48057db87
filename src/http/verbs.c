/* verbs.c: verbs over HTTP. Arguments are what path, query and body say, in this order, the later
 * over the earlier; the verb runs on a verb thread as the caller, and its reply comes back to
 * the request's thread. After a write the answer waits until the main thread has looked for
 * changed keys and models, so a key that was revoked is refused from the answer on. */
#include "http/handlers.h"
#include "http/server_priv.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- there and back ------------------------------------------------------------------ */

/* The request's thread again. */
static void call_back(void *arg)
{
    struct verb_call *c = arg;

    c->req->io->n_on_verb--;
    if (c->text.len) http_answer(c->req, 200, NULL, &c->text);
    else c->then(c->req, c->rc, &c->reply, &c->err);
    str_done(&c->text);
    reply_done(&c->reply);
    free(c);
}

void verbs_pass_on(struct verb_call *list)
{
    for (struct verb_call *c = list, *next; c; c = next) {
        next = c->next;
        http_io_post(c->req->io, call_back, c);
    }
}

/* Nothing to say is an empty object; text for people goes along. */
static void write_reply(struct str *out, struct reply *r)
{
    struct val *v = r->v ? r->v : val_obj(&r->arena);

    if (val_type(v) == VAL_OBJ && val_len(v) == 0 && r->text) val_set_str(v, "text", r->text);
    val_write_json(out, v, 0);
    str_addc(out, '\n');
}

/* A verb thread. Large replies become text here, where they delay no other request. */
static void verb_ran(struct verb_task *k, int rc, struct reply *r, struct err *e)
{
    struct verb_call *c = (struct verb_call *)k;

    c->rc = rc;
    c->err = *e;
    c->reply = *r;
    reply_init(r);
    if (!rc && c->then == http_then_val) write_reply(&c->text, &c->reply);
    if (k->verb->flags & VERB_WRITE) server_wrote(c->req->io->server, c);
    else http_io_post(c->req->io, call_back, c);
}

void http_verb(struct http_req *q, const struct verb *v, const struct val *args,
               void (*then)(struct http_req *q, int rc, const struct reply *r, const struct err *e))
{
    struct verb_call *c = mem_zalloc(1, sizeof *c);

    *c = (struct verb_call){
        .task = { .verb = v,
                  .args = args, /* the arena lives until the answer */
                  .actor = q->who.name,
                  .role = q->who.role ? q->who.role : perm_name(PERM_VIEWER),
                  .dry_run = q->dry_run,
                  .remote = true,
                  .done = verb_ran },
        .req = q,
        .then = then,
    };
    http_later(q);
    q->io->n_on_verb++;
    verbthreads_submit(q->io->server->threads, &c->task);
}

void http_then_val(struct http_req *q, int rc, const struct reply *r, const struct err *e)
{
    if (rc) http_answer_err(q, e);
    else http_answer_val(q, 200, r->v ? r->v : val_obj(http_arena(q)));
}

/* ---- arguments ----------------------------------------------------------------------- */

/* Names that the routes of CONTRACT use for what the verb calls otherwise. */
static const char *argument_name(const struct verb *v, const char *name)
{
    static const struct {
        const char *here, *there;
    } also[] = { { "model", "name" },      { "model_name", "name" }, { "job_id", "job" },
                 { "data_path", "data" },  { "dataset", "data" },    { "target_column", "target" },
                 { "model_uri", "model" }, { "params", "param" } };

    if (param_find(v->params, name)) return name;
    for (size_t i = 0; i < ARRAY_LEN(also); i++)
        if (str_eq(name, also[i].here) && param_find(v->params, also[i].there))
            return also[i].there;
    return name;
}

static void add_all(struct http_req *q, const struct verb *v, const struct val *from,
                    struct val *to)
{
    for (size_t i = 0; i < val_len(from); i++)
        val_set(to, argument_name(v, val_key(from, i)), val_copy(&q->arena, val_at(from, i)));
}

static int read_body(struct http_req *q, struct val **ret, struct err *e)
{
    size_t n;
    const char *text = http_body(q, &n);

    *ret = NULL;
    if (n == 0) return 0;
    int rc = val_parse_json(&q->arena, text, n, ret, e);
    if (rc) return err_prefix(e, "body");
    if (val_type(*ret) == VAL_OBJ) return 0;
    err_set(e, ERR_INVALID, "body: an object with the arguments was expected");
    return err_hint(e, "for example {\"name\": \"fraud\"}; GET /openapi.json describes them");
}

/* dry_run is an argument of some verbs and an option of all others that write. */
static int take_dry_run(struct http_req *q, const struct verb *v, struct val **args, struct err *e)
{
    static const struct param option[] = {
        { .name = "dry-run", .type = PARAM_BOOL, .help = "only say what would be done" }, { 0 }
    };
    struct val *rest = val_obj(&q->arena), *mine = val_obj(&q->arena), *bound;

    if (param_find(v->params, "dry-run") || !(v->flags & VERB_WRITE)) return 0;
    for (size_t i = 0; i < val_len(*args); i++) {
        const char *key = val_key(*args, i);
        bool is = str_eq(key, "dry_run") || str_eq(key, "dry-run");
        val_set(is ? mine : rest, key, val_copy(&q->arena, val_at(*args, i)));
    }
    int rc = param_bind_val(option, &q->arena, mine, &bound, e);
    if (rc) return rc;
    q->dry_run = val_get_bool(bound, "dry-run", false);
    *args = rest;
    return 0;
}

static int arguments(struct http_req *q, const struct verb *v, struct val **ret, struct err *e)
{
    struct val *args = val_obj(&q->arena), *body;
    int rc = read_body(q, &body, e);

    if (rc) return rc;
    add_all(q, v, http_query_val(q), args);
    add_all(q, v, body, args);
    for (size_t i = 0; i < q->params.n; i++)
        val_set_str(args, argument_name(v, q->params.names[i]), q->params.values[i]);
    rc = take_dry_run(q, v, &args, e);
    if (!rc) *ret = args;
    return rc;
}

/* ---- handlers ------------------------------------------------------------------------ */

static void run(struct http_req *q, void (*then)(struct http_req *q, int rc, const struct reply *r,
                                                 const struct err *e))
{
    const struct verb *v = verb_find(q->route->verb);
    struct err e = ERR_INIT;
    struct val *args = NULL;

    if (arguments(q, v, &args, &e)) http_answer_err(q, &e);
    else http_verb(q, v, args, then);
}

void verb_handler(struct http_req *q)
{
    run(q, http_then_val);
}

/* GET must not change anything, whatever dry_run says. */
void policy_handler(struct http_req *q)
{
    const struct verb *v = verb_find(q->route->verb);
    struct err e = ERR_INIT;
    struct val *args = NULL;
    const char *dry = http_query(q, "dry_run");

    if (dry && strcasecmp(dry, "true") && !str_eq(dry, "1")) {
        err_set(&e, ERR_INVALID, "GET only decides; dry_run=%.20s asks for a job", dry);
        err_hint(&e, "POST to the same address");
    } else if (!arguments(q, v, &args, &e)) {
        val_set_bool(args, "dry-run", true);
        http_verb(q, v, args, http_then_val);
        return;
    }
    http_answer_err(q, &e);
}

static void then_queued(struct http_req *q, int rc, const struct reply *r, const struct err *e)
{
    if (rc) {
        http_answer_err(q, e);
        return;
    }
    struct val *v = val_copy(http_arena(q), r->v);
    if (!val_has(v, "dry_run")) val_set_str(v, "status", "queued");
    http_answer_val(q, q->dry_run ? 200 : 202, v);
}

void train_handler(struct http_req *q)
{
    run(q, then_queued);
}

static void then_job(struct http_req *q, int rc, const struct reply *r, const struct err *e)
{
    if (rc) {
        http_answer_err(q, e);
        return;
    }
    struct arena *a = http_arena(q);
    struct val *v = val_obj(a);
    val_set_str(v, "job_id", val_get_str(r->v, "id", http_param(q, "job")));
    val_set_str(v, "status", val_get_str(r->v, "state", "unknown"));
    for (size_t i = 0; i < val_len(r->v); i++)
        val_set(v, val_key(r->v, i), val_copy(a, val_at(r->v, i)));
    http_answer_val(q, 200, v);
}

void job_status_handler(struct http_req *q)
{
    run(q, then_job);
}

/* {name, version, stage}: a stage to promote to, or Archived. */
void transition_handler(struct http_req *q)
{
    const struct verb *promote = verb_find("model promote"), *archive = verb_find("model archive");
    struct err e = ERR_INIT;
    struct val *all = NULL, *args = val_obj(&q->arena);

    if (arguments(q, promote, &all, &e)) {
        http_answer_err(q, &e);
        return;
    }
    const char *stage = val_get_str(all, "stage", val_get_str(all, "to", "Production"));
    bool away = !strcasecmp(stage, "Archived");
    for (size_t i = 0; i < val_len(all); i++)
        if (!str_eq(val_key(all, i), "stage") && !str_eq(val_key(all, i), "to"))
            val_set(args, val_key(all, i), val_copy(&q->arena, val_at(all, i)));
    if (!away) val_set_str(args, "to", stage);
    http_verb(q, away ? archive : promote, args, http_then_val);
}
