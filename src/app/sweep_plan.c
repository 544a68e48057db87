/* sweep_plan.c: see sweep_plan.h. Keys are looked up in tables, so an unknown one is an error
 * that names the nearest; what a method would ignore is refused. */
#include "app/sweep_plan.h"
#include "app/train.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "codec/yaml.h"
#include "engine/metric/metric.h"

#include <math.h>
#include <string.h>

enum { FILE_MAX = 4 << 20, PROBES = 64 };

/* ---- keys ------------------------------------------------------------------------------- */

static const char *const used[] = { "method",          "metric",    "parameters",
                                    "early_terminate", "run_cap",   "name",
                                    "description",     "signalbox", NULL };
/* How W&B starts programs and where it keeps results. */
static const char *const passed_over[] = { "program",    "command",  "project",   "entity",
                                           "controller", "imageuri", "job",       "resource",
                                           "prior_runs", "version",  "CONDA_ENV", NULL };

static bool listed(const char *const *list, const char *key)
{
    for (; *list; list++)
        if (str_eq(*list, key)) return true;
    return false;
}

static int unknown_key(const char *path, const char *key, const char *const *known, struct err *e)
{
    const char *nearest = NULL;
    int best = 0;
    STR_AUTO all = STR_INIT;

    for (const char *const *k = known; *k; k++) {
        if (train_resembles(*k, key, &best)) nearest = *k;
        str_addf(&all, "%s%s", k == known ? "" : ", ", *k);
    }
    err_set(e, ERR_INVALID, "%s%s: is not known", path, key);
    return nearest ? err_hint(e, "did you mean %s?", nearest)
                   : err_hint(e, "known here: %s", str_c(&all));
}

static int check_keys(const char *path, const struct val *o, const char *const *known,
                      struct err *e)
{
    for (size_t i = 0; i < val_len(o); i++)
        if (!listed(known, val_key(o, i))) return unknown_key(path, val_key(o, i), known, e);
    return 0;
}

static int check_top(const struct val *doc, struct val *notes, struct err *e)
{
    if (val_type(doc) != VAL_OBJ) {
        err_set(e, ERR_INVALID, "method: the file must be an object with method and parameters");
        return err_hint(e, "see the README for an example");
    }
    for (size_t i = 0; i < val_len(doc); i++) {
        const char *key = val_key(doc, i);
        STR_AUTO text = STR_INIT;
        if (listed(used, key)) continue;
        if (!listed(passed_over, key)) return unknown_key("", key, used, e);
        str_addf(&text, "%s: has no meaning here and is passed over", key);
        val_push_str(notes, str_c(&text));
    }
    return 0;
}

/* ---- method, metric, early_terminate, run_cap ---------------------------------------------- */

static int read_method(const struct val *doc, struct sweep_plan *p, struct err *e)
{
    STR_AUTO known = STR_INIT;

    p->method = val_get_str(doc, "method", NULL);
    p->sampler = p->method ? sampler_find(p->method) : NULL;
    if (p->sampler) return 0;
    for (size_t i = 0; samplers[i].name; i++)
        str_addf(&known, "%s%s", i ? ", " : "", samplers[i].name);
    if (!p->method) err_set(e, ERR_INVALID, "method: is missing");
    else err_set(e, ERR_INVALID, "method: there is none called '%s'", p->method);
    return err_hint(e, "one of %s", str_c(&known));
}

static int read_goal(const struct val *m, const struct metric *known, struct sweep_plan *p,
                     struct val *notes, struct err *e)
{
    const char *goal = val_get_str(m, "goal", NULL);

    p->maximise = known->greater_is_better;
    if (!goal) return 0;
    if (!str_eq(goal, "maximize") && !str_eq(goal, "minimize"))
        return err_set(e, ERR_INVALID, "metric.goal: is minimize or maximize");
    p->maximise = str_eq(goal, "maximize");
    if (p->maximise != known->greater_is_better) {
        STR_AUTO text = STR_INIT;
        str_addf(&text, "metric.goal: %s %s looks for the worst", goal, known->name);
        val_push_str(notes, str_c(&text));
    }
    return 0;
}

static int read_metric(const struct val *doc, struct sweep_plan *p, struct val *notes,
                       struct err *e)
{
    static const char *const keys[] = { "name", "goal", "target", "impute", "impute_while_running",
                                        NULL };
    const struct val *m = val_get(doc, "metric");
    const char *name = val_get_str(m, "name", NULL);
    const struct metric *known = name ? metric_find(name) : NULL;
    STR_AUTO all = STR_INIT;

