/* report.h: a report as a tree of sections and blocks, made from what the read verbs answer and
 * rendered as markdown, as one HTML file, or as the tree itself. For report*.c.
 *
 *   {kind, title, subtitle, made_at, sections[{title, blocks[]}]}
 *   a block has a type: "text" text · "facts" items[{label, value}] · "tiles" items[{label, value,
 *   low, high, note}] · "table" title, columns[{title, right}], rows[[…]] with scalars, or
 * {spark[]} or {strong} as cells · "chart" as app/svg.h has it */
#pragma once
#include "app/app.h"
#include "app/reply.h"

struct doc {
    struct app *app;
    struct arena *a;
    const struct val *args;            /* of the verb */
    struct val *v, *sections, *blocks; /* blocks of the last section */
};
void doc_begin(struct doc *d, const char *kind, const char *title, const char *subtitle);
void doc_section(struct doc *d, const char *title);
void doc_text(struct doc *d, const char *text);
struct val *doc_block(struct doc *d, const char *type, const char *title);
struct val *doc_facts(struct doc *d);
void doc_fact(struct val *facts, const char *label,
              const char *value); /* nothing for "" and NULL */
void doc_factf(struct val *facts, const char *label, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* columns: titles separated by '|'; those that begin with '>' are right-aligned. Answers the
 * rows. */
struct val *doc_table(struct doc *d, const char *title, const char *columns);
struct val *doc_row(struct doc *d, struct val *rows);
void doc_cell(struct doc *d, struct val *row, const struct val *v); /* a copy; NULL: empty */
void doc_cell_str(struct doc *d, struct val *row, const char *s);
void doc_cell_real(struct doc *d, struct val *row, double v); /* NaN: empty */
void doc_cell_strong(struct doc *d, struct val *row, const struct val *v);
struct val *doc_chart(struct doc *d, const char *chart, const char *title);
struct doc_plot {
    struct val *chart, *series;
};
struct doc_plot doc_line(struct doc *d, const char *title, const char *x_label,
                         const char *y_label);
struct val *doc_series(struct doc_plot p, const char *name); /* its points */
struct val *doc_bars(struct doc *d, const char *title);      /* its items */
void doc_point(struct doc *d, struct val *points, double x, double y);
void doc_point_range(struct doc *d, struct val *points, double x, double y, double low,
                     double high);
void doc_bar(struct val *bars, const char *label, double value, double low, double high);
void doc_tile(struct val *tiles, const char *label, double value, double low, double high);

/* What a read verb answers with these arguments; copied into the arena. */
int report_ask(struct doc *d, const char *verb, const struct val *args, const struct val **ret,
               struct err *e);

int report_run(struct doc *d, const char *run, struct err *e);
int report_comparison(struct doc *d, const struct val *runs, struct err *e);
int report_model(struct doc *d, const char *name, const char *which,
                 struct err *e); /* which NULL: all */
int report_data(struct doc *d, const char *data, struct err *e);
/* Sections of a model: what it looks at, and, with --data, how well it does there. */
int report_importance(struct doc *d, const char *uri, struct err *e);
int report_evaluation(struct doc *d, const char *uri, struct err *e);
void report_curves(struct doc *d, const struct val *history, const char *title);
void report_metrics(struct doc *d, const struct val *metrics);

/* Does any row of this table have something in this column? If not, it is left out. */
bool report_column_used(const struct val *table, size_t column);
void report_write_html(struct str *out, const struct val *doc);
void report_write_markdown(struct str *out, const struct val *doc);
