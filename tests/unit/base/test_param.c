/* test_param.c: binding of arguments: every type, range, flag and message, from words and from
 * values, and the synopsis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/param.h"
#include <stdlib.h>
#include <string.h>

static const struct param table[] = {
    { .name = "name",
      .type = PARAM_STR,
      .flags = PARAM_POSITIONAL | PARAM_REQUIRED,
      .help = "who" },
    { .name = "more", .type = PARAM_LIST, .flags = PARAM_POSITIONAL | PARAM_REST, .help = "rest" },
    { .name = "seed", .type = PARAM_INT, .dflt = "7", .help = "seed" },
    { .name = "limit", .type = PARAM_INT, .min = 1, .max = 100, .help = "rows" },
    { .name = "share", .type = PARAM_REAL, .min = 0.5, .max = 0.9, .help = "share" },
    { .name = "wait", .type = PARAM_BOOL, .dflt = "true", .help = "wait" },
    { .name = "on-bad-row", .type = PARAM_ENUM, .choices = "error|skip|null", .help = "bad rows" },
    { .name = "param", .type = PARAM_KV, .help = "params" },
    { .name = "drop", .type = PARAM_LIST, .help = "columns" },
    { .name = "data", .type = PARAM_STR, .flags = PARAM_PATH, .help = "file" },
    { .name = "secret", .type = PARAM_STR, .flags = PARAM_HIDDEN, .help = "hidden" },
    { .name = NULL },
};

struct fixture {
    struct arena a;
    struct err e;
    struct val *v;
};

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(1, sizeof *f);
    arena_init(&f->a);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_done(&f->a);
    free(f);
    return 0;
}

/* Splits at blanks, which is enough here. */
static int words(struct fixture *f, const char *line)
{
    char *argv[32], *save = NULL, *s = arena_strdup(&f->a, line);
    int argc = 0;
    for (char *w = strtok_r(s, " ", &save); w; w = strtok_r(NULL, " ", &save)) argv[argc++] = w;
    err_clear(&f->e);
    return param_bind_argv(table, &f->a, argc, argv, &f->v, &f->e);
}

static int json(struct fixture *f, const char *text)
{
    struct val *in = NULL;
    assert_int_equal(val_parse_json(&f->a, text, strlen(text), &in, &f->e), 0);
    err_clear(&f->e);
    return param_bind_val(table, &f->a, in, &f->v, &f->e);
}

static void assert_json(const struct fixture *f, const char *expect)
{
    STR_AUTO s = STR_INIT;
    val_write_json(&s, f->v, 0);
    assert_string_equal(str_c(&s), expect);
}

static void assert_error(const struct fixture *f, int rc, enum err_kind kind, const char *msg,
                         const char *hint)
{
    assert_int_equal(rc, -(int)kind);
    assert_int_equal(f->e.kind, kind);
    assert_string_equal(f->e.msg, msg);
    assert_string_equal(f->e.hint, hint);
}

static void t_defaults(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(words(f, "ann"), 0);
    assert_json(f, "{\"name\":\"ann\",\"seed\":7,\"wait\":true}");
}

static void t_all_types(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(words(f, "ann --seed -3 --limit=100 --share 0.5 --no-wait --on-bad-row SKIP "
                              "--param a=1 --param b=x=y --drop p,q --drop r --data f.csv"),
                     0);
    assert_json(f, "{\"name\":\"ann\",\"seed\":-3,\"limit\":100,\"share\":0.5,\"wait\":false,"
                   "\"on-bad-row\":\"skip\",\"param\":{\"a\":\"1\",\"b\":\"x=y\"},"
                   "\"drop\":[\"p\",\"q\",\"r\"],\"data\":\"f.csv\"}");
}

static void t_order_is_free_and_last_wins(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(words(f, "--seed 1 ann --seed=2 b --wait=no c"), 0);
    assert_json(f, "{\"name\":\"ann\",\"more\":[\"b\",\"c\"],\"seed\":2,\"wait\":false}");
}

static void t_underscores(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(words(f, "ann --on_bad_row null"), 0);
    assert_string_equal(val_get_str(f->v, "on-bad-row", ""), "null");
    assert_int_equal(json(f, "{\"name\":\"x\",\"on_bad_row\":\"skip\"}"), 0);
    assert_string_equal(val_get_str(f->v, "on-bad-row", ""), "skip");
}

static void t_words_that_look_like_options(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(words(f, "- -5 -.5"), 0);
    assert_json(f, "{\"name\":\"-\",\"more\":[\"-5\",\"-.5\"],\"seed\":7,\"wait\":true}");
    assert_int_equal(words(f, "-- --seed --"), 0);
    assert_json(f, "{\"name\":\"--seed\",\"more\":[\"--\"],\"seed\":7,\"wait\":true}");
    assert_int_equal(words(f, "ann --data -- b"), 0);
    assert_string_equal(val_get_str(f->v, "data", ""), "--");
}

static void t_positional_by_name(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(words(f, "--name ann"), 0);
    assert_string_equal(val_get_str(f->v, "name", ""), "ann");
}

