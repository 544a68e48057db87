/* theme.h: roles a cell can play and how a terminal shows them.
 *
 * Views name roles, never colours. A role is drawn on a ground: the terminal's own background,
 * the selection, or a bar. Only the terminal layer looks at colour numbers. Const tables; any
 * thread. */
#pragma once

enum role {
#define ROLE(id, fg256, lit256, fg8, attr, mono, help) ROLE_##id,
#include "views/theme.def"
#undef ROLE
    ROLE_COUNT
};

enum ground { GROUND_PLAIN, GROUND_SELECT, GROUND_BAR, GROUND_COUNT };

enum { ATTR_BOLD = 1, ATTR_DIM = 2, ATTR_UNDERLINE = 4, ATTR_REVERSE = 8 };

struct theme_role {
    const char *name;
    short fg256, lit256, fg8;
    unsigned char attr, mono;
    const char *help;
};
extern const struct theme_role theme_roles[ROLE_COUNT];

struct theme_ground {
    const char *name;
    short bg256, bg8; /* -1: the terminal's own */
    unsigned char mono;
};
extern const struct theme_ground theme_grounds[GROUND_COUNT];

enum role theme_series(unsigned i); /* role of the i-th line of a chart, repeating */
