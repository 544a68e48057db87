/* test_search_random.c: random filters and orders against a plain evaluator. Runs with random
 * params, tags and metrics are kept both in the store and in an array; a random query is made
 * as a tree, written as text for the store, and evaluated here by loops. Both must give the
 * same runs in the same order. The seed of a failing round is printed. */
#include "base/rng.h"
#include "store/run.h"
#include "storetest.h"
#include <ctype.h>
#include <math.h>

enum { RUNS = 60, ROUNDS = 400, KEYS = 3, TERMS = 3 };

struct row {
    char id[16];
    const char *text[2][KEYS]; /* params, tags; NULL: absent */
    bool has[KEYS];
    double metric[KEYS];
    const char *name, *user;
    int64_t start_ms, end_ms;
};

enum what { METRIC, PARAM, TAG, NAME, USER, START, END, WHATS };

struct term {
    enum what what;
    int key;
    const char *op;
    const char *text;
    double number;
};

static const char *const words[] = {
    "a", "A", "ab", "b", "aab", "", "Ab", "b_", "%a", "h\xc3\xa9"
};
static const char *const patterns[] = { "a%", "%b", "_", "%", "A_", "%a%", "", "ab", "h_", "_%_" };
static const double numbers[] = { 0, 1, -1, 0.5, 2 };

static const char *pick(struct rng *r, const char *const *list, size_t n)
{
    return list[rng_below(r, n)];
}
#define PICK(r, list) pick(r, list, ARRAY_LEN(list))

static void make_rows(struct fx *f, struct rng *r, struct row *rows)
{
    OK(store_begin(f->s, &f->e));
    for (int i = 0; i < RUNS; i++) {
        struct row *w = &rows[i];
        struct kv kv[2][KEYS];
        struct metric_point m[KEYS];
        size_t n[2] = { 0, 0 }, n_metrics = 0;
        static const char *const keys[] = { "k0", "k1", "k2" };
        snprintf(w->id, sizeof w->id, "r%03d", (int)(rng_u64(r) % 7) * 100 + i);
        for (int k = 0; k < KEYS; k++) {
            for (int t = 0; t < 2; t++) {
                w->text[t][k] = rng_below(r, 4) ? PICK(r, words) : NULL;
                if (w->text[t][k]) kv[t][n[t]++] = (struct kv){ keys[k], w->text[t][k] };
            }
            w->has[k] = rng_below(r, 4) != 0;
            w->metric[k] = rng_below(r, 6) ? numbers[rng_below(r, 5)] : (double)NAN;
            if (w->has[k]) m[n_metrics++] = (struct metric_point){ keys[k], w->metric[k], 0, 0 };
        }
        w->name = PICK(r, words);
        w->user = PICK(r, words);
        w->start_ms = 1 + (int64_t)rng_below(r, 5);
        w->end_ms = (int64_t)rng_below(r, 5);
        struct run run = { .id = w->id,
                           .name = w->name,
                           .user = w->user,
                           .start_us = w->start_ms * 1000,
                           .end_us = w->end_ms * 1000,
                           .params = kv[0],
                           .n_params = n[0],
                           .tags = kv[1],
                           .n_tags = n[1],
                           .metrics = m,
                           .n_metrics = n_metrics };
        OK(store_run_create(f->s, &f->a, &run, &f->e));
    }
    OK(store_commit(f->s, &f->e));
}

/* -- the query as text -------------------------------------------------------------------- */
static const char *field_text(struct fx *f, enum what what, int key, struct rng *r)
{
    static const char *const entity[][3] = { { "metrics", "metric", "metrics" },
                                             { "params", "param", "parameters" },
                                             { "tags", "tag", "tags" } };
    static const char *const attribute[] = {
        [NAME] = "run_name", [USER] = "user_id", [START] = "start_time", [END] = "end_time"
    };
    static const char *const forms[] = { "%s.k%d", "%s.`k%d`", "%s.\"k%d\"" };
    static const char *const plain[] = { "%s", "attributes.%s", "attr.`%s`", "`%s`" };
    if (what >= NAME) {
        switch (rng_below(r, ARRAY_LEN(plain))) {
        case 0: return arena_printf(&f->a, "%s", attribute[what]);
        case 1: return arena_printf(&f->a, "attributes.%s", attribute[what]);
        case 2: return arena_printf(&f->a, "attr.`%s`", attribute[what]);
        default: return arena_printf(&f->a, "`%s`", attribute[what]);
        }
    }
    const char *e = entity[what][rng_below(r, 3)];
    switch (rng_below(r, ARRAY_LEN(forms))) {
    case 0: return arena_printf(&f->a, "%s.k%d", e, key);
    case 1: return arena_printf(&f->a, "%s.`k%d`", e, key);
    default: return arena_printf(&f->a, "%s.\"k%d\"", e, key);
    }
}

