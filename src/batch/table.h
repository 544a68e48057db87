/* table.h: values as aligned text: rows under a header, or the fields of one object. Widths
 * are terminal columns. What a cell shows has no control characters, whatever the data holds,
 * so a name cannot send commands to a terminal. Any thread. */
#pragma once
#include "app/reply.h"

struct table_style {
    size_t width;   /* columns of the terminal; 0: never cut anything */
    bool color;     /* bold header */
    bool ascii;     /* no characters beyond ASCII of our own */
    int64_t now_us; /* for ages */
};

/* columns NULL: every plain field that occurs, in order of appearance. */
void table_rows(struct str *out, const struct val *rows, const struct reply_column *columns,
                const struct table_style *st);
/* "name  value" lines; inner objects as "metrics.auc"; lists of objects as tables below. */
void table_object(struct str *out, const struct val *obj, const struct table_style *st);

/* Field of a row by path: "metrics.auc". NULL when absent. */
const struct val *table_field(const struct val *row, const char *path);
/* A value as a cell of the given format (see reply.h) would show it. */
void table_cell(struct str *out, const struct val *v, const char *format,
                const struct table_style *st);
