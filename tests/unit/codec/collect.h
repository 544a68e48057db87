/* collect.h: row sink of the tests: what a reader delivers, as one string that a test compares.
 * Fields are joined by |, rows and the header end in a newline, an absent field is ~, a JSON
 * string is in ', and bytes 0x0a and 0x0d inside fields show as \n and \r. */
#pragma once
#include "base/str.h"
#include "codec/rows.h"

struct collected {
    struct str text;
    size_t columns, rows;
    struct row_report report;
    struct err err;
    int rc;
};
/* Reads n bytes at text with the reader. Free with collected_done. */
void collect(struct collected *c, row_reader *reader, const char *text, size_t n,
             struct row_options o);
void collected_done(struct collected *c);
