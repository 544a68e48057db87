/* test_prediction.c: the prediction log in one process: adding twice, labels before, after and
 * again, order of reading, unknown figures, counters, retention, limits, rollback. */
#include "base/id.h"
#include "store/monitor_priv.h"
#include "store/prediction.h"
#include "store/snapshot.h"
#include "storetest.h"
#include <math.h>

#define HOUR (3600 * 1000000LL)

static struct prediction make(const char *id, int64_t at_us)
{
    return (struct prediction){
        .request_id = id, .at_us = at_us, .answer = "yes", .probability = 0.75, .latency_ms = 3.5
    };
}

static bool add(struct fx *f, const char *model, const struct prediction *p)
{
    bool added = false;
    OK(prediction_add(f->s, model, p, &added, &f->e));
    return added;
}

static bool add_at(struct fx *f, const char *id, int64_t at_us)
{
    struct prediction p = make(id, at_us);
    return add(f, "m", &p);
}

static struct label_effect label(struct fx *f, const char *id, const char *text, int64_t at_us)
{
    struct label_effect effect;
    OK(label_add(f->s, "m", &(struct label){ id, text, at_us }, &effect, &f->e));
    return effect;
}

static struct prediction_totals totals(struct fx *f, const char *model)
{
    struct prediction_totals t;
    OK(prediction_totals(f->s, model, &t, &f->e));
    return t;
}

/* "a=yes/1 b=yes/-": request, answer and label of everything in a span */
struct listing {
    struct arena *a;
    const char *text;
    int n, stop_at;
};

static int list_one(void *user, const struct prediction *p)
{
    struct listing *l = user;
    l->text = arena_printf(l->a, "%s%s%s=%s/%s", l->text, l->n ? " " : "", p->request_id, p->answer,
                           p->label ? p->label : "-");
    return ++l->n == l->stop_at ? 77 : 0;
}

static const char *list(struct fx *f, const char *model, int64_t from_us, int64_t to_us)
{
    struct listing l = { .a = &f->a, .text = "" };
    OK(prediction_each(f->s, model, from_us, to_us, list_one, &l, &f->e));
    return l.text;
}

static const char *all(struct fx *f)
{
    return list(f, "m", INT64_MIN, INT64_MAX);
}

static void counters_are_right(struct fx *f)
{
    assert_int_equal(fx_number(f, "SELECT count(*) FROM monitored m WHERE n_rows <>"
                                  " (SELECT count(*) FROM prediction WHERE model = m.id)"
                                  " OR n_labels <> (SELECT count(label) FROM prediction"
                                  "  WHERE model = m.id) OR n_orphans <>"
                                  " (SELECT count(*) FROM label_orphan WHERE model = m.id)"),
                     0);
}

/* -- adding and reading ------------------------------------------------------------------- */
static int keep_one(void *user, const struct prediction *p)
{
    struct prediction *ret = user;
    *ret = *p;
    return 1; /* the texts are checked below, before the next statement */
}

static int check_whole(void *user, const struct prediction *p)
{
    struct fx *f = user;
    assert_string_equal(p->request_id, "r1");
    assert_int_equal(p->at_us, T0);
    assert_int_equal(p->version, 7);
    assert_string_equal(p->answer, "cat");
    assert_true(p->probability == 0.1 && p->latency_ms == 12.25);
    assert_int_equal(p->n_bytes, 5);
    assert_memory_equal(p->features, "a\0b\0c", 5);
    assert_null(p->label);
    const char *json = NULL;
    OK(prediction_schema(f->s, &f->a, p->schema_id, &json, &f->e)); /* inside the walk */
    assert_string_equal(json, "[\"x\"]");
    return 0;
}

static void test_everything_comes_back(void **state)
{
    struct fx *f = *state;
    int64_t schema, again, other;
    OK(prediction_schema_id(f->s, "[\"x\"]", &schema, &f->e));
    OK(prediction_schema_id(f->s, "[\"y\"]", &other, &f->e));
    OK(prediction_schema_id(f->s, "[\"x\"]", &again, &f->e));
    assert_true(schema > 0 && schema == again && other != schema);
    struct prediction p = { .request_id = "r1",
                            .at_us = T0,
                            .version = 7,
                            .answer = "cat",
                            .probability = 0.1,
                            .latency_ms = 12.25,
                            .schema_id = schema,
                            .features = "a\0b\0c",
                            .n_bytes = 5 };
    assert_true(add(f, "m", &p));
    OK(prediction_each(f->s, "m", T0, T0 + 1, check_whole, f, &f->e));
    assert_string_equal(list(f, "m", T0 + 1, INT64_MAX), "");
    assert_string_equal(list(f, "m", 0, T0), "");
    assert_string_equal(list(f, "other", 0, INT64_MAX), "");
    const char *json;
    FAILS(NOTFOUND, prediction_schema(f->s, &f->a, 99, &json, &f->e));
}

