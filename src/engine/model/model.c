/* model.c: fitting a model and predicting with it.
 *
 *   frame --target--> y        frame --encoder--> matrix        (y, matrix) --learner--> state
 *
 * Fit prepares the rows (those without a target are dropped), then each of the three parts is
 * fitted in turn. Predict encodes blocks of rows into scratch memory of the thread that does
 * them, so memory does not grow with the table, and each block writes its own place of the
 * output. See parts.h for the struct and modelfile.c for its bytes. */
#include "engine/model/model.h"

#include "base/digest.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/model/class_weight.h"
#include "engine/model/composite.h"
#include "engine/model/held_out.h"
#include "engine/model/params.h"
#include "engine/model/parts.h"
#include "engine/pool.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void model_free(struct model *m)
{
    if (!m) return;
    if (m->state) m->learner->free(m->state);
    composite_free(m->composite);
    calibration_free(m->calibration);
    encoder_free(m->enc);
    target_done(&m->target);
    arena_done(&m->arena);
    free(m);
}

enum task model_task(const struct model *m)
{
    return m->target.task;
}
int model_classes(const struct model *m)
{
    return target_n_classes(&m->target);
}
const char *model_algorithm(const struct model *m)
{
    return m->learner->name;
}
const char *model_target(const struct model *m)
{
    return m->target.name;
}
size_t model_features(const struct model *m)
{
    return m->enc->n;
}
const struct val *model_params(const struct model *m)
{
    return m->params;
}

int model_outputs(const struct model *m)
{
    return m->target.task == TASK_MULTICLASS ? model_classes(m) : 1;
}

const char *model_class(const struct model *m, int i)
{
    return dict_str(m->target.classes, i, NULL);
}

const char *model_feature(const struct model *m, size_t i, enum col_type *ret_type)
{
    assert(i < m->enc->n);
    if (ret_type) *ret_type = m->enc->f[i].type;
    return m->enc->f[i].name;
}

void model_describe(const struct model *m, struct val *out)
{
    if (m->learner->describe) m->learner->describe(m->state, out);
}

void model_importance(const struct model *m, double *out)
{
    if (m->composite) {
        composite_importance(m, out);
        return;
    }
    double *encoded = mem_zalloc(m->enc->width + 1, sizeof *encoded);
    if (m->learner->importance) m->learner->importance(m->state, m->enc->width, encoded);
    for (size_t i = 0; i < m->enc->n; i++) {
        out[i] = 0;
        for (size_t j = m->enc->first[i]; j < m->enc->first[i + 1]; j++) out[i] += encoded[j];
    }
    free(encoded);
}

/* ---- fit ----------------------------------------------------------------------------- */

/* Rows to fit or validate on: those of a frame that have a target. */
struct rows {
    const struct frame *f;
    struct frame *owned; /* when rows had to be dropped */
    double *y, *w;       /* w NULL: all 1 */
    struct matrix x;
    float *single; /* instead of x.x */
};

static void rows_done(struct rows *r)
{
    union {
        const double *in;
        double *out;
    } x = { r->x.x };

    free(x.out);
    free(r->single);
    free(r->y);
    free(r->w);
    frame_free(r->owned);
    *r = (struct rows){ 0 };
}

static int no_memory(size_t n_rows, struct err *e)
{
    return err_set(e, ERR_NOMEM, "no memory for %zu rows", n_rows);
}

static int read_weights(const struct frame *f, const char *name, double *w, struct err *e)
{
    const struct column *c = frame_col(f, name);
    double total = 0;

    if (!c) return err_set(e, ERR_INVALID, "there is no column %s to take weights from", name);
    if (col_is_coded(c->type))
        return err_set(e, ERR_INVALID, "weight column %s is %s, not a number", name,
                       col_type_name(c->type));
    for (size_t i = 0; i < f->n_rows; i++) {
        if (!(c->num[i] >= 0 && isfinite(c->num[i])))
            return err_set(e, ERR_INVALID, "row %zu has weight %g in column %s", i + 1, c->num[i],
                           name);
        w[i] = c->num[i];
        total += w[i];
    }
    return total > 0 ? 0 : err_set(e, ERR_INVALID, "all weights of column %s are 0", name);
}

