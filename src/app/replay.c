/* replay.c: the verb `model replay`: yesterday's requests to tomorrow's version.
 *
 * Reads the logged predictions of a window with their features, asks the candidate the same
 * questions, and hands both answers to replay_report.c. Nothing is written and nothing served.
 * Requests are taken as they were logged, so the comparison is paired: what differs is the
 * version and nothing else. */
#include "app/replay.h"

#include "app/feature_pack.h"
#include "app/monitor.h"
#include "app/monitor_window.h"
#include "app/verb.h"
#include "base/mem.h"
#include "base/vec.h"
#include "engine/pool.h"
#include "store/prediction.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void replay_done(struct replay *r)
{
    model_free(r->model);
    frame_free(r->features);
    free(r->rows);
    *r = (struct replay){ 0 };
}

/* ---- the log -------------------------------------------------------------------------------- */

struct reading {
    struct app *app;
    struct arena *a;
    struct replay *r;
    int64_t against; /* only what this version answered; 0: all */
    struct feature_rows *packed;
    VEC(struct replay_row) rows;
    int64_t seen;
    double lowest; /* of the logged probabilities */
    bool negatives;
    struct err *e;
};

static bool wanted(const struct reading *rd, const struct prediction *p)
{
    return !rd->against || p->version == rd->against;
}

static int count(void *user, const struct prediction *p)
{
    struct reading *rd = user;

    if (!wanted(rd, p)) return 0;
    rd->r->logged++;
    rd->r->without += p->schema_id == 0;
    return 0;
}

/* A class as the candidate spells it; -1: it has none of that name. */
static int class_of(const struct model *m, const char *text)
{
    double v, w;
    bool number = text && str_to_real(text, &v);

    for (int i = 0; text && i < model_classes(m); i++) {
        const char *class = model_class(m, i);
        if (str_eq(class, text) || (number && str_to_real(class, &w) && v == w)) return i;
    }
    return -1;
}

static double number_of(const char *text)
{
    double v;

    return text && str_to_real(text, &v) && isfinite(v) ? v : (double)NAN;
}

static void count_version(struct reading *rd, int64_t version)
{
    char key[24];

    snprintf(key, sizeof key, "%" PRId64, version);
    val_set_int(rd->r->versions, key, val_get_int(rd->r->versions, key, 0) + 1);
}

static int unpack(struct reading *rd, const struct prediction *p)
{
    const char *json;
    int rc = 0;

    if (!feature_rows_knows(rd->packed, p->schema_id)) {
        rc = prediction_schema(rd->app->store, rd->a, p->schema_id, &json, rd->e);
        if (!rc) rc = feature_rows_schema(rd->packed, p->schema_id, json, rd->e);
    }
    if (!rc) rc = feature_rows_add(rd->packed, p->schema_id, p->features, p->n_bytes, rd->e);
    return rc ? err_prefix(rd->e, "request '%s'", p->request_id) : 0;
}

static int add_row(void *user, const struct prediction *p)
{
    struct reading *rd = user;
    const struct model *m = rd->r->model;
    bool number = model_task(m) == TASK_REGRESSION;

    if (!wanted(rd, p) || p->schema_id == 0 || rd->seen++ % rd->r->stride) return 0;
    const struct replay_row row = { .old_class = class_of(m, p->answer),
                                    .new_class = -1,
                                    .old_p = number ? number_of(p->answer) : p->probability,
                                    .new_p = (double)NAN,
                                    .label_class = class_of(m, p->label),
                                    .label = number ? number_of(p->label) : (double)NAN };
    vec_push(&rd->rows, row);
    if (row.old_p < rd->lowest) rd->lowest = row.old_p;
    rd->negatives |= row.old_class == 0;
    count_version(rd, p->version);
    return unpack(rd, p);
}

/* A log may hold the probability of the positive class or of the answered one: it is the latter
 * when there are negative answers and no probability below a half. */
static void turn_to_positive(struct reading *rd)
{
    if (model_task(rd->r->model) != TASK_BINARY || rd->lowest < 0.5 || !rd->negatives) return;
    for (size_t i = 0; i < rd->rows.n; i++)
        if (rd->rows.p[i].old_class == 0) rd->rows.p[i].old_p = 1 - rd->rows.p[i].old_p;
}

