/* search.c: finding runs: a parsed filter and order become one SQL statement with parameters.
 *
 * A term on a metric, param, tag or data set is an EXISTS over its table, so it matches only runs
 * that have the key, also for !=. NaN satisfies only !=. ILIKE folds ASCII letters only. In an
 * order, runs without the value come last and NaN just before them, in both directions; ties go by
 * start time, newest first, then by id. The plain listing walks the index run_by_start and stops at
 * the limit. */
#include "base/vec.h"
#include "store/run_priv.h"
#include "store/search_priv.h"
#include <string.h>

#define LIMIT_DEFAULT   1000
#define LIMIT_MAX       50000
#define EXPERIMENTS_MAX 1000

struct builder {
    struct str from, where, order;
    VEC(struct db_arg) args;
};

static void builder_done(struct builder *b)
{
    str_done(&b->from);
    str_done(&b->where);
    str_done(&b->order);
    vec_done(&b->args);
}

/* Adds a parameter and its $n. */
static void put(struct builder *b, struct str *sql, struct db_arg arg)
{
    vec_push(&b->args, arg);
    str_addf(sql, "$%zu", b->args.n);
}

static const char *const signs[] = {
    [SEARCH_EQ] = "=",  [SEARCH_NE] = "<>", [SEARCH_LT] = "<",
    [SEARCH_LE] = "<=", [SEARCH_GT] = ">",  [SEARCH_GE] = ">=",
};

/* SQL of an attribute; times are kept in µs and compared in ms. */
static const char *attribute_sql(const char *name)
{
    static const struct {
        const char *name, *sql;
    } table[] = {
        { "run_id", "r.id" },
        { "run_name", "r.name" },
        { "user_id", "r.user_name" },
        { "status", "r.status" },
        { "artifact_uri", "('mlflow-artifacts:/' || r.experiment_id || '/' || r.id"
                          " || '/artifacts')" },
        { "start_time", "(r.start_us / 1000)" },
        { "end_time", "(NULLIF(r.end_us, 0) / 1000)" },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].name, name)) return table[i].sql;
    return "NULL";
}

/* -- filter ------------------------------------------------------------------------------- */
static void put_text_condition(struct builder *b, const char *column, const struct search_term *t)
{
    struct str *w = &b->where;
    switch (t->op) {
    case SEARCH_IN:
    case SEARCH_NOT_IN:
        str_addf(w, "%s %s (", column, t->op == SEARCH_IN ? "IN" : "NOT IN");
        for (size_t i = 0; i < t->n_texts; i++) {
            if (i) str_addc(w, ',');
            put(b, w, db_t(t->texts[i]));
        }
        str_addc(w, ')');
        break;
    case SEARCH_LIKE:
        str_addf(w, "%s LIKE ", column);
        put(b, w, db_t(t->texts[0]));
        break;
    case SEARCH_ILIKE:
        str_addf(w, "lower(%s) LIKE lower(", column);
        put(b, w, db_t(t->texts[0]));
        str_addc(w, ')');
        break;
    case SEARCH_EQ:
    case SEARCH_NE:
    case SEARCH_LT:
    case SEARCH_LE:
    case SEARCH_GT:
    case SEARCH_GE:
        str_addf(w, "%s %s ", column, signs[t->op]);
        put(b, w, db_t(t->texts[0]));
        break;
    }
}

static void put_number_condition(struct builder *b, const char *column, const struct search_term *t)
{
    str_addf(&b->where, "%s %s ", column, signs[t->op]);
    put(b, &b->where, t->whole ? db_i(t->integer) : db_f(t->number));
}

static void put_key_exists(struct builder *b, const char *table, const struct search_term *t)
{
    str_addf(&b->where, "EXISTS (SELECT 1 FROM %s t WHERE t.rid = r.rid AND t.key = ", table);
    put(b, &b->where, db_t(t->field.key));
    str_add(&b->where, " AND ");
}

