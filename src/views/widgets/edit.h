/* edit.h: a line of text being typed: prompt, filter, reason, form fields. UTF-8; the cursor is
 * a byte offset at a code point's start. One owner. */
#pragma once
#include "views/canvas.h"
#include "views/key.h"

#define EDIT_MAX 2000 /* bytes */

struct edit {
    struct str text;
    size_t pos;
};
#define EDIT_INIT                                                                                  \
    {                                                                                              \
        STR_INIT, 0                                                                                \
    }

void edit_done(struct edit *e);
void edit_set(struct edit *e, const char *text); /* cursor at the end */
const char *edit_text(const struct edit *e);
bool edit_key(struct edit *e, uint32_t key); /* false: not a key of line editing */
/* Replaces the bytes from..pos: completion. */
void edit_complete(struct edit *e, size_t from, const char *with);
/* Draws the part around the cursor; with focus the terminal's cursor goes there. */
void edit_draw(struct canvas *cv, struct rect at, const struct edit *e, bool focus);
