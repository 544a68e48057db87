/* data_profile.c: the verb data profile: every column, what is odd about the rows, and how the
 * columns hang together. The profile of a data set is the one made at import; only files are read
 * for it, and a data set only where a target is asked about. */
#include "app/data.h"
#include "app/verb.h"
#include "base/mem.h"
#include "engine/frame/profile.h"
#include "engine/frame/quality.h"
#include "store/dataset.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEW_ROWS = 10 }; /* of which nothing is said about being constant or unique */

/* A value as the column's type shows it: times as text, whole numbers of integers without .0 */
static void set_value(struct val *obj, const char *key, const struct column *c, double v)
{
    char buf[40];

    if (c->type == COL_TIME && !isnan(v)) val_set_str(obj, key, clock_format(buf, (int64_t)v));
    else if (c->type == COL_INT && v == trunc(v)) val_set_int(obj, key, (int64_t)v);
    else val_set_real(obj, key, v);
}

/* A difference of values: of times, seconds. */
static double span(const struct column *c, double v)
{
    return c->type == COL_TIME ? v / 1e6 : v;
}

static void write_numbers(struct arena *a, struct val *o, const struct column *c,
                          const struct profile *p)
{
    static const char *const names[] = { "p01", "p05", "p25", "p50", "p75", "p95", "p99" };
    struct val *q, *h, *counts;

    set_value(o, "min", c, p->min);
    set_value(o, "max", c, p->max);
    set_value(o, "mean", c, p->mean);
    val_set_real(o, "std", span(c, p->std));
    q = val_set_obj(o, "quantiles");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) set_value(q, names[i], c, p->q[i]);
    if (p->bins == 0) return;
    h = val_set_obj(o, "histogram");
    set_value(h, "lo", c, p->lo);
    val_set_real(h, "width", span(c, p->width));
    counts = val_set_list(h, "counts");
    for (size_t i = 0; i < p->bins; i++) val_push(counts, val_int(a, (int64_t)p->count[i]));
}

static void write_levels(struct val *o, const struct column *c, const struct profile *p)
{
    struct val *top = val_set_list(o, "top");

    if (p->n_top)
        val_set_strf(o, "most_frequent", "%s (%zu)", dict_str(c->dict, p->top_code[0], NULL),
                     p->top_count[0]);
    for (size_t i = 0; i < p->n_top; i++) {
        struct val *item = val_push_obj(top);
        val_set_str(item, "value", dict_str(c->dict, p->top_code[i], NULL));
        val_set_int(item, "count", (int64_t)p->top_count[i]);
    }
}

static void write_outliers(struct val *o, const struct column *c, const struct outliers *u)
{
    struct val *list;

    if (isnan(u->low)) return;
    o = val_set_obj(o, "outliers");
    val_set_int(o, "iqr", (int64_t)u->iqr);
    val_set_int(o, "mad", (int64_t)u->mad);
    set_value(o, "low", c, u->low);
    set_value(o, "high", c, u->high);
    list = val_set_list(o, "extreme");
    for (size_t i = 0; i < u->n; i++) {
        struct val *item = val_push_obj(list);
        val_set_int(item, "row", (int64_t)u->row[i] + 1);
        set_value(item, "value", c, c->num[u->row[i]]);
    }
}

/* What somebody who trains on the column should know of it. */
static void write_flags(struct val *o, const struct column *c, const struct profile *p)
{
    size_t known = p->rows - p->missing;
    bool ids = col_is_coded(c->type) || c->type == COL_INT;
    struct val *list = val_set_list(o, "flags");

    if (p->rows && !known) val_push_str(list, "empty");
    else if (p->missing * 2 > p->rows) val_push_str(list, "mostly missing");
    if (known < FEW_ROWS) return;
    if (p->distinct == 1) val_push_str(list, "constant");
    else if (p->mode_count >= known - known / 100) val_push_str(list, "nearly constant");
    if (p->distinct == known && ids) val_push_str(list, "unique");
}

static int write_column(struct arena *a, struct val *list, const struct column *c, size_t n_rows,
                        struct err *e)
{
    struct profile p;
    struct val *o;
    int rc = profile_column(c, n_rows, &p, e);

