/* feature_pack.c: see feature_pack.h. Every schema has a list of steps, one a packed value: of
 * which kind it is and into which column it goes (or that it is passed over). */
#include "app/feature_pack.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/val.h"
#include "base/vec.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- packing ---------------------------------------------------------------------------- */

struct feature_packer {
    VEC(const struct column *) columns;
    struct str schema;
};

static bool listed(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (str_eq(*names, name)) return true;
    return false;
}

struct feature_packer *feature_packer_new(const struct frame *f, const char *const *skip)
{
    struct feature_packer *p = mem_zalloc(1, sizeof *p);
    struct arena a = ARENA_INIT;
    struct val *list = val_list(&a);

    for (size_t i = 0; i < f->n_cols; i++) {
        const struct column *c = &f->cols[i];
        if (listed(skip, c->name)) continue;
        struct val *o = val_push_obj(list);
        val_set_str(o, "name", c->name);
        val_set_str(o, "type", col_type_name(c->type));
        vec_push(&p->columns, c);
    }
    val_write_json(&p->schema, list, 0);
    arena_done(&a);
    return p;
}

void feature_packer_free(struct feature_packer *p)
{
    if (!p) return;
    vec_done(&p->columns);
    str_done(&p->schema);
    free(p);
}

const char *feature_packer_schema(const struct feature_packer *p)
{
    return str_c(&p->schema);
}

size_t feature_packer_columns(const struct feature_packer *p)
{
    return p->columns.n;
}

static void pack_number(struct str *out, double v)
{
    unsigned char b[8];
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    for (size_t i = 0; i < sizeof b; i++) b[i] = (unsigned char)(bits >> (8 * i));
    str_addn(out, (const char *)b, sizeof b);
}

static void pack_text(struct str *out, const struct column *c, size_t row)
{
    size_t n = 0;
    const char *s = c->code[row] < 0 ? NULL : dict_str(c->dict, c->code[row], &n);
    uint64_t rest = s ? n + 1 : 0;

    do {
        str_addc(out, (char)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0)));
        rest >>= 7;
    } while (rest);
    if (s) str_addn(out, s, n);
}

void feature_pack(const struct feature_packer *p, size_t row, struct str *out)
{
    for (size_t i = 0; i < p->columns.n; i++) {
        const struct column *c = p->columns.p[i];
        if (c->code) pack_text(out, c, row);
        else pack_number(out, c->num[row]);
    }
}

/* ---- unpacking -------------------------------------------------------------------------- */

#define PASS_OVER SIZE_MAX

struct step {
    bool coded;
    enum col_type type;
    size_t column; /* of the result, or PASS_OVER */
};
struct schema {
    int64_t id;
    struct step *steps;
    size_t n;
};
struct target {
    char *name;
    enum col_type type;
    double *num;
    int32_t *code;
    struct dict *dict;
    struct feature_seen seen;
};
struct feature_rows {
    VEC(struct target) columns;
    VEC(struct schema) schemas;
    struct map *by_name;
    bool open; /* takes columns that are not there yet */
    size_t n, cap;
};

static size_t add_target(struct feature_rows *r, const char *name, enum col_type type)
{
    struct target t = { .name = mem_strdup(name), .type = type };

    if (col_is_coded(type)) t.dict = dict_new();
    *map_at(r->by_name, name, strlen(name), NULL) = (int64_t)r->columns.n;
    vec_push(&r->columns, t);
    return r->columns.n - 1;
}

struct feature_rows *feature_rows_new(const struct frame *like)
{
    struct feature_rows *r = mem_zalloc(1, sizeof *r);

    r->by_name = map_new();
    r->open = like == NULL;
    for (size_t i = 0; like && i < like->n_cols; i++)
        add_target(r, like->cols[i].name, like->cols[i].type);
    return r;
}

void feature_rows_free(struct feature_rows *r)
{
    if (!r) return;
    for (size_t i = 0; i < r->columns.n; i++) {
        struct target *t = &r->columns.p[i];
        free(t->name);
        free(t->num);
        free(t->code);
        dict_unref(t->dict);
    }
    for (size_t i = 0; i < r->schemas.n; i++) free(r->schemas.p[i].steps);
    vec_done(&r->columns);
    vec_done(&r->schemas);
    map_free(r->by_name);
    free(r);
}

static const struct schema *find_schema(const struct feature_rows *r, int64_t id)
{
    for (size_t i = 0; i < r->schemas.n; i++)
        if (r->schemas.p[i].id == id) return &r->schemas.p[i];
    return NULL;
}

bool feature_rows_knows(const struct feature_rows *r, int64_t schema_id)
{
    return schema_id == 0 || find_schema(r, schema_id);
}

static void missing_from(struct target *t, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (t->dict) t->code[i] = -1;
        else t->num[i] = (double)NAN;
    }
}

static bool grow_target(struct target *t, size_t cap)
{
    void *p = t->dict ? mem_try_grow(t->code, cap, sizeof *t->code)
                      : mem_try_grow(t->num, cap, sizeof *t->num);

    if (!p) return false;
    if (t->dict) t->code = p;
    else t->num = p;
    return true;
}

static int no_memory(const struct feature_rows *r, struct err *e)
{
    return err_set(e, ERR_NOMEM, "no memory for %zu features of %zu predictions", r->columns.n,
                   r->cap);
}

/* A column that appears after rows were added is missing in them. */
static int place(struct feature_rows *r, struct step *s, const char *name, struct err *e)
{
    const int64_t *at = map_find(r->by_name, name, strlen(name));

    s->column = at ? (size_t)*at : PASS_OVER;
    if (at || !r->open) return 0;
    s->column = add_target(r, name, s->type);
    if (!r->cap) return 0;
    if (!grow_target(&r->columns.p[s->column], r->cap)) return no_memory(r, e);
    missing_from(&r->columns.p[s->column], 0, r->n);
    return 0;
}

