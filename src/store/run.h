/* run.h: experiments and runs: params, metrics with history, tags, artifacts, search. */
#pragma once
#include "store/store.h"
#include <stdint.h>

struct experiment {
    const char *id;          /* "0", "1", … ; "0" is "Default" and always there */
    const char *name;
    const char *lifecycle;   /* "active" | "deleted" */
    int64_t created_us, updated_us;
    int64_t n_runs;          /* active ones */
};
int store_experiment_create(struct store *s, struct arena *a, const char *name,
                            struct experiment *ret, struct err *e); /* ERR_EXISTS */
/* By name or by id; ERR_NOTFOUND. */
int store_experiment_get(struct store *s, struct arena *a, const char *name_or_id,
                         struct experiment *ret, struct err *e);
int store_experiment_list(struct store *s, struct arena *a, struct experiment **ret, size_t *n,
                          struct err *e);
int store_experiment_set_lifecycle(struct store *s, const char *id, const char *lifecycle,
                                   struct err *e);

struct metric_point {
    const char *key;
    double value;            /* NaN and infinities are stored */
    int64_t step, time_us;
};
struct run {
    const char *id, *experiment_id, *experiment, *name;
    const char *status;      /* RUNNING | SCHEDULED | FINISHED | FAILED | KILLED */
    const char *user, *lifecycle;
    int64_t start_us, end_us; /* end 0: not ended */
    struct kv *params, *tags;
    struct metric_point *metrics; /* latest value of each key */
    size_t n_params, n_tags, n_metrics;
};
/* r->id may be NULL (one is made); name may be NULL ("gbdt-ab12cd34" is the caller's business). */
int store_run_create(struct store *s, struct arena *a, struct run *r, struct err *e);
/* Sets status and end time; ERR_NOTFOUND. */
int store_run_finish(struct store *s, const char *id, const char *status, int64_t end_us,
                     struct err *e);
/* Full run. id may be a unique prefix of at least 4 digits; ERR_NOTFOUND, ERR_CONFLICT. */
int store_run_get(struct store *s, struct arena *a, const char *id, struct run *ret,
                  struct err *e);
int store_run_set_lifecycle(struct store *s, const char *id, const char *lifecycle, struct err *e);
/* A param is written once: ERR_CONFLICT when it exists with another value. */
int store_run_log_params(struct store *s, const char *id, const struct kv *kv, size_t n,
                         struct err *e);
int store_run_log_metrics(struct store *s, const char *id, const struct metric_point *m, size_t n,
                          struct err *e);
int store_run_set_tags(struct store *s, const char *id, const struct kv *kv, size_t n,
                       struct err *e);
int store_run_delete_tag(struct store *s, const char *id, const char *key, struct err *e);
/* History of one metric, by step then time. */
int store_run_history(struct store *s, struct arena *a, const char *id, const char *key,
                      struct metric_point **ret, size_t *n, struct err *e);

struct artifact { const char *path; const char *digest; int64_t size; };
int store_run_add_artifact(struct store *s, const char *id, const struct artifact *f,
                           struct err *e);
int store_run_artifacts(struct store *s, struct arena *a, const char *id, struct artifact **ret,
                        size_t *n, struct err *e);

/* A data set the run has read; the same (name, digest) again adds nothing. */
struct run_input { const char *name, *digest, *context; /* "training", … or "" */ };
int store_run_add_input(struct store *s, const char *id, const struct run_input *in,
                        struct err *e);
int store_run_inputs(struct store *s, struct arena *a, const char *id, struct run_input **ret,
                     size_t *n, struct err *e);

enum run_view { RUNS_ACTIVE, RUNS_DELETED, RUNS_ALL };
struct run_query {
    const char *const *experiments; /* names or ids, NULL-terminated; NULL: all active ones */
    const char *filter;             /* MLflow's search grammar; NULL or "": all */
    const char *const *order_by;    /* "metrics.auc DESC", NULL-terminated; NULL: start DESC */
    enum run_view view;
    int64_t limit, offset;          /* limit 0: 1000 */
};
/* Whole runs, batch-loaded. A malformed filter is ERR_INVALID and says where. */
int store_run_search(struct store *s, struct arena *a, const struct run_query *q,
                     struct run **ret, size_t *n, struct err *e);
int store_run_count(struct store *s, const struct run_query *q, int64_t *ret, struct err *e);
