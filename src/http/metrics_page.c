/* metrics_page.c: GET /metrics: asks the threads' counters, the serving core, the facts and the
 * kernel, and lets metrics.c write. Nothing here waits for the store. */
#include "config.h"

#include "http/auth.h"
#include "http/handlers.h"
#include "http/metrics_in.h"
#include "http/server.h"
#include "serve/mode.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double open_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    double n = -1; /* the descriptor of the folder itself */

    if (!d) return (double)NAN;
    for (const struct dirent *x; (x = readdir(d));) n += x->d_name[0] != '.';
    closedir(d);
    return n;
}

static double resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long pages = 0;
    bool ok = f && fscanf(f, "%*u %lu", &pages) == 1;

    if (f) fclose(f);
    return ok ? (double)pages * (double)sysconf(_SC_PAGESIZE) : (double)NAN;
}

static double since_boot_s(void)
{
    char text[1024];
    unsigned long long ticks = 0;
    FILE *f = fopen("/proc/self/stat", "re");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;

    if (f) fclose(f);
    text[n] = '\0';
    const char *at = strrchr(text, ')'); /* behind the name, which may hold anything */
    if (!at || sscanf(at + 1,
                      " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
                      "%*d %llu",
                      &ticks) != 1)
        return (double)NAN;
    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static double seconds(clockid_t id)
{
    struct timespec t = { 0, 0 };

    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct metrics_process process(void)
{
    struct rusage u;
    const struct metrics_process none = { (double)NAN, (double)NAN, (double)NAN, (double)NAN };
    struct metrics_process p = none;

    if (getrusage(RUSAGE_SELF, &u) == 0)
        p.cpu_s = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
                  (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
    p.resident_bytes = resident_bytes();
    p.open_fds = open_fds();
    p.start_s = seconds(CLOCK_REALTIME) - seconds(CLOCK_BOOTTIME) + since_boot_s();
    return p;
}

/* A version has a role once. */
static bool shown(const struct serve_route *r, size_t arm)
{
    for (size_t i = 0; i < arm; i++)
        if (r->arms[i].by->version == r->arms[arm].by->version &&
            str_eq(r->arms[i].role, r->arms[arm].role))
            return true;
    return false;
}

static size_t live_arms(const struct catalog *c, struct arena *a, struct metrics_arm **ret)
{
    size_t n = 0, at = 0;

    for (size_t i = 0; c && i < catalog_size(c); i++) n += catalog_at(c, i)->n_arms;
    *ret = arena_array(a, n, struct metrics_arm);
    for (size_t i = 0; c && i < catalog_size(c); i++) {
        const struct serve_route *r = catalog_at(c, i);
        for (size_t k = 0; k < r->n_arms; k++) {
            const struct arm *arm = &r->arms[k];
            if (shown(r, k)) continue;
            (*ret)[at++] = (struct metrics_arm){ .model = r->name,
                                                 .role = arm->role,
                                                 .version = arm->by->version,
                                                 .share = arm->share,
                                                 .row_us = arm->by->row_us,
                                                 .broken = mode_broken(r, arm) };
        }
    }
    return at;
}

void metrics_handler(struct http_req *q)
{
    struct arena *a = http_arena(q);
    struct http_server *s = http_server_of(q);
    struct serve *serve = http_server_serve(s);
    enum prom_format format = prom_negotiate(http_header(q, "Accept"));
    struct metrics_in in = { .version = PACKAGE_VERSION,
                             .ready = http_server_ready(s),
                             .facts = http_server_facts(s, a),
                             .rate_rejections = auth_rejections(http_server_auth(s)),
                             .process = process() };
    struct serve_totals totals;
    struct serve_count *arms = NULL;
    struct metrics_arm *live = NULL;
    struct str out = STR_INIT;

    in.n_counts = http_server_counts(s, &in.counts);
    if (serve) {
        in.n_arms = serve_counts(serve, a, &arms);
        in.arms = arms;
        serve_totals(serve, &totals);
        in.totals = &totals;
        in.n_live = live_arms(serve_io_catalog(http_serve(http_io_of(q))), a, &live);
        in.live = live;
    }
    metrics_render(&in, format, &out);
    http_answer(q, 200, prom_content_type(format), &out);
}
