/* runval.h: runs and experiments as the verbs answer them. Everything made here lives in the
 * arena; the strings of the rows are copied. Any thread. */
#pragma once
#include "app/reply.h"
#include "base/val.h"
#include "store/run.h"

/* RFC 3339, null when us is 0. */
void val_set_time(struct val *o, const char *key, int64_t us);
/* {run_id, experiment, name, status, start_time, end_time, duration_s, user, params{}, metrics{},
 * tags{}}. The duration of a running run is its age at now_us. */
struct val *run_to_val(struct arena *a, const struct run *r, int64_t now_us);
struct val *run_metrics_to_val(struct arena *a, const struct run *r); /* {name: latest value} */
struct val *runs_to_val(struct arena *a, const struct run *r, size_t n, int64_t now_us); /* list */
/* Table columns for a list of such objects: the fixed ones and the metrics most of them have. */
const struct reply_column *run_columns(struct arena *a, const struct run *r, size_t n);

struct val *experiment_to_val(struct arena *a, const struct experiment *x);
/* A list of strings as a NULL-terminated array; NULL when v is absent or empty. */
const char *const *val_strings(struct arena *a, const struct val *v);
