/* test_promtext.c: metrics as text: what is written is read back, in both formats; and each thing
 * the reader must refuse, by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/promtext.h"
#include <math.h>

#define HEAD(name, type) "# HELP " name " text\n# TYPE " name " " type "\n"

static void write_all(struct str *out, enum prom_format f)
{
    static const double bounds[] = { 0.0001, 0.5, 1, 2.5 };
    static const uint64_t counts[] = { 1, 0, 2, 3, 4 };
    const struct prom_hist h = { bounds, counts, 4, 12.5 };
    const struct prom_label odd[] = { { "model", "a\"b\\c\nd" }, { "arm", "é" } };
    struct prom_writer w;

    prom_begin(&w, out, f);
    prom_family(&w, "x_requests_total", PROM_COUNTER, "how many \\n \"all\"\nof them");
    prom_sample(&w, odd, 2, 3);
    prom_sample(&w, NULL, 0, 1e17);
    prom_family(&w, "x_empty", PROM_GAUGE, "no sample, so not there");
    prom_family(&w, "x_seconds", PROM_HISTOGRAM, "how long");
    prom_histogram(&w, odd, 2, &h);
    prom_histogram(&w, NULL, 0, &h);
    prom_family(&w, "x_ratio", PROM_GAUGE, "numbers that are none");
    prom_sample(&w, odd, 1, (double)NAN);
    prom_sample(&w, odd + 1, 1, -(double)INFINITY);
    prom_family(&w, "x_build_info", PROM_INFO, "always 1");
    prom_sample(&w, odd + 1, 1, 1);
    prom_end(&w);
}

static void check_all(enum prom_format f)
{
    const bool open = f == PROM_OPENMETRICS;
    const struct prom_label arm = { "arm", "é" };
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct prom_doc d;
    STR_AUTO out = STR_INIT;

    write_all(&out, f);
    if (prom_read(&a, out.p, out.len, f, &d, &e)) fail_msg("%s\n%s", e.msg, out.p);
    assert_int_equal(d.n, 4);
    const struct prom_read_family *c = prom_find(&d, open ? "x_requests" : "x_requests_total");
    assert_non_null(c);
    assert_int_equal(c->type, PROM_COUNTER);
    assert_string_equal(c->help, "how many \\n \"all\"\nof them");
    assert_string_equal(c->samples[0].name, "x_requests_total");
    assert_string_equal(c->samples[0].labels[1].name, "model"); /* sorted by name */
    assert_string_equal(c->samples[0].labels[1].value, "a\"b\\c\nd");
    assert_true(c->samples[1].value >= 1e17);
    assert_true(prom_sum(&d, "x_seconds_count", NULL, 0) == 20);
    assert_true(prom_sum(&d, "x_seconds_count", &arm, 1) == 10);
    assert_true(prom_sum(&d, "x_seconds_sum", &arm, 1) == 12.5);
    assert_true(isnan(prom_sum(&d, "nothing", NULL, 0)));
    assert_non_null(strstr(out.p, "x_seconds_bucket{le=\"1.0\"} 3\n"));
    assert_non_null(strstr(out.p, "x_seconds_bucket{le=\"+Inf\"} 10\n"));
    assert_int_equal(prom_find(&d, open ? "x_build" : "x_build_info")->type,
                     open ? PROM_INFO : PROM_GAUGE);
    assert_true(str_ends(out.p, open ? "# EOF\n" : "1\n"));
    /* one format is not the other */
    assert_int_equal(prom_read(&a, out.p, out.len, open ? PROM_TEXT : PROM_OPENMETRICS, &d, &e),
                     -ERR_PARSE);
    arena_done(&a);
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    check_all(PROM_TEXT);
    check_all(PROM_OPENMETRICS);
}

