/* alert_past.c: the alerts as they stood after an earlier window: the fold of app/alert_fold.h
 * over the windows up to it, by the rules and with the operators' acts of that time.
 *
 * What is shown follows from the newest versions of those windows, so labels that came later
 * count: it says how things were, not what was known of them. The same rows give the same
 * answer for ever. Of a long history the last PAST_WINDOWS are played; states forget sooner.
 * Silences say who was told, not how things stood, and are left out; the alert that
 * retrain_watch keeps has no windows and is shown if it is older. Nothing is written. */
#include "app/alert_fold.h"
#include "app/retrain.h"
#include "base/map.h"
#include "store/snapshot.h"

#include <stdlib.h>
#include <string.h>

enum { PAST_WINDOWS = 200 };

typedef VEC(struct alert) alerts;

static int read_windows(struct app *app, struct fold *f, int64_t at_us, struct err *e)
{
    struct arena texts = ARENA_INIT;
    struct snapshot *list = NULL;
    size_t n = 0;
    int rc = snapshot_list(app->store, &texts, f->model, INT64_MIN, at_us + 1, PAST_WINDOWS, &list,
                           &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct arena parsed = ARENA_INIT;
        struct val *data = NULL;
        rc = val_parse_json(&parsed, list[i].data, strlen(list[i].data), &data, e);
        if (rc == 0) {
            struct esc_window w = { list[i].start_us, list[i].end_us, list[i].version,
                                    list[i].seq,      list[i].at_us,  alert_slim(f->a, data) };
            fold_put_window(f, &w);
        }
        arena_done(&parsed);
    }
    arena_done(&texts);
    return rc;
}

static int add_model(struct app *app, struct arena *a, const char *model, int64_t at_us,
                     alerts *out, struct err *e)
{
    struct fold f;

    fold_init(&f, a, model);
    int rc = alert_load(app, &f, true, e);
    if (rc == 0) rc = read_windows(app, &f, at_us, e);
    if (rc == 0) fold_until(&f, at_us);
    for (size_t i = 0; rc == 0 && i < f.alerts.n; i++) vec_push(out, f.alerts.p[i]->row);
    fold_done(&f);
    return rc;
}

static int rank(const char *state)
{
    int i = ESC_INCIDENT;
    while (i > ESC_NONE && strcmp(esc_state_name((enum esc_state)i), state) != 0) i--;
    return i;
}

static int worst_first(const void *x, const void *y)
{
    const struct alert *a = x, *b = y;
    int by = rank(b->state) - rank(a->state);

    if (by) return by;
    if (a->since_us != b->since_us) return a->since_us > b->since_us ? -1 : 1;
    by = strcmp(a->model, b->model);
    return by ? by : strcmp(a->rule, b->rule);
}

int alert_list_at(struct app *app, struct arena *a, const char *model, int64_t at_us,
                  struct alert **ret, size_t *ret_n, struct err *e)
{
    struct alert *rows = NULL;
    size_t n = 0, len;
    alerts out = VEC_INIT;
    struct map *models = map_new();
    int rc = alert_list(app->store, a, model, false, &rows, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        map_at(models, rows[i].model, strlen(rows[i].model), NULL);
        if (str_eq(rows[i].rule, RETRAIN_WATCH_RULE) && rows[i].since_us <= at_us)
            vec_push(&out, rows[i]);
    }
    for (size_t i = 0; rc == 0 && i < map_len(models); i++)
        rc = add_model(app, a, arena_strdup(a, map_key(models, i, &len)), at_us, &out, e);
    if (out.n) qsort(out.p, out.n, sizeof *out.p, worst_first);
    *ret = arena_array(a, out.n + 1, struct alert);
    if (out.n) memcpy(*ret, out.p, out.n * sizeof *out.p);
    *ret_n = out.n;
    vec_done(&out);
    map_free(models);
    return rc;
}
