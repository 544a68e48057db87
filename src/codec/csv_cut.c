/* csv_cut.c: see csv.h. Walks from quoted field to quoted field with memchr; where there are no
 * quotes that is one pass over the text at the speed of memory. */
#include "codec/csv.h"
#include <string.h>

/* The first quote from p on that opens a field; p is outside of quotes. */
static const char *opening(const struct csv_cut *c, const char *p)
{
    for (; (p = memchr(p, '"', (size_t)(c->end - p))); p++)
        if (p == c->at || p[-1] == c->delimiter || p[-1] == '\n' || p[-1] == '\r') return p;
    return c->end;
}

/* The byte behind the quote that closes the field open at p; NULL: it is not to be seen. */
static const char *closing(const struct csv_cut *c, const char *p)
{
    for (p++; (p = memchr(p, '"', (size_t)(c->end - p))); p += 2) {
        if (p + 1 == c->end) return NULL;
        if (p[1] != '"') return p + 1;
    }
    return NULL;
}

/* A carriage return ends a row unless it ends the text: a line feed may follow there. */
static const char *behind_cr(const struct csv_cut *c, const char *p)
{
    return p && p + 1 < c->end ? p + 1 : NULL;
}

/* The first row end in [from,to), outside of quotes. */
static const char *first_end(const struct csv_cut *c, const char *from, const char *to)
{
    const char *p;

    if (from >= to) return NULL;
    if ((p = memchr(from, '\n', (size_t)(to - from)))) return p + 1;
    return behind_cr(c, memchr(from, '\r', (size_t)(to - from)));
}

static const char *last_end(const struct csv_cut *c, const char *from, const char *to)
{
    const char *p;

    if (from >= to) return NULL;
    if ((p = memrchr(from, '\n', (size_t)(to - from)))) return p + 1;
    p = memrchr(from, '\r', (size_t)(to - from));
    if (p && p + 1 == c->end) p = memrchr(from, '\r', (size_t)(p - from));
    return behind_cr(c, p);
}

const char *csv_cut(struct csv_cut *c, const char *want)
{
    const char *p = c->at, *last = NULL, *hit;

    for (;;) {
        if (!c->quote || c->quote < p || c->known > p) {
            c->quote = opening(c, p);
            c->known = p;
        }
        hit = first_end(c, p > want ? p : want, c->quote);
        if (hit) break;
        hit = last_end(c, p, c->quote);
        if (hit) last = hit;
        if (c->quote == c->end || !(p = closing(c, c->quote))) {
            hit = last;
            break;
        }
    }
    if (hit) c->at = hit;
    return hit;
}
