/* data_relations.c: the part of a profile about columns together: which hang together, as a
 * matrix for a heat map and as the strongest pairs, and what each says about a target. Wide and
 * long tables are bounded: the first COLUMNS columns, ROWS evenly spaced rows; the reply says so.
 */
#include "app/data.h"

#include "base/mem.h"
#include "engine/frame/relation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 20000, COLUMNS = 60, TARGET_COLUMNS = 1000, MATRIX = 40, PAIRS = 50, CLASSES = 20 };

/* Two columns, with the figures that apply; `size` is what they are sorted and drawn by. */
struct pair {
    size_t i, j;
    double size, pearson, spearman, cramers_v, ratio;
};

static struct pair related(const struct relations *r, size_t i, size_t j)
{
    const double none = (double)NAN;
    struct pair p = { i, j, none, none, none, none, none };
    bool a = relations_is_coded(r, i), b = relations_is_coded(r, j);

    if (a && b) p.size = p.cramers_v = relation_cramers_v(r, i, j);
    else if (a || b) p.size = p.ratio = sqrt(a ? relation_eta2(r, i, j) : relation_eta2(r, j, i));
    else {
        p.size = p.pearson = relation_pearson(r, i, j);
        p.spearman = relation_spearman(r, i, j);
    }
    return p;
}

static double strength(const struct pair *p)
{
    double s = fmax(fabs(p->size), isnan(p->spearman) ? 0 : fabs(p->spearman));

    return isnan(s) ? -1 : s;
}

static int by_strength(const void *pa, const void *pb)
{
    const struct pair *a = pa, *b = pb;

    if (strength(a) != strength(b)) return strength(a) > strength(b) ? -1 : 1;
    if (a->i != b->i) return a->i < b->i ? -1 : 1;
    return (a->j > b->j) - (a->j < b->j);
}

static void set_known(struct val *o, const char *key, double v)
{
    if (!isnan(v)) val_set_real(o, key, v);
}

static void put_pairs(struct val *o, const struct relations *r, const struct pair *p, size_t n)
{
    struct val *list = val_set_list(o, "pairs");

    for (size_t k = 0; k < n && k < PAIRS && strength(&p[k]) >= 0; k++) {
        struct val *item = val_push_obj(list);
        val_set_str(item, "a", relations_column(r, p[k].i)->name);
        val_set_str(item, "b", relations_column(r, p[k].j)->name);
        set_known(item, "pearson", p[k].pearson);
        set_known(item, "spearman", p[k].spearman);
        set_known(item, "cramers_v", p[k].cramers_v);
        set_known(item, "correlation_ratio", p[k].ratio);
    }
}

static void put_matrix(struct arena *a, struct val *o, const struct relations *r,
                       const struct pair *p, size_t n_pairs)
{
    size_t n = relations_n(r) < MATRIX ? relations_n(r) : MATRIX;
    MEM_AUTO double *m = mem_zalloc(MATRIX * MATRIX, sizeof *m);
    struct val *names = val_set_list(o, "columns"), *rows = val_set_list(o, "matrix");

    for (size_t k = 0; k < n_pairs; k++)
        if (p[k].i < n && p[k].j < n) m[p[k].i * n + p[k].j] = m[p[k].j * n + p[k].i] = p[k].size;
    for (size_t i = 0; i < n; i++) {
        struct val *row = val_list(a);
        val_push_str(names, relations_column(r, i)->name);
        for (size_t j = 0; j < n; j++)
            val_push(row, val_real(a, i == j ? 1 : round(m[i * n + j] * 1e4) / 1e4));
        val_push(rows, row);
    }
}

int data_write_correlations(struct arena *a, struct val *o, const struct frame *f, struct err *e)
{
    const struct relations_spec spec = { .rows = ROWS, .cols = COLUMNS };
    struct relations *r;
    size_t n = 0;
    int rc = relations_new(f, &spec, &r, e);

    if (rc) return rc;
    size_t k = relations_n(r);
    MEM_AUTO struct pair *p = mem_zalloc(k * k / 2 + 1, sizeof *p);
    for (size_t i = 0; i < k; i++)
        for (size_t j = i + 1; j < k; j++) p[n++] = related(r, i, j);
    o = val_set_obj(o, "correlations");
    val_set_int(o, "rows", (int64_t)relations_rows(r));
    val_set_int(o, "columns_compared", (int64_t)k);
    put_matrix(a, o, r, p, n);
    qsort(p, n, sizeof *p, by_strength);
    put_pairs(o, r, p, n);
    relations_free(r);
    return 0;
}

