/* theme.c: the rows of theme.def as tables. Reads nothing, holds no state; any thread. */
#include "views/theme.h"

const struct theme_role theme_roles[ROLE_COUNT] = {
#define ROLE(id, fg256, lit256, fg8, attr, mono, help)                                             \
    [ROLE_##id] = { #id, fg256, lit256, fg8, attr, mono, help },
#include "views/theme.def"
#undef ROLE
};

const struct theme_ground theme_grounds[GROUND_COUNT] = {
    [GROUND_PLAIN] = { "plain", -1, -1, 0 },
    [GROUND_SELECT] = { "select", 24, 4, ATTR_REVERSE },
    [GROUND_BAR] = { "bar", 236, 0, ATTR_REVERSE },
};

enum role theme_series(unsigned i)
{
    return (enum role)(ROLE_S1 + i % 6);
}
