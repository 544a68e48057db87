/* page.c: the routes that tell about the daemon itself. Health says that the process answers;
 * ready, that it can do its work, dependency by dependency, from what the main loop found out
 * lately, so that a probe never waits. */
#include "http/handlers.h"
#include "http/server_priv.h"

static const char *now_text(const struct http_req *q, char buf[32])
{
    return clock_format(buf, clock_now(server_clock(http_server_of(q))));
}

void health_handler(struct http_req *q)
{
    char when[32];
    struct val *v = val_obj(http_arena(q));

    val_set_str(v, "status", "healthy");
    val_set_str(v, "timestamp", now_text(q, when));
    http_answer_val(q, 200, v);
}

static bool add_dependency(struct val *list, const char *name, bool ok, const char *detail)
{
    struct val *d = val_push_obj(list);

    val_set_str(d, "name", name);
    val_set_bool(d, "ok", ok);
    if (detail) val_set_str(d, "detail", detail);
    return ok;
}

/* Facts, problems and the flag, as a list of dependencies. */
static bool add_dependencies(struct http_req *q, struct val *v)
{
    const struct http_server *s = http_server_of(q);
    struct val *facts = http_server_facts(s, http_arena(q)),
               *list = val_set_list(v, "dependencies");
    size_t bad = val_len(val_get(facts, "problems"));
    bool known = val_has(facts, "at");
    bool ok = add_dependency(list, "store", known && val_get_bool(facts, "store_ok", false),
                             known ? val_get_str(facts, "store_error", NULL) : "not asked yet");

    ok &= add_dependency(list, "models", http_server_ready(s),
                         bad ? arena_printf(http_arena(q), "%zu cannot be loaded", bad) : NULL);
    return ok;
}

void ready_handler(struct http_req *q)
{
    char when[32];
    struct val *v = val_obj(http_arena(q));
    bool ok;

    val_set_str(v, "status", "ready");
    val_set_str(v, "timestamp", now_text(q, when));
    ok = add_dependencies(q, v);
    if (!ok) {
        val_set_str(v, "status", "not ready");
        http_answer_header(q, "Retry-After", "1");
    }
    http_answer_val(q, ok ? 200 : 503, v);
}

static void then_status(struct http_req *q, int rc, const struct reply *r, const struct err *e)
{
    struct http_server *s = http_server_of(q);
    char when[32];

    if (rc) {
        http_answer_err(q, e);
        return;
    }
    struct val *v = val_copy(http_arena(q), r->v), *d = val_set_obj(v, "daemon");
    val_set_str(d, "id", s->id);
    val_set_str(d, "listen", s->bound);
    val_set_str(d, "since", clock_format(when, s->started_us));
    val_set_int(d, "io_threads", s->n_ios);
    val_set_bool(d, "ready", http_server_ready(s));
    add_dependencies(q, d);
    http_answer_val(q, 200, v);
}

void status_handler(struct http_req *q)
{
    http_verb(q, verb_find(http_route_of(q)->verb), val_obj(http_arena(q)), then_status);
}

void openapi_handler(struct http_req *q)
{
    const struct str *text = &http_server_of(q)->openapi;
    struct str s = STR_INIT;

    str_addn(&s, text->p, text->len);
    http_answer(q, 200, NULL, &s);
}