static int check_columns(const struct reading *rd)
{
    const struct model *m = rd->r->model;

    for (size_t i = 0; i < model_features(m); i++) {
        const char *name = model_feature(m, i, NULL);
        if (feature_rows_seen(rd->packed, name).rows) continue;
        err_set(rd->e, ERR_STATE,
                "the logged requests have no column '%s', which version %lld needs", name,
                (long long)rd->r->ref.version);
        return err_hint(rd->e, "such a version can only be tried on data that has it: evaluate");
    }
    return 0;
}

static int check_found(const struct reading *rd)
{
    char from[32], to[32];
    const struct replay *r = rd->r;

    if (r->logged > r->without) return 0;
    err_set(rd->e, ERR_NOTFOUND, "%s has no logged requests%s from %s to %s", r->name,
            r->logged ? " with features" : "", clock_format(from, r->w.start_us),
            clock_format(to, r->w.end_us));
    return err_hint(rd->e, "`monitor trend %s --metric volume` shows when there were some",
                    r->name);
}

/* The candidate's columns without rows: what the log is read into. */
static int columns_of(const struct model *m, struct frame **ret, struct err *e)
{
    struct frame *f = frame_new();
    int rc = 0;

    for (size_t i = 0; !rc && i < model_features(m); i++) {
        enum col_type type;
        struct column *c;
        const char *name = model_feature(m, i, &type);
        rc = frame_add(f, name, type, 0, &c, e);
    }
    if (rc) frame_free(f);
    else *ret = f;
    return rc;
}

static int read_log(struct reading *rd, int64_t max_rows)
{
    struct replay *r = rd->r;
    struct frame *like;
    int rc = prediction_each(rd->app->store, r->name, r->w.start_us, r->w.end_us, count, rd, rd->e);

    if (!rc) rc = check_found(rd);
    if (!rc) rc = columns_of(r->model, &like, rd->e);
    if (rc) return rc;
    r->stride = (r->logged - r->without + max_rows - 1) / max_rows;
    rd->packed = feature_rows_new(like);
    rc = prediction_each(rd->app->store, r->name, r->w.start_us, r->w.end_us, add_row, rd, rd->e);
    if (!rc) rc = check_columns(rd);
    if (!rc) rc = feature_rows_frame(rd->packed, &r->features, rd->e);
    if (!rc) turn_to_positive(rd);
    r->rows = rd->rows.p;
    r->n = rd->rows.n;
    feature_rows_free(rd->packed);
    frame_free(like);
    return rc;
}

/* ---- the candidate -------------------------------------------------------------------------- */

static int score(struct replay *r, int threads, struct err *e)
{
    struct engine en = { .pool = pool_new(threads) };
    size_t k = (size_t)model_outputs(r->model);
    MEM_AUTO double *p = mem_try(r->n * k + 1, sizeof *p);
    int64_t started = clock_mono_us();
    int rc;

    if (en.pool && p) rc = model_predict(&en, r->model, r->features, p, e);
    else rc = err_set(e, ERR_NOMEM, "no memory to score %zu requests", r->n);
    r->seconds = (double)(clock_mono_us() - started) / 1e6;
    pool_free(en.pool);
    for (size_t i = 0; !rc && i < r->n; i++) {
        struct replay_row *row = &r->rows[i];
        row->new_class = model_decide(r->model, p + i * k);
        if (k == 1) row->new_p = p[i];
        else if (row->old_class >= 0) row->new_p = p[i * k + (size_t)row->old_class];
    }
    return rc;
}

static int read_version(struct app *app, struct arena *a, const struct val *args, struct replay *r,
                        struct err *e)
{
    const struct val *settings;
    struct reg_version v;
    int64_t length;
    int rc = registry_version(app, a, r->name, val_get_str(args, "version", ""), &v, e);

    if (rc) return rc;
    const char *uri = arena_printf(a, "models:/%s/%lld", r->name, (long long)v.version);
    rc = modelref_open(app, a, uri, &r->ref, &r->model, e);
    if (!rc) rc = monitor_settings(app, a, r->name, &settings, &length, e);
    return rc ? rc
              : monitor_window_choose(app, r->name, val_get_str(args, "window", "1d"), length,
                                      &r->w, e);
}

