/* router.c: see router.h. A node is a segment; its children are literal texts (found by
 * comparing: a node has few), one for {name} and one for {name*}. Looking up tries them in that
 * order and goes back when a branch leads nowhere, so /a/{x}/c is found beside /a/b. */
#include "http/router.h"

#include "base/mem.h"
#include "base/vec.h"
#include "http/handlers.h"

#include <assert.h>
#include <string.h>

enum { MAX_METHODS = 6, VERB_BODY = 16 << 20 };

const struct http_route http_routes[] = {
#define ROUTE(method, pattern, auth, perm, verb, handler, max_body, help)                          \
    { method, pattern, HTTP_##auth, PERM_##perm, verb, handler, max_body, help },
#include "http/routes.def"
#undef ROUTE
    { .method = NULL },
};

struct node {
    const char *text; /* segment; of {name} the name */
    size_t n;
    VEC(struct node *) literals;
    struct node *one, *rest;
    const struct http_route *routes[MAX_METHODS]; /* NULL ends or full */
};

struct router {
    struct arena arena; /* patterns and routes made from verbs */
    struct node *root;
    VEC(const struct http_route *) all;
};

static struct node *node_new(struct arena *a, const char *text, size_t n)
{
    struct node *d = arena_new(a, struct node);

    d->text = arena_strndup(a, text, n);
    d->n = n;
    return d;
}

static struct node *literal(const struct node *d, const char *text, size_t n)
{
    for (size_t i = 0; i < d->literals.n; i++) {
        struct node *c = d->literals.p[i];
        if (c->n == n && !memcmp(c->text, text, n)) return c;
    }
    return NULL;
}

/* The child for one segment of a pattern, made where there is none. Patterns that name the same
 * place differently are a mistake in the table. */
static struct node *child(struct arena *a, struct node *d, const char *text, size_t n)
{
    if (*text != '{') {
        struct node *c = literal(d, text, n);
        if (c) return c;
        vec_push(&d->literals, node_new(a, text, n));
        return d->literals.p[d->literals.n - 1];
    }
    bool rest = text[n - 2] == '*';
    struct node **slot = rest ? &d->rest : &d->one;
    size_t len = n - 2 - rest;
    if (!*slot) *slot = node_new(a, text + 1, len);
    assert((*slot)->n == len && !memcmp((*slot)->text, text + 1, len));
    return *slot;
}

static void add(struct router *r, const struct http_route *route)
{
    struct node *d = r->root;

    for (const char *p = route->pattern; *p;) {
        size_t n = strcspn(p + 1, "/");
        if (n) d = child(&r->arena, d, p + 1, n);
        p += 1 + n;
    }
    size_t i = 0;
    for (; d->routes[i]; i++) assert(!str_eq(d->routes[i]->method, route->method));
    assert(i < MAX_METHODS - 1);
    d->routes[i] = route;
    vec_push(&r->all, route);
}

/* Reads that say nothing but how experiments went are open to all. */
static bool is_public(const struct verb *v)
{
    return !(v->flags & VERB_WRITE) && v->perm == PERM_VIEWER &&
           (str_starts(v->name, "experiment ") || str_starts(v->name, "run "));
}

static void add_verb(struct router *r, const struct verb *v)
{
    char *pattern = arena_printf(&r->arena, "/api/v1/%s", v->name);

    for (char *c = pattern; *c; c++)
        if (*c == ' ') *c = '/';
    for (int post = v->flags & VERB_WRITE ? 1 : 0; post < 2; post++) {
        struct http_route *route = arena_new(&r->arena, struct http_route);
        *route = (struct http_route){
            .method = post ? "POST" : "GET",
            .pattern = pattern,
            .auth = is_public(v) ? HTTP_PUBLIC : HTTP_VERB,
            .perm = v->perm,
            .verb = v->name,
            .handler = verb_handler,
            .max_body = post ? VERB_BODY : 0,
            .help = v->help,
        };
        add(r, route);
    }
}

struct router *router_new(void)
{
    struct router *r = mem_zalloc(1, sizeof *r);

    arena_init(&r->arena);
    r->root = node_new(&r->arena, "", 0);
    for (const struct http_route *p = http_routes; p->method; p++) add(r, p);
    for (const struct verb *v = verbs; v->name; v++) add_verb(r, v);
    return r;
}

static void free_lists(struct node *d)
{
    if (!d) return;
    for (size_t i = 0; i < d->literals.n; i++) free_lists(d->literals.p[i]);
    free_lists(d->one);
    free_lists(d->rest);
    vec_done(&d->literals);
}

void router_free(struct router *r)
{
    if (!r) return;
    free_lists(r->root);
    vec_done(&r->all);
    arena_done(&r->arena);
    free(r);
}

const struct http_route *const *router_routes(const struct router *r, size_t *ret_n)
{
    *ret_n = r->all.n;
    return r->all.p;
}

/* ---- looking up ---------------------------------------------------------------------- */

static const char *join(struct arena *a, const struct target *t, size_t from)
{
    size_t room = 1;
    for (size_t i = from; i < t->n_segments; i++) room += t->segments[i].n + 1;
    char *text = arena_alloc(a, room), *at = text;
    for (size_t i = from; i < t->n_segments; i++) {
        if (i > from) *at++ = '/';
        memcpy(at, t->segments[i].p, t->segments[i].n);
        at += t->segments[i].n;
    }
    *at = 0;
    return text;
}

static void set_param(struct route_params *p, const char *name, const char *value)
{
    assert(p->n < ROUTER_PARAMS);
    p->names[p->n] = name;
    p->values[p->n++] = value;
}

static const struct node *walk(const struct node *d, struct arena *a, const struct target *t,
                               size_t i, struct route_params *params)
{
    if (i == t->n_segments) return d->routes[0] ? d : NULL;
    const struct target_text *s = &t->segments[i];
    const struct node *c = literal(d, s->p, s->n), *end = c ? walk(c, a, t, i + 1, params) : NULL;
    if (!end && d->one && s->n) {
        size_t before = params->n;
        set_param(params, d->one->text, s->p);
        end = walk(d->one, a, t, i + 1, params);
        if (!end) params->n = before;
    }
    if (!end && d->rest && d->rest->routes[0]) {
        set_param(params, d->rest->text, join(a, t, i));
        end = d->rest;
    }
    return end;
}

static const char *allowed(struct arena *a, const struct node *d)
{
    const char *text = "";
    for (size_t i = 0; i < MAX_METHODS && d->routes[i]; i++) {
        const char *m = d->routes[i]->method;
        text = arena_printf(a, "%s%s%s%s", text, *text ? ", " : "", m,
                            str_eq(m, "GET") ? ", HEAD" : "");
    }
    return text;
}

int router_find(const struct router *r, struct arena *a, const char *method, const struct target *t,
                const struct http_route **ret, struct route_params *params, const char **ret_allow,
                struct err *e)
{
    const char *wanted = str_eq(method, "HEAD") ? "GET" : method;

    params->n = 0;
    const struct node *d = walk(r->root, a, t, 0, params);
    if (!d) {
        err_set(e, ERR_NOTFOUND, "there is nothing at %.200s", t->path);
        return err_hint(e, "GET /openapi.json describes every route");
    }
    for (size_t i = 0; i < MAX_METHODS && d->routes[i]; i++) {
        if (!str_eq(d->routes[i]->method, wanted)) continue;
        *ret = d->routes[i];
        return 0;
    }
    *ret_allow = allowed(a, d);
    err_set(e, ERR_STATE, "%.200s does not answer to %.20s", t->path, method);
    return err_hint(e, "it answers to %s", *ret_allow);
}
