/* drift.c: the verb drift: compares two tables and says which features changed, by how much,
 * and by what rule that was decided. The tables come from files or data sets, or are what a
 * model was asked and its monitoring reference. No row is written. With --fail-on-drift a
 * drifted table is the answer "no" (exit 3). */
#include "app/driftval.h"
#include "app/ingest.h"
#include "app/monitor_window.h"
#include "app/verb.h"
#include "engine/drift/drift.h"
#include "engine/pool.h"

static const struct reply_column columns[] = {
    { "name", "feature", NULL },
    { "method", "method", NULL },
    { "n_current", "n", NULL },
    { "statistic", "statistic", "real" },
    { "p_adjusted", "p adj.", "real" },
    { "effect", "effect", "real" },
    { "effect_floor", "floor", "real" },
    { "psi", "psi", "real" },
    { "state", "verdict", NULL },
    { "note", "note", NULL },
    { NULL, NULL, NULL },
};

/* The rule in words, so that a verdict can be checked by hand. */
static void write_rule(struct val *o, const struct drift_profile *p)
{
    STR_AUTO s = STR_INIT;

    str_addf(&s, "feature: p < %g%s", p->alpha, p->corrected ? " (Benjamini-Hochberg)" : "");
    if (p->floors) str_add(&s, " and effect at least the test's floor");
    if (p->psi > 0) str_addf(&s, ", or PSI >= %g on 10 equal-width bins with open ends", p->psi);
    str_addf(&s, ", with at least %zu values a side; table: more than %g%% of the tested features",
             p->min_rows, p->share * 100);
    if (p->min_features > 1) str_addf(&s, " and at least %zu", p->min_features);
    val_set_str(o, "rule", str_c(&s));
}

static void write_report(struct reply *r, const struct drift_profile *p,
                         const struct drift_report *d, const struct multi_result *m)
{
    struct val *list;

    val_set_bool(r->v, "drift", d->drift || m->state == DRIFT_DRIFTED);
    val_set_real(r->v, "share_drifted", d->share);
    val_set_int(r->v, "features_tested", (int64_t)d->tested);
    val_set_int(r->v, "features_drifted", (int64_t)d->drifted);
    val_set_int(r->v, "rows_reference", (int64_t)d->rows_ref);
    val_set_int(r->v, "rows_current", (int64_t)d->rows_cur);
    val_set_str(r->v, "profile", p->name);
    write_rule(r->v, p);
    list = val_set_list(r->v, "features");
    for (size_t i = 0; i < d->n; i++) drift_feature_to_val(list, p, &d->features[i]);
    if (m->test) {
        drift_multi_to_row(list, p, m);
        drift_multi_to_val(val_set_obj(r->v, "multivariate"), p, m);
    } else {
        val_set_str(r->v, "multivariate", NULL);
    }
    reply_table(r, "features", columns);
    r->note = arena_printf(&r->arena, "%s: %zu of %zu features drifted, %zu rows against %zu\n"
                           "profile %s: %s",
                           val_get_bool(r->v, "drift", false) ? "drift" : "no drift", d->drifted,
                           d->tested, d->rows_cur, d->rows_ref, p->name,
                           val_get_str(r->v, "rule", ""));
}

/* The profile, with the tests the caller chose instead of its own. */
static int choose_profile(const struct val *args, const char *preset, struct drift_profile *ret,
                          struct err *e)
{
    static const struct {
        const char *option;
        enum drift_kind kind;
    } slots[] = { { "numeric-test", DRIFT_NUMERIC }, { "categorical-test", DRIFT_CATEGORICAL } };

    *ret = *drift_profile_find(val_get_str(args, "profile", preset));
    for (size_t i = 0; i < 2; i++) {
        const char *name = val_get_str(args, slots[i].option, NULL);
        const struct drift_test *t = name ? drift_test_find(name) : NULL;
        if (!name) continue;
        if (!t) return err_set(e, ERR_INVALID, "--%s: no test is called '%s'", slots[i].option, name);
        if (!(t->kinds & slots[i].kind))
            return err_set(e, ERR_INVALID, "--%s: %s is not for such features", slots[i].option,
                           t->title);
        *(slots[i].kind == DRIFT_NUMERIC ? &ret->numeric : &ret->categorical) = t->name;
    }
    return 0;
}

static const char *const *names_of(struct arena *a, const struct val *list)
{
    const char **v = arena_array(a, val_len(list) + 1, const char *);

    for (size_t i = 0; i < val_len(list); i++) v[i] = val_as_str(val_at(list, i), "");
    return v;
}

/* ---- the two sides ---------------------------------------------------------------------- */

