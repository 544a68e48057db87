/* idx.c: see idx.h. What a head promises is compared with what is there before memory is taken
 * for it: labels are kept as they come, images are delivered row by row from the window. Fields
 * are the decimal texts of the 256 bytes, so everything behind a reader works as for CSV. */
#include "codec/idx.h"
#include "base/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DIMS   4
#define UBYTE      0x08
#define MAX_LABELS ((size_t)1 << 30)
#define LABEL      "label"

struct head {
    size_t dims, n, size; /* items, and bytes of each */
};

struct labels {
    uint8_t *p;
    size_t n;
};

/* Texts of all bytes, at four bytes' distance, and what readers of fields may look behind. */
struct texts {
    char s[256 * 4 + BLOCK_PAD];
    uint8_t len[256];
};

static bool known_type(uint8_t t)
{
    return t == UBYTE || t == 0x09 || (t >= 0x0b && t <= 0x0e);
}

bool idx_is(const char *p, size_t n)
{
    return n >= 4 && p[0] == 0 && p[1] == 0 && known_type((uint8_t)p[2]) && p[3] >= 1 &&
           p[3] <= MAX_DIMS;
}

bool idx_is_images(const char *p, size_t n)
{
    return idx_is(p, n) && p[3] > 1;
}

bool idx_labels_name(const char *path, struct str *ret)
{
    const char *slash = strrchr(path, '/'), *at = NULL, *next = slash ? slash + 1 : path;

    while ((next = strstr(next, "images"))) at = next++;
    if (!at) return false;
    str_addf(ret, "%.*slabels", (int)(at - path), path);
    for (at += strlen("images"); *at; at++) {
        bool three = strncmp(at, "idx3", 4) == 0;
        str_addf(ret, "%.*s", three ? 4 : 1, three ? "idx1" : at);
        at += three ? 3 : 0;
    }
    return true;
}

/* ---- bytes --------------------------------------------------------------------------- */

static size_t have(const struct block *b)
{
    return b->end - b->start;
}

/* At least n bytes in the window; fewer only at the end of the input. */
static int need(struct block *b, size_t n, struct err *e)
{
    int rc = 0;

    while (rc == 0 && have(b) < n && !b->eof) rc = block_more(b, e);
    return rc;
}

