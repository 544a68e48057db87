/* monitor_heatmap.c: the verb `monitor heatmap`: features by windows, in one reply.
 *
 * Where `monitor trend` follows one figure, this answers which features moved, when, and which
 * moved together: of each of the newest windows a figure and a verdict per feature, the score's
 * first, and the promotions among them. Rows come by trouble: what has drifted in the newest
 * window it was compared in, then what drifted in more windows, then the largest effect against
 * its floor, then by name. Windows are the newest versions of their snapshots, oldest first; a
 * feature that a window knows nothing of has nulls there. Snapshots are read one at a time, so
 * memory grows with the figures and not with the histograms beside them. Reads only. */
#include "app/modelval.h"
#include "app/monitor.h"
#include "app/verb.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "engine/drift/drift.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOVES_READ = 200 };

/* Figures that can be asked for, and where features have them; scores have some of them. */
static const struct {
    const char *name, *feature, *score;
} figures[] = {
    { "effect", "effect", "effect_raw" },
    { "psi", "psi", "psi" },
    { "js", "js", "js" },
    { "wasserstein", "wasserstein", NULL },
    { "missing", "missing_current", NULL },
    { "unseen", "unseen_share", NULL },
};

struct heat_row {
    const char *name, *kind; /* kind "score": what the model answered */
    double floor;            /* least effect that counts; NaN: unknown */
    double *value;           /* one a window; NaN: not known */
    const char **state;      /* NULL: not compared */
    size_t drifted, streak;  /* windows; in a row up to the last compared one */
    double most;             /* largest effect in units of the floor */
};

struct heatmap {
    struct arena *a;
    size_t figure, n; /* n windows */
    struct snapshot *snapshots;
    struct map *names;
    VEC(struct heat_row) rows;
};

/* ---- reading -------------------------------------------------------------------------------- */

static struct heat_row *row_of(struct heatmap *h, const char *name, const char *kind)
{
    bool is_new;
    const char *key = arena_printf(h->a, "%s %s", kind, name);
    int64_t *at = map_at(h->names, key, strlen(key), &is_new);

    if (!is_new) return &h->rows.p[*at];
    *at = (int64_t)h->rows.n;
    struct heat_row r = { .name = arena_strdup(h->a, name),
                          .kind = arena_strdup(h->a, kind),
                          .floor = (double)NAN,
                          .value = arena_array(h->a, h->n, double),
                          .state = arena_array(h->a, h->n, const char *) };
    for (size_t i = 0; i < h->n; i++) {
        r.value[i] = (double)NAN;
        r.state[i] = NULL;
    }
    vec_push(&h->rows, r);
    return &h->rows.p[*at];
}

static void read_cell(struct heatmap *h, struct heat_row *r, size_t window, const struct val *v)
{
    bool score = str_eq(r->kind, "score");
    const char *field = score ? figures[h->figure].score : figures[h->figure].feature;
    const struct drift_test *test = drift_test_find(val_get_str(v, "method", ""));
    double floor = val_get_real(v, "effect_floor", test ? test->effect_floor : (double)NAN);
    double effect = fabs(val_get_real(v, score ? "effect_raw" : "effect", (double)NAN));

    if (field) r->value[window] = val_get_real(v, field, (double)NAN);
    if (!isnan(floor)) r->floor = floor;
    r->state[window] = arena_strdup(h->a, val_get_str(v, "state", "ok"));
    if (effect / (r->floor > 0 ? r->floor : 1) > r->most)
        r->most = effect / (r->floor > 0 ? r->floor : 1);
    if (str_eq(r->state[window], "not tested")) return;
    bool drifted = val_get_bool(v, "drifted", false);
    r->drifted += drifted;
    r->streak = drifted ? r->streak + 1 : 0;
}

