/* handlers.h: the functions that routes.def names, declared from its rows. Included by the files
 * that define them and by the one that makes the table. */
#pragma once
#include "http/http.h"

/* a handler may serve several rows */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wredundant-decls"
#define ROUTE(method, pattern, auth, perm, verb, handler, max_body, help)                          \
    void handler(struct http_req *q);
#include "http/routes.def"
#undef ROUTE
#pragma GCC diagnostic pop