    p->metric = "";
    p->target = (double)NAN;
    if (!m) return 0;
    if (val_type(m) != VAL_OBJ) return err_set(e, ERR_INVALID, "metric: is not an object");
    int rc = check_keys("metric.", m, keys, e);
    if (rc < 0) return rc;
    if (!known) {
        for (size_t i = 0; metrics[i].name; i++)
            str_addf(&all, "%s%s", i ? ", " : "", metrics[i].name);
        if (!name) err_set(e, ERR_INVALID, "metric.name: is missing");
        else err_set(e, ERR_INVALID, "metric.name: there is no metric '%s'", name);
        return err_hint(e, "one of %s", str_c(&all));
    }
    p->metric = known->name;
    p->target = val_get_real(m, "target", (double)NAN);
    if (val_has(m, "target") && isnan(p->target))
        return err_set(e, ERR_INVALID, "metric.target: is not a number");
    for (size_t i = 3; keys[i]; i++)
        if (val_has(m, keys[i])) {
            STR_AUTO text = STR_INIT;
            str_addf(&text,
                     "metric.%s: is passed over: failed trials are left out, those under "
                     "way are expected at the mean",
                     keys[i]);
            val_push_str(notes, str_c(&text));
        }
    return read_goal(m, known, p, notes, e);
}

static int whole(const struct val *o, const char *path, const char *key, int64_t dflt,
                 int64_t least, int64_t *ret, struct err *e)
{
    const struct val *v = val_get(o, key);
    double d = val_as_real(v, (double)NAN);

    *ret = dflt;
    if (!v || val_type(v) == VAL_NULL) return 0;
    if (!(d >= (double)least && d <= 1e9) || d != rint(d))
        return err_set(e, ERR_INVALID, "%s%s: must be a whole number from %lld", path, key,
                       (long long)least);
    *ret = (int64_t)d;
    return 0;
}

static int read_prune(const struct val *o, struct pruner_options *p, struct err *e)
{
    static const char path[] = "early_terminate.";
    int rc = whole(o, path, "min_iter", 0, 1, &p->min_iter, e);

    if (rc == 0) rc = whole(o, path, "max_iter", 0, 1, &p->max_iter, e);
    if (rc == 0) rc = whole(o, path, "s", 0, 1, &p->s, e);
    if (rc == 0) rc = whole(o, path, "startup", 5, 0, &p->startup, e);
    if (rc == 0) rc = whole(o, path, "warmup", 0, 0, &p->warmup, e);
    if (rc == 0) rc = whole(o, path, "interval", 5, 1, &p->interval, e);
    if (rc < 0) return rc;
    p->eta = val_get_real(o, "eta", val_has(o, "eta") ? (double)NAN : 3);
    p->strict = val_get_bool(o, "strict", true);
    if (!(p->eta > 1 && p->eta <= 1000))
        return err_set(e, ERR_INVALID, "early_terminate.eta: must be a number above 1");
    return 0;
}

/* What learners report while they train is their loss; another metric is measured at the end. */
static void note_judgement(const struct sweep_plan *p, struct val *notes)
{
    STR_AUTO text = STR_INIT;

    if (str_eq(p->metric, "") || str_eq(p->metric, "log_loss") || str_eq(p->metric, "rmse")) return;
    str_addf(&text,
             "early_terminate: judges by the loss of the learner on validation rows, of the first "
             "fold where there are folds; %s is measured when a trial has ended",
             p->metric);
    val_push_str(notes, str_c(&text));
}

static int read_early(const struct val *doc, struct sweep_plan *p, struct val *notes, struct err *e)
{
    const struct val *o = val_get(doc, "early_terminate");
    const char *type = val_get_str(o, "type", NULL);
    const char *known[16] = { "type" };
    STR_AUTO all = STR_INIT;

    if (!o || val_type(o) == VAL_NULL) return 0;
    p->pruner = type ? pruner_find(type) : NULL;
    if (!p->pruner) {
        for (size_t i = 0; pruners[i]; i++) str_addf(&all, "%s%s", i ? ", " : "", pruners[i]->name);
        if (type) err_set(e, ERR_INVALID, "early_terminate.type: there is none called '%s'", type);
        else err_set(e, ERR_INVALID, "early_terminate.type: is missing");
        return err_hint(e, "one of %s", str_c(&all));
    }
    for (size_t i = 0; p->pruner->keys[i] && i < 14; i++) known[i + 1] = p->pruner->keys[i];
    int rc = check_keys("early_terminate.", o, known, e);
    if (rc == 0) rc = read_prune(o, &p->prune, e);
    if (rc == 0 && p->pruner->check) rc = p->pruner->check(&p->prune, e);
    if (rc == 0) note_judgement(p, notes);
    return rc;
}

