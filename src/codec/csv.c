/* csv.c: see csv.h. One pass over the window with a bitmap scanner (scan.h): a bit for every byte
 * that may end a field, and the loop steps from bit to bit. Nothing is copied: fields are
 * slices, and only those with doubled quotes are written out anew, into memory of the row. The
 * text itself is never changed, so several threads may read pieces of one window.
 *
 * A row that reaches the end of the window is scanned again from its start after more bytes were
 * read, so no state survives within a row. Invariant: at the start of scan_row, block.start is
 * the first byte of a row and head.line its number. */
#include "codec/csv.h"
#include "base/mem.h"
#include "codec/scan.h"
#include "codec/text.h"
#include <stdlib.h>
#include <string.h>

enum found { ROW_READY, ROW_MORE, ROW_END, ROW_UNCLOSED, ROW_FIELD_LIMIT, ROW_COLUMN_LIMIT };

#define PIECE 4096 /* bytes whose marks are made at a time */

struct scanner {
    const char *base; /* first byte of the piece */
    const char *end;  /* of the window */
    scan_marks_fn *fill;
    size_t word, words; /* present one, and how many the piece has */
    uint64_t mask;      /* marks of the present word that were not visited */
    uint64_t marks[PIECE / 64];
};

struct csv {
    struct block *b;
    const struct row_options *o;
    const struct row_sink *sink;
    struct row_report *r;
    struct err *e;
    struct csv_head *h;
    char delimiter;
    struct scanner s;
    struct field *fields;
    size_t n, cap;
    const char *next; /* first byte behind the row */
    const char *stop; /* where an unfinished or bad field starts */
    size_t bad_quote; /* field number (from 1) with text behind its closing quote; 0: none */
    size_t escaped;   /* bytes of the row's fields with doubled quotes */
    uint64_t row_lines;
    struct str joined; /* those fields with single ones */
};

/* -- scanner ------------------------------------------------------------------------------ */

static void scanner_fill(struct csv *c, const char *p)
{
    struct scanner *s = &c->s;
    size_t n = (size_t)(s->end - p);

    if (n > PIECE) n = PIECE;
    s->base = p;
    s->words = (n + 63) / 64;
    s->word = 0;
    if (n) s->fill(p, n, c->delimiter, s->marks);
    s->mask = n ? s->marks[0] : 0;
}

/* Starts over with a window that has changed. */
static void scanner_start(struct csv *c)
{
    c->s.end = c->b->buf + c->b->end;
    scanner_fill(c, c->b->buf + c->b->start);
}

static void scanner_at(struct csv *c, const char *p)
{
    struct scanner *s = &c->s;
    size_t off = (size_t)(p - s->base);

    if (p < s->base || off / 64 >= s->words) {
        scanner_fill(c, p);
        return;
    }
    s->word = off / 64;
    s->mask = s->marks[s->word] & (~(uint64_t)0 << off % 64);
}

/* Next special byte, or the end of the window. */
static inline const char *scanner_next(struct csv *c)
{
    struct scanner *s = &c->s;
    const char *p;

    while (s->mask == 0) {
        if (++s->word < s->words) s->mask = s->marks[s->word];
        else if (s->end - s->base > PIECE) scanner_fill(c, s->base + PIECE);
        else return s->end;
    }
    p = s->base + s->word * 64 + __builtin_ctzll(s->mask);
    s->mask &= s->mask - 1;
    return p;
}

/* -- one row ------------------------------------------------------------------------------ */

static uint64_t count_lines(const char *p, const char *end)
{
    uint64_t n = 0;

    for (; p < end; p++) n += *p == '\n' || (*p == '\r' && !(p + 1 < end && p[1] == '\n'));
    return n;
}

/* A field that begins with a quote at f. Sets out, leaves the scanner behind the closing quote
 * and *ret_end on the byte that ends the field. */
static enum found scan_quoted(struct csv *c, const char *f, struct field *out, const char **ret_end)
{
    const char *end = c->b->buf + c->b->end, *q = f + 1, *p;

