/* priv.h: the inside of the HTTP layer: one I/O thread, its connections, its requests. Shared by
 * io.c (thread, loop, protocol library), exchange.c (a request from first byte to last),
 * answer.c (what handlers call) and server.c (the daemon around them).
 *
 * A request, by struct http_req.state:
 *
 *   HEAD --> BODY --> HANDLED --answered in the handler--------------> SENDING --> (recycled)
 *     \       \          `--http_later--> PENDING --http_answer--resume--^
 *      `-------`--refused: error answer, connection closed where the next byte is in doubt
 *
 * It is held by the transport until the connection is done with it, and by its handler from
 * http_later to http_answer; when both let go it returns to the thread's free list. All of it
 * belongs to the I/O thread. */
#pragma once
#include "http/head.h"
#include "http/http.h"
#include "http/router.h"
#include "http/server.h"
#include <pthread.h>
#include <stdatomic.h>

struct MHD_Connection;
struct MHD_Daemon;
struct io_daemon;

struct http_limits { /* section serve of the settings; each thread has its copy */
    int64_t head_us, body_us, idle_us, write_us; /* absolute: from beginning to complete */
    size_t max_body;                             /* over all routes */
    size_t body_memory;                          /* of all bodies in flight on this thread */
    size_t max_uri;
    size_t pool;          /* memory of a connection for the heads of request and answer */
    unsigned connections; /* of this thread; more are answered 503 */
    bool access_log;
    bool local_hosts_only; /* no keys are asked for: only requests meant for this machine */
};

enum req_state { REQ_HEAD, REQ_BODY, REQ_HANDLED, REQ_PENDING, REQ_SENDING };

struct answer_header {
    struct answer_header *next;
    const char *name, *value;
};

struct http_req {
    struct http_req *next_free;
    struct http_io *io;
    struct http_conn *conn;     /* NULL: went away */
    struct MHD_Connection *mhd; /* NULL likewise */
    struct arena arena;
    enum req_state state;
    int held;       /* by transport and handler */
    bool later;     /* the handler holds it */
    bool abandoned; /* answered in the handler's place; its answer is dropped */
    bool answered, close, draining_body, uri_too_long, dry_run;
    const char *method, *raw_target;
    const char *address; /* of the peer */
    const struct http_route *route;
    struct identity who;
    char id[65];
    int64_t began_us; /* monotonic, head complete */
    struct str body;
    size_t body_max, drained;
    /* the answer */
    int status;
    const char *type;
    struct str out;
    struct answer_header *headers;
    /* not cleared between requests, being large */
    struct route_params params;
    struct target target;
};

enum conn_phase { CONN_IDLE, CONN_HEAD, CONN_BODY, CONN_BUSY, CONN_WRITE };

struct http_conn {
    struct http_conn *prev, *next;
    struct http_io *io;
    struct io_daemon *daemon;
    struct MHD_Connection *mhd;
    int fd;
    enum conn_phase phase;
    bool fresh;          /* nothing was answered yet */
    bool surplus;        /* over the cap: 503 and away */
    int64_t deadline_us; /* monotonic; 0: none */
    struct http_req *req;
    char address[46];
};

struct posted {
    struct posted *next;
    void (*fn)(void *arg);
    void *arg;
};

/* A protocol daemon on the thread's socket. There is a second one while the first, whose
 * certificate was replaced, still has connections. */
struct io_daemon {
    struct io_daemon *next;
    struct http_io *io;
    struct MHD_Daemon *mhd;
    struct loop_fd *fd;
    struct loop_timer *again;
    bool again_set; /* the timer will fire */
    bool retired;   /* takes no new connections */
    bool tls;
};

struct http_io {
    struct http_server *server;
    int index;
    pthread_t thread;
    bool started;
    struct loop *loop;
    struct loop_timer *sweep;
    struct loop_async *wake;
    pthread_mutex_t lock; /* posts */
    struct posted *posts, **posts_tail;
    struct io_daemon *daemons;
    struct http_conn *conns;
    int64_t now_us; /* monotonic; when this thread last looked, not longer ago than one request */
    unsigned n_conns;
    unsigned n_held;    /* requests that are not recycled yet */
    unsigned n_on_verb; /* of these, those a verb still runs for */
    struct http_req *free_reqs;
    unsigned n_free;
    size_t body_bytes;
    struct http_limits limits;
    bool draining;               /* no new connections, answers close theirs */
    _Atomic int64_t ended_by_us; /* draining: everything left is cut off then */
    struct serve_io *serve;
    struct auth_io *auth;
    struct http_count *counts;
};

/* -- exchange.c ------------------------------------------------------------------------------- */
struct io_tls { /* PEM texts; key NULL: no TLS */
    const char *cert, *key;
};
/* A protocol daemon on listen_fd, which it owns from now on; the first of io->daemons. */
int io_daemon_open(struct http_io *io, int listen_fd, const struct io_tls *tls, struct err *e);
void io_daemon_close(struct io_daemon *d); /* connections are cut off */
/* The same with another certificate; present connections keep theirs. */
int io_daemon_renew(struct http_io *io, const struct io_tls *tls, struct err *e);
int io_tls_check(const struct io_tls *tls, struct err *e); /* any thread */
int io_daemon_quiesce(struct io_daemon *d); /* takes no more; the listening socket, or -1 */
unsigned io_daemon_connections(const struct io_daemon *d);
void conn_cut(struct http_conn *c, const char *last_words); /* NULL: silently */
void req_resume(struct http_req *q);                        /* it has its answer now */
void req_release(struct http_req *q);                       /* one holder less */
void req_abandon(struct http_req *q);                       /* 503 in the handler's place */
void req_destroy(struct http_io *io);                       /* the first of the free ones */

/* -- io.c -------------------------------------------------------------------------------------- */
int io_new(struct http_server *s, int index, const struct http_limits *limits, struct http_io **ret,
           struct err *e);
int io_start(struct http_io *io, struct err *e); /* from now on only its own thread touches it */
/* No new connections; the thread ends when the last one left, at the latest at the deadline.
 * Main thread; may be repeated with an earlier one. */
void io_drain(struct http_io *io, int64_t deadline_mono_us);
void io_join(struct http_io *io);
void io_free(struct http_io *io); /* after io_join; NULL is fine */

/* -- answer.c ---------------------------------------------------------------------------------- */
/* An error as the answer, with a status that may differ from its kind's (0: the kind's). */
void answer_status(struct http_req *q, int status, const struct err *e);

/* -- server.c ---------------------------------------------------------------------------------- */
const struct router *server_router(const struct http_server *s);
struct log *server_log(const struct http_server *s);
const struct clock *server_clock(const struct http_server *s);
/* A request's head is complete: who calls, may he, how often. 0, or the status to refuse with. */
int server_admit(struct http_req *q, struct err *e);
void server_answered(struct http_req *q, size_t bytes, double seconds); /* counts and access log */
void server_io_ended(struct http_server *s); /* an I/O thread is through */
