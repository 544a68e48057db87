/* router.h: which route a path and a method mean. All rows of routes.def, and two of every verb
 * (GET for those that only read, POST for all), put into a tree of path segments once; looking
 * up costs a step a segment. Literal segments win over {name}, {name} over {name*}. Immutable
 * after router_new, so all threads share one. */
#pragma once
#include "http/http.h"
#include "http/target.h"

enum { ROUTER_PARAMS = 8 };

struct route_params {
    size_t n;
    const char *names[ROUTER_PARAMS], *values[ROUTER_PARAMS];
};

struct router;
struct router *router_new(void);
void router_free(struct router *r); /* NULL is fine */
/* Every route, those of routes.def first. */
const struct http_route *const *router_routes(const struct router *r, size_t *ret_n);
/* ERR_NOTFOUND: no such path; ERR_STATE: not with this method, and *ret_allow names those that
 * can be used ("GET, HEAD, POST"). HEAD finds the row of GET. Strings live in the arena. */
int router_find(const struct router *r, struct arena *a, const char *method, const struct target *t,
                const struct http_route **ret, struct route_params *params, const char **ret_allow,
                struct err *e);
