/* exchange.c: a connection and its requests, from the first byte to the last, on top of
 * libmicrohttpd, which only this file knows. The library runs inside our loop ("external" mode):
 * its epoll descriptor is one more descriptor of the loop, and it works when that is ready, so
 * nothing of it blocks and a burst of exactly 128 connections does not make it wait, as its own
 * thread would.
 *
 * What the library lets through is refused here (head.c); how long a head, a body, an answer may
 * take is kept in conn.deadline_us and enforced by io.c. The library calls on_request three
 * times and more for one request: with the head, with pieces of the body, at the end, and once
 * again after a resume. */
#include "http/priv.h"

#include "base/id.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <assert.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    TURNS = 8,
    KEEP_REQS = 256,
    DRAIN_BYTES = 1 << 20,
    ROOM_FOR_ANSWER = 1536,
    FIELD_COST = 64,
    LEAST_RATE = 128 << 10
};

/* ---- requests ------------------------------------------------------------------------ */

static struct http_req *req_new(struct http_io *io)
{
    struct http_req *q = io->free_reqs;

    if (q) {
        io->free_reqs = q->next_free;
        io->n_free--;
    } else {
        q = mem_zalloc(1, sizeof *q);
        arena_init(&q->arena);
    }
    q->io = io;
    q->held = 1;
    io->n_held++;
    return q;
}

void req_destroy(struct http_io *io)
{
    struct http_req *q = io->free_reqs;

    io->free_reqs = q->next_free;
    arena_done(&q->arena);
    free(q);
}

void req_release(struct http_req *q)
{
    struct http_io *io = q->io;
    struct arena arena = q->arena;

    if (--q->held > 0) return;
    io->n_held--;
    io->body_bytes -= q->body.cap;
    str_done(&q->body);
    str_done(&q->out);
    arena_reset(&arena);
    memset(q, 0, offsetof(struct http_req, params));
    q->params.n = q->target.n_segments = q->target.n_fields = 0;
    q->target.path = NULL;
    q->arena = arena;
    q->next_free = io->free_reqs;
    io->free_reqs = q;
    if (++io->n_free <= KEEP_REQS) return;
    io->n_free--;
    req_destroy(io);
}

/* A turn of the library's in the next round of the loop; several reasons make one turn. */
static void turn_soon(struct io_daemon *d)
{
    if (!d->again_set) loop_timer_start(d->again, 0, 0);
    d->again_set = true;
}

/* The library only notes the resumption down. */
void req_resume(struct http_req *q)
{
    q->state = REQ_HANDLED;
    MHD_resume_connection(q->mhd);
    turn_soon(q->conn->daemon);
}

void req_abandon(struct http_req *q)
{
    struct err e = ERR_INIT;

    if (q->abandoned || q->answered) return;
    err_set(&e, ERR_BUSY, "the daemon is stopping");
    q->later = false; /* the handler keeps its hold until its own answer came */
    answer_status(q, 0, &e);
    q->later = q->abandoned = true;
}

/* ---- connections --------------------------------------------------------------------- */

static int64_t look_at_clock(struct http_io *io)
{
    return io->now_us = clock_mono_us();
}

/* bytes: of the body or answer that is to pass meanwhile; large ones get more time, so that a slow
 * but honest line is no slow client. */
static void set_phase_for(struct http_conn *c, enum conn_phase phase, int64_t bytes)
{
    const struct http_limits *l = &c->io->limits;
    const int64_t allowed[] = {
        [CONN_IDLE] = l->idle_us, [CONN_HEAD] = l->head_us,   [CONN_BODY] = l->body_us,
        [CONN_BUSY] = 0,          [CONN_WRITE] = l->write_us,
    };

    c->phase = phase;
    c->deadline_us =
        allowed[phase] ? c->io->now_us + allowed[phase] + bytes * 1000000 / LEAST_RATE : 0;
}

static void set_phase(struct http_conn *c, enum conn_phase phase)
{
    set_phase_for(c, phase, 0);
}

