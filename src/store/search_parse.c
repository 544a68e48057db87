/* search_parse.c: text of MLflow's run search into terms.
 *
 *   filter  := [ term { AND term } ]
 *   term    := field op value
 *   field   := entity '.' key | attribute          split at the first dot
 *   key     := bare | `quoted` | "quoted"
 *   op      := = != < <= > >= LIKE ILIKE IN NOT IN
 *   value   := number | 'text' | "text" | '(' 'text' { ',' 'text' } ')'
 *   order   := field [ASC|DESC]
 *
 * Quotes are stripped, nothing is unescaped. Which operators and values an entity takes is the
 * table `kinds`. Every error says at which character it is and what would have been right.
 * Pure: no database, no clock. */
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "store/search_priv.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define TEXT_MAX  65536
#define TERMS_MAX 100
#define LIST_MAX  1000
#define ORDER_MAX 20

struct parser {
    struct arena *a;
    struct err *e;
    const char *what; /* "filter" or "order_by" */
    const char *text, *p;
};

#define BIT(op) (1u << (op))
#define COMPARE                                                                                    \
    (BIT(SEARCH_EQ) | BIT(SEARCH_NE) | BIT(SEARCH_LT) | BIT(SEARCH_LE) | BIT(SEARCH_GT) |          \
     BIT(SEARCH_GE))
#define MATCH  (BIT(SEARCH_EQ) | BIT(SEARCH_NE) | BIT(SEARCH_LIKE) | BIT(SEARCH_ILIKE))
#define MEMBER (BIT(SEARCH_IN) | BIT(SEARCH_NOT_IN))

static const struct {
    const char *name;
    unsigned ops;
    bool number;
    const char *ops_text;
} kinds[] = {
    [SEARCH_METRIC] = { "a metric", COMPARE, true, "= != < <= > >=" },
    [SEARCH_PARAM] = { "a param", MATCH, false, "= != LIKE ILIKE" },
    [SEARCH_TAG] = { "a tag", MATCH, false, "= != LIKE ILIKE" },
    [SEARCH_TEXT] = { "this attribute", MATCH, false, "= != LIKE ILIKE" },
    [SEARCH_NUMBER] = { "this attribute", COMPARE, true, "= != < <= > >=" },
    [SEARCH_DATASET] = { "a dataset", MATCH | MEMBER, false, "= != LIKE ILIKE IN NOT IN" },
};

/* "attribute" stands for both kinds of attributes; the name decides. */
static const struct {
    const char *alias;
    enum search_entity entity;
} entities[] = {
    { "metric", SEARCH_METRIC },    { "metrics", SEARCH_METRIC },   { "parameter", SEARCH_PARAM },
    { "parameters", SEARCH_PARAM }, { "param", SEARCH_PARAM },      { "params", SEARCH_PARAM },
    { "tag", SEARCH_TAG },          { "tags", SEARCH_TAG },         { "attribute", SEARCH_TEXT },
    { "attributes", SEARCH_TEXT },  { "attr", SEARCH_TEXT },        { "run", SEARCH_TEXT },
    { "dataset", SEARCH_DATASET },  { "datasets", SEARCH_DATASET },
};

static const struct {
    const char *alias, *name;
    enum search_entity entity;
} attributes[] = {
    { "run_id", "run_id", SEARCH_TEXT },           { "run_name", "run_name", SEARCH_TEXT },
    { "run name", "run_name", SEARCH_TEXT },       { "Run name", "run_name", SEARCH_TEXT },
    { "Run Name", "run_name", SEARCH_TEXT },       { "user_id", "user_id", SEARCH_TEXT },
    { "status", "status", SEARCH_TEXT },           { "artifact_uri", "artifact_uri", SEARCH_TEXT },
    { "start_time", "start_time", SEARCH_NUMBER }, { "created", "start_time", SEARCH_NUMBER },
    { "Created", "start_time", SEARCH_NUMBER },    { "end_time", "end_time", SEARCH_NUMBER },
};

