/* ingest.c: see ingest.h. Arrays of numbers and codes move from the table into the frame without
 * a copy; only dictionaries are built anew, because codec and engine do not know each other. */
#include "app/ingest.h"
#include "base/file.h"
#include "base/mem.h"
#include "codec/codec.h"
#include "codec/idx.h"
#include "codec/num.h"
#include "codec/table.h"
#include "store/blob.h"
#include "store/dataset.h"
#include <stdio.h>
#include <string.h>

static const char *const bad_row_names[] = { "error", "skip", "null" };

static bool bad_row_parse(const char *s, enum bad_row *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(bad_row_names); i++) {
        if (!str_eq(s, bad_row_names[i])) continue;
        *ret = (enum bad_row)i;
        return true;
    }
    return false;
}

static int delimiter_parse(const char *s, char *ret, struct err *e)
{
    if (str_eq(s, "\\t") || str_eq(s, "tab")) s = "\t";
    if (strlen(s) != 1) {
        err_set(e, ERR_INVALID, "--delimiter '%s' is not one character", s);
        return err_hint(e, "for example --delimiter ';' or --delimiter tab");
    }
    *ret = s[0];
    return 0;
}

int ingest_options_from(const struct val *args, struct ingest_options *ret, struct err *e)
{
    const char *bad = val_get_str(args, "on-bad-row", "error");
    const char *delimiter = val_get_str(args, "delimiter", NULL);
    struct ingest_options o = { 0 };
    int rc;

    if (!bad_row_parse(bad, &o.bad_row))
        return err_set(e, ERR_INVALID, "--on-bad-row '%s', expected error, skip or null", bad);
    if (delimiter && (rc = delimiter_parse(delimiter, &o.delimiter, e))) return rc;
    o.labels = val_get_str(args, "labels", NULL);
    *ret = o;
    return 0;
}

void ingest_options_write(const struct ingest_options *o, struct val *profile)
{
    struct val *reading = val_set_obj(profile, "reading");

    val_set_str(reading, "on_bad_row", bad_row_names[o->bad_row]);
    if (o->delimiter) val_set_strf(reading, "delimiter", "%c", o->delimiter);
}

/* -- table to frame ----------------------------------------------------------------------- */

static enum col_type col_type_of(enum cell_type t)
{
    static const enum col_type types[] = {
        [CELL_INT] = COL_INT,   [CELL_REAL] = COL_REAL,         [CELL_BOOL] = COL_BOOL,
        [CELL_TIME] = COL_TIME, [CELL_CATEGORY] = COL_CATEGORY, [CELL_TEXT] = COL_TEXT,
    };

    return types[t];
}

/* Both number strings from 0 in order of first appearance, so the codes stay as they are. */
static struct dict *dict_of_map(const struct map *m)
{
    struct dict *d = dict_new();

    for (size_t i = 0; i < map_len(m); i++) {
        size_t n;
        const char *key = map_key(m, i, &n);
        dict_add(d, key, n);
    }
    return d;
}

static int move_column(struct frame *f, struct table_column *c, size_t n_rows, struct err *e)
{
    struct dict *dict = c->code ? dict_of_map(c->dict) : NULL;
    int rc = frame_adopt(f, c->name, col_type_of(c->type), n_rows, c->num, c->code, dict, e);

    if (rc) {
        dict_unref(dict);
        return rc;
    }
    c->num = NULL;
    c->code = NULL;
    map_free(c->dict);
    c->dict = NULL;
    return 0;
}

static int frame_of_table(struct table *t, struct frame **ret, struct err *e)
{
    struct frame *f = frame_new();

    for (size_t i = 0; i < t->n_cols; i++) {
        int rc = move_column(f, &t->cols[i], t->n_rows, e);
        if (rc) {
            frame_free(f);
            return rc;
        }
    }
    f->n_rows = t->n_rows;
    *ret = f;
    return 0;
}

/* -- report ------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void note(struct ingest_report *r, uint64_t count,
                                                       const char *fmt, ...)
{
    va_list ap;

    if (count == 0 || r->n_notes == INGEST_NOTES) return;
    va_start(ap, fmt);
    vsnprintf(r->notes[r->n_notes++], sizeof r->notes[0], fmt, ap);
    va_end(ap);
}

static bool names_are_numbers(const struct table *t)
{
    double v;

    for (size_t i = 0; i < t->n_cols; i++)
        if (num_scan(t->cols[i].name, strlen(t->cols[i].name), &v) == NUM_NONE) return false;
    return true;
}

static void fill_report(struct ingest_report *r, const struct row_report *rows,
                        const struct table *t, const char *format, const char *packing)
{
    typedef unsigned long long u;

    *r = (struct ingest_report){ .rows = (int64_t)rows->rows,
                                 .columns = (int64_t)t->n_cols,
                                 .skipped = (int64_t)rows->skipped,
                                 .repaired = (int64_t)rows->repaired };
    snprintf(r->format, sizeof r->format, "%s%s", format, packing);
    memcpy(r->first_bad, rows->first_bad, sizeof r->first_bad);
    note(r, rows->skipped, "bad rows left out: %llu", (u)rows->skipped);
    note(r, rows->repaired, "bad rows kept with missing fields: %llu", (u)rows->repaired);
    note(r, rows->unnamed, "columns without a name, now column_N: %llu", (u)rows->unnamed);
    note(r, rows->renamed, "columns with the name of another one, now NAME_2 and so on: %llu",
         (u)rows->renamed);
    note(r, t->not_utf8, "fields that are not UTF-8, read as Windows-1252: %llu", (u)t->not_utf8);
    note(r, t->infinite, "infinite numbers, which count as missing: %llu", (u)t->infinite);
    note(r, names_are_numbers(t), "every column name is a number: is the header line missing?");
    note(r, rows->rows == 0, "there are no rows below the header");
}

/* -- reading ------------------------------------------------------------------------------ */