static void each_fault_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why; /* why NULL: fine */
    } cases[] = {
        { "", NULL },
        { "# any comment\n\n" HEAD("a", "gauge") "a 1\n", NULL },
        { HEAD("a", "gauge") "a{x=\"1\"} 1 1700000000000\na{x=\"2\"} -1.5e-3\na NaN\n", NULL },
        { HEAD("a", "summary") "a{quantile=\"0.5\"} 1\na_sum 2\na_count 2\n", NULL },
        { HEAD("a", "gauge") "a 1", "does not end" },
        { HEAD("a", "gauge") "a 1\r\n", "control" },
        { HEAD("a", "gauge") "a \xff\n", "UTF-8" },
        { "a 1\n", "does not belong" },
        { "# TYPE a gauge\na 1\n", "no TYPE or no HELP" },
        { "# HELP a text\na 1\n", "no TYPE or no HELP" },
        { "# HELP a text\n", "no TYPE or no HELP" },
        { HEAD("a", "gauge") "# TYPE a gauge\na 1\n", "twice" },
        { HEAD("a", "gauge") "# HELP a text\na 1\n", "twice" },
        { HEAD("a", "gauge") "a 1\n# TYPE a gauge\n", "behind its samples" },
        { HEAD("a", "thing") "a 1\n", "no type" },
        { "# HELP a \\x\n# TYPE a gauge\na 1\n", "escape" },
        { "# HELP a \n# TYPE a gauge\na 1\n", "empty" },
        { "# HELP 1a text\n", "name and a text" },
        { HEAD("a", "gauge") "a 1\n" HEAD("b", "gauge") "b 1\na{x=\"1\"} 1\n", "does not belong" },
        { HEAD("a", "gauge") "a 1\n" HEAD("b", "gauge") "b 1\n" HEAD("a", "gauge"), "two places" },
        { HEAD("a", "gauge") "a 1\na 1\n", "same series" },
        { HEAD("a", "gauge") "a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 1\n", "same series" },
        { HEAD("a", "gauge") "a{x=\"1\",x=\"2\"} 1\n", "label x twice" },
        { HEAD("a", "gauge") "a{x=\"\\t\"} 1\n", "escape" },
        { HEAD("a", "gauge") "a{x=\"1} 1\n", "does not end" },
        { HEAD("a", "gauge") "a{x=1} 1\n", "expected" },
        { HEAD("a", "gauge") "a{x=\"1\",} 1\n", "expected" },
        { HEAD("a", "gauge") "a{1=\"1\"} 1\n", "expected" },
        { HEAD("a", "gauge") "a\n", "number" },
        { HEAD("a", "gauge") "a 0x10\n", "number" },
        { HEAD("a", "gauge") "a nan\n", "number" },
        { HEAD("a", "gauge") "a 1,5\n", "number" },
        { HEAD("a", "gauge") "a  1\n", "number" },
        { HEAD("a", "gauge") "a 1 x\n", "time" },
        { HEAD("a", "gauge") "a 1 1 1\n", "more than" },
        { HEAD("a", "gauge") "{x=\"1\"} 1\n", "name was expected" },
        { HEAD("a_total", "counter") "a_total -1\n", "below zero" },
        { HEAD("a_total", "counter") "a_total NaN\n", "below zero" },
#define H HEAD("h", "histogram")
        { H "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n", NULL },
        { H "h_bucket{le=\"1\"} 1\nh_sum 3\nh_count 1\n", "no bucket +Inf" },
        { H "h_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n", "goes down" },
        { H "h_bucket{le=\"2\"} 1\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\n"
            "h_count 2\n",
          "not above" },
        { H "h_bucket{le=\"1\"} 1\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\n"
            "h_count 2\n",
          "not above" },
        { H "h_bucket{le=\"+Inf\"} 2\nh_count 2\n", "no _sum" },
        { H "h_bucket{le=\"+Inf\"} 2\nh_sum 2\n", "no _count" },
        { H "h_bucket{le=\"+Inf\"} 2\nh_sum 2\nh_count 3\n", "not its last bucket" },
        { H "h_bucket 2\nh_sum 2\nh_count 2\n", "without le" },
        { H "h_bucket{le=\"x\"} 2\nh_sum 2\nh_count 2\n", "without le" },
        { H "h 2\n", "does not belong" },
        { H "h_bucket{a=\"1\",le=\"+Inf\"} 2\nh_sum{a=\"1\"} 2\n"
            "h_bucket{a=\"2\",le=\"+Inf\"} 2\nh_sum{a=\"2\"} 2\nh_count{a=\"2\"} 2\n"
            "h_count{a=\"1\"} 2\n",
          "no _count" },
        { H "h_bucket{a=\"1\",le=\"+Inf\"} 2\nh_sum{a=\"1\"} 2\nh_count{a=\"1\"} 2\n"
            "h_bucket{a=\"2\",le=\"+Inf\"} 2\nh_sum{a=\"2\"} 2\nh_count{a=\"2\"} 2\n"
            "h_bucket{a=\"1\",le=\"1\"} 2\n",
          "mixed" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a = ARENA_INIT;
        struct err e = ERR_INIT;
        struct prom_doc d;
        int rc = prom_read(&a, cases[i].text, strlen(cases[i].text), PROM_TEXT, &d, &e);
        if (cases[i].why ? rc != -ERR_PARSE || !strstr(e.msg, cases[i].why) : rc != 0)
            fail_msg("case %zu: %d %s\n%s", i, rc, e.msg, cases[i].text);
        arena_done(&a);
    }
}

