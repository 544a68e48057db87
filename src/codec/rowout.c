/* rowout.c: see rowout.h. */
#include "codec/rowout.h"
#include "base/val.h"
#include <assert.h>
#include <math.h>
#include <string.h>

void rowout_csv_field(struct str *out, char delimiter, const char *s, size_t n)
{
    bool quote = false;

    for (size_t i = 0; i < n && !quote; i++)
        quote = s[i] == delimiter || s[i] == '"' || s[i] == '\n' || s[i] == '\r';
    if (!quote) {
        str_addn(out, s, n);
        return;
    }
    str_addc(out, '"');
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"') str_addc(out, '"');
        str_addc(out, s[i]);
    }
    str_addc(out, '"');
}

/* What stands before a cell: the delimiter, or the key. */
static void lead(struct rowout *w)
{
    assert(w->at < w->n);
    if (w->delimiter) {
        if (w->at > 0) str_addc(w->out, w->delimiter);
    } else {
        str_addc(w->out, w->at > 0 ? ',' : '{');
        val_write_json_str(w->out, w->names[w->at], strlen(w->names[w->at]));
        str_addc(w->out, ':');
    }
    w->at++;
}

void rowout_start(struct rowout *w, struct str *out, enum codec_id format, const char *const *names,
                  size_t n)
{
    *w = (struct rowout){ .out = out, .names = names, .n = n };
    if (!codecs[format].header) return;
    w->delimiter = codecs[format].delimiter ? codecs[format].delimiter : ',';
    for (size_t i = 0; i < n; i++) rowout_text(w, names[i], strlen(names[i]));
    rowout_end(w);
}

void rowout_text(struct rowout *w, const char *s, size_t n)
{
    lead(w);
    if (w->delimiter) rowout_csv_field(w->out, w->delimiter, s, n);
    else val_write_json_str(w->out, s, n);
}

void rowout_real(struct rowout *w, double v)
{
    char buf[32];

    if (isnan(v)) {
        rowout_missing(w);
        return;
    }
    lead(w);
    if (isinf(v) && !w->delimiter) str_add(w->out, v < 0 ? "-Infinity" : "Infinity");
    else str_add(w->out, str_real(buf, v));
}

void rowout_int(struct rowout *w, int64_t v)
{
    lead(w);
    str_addf(w->out, "%lld", (long long)v);
}

void rowout_bool(struct rowout *w, bool v)
{
    lead(w);
    str_add(w->out, v ? "true" : "false");
}

void rowout_missing(struct rowout *w)
{
    lead(w);
    if (!w->delimiter) str_add(w->out, "null");
}

/* A row of one empty field would be an empty line, which readers pass over: it gets quotes. */
void rowout_end(struct rowout *w)
{
    struct str *out = w->out;

    assert(w->at == w->n);
    if (!w->delimiter) str_add(out, w->n ? "}" : "{}");
    else if (w->n == 1 && (out->len == 0 || out->p[out->len - 1] == '\n')) str_add(out, "\"\"");
    str_addc(out, '\n');
    w->at = 0;
}
