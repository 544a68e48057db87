/* drift.c: see drift.h. One task a column: prepare the pair, measure, keep only numbers; then
 * one pass over all features corrects the p-values and gives the verdicts. */
#include "engine/drift/drift.h"

#include "base/mem.h"
#include "base/str.h"
#include "engine/pool.h"
#include "engine/stats/table.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define BINS       10
#define MIN_CELL   5.0 /* smallest expected count of a level that stands alone */
#define NOTE(f, ...) snprintf((f)->note, sizeof(f)->note, __VA_ARGS__)

const struct drift_profile drift_profiles[] = {
    { "sound", "ks", "chi2", 0.05, true, true, 0, 50, 0.2, 2 },
    { "seed", "ks", "chi2", 0.05, false, false, 0.2, 2, 0.2, 1 },
    { .name = NULL },
};

const struct drift_profile *drift_profile_find(const char *name)
{
    for (const struct drift_profile *p = drift_profiles; p->name; p++)
        if (str_eq(p->name, name)) return p;
    return NULL;
}

const char *drift_state_name(enum drift_state s)
{
    static const char *const names[] = { "ok", "drifted", "negligible", "too few rows",
                                         "not tested" };
    return names[s];
}

struct work {
    const struct frame *ref, *cur;
    const struct drift_profile *profile;
    const struct drift_test *numeric, *categorical;
    struct drift_feature *features;
    int *failed; /* per feature: 1 without memory */
};

/* ---- numeric features ------------------------------------------------------------------ */

static bool numeric_pair(const struct column *a, size_t n, const struct column *b, size_t m,
                         struct drift_pair *p, double counts[4][BINS_MAX])
{
    struct bins width, quantile;
    if (sample_new(a->num, n, &p->ref, NULL) < 0 || sample_new(b->num, m, &p->cur, NULL) < 0)
        return false;
    p->kind = DRIFT_NUMERIC;
    p->n_ref = (double)p->ref.n;
    p->n_cur = (double)p->cur.n;
    if (p->ref.n == 0 || p->cur.n == 0) return true;
    two_sample_merge(&p->ref, &p->cur, &p->merged);
    bins_quantile(&p->ref, BINS, &quantile);
    bins_equal_width(&p->ref, BINS, &width);
    bins_count(&quantile, &p->ref, counts[0]);
    bins_count(&quantile, &p->cur, counts[1]);
    bins_count(&width, &p->ref, counts[2]);
    bins_count(&width, &p->cur, counts[3]);
    p->k = quantile.n;
    p->p = counts[0];
    p->q = counts[1];
    p->width_k = width.n;
    p->width_p = counts[2];
    p->width_q = counts[3];
    return true;
}

static bool compare_numeric(const struct work *w, const struct column *a, const struct column *b,
                            struct drift_feature *f)
{
    struct drift_pair p = { 0 };
    double counts[4][BINS_MAX];
    bool ok = numeric_pair(a, w->ref->n_rows, b, w->cur->n_rows, &p, counts);
    f->kind = DRIFT_NUMERIC;
    f->n_ref = p.ref.n;
    f->n_cur = p.cur.n;
    if (ok && p.ref.n > 0 && p.cur.n > 0) {
        struct drift_value v;
        f->test = w->numeric;
        f->test->measure(&p, &f->value);
        if (w->profile->psi > 0) f->psi = dist_psi_eps(p.width_p, p.width_q, p.width_k);
        else if (p.k > 1) f->psi = dist_psi_jeffreys(p.p, p.q, p.k);
        if (p.k > 1) f->js = dist_js(p.p, p.q, p.k);
        else NOTE(f, "one value fills the reference: it has no bins");
        drift_test_find("wasserstein")->measure(&p, &v);
        f->wasserstein = v.statistic;
    }
    sample_done(&p.ref);
    sample_done(&p.cur);
    return ok;
}

/* ---- categorical features -------------------------------------------------------------- */

/* Counts per level of both sides: levels of the reference first, in the order of its
 * dictionary, then those only the current table has. */
struct levels {
    double *p, *q;
    size_t k;
    double n_ref, n_cur, unseen;
};

