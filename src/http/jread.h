/* jread.h: JSON read step by step, for the envelopes of prediction protocols: no tree, numbers
 * and texts as cells (serve/rows.h), whose memory holds what escapes resolve to. A failure has set
 * the error; after one the reader is of no use any more. I/O thread. */
#pragma once
#include "serve/rows.h"

struct jread {
    struct rows *rows;
    const char *text;
    size_t n, at;
    struct err *e;
};
struct jtext {
    const char *p;
    size_t n;
};

/* for (int more = jread_open(j, '['); more > 0; more = jread_more(j, ']')) { … one value … }
 * 1: a value (or a key) follows, 0: the bracket closed, < 0: failure. */
int jread_open(struct jread *j, char bracket);
int jread_more(struct jread *j, char closing);
/* The key of a member and its colon. */
int jread_key(struct jread *j, struct jtext *ret);
char jread_peek(struct jread *j); /* first character of the next value; 0: the end */
int jread_cell(struct jread *j, struct cell *ret);
int jread_text(struct jread *j, const char *what, struct jtext *ret);
int jread_int(struct jread *j, const char *what, int64_t *ret); /* a whole number */
int jread_bool(struct jread *j, const char *what, bool *ret);
int jread_skip(struct jread *j);
int jread_end(struct jread *j); /* only blanks are left */
bool jtext_is(struct jtext t, const char *s);
