/* retrain.c: the decision whether to train a model again, and the verbs that show and queue it.
 * See retrain.h. Evidence and blockers are lists of small functions, one rule each. */
#include "app/retrain.h"
#include "app/jobs.h"
#include "app/runval.h"
#include "app/verb.h"
#include "base/digest.h"
#include "base/mem.h"
#include "engine/stats/table.h"
#include "store/audit.h"
#include "store/job.h"
#include "store/schedule.h"

#include <math.h>
#include <string.h>

#define HOUR_US 3600e6

/* ---- evidence ---------------------------------------------------------------------------- */

struct evidence {
    const char *rule;
    double value, threshold, low, high;
    int64_t n;
    bool vote;
    const char *words; /* why it votes, or why it cannot say */
};

static struct evidence evidence_of(const char *rule, double threshold)
{
    return (struct evidence){
        .rule = rule, .value = NAN, .threshold = threshold, .low = NAN, .high = NAN, .words = ""
    };
}

static const struct retrain_window *newest_labelled(const struct retrain_promoted *p)
{
    for (size_t i = p->n_windows; i-- > 0;)
        if (!isnan(p->window[i].accuracy.value)) return &p->window[i];
    return NULL;
}

/* 95 % interval of p1 - p2 from the Wilson intervals of both (Newcombe 1998, method 10). A
 * proportion of an unknown number of rows is taken as exact. */
static struct interval difference(double p1, double n1, double p2, double n2)
{
    struct interval a = { p1, p1 }, b = { p2, p2 };

    if (n1 > 0) a = wilson_interval(p1 * n1, n1, 0.95);
    if (n2 > 0) b = wilson_interval(p2 * n2, n2, 0.95);
    return (struct interval){ p1 - p2 - hypot(p1 - a.low, b.high - p2),
                              p1 - p2 + hypot(a.high - p1, p2 - b.low) };
}

static struct evidence accuracy_drop(struct arena *a, const struct retrain_facts *f)
{
    struct evidence v = evidence_of("accuracy_drop", f->set.accuracy_drop);
    const struct retrain_window *w = newest_labelled(&f->now);

    if (!w || isnan(f->now.accuracy)) {
        v.words = w ? "the promoted version's accuracy is unknown" : "no window has enough labels";
        return v;
    }
    struct interval ci =
        difference(f->now.accuracy, (double)f->now.n, w->accuracy.value, (double)w->accuracy.n);
    v.value = f->now.accuracy - w->accuracy.value;
    v.low = ci.low;
    v.high = ci.high;
    v.n = w->accuracy.n;
    v.vote = v.value > v.threshold && v.low > 0;
    v.words = arena_printf(a, "accuracy fell by %.1f points, from %.3f to %.3f, on %lld labels",
                           100 * v.value, f->now.accuracy, w->accuracy.value, (long long)v.n);
    return v;
}

static struct evidence brier_rise(struct arena *a, const struct retrain_facts *f)
{
    struct evidence v = evidence_of("brier_rise", f->set.brier_rise);
    const struct retrain_window *w = NULL;

    for (size_t i = f->now.n_windows; i-- > 0 && !w;)
        if (!isnan(f->now.window[i].brier.value)) w = &f->now.window[i];
    if (!w || isnan(f->now.brier)) {
        v.words =
            w ? "the promoted version's Brier score is unknown" : "no window has a Brier score";
        return v;
    }
    v.value = w->brier.value - f->now.brier;
    v.low = w->brier.low - f->now.brier;
    v.high = w->brier.high - f->now.brier;
    v.n = w->brier.n;
    v.vote = v.value > v.threshold && !(v.low <= 0);
    v.words = arena_printf(a, "the Brier score rose by %.4f, from %.4f to %.4f", v.value,
                           f->now.brier, w->brier.value);
    return v;
}

/* Drift votes only where no label says how the model does, and when it lasts. The value is the
 * least share of those windows: the level that was sustained. */
static struct evidence drift(struct arena *a, const struct retrain_facts *f)
{
    struct evidence v = evidence_of("drift", f->set.share_drifted);
    bool labelled = false;

