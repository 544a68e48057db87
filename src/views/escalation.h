/* escalation.h: how states of alerts and drift verdicts look, and the questions about them; shared
 * by the panes Overview, Monitor and Alerts. Every state has a glyph and a word of its own, so a
 * screen without colour reads the same. Replies are those of alert list, monitor status and
 * retrain policy. The loop's thread. */
#pragma once
#include "views/view.h"

enum { ESCALATION_STEPS = 3 };          /* active, watch, incident */
int escalation_rank(const char *state); /* 0 none … 3 incident; -1: unknown */
struct status_look escalation_look(const char *state);
/* "●●○ watch": the steps climbed, then the word where there is room. */
void draw_escalation(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                     const struct listing_column *col);
/* "none → active → [! watch] → incident" in one line. */
void draw_ladder(struct canvas *cv, struct rect at, const char *state);
/* What is recommended, in words. */
const char *action_text(const char *recommended_action);
/* Field value or threshold of an alert in the unit of its metric: "0.8412", "60 %", "310 ms", "3". */
const char *alert_number(char buf[FMT_LEN], const struct val *alert, const char *key);
/* "auc 0.8412, below 0.9104 for 3 windows"; "auc 0.9200, no longer below 0.9104". */
void alert_sentence(char *buf, size_t cap, const struct val *alert);
/* How many alerts of a reply of alert list are in a state and neither silenced nor explained by
 * another. */
int alerts_in(const struct val *reply, const char *state);
bool alert_is_muted(const struct val *alert);

struct status_look drift_look(const char *state); /* verdict on a feature */

/* Asks whether to acknowledge, silence or resolve. */
void intent_alert(struct intent *out, const char *verb, const struct val *alert);
/* Reads the retrain policy without doing anything, shows decision, evidence and blockers, and
 * offers to queue the job where nothing stands against it. */
void intent_retrain(struct intent *out, const char *model);
