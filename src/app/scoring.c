/* scoring.c: see scoring.h. */
#include "app/scoring.h"

#include "base/mem.h"
#include "engine/pool.h"

#include <stdlib.h>

void scoring_done(struct scoring *s)
{
    model_free(s->model);
    frame_free(s->rows);
    free(s->p);
    *s = (struct scoring){ 0 };
}

static int read_rows(struct app *app, struct arena *a, const char *data, struct scoring *s,
                     struct err *e)
{
    size_t n = model_features(s->model);
    const char **coded = arena_array(a, n + 1, const char *);
    struct ingest_options o = { .as_text = coded };

    for (size_t i = 0; i < n; i++) {
        enum col_type type;
        const char *name = model_feature(s->model, i, &type);
        if (col_is_coded(type)) coded[o.n_as_text++] = name;
    }
    return ingest_data(app, data, &o, &s->rows, &s->report, e);
}

static int predict(int threads, struct scoring *s, struct err *e)
{
    struct engine en = { .pool = pool_new(threads) };
    size_t n = s->rows->n_rows * (size_t)model_outputs(s->model);
    int rc;

    s->p = mem_try(n + 1, sizeof *s->p);
    if (en.pool && s->p) rc = model_predict(&en, s->model, s->rows, s->p, e);
    else rc = err_set(e, ERR_NOMEM, "no memory to score %zu rows", s->rows->n_rows);
    pool_free(en.pool);
    return rc;
}

int scoring_run(struct app *app, struct arena *a, const struct val *args, struct scoring *ret,
                struct err *e)
{
    const char *data = val_get_str(args, "data", "-");
    int threads = (int)val_get_int(args, "threads", 0);
    struct scoring s = { 0 };
    int rc = modelref_open(app, a, val_get_str(args, "model", ""), &s.ref, &s.model, e);

    if (!rc) rc = read_rows(app, a, data, &s, e);
    if (!rc && (rc = predict(threads ? threads : app->threads, &s, e)))
        err_prefix(e, "%.200s with %.200s", str_eq(data, "-") ? "standard input" : data, s.ref.uri);
    if (rc) scoring_done(&s);
    else *ret = s;
    return rc;
}
