/* popup.c: text in a window that scrolls: output of commands, help of verbs, the welcome. Long
 * lines can be moved sideways; a text whose lines are prose is wrapped. */
#include "base/mem.h"
#include "base/utf8.h"
#include "views/ui.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct popup {
    struct overlay o;
    char *title, *text;
    int top, left, lines, width, page;
};

static void measure(struct popup *p)
{
    for (const char *s = p->text; *s;) {
        size_t n = strcspn(s, "\n");
        struct str line = STR_INIT;
        str_addn(&line, s, n);
        int w = (int)utf8_width(str_c(&line));
        str_done(&line);
        if (w > p->width) p->width = w;
        p->lines++;
        s += n + (s[n] == '\n');
    }
}

static void clamp_top(struct popup *p)
{
    if (p->top > p->lines - p->page) p->top = p->lines - p->page;
    if (p->top < 0) p->top = 0;
    if (p->left < 0) p->left = 0;
}

static void draw_lines(const struct popup *p, struct canvas *cv, struct rect r)
{
    const char *s = p->text;
    for (int i = 0; *s && i < p->top + r.h; i++) {
        size_t n = strcspn(s, "\n");
        if (i >= p->top) {
            STR_AUTO line = STR_INIT;
            str_addn(&line, s, n);
            size_t skip = utf8_fit(str_c(&line), (size_t)p->left);
            canvas_text(cv, r.x, r.y + i - p->top, ROLE_TEXT, str_c(&line) + skip);
        }
        s += n + (s[n] == '\n');
    }
}

/* Prose: few, long lines. */
static bool is_prose(const struct popup *p, int room)
{
    return p->width > room && p->lines <= 16;
}

static void popup_draw(struct overlay *o, struct ui *ui, struct canvas *cv,
                       const struct frame_layout *f)
{
    (void)ui;
    struct popup *p = (struct popup *)o;
    struct rect screen = rect_make(0, f->tabs.y, cv->w, f->footer.y - f->tabs.y + 1);
    int w = p->width + 4, prose_w = cv->w < 76 ? cv->w : 76;
    bool prose = is_prose(p, (w > cv->w ? cv->w : w) - 4) || (p->width > 72 && p->lines <= 16);
    if (prose) w = prose_w;
    if (w < 30) w = 30;
    struct rect nowhere = rect_make(0, 0, w - 4, 0);
    int lines = prose ? canvas_wrap(cv, nowhere, ROLE_TEXT, p->text) : p->lines;
    struct rect r = window_draw(cv, screen, w, lines + 2, ROLE_TITLE, p->title);
    struct rect old = canvas_clip(cv, r);
    p->page = r.h;
    if (prose) {
        canvas_wrap(cv, r, ROLE_TEXT, p->text);
    } else {
        clamp_top(p);
        draw_lines(p, cv, r);
    }
    canvas_unclip(cv, old);
    if (!prose && p->lines > r.h)
        canvas_printf(cv, r.x, r.y + r.h, ROLE_DIM, " %d–%d of %d ", p->top + 1, p->top + r.h,
                      p->lines);
}

static void popup_key(struct overlay *o, struct ui *ui, uint32_t key)
{
    struct popup *p = (struct popup *)o;
    switch ((int)binding_find(VIEW_overview, key)) {
    case REQ_UP: p->top--; break;
    case REQ_DOWN: p->top++; break;
    case REQ_PAGE_UP: p->top -= p->page; break;
    case REQ_PAGE_DOWN: p->top += p->page; break;
    case REQ_TOP: p->top = 0; break;
    case REQ_BOTTOM: p->top = p->lines; break;
    case REQ_LEFT: p->left -= 8; break;
    case REQ_RIGHT: p->left += p->left + 20 < p->width ? 8 : 0; break;
    case REQ_BACK:
    case REQ_OPEN:
    case REQ_QUIT: ui_close(ui, o); return;
    default: break;
    }
    clamp_top(p);
}

static void popup_done(struct overlay *o)
{
    struct popup *p = (struct popup *)o;
    free(p->title);
    free(p->text);
    free(p);
}

static const struct overlay_ops popup_ops = { popup_draw, popup_key, popup_done, false };

struct overlay *popup_new(const char *title, const char *text)
{
    struct popup *p = mem_zalloc(1, sizeof *p);
    p->o.ops = &popup_ops;
    p->title = mem_strdup(title);
    p->text = mem_strdup(text && *text ? text : "(nothing)");
    p->page = 1;
    measure(p);
    return &p->o;
}
