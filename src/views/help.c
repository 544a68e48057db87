/* help.c: the keys of a pane, made from keys.def. Typing searches by key or by word; a key that
 * is not possible now says why. */
#include "base/mem.h"
#include "views/ui.h"
#include "views/widgets/edit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MOST = 8 }; /* of one key */

struct help {
    struct overlay o;
    struct edit search;
    int top, lines, page;
};

static bool shown(const struct help *h, struct ui *ui, const struct binding *b, bool common)
{
    const struct view *v = ui_view(ui);
    const char *what = edit_text(&h->search);
    char key[KEY_NAME_LEN];
    if (!(b->where & (1u << v->id)) || (b->where == IN_ALL) != common) return false;
    return !*what || strcasestr(b->help, what) || strcasestr(b->label, what) ||
           str_eq(key_label(key, b->key1), what);
}

/* Why a key is not possible now goes beside the help, or below where there is no room for it.
 * Returns the lines that were used. */
static int draw_binding(struct canvas *cv, struct rect at, const struct ui *ui,
                        const struct binding *b)
{
    char k1[KEY_NAME_LEN], k2[KEY_NAME_LEN], keys[40], text[200];
    const char *why = ui_why_not(ui, b->req);
    struct rect help = rect_make(at.x + 11, at.y, at.w - 11, LINES_MOST);
    key_label(k1, b->key1);
    if (b->key2) snprintf(keys, sizeof keys, "%s %s", k1, key_label(k2, b->key2));
    else snprintf(keys, sizeof keys, "%s", k1);
    canvas_fit(cv, rect_make(at.x, at.y, 10, 1), why ? ROLE_DIM : ROLE_KEY, keys);
    int lines = canvas_wrap(cv, help, why ? ROLE_DIM : ROLE_TEXT, b->help);
    if (!why) return lines;
    int used = (int)strlen(b->help), needed = snprintf(text, sizeof text, "· not now: %s", why);
    if (lines == 1 && used + 1 + needed <= help.w) {
        canvas_fit(cv, rect_make(help.x + used + 1, at.y, help.w - used - 1, 1), ROLE_WARN, text);
        return 1;
    }
    help.y += lines;
    return lines + canvas_wrap(cv, help, ROLE_WARN, text);
}

/* Draws the bindings of one group from line *at on (lines above h->top are passed over). */
static void draw_group(struct help *h, struct ui *ui, struct canvas *cv, struct rect r, int *at,
                       bool common)
{
    const char *title = common ? "Everywhere" : view_infos[ui_view(ui)->id].title;
    bool any = false;
    for (const struct binding *b = bindings; b->label; b++) {
        if (!shown(h, ui, b, common)) continue;
        if (!any) {
            canvas_text(cv, r.x, r.y + *at - h->top, ROLE_TITLE, title);
            ++*at;
        }
        any = true;
        *at += draw_binding(cv, rect_make(r.x, r.y + *at - h->top, r.w, 1), ui, b);
    }
    if (any) ++*at;
}

static void draw_panes(struct help *h, struct canvas *cv, struct rect r, int *at)
{
    if (*edit_text(&h->search)) return;
    canvas_text(cv, r.x, r.y + *at - h->top, ROLE_TITLE, "Panes");
    ++*at;
    for (int i = 0; i < VIEW_COUNT; i++) {
        int y = r.y + *at - h->top;
        canvas_printf(cv, r.x, y, ROLE_KEY, "%d %c", i + 1, (char)view_infos[i].letter);
        *at += canvas_wrap(cv, rect_make(r.x + 11, y, r.w - 11, LINES_MOST), ROLE_TEXT,
                           view_infos[i].help);
    }
}

static void help_draw(struct overlay *o, struct ui *ui, struct canvas *cv,
                      const struct frame_layout *f)
{
    struct help *h = (struct help *)o;
    struct rect screen = rect_make(0, f->tabs.y, cv->w, f->footer.y - f->tabs.y + 1);
    struct rect r = window_draw(cv, screen, 78, 100, ROLE_TITLE, "Keys");
    canvas_text(cv, r.x, r.y, ROLE_DIM, "search");
    edit_draw(cv, rect_make(r.x + 11, r.y, r.w - 11, 1), &h->search, true);
    r = rect_make(r.x, r.y + 2, r.w, r.h - 2);
    struct rect old = canvas_clip(cv, r);
    h->page = r.h;
    if (h->lines && h->top > h->lines - h->page) h->top = h->lines - h->page;
    if (h->top < 0) h->top = 0;
    int at = 0;
    draw_group(h, ui, cv, r, &at, false);
    draw_group(h, ui, cv, r, &at, true);
    draw_panes(h, cv, r, &at);
    h->lines = at;
    canvas_unclip(cv, old);
    const char *foot = " Up Down scroll · Esc closes ";
    canvas_text(cv, r.x, r.y + r.h, ROLE_DIM, foot);
}

static void help_key(struct overlay *o, struct ui *ui, uint32_t key)
{
    struct help *h = (struct help *)o;
    switch (key) {
    case K_UP: h->top--; return;
    case K_DOWN: h->top++; return;
    case K_PGUP: h->top -= h->page; return;
    case K_PGDN: h->top += h->page; return;
    case '?':
    case K_ENTER:
    case K_ESC: ui_close(ui, o); return;
    default: break;
    }
    h->top = 0;
    edit_key(&h->search, key);
}

static void help_done(struct overlay *o)
{
    struct help *h = (struct help *)o;
    edit_done(&h->search);
    free(h);
}

static const struct overlay_ops help_ops = { help_draw, help_key, help_done, false };

struct overlay *help_new(void)
{
    struct help *h = mem_zalloc(1, sizeof *h);
    h->o.ops = &help_ops;
    return &h->o;
}
