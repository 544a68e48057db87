/* val.c: see val.h. Lists and objects are arrays that double inside the arena; an object keeps
 * its keys beside its items and is searched linearly, which is fastest at the sizes replies
 * have. Objects of more than 16 keys compare lengths first through the stored hash. */
#include "base/val.h"
#include "base/map.h"
#include "base/utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct val {
    enum val_type type;
    union {
        bool b;
        int64_t i;
        double d;
        struct {
            const char *p;
            size_t n;
        } s;
        struct {
            struct val **items;
            const char **keys;  /* objects */
            uint32_t *hashes;   /* objects: low bits of the key's hash */
            uint32_t n, cap;
            struct arena *arena;
        } c;
    } u;
};

static struct val *make(struct arena *a, enum val_type type)
{
    struct val *v = arena_new(a, struct val);
    v->type = type;
    if (type >= VAL_LIST) v->u.c.arena = a;
    return v;
}

struct val *val_null(struct arena *a) { return make(a, VAL_NULL); }
struct val *val_list(struct arena *a) { return make(a, VAL_LIST); }
struct val *val_obj(struct arena *a) { return make(a, VAL_OBJ); }

struct val *val_bool(struct arena *a, bool b)
{
    struct val *v = make(a, VAL_BOOL);
    v->u.b = b;
    return v;
}

struct val *val_int(struct arena *a, int64_t i)
{
    struct val *v = make(a, VAL_INT);
    v->u.i = i;
    return v;
}

struct val *val_real(struct arena *a, double d)
{
    struct val *v = make(a, VAL_REAL);
    v->u.d = d;
    return v;
}

struct val *val_strn(struct arena *a, const char *s, size_t n)
{
    struct val *v = make(a, VAL_STR);
    v->u.s.p = arena_strndup(a, s, n);
    v->u.s.n = n;
    return v;
}

struct val *val_str(struct arena *a, const char *s)
{
    return s ? val_strn(a, s, strlen(s)) : val_null(a);
}

struct val *val_copy(struct arena *a, const struct val *v)
{
    if (!v) return val_null(a);
    if (v->type == VAL_STR) return val_strn(a, v->u.s.p, v->u.s.n);
    struct val *copy = make(a, v->type);
    if (v->type < VAL_LIST) {
        copy->u = v->u;
        return copy;
    }
    for (uint32_t i = 0; i < v->u.c.n; i++) {
        struct val *item = val_copy(a, v->u.c.items[i]);
        if (v->type == VAL_LIST) val_push(copy, item);
        else val_set(copy, v->u.c.keys[i], item);
    }
    return copy;
}

static void *grown(struct arena *a, const void *old, size_t n, size_t cap, size_t size)
{
    void *p = arena_alloc(a, cap * size);
    if (n) memcpy(p, old, n * size);
    return p;
}

static void make_room(struct val *v)
{
    if (v->u.c.n < v->u.c.cap) return;
    uint32_t cap = v->u.c.cap ? v->u.c.cap * 2 : 8, n = v->u.c.n;
    struct arena *a = v->u.c.arena;
    v->u.c.items = grown(a, v->u.c.items, n, cap, sizeof *v->u.c.items);
    if (v->type == VAL_OBJ) {
        v->u.c.keys = grown(a, v->u.c.keys, n, cap, sizeof *v->u.c.keys);
        v->u.c.hashes = grown(a, v->u.c.hashes, n, cap, sizeof *v->u.c.hashes);
    }
    v->u.c.cap = cap;
}

void val_push(struct val *list, struct val *item)
{
    assert(list->type == VAL_LIST);
    make_room(list);
    list->u.c.items[list->u.c.n++] = item;
}

static ptrdiff_t index_of(const struct val *obj, const char *key, uint32_t hash)
{
    for (uint32_t i = 0; i < obj->u.c.n; i++)
        if (obj->u.c.hashes[i] == hash && strcmp(obj->u.c.keys[i], key) == 0) return i;
    return -1;
}

static uint32_t key_hash(const char *key) { return (uint32_t)map_hash(key, strlen(key)); }

void val_set(struct val *obj, const char *key, struct val *item)
{
    assert(obj->type == VAL_OBJ);
    uint32_t hash = key_hash(key);
    ptrdiff_t at = index_of(obj, key, hash);
    if (at < 0) {
        make_room(obj);
        at = obj->u.c.n++;
        obj->u.c.keys[at] = arena_strdup(obj->u.c.arena, key);
        obj->u.c.hashes[at] = hash;
    }
    obj->u.c.items[at] = item;
}

void val_set_str(struct val *obj, const char *key, const char *s)
{
    val_set(obj, key, val_str(obj->u.c.arena, s));
}

void val_set_strf(struct val *obj, const char *key, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = arena_vprintf(obj->u.c.arena, fmt, ap);
    va_end(ap);
    val_set_str(obj, key, s);
}

void val_set_int(struct val *obj, const char *key, int64_t i)
{
    val_set(obj, key, val_int(obj->u.c.arena, i));
}

void val_set_real(struct val *obj, const char *key, double d)
{
    val_set(obj, key, val_real(obj->u.c.arena, d));
}

void val_set_bool(struct val *obj, const char *key, bool b)
{
    val_set(obj, key, val_bool(obj->u.c.arena, b));
}

struct val *val_set_list(struct val *obj, const char *key)
{
    struct val *v = val_list(obj->u.c.arena);
    val_set(obj, key, v);
    return v;
}

struct val *val_set_obj(struct val *obj, const char *key)
{
    struct val *v = val_obj(obj->u.c.arena);
    val_set(obj, key, v);
    return v;
}

