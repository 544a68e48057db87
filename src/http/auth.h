/* auth.h: who calls, and how often they may. Keys are looked up in a table in memory that is
 * rebuilt from the store when users changed; a look-up hashes the key and compares in constant
 * time. Rate limits are token buckets per key and, for requests without one, per address. I/O
 * threads share the table behind a generation counter, and the buckets, so that a client gets its
 * whole rate whichever thread its connection landed on. */
#pragma once
#include "http/http.h"

struct auth;    /* main thread: the table */
struct auth_io; /* one I/O thread: its reference to the table */

struct auth_config {
    const struct app_config *app;
    const struct val *settings;   /* bound signalbox.yaml: section serve (rates) */
    bool off;                     /* --no-auth: everybody is admin; loopback only */
    int io_threads;
};
int auth_new(const struct auth_config *cfg, struct auth **ret, struct err *e);
void auth_free(struct auth *a);
/* Reads the users again if they changed; called a few times a second and after user verbs. */
int auth_reload(struct auth *a, struct err *e);
struct auth_io *auth_io_new(struct auth *a);
void auth_io_free(struct auth_io *io);

/* The identity behind X-API-Key or Authorization: Bearer (either may be NULL); *ret lives in the
 * arena. No key: anonymous, role NULL. ERR_UNAUTH: unknown, expired or revoked. */
int auth_identify(struct auth_io *io, struct arena *a, const char *api_key,
                  const char *authorization, int64_t now_us, struct identity *ret,
                  struct err *e);
/* May this identity use the route? ERR_DENIED says which role it takes. */
int auth_allow(const struct auth_io *io, const struct identity *who, const struct http_route *r,
               struct err *e);
/* Takes one token, of the key or, without one (who NULL: it was refused), of the address. false:
 * over the limit, try again in *ret_after_s seconds. *ret_left -1: there is no limit. */
bool auth_rate(struct auth_io *io, const struct identity *who, const char *address,
               int64_t mono_us, int *ret_after_s, int *ret_left);
int auth_limit(const struct auth_io *io, const struct identity *who); /* a full bucket; 0: none */
uint64_t auth_rejections(const struct auth *a); /* by rate, since the start */
