/* app.c: opening what the verbs work on: which folder is the workspace, and a store handle on
 * it. Reads no environment; the front end passes in what it found. One struct app a thread. */
#include "app/app.h"
#include "base/file.h"
#include <string.h>

static bool is_workspace(struct arena *a, const char *dir)
{
    return file_exists(arena_printf(a, "%s/signalbox.db", dir));
}

int app_open(struct app *app, const struct app_config *cfg, struct err *e)
{
    static const struct ports no_ports;
    *app = (struct app){
        .dir = cfg->dir,
        .clock = cfg->clock ? cfg->clock : &clock_system,
        .actor = cfg->actor && *cfg->actor ? cfg->actor : "unknown",
        .role = "admin",
        .log = cfg->log,
        .ports = cfg->ports ? cfg->ports : &no_ports,
        .threads = cfg->threads,
        .dry_run = cfg->dry_run,
        .term = cfg->term,
    };
    struct arena a = ARENA_INIT;
    bool there = is_workspace(&a, cfg->dir);
    arena_done(&a);
    if (!there && !cfg->create) {
        err_set(e, ERR_NOTFOUND, "%s is not a workspace", cfg->dir);
        return err_hint(e,
                        "make one with 'signalbox init %s', or choose another with "
                        "--workspace DIR",
                        cfg->dir);
    }
    int rc = file_mkdirs(cfg->dir, e);
    if (rc) return rc;
    return store_open(&app->store, cfg->dir, cfg->create ? STORE_CREATE : 0, app->clock, e);
}

void app_close(struct app *app)
{
    store_close(app->store);
    app->store = NULL;
}

/* The nearest .signalbox that is a workspace, from dir upward; NULL when there is none. */
static const char *search_upward(struct arena *a, const char *dir)
{
    char *at = arena_strdup(a, dir);
    for (;;) {
        size_t n = strlen(at);
        while (n && at[n - 1] == '/') at[--n] = 0;
        const char *candidate = arena_printf(a, "%s/.signalbox", at);
        if (is_workspace(a, candidate)) return candidate;
        char *slash = strrchr(at, '/');
        if (!slash) return NULL;
        *slash = 0;
    }
}

int app_find_workspace(struct arena *a, const char *option, const char *env_workspace,
                       const char *cwd, const char *xdg_data_home, const char *home,
                       const char **ret, struct err *e)
{
    const char *named = option ? option : env_workspace && *env_workspace ? env_workspace : NULL;
    if (named && !*named) {
        err_set(e, ERR_USAGE, "--workspace is empty");
        return err_hint(e, "--workspace DIR: a folder made by 'signalbox init DIR'");
    }
    const char *found = named ? named : cwd && *cwd == '/' ? search_upward(a, cwd) : NULL;
    if (found) {
        *ret = found[0] == '/' || !cwd ? found : arena_printf(a, "%s/%s", cwd, found);
        return 0;
    }
    if (xdg_data_home && *xdg_data_home == '/') {
        *ret = arena_printf(a, "%s/signalbox", xdg_data_home);
        return 0;
    }
    if (home && *home == '/') {
        *ret = arena_printf(a, "%s/.local/share/signalbox", home);
        return 0;
    }
    err_set(e, ERR_NOTFOUND, "no workspace: neither $XDG_DATA_HOME nor $HOME names a folder");
    return err_hint(e, "name one with --workspace DIR");
}
