/* test_snapshot.c: windows and snapshots: marks, versions, rows that come while measuring,
 * lists and history. */
#include "store/snapshot.h"
#include "storetest.h"

#define HOUR (3600 * 1000000LL)

static struct window hour(int i)
{
    return (struct window){ T0 + i * HOUR, T0 + (i + 1) * HOUR };
}

static void touch(struct fx *f, const char *model, int i)
{
    OK(window_touch(f->s, model, hour(i), &f->e));
}

static int64_t mark(struct fx *f, int i)
{
    int64_t seen = -1;
    OK(window_mark(f->s, "m", hour(i), &seen, &f->e));
    return seen;
}

static int64_t snap(struct fx *f, const char *model, int i, int64_t seen, const char *data)
{
    struct snapshot sn = {
        .model = model, .start_us = hour(i).start_us, .end_us = hour(i).end_us, .data = data
    };
    int64_t version = 0;
    OK(snapshot_add(f->s, &sn, seen, &version, &f->e));
    return version;
}

/* "0 2": numbers of the dirty hours that ended by hour `until` */
static const char *dirty(struct fx *f, const char *model, int until)
{
    struct window *w;
    size_t n;
    OK(window_dirty(f->s, &f->a, model, T0 + until * HOUR, &w, &n, &f->e));
    char *text = arena_strdup(&f->a, "");
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(w[i].end_us - w[i].start_us, HOUR);
        text =
            arena_printf(&f->a, "%s%s%d", text, i ? " " : "", (int)((w[i].start_us - T0) / HOUR));
    }
    return text;
}

static const char *text_of(struct fx *f, const struct snapshot *list, size_t n)
{
    char *text = arena_strdup(&f->a, "");
    for (size_t i = 0; i < n; i++)
        text =
            arena_printf(&f->a, "%s%s%s%d.%d:%s", text, i ? " " : "", list[i].model,
                         (int)((list[i].start_us - T0) / HOUR), (int)list[i].version, list[i].data);
    return text;
}

static const char *list(struct fx *f, int from, int to, int64_t limit)
{
    struct snapshot *l;
    size_t n;
    OK(snapshot_list(f->s, &f->a, "m", T0 + from * HOUR, T0 + to * HOUR, limit, &l, &n, &f->e));
    return text_of(f, l, n);
}

static const char *history(struct fx *f, const char *model)
{
    struct snapshot *l;
    size_t n;
    OK(snapshot_history(f->s, &f->a, model, &l, &n, &f->e));
    for (size_t i = 1; i < n; i++) assert_true(l[i].seq > l[i - 1].seq);
    return text_of(f, l, n);
}

static void test_a_touched_window_is_dirty_until_measured(void **state)
{
    struct fx *f = *state;
    assert_string_equal(dirty(f, "m", 9), "");
    assert_int_equal(mark(f, 0), 0);
    touch(f, "m", 2);
    touch(f, "m", 0);
    touch(f, "m", 0);
    touch(f, "other", 1);
    assert_string_equal(dirty(f, "m", 9), "0 2");
    assert_string_equal(dirty(f, "m", 3), "0 2"); /* it ends there, and is closed */
    assert_string_equal(dirty(f, "m", 2), "0");
    assert_string_equal(dirty(f, "other", 9), "1");
    assert_int_equal(mark(f, 0), 2);
    assert_int_equal(snap(f, "m", 0, mark(f, 0), "a"), 1);
    assert_string_equal(dirty(f, "m", 9), "2");
    touch(f, "m", 0); /* a late label */
    assert_string_equal(dirty(f, "m", 9), "0 2");
    assert_int_equal(snap(f, "m", 0, mark(f, 0), "b"), 2);
    assert_string_equal(dirty(f, "m", 9), "2");
    assert_string_equal(list(f, 0, 9, 0), "m0.2:b");
    assert_string_equal(history(f, "m"), "m0.1:a m0.2:b");
}

static void test_rows_that_come_while_measuring_are_not_lost(void **state)
{
    struct fx *f = *state;
    touch(f, "m", 0);
    int64_t seen = mark(f, 0);
    touch(f, "m", 0);
    snap(f, "m", 0, seen, "a");
    assert_string_equal(dirty(f, "m", 9), "0");
    int64_t now = mark(f, 0);
    snap(f, "m", 0, now, "b");
    assert_string_equal(dirty(f, "m", 9), "");
    snap(f, "m", 0, now, "c"); /* the same rows again */
    struct snapshot late = {
        .model = "m", .start_us = hour(0).start_us, .end_us = hour(0).end_us, .data = "d"
    };
    FAILS(BUSY, snapshot_add(f->s, &late, seen, NULL, &f->e)); /* was overtaken */
    assert_string_equal(list(f, 0, 1, 0), "m0.3:c");
    assert_string_equal(dirty(f, "m", 9), "");
    seen = mark(f, 1); /* an empty window is measured, and rows come */
    touch(f, "m", 1);
    snap(f, "m", 1, seen, "d");
    assert_string_equal(dirty(f, "m", 9), "1");
}