    for (size_t i = f->now.n_windows; i-- > 0 && v.n < f->set.drift_windows;) {
        const struct retrain_window *w = &f->now.window[i];
        if (isnan(w->share)) continue;
        labelled |= !isnan(w->accuracy.value);
        if (!(w->share >= v.value)) v.value = w->share;
        v.n++;
    }
    v.vote = v.n >= f->set.drift_windows && v.value > v.threshold && !labelled;
    if (labelled) v.words = "labels speak for these windows";
    else if (v.n == 0) v.words = "no window was compared with the reference";
    else
        v.words = arena_printf(a,
                               "at least %.0f %% of the features drifted in %lld windows in a "
                               "row, without labels",
                               100 * (isnan(v.value) ? 0 : v.value), (long long)v.n);
    return v;
}

static struct evidence manual(struct arena *a, const struct retrain_facts *f)
{
    struct evidence v = evidence_of("manual", 1);

    (void)a;
    v.vote = str_eq(f->trigger, "manual");
    v.value = v.vote;
    v.words = v.vote ? "somebody asked for it" : "nobody asked for it";
    return v;
}

/* The value is the age of the training in hours. */
static struct evidence schedule(struct arena *a, const struct retrain_facts *f)
{
    struct evidence v = evidence_of("schedule", NAN);
    int64_t last = f->trained_us > f->now.promoted_us ? f->trained_us : f->now.promoted_us;

    (void)a;
    v.value = (double)(f->now_us - last) / HOUR_US;
    if (f->slot_us != INT64_MIN) v.threshold = (double)(f->now_us - f->slot_us) / HOUR_US;
    v.vote = f->slot_us != INT64_MIN && f->slot_us > last;
    v.words = f->slot_us == INT64_MIN ? "there is no schedule"
              : v.vote                ? "the regular retraining is due"
                                      : "no slot has come since the last training";
    return v;
}

/* By name, so that the voting ones are a sorted set. */
static struct evidence (*const evidences[])(struct arena *, const struct retrain_facts *) = {
    accuracy_drop, brier_rise, drift, manual, schedule,
};

static void put_evidence(struct val *list, const struct evidence *v)
{
    struct val *o = val_push_obj(list);

    val_set_str(o, "rule", v->rule);
    val_set_real(o, "value", v->value);
    val_set_real(o, "threshold", v->threshold);
    val_set_int(o, "n", v->n);
    val_set_real(o, "low", v->low);
    val_set_real(o, "high", v->high);
    val_set_bool(o, "vote", v->vote);
    val_set_str(o, "detail", v->words);
}

/* ---- blockers ------------------------------------------------------------------------------ */

static void block(struct val *list, const char *name, const char *detail)
{
    struct val *o = val_push_obj(list);

    val_set_str(o, "name", name);
    val_set_str(o, "detail", detail);
}

/* Of the two, the later one that starts a cooldown. A model's first promotion does not: there is
 * nothing yet it could be going back and forth with. */
static int64_t last_change(const struct retrain_facts *f)
{
    int64_t promoted = f->now.first ? 0 : f->now.promoted_us;

    return f->trained_us > promoted ? f->trained_us : promoted;
}

static void put_blockers(struct arena *a, const struct retrain_facts *f, struct val *list)
{
    const struct retrain_settings *s = &f->set;
    double coverage = f->rows ? (double)f->labels / (double)f->rows : 0;
    int64_t last = last_change(f);
    char age[16];

    if (f->bad_data)
        block(list, "data_quality",
              arena_printf(a, "an incident of the rule '%s' is open: mend the data first",
                           f->bad_data));
    if (coverage < s->min_coverage)
        block(list, "label_coverage",
              arena_printf(a, "%.1f %% of the predictions have labels, %.1f %% are needed",
                           100 * coverage, 100 * s->min_coverage));
    if (f->new_labels < s->min_labels)
        block(list, "min_labels",
              arena_printf(a, "%lld new labels since the last training, %lld are needed",
                           (long long)f->new_labels, (long long)s->min_labels));
    if (f->minority >= 0 && f->minority < s->min_minority)
        block(list, "min_minority",
              arena_printf(a, "the rarest class has %lld labels, %lld are needed",
                           (long long)f->minority, (long long)s->min_minority));
    if (last && f->now_us - last < s->cooldown_us)
        block(list, "cooldown",
              arena_printf(a, "the last change was %s ago",
                           clock_age(age, f->now_us > last ? f->now_us - last : 0)));
    if (f->job) block(list, "duplicate", arena_printf(a, "job %s is not finished", f->job));
}