static void test_unknown_figures_stay_unknown(void **state)
{
    struct fx *f = *state;
    struct prediction p = make("r", T0), got;
    p.probability = p.latency_ms = (double)NAN;
    add(f, "m", &p);
    assert_int_equal(prediction_each(f->s, "m", 0, INT64_MAX, keep_one, &got, &f->e), 1);
    assert_true(isnan(got.probability) && isnan(got.latency_ms));
    assert_null(got.features);
    assert_int_equal(got.n_bytes, 0);
    p = make("empty", T0 + 1);
    OK(prediction_schema_id(f->s, "[]", &p.schema_id, &f->e));
    add(f, "m", &p); /* packed, and nothing in it */
    assert_int_equal(prediction_each(f->s, "m", T0 + 1, INT64_MAX, keep_one, &got, &f->e), 1);
    assert_int_equal(got.schema_id, p.schema_id);
    assert_int_equal(got.n_bytes, 0);
}

static void test_adding_again_changes_nothing(void **state)
{
    struct fx *f = *state;
    assert_true(add_at(f, "a", T0));
    fx_tick(f, HOUR);
    assert_false(add_at(f, "a", T0));
    struct prediction p = make("a", T0 + HOUR); /* the same request at another time */
    p.answer = "no";
    assert_false(add(f, "m", &p));
    assert_string_equal(all(f), "a=yes/-");
    struct prediction_totals t = totals(f, "m");
    assert_int_equal(t.rows, 1);
    assert_int_equal(t.last_ingest_us, T0); /* nothing came since */
    assert_true(add(f, "m2", &p));          /* another model's request */
    assert_string_equal(list(f, "m2", 0, INT64_MAX), "a=no/-");
    counters_are_right(f);
}

static void test_order_is_time_then_request(void **state)
{
    struct fx *f = *state;
    add_at(f, "d", T0 + 2);
    add_at(f, "b", T0);
    add_at(f, "c", T0 + 1);
    add_at(f, "a", T0 + 1);
    add_at(f, "e", -HOUR); /* before 1970 */
    assert_string_equal(all(f), "e=yes/- b=yes/- a=yes/- c=yes/- d=yes/-");
    assert_string_equal(list(f, "m", T0 + 1, T0 + 2), "a=yes/- c=yes/-");
    struct listing l = { .a = &f->a, .text = "", .stop_at = 2 };
    assert_int_equal(prediction_each(f->s, "m", 0, INT64_MAX, list_one, &l, &f->e), 77);
    assert_int_equal(l.n, 2);
    struct prediction_totals t = totals(f, "m");
    assert_int_equal(t.first_us, -HOUR);
    assert_int_equal(t.last_us, T0 + 2);
}

/* -- batches ------------------------------------------------------------------------------ */
static void requests_are_right(struct fx *f)
{
    assert_int_equal(fx_number(f, "SELECT count(*) FROM prediction p WHERE NOT EXISTS (SELECT 1"
                                  " FROM prediction_request q WHERE q.model = p.model"
                                  " AND q.at_us = p.at_us)"),
                     0);
    assert_int_equal(fx_number(f, "SELECT (SELECT count(*) FROM prediction_request)"
                                  " - (SELECT count(*) FROM prediction)"),
                     0);
}

static void test_a_batch_says_what_was_new(void **state)
{
    struct fx *f = *state;
    struct prediction p[] = { make("b", T0 + 2), make("a", T0 + 1), make("b", T0 + 3),
                              make("known", T0), make("c", T0) };
    bool added[ARRAY_LEN(p)];
    add_at(f, "known", T0 - 1);
    label(f, "c", "7", T0);
    p[2].answer = "second";
    OK(prediction_add_all(f->s, "m", p, ARRAY_LEN(p), added, &f->e));
    assert_true(added[0] && added[1] && !added[2] && !added[3] && added[4]);
    assert_string_equal(all(f), "known=yes/- c=yes/7 a=yes/- b=yes/-");
    counters_are_right(f);
    requests_are_right(f);
    OK(prediction_add_all(f->s, "m", p, ARRAY_LEN(p), added, &f->e));
    for (size_t i = 0; i < ARRAY_LEN(p); i++) assert_false(added[i]);
    OK(prediction_add_all(f->s, "m", NULL, 0, NULL, &f->e));
    p[1] = make("new", T0);
    p[3].answer = NULL;
    FAILS(INVALID, prediction_add_all(f->s, "m", p, ARRAY_LEN(p), added, &f->e));
    assert_int_equal(totals(f, "m").rows, 4);
}