int replay_read(struct app *app, struct arena *a, const struct val *args, struct replay *ret,
                struct err *e)
{
    int threads = (int)val_get_int(args, "threads", 0);
    struct replay r = { .name = val_get_str(args, "name", ""),
                        .stride = 1,
                        .versions = val_obj(a) };
    struct reading rd = {
        .app = app, .a = a, .r = &r, .against = val_get_int(args, "against", 0), .lowest = 1, .e = e
    };
    int rc = read_version(app, a, args, &r, e);

    if (!rc) rc = read_log(&rd, val_get_int(args, "rows", 1000000));
    if (!rc) rc = score(&r, threads ? threads : app->threads, e);
    if (rc) replay_done(&r);
    else *ret = r;
    return rc;
}

/* ---- the verb ------------------------------------------------------------------------------- */

static const char *as_text(struct arena *a, const struct val *v)
{
    const struct val *flips = val_get(v, "flips"), *metrics = val_get(v, "metrics");
    const struct val *segments = val_get(v, "segments"), *dp = val_get(v, "abs_dp");
    STR_AUTO s = STR_INIT;

    str_addf(&s, "%s version %lld on %lld logged requests: %.2f %% decided otherwise\n",
             val_get_str(v, "model", ""), (long long)val_get_int(v, "version", 0),
             (long long)val_get_int(v, "rows", 0), 100 * val_get_real(v, "changes", 0));
    for (size_t i = 0; i < val_len(flips); i++)
        str_addf(&s, "  %s -> %s: %lld\n", val_get_str(val_at(flips, i), "from", ""),
                 val_get_str(val_at(flips, i), "to", ""),
                 (long long)val_get_int(val_at(flips, i), "n", 0));
    if (val_has(dp, "mean"))
        str_addf(&s, "difference of the score: mean %.4f, p95 %.4f, largest %.4f\n",
                 val_get_real(dp, "mean", 0), val_get_real(dp, "p95", 0),
                 val_get_real(dp, "max", 0));
    for (size_t i = 0; i < val_len(metrics); i++)
        if (val_has(val_at(metrics, i), "old") && val_has(val_at(metrics, i), "new"))
            str_addf(&s, "%-10s %.4f -> %.4f\n", val_key(metrics, i),
                     val_get_real(val_at(metrics, i), "old", 0),
                     val_get_real(val_at(metrics, i), "new", 0));
    for (size_t i = 0; i < val_len(segments) && i < 5; i++)
        str_addf(&s, "%s%s %s: %.2f %% of %lld otherwise\n", i ? "" : "most changes where\n  ",
                 val_get_str(val_at(segments, i), "feature", ""),
                 val_get_str(val_at(segments, i), "value", ""),
                 100 * val_get_real(val_at(segments, i), "changes", 0),
                 (long long)val_get_int(val_at(segments, i), "n", 0));
    if (val_has(v, "max_changes"))
        str_addf(&s, "%s: at most %.2f %% may change\n",
                 val_get_bool(v, "passed", false) ? "passed" : "NOT passed",
                 100 * val_get_real(v, "max_changes", 0));
    return arena_strdup(a, str_c(&s));
}

int verb_model_replay(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const struct replay_options o = { .threshold = val_get_real(args, "threshold", 0.5),
                                      .cost_fp = val_get_real(args, "cost-fp", 1),
                                      .cost_fn = val_get_real(args, "cost-fn", 1),
                                      .tolerance = val_get_real(args, "tolerance", (double)NAN) };
    double most = val_get_real(args, "max-changes", (double)NAN);
    struct replay rep;
    int rc = replay_read(app, &r->arena, args, &rep, e);

    if (rc) return rc;
    r->v = val_obj(&r->arena);
    rc = replay_report(&r->arena, &rep, &o, r->v, e);
    replay_done(&rep);
    if (rc) return rc;
    bool passed = isnan(most) || val_get_real(r->v, "changes", 1) <= most;
    val_set(r->v, "max_changes", isnan(most) ? val_null(&r->arena) : val_real(&r->arena, most));
    val_set_bool(r->v, "passed", passed);
    r->exit = passed ? 0 : 3;
    r->text = as_text(&r->arena, r->v);
    return 0;
}
