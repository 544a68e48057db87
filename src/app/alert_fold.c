/* alert_fold.c: see alert_fold.h: stepping, starting over, and what follows from the states:
 * severity, recommended action, inhibition, who is to be told. */
#include "app/alert_fold.h"

#include "base/clock.h"
#include "base/digest.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define ACTOR   "monitor" /* of events that nobody made */
#define NO_RULE "null"    /* reason of an event `rule` that takes one out of force */

void alert_make_id(char id[ALERT_ID_LEN + 1], const char *model, const char *rule)
{
    struct sha256 s;
    char hex[SHA256_HEX + 1];

    sha256_init(&s);
    sha256_add(&s, model, strlen(model) + 1); /* names have no NUL: no two pairs read alike */
    sha256_add(&s, rule, strlen(rule));
    sha256_hex(&s, hex);
    memcpy(id, hex, ALERT_ID_LEN);
    id[ALERT_ID_LEN] = '\0';
}

/* ---- the fold and its parts --------------------------------------------------------------- */

void fold_init(struct fold *f, struct arena *a, const char *model)
{
    *f = (struct fold){ .a = a, .model = model, .newest_us = INT64_MIN };
}

void fold_done(struct fold *f)
{
    for (size_t i = 0; i < f->alerts.n; i++) vec_done(&f->alerts.p[i]->inputs);
    vec_done(&f->alerts);
    vec_done(&f->windows);
    vec_done(&f->out);
    vec_done(&f->due);
}

static struct fold_alert *by_rule(const struct fold *f, const char *rule)
{
    for (size_t i = 0; i < f->alerts.n; i++)
        if (str_eq(f->alerts.p[i]->row.rule, rule)) return f->alerts.p[i];
    return NULL;
}

struct fold_alert *fold_find(struct fold *f, const char *alert_id)
{
    for (size_t i = 0; i < f->alerts.n; i++)
        if (str_eq(f->alerts.p[i]->row.id, alert_id)) return f->alerts.p[i];
    return NULL;
}

bool fold_is_input(const char *type)
{
    static const char *const types[] = { "rule", "ack", "unack", "resolve" };
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq(types[i], type)) return true;
    return false;
}

static void forget(struct fold_alert *al)
{
    al->m = (struct esc_memory){ .window_us = INT64_MIN, .value = (double)NAN };
    al->counted_end_us = INT64_MIN;
    al->evidence = NULL;
    al->stale = false;
    al->rule = NULL;
    al->row.acked_by = NULL;
    al->row.acked_us = al->row.resolved_us = 0;
    al->row.group = NULL;
}

static struct fold_alert *add_alert(struct fold *f, const char *rule)
{
    struct fold_alert *al = arena_new(f->a, struct fold_alert);
    char *id = arena_alloc(f->a, ALERT_ID_LEN + 1);
    size_t at = f->alerts.n;

    alert_make_id(id, f->model, rule);
    al->row = (struct alert){
        .id = id,
        .model = f->model,
        .rule = arena_strdup(f->a, rule),
        .kind = "",
        .state = "none",
        .severity = "info",
        .recommended_action = "none",
        .value = (double)NAN,
        .threshold = (double)NAN,
        .detail = "{}",
    };
    forget(al);
    vec_push(&f->alerts, al);
    for (; at > 0 && strcmp(f->alerts.p[at - 1]->row.rule, rule) > 0; at--)
        f->alerts.p[at] = f->alerts.p[at - 1];
    f->alerts.p[at] = al;
    return al;
}

void fold_put_window(struct fold *f, const struct esc_window *w)
{
    size_t at = f->windows.n;

    while (at > 0 && (f->windows.p[at - 1].start_us > w->start_us ||
                      (f->windows.p[at - 1].start_us == w->start_us &&
                       f->windows.p[at - 1].end_us > w->end_us)))
        at--;
    if (at > 0 && f->windows.p[at - 1].start_us == w->start_us &&
        f->windows.p[at - 1].end_us == w->end_us) {
        f->windows.p[at - 1] = *w;
        return;
    }
    vec_push(&f->windows, *w);
    memmove(&f->windows.p[at + 1], &f->windows.p[at],
            (f->windows.n - 1 - at) * sizeof *f->windows.p);
    f->windows.p[at] = *w;
}

bool fold_is_next(const struct fold *f, int64_t start_us)
{
    return start_us > f->newest_us;
}