static int broken(const struct block *b, struct err *e, const char *what)
{
    err_set(e, ERR_PARSE, "%s: %s", input_name(b->in), what);
    return err_hint(e, "an idx file is 0 0 8, the number of dimensions, their sizes in four bytes "
                       "each, and the bytes");
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int read_head(struct block *b, struct head *ret, struct err *e)
{
    struct head h = { .size = 1 };
    const uint8_t *p;
    int rc = need(b, 4, e);

    if (rc) return rc;
    p = (const uint8_t *)b->buf + b->start;
    if (!idx_is((const char *)p, have(b))) return broken(b, e, "this is no idx file");
    if (p[2] != UBYTE)
        return err_set(e, ERR_PARSE,
                       "%s: its numbers are of type 0x%02x; only unsigned bytes (0x08) "
                       "are read",
                       input_name(b->in), p[2]);
    h.dims = p[3];
    if ((rc = need(b, 4 + 4 * h.dims, e))) return rc;
    if (have(b) < 4 + 4 * h.dims) return broken(b, e, "it ends within its head");
    p = (const uint8_t *)b->buf + b->start + 4;
    h.n = be32(p);
    for (size_t i = 1; i < h.dims; i++) {
        size_t side = be32(p + 4 * i);
        if (side == 0) return broken(b, e, "its images have no pixels");
        if (side >= ROWS_MAX_COLUMNS / h.size)
            return err_set(e, ERR_LIMIT, "%s: its images have more than %d pixels",
                           input_name(b->in), ROWS_MAX_COLUMNS - 1);
        h.size *= side;
    }
    b->start += 4 + 4 * h.dims;
    *ret = h;
    return 0;
}

static int too_short(const struct block *b, size_t got, const struct head *h, struct err *e)
{
    err_set(e, ERR_PARSE, "%s: it ends after %zu of %zu %s", input_name(b->in), got, h->n,
            h->dims > 1 ? "images" : "labels");
    return err_hint(e, "the file was cut off; fetch it again");
}

static int read_labels(struct block *b, const struct head *h, struct labels *l, struct err *e)
{
    size_t cap = 0;

    if (h->n > MAX_LABELS)
        return err_set(e, ERR_LIMIT, "%s: %zu labels are too many", input_name(b->in), h->n);
    while (l->n < h->n) {
        int rc = need(b, 1, e);
        size_t part = have(b) < h->n - l->n ? have(b) : h->n - l->n;
        if (rc) return rc;
        if (part == 0) return too_short(b, l->n, h, e);
        if (l->n + part > cap) {
            cap = 2 * (l->n + part);
            uint8_t *p = mem_try_grow(l->p, cap, 1);
            if (!p) return err_set(e, ERR_NOMEM, "no memory for %zu labels", h->n);
            l->p = p;
        }
        memcpy(l->p + l->n, b->buf + b->start, part);
        l->n += part;
        b->start += part;
    }
    return 0;
}

/* Labels of a file of their own. */
static int labels_beside(struct input *in, struct labels *l, struct err *e)
{
    struct head h;
    struct block b;
    int rc = input_rewind(in, e);

    if (rc == 0) rc = block_open(&b, in, e);
    if (rc) return rc;
    rc = read_head(&b, &h, e);
    if (rc == 0 && h.dims != 1)
        rc = err_set(e, ERR_PARSE, "%s: these are images, expected labels", input_name(in));
    if (rc == 0) rc = read_labels(&b, &h, l, e);
    block_done(&b);
    return rc;
}

/* ---- rows ---------------------------------------------------------------------------- */

static void make_texts(struct texts *t)
{
    memset(t->s, 0, sizeof t->s);
    for (int v = 0; v < 256; v++) t->len[v] = (uint8_t)snprintf(t->s + 4 * v, 4, "%d", v);
}

static int announce(const struct row_sink *sink, size_t pixels, bool labelled, struct err *e)
{
    size_t n = pixels + labelled;
    char(*text)[32] = mem_zalloc(n, sizeof *text);
    char **names = mem_zalloc(n, sizeof *names);
    int rc;

    for (size_t i = 0; i < n; i++) {
        if (i < pixels) snprintf(text[i], sizeof text[i], "pixel_%zu", i);
        else snprintf(text[i], sizeof text[i], LABEL);
        names[i] = text[i];
    }
    rc = sink->columns(sink->user, names, n, e);
    free(names);
    free(text);
    return rc;
}

static void set_field(const struct texts *t, uint8_t v, struct field *f)
{
    *f = (struct field){ t->s + 4 * v, t->len[v], 0 };
}

/* A row of labels alone has no pixels. */
struct rows_out {
    struct texts texts;
    const struct row_sink *sink;
    struct row_report *report;
    struct field *field;
};

static int put_row(struct rows_out *o, const uint8_t *pixel, size_t pixels, const uint8_t *label,
                   struct err *e)
{
    int rc;

    for (size_t i = 0; i < pixels; i++) set_field(&o->texts, pixel[i], &o->field[i]);
    if (label) set_field(&o->texts, *label, &o->field[pixels]);
    rc = o->sink->row(o->sink->user, o->field, pixels + (label != NULL), e);
    o->report->rows += rc == 0;
    return rc;
}

static int put_images(struct block *b, const struct head *h, const struct labels *l,
                      struct rows_out *o, struct err *e)
{
    for (size_t i = 0; i < h->n; i++) {
        int rc = need(b, h->size, e);
        if (rc) return rc;
        if (have(b) < h->size) return too_short(b, i, h, e);
        rc = put_row(o, (const uint8_t *)b->buf + b->start, h->size, l->n ? &l->p[i] : NULL, e);
        if (rc) return rc;
        b->start += h->size;
    }
    return 0;
}

static int counts_differ(const struct block *b, size_t labels, size_t images, struct err *e)
{
    err_set(e, ERR_PARSE, "%s: %zu images but %zu labels", input_name(b->in), images, labels);
    return err_hint(e, "the files are not of one set");
}

static int read_images(struct block *b, const struct head *h, const struct labels *l,
                       struct rows_out *o, struct err *e)
{
    int rc;

    if (l->p && l->n != h->n) return counts_differ(b, l->n, h->n, e);
    o->field = mem_zalloc(h->size + 1, sizeof *o->field);
    rc = announce(o->sink, h->size, l->n > 0, e);
    return rc ? rc : put_images(b, h, l, o, e);
}

static int labels_alone(const struct labels *l, struct rows_out *o, struct err *e)
{
    int rc = announce(o->sink, 0, true, e);

    o->field = mem_zalloc(1, sizeof *o->field);
    for (size_t i = 0; rc == 0 && i < l->n; i++) rc = put_row(o, NULL, 0, &l->p[i], e);
    return rc;
}

static int read_arrays(struct block *b, const struct row_options *opt, struct labels *l,
                       struct rows_out *o, struct err *e)
{
    struct head h;
    int rc = opt->labels ? labels_beside(opt->labels, l, e) : 0;

    if (rc == 0) rc = read_head(b, &h, e);
    if (rc == 0 && h.dims == 1) {
        if (l->p) return broken(b, e, "these are labels, expected images");
        rc = read_labels(b, &h, l, e);
        if (rc == 0) rc = need(b, 1, e);
        if (rc == 0 && have(b) == 0) return labels_alone(l, o, e);
        if (rc == 0) rc = read_head(b, &h, e);
        if (rc == 0 && h.dims == 1) return broken(b, e, "labels follow labels");
    }
    if (rc == 0) rc = read_images(b, &h, l, o, e);
    if (rc == 0) rc = need(b, 1, e);
    if (rc == 0 && have(b) > 0) return broken(b, e, "there are bytes after the last image");
    return rc;
}

int idx_read(struct block *b, const struct row_options *o, const struct row_sink *sink,
             struct row_report *r, struct err *e)
{
    struct rows_out *out = mem_zalloc(1, sizeof *out);
    struct labels l = { NULL, 0 };
    int rc;

    out->sink = sink;
    out->report = r;
    make_texts(&out->texts);
    rc = read_arrays(b, o, &l, out, e);
    free(out->field);
    free(out);
    free(l.p);
    return rc;
}
