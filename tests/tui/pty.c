/* pty.c: see pty.h. Nothing sleeps: waiting is polling for output with a deadline. */
#include "pty.h"
#include "base/clock.h"
#include "base/utf8.h"
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

void vt_open(struct vt *v, int w, int h)
{
    *v = (struct vt){ .vt = vterm_new(h, w), .w = w, .h = h };
    vterm_set_utf8(v->vt, 1);
    v->screen = vterm_obtain_screen(v->vt);
    vterm_screen_enable_altscreen(v->screen, 1);
    vterm_screen_reset(v->screen, 1);
}

void vt_close(struct vt *v)
{
    if (v->vt) vterm_free(v->vt);
    v->vt = NULL;
}

void vt_feed(struct vt *v, const char *p, size_t n)
{
    vterm_input_write(v->vt, p, n);
    vterm_screen_flush_damage(v->screen);
}

uint32_t vt_cell(const struct vt *v, int x, int y)
{
    VTermScreenCell c;
    vterm_screen_get_cell(v->screen, (VTermPos){ .row = y, .col = x }, &c);
    if (c.chars[0] == (uint32_t)-1) return 0;
    return c.chars[0] ? c.chars[0] : ' ';
}

void vt_text(const struct vt *v, struct str *out)
{
    for (int y = 0; y < v->h; y++) {
        for (int x = 0; x < v->w; x++) {
            char buf[4];
            uint32_t cp = vt_cell(v, x, y);
            if (cp) str_addn(out, buf, utf8_put(buf, cp));
        }
        str_addc(out, '\n');
    }
}

bool vt_find(const struct vt *v, const char *text)
{
    STR_AUTO s = STR_INIT;
    vt_text(v, &s);
    return strstr(str_c(&s), text) != NULL;
}

/* -- program ---------------------------------------------------------------------------- */

static _Noreturn void child(char *const *argv, const char *const *env, bool ignore_hup)
{
    for (; env && *env; env++) {
        if (strchr(*env, '=')) putenv(strdup(*env));
        else unsetenv(*env);
    }
    if (ignore_hup) signal(SIGHUP, SIG_IGN);
    execv(argv[0], argv);
    _exit(127);
}

void pty_start(struct pty *p, int w, int h, char *const *argv, const char *const *env,
               bool ignore_hup)
{
    struct winsize ws = { .ws_row = (unsigned short)h, .ws_col = (unsigned short)w };
    *p = (struct pty){ .fd = -1 };
    vt_open(&p->vt, w, h);
    p->pid = forkpty(&p->fd, NULL, NULL, &ws);
    if (p->pid == 0) child(argv, env, ignore_hup);
    if (p->pid < 0) abort();
}

void pty_send(struct pty *p, const char *keys)
{
    if (write(p->fd, keys, strlen(keys)) != (ssize_t)strlen(keys)) abort();
}

/* Takes what is there; false: nothing came within ms, or the program hung up. */
static bool take(struct pty *p, int ms)
{
    struct pollfd pf = { .fd = p->fd, .events = POLLIN };
    char buf[8192];
    if (poll(&pf, 1, ms) != 1) return false;
    ssize_t n = read(p->fd, buf, sizeof buf);
    if (n <= 0) return false;
    p->bytes += (size_t)n;
    p->last_us = clock_mono_us();
    if (p->keep_raw) str_addn(&p->raw, buf, (size_t)n);
    vt_feed(&p->vt, buf, (size_t)n);
    return true;
}

void pty_pump(struct pty *p, int ms)
{
    int64_t end = clock_mono_us() + ms * 1000LL;
    for (int64_t left; (left = end - clock_mono_us()) > 0;) take(p, (int)(left / 1000) + 1);
}

bool pty_take(struct pty *p, int ms)
{
    return take(p, ms);
}

static bool wait_for(struct pty *p, const char *text, int ms, bool want)
{
    int64_t end = clock_mono_us() + ms * 1000LL;
    while (vt_find(&p->vt, text) != want) {
        int64_t left = end - clock_mono_us();
        if (left <= 0) return false;
        if (!take(p, left > 50000 ? 50 : (int)(left / 1000) + 1) && p->fd < 0) return false;
    }
    return true;
}

bool pty_wait(struct pty *p, const char *text, int ms)
{
    return wait_for(p, text, ms, true);
}
bool pty_wait_gone(struct pty *p, const char *text, int ms)
{
    return wait_for(p, text, ms, false);
}

void pty_resize(struct pty *p, int w, int h)
{
    struct winsize ws = { .ws_row = (unsigned short)h, .ws_col = (unsigned short)w };
    ioctl(p->fd, TIOCSWINSZ, &ws);
    vterm_set_size(p->vt.vt, h, w);
    p->vt.w = w;
    p->vt.h = h;
}

int pty_exit(struct pty *p, int ms)
{
    int64_t end = clock_mono_us() + ms * 1000LL;
    for (;;) {
        int status;
        pid_t got = waitpid(p->pid, &status, WNOHANG);
        if (got == p->pid) {
            p->pid = 0;
            while (p->fd >= 0 && take(p, 0)) {}
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        if (clock_mono_us() > end) return -1;
        if (p->fd >= 0) take(p, 5);
        else poll(NULL, 0, 2);
    }
}

void pty_stop(struct pty *p)
{
    if (p->fd >= 0) close(p->fd);
    if (p->pid > 0) {
        kill(p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
    }
    vt_close(&p->vt);
    str_done(&p->raw);
}