static void say_address(struct http_conn *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const void *in = NULL;

    if (info && info->client_addr->sa_family == AF_INET)
        in = (const char *)info->client_addr + offsetof(struct sockaddr_in, sin_addr);
    if (info && info->client_addr->sa_family == AF_INET6)
        in = (const char *)info->client_addr + offsetof(struct sockaddr_in6, sin6_addr);
    if (!in || !inet_ntop(info->client_addr->sa_family, in, c->address, sizeof c->address))
        memcpy(c->address, "?", 2);
}

static void conn_open(struct io_daemon *d, struct MHD_Connection *m, void **slot)
{
    struct http_io *io = d->io;
    struct http_conn *c = mem_zalloc(1, sizeof *c);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(m, MHD_CONNECTION_INFO_CONNECTION_FD);

    *c = (struct http_conn){
        .io = io, .daemon = d, .mhd = m, .fd = info->connect_fd, .next = io->conns
    };
    if (c->next) c->next->prev = c;
    io->conns = c;
    c->surplus = ++io->n_conns > io->limits.connections;
    say_address(c);
    set_phase(c, CONN_HEAD);
    *slot = c;
}

static void conn_close(struct http_conn *c)
{
    struct http_io *io = c->io;

    if (c->prev) c->prev->next = c->next;
    else io->conns = c->next;
    if (c->next) c->next->prev = c->prev;
    io->n_conns--;
    free(c);
}

static void on_connection(void *cls, struct MHD_Connection *m, void **slot,
                          enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED) conn_open(cls, m, slot);
    else if (*slot) conn_close(*slot);
}

void conn_cut(struct http_conn *c, const char *last_words)
{
    /* Nothing of an answer is under way when there are last words, so they come out whole. */
    if (last_words && !c->daemon->tls) {
        ssize_t ignored = send(c->fd, last_words, strlen(last_words), MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)ignored;
    }
    shutdown(c->fd, SHUT_RDWR); /* the library hears of it as of a client that left */
    c->deadline_us = 0;
}

static struct http_conn *conn_of(struct MHD_Connection *m)
{
    return MHD_get_connection_info(m, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* ---- the answer ---------------------------------------------------------------------- */

static enum MHD_Result send_answer(struct http_req *q)
{
    struct http_conn *c = q->conn;
    size_t n = q->out.len;
    struct MHD_Response *r =
        n ? MHD_create_response_from_buffer(n, str_steal(&q->out), MHD_RESPMEM_MUST_FREE)
          : MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

    if (!r) return MHD_NO;
    if (q->type) MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, q->type);
    MHD_add_response_header(r, "X-Request-Id", q->id);
    for (const struct answer_header *h = q->headers; h; h = h->next)
        MHD_add_response_header(r, h->name, h->value);
    if (q->close || q->io->draining || c->surplus)
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
    enum MHD_Result ok = MHD_queue_response(q->mhd, (unsigned)q->status, r);
    MHD_destroy_response(r);
    q->state = REQ_SENDING;
    server_answered(q, n, (double)(look_at_clock(q->io) - q->began_us) * 1e-6);
    set_phase_for(c, CONN_WRITE, (int64_t)n);
    return ok;
}

/* Refuses a request: now, or when what it still sends has been read, so that the client sees
 * the answer. What is too much to read is not waited for. */
static enum MHD_Result refuse(struct http_req *q, int status, const struct err *e,
                              const struct head *h)
{
    answer_status(q, status, e);
    if (h->length > DRAIN_BYTES ||
        MHD_lookup_connection_value(q->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT))
        q->close = true;
    if (q->close) return send_answer(q);
    q->draining_body = true;
    q->state = REQ_BODY;
    set_phase(q->conn, CONN_BODY);
    return MHD_YES;
}

/* ---- the head ------------------------------------------------------------------------ */

static enum MHD_Result take_field(void *cls, enum MHD_ValueKind kind, const char *key, size_t n_key,
                                  const char *value, size_t n_value)
{
    (void)kind;
    head_field(cls, key, n_key, value ? value : "", n_value);
    return MHD_YES;
}

static const char *lasting_method(struct http_req *q, const char *method)
{
    static const char *const known[] = { "GET", "POST", "HEAD", "PUT", "PATCH", "DELETE" };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_eq(known[i], method)) return known[i];
    return arena_strndup(&q->arena, method, 20);
}

const char *http_header(const struct http_req *q, const char *name)
{
    return q->mhd ? MHD_lookup_connection_value(q->mhd, MHD_HEADER_KIND, name) : NULL;
}

