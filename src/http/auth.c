/* auth.c: see auth.h.
 *
 * The table is immutable once published. The main thread makes a new one when the users changed,
 * puts it in place under a lock and raises the generation; an I/O thread that sees another
 * generation than its own (one atomic load a request) takes the new table over. So a revoked key
 * is refused from the next request on. Keys are found by their first characters, which are no
 * secret; whether one is right is decided by comparing whole hashes in constant time. */
#include "http/auth.h"
#include "base/mem.h"
#include "base/secret.h"
#include "http/limit.h"
#include "store/user.h"
#include <arpa/inet.h>
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEYS_REMEMBERED      4096
#define ADDRESSES_REMEMBERED 16384

struct known { /* a key, revoked and expired ones included */
    unsigned char hash[SECRET_BYTES];
    const char *prefix, *id, *name, *role;
    int64_t expires_us, revoked_us;
};

struct table {
    atomic_int refs;
    struct arena arena;
    unsigned char secret[SECRET_BYTES];
    size_t n;
    struct known *keys; /* by prefix */
};

struct auth {
    struct app app;
    bool off;
    int64_t revision;   /* of the store when the table was made; -1: none yet */
    struct err trouble; /* of the last reload */
    pthread_mutex_t lock;
    struct table *table;
    atomic_uint generation;
    atomic_uint_fast64_t rejections;
    struct limit *keys, *addresses;
};

struct auth_io {
    struct auth *auth;
    struct table *table;
    unsigned generation;
};

/* ---- the table ------------------------------------------------------------------------------ */

static struct table *table_ref(struct table *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

static void table_unref(struct table *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) > 1) return;
    secret_wipe(t->secret, sizeof t->secret);
    arena_done(&t->arena);
    free(t);
}

static int by_prefix(const void *a, const void *b)
{
    return strcmp(((const struct known *)a)->prefix, ((const struct known *)b)->prefix);
}

/* An empty table refuses every key. */
static struct table *table_new(void)
{
    struct table *t = mem_zalloc(1, sizeof *t);
    atomic_init(&t->refs, 1);
    return t;
}

static int table_read(struct app *app, struct table *t, struct err *e)
{
    struct arena *a = &t->arena;
    struct user *u = NULL;
    size_t n = 0;
    int rc = user_list(app->store, a, &u, &n, e);

    if (rc || n == 0) return rc;
    rc = secret_file(arena_printf(a, "%s/secret", app->dir), false, t->secret, e);
    if (rc) return err_prefix(e, "keys cannot be checked");
    t->keys = arena_array(a, n, struct known);
    for (size_t i = 0; i < n; i++) {
        struct known *k = &t->keys[t->n];
        enum perm perm;
        if (!secret_from_hex(u[i].hash, k->hash) || !perm_find(u[i].role, &perm)) continue;
        k->prefix = u[i].prefix;
        k->id = u[i].id;
        k->name = u[i].name;
        k->role = perm_name(perm);
        k->expires_us = u[i].expires_us;
        k->revoked_us = u[i].revoked_us;
        t->n++;
    }
    qsort(t->keys, t->n, sizeof *t->keys, by_prefix);
    return 0;
}

static bool same_key(const struct known *a, const struct known *b)
{
    return memcmp(a->hash, b->hash, sizeof a->hash) == 0 && str_eq(a->id, b->id) &&
           str_eq(a->name, b->name) && a->role == b->role && a->expires_us == b->expires_us &&
           a->revoked_us == b->revoked_us;
}

static bool same_table(const struct table *a, const struct table *b)
{
    if (a->n != b->n || memcmp(a->secret, b->secret, sizeof a->secret) != 0) return false;
    for (size_t i = 0; i < a->n; i++)
        if (!same_key(&a->keys[i], &b->keys[i])) return false;
    return true;
}

static void publish(struct auth *a, struct table *t)
{
    pthread_mutex_lock(&a->lock);
    struct table *old = a->table;
    a->table = t;
    atomic_fetch_add_explicit(&a->generation, 1, memory_order_release);
    pthread_mutex_unlock(&a->lock);
    table_unref(old);
}