/* ---- what is kept in a row's detail --------------------------------------------------------- */

static enum esc_state state_of(const char *name)
{
    enum esc_state s = ESC_INCIDENT;
    while (s > ESC_NONE && !str_eq(esc_state_name(s), name)) s--;
    return s;
}

static char *as_json(struct arena *a, const struct val *v)
{
    STR_AUTO s = STR_INIT;
    val_write_json(&s, v, 0);
    return arena_strdup(a, str_c(&s));
}

static void set_or_null(struct arena *a, struct val *o, const char *key, int64_t us)
{
    val_set(o, key, us == INT64_MIN ? val_null(a) : val_int(a, us));
}

/* The evidence, then the rule, then how far the fold has come. */
static const char *detail_of(const struct fold *f, const struct fold_alert *al)
{
    struct val *d = val_obj(f->a), *judged;

    for (size_t i = 0; i < val_len(al->evidence); i++)
        val_set(d, val_key(al->evidence, i), val_copy(f->a, val_at(al->evidence, i)));
    val_set(d, "rule", al->rule ? val_copy(f->a, al->rule) : val_null(f->a));
    judged = val_set_obj(d, "judged");
    val_set_int(judged, "seq", f->seq);
    set_or_null(f->a, judged, "newest_us", f->newest_us);
    set_or_null(f->a, judged, "counted_us", al->m.window_us);
    set_or_null(f->a, judged, "end_us", al->counted_end_us);
    val_set_str(judged, "told", esc_state_name(al->told));
    return as_json(f->a, d);
}

static void use_rule(struct fold_alert *al, const struct val *def)
{
    al->rule = val_type(def) == VAL_OBJ ? def : NULL;
    if (!al->rule) return;
    al->r = esc_rule_from_val(def, al->row.rule);
    al->row.kind = al->r.kind;
}

struct fold_alert *fold_take(struct fold *f, const struct alert *row)
{
    struct fold_alert *al = add_alert(f, row->rule);
    struct val *d = NULL, *evidence = val_obj(f->a);
    const struct val *judged;

    al->row = *row;
    if (val_parse_json(f->a, row->detail, strlen(row->detail), &d, NULL)) d = NULL;
    judged = val_get(d, "judged");
    for (size_t i = 0; i < val_len(d); i++)
        if (!str_eq(val_key(d, i), "rule") && !str_eq(val_key(d, i), "judged"))
            val_set(evidence, val_key(d, i), val_copy(f->a, val_at(d, i)));
    if (val_len(evidence)) al->evidence = evidence;
    use_rule(al, val_get(d, "rule"));
    al->m = (struct esc_memory){
        .state = state_of(row->state),
        .streak = (int)row->streak,
        .clean = (int)row->clean,
        .since_us = row->since_us,
        .value = row->value,
        .n = row->n,
        .window_us = val_get_int(judged, "counted_us", INT64_MIN),
    };
    al->counted_end_us = val_get_int(judged, "end_us", INT64_MIN);
    al->told = state_of(val_get_str(judged, "told", "none"));
    f->seq = val_get_int(judged, "seq", 0) > f->seq ? val_get_int(judged, "seq", 0) : f->seq;
    int64_t newest = val_get_int(judged, "newest_us", INT64_MIN);
    if (newest > f->newest_us) f->newest_us = newest;
    return al;
}

/* ---- one step ------------------------------------------------------------------------------- */

static void cleared(struct fold_alert *al, int64_t at_us)
{
    al->row.acked_by = NULL;
    al->row.acked_us = 0;
    al->row.group = NULL;
    al->row.resolved_us = at_us;
}

static void opened(struct fold *f, struct fold_alert *al, const struct esc_window *w)
{
    char at[32];

    al->row.resolved_us = 0;
    al->row.group =
        arena_printf(f->a, "%s/%s/%s", f->model, al->r.kind, clock_format(at, w->start_us));
}

/* Back to none without a window that says so: nobody asks any more, or an operator said so. */
static void start_anew(struct fold_alert *al, int64_t since_us, int64_t at_us)
{
    al->m.streak = al->m.clean = 0;
    if (al->m.state != ESC_NONE) {
        al->m.state = ESC_NONE;
        al->m.since_us = since_us;
    }
    cleared(al, at_us);
}

