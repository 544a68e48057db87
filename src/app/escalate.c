/* escalate.c: see escalate.h: the pure part of alerting. */
#include "app/escalate.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

static const char *const state_names[] = { "none", "active", "watch", "incident" };

const char *esc_state_name(enum esc_state s)
{
    return state_names[s];
}

static bool beyond(const struct esc_rule *r, double value, double threshold)
{
    if (isnan(threshold) || isnan(value)) return false;
    if (str_eq(r->op, "<")) return value < threshold;
    if (str_eq(r->op, "<=")) return value <= threshold;
    if (str_eq(r->op, ">=")) return value >= threshold;
    if (str_eq(r->op, "drop")) return r->baseline - value > threshold;
    if (str_eq(r->op, "rise")) return value - r->baseline > threshold;
    return value > threshold;
}

double esc_threshold(const struct esc_rule *r)
{
    if (str_eq(r->op, "drop")) return r->baseline - r->value;
    if (str_eq(r->op, "rise")) return r->baseline + r->value;
    return r->value;
}

bool esc_breach(const struct esc_rule *r, const struct esc_sample *in)
{
    return beyond(r, in->value, r->value);
}

enum esc_verdict esc_verdict(const struct esc_rule *r, const struct esc_sample *in)
{
    if (isnan(in->value) || in->n < r->min_rows) return ESC_NO_DATA;
    if (!esc_breach(r, in)) return ESC_CLEAN;
    return beyond(r, in->value, r->critical) ? ESC_CRITICAL : ESC_BREACH;
}

static enum esc_state state_for(const struct esc_rule *r, int streak)
{
    if (streak >= r->incident_after) return ESC_INCIDENT;
    if (streak >= r->watch_after) return ESC_WATCH;
    return streak >= r->for_windows ? ESC_ACTIVE : ESC_NONE;
}

/* A breach never lowers the state: after a single clean window the streak starts anew, the
 * trouble does not. */
static void breached(const struct esc_rule *r, struct esc_memory *m, bool critical)
{
    m->streak++;
    m->clean = 0;
    enum esc_state s = critical ? ESC_INCIDENT : state_for(r, m->streak);
    if (s > m->state) m->state = s;
}

static void was_clean(const struct esc_rule *r, struct esc_memory *m)
{
    m->streak = 0;
    if (m->state == ESC_NONE) return;
    m->clean++;
    if (m->clean >= r->clear_after + r->keep_windows) {
        m->state = ESC_NONE;
        m->clean = 0;
    }
}

struct esc_memory esc_step(const struct esc_rule *r, struct esc_memory m,
                           const struct esc_sample *in, bool *ret_changed)
{
    enum esc_state before = m.state;
    enum esc_verdict v = esc_verdict(r, in);

    if (v != ESC_NO_DATA && in->window_us > m.window_us) {
        if (v == ESC_CLEAN) was_clean(r, &m);
        else breached(r, &m, v == ESC_CRITICAL);
        m.window_us = in->window_us;
        m.value = in->value;
        m.n = in->n;
    }
    if (m.state != before) m.since_us = in->window_us;
    if (ret_changed) *ret_changed = m.state != before;
    return m;
}

const char *esc_action(const struct esc_rule *r, enum esc_state s, bool bad_data)
{
    static const char *const by_state[] = { "none", "observe", "investigate", NULL };

    if (by_state[s]) return by_state[s];
    /* a model must not learn from broken data, whatever its rule would want */
    if (bad_data && str_eq(r->action, "retrain_dry_run")) return "fix_data";
    return r->action;
}

/* ---- rules in force --------------------------------------------------------------------- */

static const struct esc_rule default_rules[] = {
#define RULE(n, k, m, o, v, c, rows, for_w, keep, act, help)                                       \
    { .name = n, .kind = k, .metric = m, .op = o, .value = v, .critical = (double)(c),             \
      .min_rows = rows, .for_windows = for_w, .keep_windows = keep, .action = act },
#include "app/rules.def"
#undef RULE
};

const char *esc_rule_about(const char *name)
{
    static const char *const about[][2] = {
#define RULE(n, k, m, o, v, c, rows, for_w, keep, act, help) { n, help },
#include "app/rules.def"
#undef RULE
    };

    for (size_t i = 0; i < ARRAY_LEN(about); i++)
        if (str_eq(about[i][0], name)) return about[i][1];
    return NULL;
}

/* What a rule of the settings is where it does not say so. */
static const struct esc_rule own_rule = {
    .kind = "performance", .op = "<", .value = (double)NAN, .critical = (double)NAN, .for_windows = 1,
    .action = "investigate", .slo = (double)NAN, .short_windows = 1, .long_windows = 6,
};

