/* monitor_rows.c: the rows of a window, out of the log and into arrays.
 *
 * Answers and labels of one meaning get one code: "1" and "1.0", "true" and "True" are the same
 * class. All rows count for performance and latency; of the features at most max_rows are kept,
 * every stride-th row, because no verdict gets better by more. */
#include "app/monitor_priv.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>
#include <strings.h>

struct reading {
    struct monitor *m;
    struct monitor_rows *r;
    size_t seen;
    struct err *e;
};

void monitor_set_real(struct val *o, const char *key, double v)
{
    if (isfinite(v)) val_set_real(o, key, v);
    else val_set_str(o, key, NULL);
}

void monitor_set_time(struct val *o, const char *key, int64_t us)
{
    char text[32];

    val_set_str(o, key, us ? clock_format(text, us) : NULL);
}

static int32_t code_of(struct dict *d, const char *text)
{
    char number[32];
    double v;

    if (!text || !*text) return -1;
    if (str_to_real(text, &v) && isfinite(v)) text = str_real(number, v);
    else if (strcasecmp(text, "true") == 0) text = "true";
    else if (strcasecmp(text, "false") == 0) text = "false";
    return dict_add(d, text, strlen(text));
}

static int count_row(void *user, const struct prediction *p)
{
    (void)p;
    ++*(size_t *)user;
    return 0;
}

static int add_features(struct reading *rd, const struct prediction *p)
{
    struct feature_rows *packed = rd->r->packed;
    const char *json;
    int rc = 0;

    if (!feature_rows_knows(packed, p->schema_id)) {
        rc = prediction_schema(rd->m->app->store, rd->m->a, p->schema_id, &json, rd->e);
        if (rc == 0) rc = feature_rows_schema(packed, p->schema_id, json, rd->e);
    }
    if (rc == 0) rc = feature_rows_add(packed, p->schema_id, p->features, p->n_bytes, rd->e);
    return rc ? err_prefix(rd->e, "request '%s'", p->request_id) : 0;
}

static int add_row(void *user, const struct prediction *p)
{
    struct reading *rd = user;
    struct monitor_rows *r = rd->r;
    const struct monitor_row row = { .at_us = p->at_us,
                                     .label_us = p->label ? p->label_at_us : 0,
                                     .version = p->version,
                                     .p = p->probability,
                                     .latency_ms = p->latency_ms,
                                     .answer = code_of(r->texts, p->answer),
                                     .label = code_of(r->texts, p->label) };

    vec_push(&r->row, row);
    r->labels += row.label >= 0;
    return r->packed && rd->seen++ % r->stride == 0 ? add_features(rd, p) : 0;
}

int monitor_rows_read(struct monitor *m, struct window w, const struct frame *like,
                      struct monitor_rows *ret, struct err *e)
{
    struct monitor_rows r = { .texts = dict_new(), .stride = 1 };
    struct reading rd = { .m = m, .r = &r, .e = e };
    struct store *s = m->app->store;
    int rc = 0;

    if (like) {
        size_t n = 0;
        r.packed = feature_rows_new(like);
        rc = prediction_each(s, m->model, w.start_us, w.end_us, count_row, &n, e);
        r.stride = (n + m->max_rows - 1) / m->max_rows;
        if (r.stride == 0) r.stride = 1;
    }
    if (rc == 0) rc = prediction_each(s, m->model, w.start_us, w.end_us, add_row, &rd, e);
    if (rc == 0 && like) rc = feature_rows_frame(r.packed, &r.features, e);
    if (rc) monitor_rows_done(&r);
    else *ret = r;
    return rc;
}

void monitor_rows_done(struct monitor_rows *r)
{
    vec_done(&r->row);
    dict_unref(r->texts);
    feature_rows_free(r->packed);
    frame_free(r->features);
    *r = (struct monitor_rows){ 0 };
}

/* ---- scores ----------------------------------------------------------------------------- */

static double number_of(const struct dict *texts, int32_t code)
{
    double v;

    return code >= 0 && str_to_real(dict_str(texts, code, NULL), &v) ? v : (double)NAN;
}

static void fill_classes(const struct monitor_rows *r, struct column *c)
{
    for (size_t i = 0; i < r->row.n; i++) {
        int32_t code = r->row.p[i].answer;
        size_t n;
        const char *s = code < 0 ? NULL : dict_str(r->texts, code, &n);
        c->code[i] = s ? dict_add(c->dict, s, n) : -1;
    }
}

int monitor_scores(const struct monitor_rows *r, const struct reference *ref, struct frame **ret,
                   struct err *e)
{
    const struct column *like = ref->scores ? &ref->scores->cols[0] : NULL;
    bool probable = ref->probable;
    struct column *c;
    size_t with = 0;

    *ret = NULL;
    for (size_t i = 0; i < r->row.n; i++)
        with += probable ? !isnan(r->row.p[i].p) : r->row.p[i].answer >= 0;
    if (!like || with == 0) return 0;
    struct frame *f = frame_new();
    int rc = frame_add(f, like->name, like->type, r->row.n, &c, e);
    if (rc < 0) {
        frame_free(f);
        return rc;
    }
    if (c->code) fill_classes(r, c);
    else
        for (size_t i = 0; i < r->row.n; i++)
            c->num[i] = probable ? r->row.p[i].p : number_of(r->texts, r->row.p[i].answer);
    *ret = f;
    return 0;
}
