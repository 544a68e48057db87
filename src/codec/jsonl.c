/* jsonl.c: see jsonl.h. A line is parsed completely into pairs of key and field before any
 * column is touched, so a broken line leaves no trace. Strings are unescaped in place, which
 * always makes them shorter. Rows mostly repeat the keys of the row before in the same order, so
 * the column at the same place is tried before the map. */
#include "codec/jsonl.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "codec/text.h"
#include <stdlib.h>
#include <string.h>

struct pair {
    const char *key;
    size_t key_len;
    struct field field;
    const char *at; /* where the value stands, for messages */
    bool nested;
    size_t column;
};

struct jsonl {
    struct block *b;
    const struct row_options *o;
    const struct row_sink *sink;
    struct row_report *r;
    struct err *e;
    uint64_t line;
    VEC(struct pair) pairs;
    struct map *index; /* column name -> number */
    VEC(char *) names;
    VEC(uint64_t) seen; /* per column: the line that set it last */
    struct field *fields;
    size_t fields_cap;
    const char *start, *end; /* the line */
    const char *p;           /* where the scanner stands */
    const char *expected;    /* what was missing at p; NULL: nothing */
};

/* -- scanner: functions answer false with `expected` set ------------------------------------ */

static bool fail(struct jsonl *j, const char *at, const char *expected)
{
    j->p = at;
    j->expected = expected;
    return false;
}

static void blanks(struct jsonl *j)
{
    while (j->p < j->end && (*j->p == ' ' || *j->p == '\t' || *j->p == '\r')) j->p++;
}

static bool take(struct jsonl *j, char c)
{
    blanks(j);
    if (j->p == j->end || *j->p != c) return false;
    j->p++;
    return true;
}

static int hex4(const char *p, const char *end)
{
    int v = 0;

    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p[i], d = c | 0x20;
        if (c >= '0' && c <= '9') d = c - '0';
        else if (d >= 'a' && d <= 'f') d -= 'a' - 10;
        else return -1;
        v = v << 4 | d;
    }
    return v;
}

/* \uXXXX behind the u at *pp; a pair of surrogates is one character. */
static bool unicode_escape(const char **pp, const char *end, uint32_t *ret)
{
    const char *p = *pp;
    int high = hex4(p, end), low;

    if (high < 0 || (high >= 0xdc00 && high < 0xe000)) return false;
    if (high < 0xd800 || high >= 0xe000) {
        *ret = (uint32_t)high;
        *pp = p + 4;
        return true;
    }
    if (end - p < 10 || p[4] != '\\' || p[5] != 'u') return false;
    low = hex4(p + 6, end);
    if (low < 0xdc00 || low >= 0xe000) return false;
    *ret = 0x10000u + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
    *pp = p + 10;
    return true;
}

/* One escape behind the backslash at *pp, appended at *out. */
static bool unescape(const char **pp, const char *end, char **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *p = *pp, *hit;
    uint32_t cp;
    char utf8[4];
    size_t n;

    if (p == end) return false;
    if (*p != 'u') {
        hit = *p ? strchr(from, *p) : NULL;
        if (!hit) return false;
        *(*out)++ = to[hit - from];
        *pp = p + 1;
        return true;
    }
    *pp = p + 1;
    if (!unicode_escape(pp, end, &cp)) return false;
    n = utf8_put(utf8, cp);
    memcpy(*out, utf8, n);
    *out += n;
    return true;
}

/* String behind its opening quote; the text is unescaped in place. */
static bool string(struct jsonl *j, const char **ret, size_t *ret_len)
{
    const char *open = j->p, *p = open;
    char *out;

    while (p < j->end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20) p++;
    out = j->b->buf + (p - j->b->buf);
    while (p < j->end && *p != '"') {
        if ((unsigned char)*p < 0x20) return fail(j, p, "no control character inside a string");
        if (*p != '\\') {
            *out++ = *p++;
            continue;
        }
        p++;
        if (!unescape(&p, j->end, &out))
            return fail(j, p, "an escape sequence of JSON behind the backslash");
    }
    if (p == j->end) return fail(j, open - 1, "a closing quote for the string that starts here");
    if ((size_t)(out - open) > ROWS_MAX_FIELD) return fail(j, open, "at most 16 MiB in a field");
    *ret = open;
    *ret_len = (size_t)(out - open);
    j->p = p + 1;
    return true;
}

/* A list or object: passed over with its strings; depth is counted, not recursed. */
static bool skip_nested(struct jsonl *j)
{
    const char *open = j->p;
    size_t depth = 0;

    for (; j->p < j->end; j->p++) {
        char c = *j->p;
        if (c == '"') {
            for (j->p++; j->p < j->end && *j->p != '"'; j->p++) j->p += *j->p == '\\';
        } else if (c == '[' || c == '{') {
            depth++;
        } else if ((c == ']' || c == '}') && --depth == 0) {
            j->p++;
            return true;
        }
    }
    return fail(j, open, "an end to the list or object that starts here");
}

