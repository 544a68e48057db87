/* page.h: facts written from the top of a rectangle until it is full; shared by the panes Alerts
 * and Retrain. The loop's thread. */
#pragma once
#include "views/canvas.h"

struct page {
    struct canvas *cv;
    struct rect r; /* what is left */
};

struct rect page_take(struct page *p, int h); /* as many lines of it as there are left */
/* "label      text", broken into lines; an empty text writes nothing. */
void page_fact(struct page *p, const char *label, enum role role, const char *text);
/* A heading, after a blank line where there is room for one. */
void page_section(struct page *p, const char *title, const char *right);
