/* monitor_window.c: see monitor_window.h. */
#include "app/monitor_window.h"

#include "app/monitor_priv.h"
#include "app/settings.h"

#include <string.h>

/* ---- which window ----------------------------------------------------------------------- */

static int first_row(void *user, const struct prediction *p)
{
    (void)user;
    (void)p;
    return 1;
}

/* The newest window that is over and has predictions, from that of the newest prediction back. */
static int last_closed(struct app *app, const char *model, int64_t length_us,
                       const struct prediction_totals *t, struct window *ret, struct err *e)
{
    struct window w = monitor_window(t->last_us, length_us);
    int64_t now_us = clock_now(app->clock);

    for (; w.end_us > t->first_us; w = (struct window){ w.start_us - length_us, w.start_us }) {
        if (w.end_us > now_us) continue;
        *ret = w;
        int rc = prediction_each(app->store, model, w.start_us, w.end_us, first_row, NULL, e);
        if (rc) return rc < 0 ? rc : 0;
    }
    err_set(e, ERR_NOTFOUND, "no window of model '%s' with predictions is over yet", model);
    return err_hint(e, "--window 1d compares the newest day as far as it got");
}

int monitor_window_choose(struct app *app, const char *model, const char *text, int64_t length_us,
                          struct window *ret, struct err *e)
{
    struct prediction_totals t;
    int64_t us;
    int rc = prediction_totals(app->store, model, &t, e);

    if (rc < 0) return rc;
    if (t.rows == 0) {
        err_set(e, ERR_NOTFOUND, "model '%s' has no predictions", model);
        return err_hint(e, "bring some with `signalbox monitor ingest %s --data FILE`", model);
    }
    if (!text || str_eq(text, "last")) return last_closed(app, model, length_us, &t, ret, e);
    if (settings_duration(text, &us)) {
        *ret = (struct window){ t.last_us + 1 - us, t.last_us + 1 };
        return 0;
    }
    if (clock_parse(text, strlen(text), &us)) {
        *ret = monitor_window(us, length_us);
        return 0;
    }
    err_set(e, ERR_INVALID, "--window '%s' is no window", text);
    return err_hint(e, "write last, a time like 2026-01-31, or how far back: 12h, 7d");
}

/* ---- both sides ------------------------------------------------------------------------- */

static int no_reference(const char *model, struct err *e)
{
    err_set(e, ERR_NOTFOUND, "model '%s' has no reference to compare with", model);
    return err_hint(e,
                    "promote a version, or name a data set as monitoring.models.%s.reference "
                    "in signalbox.yaml",
                    model);
}

static int read_rows(struct monitor *m, struct monitor_window *ret, struct err *e)
{
    struct monitor_rows rows;
    char start[32], end[32];
    int rc = monitor_rows_read(m, ret->w, m->ref.features, &rows, e);

    if (rc < 0) return rc;
    ret->rows = rows.row.n;
    ret->current = rows.features;
    rows.features = NULL;
    monitor_rows_done(&rows);
    if (ret->rows) return 0;
    err_set(e, ERR_NOTFOUND, "model '%s' has no predictions from %s to %s", m->model,
            clock_format(start, ret->w.start_us), clock_format(end, ret->w.end_us));
    return err_hint(e, "`signalbox monitor trend %s --metric volume` shows the windows", m->model);
}

int monitor_window_read(struct app *app, struct arena *a, const char *model, const char *window,
                        struct monitor_window *ret, struct err *e)
{
    struct monitor_window w = { 0 };
    struct monitor m;
    int rc = monitor_open(app, a, model, &m, e);

    if (rc < 0) return rc;
    rc = monitor_window_choose(app, model, window, m.length_us, &w.w, e);
    if (rc == 0 && !m.ref.features) rc = no_reference(model, e);
    if (rc == 0) rc = read_rows(&m, &w, e);
    if (rc == 0) {
        w.reference = m.ref.features;
        w.sample = m.ref.sample;
        m.ref.features = m.ref.sample = NULL;
        w.data = m.ref.data;
        w.version = m.ref.version;
        w.reference_rows = m.ref.rows;
        w.profile = m.profile->name;
        w.multivariate = val_get_str(m.settings, "multivariate", "off");
        *ret = w;
    } else {
        monitor_window_done(&w);
    }
    monitor_done(&m);
    return rc;
}

void monitor_window_done(struct monitor_window *w)
{
    frame_free(w->reference);
    frame_free(w->current);
    frame_free(w->sample);
    w->reference = w->current = w->sample = NULL;
}