    out->flags = FIELD_QUOTED;
    for (;;) {
        q = memchr(q, '"', (size_t)(end - q));
        if (!q) return c->b->eof ? ROW_UNCLOSED : ROW_MORE;
        if (q + 1 == end) {
            if (c->b->eof) break;
            return ROW_MORE;
        }
        if (q[1] != '"') break;
        out->flags |= FIELD_ESCAPED;
        q += 2;
    }
    if ((size_t)(q - f) > ROWS_MAX_FIELD) return ROW_FIELD_LIMIT;
    out->p = f + 1;
    out->len = (uint32_t)(q - f - 1);
    c->row_lines += count_lines(f + 1, q);
    if (out->flags & FIELD_ESCAPED) c->escaped += out->len + BLOCK_PAD;
    scanner_at(c, q + 1);
    do p = scanner_next(c);
    while (p < end && *p == '"');
    if (p != q + 1 && !c->bad_quote) c->bad_quote = c->n + 1;
    *ret_end = p;
    return ROW_READY;
}

static bool grow_fields(struct csv *c)
{
    size_t cap = c->cap ? c->cap * 2 : 64;

    if (c->cap >= ROWS_MAX_COLUMNS) return false;
    c->fields = mem_realloc(c->fields, cap * sizeof *c->fields);
    c->cap = cap;
    return true;
}

/* The byte behind a line end at p; CRLF is one. NULL: it may go on behind the window. */
static const char *behind_line_end(struct csv *c, const char *p)
{
    const char *end = c->b->buf + c->b->end;

    if (*p == '\n') return p + 1;
    if (p + 1 == end) return c->b->eof ? end : NULL;
    if (p[1] != '\n') return p + 1;
    (void)scanner_next(c);
    return p + 2;
}

static enum found scan_row(struct csv *c)
{
    const char *end = c->b->buf + c->b->end, *f = c->b->buf + c->b->start;
    bool eof = c->b->eof;

    c->n = 0;
    c->row_lines = 1;
    c->bad_quote = 0;
    c->escaped = 0;
    c->stop = f;
    if (f == end) return eof ? ROW_END : ROW_MORE;
    for (;;) {
        struct field out = { f, 0, 0 };
        const char *p;
        if (f < end && *f == '"') {
            enum found found = scan_quoted(c, f, &out, &p);
            c->stop = f;
            if (found != ROW_READY) return found;
        } else {
            do p = scanner_next(c);
            while (p < end && *p == '"');
            if ((size_t)(p - f) > ROWS_MAX_FIELD) return ROW_FIELD_LIMIT;
            out.len = (uint32_t)(p - f);
        }
        if (p == end && !eof) {
            c->stop = f;
            return ROW_MORE;
        }
        if (c->n == c->cap && !grow_fields(c)) return ROW_COLUMN_LIMIT;
        c->fields[c->n++] = out;
        if (p < end && *p == c->delimiter) {
            f = p + 1;
            continue;
        }
        c->next = p < end ? behind_line_end(c, p) : end;
        return c->next ? ROW_READY : ROW_MORE;
    }
}

static int fatal(struct csv *c, enum found found)
{
    const char *file = input_name(c->b->in);
    unsigned long long line = (unsigned long long)c->h->line;
    size_t column = c->n + 1;

    switch (found) {
    case ROW_UNCLOSED:
        err_set(c->e, ERR_PARSE,
                "%s: line %llu, column %zu%s%s: the quote that opens here is "
                "never closed, expected \" before the end of the file",
                file, line, column, column <= c->h->n_cols ? " " : "",
                column <= c->h->n_cols ? c->h->names[column - 1] : "");
        return err_hint(c->e, "close the quote, or double it if it belongs to the text");
    case ROW_FIELD_LIMIT:
        err_set(c->e, ERR_LIMIT, "%s: line %llu, column %zu: field is longer than %zu MiB", file,
                line, column, ROWS_MAX_FIELD >> 20);
        return err_hint(c->e, "look for a quote that is not closed");
    case ROW_COLUMN_LIMIT:
        err_set(c->e, ERR_LIMIT, "%s: line %llu: more than %d fields", file, line,
                ROWS_MAX_COLUMNS);
        return err_hint(c->e, "give the right --delimiter, or look for missing line ends");
    case ROW_READY:
    case ROW_MORE:
    case ROW_END: break;
    }
    return err_set(c->e, ERR_INTERNAL, "%s: line %llu: no row and no fault", file, line);
}

