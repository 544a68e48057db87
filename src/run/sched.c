/* sched.c: see sched.h.
 *
 *   timer --> post `schedule run --limit 1` --> answer: more is due -> post again
 *     ^                                           |
 *     '------- the next slot, at most a minute ---'
 *
 * Looking once a minute, even when no slot is near, notices changed settings and new models. */
#include "run/sched.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 60000, SOON_MS = 50 };

struct sched {
    struct verbthreads *threads;
    const struct clock *clock;
    const struct verb *verb;
    struct loop_timer *timer;
    void (*news)(void *user);
    void *user;
    uint64_t ticket; /* 0: nothing is under way */
};

static uint64_t wait_ms(const struct sched *s, const struct val *v)
{
    const char *next = val_get_str(v, "next_at", "");
    int64_t at;

    if (val_get_int(v, "due", 0) > 0) return 0;
    if (!clock_parse(next, strlen(next), &at)) return LOOK_MS;
    int64_t ms = (at - clock_now(s->clock)) / 1000 + SOON_MS;
    return ms < SOON_MS ? SOON_MS : ms > LOOK_MS ? LOOK_MS : (uint64_t)ms;
}

static void on_answer(void *user, int rc, const struct reply *r, const struct err *e)
{
    struct sched *s = user;

    (void)e; /* the log has it, and the next look may find it mended */
    s->ticket = 0;
    loop_timer_start(s->timer, rc ? LOOK_MS : wait_ms(s, r->v), 0);
    if (rc == 0 && s->news && val_len(val_get(r->v, "ran"))) s->news(s->user);
}

static void on_timer(void *user)
{
    struct sched *s = user;
    struct arena a = ARENA_INIT;
    struct val *args = val_obj(&a);

    val_set_int(args, "limit", 1);
    s->ticket = verbthreads_post(s->threads, s->verb, args, on_answer, s);
    arena_done(&a);
}

int sched_new(struct loop *l, struct verbthreads *t, const struct clock *clock, uint64_t after_ms,
              void (*news)(void *user), void *user, struct sched **ret, struct err *e)
{
    struct sched *s = mem_zalloc(1, sizeof *s);

    *s = (struct sched){
        .threads = t, .clock = clock, .verb = verb_find("schedule run"), .news = news, .user = user
    };
    int rc = loop_timer_new(l, on_timer, s, &s->timer, e);
    if (rc) {
        free(s);
        return rc;
    }
    loop_timer_start(s->timer, after_ms, 0);
    *ret = s;
    return 0;
}

void sched_free(struct sched *s)
{
    if (!s) return;
    if (s->ticket) verbthreads_cancel(s->threads, s->ticket);
    loop_timer_free(s->timer);
    free(s);
}
