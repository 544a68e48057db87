/* domain_classifier.c: can boosted trees tell rows of the current table from rows of the
 * reference?
 *
 * Rows are dealt at random into blocks with the same share of either side. Block by block a
 * model learns from all blocks before and ranks the rows of the next; the figure is the mean
 * AUC of those rankings:
 *
 *   learn from   0      0 1      0 1 2    0 1 2 3
 *   rank         1        2          3          4
 *
 * A ranking is made without having seen its block, so if nothing changed its AUC is one half on
 * average whatever was learned, given all blocks before: the differences from one half are
 * uncorrelated, and the variance of their mean is the sum of the blocks' own (DeLong, DeLong and
 * Clarke-Pearson 1988). Ordinary k-fold cross-validation lacks this. There the models of two
 * folds have each learned from the other's rows, their AUCs go up and down together, and
 * intervals that take them as independent are too narrow by up to the square root of two; yet
 * it compares no other pairs of rows than these, only each pair twice.
 * Telling apart is a question with one direction, an AUC below one half is chance: the test is
 * one-sided, and each bound of the interval holds with 95 %. */
#include "engine/drift/multivariate.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/val.h"
#include "engine/metric/performance.h"
#include "engine/model/model.h"
#include "engine/stats/special.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCKS 5
#define Z95    1.959963984540054 /* performance_measure's intervals */
#define Z90    1.644853626951473

struct domain {
    const struct multi_rows *m;
    struct frame *all;         /* block after block: reference rows, then current ones */
    size_t start[BLOCKS + 1];  /* first row of each */
    struct val *params;
    double *y, *score;         /* of the block that is ranked */
};

/* ---- the table -------------------------------------------------------------------------- */

static size_t cut(size_t n, size_t block)
{
    return n * block / BLOCKS;
}

/* Where row i of a block comes from: *ret_ref, and the place in that side's list. */
static size_t place_of(const struct multi_rows *m, size_t block, size_t i, bool *ret_ref)
{
    size_t ref = cut(m->n_ref, block + 1) - cut(m->n_ref, block);

    *ret_ref = i < ref;
    return i < ref ? cut(m->n_ref, block) + i : cut(m->n_cur, block) + i - ref;
}

static void fill_column(const struct domain *d, size_t j, const uint32_t *ref, const uint32_t *cur,
                        struct column *to)
{
    const struct column *a = d->m->ref[j], *b = d->m->cur[j];

    for (size_t block = 0; block < BLOCKS; block++)
        for (size_t r = d->start[block]; r < d->start[block + 1]; r++) {
            bool is_ref;
            size_t i = place_of(d->m, block, r - d->start[block], &is_ref);
            const struct column *c = is_ref ? a : b;
            size_t row = is_ref ? ref[i] : cur[i], len;
            if (!to->code) {
                to->num[r] = c->num[row];
                continue;
            }
            const char *s = c->code[row] < 0 ? NULL : dict_str(c->dict, c->code[row], &len);
            to->code[r] = s ? dict_add(to->dict, s, len) : -1;
        }
}

static int fill_frame(struct domain *d, const uint32_t *ref, const uint32_t *cur, struct err *e)
{
    size_t n = d->start[BLOCKS];
    struct column *c;
    char name[24];
    int rc = 0;

    for (size_t j = 0; rc == 0 && j < d->m->d; j++) {
        snprintf(name, sizeof name, "%zu", j); /* no clash with the target, whatever the names */
        rc = frame_add(d->all, name, d->m->ref[j]->code ? COL_CATEGORY : COL_REAL, n, &c, e);
        if (rc == 0) fill_column(d, j, ref, cur, c);
    }
    if (rc == 0) rc = frame_add(d->all, "current", COL_BOOL, n, &c, e);
    for (size_t block = 0; rc == 0 && block < BLOCKS; block++)
        for (size_t r = d->start[block]; r < d->start[block + 1]; r++) {
            bool is_ref;
            place_of(d->m, block, r - d->start[block], &is_ref);
            c->num[r] = !is_ref;
        }
    return rc;
}

static uint32_t *shuffled(const uint32_t *rows, size_t n, uint64_t seed, uint64_t stream)
{
    uint32_t *v = mem_try(n + 1, sizeof *v);
    struct rng r;

    if (!v) return NULL;
    for (size_t i = 0; i < n; i++) v[i] = rows[i];
    rng_stream(&r, seed, stream);
    rng_shuffle(&r, v, n);
    return v;
}

static int deal(const struct engine *en, struct domain *d, struct err *e)
{
    const struct multi_rows *m = d->m;
    MEM_AUTO uint32_t *ref = shuffled(m->rows_ref, m->n_ref, en->seed, 1);
    MEM_AUTO uint32_t *cur = shuffled(m->rows_cur, m->n_cur, en->seed, 2);

    for (size_t b = 0; b <= BLOCKS; b++) d->start[b] = cut(m->n_ref, b) + cut(m->n_cur, b);
    d->all = frame_new();
    d->y = mem_try(d->start[BLOCKS] + 1, sizeof *d->y);
    d->score = mem_try(d->start[BLOCKS] + 1, sizeof *d->score);
    if (!ref || !cur || !d->y || !d->score)
        return err_set(e, ERR_NOMEM, "no memory to compare %zu rows", d->start[BLOCKS]);
    return fill_frame(d, ref, cur, e);
}

