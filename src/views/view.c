/* view.c: what all panes share: their table, feeds' data, filtering, looks of states. */
#include "views/view.h"
#include "base/mem.h"
#include "views/widgets/meter.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VIEW(id, title, letter, help) extern const struct view_ops view_##id;
#include "views/views.def"
#undef VIEW

const struct view_info view_infos[VIEW_COUNT] = {
#define VIEW(id, title, letter, help) [VIEW_##id] = { #id, title, letter, help, &view_##id },
#include "views/views.def"
#undef VIEW
};

const struct view_info *view_find(const char *id)
{
    for (int i = 0; i < VIEW_COUNT; i++)
        if (str_starts(view_infos[i].id, id)) return &view_infos[i];
    return NULL;
}

uint32_t view_key(int i)
{
    if (i < 9) return (uint32_t)('1' + i);
    return i < VIEW_COUNT ? view_infos[i].letter : 0;
}

void view_init(struct view *v, enum view_id id)
{
    *v = (struct view){ .ops = view_infos[id].ops, .id = id, .parts = 1 };
    for (int i = 0; i < VIEW_PARTS; i++) listing_init(&v->tables[i], "id");
    v->state = mem_zalloc(1, v->ops->state_size + 1);
    v->ops->init(v);
}

void view_done(struct view *v)
{
    if (v->ops->done) v->ops->done(v);
    for (int i = 0; i < VIEW_PARTS; i++) listing_done(&v->tables[i]);
    for (int i = 0; i < VIEW_FEEDS; i++) {
        arena_done(&v->feeds[i].arena);
        free(v->feeds[i].asked);
    }
    free(v->state);
}

const struct val *view_data(const struct view *v, int feed)
{
    return v->feeds[feed].data;
}

const struct val *view_selected(const struct view *v, int part)
{
    struct listing_rows rows = v->ops->rows(v, part);
    return listing_selected(&v->tables[part], &rows);
}

const char *view_stale(const struct view *v)
{
    for (int i = 0; v->ops->feeds[i].verb; i++)
        if (v->feeds[i].error[0]) return v->feeds[i].error;
    return NULL;
}

void view_ask_again(struct view *v, int feed)
{
    free(v->feeds[feed].asked);
    v->feeds[feed].asked = NULL;
}

void view_refresh(struct view *v, int feed)
{
    if (v->ops->update) v->ops->update(v, feed);
    for (int i = 0; i < v->parts; i++) {
        struct listing_rows rows = v->ops->rows(v, i);
        listing_update(&v->tables[i], &rows);
    }
}

void view_reveal(struct view *v, const char *id)
{
    struct listing *t = &v->tables[0];
    snprintf(t->id, sizeof t->id, "%s", id ? id : "");
    struct listing_rows rows = v->ops->rows(v, 0);
    listing_update(t, &rows);
    v->part = 0;
}

/* -- filter ----------------------------------------------------------------------------- */

static bool contains(const char *text, const char *what)
{
    return text && strcasestr(text, what) != NULL;
}

bool view_matches(const char *filter, const struct val *row)
{
    if (!filter[0]) return true;
    for (size_t i = 0; i < val_len(row); i++) {
        const struct val *v = val_at(row, i);
        if (contains(val_as_str(v, NULL), filter)) return true;
        if (val_type(v) == VAL_OBJ && view_matches(filter, v)) return true;
    }
    return false;
}

const struct val *view_filter(struct arena *a, const char *filter, const struct val *list)
{
    if (!filter[0] || !list) return list;
    struct val *out = val_list(a);
    for (size_t i = 0; i < val_len(list); i++)
        if (view_matches(filter, val_at(list, i))) val_push(out, val_copy(a, val_at(list, i)));
    return out;
}

/* -- looks ------------------------------------------------------------------------------ */

struct status_look status_look(const char *status)
{
    static const struct {
        const char *name;
        struct status_look look;
    } looks[] = {
        { "running", { "▶", "running", ROLE_TITLE } },
        { "ready", { "○", "waiting", ROLE_DIM } },
        { "scheduled", { "○", "scheduled", ROLE_DIM } },
        { "succeeded", { "✓", "done", ROLE_OK } },
        { "finished", { "✓", "done", ROLE_OK } },
        { "failed", { "✗", "failed", ROLE_BAD } },
        { "dead", { "✗", "failed", ROLE_BAD } },
        { "cancelled", { "–", "cancelled", ROLE_DIM } },
        { "killed", { "–", "cancelled", ROLE_DIM } },
    };
    for (size_t i = 0; status && i < ARRAY_LEN(looks); i++)
        if (strcasecmp(looks[i].name, status) == 0) return looks[i].look;
    return (struct status_look){ "·", status ? status : "–", ROLE_DIM };
}

enum role stage_role(const char *stage)
{
    if (str_eq(stage, "Production")) return ROLE_PROD;
    if (str_eq(stage, "Staging")) return ROLE_STAGING;
    return str_eq(stage, "Archived") ? ROLE_DIM : ROLE_TEXT;
}

void draw_status(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                 const struct listing_column *col)
{
    struct status_look look = status_look(val_as_str(fmt_path(c->row, col->path), NULL));
    canvas_text(cv, at.x, at.y, look.role, look.glyph);
    if (at.w > 4) canvas_fit(cv, rect_make(at.x + 2, at.y, at.w - 2, 1), look.role, look.word);
}

void draw_progress(struct canvas *cv, struct rect at, const struct val *job)
{
    char buf[FMT_LEN];
    double p = val_get_real(job, "progress", (double)NAN);
    /* A job that has ended makes no progress: a bar would only draw the eye. */
    if (status_look(val_get_str(job, "state", NULL)).role != ROLE_TITLE) return;
    if (at.w >= 10) meter_gauge(cv, rect_make(at.x, at.y, at.w - 6, 1), ROLE_S1, p);
    canvas_right(cv, at, ROLE_TEXT, fmt_percent(buf, p));
}
