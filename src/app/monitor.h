/* monitor.h: measuring a model in production, window by window.
 *
 * A snapshot's data (JSON) has
 *   model, window_start, window_end, version (of the snapshot), model_versions{version: rows}
 *   volume, labels, label_coverage
 *   performance: accuracy, brier{value, reliability, resolution, uncertainty}, log_loss, auc,
 *     precision, recall, ece, each {value, low, high, n} with a 95 % interval; null without
 *     enough labels; estimated{accuracy, auc} by calibrated confidence without labels
 *   latency {p50_ms, p95_ms, p99_ms}
 *   freshness {data_s, pipeline_s, max_gap_s}
 *   drift {share, drifted, tested, drift (bool), profile, features[as the verb drift]},
 *     prediction_drift {method, statistic, p_value, psi, drifted}
 *   concept {detector, p0, alarms, last_alarm_at}: the error stream in event order
 *   quality {schema[], nulls[], unseen[], out_of_range[], duplicates, stuck[], issues (count)}
 * Numbers that cannot be computed are null. The same rows give the same bytes. */
#pragma once
#include "app/app.h"
#include "store/prediction.h"
#include "store/snapshot.h"

/* Window that contains a time, for a length; weeks start on Monday, days at midnight UTC. */
struct window monitor_window(int64_t at_us, int64_t length_us);
/* Measures one window now and stores its next snapshot. */
int monitor_measure(struct app *app, const char *model, struct window w, struct val **ret_data,
                    struct arena *a, struct err *e);
/* Measures every dirty, closed window of the model (NULL: of all), then judges the rules
 * (app/escalate.h) for each in order. until 0: now. ret counts windows. */
int monitor_check(struct app *app, const char *model, int64_t until_us, int64_t *ret_windows,
                  struct err *e);
/* What current windows are compared with: the reference columns of the model, from the data
 * set its Production version was trained on, or settings' `reference`. */
struct frame;
int monitor_reference(struct app *app, const char *model, struct frame **ret, struct err *e);
/* Packed features of a prediction, and back: columns of a frame by the schema's JSON. */
struct feature_packer;
