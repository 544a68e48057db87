/* monitor_ingest.c: the verbs that bring predictions and, later, labels into the log.
 *
 * A file becomes a frame, and the frame's columns become rows of the store, many thousands a
 * transaction and, of predictions, a call; nothing is built a row but the packed features. Whatever
 * is there already counts as a duplicate, so after a crash the same command is simply given again.
 * Windows are marked in the transaction that changes them. Rows without a request id or a time
 * follow --on-bad-row. */
#include "app/ingest.h"
#include "app/modelref.h"
#include "app/monitor_priv.h"
#include "app/verb.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"

#include <math.h>
#include <string.h>

#define BATCH 20000 /* fewer would write the pages that find requests too often */

/* One file on its way into the log. */
struct load {
    struct app *app;
    const char *model;
    int64_t length_us; /* of the model's windows */
    bool strict;       /* a bad row is an error */
    struct frame *f;
    const struct column *id, *time, *answer, *probability, *latency, *version, *label;
    struct feature_packer *packer;
    int64_t schema_id;
    VEC(struct prediction) rows; /* of the batch at work */
    VEC(bool) added;
    struct str features; /* of all of them, one after the other */
    struct map *touched; /* starts of windows changed in this batch */
    int64_t fresh, duplicates, skipped, first_us, last_us;
};

/* ---- reading ---------------------------------------------------------------------------- */

/* Columns that are text whatever they look like: ids and answers, and what the model in
 * Production knows as categories. */
static int text_columns(struct app *app, struct arena *a, const char *model,
                        struct ingest_options *o, struct err *e)
{
    static const char *const own[] = { "request_id", "prediction", "label" };
    struct modelref ref;
    struct model *m = NULL;
    int rc = modelref_open(app, a, arena_printf(a, "models:/%s/Production", model), &ref, &m, e);

    if (rc == -ERR_NOTFOUND) err_clear(e);
    else if (rc < 0) return rc;
    size_t n = m ? model_features(m) : 0;
    const char **names = arena_array(a, n + ARRAY_LEN(own), const char *);
    for (size_t i = 0; i < ARRAY_LEN(own); i++) names[o->n_as_text++] = own[i];
    for (size_t i = 0; i < n; i++) {
        enum col_type type;
        const char *name = model_feature(m, i, &type);
        if (col_is_coded(type)) names[o->n_as_text++] = arena_strdup(a, name);
    }
    o->as_text = names;
    model_free(m);
    return 0;
}

static int read_file(struct load *l, struct arena *a, const struct val *args, struct err *e)
{
    struct ingest_options o;
    struct ingest_report report;
    int rc = ingest_options_from(args, &o, e);

    l->strict = o.bad_row == BAD_ROW_ERROR;
    if (rc == 0) rc = text_columns(l->app, a, l->model, &o, e);
    if (rc == 0) rc = ingest_data(l->app, val_get_str(args, "data", "-"), &o, &l->f, &report, e);
    if (rc == 0) l->skipped = report.skipped;
    return rc;
}

static int need(const struct load *l, const char *name, const struct column **ret, struct err *e)
{
    *ret = frame_col(l->f, name);
    if (*ret) return 0;
    err_set(e, ERR_INVALID, "the data have no column '%s'", name);
    return err_hint(e, "predictions have request_id, timestamp, prediction, probability, "
                       "latency_ms and features; labels have request_id, label, timestamp");
}

/* An optional column of numbers. */
static int number_column(const struct load *l, const char *name, const struct column **ret,
                         struct err *e)
{
    *ret = frame_col(l->f, name);
    if (!*ret || !(*ret)->code) return 0;
    err_set(e, ERR_INVALID, "column '%s' holds text, numbers are expected", name);
    return err_hint(e, "`signalbox data profile FILE` shows what the columns hold");
}

static int time_column(const struct load *l, bool required, struct err *e)
{
    const struct column *c = frame_col(l->f, "timestamp");

    if (!c && required) return need(l, "timestamp", &c, e);
    if (!c || c->type == COL_TIME || column_missing(c, l->f->n_rows) == l->f->n_rows) return 0;
    err_set(e, ERR_INVALID, "column 'timestamp' holds %s values, not times",
            col_type_name(c->type));
    return err_hint(e, "write times as 2026-01-31T23:59:59Z");
}

/* ---- rows ------------------------------------------------------------------------------- */

static const char *text_at(const struct column *c, size_t row)
{
    return c && c->code[row] >= 0 ? dict_str(c->dict, c->code[row], NULL) : NULL;
}

