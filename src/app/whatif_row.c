/* whatif_row.c: where the row of a what-if comes from, a table or the log of predictions, and
 * what is changed in it. Columns that a model uses and the source lacks are there as missing. */
#include "app/whatif.h"

#include "app/feature_pack.h"
#include "app/ingest.h"
#include "base/mem.h"
#include "store/prediction.h"

#include <math.h>
#include <string.h>

#define LOG_ROWS 100000 /* of the newest that can be chosen among */

/* ---- from a table -------------------------------------------------------------------- */

static int from_table(struct whatif *w, const char *data, int64_t row, struct frame **ret,
                      struct err *e)
{
    struct ingest_options o = { 0 };
    const char **coded;
    size_t n = 0;

    for (size_t i = 0; i < w->n_arms; i++) n += model_features(w->arm[i].model);
    o.as_text = coded = arena_array(w->a, n + 1, const char *);
    for (size_t i = 0; i < w->n_arms; i++)
        for (size_t j = 0; j < model_features(w->arm[i].model); j++) {
            enum col_type type;
            const char *name = model_feature(w->arm[i].model, j, &type);
            if (col_is_coded(type)) coded[o.n_as_text++] = name;
        }
    struct frame *all;
    struct ingest_report report;
    int rc = ingest_data(w->app, data, &o, &all, &report, e);
    if (rc) return rc;
    const uint32_t at = (uint32_t)(row - 1);
    if (row > (int64_t)all->n_rows)
        rc = err_set(e, ERR_NOTFOUND, "there is no row %lld; the table has %zu", (long long)row,
                     all->n_rows);
    else rc = frame_take(all, &at, 1, ret, e);
    frame_free(all);
    w->source = data;
    return rc;
}

/* ---- from the log -------------------------------------------------------------------- */

struct search {
    struct whatif *w;
    int64_t rows, want; /* rows with features so far; the one that is wanted, from 0 */
    struct feature_rows *packed;
    struct err *e;
};

static int count(void *user, const struct prediction *p)
{
    ((struct search *)user)->rows += p->schema_id != 0;
    return 0;
}

static int pick(void *user, const struct prediction *p)
{
    struct search *s = user;
    const char *json;

    if (p->schema_id == 0 || s->rows++ != s->want) return 0;
    int rc = prediction_schema(s->w->app->store, s->w->a, p->schema_id, &json, s->e);
    if (!rc) rc = feature_rows_schema(s->packed, p->schema_id, json, s->e);
    if (!rc) rc = feature_rows_add(s->packed, p->schema_id, p->features, p->n_bytes, s->e);
    s->w->request_id = arena_strdup(s->w->a, p->request_id);
    return rc ? rc : 1;
}

/* Looks back from the newest, farther and farther, until there are enough. */
static int span_of(struct search *s, const char *name, const struct prediction_totals *t,
                   int64_t row, int64_t *ret_from)
{
    int64_t span = 60 * INT64_C(1000000);
    int rc = 0;

    for (;; span *= 8) {
        *ret_from = t->last_us - span > t->first_us ? t->last_us - span : t->first_us;
        s->rows = 0;
        rc = prediction_each(s->w->app->store, name, *ret_from, t->last_us + 1, count, s, s->e);
        if (rc || s->rows >= row || *ret_from == t->first_us) break;
    }
    if (!rc && s->rows < row) {
        rc = err_set(s->e, ERR_NOTFOUND, "the log of %s has %lld predictions with features", name,
                     (long long)s->rows);
        err_hint(s->e, "--data FILE takes the row from a table");
    }
    s->want = s->rows - row;
    return rc;
}

static int from_log(struct whatif *w, const char *name, int64_t row, struct frame **ret,
                    struct err *e)
{
    struct search s = { .w = w, .e = e };
    struct prediction_totals t;
    int64_t from;
    int rc;