static bool count_levels(const struct work *w, const struct column *a, const struct column *b,
                         struct levels *l)
{
    size_t known = dict_len(a->dict), other = dict_len(b->dict);
    l->p = mem_try_zero(known + other, 2 * sizeof *l->p);
    int32_t *place = mem_try(other, sizeof *place);
    bool ok = l->p && place;
    if (ok) {
        l->q = l->p + known + other;
        l->k = known;
        for (size_t c = 0; c < other; c++) {
            size_t len;
            const char *s = dict_str(b->dict, (int32_t)c, &len);
            place[c] = dict_find(a->dict, s, len);
            if (place[c] < 0) place[c] = (int32_t)l->k++;
        }
        for (size_t i = 0; i < w->ref->n_rows; i++)
            if (a->code[i] >= 0) {
                l->p[a->code[i]]++;
                l->n_ref++;
            }
        for (size_t i = 0; i < w->cur->n_rows; i++)
            if (b->code[i] >= 0) {
                l->q[place[b->code[i]]]++;
                l->n_cur++;
            }
        for (size_t i = 0; i < l->k; i++)
            if (l->p[i] == 0) l->unseen += l->q[i];
    }
    free(place);
    return ok;
}

/* Levels too rare for the chi-square law are counted together, so that a new rare level does
 * not by itself mean drift; how much is unseen is reported apart. Empty levels vanish. */
static size_t pool_rare(struct levels *l)
{
    double all = l->n_ref + l->n_cur, rare_p = 0, rare_q = 0;
    size_t k = 0, pooled = 0;
    for (size_t i = 0; i < l->k; i++) {
        double column = l->p[i] + l->q[i];
        if (column == 0) continue;
        if (fmin(column * l->n_ref / all, column * l->n_cur / all) < MIN_CELL && l->k > 2) {
            rare_p += l->p[i];
            rare_q += l->q[i];
            pooled++;
            continue;
        }
        l->p[k] = l->p[i];
        l->q[k++] = l->q[i];
    }
    if (pooled) {
        l->p[k] = rare_p;
        l->q[k++] = rare_q;
    }
    l->k = k;
    return pooled;
}

static bool compare_categorical(const struct work *w, const struct column *a,
                                const struct column *b, struct drift_feature *f)
{
    struct levels l = { 0 };
    bool ok = count_levels(w, a, b, &l);
    f->kind = DRIFT_CATEGORICAL;
    f->n_ref = (size_t)l.n_ref;
    f->n_cur = (size_t)l.n_cur;
    if (ok && l.n_ref > 0 && l.n_cur > 0) {
        f->unseen = l.unseen / l.n_cur;
        size_t pooled = pool_rare(&l);
        struct drift_pair p = { .kind = DRIFT_CATEGORICAL, .k = l.k, .p = l.p, .q = l.q,
                                .n_ref = l.n_ref, .n_cur = l.n_cur };
        f->test = w->categorical;
        f->test->measure(&p, &f->value);
        f->psi = w->profile->psi > 0 ? dist_psi_eps(l.p, l.q, l.k)
                                     : dist_psi_jeffreys(l.p, l.q, l.k);
        f->js = dist_js(l.p, l.q, l.k);
        if (pooled > 1) NOTE(f, "%zu rare levels counted together", pooled);
    }
    free(l.p);
    return ok;
}

/* ---- one column ------------------------------------------------------------------------ */

static double missing_share(const struct column *c, size_t n)
{
    return n ? (double)column_missing(c, n) / (double)n : 0;
}

static void compare_column(void *arg, size_t i, int thread)
{
    struct work *w = arg;
    struct drift_feature *f = &w->features[i];
    if (f->state == DRIFT_SKIPPED) return;
    (void)thread;
    const struct column *a = frame_col(w->ref, f->name), *b = frame_col(w->cur, f->name);
    f->missing_ref = missing_share(a, w->ref->n_rows);
    f->missing_cur = missing_share(b, w->cur->n_rows);
    bool ok = a->code ? compare_categorical(w, a, b, f) : compare_numeric(w, a, b, f);
    w->failed[i] = !ok;
    f->p_adjusted = f->value.p;
    if (!f->test) {
        f->state = DRIFT_TOO_FEW;
        NOTE(f, "all values are missing on one side");
    } else if (f->n_ref < w->profile->min_rows || f->n_cur < w->profile->min_rows) {
        f->state = DRIFT_TOO_FEW;
        NOTE(f, "%zu and %zu values; at least %zu each are needed", f->n_ref, f->n_cur,
             w->profile->min_rows);
    } else if (isnan(f->value.statistic)) {
        f->state = DRIFT_SKIPPED;
        NOTE(f, "%s says nothing about these values", f->test->title);
    }
}

/* ---- verdicts -------------------------------------------------------------------------- */

