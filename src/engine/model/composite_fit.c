/* composite_fit.c: fits the parts of a composite on tables, one after another:
 *
 *   voting     member, member, …
 *   stacking   of every member first what it says of rows left out, then itself on all rows; then
 *              the combiner on those answers (and on the columns, if asked)
 *
 * Each part is an ordinary model_fit, with the threads all for itself. */
#include "base/mem.h"
#include "engine/model/composite_link.h"
#include "engine/model/held_out.h"
#include "engine/model/stage.h"

#include <stdlib.h>
#include <string.h>

struct building {
    const struct composite_input *in;
    struct composite_plan plan;
    struct model *m;
    struct stage stage;
    double **answers; /* of each member for every row, rows * outputs; stacking alone */
};

static struct model_spec spec_of(const struct building *b, size_t i)
{
    struct model_spec s = *b->in->spec;

    s.algorithm = b->plan.member[i]->name;
    s.params = b->plan.params[i];
    return s;
}

static int hold_out(struct building *b, const struct model_spec *spec, size_t i, struct err *e)
{
    const struct held_out h = { .spec = spec,
                                .target = &b->m->target,
                                .rows = b->in->rows,
                                .valid = b->in->valid,
                                .folds = b->plan.folds,
                                .what = spec->algorithm };
    size_t n = b->in->rows->n_rows;

    b->answers[i] = mem_try(n + 1, (size_t)model_outputs(b->m) * sizeof **b->answers);
    if (!b->answers[i]) return err_set(e, ERR_NOMEM, "no memory for %zu predictions", n);
    return held_out_predict(stage_next(&b->stage, "stacking, per cent"), &h, b->answers[i], e);
}

static int fit_member(struct building *b, size_t i, struct err *e)
{
    const struct model_spec spec = spec_of(b, i);
    int r = b->plan.combiner ? hold_out(b, &spec, i, e) : 0;

    if (r < 0) return err_prefix(e, "member %s", spec.algorithm);
    r = model_fit_like(stage_next(&b->stage, "%s, per cent", spec.algorithm), &spec, &b->m->target,
                       b->in->rows, b->in->valid, &b->m->composite->member[i].m, e);
    return r < 0 ? err_prefix(e, "member %s", spec.algorithm) : 0;
}

/* ---- the combiner -------------------------------------------------------------------------- */

static int add_answers(const struct building *b, struct frame *f, struct err *e)
{
    size_t n = b->in->rows->n_rows, k = (size_t)model_outputs(b->m);
    STR_AUTO name = STR_INIT;

    for (size_t i = 0; i < b->plan.n * k; i++) {
        struct column *c;
        composite_answer_name(b->m, b->m->composite->member[i / k].m, (int)(i % k), &name);
        int r = frame_add(f, str_c(&name), COL_REAL, n, &c, e);
        if (r < 0) return r;
        for (size_t row = 0; row < n; row++)
            c->num[row] = composite_answer(b->m->target.task, b->answers[i / k][row * k + i % k]);
    }
    return 0;
}

static int add_copy(const struct building *b, const char *name, struct frame *f, struct err *e)
{
    const struct column *from = frame_col(b->in->rows, name);
    size_t n = b->in->rows->n_rows;
    double *num = NULL;
    int32_t *code = NULL;

    if (col_is_coded(from->type)) code = mem_try(n + 1, sizeof *code);
    else num = mem_try(n + 1, sizeof *num);
    if (!code && !num) return err_set(e, ERR_NOMEM, "no memory for column %s", name);
    if (code) memcpy(code, from->code, n * sizeof *code);
    if (num) memcpy(num, from->num, n * sizeof *num);
    return frame_adopt(f, name, from->type, n, num, code, code ? dict_ref(from->dict) : NULL, e);
}

/* The table the combiner learns from: answers, target, weights, and columns if asked. */
static int make_table(const struct building *b, struct frame *f, struct err *e)
{
    const struct encoder *enc = b->m->enc;
    int r = add_answers(b, f, e);

    if (r == 0) r = add_copy(b, b->m->target.name, f, e);
    if (r == 0 && b->in->spec->weight) r = add_copy(b, b->in->spec->weight, f, e);
    for (size_t i = 0; i < enc->n && b->plan.passthrough && r == 0; i++)
        r = add_copy(b, enc->f[i].name, f, e);
    return r;
}

static int fit_combiner(struct building *b, struct err *e)
{
    struct model_spec spec = *b->in->spec;
    struct frame *f = frame_new();
    int r = make_table(b, f, e);

    spec.algorithm = b->plan.combiner->name;
    spec.params = b->plan.combiner_params;
    spec.drop = NULL;
    if (r == 0)
        r = model_fit_like(stage_next(&b->stage, "combiner, per cent"), &spec, &b->m->target, f,
                           NULL, &b->m->composite->combiner.m, e);
    frame_free(f);
    return r < 0 ? err_prefix(e, "combiner %s", spec.algorithm) : 0;
}

int composite_fit(const struct engine *en, const struct composite_input *in, struct model *m,
                  struct err *e)
{
    struct building b = { .in = in, .m = m };
    int r = composite_plan_read(m->learner, &m->arena, m->params, m->target.task, &b.plan, e);

    if (r == 0) r = encoder_fit(en, ENC_TREE, in->rows, in->skip, &m->enc, e);
    if (r < 0) return r;
    size_t n = b.plan.n;
    m->composite = composite_new(n);
    b.answers = mem_zalloc(n, sizeof *b.answers);
    stage_begin(&b.stage, en, b.plan.combiner ? 2 * n + 1 : n);
    b.stage.en.note = NULL; /* the whole's encoder has said it */
    for (size_t i = 0; i < n && r == 0; i++) {
        if (!b.plan.combiner) m->composite->weight[i] = b.plan.weight[i];
        r = fit_member(&b, i, e);
    }
    if (r == 0 && b.plan.combiner) r = fit_combiner(&b, e);
    for (size_t i = 0; i < n; i++) free(b.answers[i]);
    free(b.answers);
    if (r == 0 && !composite_link(m))
        r = err_set(e, ERR_INTERNAL, "a member has a column that the whole does not have");
    return r;
}
