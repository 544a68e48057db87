/* datasets.h: state of the Data pane, shared by pane_datasets.c (feeds, lists, requests) and
 * datasets_detail.c (the column at the cursor, how columns hang together, a target). */
#pragma once
#include "views/view.h"

enum { DT_LIST, DT_PROFILE, DT_TARGET };
enum { PART_SETS, PART_COLUMNS };
enum data_page { PAGE_COLUMN, PAGE_TOGETHER, PAGE_TARGET, DATA_PAGES };

struct data {
    struct arena arena;
    const struct val *sets, *columns; /* that match the filter */
    int page;                         /* enum data_page */
    char target[100];                 /* "" none was chosen */
};

/* The column under the cursor, of the profile; NULL: none. */
const struct val *data_column(const struct view *v);
/* The page on show: of the column, of pairs, of the target. */
void data_detail_draw(struct view *v, struct canvas *cv, struct rect r);
/* Counts of a column's histogram, or of its most frequent levels; *ret_n of them, at most max. */
size_t data_counts(const struct val *column, double *out, size_t max);