static void test_a_window_without_rows_can_be_measured(void **state)
{
    struct fx *f = *state;
    assert_int_equal(snap(f, "m", 4, mark(f, 4), "e"), 1);
    assert_string_equal(dirty(f, "m", 9), "");
    assert_string_equal(list(f, 0, 9, 0), "m4.1:e");
}

static void test_lists(void **state)
{
    struct fx *f = *state;
    static const int hours[] = { 3, 1, 2, 0, 2, 5, 2 };
    for (size_t i = 0; i < ARRAY_LEN(hours); i++)
        snap(f, "m", hours[i], 0, arena_printf(&f->a, "%c", (int)('a' + i)));
    snap(f, "n", 1, 0, "z");
    assert_string_equal(list(f, 0, 9, 0), "m0.1:d m1.1:b m2.3:g m3.1:a m5.1:f");
    assert_string_equal(list(f, 1, 3, 0), "m1.1:b m2.3:g");
    assert_string_equal(list(f, 0, 9, 2), "m3.1:a m5.1:f");
    assert_string_equal(list(f, 0, 3, 1), "m2.3:g");
    assert_string_equal(list(f, 8, 9, 0), "");
    assert_string_equal(history(f, NULL),
                        "m3.1:a m1.1:b m2.1:c m0.1:d m2.2:e m5.1:f m2.3:g n1.1:z");
    assert_string_equal(history(f, "n"), "n1.1:z");
    struct snapshot *l;
    size_t n;
    fx_tick(f, HOUR);
    snap(f, "n", 2, 0, "y");
    OK(snapshot_list(f->s, &f->a, "n", 0, INT64_MAX, 1, &l, &n, &f->e));
    assert_int_equal(n, 1);
    assert_int_equal(l[0].at_us, T0 + HOUR);
    assert_int_equal(l[0].end_us - l[0].start_us, HOUR);
    struct window w = { 0 };
    OK(snapshot_window(f->s, l[0].seq, &w, &f->e));
    assert_int_equal(w.start_us, l[0].start_us);
    assert_int_equal(w.end_us, l[0].end_us);
    assert_int_equal(snapshot_window(f->s, l[0].seq + 1, &w, &f->e), -ERR_NOTFOUND);
}

static int64_t backlog(struct fx *f)
{
    int64_t n = -1;
    OK(window_backlog(f->s, f->clock->now - HOUR, &n, &f->e));
    return n;
}

static void test_the_backlog_is_what_nobody_checks(void **state)
{
    struct fx *f = *state;
    touch(f, "m", 0);
    touch(f, "m", 50); /* still open */
    touch(f, "n", -9); /* old rows that came just now */
    assert_int_equal(backlog(f), 0);
    fx_tick(f, HOUR);
    assert_int_equal(backlog(f), 1);
    fx_tick(f, HOUR);
    assert_int_equal(backlog(f), 2);
    touch(f, "n", -9);
    assert_int_equal(backlog(f), 1);
    snap(f, "m", 0, mark(f, 0), "a");
    assert_int_equal(backlog(f), 0);
}

static void test_a_snapshot_is_part_of_the_transaction(void **state)
{
    struct fx *f = *state;
    touch(f, "m", 0);
    int64_t before = store_revision(f->s);
    OK(store_begin(f->s, &f->e));
    assert_int_equal(snap(f, "m", 0, mark(f, 0), "a"), 1);
    store_rollback(f->s);
    assert_string_equal(dirty(f, "m", 9), "0");
    assert_string_equal(history(f, NULL), "");
    assert_int_equal(store_revision(f->s), before);
    assert_int_equal(snap(f, "m", 0, mark(f, 0), "a"), 1);
    assert_true(store_revision(f->s) != before);
}

static void test_a_broken_step_leaves_nothing_half_done(void **state)
{
    struct fx *f = *state;
    if (strcmp(fx_driver, "script") != 0) skip();
    touch(f, "m", 0);
    int64_t seen = mark(f, 0);
    struct snapshot sn = {
        .model = "m", .start_us = hour(0).start_us, .end_us = hour(0).end_us, .data = "a"
    };
    for (int call = 1;; call++) {
        f->fault = (struct db_fault){ .op = DB_OP_ANY, .call = call, .error = DB_BUSY };
        int r = snapshot_add(f->s, &sn, seen, NULL, &f->e);
        f->fault.call = 0;
        if (r == 0) break;
        assert_int_equal(r, -ERR_BUSY);
        assert_string_equal(history(f, NULL), "");
        assert_string_equal(dirty(f, "m", 9), "0");
        assert_true(call < 100);
    }
    assert_string_equal(history(f, NULL), "m0.1:a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_touched_window_is_dirty_until_measured),
        STORE_TEST(test_rows_that_come_while_measuring_are_not_lost),
        STORE_TEST(test_a_window_without_rows_can_be_measured),
        STORE_TEST(test_lists),
        STORE_TEST(test_the_backlog_is_what_nobody_checks),
        STORE_TEST(test_a_snapshot_is_part_of_the_transaction),
        STORE_TEST(test_a_broken_step_leaves_nothing_half_done),
    };
    return STORE_GROUPS("snapshot", tests);
}
