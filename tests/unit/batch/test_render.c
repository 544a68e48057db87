/* test_render.c: replies as JSON, JSON lines, CSV and table, and errors as text and JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "batch/render.h"
#include <string.h>

static const struct reply_column columns[] = { { "name", "NAME", NULL }, { NULL, NULL, NULL } };

static void make(struct reply *r, const char *json, const char *rows)
{
    struct err e = ERR_INIT;
    reply_init(r);
    if (val_parse_json(&r->arena, json, strlen(json), &r->v, &e)) fail_msg("%s", e.msg);
    if (rows) reply_table(r, rows, columns);
}

static void expect(const struct reply *r, enum output form, bool script, const char *text)
{
    const struct render_style st = { .output = form, .script = script };
    STR_AUTO s = STR_INIT;
    render_reply(&s, r, &st);
    assert_string_equal(str_c(&s), text);
}

static void t_rows(void **state)
{
    (void)state;
    struct reply r;
    make(&r,
         "{\"runs\":[{\"name\":\"a\",\"m\":{\"x\":1.5}},{\"name\":\"b,\\\"c\\\"\",\"t\":[1]}],"
         "\"total\":2}",
         "runs");
    expect(&r, OUTPUT_TABLE, false, "NAME\na\nb,\"c\"\n");
    expect(&r, OUTPUT_JSONL, false,
           "{\"name\":\"a\",\"m\":{\"x\":1.5}}\n{\"name\":\"b,\\\"c\\\"\",\"t\":[1]}\n");
    expect(&r, OUTPUT_JSONL, true,
           "{\"runs\":[{\"name\":\"a\",\"m\":{\"x\":1.5}},{\"name\":\"b,\\\"c\\\"\",\"t\":[1]}],"
           "\"total\":2}\n");
    expect(&r, OUTPUT_CSV, false, "name,m.x,t\na,1.5,\n\"b,\"\"c\"\"\",,[1]\n");
    reply_done(&r);
}

static void t_object(void **state)
{
    (void)state;
    struct reply r;
    make(&r, "{\"name\":\"a\",\"n\":null}", NULL);
    expect(&r, OUTPUT_TABLE, false, "name  a\nn     -\n");
    expect(&r, OUTPUT_JSON, false, "{\n  \"name\": \"a\",\n  \"n\": null\n}\n");
    expect(&r, OUTPUT_JSONL, false, "{\"name\":\"a\",\"n\":null}\n");
    expect(&r, OUTPUT_CSV, false, "name,n\na,\n");
    r.note = "in short";
    expect(&r, OUTPUT_TABLE, false, "name  a\nn     -\nin short\n");
    expect(&r, OUTPUT_CSV, false, "name,n\na,\n");
    r.note = NULL;
    r.text = "said so";
    expect(&r, OUTPUT_TABLE, false, "said so\n");
    expect(&r, OUTPUT_JSONL, false, "{\"name\":\"a\",\"n\":null}\n");
    reply_done(&r);
}

static void t_nothing(void **state)
{
    (void)state;
    struct reply r;
    reply_init(&r);
    expect(&r, OUTPUT_TABLE, false, "");
    expect(&r, OUTPUT_JSON, false, "");
    reply_done(&r);
    make(&r, "{\"runs\":[]}", "runs");
    expect(&r, OUTPUT_TABLE, false, "no runs\n");
    expect(&r, OUTPUT_JSONL, false, "");
    expect(&r, OUTPUT_CSV, false, "");
    reply_done(&r);
}

static void t_errors(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    STR_AUTO s = STR_INIT;
    err_set(&e, ERR_NOTFOUND, "no model \"x\"");
    render_error(&s, &e, NULL, false);
    assert_string_equal(str_c(&s), "signalbox: no model \"x\"\n");
    err_hint(&e, "see model list");
    str_clear(&s);
    render_error(&s, &e, "a.txt:3", false);
    assert_string_equal(str_c(&s), "signalbox: a.txt:3: no model \"x\"\n  hint: see model list\n");
    str_clear(&s);
    render_error(&s, &e, "a.txt:3", true);
    assert_string_equal(str_c(&s), "{\"error\":{\"code\":\"RESOURCE_DOES_NOT_EXIST\","
                                   "\"message\":\"no model \\\"x\\\"\",\"hint\":\"see model list\","
                                   "\"where\":\"a.txt:3\"}}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_rows),
        cmocka_unit_test(t_object),
        cmocka_unit_test(t_nothing),
        cmocka_unit_test(t_errors),
    };
    return cmocka_run_group_tests_name("batch.render", tests, NULL, NULL);
}
