/* data.c: the verbs data import and data list.
 *
 * Import puts the original bytes into the blob store first and reads them from there, so what is
 * profiled is what is kept even if the file changes meanwhile; a file that does not read leaves
 * an unnamed blob for blob_gc and no row. The row with schema and profile is one transaction. */
#include "app/data.h"
#include "app/ingest.h"
#include "app/verb.h"
#include "base/file.h"
#include "base/id.h"
#include "base/mem.h"
#include "codec/input.h"
#include "store/blob.h"
#include "store/dataset.h"
#include <stdlib.h>
#include <string.h>

#define PAIR_MAX ((size_t)4 << 30) /* bytes of a file of images that is imported */

/* -- import ------------------------------------------------------------------------------- */

static const char *schema_json(struct arena *a, const struct frame *f)
{
    struct val *list = val_list(a);
    STR_AUTO s = STR_INIT;

    for (size_t i = 0; i < f->n_cols; i++) {
        struct val *o = val_push_obj(list);
        val_set_str(o, "name", f->cols[i].name);
        val_set_str(o, "type", col_type_name(f->cols[i].type));
    }
    val_write_json(&s, list, 0);
    return arena_strdup(a, str_c(&s));
}

/* Reads the stored bytes and fills in what the import learns from them. */
static int learn(struct app *app, struct arena *a, const struct ingest_options *o,
                 struct dataset *d, struct err *e)
{
    struct val *profile = val_obj(a);
    struct ingest_report rep;
    struct frame *f;
    const char *path;
    int rc;

    if ((rc = blob_path(app->store, a, d->digest, &path, e))) return rc;
    if ((rc = ingest_frame(path, o, &f, &rep, e))) return rc;
    rc = data_write_profile(a, profile, f, &rep, e);
    if (rc == 0) {
        STR_AUTO s = STR_INIT;
        ingest_options_write(o, profile);
        val_write_json(&s, profile, 0);
        d->profile = arena_strdup(a, str_c(&s));
        d->schema = schema_json(a, f);
        d->format = arena_strdup(a, rep.format);
        d->rows = rep.rows;
        d->columns = rep.columns;
        d->skipped_rows = rep.skipped;
    }
    frame_free(f);
    return rc;
}

static const char *full_path(struct arena *a, const char *path)
{
    char *real = realpath(path, NULL);
    const char *copy = arena_strdup(a, real ? real : path);

    free(real);
    return copy;
}

static void write_dataset(struct val *o, const struct dataset *d)
{
    char at[32];

    val_set_str(o, "name", d->name);
    val_set_int(o, "version", d->version);
    val_set_strf(o, "ref", "%s:%lld", d->name, (long long)d->version);
    val_set_int(o, "rows", d->rows);
    val_set_int(o, "columns", d->columns);
    val_set_int(o, "skipped_rows", d->skipped_rows);
    val_set_str(o, "format", d->format);
    val_set_int(o, "size", d->size);
    val_set_str(o, "source", d->source);
    val_set_str(o, "created_at", clock_format(at, d->created_us));
    val_set_str(o, "digest", d->digest);
}

static int import_reply(struct reply *r, const struct dataset *d, bool is_new, struct err *e)
{
    struct arena *a = &r->arena;
    struct val *schema, *profile;
    const struct val *notes;
    STR_AUTO text = STR_INIT;
    int rc;

    if ((rc = val_parse_json(a, d->schema, strlen(d->schema), &schema, e))) return rc;
    if ((rc = val_parse_json(a, d->profile, strlen(d->profile), &profile, e))) return rc;
    r->v = val_obj(a);
    val_set_str(r->v, "id", d->id);
    write_dataset(r->v, d);
    val_set_bool(r->v, "new", is_new);
    val_set(r->v, "schema", schema);
    notes = val_get(profile, "notes");
    if (notes) val_set(r->v, "notes", val_copy(a, notes));
    str_addf(&text, "%s:%lld  %lld rows, %lld columns%s\n", d->name, (long long)d->version,
             (long long)d->rows, (long long)d->columns,
             is_new ? "" : "  (these bytes were imported before)");
    for (size_t i = 0; i < val_len(notes); i++)
        str_addf(&text, "  %s\n", val_as_str(val_at(notes, i), ""));
    r->text = arena_strdup(a, str_c(&text));
    return 0;
}