static void choose_id(struct http_req *q)
{
    const char *given = http_header(q, "X-Request-Id");

    if (given && head_id_is_fit(given)) strcpy(q->id, given);
    else id_ulid(q->id, clock_now(server_clock(q->io->server)));
}

/* Does the head leave room for an answer's? The library keeps both in one piece of memory, and
 * without room it would close without a word. */
static bool is_crammed(const struct http_req *q, const struct head *h)
{
    const union MHD_ConnectionInfo *size =
        MHD_get_connection_info(q->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    return size->header_size + h->fields * FIELD_COST + ROOM_FOR_ANSWER > q->io->limits.pool;
}

static enum MHD_Result refuse_crammed(struct http_req *q)
{
    static const char words[] = "HTTP/1.1 431 Request Header Fields Too Large\r\n"
                                "Connection: close\r\nContent-Length: 0\r\n\r\n";

    conn_cut(q->conn, words);
    return MHD_NO;
}

/* 0, or the status to refuse with. Sets close where the end of this request is in doubt. */
static int check_head(struct http_req *q, const char *version, struct head *h, struct err *e)
{
    const struct http_limits *l = &q->io->limits;

    q->close = true;
    if (q->conn->surplus) {
        http_answer_header(q, "Retry-After", "1");
        err_set(e, ERR_BUSY, "too many connections");
        return 503;
    }
    if (q->uri_too_long) {
        err_set(e, ERR_LIMIT, "the address is longer than %zu bytes", l->max_uri);
        return 414;
    }
    int status = head_check(h, version, e);
    if (!status) q->close = false;
    return status;
}

/* Without keys, a page of some other site that a browser here shows must not be able to ask: not
 * under a name of its own that it lets point here, and not from its own origin. */
static bool is_meant_for_here(const struct http_req *q, const struct head *h, struct err *e)
{
    const char *origin = http_header(q, "Origin"), *slashes = origin ? strstr(origin, "//") : NULL;

    if (h->host && !head_host_is_loopback(h->host)) {
        err_set(e, ERR_DENIED,
                "this daemon asks for no keys and answers only requests to localhost, not to "
                "%.100s",
                h->host);
        return false;
    }
    if (!origin || (slashes && head_host_is_loopback(slashes + 2))) return true;
    err_set(e, ERR_DENIED, "this daemon asks for no keys and answers no pages of other sites");
    return false;
}

static int route(struct http_req *q, const struct head *h, struct err *e)
{
    const char *allow = NULL;
    int rc = target_parse(&q->arena, q->raw_target, &q->target, e);

    if (rc) return rc == -ERR_LIMIT ? 414 : 400;
    rc = router_find(server_router(q->io->server), &q->arena, q->method, &q->target, &q->route,
                     &q->params, &allow, e);
    if (rc == -ERR_STATE) {
        http_answer_header(q, "Allow", allow);
        return 405;
    }
    if (rc) return 404;
    if (q->io->limits.local_hosts_only && !is_meant_for_here(q, h, e)) return 403;
    int status = server_admit(q, e);
    if (status) return status;
    q->body_max =
        q->route->max_body < q->io->limits.max_body ? q->route->max_body : q->io->limits.max_body;
    if (h->length <= (int64_t)q->body_max) return 0;
    err_set(e, ERR_LIMIT, "the body has %lld bytes; %s %s takes %zu", (long long)h->length,
            q->method, q->route->pattern, q->body_max);
    return 413;
}

static void answer_now_or_wait(struct http_req *q)
{
    struct err e = ERR_INIT;

    q->state = REQ_HANDLED;
    set_phase(q->conn, CONN_BUSY);
    q->route->handler(q);
    if (q->answered || q->later) return;
    err_set(&e, ERR_INTERNAL, "%s %s gave no answer", q->method, q->route->pattern);
    answer_status(q, 0, &e);
}

static enum MHD_Result handle(struct http_req *q)
{
    answer_now_or_wait(q);
    if (q->answered) return send_answer(q);
    q->state = REQ_PENDING;
    MHD_suspend_connection(q->mhd);
    return MHD_YES;
}

static enum MHD_Result begin(struct http_req *q, const char *method, const char *version)
{
    struct err e = ERR_INIT;
    struct head h;

    q->began_us = look_at_clock(q->io);
    q->method = lasting_method(q, method);
    choose_id(q);
    head_init(&h);
    MHD_get_connection_values_n(q->mhd, MHD_HEADER_KIND, take_field, &h);
    if (is_crammed(q, &h)) return refuse_crammed(q);
    int status = check_head(q, version, &h, &e);
    if (!status) status = route(q, &h, &e);
    if (status) return refuse(q, status, &e, &h);
    /* The library waits for a body's end before it takes an answer, so all are handled there. */
    q->state = REQ_BODY;
    set_phase_for(q->conn, CONN_BODY, h.length > 0 ? h.length : 0);
    return MHD_YES;
}

/* ---- the body ------------------------------------------------------------------------ */

static enum MHD_Result too_much(struct http_req *q)
{
    static const char words[] = "HTTP/1.1 413 Payload Too Large\r\nConnection: close\r\n"
                                "Content-Length: 0\r\n\r\n";

    conn_cut(q->conn, words);
    return MHD_NO;
}

static enum MHD_Result take_body(struct http_req *q, const char *data, size_t *n)
{
    struct http_io *io = q->io;
    struct err e = ERR_INIT;

    if (q->draining_body) {
        q->drained += *n;
        *n = 0;
        return q->drained <= DRAIN_BYTES ? MHD_YES : too_much(q);
    }
    size_t before = q->body.cap;
    if (q->body.len + *n > q->body_max) {
        err_set(&e, ERR_LIMIT, "the body is longer than %zu bytes", q->body_max);
        answer_status(q, 413, &e);
        q->draining_body = true;
    } else if (io->body_bytes + *n > io->limits.body_memory) {
        err_set(&e, ERR_BUSY, "too many large bodies at once");
        answer_status(q, 503, &e);
        q->draining_body = true;
    } else {
        str_addn(&q->body, data, *n);
        io->body_bytes += q->body.cap - before;
    }
    *n = 0;
    return MHD_YES;
}

/* ---- the library's callbacks --------------------------------------------------------- */

static void *on_target(void *cls, const char *uri, struct MHD_Connection *m)
{
    struct io_daemon *d = cls;
    struct http_conn *c = conn_of(m);
    struct http_req *q = req_new(d->io);

    q->conn = c;
    q->mhd = m;
    q->address = arena_strdup(&q->arena, c->address);
    q->uri_too_long = strlen(uri) > d->io->limits.max_uri;
    q->raw_target = q->uri_too_long ? "/" : arena_strdup(&q->arena, uri);
    c->req = q;
    set_phase(c, CONN_HEAD);
    return q;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *m, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *n_data, void **slot)
{
    struct http_req *q = *slot;

    (void)cls;
    (void)url;
    (void)m;
    switch (q->state) {
    case REQ_HEAD: return begin(q, method, version);
    case REQ_BODY:
        if (*n_data) return take_body(q, data, n_data);
        return q->answered ? send_answer(q) : handle(q);
    case REQ_HANDLED: return send_answer(q);
    case REQ_PENDING:
    case REQ_SENDING: break;
    }
    return MHD_YES;
}

static void on_completed(void *cls, struct MHD_Connection *m, void **slot,
                         enum MHD_RequestTerminationCode why)
{
    struct http_req *q = *slot;

    (void)cls;
    (void)m;
    (void)why;
    *slot = NULL;
    if (!q) return;
    struct http_conn *c = q->conn;
    c->req = NULL;
    c->fresh = false;
    set_phase(c, CONN_IDLE);
    q->conn = NULL;
    q->mhd = NULL;
    req_release(q);
}

/* Paths are decoded by target.c, segment by segment. */
static size_t no_unescape(void *cls, struct MHD_Connection *m, char *text)
{
    (void)cls;
    (void)m;
    return strlen(text);
}

static void on_log(void *cls, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void on_log(void *cls, const char *fmt, va_list ap)
{
    struct io_daemon *d = cls;
    STR_AUTO s = STR_INIT;

    str_vaddf(&s, fmt, ap);
    while (s.len && s.p[s.len - 1] == '\n') s.p[--s.len] = 0;
    log_line(server_log(d->io->server), LOG_DEBUG, "http", "%s", str_c(&s));
}

/* ---- the library's daemon ------------------------------------------------------------ */

/* Lets the library work until it has nothing more to do at once; with a lot to do, the rest of
 * the loop gets its turn in between. */
static void turn(struct io_daemon *d)
{
    MHD_UNSIGNED_LONG_LONG wait = 1;

    for (int i = 0; i < TURNS; i++) {
        look_at_clock(d->io);
        MHD_run(d->mhd);
        if (MHD_get_timeout(d->mhd, &wait) == MHD_NO || wait > 0) return;
    }
    turn_soon(d);
}

static void on_ready(void *user, int events, int error)
{
    (void)events;
    (void)error;
    turn(user);
}

static void on_again(void *user)
{
    struct io_daemon *d = user;

    d->again_set = false;
    turn(d);
}

static struct MHD_Daemon *start(struct io_daemon *d, int listen_fd, const struct io_tls *tls)
{
    const struct http_limits *l = &d->io->limits;
    unsigned flags = MHD_USE_EPOLL | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem with_tls[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)tls->cert },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)tls->key },
        { MHD_OPTION_END, 0, NULL },
    };

    if (tls->key) flags |= MHD_USE_TLS;
    else with_tls[0] = with_tls[2];
    /* The library's limit is above ours, so that those between are told 503. */
    return MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, d, MHD_OPTION_EXTERNAL_LOGGER, on_log, d,
        MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_MEMORY_LIMIT, l->pool,
        MHD_OPTION_CONNECTION_LIMIT, l->connections + l->connections / 4 + 16,
        MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_NOTIFY_CONNECTION, on_connection, d,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, d, MHD_OPTION_NOTIFY_COMPLETED, on_completed, d,
        MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_ARRAY, with_tls, MHD_OPTION_END);
}