struct val *val_push_obj(struct val *list)
{
    struct val *v = val_obj(list->u.c.arena);
    val_push(list, v);
    return v;
}

void val_push_str(struct val *list, const char *s) { val_push(list, val_str(list->u.c.arena, s)); }

enum val_type val_type(const struct val *v) { return v ? v->type : VAL_NULL; }
size_t val_len(const struct val *v) { return v && v->type >= VAL_LIST ? v->u.c.n : 0; }

const struct val *val_get(const struct val *obj, const char *key)
{
    if (!obj || !key || obj->type != VAL_OBJ) return NULL;
    ptrdiff_t at = index_of(obj, key, key_hash(key));
    return at < 0 ? NULL : obj->u.c.items[at];
}

const struct val *val_at(const struct val *v, size_t i)
{
    return i < val_len(v) ? v->u.c.items[i] : NULL;
}

const char *val_key(const struct val *obj, size_t i)
{
    return obj && obj->type == VAL_OBJ && i < obj->u.c.n ? obj->u.c.keys[i] : NULL;
}

bool val_has(const struct val *obj, const char *key)
{
    return val_type(val_get(obj, key)) != VAL_NULL;
}

const char *val_as_str(const struct val *v, const char *dflt)
{
    return val_type(v) == VAL_STR ? v->u.s.p : dflt;
}

int64_t val_as_int(const struct val *v, int64_t dflt)
{
    if (val_type(v) == VAL_INT) return v->u.i;
    if (val_type(v) == VAL_REAL && fabs(v->u.d) < 9.2e18) return (int64_t)v->u.d;
    return dflt;
}

double val_as_real(const struct val *v, double dflt)
{
    if (val_type(v) == VAL_REAL) return v->u.d;
    return val_type(v) == VAL_INT ? (double)v->u.i : dflt;
}

bool val_as_bool(const struct val *v, bool dflt)
{
    return val_type(v) == VAL_BOOL ? v->u.b : dflt;
}

const char *val_get_str(const struct val *obj, const char *key, const char *dflt)
{
    return val_as_str(val_get(obj, key), dflt);
}

int64_t val_get_int(const struct val *obj, const char *key, int64_t dflt)
{
    return val_as_int(val_get(obj, key), dflt);
}

double val_get_real(const struct val *obj, const char *key, double dflt)
{
    return val_as_real(val_get(obj, key), dflt);
}

bool val_get_bool(const struct val *obj, const char *key, bool dflt)
{
    return val_as_bool(val_get(obj, key), dflt);
}

static void write_real(struct str *out, double d)
{
    char buf[32];
    if (!isfinite(d)) {
        str_add(out, "null");
        return;
    }
    str_real(buf, d);
    str_add(out, buf);
    if (!strpbrk(buf, ".e")) str_add(out, ".0"); /* keeps the type for readers */
}

void val_write_json_str(struct str *out, const char *s, size_t n)
{
    str_reserve(out, n + 2);
    str_addc(out, '"');
    while (n) {
        unsigned char c = (unsigned char)*s;
        uint32_t cp;
        size_t k = utf8_next(s, n, &cp);
        if (c == '"' || c == '\\') str_addf(out, "\\%c", c);
        else if (c == '\n') str_add(out, "\\n");
        else if (c == '\t') str_add(out, "\\t");
        else if (c == '\r') str_add(out, "\\r");
        else if (c < 0x20) str_addf(out, "\\u%04x", c);
        else if (cp == 0xfffd && k == 1) str_add(out, "\xef\xbf\xbd");
        else str_addn(out, s, k);
        s += k;
        n -= k;
    }
    str_addc(out, '"');
}

static void newline(struct str *out, int indent, int depth)
{
    if (!indent) return;
    str_addc(out, '\n');
    str_pad(out, ' ', (size_t)(indent * depth));
}

static void write_json(struct str *out, const struct val *v, int indent, int depth);

static void write_container(struct str *out, const struct val *v, int indent, int depth)
{
    bool obj = v->type == VAL_OBJ;
    str_addc(out, obj ? '{' : '[');
    for (uint32_t i = 0; i < v->u.c.n; i++) {
        if (i) str_addc(out, ',');
        newline(out, indent, depth + 1);
        if (obj) {
            val_write_json_str(out, v->u.c.keys[i], strlen(v->u.c.keys[i]));
            str_add(out, indent ? ": " : ":");
        }
        write_json(out, v->u.c.items[i], indent, depth + 1);
    }
    if (v->u.c.n) newline(out, indent, depth);
    str_addc(out, obj ? '}' : ']');
}

static void write_json(struct str *out, const struct val *v, int indent, int depth)
{
    switch (val_type(v)) {
    case VAL_NULL: str_add(out, "null"); break;
    case VAL_BOOL: str_add(out, v->u.b ? "true" : "false"); break;
    case VAL_INT: str_addf(out, "%" PRId64, v->u.i); break;
    case VAL_REAL: write_real(out, v->u.d); break;
    case VAL_STR: val_write_json_str(out, v->u.s.p, v->u.s.n); break;
    case VAL_LIST:
    case VAL_OBJ: write_container(out, v, indent, depth); break;
    }
}

void val_write_json(struct str *out, const struct val *v, int indent)
{
    write_json(out, v, indent, 0);
}

void val_write_text(struct str *out, const struct val *v)
{
    char buf[32];
    switch (val_type(v)) {
    case VAL_NULL: break;
    case VAL_STR: str_addn(out, v->u.s.p, v->u.s.n); break;
    case VAL_REAL: str_add(out, str_real(buf, v->u.d)); break;
    case VAL_BOOL:
    case VAL_INT:
    case VAL_LIST:
    case VAL_OBJ: write_json(out, v, 0, 0); break;
    }
}
