/* daemon.h: the real daemon under test, and connections to it that say exactly the bytes they are
 * told to. Used by the cmocka programs http_*.c; whatever goes wrong here fails the test. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct daemon {
    char dir[64], ws[80], out[96], err[96]; /* standard output, standard error */
    pid_t pid;
    int port;
};

/* False: $SIGNALBOX is not set. Makes the workspace; settings: text of signalbox.yaml, NULL: the
 * test makes the workspace itself. */
bool daemon_open(struct daemon *d, const char *settings);
void daemon_settings(const struct daemon *d, const char *settings);
/* serve --listen 127.0.0.1:0 and these words (NULL ends, may be NULL); waits for its port. */
void daemon_start(struct daemon *d, const char *const *words);
int daemon_wait(struct daemon *d, int timeout_ms); /* exit status, 128+n; -1: still running */
void daemon_close(struct daemon *d);               /* kills it, removes the folder */
/* Runs signalbox -w WS with these words; exit status. */
int daemon_run(const struct daemon *d, const char *const *words);
bool daemon_said(const struct daemon *d, const char *text); /* on standard error */

int dial(const struct daemon *d);
bool say(int fd, const char *text); /* false: the other side closed */
bool say_n(int fd, const void *p, size_t n);
/* One answer read from a connection. */
struct answer {
    int status;      /* 0: closed (or reset) before one came; -1: nothing came in time */
    char head[4096]; /* lines, lower-case names are not made */
    char *body;      /* free() */
    size_t n;
    bool close; /* "Connection: close" */
};
struct answer hear(int fd, int timeout_ms);
struct answer hear_head(int fd, int timeout_ms); /* of HEAD: no body follows */
bool hears_end(int fd, int timeout_ms);          /* closed, whatever is said before */
void answer_done(struct answer *a);
/* A field of the head, "" when absent; in a buffer of its own until the next call. */
const char *answer_field(const struct answer *a, const char *name);
/* dial, say, hear, close. The status. */
int ask(const struct daemon *d, const char *request);
int64_t now_ms(void);
