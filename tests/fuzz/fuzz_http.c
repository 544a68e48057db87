/* fuzz_http.c: bytes as a connection to the daemon, which runs on a thread of this process with
 * everything it has, in a temporary workspace: what arrives goes through the protocol library,
 * the rules for heads, the router, arguments and verbs. Each input is one connection; what is
 * answered must be HTTP and no 500, and the connection must end. */
#include "base/file.h"
#include "base/val.h"
#include "http/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { ANSWER_MAX = 4 << 20, QUIET_MS = 2, PATIENCE_MS = 20000 };

static struct {
    char dir[64];
    struct arena arena;
    struct log log;
    struct sockaddr_in at;
    pthread_t thread;
} f;

static void *daemon_main(void *arg)
{
    static const struct ports no_ports;
    const struct app_config cfg = {
        .dir = f.dir, .actor = "fuzz", .log = &f.log, .clock = &clock_system, .ports = &no_ports
    };
    struct err e = ERR_INIT;

    if (serve_main(&cfg, arg, &e)) {
        fprintf(stderr, "%s\n", e.msg);
        abort();
    }
    return NULL;
}

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)&f.at, sizeof f.at) == 0) return fd;
    close(fd);
    return -1;
}

static void close_daemon(void)
{
    kill(getpid(), SIGTERM); /* its loop listens for that */
    pthread_join(f.thread, NULL);
    file_remove_tree(f.dir, NULL);
    arena_done(&f.arena);
}

static int free_port(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    socklen_t n = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&in, n) ||
        getsockname(fd, (struct sockaddr *)&in, &n))
        abort();
    close(fd);
    f.at = in;
    return ntohs(in.sin_port);
}

static void make_workspace(void)
{
    static const char settings[] = "serve:\n  jobs: 0\n  io_threads: 1\n  head_timeout: 1s\n"
                                   "  body_timeout: 1s\n  idle_timeout: 1s\n  stop_timeout: 1s\n";
    char path[128];
    struct err e = ERR_INIT;
    struct app app;
    const struct app_config cfg = { .dir = f.dir, .create = true, .actor = "fuzz" };

    strcpy(f.dir, "/tmp/sb-fuzz-XXXXXX");
    if (!mkdtemp(f.dir) || app_open(&app, &cfg, &e)) abort();
    app_close(&app);
    snprintf(path, sizeof path, "%s/signalbox.yaml", f.dir);
    if (file_write_atomic(path, settings, sizeof settings - 1, &e)) abort();
}

static void open_daemon(void)
{
    struct val *args = val_obj(&f.arena);
    int fd;

    make_workspace();
    log_none(&f.log);
    val_set_strf(args, "listen", "127.0.0.1:%d", free_port());
    val_set_bool(args, "no-auth", true);
    signal(SIGPIPE, SIG_IGN);
    if (pthread_create(&f.thread, NULL, daemon_main, args)) abort();
    while ((fd = dial()) < 0) usleep(5000);
    close(fd);
    atexit(close_daemon);
}

/* Every answer in the text begins with a status line that is no failure of ours. */
static void check(const char *text, size_t n)
{
    if (n >= 9 && memcmp(text, "HTTP/1.", 7) != 0) abort();
    for (const char *at = text; (at = memmem(at, n - (size_t)(at - text), "HTTP/1.1 500", 12));) {
        fprintf(stderr, "%.*s\n", (int)(n > 2000 ? 2000 : n), text);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static char answer[ANSWER_MAX];
    struct pollfd w = { .events = POLLIN };
    size_t sent = 0, got = 0;

    if (!f.dir[0]) open_daemon();
    w.fd = dial();
    if (w.fd < 0) abort();
    while (sent < n) {
        ssize_t s = send(w.fd, data + sent, n - sent, MSG_NOSIGNAL);
        if (s <= 0) break;
        sent += (size_t)s;
    }
    /* An end that arrives together with the request is noticed only at the idle deadline. */
    for (int wait = QUIET_MS;;) {
        if (poll(&w, 1, wait) <= 0) {
            if (wait == PATIENCE_MS) abort(); /* it never ends */
            shutdown(w.fd, SHUT_WR);
            wait = PATIENCE_MS;
            continue;
        }
        ssize_t s = recv(w.fd, answer + got, sizeof answer - got, 0);
        if (s <= 0 || (got += (size_t)s) == sizeof answer) break;
    }
    check(answer, got);
    close(w.fd);
    return 0;
}