static void step(struct fold *f, struct fold_alert *al, size_t i)
{
    const struct esc_window *w = &f->windows.p[i];
    enum esc_state before = al->m.state;

    if (!al->rule) {
        if (before != ESC_NONE) start_anew(al, w->start_us, w->at_us);
        return;
    }
    if (w->start_us < al->counted_end_us) return; /* not disjoint: windows had another length */
    struct esc_sample in = esc_sample(&al->r, f->windows.p, i + 1);
    al->m = esc_step(&al->r, al->m, &in, NULL);
    if (al->m.window_us != w->start_us) return; /* it did not count */
    al->counted_end_us = w->end_us;
    al->stale = true;
    if (before == ESC_NONE && al->m.state != ESC_NONE) opened(f, al, w);
    if (before != ESC_NONE && al->m.state == ESC_NONE) cleared(al, w->at_us);
}

static void apply(struct fold *f, struct fold_alert *al, const struct alert_event *ev)
{
    if (str_eq(ev->type, "rule")) {
        struct val *def = NULL;
        if (val_parse_json(f->a, ev->reason, strlen(ev->reason), &def, NULL)) def = NULL;
        use_rule(al, def);
    } else if (str_eq(ev->type, "resolve")) {
        start_anew(al, ev->at_us, ev->at_us);
    } else if (str_eq(ev->type, "silence")) {
        al->row.silenced_until_us = ev->until_us;
    } else if (str_eq(ev->type, "ack") && al->m.state != ESC_NONE) {
        al->row.acked_by = ev->actor;
        al->row.acked_us = ev->at_us;
    } else if (str_eq(ev->type, "unack")) {
        al->row.acked_by = NULL;
        al->row.acked_us = 0;
    }
}

/* A rule comes into force before the window it was first used for, an operator acts after the
 * newest window he could have seen. */
static void play(struct fold *f, struct fold_alert *al)
{
    size_t k = 0;

    forget(al);
    for (size_t i = 0; i < f->windows.n; i++) {
        int64_t start = f->windows.p[i].start_us;
        for (; k < al->inputs.n; k++) {
            const struct alert_event *ev = &al->inputs.p[k];
            if (ev->until_us > start || (ev->until_us == start && !str_eq(ev->type, "rule"))) break;
            apply(f, al, ev);
        }
        step(f, al, i);
    }
    for (; k < al->inputs.n; k++) apply(f, al, &al->inputs.p[k]);
}

void fold_again(struct fold *f)
{
    for (size_t i = 0; i < f->alerts.n; i++) play(f, f->alerts.p[i]);
}

/* ---- a window of the past ------------------------------------------------------------------- */

enum late { LATE_KEEP, LATE_STEP, LATE_PLAY };

/* The rule that judged the time of a window; false: none did. */
static bool rule_at(struct fold *f, const struct fold_alert *al, int64_t start_us,
                    struct esc_rule *ret)
{
    const struct alert_event *last = NULL;
    struct val *def = NULL;

    for (size_t i = 0; i < al->inputs.n; i++)
        if (str_eq(al->inputs.p[i].type, "rule") && al->inputs.p[i].until_us <= start_us)
            last = &al->inputs.p[i];
    if (!last || val_parse_json(f->a, last->reason, strlen(last->reason), &def, NULL) ||
        val_type(def) != VAL_OBJ)
        return false;
    *ret = esc_rule_from_val(def, al->row.rule);
    return true;
}

/* Has anything happened since that would have gone another way? A rule that was only changed
 * leaves the memory of its alert alone. */
static bool touched_since(const struct fold_alert *al, int64_t start_us)
{
    for (size_t i = al->inputs.n; i-- > 0 && al->inputs.p[i].until_us >= start_us;) {
        const struct alert_event *ev = &al->inputs.p[i];
        if (!str_eq(ev->type, "rule")) return true;
        if (ev->until_us > start_us && str_eq(ev->reason, NO_RULE)) return true;
    }
    return false;
}

/* As late_kind, for a rule that looks at many windows: all whose burn rate this one is in. The
 * fold has those, and as many before. */
