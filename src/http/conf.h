/* conf.h: what `signalbox serve` was told: command line over section serve of signalbox.yaml over
 * defaults, checked. Read at the start and again on SIGHUP. Main thread. */
#pragma once
#include "app/app.h"
#include "http/priv.h"

enum { CONF_MAX_IO = 64 };

struct serve_conf {
    struct arena arena;   /* everything below */
    struct val *settings; /* bound signalbox.yaml */
    const char *listen;
    int io_threads, jobs, job_nice;
    bool no_auth;
    int64_t stop_us;           /* patience of a graceful end */
    struct http_limits limits; /* of one I/O thread */
    struct str cert, key;      /* PEM; key empty: no TLS */
};
/* ERR_USAGE, ERR_INVALID; ERR_DENIED: somebody else can read the key file. */
int conf_read(const struct app_config *cfg, const struct val *args, struct serve_conf *ret,
              struct err *e);
void conf_done(struct serve_conf *c); /* the key is wiped */
