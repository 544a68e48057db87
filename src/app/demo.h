/* demo.h: the sample transactions as CSV text, for the demo workspace and the files in data/.
 * Deterministic: the same specification gives the same bytes on every machine. */
#pragma once
#include "app/app.h"
#include "base/str.h"
#include "engine/demo.h"

#define DEMO_MODEL "fraud"
/* A day of predictions and labels of that model, drifted from its middle on, measured and judged,
 * and a retraining that waits in the queue. Does nothing on a complete one, and completes one that was interrupted. */
int demo_day(struct app *app, struct arena *a, uint64_t seed, bool *changed, struct err *e);

/* Header and rows, appended to *out. ERR_NOMEM, ERR_INVALID. */
int demo_csv(const struct demo_spec *spec, struct str *out, struct err *e);
/* Midnight before the first transaction of all sample data, 2026-01-05 (a Monday). */
#define DEMO_START_US     (1767571200LL * 1000000)
#define DEMO_NEW_START_US (DEMO_START_US + 90 * 86400 * 1000000LL) /* the rows to score */