static enum late late_budget(struct fold *f, const struct fold_alert *al, const struct esc_rule *r,
                             const struct esc_window *w)
{
    int64_t length = w->end_us - w->start_us;
    struct fold with = { .a = f->a };
    enum late kind = LATE_KEEP;

    for (size_t i = 0; i < f->windows.n; i++) vec_push(&with.windows, f->windows.p[i]);
    fold_put_window(&with, w);
    for (size_t i = 0, k = 0; i < with.windows.n && kind != LATE_PLAY; i++) {
        const struct esc_window *is = &with.windows.p[i];
        while (k < f->windows.n && f->windows.p[k].start_us < is->start_us) k++;
        if (is->start_us < w->start_us) continue;
        if (is->start_us >= w->start_us + r->long_windows * length) break;
        bool known = k < f->windows.n && f->windows.p[k].start_us == is->start_us;
        struct esc_sample in = esc_sample(r, with.windows.p, i + 1);
        enum esc_verdict now = esc_verdict(r, &in), before = ESC_NO_DATA;
        if (known) {
            in = esc_sample(r, f->windows.p, k + 1);
            before = esc_verdict(r, &in);
        }
        bool first = is->start_us == w->start_us && before == ESC_NO_DATA &&
                     w->start_us > al->m.window_us && !touched_since(al, w->start_us);
        if (is->end_us - is->start_us != length || (now != before && !first)) kind = LATE_PLAY;
        else if (now != before) kind = LATE_STEP;
    }
    vec_done(&with.windows);
    return kind;
}

static bool rule_changed_since(const struct fold_alert *al, int64_t start_us)
{
    for (size_t i = 0; i < al->inputs.n; i++)
        if (str_eq(al->inputs.p[i].type, "rule") && al->inputs.p[i].until_us > start_us)
            return true;
    return false;
}

/* What a new version of a window, or one that comes late, means for an alert: nothing when the
 * verdict is the same as before; one step when all windows that counted are earlier. */
static enum late late_kind(struct fold *f, const struct fold_alert *al,
                           const struct esc_window *old, const struct esc_window *w)
{
    struct esc_rule r;
    enum esc_verdict before = ESC_NO_DATA, now;
    bool budget = str_eq(al->row.kind, "budget");

    if (budget && rule_changed_since(al, w->start_us)) return LATE_PLAY;
    if (!rule_at(f, al, w->start_us, &r)) return LATE_KEEP;
    if (budget) return late_budget(f, al, &r, w);
    struct esc_sample in = esc_read(&r, w->data, w->start_us);
    now = esc_verdict(&r, &in);
    if (old) {
        in = esc_read(&r, old->data, w->start_us);
        before = esc_verdict(&r, &in);
    }
    if (now == before) return LATE_KEEP;
    bool last = before == ESC_NO_DATA && w->start_us > al->m.window_us;
    return last && !touched_since(al, w->start_us) ? LATE_STEP : LATE_PLAY;
}

static const struct esc_window *same_window(const struct fold *f, const struct esc_window *w)
{
    for (size_t i = f->windows.n; i-- > 0;)
        if (f->windows.p[i].start_us == w->start_us && f->windows.p[i].end_us == w->end_us)
            return &f->windows.p[i];
    return NULL;
}

bool fold_needs_past(struct fold *f, const struct esc_window *w)
{
    const struct esc_window *old = same_window(f, w);

    for (size_t i = 0; i < f->alerts.n; i++)
        if (late_kind(f, f->alerts.p[i], old, w) == LATE_PLAY) return true;
    return false;
}

/* The figures of the last window that counted are shown, so they follow the newest versions of
 * all that they were made from. */
static void refresh(struct fold *f, struct fold_alert *al, const struct esc_window *w)
{
    struct esc_rule r;

    if (!rule_at(f, al, w->start_us, &r)) return;
    for (size_t i = f->windows.n; i-- > 0 && f->windows.p[i].start_us >= w->start_us;) {
        const struct esc_window *shown = &f->windows.p[i];
        if (al->m.window_us != shown->start_us || al->counted_end_us != shown->end_us) continue;
        if (shown->seq != w->seq && !str_eq(r.kind, "budget")) continue;
        struct esc_sample in = esc_sample(&r, f->windows.p, i + 1);
        al->m.value = in.value;
        al->m.n = in.n;
        al->stale = true;
        if (!al->rule) al->r = r;
    }
}

/* A step by the rule of that time. */
static void step_then(struct fold *f, struct fold_alert *al, const struct esc_window *w)
{
    struct esc_rule today = al->r;

    if (!rule_at(f, al, w->start_us, &al->r)) return;
    step(f, al, (size_t)(same_window(f, w) - f->windows.p));
    al->r = today;
}