static void put_term(struct builder *b, const struct search_term *t)
{
    struct str *w = &b->where;
    str_add(w, " AND ");
    switch (t->field.entity) {
    case SEARCH_METRIC:
        put_key_exists(b, "metric_latest", t);
        str_add(w, t->op == SEARCH_NE ? "(t.is_nan = 1 OR " : "(t.is_nan = 0 AND ");
        put_number_condition(b, "t.value", t);
        str_add(w, "))");
        break;
    case SEARCH_PARAM:
    case SEARCH_TAG:
        put_key_exists(b, t->field.entity == SEARCH_PARAM ? "param" : "tag", t);
        put_text_condition(b, "t.value", t);
        str_addc(w, ')');
        break;
    case SEARCH_DATASET:
        str_add(w, "EXISTS (SELECT 1 FROM run_input t WHERE t.rid = r.rid AND ");
        put_text_condition(b,
                           !strcmp(t->field.key, "name")     ? "t.name"
                           : !strcmp(t->field.key, "digest") ? "t.digest"
                                                             : "t.context",
                           t);
        str_addc(w, ')');
        break;
    case SEARCH_TEXT: put_text_condition(b, attribute_sql(t->field.key), t); break;
    case SEARCH_NUMBER: put_number_condition(b, attribute_sql(t->field.key), t); break;
    }
}

static void put_view(struct builder *b, const struct run_query *q)
{
    static const char *const views[] = {
        [RUNS_ACTIVE] = "r.lifecycle = 'active'",
        [RUNS_DELETED] = "r.lifecycle = 'deleted'",
        [RUNS_ALL] = "r.lifecycle IN ('active', 'deleted')",
    };
    str_add(&b->where, views[q->view]);
    /* Active runs are in active experiments anyway. */
    if (!q->experiments && q->view != RUNS_ACTIVE)
        str_add(&b->where, " AND r.experiment_id IN"
                           " (SELECT id FROM experiment WHERE lifecycle = 'active')");
}

static int put_experiments(struct store *s, struct builder *b, const struct run_query *q,
                           struct err *e)
{
    if (!q->experiments) return 0;
    if (!q->experiments[0]) {
        str_add(&b->where, " AND 1 = 0");
        return 0;
    }
    bool several = q->experiments[1] != NULL;
    str_addf(&b->where, " AND r.experiment_id %s", several ? "IN (" : "= ");
    for (size_t i = 0; q->experiments[i]; i++) {
        int64_t id;
        if (i == EXPERIMENTS_MAX)
            return err_set(e, ERR_INVALID, "more than %d experiments", EXPERIMENTS_MAX);
        int r = experiment_find(s, q->experiments[i], &id, NULL, e);
        if (r < 0) return r;
        if (i) str_addc(&b->where, ',');
        put(b, &b->where, db_i(id));
    }
    if (several) str_addc(&b->where, ')');
    return 0;
}

/* -- order -------------------------------------------------------------------------------- */
static void put_order(struct builder *b, const struct search_order *o, size_t i)
{
    const char *way = o->descending ? "DESC" : "ASC";
    const char *table = o->field.entity == SEARCH_METRIC  ? "metric_latest"
                        : o->field.entity == SEARCH_PARAM ? "param"
                                                          : "tag";
    switch (o->field.entity) {
    case SEARCH_METRIC:
    case SEARCH_PARAM:
    case SEARCH_TAG:
        str_addf(&b->from, " LEFT JOIN %s o%zu ON o%zu.rid = r.rid AND o%zu.key = ", table, i, i,
                 i);
        put(b, &b->from, db_t(o->field.key));
        str_addf(&b->order, "CASE WHEN o%zu.rid IS NULL THEN 2", i);
        if (o->field.entity == SEARCH_METRIC)
            str_addf(&b->order, " WHEN o%zu.is_nan = 1 THEN 1", i);
        str_addf(&b->order, " ELSE 0 END, o%zu.value %s, ", i, way);
        break;
    case SEARCH_TEXT: str_addf(&b->order, "%s %s, ", attribute_sql(o->field.key), way); break;
    case SEARCH_NUMBER:
    case SEARCH_DATASET:
        if (!strcmp(o->field.key, "start_time")) str_addf(&b->order, "r.start_us %s, ", way);
        else str_addf(&b->order, "CASE WHEN r.end_us = 0 THEN 1 ELSE 0 END, r.end_us %s, ", way);
        break;
    }
}

