/* schedule.h: recurring work and the slots it ran in.
 *
 *   free --claim--> leased --done--> done
 *                    |  ^ '--postpone--.   (it could not be done now)
 *        lease runs out, or            |
 *        the postponed time came  <----'
 *                    '--claim by another, SCHEDULE_TRIES times at most
 *
 * However many processes are open, one of them wins the row of a slot and does the work. A
 * process that dies leaves a lease behind; when that ends one other takes the slot over. Ending
 * carries the number of the try, so who was taken over ends nothing. */
#pragma once
#include "store/store.h"
#include <stdint.h>

#define SCHEDULE_LEASE_US (10 * 60 * 1000000LL)
#define SCHEDULE_TRIES    3 /* work that kills each process that tries it ends with the slot */

struct slot_claim {
    const char *name;
    int64_t slot_us;
    int64_t tries; /* counted from 1 */
};
/* *ret_won is true for one caller at a time per (name, slot), and for nobody when the slot is
 * done, leased, tried too often, or more than 90 days before the newest one claimed. claimant
 * says who it is; name is borrowed. */
int schedule_claim(struct store *s, const char *name, int64_t slot_us, const char *claimant,
                   struct slot_claim *ret, bool *ret_won, struct err *e);
/* ERR_LEASE: somebody else has taken the slot over. */
int schedule_done(struct store *s, const struct slot_claim *c, struct err *e);
int schedule_postpone(struct store *s, const struct slot_claim *c, int64_t until_us,
                      struct err *e);
/* The newest slot claimed; slot_us 0: none. claimant in the arena. */
struct slot_state {
    int64_t slot_us, lease_until_us, done_us; /* done_us 0: not done */
    int64_t tries;
    const char *claimant;
};
int schedule_last(struct store *s, struct arena *a, const char *name, struct slot_state *ret,
                  struct err *e);
/* Can the slot of that state be claimed again at that time? */
bool schedule_left(const struct slot_state *st, int64_t now_us);

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
