/* monitor_reference.c: what the windows of a model are compared with.
 *
 * The features: settings' `reference`, else the data set the run of the Production version was
 * trained on, reduced to the columns the model reads (without a model: to all columns that are
 * not of the log itself). The scores: what the Production version answers on the rows it was
 * measured on and has not learned from, found again by the split of its job; on its own
 * training rows a model is too sure of itself, and every window would look drifted. A reference
 * of its own that has a column `probability` or `prediction` brings its scores along. Columns are
 * sorted once here, and the result is kept in the workspace's cache (app/cache.h) for as long as
 * everything it was made from stays what it is. */
#include "app/cache.h"
#include "app/ingest.h"
#include "app/modelref.h"
#include "app/monitor_priv.h"
#include "app/train.h"
#include "base/mem.h"
#include "engine/pool.h"
#include "engine/stats/sample.h"
#include "config.h"
#include "store/dataset.h"
#include "store/job.h"
#include "store/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BINS       10
#define LEVELS_MAX 20

/* What is known of the Production version. */
struct origin {
    struct modelref version; /* name NULL: nothing in Production */
    struct model *model;
    struct run run;
    bool has_run, has_plan;
    struct train_plan plan;
};

/* ---- the Production version --------------------------------------------------------------- */

static const char *kv_find(const struct kv *kv, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(kv[i].key, key)) return kv[i].value;
    return NULL;
}

static const char *tag(const struct origin *o, const char *key)
{
    return o->has_run ? kv_find(o->run.tags, o->run.n_tags, key) : NULL;
}

static const char *run_param(const struct origin *o, const char *key)
{
    return o->has_run ? kv_find(o->run.params, o->run.n_params, key) : NULL;
}

static int find_version(struct app *app, struct arena *a, const char *model, struct origin *ret,
                        struct err *e)
{
    const char *uri = arena_printf(a, "models:/%s/Production", model);
    int rc = modelref_resolve(app, a, uri, &ret->version, e);

    if (rc == 0 && ret->version.run_id) {
        rc = store_run_get(app->store, a, ret->version.run_id, &ret->run, e);
        ret->has_run = rc == 0;
    }
    if (rc != -ERR_NOTFOUND) return rc;
    err_clear(e); /* nothing in Production, or the run was not of this workspace */
    return 0;
}

/* The arguments of the run's training job, where they can still be read. */
static void find_plan(struct app *app, struct arena *a, struct origin *o)
{
    struct job j;
    bool found = false;
    struct val *args;

    if (!o->has_run || store_job_by_run(app->store, a, o->run.id, &j, &found, NULL) < 0) return;
    if (!found || !str_eq(j.kind, "train")) return;
    if (val_parse_json(a, j.payload, strlen(j.payload), &args, NULL) < 0) return;
    o->has_plan = train_plan_read(a, args, &o->plan, NULL) == 0;
}

static struct val *metrics_of(struct arena *a, const struct origin *o)
{
    struct val *m = val_obj(a);

    for (size_t i = 0; o->has_run && i < o->run.n_metrics; i++)
        monitor_set_real(m, o->run.metrics[i].key, o->run.metrics[i].value);
    return m;
}

int monitor_baseline(struct app *app, struct arena *a, const char *model, struct val **ret,
                     struct err *e)
{
    struct origin o = { 0 };
    int rc = find_version(app, a, model, &o, e);

    if (rc == 0) *ret = metrics_of(a, &o);
    return rc;
}

/* ---- columns and rows --------------------------------------------------------------------- */

static bool of_the_log(const char *name)
{
    static const char *const own[] = { "request_id", "timestamp", "prediction", "probability",
                                       "latency_ms", "version",   "label" };

    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (str_eq(own[i], name)) return true;
    return false;
}

static bool wanted(const struct model *m, const char *name)
{
    if (!m) return !of_the_log(name);
    for (size_t i = 0; i < model_features(m); i++)
        if (str_eq(model_feature(m, i, NULL), name)) return true;
    return false;
}