static void from_settings(struct esc_rule *r, const struct val *v)
{
    r->name = val_get_str(v, "name", r->name);
    r->kind = val_get_str(v, "kind", r->kind);
    r->metric = val_get_str(v, "metric", r->metric);
    r->op = val_get_str(v, "op", r->op);
    r->value = val_get_real(v, "burn", val_get_real(v, "value", r->value));
    r->critical = val_get_real(v, "critical", r->critical);
    r->min_rows = val_get_int(v, "min_rows", r->min_rows);
    r->for_windows = (int)val_get_int(v, "for", r->for_windows);
    r->keep_windows = (int)val_get_int(v, "keep_firing_for", r->keep_windows);
    r->action = val_get_str(v, "action", r->action);
    r->slo = val_get_real(v, "slo", r->slo);
    r->short_windows = (int)val_get_int(v, "short_windows", r->short_windows);
    r->long_windows = (int)val_get_int(v, "long_windows", r->long_windows);
}

/* "auc" is short for "performance.auc.value". */
static const char *full_path(struct arena *a, const char *metric)
{
    return strchr(metric, '.') ? metric : arena_printf(a, "performance.%s.value", metric);
}

/* The sense of the metric is in the operator; the burn rate itself is always too high. */
static int make_budget(struct esc_rule *r, struct err *e)
{
    if (!(r->slo > 0 && r->slo < 1) || r->short_windows > r->long_windows) {
        err_set(e, ERR_INVALID, "a budget needs an slo between 0 and 1 and short_windows of at"
                                " most long_windows");
        return err_hint(e, "slo: 0.95, burn: 2, short_windows: 1, long_windows: 7");
    }
    r->good = r->op[0] == '<';
    r->op = ">";
    return 0;
}

static bool is_labelled(const struct esc_rule *r)
{
    return str_starts(r->metric, "performance.") || str_starts(r->metric, "concept.");
}

/* What every rule takes from the model's settings, and the figure drop and rise refer to: the
 * metric's name within performance, as the promoted run measured it. */
static bool complete(struct esc_rule *r, const struct val *monitoring, const struct val *baseline)
{
    r->watch_after = (int)val_get_int(monitoring, "watch_after", 2);
    r->incident_after = (int)val_get_int(monitoring, "incident_after", 3);
    r->clear_after = (int)val_get_int(monitoring, "clear_after", 2);
    if (r->min_rows == 0)
        r->min_rows = val_get_int(monitoring, is_labelled(r) ? "min_labels" : "min_rows", 0);
    r->baseline = (double)NAN;
    if (!str_eq(r->op, "drop") && !str_eq(r->op, "rise")) return true;
    const char *name = strchr(r->metric, '.');
    char key[64] = "";
    if (name && strcspn(name + 1, ".") < sizeof key) {
        memcpy(key, name + 1, strcspn(name + 1, "."));
        r->baseline = val_get_real(baseline, key, (double)NAN);
    }
    return !isnan(r->baseline); /* nothing to fall from: the rule does not apply */
}

static const struct val *override_of(const struct val *list, const char *name)
{
    for (size_t i = 0; i < val_len(list); i++)
        if (str_eq(val_get_str(val_at(list, i), "name", ""), name)) return val_at(list, i);
    return NULL;
}

static bool is_default(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(default_rules); i++)
        if (str_eq(default_rules[i].name, name)) return true;
    return false;
}

int esc_rules(struct arena *a, const struct val *monitoring, const struct val *baseline,
              struct esc_rule **ret, size_t *n, struct err *e)
{
    const struct val *own = val_get(monitoring, "rules");
    struct esc_rule *rules =
        arena_array(a, ARRAY_LEN(default_rules) + val_len(own), struct esc_rule);
    size_t k = 0;

    for (size_t i = 0; i < ARRAY_LEN(default_rules); i++) {
        const struct val *o = override_of(own, default_rules[i].name);
        rules[k] = default_rules[i];
        if (o) from_settings(&rules[k], o);
        rules[k].metric = full_path(a, rules[k].metric);
        if (val_get_bool(o, "enabled", true) && complete(&rules[k], monitoring, baseline)) k++;
    }
    for (size_t i = 0; i < val_len(own); i++) {
        const struct val *o = val_at(own, i);
        const char *name = val_get_str(o, "name", "");
        if (is_default(name) || !val_get_bool(o, "enabled", true)) continue;
        if (!val_has(o, "metric") || !(val_has(o, "value") || val_has(o, "burn")))
            return err_set(e, ERR_INVALID, "rule '%s' needs a metric and a value", name);
        rules[k] = own_rule;
        from_settings(&rules[k], o);
        rules[k].metric = full_path(a, rules[k].metric);
        int rc = str_eq(rules[k].kind, "budget") ? make_budget(&rules[k], e) : 0;
        if (rc) return err_prefix(e, "rule '%s'", name);
        if (complete(&rules[k], monitoring, baseline)) k++;
    }
    *ret = rules;
    *n = k;
    return 0;
}

