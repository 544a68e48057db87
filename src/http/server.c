/* server.c: the daemon around the I/O threads: the main loop with signals, start and end.
 *
 *   start:  listen -> I/O threads -> say where -> main loop
 *   end:    SIGTERM or SIGINT -> no new connections, answers close theirs -> all left, or the
 *           deadline -> threads end; a second signal makes the deadline now */
#include "http/server.h"

#include "base/mem.h"
#include "http/listen.h"
#include "http/priv.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_IO = 64, N_SIGNALS = 3 };

const struct param serve_params[] = {
    { .name = "listen", .type = PARAM_STR, .help = "HOST:PORT; default 127.0.0.1:5000" },
    { .name = "io-threads",
      .type = PARAM_INT,
      .min = 1,
      .max = MAX_IO,
      .help = "threads for connections; default: processors less one" },
    { .name = "no-auth",
      .type = PARAM_BOOL,
      .dflt = "false",
      .help = "ask for no keys; listens on loopback only" },
    { 0 },
};

struct http_server {
    const struct app_config *cfg;
    struct loop *loop;
    struct loop_signal *signals[N_SIGNALS];
    struct router *router;
    struct http_io *ios[MAX_IO];
    int n_ios;
    char bound[80];
    bool loopback, stopping;
};

const struct router *server_router(const struct http_server *s)
{
    return s->router;
}

struct log *server_log(const struct http_server *s)
{
    return s->cfg->log;
}

const struct clock *server_clock(const struct http_server *s)
{
    return s->cfg->clock;
}

int server_admit(struct http_req *q, struct err *e)
{
    (void)e;
    q->who = (struct identity){ .name = "anonymous" };
    return 0;
}

void server_answered(struct http_req *q, size_t bytes, double seconds)
{
    if (!q->io->limits.access_log) return;
    log_line(server_log(q->io->server), LOG_INFO, "access", "%s %s %s %d %zu B %.3f ms %s %s",
             q->address, q->method, http_path(q), q->status, bytes, seconds * 1e3, q->id,
             q->who.name ? q->who.name : "-");
}

/* ---- life ---------------------------------------------------------------------------- */

static void on_signal(void *user, int signum)
{
    struct http_server *s = user;
    int64_t patience = s->stopping ? 0 : 10000000;

    if (signum == SIGHUP) return;
    s->stopping = true;
    for (int i = 0; i < s->n_ios; i++) io_drain(s->ios[i], clock_mono_us() + patience);
    loop_stop(s->loop);
}

static struct http_limits limits(void)
{
    return (struct http_limits){
        .head_us = 10000000,
        .body_us = 30000000,
        .idle_us = 60000000,
        .write_us = 60000000,
        .max_body = 16 << 20,
        .body_memory = 256 << 20,
        .max_uri = 4096,
        .max_head = 6 << 10,
        .pool = 8 << 10,
        .connections = 1024,
    };
}

static int open_ios(struct http_server *s, const struct val *args, struct err *e)
{
    const struct http_limits l = limits();
    const struct io_tls no_tls = { NULL, NULL };
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    int n = (int)val_get_int(args, "io-threads", cpus > 2 ? cpus - 1 : 1), fds[MAX_IO];
    int rc;

    if (n > MAX_IO) n = MAX_IO;
    rc = listen_open(val_get_str(args, "listen", "127.0.0.1:5000"), n, fds, s->bound, &s->loopback,
                     e);
    if (rc) return rc;
    for (int i = 0; i < n; i++) {
        if (!rc) rc = io_new(s, i, &l, &s->ios[i], e);
        if (!rc) s->n_ios++;
        if (!rc) rc = io_daemon_open(s->ios[i], fds[i], &no_tls, e);
        if (rc) close(fds[i]);
    }
    for (int i = 0; i < s->n_ios && !rc; i++) rc = io_start(s->ios[i], e);
    return rc;
}

static int open_all(struct http_server *s, const struct val *args, struct err *e)
{
    static const int signums[N_SIGNALS] = { SIGTERM, SIGINT, SIGHUP };
    int rc = loop_new(&s->loop, e);

    s->router = router_new();
    for (int i = 0; i < N_SIGNALS && !rc; i++)
        rc = loop_signal_new(s->loop, signums[i], on_signal, s, &s->signals[i], e);
    return rc ? rc : open_ios(s, args, e);
}

static void close_all(struct http_server *s)
{
    for (int i = 0; i < s->n_ios; i++)
        io_drain(s->ios[i], clock_mono_us() + (s->stopping ? 10000000 : 0));
    for (int i = 0; i < s->n_ios; i++) io_join(s->ios[i]);
    for (int i = 0; i < s->n_ios; i++) io_free(s->ios[i]);
    for (int i = 0; i < N_SIGNALS; i++) loop_signal_free(s->signals[i]);
    router_free(s->router);
    loop_free(s->loop);
}

int serve_main(const struct app_config *cfg, const struct val *args, struct err *e)
{
    struct http_server s = { .cfg = cfg };
    int rc = open_all(&s, args, e);

    if (!rc) {
        printf("listening on http://%s\n", s.bound);
        fflush(stdout);
        log_line(cfg->log, LOG_INFO, "serve", "listening on http://%s", s.bound);
        loop_run(s.loop);
    }
    close_all(&s);
    return rc ? err_exit(e->kind) : 0;
}