static int copy_column(struct frame *to, const struct column *c, const uint32_t *rows, size_t n,
                       struct err *e)
{
    struct column *d;
    int rc = frame_add(to, c->name, c->type, n, &d, e);

    if (rc < 0) return rc;
    if (c->code) {
        dict_unref(d->dict);
        d->dict = dict_ref(c->dict);
    }
    for (size_t i = 0; i < n; i++) {
        if (c->code) d->code[i] = c->code[rows[i]];
        else d->num[i] = c->num[rows[i]];
    }
    return 0;
}

/* Row numbers 0, s, 2 s … so that at most `most` are left. */
static uint32_t *even_rows(size_t n, size_t most, size_t *ret_n)
{
    size_t stride = (n + most - 1) / most, k = 0;
    uint32_t *rows = mem_try(n + 1, sizeof *rows);

    if (stride == 0) stride = 1;
    for (size_t i = 0; rows && i < n; i += stride) rows[k++] = (uint32_t)i;
    *ret_n = k;
    return rows;
}

/* Missing values last. */
static int sort_numbers(double *v, size_t n, struct err *e)
{
    struct sample s;
    int rc = sample_new(v, n, &s, e);

    if (rc < 0) return rc;
    memcpy(v, s.x, s.n * sizeof *v);
    for (size_t i = s.n; i < n; i++) v[i] = (double)NAN;
    sample_done(&s);
    return 0;
}

static int sort_codes(int32_t *v, size_t n, size_t levels, struct err *e)
{
    MEM_AUTO size_t *count = mem_try_zero(levels + 1, sizeof *count);
    size_t k = 0;

    if (!count) return err_set(e, ERR_NOMEM, "no memory for %zu levels", levels);
    for (size_t i = 0; i < n; i++)
        if (v[i] >= 0) count[v[i]]++;
    for (size_t code = 0; code < levels; code++)
        for (size_t i = 0; i < count[code]; i++) v[k++] = (int32_t)code;
    while (k < n) v[k++] = -1;
    return 0;
}

static int sort_columns(struct frame *f, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < f->n_cols; i++) {
        struct column *c = &f->cols[i];
        rc = c->code ? sort_codes(c->code, f->n_rows, dict_len(c->dict), e)
                     : sort_numbers(c->num, f->n_rows, e);
    }
    return rc;
}

static int take_columns(const struct model *model, const struct frame *all, const uint32_t *rows,
                        size_t n, struct frame **ret, struct err *e)
{
    struct frame *f = frame_new();
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < all->n_cols; i++)
        if (wanted(model, all->cols[i].name) && all->cols[i].type != COL_TEXT)
            rc = copy_column(f, &all->cols[i], rows, n, e);
    f->n_rows = n;
    if (rc < 0) frame_free(f);
    else *ret = f;
    return rc;
}

static int take_features(struct monitor *m, const struct model *model, const struct frame *all,
                         struct frame **ret, struct err *e)
{
    size_t n;
    MEM_AUTO uint32_t *rows = even_rows(all->n_rows, m->max_rows, &n);

    if (!rows) return err_set(e, ERR_NOMEM, "no memory for %zu rows", all->n_rows);
    int rc = take_columns(model, all, rows, n, ret, e);
    return rc ? rc : sort_columns(*ret, e);
}

/* Rows for the tests of features together. */
static int take_sample(const struct model *model, const struct frame *all, struct frame **ret,
                       struct err *e)
{
    size_t n = multi_rows_wanted(all->n_rows, model ? model_features(model) : all->n_cols);
    MEM_AUTO uint32_t *rows = mem_try(n + 1, sizeof *rows);

    if (!rows) return err_set(e, ERR_NOMEM, "no memory for %zu rows", n);
    multi_even_rows(rows, all->n_rows, n);
    return take_columns(model, all, rows, n, ret, e);
}

/* ---- scores ------------------------------------------------------------------------------- */

/* The rows the run was measured on: *ret is the frame itself or a new one. */
static int unseen_rows(struct monitor *m, const struct origin *o, struct frame *all,
                       struct frame **ret, struct err *e)
{
    const struct train_plan *p = &o->plan;
    const struct column *by = NULL;
    struct split s = { 0 };

