/* escalation.c: see escalation.h. */
#include "views/escalation.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    struct status_look look;
} states[] = {
    { "none", { "✓", "none", ROLE_OK } },
    { "active", { "▲", "active", ROLE_STAGING } },
    { "watch", { "!", "watch", ROLE_WARN } },
    { "incident", { "✗", "incident", ROLE_BAD } },
};

int escalation_rank(const char *state)
{
    for (size_t i = 0; state && i < ARRAY_LEN(states); i++)
        if (strcmp(states[i].name, state) == 0) return (int)i;
    return -1;
}

struct status_look escalation_look(const char *state)
{
    int rank = escalation_rank(state);
    if (rank >= 0) return states[rank].look;
    return (struct status_look){ "·", state ? state : "–", ROLE_DIM };
}

void draw_escalation(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                     const struct listing_column *col)
{
    const char *state = val_as_str(fmt_path(c->row, col->path), NULL);
    struct status_look look = escalation_look(state);
    int rank = escalation_rank(state);
    for (int i = 0; i < ESCALATION_STEPS; i++)
        canvas_put(cv, at.x + i, at.y, i < rank ? look.role : ROLE_RULE,
                   i < rank ? 0x25cf : 0x25cb);
    /* One role from the dots to the word: every change of it costs bytes. */
    if (rank == ESCALATION_STEPS) canvas_put(cv, at.x + ESCALATION_STEPS, at.y, look.role, ' ');
    if (at.w > 5)
        canvas_fit(cv, rect_make(at.x + 4, at.y, at.w - 4, 1), look.role,
                   rank == 0 ? "ok" : look.word);
}

void draw_ladder(struct canvas *cv, struct rect at, const char *state)
{
    int x = at.x, rank = escalation_rank(state);
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct status_look look = states[i].look;
        bool here = (int)i == rank;
        int w = (int)utf8_width(look.word) + (here ? 4 : 0) + (i ? 3 : 0);
        if (x + w > at.x + at.w) return;
        if (i) x += canvas_text(cv, x, at.y, ROLE_DIM, " → ");
        if (here) x += canvas_printf(cv, x, at.y, look.role, "[%s %s]", look.glyph, look.word);
        else x += canvas_text(cv, x, at.y, (int)i < rank ? ROLE_TEXT : ROLE_DIM, look.word);
    }
}