static double number_at(const struct column *c, size_t row)
{
    return c ? c->num[row] : (double)NAN;
}

/* 1: the row cannot be used and is passed over. */
static int bad_row(struct load *l, size_t row, const char *lacks, struct err *e)
{
    if (l->strict) {
        err_set(e, ERR_INVALID, "row %zu of the data has no %s", row + 1, lacks);
        return err_hint(e, "--on-bad-row skip leaves such rows out");
    }
    l->skipped++;
    return 1;
}

/* Remembers the window of something new at that time. */
static void touch(struct load *l, int64_t at_us)
{
    int64_t start = monitor_window(at_us, l->length_us).start_us;

    *map_at(l->touched, (const char *)&start, sizeof start, NULL) = start;
    if (!l->first_us || at_us < l->first_us) l->first_us = at_us;
    if (!l->last_us || at_us > l->last_us) l->last_us = at_us;
}

static int mark_windows(struct load *l, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < map_len(l->touched); i++) {
        size_t n;
        int64_t start;
        memcpy(&start, map_key(l->touched, i, &n), sizeof start);
        const struct window w = { start, start + l->length_us };
        rc = window_touch(l->app->store, l->model, w, e);
    }
    map_free(l->touched);
    l->touched = map_new();
    return rc;
}

static int take_prediction(struct load *l, size_t row, struct err *e)
{
    const char *answer = text_at(l->answer, row);
    double version = number_at(l->version, row);
    struct prediction p = { .request_id = text_at(l->id, row),
                            .answer = answer ? answer : "",
                            .version = version >= 1 && version < 1e9 ? (int64_t)version : 0,
                            .probability = number_at(l->probability, row),
                            .latency_ms = number_at(l->latency, row),
                            .schema_id = l->schema_id };

    if (!p.request_id) return bad_row(l, row, "request_id", e);
    if (isnan(l->time->num[row])) return bad_row(l, row, "timestamp", e);
    if (!answer && isnan(p.probability)) return bad_row(l, row, "prediction or probability", e);
    p.at_us = (int64_t)l->time->num[row];
    if (l->schema_id) {
        size_t before = l->features.len;
        feature_pack(l->packer, row, &l->features);
        p.n_bytes = l->features.len - before;
    }
    vec_push(&l->rows, p);
    return 0;
}

/* The rows collected, into the log. */
static int add_predictions(struct load *l, struct err *e)
{
    const char *features = str_c(&l->features);
    size_t n = l->rows.n;

    for (size_t i = 0; i < n; features += l->rows.p[i++].n_bytes) l->rows.p[i].features = features;
    vec_reserve(&l->added, n);
    int rc = prediction_add_all(l->app->store, l->model, l->rows.p, n, l->added.p, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        l->fresh += l->added.p[i];
        l->duplicates += !l->added.p[i];
        if (l->added.p[i]) touch(l, l->rows.p[i].at_us);
    }
    l->rows.n = 0;
    str_clear(&l->features);
    return rc;
}

static int add_label(struct load *l, size_t row, struct err *e)
{
    double at = number_at(l->time, row);
    struct label label = { .request_id = text_at(l->id, row), .text = text_at(l->label, row) };
    struct label_effect effect = { 0 };

    if (!label.request_id) return bad_row(l, row, "request_id", e);
    if (!label.text) return bad_row(l, row, "label", e);
    label.at_us = isnan(at) ? clock_now(l->app->clock) : (int64_t)at;
    int rc = label_add(l->app->store, l->model, &label, &effect, e);
    if (rc < 0) return rc;
    l->fresh += effect.changed;
    l->duplicates += !effect.changed;
    if (effect.changed && effect.joined) touch(l, effect.prediction_us);
    return 0;
}

static int batch(struct load *l, size_t from, size_t to,
                 int (*add)(struct load *l, size_t row, struct err *e), struct err *e)
{
    struct store *s = l->app->store;
    int rc = store_begin(s, e);

    if (rc < 0) return rc;
    for (size_t i = from; rc >= 0 && i < to; i++) rc = add(l, i, e);
    if (rc >= 0 && l->rows.n) rc = add_predictions(l, e);
    if (rc >= 0) rc = mark_windows(l, e);
    if (rc < 0) {
        store_rollback(s);
        return rc;
    }
    return store_commit(s, e);
}

