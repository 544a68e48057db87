/* schedule.h: recurring work and the slots it ran in. However many processes are open, one of
 * them wins the row of a slot and does the work. */
#pragma once
#include "store/store.h"
#include <stdint.h>

/* True in *ret_won for exactly one caller per (name, slot); for nobody when the slot is more than
 * 90 days before the newest one claimed. */
int schedule_claim(struct store *s, const char *name, int64_t slot_us, bool *ret_won,
                   struct err *e);
int schedule_last(struct store *s, const char *name, int64_t *ret_slot_us, struct err *e); /* 0: never */

/* Decisions of the retrain policy, as made: evidence and outcome. */
struct retrain_row {
    const char *id, *model;
    int64_t at_us;
    const char *actor, *trigger;  /* trigger: policy | schedule | manual */
    bool should_retrain, dry_run;
    const char *job_id, *duplicate_of; /* NULL: none */
    const char *dedup_key;
    const char *decision;         /* JSON: reasons, evidence, blockers, rollback_criteria */
};
/* id NULL: one is made. at_us 0: now. */
int retrain_add(struct store *s, const struct retrain_row *r, struct err *e); /* in a tx */
/* Newest first; model NULL: all; limit 0: 100. */
int retrain_list(struct store *s, struct arena *a, const char *model, int64_t limit,
                 struct retrain_row **ret, size_t *n, struct err *e);
