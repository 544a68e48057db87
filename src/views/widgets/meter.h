/* meter.h: small charts in one line: a gauge, a bar and a sparkline. All draw inside the row
 * given, scale to its width and need no state. ASCII: '#' and '-'. */
#pragma once
#include "views/canvas.h"

/* Progress in a trough; fraction is clamped to 0..1, NAN draws an empty trough. */
void meter_gauge(struct canvas *cv, struct rect at, enum role role, double fraction);
/* A bar without trough, in eighths of a cell. */
void meter_bar(struct canvas *cv, struct rect at, enum role role, double fraction);
/* One column a value (the mean of several when there are more values than columns), scaled
 * between the smallest and the largest. NANs are gaps. */
void meter_spark(struct canvas *cv, struct rect at, enum role role, const double *v, size_t n);