struct sides {
    struct frame *ref, *cur, *sample; /* owned; sample: whole rows of ref, NULL: ref has them */
    struct monitor_window window; /* of a model's log; its frames are those above */
    const char *model;       /* NULL: two tables */
    const char *profile, *multivariate; /* where the caller names none */
};

/* Exactly one of the two forms. */
static int check_form(const struct val *args, struct err *e)
{
    bool model = val_has(args, "model"), reference = val_has(args, "reference");
    bool current = val_has(args, "current");
    int rc = 0;

    if (model && (reference || current))
        rc = err_set(e, ERR_INVALID, "--model brings both sides along: --%s does not go with it",
                     reference ? "reference" : "current");
    else if (!model && val_has(args, "window"))
        rc = err_set(e, ERR_INVALID, "--window is for --model");
    else if (!model && !(reference && current))
        rc = err_set(e, ERR_INVALID, "%s is missing", reference ? "--current" : "--reference");
    return rc ? err_hint(e, "either --reference FILE --current FILE, or --model NAME [--window W]")
              : 0;
}

static int read_model(struct app *app, const struct val *args, struct arena *a, struct sides *s,
                      struct err *e)
{
    struct app mine = *app;
    int64_t threads = val_get_int(args, "threads", 0);

    if (!app->store) {
        err_set(e, ERR_NOTFOUND, "--model needs a workspace and there is none");
        return err_hint(e, "choose one with --workspace DIR");
    }
    if (threads > 0) mine.threads = (int)threads;
    s->model = val_get_str(args, "model", "");
    int rc = monitor_window_read(&mine, a, s->model, val_get_str(args, "window", NULL), &s->window,
                                 e);
    if (rc < 0) return rc;
    s->profile = s->window.profile;
    s->multivariate = s->window.multivariate;
    s->ref = s->window.reference;
    s->sample = s->window.sample;
    s->cur = s->window.current;
    return 0;
}

static int read_sides(struct app *app, const struct val *args, struct arena *a, struct sides *s,
                      struct err *e)
{
    int rc = check_form(args, e);

    s->profile = drift_profiles[0].name;
    s->multivariate = "off";
    if (rc == 0 && val_has(args, "model")) return read_model(app, args, a, s, e);
    if (rc == 0) rc = ingest_data(app, val_get_str(args, "reference", ""), NULL, &s->ref, NULL, e);
    if (rc == 0) rc = ingest_data(app, val_get_str(args, "current", ""), NULL, &s->cur, NULL, e);
    return rc;
}

static void write_window(struct val *o, const struct sides *s)
{
    const struct monitor_window *w = &s->window;
    char text[32];

    if (!s->model) return;
    val_set_str(o, "model", s->model);
    if (w->version) val_set_int(o, "version", w->version);
    else val_set_str(o, "version", NULL);
    val_set_str(o, "window_start", clock_format(text, w->w.start_us));
    val_set_str(o, "window_end", clock_format(text, w->w.end_us));
    val_set_int(o, "volume", (int64_t)w->rows);
    val_set_str(o, "reference", w->data);
}

/* ---- the verb --------------------------------------------------------------------------- */

static int compare(struct sides *s, const struct val *args, struct reply *r, struct err *e)
{
    const char *const *skip = names_of(&r->arena, val_get(args, "drop"));
    const char *method = val_get_str(args, "multivariate", s->multivariate);
    struct engine en = { .pool = pool_new((int)val_get_int(args, "threads", 0)) };
    struct drift_profile profile;
    struct drift_report report = { 0 };
    struct multi_result together = { .test = multi_test_find(method) };
    int rc = en.pool ? 0 : err_set(e, ERR_NOMEM, "cannot start threads");

    if (rc == 0) rc = choose_profile(args, s->profile, &profile, e);
    if (rc == 0) rc = drift_compare(&en, s->ref, s->cur, &profile, skip, &report, e);
    if (rc == 0 && together.test)
        rc = multi_compare(&en, together.test, s->sample ? s->sample : s->ref, s->cur, &profile,
                           skip, &together, e);
    if (rc == 0) {
        r->v = val_obj(&r->arena);
        write_window(r->v, s);
        write_report(r, &profile, &report, &together);
    }
    drift_report_done(&report);
    pool_free(en.pool);
    return rc;
}

int verb_drift(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct sides s = { 0 };
    int rc = read_sides(app, args, &r->arena, &s, e);

    if (rc == 0) rc = compare(&s, args, r, e);
    if (rc == 0 && val_get_bool(r->v, "drift", false) && val_get_bool(args, "fail-on-drift", false))
        r->exit = 3;
    frame_free(s.ref);
    frame_free(s.cur);
    frame_free(s.sample);
    return rc;
}