static bool numeric(enum what what)
{
    return what == METRIC || what == START || what == END;
}

static struct term make_term(struct rng *r)
{
    static const char *const compare[] = { "=", "!=", "<", "<=", ">", ">=" };
    static const char *const match[] = { "=", "!=", "LIKE", "ILIKE" };
    struct term t = { .what = (enum what)rng_below(r, WHATS), .key = (int)rng_below(r, KEYS) };
    t.op = numeric(t.what) ? PICK(r, compare) : PICK(r, match);
    t.number = t.what == METRIC ? numbers[rng_below(r, 5)] : (double)rng_below(r, 6);
    t.text = strstr(t.op, "LIKE") ? PICK(r, patterns) : PICK(r, words);
    return t;
}

static void put_term(struct fx *f, struct str *out, const struct term *t, struct rng *r)
{
    str_add(out, field_text(f, t->what, t->key, r));
    const char *space = rng_below(r, 2) || isalpha((unsigned char)t->op[0]) ? " " : "";
    str_addf(out, "%s%s%s", space, t->op, space);
    if (numeric(t->what)) str_addf(out, "%g", t->number);
    else str_addf(out, rng_below(r, 2) ? "'%s'" : "\"%s\"", t->text);
}

/* -- the query by loops ------------------------------------------------------------------- */
static size_t step(const char *s)
{
    size_t n = 1;
    while (((unsigned char)s[n] & 0xc0) == 0x80) n++;
    return n;
}

/* By recursion, unlike the store's: one can check the other. */
static bool like(const char *p, const char *s, bool fold)
{
    if (!*p) return !*s;
    if (*p == '%') return like(p + 1, s, fold) || (*s && like(p, s + step(s), fold));
    if (!*s) return false;
    if (*p == '_') return like(p + 1, s + step(s), fold);
    int a = (unsigned char)*p, b = (unsigned char)*s;
    if (fold && a < 128) a = tolower(a);
    if (fold && b < 128) b = tolower(b);
    return a == b && like(p + 1, s + 1, fold);
}

static bool text_holds(const char *value, const struct term *t)
{
    if (!value) return false;
    if (!strcmp(t->op, "=")) return !strcmp(value, t->text);
    if (!strcmp(t->op, "!=")) return strcmp(value, t->text) != 0;
    return like(t->text, value, t->op[0] == 'I');
}

static bool number_holds(double value, const struct term *t)
{
    if (!strcmp(t->op, "=")) return value == t->number;
    if (!strcmp(t->op, "!=")) return value != t->number; /* also NaN */
    if (!strcmp(t->op, "<")) return value < t->number;
    if (!strcmp(t->op, "<=")) return value <= t->number;
    return t->op[1] ? value >= t->number : value > t->number;
}

static bool holds(const struct row *w, const struct term *t)
{
    switch (t->what) {
    case METRIC: return w->has[t->key] && number_holds(w->metric[t->key], t);
    case PARAM: return text_holds(w->text[0][t->key], t);
    case TAG: return text_holds(w->text[1][t->key], t);
    case NAME: return text_holds(w->name, t);
    case USER: return text_holds(w->user, t);
    case START: return number_holds((double)w->start_ms, t);
    case END: return w->end_ms && number_holds((double)w->end_ms, t);
    case WHATS: break;
    }
    return false;
}

struct order {
    enum what what;
    int key;
    bool down;
};
static struct order orders[2];
static size_t n_orders;

/* 0 for a value, 1 for NaN, 2 for nothing. */
static int rank_of(const struct row *w, const struct order *o)
{
    switch (o->what) {
    case METRIC: return !w->has[o->key] ? 2 : isnan(w->metric[o->key]) ? 1 : 0;
    case PARAM: return w->text[0][o->key] ? 0 : 2;
    case TAG: return w->text[1][o->key] ? 0 : 2;
    case END: return w->end_ms ? 0 : 2;
    case NAME:
    case USER:
    case START:
    case WHATS: break;
    }
    return 0;
}