static void t_list_escapes_and_blanks(void **state)
{
    struct fixture *f = *state;
    char *const argv[] = { (char[]){ "n" }, (char[]){ "--drop" }, (char[]){ " a b , c\\,d ,,e" } };
    assert_int_equal(param_bind_argv(table, &f->a, 3, argv, &f->v, &f->e), 0);
    STR_AUTO s = STR_INIT;
    val_write_json(&s, val_get(f->v, "drop"), 0);
    assert_string_equal(str_c(&s), "[\"a b\",\"c,d\",\"e\"]");
}

static void t_usage_errors(void **state)
{
    struct fixture *f = *state;
    assert_error(f, words(f, ""), ERR_USAGE, "NAME is missing", "NAME: who");
    assert_error(f, words(f, "a --sed 1"), ERR_USAGE, "unknown option --sed",
                 "did you mean --seed?");
    assert_error(f, words(f, "a --no-wat"), ERR_USAGE, "unknown option --no-wat",
                 "did you mean --no-wait?");
    assert_int_equal(words(f, "a --zzzzzzzzz"), -ERR_USAGE);
    assert_non_null(strstr(f->e.hint, "arguments: NAME"));
    assert_int_equal(words(f, "a -z"), -ERR_USAGE);
    assert_string_equal(f->e.msg, "unknown option -z");
    assert_error(f, words(f, "a --data"), ERR_USAGE, "--data needs a value", "--data=VALUE: file");
    assert_error(f, words(f, "a --data --seed 1"), ERR_USAGE, "--data needs a value",
                 "--data=VALUE: file");
}

static void t_unexpected_word(void **state)
{
    struct fixture *f = *state;
    static const struct param none[] = { { .name = NULL } };
    char *const argv[] = { (char[]){ "x" } };
    int rc = param_bind_argv(none, &f->a, 1, argv, &f->v, &f->e);
    assert_error(f, rc, ERR_USAGE, "unexpected word 'x'", "arguments: none");
}

static void t_bad_values(void **state)
{
    struct fixture *f = *state;
    assert_error(f, words(f, "a --seed 1.5"), ERR_INVALID,
                 "--seed must be a whole number, not '1.5'", "seed: seed");
    assert_error(f, words(f, "a --seed 99999999999999999999"), ERR_INVALID,
                 "--seed must be a whole number, not '99999999999999999999'", "seed: seed");
    assert_error(f, words(f, "a --limit 0"), ERR_INVALID,
                 "--limit must be between 1 and 100, not '0'", "limit: rows");
    assert_error(f, words(f, "a --share 0.91"), ERR_INVALID,
                 "--share must be between 0.5 and 0.9, not '0.91'", "share: share");
    assert_error(f, words(f, "a --share nan"), ERR_INVALID, "--share must be a number, not 'nan'",
                 "share: share");
    assert_error(f, words(f, "a --wait=maybe"), ERR_INVALID,
                 "--wait must be true or false, not 'maybe'", "wait: wait");
    assert_error(f, words(f, "a --on-bad-row skp"), ERR_INVALID,
                 "--on-bad-row must be one of error|skip|null, not 'skp'", "did you mean skip?");
    assert_error(f, words(f, "a --param x"), ERR_INVALID, "--param must be key=value, not 'x'",
                 "param: params");
    assert_error(f, words(f, "a --param =x"), ERR_INVALID, "--param must be key=value, not '=x'",
                 "param: params");
    assert_error(f, words(f, "--name="), ERR_INVALID, "NAME must not be empty", "name: who");
    assert_int_equal(words(f, "a\xff"), -ERR_INVALID);
    assert_string_equal(f->e.msg, "NAME is not valid UTF-8 text");
    assert_int_equal(words(f, "a --data f\xff"), 0);
}

static void t_json_types(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(json(f, "{\"name\":3,\"seed\":\"4\",\"limit\":5.0,\"share\":\"0.75\","
                             "\"wait\":0,\"param\":{\"a\":1,\"b\":true},\"drop\":[\"x,y\",2]}"),
                     0);
    assert_json(f, "{\"name\":\"3\",\"seed\":4,\"limit\":5,\"share\":0.75,\"wait\":false,"
                   "\"param\":{\"a\":\"1\",\"b\":\"true\"},\"drop\":[\"x,y\",\"2\"]}");
    assert_int_equal(json(f, "{\"name\":\"a\",\"param\":\"k=v\",\"drop\":\"p,q\"}"), 0);
    assert_int_equal(json(f, "{\"name\":\"a\",\"seed\":null}"), 0);
    assert_int_equal(val_get_int(f->v, "seed", 0), 7);
}

