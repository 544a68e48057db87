/* rows_scan.c: JSON straight into cells, without a tree in between (rows.h).
 *
 * The text is read once from front to back. Keys are compared with the column that follows the
 * last one before they are hashed, because clients send columns in one order. A number is
 * delimited by JSON's grammar and then read by codec/num.h, so it has strtod's bits. Strings
 * without escapes stay where they are; the others are resolved into the rows' arena, which makes
 * them no longer. Nothing is converted to the model's codes.
 *
 * Everything from outside is bounded: rows and cells (rows_add), text (SERVE_MAX_TEXT), nesting
 * of what unknown names hold (MAX_DEPTH). */
#include "base/utf8.h"
#include "codec/num.h"
#include "serve/rows.h"

#include <math.h>
#include <string.h>

#define MAX_DEPTH 64

struct scan {
    struct rows *r;
    const char *start, *p, *end;
    struct err *e;
};

/* What a byte is within a string. */
enum { PLAIN, STOP, HIGH };
static const unsigned char in_string[256] = {
    [0x00 ... 0x1f] = STOP, ['"'] = STOP, ['\\'] = STOP, [0x80 ... 0xff] = HIGH
};

static int expected(const struct scan *s, const char *at, const char *what)
{
    size_t byte = (size_t)(at - s->start) + 1;
    unsigned char c = at < s->end ? (unsigned char)*at : 0;

    if (at >= s->end)
        return err_set(s->e, ERR_PARSE, "the JSON ends early, at byte %zu: %s expected", byte,
                       what);
    if (c > 0x20 && c < 0x7f)
        return err_set(s->e, ERR_PARSE, "no JSON at byte %zu, '%c': %s expected", byte, c, what);
    return err_set(s->e, ERR_PARSE, "no JSON at byte %zu, 0x%02x: %s expected", byte, c, what);
}

static inline void blanks(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
        s->p++;
}

static inline bool take(struct scan *s, char c)
{
    blanks(s);
    if (s->p == s->end || *s->p != c) return false;
    s->p++;
    return true;
}

static bool word(struct scan *s, const char *w, size_t n)
{
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, w, n) != 0) return false;
    s->p += n;
    return true;
}

/* ---- strings ---------------------------------------------------------------------------- */

static int hex4(const char *p, const char *end)
{
    int v = 0;

    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p[i] | 0x20, d;
        if (c >= '0' && c <= '9') d = c - '0';
        else if (c >= 'a' && c <= 'f') d = c - 'a' + 10;
        else return -1;
        v = v << 4 | d;
    }
    return v;
}

/* Behind "\u"; a pair of surrogates is one character, NUL and half a pair are U+FFFD. */
static bool unicode(const char **pp, const char *end, uint32_t *ret)
{
    int high = hex4(*pp, end), low;

    if (high < 0) return false;
    *pp += 4;
    *ret = high ? (uint32_t)high : 0xfffd;
    if (high < 0xd800 || high > 0xdfff) return true;
    *ret = 0xfffd;
    if (high > 0xdbff || end - *pp < 6 || (*pp)[0] != '\\' || (*pp)[1] != 'u') return true;
    low = hex4(*pp + 2, end);
    if (low < 0xdc00 || low > 0xdfff) return low >= 0;
    *pp += 6;
    *ret = 0x10000 + (((uint32_t)high - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
    return true;
}

static char simple_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/': return c;
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return 0;
    }
}

/* From `from` (behind the opening quote) with escapes; the length of the raw text is known not
 * to be shorter than the result. */
static int resolve(struct scan *s, const char *from, const char **ret, size_t *ret_n)
{
    const char *p = from, *close = from;
    char *out, *o;

    while (close < s->end && *close != '"') close += *close == '\\' ? 2 : 1;
    if (close >= s->end) return expected(s, s->end, "a closing quote");
    if ((size_t)(close - from) > 6 * SERVE_MAX_TEXT)
        return err_set(s->e, ERR_LIMIT, "a text has more than %zu bytes", SERVE_MAX_TEXT);
    out = o = arena_alloc(&s->r->text, (size_t)(close - from) + 4);
    while (p < close) {
        if ((unsigned char)*p < 0x20) return expected(s, p, "an escape");
        if (*p != '\\') {
            *o++ = *p++;
        } else if (p[1] == 'u') {
            uint32_t cp;
            const char *at = p;
            p += 2;
            if (!unicode(&p, close, &cp)) return expected(s, at, "\\u and four hexadecimal digits");
            o += utf8_put(o, cp);
        } else if ((*o = simple_escape(p[1]))) {
            o++;
            p += 2;
        } else {
            return expected(s, p, "an escape of JSON");
        }
    }
    s->p = close + 1;
    *ret = out;
    *ret_n = (size_t)(o - out);
    return 0;
}