/* -- characters and tokens ---------------------------------------------------------------- */
static int wrong(struct parser *ps, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int wrong(struct parser *ps, const char *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err_vset(ps->e, ERR_INVALID, fmt, ap);
    va_end(ap);
    err_prefix(ps->e, "%s, character %d", ps->what, (int)(at - ps->text) + 1);
    if (ps->e && !strcmp(ps->what, "filter"))
        err_hint(ps->e, "for example: metrics.auc > 0.8 AND params.algorithm = 'gbdt'");
    return -ERR_INVALID;
}

static void skip_space(struct parser *ps)
{
    while (isspace((unsigned char)*ps->p)) ps->p++;
}

static bool bare(char c)
{
    return c && !isspace((unsigned char)c) && !strchr("=!<>(),'\"`", c);
}

/* What stands at `at`, for a message. */
static const char *seen(struct parser *ps, const char *at)
{
    if (!*at) return "the end";
    size_t n = 0;
    while (n < 30 && bare(at[n])) n++;
    return arena_printf(ps->a, "'%.*s'", (int)(n ? n : 1), at);
}

/* Text between quotes; p is at the opening one. */
static int quoted(struct parser *ps, const char **ret)
{
    const char *open = ps->p;
    const char *close = strchr(open + 1, *open);
    if (!close) return wrong(ps, open, "the quote %c is not closed", *open);
    *ret = arena_strndup(ps->a, open + 1, (size_t)(close - open - 1));
    ps->p = close + 1;
    return 0;
}

/* The next bare word without moving; its length. */
static size_t peek_word(struct parser *ps)
{
    size_t n = 0;
    while (bare(ps->p[n])) n++;
    return n;
}

static bool take_word(struct parser *ps, const char *word)
{
    size_t n = peek_word(ps);
    if (n != strlen(word) || strncasecmp(ps->p, word, n) != 0) return false;
    ps->p += n;
    return true;
}

/* -- fields ------------------------------------------------------------------------------- */
static int find_attribute(struct parser *ps, const char *at, const char *name,
                          struct search_field *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
        if (strcmp(attributes[i].alias, name) != 0) continue;
        *ret = (struct search_field){ attributes[i].entity, attributes[i].name };
        return 0;
    }
    return wrong(ps, at,
                 "unknown attribute '%.60s'; there are run_id, run_name, user_id, status, "
                 "artifact_uri, start_time, end_time, and metrics.K, params.K, tags.K, datasets.K",
                 name);
}

static int find_key(struct parser *ps, const char *at, const char *entity, const char *key,
                    struct search_field *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(entities); i++) {
        if (strcmp(entities[i].alias, entity) != 0) continue;
        if (entities[i].entity == SEARCH_TEXT) return find_attribute(ps, at, key, ret);
        *ret = (struct search_field){ entities[i].entity, key };
        bool known = !strcmp(key, "name") || !strcmp(key, "digest") || !strcmp(key, "context");
        if (ret->entity == SEARCH_DATASET && !known)
            return wrong(ps, at, "a dataset has name, digest and context, not '%.60s'", key);
        /* The name of a run and this tag are one value. */
        if (ret->entity == SEARCH_TAG && !strcmp(key, "mlflow.runName"))
            *ret = (struct search_field){ SEARCH_TEXT, "run_name" };
        return 0;
    }
    return wrong(ps, at,
                 "unknown entity '%.60s'; there are metrics, params, tags, attributes and "
                 "datasets",
                 entity);
}

