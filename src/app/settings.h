/* settings.h: signalbox.yaml of the workspace: typed settings with defaults, per model where
 * that makes sense. Rows in settings.def; unknown names, wrong types and out-of-range values
 * are errors with file and line. Read once per app; a changed file is read again by app_open.
 *
 * signalbox.yaml
 *   monitoring:
 *     window: 1d            # defaults for every model
 *     min_rows: 50
 *     models:
 *       fraud: { window: 1h, reference: card_transactions }
 *     rules:                # added to, or replacing by name, the default rules
 *       - { name: auc_low, metric: auc, op: "<", value: 0.8, kind: performance }
 *   notify:
 *     - { name: oncall, type: webhook, url: "http://…", secret_env: SIGNALBOX_HOOK_SECRET }
 *   retrain: { cooldown: 1d, min_labels: 500, schedule: "0 3 * * 1", … }
 *   serve: { timeout_ms: 500, default: fraud, models: { fraud: { cache_entries: 0 } } } */
#pragma once
#include "base/val.h"

/* The bound document (an object, defaults filled in) for a workspace folder. No file: all
 * defaults. */
int settings_load(struct arena *a, const char *dir, struct val **ret, struct err *e);
/* Monitoring settings of a model: its own over the general ones. Same fields as `monitoring`
 * without `models`. */
const struct val *settings_model(const struct val *settings, const char *model);
/* Settings of the daemon for a model (NULL: the general ones), likewise. */
const struct val *settings_serve(const struct val *settings, const char *model);
/* "90s" "15m" "1h" "1d" "1w" -> microseconds. */
bool settings_duration(const char *text, int64_t *ret_us);