static void openmetrics_asks_for_more(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "# EOF\n", NULL },
        { HEAD("a", "counter") "a_total 1\na_created 1.5e9\n# EOF\n", NULL },
        { HEAD("a", "unknown") "a 1 1700000000.5\n# EOF\n", NULL },
        { "# HELP a \\\"text\\\"\n# TYPE a gauge\na 1\n# EOF\n", NULL },
        { HEAD("a", "counter") "a 1\n# EOF\n", "does not belong" },
        { HEAD("a", "untyped") "a 1\n# EOF\n", "no type" },
        { HEAD("a", "gauge") "a 1\n", "EOF is missing" },
        { HEAD("a", "gauge") "a 1\n# EOF\n# EOF\n", "behind # EOF" },
        { HEAD("a", "gauge") "\na 1\n# EOF\n", "empty line" },
        { HEAD("a", "gauge") "# comment\na 1\n# EOF\n", "comment" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a = ARENA_INIT;
        struct err e = ERR_INIT;
        struct prom_doc d;
        int rc = prom_read(&a, cases[i].text, strlen(cases[i].text), PROM_OPENMETRICS, &d, &e);
        if (cases[i].why ? rc != -ERR_PARSE || !strstr(e.msg, cases[i].why) : rc != 0)
            fail_msg("case %zu: %d %s\n%s", i, rc, e.msg, cases[i].text);
        arena_done(&a);
    }
}

static void the_format_is_what_was_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        enum prom_format format;
    } cases[] = {
        { NULL, PROM_TEXT },
        { "", PROM_TEXT },
        { "*/*", PROM_TEXT },
        { "text/plain", PROM_TEXT },
        { "application/json", PROM_TEXT },
        { "application/openmetrics-text", PROM_OPENMETRICS },
        { "application/openmetrics-text; version=1.0.0", PROM_OPENMETRICS },
        { "application/openmetrics-text; version=2.0.0", PROM_TEXT },
        { "application/openmetrics-textual", PROM_TEXT },
        { "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.9", PROM_TEXT },
        { "application/openmetrics-text;q=0, text/plain;q=0.1", PROM_TEXT },
        /* what Prometheus 2.42 sends */
        { "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
          "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
          PROM_OPENMETRICS },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (prom_negotiate(cases[i].accept) != cases[i].format) fail_msg("%s", cases[i].accept);
    assert_string_equal(prom_content_type(PROM_TEXT), "text/plain; version=0.0.4; charset=utf-8");
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(each_fault_is_refused),
        cmocka_unit_test(openmetrics_asks_for_more),
        cmocka_unit_test(the_format_is_what_was_asked_for),
    };
    return cmocka_run_group_tests_name("codec.promtext", t, NULL, NULL);
}
