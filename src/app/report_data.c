/* report_data.c: the report of a table: its columns with their histograms, how they hang
 * together, what tells about a target, what is odd. */
#include "app/report.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HISTOGRAMS = 24, TOLD = 30, PAIRS = 20 };

static double number(const struct val *o, const char *key)
{
    return val_get_real(o, key, (double)NAN);
}

static const char *joined(struct doc *d, const struct val *list)
{
    STR_AUTO s = STR_INIT;

    for (size_t i = 0; i < val_len(list); i++)
        str_addf(&s, "%s%s", i ? ", " : "", val_as_str(val_at(list, i), ""));
    return arena_strdup(d->a, str_c(&s));
}

static void spark_cell(struct doc *d, struct val *row, const struct val *column)
{
    const struct val *counts = val_get(val_get(column, "histogram"), "counts"),
                     *top = val_get(column, "top");
    struct val *o = val_obj(d->a), *list = val_set_list(o, "spark");

    for (size_t i = 0; i < val_len(counts); i++) val_push(list, val_copy(d->a, val_at(counts, i)));
    for (size_t i = 0; !counts && i < val_len(top); i++)
        val_push(list, val_copy(d->a, val_get(val_at(top, i), "count")));
    val_push(row, o);
}

static void put_columns(struct doc *d, const struct val *v)
{
    const struct val *list = val_get(v, "columns");
    struct val *t;

    doc_section(d, "Columns");
    t = doc_table(d, NULL,
                  "column|type|>missing|>distinct|values|>min|>median|>max|>outliers|note");
    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *c = val_at(list, i), *top = val_get(c, "top");
        struct val *row = doc_row(d, t);
        doc_cell_str(d, row, val_get_str(c, "name", ""));
        doc_cell_str(d, row, val_get_str(c, "type", ""));
        doc_cell(d, row, val_get(c, "missing"));
        doc_cell(d, row, val_get(c, "distinct"));
        spark_cell(d, row, c);
        doc_cell(d, row, top ? val_get(val_at(top, 0), "value") : val_get(c, "min"));
        doc_cell(d, row, val_get(val_get(c, "quantiles"), "p50"));
        doc_cell(d, row, val_get(c, "max"));
        doc_cell(d, row, val_get(val_get(c, "outliers"), "iqr"));
        doc_cell_str(d, row, joined(d, val_get(c, "flags")));
    }
}

static void put_together(struct doc *d, const struct val *v)
{
    const struct val *c = val_get(v, "correlations"), *pairs = val_get(c, "pairs");

    if (val_len(val_get(c, "columns")) < 2) return;
    doc_section(d, "How columns hang together");
    struct val *h = doc_chart(
        d, "heat", "Pearson of numbers, Cramér's V of categories, correlation ratio between them");
    val_set(h, "columns", val_copy(d->a, val_get(c, "columns")));
    val_set(h, "rows", val_copy(d->a, val_get(c, "columns")));
    val_set(h, "matrix", val_copy(d->a, val_get(c, "matrix")));
    val_set_bool(h, "signed", true);
    struct val *t = doc_table(d, "Strongest pairs",
                              "column|column|>Pearson|>Spearman|>Cramér's V|>correlation ratio");
    for (size_t i = 0; i < val_len(pairs) && i < PAIRS; i++) {
        const struct val *p = val_at(pairs, i);
        struct val *row = doc_row(d, t);
        doc_cell_str(d, row, val_get_str(p, "a", ""));
        doc_cell_str(d, row, val_get_str(p, "b", ""));
        doc_cell(d, row, val_get(p, "pearson"));
        doc_cell(d, row, val_get(p, "spearman"));
        doc_cell(d, row, val_get(p, "cramers_v"));
        doc_cell(d, row, val_get(p, "correlation_ratio"));
    }
}

