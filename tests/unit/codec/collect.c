/* collect.c: see collect.h. */
#include "collect.h"
#include <assert.h>
#include <string.h>

static void add_field(struct str *out, const struct field *f)
{
    if (f->flags & FIELD_ABSENT) {
        str_addc(out, '~');
        return;
    }
    if (f->flags & FIELD_STRING) str_addc(out, '\'');
    for (size_t i = 0; i < f->len; i++) {
        if (f->p[i] == '\n') str_add(out, "\\n");
        else if (f->p[i] == '\r') str_add(out, "\\r");
        else str_addc(out, f->p[i]);
    }
    if (f->flags & FIELD_STRING) str_addc(out, '\'');
}

static int on_columns(void *user, char *const *names, size_t n, struct err *e)
{
    struct collected *c = user;

    (void)e;
    c->columns = n;
    for (size_t i = 0; i < n; i++) str_addf(&c->text, "%s%s", i ? "|" : "", names[i]);
    str_addc(&c->text, '\n');
    return 0;
}

static int on_row(void *user, const struct field *fields, size_t n, struct err *e)
{
    struct collected *c = user;

    (void)e;
    assert(n == c->columns);
    c->rows++;
    for (size_t i = 0; i < n; i++) {
        if (i) str_addc(&c->text, '|');
        add_field(&c->text, &fields[i]);
    }
    str_addc(&c->text, '\n');
    return 0;
}

void collect(struct collected *c, row_reader *reader, const char *text, size_t n,
             struct row_options o)
{
    struct row_sink sink = { on_columns, on_row, c };
    struct input *in;
    struct block b;

    memset(c, 0, sizeof *c);
    if ((c->rc = input_memory(&in, text, n, "t.csv", &c->err))) return;
    c->rc = block_open(&b, in, &c->err);
    if (c->rc == 0) c->rc = reader(&b, &o, &sink, &c->report, &c->err);
    block_done(&b);
    input_close(in);
}

void collected_done(struct collected *c)
{
    str_done(&c->text);
}
