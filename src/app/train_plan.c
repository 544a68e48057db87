/* train_plan.c: the arguments of `train`, read and checked without looking at data.
 * Used by the verb before anything is queued and by the job again. Any thread. */
#include "app/train.h"
#include "base/mem.h"
#include "engine/metric/metric.h"
#include "engine/model/params.h"

#include <string.h>

#define AUTOMATIC    "auto"
#define AUTO_FOLDS   5
#define AUTO_SECONDS 120

static const char *const split_names[] = {
    [SPLIT_RANDOM] = "random",
    [SPLIT_STRATIFIED] = "stratified",
    [SPLIT_TIME] = "time",
};

const char *train_split_name(enum split_kind k)
{
    return split_names[k];
}

const char *train_algorithm(const struct train_plan *p)
{
    return p->learner ? p->learner->name : AUTOMATIC;
}

bool train_resembles(const char *name, const char *asked, int *best)
{
    int far = str_distance(name, asked);

    if (far > 2 || (size_t)far >= strlen(asked) || (*best && far >= *best)) return false;
    *best = far;
    return true;
}

static int read_learner(const struct val *args, struct train_plan *p, struct err *e)
{
    const char *name = val_get_str(args, "algorithm", "gbdt");
    STR_AUTO known = STR_INIT;

    p->learner = learner_find(name);
    if (p->learner || str_eq(name, AUTOMATIC)) return 0;
    for (size_t i = 0; learners[i]; i++) str_addf(&known, "%s%s", i ? ", " : "", learners[i]->name);
    err_set(e, ERR_INVALID, "algorithm: there is no learner '%s'", name);
    return err_hint(e, "one of %s; or auto, which compares them", str_c(&known));
}

/* A target where one is learned from, and none where it would only mislead. */
static int check_target(const struct train_plan *p, struct err *e)
{
    const struct learner *l = p->learner; /* NULL: several are compared */
    bool finds = l && l->finds;

    if (!finds && !p->target) {
        err_set(e, ERR_USAGE, "--target is missing");
        return err_hint(e, "--target: column to predict; kmeans and isolation_forest need none");
    }
    if (!p->target && (p->valid || p->folds || val_has(p->args, "holdout") || p->positive))
        return err_set(e, ERR_INVALID, "%s: without a target there is nothing to measure against",
                       p->valid ? "valid" : p->folds ? "folds" : p->positive ? "positive"
                                                                             : "holdout");
    if (!finds || !p->target || l->takes_labels) return 0;
    err_set(e, ERR_INVALID, "target: %s learns without one and answers with groups of its own",
            l->name);
    return err_hint(e, "leave --target out, and keep the column from the features with --drop %s",
                    p->target);
}

static int read_task(const struct val *args, struct train_plan *p, struct err *e)
{
    enum task t;

    p->task = val_get_str(args, "task", NULL);
    if (!p->task) return 0;
    if (!task_parse(p->task, &t)) return err_set(e, ERR_INVALID, "task: '%s' is none", p->task);
    if (!p->learner || p->learner->tasks & t) return 0;
    return err_set(e, ERR_INVALID, "task: %s does not do %s", p->learner->name, p->task);
}

/* "random", "stratified", "time" or "time:COLUMN". */
static int read_split(const struct val *args, struct train_plan *p, struct err *e)
{
    const char *text = val_get_str(args, "split", "random");
    const char *colon = strchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : strlen(text);

    for (size_t i = 0; i < ARRAY_LEN(split_names); i++) {
        if (strlen(split_names[i]) != n || memcmp(split_names[i], text, n) != 0) continue;
        p->split = (enum split_kind)i;
        if (!colon) return 0;
        p->time_column = colon + 1;
        if (p->split == SPLIT_TIME && *p->time_column) return 0;
        break;
    }
    err_set(e, ERR_INVALID, "split: '%s' is not a way to split", text);
    return err_hint(e, "random, stratified, time or time:COLUMN");
}

static int read_measure(const struct val *args, struct train_plan *p, struct err *e)
{
    static const char *const ways[] = { "valid", "holdout", "folds" };
    const char *first = NULL;

    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        if (!val_has(args, ways[i])) continue;
        if (first) return err_set(e, ERR_INVALID, "%s: cannot be combined with %s", ways[i], first);
        first = ways[i];
    }
    p->valid = val_get_str(args, "valid", NULL);
    p->folds = (int)val_get_int(args, "folds", 0);
    p->holdout = val_get_real(args, "holdout", 0.2);
    return read_split(args, p, e);
}

