/* oip_read.c: a request of the Open Inference Protocol into rows.
 *
 * The envelope is read once: of each tensor its name, shape and type are kept, and where its data
 * are; only then are the data read, straight into the cells. A tensor is one column, [rows] or
 * [rows, 1]; or all of them in the model's order, [rows, columns], where all are numbers. How
 * many elements there are is known from the bytes before memory is taken for them. */
#include "base/vec.h"
#include "http/jread.h"
#include "http/oip.h"
#include "http/tensor.h"
#include <string.h>

enum { MAX_TENSORS = 4096, MAX_DIMS = 8, MAX_NESTING = 8 };

struct tensor {
    struct jtext name;
    enum tensor_type type;
    bool named, typed, shaped;
    size_t n_dims, data_at, data_n; /* data_n 0: none in the JSON */
    int64_t dims[MAX_DIMS];
    int64_t packed; /* bytes behind the JSON; -1: none */
    const unsigned char *bytes;
};

struct reading {
    struct jread j;
    struct infer *s;
    struct oip_request *req;
    struct tensor *tensors;
    size_t n_tensors;
    bool sized; /* how many rows there are is known */
};

/* ---- the envelope ---------------------------------------------------------------------------- */

static int read_shape(struct jread *j, struct tensor *t)
{
    int rc = 0, more;

    t->shaped = true;
    t->n_dims = 0;
    for (more = jread_open(j, '['); more > 0; more = jread_more(j, ']')) {
        if (t->n_dims == MAX_DIMS)
            return err_set(j->e, ERR_INVALID, "a shape has more than %d dimensions", MAX_DIMS);
        rc = jread_int(j, "a dimension of a shape", &t->dims[t->n_dims]);
        if (rc) return rc;
        if (t->dims[t->n_dims++] < 0) return err_set(j->e, ERR_INVALID, "a dimension is below 0");
    }
    return more;
}

/* Parameters of a tensor or an output; those that are not known here mean nothing here. */
static int read_binary_parameters(struct jread *j, int64_t *size, bool *wanted)
{
    struct jtext key;
    int rc, more;

    for (more = jread_open(j, '{'); more > 0; more = jread_more(j, '}')) {
        if ((rc = jread_key(j, &key))) return rc;
        if (size && jtext_is(key, "binary_data_size")) rc = jread_int(j, "binary_data_size", size);
        else if (wanted && jtext_is(key, "binary_data")) rc = jread_bool(j, "binary_data", wanted);
        else if (wanted && jtext_is(key, "classification"))
            rc = err_set(j->e, ERR_INVALID, "classification is not offered; ask for probabilities");
        else rc = jread_skip(j);
        if (rc) return rc;
    }
    return more;
}

static int read_type(struct jread *j, struct tensor *t)
{
    struct jtext name;
    int rc = jread_text(j, "datatype", &name);

    if (rc) return rc;
    t->typed = true;
    if (tensor_find(name.p, name.n, &t->type)) return 0;
    return err_set(j->e, ERR_INVALID, "there is no datatype '%.*s'",
                   (int)(name.n < 40 ? name.n : 40), name.p);
}

static int read_member(struct reading *r, struct tensor *t)
{
    struct jread *j = &r->j;
    struct jtext key;
    int rc = jread_key(j, &key);

    if (rc) return rc;
    if (jtext_is(key, "name")) {
        t->named = true;
        return jread_text(j, "the name of an input", &t->name);
    }
    if (jtext_is(key, "shape")) return read_shape(j, t);
    if (jtext_is(key, "datatype")) return read_type(j, t);
    if (jtext_is(key, "parameters")) return read_binary_parameters(j, &t->packed, NULL);
    if (!jtext_is(key, "data")) return jread_skip(j);
    if (jread_peek(j) != '[') return err_set(j->e, ERR_INVALID, "data must be a list");
    t->data_at = j->at;
    rc = jread_skip(j);
    t->data_n = j->at - t->data_at;
    return rc;
}

