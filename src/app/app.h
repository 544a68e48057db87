/* app.h: what a verb gets: store, clock, actor, settings, and the ports to the layers above.
 * One struct app per thread. */
#pragma once
#include "app/ports.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/val.h"
#include "store/store.h"

struct app {
    struct store *store;       /* NULL for verbs that need no workspace */
    const char *dir;           /* workspace folder */
    const struct clock *clock;
    const char *actor;         /* --as NAME, else the login name */
    const char *role;          /* "admin" for local use; keys carry their own later */
    struct log *log;
    const struct ports *ports; /* never NULL; slots may be NULL */
    int threads;               /* engine threads, 0: all */
    bool dry_run;
    bool remote;               /* the arguments came over the network: they open no files */
    const char *term;          /* $TERM as main found it, NULL: none; for doctor */
};

struct app_config {            /* how to make an app: what global options say */
    const char *dir;           /* chosen workspace folder */
    bool create;               /* make the workspace when there is none */
    const char *actor;
    struct log *log;
    const struct clock *clock;
    const struct ports *ports;
    int threads;
    bool dry_run;
    const char *term;
};
int app_open(struct app *app, const struct app_config *cfg, struct err *e);
void app_close(struct app *app);
/* --workspace, $SIGNALBOX_WORKSPACE, nearest .signalbox/ upward from cwd, else
 * $XDG_DATA_HOME/signalbox (or ~/.local/share/signalbox). Arguments are passed in by main. */
int app_find_workspace(struct arena *a, const char *option, const char *env_workspace,
                       const char *cwd, const char *xdg_data_home, const char *home,
                       const char **ret, struct err *e);