/* Keeps the rows whose y is known. */
static int drop_unlabelled(const struct engine *en, struct rows *r, struct err *e)
{
    size_t n = r->f->n_rows, kept = 0;
    MEM_AUTO uint32_t *keep = mem_try(n + 1, sizeof *keep);
    int err;

    if (!keep) return no_memory(n, e);
    for (size_t i = 0; i < n; i++)
        if (!isnan(r->y[i])) keep[kept++] = (uint32_t)i;
    if (kept == n) return 0;
    engine_note(en, "%zu of %zu rows have no known target and are dropped", n - kept, n);
    err = frame_take(r->f, keep, kept, &r->owned, e);
    if (err < 0) return err;
    r->f = r->owned;
    for (size_t i = 0; i < kept; i++) {
        r->y[i] = r->y[keep[i]];
        if (r->w) r->w[i] = r->w[keep[i]];
    }
    return 0;
}

static int rows_prepare(const struct engine *en, const struct model *m, const struct frame *f,
                        const char *weight, struct rows *ret, struct err *e)
{
    int r = 0;

    if (f->n_rows > UINT32_MAX)
        return err_set(e, ERR_LIMIT, "%zu rows are too many to train on", f->n_rows);
    ret->f = f;
    ret->y = mem_try(f->n_rows + 1, sizeof *ret->y);
    if (weight) ret->w = mem_try(f->n_rows + 1, sizeof *ret->w);
    if (!ret->y || (weight && !ret->w)) return no_memory(f->n_rows, e);
    if (m->found) memset(ret->y, 0, f->n_rows * sizeof *ret->y);
    else r = target_encode(&m->target, f, ret->y, e);
    if (r == 0 && weight) r = read_weights(f, weight, ret->w, e);
    return r < 0 ? r : drop_unlabelled(en, ret, e);
}

static int find_learner(const char *name, const struct learner **ret, struct err *e)
{
    STR_AUTO known = STR_INIT;

    *ret = learner_find(name);
    if (*ret) return 0;
    for (const struct learner *const *l = learners; *l; l++)
        str_addf(&known, "%s%s", known.len ? ", " : "", (*l)->name);
    err_set(e, ERR_INVALID, "there is no algorithm %s", name);
    return err_hint(e, "there are %s", str_c(&known));
}

/* Columns that are no features: target, weight, dropped ones. In the model's arena. */
static int skipped(struct model *m, const struct model_spec *spec, const struct frame *f,
                   const char *const **ret, struct err *e)
{
    size_t n = 0, at = 0;
    const char **names;

    while (spec->drop && spec->drop[n]) n++;
    names = arena_array(&m->arena, n + 3, const char *);
    names[at++] = m->target.name;
    if (spec->weight) names[at++] = spec->weight;
    for (size_t i = 0; i < n; i++) {
        if (!frame_col(f, spec->drop[i]))
            return err_set(e, ERR_INVALID, "there is no column %s to drop", spec->drop[i]);
        names[at++] = spec->drop[i];
    }
    *ret = names;
    return 0;
}

/* Parameters that say something of classes, of which a regression has none. */
static int check_general(const struct model *m, struct err *e)
{
    for (const struct param *p = model_general_params; p->name; p++)
        if (m->found && val_has(m->params, p->name))
            return err_set(e, ERR_INVALID, "%s: needs a target", p->name);
        else if (m->target.task == TASK_REGRESSION && val_has(m->params, p->name))
            return err_set(e, ERR_INVALID, "%s: is for classes, but column %s is predicted as a "
                           "number", p->name, m->target.name);
    return 0;
}

/* Whether the target is what the learner finds rather than a column. */
static bool found_by(const struct learner *l, const struct model_spec *spec)
{
    return l->finds && (!spec->target || !*spec->target);
}

/* Everything before numbers are needed: learner, parameters, target. */
static int interpret(struct model *m, const struct model_spec *spec, const struct target *like,
                     const struct frame *train, struct err *e)
{
    struct target_wish wish = { spec->task, spec->positive, NULL };
    const struct column *c = spec->target ? frame_col(train, spec->target) : NULL;
    int r = find_learner(spec->algorithm, &m->learner, e);

    if (r < 0) return r;
    m->found = !like && found_by(m->learner, spec);
    if (!c && !m->found)
        return spec->target ? err_set(e, ERR_INVALID, "there is no target column %s", spec->target)
                            : err_set(e, ERR_INVALID, "there is no target");
    r = model_bind_params(m->learner, &m->arena, spec->params, &m->params, e);
    if (r < 0) return err_prefix(e, "parameters of %s", m->learner->name);
    if (c && m->learner->finds && !m->learner->takes_labels)
        return err_set(e, ERR_INVALID, "%s learns without a target", m->learner->name);
    wish.learner = m->learner;
    if (like && !(m->learner->tasks & (unsigned)like->task))
        return err_set(e, ERR_INVALID, "%s does not do %s", m->learner->name,
                       task_name(like->task));
    if (like) m->target = target_copy(like);
    else if (m->found) target_found(m->learner, m->params, &m->target);
    else r = target_fit(c, train->n_rows, &wish, &m->target, e);
    return r < 0 ? r : check_general(m, e);
}

