/* user.c: the verbs of keys: add, list, revoke.
 *
 * `user add` is the only place that ever knows a whole key: it goes into the reply and nowhere
 * else, so these verbs write their audit rows themselves, inside the transaction, without it. */
#include "store/user.h"
#include "app/runval.h"
#include "app/settings.h"
#include "app/verb.h"
#include "base/id.h"
#include "base/secret.h"
#include "store/audit.h"
#include <string.h>

#define EXPIRES_MAX_US (100LL * 366 * 86400 * 1000000) /* a hundred years */

static const char *state_of(const struct user *u, int64_t now_us)
{
    if (u->revoked_us) return "revoked";
    return u->expires_us && u->expires_us <= now_us ? "expired" : "active";
}

static struct val *user_to_val(struct arena *a, const struct user *u, int64_t now_us)
{
    struct val *o = val_obj(a);

    val_set_str(o, "id", u->id);
    val_set_str(o, "name", u->name);
    val_set_str(o, "role", u->role);
    val_set_str(o, "prefix", u->prefix);
    val_set_str(o, "state", state_of(u, now_us));
    val_set_time(o, "created_at", u->created_us);
    val_set_str(o, "created_by", u->created_by);
    val_set_time(o, "expires_at", u->expires_us);
    val_set_time(o, "revoked_at", u->revoked_us);
    return o;
}

/* The change and its audit row, or neither. */
static int write_audit(struct app *app, const char *verb, const char *object, const char *reason,
                       const struct val *detail, int64_t *ret_seq, struct err *e)
{
    STR_AUTO text = STR_INIT;

    val_write_json(&text, detail, 0);
    const struct audit_row row = {
        .at_us = clock_now(app->clock),
        .actor = app->actor,
        .verb = verb,
        .object = object,
        .reason = reason,
        .detail = str_c(&text),
    };
    return audit_append(app->store, &row, ret_seq, e);
}

/* "90d" from now, or a time. 0: never. */
static int expiry(const char *text, int64_t now_us, int64_t *ret, struct err *e)
{
    int64_t us;

    *ret = 0;
    if (!text) return 0;
    if (settings_duration(text, &us)) {
        if (us > EXPIRES_MAX_US) us = EXPIRES_MAX_US;
        us += now_us;
    } else if (!clock_parse(text, strlen(text), &us)) {
        err_set(e, ERR_INVALID, "expires: '%s' is neither a duration nor a time", text);
        return err_hint(e, "90d, 12h, 2027-01-31 or 2027-01-31T12:00:00Z");
    }
    if (us <= now_us) return err_set(e, ERR_INVALID, "expires: %s is in the past", text);
    *ret = us;
    return 0;
}

/* A new key and the hash that is stored of it. */
static int make_key(struct app *app, struct arena *a, struct user *u, char key[SECRET_KEY + 1],
                    struct err *e)
{
    unsigned char secret[SECRET_BYTES], hash[SECRET_BYTES];
    char *hex = arena_alloc(a, SECRET_HEX + 1), *id = arena_alloc(a, ULID_LEN + 1);
    int rc = secret_file(arena_printf(a, "%s/secret", app->dir), true, secret, e);

    if (rc) return rc;
    secret_key_make(key);
    secret_hash(secret, key, SECRET_KEY, hash);
    secret_wipe(secret, sizeof secret);
    secret_to_hex(hash, hex);
    id_ulid(id, u->created_us);
    u->id = id;
    u->hash = hex;
    u->prefix = arena_strndup(a, key, SECRET_PREFIX);
    return 0;
}

int verb_user_add(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct arena *a = &r->arena;
    char key[SECRET_KEY + 1];
    struct user u = { .name = val_get_str(args, "name", ""),
                      .role = val_get_str(args, "role", "viewer"),
                      .created_us = clock_now(app->clock),
                      .created_by = app->actor };
    int64_t seq = 0;
    int rc = expiry(val_get_str(args, "expires", NULL), u.created_us, &u.expires_us, e);

    if (!rc) rc = make_key(app, a, &u, key, e);
    if (!rc) rc = store_begin(app->store, e);
    if (rc) return rc;
    struct val *o = user_to_val(a, &u, u.created_us);
    rc = user_add(app->store, &u, e);
    if (!rc)
        rc = write_audit(app, "user add", arena_printf(a, "user:%s", u.name),
                         val_get_str(args, "reason", ""), o, &seq, e);
    if (!rc) rc = store_commit(app->store, e);
    if (rc) {
        store_rollback(app->store);
        return rc;
    }
    val_set_str(o, "key", key);
    val_set_int(o, "audit_seq", seq);
    r->v = o;
    r->text = arena_printf(a,
                           "%s\n\nThis is the key of %s (%s); it is not shown again.\n"
                           "Send it as X-API-Key or as Authorization: Bearer.\n",
                           key, u.name, u.role);
    secret_wipe(key, sizeof key);
    return 0;
}

static const struct reply_column columns[] = {
    { "id", "id", NULL },
    { "name", "name", NULL },
    { "role", "role", NULL },
    { "prefix", "key begins with", NULL },
    { "state", "state", NULL },
    { "created_at", "made", "age" },
    { "expires_at", "expires", "time" },
    { "created_by", "by", NULL },
    { NULL, NULL, NULL },
};

int verb_user_list(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    int64_t now = clock_now(app->clock);
    struct user *u = NULL;
    size_t n = 0;
    int rc = user_list(app->store, &r->arena, &u, &n, e);

    if (rc) return rc;
    r->v = val_obj(&r->arena);
    struct val *list = val_set_list(r->v, "users");
    for (size_t i = 0; i < n; i++)
        if (val_get_bool(args, "all", false) || str_eq(state_of(&u[i], now), "active"))
            val_push(list, user_to_val(&r->arena, &u[i], now));
    reply_table(r, "users", columns);
    return 0;
}

int verb_user_revoke(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const char *which = val_get_str(args, "which", "");
    int64_t n = 0, seq = 0;
    int rc = store_begin(app->store, e);

    if (rc) return rc;
    r->v = val_obj(&r->arena);
    val_set_str(r->v, "which", which);
    rc = user_revoke(app->store, which, clock_now(app->clock), &n, e);
    val_set_int(r->v, "revoked", n);
    if (!rc && n)
        rc = write_audit(app, "user revoke", arena_printf(&r->arena, "user:%s", which),
                         val_get_str(args, "reason", ""), r->v, &seq, e);
    if (!rc) rc = store_commit(app->store, e);
    if (rc) {
        store_rollback(app->store);
        return rc;
    }
    if (n) val_set_int(r->v, "audit_seq", seq);
    return 0;
}
