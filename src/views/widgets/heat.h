/* heat.h: cells of a heat map in five steps, each with a glyph, an ASCII character and a role
 * (theme.def) of its own, so a map reads the same without colour. Pure. */
#pragma once
#include "views/canvas.h"

enum heat {
    HEAT_NONE, /* nothing known: a blank */
    HEAT_FEW,  /* too few rows to say */
    HEAT_CALM, /* as in the reference */
    HEAT_WARM, /* a little off */
    HEAT_NEAR, /* more than chance, not enough to count */
    HEAT_DRIFTED,
    HEAT_FAR, /* drifted far */
    HEAT_STEPS
};
#define HEAT_LEGEND_W 60
/* Fills one line of at; from three columns on the last is the gap to the next cell. */
void heat_put(struct canvas *cv, struct rect at, enum heat step);
/* What the steps mean, in one line, as far as it fits. */
void heat_legend(struct canvas *cv, struct rect at);
