/* monitored.c: the row of a monitored model, and the store's memory of the one in use; see
 * monitor_priv.h for why. The memory holds only inside a write transaction, where nobody else
 * can change the row; outside, every look goes to the table. */
#include "base/mem.h"
#include "store/monitor_priv.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct monitored_memo {
    char *name;
    struct monitored m;
    struct monitored_news news;
    bool changed;
};

static void read_model(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    *(struct monitored *)ret = (struct monitored){
        .id = db_i64(st, 0),
        .orphans = db_i64(st, 1),
        .pruned = !db_is_null(st, 2),
        .pruned_us = db_i64(st, 2),
    };
}

static int look_up(struct store *s, const char *model, struct monitored *ret, struct err *e)
{
    *ret = (struct monitored){ 0 };
    int r = store_one(s, NULL, "SELECT id, n_orphans, pruned_us FROM monitored WHERE name = $1",
                      DB_ARGS(db_t(model)), read_model, ret, e);
    return r < 0 ? r : 0;
}

int monitored_find(struct store *s, const char *model, struct monitored *ret, struct err *e)
{
    if (s->memo && str_eq(s->memo->name, model)) {
        *ret = s->memo->m;
        return 0;
    }
    return look_up(s, model, ret, e);
}

static int look_up_or_make(struct store *s, const char *model, struct monitored *ret, struct err *e)
{
    int r = look_up(s, model, ret, e);
    if (r < 0 || ret->id) return r;
    r = name_check("model", model, 500, e);
    if (r < 0) return r;
    r = store_exec(s,
                   "INSERT INTO monitored (id, name)"
                   " VALUES ((SELECT coalesce(max(id), 0) + 1 FROM monitored), $1)",
                   DB_ARGS(db_t(model)), NULL, e);
    return r < 0 ? r : look_up(s, model, ret, e);
}

int monitored_ensure(struct store *s, const char *model, struct monitored *ret, struct err *e)
{
    assert(store_in_tx(s));
    if (!s->memo || !str_eq(s->memo->name, model)) {
        struct monitored m;
        int r = monitored_flush(s, e);
        if (r == 0) r = look_up_or_make(s, model, &m, e);
        if (r < 0) return r;
        monitored_forget(s);
        s->memo = mem_zalloc(1, sizeof *s->memo);
        s->memo->name = mem_strdup(model);
        s->memo->m = m;
    }
    *ret = s->memo->m;
    return 0;
}

void monitored_count(struct store *s, struct monitored_news news)
{
    struct monitored_memo *memo = s->memo;
    assert(memo);
    memo->news.rows += news.rows;
    memo->news.labels += news.labels;
    memo->news.orphans += news.orphans;
    memo->m.orphans += news.orphans;
    memo->changed = true;
}

int monitored_flush(struct store *s, struct err *e)
{
    struct monitored_memo *memo = s->memo;
    if (!memo || !memo->changed) return 0;
    int r = store_exec(s,
                       "UPDATE monitored SET n_rows = n_rows + $2, n_labels = n_labels + $3,"
                       " n_orphans = n_orphans + $4, ingest_us = $5 WHERE id = $1",
                       DB_ARGS(db_i(memo->m.id), db_i(memo->news.rows), db_i(memo->news.labels),
                               db_i(memo->news.orphans), db_i(store_now(s))),
                       NULL, e);
    if (r < 0) return r;
    memo->news = (struct monitored_news){ 0 };
    memo->changed = false;
    return 0;
}

void monitored_forget(struct store *s)
{
    if (!s->memo) return;
    free(s->memo->name);
    free(s->memo);
    s->memo = NULL;
}
