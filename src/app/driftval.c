/* driftval.c: see driftval.h. */
#include "app/driftval.h"

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
