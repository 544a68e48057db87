/* server_priv.h: the daemon's state, shared by server.c (start, main loop, end), gather.c (what is
 * gathered from the store) and verbs.c (verbs on behalf of requests). What is not marked
 * otherwise belongs to the main thread. */
#pragma once
#include "http/conf.h"
#include "http/rollouts.h"
#include "run/sched.h"
#include "run/spawn.h"
#include "run/verbthread.h"

enum { N_SIGNALS = 3 };

struct facts { /* immutable once published */
    atomic_int refs;
    struct arena arena;
    struct val *v;
};

/* A verb called by a request: http_verb. On a verb thread while it runs, then (writes) on the
 * main thread, then on the request's. */
struct verb_call {
    struct verb_task task; /* first */
    struct verb_call *next;
    struct http_req *req;
    void (*then)(struct http_req *q, int rc, const struct reply *r, const struct err *e);
    int rc;
    struct reply reply;
    struct str text; /* the reply as JSON, where that is all that is asked for */
    struct err err;
};

struct http_server {
    struct app_config cfg;
    struct ports ports;
    const struct val *args;
    struct serve_conf conf;
    struct loop *loop;
    struct loop_signal *signals[N_SIGNALS];
    struct loop_timer *tick, *end;
    struct loop_async *wake;
    struct jobrunner *runner;
    struct verbthreads *threads;
    struct sched *sched;
    struct auth *auth;
    struct serve *serve;
    struct rollouts *rollouts;
    struct router *router; /* immutable */
    struct str openapi;    /* likewise */
    struct http_io *ios[CONF_MAX_IO];
    struct http_count *counts[CONF_MAX_IO];
    int n_ios;
    atomic_int n_ended; /* I/O threads that are through */
    char bound[80], id[27];
    bool loopback, stopping;
    int64_t started_us, end_by_us, last_facts_us; /* monotonic but the first */
    const char *notify;                                        /* $NOTIFY_SOCKET */
    int64_t watchdog_us, last_watchdog_us;
    atomic_bool ready;       /* any thread */
    pthread_mutex_t lock;    /* wrote, facts */
    struct verb_call *wrote; /* writes that are done; their requests wait for keys and models */
    struct facts *facts;
    struct verb_task gather; /* looks for the next facts, while gather_busy */
    struct facts *gathering; /* the task's */
    atomic_bool gather_busy;
};

/* -- gather.c --------------------------------------------------------------------------------- */
void server_gather(struct http_server *s); /* asks the store again; nothing while under way */
void facts_free(struct facts *f);          /* one reference less; NULL is fine */

/* -- verbs.c ----------------------------------------------------------------------------------- */
/* On the main thread, after what follows from a write was done: to the requests with them. */
void verbs_pass_on(struct verb_call *list);

/* -- server.c ---------------------------------------------------------------------------------- */
void server_wrote(struct http_server *s, struct verb_call *c); /* any thread */
