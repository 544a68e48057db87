/* test_registry.c: rows of models, versions, stages, aliases and stage history. */
#include "store/registry.h"
#include "storetest.h"

static int64_t add(struct fx *f, const char *name)
{
    struct reg_version v = { .name = name,
                             .semver = "1.0.0",
                             .digest = "d",
                             .size = 7,
                             .algorithm = "gbdt",
                             .task = "binary",
                             .created_by = "ann" };
    int64_t version = 0;
    OK(store_model_ensure(f->s, name, &f->e));
    OK(store_version_create(f->s, &v, &version, &f->e));
    return version;
}

static void test_models_and_versions(void **state)
{
    struct fx *f = *state;
    struct reg_model m;
    FAILS(NOTFOUND, store_model_get(f->s, &f->a, "fraud", &m, &f->e));
    assert_int_equal(add(f, "fraud"), 1);
    fx_tick(f, 10);
    assert_int_equal(add(f, "fraud"), 2);
    assert_int_equal(add(f, "churn"), 1);
    OK(store_model_get(f->s, &f->a, "fraud", &m, &f->e));
    assert_int_equal(m.n_versions, 2);
    assert_int_equal(m.latest, 2);
    assert_int_equal(m.production, 0);
    assert_int_equal(m.created_us, T0);
    assert_int_equal(m.updated_us, T0 + 10);
    struct reg_model *list;
    size_t n;
    OK(store_model_list(f->s, &f->a, &list, &n, &f->e));
    assert_int_equal(n, 2);
    assert_string_equal(list[0].name, "churn");
    struct reg_version v, *versions;
    OK(store_version_get(f->s, &f->a, "fraud", 2, &v, &f->e));
    assert_string_equal(v.stage, "None");
    assert_null(v.run_id);
    assert_string_equal(v.aliases, "");
    assert_int_equal(v.size, 7);
    FAILS(NOTFOUND, store_version_get(f->s, &f->a, "fraud", 3, &v, &f->e));
    FAILS(NOTFOUND, store_version_get(f->s, &f->a, "nope", 1, &v, &f->e));
    OK(store_version_list(f->s, &f->a, "fraud", &versions, &n, &f->e));
    assert_int_equal(n, 2);
    assert_int_equal(versions[0].version, 2);
    FAILS(NOTFOUND, store_version_list(f->s, &f->a, "nope", &versions, &n, &f->e));
    struct reg_version orphan = { .name = "nope" };
    int64_t version;
    FAILS(NOTFOUND, store_version_create(f->s, &orphan, &version, &f->e));
}

static void test_names(void **state)
{
    struct fx *f = *state;
    FAILS(INVALID, store_model_ensure(f->s, "", &f->e));
    FAILS(INVALID, store_model_ensure(f->s, "a/b", &f->e));
    FAILS(INVALID, store_model_ensure(f->s, "a@b", &f->e));
    FAILS(INVALID, store_model_ensure(f->s, "a:b", &f->e));
    OK(store_model_ensure(f->s, "a b-c.d", &f->e));
    OK(store_model_ensure(f->s, "a b-c.d", &f->e));
}

static void test_one_version_a_stage(void **state)
{
    struct fx *f = *state;
    struct reg_version v;
    struct reg_model m;
    add(f, "m");
    add(f, "m");
    add(f, "other");
    OK(store_version_set_stage(f->s, "m", 1, "None", "Production", &f->e));
    OK(store_version_set_stage(f->s, "other", 1, "None", "Production", &f->e));
    FAILS(CONFLICT, store_version_set_stage(f->s, "m", 2, "None", "Production", &f->e));
    OK(store_version_set_stage(f->s, "m", 2, "None", "Staging", &f->e));
    FAILS(CONFLICT, store_version_set_stage(f->s, "m", 1, "None", "Staging", &f->e)); /* moved */
    FAILS(CONFLICT, store_version_set_stage(f->s, "m", 1, "Production", "Staging", &f->e));
    FAILS(NOTFOUND, store_version_set_stage(f->s, "m", 9, "None", "Staging", &f->e));
    FAILS(CONFLICT, store_version_set_stage(f->s, "m", 1, "Production", "Nowhere", &f->e));
    OK(store_model_get(f->s, &f->a, "m", &m, &f->e));
    assert_int_equal(m.production, 1);
    assert_int_equal(m.staging, 2);
    OK(store_version_by_stage(f->s, &f->a, "m", "Staging", &v, &f->e));
    assert_int_equal(v.version, 2);
    OK(store_version_set_stage(f->s, "m", 1, "Production", "Archived", &f->e));
    OK(store_version_set_stage(f->s, "m", 2, "Staging", "Archived", &f->e)); /* any number there */
    FAILS(NOTFOUND, store_version_by_stage(f->s, &f->a, "m", "Staging", &v, &f->e));
    FAILS(NOTFOUND, store_version_by_stage(f->s, &f->a, "nope", "Staging", &v, &f->e));
}

