/* ubjson.c: see ubjson.h.
 *
 * A value is a type letter and its payload, numbers big-endian:
 *   Z null   T F true, false   i U I l L  int8, uint8, int16, int32, int64   d D float32, float64
 *   C one character   S length, bytes   [ … ] list   { key value … } object   N nothing
 * Lengths are integers with their letter. A list or object may begin with "$ type" (then its
 * values have no letters) and "# count" (then it has no end). Types without payload are not
 * taken after "$": a few bytes could ask for any number of values. */
#include "codec/ubjson.h"

#include "base/utf8.h"

#include <string.h>

struct in {
    struct arena *a;
    const uint8_t *start, *p, *end;
    size_t values;
    int depth;
    struct err *e;
};

static int bad(struct in *in, const char *why)
{
    return err_set(in->e, ERR_PARSE, "UBJSON, byte %zu: %s", (size_t)(in->p - in->start), why);
}

static int byte(struct in *in, char *ret)
{
    if (in->p == in->end) return bad(in, "the document ends too early");
    *ret = (char)*in->p++;
    return 0;
}

static bool skip(struct in *in, char c)
{
    if (in->p == in->end || (char)*in->p != c) return false;
    in->p++;
    return true;
}

/* Bytes of a number of that type; 0: it is no number. */
static size_t width(char type)
{
    switch (type) {
    case 'i':
    case 'U': return 1;
    case 'I': return 2;
    case 'l':
    case 'd': return 4;
    case 'L':
    case 'D': return 8;
    default: return 0;
    }
}

static int bits(struct in *in, size_t n, uint64_t *ret)
{
    uint64_t v = 0;

    if ((size_t)(in->end - in->p) < n) return bad(in, "the document ends inside a number");
    for (size_t i = 0; i < n; i++) v = v << 8 | *in->p++;
    *ret = v;
    return 0;
}

static int64_t as_integer(char type, uint64_t v)
{
    switch (type) {
    case 'i': return (int8_t)v;
    case 'I': return (int16_t)v;
    case 'l': return (int32_t)v;
    default: return (int64_t)v;
    }
}

static double as_real(char type, uint64_t v)
{
    uint32_t low = (uint32_t)v;
    double d;
    float f;

    memcpy(&d, &v, sizeof d);
    memcpy(&f, &low, sizeof f);
    return type == 'd' ? (double)f : d;
}

/* An integer with its letter, >= 0. */
static int length(struct in *in, size_t *ret)
{
    uint64_t v = 0;
    char type = 0;
    int rc = byte(in, &type);

    if (rc) return rc;
    if (width(type) == 0 || type == 'd' || type == 'D') return bad(in, "a length is no integer");
    if ((rc = bits(in, width(type), &v))) return rc;
    if (as_integer(type, v) < 0) return bad(in, "a length is below 0");
    *ret = (size_t)as_integer(type, v);
    return 0;
}

static int text(struct in *in, const char **ret, size_t *ret_n)
{
    size_t n = 0;
    int rc = length(in, &n);

    if (rc) return rc;
    if (n > (size_t)(in->end - in->p)) return bad(in, "the document ends inside a text");
    const char *s = (const char *)in->p;
    if (memchr(s, 0, n) || !utf8_valid(s, n)) return bad(in, "a text is not UTF-8");
    in->p += n;
    *ret = s;
    *ret_n = n;
    return 0;
}

static int value(struct in *in, char type, struct val **ret);

struct head {  /* of a list or object */
    char type; /* of all its values; 0: each has its letter */
    bool counted;
    size_t count;
};

static int head(struct in *in, struct head *h)
{
    int rc = 0;

    *h = (struct head){ 0 };
    if (skip(in, '$')) {
        if ((rc = byte(in, &h->type))) return rc;
        if (!memchr("iUIlLdDCS[{", h->type, 11)) return bad(in, "no list can have this type");
        if (in->p == in->end || *in->p != '#') return bad(in, "a list has a type but no count");
    }
    if (!skip(in, '#')) return 0;
    h->counted = true;
    rc = length(in, &h->count);
    /* each value takes a byte at least */
    if (!rc && h->count > (size_t)(in->end - in->p)) rc = bad(in, "a count exceeds the document");
    return rc;
}

