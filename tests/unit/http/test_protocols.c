/* test_protocols.c: requests of other serving programs into rows: the Open Inference Protocol as
 * JSON and packed, dataframes, instances, inputs, CSV; each thing that must be refused, with what
 * the caller is told; and answers of the Open Inference Protocol. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../serve/sample.h"
#include "base/mem.h"
#include "engine/pool.h"
#include "http/dataframe.h"
#include "http/oip.h"
#include "http/tensor.h"
#include "route.h"
#include <math.h>

/* Inputs: age, balance, city, member, since; and of the second, age and balance alone. */
static struct route all, numbers;

static struct model *numbers_model(void)
{
    const char *const drop[] = { "city", "member", "since", "buys", "kind", NULL };
    struct model_spec spec = { .algorithm = "linear", .target = "price", .drop = drop };
    struct engine en = { .pool = pool_new(1) };
    struct frame *f = sample_frame();
    struct model *m = NULL;
    struct err e = ERR_INIT;

    if (model_fit(&en, &spec, f, NULL, &m, &e)) fail_msg("%s", e.msg);
    frame_free(f);
    pool_free(en.pool);
    return m;
}

static int setup(void **state)
{
    (void)state;
    route_open(&all, sample_model("logistic", "buys", NULL, NULL));
    route_open(&numbers, numbers_model());
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    route_close(&all);
    route_close(&numbers);
    return 0;
}

/* "age=1 city=Bern|age=2 …": the cells that are not absent, in the order of the schema. */
static const char *shown(const struct route *r)
{
    static char text[4096];
    STR_AUTO s = STR_INIT;
    size_t width = schema_width(r->schema);
    char buf[32];

    for (size_t i = 0; i < r->rows.n; i++) {
        if (i) str_addc(&s, '|');
        for (size_t k = 0; k < width; k++) {
            const struct cell *c = &r->rows.cells[i * width + k];
            if (c->kind == CELL_ABSENT) continue;
            str_addf(&s, "%s%s=", s.len && s.p[s.len - 1] != '|' ? " " : "",
                     schema_field(r->schema, k)->name);
            if (c->kind == CELL_NULL) str_add(&s, "null");
            else if (c->kind == CELL_NUM) str_add(&s, str_real(buf, c->num));
            else str_addf(&s, "'%.*s'", (int)c->n, c->text);
        }
    }
    snprintf(text, sizeof text, "%s", str_c(&s));
    return text;
}

/* In memory of its own size, so that a byte read too many is seen; lives until the next call. */
static char *exactly(const void *p, size_t n)
{
    static char *copy;

    free(copy);
    copy = mem_alloc(n + !n);
    memcpy(copy, p, n);
    return copy;
}

/* ---- the Open Inference Protocol ------------------------------------------------------------- */

static struct oip_request asked;

static int read_oip(struct route *r, const void *p, size_t n, size_t n_json, struct err *e)
{
    route_clear(r);
    asked = (struct oip_request){ 0 };
    return oip_read(&r->infer, exactly(p, n), n, n_json, &asked, e);
}

static void oip(struct route *r, const char *text, const char *want)
{
    struct err e = ERR_INIT;

    if (read_oip(r, text, strlen(text), strlen(text), &e)) fail_msg("%s: %s", text, e.msg);
    assert_string_equal(shown(r), want);
}

static void oip_refused(struct route *r, const char *text, const char *part)
{
    struct err e = ERR_INIT;
    int rc = read_oip(r, text, strlen(text), strlen(text), &e);

    if (rc == 0 || !strstr(e.msg, part)) fail_msg("%s: %d '%s' for '%s'", text, rc, e.msg, part);
    assert_int_equal(err_http(e.kind), 400);
}

#define IN(name, shape, type, rest)                                                                \
    "{\"name\":\"" name "\",\"shape\":" shape ",\"datatype\":\"" type "\"," rest "}"
#define AGE(shape, data) IN("age", shape, "INT64", "\"data\":" data)
#define REQ(inputs)      "{\"inputs\":[" inputs "]}"