static int parse_field(struct parser *ps, struct search_field *ret)
{
    const char *at = ps->p, *name, *key;
    if (*at == '`' || *at == '"') {
        int r = quoted(ps, &name);
        return r < 0 ? r : find_attribute(ps, at, name, ret);
    }
    size_t n = peek_word(ps);
    if (n == 0)
        return wrong(ps, at, "expected a field such as metrics.auc, found %s", seen(ps, at));
    const char *dot = memchr(at, '.', n);
    ps->p += n;
    if (!dot) return find_attribute(ps, at, arena_strndup(ps->a, at, n), ret);
    const char *entity = arena_strndup(ps->a, at, (size_t)(dot - at));
    key = arena_strndup(ps->a, dot + 1, n - (size_t)(dot - at) - 1);
    if (!*key && (*ps->p == '`' || *ps->p == '"')) {
        int r = quoted(ps, &key);
        if (r < 0) return r;
    }
    if (!*key) return wrong(ps, dot, "a name is missing after '%s.'", entity);
    return find_key(ps, at, entity, key, ret);
}

/* -- operators and values ----------------------------------------------------------------- */
static int parse_op(struct parser *ps, enum search_op *ret)
{
    static const struct {
        const char *sign;
        enum search_op op;
    } signs[] = { { "!=", SEARCH_NE }, { "<=", SEARCH_LE }, { ">=", SEARCH_GE },
                  { "=", SEARCH_EQ },  { "<", SEARCH_LT },  { ">", SEARCH_GT } };
    static const struct {
        const char *word;
        enum search_op op;
    } words[] = { { "LIKE", SEARCH_LIKE }, { "ILIKE", SEARCH_ILIKE }, { "IN", SEARCH_IN } };
    const char *at = ps->p;
    size_t n = strspn(at, "=!<>");
    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        if (n != strlen(signs[i].sign) || strncmp(at, signs[i].sign, n) != 0) continue;
        ps->p += n;
        *ret = signs[i].op;
        return 0;
    }
    for (size_t i = 0; n == 0 && i < ARRAY_LEN(words); i++) {
        if (!take_word(ps, words[i].word)) continue;
        *ret = words[i].op;
        return 0;
    }
    if (n == 0 && take_word(ps, "NOT")) {
        skip_space(ps);
        *ret = SEARCH_NOT_IN;
        if (take_word(ps, "IN")) return 0;
    }
    return wrong(ps, at, "expected a comparator, found %s",
                 n ? arena_printf(ps->a, "'%.*s'", (int)n, at) : seen(ps, at));
}

static int parse_number(struct parser *ps, struct search_term *t)
{
    const char *at = ps->p;
    size_t n = peek_word(ps);
    const char *word = arena_strndup(ps->a, at, n);
    long long whole;
    bool digits = strpbrk(word, "0123456789") && strspn(word, "0123456789+-.eE") == n;
    const char *plain = *word == '+' ? word + 1 : word;
    if (!digits || !str_to_real(plain, &t->number))
        return wrong(ps, at, "%s is compared with a number, found %s", kinds[t->field.entity].name,
                     seen(ps, at));
    t->whole = str_to_i64(plain, &whole);
    if (t->whole) t->integer = whole;
    ps->p += n;
    return 0;
}

static int parse_text(struct parser *ps, struct search_term *t, const char **ret)
{
    if (*ps->p == '\'' || *ps->p == '"') return quoted(ps, ret);
    return wrong(ps, ps->p, "%s is compared with a text in quotes, found %s",
                 kinds[t->field.entity].name, seen(ps, ps->p));
}

static int parse_list(struct parser *ps, struct search_term *t)
{
    const char *at = ps->p;
    if (*at != '(')
        return wrong(ps, at, "IN needs a list such as ('a', 'b'), found %s", seen(ps, at));
    t->texts = arena_array(ps->a, LIST_MAX, const char *);
    do {
        if (t->n_texts == LIST_MAX)
            return wrong(ps, ps->p, "the list has more than %d texts", LIST_MAX);
        ps->p++;
        skip_space(ps);
        int r = parse_text(ps, t, &t->texts[t->n_texts]);
        if (r < 0) return r;
        t->n_texts++;
        skip_space(ps);
    } while (*ps->p == ',');
    if (*ps->p != ')') return wrong(ps, ps->p, "expected ',' or ')', found %s", seen(ps, ps->p));
    ps->p++;
    return 0;
}

