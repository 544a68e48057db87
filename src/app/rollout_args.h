/* rollout_args.h: arguments of `route set` and `canary start` as a rollout that could be stored.
 * What cannot be honoured is refused here, before anything is written. */
#pragma once
#include "app/rollout.h"

int rollout_from_args(struct app *app, struct arena *a, const struct val *args,
                      const struct rollout **ret, struct err *e);
int canary_from_args(struct app *app, struct arena *a, const struct val *args,
                     const struct rollout **ret, struct err *e);
/* "20ms" "90s" "15m" "1h" "1d"; "0": none. */
bool rollout_duration(const char *text, int64_t *ret_us);