static void put_orders(struct builder *b, const struct search_order *o, size_t n)
{
    bool by_start = false;
    for (size_t i = 0; i < n; i++) {
        put_order(b, &o[i], i);
        by_start |= !strcmp(o[i].field.key, "start_time") && o[i].field.entity == SEARCH_NUMBER;
    }
    if (!by_start) str_add(&b->order, "r.start_us DESC, ");
    str_add(&b->order, "r.id ASC");
}

/* -- the statement ------------------------------------------------------------------------ */
static int build_where(struct store *s, struct arena *a, struct builder *b,
                       const struct run_query *q, struct err *e)
{
    struct search_filter f;
    int r = search_parse_filter(a, q->filter, &f, e);
    if (r < 0) return r;
    put_view(b, q);
    r = put_experiments(s, b, q, e);
    for (size_t i = 0; r == 0 && i < f.n; i++) put_term(b, &f.terms[i]);
    return r;
}

static int check_page(const struct run_query *q, struct err *e)
{
    if (q->limit < 0 || q->limit > LIMIT_MAX)
        return err_set(e, ERR_INVALID, "limit %lld is not within 1..%d", (long long)q->limit,
                       LIMIT_MAX);
    if (q->offset < 0)
        return err_set(e, ERR_INVALID, "offset %lld is negative", (long long)q->offset);
    return 0;
}

static int fetch_page(struct store *s, struct arena *a, struct builder *b,
                      const struct run_query *q, struct run **ret, size_t *n, struct err *e)
{
    STR_AUTO sql = STR_INIT;
    str_addf(&sql, "SELECT " RUN_COLUMNS " FROM run r%s WHERE %s ORDER BY %s LIMIT ",
             str_c(&b->from), str_c(&b->where), str_c(&b->order));
    put(b, &sql, db_i(q->limit ? q->limit : LIMIT_DEFAULT));
    str_add(&sql, " OFFSET ");
    put(b, &sql, db_i(q->offset));
    struct run_row *rows = NULL;
    size_t count = 0;
    int r = store_all(s, a, str_c(&sql), (struct db_args){ b->args.p, b->args.n }, sizeof *rows,
                      run_read, &rows, &count, e);
    if (r == 0) r = run_load(s, a, rows, count, e);
    if (r < 0) return r;
    struct run *runs = arena_array(a, count ? count : 1, struct run);
    for (size_t i = 0; i < count; i++) runs[i] = rows[i].run;
    *ret = runs;
    *n = count;
    return 0;
}

int store_run_search(struct store *s, struct arena *a, const struct run_query *q, struct run **ret,
                     size_t *n, struct err *e)
{
    struct builder b = { STR_INIT, STR_INIT, STR_INIT, VEC_INIT };
    struct search_order *order = NULL;
    size_t n_order = 0;
    int r = check_page(q, e);
    if (r == 0) r = search_parse_order(a, q->order_by, &order, &n_order, e);
    if (r == 0) r = build_where(s, a, &b, q, e);
    if (r == 0) {
        put_orders(&b, order, n_order);
        r = fetch_page(s, a, &b, q, ret, n, e);
    }
    builder_done(&b);
    return r;
}

int store_run_count(struct store *s, const struct run_query *q, int64_t *ret, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct builder b = { STR_INIT, STR_INIT, STR_INIT, VEC_INIT };
    int r = build_where(s, &a, &b, q, e);
    if (r == 0) {
        STR_AUTO sql = STR_INIT;
        str_addf(&sql, "SELECT count(*) FROM run r WHERE %s", str_c(&b.where));
        r = db_number(s->db, str_c(&sql), (struct db_args){ b.args.p, b.args.n }, 0, ret, e);
    }
    builder_done(&b);
    arena_done(&a);
    return r;
}