static void tensors_of_json_become_rows(void **state)
{
    (void)state;
    oip(&all, REQ(AGE("[2]", "[1,2]")), "age=1|age=2");
    oip(&all, REQ(AGE("[2,1]", "[[1],[2]]")), "age=1|age=2");
    oip(&all, REQ(AGE("[2,1]", " [ 1 , [ 2 ] ] ")), "age=1|age=2");
    oip(&all, REQ(AGE("[1]", "[1]") "," IN("city", "[1]", "BYTES", "\"data\":[\"B\\u00e4\"]")),
        "age=1 city='B\xc3\xa4'");
    oip(&all, REQ(IN("member", "[3]", "BOOL", "\"data\":[true,false,null]")),
        "member=1|member=0|member=null");
    oip(&all, REQ(IN("balance", "[2]", "FP32", "\"data\":[NaN,-1.5e3]")),
        "balance=null|balance=-1500");
    /* members in any order, and some that mean nothing here */
    oip(&all,
        "{\"x\":{\"y\":[1,{}]},\"parameters\":{\"priority\":1},\"inputs\":[{\"data\":[7],"
        "\"parameters\":{\"content_type\":\"np\"},\"datatype\":\"UINT8\",\"z\":null,"
        "\"shape\":[1],\"name\":\"age\"}],\"id\":\"a\\\"b\"}",
        "age=7");
    assert_int_equal(asked.n_id, 3);
    assert_memory_equal(asked.id, "a\"b", 3);
    assert_int_equal(asked.prediction, OIP_JSON);
    assert_int_equal(asked.probabilities, OIP_JSON);
}

static void one_tensor_of_all_columns(void **state)
{
    (void)state;
#define X(shape, type, data) REQ(IN("x", shape, type, "\"data\":" data))
    oip(&numbers, X("[2,2]", "FP64", "[1,2,3,4]"), "age=1 balance=2|age=3 balance=4");
    oip(&numbers, X("[2,2]", "FP64", "[[1,2],[3,4]]"), "age=1 balance=2|age=3 balance=4");
    assert_int_equal(asked.probabilities, OIP_ABSENT); /* a number has none */
    oip_refused(&numbers, X("[2,3]", "FP64", "[1,2,3,4,5,6]"), "second dimension");
    oip_refused(&numbers, X("[1,2]", "BYTES", "[\"1\",\"2\"]"), "holds numbers");
    oip_refused(&numbers, X("[2]", "FP64", "[1,2]"), "no such input");
    oip_refused(&all, X("[1,5]", "FP64", "[1,2,3,4,5]"), "not all inputs of the model are numbers");
}

static void outputs_are_chosen(void **state)
{
    (void)state;
    const char *one = AGE("[1]", "[1]");
    static const struct {
        const char *rest;
        enum oip_form prediction, probabilities;
    } cases[] = {
        { "", OIP_JSON, OIP_JSON },
        { ",\"outputs\":[]", OIP_JSON, OIP_JSON },
        { ",\"outputs\":[{\"name\":\"prediction\"}]", OIP_JSON, OIP_ABSENT },
        { ",\"outputs\":[{\"name\":\"probabilities\",\"parameters\":{\"binary_data\":true}}]",
          OIP_ABSENT, OIP_BINARY },
        { ",\"parameters\":{\"binary_data_output\":true}", OIP_BINARY, OIP_BINARY },
        { ",\"outputs\":[{\"name\":\"prediction\",\"parameters\":{\"binary_data\":false}},"
          "{\"name\":\"probabilities\"}],\"parameters\":{\"binary_data_output\":true}",
          OIP_JSON, OIP_BINARY },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        STR_AUTO text = STR_INIT;
        str_addf(&text, "{\"inputs\":[%s]%s}", one, cases[i].rest);
        oip(&all, text.p, "age=1");
        assert_int_equal(asked.prediction, cases[i].prediction);
        assert_int_equal(asked.probabilities, cases[i].probabilities);
    }
    oip_refused(&all, "{\"inputs\":[],\"outputs\":[{\"name\":\"x\"}]}", "no output 'x'");
    oip_refused(&numbers, "{\"inputs\":[],\"outputs\":[{\"name\":\"probabilities\"}]}",
                "no output 'probabilities'");
    oip_refused(&all, "{\"inputs\":[],\"outputs\":[{}]}", "an output has no name");
    oip_refused(&all,
                "{\"inputs\":[],\"outputs\":[{\"name\":\"prediction\",\"parameters\":"
                "{\"classification\":3}}]}",
                "classification");
}

