/* monitor.h: measuring a model in production, window by window.
 *
 * A snapshot's data (JSON) has, always all of it,
 *   model, window_start, window_end, version (of the snapshot), model_versions{version: rows}
 *   volume, labels, label_coverage
 *   reference {data, version, rows, scores}: what the window is compared with; scores: rows of
 *     the reference whose score is known; null: there is none
 *   performance {task, positive, accuracy, precision, recall, brier{…, reliability, resolution,
 *     uncertainty}, log_loss, auc, ece; of regressions rmse, mae}, each {value, low, high, n}
 *     with a 95 % interval; figures are null with less than min_labels labels
 *   estimated {accuracy, auc, brier, n, calibrated}: what the probabilities promise without labels
 *   latency {p50_ms, p95_ms, p99_ms, n}
 *   freshness {data_s: from the newest prediction to the window's end, max_gap_s, windows_silent,
 *     n}, label_delay {p50_s, p95_s}
 *   drift {share, table_share (share, or 0 where fewer drifted than make a drift of the table),
 *     drifted, tested, drift (bool), profile, season, n, features[as the verb drift, with
 *     season_effect, and bins {labels[], reference[], current[]} of counts]}
 *   prediction_drift {method, statistic, p_value, effect (0 where it is no drift), effect_raw, psi,
 *     js, drifted, state, n, bins{…}}; null without scores to compare with
 *   multivariate {method, its figure (auc or error) and expected, each {value, low, high, n}, p_value,
 *     effect (0 where it is no drift), effect_raw, effect_floor, n_reference, n_current, drifted,
 *     state, features [{name, share}], note, n}; null unless settings' `multivariate` names a method
 *   concept {detector, p0, alarms, last_alarm_at, n}: the error stream in event order; the
 *     window before is its lead-in, alarms there do not count
 *   quality {schema[], nulls[], unseen[], out_of_range[], duplicates, stuck[], schema_issues,
 *     null_issues, unseen_share, stuck_issues, issues, n}
 * Numbers that cannot be computed are null. The same rows, settings and Production version give
 * the same bytes: no clock is read.
 *
 * A window nobody sent anything in has volume 0 and everything else null but
 * freshness.windows_silent, how many windows in a row were silent. Only the windows behind the
 * newest prediction become silent ones, and of those the first MONITOR_SILENT: a model that
 * nobody asks any more is retired, not broken. */
#pragma once
#include "app/app.h"
#include "store/prediction.h"
#include "store/snapshot.h"

#define MONITOR_SILENT 14

/* Window that contains a time, for a length; weeks start on Monday, days at midnight UTC. */
struct window monitor_window(int64_t at_us, int64_t length_us);
/* The model's settings (app/settings.h) and its window length. */
int monitor_settings(struct app *app, struct arena *a, const char *model, const struct val **ret,
                     int64_t *ret_length_us, struct err *e);
/* A time among a verb's arguments; absent: *ret_us stays as it is. */
int monitor_time(const struct val *args, const char *key, int64_t *ret_us, struct err *e);
/* Measures one window now and stores its next snapshot. ret_data may be NULL. */
int monitor_measure(struct app *app, const char *model, struct window w, struct val **ret_data,
                    struct arena *a, struct err *e);
/* Measures every dirty window of the model (NULL: of all) that ended by until_us, oldest first,
 * and judges the rules (app/escalate.h) on each in the transaction that stores it. A crash
 * between two windows loses nothing: what was not stored is still dirty. until 0: now. ret counts
 * windows. */
int monitor_check(struct app *app, const char *model, int64_t until_us, int64_t *ret_windows,
                  struct err *e);
/* What current windows are compared with: the reference columns of the model, from the data
 * set its Production version was trained on, or settings' `reference`. *ret NULL: there is
 * none. The caller frees it. */
struct frame;
int monitor_reference(struct app *app, const char *model, struct frame **ret, struct err *e);
/* Metrics of the run behind the Production version, {} when there is none. */
int monitor_baseline(struct app *app, struct arena *a, const char *model, struct val **ret,
                     struct err *e);
