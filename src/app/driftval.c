/* driftval.c: see driftval.h. */
#include "app/driftval.h"

#include "base/str.h"

#include <math.h>

static void set_real(struct val *o, const char *key, double v)
{
    if (isfinite(v)) val_set_real(o, key, v);
    else val_set_str(o, key, NULL);
}

struct val *drift_feature_to_val(struct val *list, const struct drift_profile *p,
                                 const struct drift_feature *f)
{
    struct val *o = val_push_obj(list);

    val_set_str(o, "name", f->name);
    val_set_str(o, "kind", f->kind == DRIFT_NUMERIC ? "numeric" : "categorical");
    val_set_str(o, "method", f->test ? f->test->name : NULL);
    set_real(o, "statistic", f->value.statistic);
    set_real(o, "p_value", f->value.p);
    set_real(o, "p_adjusted", f->p_adjusted);
    set_real(o, "effect", f->value.effect);
    set_real(o, "effect_floor", f->test && p->floors ? f->test->effect_floor : (double)NAN);
    set_real(o, "psi", f->psi);
    set_real(o, "js", f->js);
    set_real(o, "wasserstein", f->wasserstein);
    val_set_real(o, "unseen_share", f->unseen);
    val_set_real(o, "missing_reference", f->missing_ref);
    val_set_real(o, "missing_current", f->missing_cur);
    val_set_int(o, "n_reference", (int64_t)f->n_ref);
    val_set_int(o, "n_current", (int64_t)f->n_cur);
    val_set_bool(o, "drifted", f->state == DRIFT_DRIFTED);
    val_set_str(o, "state", drift_state_name(f->state));
    val_set_str(o, "note", f->note[0] ? f->note : NULL);
    return o;
}

/* ---- all features together -------------------------------------------------------------- */

static void set_figure(struct val *o, const char *key, const struct multi_figure *f)
{
    struct val *v = val_set_obj(o, key);

    set_real(v, "value", f->value);
    set_real(v, "low", f->low);
    set_real(v, "high", f->high);
    val_set_int(v, "n", (int64_t)f->n);
}

static double floor_of(const struct drift_profile *p, const struct multi_result *m)
{
    return p->floors ? m->test->effect_floor : (double)NAN;
}

void drift_multi_to_val(struct val *o, const struct drift_profile *p, const struct multi_result *m)
{
    val_set_str(o, "method", m->test->name);
    set_figure(o, m->test->figure, &m->figure);
    set_figure(o, "expected", &m->expected);
    set_real(o, "p_value", m->p);
    set_real(o, "effect", m->effect);
    set_real(o, "effect_floor", floor_of(p, m));
    val_set_int(o, "n_reference", (int64_t)m->n_ref);
    val_set_int(o, "n_current", (int64_t)m->n_cur);
    val_set_bool(o, "drifted", m->state == DRIFT_DRIFTED);
    val_set_str(o, "state", drift_state_name(m->state));
    struct val *list = val_set_list(o, "features");
    for (size_t i = 0; i < m->n_features; i++) {
        struct val *f = val_push_obj(list);
        val_set_str(f, "name", m->features[i].name);
        val_set_real(f, "share", m->features[i].share);
    }
    val_set_str(o, "note", m->note[0] ? m->note : NULL);
}

void drift_multi_to_row(struct val *list, const struct drift_profile *p,
                        const struct multi_result *m)
{
    struct val *o = val_push_obj(list);
    STR_AUTO note = STR_INIT;

    val_set_str(o, "name", "(together)");
    val_set_str(o, "kind", "multivariate");
    val_set_str(o, "method", m->test->name);
    set_real(o, "statistic", m->figure.value);
    set_real(o, "p_value", m->p);
    set_real(o, "p_adjusted", m->p);
    set_real(o, "effect", m->effect);
    set_real(o, "effect_floor", floor_of(p, m));
    val_set_int(o, "n_reference", (int64_t)m->n_ref);
    val_set_int(o, "n_current", (int64_t)m->n_cur);
    val_set_bool(o, "drifted", m->state == DRIFT_DRIFTED);
    val_set_str(o, "state", drift_state_name(m->state));
    for (size_t i = 0; i < m->n_features && i < 3 && m->state == DRIFT_DRIFTED; i++)
        if (i == 0 || m->features[i].share >= 0.01)
            str_addf(&note, "%s%s %.0f%%", i ? ", " : "by ", m->features[i].name,
                     100 * m->features[i].share);
    if (m->note[0]) str_addf(&note, "%s%s", note.len ? "; " : "", m->note);
    val_set_str(o, "note", note.len ? str_c(&note) : NULL);
}
