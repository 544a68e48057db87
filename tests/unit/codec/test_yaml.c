/* test_yaml.c: YAML into values: types, structure, limits, and errors that say where. */
#include "codec/yaml.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h> /* needs the headers above */

static struct arena arena;

static int teardown(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static void gives(const char *yaml, const char *json)
{
    struct val *v = NULL;
    struct err e = ERR_INIT;
    STR_AUTO s = STR_INIT;
    if (yaml_parse(&arena, "t.yaml", yaml, strlen(yaml), &v, &e)) fail_msg("%s", e.msg);
    val_write_json(&s, v, 0);
    assert_string_equal(str_c(&s), json);
}

static void refuses(const char *yaml, enum err_kind kind, const char *text)
{
    struct val *v = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(yaml_parse(&arena, "t.yaml", yaml, strlen(yaml), &v, &e), -(int)kind);
    if (!strstr(e.msg, text)) fail_msg("\"%s\" lacks \"%s\"", e.msg, text);
    assert_null(v);
}

static void types_follow_the_core_schema(void **state)
{
    (void)state;
    gives("{a: 1, b: -2.5e3, c: true, d: ~, e: null, f: '1', g: \"x\", h: 1d, i: 007, j: .inf}",
          "{\"a\":1,\"b\":-2500.0,\"c\":true,\"d\":null,\"e\":null,\"f\":\"1\",\"g\":\"x\","
          "\"h\":\"1d\",\"i\":7,\"j\":null}");
    gives("v: 1.2.3\nw: +\nx: -e\ny: .\n", "{\"v\":\"1.2.3\",\"w\":\"+\",\"x\":\"-e\",\"y\":\".\"}");
}

static void blocks_and_flows(void **state)
{
    (void)state;
    gives("monitoring:\n  window: 1h # an hour\n  rules:\n  - {name: a, value: 0.8}\n  - name: b\n"
          "    text: |\n      two\n      lines\n",
          "{\"monitoring\":{\"window\":\"1h\",\"rules\":[{\"name\":\"a\",\"value\":0.8},"
          "{\"name\":\"b\",\"text\":\"two\\nlines\\n\"}]}}");
    gives("- 1\n- [2, [3]]\n- {}\n", "[1,[2,[3]],{}]");
    gives("", "null");
    gives("# only a comment\n", "null");
    gives("---\na: 1\n...\n", "{\"a\":1}");
}

static void errors_say_where(void **state)
{
    (void)state;
    refuses("a: 1\na: 2\n", ERR_PARSE, "t.yaml, line 2, column 1: 'a' is given twice");
    refuses("a: [1, 2\nb: 3", ERR_PARSE, "t.yaml, line 2");
    refuses("a: &x 1\nb: *x\n", ERR_PARSE, "aliases are not supported");
    refuses("--- 1\n--- 2\n", ERR_PARSE, "more than one document");
    refuses("? [a]\n: 1\n", ERR_PARSE, "a key must be");
    char deep[200];
    memset(deep, '[', 100);
    memset(deep + 100, ']', 99);
    deep[199] = '\0';
    refuses(deep, ERR_LIMIT, "nested too deeply");
}

static void missing_file(void **state)
{
    (void)state;
    struct val *v = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(yaml_read(&arena, "/nonexistent/x.yaml", &v, &e), -ERR_NOTFOUND);
}

/* Damaged documents end in a value or an error, never otherwise. */
static void mutations(void **state)
{
    (void)state;
    static const char text[] = "a: [1, {b: 'c'}, \"d\\n\"]\ne: |\n  f\n? g\n: - h\n  - ~\n";
    struct rng r;
    rng_seed(&r, 1);
    for (int i = 0; i < 20000; i++) {
        struct arena a = ARENA_INIT;
        struct val *v;
        struct err e = ERR_INIT;
        char copy[sizeof text];
        memcpy(copy, text, sizeof text);
        for (int k = 0; k < 3; k++) copy[rng_below(&r, sizeof text - 1)] = (char)rng_u64(&r);
        int rc = yaml_parse(&a, "m", copy, sizeof text - 1, &v, &e);
        assert_true(rc == 0 || e.msg[0]);
        arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(types_follow_the_core_schema), cmocka_unit_test(blocks_and_flows),
        cmocka_unit_test(errors_say_where),             cmocka_unit_test(missing_file),
        cmocka_unit_test(mutations),
    };
    return cmocka_run_group_tests_name("codec.yaml", t, NULL, teardown);
}
