/* overlap.h: two histograms over the same bins laid over each other: what both share is solid,
 * what is more than in the reference stands out, what is missing is left as a shade. So it reads
 * the same without colour: "█ both  ▓ more  ░ less", in ASCII "# x .". Pure. */
#pragma once
#include "base/val.h"
#include "views/canvas.h"

/* bins: {labels[], reference[], current[]} of counts, as snapshots have them; shares are drawn.
 * A row a bin with its label where there are rows enough, else a column a bin. */
void overlap_draw(struct canvas *cv, struct rect r, const struct val *bins, const char *title,
                  const char *current);
