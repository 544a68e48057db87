/* alert_evidence.c: what an alert shows beside its number: the window, the bounds of the metric,
 * and what moved, cut down to what fits on a screen and into a message. Pure; read again from
 * the stored snapshot it gives the same bytes. */
#include "app/alert_fold.h"

#include "base/clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN = 5 }; /* features, columns */

struct ranked {
    const struct val *v;
    double effect;
    const char *name;
};

static int larger_first(const void *x, const void *y)
{
    const struct ranked *a = x, *b = y;
    if (a->effect != b->effect) return a->effect > b->effect ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* The features with the largest effect, as they are in the snapshot. */
static struct val *top_features(struct arena *a, const struct val *features)
{
    size_t n = val_len(features), k = 0;
    struct ranked *r = arena_array(a, n + 1, struct ranked);
    struct val *list = val_list(a);

    for (size_t i = 0; i < n; i++) {
        const struct val *v = val_at(features, i);
        double effect = fabs(val_get_real(v, "effect", (double)NAN));
        if (!isnan(effect)) r[k++] = (struct ranked){ v, effect, val_get_str(v, "name", "") };
    }
    qsort(r, k, sizeof *r, larger_first);
    for (size_t i = 0; i < k && i < SHOWN; i++) val_push(list, val_copy(a, r[i].v));
    return list;
}

struct val *alert_slim(struct arena *a, const struct val *data)
{
    struct val *out = val_obj(a);

    for (size_t i = 0; i < val_len(data); i++) {
        const char *key = val_key(data, i);
        const struct val *v = val_at(data, i);
        if (!str_eq(key, "drift") || val_type(v) != VAL_OBJ) {
            val_set(out, key, val_copy(a, v));
            continue;
        }
        struct val *drift = val_set_obj(out, key);
        for (size_t k = 0; k < val_len(v); k++)
            val_set(drift, val_key(v, k),
                    str_eq(val_key(v, k), "features") ? top_features(a, val_at(v, k))
                                                      : val_copy(a, val_at(v, k)));
    }
    return out;
}

/* Scalars of an object under the same names, reals where they are numbers. */
static void copy_fields(struct arena *a, struct val *out, const struct val *in,
                        const char *const *names)
{
    for (; *names; names++) {
        const struct val *v = val_get(in, *names);
        if (val_type(v) == VAL_STR) val_set_str(out, *names, val_as_str(v, ""));
        else if (!isnan(val_as_real(v, (double)NAN)))
            val_set(out, *names, val_real(a, val_as_real(v, (double)NAN)));
    }
}

static const char *const feature_fields[] = { "name",       "kind",   "method", "statistic",
                                              "p_adjusted", "effect", "psi",    NULL };
static const char *const bound_fields[] = { "low", "high", NULL };
static const char *const score_fields[] = { "method", "statistic", "p_value", "psi", NULL };

static void add_features(struct arena *a, struct val *out, const struct val *drift)
{
    const struct val *top = top_features(a, val_get(drift, "features"));
    struct val *list = val_set_list(out, "features");

    for (size_t i = 0; i < val_len(top); i++) {
        struct val *o = val_push_obj(list);
        copy_fields(a, o, val_at(top, i), feature_fields);
        val_set_bool(o, "drifted", val_get_bool(val_at(top, i), "drifted", false));
    }
}

/* The list a rule about data is named after: its first items. */
static void add_columns(struct arena *a, struct val *out, const struct val *list)
{
    struct val *columns = val_set_list(out, "columns");
    for (size_t i = 0; i < val_len(list) && i < SHOWN; i++)
        val_push(columns, val_copy(a, val_at(list, i)));
}

struct val *alert_evidence(struct arena *a, const struct esc_rule *r, const struct esc_window *w,
                           size_t n)
{
    const struct esc_window *last = &w[n - 1];
    struct val *out = val_obj(a);
    char at[32], group[64] = "";
    size_t len = strcspn(r->metric, ".");

    val_set_str(out, "metric", r->metric);
    val_set_str(out, "window_start", clock_format(at, last->start_us));
    val_set_str(out, "window_end", clock_format(at, last->end_us));
    val_set_int(out, "version", last->version);
    val_set_int(out, "snapshot_seq", last->seq);
    if (len < sizeof group) memcpy(group, r->metric, len);
    const struct val *section = val_get(last->data, group);
    if (str_eq(r->kind, "budget")) {
        val_set_real(out, "burn_short", esc_burn(r, w, n, r->short_windows, NULL));
        val_set_real(out, "burn_long", esc_burn(r, w, n, r->long_windows, NULL));
    } else if (str_ends(r->metric, ".value") && r->metric[len]) {
        char *name = arena_strndup(a, r->metric + len + 1, strcspn(r->metric + len + 1, "."));
        copy_fields(a, out, val_get(section, name), bound_fields);
    }
    if (str_eq(group, "prediction_drift")) copy_fields(a, out, section, score_fields);
    if (str_eq(r->kind, "drift")) add_features(a, out, val_get(last->data, "drift"));
    if (str_eq(r->kind, "data_quality")) add_columns(a, out, val_get(section, r->name));
    return out;
}