/* Copies a field with single quotes for doubled ones; returns its length. */
static size_t join_quotes(char *out, const char *in, size_t n)
{
    const char *end = in + n;
    char *start = out;

    while (in < end) {
        if (*in == '"') in++; /* its twin follows */
        *out++ = *in++;
    }
    return (size_t)(out - start);
}

static void finish_fields(struct csv *c)
{
    if (!c->escaped) return;
    str_clear(&c->joined);
    str_reserve(&c->joined, c->escaped);
    for (size_t i = 0; i < c->n; i++) {
        struct field *f = &c->fields[i];
        char *at = c->joined.p + c->joined.len;
        if (!(f->flags & FIELD_ESCAPED)) continue;
        f->len = (uint32_t)join_quotes(at, f->p, f->len);
        memset(at + f->len, 0, BLOCK_PAD);
        c->joined.len += f->len + BLOCK_PAD;
        f->p = at;
        f->flags &= ~(unsigned)FIELD_ESCAPED;
    }
}

/* Reads up to the next row that is not an empty line: 1, 0 at the end, or an error. */
static int next_row(struct csv *c)
{
    for (;;) {
        enum found found = scan_row(c);
        const struct field *f = c->fields;
        if (found == ROW_END) return 0;
        if (found == ROW_MORE) {
            size_t open = c->b->end - (size_t)(c->stop - c->b->buf);
            int rc;
            if (open > ROWS_MAX_FIELD) return fatal(c, ROW_FIELD_LIMIT);
            if ((rc = block_more(c->b, c->e))) return rc;
            scanner_start(c);
            continue;
        }
        if (found != ROW_READY) return fatal(c, found);
        if (c->n > 1 || f->len > 0 || (f->flags & FIELD_QUOTED)) break;
        c->b->start = (size_t)(c->next - c->b->buf);
        c->h->line++;
    }
    finish_fields(c);
    return 1;
}

static void row_done(struct csv *c)
{
    c->b->start = (size_t)(c->next - c->b->buf);
    c->h->line += c->row_lines;
}

/* -- header ------------------------------------------------------------------------------- */

/* What separates the fields of the first line, by majority; a comma when nothing does. */
static char guess_delimiter(const struct block *b)
{
    static const char candidates[] = ",;\t|";
    size_t count[sizeof candidates - 1] = { 0 }, best = 0;
    const char *p = b->buf + b->start, *end = b->buf + b->end;
    bool quoted = false;

    for (; p < end && (quoted || (*p != '\n' && *p != '\r')); p++) {
        const char *hit = *p ? strchr(candidates, *p) : NULL;
        if (*p == '"') quoted = !quoted;
        if (hit && !quoted) count[hit - candidates]++;
    }
    for (size_t i = 1; i < ARRAY_LEN(count); i++)
        if (count[i] > count[best]) best = i;
    return candidates[best];
}

static int check_delimiter(const struct csv *c, char d)
{
    if (d != '"' && d != '\n' && d != '\r' && (unsigned char)d < 0x80) return 0;
    return err_set(c->e, ERR_INVALID,
                   "delimiter must be one ASCII character other than a quote or a line end");
}

static int check_text(const struct csv *c)
{
    for (size_t i = 0; i < c->n; i++) {
        if (!memchr(c->fields[i].p, 0, c->fields[i].len)) continue;
        err_set(c->e, ERR_PARSE, "%s is not a text file: byte 0 in the header, column %zu",
                input_name(c->b->in), i + 1);
        return err_hint(c->e, "expected CSV or JSON lines, also as .gz or .zst");
    }
    return 0;
}

static int read_header(struct csv *c)
{
    struct row_report *r = c->r;
    int rc;

    c->delimiter = c->o->delimiter ? c->o->delimiter : guess_delimiter(c->b);
    if ((rc = check_delimiter(c, c->delimiter))) return rc;
    r->delimiter = c->h->delimiter = c->delimiter;
    scanner_start(c);
    if ((rc = next_row(c)) < 0) return rc;
    if (rc == 0) {
        err_set(c->e, ERR_PARSE, "%s is empty, expected a header line with column names",
                input_name(c->b->in));
        return err_hint(c->e, "the first line must name the columns");
    }
    if (c->bad_quote)
        return err_set(c->e, ERR_PARSE,
                       "%s: line %llu, column %zu: text behind a closing quote, "
                       "expected '%c' or the end of the line",
                       input_name(c->b->in), (unsigned long long)c->h->line, c->bad_quote,
                       c->delimiter);
    if ((rc = check_text(c))) return rc;
    c->h->n_cols = c->n;
    c->h->names = text_names(c->fields, c->n, &r->unnamed, &r->renamed);
    row_done(c);
    return c->sink->columns(c->sink->user, c->h->names, c->h->n_cols, c->e);
}

