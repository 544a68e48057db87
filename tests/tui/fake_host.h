/* fake_host.h: the interface with recorded replies instead of verb threads, and a frozen clock.
 * Replies come from replies.json: by verb, or by verb and its subject ("model show fraud"). */
#pragma once
#include "base/vec.h"
#include "views/ui.h"

struct posted {
    const struct verb *verb;
    struct arena arena;
    struct val *args;
    struct ui_call *call;
};
struct fake {
    struct arena arena;
    struct val *replies;
    VEC(struct posted *) queue;
    struct ui *ui;
    struct canvas cv;
    int64_t now_us;
    char fail_verb[40]; /* this verb answers fail_with */
    struct err fail_with;
    char last_write[40];  /* the last verb with VERB_WRITE that was called … */
    struct str last_args; /* … and its arguments as JSON */
};

void fake_open(struct fake *f, int w, int h, bool ascii);
void fake_close(struct fake *f);
/* Polls and answers until nothing is asked any more; the cursor counts as resting. */
void fake_settle(struct fake *f);
void fake_answer(struct fake *f); /* answers what was asked, without polling */
void fake_draw(struct fake *f);
/* Keys as text: characters, and <Enter> <Esc> <Tab> <Up> … ; settles after each. */
void fake_keys(struct fake *f, const char *keys);
const char *fake_source(const char *file); /* path below tests/tui */
