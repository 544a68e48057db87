/* run_priv.h: shared by run.c, run_read.c and search.c: the row of a run. */
#pragma once
#include "store/run.h"
#include "store/store_priv.h"

/* In the order run_read expects; from table run r. */
#define RUN_COLUMNS                                                                                \
    "r.rid, r.id, r.experiment_id, (SELECT x.name FROM experiment x WHERE x.id = "                 \
    "r.experiment_id),"                                                                            \
    " r.name, r.status, r.user_name, r.lifecycle, r.start_us, r.end_us"

struct run_row {
    struct run run;
    int64_t rid;
};
void run_read(struct db_stmt *st, struct arena *a, void *ret);
/* Fills in params, tags and latest metrics: a few statements for every 64 runs. */
int run_load(struct store *s, struct arena *a, struct run_row *rows, size_t n, struct err *e);
/* Row number by exact id or unique prefix. With `active`, a deleted run is ERR_STATE. */
int run_find(struct store *s, const char *id, bool active, int64_t *ret_rid, struct err *e);
/* Number of an experiment by id or name; *ret_active may be NULL. ERR_NOTFOUND. */
int experiment_find(struct store *s, const char *name_or_id, int64_t *ret, bool *ret_active,
                    struct err *e);