/* ---- a target ---------------------------------------------------------------------------- */

/* Few whole numbers are classes, as they are in training. */
static bool is_classes(const struct column *c, size_t n_rows)
{
    double seen[CLASSES + 1];
    size_t n = 0, most = c->type == COL_INT ? CLASSES : 2;

    if (col_is_coded(c->type) || c->type == COL_BOOL) return true;
    if (c->type == COL_TIME) return false;
    for (size_t i = 0; i < n_rows; i++) {
        size_t k = 0;
        if (isnan(c->num[i])) continue;
        if (c->type == COL_REAL && c->num[i] != 0 && c->num[i] != 1) return false;
        while (k < n && seen[k] != c->num[i]) k++;
        if (k < n) continue;
        if (n == most) return false;
        seen[n++] = c->num[i];
    }
    return true;
}

struct told {
    size_t i;
    double information;
};

static int by_information(const void *pa, const void *pb)
{
    const struct told *a = pa, *b = pb;

    if (a->information != b->information) return a->information > b->information ? -1 : 1;
    return (a->i > b->i) - (a->i < b->i);
}

/* For the label that sorts last, as in training. */
static double auc_of(const struct relations *r, size_t t, size_t i)
{
    char a[40], b[40];
    double auc = relation_auc(r, t, i);
    bool turned = col_is_coded(relations_column(r, t)->type) &&
                  strcmp(relations_label(r, t, 0, a), relations_label(r, t, 1, b)) > 0;

    return turned ? 1 - auc : auc;
}

static void put_told(struct val *o, const struct relations *r, size_t t, size_t i)
{
    bool classes = relations_is_coded(r, t), coded = relations_is_coded(r, i);

    if (classes && !coded) {
        if (relations_levels(r, t) == 2) set_known(o, "auc", auc_of(r, t, i));
        set_known(o, "eta2", relation_eta2(r, t, i));
    } else if (classes) {
        set_known(o, "cramers_v", relation_cramers_v(r, t, i));
    } else if (coded) {
        set_known(o, "eta2", relation_eta2(r, i, t));
    } else {
        set_known(o, "pearson", relation_pearson(r, t, i));
        set_known(o, "spearman", relation_spearman(r, t, i));
    }
}

static void put_relation(struct val *o, const struct relations *r)
{
    size_t t = relations_target(r), n = 0;
    MEM_AUTO struct told *all = mem_zalloc(relations_n(r) + 1, sizeof *all);
    struct val *list = val_set_list(o, "target_relation");
    double entropy = relation_information(r, t, t);

    for (size_t i = 0; i < relations_n(r); i++)
        if (i != t) all[n++] = (struct told){ i, relation_information(r, t, i) };
    qsort(all, n, sizeof *all, by_information);
    for (size_t k = 0; k < n; k++) {
        struct val *item = val_push_obj(list);
        const struct column *c = relations_column(r, all[k].i);
        double share = all[k].information / entropy;
        val_set_str(item, "name", c->name);
        val_set_str(item, "type", col_type_name(c->type));
        val_set_real(item, "information", all[k].information);
        val_set_real(item, "share", share);
        put_told(item, r, t, all[k].i);
        if (share > .95) val_set_str(item, "note", "tells almost all: a leak?");
    }
}

int data_write_target(struct val *o, const struct frame *f, const char *target, struct err *e)
{
    const struct column *c = frame_col(f, target);
    struct relations_spec spec = { .rows = ROWS, .cols = TARGET_COLUMNS, .target = target };
    struct relations *r;
    int rc;

    if (!c) return err_set(e, ERR_INVALID, "--target: the data have no column %.80s", target);
    spec.classes = is_classes(c, f->n_rows);
    if ((rc = relations_new(f, &spec, &r, e))) {
        err_prefix(e, "--target");
        return rc;
    }
    val_set_str(o, "target", target);
    val_set_str(o, "target_kind", spec.classes ? "classes" : "numbers");
    val_set_int(o, "target_rows", (int64_t)relations_rows(r));
    put_relation(o, r);
    relations_free(r);
    return 0;
}