/* The feature of each column of the matrix. The caller frees. */
static const char **column_names(const struct encoder *enc)
{
    const char **names = mem_zalloc(enc->width + 1, sizeof *names);

    for (size_t i = 0; i < enc->n; i++)
        for (size_t j = enc->first[i]; j < enc->first[i + 1]; j++) names[j] = enc->f[i].name;
    return names;
}

static int fit_state(const struct engine *en, struct model *m, const struct rows *train,
                     const struct rows *valid, struct err *e)
{
    const char *classes = val_get_str(m->params, "class_weight", NULL);
    double *weighted = NULL;
    const char **names = column_names(m->enc);
    int r = class_weight_apply(classes, &m->target, train->y, train->w, train->f->n_rows,
                               &weighted, e);
    struct fit_input in = {
        .task = m->target.task,
        .n_classes = target_n_classes(&m->target),
        .train = train->x,
        .y = train->y,
        .w = weighted ? weighted : train->w,
        .valid = valid->x,
        .y_valid = valid->y,
        .features = names,
        .params = m->params,
        .train_f = train->single,
        .valid_f = valid->single,
    };

    if (r == 0 && engine_cancelled(en)) r = err_set(e, ERR_CANCELLED, "training was cancelled");
    if (r == 0) r = m->learner->fit(en, &in, &m->state, e);
    free(weighted);
    free(names);
    return r;
}

/* Learns from predictions for rows left out how far the model's probabilities are off. Classes
 * are not weighted here: what they are worth is no part of a probability. */
static int calibrate(const struct engine *en, const struct model_spec *spec, struct model *m,
                     const struct rows *train, const struct rows *valid, struct err *e)
{
    struct model_spec uncalibrated = *spec;
    struct held_out h = { .spec = &uncalibrated,
                          .target = &m->target,
                          .rows = train->f,
                          .valid = valid->f,
                          .folds = (int)val_get_int(m->params, "calibrate_folds", 5),
                          .what = "calibration" };
    struct calibration_input in = { .n = train->f->n_rows,
                                    .outputs = model_outputs(m),
                                    .y = train->y,
                                    .w = train->w };
    enum calibration_method how;

    if (!calibration_parse(val_get_str(m->params, "calibrate", NULL), &how)) return 0;
    MEM_AUTO double *p = mem_try(in.n + 1, (size_t)in.outputs * sizeof *p);
    if (!p) return no_memory(in.n, e);
    uncalibrated.params = model_params_uncalibrated(&m->arena, m->params);
    int r = held_out_predict(en, &h, p, e);
    in.p = p;
    return r < 0 ? r : calibration_fit(how, &in, &m->calibration, e);
}

static enum encoding encoding_wanted(const struct model *m)
{
    return m->learner->encoding_of ? m->learner->encoding_of(m->params) : m->learner->encoding;
}

static int encode(const struct engine *en, const struct model *m, struct rows *r, struct err *e)
{
    return m->learner->single ? encoder_matrix_single(en, m->enc, r->f, &r->x, &r->single, e)
                              : encoder_matrix(en, m->enc, r->f, &r->x, e);
}

static int fit_rows(const struct engine *en, const struct model_spec *spec, struct model *m,
                    struct rows *train, struct rows *valid, struct err *e)
{
    const char *const *skip = NULL;
    int r = skipped(m, spec, train->f, &skip, e);

    if (r == 0 && m->learner->composite) {
        const struct composite_input in = { spec, train->f, valid->f, skip };
        return composite_fit(en, &in, m, e);
    }
    if (r == 0) r = encoder_fit(en, encoding_wanted(m), train->f, skip, &m->enc, e);
    if (r == 0) r = encode(en, m, train, e);
    if (r == 0 && valid->f && valid->f->n_rows) r = encode(en, m, valid, e);
    return r < 0 ? r : fit_state(en, m, train, valid, e);
}

int model_fit_like(const struct engine *en, const struct model_spec *spec,
                   const struct target *like, const struct frame *train, const struct frame *valid,
                   struct model **ret, struct err *e)
{
    struct model *m = mem_zalloc(1, sizeof *m);
    struct rows t = { 0 }, v = { 0 };
    int r = interpret(m, spec, like, train, e);

