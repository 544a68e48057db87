/* explain.h: the parts of the verb explain that have files of their own. */
#pragma once
#include "app/scoring.h"
#include "app/verb.h"

/* Arguments pdp, class, grid, sample, ice, threads; adds columns, class, rows, points … to the
 * reply. ERR_USAGE, ERR_INVALID. */
int explain_dependence(const struct scoring *s, const struct val *args, struct reply *r,
                       struct err *e);