/* Refuses what cannot be a table before its bytes are copied into the workspace. */
static int check_readable(const char *file, struct err *e)
{
    struct input *in;
    int rc = input_open(&in, file, NULL, e);

    if (rc == 0) input_close(in);
    return rc;
}

static int pack_apart(const char *file, const char *labels, struct err *e)
{
    err_set(e, ERR_INVALID, "%s and %s are not packed alike", file, labels);
    return err_hint(e, "import both as they were published, or unpack both");
}

static int packing_of(const char *path, enum input_packing *ret, struct err *e)
{
    struct input *in;
    int rc = input_open(&in, path, NULL, e);

    if (rc) return rc;
    *ret = input_packing(in);
    input_close(in);
    return 0;
}

/* Images and the labels beside them become one blob: labels first, then images, which is how
 * the reader of idx files takes both from one stream. */
static int put_pair(struct app *app, const char *file, const char *labels, struct dataset *d,
                    char digest[65], struct err *e)
{
    enum input_packing a = INPUT_PLAIN, b = INPUT_PLAIN;
    STR_AUTO bytes = STR_INIT;
    int rc = packing_of(labels, &a, e);

    if (rc == 0) rc = packing_of(file, &b, e);
    if (rc == 0 && a != b) rc = pack_apart(file, labels, e);
    if (rc == 0) rc = file_read(labels, PAIR_MAX, &bytes, e);
    if (rc == 0) rc = file_read(file, PAIR_MAX, &bytes, e);
    if (rc) return rc;
    d->size = (int64_t)bytes.len;
    return blob_put(app->store, bytes.p, bytes.len, digest, e);
}

/* The file's bytes into the workspace, with those of its labels where it is one of images. */
static int put(struct app *app, struct arena *a, const char *file, const struct ingest_options *o,
               struct dataset *d, char digest[65], struct err *e)
{
    const char *labels = NULL;
    bool is_stdin = strcmp(file, "-") == 0;
    int rc = is_stdin ? 0 : check_readable(file, e);

    if (rc == 0 && !is_stdin) rc = ingest_labels(a, file, o->labels, &labels, e);
    if (rc) return rc;
    if (labels) return put_pair(app, file, labels, d, digest, e);
    return blob_put_file(app->store, is_stdin ? "/dev/stdin" : file, digest, &d->size, e);
}

int verb_data_import(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct arena *a = &r->arena;
    const char *file = val_get_str(args, "file", "");
    bool is_stdin = strcmp(file, "-") == 0;
    char digest[65], id[ULID_LEN + 1];
    struct dataset d = { .name = val_get_str(args, "name", ""), .digest = digest, .id = id };
    struct ingest_options o;
    int rc = ingest_options_from(args, &o, e);

    if (rc) return rc;
    o.label = is_stdin ? "standard input" : file;
    d.source = is_stdin ? o.label : full_path(a, file);
    id_ulid(id, clock_now(app->clock));
    rc = put(app, a, file, &o, &d, digest, e);
    o.labels = NULL; /* now part of the bytes */
    if (rc == 0) rc = learn(app, a, &o, &d, e);
    if (rc == 0) rc = store_dataset_add(app->store, &d, &d.version, e);
    if (rc == 0) {
        const char *ref = arena_printf(a, "%s:%lld", d.name, (long long)d.version);
        rc = store_dataset_get(app->store, a, ref, &d, e);
    }
    return rc ? rc : import_reply(r, &d, strcmp(d.id, id) == 0, e);
}

/* -- list --------------------------------------------------------------------------------- */

int verb_data_list(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    static const struct reply_column columns[] = {
        { "name", "name", NULL },
        { "version", "version", NULL },
        { "rows", "rows", NULL },
        { "columns", "columns", NULL },
        { "format", "format", NULL },
        { "size", "size", "bytes" },
        { "created_at", "created", "time" },
        { "source", "source", NULL },
        { NULL, NULL, NULL },
    };
    struct dataset *d;
    struct val *list;
    size_t n;
    int rc = store_dataset_list(app->store, &r->arena, &d, &n, e);

    (void)args;
    if (rc) return rc;
    r->v = val_obj(&r->arena);
    list = val_set_list(r->v, "datasets");
    for (size_t i = 0; i < n; i++) write_dataset(val_push_obj(list), &d[i]);
    reply_table(r, "datasets", columns);
    return 0;
}
