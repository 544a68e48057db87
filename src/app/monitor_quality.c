/* monitor_quality.c: is the data of a window broken, rather than different.
 *
 *   schema        a column of the reference is missing in at least half of the rows, or holds
 *                 text where numbers belong
 *   nulls         a larger share of missing values than in the reference: one-sided
 *                 two-proportion z, Benjamini-Hochberg, and at least NULLS_FLOOR more
 *   unseen        levels the reference lacks; unseen_share counts rows with any of them
 *   out_of_range  numbers beyond the reference's least and greatest; only reported, because a
 *                 sound window of some size has a few
 *   stuck         a column of at least STUCK_DISTINCT values in the reference has just one here;
 *                 hours and weekdays stand still in short windows by their nature
 *   duplicates    rows whose features equal those of an earlier row; only reported
 * Nothing is said about windows with less than min_rows rows but schema and counts. */
#include "app/monitor_priv.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/stats/table.h"

#include <math.h>
#include <string.h>

#define NULLS_FLOOR    0.02
#define NULLS_ALPHA    0.05
#define STUCK_DISTINCT 50

struct quality {
    const struct frame *ref, *cur;
    struct measurement *ms;
    struct val *o;
    bool enough; /* rows to judge */
};

/* ---- schema ----------------------------------------------------------------------------- */

static int64_t find_schema_issues(struct quality *q)
{
    struct val *list = val_set_list(q->o, "schema");

    for (size_t i = 0; i < q->ref->n_cols; i++) {
        const struct column *c = &q->ref->cols[i];
        struct feature_seen seen = feature_rows_seen(q->ms->rows.packed, c->name);
        bool missing = seen.rows * 2 < q->cur->n_rows;
        bool other = !c->code && seen.other > 0;
        if (q->cur->n_rows == 0 || (!missing && !other)) continue;
        struct val *v = val_push_obj(list);
        val_set_str(v, "name", c->name);
        val_set_str(v, "issue", missing ? "missing" : "type");
        val_set_str(v, "expected", col_type_name(c->type));
        val_set_str(v, "found", missing ? NULL : col_type_name(seen.type));
        val_set_int(v, "rows", (int64_t)(missing ? q->cur->n_rows - seen.rows : seen.other));
    }
    return (int64_t)val_len(list);
}

/* ---- nulls ------------------------------------------------------------------------------ */

struct nulls {
    double ref, cur, p; /* shares, one-sided p */
};

static struct nulls compare_nulls(const struct column *a, size_t n, const struct column *b,
                                  size_t m)
{
    double k1 = (double)column_missing(a, n), k2 = (double)column_missing(b, m);
    struct nulls x = { k1 / (double)n, k2 / (double)m, NAN };

    if (x.cur > x.ref) x.p = two_proportion_z(k1, (double)n, k2, (double)m).p / 2;
    else x.p = 1;
    return x;
}

static int find_nulls(struct quality *q, int64_t *ret, struct err *e)
{
    struct val *list = val_set_list(q->o, "nulls");
    size_t k = q->enough ? q->ref->n_cols : 0;
    MEM_AUTO struct nulls *x = mem_zalloc(k + 1, sizeof *x);
    MEM_AUTO double *p = mem_zalloc(2 * k + 1, sizeof *p);

    for (size_t i = 0; i < k; i++) {
        x[i] = compare_nulls(&q->ref->cols[i], q->ref->n_rows, &q->cur->cols[i], q->cur->n_rows);
        p[i] = x[i].p;
    }
    int rc = p_adjust(P_BH, p, k, p + k);
    if (rc < 0) return err_set(e, ERR_NOMEM, "no memory for %zu p-values", k);
    for (size_t i = 0; i < k; i++) {
        if (!(p[k + i] < NULLS_ALPHA) || x[i].cur - x[i].ref < NULLS_FLOOR) continue;
        struct val *v = val_push_obj(list);
        val_set_str(v, "name", q->ref->cols[i].name);
        val_set_real(v, "reference", x[i].ref);
        val_set_real(v, "current", x[i].cur);
        val_set_real(v, "p_adjusted", p[k + i]);
    }
    *ret = (int64_t)val_len(list);
    return 0;
}

/* ---- levels and ranges ------------------------------------------------------------------ */

/* Marks rows with a level of c that the reference lacks; how many. *ret_example: the first. */
static size_t mark_unseen(const struct column *ref, const struct column *c, size_t n,
                          unsigned char *row, const char **ret_example)
{
    size_t k = dict_len(c->dict), found = 0;
    MEM_AUTO unsigned char *fresh = mem_zalloc(k + 1, 1);

    for (size_t i = 0; i < k; i++) {
        size_t len;
        const char *s = dict_str(c->dict, (int32_t)i, &len);
        fresh[i] = dict_find(ref->dict, s, len) < 0;
        if (fresh[i] && !*ret_example) *ret_example = s;
    }
    for (size_t i = 0; i < n; i++) {
        if (c->code[i] < 0 || !fresh[c->code[i]]) continue;
        row[i] = 1;
        found++;
    }
    return found;
}

