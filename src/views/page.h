/* page.h: facts written from the top of a rectangle until it is full, or on a longer page of which
 * the rectangle shows a part; shared by the panes Alerts and Retrain. The loop's thread. */
#pragma once
#include "views/canvas.h"

struct page {
    struct canvas *cv;
    struct rect r; /* what is left */
};

/* Where one is in a page that is longer than its rectangle. */
struct page_scroll {
    int top;           /* lines above the rectangle */
    int lines, height; /* of the page and of the rectangle, as last drawn */
    struct rect clip;
};
/* The page is as long as it wants to be until page_end, which says below how much is left. */
struct page page_begin(struct canvas *cv, struct rect r, struct page_scroll *s);
void page_end(struct page *p, struct rect r, struct page_scroll *s);
void page_move(struct page_scroll *s, int pages); /* down, or up below 0 */

struct rect page_take(struct page *p, int h); /* as many lines of it as there are left */
/* "label      text", broken into lines; an empty text writes nothing. */
void page_fact(struct page *p, const char *label, enum role role, const char *text);
/* A heading, after a blank line where there is room for one. */
void page_section(struct page *p, const char *title, const char *right);