static void read_window(struct heatmap *h, size_t window, const struct val *data, struct val *o)
{
    const struct val *drift = val_get(data, "drift"), *list = val_get(drift, "features");
    const struct val *score = val_get(data, "prediction_drift");
    char text[32];

    val_set_str(o, "start", clock_format(text, h->snapshots[window].start_us));
    val_set_str(o, "end", clock_format(text, h->snapshots[window].end_us));
    val_set_int(o, "version", h->snapshots[window].version);
    val_set_int(o, "volume", val_get_int(data, "volume", 0));
    double share = val_get_real(drift, "share", (double)NAN);
    if (isnan(share)) val_set_str(o, "share_drifted", NULL);
    else val_set_real(o, "share_drifted", share);
    val_set_bool(o, "drift", val_get_bool(drift, "drift", false));
    if (val_type(score) == VAL_OBJ) read_cell(h, row_of(h, "prediction", "score"), window, score);
    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *v = val_at(list, i);
        struct heat_row *r =
            row_of(h, val_get_str(v, "name", ""), val_get_str(v, "kind", "numeric"));
        read_cell(h, r, window, v);
    }
}

static int read_windows(struct heatmap *h, struct val *list, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < h->n; i++) {
        struct arena parsed = ARENA_INIT;
        struct val *data;
        const char *text = h->snapshots[i].data;
        rc = val_parse_json(&parsed, text, strlen(text), &data, e);
        if (rc == 0) read_window(h, i, data, val_push_obj(list));
        arena_done(&parsed);
    }
    return rc;
}

/* ---- writing -------------------------------------------------------------------------------- */

static int by_trouble(const void *x, const void *y)
{
    const struct heat_row *a = x, *b = y;
    bool score = str_eq(a->kind, "score");

    if (score != str_eq(b->kind, "score")) return score ? -1 : 1;
    if (!a->streak != !b->streak) return a->streak ? -1 : 1;
    if (a->drifted != b->drifted) return a->drifted > b->drifted ? -1 : 1;
    if (a->most != b->most) return a->most > b->most ? -1 : 1;
    return strcmp(a->name, b->name);
}

static void write_row(const struct heatmap *h, const struct heat_row *r, struct val *o)
{
    bool score = str_eq(r->kind, "score");

    val_set_str(o, "name", r->name);
    val_set_str(o, "kind", r->kind);
    if (score) val_set_str(o, "metric", "prediction_drift");
    else val_set_strf(o, "metric", "feature:%s", r->name);
    if (isnan(r->floor)) val_set_str(o, "floor", NULL);
    else val_set_real(o, "floor", r->floor);
    val_set_int(o, "drifted", (int64_t)r->drifted);
    val_set_int(o, "streak", (int64_t)r->streak);
    struct val *values = val_set_list(o, "values"), *states = val_set_list(o, "states");
    for (size_t i = 0; i < h->n; i++) {
        val_push(values, isnan(r->value[i]) ? val_null(h->a) : val_real(h->a, r->value[i]));
        val_push(states, r->state[i] ? val_str(h->a, r->state[i]) : val_null(h->a));
    }
}

/* Moves to Production since the first window began, oldest first. */
static int write_deploys(struct app *app, struct heatmap *h, const char *model, struct val *o,
                         struct err *e)
{
    static const char *const kept[] = { "at", "version", "verb", "actor", "reason" };
    struct val *moves = val_obj(h->a), *list = val_set_list(o, "deploys");
    int rc = model_set_history(app, h->a, moves, model, MOVES_READ, e);
    const struct val *history = val_get(moves, "history");

    if (rc == -ERR_NOTFOUND) { /* it is not registered here */
        err_clear(e);
        return 0;
    }
    for (size_t i = val_len(history); rc == 0 && i-- > 0;) {
        const struct val *v = val_at(history, i);
        const char *at = val_get_str(v, "at", "");
        int64_t us;
        if (!str_eq(val_get_str(v, "to", ""), "Production") || !clock_parse(at, strlen(at), &us) ||
            us < h->snapshots[0].start_us)
            continue;
        struct val *row = val_push_obj(list);
        for (size_t k = 0; k < ARRAY_LEN(kept); k++)
            val_set(row, kept[k], val_copy(h->a, val_get(v, kept[k])));
    }
    return rc;
}

