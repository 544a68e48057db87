/* test_alert.c: alerts as rows: everything comes back, finding by prefix, order of the list,
 * which are open, events in both orders. */
#include "store/alert.h"
#include "storetest.h"
#include <math.h>

#define DAY (86400 * 1000000LL)

/* An alert whose id is made of one letter. */
static struct alert make(struct fx *f, char letter, const char *model, const char *rule)
{
    char *id = arena_strdup(&f->a, "00000000000000000000000000");
    memset(id, letter, 26);
    return (struct alert){ .id = id,
                           .model = model,
                           .rule = rule,
                           .kind = "drift",
                           .state = "active",
                           .severity = "warning",
                           .value = 0.25,
                           .threshold = 0.2,
                           .since_us = T0 };
}

static void put(struct fx *f, const struct alert *a)
{
    OK(alert_put(f->s, a, &f->e));
}

static void test_everything_comes_back(void **state)
{
    struct fx *f = *state;
    struct alert a = make(f, 'A', "m", "r"), got;
    a.n = 11;
    a.streak = 3;
    a.clean = 1;
    a.window_us = T0 - 5;
    a.recommended_action = "investigate";
    a.acked_by = "ann";
    a.acked_us = T0 + 1;
    a.silenced_until_us = T0 + 2;
    a.resolved_us = T0 + 3;
    a.inhibited_by = "nulls";
    a.group = "sensor";
    a.detail = "{\"x\":1}";
    a.updated_us = T0 + 4;
    put(f, &a);
    OK(alert_get(f->s, &f->a, a.id, &got, &f->e));
    assert_string_equal(got.id, a.id);
    assert_string_equal(got.model, "m");
    assert_string_equal(got.rule, "r");
    assert_string_equal(got.kind, "drift");
    assert_string_equal(got.state, "active");
    assert_string_equal(got.severity, "warning");
    assert_true(got.value == 0.25 && got.threshold == 0.2);
    assert_int_equal(got.n, 11);
    assert_int_equal(got.streak, 3);
    assert_int_equal(got.clean, 1);
    assert_int_equal(got.since_us, T0);
    assert_int_equal(got.window_us, T0 - 5);
    assert_string_equal(got.recommended_action, "investigate");
    assert_string_equal(got.acked_by, "ann");
    assert_int_equal(got.acked_us, T0 + 1);
    assert_int_equal(got.silenced_until_us, T0 + 2);
    assert_int_equal(got.resolved_us, T0 + 3);
    assert_string_equal(got.inhibited_by, "nulls");
    assert_string_equal(got.group, "sensor");
    assert_string_equal(got.detail, "{\"x\":1}");
    assert_int_equal(got.updated_us, T0 + 4);
}

static void test_putting_again_replaces_all_of_it(void **state)
{
    struct fx *f = *state;
    struct alert a = make(f, 'A', "m", "r"), got, other;
    a.acked_by = "ann";
    put(f, &a);
    a = make(f, 'A', "m", "r");
    a.value = a.threshold = (double)NAN;
    a.state = "none";
    put(f, &a);
    OK(alert_get(f->s, &f->a, "a", &got, &f->e));
    assert_true(isnan(got.value) && isnan(got.threshold));
    assert_string_equal(got.state, "none");
    assert_null(got.acked_by);
    assert_null(got.group);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM alert"), 1);
    other = make(f, 'B', "m", "r"); /* the same pair under another id */
    FAILS(EXISTS, alert_put(f->s, &other, &f->e));
    other = make(f, 'B', "m", "r2");
    other.state = "panic";
    FAILS(CONFLICT, alert_put(f->s, &other, &f->e));
    other.id = "short";
    FAILS(INVALID, alert_put(f->s, &other, &f->e));
    other = make(f, 'B', "", "r2");
    FAILS(INVALID, alert_put(f->s, &other, &f->e));
}

static void test_finding_by_the_beginning_of_the_id(void **state)
{
    struct fx *f = *state;
    struct alert a = make(f, 'A', "m", "r1"), b = make(f, 'B', "m", "r2"), got;
    put(f, &a);
    put(f, &b);
    OK(alert_get(f->s, &f->a, "bbb", &got, &f->e));
    assert_string_equal(got.rule, "r2");
    FAILS(NOTFOUND, alert_get(f->s, &f->a, "C", &got, &f->e));
    FAILS(NOTFOUND, alert_get(f->s, &f->a, "%", &got, &f->e));
    FAILS(INVALID, alert_get(f->s, &f->a, "", &got, &f->e));
    struct alert c = make(f, 'A', "m", "r3");
    ((char *)(uintptr_t)c.id)[25] = 'Z';
    put(f, &c);
    FAILS(CONFLICT, alert_get(f->s, &f->a, "AAA", &got, &f->e));
    OK(alert_get(f->s, &f->a, c.id, &got, &f->e));
    assert_string_equal(got.rule, "r3");
}

static const char *list(struct fx *f, const char *model, bool only_open)
{
    struct alert *l;
    size_t n;
    OK(alert_list(f->s, &f->a, model, only_open, &l, &n, &f->e));
    char *text = arena_strdup(&f->a, "");
    for (size_t i = 0; i < n; i++)
        text = arena_printf(&f->a, "%s%s%s", text, i ? " " : "", l[i].rule);
    return text;
}