struct val *esc_rule_to_val(struct arena *a, const struct esc_rule *r)
{
    struct val *v = val_obj(a);

    val_set_str(v, "kind", r->kind);
    val_set_str(v, "metric", r->metric);
    val_set_str(v, "op", r->op);
    val_set_real(v, "value", r->value);
    val_set_real(v, "critical", r->critical);
    val_set_real(v, "baseline", r->baseline);
    val_set_int(v, "min_rows", r->min_rows);
    val_set_int(v, "watch_after", r->watch_after);
    val_set_int(v, "incident_after", r->incident_after);
    val_set_int(v, "clear_after", r->clear_after);
    val_set_int(v, "for", r->for_windows);
    val_set_int(v, "keep_firing_for", r->keep_windows);
    val_set_str(v, "action", r->action);
    if (!str_eq(r->kind, "budget")) return v;
    val_set_real(v, "slo", r->slo);
    val_set_int(v, "short_windows", r->short_windows);
    val_set_int(v, "long_windows", r->long_windows);
    val_set_bool(v, "good", r->good);
    return v;
}

struct esc_rule esc_rule_from_val(const struct val *v, const char *name)
{
    struct esc_rule r = own_rule;

    from_settings(&r, v);
    r.name = name;
    r.metric = val_get_str(v, "metric", "");
    r.baseline = val_get_real(v, "baseline", (double)NAN);
    r.watch_after = (int)val_get_int(v, "watch_after", 2);
    r.incident_after = (int)val_get_int(v, "incident_after", 3);
    r.clear_after = (int)val_get_int(v, "clear_after", 2);
    r.good = val_get_bool(v, "good", false);
    return r;
}

/* ---- reading a snapshot ----------------------------------------------------------------- */

static const struct val *follow(const struct val *v, const char *path)
{
    char key[64];

    while (*path) {
        size_t len = strcspn(path, ".");
        if (len >= sizeof key) return NULL;
        memcpy(key, path, len);
        key[len] = '\0';
        v = val_get(v, key);
        path += len + (path[len] == '.');
    }
    return v;
}

struct esc_sample esc_read(const struct esc_rule *r, const struct val *snapshot, int64_t window_us)
{
    struct esc_sample s = { .window_us = window_us };
    const char *dot = strrchr(r->metric, '.');

    s.value = val_as_real(follow(snapshot, r->metric), (double)NAN);
    s.n = val_get_int(snapshot, "volume", 0);
    if (is_labelled(r)) s.n = val_get_int(snapshot, "labels", 0);
    if (dot && (size_t)(dot - r->metric) < 64) { /* the group of the metric may count its own */
        char group[64];
        memcpy(group, r->metric, (size_t)(dot - r->metric));
        group[dot - r->metric] = '\0';
        s.n = val_get_int(follow(snapshot, group), "n", s.n);
    }
    return s;
}

double esc_burn(const struct esc_rule *r, const struct esc_window *w, size_t n, int windows,
                int64_t *ret_n)
{
    const struct esc_window *last = &w[n - 1];
    int64_t from = last->end_us - windows * (last->end_us - last->start_us), total = 0;
    double bad = 0;

    for (size_t i = n; i-- > 0 && w[i].start_us >= from;) {
        struct esc_sample s = esc_read(r, w[i].data, w[i].start_us);
        if (isnan(s.value) || s.n <= 0) continue;
        bad += (r->good ? 1 - s.value : s.value) * (double)s.n;
        total += s.n;
    }
    if (ret_n) *ret_n = total;
    return total > 0 ? bad / (double)total / (1 - r->slo) : (double)NAN;
}

struct esc_sample esc_sample(const struct esc_rule *r, const struct esc_window *w, size_t n)
{
    struct esc_sample s = esc_read(r, w[n - 1].data, w[n - 1].start_us);

    if (!str_eq(r->kind, "budget") || isnan(s.value)) return s;
    s.value = fmin(esc_burn(r, w, n, r->short_windows, &s.n),
                   esc_burn(r, w, n, r->long_windows, NULL));
    return s;
}