static int parse_value(struct parser *ps, struct search_term *t)
{
    if (kinds[t->field.entity].number) return parse_number(ps, t);
    if (BIT(t->op) & MEMBER) return parse_list(ps, t);
    t->texts = arena_array(ps->a, 1, const char *);
    t->n_texts = 1;
    return parse_text(ps, t, &t->texts[0]);
}

static int parse_term(struct parser *ps, struct search_term *t)
{
    skip_space(ps);
    int r = parse_field(ps, &t->field);
    if (r < 0) return r;
    skip_space(ps);
    const char *at = ps->p;
    r = parse_op(ps, &t->op);
    if (r < 0) return r;
    bool id = t->field.entity == SEARCH_TEXT && !strcmp(t->field.key, "run_id");
    unsigned ops = kinds[t->field.entity].ops | (id ? MEMBER : 0);
    if (!(ops & BIT(t->op)))
        return wrong(ps, at, "comparator '%.*s' does not fit %s; use %s%s", (int)(ps->p - at), at,
                     kinds[t->field.entity].name, kinds[t->field.entity].ops_text,
                     id ? " IN NOT IN" : "");
    skip_space(ps);
    return parse_value(ps, t);
}

int search_parse_filter(struct arena *a, const char *text, struct search_filter *ret, struct err *e)
{
    struct parser ps = { a, e, "filter", text ? text : "", NULL };
    ps.p = ps.text;
    if (strlen(ps.text) > TEXT_MAX)
        return err_set(e, ERR_LIMIT, "the filter is longer than %d bytes", TEXT_MAX);
    struct search_filter f = { arena_array(a, TERMS_MAX, struct search_term), 0 };
    skip_space(&ps);
    while (*ps.p) {
        if (f.n == TERMS_MAX) return wrong(&ps, ps.p, "more than %d conditions", TERMS_MAX);
        int r = parse_term(&ps, &f.terms[f.n++]);
        if (r < 0) return r;
        skip_space(&ps);
        if (!*ps.p) break;
        const char *at = ps.p;
        if (take_word(&ps, "OR"))
            return wrong(&ps, at, "OR is not part of this grammar, only AND is");
        if (!take_word(&ps, "AND"))
            return wrong(&ps, at, "expected AND or the end, found %s", seen(&ps, at));
        skip_space(&ps);
        if (!*ps.p) return wrong(&ps, ps.p, "a condition is missing after AND");
    }
    *ret = f;
    return 0;
}

/* -- order_by ----------------------------------------------------------------------------- */
static int parse_one_order(struct parser *ps, struct search_order *o)
{
    skip_space(ps);
    const char *at = ps->p;
    int r = parse_field(ps, &o->field);
    if (r < 0) return r;
    if (o->field.entity == SEARCH_DATASET) return wrong(ps, at, "runs have no order by dataset");
    skip_space(ps);
    o->descending = take_word(ps, "DESC");
    if (!o->descending) take_word(ps, "ASC");
    skip_space(ps);
    if (*ps->p) return wrong(ps, ps->p, "expected ASC, DESC or the end, found %s", seen(ps, ps->p));
    return 0;
}

int search_parse_order(struct arena *a, const char *const *list, struct search_order **ret,
                       size_t *n, struct err *e)
{
    struct search_order *o = arena_array(a, ORDER_MAX, struct search_order);
    size_t count = 0;
    for (; list && list[count]; count++) {
        if (count == ORDER_MAX)
            return err_set(e, ERR_INVALID, "order_by has more than %d fields", ORDER_MAX);
        struct parser ps = { a, e, "order_by", list[count], list[count] };
        int r = parse_one_order(&ps, &o[count]);
        if (r < 0) return r;
        for (size_t i = 0; i < count; i++)
            if (o[i].field.entity == o[count].field.entity &&
                !strcmp(o[i].field.key, o[count].field.key))
                return err_set(e, ERR_INVALID, "order_by names '%s' twice", list[count]);
    }
    *ret = o;
    *n = count;
    return 0;
}