/* Two ids of one hash, as far as the table can tell. */
static void pretend_one_hash(struct fx *f, const char *id, const char *as)
{
    OK(db_exec(f->s->db, "UPDATE prediction_request SET hash = $2 WHERE hash = $1",
               DB_ARGS(db_i(request_hash(id)), db_i(request_hash(as))), NULL, &f->e));
}

static void test_ids_of_one_hash_are_told_apart(void **state)
{
    struct fx *f = *state;
    add_at(f, "a", T0);
    pretend_one_hash(f, "a", "b");
    assert_true(add_at(f, "b", T0)); /* even at the same time */
    assert_false(add_at(f, "b", T0 + 1));
    assert_int_equal(label(f, "b", "1", T0).prediction_us, T0);
    assert_string_equal(all(f), "a=yes/- b=yes/1");
    int64_t n;
    add_at(f, "c", T0 + 5);
    pretend_one_hash(f, "c", "d");
    assert_true(add_at(f, "d", T0 + 9));
    OK(prediction_prune(f->s, "m", T0 + 6, &n, &f->e)); /* the first of the hash goes */
    assert_int_equal(n, 3);
    assert_false(add_at(f, "d", T0 + 9));
    assert_true(label(f, "d", "1", T0 + 9).joined);
    OK(prediction_prune(f->s, "m", T0 + 10, &n, &f->e));
    assert_int_equal(n, 1);
    assert_true(add_at(f, "d", T0 + 9));
    assert_false(add_at(f, "d", T0 + 9));
    assert_true(add_at(f, "b", T0));
    assert_string_equal(all(f), "b=yes/- d=yes/-");
}

/* Of a batch of many statements some were there, one comes twice, and one has another's hash. */
static void test_a_large_batch_finds_what_was_there(void **state)
{
    enum { N = 101 };
    struct fx *f = *state;
    struct prediction p[N];
    bool added[N];
    for (int i = 0; i < N; i++)
        p[i] = make(arena_printf(&f->a, "r%02d", i), T0 + (i * 37 % N)); /* not in order of time */
    for (int i = 0; i < N; i += 9) add(f, "m", &p[i]);
    add_at(f, "other", T0 + 1000);
    pretend_one_hash(f, "other", p[50].request_id);
    p[70].request_id = p[20].request_id;
    label(f, p[33].request_id, "late", T0);
    OK(prediction_add_all(f->s, "m", p, N, added, &f->e));
    for (int i = 0; i < N; i++) assert_int_equal(added[i], i % 9 != 0 && i != 70);
    assert_int_equal(totals(f, "m").rows, N); /* one twice, and the other */
    assert_int_equal(totals(f, "m").orphan_labels, 0);
    counters_are_right(f);
    requests_are_right(f);
    OK(prediction_add_all(f->s, "m", p, N, added, &f->e));
    for (int i = 0; i < N; i++) assert_false(added[i]);
    assert_true(label(f, p[50].request_id, "1", T0).joined);
    requests_are_right(f);
}

/* Ids that tell their time follow each other in prediction_request, whatever else is in it. */
static void test_ids_with_a_time_follow_it(void **state)
{
    struct fx *f = *state;
    char early[ULID_LEN + 1], late[ULID_LEN + 1];
    id_ulid(early, T0);
    id_ulid(late, T0 + 1000000);
    assert_true(request_hash(early) < request_hash(late));
    assert_true(request_hash(late) - request_hash(early) < 1LL << 27);
    assert_true(request_hash("017f22e2-79b0-7cc3-98c4-dc0c0c07398f") <
                request_hash("017f22e2-ffff-7cc3-98c4-dc0c0c07398f"));
    /* the parts of a list, and ids of one millisecond, are told apart */
    assert_true(request_hash(arena_printf(&f->a, "%s/1", early)) !=
                request_hash(arena_printf(&f->a, "%s/2", early)));
    /* what only looks like one is not bundled with its neighbours */
    int64_t apart = request_hash("00000000000000000000000001") ^
                    request_hash("00000000000000000000000002");
    assert_true(apart >> 32 != 0);
}