static int read_step(struct feature_rows *r, const struct val *v, struct step *ret, struct err *e)
{
    const char *name = val_get_str(v, "name", NULL);

    if (!name || !col_type_parse(val_get_str(v, "type", ""), &ret->type))
        return err_set(e, ERR_CORRUPT, "a column of the packed features has no name or type");
    ret->coded = col_is_coded(ret->type);
    return place(r, ret, name, e);
}

int feature_rows_schema(struct feature_rows *r, int64_t schema_id, const char *json, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct val *list = NULL;
    struct schema s = { .id = schema_id };
    int rc = val_parse_json(&a, json, strlen(json), &list, e);

    if (rc == 0 && val_type(list) != VAL_LIST)
        rc = err_set(e, ERR_CORRUPT, "the packed features' schema is no list");
    s.n = val_len(list);
    s.steps = mem_zalloc(s.n + 1, sizeof *s.steps);
    for (size_t i = 0; rc == 0 && i < s.n; i++) rc = read_step(r, val_at(list, i), &s.steps[i], e);
    arena_done(&a);
    if (rc == 0) vec_push(&r->schemas, s);
    else free(s.steps);
    return rc;
}

static void put_number(struct target *t, size_t row, double v)
{
    if (!t->dict) {
        t->num[row] = v;
    } else if (!isnan(v)) {
        char text[32];
        str_real(text, v);
        t->code[row] = dict_add(t->dict, text, strlen(text));
    }
}

static void put_text(struct target *t, size_t row, const char *s, size_t n)
{
    char text[64];

    if (t->dict) {
        t->code[row] = dict_add(t->dict, s, n);
    } else if (n < sizeof text) {
        memcpy(text, s, n);
        text[n] = '\0';
        if (!str_to_real(text, &t->num[row])) t->num[row] = (double)NAN;
    }
}

struct bytes {
    const unsigned char *p, *end;
};

static bool take_number(struct bytes *b, double *ret)
{
    uint64_t bits = 0;

    if (b->end - b->p < 8) return false;
    for (int i = 0; i < 8; i++) bits |= (uint64_t)b->p[i] << (8 * i);
    memcpy(ret, &bits, sizeof bits);
    b->p += 8;
    return true;
}

/* *ret NULL: missing. */
static bool take_text(struct bytes *b, const char **ret, size_t *ret_n)
{
    uint64_t n = 0;
    int shift = 0;
    bool more = true;

    while (more && shift < 35 && b->p < b->end) {
        more = *b->p & 0x80;
        n |= (uint64_t)(*b->p++ & 0x7f) << shift;
        shift += 7;
    }
    if (more || (n && n - 1 > (uint64_t)(b->end - b->p))) return false;
    *ret = n ? (const char *)b->p : NULL;
    *ret_n = n ? (size_t)n - 1 : 0;
    b->p += *ret_n;
    return true;
}

static bool take(struct feature_rows *r, const struct step *s, struct bytes *b)
{
    struct target *t = s->column == PASS_OVER ? NULL : &r->columns.p[s->column];
    const char *text = NULL;
    double v = (double)NAN;
    size_t n = 0;

    if (!(s->coded ? take_text(b, &text, &n) : take_number(b, &v))) return false;
    if (!t) return true;
    t->seen.rows++;
    t->seen.other += s->coded != (t->dict != NULL) && (s->coded ? text != NULL : !isnan(v));
    t->seen.type = s->type;
    if (!s->coded) put_number(t, r->n, v);
    else if (text) put_text(t, r->n, text, n);
    return true;
}

static int make_room(struct feature_rows *r, struct err *e)
{
    if (r->n < r->cap) return 0;
    r->cap = r->cap ? r->cap * 2 : 1024;
    for (size_t i = 0; i < r->columns.n; i++)
        if (!grow_target(&r->columns.p[i], r->cap)) return no_memory(r, e);
    return 0;
}

int feature_rows_add(struct feature_rows *r, int64_t schema_id, const void *p, size_t n,
                     struct err *e)
{
    const struct schema *s = find_schema(r, schema_id);
    struct bytes b = { p, (const unsigned char *)p + (p ? n : 0) };
    int rc = make_room(r, e);

    if (rc < 0) return rc;
    assert(s || schema_id == 0);
    for (size_t i = 0; i < r->columns.n; i++) missing_from(&r->columns.p[i], r->n, r->n + 1);
    for (size_t i = 0; s && i < s->n; i++)
        if (!take(r, &s->steps[i], &b))
            return err_set(e, ERR_CORRUPT, "the packed features of a prediction end too early");
    r->n++;
    return 0;
}

struct feature_seen feature_rows_seen(const struct feature_rows *r, const char *name)
{
    const int64_t *at = map_find(r->by_name, name, strlen(name));

    return at ? r->columns.p[*at].seen : (struct feature_seen){ 0 };
}

int feature_rows_frame(struct feature_rows *r, struct frame **ret, struct err *e)
{
    struct frame *f = frame_new();
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < r->columns.n; i++) {
        struct target *t = &r->columns.p[i];
        if (!r->cap && !grow_target(t, 1)) rc = no_memory(r, e);
        if (rc == 0) rc = frame_adopt(f, t->name, t->type, r->n, t->num, t->code, t->dict, e);
        if (rc < 0) break;
        t->num = NULL;
        t->code = NULL;
        t->dict = NULL;
    }
    if (rc < 0) {
        frame_free(f);
        return rc;
    }
    f->n_rows = r->n;
    *ret = f;
    return 0;
}