/* Whether another value follows: 1, 0, or an error. */
static int more(struct in *in, const struct head *h, size_t so_far, char close)
{
    if (h->counted) return so_far < h->count;
    while (skip(in, 'N')) {}
    if (skip(in, close)) return 0;
    return in->p == in->end ? bad(in, "a list or object has no end") : 1;
}

static int item(struct in *in, const struct head *h, struct val **ret)
{
    char type = h->type;
    int rc = 0;

    while (!rc && (!type || type == 'N')) rc = byte(in, &type);
    return rc ? rc : value(in, type, ret);
}

static int list(struct in *in, struct val *v)
{
    struct head h;
    int rc = head(in, &h);

    for (size_t i = 0; rc == 0 && (rc = more(in, &h, i, ']')) == 1; i++) {
        struct val *one;
        if ((rc = item(in, &h, &one)) == 0) val_push(v, one);
    }
    return rc;
}

static int object(struct in *in, struct val *v)
{
    struct head h;
    int rc = head(in, &h);

    for (size_t i = 0; rc == 0 && (rc = more(in, &h, i, '}')) == 1; i++) {
        struct val *one;
        const char *s = "";
        size_t n = 0;
        if (i >= UBJSON_MAX_KEYS)
            return err_set(in->e, ERR_LIMIT, "UBJSON: an object has more than %d keys",
                           UBJSON_MAX_KEYS);
        if ((rc = text(in, &s, &n))) return rc;
        const char *key = arena_strndup(in->a, s, n);
        if (val_get(v, key)) return bad(in, "a key is there twice");
        if ((rc = item(in, &h, &one)) == 0) val_set(v, key, one);
    }
    return rc;
}

static int container(struct in *in, char type, struct val **ret)
{
    struct val *v = type == '[' ? val_list(in->a) : val_obj(in->a);
    int rc;

    if (++in->depth > UBJSON_MAX_DEPTH)
        return err_set(in->e, ERR_LIMIT, "UBJSON is nested deeper than %d", UBJSON_MAX_DEPTH);
    rc = type == '[' ? list(in, v) : object(in, v);
    in->depth--;
    if (!rc) *ret = v;
    return rc;
}

static int number(struct in *in, char type, struct val **ret)
{
    uint64_t v = 0;
    int rc = bits(in, width(type), &v);

    if (rc) return rc;
    if (type == 'd' || type == 'D') *ret = val_real(in->a, as_real(type, v));
    else *ret = val_int(in->a, as_integer(type, v));
    return 0;
}

static int value(struct in *in, char type, struct val **ret)
{
    const char *s = "";
    size_t n = 0;
    int rc = 0;

    if (++in->values > UBJSON_MAX_VALUES)
        return err_set(in->e, ERR_LIMIT, "UBJSON: there are more than %d values",
                       UBJSON_MAX_VALUES);
    if (width(type)) return number(in, type, ret);
    switch (type) {
    case 'Z': *ret = val_null(in->a); return 0;
    case 'T': *ret = val_bool(in->a, true); return 0;
    case 'F': *ret = val_bool(in->a, false); return 0;
    case '[':
    case '{': return container(in, type, ret);
    case 'S':
        if ((rc = text(in, &s, &n)) == 0) *ret = val_strn(in->a, s, n);
        return rc;
    case 'C':
        if (in->p == in->end || *in->p == 0 || *in->p > 127) return bad(in, "no such character");
        *ret = val_strn(in->a, (const char *)in->p++, 1);
        return 0;
    default: return bad(in, "there is no such type of value");
    }
}

int ubjson_parse(struct arena *a, const void *p, size_t n, struct val **ret, struct err *e)
{
    struct in in = { .a = a, .start = p, .p = p, .end = (const uint8_t *)p + n, .e = e };
    char type = 0;
    struct val *v;
    int rc;

    if (n > UBJSON_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "UBJSON document of %zu bytes; the limit is %zu", n,
                       UBJSON_MAX_BYTES);
    if ((rc = byte(&in, &type)) || (rc = value(&in, type, &v))) return rc;
    if (in.p != in.end) return bad(&in, "something follows the document");
    *ret = v;
    return 0;
}
