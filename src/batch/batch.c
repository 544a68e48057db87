/* batch.c: verbs from a command line or a script, their results on standard output, everything
 * else on standard error.
 *
 * A session holds what lasts from verb to verb: the open workspace, the progress line, the
 * report for CI. A script's lines inherit the options of the command line and may override
 * them for themselves. Each verb is: parse, bind, open the workspace if it is not open yet,
 * call, render, report. The first failure decides the exit code. */
#include "batch/batch.h"
#include "base/clock.h"
#include "base/file.h"
#include "batch/dump.h"
#include "batch/help.h"
#include "batch/progress.h"
#include "batch/render.h"
#include "batch/report.h"
#include "batch/script.h"
#include "config.h"
#include "run/spawn.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

struct session {
    const struct host *host;
    const struct options *base; /* of the command line */
    bool script;
    struct app app;
    bool open;          /* app holds a store */
    struct arena arena; /* of the open app's configuration */
    struct progress progress;
    struct follower follower;
    struct ports inner, ports; /* as run/ made them; with signals held back while following */
    struct report report;
};

/* ---- output -------------------------------------------------------------------------- */

static int put(int fd, const struct str *s)
{
    for (size_t at = 0; at < s->len;) {
        ssize_t n = write(fd, s->p + at, s->len - at);
        if (n < 0 && errno != EINTR) return -1;
        if (n > 0) at += (size_t)n;
    }
    return 0;
}

static enum output output_form(const struct host *h, const struct options *o, bool script)
{
    if (o->output != OUTPUT_AUTO) return o->output;
    if (h->out_tty) return OUTPUT_TABLE;
    return script ? OUTPUT_JSONL : OUTPUT_JSON;
}

static int put_error(const struct host *h, const struct options *o, const struct err *e,
                     const char *where)
{
    /* JSON that nobody asked for is not put before a person. */
    enum output form = output_form(h, o, false);
    bool asked = o->output != OUTPUT_AUTO;
    bool json = (form == OUTPUT_JSON || form == OUTPUT_JSONL) && (asked || !h->err_tty);
    STR_AUTO s = STR_INIT;
    render_error(&s, e, where, json);
    put(STDERR_FILENO, &s);
    return err_exit(e->kind);
}

int batch_fail(const struct host *h, const struct options *o, const struct err *e)
{
    return put_error(h, o, e, NULL);
}

static int put_reply(struct session *s, const struct options *o, const struct reply *r,
                     const struct val *args, struct err *e)
{
    const struct host *h = s->host;
    /* A verb whose result went to standard output itself leaves only a remark to make. */
    bool taken = str_eq(val_get_str(args, "out", NULL), "-");
    if (taken && (o->quiet || !h->err_tty)) return 0;
    struct render_style st = {
        .output = taken ? OUTPUT_TABLE : output_form(h, o, s->script),
        .script = s->script,
        .table = { .width = h->out_tty ? h->columns : 0,
                   .color = h->out_tty && !h->no_color && !o->no_color,
                   .ascii = !h->utf8,
                   .now_us = clock_now(&clock_system) },
    };
    STR_AUTO text = STR_INIT;
    render_reply(&text, r, &st);
    if (put(taken ? STDERR_FILENO : STDOUT_FILENO, &text))
        return err_sys(e, ERR_IO, "the result cannot be written to standard output");
    return 0;
}

/* ---- the workspace ------------------------------------------------------------------- */

int batch_config(struct arena *a, const struct host *h, const struct options *o,
                 struct app_config *cfg, struct err *e)
{
    const char *dir = NULL;
    int rc = app_find_workspace(a, o->workspace, h->workspace, h->cwd, h->xdg_data_home, h->home,
                                &dir, e);
    if (rc) return rc;
    struct log *log = arena_new(a, struct log);
    log_fd(log, STDERR_FILENO, o->quiet ? LOG_ERROR : LOG_WARN, &clock_system);
    *cfg = (struct app_config){
        .dir = dir,
        .actor = o->as && *o->as ? arena_strdup(a, o->as) : h->user,
        .log = log,
        .clock = &clock_system,
        .dry_run = o->dry_run,
        .term = h->term,
    };
    return 0;
}

static void close_app(struct session *s)
{
    if (s->open) app_close(&s->app);
    s->open = false;
    arena_done(&s->arena);
}

/* Makes s->app fit for the verb; a workspace that is open already stays open. A verb that can
 * do without one gets none when it cannot be opened; `doctor` then finds out why by itself. */