static void what_is_no_request_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        { "", "ends early" },
        { "[]", "an object" },
        { "{", "name in quotes" },
        { "{}", "no inputs" },
        { "{\"inputs\":3}", "a list" },
        { "{\"inputs\":[]}", "no rows" },
        { "{\"inputs\":[],\"inputs\":[]}", "twice" },
        { "{\"inputs\":[]} x", "the end" },
        { "{\"inputs\":[],}", "name in quotes" },
        { "{\"inputs\":[],\"id\":3}", "id must be a text" },
        { "{\"inputs\":[],\"parameters\":{\"sequence_id\":1}}", "sequences" },
        { "{\"inputs\":[],\"parameters\":{\"binary_data_output\":1}}", "true or false" },
        { REQ("3"), "an object" },
        { REQ("{}"), "has no name" },
        { REQ("{\"name\":\"age\"}"), "has no shape" },
        { REQ("{\"name\":\"age\",\"shape\":[1]}"), "has no datatype" },
        { REQ("{\"name\":\"age\",\"shape\":[],\"datatype\":\"FP64\",\"data\":[1]}"), "no shape" },
        { REQ(IN("age", "[1]", "FP64", "\"x\":1")), "either data or binary_data_size" },
        { REQ(IN("age", "[1]", "FP65", "\"data\":[1]")), "no datatype 'FP65'" },
        { REQ(IN("age", "[1]", "FP64", "\"data\":1")), "data must be a list" },
        { REQ(AGE("[1.5]", "[1]")), "whole number" },
        { REQ(AGE("[-1]", "[1]")), "below 0" },
        { REQ(AGE("[\"1\"]", "[1]")), "whole number" },
        { REQ(AGE("[1,1,1,1,1,1,1,1,1]", "[1]")), "more than 8 dimensions" },
        { REQ(AGE("[4294967296,4294967296]", "[1]")), "[rows] or [rows, 1]" },
        { REQ(AGE("[9007199254740992,1]", "[1]")), "fewer elements" },
        { REQ(AGE("[1000000]", "[1]")), "fewer elements" },
        { REQ(AGE("[2]", "[1]")), "fewer elements" },
        { REQ(AGE("[1]", "[1,2]")), "more elements" },
        { REQ(AGE("[2,1]", "[[1],[2]")), "expected" },
        { REQ(AGE("[1]", "[{\"a\":1}]")), "numbers or texts" },
        { REQ(AGE("[1]", "[[[[[[[[[1]]]]]]]]]")), "too deeply" },
        { REQ(AGE("[1]", "[\"1\"]")), "does not fit its datatype" },
        { REQ(IN("city", "[1]", "BYTES", "\"data\":[1]")), "does not fit its datatype" },
        { REQ(AGE("[1,2]", "[1,2]")), "[rows] or [rows, 1]" },
        { REQ(AGE("[1]", "[1]") "," AGE("[1]", "[1]")), "there twice" },
        { REQ(AGE("[2]", "[1,2]") "," IN("balance", "[1]", "FP64", "\"data\":[1]")),
          "another number of rows" },
        { REQ(AGE("[1]", "[1]") "," IN("balance", "[2]", "FP64", "\"data\":[1,2]")),
          "another number of rows" },
        { REQ(AGE("[0]", "[]")), "no rows" },
        { REQ(AGE("[1]", "[1]") "," IN("x", "[1]", "FP64", "\"data\":[1]")), "no such input" },
        { REQ(AGE("[1]", "[01]")), "" },
        { REQ(IN("city", "[1]", "BYTES", "\"data\":[\"\\ud8\"]")), "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) oip_refused(&all, cases[i].text, cases[i].part);
}

/* ---- packed ---------------------------------------------------------------------------------- */

static const char packed_json[] =
    "{\"inputs\":[" IN("age", "[2]", "INT16", "\"parameters\":{\"binary_data_size\":4}") "," IN(
        "city", "[2]", "BYTES",
        "\"parameters\":{\"binary_data_size\":12}") "," IN("balance", "[2]", "FP64",
                                                           "\"data\":[1,2]") "," IN("member", "[2]",
                                                                                    "BOOL",
                                                                                    "\"parameters\""
                                                                                    ":{\"binary_"
                                                                                    "data_size\":"
                                                                                    "2}") "]}";