    *ret = all;
    if (!o->has_plan || p->folds) return 0;
    if (p->valid) return ingest_data(m->app, p->valid, NULL, ret, NULL, e);
    if (p->split == SPLIT_STRATIFIED && !frame_col(all, p->target)) return 0;
    if (p->split == SPLIT_STRATIFIED) by = frame_col(all, p->target);
    else if (p->split == SPLIT_TIME && p->time_column) by = frame_col(all, p->time_column);
    int rc = split_holdout(all->n_rows, p->split, p->holdout, by, p->seed, &s, e);
    if (rc == 0) rc = frame_take(all, s.test, s.n_test, ret, e);
    split_done(&s);
    return rc;
}

static void fill_scores(const struct model *model, const double *p, struct column *c, size_t n)
{
    size_t outputs = (size_t)model_outputs(model);

    for (size_t i = 0; i < n; i++) {
        int class = c->code ? model_decide(model, p + i * outputs) : -1;
        const char *label = class < 0 ? "" : model_class(model, class);
        if (c->code) c->code[i] = dict_add(c->dict, label, strlen(label));
        else c->num[i] = p[i * outputs];
    }
}

static int score(struct monitor *m, const struct model *model, const struct frame *f,
                 struct frame **ret, struct err *e)
{
    enum col_type type = model_task(model) == TASK_MULTICLASS ? COL_CATEGORY : COL_REAL;
    MEM_AUTO double *p = mem_try(f->n_rows * (size_t)model_outputs(model) + 1, sizeof *p);
    struct frame *scores = frame_new();
    struct column *c;
    int rc = p ? 0 : err_set(e, ERR_NOMEM, "no memory to score %zu rows", f->n_rows);

    if (rc == 0) rc = model_predict(&m->en, model, f, p, e);
    if (rc == 0) rc = frame_add(scores, "prediction", type, f->n_rows, &c, e);
    if (rc == 0) {
        fill_scores(model, p, c, f->n_rows);
        rc = sort_columns(scores, e);
    }
    if (rc < 0) frame_free(scores);
    else *ret = scores;
    return rc;
}

/* Scores that are a column of the reference itself. */
static int own_scores(const struct frame *all, struct frame **ret, struct err *e)
{
    const struct column *c = frame_col(all, "probability");
    struct column *d;
    struct frame *f;

    if (!c) c = frame_col(all, "prediction");
    if (!c || c->code) return 0;
    f = frame_new();
    int rc = frame_add(f, c->name, COL_REAL, all->n_rows, &d, e);
    if (rc == 0) {
        memcpy(d->num, c->num, all->n_rows * sizeof *d->num);
        rc = sort_columns(f, e);
    }
    if (rc < 0) frame_free(f);
    else *ret = f;
    return rc;
}

static int find_scores(struct monitor *m, const struct origin *o, bool trained_on,
                       struct frame *all, struct frame **ret, struct err *e)
{
    struct frame *rows = all;
    int rc;

    if (!o->model || frame_col(all, "probability")) return own_scores(all, ret, e);
    rc = trained_on ? unseen_rows(m, o, all, &rows, e) : 0;
    if (rc == 0) rc = score(m, o->model, rows, ret, e);
    if (rows != all) frame_free(rows);
    return rc;
}

/* ---- bins --------------------------------------------------------------------------------- */

/* The most frequent levels, ties by code, taken out of `counts` one by one. */
static void top_levels(double *counts, size_t n, struct reference_bins *b)
{
    while (b->k < LEVELS_MAX) {
        size_t best = 0;
        for (size_t i = 1; i < n; i++)
            if (counts[i] > counts[best]) best = i;
        if (n == 0 || counts[best] <= 0) break;
        b->levels[b->k] = (int32_t)best;
        b->count[b->k++] = counts[best];
        counts[best] = 0;
    }
    for (size_t i = 0; i < n; i++) b->count[b->k] += counts[i];
    b->k++; /* the rest, also when the reference has none */
}