/* ---- learning and ranking --------------------------------------------------------------- */

/* Small trees, and leaves that grow with the rows: what is learned from few rows is noise. */
static void set_params(struct arena *a, struct domain *d)
{
    size_t leaf = d->start[BLOCKS] / 50;

    d->params = val_obj(a);
    val_set_int(d->params, "n_estimators", 50);
    val_set_int(d->params, "num_leaves", 8);
    val_set_int(d->params, "min_data_in_leaf", leaf < 5 ? 5 : leaf > 50 ? 50 : (int64_t)leaf);
}

static int take(const struct domain *d, size_t from, size_t to, struct frame **ret, struct err *e)
{
    MEM_AUTO uint32_t *rows = mem_try(to - from + 1, sizeof *rows);

    if (!rows) return err_set(e, ERR_NOMEM, "no memory for %zu row numbers", to - from);
    for (size_t i = from; i < to; i++) rows[i - from] = (uint32_t)i;
    return frame_take(d->all, rows, to - from, ret, e);
}

static void add_shares(const struct model *model, double *shares)
{
    size_t n = model_features(model);
    double *gain = mem_zalloc(n + 1, sizeof *gain);

    model_importance(model, gain);
    for (size_t i = 0; i < n; i++) shares[strtol(model_feature(model, i, NULL), NULL, 10)] += gain[i];
    free(gain);
}

/* Scores of the rows of a block by what the blocks before teach. Where those have no feature
 * with two values there is nothing to learn, and all rows are alike. */
static int rank_block(const struct engine *en, const struct domain *d, size_t block, double *shares,
                      struct err *e)
{
    const struct model_spec spec = {
        .algorithm = "gbdt", .target = "current", .task = "binary", .params = d->params
    };
    size_t from = d->start[block], n = d->start[block + 1] - from;
    struct frame *known = NULL, *next = NULL;
    struct model *model = NULL;
    int rc = take(d, 0, from, &known, e);

    if (rc == 0) rc = take(d, from, from + n, &next, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        d->y[i] = next->cols[next->n_cols - 1].num[i];
        d->score[i] = 0.5;
    }
    if (rc == 0) rc = model_fit(en, &spec, known, NULL, &model, e);
    if (rc == 0) rc = model_predict(en, model, next, d->score, e);
    if (rc == 0) add_shares(model, shares);
    if (rc == -ERR_INVALID) {
        err_clear(e);
        rc = 0;
    }
    model_free(model);
    frame_free(known);
    frame_free(next);
    return rc;
}

/* ---- the figure ------------------------------------------------------------------------- */

static void conclude(double sum, double variance, size_t n, struct multi_result *r)
{
    double auc = sum / (BLOCKS - 1), se = sqrt(variance) / (BLOCKS - 1), half = Z90 * se;

    r->figure = (struct multi_figure){ auc, fmax(0, auc - half), fmin(1, auc + half), n };
    r->expected = (struct multi_figure){ 0.5, fmax(0, 0.5 - half), fmin(1, 0.5 + half), n };
    r->effect = fmax(0, 2 * auc - 1);
    r->p = 1;
    if (auc > 0.5) r->p = se > 0 ? norm_sf((auc - 0.5) / se) : 0;
}

static int rank_all(const struct engine *en, const struct domain *d, struct multi_result *r,
                    double *shares, struct err *e)
{
    double sum = 0, variance = 0;
    int rc = 0;

    for (size_t block = 1; rc == 0 && block < BLOCKS; block++) {
        struct performance p;
        if (engine_cancelled(en)) return err_set(e, ERR_CANCELLED, "cancelled");
        rc = rank_block(en, d, block, shares, e);
        if (rc == 0)
            rc = performance_measure(d->y, d->score, d->start[block + 1] - d->start[block], &p, e);
        if (rc < 0) break;
        double half = fmax(p.auc.high - p.auc.value, p.auc.value - p.auc.low) / Z95;
        sum += p.auc.value;
        variance += half * half;
    }
    if (rc == 0) conclude(sum, variance, d->start[BLOCKS] - d->start[1], r);
    return rc;
}

int measure_multi_domain_classifier(const struct engine *en, const struct multi_rows *m,
                                    struct multi_result *ret, double *shares, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct domain d = { .m = m };
    struct engine quiet = *en; /* its models are nobody's runs */
    int rc = deal(en, &d, e);

    quiet.progress = NULL;
    quiet.note = NULL;
    set_params(&a, &d);
    if (rc == 0) rc = rank_all(&quiet, &d, ret, shares, e);
    frame_free(d.all);
    free(d.y);
    free(d.score);
    arena_done(&a);
    return rc;
}