/* A trouble that lasts is reported once. */
static int report(struct auth *a, int rc, const struct err *why, struct err *e)
{
    bool known = rc && str_eq(a->trouble.msg, why->msg);

    a->trouble = *why;
    if (known) return 0;
    if (rc && e) *e = *why;
    return rc;
}

/* Without the secret no key can be told from another, and then none is good. When the store
 * cannot be read just now, the table stays and the next call tries again. The store changes with
 * every prediction that is logged, so a table that is as before is not put in place. */
int auth_reload(struct auth *a, struct err *e)
{
    if (a->off || !a->app.store) return 0;
    int64_t revision = store_revision(a->app.store);
    if (revision == a->revision) return 0;
    struct table *t = table_new();
    struct err why = ERR_INIT;
    int rc = table_read(&a->app, t, &why);
    bool later = rc && err_retryable(why.kind);
    if (!later) a->revision = revision;
    if (later || same_table(t, a->table)) table_unref(t);
    else publish(a, t);
    return report(a, rc, &why, e);
}

int auth_new(const struct auth_config *cfg, struct auth **ret, struct err *e)
{
    const struct val *s = val_get(cfg->settings, "serve");
    struct auth *a = mem_zalloc(1, sizeof *a);
    int rc = app_open(&a->app, cfg->app, e);

    if (rc) {
        free(a);
        return rc;
    }
    a->off = cfg->off;
    a->revision = -1;
    a->table = table_new();
    pthread_mutex_init(&a->lock, NULL);
    a->keys =
        limit_new(val_get_real(s, "rate_key", 0), val_get_real(s, "burst_key", 0), KEYS_REMEMBERED);
    a->addresses = limit_new(val_get_real(s, "rate_address", 0),
                             val_get_real(s, "burst_address", 0), ADDRESSES_REMEMBERED);
    if ((rc = auth_reload(a, e))) {
        auth_free(a);
        return rc;
    }
    *ret = a;
    return 0;
}

void auth_free(struct auth *a)
{
    if (!a) return;
    table_unref(a->table);
    pthread_mutex_destroy(&a->lock);
    limit_free(a->keys);
    limit_free(a->addresses);
    app_close(&a->app);
    free(a);
}

struct auth_io *auth_io_new(struct auth *a)
{
    struct auth_io *io = mem_zalloc(1, sizeof *io);

    io->auth = a;
    pthread_mutex_lock(&a->lock);
    io->table = table_ref(a->table);
    io->generation = atomic_load_explicit(&a->generation, memory_order_relaxed);
    pthread_mutex_unlock(&a->lock);
    return io;
}

void auth_io_free(struct auth_io *io)
{
    if (!io) return;
    table_unref(io->table);
    free(io);
}

static const struct table *table_of(struct auth_io *io)
{
    struct auth *a = io->auth;

    if (atomic_load_explicit(&a->generation, memory_order_acquire) == io->generation)
        return io->table;
    pthread_mutex_lock(&a->lock);
    struct table *old = io->table;
    io->table = table_ref(a->table);
    io->generation = atomic_load_explicit(&a->generation, memory_order_relaxed);
    pthread_mutex_unlock(&a->lock);
    table_unref(old);
    return io->table;
}

/* ---- who calls ------------------------------------------------------------------------------ */

static const struct known *find(const struct table *t, const char *key)
{
    unsigned char hash[SECRET_BYTES];
    const struct known *found = NULL;
    size_t low = 0, high = t->n;

    secret_hash(t->secret, key, SECRET_KEY, hash);
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (strncmp(t->keys[mid].prefix, key, SECRET_PREFIX) < 0) low = mid + 1;
        else high = mid;
    }
    for (; low < t->n && strncmp(t->keys[low].prefix, key, SECRET_PREFIX) == 0; low++)
        if (secret_equal(t->keys[low].hash, hash)) found = &t->keys[low];
    return found;
}

/* The text after "Bearer "; NULL: the header speaks of something else, which a proxy may have
 * put there for itself. */