static const char packed_bytes[] = "\x01\x00\xff\xff"
                                   "\x04\x00\x00\x00"
                                   "Bern"
                                   "\x00\x00\x00\x00"
                                   "\x01\x00";

static int read_packed(const char *json, const void *bytes, size_t n, struct err *e)
{
    STR_AUTO s = STR_INIT;

    str_add(&s, json);
    str_addn(&s, bytes, n);
    return read_oip(&all, s.p, s.len, strlen(json), e);
}

static void packed_tensors_follow_the_json(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    size_t n = sizeof packed_bytes - 1;

    if (read_packed(packed_json, packed_bytes, n, &e)) fail_msg("%s", e.msg);
    assert_string_equal(shown(&all), "age=1 balance=1 city='Bern' member=1|"
                                     "age=-1 balance=2 city='' member=0");
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(read_packed(packed_json, packed_bytes, cut, &e), -ERR_INVALID);
    assert_int_equal(read_packed(packed_json,
                                 "\x01\x00\xff\xff\x04\x00\x00\x00"
                                 "Bern\x00\x00\x00\x00\x01\x00\x00",
                                 n + 1, &e),
                     -ERR_INVALID);
    assert_non_null(strstr(e.msg, "1 bytes follow"));
    /* lengths of texts that lie */
    assert_int_equal(read_packed(packed_json,
                                 "\x01\x00\xff\xff\xff\xff\xff\xff"
                                 "Bern\x00\x00\x00\x00\x01\x00",
                                 n, &e),
                     -ERR_INVALID);
    assert_int_equal(read_packed(packed_json,
                                 "\x01\x00\xff\xff\x03\x00\x00\x00"
                                 "Bern\x00\x00\x00\x00\x01\x00",
                                 n, &e),
                     -ERR_INVALID);
    static const char *const wrong[] = { "-1", "3", "5", "1e3", "9007199254740992" };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        STR_AUTO json = STR_INIT;
        str_addf(&json,
                 "{\"inputs\":[{\"name\":\"age\",\"shape\":[2],\"datatype\":\"INT16\","
                 "\"parameters\":{\"binary_data_size\":%s}}]}",
                 wrong[i]);
        assert_int_equal(read_packed(json.p, packed_bytes, 4, &e), -ERR_INVALID);
    }
}

