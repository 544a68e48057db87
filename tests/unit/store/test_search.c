/* test_search.c: MLflow's filter grammar: every entity, comparator and quoting, every error with
 * its place, LIKE, order with missing values and NaN, paging, views. That random filters mean
 * the same to a plain evaluator is in test_search_random.c. */
#include "store/run.h"
#include "storetest.h"
#include <math.h>

/* Five runs; what each has is chosen so that every condition splits them. */
static void five_runs(struct fx *f)
{
    struct experiment x;
    OK(store_experiment_create(f->s, &f->a, "other", &x, &f->e));
    static struct {
        const char *id, *name, *user, *experiment, *algorithm, *tag;
        double auc;
        int64_t start_ms, end_ms;
    } const rows[] = {
        { "r1", "Alpha", "ann", "Default", "gbdt", "risk", 0.9, 5000, 6000 },
        { "r2", "beta", "bob", "Default", "Gbdt", "RISK", 0.5, 4000, 0 },
        { "r3", "alphabet", "ann", "other", "mlp", NULL, -1, 3000, 9000 },
        { "r4", "a'b\"c", "eve", "Default", NULL, "a%b_c", 2, 2000, 7000 },
        { "r5", "", "ann", "other", "linear", "x", (double)NAN, 1000, 8000 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kv param = { "algorithm", rows[i].algorithm }, tag = { "team", rows[i].tag };
        struct metric_point m[] = { { "auc", rows[i].auc, 1, 1 },
                                    { "auc", 99, 0, 1 }, /* an older step: not the latest */
                                    { "only r2/x y", 1, 0, 0 } };
        struct run r = { .id = rows[i].id,
                         .name = rows[i].name,
                         .user = rows[i].user,
                         .experiment = rows[i].experiment,
                         .start_us = rows[i].start_ms * 1000 + 7,
                         .end_us = rows[i].end_ms * 1000,
                         .params = &param,
                         .n_params = rows[i].algorithm != NULL,
                         .tags = &tag,
                         .n_tags = rows[i].tag != NULL,
                         .metrics = m,
                         .n_metrics = i == 1            ? 3
                                      : rows[i].auc < 0 ? 0
                                                        : 2 };
        r.status = i % 2 ? "FINISHED" : "RUNNING";
        OK(store_run_create(f->s, &f->a, &r, &f->e));
    }
    struct run_input in = { "adult", "abc123", "training" };
    OK(store_run_add_input(f->s, "r2", &in, &f->e));
    in = (struct run_input){ "bank", "def456", "" };
    OK(store_run_add_input(f->s, "r4", &in, &f->e));
}

/* "r1 r4": ids of the runs a query finds, in order. */
static const char *ids_of(struct fx *f, const struct run_query *q)
{
    struct run *runs;
    size_t n;
    OK(store_run_search(f->s, &f->a, q, &runs, &n, &f->e));
    char *text = arena_strdup(&f->a, "");
    for (size_t i = 0; i < n; i++)
        text = arena_printf(&f->a, "%s%s%s", text, i ? " " : "", runs[i].id);
    int64_t count = -1;
    OK(store_run_count(f->s, q, &count, &f->e));
    if (!q->offset && !q->limit) assert_int_equal(count, n);
    return text;
}

static void finds(struct fx *f, const char *filter, const char *want)
{
    struct run_query q = { .filter = filter };
    const char *got = ids_of(f, &q);
    if (strcmp(got, want) != 0) fail_msg("%s: found '%s', expected '%s'", filter, got, want);
}

static void test_filters(void **state)
{
    static const struct {
        const char *filter, *want;
    } cases[] = {
        { NULL, "r1 r2 r3 r4 r5" },
        { "", "r1 r2 r3 r4 r5" },
        { "  \t\n", "r1 r2 r3 r4 r5" },
        /* metrics: the latest value; NaN satisfies only != */
        { "metrics.auc > 0.5", "r1 r4" },
        { "metrics.auc >= 0.5", "r1 r2 r4" },
        { "metrics.auc < 0.9", "r2" },
        { "metrics.auc <= 0.9", "r1 r2" },
        { "metrics.auc = 2", "r4" },
        { "metrics.auc = 2.0", "r4" },
        { "metrics.auc != 2", "r1 r2 r5" },
        { "metric.auc > +5e-1", "r1 r4" },
        { "metrics.auc>-1 and metrics.auc<1", "r1 r2" },
        { "metrics.auc = 99", "" },
        { "metrics.`only r2/x y` = 1", "r2" },
        { "metrics.\"only r2/x y\" = 1", "r2" },
        { "metrics.nothing != 1", "" },
        /* params and tags */
        { "params.algorithm = 'gbdt'", "r1" },
        { "param.algorithm = \"gbdt\"", "r1" },
        { "parameter.algorithm='gbdt'", "r1" },
        { "parameters.algorithm != 'gbdt'", "r2 r3 r5" },
        { "params.algorithm LIKE 'gb%'", "r1" },
        { "params.algorithm like '%b%'", "r1 r2" },
        { "params.algorithm ILIKE 'GB_t'", "r1 r2" },
        { "params.algorithm LIKE 'GB_t'", "" },
        { "params.algorithm LIKE 'm__'", "r3" },
        { "params.algorithm LIKE '%'", "r1 r2 r3 r5" },
        { "tags.team = 'a%b_c'", "r4" },
        { "tag.team LIKE 'a%'", "r4" },
        { "tags.team ilike 'risk'", "r1 r2" },
        { "tags.`team` != 'x'", "r1 r2 r4" },
        { "tags.mlflow.runName = 'beta'", "r2" },
        /* text attributes */
        { "attributes.run_name = 'Alpha'", "r1" },
        { "run_name LIKE '%lpha%'", "r1 r3" },
        { "attr.`run name` = 'beta'", "r2" },
        { "`Run name` = 'beta'", "r2" },
        { "attribute.\"Run Name\" = 'beta'", "r2" },
        { "run.user_id = 'ann'", "r1 r3 r5" },
        { "user_id != 'ann'", "r2 r4" },
        { "status = 'FINISHED'", "r2 r4" },
        { "status ILIKE 'run%'", "r1 r3 r5" },
        { "run_id = 'r3'", "r3" },
        { "run_id IN ('r3', \"r1\",'r9')", "r1 r3" },
        { "attributes.run_id NOT IN ('r3','r1')", "r2 r4 r5" },
        { "run_id not   in ( 'r3' )", "r1 r2 r4 r5" },
        { "artifact_uri LIKE '%/1/r3/artifacts'", "r3" },
        { "run_name = \"a'b\"", "" },
        { "run_name LIKE \"a'b_c\"", "r4" },
        { "run_name LIKE 'a_b\"c'", "r4" },
        /* numbers of attributes are milliseconds */
        { "start_time > 3000", "r1 r2" },
        { "attributes.start_time = 3000", "r3" },
        { "start_time != 3000", "r1 r2 r4 r5" },
        { "created >= 4000.5", "r1" },
        { "Created < 2000", "r5" },
        { "end_time < 8000", "r1 r4" },
        { "end_time != 1", "r1 r3 r4 r5" }, /* r2 has not ended */
        /* data sets */
        { "datasets.name = 'adult'", "r2" },
        { "dataset.name IN ('adult','bank')", "r2 r4" },
        { "dataset.name NOT IN ('bank')", "r2" },
        { "datasets.digest LIKE '%456'", "r4" },
        { "datasets.context = 'training'", "r2" },
        { "dataset.name ILIKE 'BANK'", "r4" },
        /* together */
        { "metrics.auc > 0.4 AND params.algorithm ILIKE 'gbdt' and status = 'RUNNING'", "r1" },
        { "params.algorithm != 'mlp' AND params.algorithm != 'gbdt'", "r2 r5" },
        { "user_id='ann'AND start_time<4000", "r3 r5" },
        { "run_id='r1'and run_id='r2'", "" },
    };
    struct fx *f = *state;
    five_runs(f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) finds(f, cases[i].filter, cases[i].want);
}

/* Bad filters: each with a word of the message and the character it points at. */
static void test_bad_filters(void **state)
{
    static const struct {
        const char *filter, *says;
        int at; /* 0: not about one place */
    } cases[] = {
        { "metrics.auc", "comparator", 12 },
        { "metrics.auc >", "number", 14 },
        { "metrics.auc > 'a'", "number", 15 },
        { "metrics.auc > abc", "'abc'", 15 },
        { "metrics.auc > 1.2.3", "number", 15 },
        { "metrics.auc > nan", "number", 15 },
        { "metrics.auc LIKE 'x'", "LIKE", 13 },
        { "metrics.auc IN ('x')", "IN", 13 },
        { "metrics.auc == 1", "==", 13 },
        { "metrics.auc <> 1", "<>", 13 },
        { "metrics.auc ~ 1", "comparator", 13 },
        { "metrics. > 1", "missing", 8 },
        { "params.algorithm = gbdt", "quotes", 20 },
        { "params.algorithm = 3", "quotes", 20 },
        { "params.algorithm > '3'", "'>'", 18 },
        { "params.algorithm IN ('a')", "IN", 18 },
        { "tags.a < 'b'", "'<'", 8 },
        { "params.algorithm = 'gbdt", "not closed", 20 },
        { "params.`a b = 'x'", "not closed", 8 },
        { "status IN ('RUNNING')", "IN", 8 },
        { "status > 'RUNNING'", "'>'", 8 },
        { "start_time LIKE '1%'", "LIKE", 12 },
        { "start_time > '3'", "number", 14 },
        { "run_id IN 'a'", "list", 11 },
        { "run_id IN ()", "quotes", 12 },
        { "run_id IN ('a' 'b')", "',' or ')'", 16 },
        { "run_id IN ('a',", "quotes", 16 },
        { "run_id IN (1)", "quotes", 12 },
        { "run_id IN ('a'", "',' or ')'", 15 },
        { "run_id NOT ('a')", "comparator", 8 },
        { "foo.bar = 'x'", "entity 'foo'", 1 },
        { "metricz.auc = 1", "entity 'metricz'", 1 },
        { "owner = 'x'", "attribute 'owner'", 1 },
        { "attributes.owner = 'x'", "attribute 'owner'", 1 },
        { "`what` = 'x'", "attribute 'what'", 1 },
        { "datasets.size = '3'", "'size'", 1 },
        { "metrics.auc > 1 OR metrics.auc < 0", "OR", 17 },
        { "metrics.auc > 1 metrics.auc < 0", "AND", 17 },
        { "metrics.auc > 1 AND", "after AND", 20 },
        { "AND metrics.auc > 1", "attribute 'AND'", 1 },
        { "(metrics.auc > 1)", "field", 1 },
        { "metrics.auc > 1; DROP TABLE run", "number", 15 },
        { "metrics.auc > 1 ; x", "AND", 17 },
        { "= 1", "field", 1 },
        { "'a' = 'a'", "field", 1 },
        { "1 = 1", "attribute '1'", 1 },
    };
    struct fx *f = *state;
    five_runs(f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct run_query q = { .filter = cases[i].filter };
        struct run *runs = NULL;
        size_t n;
        int64_t count = -1;
        char place[32];
        FAILS(INVALID, store_run_search(f->s, &f->a, &q, &runs, &n, &f->e));
        snprintf(place, sizeof place, "character %d:", cases[i].at);
        if (!strstr(f->e.msg, cases[i].says) || !strstr(f->e.msg, place))
            fail_msg("%s: '%s' lacks '%s' or '%s'", cases[i].filter, f->e.msg, cases[i].says,
                     place);
        FAILS(INVALID, store_run_count(f->s, &q, &count, &f->e));
        assert_null(runs);
        assert_int_equal(count, -1);
    }
}

static void test_limits(void **state)
{
    struct fx *f = *state;
    struct run *runs;
    size_t n;
    STR_AUTO many = STR_INIT;
    for (int i = 0; i < 101; i++) str_addf(&many, "%smetrics.m%d > 0", i ? " and " : "", i);
    struct run_query q = { .filter = str_c(&many) };
    FAILS(INVALID, store_run_search(f->s, &f->a, &q, &runs, &n, &f->e));
    STR_AUTO hundred = STR_INIT;
    for (int i = 0; i < 100; i++) str_addf(&hundred, "%smetrics.m%d > 0", i ? " and " : "", i);
    q.filter = str_c(&hundred);
    OK(store_run_search(f->s, &f->a, &q, &runs, &n, &f->e));
    STR_AUTO list = STR_INIT;
    str_add(&list, "run_id IN ('x'");
    for (int i = 1; i < 1000; i++) str_addf(&list, ",'%d'", i);
    size_t full = list.len;
    str_addc(&list, ')');
    q.filter = str_c(&list);
    OK(store_run_search(f->s, &f->a, &q, &runs, &n, &f->e));
    list.len = full;
    str_add(&list, ",'y')");
    q.filter = str_c(&list);
    FAILS(INVALID, store_run_search(f->s, &f->a, &q, &runs, &n, &f->e));
    STR_AUTO spaces = STR_INIT;
    str_pad(&spaces, ' ', 70000);
    q.filter = str_c(&spaces);
    FAILS(LIMIT, store_run_search(f->s, &f->a, &q, &runs, &n, &f->e));
    q = (struct run_query){ .limit = 50001 };
    FAILS(INVALID, store_run_search(f->s, &f->a, &q, &runs, &n, &f->e));
    q = (struct run_query){ .limit = -1 };
    FAILS(INVALID, store_run_search(f->s, &f->a, &q, &runs, &n, &f->e));
    q = (struct run_query){ .offset = -1 };
    FAILS(INVALID, store_run_search(f->s, &f->a, &q, &runs, &n, &f->e));
}

/* -- order -------------------------------------------------------------------------------- */
static void ordered(struct fx *f, const char *first, const char *second, const char *want)
{
    const char *const by[] = { first, second, NULL };
    struct run_query q = { .order_by = by };
    const char *got = ids_of(f, &q);
    if (strcmp(got, want) != 0) fail_msg("%s: '%s', expected '%s'", first, got, want);
}

static void test_order(void **state)
{
    struct fx *f = *state;
    five_runs(f);
    /* numbers, then NaN (r5), then runs without the metric (r3): in both directions */
    ordered(f, "metrics.auc", NULL, "r2 r1 r4 r5 r3");
    ordered(f, "metrics.auc ASC", NULL, "r2 r1 r4 r5 r3");
    ordered(f, "metrics.auc DESC", NULL, "r4 r1 r2 r5 r3");
    ordered(f, "  metric.`auc`   desc ", NULL, "r4 r1 r2 r5 r3");
    ordered(f, "params.algorithm", NULL, "r2 r1 r5 r3 r4"); /* bytes: 'G' before 'g' */
    ordered(f, "params.algorithm DESC", NULL, "r3 r5 r1 r2 r4");
    ordered(f, "tags.team", NULL, "r2 r4 r1 r5 r3");
    ordered(f, "start_time", NULL, "r5 r4 r3 r2 r1");
    ordered(f, "attributes.start_time DESC", NULL, "r1 r2 r3 r4 r5");
    ordered(f, "end_time", NULL, "r1 r4 r5 r3 r2"); /* not ended: last */
    ordered(f, "end_time DESC", NULL, "r3 r5 r4 r1 r2");
    ordered(f, "run_id DESC", NULL, "r5 r4 r3 r2 r1");
    ordered(f, "status", NULL, "r2 r4 r1 r3 r5"); /* ties: newest first */
    ordered(f, "status", "start_time ASC", "r4 r2 r5 r3 r1");
    ordered(f, "user_id", "metrics.auc DESC", "r1 r5 r3 r2 r4");
    ordered(f, "metrics.nothing", NULL, "r1 r2 r3 r4 r5");
}

static void test_ties_go_by_id(void **state)
{
    struct fx *f = *state;
    static const char *const ids[] = { "c", "a", "b" };
    for (size_t i = 0; i < 3; i++) {
        struct run r = { .id = ids[i], .start_us = 1000 };
        OK(store_run_create(f->s, &f->a, &r, &f->e));
    }
    ordered(f, NULL, NULL, "a b c");
    ordered(f, "start_time DESC", NULL, "a b c");
}

static void test_bad_orders(void **state)
{
    static const char *const bad[] = {
        "",      "auc",           "metrics.auc DOWN", "metrics.auc DESC x", "metrics.",
        "foo.x", "datasets.name", "metrics.`a",       "metrics.auc, run_id"
    };
    struct fx *f = *state;
    struct run *runs;
    size_t n;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *const by[] = { "run_id", bad[i], NULL };
        struct run_query q = { .order_by = by };
        FAILS(INVALID, store_run_search(f->s, &f->a, &q, &runs, &n, &f->e));
        assert_non_null(strstr(f->e.msg, "order_by, character"));
    }
    const char *const twice[] = { "metrics.auc", "metric.`auc` DESC", NULL };
    struct run_query q = { .order_by = twice };
    FAILS(INVALID, store_run_search(f->s, &f->a, &q, &runs, &n, &f->e));
    assert_non_null(strstr(f->e.msg, "twice"));
}