/* What only a comparison of algorithms needs, and what it has no use for. */
static int read_search(const struct val *args, struct train_plan *p, struct err *e)
{
    static const char *const own[] = { "metric", "budget" };
    static const char *const others[] = { "valid", "holdout" };

    for (size_t i = 0; p->learner && i < ARRAY_LEN(own); i++)
        if (val_has(args, own[i])) {
            err_set(e, ERR_INVALID, "%s: is for comparing algorithms", own[i]);
            return err_hint(e, "together with --algorithm auto");
        }
    if (p->learner) return 0;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (val_has(args, others[i])) {
            err_set(e, ERR_INVALID, "%s: cannot be combined with --algorithm auto", others[i]);
            return err_hint(e, "algorithms are compared by --folds, %d of them unless said",
                            AUTO_FOLDS);
        }
    if (val_len(val_get(args, "param"))) {
        err_set(e, ERR_INVALID, "param: each algorithm has its own");
        return err_hint(e, "name the algorithm, too; --calibrate and --class-weight are for all");
    }
    if (!p->folds) p->folds = AUTO_FOLDS;
    p->metric = val_get_str(args, "metric", NULL);
    p->budget_s = val_get_real(args, "budget", AUTO_SECONDS);
    if (!p->metric || metric_find(p->metric)) return 0;
    err_set(e, ERR_INVALID, "metric: there is no metric '%s'", p->metric);
    return err_hint(e, "for instance auc, log_loss, accuracy, rmse or mae");
}

static void read_drop(struct arena *a, const struct val *args, struct train_plan *p)
{
    const struct val *list = val_get(args, "drop");
    size_t n = val_len(list);
    const char **drop = arena_array(a, n + 1, const char *);

    for (size_t i = 0; i < n; i++) drop[i] = val_as_str(val_at(list, i), "");
    p->drop = drop;
}

/* Columns the arguments name must not contradict each other. */
static int check_columns(const struct train_plan *p, struct err *e)
{
    if (p->target && !*p->target) return err_set(e, ERR_INVALID, "target: is empty");
    if (p->target && str_eq(p->weight, p->target))
        return err_set(e, ERR_INVALID, "weight: '%s' is the target", p->weight);
    for (size_t i = 0; p->drop[i]; i++)
        if (str_eq(p->drop[i], p->target))
            return err_set(e, ERR_INVALID, "drop: '%s' is the target", p->target);
    return 0;
}

/* The options that are parameters of any model, and the parameters themselves. */
static int read_params(struct arena *a, const struct val *args, struct train_plan *p,
                       struct err *e)
{
    static const struct {
        const char *option, *param;
    } general[] = { { "calibrate", "calibrate" }, { "class-weight", "class_weight" } };
    struct val *in = val_has(args, "param") ? val_copy(a, val_get(args, "param")) : val_obj(a);
    struct val *bound = NULL;

    for (size_t i = 0; i < ARRAY_LEN(general); i++)
        if (val_has(args, general[i].option))
            val_set_str(in, general[i].param, val_get_str(args, general[i].option, NULL));
    /* without a learner only what all have is there: any classifier can check it */
    const struct learner *l = p->learner ? p->learner : learner_find("gbdt");
    int rc = model_bind_params(l, a, in, &bound, e);
    if (rc < 0) return err_prefix(e, "param of %s", train_algorithm(p));
    p->params = p->learner ? bound : in;
    return 0;
}

int train_plan_read(struct arena *a, const struct val *args, struct train_plan *ret, struct err *e)
{
    struct train_plan p = {
        .data = val_get_str(args, "data", ""),
        .target = val_get_str(args, "target", NULL),
        .positive = val_get_str(args, "positive", NULL),
        .weight = val_get_str(args, "weight", NULL),
        .seed = (uint64_t)val_get_int(args, "seed", 0),
        .threads = (int)val_get_int(args, "threads", 0),
        .experiment = val_get_str(args, "experiment", "Default"),
        .run_name = val_get_str(args, "run-name", NULL),
        .model = val_get_str(args, "register", NULL),
        .args = args,
    };
    int rc = read_learner(args, &p, e);

    if (rc == 0) rc = read_task(args, &p, e);
    if (rc == 0) rc = read_measure(args, &p, e);
    if (rc == 0) rc = read_search(args, &p, e);
    if (rc == 0) rc = check_target(&p, e);
    if (rc < 0) return rc;
    read_drop(a, args, &p);
    rc = check_columns(&p, e);
    if (rc == 0) rc = read_params(a, args, &p, e);
    if (rc == 0) *ret = p;
    return rc;
}
