/* alert_fold.h: the alerts of one model as a fold over what is stored, in memory.
 *
 * Inputs, in the order in which they happened: snapshots (by seq), and between them the events
 * of the alerts: `rule` (the definition in force from a window on, as JSON), `ack`, `unack`,
 * `silence`, `resolve`. Outputs: the rows and the `state` and `rule` events. No store, no clock,
 * no settings here: alert_judge.c runs one step inside a transaction, alert_replay.c runs all
 * of them and compares, so both give the same bytes.
 *
 * A window later than all before is one more step of every rule. After anything else (late
 * labels made a new version of a judged window, or a window comes after later ones) the states
 * are what the newest versions of all windows give, played in order of time from the first,
 * operators' events at the window they were made at. So states may change for the past; the
 * event then says which window was measured again. Most late windows change no verdict, or are
 * the first with labels after the last that had some; then there is nothing to play
 * (fold_needs_past). What does not change for the past:
 * - the rule: a window is judged by the definition in force when its time was first judged;
 *   settings and promotions take effect with the next later window;
 * - what an operator resolved: windows up to that one cannot open it again. */
#pragma once
#include "app/escalate.h"
#include "base/vec.h"
#include "store/alert.h"

struct fold_alert {
    struct alert row;            /* strings in the fold's arena */
    struct esc_memory m;
    int64_t counted_end_us;      /* end of the last window that counted: they must be disjoint */
    const struct val *evidence;  /* of that window, an object; NULL: none yet */
    bool stale;                  /* the evidence is of an earlier window */
    const struct val *rule;      /* in force; NULL: none */
    struct esc_rule r;           /* the same, read */
    enum esc_state told;         /* what receivers were told last */
    VEC(struct alert_event) inputs; /* rule, ack, unack and resolve, oldest first */
};
struct fold_rule {
    const char *name;
    const struct val *def;       /* esc_rule_to_val */
};
struct fold_due {                /* receivers are to be told */
    const struct fold_alert *alert;
    const char *from;            /* state they know of */
};
struct fold {
    struct arena *a;
    const char *model;
    int64_t newest_us;           /* start of the latest window judged; INT64_MIN: none */
    int64_t seq;                 /* of the last snapshot judged */
    VEC(struct esc_window) windows; /* by time; those that the next step needs, at least */
    VEC(struct fold_alert *) alerts; /* by name of the rule */
    VEC(struct alert_event) out; /* events of the last step, in order; not those put in */
    VEC(struct fold_due) due;    /* of the last step */
};
void fold_init(struct fold *f, struct arena *a, const char *model);
void fold_done(struct fold *f);
/* Takes up a stored row, found by its rule; its inputs are the caller's to push. */
struct fold_alert *fold_take(struct fold *f, const struct alert *row);
struct fold_alert *fold_find(struct fold *f, const char *alert_id);
bool fold_is_input(const char *event_type); /* types that go into inputs */
/* Puts a window in its place, over an older version of it. */
void fold_put_window(struct fold *f, const struct esc_window *w);
/* Is a window later than all judged: then rules are those of today, else NULL. */
bool fold_is_next(const struct fold *f, int64_t start_us);
/* Must all windows be there to judge this one? `windows` must have the version before it, if
 * there is one, and for budgets long_windows before and after; the alerts their inputs. */
bool fold_needs_past(struct fold *f, const struct esc_window *w);
void fold_judge(struct fold *f, const struct esc_window *w, const struct fold_rule *rules,
                size_t n_rules);
/* Every rule over all windows from the beginning; changes nothing if all is well. */
void fold_again(struct fold *f);
/* The alerts as they stood after the last window that began by then: later windows and acts are
 * passed over, and the rows finished. For looking back: such rows are never stored. */
void fold_until(struct fold *f, int64_t at_us);
/* Writes the rows' details; after the last step, before rows are stored or compared. */
void fold_finish(struct fold *f);
/* What an operator did; ev->until_us of resolve, ack and unack is set to the window it is made
 * at. The event itself is the caller's to store. */
void fold_operate(struct fold *f, struct fold_alert *al, struct alert_event *ev);

#define ALERT_ID_LEN 26
/* Between the store and a fold, for its model: rows, and with `inputs` what operators and
 * settings did; then rows, events and notifications back. Inside a transaction. */
struct app;
int alert_load(struct app *app, struct fold *f, bool inputs, struct err *e);
int alert_save(struct app *app, struct fold *f, struct err *e);
/* All alerts of a model (NULL: of all) as fold_until has them, worst first. Reads only. */
int alert_list_at(struct app *app, struct arena *a, const char *model, int64_t at_us,
                  struct alert **ret, size_t *ret_n, struct err *e);
/* The one id of (model, rule) for ever. */
void alert_make_id(char id[ALERT_ID_LEN + 1], const char *model, const char *rule);
/* What a rule's verdict on a window rests on: bounds, columns, the features that moved most. */
struct val *alert_evidence(struct arena *a, const struct esc_rule *r, const struct esc_window *w,
                           size_t n);
/* The part of a snapshot's data that alerts may need: all but the long list of features. */
struct val *alert_slim(struct arena *a, const struct val *data);