static int check_tensor(const struct reading *r, const struct tensor *t)
{
    struct err *e = r->j.e;

    if (!t->named) return err_set(e, ERR_INVALID, "an input has no name");
    if (!t->shaped || t->n_dims == 0)
        return err_set(e, ERR_INVALID, "input '%.*s' has no shape", (int)t->name.n, t->name.p);
    if (!t->typed)
        return err_set(e, ERR_INVALID, "input '%.*s' has no datatype", (int)t->name.n, t->name.p);
    if ((t->data_n != 0) == (t->packed >= 0))
        return err_set(e, ERR_INVALID, "input '%.*s' must have either data or binary_data_size",
                       (int)t->name.n, t->name.p);
    return 0;
}

static int read_inputs(struct reading *r)
{
    struct jread *j = &r->j;
    VEC(struct tensor) list = VEC_INIT;
    int rc = 0, more;

    for (more = jread_open(j, '['); more > 0 && !rc; more = rc ? rc : jread_more(j, ']')) {
        struct tensor t = { .packed = -1 };
        int m = jread_open(j, '{');
        for (; m > 0 && !rc; m = rc ? rc : jread_more(j, '}')) rc = read_member(r, &t);
        if (m < 0) rc = m;
        if (!rc) rc = check_tensor(r, &t);
        if (!rc && list.n == MAX_TENSORS)
            rc = err_set(j->e, ERR_LIMIT, "more than %d inputs", MAX_TENSORS);
        vec_push(&list, t);
    }
    if (more < 0) rc = more;
    r->tensors = arena_array(&j->rows->text, list.n, struct tensor);
    if (list.n) memcpy(r->tensors, list.p, list.n * sizeof *r->tensors);
    r->n_tensors = list.n;
    vec_done(&list);
    return rc;
}

static int read_output(struct reading *r)
{
    struct jread *j = &r->j;
    struct jtext key, name = { NULL, 0 };
    bool binary = r->req->binary;
    int rc, more;

    for (more = jread_open(j, '{'); more > 0; more = jread_more(j, '}')) {
        if ((rc = jread_key(j, &key))) return rc;
        if (jtext_is(key, "name")) rc = jread_text(j, "the name of an output", &name);
        else if (jtext_is(key, "parameters")) rc = read_binary_parameters(j, NULL, &binary);
        else rc = jread_skip(j);
        if (rc) return rc;
    }
    if (more < 0) return more;
    if (!name.p) return err_set(j->e, ERR_INVALID, "an output has no name");
    bool probabilities = jtext_is(name, "probabilities");
    if (!jtext_is(name, "prediction") &&
        (!probabilities || !model_classes(infer_arm(r->s)->by->model))) {
        err_set(j->e, ERR_INVALID, "there is no output '%.*s'", (int)(name.n < 200 ? name.n : 200),
                name.p);
        return err_hint(j->e, "outputs are prediction and, of models with classes, probabilities");
    }
    enum oip_form *form = probabilities ? &r->req->probabilities : &r->req->prediction;
    *form = binary ? OIP_BINARY : OIP_JSON;
    return 0;
}

static int read_outputs(struct reading *r)
{
    int more;

    r->req->named_outputs = false;
    for (more = jread_open(&r->j, '['); more > 0; more = jread_more(&r->j, ']')) {
        int rc = read_output(r);
        if (rc) return rc;
        r->req->named_outputs = true;
    }
    return more;
}

static int read_parameters(struct reading *r)
{
    struct jread *j = &r->j;
    struct jtext key;
    int rc, more;

    for (more = jread_open(j, '{'); more > 0; more = jread_more(j, '}')) {
        if ((rc = jread_key(j, &key))) return rc;
        if (jtext_is(key, "binary_data_output"))
            rc = jread_bool(j, "binary_data_output", &r->req->binary);
        else if (jtext_is(key, "sequence_id"))
            rc = err_set(j->e, ERR_INVALID, "models here keep no sequences");
        else rc = jread_skip(j);
        if (rc) return rc;
    }
    return more;
}

static int read_id(struct reading *r)
{
    struct jtext id;
    int rc = jread_text(&r->j, "id", &id);

    if (rc) return rc;
    r->req->id = arena_strndup(&r->j.rows->text, id.p, id.n); /* lives as long as the call */
    r->req->n_id = id.n;
    return 0;
}