static int bins_of(const struct column *c, size_t n_rows, struct reference_bins *b, struct err *e)
{
    if (!c->code) {
        struct sample s;
        int rc = sample_new(c->num, n_rows, &s, e);
        if (rc < 0) return rc;
        if (s.n) {
            bins_quantile(&s, BINS, &b->bins);
            bins_count(&b->bins, &s, b->count);
            b->k = b->bins.n;
        }
        sample_done(&s);
        return 0;
    }
    size_t n = dict_len(c->dict);
    MEM_AUTO double *counts = mem_try_zero(n + 1, sizeof *counts);
    if (!counts) return err_set(e, ERR_NOMEM, "no memory for %zu levels", n);
    for (size_t i = 0; i < n_rows; i++)
        if (c->code[i] >= 0) counts[c->code[i]]++;
    top_levels(counts, n, b);
    return 0;
}

int reference_bins_new(const struct frame *f, struct reference_bins **ret, struct err *e)
{
    struct reference_bins *b = mem_zalloc(f->n_cols + 1, sizeof *b);

    for (size_t i = 0; i < f->n_cols; i++) {
        int rc = bins_of(&f->cols[i], f->n_rows, &b[i], e);
        if (rc == 0) continue;
        free(b);
        return rc;
    }
    *ret = b;
    return 0;
}

static size_t level_of(const struct reference_bins *b, const struct column *ref, const char *s,
                       size_t n)
{
    int32_t code = dict_find(ref->dict, s, n);
    size_t i = 0;

    while (i + 1 < b->k && b->levels[i] != code) i++;
    return i;
}

int reference_bins_count(const struct reference_bins *b, const struct column *ref,
                         const struct column *cur, size_t n_rows, double *counts, struct err *e)
{
    memset(counts, 0, b->k * sizeof *counts);
    if (!b->k) return 0;
    if (!ref->code) {
        struct sample s;
        int rc = sample_new(cur->num, n_rows, &s, e);
        if (rc == 0) {
            bins_count(&b->bins, &s, counts);
            sample_done(&s);
        }
        return rc;
    }
    size_t n = dict_len(cur->dict);
    MEM_AUTO size_t *place = mem_try(n + 1, sizeof *place);
    if (!place) return err_set(e, ERR_NOMEM, "no memory for %zu levels", n);
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *s = dict_str(cur->dict, (int32_t)i, &len);
        place[i] = level_of(b, ref, s, len);
    }
    for (size_t i = 0; i < n_rows; i++)
        if (cur->code[i] >= 0) counts[place[cur->code[i]]]++;
    return 0;
}

/* ---- all of it ---------------------------------------------------------------------------- */

/* Categories of the model are read as such. */
static int read_reference(struct monitor *m, const struct origin *o, const char *data,
                          struct frame **ret, struct err *e)
{
    size_t n = o->model ? model_features(o->model) : 0;
    const char **coded = arena_array(m->a, n + 1, const char *);
    struct ingest_options io = { .as_text = coded };

    for (size_t i = 0; i < n; i++) {
        enum col_type type;
        const char *name = model_feature(o->model, i, &type);
        if (col_is_coded(type)) coded[io.n_as_text++] = name;
    }
    return ingest_data(m->app, data, &io, ret, NULL, e);
}

static int fill(struct monitor *m, const struct origin *o, bool trained_on, struct reference *r,
                struct err *e)
{
    struct frame *all = NULL;
    int rc = read_reference(m, o, r->data, &all, e);

    if (rc == 0) r->rows = all->n_rows;
    if (rc == 0) rc = take_features(m, o->model, all, &r->features, e);
    if (rc == 0) rc = take_sample(o->model, all, &r->sample, e);
    if (rc == 0) rc = find_scores(m, o, trained_on, all, &r->scores, e);
    if (rc == 0)
        r->probable =
            frame_col(all, "probability") || (o->model && model_task(o->model) == TASK_BINARY);
    frame_free(all);
    return rc;
}

/* ---- kept between checks ---------------------------------------------------------------- */

