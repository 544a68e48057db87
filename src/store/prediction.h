/* prediction.h: the prediction log: what models answered, and the labels that came later.
 *
 * Rows are known by (model, request_id): adding one again changes nothing and says so, so
 * ingestion can be repeated after a crash. A label may arrive before its prediction, late, or
 * again with another value (the newest by its own time wins; of two of the same time, the one
 * that sorts last, so the order of arrival never matters). Callers mark the windows of what was
 * new or changed (window_touch of snapshot.h, once per window and batch, in the same
 * transaction), which is how late labels reopen closed windows. Call adds inside a transaction,
 * tens of thousands in each: then rows share the pages they change. */
#pragma once
#include "store/store.h"
#include <stdint.h>

struct prediction {
    const char *request_id;
    int64_t at_us;            /* event time */
    int64_t version;          /* model version that answered; 0: unknown */
    const char *answer;       /* class or number as text */
    double probability;       /* of the positive or of the answered class; NaN: none */
    double latency_ms;        /* NaN: unknown */
    int64_t schema_id;        /* how `features` is packed; 0: no features */
    const void *features;
    size_t n_bytes;
    const char *label;        /* when read: NULL until one arrived */
    int64_t label_at_us;      /* when read */
};
int prediction_add(struct store *s, const char *model, const struct prediction *p, bool *ret_new,
                   struct err *e);
/* The same for n of them at once, which is faster by half: ret_new[i] says whether p[i] was new.
 * Of two with the same request the first counts. Nothing is added when one is refused. */
int prediction_add_all(struct store *s, const char *model, const struct prediction *p, size_t n,
                       bool *ret_new, struct err *e);
struct label {
    const char *request_id, *text;
    int64_t at_us;            /* when the truth was known, by its own clock */
};
struct label_effect {
    bool changed;             /* the label is new or differs from the one known */
    bool joined;              /* its prediction is there */
    int64_t prediction_us;    /* event time of that, which says the window; 0: not there */
};
int label_add(struct store *s, const char *model, const struct label *l, struct label_effect *ret,
              struct err *e);
/* Calls fn for predictions with from <= at < to, ordered by (at, request_id), joined with their
 * labels. The struct is valid during the call; a non-zero return of fn ends the walk and is
 * returned. */
int prediction_each(struct store *s, const char *model, int64_t from_us, int64_t to_us,
                    int (*fn)(void *user, const struct prediction *p), void *user, struct err *e);
struct prediction_totals {
    int64_t rows, labels, orphan_labels; /* orphans: labels without a prediction yet */
    int64_t first_us, last_us;           /* event times; 0: no rows */
    int64_t last_ingest_us;
};
int prediction_totals(struct store *s, const char *model, struct prediction_totals *ret,
                      struct err *e);
/* How many labels of any model have waited for their prediction since before then. */
int label_orphans(struct store *s, int64_t before_us, int64_t *ret, struct err *e);
/* Models that have predictions, NULL-terminated names. */
int prediction_models(struct store *s, struct arena *a, const char *const **ret, struct err *e);
/* Retention: removes predictions and labels older than that, some thousands a transaction so
 * that others can write in between; snapshots stay. Windows that began before that time are
 * closed for good: rows that still arrive there do not make them dirty. */
int prediction_prune(struct store *s, const char *model, int64_t before_us, int64_t *ret_n,
                     struct err *e);
/* Column lists of packed features (JSON), found or added; the id is stable. */
int prediction_schema_id(struct store *s, const char *columns_json, int64_t *ret, struct err *e);
int prediction_schema(struct store *s, struct arena *a, int64_t id, const char **ret_json,
                      struct err *e);