    if (r == 0) r = rows_prepare(en, m, train, spec->weight, &t, e);
    if (r == 0 && valid) r = rows_prepare(en, m, valid, NULL, &v, e);
    if (r == 0) r = fit_rows(en, spec, m, &t, &v, e);
    if (r == 0) r = calibrate(en, spec, m, &t, &v, e);
    rows_done(&t);
    rows_done(&v);
    if (r < 0) {
        model_free(m);
        return r;
    }
    *ret = m;
    return 0;
}

int model_fit(const struct engine *en, const struct model_spec *spec, const struct frame *train,
              const struct frame *valid, struct model **ret, struct err *e)
{
    return model_fit_like(en, spec, NULL, train, valid, ret, e);
}

/* ---- predict ------------------------------------------------------------------------- */

struct predict_job {
    const struct engine *en;
    const struct model *m;
    const struct binding *b;
    size_t n_rows, block, scratch; /* rows of a block; doubles of scratch a thread has */
    double *memory, *out;
};

/* work: doubles behind the matrix, as many as learner_work says. */
static void predict_matrix(const struct model *m, const struct matrix *x, double *work, double *out)
{
    if (m->learner->predict_in) m->learner->predict_in(m->state, x, 0, x->n, work, out);
    else m->learner->predict(m->state, x, 0, x->n, out);
}

static size_t learner_work(const struct model *m, size_t rows)
{
    return m->learner->work ? m->learner->work(m->state, rows) : 0;
}

static void predict_block(void *arg, size_t task, int thread)
{
    const struct predict_job *j = arg;

    if (engine_cancelled(j->en)) return;
    size_t from = task * j->block;
    size_t to = from + j->block < j->n_rows ? from + j->block : j->n_rows;
    double *raw = j->memory + (size_t)thread * j->scratch;
    double *x = raw + j->block * j->m->enc->n;
    double *out = j->out + from * (size_t)model_outputs(j->m);
    struct matrix m = encoder_block(j->b, from, to, raw, x);

    double *rest = x + j->block * j->m->enc->width;
    if (j->m->composite) composite_predict(j->m, m.x, to - from, rest, out);
    else predict_matrix(j->m, &m, rest, out);
    if (j->m->calibration) calibration_apply(j->m->calibration, out, to - from);
}

/* About a megabyte of matrix, in multiples of 64 rows. */
static size_t block_rows(size_t width)
{
    size_t rows = ((size_t)1 << 17) / (width + 1) / 64 * 64;

    return rows < 64 ? 64 : rows > 4096 ? 4096 : rows;
}

int model_predict(const struct engine *en, const struct model *m, const struct frame *f,
                  double *out, struct err *e)
{
    size_t inside = m->composite ? composite_scratch(m) : 0;
    struct predict_job j = { .en = en,
                             .m = m,
                             .n_rows = f->n_rows,
                             .block = block_rows(m->enc->width + inside),
                             .out = out };
    struct binding *b;
    int r = encoder_bind(m->enc, f, &b, e);

    if (r < 0) return r;
    j.b = b;
    j.scratch = j.block * (m->enc->n + m->enc->width + inside) + learner_work(m, j.block);
    j.memory = mem_try((size_t)pool_size(en->pool), j.scratch * sizeof *j.memory);
    if (!j.memory) r = no_memory(f->n_rows, e);
    else pool_run(en->pool, (f->n_rows + j.block - 1) / j.block, predict_block, &j);
    free(j.memory);
    binding_free(b);
    if (r == 0 && engine_cancelled(en)) r = err_set(e, ERR_CANCELLED, "prediction was cancelled");
    return r;
}

size_t model_scratch(const struct model *m)
{
    return m->composite ? composite_scratch(m) : m->enc->width + learner_work(m, 1);
}

void model_predict_raw(const struct model *m, const double *raw, size_t n, double *scratch,
                       double *out)
{
    if (m->composite) {
        composite_predict(m, raw, n, scratch, out);
    } else if (n == 1 && m->learner->predict_row) {
        encoder_row(m->enc, raw, scratch);
        m->learner->predict_row(m->state, scratch, out);
    } else {
        struct matrix x = encoder_raw(m->enc, raw, n, scratch);
        predict_matrix(m, &x, scratch + n * m->enc->width, out);
    }
    if (m->calibration) calibration_apply(m->calibration, out, n);
}

void model_predict_row(const struct model *m, const double *x, double *scratch, double *out)
{
    model_predict_raw(m, x, 1, scratch, out);
}

/* ---- quantise ------------------------------------------------------------------------ */

static int no_integers(const struct model *m, struct err *e)
{
    err_set(e, ERR_INVALID, "a model of %s has no form in 8-bit integers", m->learner->title);
    return err_hint(e, "mlp and cnn have one");
}

