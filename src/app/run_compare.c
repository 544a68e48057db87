/* run_compare.c: `run compare`: several runs side by side, one row for every attribute, param,
 * metric and tag that any of them has, with what differs and, for known metrics, who is best.
 * Within a kind, what differs comes first. */
#include "app/runval.h"
#include "app/verb.h"
#include "engine/metric/metric.h"
#include "store/run.h"
#include <math.h>
#include <string.h>

#define RUNS_MAX 20

struct side_by_side {
    struct arena *a;
    const struct val *run[RUNS_MAX]; /* as run_to_val makes them */
    size_t n;
    struct val *fields;
    struct val *alike; /* rows of the present kind that wait for those that differ */
};

static bool same(const struct val *x, const struct val *y)
{
    STR_AUTO s = STR_INIT;
    STR_AUTO t = STR_INIT;
    val_write_json(&s, x, 0);
    val_write_json(&t, y, 0);
    return str_eq(str_c(&s), str_c(&t));
}

/* A metric by its plain name: train_auc and valid_auc are judged as auc. */
static const struct metric *known_metric(const char *name)
{
    const struct metric *m = metric_find(name);
    const char *rest = strchr(name, '_');
    return m || !rest ? m : metric_find(rest + 1);
}

/* Index of the best value; -1 when nothing is known about the metric or nobody leads. */
static int best_of(const char *name, const struct val *values)
{
    const struct metric *m = known_metric(name);
    int best = -1;
    bool tie = false;
    for (size_t i = 0; m && i < val_len(values); i++) {
        double v = val_as_real(val_at(values, i), (double)NAN);
        double b = best < 0 ? (double)NAN : val_as_real(val_at(values, (size_t)best), (double)NAN);
        if (isnan(v)) continue;
        if (best >= 0 && v == b) tie = true;
        if (best >= 0 && !(m->greater_is_better ? v > b : v < b)) continue;
        best = (int)i;
        tie = false;
    }
    return tie ? -1 : best;
}

/* One row; group NULL: an attribute. */
static void add_field(struct side_by_side *s, const char *kind, const char *group, const char *name)
{
    struct val *o = val_obj(s->a);
    val_set_str(o, "kind", kind);
    val_set_str(o, "name", name);
    struct val *values = val_set_list(o, "values");
    bool differs = false;
    for (size_t i = 0; i < s->n; i++) {
        const struct val *from = group ? val_get(s->run[i], group) : s->run[i];
        const struct val *v = val_get(from, name);
        val_push(values, v ? val_copy(s->a, v) : val_null(s->a));
        differs |= i > 0 && !same(val_at(values, 0), val_at(values, i));
    }
    val_set_bool(o, "differs", differs);
    int best = str_eq(kind, "metric") ? best_of(name, values) : -1;
    if (best >= 0) val_set_int(o, "best", best);
    else val_set(o, "best", val_null(s->a));
    val_push(differs ? s->fields : s->alike, o);
}

static void begin_kind(struct side_by_side *s)
{
    s->alike = val_list(s->a);
}

static void end_kind(struct side_by_side *s)
{
    for (size_t i = 0; i < val_len(s->alike); i++)
        val_push(s->fields, val_copy(s->a, val_at(s->alike, i)));
}

/* A row for every key that any run has in the group, in order of first appearance. */
static void add_group(struct side_by_side *s, const char *kind, const char *group)
{
    struct val *seen = val_obj(s->a);
    begin_kind(s);
    for (size_t i = 0; i < s->n; i++) {
        const struct val *from = val_get(s->run[i], group);
        for (size_t k = 0; k < val_len(from); k++) {
            const char *key = val_key(from, k);
            if (val_has(seen, key)) continue;
            val_set_bool(seen, key, true);
            add_field(s, kind, group, key);
        }
    }
    end_kind(s);
}

static const struct reply_column *columns_of(struct side_by_side *s)
{
    struct reply_column *c = arena_array(s->a, s->n + 4, struct reply_column);
    c[0] = (struct reply_column){ "kind", "kind", NULL };
    c[1] = (struct reply_column){ "name", "name", NULL };
    for (size_t i = 0; i < s->n; i++) {
        const char *name = val_get_str(s->run[i], "name", "");
        const char *id = arena_strndup(s->a, val_get_str(s->run[i], "run_id", ""), 8);
        c[i + 2] =
            (struct reply_column){ arena_printf(s->a, "values.%zu", i), *name ? name : id, NULL };
    }
    c[s->n + 2] = (struct reply_column){ "differs", "differs", NULL };
    return c;
}

/* The runs that a run alone was made of, such as the algorithms a training compared, oldest
 * first; itself where there are none. */
static int children(struct app *app, struct side_by_side *s, const struct val *ids,
                    const struct val **ret, struct err *e)
{
    static const char *const oldest[] = { "attributes.start_time ASC", NULL };
    struct run_query q = { .order_by = oldest, .limit = RUNS_MAX };
    struct val *list = val_list(s->a);
    struct run parent, *all = NULL;
    size_t n = 0;

    *ret = ids;
    if (val_len(ids) != 1) return 0;
    int rc = store_run_get(app->store, s->a, val_as_str(val_at(ids, 0), ""), &parent, e);
    if (rc < 0) return rc;
    q.filter = arena_printf(s->a, "tags.`mlflow.parentRunId` = '%s'", parent.id);
    rc = store_run_search(app->store, s->a, &q, &all, &n, e);
    for (size_t i = 0; i < n; i++) val_push_str(list, all[i].id);
    if (rc == 0 && n > 0) *ret = list;
    return rc;
}

static int load(struct app *app, struct side_by_side *s, const struct val *ids, struct reply *r,
                struct err *e)
{
    struct val *list = val_set_list(r->v, "runs"), *names = val_set_list(r->v, "names");
    int rc = children(app, s, ids, &ids, e);
    if (rc < 0) return rc;
    for (; s->n < val_len(ids); s->n++) {
        struct run run;
        const char *id = val_as_str(val_at(ids, s->n), "");
        rc = store_run_get(app->store, s->a, id, &run, e);
        if (rc < 0) return rc;
        s->run[s->n] = run_to_val(s->a, &run, clock_now(app->clock));
        val_push_str(list, run.id);
        val_push_str(names, run.name);
    }
    return 0;
}

int verb_run_compare(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    static const char *const attributes[] = { "experiment", "status",     "user",
                                              "start_time", "duration_s", NULL };
    const struct val *ids = val_get(args, "runs");
    if (val_len(ids) > RUNS_MAX)
        return err_set(e, ERR_INVALID, "%zu runs are too many to compare; at most %d", val_len(ids),
                       RUNS_MAX);
    struct side_by_side s = { .a = &r->arena };
    r->v = val_obj(&r->arena);
    int rc = load(app, &s, ids, r, e);
    if (rc < 0) return rc;
    s.fields = val_set_list(r->v, "fields");
    begin_kind(&s);
    for (size_t i = 0; attributes[i]; i++) add_field(&s, "attribute", NULL, attributes[i]);
    end_kind(&s);
    add_group(&s, "metric", "metrics");
    add_group(&s, "param", "params");
    add_group(&s, "tag", "tags");
    reply_table(r, "fields", columns_of(&s));
    return 0;
}