/* ---- the decision -------------------------------------------------------------------------- */

/* Errors that would not have happened at the accuracy the version was promoted with, since it
 * last kept what it promised: good windows of long ago make up for nothing. */
static double avoidable(const struct retrain_promoted *p)
{
    double sum = 0;

    if (isnan(p->accuracy)) return NAN;
    for (size_t i = 0; i < p->n_windows; i++) {
        const struct figure *f = &p->window[i].accuracy;
        if (!isnan(f->value)) sum = fmax(0, sum + (p->accuracy - f->value) * (double)f->n);
    }
    return sum;
}

/* The new version must not be worse than what it replaces: as that does now, else as far below
 * its promise as would have asked for this retraining. */
static double rollback_threshold(const struct retrain_facts *f)
{
    const struct retrain_window *w = newest_labelled(&f->now);

    return w ? w->accuracy.value : f->now.accuracy - f->set.accuracy_drop;
}

static const char *dedup_key(struct arena *a, const struct retrain_facts *f, const char *triggers)
{
    char hex[SHA256_HEX + 1];
    const char *text =
        arena_printf(a, "%s\n%lld\n%s\n%lld\n%lld", f->model, (long long)f->now.version, triggers,
                     (long long)f->from_us, (long long)f->to_us);

    sha256_buf(text, strlen(text), hex);
    return arena_printf(a, "retrain:%s", hex);
}

static void put_data_window(struct val *d, const struct retrain_facts *f)
{
    struct val *o = val_set_obj(d, "data_window");

    val_set_time(o, "from", f->from_us);
    val_set_time(o, "to", f->to_us);
    val_set_int(o, "rows", f->rows);
    val_set_int(o, "labels", f->labels);
    val_set_int(o, "new_labels", f->new_labels);
    if (f->minority >= 0) val_set_int(o, "minority", f->minority);
    else val_set_str(o, "minority", NULL);
}

static void put_criteria(struct val *d, const struct retrain_facts *f)
{
    struct val *o = val_set_obj(d, "rollback_criteria");

    val_set_str(o, "metric", "accuracy");
    val_set_str(o, "op", "<");
    val_set_real(o, "threshold", rollback_threshold(f));
    val_set_int(o, "watch_windows", f->set.watch_windows);
    val_set_bool(o, "automatic", f->set.auto_rollback);
}

static void put_reasons(struct arena *a, const struct val *evidence, const struct val *blockers,
                        struct val *reasons)
{
    bool votes = false;

    for (size_t i = 0; i < val_len(evidence); i++)
        if (val_get_bool(val_at(evidence, i), "vote", false)) {
            val_push_str(reasons, val_get_str(val_at(evidence, i), "detail", ""));
            votes = true;
        }
    if (!votes) val_push_str(reasons, "nothing asks for retraining");
    for (size_t i = 0; i < val_len(blockers); i++)
        val_push_str(reasons, arena_printf(a, "blocked (%s): %s",
                                           val_get_str(val_at(blockers, i), "name", ""),
                                           val_get_str(val_at(blockers, i), "detail", "")));
}

struct val *retrain_decide(struct arena *a, const struct retrain_facts *f, const char **ret_key)
{
    struct val *d = val_obj(a);
    STR_AUTO triggers = STR_INIT;

    val_set_str(d, "model", f->model);
    val_set_int(d, "version", f->now.version);
    val_set_str(d, "trigger", f->trigger);
    val_set_bool(d, "should_retrain", false);
    val_set_bool(d, "dry_run", true);
    struct val *reasons = val_set_list(d, "reasons"), *list = val_set_list(d, "evidence");
    for (size_t i = 0; i < ARRAY_LEN(evidences); i++) {
        struct evidence v = evidences[i](a, f);
        put_evidence(list, &v);
        if (v.vote) str_addf(&triggers, "%s%s", triggers.len ? "," : "", v.rule);
    }
    struct val *blockers = val_set_list(d, "blockers");
    put_blockers(a, f, blockers);
    put_reasons(a, list, blockers, reasons);
    val_set_bool(d, "should_retrain", triggers.len && !val_len(blockers));
    val_set_real(d, "avoidable_misclassifications", avoidable(&f->now));
    put_data_window(d, f);
    put_criteria(d, f);
    val_set_str(d, "job_id", NULL);
    val_set_str(d, "duplicate_of", f->job);
    *ret_key = dedup_key(a, f, str_c(&triggers));
    return d;
}