static void judge_past(struct fold *f, const struct esc_window *w)
{
    const struct esc_window *old = same_window(f, w);
    VEC(enum late) kinds = VEC_INIT;

    for (size_t i = 0; i < f->alerts.n; i++) vec_push(&kinds, late_kind(f, f->alerts.p[i], old, w));
    fold_put_window(f, w);
    for (size_t i = 0; i < f->alerts.n; i++) {
        struct fold_alert *al = f->alerts.p[i];
        if (kinds.p[i] == LATE_PLAY) play(f, al);
        else if (kinds.p[i] == LATE_STEP) step_then(f, al, w);
        else refresh(f, al, w);
    }
    vec_done(&kinds);
}

/* ---- what follows from the states -------------------------------------------------------------
 */

static const char *severity_of(enum esc_state s)
{
    return s == ESC_INCIDENT ? "critical" : s == ESC_WATCH ? "warning" : "info";
}

/* The rule whose incident says that the data itself is broken; the first by name. */
static const char *bad_data(const struct fold *f)
{
    for (size_t i = 0; i < f->alerts.n; i++) {
        const struct fold_alert *al = f->alerts.p[i];
        if (al->m.state == ESC_INCIDENT && str_eq(al->row.kind, "data_quality"))
            return al->row.rule;
    }
    return NULL;
}

/* Receivers hear of a state they have not been told, as soon as nothing mutes it: so a change
 * under a silence or an inhibition is told when that ends, and a trouble that came and went
 * meanwhile is never told. */
static void tell(struct fold *f, struct fold_alert *al, int64_t now_us)
{
    if (al->told == al->m.state || al->row.inhibited_by || al->row.silenced_until_us > now_us)
        return;
    vec_push(&f->due, ((struct fold_due){ al, esc_state_name(al->told) }));
    al->told = al->m.state;
}

static void settle(struct fold *f, int64_t now_us)
{
    const char *broken = bad_data(f);

    for (size_t i = 0; i < f->alerts.n; i++) {
        struct fold_alert *al = f->alerts.p[i];
        struct alert *row = &al->row;
        bool muted = broken && al->m.state != ESC_NONE && str_eq(row->kind, "drift");

        row->state = esc_state_name(al->m.state);
        row->severity = severity_of(al->m.state);
        row->value = al->m.value;
        row->n = al->m.n;
        row->streak = al->m.streak;
        row->clean = al->m.clean;
        row->since_us = al->m.since_us;
        row->window_us = al->m.window_us == INT64_MIN ? 0 : al->m.window_us;
        row->threshold = al->rule ? esc_threshold(&al->r) : (double)NAN;
        row->recommended_action = al->rule ? esc_action(&al->r, al->m.state, broken) : "none";
        row->inhibited_by = muted ? broken : NULL;
        tell(f, al, now_us);
    }
}

static void renew_evidence(struct fold *f, struct fold_alert *al)
{
    for (size_t i = f->windows.n; al->stale && i-- > 0;) {
        const struct esc_window *w = &f->windows.p[i];
        if (w->start_us != al->m.window_us || w->end_us != al->counted_end_us) continue;
        al->evidence = alert_evidence(f->a, &al->r, f->windows.p, i + 1);
        al->stale = false;
    }
}

void fold_finish(struct fold *f)
{
    for (size_t i = 0; i < f->alerts.n; i++) {
        renew_evidence(f, f->alerts.p[i]);
        f->alerts.p[i]->row.detail = detail_of(f, f->alerts.p[i]);
    }
}

static void drop_later(struct fold_alert *al, int64_t at_us)
{
    size_t n = 0;

    for (size_t i = 0; i < al->inputs.n; i++)
        if (al->inputs.p[i].until_us <= at_us) al->inputs.p[n++] = al->inputs.p[i];
    al->inputs.n = n;
    al->row.silenced_until_us = 0;
}

void fold_until(struct fold *f, int64_t at_us)
{
    while (f->windows.n && f->windows.p[f->windows.n - 1].start_us > at_us) f->windows.n--;
    f->newest_us = f->windows.n ? f->windows.p[f->windows.n - 1].start_us : INT64_MIN;
    for (size_t i = 0; i < f->alerts.n; i++) drop_later(f->alerts.p[i], at_us);
    fold_again(f);
    settle(f, INT64_MAX);
    fold_finish(f);
    f->due.n = 0;
}