static void test_the_list_has_the_worst_first(void **state)
{
    struct fx *f = *state;
    static const struct {
        const char *rule, *state, *severity;
        int64_t since, resolved;
    } rows[] = {
        { "calm", "none", "info", 0, 0 },
        { "active_old", "active", "warning", 10, 0 },
        { "active_new", "active", "warning", 20, 0 },
        { "watch", "watch", "warning", 1, 0 },
        { "incident", "incident", "critical", 2, 0 },
        { "active_info", "active", "info", 30, 0 },
        { "done_lately", "none", "info", 40, T0 - DAY + 1 },
        { "done_long_ago", "none", "info", 5, T0 - DAY },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct alert a = make(f, (char)('A' + i), "m", rows[i].rule);
        a.state = rows[i].state;
        a.severity = rows[i].severity;
        a.since_us = rows[i].since;
        a.resolved_us = rows[i].resolved;
        put(f, &a);
    }
    struct alert n = make(f, 'Z', "n", "elsewhere");
    n.since_us = 15;
    put(f, &n);
    assert_string_equal(list(f, "m", true),
                        "incident watch active_new active_old active_info done_lately");
    assert_string_equal(list(f, NULL, true), "incident watch active_new elsewhere active_old "
                                             "active_info done_lately");
    assert_string_equal(list(f, "m", false), "incident watch active_new active_old active_info "
                                             "done_lately done_long_ago calm");
    assert_string_equal(list(f, "n", false), "elsewhere");
    assert_string_equal(list(f, "nobody", false), "");
}

/* -- events ------------------------------------------------------------------------------- */
static const char *events(struct fx *f, const char *id, bool oldest_first, int64_t limit)
{
    struct alert_event *l;
    size_t n;
    OK(alert_events(f->s, &f->a, id, oldest_first, limit, &l, &n, &f->e));
    char *text = arena_strdup(&f->a, "");
    for (size_t i = 0; i < n; i++)
        text = arena_printf(&f->a, "%s%s%d:%s", text, i ? " " : "", (int)l[i].seq, l[i].type);
    return text;
}

static void test_events(void **state)
{
    struct fx *f = *state;
    struct alert a = make(f, 'A', "m", "r1"), b = make(f, 'B', "m", "r2");
    put(f, &a);
    put(f, &b);
    struct alert_event ev = {
        .alert_id = a.id, .type = "state", .from = "none", .to = "active", .snapshot_seq = 9
    };
    int64_t seq = 0;
    OK(alert_event_add(f->s, &ev, &seq, &f->e));
    assert_int_equal(seq, 1);
    ev = (struct alert_event){ .alert_id = b.id,
                               .type = "silence",
                               .actor = "ann",
                               .reason = "known",
                               .until_us = T0 + 5,
                               .at_us = T0 - 1 };
    OK(alert_event_add(f->s, &ev, NULL, &f->e));
    ev = (struct alert_event){ .alert_id = a.id, .type = "ack" };
    OK(alert_event_add(f->s, &ev, &seq, &f->e));
    assert_int_equal(seq, 3);
    assert_string_equal(events(f, a.id, false, 0), "3:ack 1:state");
    assert_string_equal(events(f, a.id, true, 0), "1:state 3:ack");
    assert_string_equal(events(f, NULL, true, 0), "1:state 2:silence 3:ack");
    assert_string_equal(events(f, NULL, false, 1), "3:ack");
    struct alert_event *l;
    size_t n;
    OK(alert_events(f->s, &f->a, NULL, true, 2, &l, &n, &f->e));
    assert_int_equal(n, 2);
    assert_string_equal(l[0].from, "none");
    assert_string_equal(l[0].to, "active");
    assert_int_equal(l[0].snapshot_seq, 9);
    assert_int_equal(l[0].at_us, T0);
    assert_string_equal(l[0].alert_id, a.id);
    assert_null(l[1].from);
    assert_string_equal(l[1].actor, "ann");
    assert_string_equal(l[1].reason, "known");
    assert_int_equal(l[1].until_us, T0 + 5);
    assert_int_equal(l[1].at_us, T0 - 1);
    ev = (struct alert_event){ .alert_id = "nobody", .type = "ack" };
    FAILS(NOTFOUND, alert_event_add(f->s, &ev, NULL, &f->e));
    ev = (struct alert_event){ .alert_id = a.id };
    FAILS(INVALID, alert_event_add(f->s, &ev, NULL, &f->e));
}

static void test_writes_are_noticed(void **state)
{
    struct fx *f = *state;
    struct alert a = make(f, 'A', "m", "r");
    int64_t before = store_revision(f->s);
    put(f, &a);
    int64_t after = store_revision(f->s);
    assert_true(after != before);
    OK(alert_event_add(f->s, &(struct alert_event){ .alert_id = a.id, .type = "ack" }, NULL,
                       &f->e));
    assert_true(store_revision(f->s) != after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_everything_comes_back),
        STORE_TEST(test_putting_again_replaces_all_of_it),
        STORE_TEST(test_finding_by_the_beginning_of_the_id),
        STORE_TEST(test_the_list_has_the_worst_first),
        STORE_TEST(test_events),
        STORE_TEST(test_writes_are_noticed),
    };
    return STORE_GROUPS("alert", tests);
}