static int open_app(struct session *s, const struct options *o, const struct verb *v, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct app_config cfg = { .dir = "", .actor = s->host->user };
    struct err why = ERR_INIT;
    int rc = batch_config(&a, s->host, o, &cfg, &why);
    bool optional = v->flags & VERB_NO_WORKSPACE;
    if (!rc && s->open && str_eq(s->app.dir, cfg.dir)) {
        s->app.actor = arena_strdup(&s->arena, cfg.actor);
        s->app.dry_run = cfg.dry_run;
        arena_done(&a);
        return 0;
    }
    close_app(s);
    s->arena = a; /* what the app points to lives as long as it is open */
    cfg.create = (v->flags & VERB_CREATES) && !o->dry_run;
    cfg.ports = &s->ports;
    if (!rc || optional) {
        rc = app_open(&s->app, &cfg, &why);
        s->open = !rc;
    }
    if (!rc || optional) return 0;
    if (e) *e = why;
    return rc;
}

/* ---- one verb ------------------------------------------------------------------------ */

static int follow(void *user, const char *dir, const char *job_id,
                  void (*news)(void *arg, const struct job_news *n), void *arg, struct err *e)
{
    struct session *s = user;
    const struct host *h = s->host;
    *h->patient = 1;
    int rc = s->inner.job_follow(s->inner.user, dir, job_id, news, arg, e);
    *h->patient = 0;
    return rc;
}

static int start(void *user, const char *dir, const char *job_id, struct err *e)
{
    struct session *s = user;
    return s->inner.job_start(s->inner.user, dir, job_id, e);
}

static void news(void *user, const struct job_news *n)
{
    struct session *s = user;
    progress_news(&s->progress, n);
}

static void set_timer(double seconds)
{
    struct itimerval t = {
        .it_value = { (time_t)seconds, (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6) }
    };
    setitimer(ITIMER_REAL, &t, NULL);
}

/* A reason given before the verb, or for the whole script, is the verb's argument too. */
static void add_reason(const struct options *o, const struct param *params, struct arena *a,
                       int *argc, char ***argv)
{
    if (!o->reason || !param_find(params, "reason")) return;
    char **more = arena_array(a, (size_t)*argc + 2, char *);
    more[0] = arena_printf(a, "--reason=%s", o->reason);
    memcpy(more + 1, *argv, (size_t)*argc * sizeof *more);
    ++*argc;
    *argv = more;
}

static int exit_code(const struct session *s, int rc, const struct reply *r)
{
    int signum = *s->host->signal;
    if (rc == -ERR_CANCELLED && signum) return 128 + signum;
    return rc ? err_exit((enum err_kind) - rc) : r->exit;
}

static int call(struct session *s, const struct options *o, struct reply *r, struct err *e)
{
    const struct verb *v = o->verb;
    int argc = o->argc - o->verb_words;
    char **argv = o->argv + o->verb_words;
    struct val *args = NULL;
    add_reason(o, v->params, &r->arena, &argc, &argv);
    int rc = param_bind_argv(v->params, &r->arena, argc, argv, &args, e);
    if (!rc) rc = open_app(s, o, v, e);
    if (rc) return rc;
    struct app *app = &s->app;
    s->progress.mode = o->quiet                    ? PROGRESS_NONE
                       : o->output == OUTPUT_JSONL ? PROGRESS_JSON
                       : s->host->err_tty          ? PROGRESS_BAR
                                                   : PROGRESS_NONE;
    if (o->timeout_s > 0) set_timer(o->timeout_s);
    rc = verb_call_bound(app, v, args, r, e);
    if (o->timeout_s > 0) set_timer(0);
    progress_end(&s->progress);
    if (rc == -ERR_CANCELLED && *s->host->signal == SIGALRM) {
        rc = err_set(e, ERR_TIMEOUT, "'%s' did not end within %g s and was stopped", v->name,
                     o->timeout_s);
        *s->host->signal = 0;
    }
    return rc ? rc : put_reply(s, o, r, args, e);
}

/* where: "FILE:LINE" in a script, else NULL. Returns the exit code. */
static int run_verb(struct session *s, const struct options *o, const char *where)
{
    struct reply r;
    struct err e = ERR_INIT;
    reply_init(&r);
    int64_t t0 = clock_mono_us();
    int rc = call(s, o, &r, &e);
    double seconds = (double)(clock_mono_us() - t0) / 1e6;
    int code = exit_code(s, rc, &r);
    if (rc) put_error(s->host, o, &e, where);
    report_add(&s->report, o->verb->name, where, seconds, rc ? NULL : &r, rc ? &e : NULL);
    reply_done(&r);
    return code;
}

/* ---- help ---------------------------------------------------------------------------- */

static bool is_help(const struct options *o)
{
    return o->command && str_eq(o->command->name, "help");
}

static bool wants_help(const struct options *o)
{
    return o->help || o->version || is_help(o);
}

/* The page for these words: of a verb, a command, the verbs that begin so, or of everything
 * when there are none. False: they name nothing. */
static bool print_help(const struct options *o, int argc, char *const *argv, struct str *out)
{
    int words = 0;
    const struct verb *v = verb_match(argc, argv, &words);
    if (v) {
        help_verb(out, v);
        return true;
    }
    for (const struct command *c = o->commands; c->name && argc; c++) {
        if (!str_eq(c->name, argv[0])) continue;
        help_command(out, c);
        return true;
    }
    if (argc) return help_noun(argv[0], out);
    help_overview(out, o->commands);
    return true;
}

