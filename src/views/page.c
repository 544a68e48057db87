/* page.c: see page.h. */
#include "views/page.h"

enum { LABEL_W = 11 }; /* a date and a time */

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