/* ---- queueing -------------------------------------------------------------------------------- */

static const char *payload_of(struct arena *a, const struct retrain_facts *f, const struct val *d)
{
    struct val *v = val_obj(a);
    STR_AUTO json = STR_INIT;

    val_set_str(v, "model", f->model);
    val_set_int(v, "version", f->now.version);
    val_set_int(v, "from_us", f->from_us);
    val_set_int(v, "to_us", f->to_us);
    val_set(v, "decision", val_copy(a, d));
    val_write_json(&json, v, 0);
    return arena_strdup(a, str_c(&json));
}

static int append_audit(struct app *app, struct arena *a, const struct retrain_facts *f,
                        const char *json, const char *reason, struct err *e)
{
    int64_t seq;
    const struct audit_row row = { .at_us = f->now_us,
                                   .actor = app->actor,
                                   .verb = "retrain policy",
                                   .object = arena_printf(a, "model:%s", f->model),
                                   .reason = reason ? reason : "",
                                   .detail = json };

    return audit_append(app->store, &row, &seq, e);
}

static int add_job(struct app *app, struct arena *a, const struct retrain_facts *f, const char *key,
                   struct val *d, struct err *e)
{
    const struct job j = { .kind = "retrain",
                           .payload = payload_of(a, f, d),
                           .actor = app->actor,
                           .dedup_key = key,
                           .serial_key = arena_printf(a, "retrain:%s", f->model) };
    char id[27];
    bool duplicate;
    int rc = store_job_add(app->store, &j, id, &duplicate, e);

    if (rc == 0) val_set_str(d, duplicate ? "duplicate_of" : "job_id", id);
    return rc;
}

/* Decides again on what the transaction sees, and writes everything that follows. */
static int queue_in_tx(struct app *app, struct arena *a, struct retrain_facts *f,
                       const char *reason, struct val **ret, struct err *e)
{
    STR_AUTO json = STR_INIT;
    const char *key;
    int rc = retrain_facts_queue(app, a, f, e);

    if (rc) return rc;
    struct val *d = retrain_decide(a, f, &key);
    bool yes = val_get_bool(d, "should_retrain", false);
    val_set_bool(d, "dry_run", false);
    if (yes) rc = add_job(app, a, f, key, d, e);
    if (rc) return rc;
    val_write_json(&json, d, 0);
    const struct retrain_row row = { .model = f->model,
                                     .at_us = f->now_us,
                                     .actor = app->actor,
                                     .trigger = f->trigger,
                                     .should_retrain = yes,
                                     .job_id = val_get_str(d, "job_id", NULL),
                                     .duplicate_of = val_get_str(d, "duplicate_of", NULL),
                                     .dedup_key = key,
                                     .decision = str_c(&json) };
    rc = retrain_add(app->store, &row, e);
    if (rc == 0 && row.job_id) rc = append_audit(app, a, f, row.decision, reason, e);
    *ret = d;
    return rc;
}

static int queue(struct app *app, struct arena *a, struct retrain_facts *f, const char *reason,
                 struct val **ret, struct err *e)
{
    int rc = store_begin(app->store, e);

    if (rc) return rc;
    rc = queue_in_tx(app, a, f, reason, ret, e);
    if (rc) {
        store_rollback(app->store);
        return rc;
    }
    rc = store_commit(app->store, e);
    const char *id = val_get_str(*ret, "job_id", NULL);
    if (rc || !id || !app->ports->job_start) return rc;
    return app->ports->job_start(app->ports->user, app->dir, id, e);
}

/* ---- verbs ----------------------------------------------------------------------------------- */

static const char *as_text(struct arena *a, const struct val *d)
{
    const struct val *reasons = val_get(d, "reasons");
    const char *job = val_get_str(d, "job_id", NULL);
    STR_AUTO s = STR_INIT;

    str_addf(&s, "%s: %s%s\n", val_get_str(d, "model", ""),
             val_get_bool(d, "should_retrain", false) ? "retrain" : "do not retrain",
             val_get_bool(d, "dry_run", true) ? " (dry run)" : "");
    for (size_t i = 0; i < val_len(reasons); i++)
        str_addf(&s, "  %s\n", val_as_str(val_at(reasons, i), ""));
    if (job) str_addf(&s, "job %s\n", job);
    return arena_strdup(a, str_c(&s));
}