/* ---- judging a window ---------------------------------------------------------------------------
 */

static void put_rule(struct fold *f, struct fold_alert *al, const struct val *def,
                     const struct esc_window *w)
{
    const struct alert_event ev = {
        .at_us = w->at_us,
        .alert_id = al->row.id,
        .type = "rule",
        .actor = ACTOR,
        .reason = def ? as_json(f->a, def) : NO_RULE,
        .until_us = w->start_us,
        .snapshot_seq = w->seq,
    };

    vec_push(&f->out, ev);
    vec_push(&al->inputs, ev);
    apply(f, al, &ev);
}

static bool same(const struct val *x, const struct val *y)
{
    STR_AUTO s = STR_INIT;
    STR_AUTO t = STR_INIT;

    if (!x || !y) return x == y;
    val_write_json(&s, x, 0);
    val_write_json(&t, y, 0);
    return str_eq(str_c(&s), str_c(&t));
}

static void take_rules(struct fold *f, const struct fold_rule *rules, size_t n,
                       const struct esc_window *w)
{
    for (size_t i = 0; i < n; i++)
        if (!by_rule(f, rules[i].name)) add_alert(f, rules[i].name);
    for (size_t i = 0; i < f->alerts.n; i++) {
        struct fold_alert *al = f->alerts.p[i];
        const struct val *def = NULL;
        for (size_t k = 0; k < n; k++)
            if (str_eq(rules[k].name, al->row.rule)) def = rules[k].def;
        if (!same(def, al->rule)) put_rule(f, al, def, w);
    }
}

static const char *why(struct fold *f, const struct fold_alert *al, const struct esc_window *w,
                       bool again)
{
    char at[32];

    if (again)
        return arena_printf(f->a, "the window from %s was measured again, version %" PRId64,
                            clock_format(at, w->start_us), w->version);
    if (!al->rule) return "the rule is no longer in force";
    if (al->m.state == ESC_NONE)
        return arena_printf(f->a, "%s = %.6g, %d windows in a row without a breach", al->r.metric,
                            al->m.value, al->r.clear_after + al->r.keep_windows);
    return arena_printf(f->a, "%s = %.6g against %.6g, n %" PRId64 ", %d in a row", al->r.metric,
                        al->m.value, esc_threshold(&al->r), al->m.n, al->m.streak);
}

static void emit_changes(struct fold *f, const enum esc_state *before, const struct esc_window *w,
                         bool again)
{
    for (size_t i = 0; i < f->alerts.n; i++) {
        struct fold_alert *al = f->alerts.p[i];
        al->row.updated_us = w->at_us;
        if (al->m.state == before[i]) continue;
        const struct alert_event ev = {
            .at_us = w->at_us,
            .alert_id = al->row.id,
            .type = "state",
            .from = esc_state_name(before[i]),
            .to = esc_state_name(al->m.state),
            .actor = ACTOR,
            .reason = why(f, al, w, again),
            .snapshot_seq = w->seq,
        };
        vec_push(&f->out, ev);
    }
}

void fold_judge(struct fold *f, const struct esc_window *w, const struct fold_rule *rules,
                size_t n_rules)
{
    bool next = fold_is_next(f, w->start_us);
    VEC(enum esc_state) before = VEC_INIT;

    f->out.n = f->due.n = 0;
    f->seq = w->seq;
    if (next) {
        f->newest_us = w->start_us;
        take_rules(f, rules, n_rules, w);
    }
    for (size_t i = 0; i < f->alerts.n; i++) vec_push(&before, f->alerts.p[i]->m.state);
    if (next) {
        fold_put_window(f, w);
        for (size_t i = 0; i < f->alerts.n; i++) step(f, f->alerts.p[i], f->windows.n - 1);
    } else {
        judge_past(f, w);
    }
    if (before.n) emit_changes(f, before.p, w, !next);
    vec_done(&before);
    settle(f, w->at_us);
}

void fold_operate(struct fold *f, struct fold_alert *al, struct alert_event *ev)
{
    f->out.n = f->due.n = 0;
    ev->snapshot_seq = f->seq;
    if (fold_is_input(ev->type)) {
        ev->until_us = f->newest_us;
        vec_push(&al->inputs, *ev);
    }
    apply(f, al, ev);
    al->row.updated_us = ev->at_us;
    settle(f, ev->at_us);
}
