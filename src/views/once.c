/* once.c: --once PANE: a pane as text. Verbs are called right here, in the order in which the
 * interface asks; when it asks nothing more, the pane is complete. Times count as of the start,
 * so the output does not depend on how long it took. */
#include "base/mem.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "views/console_priv.h"
#include "views/ui.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { ROUNDS = 50 };

struct asked {
    const struct verb *verb;
    struct arena arena;
    struct val *args;
    struct ui_call *call;
};
struct once {
    struct app app;
    VEC(struct asked *) queue;
};

static void once_post(void *user, const struct verb *v, const struct val *args,
                      struct ui_call *call)
{
    struct once *o = user;
    struct asked *a = mem_zalloc(1, sizeof *a);
    a->verb = v;
    a->call = call;
    a->args = args ? val_copy(&a->arena, args) : NULL;
    vec_push(&o->queue, a);
}

/* Answers what is queued; false: nothing was. */
static bool answer_all(struct once *o)
{
    size_t n = o->queue.n;
    for (size_t i = 0; i < n; i++) {
        struct asked *a = o->queue.p[i];
        struct err e = ERR_INIT;
        struct reply r;
        reply_init(&r);
        int rc = verb_call(&o->app, a->verb, a->args, &r, &e);
        ui_call_done(a->call, rc, &r, &e);
        reply_done(&r);
        arena_done(&a->arena);
        free(a);
    }
    memmove(o->queue.p, o->queue.p + n, (o->queue.n - n) * sizeof *o->queue.p);
    o->queue.n -= n;
    return n > 0;
}

static void screen_size(const struct console_options *opt, int *w, int *h)
{
    struct winsize ws;
    *w = opt->width;
    *h = opt->height ? opt->height : 40;
    if (!*w && ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col) *w = ws.ws_col;
    if (!*w) *w = 100;
    if (*w < LAYOUT_MIN_W) *w = LAYOUT_MIN_W;
}

static void print_pane(struct ui *ui, const struct console_options *opt, bool ascii)
{
    int w, h;
    struct canvas cv;
    STR_AUTO text = STR_INIT;
    screen_size(opt, &w, &h);
    canvas_init(&cv, w, h, ascii);
    ui_draw_pane(ui, &cv);
    canvas_write_text(&cv, &text);
    fwrite(str_c(&text), 1, text.len, stdout);
    canvas_done(&cv);
}

int once_main(const struct app_config *cfg, const struct console_options *opt, bool ascii)
{
    struct err e = ERR_INIT;
    struct once o = { 0 };
    const struct view_info *info = view_find(opt->once ? opt->once : "");
    if (!info) {
        fprintf(stderr, "signalbox: there is no pane '%s'; panes:", opt->once);
        for (int i = 0; i < VIEW_COUNT; i++) fprintf(stderr, " %s", view_infos[i].id);
        fputc('\n', stderr);
        return err_exit(ERR_USAGE);
    }
    if (app_open(&o.app, cfg, &e)) {
        fprintf(stderr, "signalbox: %s\n%s%s", e.msg, e.hint, e.hint[0] ? "\n" : "");
        return err_exit(e.kind);
    }
    int64_t now = clock_now(cfg->clock);
    struct ui_options uo = { .workspace = cfg->dir, .actor = cfg->actor, .now_us = now };
    struct ui_host host = { .user = &o, .post = once_post };
    struct ui *ui = ui_new(&uo, &host);
    ui_show(ui, (enum view_id)(info - view_infos));
    for (int i = 0; i < ROUNDS; i++) {
        ui_poll(ui, now);
        if (!answer_all(&o)) break;
    }
    print_pane(ui, opt, ascii);
    ui_free(ui);
    vec_done(&o.queue);
    app_close(&o.app);
    return 0;
}