static int put_help(const struct host *h, const struct options *o)
{
    STR_AUTO text = STR_INIT;
    struct err e = ERR_INIT;
    int skip = is_help(o) && !o->help;
    if (o->version) {
        str_add(&text, "signalbox " PACKAGE_VERSION "\n");
    } else if (!print_help(o, o->argc - skip, o->argv + skip, &text)) {
        help_unknown(o->argc - skip, o->argv + skip, &e);
        return batch_fail(h, o, &e);
    }
    return put(STDOUT_FILENO, &text) ? 1 : 0;
}

/* ---- scripts ------------------------------------------------------------------------- */

static int run_line(struct session *s, const struct script_command *c, const char *where)
{
    struct arena a = ARENA_INIT;
    struct options o;
    struct err e = ERR_INIT;
    int rc = options_parse(&a, s->base, c->argc, c->argv, &o, &e), code;
    if (!rc && wants_help(&o)) {
        code = put_help(s->host, &o);
        arena_done(&a);
        return code;
    }
    if (!rc && !o.verb) rc = help_unknown(o.argc, o.argv, &e);
    if (rc) {
        code = put_error(s->host, s->base, &e, where);
        report_add(&s->report, c->argv[0], where, 0, NULL, &e);
    } else {
        code = run_verb(s, &o, where);
    }
    arena_done(&a);
    return code;
}

static int run_script(struct session *s, const char *path)
{
    bool in = str_eq(path, "-");
    struct script script = { in ? stdin : fopen(path, "re"), in ? "-" : path, 0 };
    struct err e = ERR_INIT;
    int first = 0, rc = 0;
    if (!script.f) {
        err_sys(&e, ERR_IO, "%s", path);
        return put_error(s->host, s->base, &e, NULL);
    }
    s->script = true;
    do {
        struct arena a = ARENA_INIT;
        struct script_command c;
        rc = script_next(&script, &a, &c, &e);
        if (rc > 0) {
            int code = run_line(s, &c, arena_printf(&a, "%s:%d", script.name, c.line));
            if (!first) first = code;
        }
        arena_done(&a);
    } while (rc > 0 && (!first || (s->base->keep_going && !*s->host->signal)));
    if (rc < 0) {
        int code = put_error(s->host, s->base, &e, NULL);
        if (!first) first = code;
    }
    if (!in) fclose(script.f);
    return first;
}

/* ---- from the command line ----------------------------------------------------------- */

static void session_init(struct session *s, const struct host *h, const struct options *o)
{
    *s = (struct session){ .host = h, .base = o };
    arena_init(&s->arena);
    report_init(&s->report);
    s->progress = (struct progress){ .fd = STDERR_FILENO, .width = h->columns, .ascii = !h->utf8 };
    s->follower = (struct follower){ .interrupt = h->interrupt, .user = s, .progress = news };
    s->inner = ports_process(&s->follower);
    s->ports =
        (struct ports){ .user = s, .job_start = start, .job_follow = follow, .progress = news };
}

static int write_report(const struct session *s, const char *path,
                        void (*form)(const struct report *r, struct str *out))
{
    if (!path) return 0;
    struct err e = ERR_INIT;
    STR_AUTO text = STR_INIT;
    form(&s->report, &text);
    return file_write_atomic(path, str_c(&text), text.len, &e) ? batch_fail(s->host, s->base, &e)
                                                               : 0;
}

static int session_end(struct session *s, int code)
{
    const struct options *o = s->base;
    int junit = write_report(s, o->junit, report_junit);
    int markdown = write_report(s, o->markdown, report_markdown);
    close_app(s);
    report_done(&s->report);
    return code ? code : junit ? junit : markdown;
}

static bool is_script(const struct options *o)
{
    if (!o->batch || o->argc > 1) return false;
    return !o->argc || str_eq(o->argv[0], "-") || file_exists(o->argv[0]);
}

int batch_main(const struct host *h, const struct options *o)
{
    STR_AUTO text = STR_INIT;
    if (wants_help(o)) return put_help(h, o);
    if (o->dump && dump(o->dump, &text, o->commands)) return put(STDOUT_FILENO, &text) ? 1 : 0;
    struct session s;
    struct err e = ERR_INIT;
    int code;
    session_init(&s, h, o);
    if (o->verb) {
        code = run_verb(&s, o, NULL);
    } else if (is_script(o)) {
        code = run_script(&s, o->argc ? o->argv[0] : "-");
    } else {
        help_unknown(o->argc, o->argv, &e);
        if (o->batch && o->argc == 1) err_prefix(&e, "there is no script of this name, and");
        code = batch_fail(h, o, &e);
    }
    return session_end(&s, code);
}