static void t_json_errors(void **state)
{
    struct fixture *f = *state;
    assert_error(f, json(f, "{}"), ERR_USAGE, "name is missing", "name: who");
    assert_error(f, json(f, "{\"nam\":1}"), ERR_USAGE, "unknown argument nam",
                 "did you mean name?");
    assert_error(f, json(f, "{\"zzzzzzz\":1}"), ERR_USAGE, "unknown argument zzzzzzz",
                 "arguments: name, more, seed, limit, share, wait, on-bad-row, param, drop, data");
    assert_error(f, json(f, "[1]"), ERR_INVALID, "the arguments must be an object", "");
    assert_error(f, json(f, "{\"name\":[1]}"), ERR_INVALID, "name must be one text, not '[1]'",
                 "name: who");
    assert_error(f, json(f, "{\"name\":\"a\",\"seed\":1.5}"), ERR_INVALID,
                 "seed must be a whole number, not '1.5'", "seed: seed");
    assert_error(f, json(f, "{\"name\":\"a\",\"seed\":true}"), ERR_INVALID,
                 "seed must be a whole number, not 'true'", "seed: seed");
    assert_error(f, json(f, "{\"name\":\"a\",\"seed\":1e300}"), ERR_INVALID,
                 "seed must be a whole number, not '1e+300'", "seed: seed");
    assert_error(f, json(f, "{\"name\":\"a\",\"drop\":{\"x\":1}}"), ERR_INVALID,
                 "drop must be a list, not '{\"x\":1}'", "drop: columns");
    assert_error(f, json(f, "{\"name\":\"a\",\"drop\":[[1]]}"), ERR_INVALID,
                 "drop must be a list of plain texts, not '[1]'", "drop: columns");
    assert_error(f, json(f, "{\"name\":\"a\",\"param\":5}"), ERR_INVALID,
                 "param must be key=value, not '5'", "param: params");
    assert_error(f, json(f, "{\"name\":\"a\",\"param\":{\"k\":{}}}"), ERR_INVALID,
                 "param must be pairs of a key and a plain value, not '{}'", "param: params");
}

static void t_limits(void **state)
{
    struct fixture *f = *state;
    STR_AUTO s = STR_INIT;
    str_pad(&s, 'x', 65537);
    struct val *in = val_obj(&f->a);
    val_set_str(in, "name", str_c(&s));
    assert_int_equal(param_bind_val(table, &f->a, in, &f->v, &f->e), -ERR_LIMIT);
    val_set_str(in, "name", "a");
    struct val *list = val_set_list(in, "drop");
    for (int i = 0; i < 10001; i++) val_push_str(list, "c");
    assert_int_equal(param_bind_val(table, &f->a, in, &f->v, &f->e), -ERR_LIMIT);
}

static void t_long_values_are_cut_in_messages(void **state)
{
    struct fixture *f = *state;
    STR_AUTO s = STR_INIT;
    str_add(&s, "a --seed ");
    str_pad(&s, 'x', 500);
    assert_int_equal(words(f, str_c(&s)), -ERR_INVALID);
    assert_true(strlen(f->e.msg) < 120);
    assert_non_null(strstr(f->e.msg, "x…'"));
}

static void t_no_arguments_at_all(void **state)
{
    struct fixture *f = *state;
    static const struct param none[] = { { .name = NULL } };
    assert_int_equal(param_bind_val(none, &f->a, NULL, &f->v, NULL), 0);
    assert_json(f, "{}");
}

static void t_required_list(void **state)
{
    struct fixture *f = *state;
    static const struct param rows[] = {
        { .name = "runs",
          .type = PARAM_LIST,
          .help = "run ids",
          .flags = PARAM_POSITIONAL | PARAM_REST | PARAM_REQUIRED },
        { .name = NULL },
    };
    assert_int_equal(param_bind_argv(rows, &f->a, 0, NULL, &f->v, &f->e), -ERR_USAGE);
    assert_string_equal(f->e.msg, "RUNS is missing");
    char *const argv[] = { (char[]){ "a,b" }, (char[]){ "c" } };
    assert_int_equal(param_bind_argv(rows, &f->a, 2, argv, &f->v, &f->e), 0);
    assert_json(f, "{\"runs\":[\"a\",\"b\",\"c\"]}");
}

static void t_synopsis(void **state)
{
    (void)state;
    STR_AUTO s = STR_INIT;
    param_synopsis(table, &s);
    assert_string_equal(str_c(&s), "NAME [MORE]… [--seed N] [--limit N] [--share X] [--no-wait] "
                                   "[--on-bad-row error|skip|null] [--param K=V]… [--drop DROP]… "
                                   "[--data FILE]");
}

static void t_find_and_names(void **state)
{
    (void)state;
    assert_ptr_equal(param_find(table, "seed"), &table[2]);
    assert_null(param_find(table, "see"));
    assert_null(param_find(table, "seeds"));
    assert_null(param_find(NULL, "seed"));
    assert_string_equal(param_type_name(PARAM_INT), "whole number");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(t_defaults),
        T(t_all_types),
        T(t_order_is_free_and_last_wins),
        T(t_underscores),
        T(t_words_that_look_like_options),
        T(t_positional_by_name),
        T(t_list_escapes_and_blanks),
        T(t_usage_errors),
        T(t_unexpected_word),
        T(t_bad_values),
        T(t_json_types),
        T(t_json_errors),
        T(t_limits),
        T(t_long_values_are_cut_in_messages),
        T(t_no_arguments_at_all),
        T(t_required_list),
        T(t_synopsis),
        T(t_find_and_names),
    };
    return cmocka_run_group_tests_name("base.param", tests, NULL, NULL);
}