static int read_cap(const struct val *doc, int64_t run_cap, struct sweep_plan *p, struct err *e)
{
    int64_t cap = run_cap, size = 0;
    int rc = run_cap ? 0 : whole(doc, "", "run_cap", 0, 1, &cap, e);

    if (rc == 0 && p->sampler->size) rc = p->sampler->size(&p->space, &size, e);
    if (rc < 0) return rc;
    if (!cap && !p->sampler->size) {
        err_set(e, ERR_INVALID, "run_cap: is missing, and %s never ends by itself", p->method);
        return err_hint(e, "say how many trials: run_cap: 50, or --run-cap 50");
    }
    p->planned = !cap || (size && size < cap) ? size : cap;
    if (p->planned <= SWEEP_TRIALS_MAX) return 0;
    err_set(e, ERR_INVALID, "run_cap: %lld trials are more than %d", (long long)p->planned,
            SWEEP_TRIALS_MAX);
    return err_hint(e, "bound them: run_cap: 1000, or --run-cap 1000");
}

int sweep_plan_read(struct arena *a, const struct val *doc, int64_t run_cap, struct sweep_plan *ret,
                    struct err *e)
{
    struct sweep_plan p = { .pruner = NULL };
    struct val *notes = val_list(a);
    int rc = check_top(doc, notes, e);

    if (rc == 0) rc = read_method(doc, &p, e);
    if (rc == 0) rc = read_metric(doc, &p, notes, e);
    if (rc == 0) rc = read_early(doc, &p, notes, e);
    if (rc < 0) return rc;
    p.name = val_get_str(doc, "name", NULL);
    p.ours = val_get(doc, "signalbox");
    p.notes = notes;
    if (!val_get(doc, "parameters")) {
        err_set(e, ERR_INVALID, "parameters: is missing");
        return err_hint(e, "for example  parameters: {learning_rate: {min: 0.01, max: 0.3}}");
    }
    rc = space_parse(a, val_get(doc, "parameters"), &p.space, e);
    if (rc == 0) rc = read_cap(doc, run_cap, &p, e);
    if (rc == 0) *ret = p;
    return rc;
}

/* ---- the file --------------------------------------------------------------------------- */

/* Where a line says "key:", from `at` on. */
static const char *find_key(const char *at, const char *key, size_t n)
{
    for (const char *p = at; (p = strstr(p, key)) != NULL; p++) {
        const char *after = p + n;
        if (p > at && !strchr(" \t\n{,\"'", p[-1])) continue;
        while (*after == '"' || *after == '\'' || *after == ' ') after++;
        if (*after == ':') return p;
        /* a longer word that begins so */
    }
    return NULL;
}

/* The line of the key that a message begins with, as far along its path as the text has it. */
static int line_of(const char *text, const char *message)
{
    const char *at = text, *p = message, *end = strchr(message, ':');
    int line = 1;
    bool found = false;

    while (end && p < end) {
        char word[80];
        size_t n = strcspn(p, ".:");
        if (n == 0 || n >= sizeof word) break;
        memcpy(word, p, n);
        word[n] = '\0';
        const char *next = find_key(at, word, n);
        if (!next) break;
        at = next;
        found = true;
        p += n + 1;
    }
    for (p = text; p < at; p++) line += *p == '\n';
    return found ? line : 0;
}

void sweep_where(const char *path, const char *text, struct err *e)
{
    int line = line_of(text, e->msg);

    if (line) err_prefix(e, "%s: line %d", path, line);
    else err_prefix(e, "%s", path);
}

int sweep_plan_file(struct arena *a, const char *path, int64_t run_cap, struct val **ret_doc,
                    struct sweep_plan *ret, struct err *e)
{
    STR_AUTO text = STR_INIT;
    size_t n = strlen(path);
    struct val *doc = NULL;
    struct err why = ERR_INIT;
    int rc = file_read(path, FILE_MAX, &text, e);

    if (rc < 0) return rc;
    if (n > 5 && str_eq(path + n - 5, ".json"))
        rc = val_parse_json(a, text.p, text.len, &doc, &why);
    else rc = yaml_parse(a, path, str_c(&text), text.len, &doc, &why);
    if (rc == 0) rc = sweep_plan_read(a, doc, run_cap, ret, &why);
    if (rc == 0) {
        *ret_doc = doc;
        return 0;
    }
    if (rc == -ERR_INVALID) sweep_where(path, str_c(&text), &why);
    else if (!strstr(why.msg, path)) err_prefix(&why, "%s", path);
    if (e) *e = why;
    return rc;
}

/* ---- a trial's training ----------------------------------------------------------------- */

static const char *last_word(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot ? dot + 1 : path;
}

/* The learner whose name the path begins with; NULL: none. */
static const struct learner *owner(const char *path)
{
    char word[64];
    size_t n = strcspn(path, ".");

    if (path[n] != '.' || n >= sizeof word) return NULL;
    memcpy(word, path, n);
    word[n] = '\0';
    return learner_find(word);
}

