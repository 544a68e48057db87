/* rows.c: the policy for bad rows, shared by all readers; see rows.h. */
#include "codec/rows.h"
#include <stdio.h>

int rows_bad(const struct block *b, const struct row_options *o, struct row_report *r,
             uint64_t line, struct err *e, const char *fmt, ...)
{
    char what[400];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    for (char *p = what; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = ' '; /* quotes from the file */
    if (o->bad_row == BAD_ROW_ERROR) {
        err_set(e, ERR_PARSE, "%s: line %llu: %s", input_name(b->in), (unsigned long long)line,
                what);
        return err_hint(e, "correct the row, or use --on-bad-row skip or --on-bad-row null");
    }
    if (!r->first_bad[0])
        snprintf(r->first_bad, sizeof r->first_bad, "line %llu: %s", (unsigned long long)line,
                 what);
    return 0;
}