/* At the opening quote. */
static int string(struct scan *s, const char **ret, size_t *ret_n)
{
    const char *from = ++s->p, *p = from;
    bool high = false;
    int rc = 0;

    for (; p < s->end; p++) {
        unsigned char k = in_string[(unsigned char)*p];
        if (k == STOP) break;
        high |= k == HIGH;
    }
    if (p == s->end) return expected(s, p, "a closing quote");
    if (*p == '"') {
        *ret = from;
        *ret_n = (size_t)(p - from);
        s->p = p + 1;
    } else if (*p == '\\') {
        high = true;
        rc = resolve(s, from, ret, ret_n);
    } else {
        return expected(s, p, "an escape");
    }
    if (rc) return rc;
    if (*ret_n > SERVE_MAX_TEXT)
        return err_set(s->e, ERR_LIMIT, "the text at byte %zu has more than %zu bytes",
                       (size_t)(from - s->start) + 1, SERVE_MAX_TEXT);
    if (high && !utf8_valid(*ret, *ret_n)) return expected(s, from, "UTF-8 text");
    return 0;
}

/* ---- numbers and words ------------------------------------------------------------------ */

static inline const char *digits(const char *p, const char *end)
{
    while (p < end && (unsigned char)(*p - '0') < 10) p++;
    return p;
}

/* End of the number of JSON's grammar at p; NULL: none. */
static const char *number_end(const char *p, const char *end)
{
    const char *q;

    if (p < end && *p == '-') p++;
    q = digits(p, end);
    if (q == p || (*p == '0' && q - p > 1)) return NULL;
    if (q < end && *q == '.') {
        p = q + 1;
        q = digits(p, end);
        if (q == p) return NULL;
    }
    if (q < end && (*q == 'e' || *q == 'E')) {
        p = q + 1;
        if (p < end && (*p == '+' || *p == '-')) p++;
        q = digits(p, end);
        if (q == p) return NULL;
    }
    return q;
}

static int number(struct scan *s, struct cell *c)
{
    const char *end = number_end(s->p, s->end);
    size_t n;

    if (!end) return expected(s, s->p, "a number");
    n = (size_t)(end - s->p);
    if (n > SERVE_MAX_TEXT)
        return err_set(s->e, ERR_LIMIT, "a number has more than %zu digits", SERVE_MAX_TEXT);
    if (s->end - end > NUM_PAD) num_scan_padded(s->p, n, &c->num);
    else num_scan(s->p, n, &c->num);
    c->kind = CELL_NUM;
    c->text = s->p;
    c->n = (uint32_t)n;
    s->p = end;
    return 0;
}

/* true, false, null, and what other clients write for missing numbers. */
static int words(struct scan *s, struct cell *c)
{
    static const struct {
        const char *text;
        unsigned char n, kind;
        double num;
    } all[] = { { "true", 4, CELL_NUM, 1 },      { "false", 5, CELL_NUM, 0 },
                { "null", 4, CELL_NULL, 0 },     { "NaN", 3, CELL_NULL, 0 },
                { "Infinity", 8, CELL_NULL, 0 }, { "-Infinity", 9, CELL_NULL, 0 } };
    const char *from = s->p;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!word(s, all[i].text, all[i].n)) continue;
        *c = (struct cell){ .kind = (enum cell_kind)all[i].kind, .num = all[i].num };
        if (c->kind == CELL_NUM) {
            c->text = from;
            c->n = all[i].n;
        }
        return 0;
    }
    return expected(s, s->p, "a value");
}

static int text(struct scan *s, struct cell *c)
{
    const char *p;
    size_t n;
    int rc = string(s, &p, &n);

    if (rc) return rc;
    c->kind = CELL_TEXT;
    c->text = p;
    c->n = (uint32_t)n;
    return 0;
}

static inline int value(struct scan *s, struct cell *c)
{
    blanks(s);
    if (s->p == s->end) return expected(s, s->p, "a value");
    if (*s->p == '"') return text(s, c);
    if ((unsigned char)(*s->p - '0') < 10) return number(s, c);
    if (*s->p == '-' && (s->end - s->p < 2 || s->p[1] != 'I')) return number(s, c);
    return words(s, c);
}

/* ---- what unknown names hold ------------------------------------------------------------ */

/* Passes over one scalar, or over the key and colon that begin a member. */
static int skip_scalar(struct scan *s)
{
    struct cell ignored = { 0 };

    return value(s, &ignored);
}

static int skip_key(struct scan *s)
{
    const char *p;
    size_t n;
    int rc;

    blanks(s);
    if (s->p == s->end || *s->p != '"') return expected(s, s->p, "a name in quotes");
    if ((rc = string(s, &p, &n))) return rc;
    return take(s, ':') ? 0 : expected(s, s->p, "':'");
}

