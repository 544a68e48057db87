/* render.h: replies and errors in the form the user asked for. Text only; who prints it is the
 * caller's business. Any thread. */
#pragma once
#include "batch/options.h"
#include "batch/table.h"

struct render_style {
    enum output output; /* not AUTO */
    bool script;        /* one of many verbs: with JSON lines a reply is one line */
    struct table_style table;
};
/* JSON is indented; JSON lines and CSV give a line for each row of the reply's table. */
void render_reply(struct str *out, const struct reply *r, const struct render_style *st);
/* "signalbox: message" and the hint, or with JSON output {"error":…}. where: "FILE:LINE" of a
 * script or NULL. */
void render_error(struct str *out, const struct err *e, const char *where, bool json);
/* One record: header line of a CSV table and a line a row, as RFC 4180 quotes them. */
void render_csv(struct str *out, const struct val *rows);