static int correct(const struct drift_profile *profile, struct drift_feature *f, size_t n,
                   struct err *e)
{
    if (!profile->corrected) return 0;
    double *p = mem_try(n ? n : 1, 2 * sizeof *p);
    if (!p) return err_set(e, ERR_NOMEM, "no memory for %zu p-values", n);
    for (size_t i = 0; i < n; i++)
        p[i] = f[i].test && f[i].state == DRIFT_OK ? f[i].value.p : (double)NAN;
    int rc = p_adjust(P_BH, p, n, p + n);
    for (size_t i = 0; i < n && rc == 0; i++)
        if (!isnan(p[i])) f[i].p_adjusted = p[n + i];
    free(p);
    return rc;
}

static enum drift_state judge(const struct drift_profile *profile, const struct drift_feature *f)
{
    if (profile->psi > 0 && f->psi >= profile->psi) return DRIFT_DRIFTED;
    if (isnan(f->value.p))
        return f->value.statistic >= f->test->threshold ? DRIFT_DRIFTED : DRIFT_OK;
    if (!(f->p_adjusted < profile->alpha)) return DRIFT_OK;
    bool small = profile->floors && f->test->effect_floor > 0 &&
                 !(f->value.effect >= f->test->effect_floor);
    return small ? DRIFT_NEGLIGIBLE : DRIFT_DRIFTED;
}

static void conclude(const struct drift_profile *profile, struct drift_report *r)
{
    for (size_t i = 0; i < r->n; i++) {
        struct drift_feature *f = &r->features[i];
        if (f->state != DRIFT_OK) continue;
        f->state = judge(profile, f);
        r->tested++;
        r->drifted += f->state == DRIFT_DRIFTED;
    }
    r->share = r->tested ? (double)r->drifted / (double)r->tested : 0;
    r->drift = r->share > profile->share && r->drifted >= profile->min_features;
}

static bool listed(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (str_eq(*names, name)) return true;
    return false;
}

static void skip_feature(struct drift_feature *f, const char *why)
{
    f->state = DRIFT_SKIPPED;
    NOTE(f, "%s", why);
}

/* Which columns can be compared at all. */
static void line_up(const struct frame *ref, const struct frame *cur, const char *const *skip,
                    struct drift_report *r)
{
    for (size_t i = 0; i < ref->n_cols; i++) {
        const struct column *a = &ref->cols[i], *b = frame_col(cur, a->name);
        if (listed(skip, a->name)) continue;
        struct drift_feature *f = &r->features[r->n++];
        *f = (struct drift_feature){ .name = a->name,
                                     .kind = a->code ? DRIFT_CATEGORICAL : DRIFT_NUMERIC,
                                     .value = { NAN, NAN, NAN },
                                     .p_adjusted = NAN, .psi = NAN, .js = NAN,
                                     .wasserstein = NAN };
        if (!b) skip_feature(f, "the current table has no such column");
        else if (a->type == COL_TEXT || b->type == COL_TEXT)
            skip_feature(f, "free text is not compared");
        else if (!a->code != !b->code)
            skip_feature(f, a->code ? "a category here, numbers in the current table"
                                    : "numbers here, a category in the current table");
    }
}

int drift_compare(const struct engine *en, const struct frame *ref, const struct frame *cur,
                  const struct drift_profile *profile, const char *const *skip,
                  struct drift_report *ret, struct err *e)
{
    struct drift_report r = { .rows_ref = ref->n_rows, .rows_cur = cur->n_rows };
    r.features = mem_zalloc(ref->n_cols + 1, sizeof *r.features);
    line_up(ref, cur, skip, &r);
    struct work w = { ref, cur, profile, drift_test_find(profile->numeric),
                      drift_test_find(profile->categorical), r.features,
                      mem_zalloc(r.n + 1, sizeof(int)) };
    assert(w.numeric && w.categorical);
    pool_run(en->pool, r.n, compare_column, &w);
    int rc = 0;
    for (size_t i = 0; i < r.n && rc == 0; i++)
        if (w.failed[i])
            rc = err_set(e, ERR_NOMEM, "no memory to compare column '%s'", r.features[i].name);
    free(w.failed);
    if (rc == 0) rc = correct(profile, r.features, r.n, e);
    if (rc < 0) {
        drift_report_done(&r);
        return rc;
    }
    conclude(profile, &r);
    *ret = r;
    return 0;
}

void drift_report_done(struct drift_report *r)
{
    free(r->features);
    *r = (struct drift_report){ 0 };
}
