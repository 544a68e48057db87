/* request.h: what a key asks for. Keys, footer and help come from the rows of keys.def.
 * Const tables; any thread. */
#pragma once
#include "views/key.h"
#include <stdbool.h>

enum view_id {
#define VIEW(id, title, letter, help) VIEW_##id,
#include "views/views.def"
#undef VIEW
    VIEW_COUNT
};
enum {
    IN_OVERVIEW = 1 << VIEW_overview,
    IN_RUNS = 1 << VIEW_runs,
    IN_REGISTRY = 1 << VIEW_registry,
    IN_JOBS = 1 << VIEW_jobs,
    IN_AUDIT = 1 << VIEW_audit,
    IN_MONITOR = 1 << VIEW_monitor,
    IN_ALERTS = 1 << VIEW_alerts,
    IN_DRIFT = 1 << VIEW_drift,
    IN_RETRAIN = 1 << VIEW_retrain,
    IN_SERVING = 1 << VIEW_serving,
    IN_WHATIF = 1 << VIEW_whatif,
    IN_SWEEPS = 1 << VIEW_sweeps,
    IN_DATASETS = 1 << VIEW_datasets,
    IN_TIME = IN_MONITOR | IN_ALERTS | IN_DRIFT | IN_RETRAIN, /* follow the time cursor */
    IN_ALL = (1 << VIEW_COUNT) - 1,
};
enum { KEY_SELECTION = 1, KEY_MUTATES = 2, KEY_CONFIRM = 4, KEY_QUIET = 8 };

enum request {
    REQ_NONE,
#define KEY(id, key1, key2, where, flags, label, help) REQ_##id,
#include "views/keys.def"
#undef KEY
    REQ_COUNT
};
struct binding {
    enum request req;
    uint32_t key1, key2;
    unsigned where, flags;
    const char *label, *help;
};
extern const struct binding bindings[]; /* label NULL ends; in the order of keys.def */
const struct binding *binding_of(enum request req);
/* What key asks for in a pane; REQ_NONE: nothing. */
enum request binding_find(enum view_id view, uint32_t key);