int io_daemon_open(struct http_io *io, int listen_fd, const struct io_tls *tls, struct err *e)
{
    struct io_daemon *d = mem_zalloc(1, sizeof *d);

    *d = (struct io_daemon){ .io = io, .tls = tls->key };
    d->mhd = start(d, listen_fd, tls);
    int rc = d->mhd ? 0
                    : err_set(e, tls->key ? ERR_INVALID : ERR_IO,
                              tls->key ? "cannot start: certificate and key do not work"
                                       : "cannot start the HTTP daemon");
    if (!rc) {
        int fd = MHD_get_daemon_info(d->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
        rc = loop_timer_new(io->loop, on_again, d, &d->again, e);
        if (!rc) rc = loop_fd_new(io->loop, fd, LOOP_READ, on_ready, d, &d->fd, e);
    }
    d->next = io->daemons;
    io->daemons = d;
    if (rc) io_daemon_close(d);
    return rc;
}

int io_daemon_renew(struct http_io *io, const struct io_tls *tls, struct err *e)
{
    struct io_daemon *old = io->daemons;
    int fd = old ? io_daemon_quiesce(old) : -1;

    if (fd < 0) return err_set(e, ERR_STATE, "there is no listening socket to renew");
    return io_daemon_open(io, fd, tls, e);
}

int io_tls_check(const struct io_tls *tls, struct err *e)
{
    struct MHD_Daemon *m = MHD_start_daemon(
        MHD_USE_TLS | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL, 0, NULL, NULL, on_request, NULL,
        MHD_OPTION_HTTPS_MEM_CERT, tls->cert, MHD_OPTION_HTTPS_MEM_KEY, tls->key, MHD_OPTION_END);

    if (!m) return err_set(e, ERR_INVALID, "certificate and key do not work together");
    MHD_stop_daemon(m);
    return 0;
}

int io_daemon_quiesce(struct io_daemon *d)
{
    d->retired = true;
    return MHD_quiesce_daemon(d->mhd);
}

unsigned io_daemon_connections(const struct io_daemon *d)
{
    return MHD_get_daemon_info(d->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

void io_daemon_close(struct io_daemon *d)
{
    struct io_daemon **at = &d->io->daemons;

    while (*at != d) at = &(*at)->next;
    *at = d->next;
    loop_fd_free(d->fd);
    loop_timer_free(d->again);
    if (d->mhd) MHD_stop_daemon(d->mhd);
    free(d);
}