/* outputs may come before the parameters that say how they are packed, so they are read last. */
static int read_envelope(struct reading *r)
{
    struct jread *j = &r->j;
    bool inputs = false;
    size_t outputs = 0;
    struct jtext key;
    int rc, more;

    for (more = jread_open(j, '{'); more > 0; more = jread_more(j, '}')) {
        if ((rc = jread_key(j, &key))) return rc;
        if (jtext_is(key, "inputs")) {
            if (inputs) return err_set(j->e, ERR_INVALID, "inputs are there twice");
            inputs = true;
            rc = read_inputs(r);
        } else if (jtext_is(key, "outputs")) {
            jread_peek(j);
            outputs = j->at;
            rc = jread_skip(j);
        } else if (jtext_is(key, "parameters")) {
            rc = read_parameters(r);
        } else if (jtext_is(key, "id")) {
            rc = read_id(r);
        } else {
            rc = jread_skip(j);
        }
        if (rc) return rc;
    }
    rc = more < 0 ? more : jread_end(j);
    if (!rc && !inputs) rc = err_set(j->e, ERR_INVALID, "the request has no inputs");
    if (rc || !outputs) return rc;
    j->at = outputs;
    return read_outputs(r);
}

/* ---- the data -------------------------------------------------------------------------------- */

static int wrong(const struct reading *r, const struct tensor *t, const char *what)
{
    return err_set(r->j.e, ERR_INVALID, "input '%.*s': %s",
                   (int)(t->name.n < 200 ? t->name.n : 200), t->name.p, what);
}

/* Elements by the shape; the bytes at hand say whether that can be. */
static int count(const struct reading *r, const struct tensor *t, size_t *ret)
{
    size_t n = 1, bytes = t->packed >= 0 ? (size_t)t->packed : t->data_n;
    size_t least = tensor_size(t->type);

    for (size_t i = 0; i < t->n_dims; i++)
        if (__builtin_mul_overflow(n, (size_t)t->dims[i], &n))
            return wrong(r, t, "its shape is too large");
    if (t->packed < 0) least = 1;
    else if (least == 0) least = 4;
    if (n > bytes / least) return wrong(r, t, "there are fewer elements than its shape says");
    if (t->packed >= 0 && tensor_size(t->type) && bytes != n * least)
        return wrong(r, t, "binary_data_size does not fit its shape");
    *ret = n;
    return 0;
}

/* Where the k-th element of a row goes. */
struct place {
    struct cell *cells;
    size_t width, columns;
    const int32_t *slots; /* of each column */
};

static struct cell *cell_at(const struct place *p, size_t i)
{
    return &p->cells[i / p->columns * p->width + (size_t)p->slots[i % p->columns]];
}

