/* test_options.c: global options before and after the verb, a verb's own options, commands,
 * inheritance by the lines of a script. Verbs are those of the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "batch/options.h"
#include <string.h>

static const struct param worker_rows[] = {
    { .name = "once", .type = PARAM_BOOL, .help = "once" },
    { .name = "job", .type = PARAM_STR, .help = "job" },
    { .name = NULL },
};
static const struct command commands[] = { { "worker", "work", worker_rows }, { 0 } };
static const struct options base = { .commands = commands };

static struct arena a = ARENA_INIT;
static struct options o;
static struct err e;

static int parse_from(const struct options *from, const char *line)
{
    char *argv[32], *save = NULL, *s = arena_strdup(&a, line);
    int argc = 0;
    for (char *w = strtok_r(s, " ", &save); w; w = strtok_r(NULL, " ", &save)) argv[argc++] = w;
    err_clear(&e);
    return options_parse(&a, from, argc, argv, &o, &e);
}

static int parse(const char *line)
{
    return parse_from(&base, line);
}

static int teardown(void **state)
{
    (void)state;
    arena_done(&a);
    return 0;
}

static void assert_words(const char *expect)
{
    STR_AUTO s = STR_INIT;
    for (int i = 0; i < o.argc; i++) str_addf(&s, "%s%s", i ? " " : "", o.argv[i]);
    assert_string_equal(str_c(&s), expect);
    assert_null(o.argv[o.argc]);
}

static void t_before_and_after(void **state)
{
    (void)state;
    assert_int_equal(parse("-w W --output json job list -q --limit 5 --dry-run"), 0);
    assert_string_equal(o.verb->name, "job list");
    assert_int_equal(o.verb_words, 2);
    assert_words("job list --limit 5");
    assert_string_equal(o.workspace, "W");
    assert_int_equal(o.output, OUTPUT_JSON);
    assert_true(o.quiet && o.dry_run);
    assert_false(o.help || o.batch || o.yes);
}

static void t_short_forms(void **state)
{
    (void)state;
    assert_int_equal(parse("-wW -ocsv -y job list"), 0);
    assert_string_equal(o.workspace, "W");
    assert_int_equal(o.output, OUTPUT_CSV);
    assert_true(o.yes);
    assert_int_equal(parse("job list -h"), 0);
    assert_true(o.help);
}

static void t_the_verb_comes_first(void **state)
{
    (void)state;
    assert_int_equal(parse("--reason early job cancel J --reason late"), 0);
    assert_string_equal(o.reason, "early");
    assert_words("job cancel J --reason late");
    assert_int_equal(parse("job list --reason R"), 0); /* a read has none of its own */
    assert_string_equal(o.reason, "R");
    assert_words("job list");
}

static void t_values_are_not_options(void **state)
{
    (void)state;
    assert_int_equal(parse("job list --state -q"), 0);
    assert_words("job list --state -q");
    assert_false(o.quiet);
    assert_int_equal(parse("job show -- -q --yes"), 0);
    assert_words("job show -- -q --yes");
    assert_false(o.quiet || o.yes);
    assert_int_equal(parse("job show -5"), 0);
    assert_words("job show -5");
}

static void t_commands(void **state)
{
    (void)state;
    assert_int_equal(parse("-w W worker --once --job J"), 0);
    assert_null(o.verb);
    assert_string_equal(o.command->name, "worker");
    assert_words("worker --once --job J");
    assert_false(o.once);
    assert_int_equal(parse("--once jobs"), 0);
    assert_true(o.once);
    assert_null(o.command);
}

static void t_scripts(void **state)
{
    (void)state;
    assert_int_equal(parse("--batch -"), 0);
    assert_true(o.batch);
    assert_words("-");
    assert_int_equal(parse("--batch --keep-going nightly.txt"), 0);
    assert_true(o.keep_going);
    assert_words("nightly.txt");
    struct options outer = o;
    outer.reason = "all of it";
    outer.timeout_s = 5;
    assert_int_equal(parse_from(&outer, "job list --timeout 2.5"), 0);
    assert_string_equal(o.reason, "all of it");
    assert_true(o.timeout_s > 2.4 && o.timeout_s < 2.6);
}

static void t_errors(void **state)
{
    (void)state;
    assert_int_equal(parse("--outpt json job list"), -ERR_USAGE);
    assert_string_equal(e.msg, "unknown option --outpt");
    assert_string_equal(e.hint, "did you mean --output?");
    assert_int_equal(parse("-z job list"), -ERR_USAGE);
    assert_string_equal(e.msg, "unknown option -z");
    assert_int_equal(parse("-o xml job list"), -ERR_INVALID);
    assert_string_equal(e.msg, "--output must be one of table|json|jsonl|csv, not 'xml'");
    assert_int_equal(parse("job list -w"), -ERR_USAGE);
    assert_string_equal(e.msg, "--workspace needs a value");
    assert_int_equal(parse("--timeout 0 job list"), -ERR_INVALID);
}

static void t_unknown_options_stay_with_the_verb(void **state)
{
    (void)state;
    assert_int_equal(parse("job list --limt 5"), 0);
    assert_words("job list --limt 5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_before_and_after),
        cmocka_unit_test(t_short_forms),
        cmocka_unit_test(t_the_verb_comes_first),
        cmocka_unit_test(t_values_are_not_options),
        cmocka_unit_test(t_commands),
        cmocka_unit_test(t_scripts),
        cmocka_unit_test(t_errors),
        cmocka_unit_test(t_unknown_options_stay_with_the_verb),
    };
    return cmocka_run_group_tests_name("batch.options", tests, NULL, teardown);
}
