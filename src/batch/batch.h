/* batch.h: the program without a screen: one verb, or a script of them, from the command line
 * to the exit code. Main thread. What main found in the environment comes in as struct host;
 * nothing here reads the environment. */
#pragma once
#include "batch/options.h"
#include <signal.h>

struct host {
    const char *cwd, *home, *xdg_data_home, *workspace; /* NULL: not set */
    const char *term;                                   /* $TERM */
    const char *user;                                   /* login name */
    bool no_color, utf8;
    bool in_tty, out_tty, err_tty;
    size_t columns;                /* of the terminal, 0: unknown */
    volatile int *interrupt;       /* counts SIGINT, SIGTERM and SIGALRM */
    volatile sig_atomic_t *signal; /* the last of them, 0: none */
    /* While not 0, these signals only count: a job is being followed and will be asked to
     * stop. At other times they end the program, which no transaction minds. */
    volatile sig_atomic_t *patient;
};

/* The workspace and everything else an app needs, from options and host. log and what cfg
 * points to live in the arena. */
int batch_config(struct arena *a, const struct host *h, const struct options *o,
                 struct app_config *cfg, struct err *e);
/* Runs what the options say; returns the exit code. */
int batch_main(const struct host *h, const struct options *o);
/* Reports an error the way the options ask for; returns its exit code. */
int batch_fail(const struct host *h, const struct options *o, const struct err *e);