int verb_retrain_policy(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct arena *a = &r->arena;
    bool dry = app->dry_run || val_get_bool(args, "dry-run", true);
    struct retrain_facts f;
    struct val *d = NULL;
    const char *key;
    int rc = retrain_facts_measured(app, a, val_get_str(args, "name", ""), &f, e);

    if (rc) return rc;
    f.trigger = val_get_str(args, "trigger", "policy");
    if (dry) {
        rc = retrain_facts_queue(app, a, &f, e);
        if (rc == 0) d = retrain_decide(a, &f, &key);
    } else {
        rc = queue(app, a, &f, val_get_str(args, "reason", NULL), &d, e);
    }
    if (rc) return rc;
    r->v = d;
    r->text = as_text(a, d);
    return 0;
}

static const struct reply_column decision_columns[] = {
    { "at", "decided", "age" },      { "model", "model", NULL },
    { "trigger", "trigger", NULL },  { "should_retrain", "retrain", NULL },
    { "job_id", "job", "id" },       { "duplicate_of", "duplicate of", "id" },
    { "job.state", "state", NULL },  { "job.version", "version", NULL },
    { "reasons.0", "reason", NULL }, { NULL, NULL, NULL },
};

/* How far the decision's job has come, and once it has ended what it found; a job that is gone is
 * null. */
static int put_job(struct app *app, struct arena *a, const char *id, struct val *o, struct err *e)
{
    static const char *const kept[] = { "state",  "progress",    "message",
                                        "run_id", "finished_at", "error" };
    static const char *const found[] = { "outcome",   "metric",     "margin",  "challenger",
                                         "incumbent", "registered", "version", "stage" };
    struct val *result = NULL;
    struct job j;
    int rc = id ? store_job_get(app->store, a, id, &j, e) : -ERR_NOTFOUND;

    val_set_str(o, "job", NULL);
    if (rc == -ERR_NOTFOUND) {
        err_clear(e);
        return 0;
    }
    if (rc) return rc;
    const struct val *job = job_to_val(a, &j, clock_now(app->clock));
    struct val *out = val_set_obj(o, "job");
    for (size_t k = 0; k < ARRAY_LEN(kept); k++)
        val_set(out, kept[k], val_copy(a, val_get(job, kept[k])));
    if (!j.result || val_parse_json(a, j.result, strlen(j.result), &result, NULL)) return 0;
    for (size_t k = 0; k < ARRAY_LEN(found); k++)
        if (val_has(result, found[k]))
            val_set(out, found[k], val_copy(a, val_get(result, found[k])));
    return 0;
}

static int put_decision(struct app *app, struct arena *a, const struct retrain_row *row,
                        struct val *o, struct err *e)
{
    static const char *const kept[] = { "version",           "reasons",
                                        "evidence",          "blockers",
                                        "rollback_criteria", "avoidable_misclassifications",
                                        "data_window" };
    struct val *d = NULL;

    if (val_parse_json(a, row->decision, strlen(row->decision), &d, NULL)) d = NULL;
    val_set_str(o, "id", row->id);
    val_set_str(o, "model", row->model);
    val_set_time(o, "at", row->at_us);
    val_set_str(o, "actor", row->actor);
    val_set_str(o, "trigger", row->trigger);
    val_set_bool(o, "should_retrain", row->should_retrain);
    val_set_bool(o, "dry_run", row->dry_run);
    val_set_str(o, "job_id", row->job_id);
    val_set_str(o, "duplicate_of", row->duplicate_of);
    for (size_t k = 0; k < ARRAY_LEN(kept); k++)
        val_set(o, kept[k], val_copy(a, val_get(d, kept[k])));
    return put_job(app, a, row->job_id, o, e);
}

int verb_retrain_list(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct arena *a = &r->arena;
    struct retrain_row *row = NULL;
    size_t n = 0;
    int rc = retrain_list(app->store, a, val_get_str(args, "name", NULL),
                          val_get_int(args, "limit", 50), &row, &n, e);

    if (rc) return rc;
    r->v = val_obj(a);
    struct val *list = val_set_list(r->v, "decisions");
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = put_decision(app, a, &row[i], val_push_obj(list), e);
    reply_table(r, "decisions", decision_columns);
    return rc;
}
