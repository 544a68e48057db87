/* monitor_drift.c: features, scores, and features together of a window against the reference.
 *
 * With a season in the settings a feature that drifted from the frozen reference is compared
 * once more, with the window that long ago: does it not differ from that, its state is "known
 * season", it is not drifted, and it does not count in the share. A season-ago window with too
 * few rows explains nothing. */
#include "app/driftval.h"
#include "app/monitor_priv.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

/* ---- counts ----------------------------------------------------------------------------- */

static void push_counts(struct arena *a, struct val *o, const char *key, const double *counts,
                        size_t k)
{
    struct val *list = val_set_list(o, key);

    for (size_t i = 0; i < k; i++) val_push(list, val_int(a, (int64_t)counts[i]));
}

static void push_labels(struct arena *a, struct val *o, const struct reference_bins *b,
                        const struct column *ref)
{
    struct val *list = val_set_list(o, "labels");

    for (size_t i = 0; i < b->k; i++) {
        char low[32] = "", high[32] = "";
        bool last = i + 1 == b->k;
        if (ref->code) {
            val_push_str(list, last ? "(other)" : dict_str(ref->dict, b->levels[i], NULL));
            continue;
        }
        if (i) str_real(low, b->bins.edge[i - 1]); /* the outermost ends are open */
        if (!last) str_real(high, b->bins.edge[i]);
        val_push_str(list, arena_printf(a, "%s..%s", low, high));
    }
}

static int set_bins(struct measurement *ms, struct val *o, const struct reference_bins *b,
                    const struct column *ref, const struct column *cur, size_t n_rows,
                    struct err *e)
{
    double counts[BINS_MAX];

    if (!cur || !b->k) {
        val_set_str(o, "bins", NULL);
        return 0;
    }
    int rc = reference_bins_count(b, ref, cur, n_rows, counts, e);
    if (rc < 0) return rc;
    struct val *v = val_set_obj(o, "bins");
    push_labels(ms->a, v, b, ref);
    push_counts(ms->a, v, "reference", b->count, b->k);
    push_counts(ms->a, v, "current", counts, b->k);
    return 0;
}

/* ---- season ----------------------------------------------------------------------------- */

/* The comparison with the window a season ago; n 0: there is none. */
static int compare_season(struct measurement *ms, const struct monitor_rows *then,
                          struct drift_report *ret, struct err *e)
{
    const struct monitor *m = ms->m;

    if (then->row.n < m->min_rows || !then->features) return 0;
    return drift_compare(&m->en, then->features, ms->rows.features, m->profile, NULL, ret, e);
}

static int read_season(struct measurement *ms, struct monitor_rows *ret, struct err *e)
{
    const struct monitor *m = ms->m;
    struct window w = { ms->w.start_us - m->season_us, ms->w.end_us - m->season_us };

    if (!m->season_us) return 0;
    return monitor_rows_read(ms->m, w, m->ref.features, ret, e);
}

static const struct drift_feature *find_feature(const struct drift_report *r, const char *name)
{
    for (size_t i = 0; i < r->n; i++)
        if (str_eq(r->features[i].name, name)) return &r->features[i];
    return NULL;
}

static bool explains(const struct drift_feature *season)
{
    return season && (season->state == DRIFT_OK || season->state == DRIFT_NEGLIGIBLE);
}

/* ---- features --------------------------------------------------------------------------- */

struct tally {
    size_t drifted, tested;
};

static int write_feature(struct measurement *ms, struct val *list, const struct drift_feature *f,
                         const struct drift_report *season, struct tally *t, struct err *e)
{
    const struct reference *ref = &ms->m->ref;
    const struct frame *cur = ms->rows.features;
    struct val *o = drift_feature_to_val(list, ms->m->profile, f);
    const struct drift_feature *s = find_feature(season, f->name);
    ptrdiff_t i = frame_index(ref->features, f->name);

    t->tested += f->state == DRIFT_OK || f->state == DRIFT_NEGLIGIBLE || f->state == DRIFT_DRIFTED;
    if (f->state == DRIFT_DRIFTED && explains(s)) {
        val_set_bool(o, "drifted", false);
        val_set_str(o, "state", "known season");
    } else {
        t->drifted += f->state == DRIFT_DRIFTED;
    }
    monitor_set_real(o, "season_effect", s ? s->value.effect : (double)NAN);
    return set_bins(ms, o, &ref->feature_bins[i], &ref->features->cols[i], frame_col(cur, f->name),
                    cur->n_rows, e);
}

static int write_features(struct measurement *ms, struct val *o, const struct drift_report *r,
                          const struct drift_report *season, struct err *e)
{
    const struct drift_profile *p = ms->m->profile;
    struct val *list = val_list(ms->a);
    struct tally t = { 0 };
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < r->n; i++)
        rc = write_feature(ms, list, &r->features[i], season, &t, e);
    double share = t.tested ? (double)t.drifted / (double)t.tested : (double)NAN;
    monitor_set_real(o, "share", share);
    /* what speaks for a drift of the table: one feature of four or fewer is a share, no more */
    bool enough = t.drifted >= p->min_features || isnan(share);
    monitor_set_real(o, "table_share", enough ? share : 0);
    val_set_int(o, "drifted", (int64_t)t.drifted);
    val_set_int(o, "tested", (int64_t)t.tested);
    val_set_bool(o, "drift", share > p->share && t.drifted >= p->min_features);
    val_set_str(o, "profile", p->name);
    val_set_str(o, "season", season->n ? val_get_str(ms->m->settings, "season", NULL) : NULL);
    val_set_int(o, "n", (int64_t)r->rows_cur);
    val_set(o, "features", list);
    return rc;
}

