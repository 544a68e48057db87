/* held_out.c: see held_out.h. */
#include "engine/model/held_out.h"

#include "base/mem.h"
#include "engine/frame/split.h"
#include "engine/model/stage.h"

#include <stdlib.h>
#include <string.h>

/* Fits on one side, predicts the other, and puts the predictions where they belong. */
static int one_fold(const struct engine *en, const struct held_out *h, const struct split *s,
                    double *out, struct err *e)
{
    struct frame *train = NULL, *test = NULL;
    struct model *m = NULL;
    int r = frame_take(h->rows, s->train, s->n_train, &train, e);

    if (r == 0) r = frame_take(h->rows, s->test, s->n_test, &test, e);
    if (r == 0) r = model_fit_like(en, h->spec, h->target, train, h->valid, &m, e);
    if (r == 0) {
        size_t k = (size_t)model_outputs(m);
        MEM_AUTO double *p = mem_try(s->n_test * k + 1, sizeof *p);
        if (p) r = model_predict(en, m, test, p, e);
        else r = err_set(e, ERR_NOMEM, "no memory for %zu predictions", s->n_test);
        for (size_t i = 0; r == 0 && i < s->n_test; i++)
            memcpy(out + s->test[i] * k, p + i * k, k * sizeof *p);
    }
    model_free(m);
    frame_free(train);
    frame_free(test);
    return r;
}

int held_out_predict(const struct engine *en, const struct held_out *h, double *out, struct err *e)
{
    const struct column *by = frame_col(h->rows, h->target->name);
    MEM_AUTO struct split *s = mem_zalloc((size_t)h->folds, sizeof *s);
    struct stage stage;
    int r = split_folds(h->rows->n_rows, SPLIT_STRATIFIED, h->folds, by, en->seed, s, e);

    if (r < 0) err_prefix(e, "%s in %d folds", h->what, h->folds);
    stage_begin(&stage, en, (size_t)h->folds);
    stage.en.note = NULL; /* the fit on all rows says what there is to say */
    for (int i = 0; i < h->folds && r == 0; i++)
        r = one_fold(stage_next(&stage, "%s, fold %d of %d, per cent", h->what, i + 1, h->folds), h,
                     &s[i], out, e);
    for (int i = 0; i < h->folds; i++) split_done(&s[i]);
    return r;
}