/* An independent copy, through the file form. */
static int copy_of(const struct model *m, struct model **ret, struct err *e)
{
    struct buf bytes = BUF_INIT;
    int r = model_save(m, &bytes, e);

    if (r == 0) r = model_open(bytes.p, bytes.n, ret, e);
    buf_done(&bytes);
    return r;
}

int model_quantise(const struct engine *en, const struct model *m, const struct frame *f,
                   struct model **ret, struct err *e)
{
    struct rows rows = { 0 };
    struct model *copy = NULL;
    int r = m->learner->quantise ? copy_of(m, &copy, e) : no_integers(m, e);

    if (r == 0) r = encoder_matrix(en, m->enc, f, &rows.x, e);
    if (r == 0) r = m->learner->quantise(copy->state, &rows.x, e);
    rows_done(&rows);
    if (r < 0) {
        model_free(copy);
        return r;
    }
    val_set_str(copy->params, "precision", "int8");
    *ret = copy;
    return 0;
}

/* Sums the encoded columns of each input column; both end with the score without them. */
static void sum_columns(const struct encoder *enc, const double *encoded, double *out)
{
    for (size_t i = 0; i < enc->n; i++) {
        out[i] = 0;
        for (size_t j = enc->first[i]; j < enc->first[i + 1]; j++) out[i] += encoded[j];
    }
    out[enc->n] = encoded[enc->width];
}

int model_contributions(const struct model *m, const struct frame *f, size_t row, double *out,
                        struct err *e)
{
    size_t k = (size_t)model_outputs(m), width = m->enc->width + 1;
    struct binding *b = NULL;

    if (!m->learner->contributions) {
        err_set(e, ERR_INVALID, "a model of %s cannot tell what a feature added",
                m->learner->title);
        return err_hint(e, "gbdt, logistic and linear can; for others see the importance");
    }
    int r = encoder_bind(m->enc, f, &b, e);
    if (r < 0) return r;
    MEM_AUTO double *raw = mem_alloc((m->enc->n + 1) * sizeof *raw);
    MEM_AUTO double *x = mem_alloc(width * sizeof *x);
    MEM_AUTO double *encoded = mem_alloc(k * width * sizeof *encoded);
    encoder_block(b, row, row + 1, raw, x);
    binding_free(b);
    r = m->learner->contributions(m->state, x, encoded, e);
    for (size_t c = 0; r == 0 && c < k; c++)
        sum_columns(m->enc, encoded + c * width, out + c * (m->enc->n + 1));
    return r;
}

double model_code(const struct model *m, size_t feature, const char *s, size_t n)
{
    const struct feature *f = &m->enc->f[feature];

    assert(feature < m->enc->n);
    return f->levels ? encoder_level(f, s, n) : (double)NAN;
}

size_t model_levels(const struct model *m, size_t feature)
{
    const struct dict *levels = m->enc->f[feature].levels;

    return levels ? dict_len(levels) : 0;
}

const char *model_level(const struct model *m, size_t feature, size_t i)
{
    return dict_str(m->enc->f[feature].levels, (int32_t)i, NULL);
}

int model_encode_target(const struct model *m, const struct frame *f, double *out, struct err *e)
{
    return target_encode(&m->target, f, out, e);
}

int model_decide(const struct model *m, const double *out)
{
    int best = 0;

    if (m->target.task == TASK_REGRESSION) return -1;
    if (m->target.task == TASK_BINARY) return *out >= 0.5;
    for (int c = 1; c < model_classes(m); c++)
        if (out[c] > out[best]) best = c;
    return best;
}

/* ---- fingerprints -------------------------------------------------------------------- */

static uint64_t hash_and_free(struct buf *b)
{
    uint64_t h = fnv1a64(b->p, b->n);

    buf_done(b);
    return h;
}

uint64_t model_fp_signature(const struct model *m)
{
    struct buf b = BUF_INIT;

    buf_str(&b, m->target.name);
    buf_u8(&b, (uint8_t)m->target.task);
    for (int c = 0; c < model_classes(m); c++) buf_str(&b, model_class(m, c));
    for (size_t i = 0; i < m->enc->n; i++) {
        buf_str(&b, m->enc->f[i].name);
        buf_u8(&b, (uint8_t)m->enc->f[i].type);
    }
    return hash_and_free(&b);
}

uint64_t model_fp_architecture(const struct model *m)
{
    struct buf b = BUF_INIT;

    buf_str(&b, m->learner->name);
    if (m->composite) composite_describe(m->composite, &b);
    return hash_and_free(&b);
}

uint64_t model_fp_params(const struct model *m)
{
    struct buf b = BUF_INIT;

    model_write_params(m, &b);
    return hash_and_free(&b);
}