static void put_target(struct doc *d, const struct val *v)
{
    static const char *const keys[] = { "auc", "eta2", "cramers_v", "pearson", "spearman" };
    const struct val *list = val_get(v, "target_relation");
    STR_AUTO title = STR_INIT;

    if (!list) return;
    str_addf(&title, "What tells about %s", val_get_str(v, "target", ""));
    doc_section(d, str_c(&title));
    struct val *bars = doc_bars(d, "Share of the target's information");
    for (size_t i = 0; i < val_len(list) && i < TOLD; i++)
        doc_bar(bars, val_get_str(val_at(list, i), "name", ""), number(val_at(list, i), "share"),
                (double)NAN, (double)NAN);
    struct val *t =
        doc_table(d, NULL, "column|>share|>AUC|>eta²|>Cramér's V|>Pearson|>Spearman|note");
    for (size_t i = 0; i < val_len(list) && i < TOLD; i++) {
        struct val *row = doc_row(d, t);
        doc_cell_str(d, row, val_get_str(val_at(list, i), "name", ""));
        doc_cell(d, row, val_get(val_at(list, i), "share"));
        for (size_t k = 0; k < ARRAY_LEN(keys); k++)
            doc_cell(d, row, val_get(val_at(list, i), keys[k]));
        doc_cell_str(d, row, val_get_str(val_at(list, i), "note", ""));
    }
}

/* Times are texts in a profile: their histograms stay in the table of columns. */
static void put_histograms(struct doc *d, const struct val *v)
{
    const struct val *list = val_get(v, "columns");
    int n = 0;

    for (size_t i = 0; i < val_len(list) && n < HISTOGRAMS; i++) {
        const struct val *c = val_at(list, i), *h = val_get(c, "histogram"),
                         *top = val_get(c, "top");
        const char *name = val_get_str(c, "name", "");
        if (!h && !val_len(top)) continue;
        if (h && val_type(val_get(h, "lo")) == VAL_STR) continue;
        if (!n++) doc_section(d, "Distributions");
        if (h) {
            struct val *b = doc_chart(d, "histogram", name);
            val_set(b, "lo", val_copy(d->a, val_get(h, "lo")));
            val_set(b, "width", val_copy(d->a, val_get(h, "width")));
            val_set(b, "counts", val_copy(d->a, val_get(h, "counts")));
            val_set_str(b, "x_label", name);
            val_set_str(b, "y_label", "rows");
            continue;
        }
        struct val *bars = doc_bars(d, name);
        for (size_t k = 0; k < val_len(top); k++)
            doc_bar(bars, val_get_str(val_at(top, k), "value", ""), number(val_at(top, k), "count"),
                    (double)NAN, (double)NAN);
    }
}

static void put_missing(struct doc *d, const struct val *v)
{
    const struct val *list = val_get(v, "missing_together");

    if (!val_len(list)) return;
    doc_section(d, "Missing together");
    struct val *t = doc_table(d, NULL, ">rows|columns");
    for (size_t i = 0; i < val_len(list); i++) {
        struct val *row = doc_row(d, t);
        doc_cell(d, row, val_get(val_at(list, i), "rows"));
        doc_cell_str(d, row, joined(d, val_get(val_at(list, i), "columns")));
    }
}

int report_data(struct doc *d, const char *data, struct err *e)
{
    struct val *args = val_obj(d->a), *tiles;
    const struct val *v;
    STR_AUTO sub = STR_INIT;
    int rc;

    val_set_str(args, "data", data);
    if (val_has(d->args, "target"))
        val_set(args, "target", val_copy(d->a, val_get(d->args, "target")));
    if ((rc = report_ask(d, "data profile", args, &v, e))) return rc;
    str_addf(&sub, "Profile of a table, %s", val_get_str(v, "format", ""));
    doc_begin(d, "data", data, str_c(&sub));
    doc_section(d, "");
    tiles = val_set_list(doc_block(d, "tiles", NULL), "items");
    doc_tile(tiles, "rows", number(v, "rows"), (double)NAN, (double)NAN);
    doc_tile(tiles, "columns", (double)val_len(val_get(v, "columns")), (double)NAN, (double)NAN);
    doc_tile(tiles, "rows without missing values", number(v, "complete_rows"), (double)NAN,
             (double)NAN);
    doc_tile(tiles, "repeated rows", number(v, "duplicate_rows"), (double)NAN, (double)NAN);
    doc_tile(tiles, "malformed rows skipped", number(v, "skipped_rows"), (double)NAN, (double)NAN);
    put_target(d, v);
    put_columns(d, v);
    put_together(d, v);
    put_histograms(d, v);
    put_missing(d, v);
    return 0;
}
