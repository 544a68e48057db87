/* stage.c: see stage.h. */
#include "engine/model/stage.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static void relay(void *user, const struct engine_progress *p)
{
    struct stage *s = user;
    double part = p->total ? (double)p->done / (double)p->total : 0;
    double share = ((double)(s->done - 1) + fmin(part, 1)) / (double)s->total;
    const struct engine_progress q = { .what = s->what,
                                       .done = (size_t)(100 * share),
                                       .total = 100,
                                       .train = (double)NAN,
                                       .valid = (double)NAN };

    engine_progress(s->outer, &q);
}

static void pass_note(void *user, const char *line)
{
    const struct stage *s = user;

    engine_note(s->outer, "%s: %s", s->what, line);
}

void stage_begin(struct stage *s, const struct engine *outer, size_t total)
{
    *s = (struct stage){ .outer = outer, .total = total, .en = *outer };
    s->en.progress = relay;
    s->en.note = pass_note;
    s->en.user = s;
}

const struct engine *stage_next(struct stage *s, const char *what, ...)
{
    va_list ap;

    va_start(ap, what);
    vsnprintf(s->what, sizeof s->what, what, ap);
    va_end(ap);
    assert(s->done < s->total);
    s->done++;
    return &s->en;
}