static int set_drift(struct measurement *ms, const struct monitor_rows *then, struct err *e)
{
    const struct monitor *m = ms->m;
    struct val *o = val_set_obj(ms->data, "drift");
    struct drift_report r = { 0 }, season = { 0 };
    int rc = 0;

    if (ms->rows.features && ms->rows.row.n) {
        rc = drift_compare(&m->en, m->ref.features, ms->rows.features, m->profile, NULL, &r, e);
        if (rc == 0) rc = compare_season(ms, then, &season, e);
    }
    if (rc == 0) rc = write_features(ms, o, &r, &season, e);
    drift_report_done(&r);
    drift_report_done(&season);
    return rc;
}

/* ---- scores ----------------------------------------------------------------------------- */

static int same_season(struct measurement *ms, const struct frame *cur,
                       const struct monitor_rows *then, bool *ret, struct err *e)
{
    struct drift_report r;
    struct frame *f = NULL;

    *ret = false;
    if (then->row.n < ms->m->min_rows) return 0;
    int rc = monitor_scores(then, &ms->m->ref, &f, e);
    if (rc < 0 || !f) return rc;
    rc = drift_compare(&ms->m->en, f, cur, ms->m->profile, NULL, &r, e);
    if (rc == 0) {
        *ret = explains(&r.features[0]);
        drift_report_done(&r);
    }
    frame_free(f);
    return rc;
}

static int write_scores(struct measurement *ms, struct val *o, const struct frame *cur,
                        const struct monitor_rows *then, struct err *e)
{
    const struct reference *ref = &ms->m->ref;
    struct drift_report r;
    bool known = false;
    int rc = drift_compare(&ms->m->en, ref->scores, cur, ms->m->profile, NULL, &r, e);

    if (rc < 0) return rc;
    const struct drift_feature *f = &r.features[0];
    bool drifted = f->state == DRIFT_DRIFTED;
    if (drifted) rc = same_season(ms, cur, then, &known, e);
    val_set_str(o, "method", f->test ? f->test->name : NULL);
    monitor_set_real(o, "statistic", f->value.statistic);
    monitor_set_real(o, "p_value", f->value.p);
    /* an effect that is chance or a known season is none to be alarmed about */
    monitor_set_real(o, "effect", drifted && !known ? f->value.effect : f->test ? 0 : (double)NAN);
    monitor_set_real(o, "effect_raw", f->value.effect);
    monitor_set_real(o, "psi", f->psi);
    monitor_set_real(o, "js", f->js);
    val_set_bool(o, "drifted", drifted && !known);
    val_set_str(o, "state", drifted && known ? "known season" : drift_state_name(f->state));
    val_set_int(o, "n", (int64_t)f->n_cur);
    if (rc == 0)
        rc = set_bins(ms, o, &ref->score_bins[0], &ref->scores->cols[0], &cur->cols[0], cur->n_rows,
                      e);
    drift_report_done(&r);
    return rc;
}

static int set_scores(struct measurement *ms, const struct monitor_rows *then, struct err *e)
{
    struct frame *cur = NULL;
    int rc = monitor_scores(&ms->rows, &ms->m->ref, &cur, e);

    if (rc == 0 && cur)
        rc = write_scores(ms, val_set_obj(ms->data, "prediction_drift"), cur, then, e);
    else if (rc == 0) val_set_str(ms->data, "prediction_drift", NULL);
    frame_free(cur);
    return rc;
}

/* ---- the features together -------------------------------------------------------------- */

/* Does the season explain it: the rows do not differ from those of a season ago. */
static int together_known(struct measurement *ms, const struct monitor_rows *then, bool *ret,
                          struct err *e)
{
    const struct monitor *m = ms->m;
    struct multi_result r;

    *ret = false;
    if (then->row.n < m->min_rows || !then->features) return 0;
    int rc = multi_compare(&m->en, m->together, then->features, ms->rows.features, m->profile,
                           NULL, &r, e);
    *ret = rc == 0 && (r.state == DRIFT_OK || r.state == DRIFT_NEGLIGIBLE);
    return rc;
}

static int set_together(struct measurement *ms, const struct monitor_rows *then, struct err *e)
{
    const struct monitor *m = ms->m;
    struct multi_result r;
    bool known = false;
    int rc = 0;

    val_set_str(ms->data, "multivariate", NULL);
    if (!m->together || !m->ref.sample || !ms->rows.features || !ms->rows.row.n) return 0;
    rc = multi_compare(&m->en, m->together, m->ref.sample, ms->rows.features, m->profile, NULL, &r,
                       e);
    bool drifted = rc == 0 && r.state == DRIFT_DRIFTED;
    if (drifted) rc = together_known(ms, then, &known, e);
    if (rc < 0) return rc;
    struct val *o = val_set_obj(ms->data, "multivariate");
    drift_multi_to_val(o, m->profile, &r);
    monitor_set_real(o, "effect", drifted && !known ? r.effect : isnan(r.p) ? (double)NAN : 0);
    monitor_set_real(o, "effect_raw", r.effect);
    if (known) {
        val_set_bool(o, "drifted", false);
        val_set_str(o, "state", "known season");
    }
    val_set_int(o, "n", (int64_t)r.n_cur);
    return 0;
}

int measure_drift(struct measurement *ms, struct err *e)
{
    struct monitor_rows then = { 0 };
    int rc = read_season(ms, &then, e);

    if (rc == 0) rc = set_drift(ms, &then, e);
    if (rc == 0) rc = set_scores(ms, &then, e);
    if (rc == 0) rc = set_together(ms, &then, e);
    monitor_rows_done(&then);
    return rc;
}