/* -- rows --------------------------------------------------------------------------------- */

static int report_bad(struct csv *c)
{
    size_t n = c->n, want = c->h->n_cols, at = c->bad_quote;

    if (at)
        return rows_bad(c->b, c->o, c->r, c->h->line, c->e,
                        "column %zu%s%.60s: text behind a closing quote, expected '%c' or the end "
                        "of the line",
                        at, at <= want ? " " : "", at <= want ? c->h->names[at - 1] : "",
                        c->delimiter);
    if (n < want)
        return rows_bad(c->b, c->o, c->r, c->h->line, c->e,
                        "%zu field%s, expected %zu: column %zu %.60s is missing", n,
                        n == 1 ? "" : "s", want, n + 1, c->h->names[n]);
    return rows_bad(c->b, c->o, c->r, c->h->line, c->e,
                    "%zu fields, expected %zu: field %zu \"%.*s\" is one too many", n, want,
                    want + 1, (int)(c->fields[want].len < 40 ? c->fields[want].len : 40),
                    c->fields[want].p);
}

static bool blank_line(const struct csv *c)
{
    const struct field *f = c->fields;

    return c->n == 1 && c->h->n_cols > 1 && !(f->flags & FIELD_QUOTED) &&
           text_trim(f->p, f->len).len == 0;
}

/* The policy for a bad row: 1 deliver it after all, 0 leave it out, or the error. */
static int treat_bad(struct csv *c)
{
    int rc = report_bad(c);

    if (rc) return rc;
    if (c->o->bad_row == BAD_ROW_SKIP) {
        c->r->skipped++;
        return 0;
    }
    if (c->bad_quote) c->fields[c->bad_quote - 1].flags = FIELD_ABSENT;
    while (c->n < c->h->n_cols) {
        if (c->n == c->cap) grow_fields(c);
        c->fields[c->n++] = (struct field){ "", 0, FIELD_ABSENT };
    }
    c->r->repaired++;
    return 1;
}

static int read_rows(struct csv *c)
{
    int rc;

    while ((rc = next_row(c)) > 0) {
        int good = 1;
        if (c->n != c->h->n_cols || c->bad_quote) {
            good = blank_line(c) ? 0 : treat_bad(c);
            if (good < 0) return good;
        }
        if (good) {
            if ((rc = c->sink->row(c->sink->user, c->fields, c->h->n_cols, c->e))) return rc;
            c->r->rows++;
        }
        row_done(c);
    }
    return rc;
}

static void release(struct csv *c)
{
    free(c->fields);
    str_done(&c->joined);
}

int csv_open(struct block *b, const struct row_options *o, const struct row_sink *sink,
             struct row_report *r, struct csv_head *ret, struct err *e)
{
    struct csv_head h = { .line = 1 };
    struct csv c = { .b = b, .o = o, .sink = sink, .r = r, .e = e, .h = &h };
    int rc;

    c.s.fill = scan_marks_best();
    rc = read_header(&c);
    release(&c);
    if (rc) csv_close(&h);
    else *ret = h;
    return rc;
}

int csv_rows(struct block *b, struct csv_head *h, const struct row_options *o,
             const struct row_sink *sink, struct row_report *r, struct err *e)
{
    struct csv c = { .b = b, .o = o, .sink = sink, .r = r, .e = e, .h = h };
    int rc;

    c.delimiter = h->delimiter;
    c.s.fill = scan_marks_best();
    scanner_start(&c);
    rc = read_rows(&c);
    release(&c);
    return rc;
}

void csv_close(struct csv_head *h)
{
    text_names_free(h->names, h->n_cols);
    *h = (struct csv_head){ 0 };
}

int csv_read(struct block *b, const struct row_options *o, const struct row_sink *sink,
             struct row_report *r, struct err *e)
{
    struct csv_head h;
    int rc = csv_open(b, o, sink, r, &h, e);

    if (rc) return rc;
    rc = csv_rows(b, &h, o, sink, r, e);
    csv_close(&h);
    return rc;
}
