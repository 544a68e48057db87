/* escalate.h: from measurements to alert states: a pure function of stored rows.
 *
 *            breach                breach (2)            breach (3) or critical
 *   none ------------> active ------------> watch ------------------------> incident
 *     ^                   |                    |                                |
 *     '---- clear_after clean windows ---------+--------------------------------'
 *
 * Only disjoint windows with at least min_rows count. A window without data neither breaks nor
 * extends a streak (freshness has rules of its own). A single clean window resets the streak
 * but leaves the state; clear_after clean windows in a row bring it to none. No clock, no
 * store: the same inputs give the same states for ever. */
#pragma once
#include "base/val.h"

enum esc_state { ESC_NONE, ESC_ACTIVE, ESC_WATCH, ESC_INCIDENT };
const char *esc_state_name(enum esc_state s);

struct esc_rule {
    const char *name, *kind, *metric; /* metric: path into a snapshot, "performance.auc.value" */
    const char *op;            /* < <= > >= ; drop, rise: from the baseline by more than value */
    double value, critical;    /* critical NaN: never at once */
    double baseline;           /* drop, rise: the promoted version's figure */
    int64_t min_rows;          /* least n behind the metric */
    int watch_after, incident_after, clear_after; /* 2, 3, 2 */
    int for_windows;           /* breaches before it becomes active; 1 */
    int keep_windows;          /* windows it stays after the condition ends; 0 */
    const char *action;        /* recommended at incident */
    /* kind budget: the value is a burn rate, how many times faster than allowed errors come:
     * share of bad answers / (1 - slo). The smaller of those over the last short and the last
     * long windows counts, so both must be beyond. good: the metric is a share of good ones. */
    double slo;
    int short_windows, long_windows;
    bool good;
};
struct esc_memory {
    enum esc_state state;
    int streak, clean;
    int64_t since_us, window_us;
    double value;
    int64_t n;
};
struct esc_sample {
    int64_t window_us;
    double value;              /* NaN: no data */
    int64_t n;
};
/* One step. A window not newer than the last one counted changes nothing. *ret_changed: the
 * state differs. */
struct esc_memory esc_step(const struct esc_rule *r, struct esc_memory m,
                           const struct esc_sample *in, bool *ret_changed);
enum esc_verdict { ESC_NO_DATA, ESC_CLEAN, ESC_BREACH, ESC_CRITICAL };
/* All that a step takes from a sample besides what it shows. */
enum esc_verdict esc_verdict(const struct esc_rule *r, const struct esc_sample *in);
bool esc_breach(const struct esc_rule *r, const struct esc_sample *in);
double esc_threshold(const struct esc_rule *r); /* as a value of the metric */
/* What to do: by state, rule kind, and whether a data-quality incident is open. */
const char *esc_action(const struct esc_rule *r, enum esc_state s, bool bad_data);

/* The rules in force: defaults (rules.def) changed and extended by a model's settings
 * (settings_model). baseline: metrics of the promoted version's run, as an object; rules that
 * refer to a figure it lacks are left out. Strings stay where they are. */
int esc_rules(struct arena *a, const struct val *monitoring, const struct val *baseline,
              struct esc_rule **ret, size_t *n, struct err *e);
const char *esc_rule_about(const char *name); /* what a rule of rules.def means; NULL: not there */
/* A rule as a value and back, exactly: how the log of an alert keeps what was in force. */
struct val *esc_rule_to_val(struct arena *a, const struct esc_rule *r);
struct esc_rule esc_rule_from_val(const struct val *v, const char *name);
/* Sample of a rule in a snapshot's data. */
struct esc_sample esc_read(const struct esc_rule *r, const struct val *snapshot,
                           int64_t window_us);

struct esc_window {            /* a measured window: the newest version of its snapshot */
    int64_t start_us, end_us, version, seq, at_us;
    const struct val *data;
};
/* Sample of the last of n windows, which are in order of time; budgets look at those before. */
struct esc_sample esc_sample(const struct esc_rule *r, const struct esc_window *w, size_t n);
double esc_burn(const struct esc_rule *r, const struct esc_window *w, size_t n, int windows,
                int64_t *ret_n);

/* Judges all rules on a new snapshot inside the caller's transaction: alert rows, events,
 * inhibition, grouping, notification jobs. How is described in app/alert_fold.h. data is the
 * parsed sn->data; seq and at_us of `sn` may be 0, then the stored row is looked up. */
struct app;
struct snapshot;
int alert_judge(struct app *app, const struct snapshot *sn, const struct val *data,
                struct err *e);
