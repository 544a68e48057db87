/* ui_draw.c: the frame around the panes: header, tabs, footer, and windows on top. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "views/escalation.h"
#include "views/ui_priv.h"
#include <stdio.h>
#include <string.h>

/* -- header ----------------------------------------------------------------------------- */

struct badge {
    char text[96];
    enum role role;
    int drop; /* left out when narrow: highest first; 0: never */
};
enum { BADGES = 8 };

static void add_badge(struct badge *out, int *n, enum role role, int drop, const char *text)
{
    out[*n] = (struct badge){ .role = role, .drop = drop };
    snprintf(out[*n].text, sizeof out[*n].text, "%.90s", text);
    ++*n;
}

static int header_badges(const struct ui *ui, struct badge out[BADGES])
{
    const struct val *o = ui_overview_data(ui), *counts = fmt_path(o, "jobs.counts");
    const struct val *audit = ui_audit_data(ui);
    long long running = val_get_int(counts, "running", 0), failed = val_get_int(counts, "dead", 0);
    int n = 0, minute = (int)(ui->now_us / 60000000 % 1440);
    char text[40];
    if (audit && !val_get_bool(audit, "ok", true))
        add_badge(out, &n, ROLE_BAD, 0, "✗ audit broken");
    int incidents = alerts_in(ui_alerts_data(ui), "incident");
    snprintf(text, sizeof text, "✗ %d incident%s", incidents, incidents == 1 ? "" : "s");
    if (incidents) add_badge(out, &n, ROLE_BAD, 0, text);
    snprintf(text, sizeof text, "✗ %lld failed", failed);
    if (failed) add_badge(out, &n, ROLE_BAD, 1, text);
    snprintf(text, sizeof text, "▶ %lld running", running);
    if (running) add_badge(out, &n, ROLE_TITLE, 3, text);
    if (view_stale(&ui->views[ui->current])) add_badge(out, &n, ROLE_WARN, 2, "! stale");
    if (ui->opt.actor) add_badge(out, &n, ROLE_DIM, 4, ui->opt.actor);
    if (ui->focus.at_us && (IN_TIME & (1u << ui->current))) {
        char at[32];
        snprintf(text, sizeof text, "◀ %.11s", clock_format(at, ui->focus.at_us) + 5);
        text[strlen("◀ 03-14")] = ' ';
        add_badge(out, &n, ROLE_MARK, 0, text);
    }
    snprintf(text, sizeof text, "%02d:%02dZ", minute / 60, minute % 60);
    add_badge(out, &n, ROLE_TEXT, 0, text);
    return n;
}

/* Leaves badges out until the rest needs at most `room` columns. */
static int fit_badges(struct badge *b, int n, int room)
{
    for (;;) {
        int need = 0, worst = -1;
        for (int i = 0; i < n; i++) {
            need += (int)utf8_width(b[i].text) + 2;
            if (b[i].drop && (worst < 0 || b[i].drop > b[worst].drop)) worst = i;
        }
        if (need <= room || worst < 0) return n;
        memmove(&b[worst], &b[worst + 1], (size_t)(n - worst - 1) * sizeof *b);
        n--;
    }
}

static void draw_header(const struct ui *ui, struct canvas *cv, struct rect r)
{
    struct badge badges[BADGES];
    cv->ground = GROUND_BAR;
    canvas_fill(cv, r, ROLE_TEXT, ' ');
    const char *name = "signalbox";
    int left = r.x + 1 + (int)strlen(name) + 2;
    int n = fit_badges(badges, header_badges(ui, badges), r.x + r.w - left), x = r.x + r.w - 1;
    for (int i = n - 1; i >= 0; i--) {
        x -= (int)utf8_width(badges[i].text);
        canvas_text(cv, x, r.y, badges[i].role, badges[i].text);
        x -= 2;
    }
    if (x + 2 >= left) canvas_text(cv, r.x + 1, r.y, ROLE_STRONG, name);
    /* The end of a path says more than its start. */
    const char *ws = ui->opt.workspace ? ui->opt.workspace : "";
    int room = x - left;
    while (room > 8 && (int)utf8_width(ws) > room && strchr(ws + 1, '/')) ws = strchr(ws + 1, '/');
    if (room > 8) canvas_fit(cv, rect_make(left, r.y, room, 1), ROLE_DIM, ws);
    cv->ground = GROUND_PLAIN;
}

/* Letters of the other tabs' titles: all, three, or none but the digit. */
static int tab_letters(int w)
{
    int full = 0, three = 0;
    for (int i = 0; i < VIEW_COUNT; i++) {
        full += 5 + (int)strlen(view_infos[i].title);
        three += 7;
    }
    return full <= w + 1 ? 30 : three + 8 <= w ? 3 : 0;
}

/* A tab; returns its columns. Without letters only the pane on show has its name. */
static int draw_tab(const struct ui *ui, struct canvas *cv, int x, int y, int i, int letters)
{
    const struct view_info *info = &view_infos[i];
    bool here = (enum view_id)i == ui->current;
    char title[40];
    canvas_put(cv, x, y, ROLE_TEXT, ' ');
    if (!here && !letters) {
        canvas_put(cv, x + 1, y, ROLE_KEY, view_key(i));
        return 2;
    }
    snprintf(title, sizeof title, "%.*s", here ? 30 : letters, info->title);
    if (here) cv->ground = GROUND_SELECT;
    canvas_put(cv, x, y, ROLE_TEXT, ' ');
    canvas_put(cv, x + 1, y, ROLE_KEY, view_key(i));
    canvas_put(cv, x + 2, y, ROLE_TEXT, ' ');
    int used = canvas_text(cv, x + 3, y, here ? ROLE_STRONG : ROLE_DIM, title);
    canvas_put(cv, x + 3 + used, y, ROLE_TEXT, ' ');
    cv->ground = GROUND_PLAIN;
    return used + 4 + (letters > 3 ? 1 : 0);
}