/* ---- as text -------------------------------------------------------------------------------- */

/* The same six steps as on the console, in ASCII. */
static char step_of(const struct heat_row *r, size_t i)
{
    double weight = r->floor > 0 ? fabs(r->value[i]) / r->floor : (double)NAN;

    if (!r->state[i]) return ' ';
    if (str_eq(r->state[i], "drifted")) return weight >= 3 ? '#' : 'x';
    if (str_eq(r->state[i], "too few rows")) return '?';
    if (str_eq(r->state[i], "negligible") || str_eq(r->state[i], "known season")) return '~';
    return weight >= 0.5 ? ':' : '.';
}

static const char *as_text(const struct heatmap *h, const char *model)
{
    STR_AUTO s = STR_INIT;
    char from[32], to[32];
    int width = 10;

    for (size_t i = 0; i < h->rows.n; i++)
        if ((int)strlen(h->rows.p[i].name) > width) width = (int)strlen(h->rows.p[i].name);
    if (width > 30) width = 30;
    str_addf(&s, "%s: %s, %zu windows from %.16s to %.16s\n", model, figures[h->figure].name, h->n,
             clock_format(from, h->snapshots[0].start_us),
             clock_format(to, h->snapshots[h->n - 1].end_us));
    for (size_t i = 0; i < h->rows.n; i++) {
        const struct heat_row *r = &h->rows.p[i];
        str_addf(&s, "  %-*.30s |", width, r->name);
        for (size_t k = 0; k < h->n; k++) str_addc(&s, step_of(r, k));
        str_addf(&s, "| %zu drifted\n", r->drifted);
    }
    str_add(&s, "  . little  : some  ~ more than chance, negligible  ? too few rows  "
                "x drifted  # three times the least effect that counts\n");
    return arena_strdup(h->a, str_c(&s));
}

/* ---- the verb ------------------------------------------------------------------------------- */

static size_t figure_named(const char *name)
{
    size_t i = ARRAY_LEN(figures) - 1;
    while (i && !str_eq(figures[i].name, name)) i--;
    return i;
}

static int load(struct app *app, struct heatmap *h, const char *model, int64_t last, struct err *e)
{
    int rc =
        snapshot_list(app->store, h->a, model, INT64_MIN, INT64_MAX, last, &h->snapshots, &h->n, e);

    if (rc || h->n) return rc;
    err_set(e, ERR_NOTFOUND, "model '%s' has no snapshots", model);
    return err_hint(e, "`signalbox monitor check %s` measures what is in its log", model);
}

int verb_monitor_heatmap(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const char *model = val_get_str(args, "name", "");
    struct heatmap h = { .a = &r->arena,
                         .figure = figure_named(val_get_str(args, "metric", "")),
                         .rows = VEC_INIT };
    int rc = load(app, &h, model, val_get_int(args, "last", 48), e);

    if (rc) return rc;
    h.names = map_new();
    r->v = val_obj(h.a);
    val_set_str(r->v, "model", model);
    val_set_str(r->v, "metric", figures[h.figure].name);
    rc = read_windows(&h, val_set_list(r->v, "windows"), e);
    if (h.rows.n) qsort(h.rows.p, h.rows.n, sizeof *h.rows.p, by_trouble);
    struct val *rows = val_set_list(r->v, "rows");
    for (size_t i = 0; i < h.rows.n; i++) write_row(&h, &h.rows.p[i], val_push_obj(rows));
    if (rc == 0) rc = write_deploys(app, &h, model, r->v, e);
    if (rc == 0) r->text = as_text(&h, model);
    vec_done(&h.rows);
    map_free(h.names);
    return rc;
}