static int read_block(struct block *b, const struct ingest_options *o, struct input *labels,
                      struct frame **ret, struct ingest_report *report, struct err *e)
{
    const struct codec *codec = o->format ? codec_of_format(o->format) : codec_choose(b);
    const struct table_options to = {
        .rows = { .bad_row = o->bad_row, .delimiter = o->delimiter, .labels = labels },
        .as_text = o->as_text,
        .n_as_text = o->n_as_text,
        .cancel = o->cancel,
    };
    struct row_report rows;
    struct table t;
    int rc;

    if (!codec) return err_set(e, ERR_INVALID, "unknown data format '%s'", o->format);
    if ((rc = table_read(b, codec, &to, &t, &rows, e))) return rc;
    if (report)
        fill_report(report, &rows, &t, codec->name, input_packing_suffix(input_packing(b->in)));
    if (report && labels) note(report, 1, "labels from %s", input_name(labels));
    rc = frame_of_table(&t, ret, e);
    table_done(&t);
    return rc;
}

static bool has_images(const struct block *b)
{
    return idx_is_images(b->buf + b->start, b->end - b->start);
}

static int no_images(const char *path, struct err *e)
{
    err_set(e, ERR_INVALID, "labels: %s has no images they could belong to", path);
    return err_hint(e, "labels is for idx files of images; other data have their target as a column");
}

/* The name as it is, and with another packing. */
static const char *beside(struct arena *a, const char *path)
{
    STR_AUTO name = STR_INIT;

    if (strcmp(path, "-") == 0 || !idx_labels_name(path, &name)) return NULL;
    for (int p = INPUT_GZIP; p <= INPUT_ZSTD; p++) {
        const char *suffix = input_packing_suffix((enum input_packing)p);
        if (str_ends(str_c(&name), suffix)) name.p[name.len -= strlen(suffix)] = 0;
    }
    for (int p = INPUT_PLAIN; p <= INPUT_ZSTD; p++) {
        const char *suffix = input_packing_suffix((enum input_packing)p);
        const char *try = arena_printf(a, "%s%s", str_c(&name), suffix);
        if (file_exists(try)) return try;
    }
    return NULL;
}

/* The labels of images whose first bytes are in b: *ret stays NULL where there are none. */
static int open_labels(const struct block *b, const char *path, const struct ingest_options *o,
                       struct input **ret, struct err *e)
{
    struct arena a = ARENA_INIT;
    const char *name = o->labels;
    int rc = 0;

    if (name && !has_images(b)) rc = no_images(path, e);
    else if (!name && has_images(b)) name = beside(&a, path);
    if (rc == 0 && name) rc = input_open(ret, name, NULL, e);
    arena_done(&a);
    return rc;
}

/* path NULL: nothing lies beside the input. */
static int read_input(struct input *in, const char *path, const struct ingest_options *o,
                      struct frame **ret, struct ingest_report *report, struct err *e)
{
    struct input *labels = NULL;
    struct block b;
    int rc = block_open(&b, in, e);

    if (rc == 0) {
        if (path) rc = open_labels(&b, path, o, &labels, e);
        if (rc == 0) rc = read_block(&b, o, labels, ret, report, e);
        block_done(&b);
    }
    input_close(labels);
    input_close(in);
    return rc;
}

int ingest_labels(struct arena *a, const char *path, const char *wanted, const char **ret,
                  struct err *e)
{
    struct input *in;
    struct block b;
    int rc = input_open(&in, path, NULL, e);

    if (rc) return rc;
    *ret = NULL;
    if ((rc = block_open(&b, in, e)) == 0) {
        if (!has_images(&b)) rc = wanted ? no_images(path, e) : 0;
        else *ret = wanted ? wanted : beside(a, path);
        block_done(&b);
    }
    input_close(in);
    return rc;
}

static const struct ingest_options defaults;

int ingest_frame(const char *path, const struct ingest_options *o, struct frame **ret,
                 struct ingest_report *report, struct err *e)
{
    struct input *in;
    int rc;

    if (!o) o = &defaults;
    if ((rc = input_open(&in, path, o->label, e))) return rc;
    return read_input(in, path, o, ret, report, e);
}

int ingest_bytes(const void *p, size_t n, const struct ingest_options *o, struct frame **ret,
                 struct ingest_report *report, struct err *e)
{
    struct input *in;
    int rc;