    if (row > LOG_ROWS)
        return err_set(e, ERR_LIMIT, "of the log one of the newest %d can be taken", LOG_ROWS);
    rc = prediction_totals(w->app->store, name, &t, e);
    if (!rc) rc = span_of(&s, name, &t, row, &from);
    if (rc) return rc;
    s.rows = 0;
    s.packed = feature_rows_new(NULL);
    rc = prediction_each(w->app->store, name, from, t.last_us + 1, pick, &s, e);
    if (rc == 1) rc = feature_rows_frame(s.packed, ret, e);
    else if (!rc) rc = err_set(e, ERR_BUSY, "the log of %s has changed meanwhile", name);
    feature_rows_free(s.packed);
    w->source = "log";
    return rc;
}

/* ---- changes ------------------------------------------------------------------------- */

static int add_missing(struct frame *f, const char *name, enum col_type type, struct err *e)
{
    struct column *c;
    int rc = frame_add(f, name, type, f->n_rows, &c, e);

    for (size_t i = 0; !rc && i < f->n_rows; i++) {
        if (c->code) c->code[i] = -1;
        else c->num[i] = (double)NAN;
    }
    return rc;
}

static int complete(struct whatif *w, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; i < w->n_arms; i++)
        for (size_t j = 0; j < model_features(w->arm[i].model) && !rc; j++) {
            enum col_type type;
            const char *name = model_feature(w->arm[i].model, j, &type);
            if (!frame_col(w->rows, name)) rc = add_missing(w->rows, name, type, e);
        }
    return rc;
}

static bool used(const struct whatif *w, const char *name)
{
    for (size_t i = 0; i < w->n_arms; i++)
        for (size_t j = 0; j < model_features(w->arm[i].model); j++)
            if (str_eq(model_feature(w->arm[i].model, j, NULL), name)) return true;
    return false;
}

static bool read_number(enum col_type type, const char *text, double *ret)
{
    int64_t us;

    if (type == COL_BOOL && (str_eq(text, "true") || str_eq(text, "false"))) {
        *ret = str_eq(text, "true");
        return true;
    }
    if (type == COL_TIME && clock_parse(text, strlen(text), &us)) {
        *ret = (double)us;
        return true;
    }
    return str_to_real(text, ret) && isfinite(*ret);
}

static int change(struct whatif *w, const char *name, const char *text, struct err *e)
{
    double v = (double)NAN;

    if (!used(w, name)) {
        err_set(e, ERR_INVALID, "no model here uses a column '%.200s'", name);
        return err_hint(e, "the reply without --set lists the columns");
    }
    struct column *c = &w->rows->cols[frame_index(w->rows, name)];
    if (c->code) {
        c->code[1] = *text ? dict_add(c->dict, text, strlen(text)) : -1;
        return 0;
    }
    if (*text && !read_number(c->type, text, &v))
        return err_set(e, ERR_INVALID, "column %.200s is %s: it cannot be '%.100s'", name,
                       col_type_name(c->type), text);
    c->num[1] = v;
    return 0;
}

int whatif_row(struct whatif *w, const struct val *args, struct err *e)
{
    static const uint32_t twice[] = { 0, 0 };
    const char *data = val_get_str(args, "data", NULL), *name = w->arm[0].ref.name;
    const struct val *set = val_get(args, "set");
    int64_t row = val_get_int(args, "row", 1);
    struct frame *one = NULL;
    int rc;

    if (data) rc = from_table(w, data, row, &one, e);
    else if (name) rc = from_log(w, name, row, &one, e);
    else rc = err_set(e, ERR_USAGE, "a model that is not registered has no log: say --data FILE");
    if (!rc) rc = frame_take(one, twice, 2, &w->rows, e);
    frame_free(one);
    if (!rc) rc = complete(w, e);
    for (size_t i = 0; i < val_len(set) && !rc; i++)
        rc = change(w, val_key(set, i), val_as_str(val_at(set, i), ""), e);
    return rc;
}
