/* report.c: collecting results and writing them as JUnit XML or Markdown. A verb that answers
 * with exit code 3 has failed as a test case although its reply is complete; the lists
 * `checks` and `gates` of a reply become cases of their own. */
#include "batch/report.h"
#include <string.h>

void report_init(struct report *r)
{
    memset(r, 0, sizeof *r);
    arena_init(&r->a);
}

void report_done(struct report *r)
{
    vec_done(&r->cases);
    arena_done(&r->a);
}

static void add_items(struct report *r, const char *verb, const struct val *list)
{
    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *item = val_at(list, i);
        bool ok = val_get_bool(item, "ok", val_get_bool(item, "passed", true));
        const char *fix = val_get_str(item, "fix", "");
        const struct report_case c = {
            .name = arena_strdup(&r->a, val_get_str(item, "name", "?")),
            .group = verb,
            .failed = !ok,
            .detail = arena_printf(&r->a, "%s%s%s", val_get_str(item, "detail", ""),
                                   *fix ? "; " : "", fix),
        };
        vec_push(&r->cases, c);
    }
}

void report_add(struct report *r, const char *verb, const char *where, double seconds,
                const struct reply *reply, const struct err *e)
{
    const char *name = arena_strdup(&r->a, verb);
    bool no = reply && reply->exit;
    const char *why = e    ? arena_printf(&r->a, "%s%s%s", e->msg, *e->hint ? "; " : "", e->hint)
                      : no ? "the check says no"
                           : "";
    const struct report_case c = {
        .name = where ? arena_printf(&r->a, "%s (%s)", verb, where) : name,
        .group = "signalbox",
        .seconds = seconds,
        .failed = e || no,
        .detail = why,
    };
    vec_push(&r->cases, c);
    if (!reply) return;
    add_items(r, name, val_get(reply->v, "checks"));
    add_items(r, name, val_get(reply->v, "gates"));
}

/* Characters XML 1.0 cannot hold are dropped. */
static void xml_text(struct str *out, const char *s)
{
    for (; *s; s++) {
        switch (*s) {
        case '<': str_add(out, "&lt;"); break;
        case '>': str_add(out, "&gt;"); break;
        case '&': str_add(out, "&amp;"); break;
        case '"': str_add(out, "&quot;"); break;
        case '\n': str_add(out, "&#10;"); break;
        default:
            if ((unsigned char)*s >= 0x20 || *s == '\t') str_addc(out, *s);
        }
    }
}

void report_junit(const struct report *r, struct str *out)
{
    size_t failed = 0;
    double seconds = 0;
    for (size_t i = 0; i < r->cases.n; i++) {
        failed += r->cases.p[i].failed;
        seconds += r->cases.p[i].seconds;
    }
    str_addf(out,
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
             "<testsuite name=\"signalbox\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" "
             "time=\"%.3f\">\n",
             r->cases.n, failed, seconds);
    for (size_t i = 0; i < r->cases.n; i++) {
        const struct report_case *c = &r->cases.p[i];
        str_add(out, "<testcase classname=\"");
        xml_text(out, c->group);
        str_add(out, "\" name=\"");
        xml_text(out, c->name);
        str_addf(out, "\" time=\"%.3f\"", c->seconds);
        if (c->failed) {
            str_add(out, "><failure message=\"");
            xml_text(out, c->detail);
            str_add(out, "\"/></testcase>\n");
        } else {
            str_add(out, "/>\n");
        }
    }
    str_add(out, "</testsuite>\n</testsuites>\n");
}

/* One cell: no line breaks, and '|' would end it. */
static void markdown_text(struct str *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '|' || *s == '\\') str_addc(out, '\\');
        str_addc(out, *s == '\n' || *s == '\r' ? ' ' : *s);
    }
}

void report_markdown(const struct report *r, struct str *out)
{
    size_t failed = 0;
    for (size_t i = 0; i < r->cases.n; i++) failed += r->cases.p[i].failed;
    str_addf(out, "**signalbox**: %zu of %zu passed\n\n", r->cases.n - failed, r->cases.n);
    str_add(out, "| | what | seconds | detail |\n|---|---|---:|---|\n");
    for (size_t i = 0; i < r->cases.n; i++) {
        const struct report_case *c = &r->cases.p[i];
        bool inner = !str_eq(c->group, "signalbox");
        str_addf(out, "| %s | ", c->failed ? "failed" : "passed");
        if (inner) markdown_text(out, c->group);
        if (inner) str_add(out, ": ");
        markdown_text(out, c->name);
        str_add(out, " | ");
        if (!inner) str_addf(out, "%.1f", c->seconds);
        str_add(out, " | ");
        markdown_text(out, c->detail);
        str_add(out, " |\n");
    }
}
