/* predict.c: the verb that scores the rows of a file and writes one line a row.
 *
 * Columns: the keys, `prediction`, and with --proba `probability` (of the positive class) or
 * `probability_<class>`. Keys are what was asked for, else the columns that identify a row: not
 * a feature of the model, and called id, ending in _id, or (if not a number) in ID. A file is
 * replaced at once when everything is computed, so a reader never sees half of it. */
#include "app/output.h"
#include "app/scoring.h"
#include "app/verb.h"
#include "base/clock.h"
#include "codec/rowout.h"

#include <stdlib.h>
#include <string.h>

struct keys {
    const struct column **col;
    size_t n;
};

static bool is_feature(const struct model *m, const char *name)
{
    for (size_t i = 0; i < model_features(m); i++)
        if (str_eq(model_feature(m, i, NULL), name)) return true;
    return false;
}

static bool identifies(const struct model *m, const struct column *c)
{
    const char *name = c->name;
    bool called_so = str_eq(name, "id") || str_ends(name, "_id") ||
                     (col_is_coded(c->type) && (str_ends(name, "ID") || str_ends(name, "Id")));

    return called_so && !is_feature(m, name);
}

static int choose_keys(struct arena *a, const struct val *wanted, const struct scoring *s,
                       struct keys *ret, struct err *e)
{
    ret->col = arena_array(a, val_len(wanted) + s->rows->n_cols + 1, const struct column *);
    ret->n = 0;
    for (size_t i = 0; i < val_len(wanted); i++) {
        const char *name = val_as_str(val_at(wanted, i), "");
        const struct column *c = frame_col(s->rows, name);
        if (!c) return err_set(e, ERR_INVALID, "--key: the data have no column %s", name);
        ret->col[ret->n++] = c;
    }
    for (size_t j = 0; !val_len(wanted) && j < s->rows->n_cols; j++)
        if (identifies(s->model, &s->rows->cols[j])) ret->col[ret->n++] = &s->rows->cols[j];
    return 0;
}

/* By the name of the file, else as the input is. */
static enum codec_id output_format(const char *out, const struct ingest_report *in)
{
    const struct codec *c = str_eq(out, "-") ? NULL : codec_of_name(out);

    if (!c) c = codec_of_format(in->format);
    return c && c->written ? (enum codec_id)(c - codecs) : CODEC_CSV;
}

/* Names of the output's columns, in the arena; *ret_n of them. */
static const char *const *header(struct arena *a, const struct keys *keys, const struct model *m,
                                 bool proba, size_t *ret_n)
{
    size_t n = 0, outputs = (size_t)model_outputs(m);
    const char **names = arena_array(a, keys->n + 1 + outputs, const char *);

    for (size_t i = 0; i < keys->n; i++) names[n++] = keys->col[i]->name;
    names[n++] = "prediction";
    if (proba && outputs == 1) names[n++] = "probability";
    for (size_t c = 0; proba && outputs > 1 && c < outputs; c++)
        names[n++] = arena_printf(a, "probability_%s", model_class(m, (int)c));
    *ret_n = n;
    return names;
}

static void put_cell(struct rowout *w, const struct column *c, size_t row)
{
    char buf[40];
    const char *s;
    size_t len;

    if (col_is_coded(c->type)) {
        if (c->code[row] < 0) {
            rowout_missing(w);
            return;
        }
        s = dict_str(c->dict, c->code[row], &len);
        rowout_text(w, s, len);
    } else if (c->type == COL_TIME && *column_text(c, row, buf)) {
        s = column_text(c, row, buf);
        rowout_text(w, s, strlen(s));
    } else {
        rowout_real(w, c->num[row]);
    }
}

/* Labels that are whole numbers are written as such. */
static void put_label(struct rowout *w, const char *label)
{
    long long i;

    if (str_to_i64(label, &i)) rowout_int(w, i);
    else rowout_text(w, label, strlen(label));
}

static void write_rows(const struct scoring *s, const struct keys *keys, bool proba,
                       struct rowout *w)
{
    size_t outputs = (size_t)model_outputs(s->model);

    for (size_t i = 0; i < s->rows->n_rows; i++) {
        const double *p = s->p + i * outputs;
        int class = model_decide(s->model, p);
        for (size_t k = 0; k < keys->n; k++) put_cell(w, keys->col[k], i);
        if (class < 0) rowout_real(w, *p);
        else put_label(w, model_class(s->model, class));
        for (size_t c = 0; proba && c < outputs; c++) rowout_real(w, p[c]);
        rowout_end(w);
    }
}

static void fill_reply(struct reply *r, const struct scoring *s, const char *out, double seconds)
{
    r->v = val_obj(&r->arena);
    val_set_int(r->v, "rows", (int64_t)s->rows->n_rows);
    val_set_real(r->v, "seconds", seconds);
    val_set_str(r->v, "out", out);
    val_set_str(r->v, "model", s->ref.name ? s->ref.name : s->ref.uri);
    if (s->ref.version) val_set_int(r->v, "version", s->ref.version);
    else val_set(r->v, "version", val_null(&r->arena));
    if (s->report.skipped) val_set_int(r->v, "skipped_rows", s->report.skipped);
}

int verb_predict(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const char *out = val_get_str(args, "out", "-");
    int64_t started = clock_mono_us();
    struct arena *a = &r->arena;
    struct scoring s;
    struct keys keys;
    struct rowout w;
    STR_AUTO text = STR_INIT;
    int rc = scoring_run(app, a, args, &s, e);

    if (rc) return rc;
    rc = choose_keys(a, val_get(args, "key"), &s, &keys, e);
    if (!rc) {
        bool proba = val_get_bool(args, "proba", false) && model_task(s.model) != TASK_REGRESSION;
        size_t n;
        const char *const *names = header(a, &keys, s.model, proba, &n);
        rowout_start(&w, &text, output_format(out, &s.report), names, n);
        write_rows(&s, &keys, proba, &w);
        rc = output_write(out, &text, e);
    }
    if (!rc) fill_reply(r, &s, out, (double)(clock_mono_us() - started) / 1e6);
    scoring_done(&s);
    return rc;
}