/* -- experiments, views, pages ------------------------------------------------------------ */
static void test_experiments_and_views(void **state)
{
    struct fx *f = *state;
    five_runs(f);
    const char *const other[] = { "other", NULL }, *const both[] = { "1", "Default", NULL },
                      *const none[] = { NULL }, *const wrong[] = { "nope", NULL };
    struct run *runs;
    size_t n;
    assert_string_equal(ids_of(f, &(struct run_query){ .experiments = other }), "r3 r5");
    assert_string_equal(ids_of(f, &(struct run_query){ .experiments = both }), "r1 r2 r3 r4 r5");
    assert_string_equal(ids_of(f, &(struct run_query){ .experiments = none }), "");
    struct run_query q = { .experiments = wrong };
    FAILS(NOTFOUND, store_run_search(f->s, &f->a, &q, &runs, &n, &f->e));
    OK(store_run_set_lifecycle(f->s, "r1", "deleted", &f->e));
    assert_string_equal(ids_of(f, &(struct run_query){ 0 }), "r2 r3 r4 r5");
    assert_string_equal(ids_of(f, &(struct run_query){ .view = RUNS_DELETED }), "r1");
    assert_string_equal(ids_of(f, &(struct run_query){ .view = RUNS_ALL }), "r1 r2 r3 r4 r5");
    OK(store_experiment_set_lifecycle(f->s, "other", "deleted", &f->e));
    assert_string_equal(ids_of(f, &(struct run_query){ 0 }), "r2 r4");
    assert_string_equal(ids_of(f, &(struct run_query){ .view = RUNS_ALL }), "r1 r2 r4");
    q = (struct run_query){ .view = RUNS_DELETED, .experiments = other };
    assert_string_equal(ids_of(f, &q), "r3 r5");
}

static void test_pages(void **state)
{
    struct fx *f = *state;
    five_runs(f);
    assert_string_equal(ids_of(f, &(struct run_query){ .limit = 2 }), "r1 r2");
    assert_string_equal(ids_of(f, &(struct run_query){ .limit = 2, .offset = 2 }), "r3 r4");
    assert_string_equal(ids_of(f, &(struct run_query){ .limit = 2, .offset = 4 }), "r5");
    assert_string_equal(ids_of(f, &(struct run_query){ .limit = 2, .offset = 6 }), "");
    int64_t count = 0;
    OK(store_run_count(f->s, &(struct run_query){ .limit = 2, .offset = 4 }, &count, &f->e));
    assert_int_equal(count, 5);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        STORE_TEST(test_filters),
        STORE_TEST(test_bad_filters),
        STORE_TEST(test_limits),
        STORE_TEST(test_order),
        STORE_TEST(test_ties_go_by_id),
        STORE_TEST(test_bad_orders),
        STORE_TEST(test_experiments_and_views),
        STORE_TEST(test_pages),
    };
    return STORE_GROUPS("store.search", tests);
}
