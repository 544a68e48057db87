/* console.c: the interface on a real terminal: one loop, keys in, frames out, verbs on threads.
 *
 *   terminal --keys--> ui --post--> verb threads --answers--> ui --canvas--> terminal
 *
 * Frames are drawn when something changed and the terminal takes output; when it does not (a
 * slow link), frames are skipped and the newest is drawn later. Resizes are gathered for a
 * tenth of a second. A hung-up terminal ends the console at once; workers go on. Standard error
 * goes to a log file in the workspace while the screen is in use, so nothing writes over it. */
#include "base/mem.h"
#include "run/sched.h"
#include "run/spawn.h"
#include "run/verbthread.h"
#include "views/canvas_curses.h"
#include "views/console_priv.h"
#include "views/ui.h"
#include <fcntl.h>
#include <langinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RESIZE_MS = 100, RESIZE_CAP_MS = 1000, SLOW_MS = 20, WORKERS = 1, SCHEDULE_MS = 2000 };

struct console {
    const struct console_options *opt;
    struct app_config cfg;
    struct ports ports;
    struct loop *loop;
    struct loop_fd *input;
    struct loop_timer *poll, *resize, *slow;
    struct loop_signal *signals[5];
    struct screen *screen;
    struct canvas canvas;
    struct ui *ui;
    struct jobrunner *runner;
    struct verbthreads *threads;
    struct sched *sched;
    int64_t resize_since_ms;
    int code, real_stderr;
    bool looked; /* whether the workspace is empty */
};

static int64_t now_us(const struct console *c)
{
    return clock_now(c->cfg.clock);
}

/* -- frames --------------------------------------------------------------------------------------
 */

static void frame(struct console *c)
{
    if (!ui_dirty(c->ui)) return;
    if (!screen_ready(c->screen)) {
        loop_timer_start(c->slow, SLOW_MS, 0);
        return;
    }
    ui_draw(c->ui, &c->canvas);
    screen_show(c->screen, &c->canvas);
}

/* After anything happened: ask for what is missing, draw what changed, and be woken in time. */
static void turn(struct console *c)
{
    if (ui_quitting(c->ui)) {
        loop_stop(c->loop);
        return;
    }
    int wait = c->threads ? ui_poll(c->ui, now_us(c)) : 1000;
    loop_timer_start(c->poll, (uint64_t)wait, 0);
    frame(c);
}

static void on_timer(void *user)
{
    turn(user);
}

static void on_resized(void *user)
{
    struct console *c = user;
    int w, h;
    c->resize_since_ms = 0;
    screen_resize(c->screen, &w, &h);
    if (w != c->canvas.w || h != c->canvas.h) {
        canvas_resize(&c->canvas, w, h);
        ui_changed(c->ui);
    }
    turn(c);
}

static void gather_resizes(struct console *c)
{
    int64_t now = clock_mono_us() / 1000;
    if (c->resize_since_ms == 0) c->resize_since_ms = now;
    if (now - c->resize_since_ms < RESIZE_CAP_MS) loop_timer_start(c->resize, RESIZE_MS, 0);
}

/* -- input ------------------------------------------------------------------------------ */

static void hang_up(struct console *c)
{
    c->code = 128 + SIGHUP;
    loop_stop(c->loop);
}

static void on_input(void *user, int events, int error)
{
    struct console *c = user;
    bool any = false;
    for (uint32_t key; !error && (key = screen_key(c->screen)) != K_NONE;) {
        any = true;
        ui_key(c->ui, key, now_us(c));
        if (ui_quitting(c->ui)) break;
    }
    if (error || (events & LOOP_HANGUP) || (!any && screen_gone(c->screen))) hang_up(c);
    else turn(c);
}

static void on_signal(void *user, int signum)
{
    struct console *c = user;
    if (signum == SIGWINCH) {
        gather_resizes(c);
        return;
    }
    c->code = 128 + signum;
    loop_stop(c->loop);
}

/* -- first run -------------------------------------------------------------------------- */

static bool is_empty(const struct val *overview)
{
    const struct val *counts = fmt_path(overview, "jobs.counts");
    int64_t things = (int64_t)val_len(val_get(overview, "models")) +
                     val_get_int(val_get(overview, "runs"), "total", 0);
    for (size_t i = 0; i < val_len(counts); i++) things += val_as_int(val_at(counts, i), 0);
    return things == 0;
}

/* Once, as soon as it is known what there is. */
static void bootstrap(struct console *c)
{
    const struct val *overview = ui_overview_data(c->ui);
    const struct verb *demo = verb_find("demo");
    if (c->looked || !overview) return;
    c->looked = true;
    if (c->opt->no_bootstrap || !demo || !is_empty(overview)) return;
    struct arena a = ARENA_INIT;
    ui_welcome(c->ui);
    ui_run(c->ui, demo, val_obj(&a));
    arena_done(&a);
}

/* -- verbs ------------------------------------------------------------------------------ */

static void on_answer(void *user, int rc, const struct reply *r, const struct err *e)
{
    struct ui_call *call = user;
    struct console *c = ui_call_host(call);
    ui_call_done(call, rc, r, e);
    bootstrap(c);
    turn(c);
}

static void post(void *user, const struct verb *v, const struct val *args, struct ui_call *call)
{
    struct console *c = user;
    verbthreads_post(c->threads, v, args, on_answer, call);
    if (c->runner && (v->flags & VERB_WRITE)) jobrunner_notify(c->runner);
}

