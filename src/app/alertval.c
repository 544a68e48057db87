/* alertval.c: see alertval.h. */
#include "app/alertval.h"

#include "app/alert_fold.h"
#include "app/runval.h"

#include <string.h>

const struct reply_column alert_columns[] = {
    { "id", "id", "id" },
    { "model", "model", NULL },
    { "rule", "rule", NULL },
    { "state", "state", NULL },
    { "value", "value", "real" },
    { "threshold", "threshold", "real" },
    { "breach_streak", "streak", NULL },
    { "since", "since", "time" },
    { "recommended_action", "do", NULL },
    { "acked_by", "acked by", NULL },
    { "inhibited_by", "muted by", NULL },
    { NULL, NULL, NULL },
};

static int64_t level_of(const char *state)
{
    int64_t level = ESC_INCIDENT;
    while (level > ESC_NONE && !str_eq(esc_state_name((enum esc_state)level), state)) level--;
    return level;
}

static void set_str_or_null(struct arena *a, struct val *o, const char *key, const char *s)
{
    val_set(o, key, val_str(a, s));
}

struct val *alert_to_val(struct arena *a, const struct alert *al, int64_t now_us)
{
    struct val *o = val_obj(a), *detail = NULL;

    val_set_str(o, "id", al->id);
    val_set_str(o, "model", al->model);
    val_set_str(o, "rule", al->rule);
    val_set_str(o, "kind", al->kind);
    val_set_str(o, "severity", al->severity);
    val_set_str(o, "state", al->state);
    val_set_real(o, "value", al->value);
    val_set_real(o, "threshold", al->threshold);
    val_set_int(o, "n", al->n);
    val_set_int(o, "breach_streak", al->streak);
    val_set_int(o, "clean_streak", al->clean);
    val_set_int(o, "escalation_level", level_of(al->state));
    val_set_str(o, "recommended_action", al->recommended_action);
    val_set_time(o, "since", al->since_us);
    val_set_time(o, "window_start", al->window_us);
    set_str_or_null(a, o, "acked_by", al->acked_by);
    val_set_time(o, "acked_at", al->acked_us);
    val_set_time(o, "silenced_until", al->silenced_until_us > now_us ? al->silenced_until_us : 0);
    val_set_time(o, "resolved_at", al->resolved_us);
    set_str_or_null(a, o, "inhibited_by", al->inhibited_by);
    set_str_or_null(a, o, "group", al->group);
    if (val_parse_json(a, al->detail, strlen(al->detail), &detail, NULL)) detail = val_obj(a);
    val_set(o, "detail", detail);
    val_set_time(o, "updated_at", al->updated_us);
    set_str_or_null(a, o, "about", esc_rule_about(al->rule)); /* prose: the last column of a CSV */
    return o;
}

struct val *alert_event_to_val(struct arena *a, const struct alert_event *ev)
{
    struct val *o = val_obj(a);

    val_set_int(o, "seq", ev->seq);
    val_set_time(o, "at", ev->at_us);
    val_set_str(o, "type", ev->type);
    set_str_or_null(a, o, "from", ev->from);
    set_str_or_null(a, o, "to", ev->to);
    val_set_str(o, "actor", ev->actor);
    val_set_str(o, "reason", ev->reason);
    val_set_time(o, "until", str_eq(ev->type, "silence") ? ev->until_us : 0);
    val_set_int(o, "snapshot_seq", ev->snapshot_seq);
    return o;
}

int alerts_to_val(struct app *app, struct arena *a, const struct alert_query *q, struct val **ret,
                  struct err *e)
{
    bool past = q->at_us != INT64_MAX;
    struct alert *rows = NULL;
    size_t n = 0;
    int rc = past ? alert_list_at(app, a, q->model, q->at_us, &rows, &n, e)
                  : alert_list(app->store, a, q->model, q->only_open, &rows, &n, e);

    if (rc) return rc;
    *ret = val_list(a);
    for (size_t i = 0; i < n; i++)
        if (!past || !q->only_open || !str_eq(rows[i].state, "none"))
            val_push(*ret, alert_to_val(a, &rows[i], clock_now(app->clock)));
    return 0;
}