/* What tells these data from others of the same name; false: nothing does. */
static bool add_data(struct monitor *m, const char *ref, struct str *key)
{
    struct dataset d;

    str_addf(key, "data %s ", ref);
    if (ingest_dataset(m->app, m->a, ref, &d))
        str_addf(key, "%s %lld %s", d.id, (long long)d.version, d.digest);
    else if (str_eq(ref, "-") || !cache_file_stamp(key, ref)) return false;
    str_addc(key, '\n');
    return true;
}

/* All that fill() depends on; false: it cannot be said. */
static bool key_of(struct monitor *m, const struct origin *o, bool trained_on,
                   const struct reference *r, struct str *key)
{
    bool known = true;

    str_addf(key, "reference of signalbox " PACKAGE_VERSION "\nmax_rows %zu\nmodel %s\n",
             m->max_rows, o->version.name ? o->version.digest : "none");
    known = add_data(m, r->data, key);
    if (!trained_on || !o->has_plan) return known;
    str_addf(key, "split of run %s\n", o->run.id);
    if (o->plan.valid) known = known && add_data(m, o->plan.valid, key);
    return known;
}

static int open_and_fill(struct monitor *m, struct origin *o, bool trained_on, struct reference *r,
                         struct err *e)
{
    int rc = 0;

    if (o->version.name)
        rc = modelref_open(m->app, m->a, o->version.uri, &o->version, &o->model, e);
    return rc ? rc : fill(m, o, trained_on, r, e);
}

static int recall_or_fill(struct monitor *m, struct origin *o, bool trained_on,
                          struct reference *r, struct err *e)
{
    STR_AUTO key = STR_INIT;
    bool known = key_of(m, o, trained_on, r, &key);
    int rc = 0;

    if (!known || !reference_recall(m, str_c(&key), r)) {
        rc = open_and_fill(m, o, trained_on, r, e);
        if (rc == 0 && known) reference_remember(m, str_c(&key), r);
    }
    if (rc == 0) rc = reference_bins_new(r->features, &r->feature_bins, e);
    if (rc == 0 && r->scores) rc = reference_bins_new(r->scores, &r->score_bins, e);
    return rc;
}

static int load(struct monitor *m, struct origin *o, struct reference *r, struct err *e)
{
    const char *own = val_get_str(m->settings, "reference", NULL);
    const char *set = tag(o, "signalbox.dataset");

    r->baseline = metrics_of(m->a, o);
    r->version = o->version.name ? o->version.version : 0;
    r->task = run_param(o, "task");
    r->positive = run_param(o, "positive");
    r->data = own ? own : set ? set : run_param(o, "data");
    return r->data ? recall_or_fill(m, o, own == NULL, r, e) : 0;
}

int reference_load(struct monitor *m, struct reference *ret, struct err *e)
{
    struct origin o = { 0 };
    struct reference r = { 0 };
    int rc = find_version(m->app, m->a, m->model, &o, e);

    if (rc == 0) {
        find_plan(m->app, m->a, &o);
        rc = load(m, &o, &r, e);
    }
    model_free(o.model);
    if (rc == -ERR_NOTFOUND && e) { /* the data are gone: everything else can still be measured */
        log_line(m->app->log, LOG_WARN, "monitor", "%s: no reference: %s", m->model, e->msg);
        err_clear(e);
        reference_done(&r);
        r.data = NULL;
        rc = 0;
    }
    if (rc) reference_done(&r);
    else *ret = r;
    return rc;
}

/* Frees what is not in the arena. */
void reference_done(struct reference *r)
{
    frame_free(r->features);
    frame_free(r->sample);
    frame_free(r->scores);
    free(r->feature_bins);
    free(r->score_bins);
    r->features = r->sample = r->scores = NULL;
    r->feature_bins = r->score_bins = NULL;
}

int monitor_reference(struct app *app, const char *model, struct frame **ret, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct monitor m;
    int rc = monitor_open(app, &a, model, &m, e);

    if (rc == 0) {
        *ret = m.ref.features;
        m.ref.features = NULL;
        monitor_done(&m);
    }
    arena_done(&a);
    return rc;
}
