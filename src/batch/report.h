/* report.h: what was done, for CI: every verb that ran, and every check and gate inside its
 * reply, as JUnit XML or a Markdown table. One owner. */
#pragma once
#include "app/reply.h"
#include "base/vec.h"

struct report_case {
    const char *name, *group; /* "model promote", "signalbox"; checks: their name, the verb */
    double seconds;
    bool failed;
    const char *detail; /* "" or why it failed; for checks also why not */
};
struct report {
    struct arena a;
    VEC(struct report_case) cases;
};
void report_init(struct report *r);
void report_done(struct report *r);
/* e: the verb's error, or NULL; reply: NULL when it failed. where: "FILE:LINE" or NULL. */
void report_add(struct report *r, const char *verb, const char *where, double seconds,
                const struct reply *reply, const struct err *e);
void report_junit(const struct report *r, struct str *out);
void report_markdown(const struct report *r, struct str *out);
