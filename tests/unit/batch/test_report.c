/* test_report.c: JUnit XML and Markdown of what was done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "batch/report.h"
#include <string.h>

static void fill(struct report *r)
{
    static const char json[] =
        "{\"checks\":[{\"name\":\"disk|free\",\"ok\":true,\"detail\":\"1 GB\",\"fix\":null},"
        "{\"name\":\"audit\",\"ok\":false,\"detail\":\"row 3\",\"fix\":\"restore\"}],"
        "\"gates\":[{\"name\":\"auc\",\"passed\":false,\"detail\":\"0.7 < 0.8\"}]}";
    struct err e = ERR_INIT;
    struct reply reply;
    reply_init(&reply);
    assert_int_equal(val_parse_json(&reply.arena, json, strlen(json), &reply.v, &e), 0);
    reply.exit = 3;
    report_init(r);
    report_add(r, "doctor", "a.txt:1", 1.25, &reply, NULL);
    reply.exit = 0;
    reply.v = NULL;
    report_add(r, "run list", NULL, 0.5, &reply, NULL);
    err_set(&e, ERR_NOTFOUND, "no \"<x>\" & \x01y\nz");
    report_add(r, "model show", NULL, 0, NULL, &e);
    reply_done(&reply);
}

static void t_junit(void **state)
{
    (void)state;
    struct report r;
    STR_AUTO s = STR_INIT;
    fill(&r);
    report_junit(&r, &s);
    assert_string_equal(
        str_c(&s),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
        "<testsuite name=\"signalbox\" tests=\"6\" failures=\"4\" errors=\"0\" time=\"1.750\">\n"
        "<testcase classname=\"signalbox\" name=\"doctor (a.txt:1)\" time=\"1.250\">"
        "<failure message=\"the check says no\"/></testcase>\n"
        "<testcase classname=\"doctor\" name=\"disk|free\" time=\"0.000\"/>\n"
        "<testcase classname=\"doctor\" name=\"audit\" time=\"0.000\">"
        "<failure message=\"row 3; restore\"/></testcase>\n"
        "<testcase classname=\"doctor\" name=\"auc\" time=\"0.000\">"
        "<failure message=\"0.7 &lt; 0.8\"/></testcase>\n"
        "<testcase classname=\"signalbox\" name=\"run list\" time=\"0.500\"/>\n"
        "<testcase classname=\"signalbox\" name=\"model show\" time=\"0.000\">"
        "<failure message=\"no &quot;&lt;x&gt;&quot; &amp; y&#10;z\"/></testcase>\n"
        "</testsuite>\n</testsuites>\n");
    report_done(&r);
}

static void t_markdown(void **state)
{
    (void)state;
    struct report r;
    STR_AUTO s = STR_INIT;
    fill(&r);
    report_markdown(&r, &s);
    assert_string_equal(str_c(&s), "**signalbox**: 2 of 6 passed\n\n"
                                   "| | what | seconds | detail |\n|---|---|---:|---|\n"
                                   "| failed | doctor (a.txt:1) | 1.2 | the check says no |\n"
                                   "| passed | doctor: disk\\|free |  | 1 GB |\n"
                                   "| failed | doctor: audit |  | row 3; restore |\n"
                                   "| failed | doctor: auc |  | 0.7 < 0.8 |\n"
                                   "| passed | run list | 0.5 |  |\n"
                                   "| failed | model show | 0.0 | no \"<x>\" & \x01y z |\n");
    report_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(t_junit), cmocka_unit_test(t_markdown) };
    return cmocka_run_group_tests_name("batch.report", tests, NULL, NULL);
}
