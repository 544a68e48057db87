/* main.c: where the program begins: the environment, the terminal and signals are looked at
 * here and nowhere else, then one of three things runs: the console, a worker, or verbs.
 *
 * SIGINT, SIGTERM and SIGALRM (of --timeout) end the program as they would end any other,
 * which is safe at any moment because every change is a transaction. Only while a job is
 * followed they are counted instead, and the job is asked to stop. SIGHUP is never held back:
 * a job goes on without its terminal. The console and workers install handlers of their own. */
#include "batch/batch.h"
#include "batch/help.h"
#include "http/server.h"
#include "run/fetch.h"
#include "views/console.h"
#include "worker/worker.h"
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static volatile int interrupts;
static volatile sig_atomic_t last_signal, patient;

static void on_signal(int signum)
{
    static const char late[] = "signalbox: the time limit ran out\n";
    int saved = errno;
    interrupts++;
    last_signal = signum;
    if (!patient && signum == SIGALRM) {
        ssize_t ignored = write(STDERR_FILENO, late, sizeof late - 1);
        (void)ignored;
        _exit(75);
    }
    if (!patient) {
        signal(signum, SIG_DFL);
        raise(signum);
    }
    errno = saved;
}

static void catch_signals(void)
{
    static const int caught[] = { SIGINT, SIGTERM, SIGALRM };
    struct sigaction sa = { .sa_handler = on_signal };
    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++) {
        struct sigaction old;
        sigaction(caught[i], NULL, &old);
        if (old.sa_handler != SIG_IGN) sigaction(caught[i], &sa, NULL);
    }
}

static const char *login_name(void)
{
    const struct passwd *pw = getpwuid(geteuid());
    const char *env = getenv("USER");
    return pw && pw->pw_name ? pw->pw_name : env && *env ? env : "unknown";
}

static size_t terminal_columns(bool tty)
{
    struct winsize ws;
    const char *env = getenv("COLUMNS");
    if (tty && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_col) return ws.ws_col;
    long n = env ? strtol(env, NULL, 10) : 0;
    return n >= 20 && n <= 10000 ? (size_t)n : 80;
}

static void look_around(struct host *h)
{
    static char cwd[4096];
    const char *no_color = getenv("NO_COLOR");
    setlocale(LC_CTYPE, "");
    *h = (struct host){
        .cwd = getcwd(cwd, sizeof cwd),
        .home = getenv("HOME"),
        .xdg_data_home = getenv("XDG_DATA_HOME"),
        .workspace = getenv("SIGNALBOX_WORKSPACE"),
        .term = getenv("TERM"),
        .user = login_name(),
        .no_color = no_color && *no_color,
        .utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8"),
        .in_tty = isatty(STDIN_FILENO),
        .out_tty = isatty(STDOUT_FILENO),
        .err_tty = isatty(STDERR_FILENO),
        .columns = terminal_columns(isatty(STDOUT_FILENO)),
        .interrupt = &interrupts,
        .signal = &last_signal,
        .patient = &patient,
    };
}

static const char *secret(void *user, const char *name)
{
    (void)user;
    return getenv(name);
}

static int run_worker(struct arena *a, const struct host *h, const struct options *o, struct err *e)
{
    static const struct ports ports = { .http_post = fetch_post, .secret = secret };
    struct app_config cfg;
    struct worker_options opt;
    struct val *args = NULL;
    int rc = param_bind_argv(worker_params, a, o->argc - 1, o->argv + 1, &args, e);
    if (!rc) rc = batch_config(a, h, o, &cfg, e);
    if (rc) return batch_fail(h, o, e);
    cfg.ports = &ports;
    worker_options_bind(args, &opt);
    return worker_main(&cfg, &opt);
}

static int run_server(struct arena *a, const struct host *h, const struct options *o, struct err *e)
{
    static const struct ports ports = { .http_post = fetch_post, .secret = secret };
    struct app_config cfg;
    struct val *args = NULL;
    int rc = param_bind_argv(serve_params, a, o->argc - 1, o->argv + 1, &args, e);
    if (!rc) rc = batch_config(a, h, o, &cfg, e);
    if (rc) return batch_fail(h, o, e);
    cfg.ports = &ports;
    if (!o->quiet) cfg.log->min = LOG_INFO;
    rc = serve_main(&cfg, args, e);
    return e->kind ? batch_fail(h, o, e) : rc;
}

static int run_console(struct arena *a, const struct host *h, const struct options *o,
                       struct err *e)
{
    if (!o->once && !(h->in_tty && h->out_tty)) {
        err_set(e, ERR_USAGE, "the console needs a terminal");
        err_hint(e, "without one: signalbox --batch VERB or signalbox --batch FILE; "
                    "see signalbox --help");
        return batch_fail(h, o, e);
    }
    struct app_config cfg;
    if (batch_config(a, h, o, &cfg, e)) return batch_fail(h, o, e);
    cfg.create = !o->once;
    const struct console_options opt = {
        .term = h->term,
        .no_color = h->no_color || o->no_color,
        .no_bootstrap = o->no_bootstrap,
        .once = !o->once  ? NULL
                : o->argc ? o->argv[0]
                          : "",
        .reason = o->reason,
    };
    return console_main(&cfg, &opt);
}

int main(int argc, char **argv)
{
    static const struct command commands[] = {
        { "help", "show help, also for a verb", help_params },
        { "serve", "answer over HTTP: predictions, and every verb", serve_params },
        { "worker", "run queued jobs in this process", worker_params },
        { NULL, NULL, NULL },
    };
    const struct options base = { .commands = commands };
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct host h;
    struct options o;
    int code;
    look_around(&h);
    if (options_parse(&a, &base, argc - 1, argv + 1, &o, &e)) {
        code = batch_fail(&h, &base, &e);
    } else if (o.help || o.version || o.dump) {
        code = batch_main(&h, &o);
    } else if (o.command && str_eq(o.command->name, "worker")) {
        code = run_worker(&a, &h, &o, &e);
    } else if (o.command && str_eq(o.command->name, "serve")) {
        code = run_server(&a, &h, &o, &e);
    } else if (o.once || (!o.batch && !o.argc)) {
        code = run_console(&a, &h, &o, &e);
    } else {
        catch_signals();
        code = batch_main(&h, &o);
    }
    arena_done(&a);
    return code;
}
