/* learners.c: the table of learners, made from learners.def.
 *
 * An explicit table rather than constructors that register themselves: the linker drops an
 * object of a static library that nothing refers to, and with it a silent capability. Any
 * thread: the table is constant. */
#include "engine/learn/learner.h"

#include "base/str.h"
#include "base/val.h"

#define LEARNER(name) extern const struct learner learner_##name;
#include "engine/learn/learners.def"
#undef LEARNER

const struct learner *const learners[] = {
#define LEARNER(name) &learner_##name,
#include "engine/learn/learners.def"
#undef LEARNER
    NULL,
};

const struct learner *learner_find(const char *name)
{
    for (const struct learner *const *l = learners; *l; l++)
        if (str_eq((*l)->name, name)) return *l;
    return NULL;
}

enum encoding input_encoding(const struct val *params)
{
    const char *input = val_get_str(params, "input", "auto");

    return str_eq(input, "auto") ? ENC_EITHER : str_eq(input, "image") ? ENC_IMAGE : ENC_DENSE;
}
