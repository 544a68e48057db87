/* pty.h: a program in a pseudo-terminal whose screen can be read: forkpty and libvterm. */
#pragma once
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <vterm.h>

/* -- a screen fed with bytes -- */
struct vt {
    VTerm *vt;
    VTermScreen *screen;
    int w, h;
};
void vt_open(struct vt *v, int w, int h);
void vt_close(struct vt *v);
void vt_feed(struct vt *v, const char *p, size_t n);
uint32_t vt_cell(const struct vt *v, int x, int y); /* code point; ' ' when empty, 0: right half */
bool vt_find(const struct vt *v, const char *text);
void vt_text(const struct vt *v, struct str *out);

/* -- a program on one -- */
struct pty {
    pid_t pid;
    int fd;
    struct vt vt;
    size_t bytes;   /* received so far */
    struct str raw; /* everything received, when keep_raw */
    bool keep_raw;
    int64_t last_us; /* when the last byte came */
};
/* argv[0] is executed. env: "NAME=value" to set, "NAME" to unset, NULL ends. ignore_hup: the
 * program starts with SIGHUP ignored. */
void pty_start(struct pty *p, int w, int h, char *const *argv, const char *const *env,
               bool ignore_hup);
void pty_send(struct pty *p, const char *keys);
void pty_pump(struct pty *p, int ms);                   /* takes output for so long */
bool pty_take(struct pty *p, int ms); /* one portion; false: none came */
bool pty_wait(struct pty *p, const char *text, int ms); /* until the screen has it */
bool pty_wait_gone(struct pty *p, const char *text, int ms);
void pty_resize(struct pty *p, int w, int h);
int pty_exit(struct pty *p, int ms); /* exit code, 128 + signal, or -1: still there */
void pty_stop(struct pty *p);        /* kills what is left, frees */
