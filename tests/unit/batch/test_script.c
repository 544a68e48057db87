/* test_script.c: the tokenizer of batch scripts: quoting, comments, joined lines, line numbers,
 * and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "batch/script.h"
#include <string.h>

/* Reads all commands; words are joined by '|', commands come as "LINE:words\n". */
static int read_all(const char *text, size_t n, struct str *out, struct err *e)
{
    struct arena a = ARENA_INIT;
    FILE *f = fmemopen((void *)(uintptr_t)text, n, "r");
    assert_non_null(f);
    struct script s = { f, "s.txt", 0 };
    struct script_command c;
    int rc;
    while ((rc = script_next(&s, &a, &c, e)) > 0) {
        str_addf(out, "%d:", c.line);
        for (int i = 0; i < c.argc; i++) str_addf(out, "%s%s", i ? "|" : "", c.argv[i]);
        assert_null(c.argv[c.argc]);
        str_addc(out, '\n');
    }
    fclose(f);
    arena_done(&a);
    return rc;
}

static void expect(const char *text, const char *commands)
{
    STR_AUTO s = STR_INIT;
    struct err e = ERR_INIT;
    assert_int_equal(read_all(text, strlen(text), &s, &e), 0);
    assert_string_equal(str_c(&s), commands);
}

static void expect_error(const char *text, size_t n, const char *message)
{
    STR_AUTO s = STR_INIT;
    struct err e = ERR_INIT;
    assert_int_equal(read_all(text, n, &s, &e), -ERR_PARSE);
    assert_string_equal(e.msg, message);
}

static void t_words_and_lines(void **state)
{
    (void)state;
    expect("a  b\tc\n\n   \nd\n", "1:a|b|c\n4:d\n");
    expect("a b", "1:a|b\n");
    expect("a b\r\nc\r\n", "1:a|b\n2:c\n");
    expect("\n", "");
}

static void t_comments(void **state)
{
    (void)state;
    expect("# one\n  # two\na # three\nb#c d\n#", "3:a\n4:b#c|d\n");
}

static void t_quotes(void **state)
{
    (void)state;
    expect("a 'b c' \"d e\" f'g'\"h\"\n", "1:a|b c|d e|fgh\n");
    expect("a '' \"\"\n", "1:a||\n");
    expect("'a\\n$x\"' \"$x\\\"\\\\\\q\"\n", "1:a\\n$x\"|$x\"\\\\q\n");
    expect("'# no' \"# no\"\n", "1:# no|# no\n");
    expect("a 'b\nc' d\ne\n", "1:a|b\nc|d\n3:e\n");
}

static void t_escapes(void **state)
{
    (void)state;
    expect("a\\ b \\# \\' \\\\\n", "1:a b|#|'|\\\n");
    expect("a \\\n b\\\nc\nd\n", "1:a|bc\n4:d\n");
    expect("a \\\r\n b\n", "1:a|b\n");
    expect("\"a\\\nb\"\n", "1:ab\n");
}

static void t_first_line_of_a_command(void **state)
{
    (void)state;
    expect("\n\\\n\\\na\n", "4:a\n");
    expect("\n# x\n'\n'\n", "3:\n\n");
}

static void t_errors(void **state)
{
    (void)state;
    expect_error("a\nb 'c\nd\n", 9, "s.txt:2: ' is not closed");
    expect_error("\"", 1, "s.txt:1: \" is not closed");
    expect_error("a \\", 3, "s.txt:1: \\ at the end of the script");
    expect_error("a\nb\0c\n", 6, "s.txt:2: a NUL byte; this is not a text file");
}

static void t_limits(void **state)
{
    (void)state;
    STR_AUTO s = STR_INIT;
    str_pad(&s, 'x', 65536);
    STR_AUTO out = STR_INIT;
    assert_int_equal(read_all(s.p, s.len, &out, NULL), 0);
    str_addc(&s, 'x');
    expect_error(s.p, s.len, "s.txt:1: a word is longer than 64 KiB");
    str_clear(&s);
    for (int i = 0; i < 4097; i++) str_add(&s, "x ");
    expect_error(s.p, s.len, "s.txt:1: more than 4096 words in a command");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_words_and_lines), cmocka_unit_test(t_comments),
        cmocka_unit_test(t_quotes),          cmocka_unit_test(t_escapes),
        cmocka_unit_test(t_errors),          cmocka_unit_test(t_first_line_of_a_command),
        cmocka_unit_test(t_limits),
    };
    return cmocka_run_group_tests_name("batch.script", tests, NULL, NULL);
}