/* Recurring work was done; it may have queued jobs. */
static void on_schedule(void *user)
{
    struct console *c = user;
    jobrunner_notify(c->runner);
    turn(c);
}

static void redraw(void *user)
{
    struct console *c = user;
    screen_redraw(c->screen);
}

/* -- life
 * -----------------------------------------------------------------------------------------------
 */

/* Standard error to `path`; what it was is kept. */
static void divert_stderr(struct console *c, const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return;
    if (c->real_stderr < 0) c->real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    dup2(fd, STDERR_FILENO);
    close(fd);
}

static void restore_stderr(struct console *c)
{
    if (c->real_stderr < 0) return;
    dup2(c->real_stderr, STDERR_FILENO);
    close(c->real_stderr);
    c->real_stderr = -1;
}

static int open_screen(struct console *c, bool ascii, struct err *e)
{
    struct screen_options so = { .term = c->opt->term, .no_color = c->opt->no_color, .in_fd = -1 };
    int rc = screen_open(&c->screen, &so, e), w, h;
    if (rc) return rc;
    screen_resize(c->screen, &w, &h);
    canvas_init(&c->canvas, w, h, ascii);
    struct ui_options uo = { .workspace = c->cfg.dir,
                             .actor = c->cfg.actor,
                             .reason = c->opt->reason,
                             .now_us = now_us(c) };
    struct ui_host host = { .user = c, .post = post, .redraw = redraw };
    c->ui = ui_new(&uo, &host);
    frame(c); /* the skeleton, before the workspace is touched */
    const char *other = screen_fallback(c->screen);
    if (other)
        ui_say(c->ui, ROLE_WARN, "! TERM=%s is not known here; using %s",
               c->opt->term ? c->opt->term : "", other);
    return 0;
}

static int open_loop(struct console *c, struct err *e)
{
    static const int signums[] = { SIGWINCH, SIGTERM, SIGINT, SIGHUP, SIGQUIT };
    int rc = loop_timer_new(c->loop, on_timer, c, &c->poll, e);
    if (!rc) rc = loop_timer_new(c->loop, on_timer, c, &c->slow, e);
    if (!rc) rc = loop_timer_new(c->loop, on_resized, c, &c->resize, e);
    for (size_t i = 0; !rc && i < ARRAY_LEN(signums); i++)
        rc = loop_signal_new(c->loop, signums[i], on_signal, c, &c->signals[i], e);
    if (!rc)
        rc = loop_fd_new(c->loop, screen_fd(c->screen), LOOP_READ | LOOP_HANGUP, on_input, c,
                         &c->input, e);
    return rc;
}

static int open_workspace(struct console *c, struct err *e)
{
    int rc = jobrunner_new(c->loop, &c->cfg, WORKERS, &c->runner, e);
    if (rc) return rc;
    c->ports = ports_jobrunner(c->runner);
    c->cfg.ports = &c->ports;
    rc = verbthreads_new(c->loop, &c->cfg, &c->threads, e);
    if (!rc)
        rc = sched_new(c->loop, c->threads, c->cfg.clock, SCHEDULE_MS, on_schedule, c, &c->sched,
                       e);
    if (rc) return rc;
    STR_AUTO path = STR_INIT;
    str_addf(&path, "%s/console.log", c->cfg.dir);
    divert_stderr(c, str_c(&path));
    return 0;
}

/* A long verb may go on for minutes, or wait for a job that nobody starts any more. Every change
 * is a transaction, so the process may end in the middle of it like after a crash. */
static void abandon_long_verb(const struct console *c)
{
    const char *busy = c->ui && c->threads ? ui_busy(c->ui) : NULL;
    if (!busy) return;
    fprintf(stderr, "signalbox: '%s' was left unfinished; running it again completes it\n", busy);
    fflush(NULL);
    _exit(c->code);
}

static void close_all(struct console *c)
{
    screen_close(c->screen); /* first: leaving looks instant, whatever still has to end */
    c->screen = NULL;
    if (c->ui && ui_busy(c->ui)) restore_stderr(c);
    abandon_long_verb(c);
    sched_free(c->sched);
    verbthreads_free(c->threads);
    jobrunner_free(c->runner);
    ui_free(c->ui);
    canvas_done(&c->canvas);
    loop_free(c->loop);
    restore_stderr(c);
}

static int run(struct console *c, bool ascii, struct err *e)
{
    int rc = loop_new(&c->loop, e);
    if (!rc) rc = open_screen(c, ascii, e);
    if (!rc) rc = open_loop(c, e);
    if (!rc) {
        divert_stderr(c, "/dev/null");
        rc = open_workspace(c, e);
    }
    if (!rc) {
        turn(c);
        loop_run(c->loop);
    }
    return rc;
}

int console_main(const struct app_config *cfg, const struct console_options *opt)
{
    bool ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    struct console c = { .opt = opt, .cfg = *cfg, .real_stderr = -1 };
    struct err e = ERR_INIT;
    if (opt->once || str_eq(opt->term, "dumb")) return once_main(cfg, opt, ascii);
    int rc = run(&c, ascii, &e);
    close_all(&c);
    if (!rc) return c.code;
    fprintf(stderr, "signalbox: %s\n%s%s", e.msg, e.hint, e.hint[0] ? "\n" : "");
    return err_exit(e.kind);
}