static int find_unseen(struct quality *q, double *ret_share, struct err *e)
{
    struct val *list = val_set_list(q->o, "unseen");
    size_t n = q->cur->n_rows, rows = 0;
    MEM_AUTO unsigned char *row = mem_try_zero(n + 1, 1);

    if (!row) return err_set(e, ERR_NOMEM, "no memory for %zu rows", n);
    for (size_t i = 0; i < q->ref->n_cols; i++) {
        const char *example = NULL;
        if (!q->ref->cols[i].code) continue;
        size_t found = mark_unseen(&q->ref->cols[i], &q->cur->cols[i], n, row, &example);
        if (!found) continue;
        struct val *v = val_push_obj(list);
        val_set_str(v, "name", q->ref->cols[i].name);
        val_set_real(v, "share", (double)found / (double)n);
        val_set_str(v, "example", example);
    }
    for (size_t i = 0; i < n; i++) rows += row[i];
    *ret_share = n ? (double)rows / (double)n : (double)NAN;
    return 0;
}

static void find_out_of_range(struct quality *q)
{
    struct val *list = val_set_list(q->o, "out_of_range");

    for (size_t i = 0; i < q->ref->n_cols; i++) {
        const struct column *a = &q->ref->cols[i], *b = &q->cur->cols[i];
        size_t n = q->ref->n_rows, out = 0, values = 0;
        while (!a->code && n > 0 && isnan(a->num[n - 1])) n--; /* sorted, missing ones last */
        if (a->code || n == 0) continue;
        for (size_t k = 0; k < q->cur->n_rows; k++) {
            values += !isnan(b->num[k]);
            out += b->num[k] < a->num[0] || b->num[k] > a->num[n - 1];
        }
        if (!out) continue;
        struct val *v = val_push_obj(list);
        val_set_str(v, "name", a->name);
        val_set_real(v, "share", (double)out / (double)values);
        val_set_real(v, "low", a->num[0]);
        val_set_real(v, "high", a->num[n - 1]);
    }
}

/* ---- stuck and duplicates --------------------------------------------------------------- */

static bool many_values(const struct column *c, size_t n)
{
    size_t distinct = 0;

    if (c->code) return dict_len(c->dict) >= STUCK_DISTINCT;
    for (size_t i = 0; i < n && distinct < STUCK_DISTINCT && !isnan(c->num[i]); i++)
        distinct += i == 0 || c->num[i] != c->num[i - 1];
    return distinct >= STUCK_DISTINCT;
}

/* One value in all rows that have one, and enough of those. *ret_row: the first. */
static bool stands_still(const struct column *c, size_t n, size_t least, size_t *ret_row)
{
    size_t first = n, values = 0;

    for (size_t i = 0; i < n; i++) {
        if (c->code ? c->code[i] < 0 : isnan(c->num[i])) continue;
        if (first == n) first = i;
        if (c->code ? c->code[i] != c->code[first] : c->num[i] != c->num[first]) return false;
        values++;
    }
    *ret_row = first;
    return values >= least;
}

static int64_t find_stuck(struct quality *q)
{
    struct val *list = val_set_list(q->o, "stuck");

    for (size_t i = 0; q->enough && i < q->ref->n_cols; i++) {
        const struct column *a = &q->ref->cols[i], *b = &q->cur->cols[i];
        char text[40];
        size_t row;
        if (!stands_still(b, q->cur->n_rows, q->ms->m->min_rows, &row)) continue;
        if (!many_values(a, q->ref->n_rows)) continue;
        struct val *v = val_push_obj(list);
        val_set_str(v, "name", a->name);
        val_set_str(v, "value", column_text(b, row, text));
    }
    return (int64_t)val_len(list);
}

static int64_t count_duplicates(const struct frame *f)
{
    struct map *seen = map_new();
    int64_t n = 0;

    for (size_t i = 0; i < f->n_rows && f->n_cols > 0; i++) {
        uint64_t h = 0;
        bool fresh;
        for (size_t k = 0; k < f->n_cols; k++) {
            const struct column *c = &f->cols[k];
            double v = c->code ? c->code[i] : isnan(c->num[i]) ? (double)NAN : c->num[i];
            uint64_t part[2] = { h, 0 };
            memcpy(&part[1], &v, sizeof v);
            h = map_hash(part, sizeof part);
        }
        map_at(seen, (const char *)&h, sizeof h, &fresh);
        n += !fresh;
    }
    map_free(seen);
    return n;
}

/* ---- all -------------------------------------------------------------------------------- */

static int judge(struct quality *q, struct err *e)
{
    int64_t nulls = 0, schema = find_schema_issues(q), stuck;
    double unseen = NAN;
    int rc = find_nulls(q, &nulls, e);

    if (rc == 0) rc = find_unseen(q, &unseen, e);
    if (rc < 0) return rc;
    find_out_of_range(q);
    val_set_int(q->o, "duplicates", count_duplicates(q->cur));
    stuck = find_stuck(q);
    val_set_int(q->o, "schema_issues", schema);
    val_set_int(q->o, "null_issues", nulls);
    monitor_set_real(q->o, "unseen_share", unseen);
    val_set_int(q->o, "stuck_issues", stuck);
    val_set_int(q->o, "issues", schema + nulls + stuck + (int64_t)val_len(val_get(q->o, "unseen")));
    val_set_int(q->o, "n", (int64_t)q->cur->n_rows);
    return 0;
}

int measure_quality(struct measurement *ms, struct err *e)
{
    struct quality q = { .ref = ms->m->ref.features, .cur = ms->rows.features, .ms = ms };

    if (!q.ref || ms->rows.row.n == 0) {
        val_set_str(ms->data, "quality", NULL);
        return 0;
    }
    q.o = val_set_obj(ms->data, "quality");
    q.enough = q.cur->n_rows >= ms->m->min_rows && q.ref->n_rows >= ms->m->min_rows;
    return judge(&q, e);
}