static void test_aliases(void **state)
{
    struct fx *f = *state;
    struct reg_version v;
    add(f, "m");
    add(f, "m");
    OK(store_alias_set(f->s, "m", "champion", 1, &f->e));
    OK(store_alias_set(f->s, "m", "best", 1, &f->e));
    OK(store_version_by_alias(f->s, &f->a, "m", "champion", &v, &f->e));
    assert_int_equal(v.version, 1);
    assert_string_equal(v.aliases, "best,champion");
    OK(store_alias_set(f->s, "m", "champion", 2, &f->e)); /* moves */
    OK(store_version_by_alias(f->s, &f->a, "m", "champion", &v, &f->e));
    assert_int_equal(v.version, 2);
    FAILS(NOTFOUND, store_alias_set(f->s, "m", "champion", 3, &f->e));
    FAILS(INVALID, store_alias_set(f->s, "m", "17", 1, &f->e));
    FAILS(INVALID, store_alias_set(f->s, "m", "latest", 1, &f->e));
    FAILS(INVALID, store_alias_set(f->s, "m", "a,b", 1, &f->e));
    OK(store_alias_delete(f->s, "m", "champion", &f->e));
    FAILS(NOTFOUND, store_alias_delete(f->s, "m", "champion", &f->e));
    FAILS(NOTFOUND, store_version_by_alias(f->s, &f->a, "m", "champion", &v, &f->e));
}

static void test_stage_history(void **state)
{
    struct fx *f = *state;
    add(f, "m");
    add(f, "o");
    for (int i = 1; i <= 3; i++) {
        struct stage_event ev = { .name = "m",
                                  .version = 1,
                                  .from = "None",
                                  .to = "Staging",
                                  .actor = "ann",
                                  .reason = "r",
                                  .verb = "promote",
                                  .at_us = i,
                                  .audit_seq = i };
        OK(store_stage_event_add(f->s, &ev, &f->e));
    }
    struct stage_event other = { .name = "o", .version = 1 }, gone = { .name = "o", .version = 5 };
    OK(store_stage_event_add(f->s, &other, &f->e));
    FAILS(NOTFOUND, store_stage_event_add(f->s, &gone, &f->e));
    struct stage_event *list;
    size_t n;
    OK(store_stage_events(f->s, &f->a, NULL, 0, &list, &n, &f->e));
    assert_int_equal(n, 4);
    assert_string_equal(list[0].name, "o");
    assert_int_equal(list[0].at_us, T0);
    OK(store_stage_events(f->s, &f->a, "m", 2, &list, &n, &f->e));
    assert_int_equal(n, 2);
    assert_int_equal(list[0].audit_seq, 3);
    assert_string_equal(list[0].verb, "promote");
    FAILS(NOTFOUND, store_stage_events(f->s, &f->a, "nope", 0, &list, &n, &f->e));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        STORE_TEST(test_models_and_versions), STORE_TEST(test_names),
        STORE_TEST(test_one_version_a_stage), STORE_TEST(test_aliases),
        STORE_TEST(test_stage_history),
    };
    return STORE_GROUPS("store.registry", tests);
}