static const char *digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9') p++;
    return p;
}

/* End of a JSON number at p, or NULL. */
static const char *number(const char *p, const char *end)
{
    const char *q;

    if (p < end && *p == '-') p++;
    q = digits(p, end);
    if (q == p || (*p == '0' && q > p + 1)) return NULL;
    p = q;
    if (p < end && *p == '.') {
        q = digits(p + 1, end);
        if (q == p + 1) return NULL;
        p = q;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        q = digits(p, end);
        if (q == p) return NULL;
        p = q;
    }
    return p;
}

/* null, true, false, and what programs write for numbers JSON does not have. */
static const char *word(const char *p, const char *end, struct field *out)
{
    static const struct {
        const char *text;
        unsigned flags;
    } words[] = { { "null", FIELD_ABSENT }, { "true", 0 },     { "false", 0 },
                  { "NaN", FIELD_ABSENT },  { "Infinity", 0 }, { "-Infinity", 0 } };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t n = strlen(words[i].text);
        if ((size_t)(end - p) < n || memcmp(p, words[i].text, n) != 0) continue;
        out->flags = words[i].flags;
        return p + n;
    }
    return NULL;
}

static bool value(struct jsonl *j, struct pair *pair)
{
    const char *stop;
    size_t len;

    blanks(j);
    pair->at = j->p;
    pair->nested = false;
    pair->field = (struct field){ j->p, 0, 0 };
    if (j->p < j->end && *j->p == '"') {
        j->p++;
        if (!string(j, &pair->field.p, &len)) return false;
        pair->field.len = (uint32_t)len;
        pair->field.flags = FIELD_STRING;
        return true;
    }
    if (j->p < j->end && (*j->p == '[' || *j->p == '{')) {
        pair->nested = true;
        pair->field.flags = FIELD_ABSENT;
        return skip_nested(j);
    }
    stop = number(j->p, j->end);
    if (!stop) stop = word(j->p, j->end, &pair->field);
    if (!stop) return fail(j, j->p, "a string, number, true, false or null");
    if ((size_t)(stop - j->p) > ROWS_MAX_FIELD) return fail(j, j->p, "at most 16 MiB in a field");
    pair->field.len = (uint32_t)(stop - j->p);
    j->p = stop;
    return true;
}

static bool object(struct jsonl *j)
{
    j->pairs.n = 0;
    if (!take(j, '{')) return fail(j, j->p, "one JSON object a line, which starts with {");
    if (take(j, '}')) return true;
    do {
        struct pair pair = { 0 };
        if (!take(j, '"')) return fail(j, j->p, "a key in quotes");
        if (!string(j, &pair.key, &pair.key_len)) return false;
        if (pair.key_len == 0) return fail(j, j->p - 2, "a key that is not empty");
        if (!take(j, ':')) return fail(j, j->p, "':' behind the key");
        if (!value(j, &pair)) return false;
        if (j->pairs.n == ROWS_MAX_COLUMNS) return fail(j, j->p, "at most 65536 keys");
        vec_push(&j->pairs, pair);
    } while (take(j, ','));
    return take(j, '}') || fail(j, j->p, "',' or '}' behind the value");
}

static bool whole_line(struct jsonl *j)
{
    if (!object(j)) return false;
    blanks(j);
    return j->p == j->end || fail(j, j->p, "the end of the line behind '}'");
}

/* -- columns ------------------------------------------------------------------------------ */

static int add_column(struct jsonl *j, struct pair *pair)
{
    STR_AUTO name = STR_INIT;

    if (j->names.n == ROWS_MAX_COLUMNS) {
        err_set(j->e, ERR_LIMIT, "%s: line %llu: more than %d different keys", input_name(j->b->in),
                (unsigned long long)j->line, ROWS_MAX_COLUMNS);
        return err_hint(j->e, "keys must be column names, not data");
    }
    pair->column = j->names.n;
    *map_at(j->index, pair->key, pair->key_len, NULL) = (int64_t)pair->column + 1;
    text_repair(&name, pair->key, pair->key_len);
    vec_push(&j->names, str_steal(&name));
    vec_push(&j->seen, 0);
    return 0;
}

/* Takes back the columns a line left out had added; 0 in the map stands for none. */
static void forget_columns(struct jsonl *j, size_t known)
{
    if (j->names.n == known) return;
    for (size_t i = 0; i < j->pairs.n; i++)
        if (j->pairs.p[i].column >= known)
            *map_at(j->index, j->pairs.p[i].key, j->pairs.p[i].key_len, NULL) = 0;
    while (j->names.n > known) free(j->names.p[--j->names.n]);
    j->seen.n = known;
}

static bool find_column(struct jsonl *j, struct pair *pair, size_t guess)
{
    const int64_t *known;

    if (guess < j->names.n && strlen(j->names.p[guess]) == pair->key_len &&
        memcmp(j->names.p[guess], pair->key, pair->key_len) == 0) {
        pair->column = guess;
        return true;
    }
    known = map_find(j->index, pair->key, pair->key_len);
    if (!known || *known == 0) return false;
    pair->column = (size_t)*known - 1;
    return true;
}

