/* tile.h: a monitored model as a box on the Overview: state and what to do, the main metric as
 * promoted and now, drift, latency, volume, labels, age. Pure. */
#pragma once
#include "base/val.h"
#include "views/canvas.h"

enum { TILE_W = 38, TILE_MOST = 64, TILE_H = 5 }; /* least and most columns; rows */

/* model: of the reply of overview; its field `monitoring` is of monitor status. */
void tile_draw(struct canvas *cv, struct rect r, const struct val *model);