static const char *bearer(const char *authorization)
{
    if (!authorization || strncasecmp(authorization, "Bearer", 6) != 0) return NULL;
    const char *at = authorization + 6;
    if (*at && *at != ' ') return NULL;
    return at + strspn(at, " ");
}

static int refuse(struct err *e, const char *why)
{
    err_set(e, ERR_UNAUTH, "the key is %s", why);
    return err_hint(e, "an admin makes a new one with 'signalbox user add'");
}

int auth_identify(struct auth_io *io, struct arena *a, const char *api_key,
                  const char *authorization, int64_t now_us, struct identity *ret, struct err *e)
{
    const char *key = api_key ? api_key : bearer(authorization);

    *ret = (struct identity){ .name = "anonymous" };
    if (io->auth->off) {
        ret->role = perm_name(PERM_ADMIN);
        return 0;
    }
    if (!key) return 0;
    const struct table *t = table_of(io);
    const struct known *k = secret_key_formed(key, strlen(key)) ? find(t, key) : NULL;
    if (!k) return refuse(e, "not known here");
    if (k->revoked_us) return refuse(e, "revoked");
    if (k->expires_us && k->expires_us <= now_us) return refuse(e, "expired");
    ret->name = arena_strdup(a, k->name);
    ret->role = k->role;
    ret->key_id = arena_strdup(a, k->id);
    return 0;
}

int auth_allow(const struct auth_io *io, const struct identity *who, const struct http_route *r,
               struct err *e)
{
    const struct verb *v = r->verb ? verb_find(r->verb) : NULL;
    enum perm need = r->perm;

    if (r->auth == HTTP_PUBLIC || io->auth->off) return 0;
    if (v && perm_allows(who->role, need)) need = v->perm;
    if (perm_allows(who->role, need)) return 0;
    if (!who->role) {
        err_set(e, ERR_DENIED, "%s %s needs a key", r->method, r->pattern);
        return err_hint(e,
                        "send one as X-API-Key or as Authorization: Bearer; "
                        "'signalbox user add NAME --role %s' makes it",
                        perm_name(need));
    }
    err_set(e, ERR_DENIED, "%s %s needs the role %s; %s has %s", r->method, r->pattern,
            perm_name(need), who->name, who->role);
    return err_hint(e, "ask an admin for a key with the role %s", perm_name(need));
}

/* ---- how often ------------------------------------------------------------------------------ */

/* What counts as one caller: an IPv4 address, or the /64 that one IPv6 subscriber has. */
static const char *caller(const char *address, char buf[LIMIT_NAME])
{
    struct in6_addr six;

    if (!address) return "unknown";
    if (!strchr(address, ':') || inet_pton(AF_INET6, address, &six) != 1) return address;
    if (IN6_IS_ADDR_V4MAPPED(&six)) inet_ntop(AF_INET, &six.s6_addr[12], buf, LIMIT_NAME);
    else {
        memset(&six.s6_addr[8], 0, 8);
        inet_ntop(AF_INET6, &six, buf, LIMIT_NAME);
    }
    return buf;
}

bool auth_rate(struct auth_io *io, const struct identity *who, const char *address, int64_t mono_us,
               int *ret_after_s, int *ret_left)
{
    struct auth *a = io->auth;
    char buf[LIMIT_NAME];
    bool keyed = who && who->key_id;
    struct limit *l = keyed ? a->keys : a->addresses;
    const char *name = keyed ? who->key_id : limit_set(l) ? caller(address, buf) : "";
    bool ok = limit_take(l, name, mono_us, ret_after_s, ret_left);

    if (!ok) atomic_fetch_add_explicit(&a->rejections, 1, memory_order_relaxed);
    return ok;
}

int auth_limit(const struct auth_io *io, const struct identity *who)
{
    return limit_burst(who && who->key_id ? io->auth->keys : io->auth->addresses);
}

uint64_t auth_rejections(const struct auth *a)
{
    return atomic_load_explicit(&a->rejections, memory_order_relaxed);
}
