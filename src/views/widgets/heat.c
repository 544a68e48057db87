/* heat.c: see heat.h. */
#include "views/widgets/heat.h"
#include "base/utf8.h"

static const struct {
    uint32_t glyph;
    char ascii;
    enum role role;
    const char *text; /* NULL: not in the legend */
} steps[HEAT_STEPS] = {
    [HEAT_NONE] = { ' ', ' ', ROLE_HEAT1, NULL },
    [HEAT_FEW] = { '?', '?', ROLE_HEAT1, "too few rows" },
    [HEAT_CALM] = { 0x00b7, '.', ROLE_HEAT1, "as ever" },
    [HEAT_WARM] = { 0x2591, ':', ROLE_HEAT2, "a little off" },
    [HEAT_NEAR] = { 0x2592, '~', ROLE_HEAT3, "negligible" },
    [HEAT_DRIFTED] = { 0x2593, 'x', ROLE_HEAT4, "drifted" },
    [HEAT_FAR] = { 0x2588, '#', ROLE_HEAT5, "far" },
};

static uint32_t glyph(const struct canvas *cv, enum heat step)
{
    return cv->ascii ? (uint32_t)steps[step].ascii : steps[step].glyph;
}

void heat_put(struct canvas *cv, struct rect at, enum heat step)
{
    enum role role = steps[step].role;
    canvas_fill(cv, rect_make(at.x, at.y, at.w, 1), role, glyph(cv, step));
    if (at.w > 2) canvas_put(cv, at.x + at.w - 1, at.y, role, ' ');
}

void heat_legend(struct canvas *cv, struct rect at)
{
    int x = at.x;
    for (int i = HEAT_FAR; i > HEAT_NONE; i--) {
        int need = 2 + (int)utf8_width(steps[i].text);
        if (x + need > at.x + at.w) return;
        canvas_put(cv, x, at.y, steps[i].role, glyph(cv, (enum heat)i));
        canvas_text(cv, x + 2, at.y, ROLE_DIM, steps[i].text);
        x += need + 2;
    }
}