static void draw_tabs(const struct ui *ui, struct canvas *cv, struct rect r)
{
    int x = r.x, letters = tab_letters(r.w);
    for (int i = 0; i < VIEW_COUNT; i++) x += draw_tab(ui, cv, x, r.y, i, letters);
    const struct view *v = &ui->views[ui->current];
    char text[260];
    snprintf(text, sizeof text, "filter: %s", v->filter);
    if (v->filter[0] && x + 12 < r.x + r.w)
        canvas_right(cv, rect_make(x + 1, r.y, r.x + r.w - x - 2, 1), ROLE_MARK, text);
}

/* -- footer ----------------------------------------------------------------------------- */

int hint_draw(struct canvas *cv, struct rect at, const char *key, const char *label)
{
    int need = (int)(utf8_width(key) + 1 + utf8_width(label));
    if (need > at.w) return 0;
    int used = canvas_text(cv, at.x, at.y, ROLE_KEY, key);
    return used + 1 + canvas_text(cv, at.x + used + 1, at.y, ROLE_DIM, label);
}

static bool in_footer(const struct ui *ui, const struct binding *b, bool *ret_off)
{
    if ((b->flags & KEY_QUIET) || !(b->where & (1u << ui->current))) return false;
    *ret_off = ui_why_not(ui, b->req) != NULL;
    return true;
}

/* Keys of the pane from the left; the last two rows of keys.def (keys, quit) always on the
 * right, so there is a way on from any width. */
static void draw_keys(const struct ui *ui, struct canvas *cv, struct rect r)
{
    const char *tail = "? keys  q quit";
    int x = r.x + 1, end = r.x + r.w - 1 - (int)strlen(tail);
    int at = end;
    at += hint_draw(cv, rect_make(at, r.y, 6, 1), "?", "keys") + 2;
    hint_draw(cv, rect_make(at, r.y, 6, 1), "q", "quit");
    for (const struct binding *b = bindings; b->label; b++) {
        bool off;
        char key[KEY_NAME_LEN];
        if (b->req == REQ_HELP || b->req == REQ_QUIT || !in_footer(ui, b, &off)) continue;
        key_label(key, b->key1);
        int need = (int)(utf8_width(key) + 1 + strlen(b->label));
        if (x + need + 2 > end) break;
        if (off) canvas_printf(cv, x, r.y, ROLE_RULE, "%s %s", key, b->label);
        else hint_draw(cv, rect_make(x, r.y, need, 1), key, b->label);
        x += need + 2;
    }
}

static void draw_footer(const struct ui *ui, struct canvas *cv, struct rect r)
{
    const char *stale = view_stale(&ui->views[ui->current]);
    struct rect line = rect_make(r.x + 1, r.y, r.w - 2, 1);
    if (ui->message[0]) {
        canvas_fit(cv, line, ui->message_role, ui->message);
    } else if (stale) {
        char text[256];
        snprintf(text, sizeof text, "! last data, not fresh: %s", stale);
        canvas_fit(cv, line, ROLE_WARN, text);
    } else {
        draw_keys(ui, cv, r);
    }
}

/* -- all -----------------------------------------------------------------------------------------
 */

static void draw_body(struct ui *ui, struct canvas *cv, struct rect r)
{
    struct view *v = &ui->views[ui->current];
    struct draw_ctx ctx = { .now_us = ui->now_us, .focus = true };
    struct rect old = canvas_clip(cv, r);
    v->ops->draw(v, cv, r, &ctx);
    canvas_unclip(cv, old);
}

static void draw_windows(struct ui *ui, struct overlay *o, struct canvas *cv,
                         const struct frame_layout *f)
{
    if (!o) return;
    draw_windows(ui, o->below, cv, f);
    o->ops->draw(o, ui, cv, f);
}

void ui_draw_frame(struct ui *ui, struct canvas *cv)
{
    struct frame_layout f;
    canvas_clear(cv);
    layout_frame(cv->w, cv->h, &f);
    ui->hidden = f.too_small;
    if (f.too_small) {
        char text[80];
        snprintf(text, sizeof text, "signalbox needs 40x10 cells; this is %dx%d", cv->w, cv->h);
        canvas_wrap(cv, rect_make(0, 0, cv->w, cv->h), ROLE_TEXT, text);
        return;
    }
    draw_header(ui, cv, f.header);
    draw_tabs(ui, cv, f.tabs);
    draw_body(ui, cv, f.body);
    draw_footer(ui, cv, f.footer);
    draw_windows(ui, ui->top, cv, &f);
}

void ui_draw_pane(struct ui *ui, struct canvas *cv)
{
    canvas_clear(cv);
    draw_header(ui, cv, rect_make(0, 0, cv->w, 1));
    draw_body(ui, cv, rect_make(1, 2, cv->w - 2, cv->h - 2));
}

struct rect window_draw(struct canvas *cv, struct rect screen, int w, int h, enum role role,
                        const char *title)
{
    struct rect r = rect_centre(screen, w, h);
    canvas_fill(cv, r, ROLE_TEXT, ' ');
    canvas_box(cv, r, role, title);
    return rect_inset(r, 2, 1);
}
