/* demo_day.c: a day of traffic for the demo workspace: the model in Production answers some
 * hundred transactions an hour until now, and from the middle of the day on they are not what
 * it was trained on. Labels come for four of five. Everything is brought in through the verbs
 * of monitoring, so snapshots and alerts are real, and so is what retrain policy says of them: a
 * job that waits in the queue with its evidence. The first console or `worker` runs it; the demo
 * itself does not, so that there is one to look at.
 *
 * The generator's days are mixed before they are laid over the one day: whole days have a
 * rhythm, and an hour compared with a reference of months would differ for that alone. */
#include "app/demo.h"
#include "app/scoring.h"
#include "app/verb.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "codec/rowout.h"
#include "store/prediction.h"
#include "store/schedule.h"
#include <math.h>
#include <string.h>

enum {
    HALF_ROWS = 5000,
    ROWS = 2 * HALF_ROWS,
    LABELS = ROWS / 5 * 4,
    HOURS = 24,
    SHIFT_SEED = 100
};
#define HOUR_US 3600000000LL

static const char settings[] = "monitoring:\n"
                               "  models:\n"
                               "    " DEMO_MODEL ": { window: 1h }\n";

struct day {
    struct app *app;
    struct arena *a;
    const char *folder;
    int64_t start_us; /* of its first hour */
    struct scoring s;
};

static const char *path_in(const struct day *d, const char *name)
{
    return arena_printf(d->a, "%s/%s", d->folder, name);
}

/* Both halves as one table, without times of its own worth keeping. */
static int write_traffic(const struct day *d, uint64_t seed, const char **ret, struct err *e)
{
    STR_AUTO text = STR_INIT;
    STR_AUTO later = STR_INIT;
    struct demo_spec spec = { .seed = seed + SHIFT_SEED,
                              .rows = HALF_ROWS,
                              .start_us = DEMO_NEW_START_US };
    int rc = demo_csv(&spec, &text, e);
    spec.seed++;
    spec.shift = 0.8;
    if (rc == 0) rc = demo_csv(&spec, &later, e);
    if (rc < 0) return rc;
    str_add(&text, strchr(str_c(&later), '\n') + 1);
    *ret = path_in(d, "traffic.csv");
    return file_write_atomic(*ret, text.p, text.len, e);
}

/* Time of a row: its half of the day, evenly spaced, in an order that mixes the rows. */
static int64_t time_of(const struct day *d, size_t row)
{
    const int64_t half_us = HOURS / 2 * HOUR_US;
    size_t slot = row % HALF_ROWS * 1237 % HALF_ROWS; /* no common divisor */
    return d->start_us + (row < HALF_ROWS ? 0 : half_us) + (int64_t)slot * (half_us / HALF_ROWS);
}

static void put_text(struct rowout *w, const char *s)
{
    rowout_text(w, s, strlen(s));
}

static void put_time(struct rowout *w, int64_t us)
{
    char text[32];
    put_text(w, clock_format(text, us));
}

static bool is_feature(const struct column *c)
{
    return !str_eq(c->name, "transaction_id") && !str_eq(c->name, "timestamp") &&
           !str_eq(c->name, "fraud");
}

static int write_answers(const struct day *d, const char **ret, struct err *e)
{
    static const char *const own[] = { "request_id",  "timestamp",  "prediction",
                                       "probability", "latency_ms", "version" };
    const struct frame *f = d->s.rows;
    const char **names = arena_array(d->a, ARRAY_LEN(own) + f->n_cols, const char *);
    size_t n = 0;
    STR_AUTO text = STR_INIT;
    struct rowout w;
    struct rng r;
    rng_seed(&r, SHIFT_SEED);
    for (; n < ARRAY_LEN(own); n++) names[n] = own[n];
    for (size_t c = 0; c < f->n_cols; c++)
        if (is_feature(&f->cols[c])) names[n++] = f->cols[c].name;
    rowout_start(&w, &text, CODEC_CSV, names, n);
    for (size_t i = 0; i < f->n_rows; i++) {
        char buf[40];
        put_text(&w, column_text(frame_col(f, "transaction_id"), i, buf));
        put_time(&w, time_of(d, i));
        rowout_int(&w, d->s.p[i] >= 0.5);
        rowout_real(&w, d->s.p[i]);
        rowout_real(&w, round(1000 * (2 + 6 * rng_exponential(&r))) / 1000);
        rowout_int(&w, d->s.ref.version);
        for (size_t c = 0; c < f->n_cols; c++)
            if (is_feature(&f->cols[c])) put_text(&w, column_text(&f->cols[c], i, buf));
        rowout_end(&w);
    }
    *ret = path_in(d, "predictions.csv");
    return file_write_atomic(*ret, text.p, text.len, e);
}

