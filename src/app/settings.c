/* settings.c: see settings.h: signalbox.yaml bound against the rows of settings.def, section by
 * section, so that a misspelt name or a wrong type is an error instead of being ignored. */
#include "app/settings.h"

#include "base/file.h"
#include "base/param.h"
#include "codec/yaml.h"

#include <string.h>

#define AS_PARAM(n, t, d, lo, hi, ch, h)                                                           \
    { .name = n, .type = PARAM_##t, .dflt = d, .min = lo, .max = hi, .choices = ch, .help = h },

#define SETTING(section, ...) TAKE_##section(__VA_ARGS__)
#define SKIP(...)

#define TAKE_MONITORING(...) AS_PARAM(__VA_ARGS__)
#define TAKE_RULE(...)       SKIP()
#define TAKE_RECEIVER(...)   SKIP()
#define TAKE_RETRAIN(...)    SKIP()
#define TAKE_SERVE(...)      SKIP()
static const struct param monitoring_params[] = {
#include "app/settings.def"
    { .name = NULL },
};
#undef TAKE_MONITORING
#undef TAKE_RULE
#define TAKE_MONITORING(...) SKIP()
#define TAKE_RULE(...)       AS_PARAM(__VA_ARGS__)
static const struct param rule_params[] = {
#include "app/settings.def"
    { .name = NULL },
};
#undef TAKE_RULE
#undef TAKE_RECEIVER
#define TAKE_RULE(...)     SKIP()
#define TAKE_RECEIVER(...) AS_PARAM(__VA_ARGS__)
static const struct param receiver_params[] = {
#include "app/settings.def"
    { .name = NULL },
};
#undef TAKE_RECEIVER
#undef TAKE_RETRAIN
#define TAKE_RECEIVER(...) SKIP()
#define TAKE_RETRAIN(...)  AS_PARAM(__VA_ARGS__)
static const struct param retrain_params[] = {
#include "app/settings.def"
    { .name = NULL },
};
#undef TAKE_RETRAIN
#undef TAKE_SERVE
#define TAKE_RETRAIN(...) SKIP()
#define TAKE_SERVE(...)   AS_PARAM(__VA_ARGS__)
static const struct param serve_params[] = {
#include "app/settings.def"
    { .name = NULL },
};
#undef SETTING

bool settings_duration(const char *text, int64_t *ret_us)
{
    static const struct {
        char unit;
        int64_t us;
    } units[] = { { 's', 1000000 },       { 'm', 60000000 },         { 'h', 3600000000 },
                  { 'd', 86400000000 },   { 'w', 7 * 86400000000 } };
    long long n;
    size_t len = text ? strlen(text) : 0;
    char digits[16];

    if (len < 2 || len > sizeof digits) return false;
    memcpy(digits, text, len - 1);
    digits[len - 1] = '\0';
    if (!str_to_i64(digits, &n) || n <= 0) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (text[len - 1] == units[i].unit)
            return !__builtin_mul_overflow((int64_t)n, units[i].us, ret_us);
    return false;
}

/* A list whose items are bound one by one; each must have the named fields. */
static int bind_list(struct arena *a, const struct val *in, const struct param *table,
                     const char *what, const char *const *needed, struct val *out, struct err *e)
{
    struct val *list = val_set_list(out, what);

    if (val_type(in) != VAL_NULL && val_type(in) != VAL_LIST)
        return err_set(e, ERR_INVALID, "%s must be a list", what);
    for (size_t i = 0; i < val_len(in); i++) {
        struct val *item;
        int rc = param_bind_val(table, a, val_at(in, i), &item, e);
        for (const char *const *n = needed; rc == 0 && *n; n++)
            if (!val_has(item, *n)) rc = err_set(e, ERR_INVALID, "'%s' is missing", *n);
        if (rc) return err_prefix(e, "%s, item %zu", what, i + 1);
        val_push(list, item);
    }
    return 0;
}

static int check_durations(const struct val *section, const char *where, struct err *e)
{
    static const char *const names[] = { "window", "retention", "cooldown", "train_window",
                                         "season", "cache_ttl", "head_timeout", "body_timeout",
                                         "write_timeout", "idle_timeout", "stop_timeout" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = val_get_str(section, names[i], NULL);
        int64_t us;
        if (!text || settings_duration(text, &us)) continue;
        err_set(e, ERR_INVALID, "%s.%s: '%s' is no duration", where, names[i], text);
        return err_hint(e, "write a whole number and s, m, h, d or w: 15m, 1d");
    }
    return 0;
}

/* The object without the given keys. */
static struct val *without(struct arena *a, const struct val *in, const char *k1, const char *k2)
{
    struct val *o = val_obj(a);
    for (size_t i = 0; i < val_len(in); i++) {
        const char *key = val_key(in, i);
        if (!str_eq(key, k1) && !str_eq(key, k2)) val_set(o, key, val_copy(a, val_at(in, i)));
    }
    return o;
}

/* General settings, then per model what it changes: bound over the general ones. */
static int bind_monitoring(struct arena *a, const struct val *in, struct val *out, struct err *e)
{
    static const char *const needed[] = { "name", NULL };
    const struct val *models = val_get(in, "models");
    struct val *general, *bound = val_obj(a);
    int rc;

    if (val_type(in) != VAL_NULL && val_type(in) != VAL_OBJ)
        return err_set(e, ERR_INVALID, "monitoring must hold names and values");
    struct val *own = without(a, in, "models", "rules");
    if ((rc = param_bind_val(monitoring_params, a, own, &general, e)))
        return err_prefix(e, "monitoring");
    if ((rc = check_durations(general, "monitoring", e))) return rc;
    if ((rc = bind_list(a, val_get(in, "rules"), rule_params, "rules", needed, general, e)))
        return err_prefix(e, "monitoring");
    for (size_t i = 0; i < val_len(models); i++) {
        struct val *merged = val_copy(a, own), *m;
        const struct val *changes = val_at(models, i);
        for (size_t k = 0; k < val_len(changes); k++)
            val_set(merged, val_key(changes, k), val_copy(a, val_at(changes, k)));
        rc = param_bind_val(monitoring_params, a, merged, &m, e);
        if (rc == 0) rc = check_durations(m, val_key(models, i), e);
        if (rc) return err_prefix(e, "monitoring.models.%s", val_key(models, i));
        val_set(m, "rules", val_copy(a, val_get(general, "rules")));
        val_set(bound, val_key(models, i), m);
    }
    val_set(general, "models", bound);
    val_set(out, "monitoring", general);
    return 0;
}

/* Settings of the daemon: general ones, then per model what it changes, bound over them. */
static int bind_serve(struct arena *a, const struct val *in, struct val *out, struct err *e)
{
    const struct val *models = val_get(in, "models");
    struct val *general, *bound = val_obj(a);
    int rc;

    if (val_type(in) != VAL_NULL && val_type(in) != VAL_OBJ)
        return err_set(e, ERR_INVALID, "serve must hold names and values");
    struct val *own = without(a, in, "models", NULL);
    rc = param_bind_val(serve_params, a, own, &general, e);
    if (rc == 0) rc = check_durations(general, "serve", e);
    for (size_t i = 0; rc == 0 && i < val_len(models); i++) {
        struct val *merged = val_copy(a, own), *m = NULL;
        const struct val *changes = val_at(models, i);
        for (size_t k = 0; k < val_len(changes); k++)
            val_set(merged, val_key(changes, k), val_copy(a, val_at(changes, k)));
        rc = param_bind_val(serve_params, a, merged, &m, e);
        if (rc == 0) rc = check_durations(m, val_key(models, i), e);
        if (rc) return err_prefix(e, "serve.models.%s", val_key(models, i));
        val_set(bound, val_key(models, i), m);
    }
    if (rc) return err_prefix(e, "serve");
    val_set(general, "models", bound);
    val_set(out, "serve", general);
    return 0;
}

static int bind_all(struct arena *a, const struct val *in, struct val **ret, struct err *e)
{
    static const char *const known[] = { "monitoring", "notify", "retrain", "serve", NULL };
    static const char *const needed[] = { "name", "url", NULL };
    struct val *out = val_obj(a), *retrain;
    int rc;

    if (val_type(in) != VAL_NULL && val_type(in) != VAL_OBJ)
        return err_set(e, ERR_INVALID, "sections with names were expected");
    for (size_t i = 0; i < val_len(in); i++) {
        bool found = false;
        for (const char *const *k = known; *k; k++) found |= str_eq(*k, val_key(in, i));
        if (found) continue;
        err_set(e, ERR_INVALID, "there is no section '%s'", val_key(in, i));
        return err_hint(e, "sections are monitoring, notify, retrain and serve");
    }
    if ((rc = bind_monitoring(a, val_get(in, "monitoring"), out, e))) return rc;
    if ((rc = bind_list(a, val_get(in, "notify"), receiver_params, "notify", needed, out, e)))
        return rc;
    if ((rc = param_bind_val(retrain_params, a, val_get(in, "retrain"), &retrain, e)))
        return err_prefix(e, "retrain");
    if ((rc = check_durations(retrain, "retrain", e))) return rc;
    val_set(out, "retrain", retrain);
    if ((rc = bind_serve(a, val_get(in, "serve"), out, e))) return rc;
    *ret = out;
    return 0;
}

int settings_load(struct arena *a, const char *dir, struct val **ret, struct err *e)
{
    const char *path = arena_printf(a, "%s/signalbox.yaml", dir);
    struct val *raw = NULL;
    int rc = 0;

    if (file_exists(path)) rc = yaml_read(a, path, &raw, e);
    if (rc) return rc;
    rc = bind_all(a, raw, ret, e);
    return rc ? err_prefix(e, "%s", path) : 0;
}

const struct val *settings_model(const struct val *settings, const char *model)
{
    const struct val *general = val_get(settings, "monitoring");
    const struct val *own = val_get(val_get(general, "models"), model);

    return own ? own : general;
}

const struct val *settings_serve(const struct val *settings, const char *model)
{
    const struct val *general = val_get(settings, "serve");
    const struct val *own = model ? val_get(val_get(general, "models"), model) : NULL;

    return own ? own : general;
}
