/* schedule.c: slots of recurring work, one row each, won by whoever inserts it.
 *
 * Rows of slots long before the newest are removed, so the table stays small; such a slot
 * cannot be claimed any more, or it could be won twice. */
#include "store/schedule.h"
#include "store/store_priv.h"

#define KEEP_US (90 * 86400 * 1000000LL)

static int claim(struct store *s, const char *name, int64_t slot_us, bool *ret_won, struct err *e)
{
    int64_t changed = 0, newest = 0;
    int r = schedule_last(s, name, &newest, e);
    if (r < 0) return r;
    if (newest && slot_us < newest - KEEP_US) {
        *ret_won = false;
        return 0;
    }
    r = store_exec(s,
                   "INSERT INTO schedule_slot (name, slot_us, claimed_us) VALUES ($1, $2, $3)"
                   " ON CONFLICT (name, slot_us) DO NOTHING",
                   DB_ARGS(db_t(name), db_i(slot_us), db_i(store_now(s))), &changed, e);
    if (r < 0) return r;
    *ret_won = changed > 0;
    if (!changed) return 0;
    return store_exec(s, "DELETE FROM schedule_slot WHERE name = $1 AND slot_us < $2",
                      DB_ARGS(db_t(name), db_i(slot_us - KEEP_US)), NULL, e);
}

int schedule_claim(struct store *s, const char *name, int64_t slot_us, bool *ret_won, struct err *e)
{
    bool own, won = false;
    int r = name_check("schedule", name, 500, e);
    if (r == 0) r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = tx_leave(s, own, claim(s, name, slot_us, &won, e), e);
    if (r == 0) *ret_won = won;
    return r;
}

int schedule_last(struct store *s, const char *name, int64_t *ret_slot_us, struct err *e)
{
    return db_number(s->db, "SELECT max(slot_us) FROM schedule_slot WHERE name = $1",
                     DB_ARGS(db_t(name)), 0, ret_slot_us, e);
}