const char *action_text(const char *action)
{
    static const char *const texts[][2] = {
        { "none", "nothing to do" },
        { "observe", "observe" },
        { "investigate", "investigate what moved" },
        { "retrain_dry_run", "try retraining (x)" },
        { "rollback", "roll back (R)" },
        { "fix_data", "fix the data first" },
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (str_eq(texts[i][0], action)) return texts[i][1];
    return action ? action : "–";
}

const char *alert_number(char buf[FMT_LEN], const struct val *alert, const char *key)
{
    static const struct {
        const char *end; /* of the metric's path into a snapshot */
        const char *unit;
        double factor;
    } units[] = {
        { "share", " %", 100 }, { "_ms", " ms", 1 },         { "_issues", "", 1 },
        { "alarms", "", 1 },    { "windows_silent", "", 1 },
    };
    const char *metric = val_get_str(val_get(alert, "detail"), "metric", "");
    double v = val_get_real(alert, key, (double)NAN);
    bool rate = str_eq(val_get_str(alert, "kind", ""), "budget"); /* of burning, no such figure */
    for (size_t i = 0; isfinite(v) && !rate && i < ARRAY_LEN(units); i++) {
        if (!str_ends(metric, units[i].end)) continue;
        snprintf(buf, FMT_LEN, "%.3g%s", v * units[i].factor, units[i].unit);
        return buf;
    }
    return fmt_metric(buf, v);
}

/* On which side of its limit a measurement is amiss. */
static const char *side_of(const char *op)
{
    static const char *const words[][2] = {
        { "<", "below" }, { "drop", "below" },     { "<=", "at or below" },
        { ">", "above" }, { ">=", "at or above" }, { "rise", "above" },
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(words[i][0], op)) return words[i][1];
    return NULL;
}

void alert_sentence(char *buf, size_t cap, const struct val *alert)
{
    const struct val *rule = val_get(val_get(alert, "detail"), "rule");
    bool budget = str_eq(val_get_str(alert, "kind", ""), "budget");
    const char *side = budget ? "above" : side_of(val_get_str(rule, "op", NULL));
    char value[FMT_LEN], limit[FMT_LEN], streak[48] = "";
    long long n = val_get_int(alert, "breach_streak", 0);
    if (n > 1) snprintf(streak, sizeof streak, " for %lld windows", n);
    snprintf(buf, cap, "%.40s %s, %s%s %s%s", val_get_str(alert, "rule", "?"),
             alert_number(value, alert, "value"), n || !side ? "" : "no longer ",
             side ? side : "limit", alert_number(limit, alert, "threshold"), streak);
}

bool alert_is_muted(const struct val *alert)
{
    return val_has(alert, "silenced_until") || val_has(alert, "inhibited_by");
}

int alerts_in(const struct val *reply, const char *state)
{
    const struct val *list = val_get(reply, "alerts");
    int n = 0;
    for (size_t i = 0; i < val_len(list); i++)
        n += str_eq(val_get_str(val_at(list, i), "state", ""), state) &&
             !alert_is_muted(val_at(list, i));
    return n;
}

struct status_look drift_look(const char *state)
{
    if (str_eq(state, "drifted")) return (struct status_look){ "!", "drifted", ROLE_WARN };
    if (str_eq(state, "ok")) return (struct status_look){ "✓", "same", ROLE_OK };
    return (struct status_look){ "·", state ? state : "–", ROLE_DIM };
}

/* -- questions --------------------------------------------------------------------------- */

static void fact(struct intent *out, const char *label, const char *text, enum role role)
{
    if (!text || !*text) return;
    intent_line(out, (struct intent_line){
                         .label = label, .from = arena_strdup(out->arena, text), .role = role });
}

void intent_alert(struct intent *out, const char *verb, const struct val *alert)
{
    static const struct {
        const char *verb, *title, *yes, *effect;
    } kinds[] = {
        { "alert ack", "Acknowledge", "acknowledge",
          "others see your name; it goes on escalating" },
        { "alert silence", "Silence", "silence", "nobody is told until then; it stays listed" },
        { "alert resolve", "Resolve", "resolve", "closed; the next breach opens it again" },
    };
    char text[160];
    size_t k = 0;
    while (k + 1 < ARRAY_LEN(kinds) && !str_eq(kinds[k].verb, verb)) k++;
    struct status_look look = escalation_look(val_get_str(alert, "state", NULL));
    out->kind = INTENT_CONFIRM;
    out->verb = kinds[k].verb;
    out->yes = kinds[k].yes;
    out->args = val_obj(out->arena);
    val_set_str(out->args, "alert", val_get_str(alert, "id", ""));
    out->text = arena_printf(out->arena, "%s %s · %s", kinds[k].title,
                             val_get_str(alert, "model", ""), val_get_str(alert, "rule", ""));
    snprintf(text, sizeof text, "%s %s", look.glyph, look.word);
    fact(out, "state", text, look.role);
    alert_sentence(text, sizeof text, alert);
    fact(out, "measured", text, ROLE_TEXT);
    fact(out, "after that", kinds[k].effect, ROLE_DIM);
    out->reason = k > 0;
    if (str_eq(verb, "alert silence")) {
        out->ask_label = "how long";
        out->ask_arg = "for";
        out->ask_text = "2h";
    }
}

/* "0.8412 against 0.9104, 0.8201–0.8600, n 1,204". */
static void evidence_line(struct intent *out, const struct val *v)
{
    char value[FMT_LEN], limit[FMT_LEN], low[FMT_LEN], high[FMT_LEN], n[FMT_LEN];
    STR_AUTO s = STR_INIT;
    bool pro = val_get_bool(v, "vote", false);
    str_addf(&s, "%s %s against %s", pro ? "!" : "·",
             fmt_metric(value, val_get_real(v, "value", (double)NAN)),
             fmt_metric(limit, val_get_real(v, "threshold", (double)NAN)));
    if (val_has(v, "low") && val_has(v, "high"))
        str_addf(&s, ", 95 %% %s–%s", fmt_metric(low, val_get_real(v, "low", 0)),
                 fmt_metric(high, val_get_real(v, "high", 0)));
    if (val_has(v, "n")) str_addf(&s, ", n %s", fmt_count(n, val_get_int(v, "n", 0)));
    fact(out, val_get_str(v, "rule", "evidence"), str_c(&s), pro ? ROLE_WARN : ROLE_TEXT);
}

static void criteria_line(struct intent *out, const struct val *c)
{
    char text[120], limit[FMT_LEN];
    if (!val_has(c, "metric")) return;
    snprintf(text, sizeof text, "%.40s passes %s within %lld windows", val_get_str(c, "metric", ""),
             fmt_metric(limit, val_get_real(c, "threshold", (double)NAN)),
             (long long)val_get_int(c, "watch_windows", 0));
    fact(out, "roll back when", text, ROLE_TEXT);
}

static bool has_vote(const struct val *evidence)
{
    for (size_t i = 0; i < val_len(evidence); i++)
        if (val_get_bool(val_at(evidence, i), "vote", false)) return true;
    return false;
}

static void decision_lines(struct intent *out, const struct val *policy, bool possible)
{
    const struct val *list = val_get(policy, "blockers");
    bool wanted = has_vote(val_get(policy, "evidence"));
    char text[80], n[FMT_LEN];
    fact(out, "decision",
         possible ? "! retrain"
         : wanted ? "✗ retraining is called for, but blocked"
                  : "✓ no retraining needed",
         possible ? ROLE_WARN
         : wanted ? ROLE_BAD
                  : ROLE_OK);
    for (size_t i = 0; i < val_len(list); i++) {
        const char *name = val_get_str(val_at(list, i), "name", "?");
        const char *detail = val_get_str(val_at(list, i), "detail", NULL);
        fact(out, "blocked by",
             arena_printf(out->arena, "✗ %s%s%s", name, detail ? ": " : "", detail ? detail : ""),
             ROLE_BAD);
    }
    list = val_get(policy, "evidence");
    for (size_t i = 0; i < val_len(list) && out->n_lines < INTENT_LINES - 4; i++)
        if (val_get_bool(val_at(list, i), "vote", false) || val_get_int(val_at(list, i), "n", 0))
            evidence_line(out, val_at(list, i));
    list = val_get(policy, "reasons");
    for (size_t i = 0; i < val_len(list) && out->n_lines < INTENT_LINES - 3; i++)
        fact(out, i ? "" : "because", val_as_str(val_at(list, i), ""), ROLE_TEXT);
    if (val_has(policy, "avoidable_misclassifications")) {
        snprintf(text, sizeof text, "%s misclassifications",
                 fmt_count(n, val_get_int(policy, "avoidable_misclassifications", 0)));
        fact(out, "could avoid", text, ROLE_TEXT);
    }
}

static void ask_retrain(const struct val *policy, struct intent *out)
{
    const char *model = val_get_str(policy, "model", "");
    const char *same = val_get_str(policy, "duplicate_of", NULL);
    bool possible = val_get_bool(policy, "should_retrain", false) &&
                    val_len(val_get(policy, "blockers")) == 0 && !same;
    char id[FMT_LEN];
    out->kind = INTENT_CONFIRM;
    out->verb = "retrain policy";
    out->text = arena_printf(out->arena, "Retrain %s?", model);
    out->args = val_obj(out->arena);
    out->yes = possible ? "queue the retraining" : NULL;
    out->reason = true;
    val_set_str(out->args, "name", model);
    val_set_bool(out->args, "dry-run", false);
    decision_lines(out, policy, possible);
    if (same) fact(out, "queued already", fmt_id(id, same), ROLE_STRONG);
    out->check_verb = "retrain policy";
    out->check_args = val_obj(out->arena);
    val_set_str(out->check_args, "name", model);
    val_set_bool(out->check_args, "dry-run", true);
    out->check_path = "should_retrain";
    out->check_value = val_bool(out->arena, true);
    if (possible) criteria_line(out, val_get(policy, "rollback_criteria"));
}

void intent_retrain(struct intent *out, const char *model)
{
    out->kind = INTENT_PREPARE;
    out->verb = "retrain policy";
    out->args = val_obj(out->arena);
    val_set_str(out->args, "name", model);
    val_set_bool(out->args, "dry-run", true);
    out->then = ask_retrain;
}
