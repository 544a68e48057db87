/* ui_feed.c: keeping what is on show fresh, and asking as little as possible.
 *
 * A feed is asked when its arguments changed, or when the workspace's revision did. The revision
 * itself is polled: every second while a job runs or somebody types, every two seconds
 * otherwise. A feed that fails keeps its last reply, is marked stale, and is tried again two
 * seconds later; the console never leaves because of it. */
#include "base/mem.h"
#include "views/ui_priv.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTLE_US = 80000, RETRY_US = 2000000, BUSY_MS = 1000, IDLE_MS = 2000, TYPING_US = 5000000 };

const struct val *ui_overview_data(const struct ui *ui)
{
    return view_data(&ui->views[VIEW_overview], 0);
}

const struct val *ui_audit_data(const struct ui *ui)
{
    const struct view *v = &ui->views[VIEW_overview];
    for (int i = 0; v->ops->feeds[i].verb; i++)
        if (str_eq(v->ops->feeds[i].verb, "audit verify")) return view_data(v, i);
    return NULL;
}

/* The feed of the overview that has the alerts, which the header counts; -1: none. */
static int alerts_feed(const struct view *v)
{
    for (int i = 0; v->ops->feeds[i].verb; i++)
        if (str_eq(v->ops->feeds[i].verb, "alert list")) return i;
    return -1;
}

bool ui_jobs_running(const struct ui *ui)
{
    const struct val *counts = fmt_path(ui_overview_data(ui), "jobs.counts");
    return val_get_int(counts, "running", 0) || val_get_int(counts, "ready", 0);
}

const struct val *ui_alerts_data(const struct ui *ui)
{
    const struct view *v = &ui->views[VIEW_overview];
    int i = alerts_feed(v);
    return i < 0 ? NULL : view_data(v, i);
}

bool ui_loading(const struct ui *ui)
{
    const struct view *v = &ui->views[ui->current];
    for (int i = 0; v->ops->feeds[i].verb; i++)
        if (v->feeds[i].call || (i == 0 && !v->feeds[i].data && !v->feeds[i].error[0])) return true;
    return false;
}

/* -- answers ---------------------------------------------------------------------------- */

struct feed_ctx {
    struct view *view;
    int feed;
};

static void feed_failed(struct ui *ui, struct feed *f, const struct err *e)
{
    snprintf(f->error, sizeof f->error, "%.150s", e->msg);
    f->retry_us = ui->now_us + RETRY_US;
    free(f->asked);
    f->asked = NULL;
}

static void feed_done(struct ui *ui, void *ctx, int rc, const struct reply *r, const struct err *e)
{
    struct feed_ctx *c = ctx;
    struct feed *f = &c->view->feeds[c->feed];
    f->call = NULL;
    if (ui_frozen(ui)) {
        f->revision = 0; /* asked again when the question is closed */
    } else if (rc) {
        feed_failed(ui, f, e);
    } else {
        f->error[0] = '\0';
        arena_reset(&f->arena);
        f->data = val_copy(&f->arena, r->v);
        view_refresh(c->view, c->feed);
    }
    ui->dirty = true;
    free(c);
}

/* -- questions -------------------------------------------------------------------------- */

static bool feed_due(const struct ui *ui, const struct feed *f, const char *args, bool once)
{
    if (f->call || ui->now_us < f->retry_us) return false;
    if (!f->asked || !str_eq(f->asked, args)) return true;
    return f->revision != ui->revision && !(once && f->data);
}

static void feed_poll(struct ui *ui, struct view *v, int i)
{
    const struct feed_ops *ops = &v->ops->feeds[i];
    if (!verb_find(ops->verb)) return; /* a build may leave verbs out */
    struct feed *f = &v->feeds[i];
    struct arena a = ARENA_INIT;
    struct val *args = val_obj(&a);
    if (!ops->args || ops->args(v, args)) {
        STR_AUTO key = STR_INIT;
        val_write_json(&key, args, 0);
        if (feed_due(ui, f, str_c(&key), ops->once)) {
            struct feed_ctx *c = mem_zalloc(1, sizeof *c);
            *c = (struct feed_ctx){ v, i };
            free(f->asked);
            f->asked = mem_strdup(str_c(&key));
            f->revision = ui->revision;
            f->call = ui_post(ui, ops->verb, args, feed_done, c);
            if (!f->call) free(c);
        }
    }
    arena_done(&a);
}

static void revision_done(struct ui *ui, void *ctx, int rc, const struct reply *r,
                          const struct err *e)
{
    (void)ctx;
    (void)e;
    ui->revision_call = NULL;
    if (rc) return;
    int64_t handle = val_get_int(r->v, "handle", 0);
    int64_t revision = val_get_int(r->v, "revision", 0);
    size_t i = 0;
    while (i + 1 < HANDLES && ui->seen[i].handle && ui->seen[i].handle != handle) i++;
    bool known = ui->seen[i].handle == handle;
    if (!known || ui->seen[i].revision != revision) ui->revision++;
    ui->seen[i] = (struct seen_revision){ handle, revision };
}

/* Details follow the cursors once they rest. Returns true while one moves. */
static bool settle(struct ui *ui, struct view *v)
{
    const char *id = v->tables[0].id;
    struct focus *f = &ui->focus;
    if (f->rest_us != f->at_us) {
        if (ui->now_us - ui->moved_us < SETTLE_US) return true;
        f->rest_us = f->at_us;
        ui->dirty = true;
    }
    if (str_eq(v->rest, id)) return false;
    if (v->rest[0] && ui->now_us - ui->moved_us < SETTLE_US) return true;
    memcpy(v->rest, id, sizeof v->rest); /* as large as the id */
    return false;
}

int ui_feeds_poll(struct ui *ui)
{
    bool busy = ui_jobs_running(ui) || ui->now_us - ui->input_us < TYPING_US;
    int64_t every = (busy ? BUSY_MS : IDLE_MS) * 1000LL;
    if (ui_frozen(ui)) return BUSY_MS;
    if (!ui->revision_call && ui->now_us - ui->asked_us >= every - 5000) {
        ui->asked_us = ui->now_us;
        ui->revision_call = ui_post(ui, "revision", NULL, revision_done, NULL);
    }
    struct view *overview = &ui->views[VIEW_overview];
    feed_poll(ui, overview, 0);
    int alerts = alerts_feed(overview);
    if (alerts > 0) feed_poll(ui, overview, alerts);
    struct view *v = &ui->views[ui->current];
    bool was_resting = str_eq(v->rest, v->tables[0].id);
    bool moving = settle(ui, v);
    if (!was_resting && !moving) ui->dirty = true;
    for (int i = 0; v->ops->feeds[i].verb; i++) feed_poll(ui, v, i);
    if (moving) return SETTLE_US / 1000 + 5;
    int64_t wait = (ui->asked_us + every - ui->now_us) / 1000;
    return wait < 10 ? 10 : wait > IDLE_MS ? IDLE_MS : (int)wait;
}
