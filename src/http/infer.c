/* infer.c: see infer.h. */
#include "http/infer.h"
#include <assert.h>
#include <string.h>

struct infer *infer_new(struct http_req *q, void (*answer)(struct infer *s), void *user)
{
    struct infer *s = arena_new(http_arena(q), struct infer);

    s->q = q;
    s->answer = answer;
    s->user = user;
    return s;
}

static int find_version(struct infer *s, const char *text, struct err *e)
{
    struct predict_call *c = &s->call;
    long long version;

    if (!str_to_i64(text, &version) || version < 1) {
        err_set(e, ERR_NOTFOUND, "%s has no version '%.40s'", c->route->name, text);
        return err_hint(e, "versions are numbers, such as 3");
    }
    c->version = version;
    return serve_version(http_serve(http_io_of(s->q)), c->route, version, &c->arm, e);
}

int infer_begin(struct infer *s, const char *name, const char *version, struct rows **ret,
                struct err *e)
{
    struct serve_io *io = http_serve(http_io_of(s->q));
    const struct catalog *c = serve_io_catalog(io);

    s->call.route = c ? catalog_route(c, name ? name : "", name ? strlen(name) : 0) : NULL;
    if (!s->call.route && name) {
        err_set(e, ERR_NOTFOUND, "no model '%.200s' serves here", name);
        return err_hint(e, "promote a version of it: signalbox model promote %.100s VERSION", name);
    }
    if (!s->call.route) {
        err_set(e, ERR_NOTFOUND, "%s",
                c && catalog_size(c) ? "several models serve here and none "
                                       "is the default one"
                                     : "no model serves here");
        return err_hint(e, "name the model in the path, or set serve.default in signalbox.yaml");
    }
    int rc = version ? find_version(s, version, e) : 0;
    if (rc) return rc;
    *ret = serve_io_rows(io);
    rows_clear(*ret, s->call.route->schema);
    s->call.rows = *ret;
    return 0;
}

const struct arm *infer_arm(const struct infer *s)
{
    return s->call.arm ? s->call.arm : &s->call.route->arms[0];
}

/* What keeps a caller with one version of a split: the header X-Routing-Key, the query's `key`, or
 * what the rollout names: a header, a field of the query, or a column of the first row. */
void infer_find_key(struct http_req *q, struct predict_call *c)
{
    const char *wanted = c->route->rollout->key, *key = http_header(q, "X-Routing-Key");

    if (!key) key = http_query(q, "key");
    if (!key && wanted) key = http_header(q, wanted);
    if (!key && wanted) key = http_query(q, wanted);
    if (key) {
        c->key = arena_strdup(http_arena(q), key); /* the connection may go first */
        c->n_key = strlen(key);
        return;
    }
    int slot = wanted ? schema_find(c->rows->schema, wanted, strlen(wanted)) : -1;
    if (slot < 0 || c->rows->n == 0 || !c->rows->cells[slot].text) return;
    c->key = c->rows->cells[slot].text;
    c->n_key = c->rows->cells[slot].n;
}

static void done(struct predict_call *c)
{
    struct infer *s = c->user;
    s->answer(s);
}

void infer_run(struct infer *s)
{
    struct predict_call *c = &s->call;

    infer_find_key(s->q, c);
    c->request_id = http_request_id(s->q);
    c->began_us = http_began_us(s->q);
    c->done = done;
    c->user = s;
    if (serve_predict(http_serve(http_io_of(s->q)), c) == 0) s->answer(s);
    else http_later(s->q);
}

/* ---- answers --------------------------------------------------------------------------------- */

static const struct model *model_of(const struct infer *s)
{
    return s->call.arm->by->model;
}

int infer_class(const struct infer *s, size_t row)
{
    const struct model *m = model_of(s);
    return model_decide(m, s->call.p + row * (size_t)model_outputs(m));
}

double infer_value(const struct infer *s, size_t row, int class)
{
    const struct model *m = model_of(s);
    const double *p = s->call.p + row * (size_t)model_outputs(m);

    if (model_classes(m) != 2 || model_outputs(m) != 1) return p[class];
    return class == 1 ? p[0] : 1 - p[0];
}

/* As a whole number is written, and no other way: no sign +, no zeros in front. */
static bool whole(const char *s)
{
    long long v;
    const char *digits = s + (*s == '-');

    return strlen(digits) <= 15 && strspn(digits, "0123456789") == strlen(digits) &&
           (digits[0] != '0' || str_eq(s, "0")) && str_to_i64(s, &v);
}

bool infer_whole_labels(const struct model *m)
{
    int n = model_classes(m);

    for (int i = 0; i < n; i++)
        if (!whole(model_class(m, i))) return false;
    return n > 0;
}

void infer_write_answer(const struct infer *s, size_t row, bool whole, struct str *out)
{
    int class = infer_class(s, row);
    char buf[32];

    if (class < 0) {
        str_add(out, str_real(buf, infer_value(s, row, 0)));
        return;
    }
    const char *label = model_class(model_of(s), class);
    if (whole) str_add(out, label);
    else val_write_json_str(out, label, strlen(label));
}
