/* daemon.c: see daemon.h. */
#include "daemon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

enum { WORDS_MAX = 32, START_MS = 20000 };

int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the process --------------------------------------------------------------------- */

static pid_t start(const struct daemon *d, const char *const *first, const char *const *words)
{
    const char *argv[WORDS_MAX] = { getenv("SIGNALBOX"), "-w", d->ws };
    int n = 3;

    for (int i = 0; first[i]; i++) argv[n++] = first[i];
    for (int i = 0; words && words[i]; i++) argv[n++] = words[i];
    assert_in_range(n, 1, WORDS_MAX - 1);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) return pid;
    int out = open(d->out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int err = open(d->err, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    char *copy[WORDS_MAX] = { NULL };
    for (int i = 0; i < n; i++) copy[i] = strdup(argv[i]);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    execv(copy[0], copy);
    _exit(127);
}

int daemon_run(const struct daemon *d, const char *const *words)
{
    static const char *const none[] = { NULL };
    int status;
    pid_t pid = start(d, none, words);

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void daemon_settings(const struct daemon *d, const char *settings)
{
    char path[128];

    snprintf(path, sizeof path, "%s/signalbox.yaml", d->ws);
    assert_int_equal(file_write_atomic(path, settings, strlen(settings), NULL), 0);
}

bool daemon_open(struct daemon *d, const char *settings)
{
    if (!getenv("SIGNALBOX")) return false;
    *d = (struct daemon){ .pid = 0 };
    snprintf(d->dir, sizeof d->dir, "/tmp/sb-http-XXXXXX");
    assert_non_null(mkdtemp(d->dir));
    snprintf(d->ws, sizeof d->ws, "%s/ws", d->dir);
    snprintf(d->out, sizeof d->out, "%s/out", d->dir);
    snprintf(d->err, sizeof d->err, "%s/err", d->dir);
    if (settings) {
        assert_int_equal(daemon_run(d, (const char *const[]){ "init", NULL }), 0);
        daemon_settings(d, settings);
    }
    signal(SIGPIPE, SIG_IGN);
    return true;
}

static bool read_port(struct daemon *d)
{
    struct str s = STR_INIT;
    const char *at;
    bool got = !file_read(d->out, 4096, &s, NULL) && strchr(str_c(&s), '\n') &&
               (at = strrchr(str_c(&s), ':')) != NULL;

    if (got) d->port = atoi(at + 1);
    str_done(&s);
    return got;
}

void daemon_start(struct daemon *d, const char *const *words)
{
    static const char *const serve[] = { "serve", "--listen", "127.0.0.1:0", NULL };
    int64_t until = now_ms() + START_MS;

    unlink(d->out);
    d->pid = start(d, serve, words);
    while (!read_port(d)) {
        if (now_ms() > until || daemon_wait(d, 0) >= 0) fail_msg("the daemon does not start");
        usleep(5000);
    }
}

int daemon_wait(struct daemon *d, int timeout_ms)
{
    int64_t until = now_ms() + timeout_ms;
    int status;

    for (;;) {
        if (waitpid(d->pid, &status, WNOHANG) == d->pid) {
            d->pid = 0;
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        if (now_ms() >= until) return -1;
        usleep(5000);
    }
}

void daemon_close(struct daemon *d)
{
    if (d->pid > 0) {
        kill(d->pid, SIGKILL);
        waitpid(d->pid, NULL, 0);
    }
    file_remove_tree(d->dir, NULL);
}

bool daemon_said(const struct daemon *d, const char *text)
{
    struct str s = STR_INIT;
    bool said = !file_read(d->err, 1 << 24, &s, NULL) && strstr(str_c(&s), text);

    str_done(&s);
    return said;
}

/* ---- connections --------------------------------------------------------------------- */

int dial(const struct daemon *d)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)d->port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    if (connect(fd, (const struct sockaddr *)&to, sizeof to))
        fail_msg("connect: %s", strerror(errno));
    return fd;
}

bool say_n(int fd, const void *p, size_t n)
{
    for (const char *at = p; n;) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        at += sent;
        n -= (size_t)sent;
    }
    return true;
}

bool say(int fd, const char *text)
{
    return say_n(fd, text, strlen(text));
}

/* 1: bytes came, 0: end or reset, -1: nothing in time. */
static int some(int fd, char *p, size_t n, int64_t until, size_t *ret_n)
{
    struct pollfd w = { .fd = fd, .events = POLLIN };
    int64_t left = until - now_ms();

    if (poll(&w, 1, left > 0 ? (int)left : 0) <= 0) return -1;
    ssize_t got = recv(fd, p, n, 0);
    *ret_n = got > 0 ? (size_t)got : 0;
    return got > 0;
}

static bool read_head(int fd, int64_t until, struct answer *a)
{
    size_t n = 0, got;

    while (n + 1 < sizeof a->head) {
        int rc = some(fd, a->head + n, 1, until, &got);
        if (rc <= 0) {
            a->status = rc;
            return false;
        }
        n++;
        if (n >= 4 && !memcmp(a->head + n - 4, "\r\n\r\n", 4)) break;
    }
    a->head[n] = 0;
    a->status = atoi(a->head + strcspn(a->head, " "));
    a->close = !strcasecmp(answer_field(a, "Connection"), "close");
    return true;
}

struct answer hear_head(int fd, int timeout_ms)
{
    struct answer a = { .status = -1 };

    read_head(fd, now_ms() + timeout_ms, &a);
    return a;
}

struct answer hear(int fd, int timeout_ms)
{
    struct answer a = { .status = -1 };
    int64_t until = now_ms() + timeout_ms;
    size_t got;

    if (!read_head(fd, until, &a)) return a;
    size_t want = (size_t)atol(answer_field(&a, "Content-Length"));
    a.body = calloc(1, want + 1);
    while (a.n < want) {
        if (some(fd, a.body + a.n, want - a.n, until, &got) <= 0) break;
        a.n += got;
    }
    return a;
}

bool hears_end(int fd, int timeout_ms)
{
    int64_t until = now_ms() + timeout_ms;
    char buf[4096];
    size_t got;
    int rc;

    while ((rc = some(fd, buf, sizeof buf, until, &got)) > 0) continue;
    return rc == 0;
}

void answer_done(struct answer *a)
{
    free(a->body);
    a->body = NULL;
}

const char *answer_field(const struct answer *a, const char *name)
{
    static char value[1024];
    size_t n = strlen(name);

    value[0] = 0;
    for (const char *at = a->head; (at = strstr(at, "\r\n")) != NULL;) {
        at += 2;
        if (strncasecmp(at, name, n) || at[n] != ':') continue;
        at += n + 1;
        at += strspn(at, " ");
        snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r"), at);
        break;
    }
    return value;
}

int ask(const struct daemon *d, const char *request)
{
    int fd = dial(d);

    say(fd, request);
    struct answer a = hear(fd, 10000);
    answer_done(&a);
    close(fd);
    return a.status;
}
