/* test_alone.c: the engine by itself. Linked with libengine.a, libbase.a, libm and threads and
 * nothing else, not even the test framework: any call to another library or layer is a link
 * error. Generates data, fits every learner, saves, opens, predicts and measures, and ends with
 * 0 when the figures are sensible. */
#include "engine/demo.h"
#include "engine/frame/split.h"
#include "engine/metric/metric.h"
#include "engine/model/model.h"
#include "engine/pool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct err err;

static void need(int r, const char *what)
{
    if (r == 0) return;
    fprintf(stderr, "%s: %s\n", what, err.msg);
    exit(1);
}

/* Fits on train, goes through the file form, and measures on test. */
static double measure(const struct engine *en, const char *algorithm, const char *target,
                      const char *metric, const struct frame *train, const struct frame *test)
{
    static const char *const drop[] = { "timestamp", NULL };
    struct model_spec spec = { .algorithm = algorithm, .target = target, .drop = drop };
    double *p = malloc(2 * test->n_rows * sizeof *p), *y = p + test->n_rows, v;
    struct buf file = BUF_INIT;
    struct model *m, *back;

    need(model_fit(en, &spec, train, test, &m, &err), "fit");
    need(model_save(m, &file, &err), "save");
    model_free(m);
    need(model_open(file.p, file.n, &back, &err), "open");
    need(model_predict(en, back, test, p, &err), "predict");
    need(model_encode_target(back, test, y, &err), "targets");
    v = metric_find(metric)->fn(
        &(struct metric_input){ model_task(back), model_classes(back), test->n_rows, y, p, NULL });
    printf("%s %s: %s %.4f, %zu bytes\n", target, algorithm, metric, v, file.n);
    buf_done(&file);
    model_free(back);
    free(p);
    return v;
}

int main(void)
{
    struct engine en = { .pool = pool_new(2) };
    struct demo_spec spec = { .seed = 1, .rows = 4000 };
    struct frame *f, *train, *test;
    struct split s;
    bool ok;

    need(demo_frame(&spec, &f, &err), "demo");
    need(split_holdout(f->n_rows, SPLIT_RANDOM, 0.25, NULL, 1, &s, &err), "split");
    need(frame_take(f, s.train, s.n_train, &train, &err), "take");
    need(frame_take(f, s.test, s.n_test, &test, &err), "take");
    ok = measure(&en, "logistic", "fraud", "auc", train, test) > 0.7;
    ok = measure(&en, "gbdt", "fraud", "auc", train, test) > 0.7 && ok;
    ok = measure(&en, "linear", "amount", "r2", train, test) > 0.2 && ok;
    split_done(&s);
    frame_free(f);
    frame_free(train);
    frame_free(test);
    pool_free(en.pool);
    return ok ? 0 : 1;
}