static int by_number(double x, double y)
{
    return (x > y) - (x < y);
}

static int by_value(const struct row *x, const struct row *y, const struct order *o)
{
    switch (o->what) {
    case METRIC: return by_number(x->metric[o->key], y->metric[o->key]);
    case PARAM: return strcmp(x->text[0][o->key], y->text[0][o->key]);
    case TAG: return strcmp(x->text[1][o->key], y->text[1][o->key]);
    case NAME: return strcmp(x->name, y->name);
    case USER: return strcmp(x->user, y->user);
    case START: return by_number((double)x->start_ms, (double)y->start_ms);
    case END: return by_number((double)x->end_ms, (double)y->end_ms);
    case WHATS: break;
    }
    return 0;
}

static int before(const void *a, const void *b)
{
    const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;
    for (size_t i = 0; i < n_orders; i++) {
        int rx = rank_of(x, &orders[i]), ry = rank_of(y, &orders[i]);
        if (rx != ry) return rx - ry;
        int c = rx ? 0 : by_value(x, y, &orders[i]);
        if (c) return orders[i].down ? -c : c;
    }
    if (x->start_ms != y->start_ms) return x->start_ms > y->start_ms ? -1 : 1;
    return strcmp(x->id, y->id);
}

/* -- the comparison ----------------------------------------------------------------------- */
static const char *const *make_orders(struct fx *f, struct rng *r)
{
    const char **list = arena_array(&f->a, 3, const char *);
    n_orders = (size_t)rng_below(r, 3);
    for (size_t i = 0; i < n_orders; i++) {
        orders[i] = (struct order){ (enum what)rng_below(r, WHATS), (int)rng_below(r, KEYS),
                                    rng_below(r, 2) };
        if (i && orders[0].what == orders[1].what &&
            (orders[0].key == orders[1].key || orders[0].what >= NAME)) {
            n_orders = 1; /* the same field twice would be an error */
            break;
        }
        list[i] = arena_printf(&f->a, "%s%s", field_text(f, orders[i].what, orders[i].key, r),
                               orders[i].down    ? " DESC"
                               : rng_below(r, 2) ? " asc"
                                                 : "");
    }
    list[n_orders] = NULL;
    return n_orders ? list : NULL;
}

static void compare(struct fx *f, const struct row *rows, uint64_t seed)
{
    struct rng r;
    struct term terms[TERMS];
    size_t n_terms = 0, n_want = 0, n = 0;
    STR_AUTO filter = STR_INIT;
    rng_seed(&r, seed);
    for (size_t want = rng_below(&r, TERMS + 1); n_terms < want; n_terms++) {
        terms[n_terms] = make_term(&r);
        if (n_terms) str_add(&filter, rng_below(&r, 2) ? " AND " : "  and ");
        put_term(f, &filter, &terms[n_terms], &r);
    }
    const struct row *want[RUNS];
    for (int i = 0; i < RUNS; i++) {
        bool all = true;
        for (size_t t = 0; t < n_terms; t++) all &= holds(&rows[i], &terms[t]);
        if (all) want[n_want++] = &rows[i];
    }
    struct run_query q = { .filter = str_c(&filter), .order_by = make_orders(f, &r) };
    qsort(want, n_want, sizeof *want, before);
    struct run *got = NULL;
    OK(store_run_search(f->s, &f->a, &q, &got, &n, &f->e));
    const char *by = q.order_by ? q.order_by[0] : "-";
    if (n != n_want)
        fail_msg("seed %d: %s: %zu runs, expected %zu", (int)seed, q.filter, n, n_want);
    for (size_t i = 0; i < n; i++)
        if (strcmp(got[i].id, want[i]->id) != 0)
            fail_msg("seed %d: %s by %s: %s at %zu, expected %s", (int)seed, q.filter, by,
                     got[i].id, i, want[i]->id);
}

static void test_random_queries(void **state)
{
    struct fx *f = *state;
    struct row rows[RUNS];
    struct rng r;
    rng_seed(&r, 2024);
    make_rows(f, &r, rows);
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        compare(f, rows, seed);
        arena_reset(&f->a);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = { STORE_TEST(test_random_queries) };
    return STORE_GROUPS("store.search.random", tests);
}