static size_t column_of(const struct jsonl *j, const char *at)
{
    return (size_t)(at - j->start) + 1;
}

static int bad_pair(struct jsonl *j, const struct pair *pair, const char *what)
{
    return rows_bad(j->b, j->o, j->r, j->line, j->e, "column %zu: key \"%.*s\" %s",
                    column_of(j, pair->at), (int)(pair->key_len < 60 ? pair->key_len : 60),
                    pair->key, what);
}

/* Finds or adds the column of every pair; broken ones become missing. *ret_bad: there were. */
static int resolve(struct jsonl *j, bool *ret_bad)
{
    *ret_bad = false;
    for (size_t i = 0; i < j->pairs.n; i++) j->pairs.p[i].column = SIZE_MAX;
    for (size_t i = 0; i < j->pairs.n; i++) {
        struct pair *pair = &j->pairs.p[i];
        const char *what = NULL;
        int rc;
        if (!find_column(j, pair, i) && (rc = add_column(j, pair))) return rc;
        if (pair->nested)
            what = "holds a list or an object, expected a string, number, true, false or null";
        else if (j->seen.p[pair->column] == j->line)
            what = "stands there for the second time, expected it once";
        j->seen.p[pair->column] = j->line;
        if (!what) continue;
        if ((rc = bad_pair(j, pair, what))) return rc;
        pair->field.flags = FIELD_ABSENT;
        *ret_bad = true;
    }
    return 0;
}

static void reserve_fields(struct jsonl *j)
{
    if (j->fields_cap >= j->names.n) return;
    j->fields_cap = j->names.n * 2;
    j->fields = mem_realloc(j->fields, j->fields_cap * sizeof *j->fields);
}

static int deliver(struct jsonl *j, size_t known)
{
    int rc;

    if (j->names.n > known && (rc = j->sink->columns(j->sink->user, j->names.p, j->names.n, j->e)))
        return rc;
    reserve_fields(j);
    for (size_t i = 0; i < j->names.n; i++) j->fields[i] = (struct field){ "", 0, FIELD_ABSENT };
    for (size_t i = 0; i < j->pairs.n; i++) j->fields[j->pairs.p[i].column] = j->pairs.p[i].field;
    if ((rc = j->sink->row(j->sink->user, j->fields, j->names.n, j->e))) return rc;
    j->r->rows++;
    return 0;
}

/* -- lines -------------------------------------------------------------------------------- */

static int syntax_error(struct jsonl *j)
{
    int rc = rows_bad(j->b, j->o, j->r, j->line, j->e, "column %zu: expected %s",
                      column_of(j, j->p), j->expected);

    if (rc && j->line == 1 && *j->start == '[')
        return err_hint(j->e, "this looks like one JSON list; jq -c '.[]' FILE makes lines of it");
    if (rc == 0) j->r->skipped++;
    return rc;
}

static int do_line(struct jsonl *j)
{
    size_t known = j->names.n;
    bool bad;
    int rc;

    j->p = j->start;
    j->expected = NULL;
    blanks(j);
    if (j->p == j->end) return 0;
    if (!whole_line(j)) return syntax_error(j);
    if ((rc = resolve(j, &bad))) return rc;
    if (bad && j->o->bad_row == BAD_ROW_SKIP) {
        forget_columns(j, known);
        j->r->skipped++;
        return 0;
    }
    j->r->repaired += bad;
    return deliver(j, known);
}

/* The next line into start and end: 1, 0 at the end of the file, or an error. */
static int next_line(struct jsonl *j)
{
    struct block *b = j->b;
    size_t searched = 0;

    for (;;) {
        char *lf = memchr(b->buf + b->start + searched, '\n', b->end - b->start - searched);
        if (lf || (b->eof && b->end > b->start)) {
            j->start = b->buf + b->start;
            j->end = lf ? lf : b->buf + b->end;
            b->start = (size_t)(j->end - b->buf) + (lf != NULL);
            j->line++;
            return 1;
        }
        if (b->eof) return 0;
        searched = b->end - b->start;
        int rc = block_more(b, j->e);
        if (rc) return rc;
    }
}

int jsonl_read(struct block *b, const struct row_options *o, const struct row_sink *sink,
               struct row_report *r, struct err *e)
{
    struct jsonl j = { .b = b, .o = o, .sink = sink, .r = r, .e = e, .index = map_new() };
    int rc;

    while ((rc = next_line(&j)) > 0)
        if ((rc = do_line(&j))) break;
    if (rc == 0 && j.names.n == 0) {
        err_set(e, ERR_PARSE, "%s has no rows, expected one JSON object a line", input_name(b->in));
        rc = -ERR_PARSE;
    }
    for (size_t i = 0; i < j.names.n; i++) free(j.names.p[i]);
    vec_done(&j.names);
    vec_done(&j.seen);
    vec_done(&j.pairs);
    free(j.fields);
    map_free(j.index);
    return rc;
}