    if (rc) return rc;
    o = val_push_obj(list);
    val_set_str(o, "name", c->name);
    val_set_str(o, "type", col_type_name(c->type));
    val_set_int(o, "missing", (int64_t)p.missing);
    val_set_int(o, "distinct", (int64_t)p.distinct);
    write_flags(o, c, &p);
    if (col_is_coded(c->type)) {
        write_levels(o, c, &p);
        return 0;
    }
    write_numbers(a, o, c, &p);
    if (c->type == COL_BOOL) return 0;
    struct outliers u;
    rc = column_outliers(c, n_rows, &u, e);
    if (rc == 0) write_outliers(o, c, &u);
    return rc;
}

static int write_rows(struct val *o, const struct frame *f, struct err *e)
{
    struct missingness m;
    size_t duplicates;
    int rc = frame_duplicates(f, &duplicates, e);

    if (rc == 0) rc = frame_missingness(f, &m, e);
    if (rc) return rc;
    val_set_int(o, "duplicate_rows", (int64_t)duplicates);
    val_set_int(o, "complete_rows", (int64_t)m.complete);
    val_set_int(o, "missing_patterns", (int64_t)m.patterns);
    struct val *list = val_set_list(o, "missing_together");
    for (size_t i = 0; i < m.n; i++) {
        struct val *item = val_push_obj(list);
        val_set_int(item, "rows", (int64_t)m.top[i].rows);
        struct val *names = val_set_list(item, "columns");
        for (size_t c = 0; c < f->n_cols; c++)
            if (cell_missing(&f->cols[c], m.top[i].example)) val_push_str(names, f->cols[c].name);
    }
    return 0;
}

int data_write_profile(struct arena *a, struct val *o, const struct frame *f,
                       const struct ingest_report *rep, struct err *e)
{
    struct val *list;

    val_set_int(o, "rows", rep->rows);
    val_set_int(o, "skipped_rows", rep->skipped);
    val_set_str(o, "format", rep->format);
    if (rep->first_bad[0]) val_set_str(o, "first_bad_row", rep->first_bad);
    list = val_set_list(o, "notes");
    for (int i = 0; i < rep->n_notes; i++) val_push_str(list, rep->notes[i]);
    list = val_set_list(o, "columns");
    for (size_t i = 0; i < f->n_cols; i++) {
        int rc = write_column(a, list, &f->cols[i], f->n_rows, e);
        if (rc) return rc;
    }
    int rc = write_rows(o, f, e);
    return rc ? rc : data_write_correlations(a, o, f, e);
}

static void profile_table(struct reply *r)
{
    static const struct reply_column columns[] = {
        { "name", "column", NULL },     { "type", "type", NULL },
        { "missing", "missing", NULL }, { "distinct", "distinct", NULL },
        { "min", "min", NULL },         { "quantiles.p50", "median", NULL },
        { "mean", "mean", NULL },       { "max", "max", NULL },
        { "std", "std", NULL },         { "most_frequent", "most frequent", NULL },
        { NULL, NULL, NULL },
    };

    reply_table(r, "columns", columns);
}

static void target_table(struct reply *r)
{
    static const struct reply_column columns[] = {
        { "name", "column", NULL },
        { "type", "type", NULL },
        { "share", "tells", "percent" },
        { "information", "nats", "real" },
        { "auc", "auc", "real" },
        { "eta2", "eta2", "real" },
        { "cramers_v", "cramers_v", "real" },
        { "pearson", "pearson", "real" },
        { "spearman", "spearman", "real" },
        { "note", "note", NULL },
        { NULL, NULL, NULL },
    };

    reply_table(r, "target_relation", columns);
}

int verb_data_profile(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const char *ref = val_get_str(args, "data", ""), *target = val_get_str(args, "target", NULL);
    struct ingest_options o;
    struct ingest_report rep;
    struct dataset d;
    struct frame *f;
    int rc = ingest_options_from(args, &o, e);

    if (rc) return rc;
    if (target) target_table(r);
    else profile_table(r);
    bool stored = ingest_dataset(app, &r->arena, ref, &d);
    if (stored && (rc = val_parse_json(&r->arena, d.profile, strlen(d.profile), &r->v, e)))
        return rc;
    if (stored && !target) return 0;
    if ((rc = ingest_data(app, ref, &o, &f, &rep, e))) return rc;
    if (!stored) {
        r->v = val_obj(&r->arena);
        rc = data_write_profile(&r->arena, r->v, f, &rep, e);
    }
    if (rc == 0 && target) rc = data_write_target(r->v, f, target, e);
    frame_free(f);
    return rc;
}