/* -- labels ------------------------------------------------------------------------------- */
static void test_the_newest_label_wins(void **state)
{
    struct fx *f = *state;
    add_at(f, "a", T0);
    struct label_effect l = label(f, "a", "1", T0 + 5);
    assert_true(l.changed && l.joined);
    assert_int_equal(l.prediction_us, T0);
    assert_false(label(f, "a", "1", T0 + 5).changed);
    assert_false(label(f, "a", "0", T0 + 4).changed); /* older news */
    assert_string_equal(all(f), "a=yes/1");
    assert_true(label(f, "a", "0", T0 + 6).changed);
    assert_string_equal(all(f), "a=yes/0");
    assert_false(label(f, "a", "0", T0 + 9).changed); /* confirmed later */
    assert_false(label(f, "a", "1", T0 + 8).changed); /* so this is older now */
    assert_string_equal(all(f), "a=yes/0");
    assert_true(label(f, "a", "1", T0 + 9).changed); /* of the same time: what sorts last */
    assert_false(label(f, "a", "0", T0 + 9).changed);
    assert_string_equal(all(f), "a=yes/1");
    assert_int_equal(totals(f, "m").labels, 1);
    counters_are_right(f);
}

static void test_a_label_waits_for_its_prediction(void **state)
{
    struct fx *f = *state;
    struct label_effect l = label(f, "a", "1", T0 + 5);
    assert_true(l.changed && !l.joined);
    assert_int_equal(l.prediction_us, 0);
    assert_false(label(f, "a", "0", T0 + 4).changed);
    assert_true(label(f, "a", "2", T0 + 6).changed);
    label(f, "b", "9", T0);
    assert_int_equal(totals(f, "m").orphan_labels, 2);
    assert_string_equal(all(f), "");
    add_at(f, "c", T0);
    assert_true(add_at(f, "a", T0));
    assert_string_equal(all(f), "a=yes/2 c=yes/-");
    struct prediction_totals t = totals(f, "m");
    assert_int_equal(t.rows, 2);
    assert_int_equal(t.labels, 1);
    assert_int_equal(t.orphan_labels, 1);
    assert_false(label(f, "a", "1", T0 + 5).changed); /* its time came along */
    int64_t waiting = -1;
    OK(label_orphans(f->s, T0, &waiting, &f->e));
    assert_int_equal(waiting, 0);
    fx_tick(f, HOUR);
    label(f, "b", "8", T0 + 7); /* waits no shorter for being corrected */
    OK(label_orphans(f->s, T0 + 1, &waiting, &f->e));
    assert_int_equal(waiting, 1);
    counters_are_right(f);
}

/* Whatever the order of arrival, the same rows are there in the end. */
static void test_order_of_arrival_does_not_matter(void **state)
{
    struct fx *f = *state;
    static const struct label labels[] = {
        { "a", "x", T0 + 1 }, { "a", "y", T0 + 2 }, { "a", "z", T0 + 2 }, { "a", "w", T0 }
    };
    static const int orders[][5] = { { 0, 1, 2, 3, 4 },
                                     { 4, 3, 2, 1, 0 },
                                     { 2, 4, 1, 0, 3 },
                                     { 1, 2, 4, 3, 0 },
                                     { 3, 0, 4, 2, 1 } };
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        const char *model = arena_printf(&f->a, "m%zu", i);
        for (int k = 0; k < 5; k++) {
            struct prediction p = make("a", T0);
            if (orders[i][k] == 4) add(f, model, &p);
            else OK(label_add(f->s, model, &labels[orders[i][k]], NULL, &f->e));
        }
        assert_string_equal(list(f, model, 0, INT64_MAX), "a=yes/z");
    }
    counters_are_right(f);
}

/* -- the rest ----------------------------------------------------------------------------- */
static void test_models_are_listed(void **state)
{
    struct fx *f = *state;
    const char *const *names;
    OK(prediction_models(f->s, &f->a, &names, &f->e));
    assert_null(names[0]);
    struct prediction p = make("a", T0);
    add(f, "zebra", &p);
    add(f, "ant", &p);
    label(f, "a", "1", T0); /* m has a label only */
    OK(prediction_models(f->s, &f->a, &names, &f->e));
    assert_string_equal(names[0], "ant");
    assert_string_equal(names[1], "zebra");
    assert_null(names[2]);
}

