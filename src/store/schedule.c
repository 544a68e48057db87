/* schedule.c: slots of recurring work, one row each; see schedule.h.
 *
 * Rows of slots long before the newest are removed, so the table stays small; such a slot
 * cannot be claimed any more, or it could be won twice. */
#include "store/schedule.h"
#include "store/store_priv.h"

#define KEEP_US (90 * 86400 * 1000000LL)

static void read_tries(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    *(int64_t *)ret = db_i64(st, 0);
}

/* One statement decides: who inserts the row, or updates one that was left, has won. */
static int claim(struct store *s, const char *name, int64_t slot_us, const char *claimant,
                 int64_t *ret_tries, struct err *e)
{
    int64_t newest = 0, now = store_now(s);
    int r = db_number(s->db, "SELECT max(slot_us) FROM schedule_slot WHERE name = $1",
                      DB_ARGS(db_t(name)), 0, &newest, e);
    *ret_tries = 0;
    if (r < 0 || (newest && slot_us < newest - KEEP_US)) return r;
    r = store_one(s, NULL,
                  "INSERT INTO schedule_slot"
                  " (name, slot_us, claimed_us, claimant, lease_until_us, done_us, tries)"
                  " VALUES ($1, $2, $3, $4, $5, 0, 1) ON CONFLICT (name, slot_us) DO UPDATE SET"
                  " claimed_us = excluded.claimed_us, claimant = excluded.claimant,"
                  " lease_until_us = excluded.lease_until_us, tries = schedule_slot.tries + 1"
                  " WHERE schedule_slot.done_us = 0 AND schedule_slot.lease_until_us <= $3"
                  " AND schedule_slot.tries < $6 RETURNING tries",
                  DB_ARGS(db_t(name), db_i(slot_us), db_i(now), db_t(claimant),
                          db_i(now + SCHEDULE_LEASE_US), db_i(SCHEDULE_TRIES)),
                  read_tries, ret_tries, e);
    if (r <= 0) return r;
    return store_exec(s, "DELETE FROM schedule_slot WHERE name = $1 AND slot_us < $2",
                      DB_ARGS(db_t(name), db_i(slot_us - KEEP_US)), NULL, e);
}

int schedule_claim(struct store *s, const char *name, int64_t slot_us, const char *claimant,
                   struct slot_claim *ret, bool *ret_won, struct err *e)
{
    bool own;
    int64_t tries = 0;
    int r = name_check("schedule", name, 500, e);
    if (r == 0) r = name_check("claimant", claimant, 200, e);
    if (r == 0) r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = tx_leave(s, own, claim(s, name, slot_us, claimant, &tries, e), e);
    if (r < 0) return r;
    *ret_won = tries > 0;
    if (tries) *ret = (struct slot_claim){ name, slot_us, tries };
    return 0;
}

/* What only the holder of the claim may do. */
static int end(struct store *s, const char *sql, const struct slot_claim *c, int64_t at_us,
               struct err *e)
{
    int64_t changed = 0;
    int r = store_exec(
        s, sql, DB_ARGS(db_t(c->name), db_i(c->slot_us), db_i(c->tries), db_i(at_us)), &changed, e);
    if (r < 0 || changed) return r;
    return err_set(e, ERR_LEASE, "slot of %s: somebody else has taken it over", c->name);
}

int schedule_done(struct store *s, const struct slot_claim *c, struct err *e)
{
    return end(s,
               "UPDATE schedule_slot SET done_us = $4 WHERE name = $1 AND slot_us = $2"
               " AND tries = $3 AND done_us = 0",
               c, store_now(s), e);
}

int schedule_postpone(struct store *s, const struct slot_claim *c, int64_t until_us, struct err *e)
{
    return end(s,
               "UPDATE schedule_slot SET lease_until_us = $4 WHERE name = $1 AND slot_us = $2"
               " AND tries = $3 AND done_us = 0",
               c, until_us, e);
}

static void read_state(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct slot_state *)ret = (struct slot_state){
        .slot_us = db_i64(st, 0),
        .lease_until_us = db_i64(st, 1),
        .done_us = db_i64(st, 2),
        .tries = db_i64(st, 3),
        .claimant = db_dup_or(st, 4, a),
    };
}

int schedule_last(struct store *s, struct arena *a, const char *name, struct slot_state *ret,
                  struct err *e)
{
    struct slot_state last = { .claimant = "" };
    int r = store_one(s, a,
                      "SELECT slot_us, lease_until_us, done_us, tries, claimant"
                      " FROM schedule_slot WHERE name = $1 ORDER BY slot_us DESC LIMIT 1",
                      DB_ARGS(db_t(name)), read_state, &last, e);
    if (r < 0) return r;
    *ret = last;
    return 0;
}

bool schedule_left(const struct slot_state *st, int64_t now_us)
{
    return !st->done_us && st->lease_until_us <= now_us && st->tries < SCHEDULE_TRIES;
}