static void elements_are_unpacked(void **state)
{
    (void)state;
    static const struct {
        enum tensor_type type;
        const char *bytes;
        double want; /* NaN: missing */
    } cases[] = {
        { TENSOR_BOOL, "\x02", 1 },
        { TENSOR_UINT8, "\xff", 255 },
        { TENSOR_INT8, "\xff", -1 },
        { TENSOR_UINT16, "\x01\x80", 32769 },
        { TENSOR_INT16, "\x01\x80", -32767 },
        { TENSOR_UINT32, "\xff\xff\xff\xff", 4294967295.0 },
        { TENSOR_INT32, "\xfe\xff\xff\xff", -2 },
        { TENSOR_UINT64, "\0\0\0\0\0\0\0\x80", 9223372036854775808.0 },
        { TENSOR_INT64, "\xff\xff\xff\xff\xff\xff\xff\xff", -1 },
        { TENSOR_FP16, "\x00\x3c", 1 },
        { TENSOR_FP16, "\x00\xc0", -2 },
        { TENSOR_FP16, "\xff\x7b", 65504 },
        { TENSOR_FP16, "\x01\x00", 5.9604644775390625e-08 },
        { TENSOR_FP16, "\x55\x35", 0.333251953125 },
        { TENSOR_FP16, "\x00\x7c", (double)NAN },
        { TENSOR_FP16, "\x01\x7c", (double)NAN },
        { TENSOR_BF16, "\x80\x3f", 1 },
        { TENSOR_BF16, "\x49\x40", 3.140625 },
        { TENSOR_FP32, "\x00\x00\x80\xbe", -0.25 },
        { TENSOR_FP32, "\x00\x00\xc0\x7f", (double)NAN },
        { TENSOR_FP64, "\x18\x2d\x44\x54\xfb\x21\x09\x40", 3.141592653589793 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cell c = tensor_cell(cases[i].type, cases[i].bytes);
        bool same = isnan(cases[i].want) ? c.kind == CELL_NULL
                                         : c.kind == CELL_NUM && fabs(c.num - cases[i].want) <= 0;
        if (!same) fail_msg("case %zu, %s: %g", i, tensor_name(cases[i].type), c.num);
    }
}

/* ---- answers --------------------------------------------------------------------------------- */

static void answers_have_both_forms(void **state)
{
    (void)state;
    double p[] = { 0.25, 0.75 };
    struct oip_request both = {
        .id = "x", .n_id = 1, .prediction = OIP_JSON, .probabilities = OIP_JSON
    };
    struct str out = STR_INIT;
    size_t json = 0;

    oip(&all, REQ(AGE("[2]", "[1,2]")), "age=1|age=2");
    struct predict_call *c = &all.infer.call;
    c->arm = &all.arm;
    c->arm_role = "production";
    c->p = p;
    c->model_us = 1.5;
    oip_write(&all.infer, &both, &out, &json);
    assert_int_equal(json, out.len);
    assert_string_equal(
        out.p, "{\"model_name\":\"m\\\"1\",\"model_version\":\"3\",\"id\":\"x\",\"parameters\":"
               "{\"arm\":\"production\",\"model_us\":1.5,\"queue_us\":0,\"cached\":false},"
               "\"outputs\":[{\"name\":\"prediction\",\"datatype\":\"BYTES\",\"shape\":[2],"
               "\"data\":[\"no\",\"yes\"]},{\"name\":\"probabilities\",\"datatype\":\"FP64\","
               "\"shape\":[2,2],\"data\":[0.75,0.25,0.25,0.75]}]}");
    str_clear(&out);
    both.prediction = both.probabilities = OIP_BINARY;
    oip_write(&all.infer, &both, &out, &json);
    assert_int_equal(out.len - json, 4 + 2 + 4 + 3 + 4 * 8);
    assert_memory_equal(out.p + json, "\x02\0\0\0no\x03\0\0\0yes", 13);
    assert_memory_equal(out.p + json + 13, "\0\0\0\0\0\0\xe8\x3f", 8);
    out.p[json] = '\0';
    assert_non_null(strstr(out.p, "\"parameters\":{\"binary_data_size\":13}"));
    str_done(&out);
    c->arm = NULL;
    c->p = NULL;
}

/* ---- dataframes ------------------------------------------------------------------------------ */

enum { ANY_FORM = DATAFRAME_SPLIT | DATAFRAME_RECORDS | DATAFRAME_INSTANCES | DATAFRAME_INPUTS };

static int read_frame(struct route *r, const char *text, struct err *e)
{
    enum dataframe_form form;

    route_clear(r);
    return dataframe_read_json(&r->infer, exactly(text, strlen(text)), strlen(text), ANY_FORM,
                               &form, e);
}

static void tables_become_rows(void **state)
{
    (void)state;
    static const struct {
        struct route *r;
        const char *text, *want;
    } cases[] = {
        { &all,
          "{\"dataframe_split\":{\"columns\":[\"city\",\"age\"],\"data\":[[\"Bern\",1],"
          "[null,2]]}}",
          "age=1 city='Bern'|age=2 city=null" },
        { &all,
          "{\"dataframe_split\":{\"data\":[[1,9]],\"index\":[0],\"columns\":[\"age\",\"?\"]},"
          "\"params\":{\"a\":1}}",
          "age=1" },
        { &all, "{\"dataframe_records\":[{\"age\":1},{\"city\":\"x\"}]}", "age=1|city='x'" },
        { &all, "{\"instances\":[{\"age\":1},{\"age\":2}]}", "age=1|age=2" },
        { &numbers, "{\"instances\":[[1,2],[3,4]]}", "age=1 balance=2|age=3 balance=4" },
        { &numbers, "{\"inputs\":[[1,2]]}", "age=1 balance=2" },
        { &all, "{\"inputs\":{\"age\":[1,2],\"city\":[[\"a\"],[\"b\"]],\"?\":[0,0]}}",
          "age=1 city='a'|age=2 city='b'" },
        { &all, "{\"inputs\":[{\"age\":1}]}", "age=1" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = ERR_INIT;
        if (read_frame(cases[i].r, cases[i].text, &e)) fail_msg("%s: %s", cases[i].text, e.msg);
        assert_string_equal(shown(cases[i].r), cases[i].want);
    }
}

static void what_is_no_table_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        { "", "exactly one of" },
        { "[]", "exactly one of" },
        { "{}", "exactly one of dataframe_split, dataframe_records, instances, inputs" },
        { "{\"instances\":[[1,2]],\"inputs\":[[1,2]]}", "more than one" },
        { "{\"instances\":[[1,2]],\"params\":1}", "params" },
        { "{\"instances\":[[1,2]]", "expected" },
        { "{\"instances\":[[1,2]]}x", "the end" },
        { "{\"instances\":[]}", "no rows" },
        { "{\"instances\":{}}", "a list" },
        { "{\"instances\":[[1]]}", "row 1 has fewer than 2 values" },
        { "{\"instances\":[[1,2],[1,2,3]]}", "row 2 has more than 2 values" },
        { "{\"instances\":[1,2]}", "a row is a list of 2 values" },
        { "{\"instances\":[[1,[2]]]}", "" },
        { "{\"instances\":[{\"age\":1},[1,2]]}", "" },
        { "{\"dataframe_records\":{\"age\":1}}", "a list of rows" },
        { "{\"dataframe_split\":[]}", "an object" },
        { "{\"dataframe_split\":{\"columns\":[\"age\"]}}", "columns and data" },
        { "{\"dataframe_split\":{\"columns\":[1],\"data\":[[1]]}}", "must be a text" },
        { "{\"dataframe_split\":{\"columns\":[\"age\",\"age\"],\"data\":[[1,2]]}}", "twice" },
        { "{\"dataframe_split\":{\"columns\":[\"age\"],\"data\":[[1,2]]}}", "more than 1" },
        { "{\"inputs\":{\"age\":[1,2],\"balance\":[1]}}", "different numbers" },
        { "{\"inputs\":{\"age\":[1],\"balance\":[1,2]}}", "different numbers" },
        { "{\"inputs\":{\"age\":[[1,2]]}}", "no list" },
        { "{\"inputs\":{\"age\":[[]]}}", "missing" },
        { "{\"inputs\":{\"age\":1}}", "a list" },
        { "{\"inputs\":{}}", "no rows" },
        { "{\"inputs\":{\"age\":[1],\"age\":[1]}}", "twice" },
        { "{\"inputs\":3}", "an object" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = ERR_INIT;
        int rc = read_frame(&numbers, cases[i].text, &e);
        if (rc == 0 || !strstr(e.msg, cases[i].part) || err_http(e.kind) != 400)
            fail_msg("%s: %d '%s' for '%s'", cases[i].text, rc, e.msg, cases[i].part);
    }
}

static void csv_becomes_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want; /* want NULL: refused */
    } cases[] = {
        { "age,city\n1,Bern\n2,\n", "age='1' city='Bern'|age='2' city=null" },
        { "?,city\r\n1,\"a,\"\"b\"\r\n", "city='a,\"b'" },
        { "age\n1", "age='1'" },
        { "age,age\n1,2\n", NULL },
        { "age\n", NULL },
        { "", NULL },
        { "age,city\n1\n", NULL },
        { "\x1f\x8b\x08\x00", NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = ERR_INIT;
        size_t n = strlen(cases[i].text);
        route_clear(&all);
        int rc = dataframe_read_csv(&all.infer, exactly(cases[i].text, n), n, &e);
        if (!cases[i].want != (rc != 0)) fail_msg("%s: %d %s", cases[i].text, rc, e.msg);
        if (cases[i].want) assert_string_equal(shown(&all), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(tensors_of_json_become_rows),
        cmocka_unit_test(one_tensor_of_all_columns),
        cmocka_unit_test(outputs_are_chosen),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(packed_tensors_follow_the_json),
        cmocka_unit_test(elements_are_unpacked),
        cmocka_unit_test(answers_have_both_forms),
        cmocka_unit_test(tables_become_rows),
        cmocka_unit_test(what_is_no_table_is_refused),
        cmocka_unit_test(csv_becomes_rows),
    };
    return cmocka_run_group_tests_name("http.protocols", t, setup, teardown);
}