static void test_what_is_refused(void **state)
{
    struct fx *f = *state;
    char longer[1024 + 1];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    struct prediction p = make("", T0);
    FAILS(INVALID, prediction_add(f->s, "m", &p, NULL, &f->e));
    p = make(NULL, T0);
    FAILS(INVALID, prediction_add(f->s, "m", &p, NULL, &f->e));
    p = make(longer, T0);
    FAILS(INVALID, prediction_add(f->s, "m", &p, NULL, &f->e));
    p = make("a", INT64_MAX);
    FAILS(INVALID, prediction_add(f->s, "m", &p, NULL, &f->e));
    p = make("a", T0);
    p.answer = longer;
    FAILS(INVALID, prediction_add(f->s, "m", &p, NULL, &f->e));
    p.answer = NULL;
    FAILS(INVALID, prediction_add(f->s, "m", &p, NULL, &f->e));
    p = make("a", T0);
    p.features = longer;
    p.schema_id = 1;
    p.n_bytes = 1 << 21;
    FAILS(INVALID, prediction_add(f->s, "m", &p, NULL, &f->e));
    p.n_bytes = 3; /* no such schema */
    FAILS(NOTFOUND, prediction_add(f->s, "m", &p, NULL, &f->e));
    p = make("a", T0);
    FAILS(INVALID, prediction_add(f->s, "", &p, NULL, &f->e));
    FAILS(INVALID, label_add(f->s, "m", &(struct label){ "a", NULL, T0 }, NULL, &f->e));
    FAILS(INVALID, label_add(f->s, "m", &(struct label){ "a", longer, T0 }, NULL, &f->e));
    FAILS(INVALID, label_add(f->s, "m", &(struct label){ "", "1", T0 }, NULL, &f->e));
    assert_int_equal(fx_number(f, "SELECT count(*) FROM monitored"), 0);
}

static void test_a_batch_is_one_transaction(void **state)
{
    struct fx *f = *state;
    add_at(f, "a", T0);
    int64_t before = store_revision(f->s);
    OK(store_begin(f->s, &f->e));
    assert_true(add_at(f, "b", T0));
    label(f, "a", "1", T0);
    label(f, "z", "1", T0);
    assert_false(add_at(f, "b", T0)); /* seen inside the transaction too */
    store_rollback(f->s);
    assert_string_equal(all(f), "a=yes/-");
    assert_int_equal(store_revision(f->s), before);
    counters_are_right(f);
    OK(store_begin(f->s, &f->e));
    assert_true(add_at(f, "b", T0));
    OK(store_commit(f->s, &f->e));
    assert_true(store_revision(f->s) != before);
    assert_string_equal(all(f), "a=yes/- b=yes/-");
}

static void test_a_broken_step_leaves_nothing_half_done(void **state)
{
    struct fx *f = *state;
    if (strcmp(fx_driver, "script") != 0) skip();
    label(f, "a", "1", T0);
    for (int call = 1;; call++) {
        struct prediction p = make("a", T0);
        f->fault = (struct db_fault){ .op = DB_OP_ANY, .call = call, .error = DB_FULL };
        int r = prediction_add(f->s, "m", &p, NULL, &f->e);
        f->fault.call = 0;
        counters_are_right(f);
        if (r == 0) break;
        assert_string_equal(all(f), "");
        assert_true(call < 100);
    }
    assert_string_equal(all(f), "a=yes/1");
}

/* -- retention ---------------------------------------------------------------------------- */
static void fill(struct fx *f, int n)
{
    OK(store_begin(f->s, &f->e));
    for (int i = 0; i < n; i++) {
        const char *id = arena_printf(&f->a, "r%06d", i);
        add_at(f, id, T0 + i / 3); /* three of each time */
        if (i % 2 == 0) label(f, id, "1", T0 + HOUR);
    }
    OK(store_commit(f->s, &f->e));
}

static void test_pruning(void **state)
{
    struct fx *f = *state;
    int64_t n = -1;
    OK(prediction_prune(f->s, "nobody", T0, &n, &f->e));
    assert_int_equal(n, 0);
    fill(f, 12000);
    label(f, "old orphan", "1", T0 - 1);
    label(f, "new orphan", "1", T0 + HOUR);
    int64_t before = store_revision(f->s);
    OK(prediction_prune(f->s, "m", T0 + 3500, &n, &f->e));
    assert_int_equal(n, 10500);
    assert_true(store_revision(f->s) >= before + 4); /* several transactions */
    struct prediction_totals t = totals(f, "m");
    assert_int_equal(t.rows, 1500);
    assert_int_equal(t.labels, 750);
    assert_int_equal(t.orphan_labels, 1);
    assert_int_equal(t.first_us, T0 + 3500);
    counters_are_right(f);
    requests_are_right(f);
    OK(prediction_prune(f->s, "m", T0 + 3500, &n, &f->e));
    assert_int_equal(n, 0);
}