    if (!o) o = &defaults;
    if ((rc = input_memory(&in, p, n, o->label ? o->label : "data", e))) return rc;
    return read_input(in, NULL, o, ret, report, e);
}

/* -- header only --------------------------------------------------------------------------- */

struct header {
    struct arena *a;
    const char **names;
    size_t n;
};

static int header_columns(void *user, char *const *names, size_t n, struct err *e)
{
    struct header *h = user;

    (void)e;
    h->names = arena_array(h->a, n, const char *);
    h->n = n;
    for (size_t i = 0; i < n; i++) h->names[i] = arena_strdup(h->a, names[i]);
    return 0;
}

static int header_row(void *user, const struct field *fields, size_t n, struct err *e)
{
    (void)user, (void)fields, (void)n;
    return err_set(e, ERR_CANCELLED, "the header is enough");
}

static int read_header(struct block *b, const struct ingest_options *o, struct header *h,
                       struct err *e)
{
    const struct codec *codec = o->format ? codec_of_format(o->format) : codec_choose(b);
    const struct row_options ro = { .bad_row = BAD_ROW_SKIP, .delimiter = o->delimiter };
    const struct row_sink sink = { .columns = header_columns, .row = header_row, .user = h };
    struct err stopped = ERR_INIT;
    struct row_report rows = { 0 };
    int rc;

    if (!codec || !codec->header) return 0;
    rc = codec->read(b, &ro, &sink, &rows, &stopped);
    if (rc == 0 || rc == -ERR_CANCELLED) return 0;
    if (e) *e = stopped;
    return rc;
}

int ingest_header(const char *path, const struct ingest_options *o, struct arena *a,
                  const char *const **ret, size_t *ret_n, struct err *e)
{
    struct header h = { .a = a };
    struct input *in;
    struct block b;
    int rc = input_open(&in, path, o ? o->label : NULL, e);

    if (rc) return rc;
    rc = block_open(&b, in, e);
    if (rc == 0) {
        rc = read_header(&b, o ? o : &defaults, &h, e);
        block_done(&b);
    }
    input_close(in);
    if (rc) return rc;
    *ret = h.names;
    *ret_n = h.n;
    return 0;
}

/* -- data sets ---------------------------------------------------------------------------- */

/* Options as they were at import; the caller's wish for text columns stays. */
static int stored_options(struct arena *a, const struct dataset *d, struct ingest_options *o,
                          struct err *e)
{
    struct val *profile;
    const struct val *reading;
    const char *delimiter;
    int rc = val_parse_json(a, d->profile, strlen(d->profile), &profile, e);

    if (rc) return err_prefix(e, "profile of data set %s", d->name);
    reading = val_get(profile, "reading");
    bad_row_parse(val_get_str(reading, "on_bad_row", "error"), &o->bad_row);
    delimiter = val_get_str(reading, "delimiter", "");
    o->delimiter = delimiter[0];
    o->format = d->format;
    o->labels = NULL; /* they are part of it */
    o->label = arena_printf(a, "data set %s:%lld", d->name, (long long)d->version);
    return 0;
}

static int read_dataset(struct app *app, struct arena *a, const struct dataset *d,
                        const struct ingest_options *o, struct frame **ret,
                        struct ingest_report *report, struct err *e)
{
    struct ingest_options stored = *o;
    const char *path;
    int rc = stored_options(a, d, &stored, e);

    if (rc == 0) rc = blob_path(app->store, a, d->digest, &path, e);
    if (rc) return rc;
    return ingest_frame(path, &stored, ret, report, e);
}

static int neither(struct app *app, const char *ref, struct err *e)
{
    err_set(e, ERR_NOTFOUND, "'%s' is neither a data set nor a file", ref);
    return err_hint(e, app->store ? "`signalbox data list` shows the data sets of this workspace"
                                  : "there is no workspace here; give the path of a file");
}

static int find_dataset(struct app *app, struct arena *a, const char *ref, struct dataset *ret,
                        struct err *e)
{
    if (!app->store || strchr(ref, '/') || strcmp(ref, "-") == 0) return -ERR_NOTFOUND;
    return store_dataset_get(app->store, a, ref, ret, e);
}

bool ingest_dataset(struct app *app, struct arena *a, const char *ref, struct dataset *ret)
{
    return find_dataset(app, a, ref, ret, NULL) == 0;
}

int ingest_data(struct app *app, const char *ref, const struct ingest_options *o,
                struct frame **ret, struct ingest_report *report, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct err lookup = ERR_INIT;
    struct dataset d;
    int rc = find_dataset(app, &a, ref, &d, &lookup);

    if (!o) o = &defaults;
    if (rc == 0) {
        rc = read_dataset(app, &a, &d, o, ret, report, e);
    } else if (rc != -ERR_NOTFOUND && rc != -ERR_INVALID) {
        if (e) *e = lookup;
    } else if (strcmp(ref, "-") == 0 || file_exists(ref)) {
        rc = ingest_frame(ref, o, ret, report, e);
    } else {
        rc = neither(app, ref, e);
    }
    arena_done(&a);
    return rc;
}