static int write_labels(const struct day *d, const char **ret, struct err *e)
{
    static const char *const names[] = { "request_id", "label", "timestamp" };
    const struct frame *f = d->s.rows;
    STR_AUTO text = STR_INIT;
    struct rowout w;
    rowout_start(&w, &text, CODEC_CSV, names, ARRAY_LEN(names));
    for (size_t i = 0; i < f->n_rows; i++) {
        char buf[40];
        if (i % 5 == 0) continue;
        put_text(&w, column_text(frame_col(f, "transaction_id"), i, buf));
        put_text(&w, column_text(frame_col(f, "fraud"), i, buf));
        put_time(&w, time_of(d, i) + HOUR_US / 4);
        rowout_end(&w);
    }
    *ret = path_in(d, "labels.csv");
    return file_write_atomic(*ret, text.p, text.len, e);
}

static int call_with(struct app *app, const char *verb, const struct val *in, struct err *e)
{
    struct reply r;
    reply_init(&r);
    int rc = verb_call(app, verb_find(verb), in, &r, e);
    reply_done(&r);
    return rc ? err_prefix(e, "demo, %s", verb) : 0;
}

static int call(const struct day *d, const char *verb, const char *data, struct err *e)
{
    struct val *in = val_obj(d->a);
    val_set_str(in, "name", DEMO_MODEL);
    if (data) val_set_str(in, "data", data);
    return call_with(d->app, verb, in, e);
}

/* Has a retraining been queued, at whatever time? */
static int find_retraining(const struct day *d, bool *ret, struct err *e)
{
    struct retrain_row *row = NULL;
    size_t n = 0;
    int rc = retrain_list(d->app->store, d->a, DEMO_MODEL, 1000, &row, &n, e);
    *ret = false;
    for (size_t i = 0; rc == 0 && i < n; i++) *ret |= row[i].job_id != NULL;
    return rc;
}

/* Through ports that start no worker. */
static int queue_retraining(const struct day *d, bool *changed, struct err *e)
{
    bool there = false;
    int rc = find_retraining(d, &there, e);
    if (rc < 0 || there) return rc;
    struct app app = *d->app;
    struct ports ports = *d->app->ports;
    struct val *in = val_obj(d->a);
    ports.job_start = NULL;
    app.ports = &ports;
    val_set_str(in, "name", DEMO_MODEL);
    val_set_bool(in, "dry-run", false);
    val_set_str(in, "reason", "the demo's day of traffic");
    *changed = true;
    return call_with(&app, "retrain policy", in, e);
}

static int simulate(struct day *d, uint64_t seed, struct err *e)
{
    const char *traffic = NULL, *answers = NULL, *labels = NULL;
    struct val *in = val_obj(d->a);
    int rc = write_traffic(d, seed, &traffic, e);
    if (rc < 0) return rc;
    val_set_str(in, "model", "models:/" DEMO_MODEL "/Production");
    val_set_str(in, "data", traffic);
    rc = scoring_run(d->app, d->a, in, &d->s, e);
    if (rc < 0) return rc;
    rc = write_answers(d, &answers, e);
    if (rc == 0) rc = write_labels(d, &labels, e);
    scoring_done(&d->s);
    if (rc == 0) rc = call(d, "monitor ingest", answers, e);
    return rc ? rc : call(d, "monitor label", labels, e);
}

int demo_day(struct app *app, struct arena *a, uint64_t seed, bool *changed, struct err *e)
{
    struct prediction_totals t;
    struct day d = {
        .app = app,
        .a = a,
        .folder = arena_printf(a, "%s/demo", app->dir),
        .start_us = clock_now(app->clock) / HOUR_US * HOUR_US - HOURS * HOUR_US,
    };
    const char *yaml = arena_printf(a, "%s/signalbox.yaml", app->dir);
    int rc = 0;
    if (!file_exists(yaml)) rc = file_write_atomic(yaml, settings, strlen(settings), e);
    if (rc == 0) rc = prediction_totals(app->store, DEMO_MODEL, &t, e);
    if (rc == 0 && (t.rows < ROWS || t.labels < LABELS)) {
        *changed = true;
        rc = simulate(&d, seed, e);
    }
    if (rc == 0) rc = call(&d, "monitor check", NULL, e);
    return rc ? rc : queue_retraining(&d, changed, e);
}
