/* http.h: what a handler of an HTTP route sees. The only file that knows libmicrohttpd is
 * server.c; everything else is written against this.
 *
 * A request is handled on the thread of its I/O loop. The handler answers before it returns, or
 * calls http_later and answers afterwards, on the same thread (http_io_post brings work back
 * to it from others). Each request is answered exactly once; a connection that went away is
 * answered into the void. Bodies are complete when the handler is called and within the
 * route's limit; the head passed the checks of server.c; who calls is known (auth.h). */
#pragma once
#include "app/verb.h"
#include "base/str.h"
#include "run/loop.h"
#include "serve/serve.h"

struct http_io;  /* one I/O thread */
struct http_req;

enum http_auth {        /* who may call a route */
    HTTP_PUBLIC,        /* anybody */
    HTTP_KEY,           /* any valid key: predictions */
    HTTP_VERB,          /* a key whose role the verb asks for; reads for viewers */
};
struct http_route {
    const char *method;  /* "GET" … ; GET also answers HEAD */
    const char *pattern; /* "/train/status/{job_id}"; {name} is one segment, {name*} the rest */
    enum http_auth auth;
    enum perm perm;      /* least role with HTTP_KEY and HTTP_VERB */
    const char *verb;    /* verb behind it, NULL: none */
    void (*handler)(struct http_req *q);
    size_t max_body;
    const char *help;    /* one line, for openapi.json */
};
extern const struct http_route http_routes[]; /* method NULL ends; routes.def */

struct identity {        /* who calls */
    const char *name;    /* "anonymous" without a key */
    const char *role;    /* as app/verb.h; NULL: no key */
    const char *key_id;  /* NULL: none */
};

/* -- the question ------------------------------------------------------------------------------ */
const struct http_route *http_route_of(const struct http_req *q);
const char *http_method(const struct http_req *q);
const char *http_path(const struct http_req *q);
const char *http_param(const struct http_req *q, const char *name);  /* of the pattern; NULL */
const char *http_query(const struct http_req *q, const char *name);  /* NULL: absent */
const char *http_header(const struct http_req *q, const char *name); /* NULL: absent */
struct val *http_query_val(const struct http_req *q); /* all of the query as an object of strings */
const char *http_body(const struct http_req *q, size_t *ret_n);
const struct identity *http_identity(const struct http_req *q);
const char *http_request_id(const struct http_req *q); /* X-Request-Id if fit, else a ULID */
const char *http_address(const struct http_req *q);    /* of the peer, for rate limits and logs */
int64_t http_began_us(const struct http_req *q);       /* monotonic, when the head was complete */
struct arena *http_arena(struct http_req *q);          /* lives as long as the request */
struct http_io *http_io_of(const struct http_req *q);

/* -- the answer -------------------------------------------------------------------------------- */
/* Takes the body's memory over (body NULL: empty). type NULL: application/json. */
void http_answer(struct http_req *q, int status, const char *type, struct str *body);
void http_answer_val(struct http_req *q, int status, const struct val *v);
void http_answer_err(struct http_req *q, const struct err *e); /* {"error_code","message","hint"} */
/* Before the answer; the same name again replaces. */
void http_answer_header(struct http_req *q, const char *name, const char *value);
/* The handler will answer later; on_gone (may be NULL) is called when the client went first. */
void http_later(struct http_req *q);

/* -- threads ----------------------------------------------------------------------------------- */
struct serve_io *http_serve(const struct http_io *io);
struct loop *http_loop(const struct http_io *io);
/* Runs fn(arg) on the io's thread soon; from any thread. */
void http_io_post(struct http_io *io, void (*fn)(void *arg), void *arg);
/* Runs a verb as the caller on a verb thread and hands reply or error to then on the I/O thread;
 * then answers. r and e are valid during the call. Calls http_later. */
void http_verb(struct http_req *q, const struct verb *v, const struct val *args,
               void (*then)(struct http_req *q, int rc, const struct reply *r,
                            const struct err *e));
/* A then that answers with the reply's value, 200, or the error. */
void http_then_val(struct http_req *q, int rc, const struct reply *r, const struct err *e);
