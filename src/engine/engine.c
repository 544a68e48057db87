/* engine.c: the small words every part of the engine shares: progress, notes, tasks.
 *
 * A note is one line for a log; it is formatted here into a fixed buffer, so that a remark can
 * be made anywhere without memory. Called on the thread that called the engine. */
#include "engine/engine.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>

void engine_progress(const struct engine *en, const struct engine_progress *p)
{
    if (en->progress) en->progress(en->user, p);
}

void engine_note(const struct engine *en, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    if (!en->note) return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    en->note(en->user, line);
}

static const struct {
    enum task task;
    const char *name;
} task_names[] = {
    { TASK_BINARY, "binary" },
    { TASK_MULTICLASS, "multiclass" },
    { TASK_REGRESSION, "regression" },
};

const char *task_name(enum task t)
{
    for (size_t i = 0; i < ARRAY_LEN(task_names); i++)
        if (task_names[i].task == t) return task_names[i].name;
    return "unknown";
}

bool task_parse(const char *s, enum task *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(task_names); i++)
        if (str_eq(task_names[i].name, s)) {
            *ret = task_names[i].task;
            return true;
        }
    return false;
}
