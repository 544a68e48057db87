/* page.c: see page.h. */
#include "views/page.h"

enum { LABEL_W = 11 };   /* a date and a time */
enum { LONGEST = 1000 }; /* lines of a page that scrolls */

struct page page_begin(struct canvas *cv, struct rect r, struct page_scroll *s)
{
    int most = s->lines > r.h ? s->lines - r.h + 1 : 0; /* the last line says how to go on */
    s->height = r.h;
    if (s->lines > 0 && s->top > most) s->top = most;
    if (s->top < 0) s->top = 0;
    s->clip = canvas_clip(cv, r);
    return (struct page){ cv, rect_make(r.x, r.y - s->top, r.w, LONGEST) };
}

void page_end(struct page *p, struct rect r, struct page_scroll *s)
{
    struct rect last = rect_make(r.x, r.y + r.h - 1, r.w, 1);
    s->lines = LONGEST - p->r.h;
    int below = s->lines - s->top - (r.h - 1);
    if (s->lines > r.h) {
        canvas_fill(p->cv, last, ROLE_TEXT, ' ');
        if (below > 0)
            canvas_printf(p->cv, last.x, last.y, ROLE_DIM, "%d more line%s · PgDn", below,
                          below == 1 ? "" : "s");
        else canvas_text(p->cv, last.x, last.y, ROLE_DIM, "the end · PgUp");
    }
    canvas_unclip(p->cv, s->clip);
}

void page_move(struct page_scroll *s, int pages)
{
    s->top += pages * (s->height > 2 ? s->height - 2 : 1);
}

struct rect page_take(struct page *p, int h)
{
    struct rect lines = rect_make(p->r.x, p->r.y, p->r.w, h < p->r.h ? h : p->r.h);
    p->r.y += lines.h;
    p->r.h -= lines.h;
    return lines;
}

void page_fact(struct page *p, const char *label, enum role role, const char *text)
{
    if (!text || !*text || p->r.h <= 0) return;
    struct rect at = rect_make(p->r.x + LABEL_W + 1, p->r.y, p->r.w - LABEL_W - 1, p->r.h);
    canvas_fit(p->cv, rect_make(p->r.x, p->r.y, LABEL_W, 1), ROLE_DIM, label);
    int n = canvas_wrap(p->cv, at, role, text);
    page_take(p, n > 0 ? n : 1);
}

void page_section(struct page *p, const char *title, const char *right)
{
    if (p->r.h >= 6) page_take(p, 1);
    if (p->r.h > 0) canvas_heading(p->cv, page_take(p, 1), ROLE_DIM, title, right);
}