/* Any value: a small automaton, so depth costs no stack of the program. */
static int skip_value(struct scan *s)
{
    char open[MAX_DEPTH]; /* the brackets we are in, as their closing ones */
    size_t depth = 0;
    int rc = 0;

    for (;;) {
        blanks(s);
        if (s->p < s->end && (*s->p == '{' || *s->p == '[')) {
            if (depth == MAX_DEPTH)
                return err_set(s->e, ERR_LIMIT, "values are nested more than %d deep", MAX_DEPTH);
            open[depth++] = *s->p++ == '{' ? '}' : ']';
            if (!take(s, open[depth - 1])) {
                if (open[depth - 1] == '}' && (rc = skip_key(s))) return rc;
                continue;
            }
            depth--;
        } else if ((rc = skip_scalar(s))) {
            return rc;
        }
        while (depth && take(s, open[depth - 1])) depth--;
        if (!depth) return 0;
        if (!take(s, ',')) return expected(s, s->p, "',' or the end of the list");
        if (open[depth - 1] == '}' && (rc = skip_key(s))) return rc;
    }
}

/* ---- rows ------------------------------------------------------------------------------- */

/* At a name's quote: its slot (-1: unknown); the guess is the column behind the last one. */
static int column(struct scan *s, size_t guess, int *ret)
{
    const struct schema *schema = s->r->schema;
    const char *name;
    size_t n;
    int rc;

    if (guess < schema_width(schema)) {
        const struct schema_field *f = schema_field(schema, guess);
        if (f->plain && (size_t)(s->end - s->p) > f->n_name + 1u && s->p[f->n_name + 1] == '"' &&
            memcmp(s->p + 1, f->name, f->n_name) == 0) {
            s->p += f->n_name + 2;
            *ret = (int)guess;
            return 0;
        }
    }
    if ((rc = string(s, &name, &n))) return rc;
    *ret = schema_find(schema, name, n);
    return 0;
}

static int member(struct scan *s, struct cell *cells, size_t *guess)
{
    int slot, rc;

    blanks(s);
    if (s->p == s->end || *s->p != '"') return expected(s, s->p, "a name in quotes");
    if ((rc = column(s, *guess, &slot))) return rc;
    if (!take(s, ':')) return expected(s, s->p, "':'");
    if (slot < 0) {
        s->r->unknown++;
        return skip_value(s);
    }
    const struct schema_field *f = schema_field(s->r->schema, (size_t)slot);
    if (cells[slot].kind != CELL_ABSENT)
        return err_set(s->e, ERR_INVALID, "row %zu has the column '%.200s' twice", s->r->n,
                       f->name);
    blanks(s);
    if (s->p < s->end && (*s->p == '{' || *s->p == '['))
        return err_set(s->e, ERR_INVALID,
                       "row %zu, column '%.200s': a number or text is expected, "
                       "not a %s",
                       s->r->n, f->name, *s->p == '{' ? "nested object" : "list");
    *guess = (size_t)slot + 1;
    return value(s, &cells[slot]);
}

/* Behind the opening brace. */
static int object(struct scan *s)
{
    struct cell *cells;
    size_t guess = 0;
    int rc = rows_add(s->r, &cells, s->e);

    if (rc) return rc;
    if (take(s, '}')) return 0;
    do {
        if ((rc = member(s, cells, &guess))) return rc;
    } while (take(s, ','));
    return take(s, '}') ? 0 : expected(s, s->p, "',' or '}'");
}

/* Behind the opening bracket. */
static int list(struct scan *s)
{
    int rc;

    s->r->list = true;
    if (take(s, ']')) return 0;
    do {
        if (!take(s, '{')) return expected(s, s->p, "an object {\"column\": value, …}");
        if ((rc = object(s))) return rc;
    } while (take(s, ','));
    return take(s, ']') ? 0 : expected(s, s->p, "',' or ']'");
}

int rows_scan_json(struct rows *r, const char *json, size_t n, size_t *at, struct err *e)
{
    struct scan s = { r, json, json + (at ? *at : 0), json + n, e };
    int rc;

    if (take(&s, '{')) rc = object(&s);
    else if (take(&s, '[')) rc = list(&s);
    else rc = expected(&s, s.p, "an object {\"column\": value, …} or a list of them");
    if (rc) return rc;
    if (at) {
        *at = (size_t)(s.p - json);
        return 0;
    }
    blanks(&s);
    return s.p == s.end ? 0 : expected(&s, s.p, "the end");
}

int cell_scan_json(struct rows *r, const char *json, size_t n, size_t *at, struct cell *ret,
                   struct err *e)
{
    struct scan s = { r, json, json + *at, json + n, e };
    struct cell c = { 0 };
    int rc;

    rc = value(&s, &c);
    if (rc) return rc;
    *at = (size_t)(s.p - json);
    *ret = c;
    return 0;
}

int cell_skip_json(struct rows *r, const char *json, size_t n, size_t *at, struct err *e)
{
    struct scan s = { r, json, json + *at, json + n, e };
    int rc = skip_value(&s);

    if (rc == 0) *at = (size_t)(s.p - json);
    return rc;
}
