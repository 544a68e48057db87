/* target.c: see target.h. Cut first, decode afterwards: an escaped '/', '?', '&' or '=' is never
 * a separator. */
#include "http/target.h"

#include <stdbool.h>
#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Bytes [from, to) decoded; '+' is a blank where plus says so (queries). */
static int decode(struct arena *a, const char *from, const char *to, bool plus,
                  struct target_text *ret, struct err *e)
{
    char *out = arena_alloc(a, (size_t)(to - from) + 1), *at = out;

    while (from < to) {
        char c = *from++;
        if (c == '%') {
            int hi = from < to ? hex(*from) : -1, lo = from + 1 < to ? hex(from[1]) : -1;
            if (hi < 0 || lo < 0 || hi + lo == 0)
                return err_set(e, ERR_INVALID, "the address has a malformed %%-escape");
            c = (char)(hi << 4 | lo);
            from += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        *at++ = c;
    }
    *at = 0;
    *ret = (struct target_text){ out, (size_t)(at - out) };
    return 0;
}

static int parse_path(struct arena *a, const char *p, const char *end, struct target *t,
                      struct err *e)
{
    if (end - p > 1 && end[-1] == '/') end--;
    if (end - p == 1) return 0;
    for (const char *cut; p < end; p = cut) {
        cut = memchr(p + 1, '/', (size_t)(end - p - 1));
        if (!cut) cut = end;
        if (t->n_segments == TARGET_SEGMENTS)
            return err_set(e, ERR_LIMIT, "the path has more than %d parts", TARGET_SEGMENTS);
        int rc = decode(a, p + 1, cut, false, &t->segments[t->n_segments++], e);
        if (rc) return rc;
    }
    return 0;
}

static int parse_query(struct arena *a, const char *p, const char *end, struct target *t,
                       struct err *e)
{
    size_t room = 1;

    for (const char *c = p; c < end; c++) room += *c == '&';
    if (room > TARGET_FIELDS)
        return err_set(e, ERR_LIMIT, "the query has more than %d fields", TARGET_FIELDS);
    t->fields = arena_array(a, room, struct target_field);
    while (p < end) {
        const char *cut = memchr(p, '&', (size_t)(end - p));
        if (!cut) cut = end;
        const char *eq = memchr(p, '=', (size_t)(cut - p));
        if (!eq) eq = cut;
        if (cut > p) {
            struct target_field *f = &t->fields[t->n_fields++];
            int rc = decode(a, p, eq, true, &f->name, e);
            if (!rc) rc = decode(a, eq < cut ? eq + 1 : cut, cut, true, &f->value, e);
            if (rc) return rc;
        }
        p = cut < end ? cut + 1 : end;
    }
    return 0;
}

/* The absolute form without scheme and authority; what is in Host decides nothing here. */
static const char *without_origin(const char *text)
{
    size_t n = !strncasecmp(text, "http://", 7) ? 7 : !strncasecmp(text, "https://", 8) ? 8 : 0;

    if (n == 0) return text;
    text += n + strcspn(text + n, "/?");
    return *text ? text : "/";
}

int target_parse(struct arena *a, const char *text, struct target *ret, struct err *e)
{
    ret->path = NULL;
    ret->n_segments = ret->n_fields = 0;
    text = without_origin(text);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return err_set(e, ERR_INVALID, "the address has a blank or control character");
    if (*text != '/') return err_set(e, ERR_INVALID, "the address does not begin with a slash");
    const char *end = text + strcspn(text, "#"), *query = memchr(text, '?', (size_t)(end - text));
    const char *path_end = query ? query : end;
    ret->path = arena_strndup(a, text, (size_t)(path_end - text));
    int rc = parse_path(a, text, path_end, ret, e);
    if (!rc && query) rc = parse_query(a, query + 1, end, ret, e);
    return rc;
}

const char *target_field(const struct target *t, const char *name)
{
    for (size_t i = 0; i < t->n_fields; i++)
        if (!strcmp(t->fields[i].name.p, name)) return t->fields[i].value.p;
    return NULL;
}
