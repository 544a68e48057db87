/* conf.c: see conf.h. */
#include "http/conf.h"

#include "app/settings.h"
#include "base/file.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEM_MAX = 1 << 20, CONNECTIONS_MIN = 4 };

const struct param serve_params[] = {
    { .name = "listen",
      .type = PARAM_STR,
      .help = "HOST:PORT; default 127.0.0.1:5000; port 0: any" },
    { .name = "io-threads",
      .type = PARAM_INT,
      .min = 1,
      .max = CONF_MAX_IO,
      .help = "threads for connections; default: processors less one" },
    { .name = "no-auth",
      .type = PARAM_BOOL,
      .dflt = "false",
      .help = "ask for no keys, everybody is admin; listens on loopback only" },
    { .name = "tls-cert",
      .type = PARAM_STR,
      .flags = PARAM_PATH,
      .help = "certificate chain, PEM" },
    { .name = "tls-key",
      .type = PARAM_STR,
      .flags = PARAM_PATH,
      .help = "its key, PEM; a file that nobody else may read" },
    { .name = "access-log",
      .type = PARAM_BOOL,
      .help = "a line for every request, on standard error" },
    { 0 },
};

/* ---- certificate and key ------------------------------------------------------------- */

/* A key that others can read is none. The group may where root owns the file, which is how
 * distributions hand keys to daemons. */
static int check_key_file(const char *path, struct err *e)
{
    struct stat st;

    if (stat(path, &st)) return err_sys(e, ERR_IO, "%s", path);
    mode_t forbidden = st.st_uid == 0 && geteuid() != 0 ? 037 : 077;
    if (!(st.st_mode & forbidden)) return 0;
    err_set(e, ERR_DENIED, "others may read the key %s (mode %04o)", path, st.st_mode & 07777u);
    return err_hint(e, "chmod 600 %s, and think of the key as known", path);
}

static int read_pem(const char *path, struct str *out, struct err *e)
{
    int rc = file_read(path, PEM_MAX, out, e);

    if (!rc && !strstr(str_c(out), "-----BEGIN "))
        rc = err_set(e, ERR_INVALID, "%s is no PEM file", path);
    return rc;
}

static int read_tls(const struct val *args, const struct val *own, struct serve_conf *c,
                    struct err *e)
{
    const char *cert = val_get_str(args, "tls-cert", val_get_str(own, "tls_cert", NULL));
    const char *key = val_get_str(args, "tls-key", val_get_str(own, "tls_key", NULL));

    if (!cert && !key) return 0;
    if (!cert || !key)
        return err_set(e, ERR_USAGE, "--tls-cert and --tls-key belong together; one is missing");
    int rc = check_key_file(key, e);
    if (!rc) rc = read_pem(cert, &c->cert, e);
    return rc ? rc : read_pem(key, &c->key, e);
}

/* ---- the rest ------------------------------------------------------------------------ */

static int64_t duration(const struct val *own, const char *name)
{
    int64_t us = 0;

    settings_duration(val_get_str(own, name, ""), &us); /* checked when it was bound */
    return us;
}

static size_t megabytes(const struct val *own, const char *name)
{
    return (size_t)val_get_int(own, name, 1) << 20;
}

static void read_limits(const struct val *args, const struct val *own, struct serve_conf *c)
{
    unsigned connections = (unsigned)(val_get_int(own, "connections", 0) / c->io_threads);
    size_t pool = (size_t)val_get_int(own, "head_kb", 8) << 10;

    c->limits = (struct http_limits){
        .head_us = duration(own, "head_timeout"),
        .body_us = duration(own, "body_timeout"),
        .idle_us = duration(own, "idle_timeout"),
        .write_us = duration(own, "write_timeout"),
        .max_body = megabytes(own, "max_body_mb"),
        .body_memory = megabytes(own, "body_memory_mb") / (size_t)c->io_threads,
        .max_uri = pool / 2,
        .pool = pool,
        .connections = connections < CONNECTIONS_MIN ? CONNECTIONS_MIN : connections,
        .access_log = val_get_bool(args, "access-log", val_get_bool(own, "access_log", false)),
        .local_hosts_only = c->no_auth,
    };
}

static int processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : n > CONF_MAX_IO ? CONF_MAX_IO : (int)n;
}

int conf_read(const struct app_config *cfg, const struct val *args, struct serve_conf *ret,
              struct err *e)
{
    struct serve_conf c = { .arena = ARENA_INIT };
    int rc = settings_load(&c.arena, cfg->dir, &c.settings, e), cpus = processors();
    const struct val *own = rc ? NULL : val_get(c.settings, "serve");

    if (!rc) rc = read_tls(args, own, &c, e);
    if (rc) {
        conf_done(&c);
        return rc;
    }
    c.listen = val_get_str(args, "listen", val_get_str(own, "listen", "127.0.0.1:5000"));
    c.io_threads = (int)val_get_int(args, "io-threads", val_get_int(own, "io_threads", 0));
    if (c.io_threads == 0) c.io_threads = cpus > 1 ? cpus - 1 : 1;
    c.jobs = (int)val_get_int(own, "jobs", 1);
    c.job_nice = (int)val_get_int(own, "job_nice", 0);
    c.no_auth = val_get_bool(args, "no-auth", false);
    c.stop_us = duration(own, "stop_timeout");
    read_limits(args, own, &c);
    *ret = c;
    return 0;
}

void conf_done(struct serve_conf *c)
{
    if (c->key.p) explicit_bzero(c->key.p, c->key.len);
    str_done(&c->key);
    str_done(&c->cert);
    arena_done(&c->arena);
}