/* What was counted and not written yet is there for whoever looks in the same transaction. */
static void test_everything_in_one_transaction(void **state)
{
    struct fx *f = *state;
    const char *const *names;
    int64_t n;
    struct window w = { T0 - HOUR, T0 }, *dirty;
    size_t n_dirty;
    OK(store_begin(f->s, &f->e));
    struct prediction p = make("a", T0);
    add(f, "n", &p);
    add_at(f, "old", T0 - 1);
    add_at(f, "new", T0 + 1);
    label(f, "old", "1", T0);
    label(f, "orphan", "1", T0 + 1);
    struct prediction_totals t = totals(f, "m");
    assert_true(t.rows == 2 && t.labels == 1 && t.orphan_labels == 1);
    OK(prediction_prune(f->s, "m", T0, &n, &f->e));
    assert_int_equal(n, 1);
    OK(window_touch(f->s, "m", w, &f->e)); /* closed a moment ago */
    add_at(f, "orphan", T0 + 2);
    p = make("a", T0);
    add(f, "o", &p);
    OK(prediction_models(f->s, &f->a, &names, &f->e));
    assert_string_equal(names[0], "m");
    assert_string_equal(names[1], "n");
    assert_string_equal(names[2], "o");
    OK(store_commit(f->s, &f->e));
    t = totals(f, "m");
    assert_true(t.rows == 2 && t.labels == 1 && t.orphan_labels == 0);
    OK(window_dirty(f->s, &f->a, "m", INT64_MAX, &dirty, &n_dirty, &f->e));
    assert_int_equal(n_dirty, 0);
    counters_are_right(f);
    assert_string_equal(all(f), "new=yes/- orphan=yes/1");
}

static void test_another_handle_notices(void **state)
{
    struct fx *f = *state;
    struct store *mine = f->s;
    int64_t before = store_revision(mine);
    fx_open(f);
    add_at(f, "a", T0);
    store_close(f->s);
    f->s = mine;
    assert_true(store_revision(f->s) != before);
    assert_int_equal(totals(f, "m").rows, 1);
}

static void test_a_pruned_window_stays_closed(void **state)
{
    struct fx *f = *state;
    struct window old = { T0, T0 + HOUR }, cut = { T0 + HOUR, T0 + 2 * HOUR },
                  young = { T0 + 2 * HOUR, T0 + 3 * HOUR }, *dirty;
    size_t n;
    OK(window_touch(f->s, "m", old, &f->e));
    OK(window_touch(f->s, "m", cut, &f->e));
    OK(window_touch(f->s, "m", young, &f->e));
    OK(prediction_prune(f->s, "m", T0 + HOUR + 1, NULL, &f->e));
    OK(window_touch(f->s, "m", old, &f->e));
    OK(window_touch(f->s, "m", cut, &f->e));
    OK(window_dirty(f->s, &f->a, "m", INT64_MAX, &dirty, &n, &f->e));
    assert_int_equal(n, 1);
    assert_int_equal(dirty[0].start_us, young.start_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_everything_comes_back),
        STORE_TEST(test_unknown_figures_stay_unknown),
        STORE_TEST(test_adding_again_changes_nothing),
        STORE_TEST(test_order_is_time_then_request),
        STORE_TEST(test_a_batch_says_what_was_new),
        STORE_TEST(test_ids_of_one_hash_are_told_apart),
        STORE_TEST(test_a_large_batch_finds_what_was_there),
        STORE_TEST(test_ids_with_a_time_follow_it),
        STORE_TEST(test_the_newest_label_wins),
        STORE_TEST(test_a_label_waits_for_its_prediction),
        STORE_TEST(test_order_of_arrival_does_not_matter),
        STORE_TEST(test_models_are_listed),
        STORE_TEST(test_what_is_refused),
        STORE_TEST(test_a_batch_is_one_transaction),
        STORE_TEST(test_a_broken_step_leaves_nothing_half_done),
        STORE_TEST(test_pruning),
        STORE_TEST(test_everything_in_one_transaction),
        STORE_TEST(test_another_handle_notices),
        STORE_TEST(test_a_pruned_window_stays_closed),
    };
    return STORE_GROUPS("prediction", tests);
}