static bool takes(const struct learner *l, const char *path)
{
    const struct learner *only = owner(path);

    return (!only || only == l) && param_find(l->params, last_word(path));
}

struct val *sweep_trial_args(struct arena *a, const struct val *base, const struct val *params)
{
    struct val *args = val_copy(a, base), *out;
    const char *name = val_get_str(params, "algorithm", val_get_str(base, "algorithm", "gbdt"));
    const struct learner *l = learner_find(name);
    const struct val *fixed = val_get(base, "param");

    val_set_str(args, "algorithm", name);
    out = val_set_obj(args, "param");
    for (size_t i = 0; i < val_len(fixed); i++)
        val_set(out, val_key(fixed, i), val_copy(a, val_at(fixed, i)));
    for (size_t i = 0; l && i < val_len(params); i++)
        if (takes(l, val_key(params, i)))
            val_set(out, last_word(val_key(params, i)), val_copy(a, val_at(params, i)));
    return args;
}

/* The learners a sweep can choose: out has room for all. */
static int choices(const struct sweep_plan *p, const struct val *base, const struct learner **out,
                   size_t *ret_n, struct err *e)
{
    const struct val *list = NULL;
    const char *one =
        val_get_str(p->space.fixed, "algorithm", val_get_str(base, "algorithm", "gbdt"));

    for (size_t i = 0; i < p->space.n; i++)
        if (str_eq(p->space.dims[i].name, "algorithm")) list = p->space.dims[i].values;
    size_t n = list ? val_len(list) : 1;
    *ret_n = 0;
    for (size_t i = 0; i < n && i < 32; i++) {
        const char *name = list ? val_as_str(val_at(list, i), "?") : one;
        STR_AUTO known = STR_INIT;
        out[*ret_n] = learner_find(name);
        if (out[(*ret_n)++]) continue;
        for (size_t k = 0; learners[k]; k++)
            str_addf(&known, "%s%s", k ? ", " : "", learners[k]->name);
        err_set(e, ERR_INVALID, "parameters.algorithm: there is no learner '%s'", name);
        return err_hint(e, "one of %s", str_c(&known));
    }
    return 0;
}

static int check_name(const char *path, const struct learner **l, size_t n, struct err *e)
{
    const char *nearest = NULL;
    int best = 0;

    if (str_eq(path, "algorithm")) return 0;
    for (size_t i = 0; i < n; i++)
        if (takes(l[i], path)) return 0;
    for (size_t i = 0; i < n; i++)
        for (const struct param *q = l[i]->params; q->name; q++)
            if (train_resembles(q->name, last_word(path), &best)) nearest = q->name;
    err_set(e, ERR_INVALID, "parameters.%s: %s has no parameter '%s'", path,
            n == 1 ? l[0]->name : "no learner of this sweep", last_word(path));
    return nearest ? err_hint(e, "did you mean %s?", nearest)
                   : err_hint(e, "`signalbox help train` lists the learners and their parameters");
}

static int check_point(struct arena *a, const struct sweep_plan *p, const struct val *base,
                       uint64_t number, struct err *e)
{
    double *u = arena_array(a, p->space.n + 1, double);
    struct val *params = val_obj(a);
    struct train_plan plan;
    struct rng r;

    rng_stream(&r, 1, number);
    for (size_t i = 0; i < p->space.n; i++) { /* the corners first */
        const struct dim *d = &p->space.dims[i];
        bool tails = d->dist && str_eq(d->dist->first, "mu");
        double low = tails ? 0.02 : 0;
        u[i] = dim_snap(d, number == 0 ? low : number == 1 ? 1 - low : rng_unit(&r));
    }
    space_values(&p->space, a, u, params);
    int rc = train_plan_read(a, sweep_trial_args(a, base, params), &plan, e);
    if (rc == -ERR_INVALID || rc == -ERR_USAGE) err_prefix(e, "parameters: a trial cannot begin");
    return rc;
}

int sweep_check(struct arena *a, const struct sweep_plan *p, const struct val *base, struct err *e)
{
    const struct learner *l[32];
    size_t n;
    int rc = choices(p, base, l, &n, e);

    for (size_t i = 0; rc == 0 && i < p->space.n; i++)
        rc = check_name(p->space.dims[i].name, l, n, e);
    for (size_t i = 0; rc == 0 && i < val_len(p->space.fixed); i++)
        rc = check_name(val_key(p->space.fixed, i), l, n, e);
    for (uint64_t i = 0; rc == 0 && i < PROBES; i++) rc = check_point(a, p, base, i, e);
    return rc;
}