static int fill_packed(struct reading *r, const struct tensor *t, const struct place *p, size_t n)
{
    const unsigned char *at = t->bytes, *end = t->bytes + t->packed;
    size_t size = tensor_size(t->type);

    for (size_t i = 0; i < n; i++) {
        if (size) {
            *cell_at(p, i) = tensor_cell(t->type, at);
            at += size;
            continue;
        }
        if (end - at < 4) return wrong(r, t, "its packed texts end early");
        uint32_t len =
            (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        at += 4;
        if ((size_t)(end - at) < len) return wrong(r, t, "its packed texts end early");
        if (len > SERVE_MAX_TEXT) return wrong(r, t, "a text is too long");
        *cell_at(p, i) = (struct cell){ .kind = CELL_TEXT, .text = (const char *)at, .n = len };
        at += len;
    }
    return at == end ? 0 : wrong(r, t, "there are more elements than its shape says");
}

/* Flat or nested, the elements come in the same order. */
static int fill_json(struct reading *r, const struct tensor *t, const struct place *p, size_t n)
{
    struct jread *j = &r->j;
    size_t i = 0;
    int depth = 0, rc;

    j->at = t->data_at;
    do {
        char c = jread_peek(j);
        int more = 1;
        if (c == '[') {
            if (++depth > MAX_NESTING) return wrong(r, t, "its data are nested too deeply");
            more = jread_open(j, '[');
        } else {
            if (i == n) return wrong(r, t, "there are more elements than its shape says");
            struct cell *cell = cell_at(p, i++);
            if (c == '{') return wrong(r, t, "numbers or texts are expected");
            if ((rc = jread_cell(j, cell))) return rc;
            if (!tensor_fits(t->type, cell))
                return wrong(r, t, "a value does not fit its datatype");
            more = jread_more(j, ']');
        }
        while (more == 0 && --depth > 0) more = jread_more(j, ']');
        if (more < 0) return more;
    } while (depth > 0);
    return i == n ? 0 : wrong(r, t, "there are fewer elements than its shape says");
}

static int fill(struct reading *r, const struct tensor *t, const int32_t *slots, size_t columns)
{
    struct rows *rows = r->j.rows;
    size_t n = 0;
    int rc = count(r, t, &n);

    if (rc) return rc;
    while (!r->sized && rows->n < n / columns) {
        struct cell *ignored;
        if ((rc = rows_add(rows, &ignored, r->j.e))) return rc;
    }
    r->sized = true;
    if (n != rows->n * columns) return wrong(r, t, "it has another number of rows than the others");
    const struct place p = { rows->cells, schema_width(rows->schema), columns, slots };
    for (size_t i = 0; n && i < columns; i++)
        if (cell_at(&p, i)->kind != CELL_ABSENT) return wrong(r, t, "it is there twice");
    return t->packed >= 0 ? fill_packed(r, t, &p, n) : fill_json(r, t, &p, n);
}

/* All columns in one tensor. */
static int fill_matrix(struct reading *r, const struct tensor *t)
{
    const struct arm *arm = infer_arm(r->s);
    const struct model *m = arm->by->model;
    size_t columns = model_features(m);

    if (t->dims[1] != (int64_t)columns) {
        wrong(r, t, "its second dimension is not the number of the model's inputs");
        return err_hint(r->j.e, "the model has %zu inputs", columns);
    }
    if (t->type == TENSOR_BYTES) return wrong(r, t, "a tensor of all inputs holds numbers");
    for (size_t i = 0; i < columns; i++) {
        enum col_type type;
        const char *name = model_feature(m, i, &type);
        if (!col_is_coded(type) && type != COL_TIME) continue;
        wrong(r, t, "not all inputs of the model are numbers");
        return err_hint(r->j.e, "send '%.200s' and the others as inputs of their own", name);
    }
    return fill(r, t, arm->slot, columns);
}

static int fill_column(struct reading *r, const struct tensor *t)
{
    int32_t slot = schema_find(r->j.rows->schema, t->name.p, t->name.n);
    const struct model *m = infer_arm(r->s)->by->model;

    if (slot < 0 && r->n_tensors == 1 && t->n_dims == 2) return fill_matrix(r, t);
    if (slot < 0) {
        wrong(r, t, "the model has no such input");
        return err_hint(r->j.e, "its first input is '%.100s'; GET /v2/models/NAME describes all",
                        model_features(m) ? model_feature(m, 0, NULL) : "");
    }
    for (size_t i = 1; i < t->n_dims; i++)
        if (t->dims[i] != 1) return wrong(r, t, "an input has the shape [rows] or [rows, 1]");
    return fill(r, t, &slot, 1);
}

/* Packed tensors follow the JSON in the order of the inputs, and fill it to the end. */
static int find_packed(struct reading *r, size_t n)
{
    size_t at = r->j.n;

    for (size_t i = 0; i < r->n_tensors; i++) {
        struct tensor *t = &r->tensors[i];
        if (t->packed < 0) continue;
        if ((size_t)t->packed > n - at) return wrong(r, t, "the body ends before its packed data");
        t->bytes = (const unsigned char *)r->j.text + at;
        at += (size_t)t->packed;
    }
    return at == n ? 0 : err_set(r->j.e, ERR_INVALID, "%zu bytes follow the packed inputs", n - at);
}

int oip_read(struct infer *s, const char *text, size_t n, size_t n_json, struct oip_request *ret,
             struct err *e)
{
    struct rows *rows = (struct rows *)(uintptr_t)s->call.rows;
    struct reading r = { .s = s, .req = ret, .j = { rows, text, n_json, 0, e } };
    int rc = read_envelope(&r);

    if (!rc) rc = find_packed(&r, n);
    for (size_t i = 0; i < r.n_tensors && !rc; i++) rc = fill_column(&r, &r.tensors[i]);
    if (!rc && rows->n == 0) rc = err_set(e, ERR_INVALID, "the inputs hold no rows");
    if (rc) return rc;
    rows_changed(rows);
    if (ret->named_outputs) return 0;
    ret->prediction = ret->binary ? OIP_BINARY : OIP_JSON;
    if (model_classes(infer_arm(s)->by->model)) ret->probabilities = ret->prediction;
    return 0;
}
