/* server.h: the daemon: I/O threads with their listeners, the main loop with verbs, jobs,
 * schedule and reload, from start to graceful end. main.c calls serve_main and nothing else. */
#pragma once
#include "app/app.h"
#include "base/param.h"
#include "http/auth.h"
#include "http/metrics.h"

extern const struct param serve_params[]; /* --listen --io-threads --no-auth --tls-cert … */
/* args bound against serve_params. Returns the exit code of the process; errors went to the log
 * sink of cfg and to stderr through fail(). */
int serve_main(const struct app_config *cfg, const struct val *args, struct err *e);

struct http_server; /* what handlers may ask of the daemon they run in */
struct http_server *http_server_of(const struct http_req *q);
struct serve *http_server_serve(const struct http_server *s);
struct auth *http_server_auth(const struct http_server *s);
size_t http_server_counts(const struct http_server *s, struct http_count *const **ret);
/* What the main loop gathered from the store last (an immutable tree; reference it through the
 * arena copy you make): {jobs, models, monitoring, problems}. Any thread. */
struct val *http_server_facts(const struct http_server *s, struct arena *a);
bool http_server_ready(const struct http_server *s);
