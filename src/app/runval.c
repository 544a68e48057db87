/* runval.c: the outward form of runs and experiments, shared by every verb that answers them. */
#include "app/runval.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include <string.h>

#define METRIC_COLUMNS 4

void val_set_time(struct val *o, const char *key, int64_t us)
{
    char buf[32];
    val_set_str(o, key, us ? clock_format(buf, us) : NULL);
}

static struct val *kv_to_val(struct arena *a, const struct kv *kv, size_t n)
{
    struct val *o = val_obj(a);
    for (size_t i = 0; i < n; i++) val_set_str(o, kv[i].key, kv[i].value);
    return o;
}

struct val *run_metrics_to_val(struct arena *a, const struct run *r)
{
    struct val *o = val_obj(a);
    for (size_t i = 0; i < r->n_metrics; i++)
        val_set_real(o, r->metrics[i].key, r->metrics[i].value);
    return o;
}

struct val *run_to_val(struct arena *a, const struct run *r, int64_t now_us)
{
    struct val *o = val_obj(a);
    int64_t end = r->end_us ? r->end_us : str_eq(r->status, "RUNNING") ? now_us : 0;
    val_set_str(o, "run_id", r->id);
    val_set_str(o, "experiment", r->experiment);
    val_set_str(o, "name", r->name);
    val_set_str(o, "status", r->status);
    val_set_time(o, "start_time", r->start_us);
    val_set_time(o, "end_time", r->end_us);
    if (end) val_set_real(o, "duration_s", (double)(end - r->start_us) / 1e6);
    else val_set(o, "duration_s", val_null(a));
    val_set_str(o, "user", r->user);
    val_set_str(o, "lifecycle", r->lifecycle);
    val_set(o, "params", kv_to_val(a, r->params, r->n_params));
    val_set(o, "metrics", run_metrics_to_val(a, r));
    val_set(o, "tags", kv_to_val(a, r->tags, r->n_tags));
    return o;
}

struct val *runs_to_val(struct arena *a, const struct run *r, size_t n, int64_t now_us)
{
    struct val *list = val_list(a);
    for (size_t i = 0; i < n; i++) val_push(list, run_to_val(a, &r[i], now_us));
    return list;
}

/* How many runs have each metric; those of the training rows say less and do not count. */
static struct map *count_metrics(const struct run *r, size_t n)
{
    struct map *m = map_new();
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < r[i].n_metrics; k++) {
            const char *key = r[i].metrics[k].key;
            if (!str_starts(key, "train_")) ++*map_at(m, key, strlen(key), NULL);
        }
    return m;
}

/* Among equally frequent metrics, those that say most come first. */
static int telling(const char *key)
{
    static const char *const order[] = { "auc", "log_loss", "rmse", "r2", "accuracy", "f1", "mae" };
    const int n = (int)ARRAY_LEN(order);
    for (int i = 0; i < n; i++)
        if (!strcmp(order[i], key)) return n - i;
    return 0;
}

/* The most frequent metric not taken yet; taken ones have a count of 0. */
static const char *take_metric(struct map *m)
{
    int64_t best = 0;
    const char *found = NULL;
    for (size_t i = 0; i < map_len(m); i++) {
        size_t len;
        const char *key = map_key(m, i, &len);
        int64_t n = *map_find(m, key, len) * 100;
        if (n) n += telling(key);
        if (n <= best) continue;
        best = n;
        found = key;
    }
    if (found) *map_at(m, found, strlen(found), NULL) = 0;
    return found;
}

const struct reply_column *run_columns(struct arena *a, const struct run *r, size_t n)
{
    static const struct reply_column fixed[] = {
        { "run_id", "run", "id" },
        { "name", "name", NULL },
        { "experiment", "experiment", NULL },
        { "status", "status", NULL },
        { "start_time", "started", "age" },
        { "duration_s", "seconds", "real" },
    };
    size_t k = sizeof fixed / sizeof *fixed;
    struct reply_column *c = arena_array(a, k + METRIC_COLUMNS + 1, struct reply_column);
    memcpy(c, fixed, sizeof fixed);
    struct map *m = count_metrics(r, n);
    for (int i = 0; i < METRIC_COLUMNS; i++) {
        const char *key = take_metric(m);
        if (!key) break;
        c[k].key = arena_printf(a, "metrics.%s", key);
        c[k].title = c[k].key + strlen("metrics.");
        c[k++].format = "real";
    }
    map_free(m);
    return c;
}

struct val *experiment_to_val(struct arena *a, const struct experiment *x)
{
    struct val *o = val_obj(a);
    val_set_str(o, "id", x->id);
    val_set_str(o, "name", x->name);
    val_set_str(o, "lifecycle", x->lifecycle);
    val_set_time(o, "created_at", x->created_us);
    val_set_int(o, "n_runs", x->n_runs);
    return o;
}

const char *const *val_strings(struct arena *a, const struct val *v)
{
    size_t n = val_len(v);
    if (n == 0) return NULL;
    const char **list = arena_array(a, n + 1, const char *);
    for (size_t i = 0; i < n; i++) list[i] = val_as_str(val_at(v, i), "");
    return list;
}
