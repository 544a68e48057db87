/* test_val.c: unit tests of base/val. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/val.h"

#include <math.h>

static struct arena arena;

static int teardown(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static struct val *parse(const char *text)
{
    struct val *v = NULL;
    struct err e = ERR_INIT;
    if (val_parse_json(&arena, text, strlen(text), &v, &e)) fail_msg("%s", e.msg);
    return v;
}

static void assert_json(const struct val *v, const char *want)
{
    STR_AUTO s = STR_INIT;
    val_write_json(&s, v, 0);
    assert_string_equal(s.p, want);
}

static void objects_keep_order_and_replace(void **state)
{
    (void)state;
    struct val *o = val_obj(&arena);
    val_set_int(o, "z", 1);
    val_set_str(o, "a", "x");
    val_set_real(o, "z", 2);
    val_set_bool(o, "b", true);
    val_set_str(o, "n", NULL);
    assert_json(o, "{\"z\":2.0,\"a\":\"x\",\"b\":true,\"n\":null}");
    assert_int_equal(val_len(o), 4);
    assert_string_equal(val_key(o, 1), "a");
    assert_false(val_has(o, "n"));
}

static void many_keys(void **state)
{
    (void)state;
    struct val *o = val_obj(&arena);
    for (int i = 0; i < 500; i++) val_set_int(o, arena_printf(&arena, "k%d", i), i);
    for (int i = 0; i < 500; i++)
        assert_int_equal(val_get_int(o, arena_printf(&arena, "k%d", i), -1), i);
}

static void getters_answer_defaults(void **state)
{
    (void)state;
    const struct val *v = parse("{\"a\":{\"b\":[1,2.5,\"s\"]},\"t\":true}");
    const struct val *list = val_get(val_get(v, "a"), "b");
    assert_int_equal(val_as_int(val_at(list, 0), -1), 1);
    assert_true(val_as_real(val_at(list, 0), 0) == 1.0);
    assert_int_equal(val_as_int(val_at(list, 1), -1), 2);
    assert_string_equal(val_as_str(val_at(list, 2), ""), "s");
    assert_null(val_at(list, 3));
    assert_string_equal(val_get_str(val_get(v, "nope"), "x", "dflt"), "dflt");
    assert_true(val_get_bool(v, "t", false));
    assert_int_equal(val_type(NULL), VAL_NULL);
    assert_null(val_get(v, NULL));
}

static void json_round_trip(void **state)
{
    (void)state;
    const char *text = "{\"s\":\"q\\\"\\\\\\n\\u0001é\",\"i\":-9007199254740993,\"r\":0.1,\"l\":[],"
                       "\"o\":{},\"n\":null,\"b\":[true,false]}";
    assert_json(parse(text), text);
    STR_AUTO pretty = STR_INIT;
    val_write_json(&pretty, parse("{\"a\":[1,{\"b\":2}],\"e\":[]}"), 2);
    assert_string_equal(pretty.p, "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2\n    }\n  ],\n"
                                  "  \"e\": []\n}");
}

static void non_finite_and_bad_bytes(void **state)
{
    (void)state;
    struct val *l = val_list(&arena);
    val_push(l, val_real(&arena, NAN));
    val_push(l, val_real(&arena, 1e300));
    val_push(l, val_strn(&arena, "a\xff" "b", 3));
    assert_json(l, "[null,1e+300,\"a\xef\xbf\xbd" "b\"]");
}

static void bad_json_says_where(void **state)
{
    (void)state;
    struct val *v = NULL;
    struct err e = ERR_INIT;
    assert_int_equal(val_parse_json(&arena, "{\"a\":\n 1,,}", 11, &v, &e), -ERR_PARSE);
    assert_non_null(strstr(e.msg, "line 2"));
    assert_int_equal(val_parse_json(&arena, "{\"a\":1,\"a\":2}", 13, &v, &e), -ERR_PARSE);
    char deep[401];
    memset(deep, '[', 200);
    memset(deep + 200, ']', 200);
    assert_int_equal(val_parse_json(&arena, deep, 400, &v, &e), -ERR_LIMIT);
    assert_null(v);
}

static void copies_are_deep(void **state)
{
    (void)state;
    struct arena other = ARENA_INIT;
    struct val *c = val_copy(&other, parse("{\"a\":[1,{\"b\":\"x\"}],\"c\":2.5}"));
    arena_reset(&arena);
    assert_json(c, "{\"a\":[1,{\"b\":\"x\"}],\"c\":2.5}");
    arena_done(&other);
}

static void text_for_cells(void **state)
{
    (void)state;
    STR_AUTO s = STR_INIT;
    val_write_text(&s, parse("\"a b\""));
    str_addc(&s, '|');
    val_write_text(&s, parse("0.25"));
    str_addc(&s, '|');
    val_write_text(&s, NULL);
    str_addc(&s, '|');
    val_write_text(&s, parse("[1,2]"));
    assert_string_equal(s.p, "a b|0.25||[1,2]");
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(objects_keep_order_and_replace),
        cmocka_unit_test(many_keys),
        cmocka_unit_test(getters_answer_defaults),
        cmocka_unit_test(json_round_trip),
        cmocka_unit_test(non_finite_and_bad_bytes),
        cmocka_unit_test(bad_json_says_where),
        cmocka_unit_test(copies_are_deep),
        cmocka_unit_test(text_for_cells),
    };
    return cmocka_run_group_tests_name("base.val", t, NULL, teardown);
}