static void say(const struct load *l, size_t done)
{
    struct arena a = ARENA_INIT;

    if (!l->app->ports->progress || l->f->n_rows < 10 * BATCH) return;
    const struct job_news news = { .progress = (double)done / (double)l->f->n_rows,
                                   .message = arena_printf(&a, "%zu rows", done),
                                   .state = "running" };
    l->app->ports->progress(l->app->ports->user, &news);
    arena_done(&a);
}

static int all_rows(struct load *l, int (*add)(struct load *l, size_t row, struct err *e),
                    struct err *e)
{
    size_t n = l->f->n_rows;

    l->touched = map_new();
    for (size_t from = 0; from < n; from += BATCH) {
        size_t to = n - from < BATCH ? n : from + BATCH;
        int rc = batch(l, from, to, add, e);
        if (rc < 0 && from > 0)
            err_prefix(e, "the first %zu rows are stored; give them again with the rest; then",
                       from);
        if (rc < 0) return rc;
        say(l, to);
    }
    return 0;
}

static void load_done(struct load *l)
{
    feature_packer_free(l->packer);
    frame_free(l->f);
    vec_done(&l->rows);
    vec_done(&l->added);
    str_done(&l->features);
    map_free(l->touched);
}

static int load_open(struct load *l, struct app *app, struct arena *a, const struct val *args,
                     struct err *e)
{
    const struct val *settings;

    *l = (struct load){ .app = app, .model = val_get_str(args, "name", "") };
    int rc = monitor_settings(app, a, l->model, &settings, &l->length_us, e);
    if (rc == 0) rc = read_file(l, a, args, e);
    if (rc == 0) rc = need(l, "request_id", &l->id, e);
    l->time = l->f ? frame_col(l->f, "timestamp") : NULL;
    return rc;
}

/* ---- the verbs -------------------------------------------------------------------------- */

static int prediction_columns(struct load *l, struct err *e)
{
    static const char *const own[] = { "request_id", "timestamp", "prediction", "probability",
                                       "latency_ms", "version",   NULL };
    int rc = time_column(l, true, e);

    l->answer = frame_col(l->f, "prediction");
    if (rc == 0) rc = number_column(l, "probability", &l->probability, e);
    if (rc == 0) rc = number_column(l, "latency_ms", &l->latency, e);
    if (rc == 0) rc = number_column(l, "version", &l->version, e);
    if (rc == 0 && !l->answer && !l->probability) rc = need(l, "prediction", &l->answer, e);
    if (rc < 0) return rc;
    l->packer = feature_packer_new(l->f, own);
    if (!feature_packer_columns(l->packer)) return 0;
    return prediction_schema_id(l->app->store, feature_packer_schema(l->packer), &l->schema_id, e);
}

int verb_monitor_ingest(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    int64_t started = clock_mono_us();
    struct load l;
    int rc = load_open(&l, app, &r->arena, args, e);

    if (rc == 0) rc = prediction_columns(&l, e);
    if (rc == 0) rc = all_rows(&l, take_prediction, e);
    if (rc == 0) {
        r->v = val_obj(&r->arena);
        val_set_str(r->v, "model", l.model);
        val_set_int(r->v, "rows", (int64_t)l.f->n_rows);
        val_set_int(r->v, "new", l.fresh);
        val_set_int(r->v, "duplicates", l.duplicates);
        val_set_int(r->v, "skipped", l.skipped);
        monitor_set_time(r->v, "first_at", l.first_us);
        monitor_set_time(r->v, "last_at", l.last_us);
        val_set_real(r->v, "seconds", (double)(clock_mono_us() - started) / 1e6);
    }
    load_done(&l);
    return rc;
}

int verb_monitor_label(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct prediction_totals totals;
    struct load l;
    int rc = load_open(&l, app, &r->arena, args, e);

    if (rc == 0) rc = need(&l, "label", &l.label, e);
    if (rc == 0) rc = time_column(&l, false, e);
    if (rc == 0) rc = all_rows(&l, add_label, e);
    if (rc == 0) rc = prediction_totals(app->store, l.model, &totals, e);
    if (rc == 0) {
        r->v = val_obj(&r->arena);
        val_set_str(r->v, "model", l.model);
        val_set_int(r->v, "rows", (int64_t)l.f->n_rows);
        val_set_int(r->v, "changed", l.fresh);
        val_set_int(r->v, "duplicates", l.duplicates);
        val_set_int(r->v, "skipped", l.skipped);
        val_set_int(r->v, "orphans", totals.orphan_labels);
    }
    load_done(&l);
    return rc;
}
