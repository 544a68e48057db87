/* progress.c: news of a job to standard error. A bar is redrawn at most ten times a second,
 * with one write, and wiped before anything else is printed; it never scrolls the screen. */
#include "batch/progress.h"
#include "base/clock.h"
#include "base/utf8.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { BAR_WIDTH = 24, REDRAW_US = 100000 };

static void put(const struct progress *p, const struct str *s)
{
    for (size_t at = 0; at < s->len;) {
        ssize_t n = write(p->fd, s->p + at, s->len - at);
        if (n < 0 && errno != EINTR) return; /* nobody reads: progress is not worth an error */
        if (n > 0) at += (size_t)n;
    }
}

static void put_json(const struct progress *p, const struct job_news *n)
{
    struct arena a = ARENA_INIT;
    struct val *v = val_obj(&a);
    STR_AUTO s = STR_INIT;
    val_set_str(v, "event", "progress");
    val_set_real(v, "progress", n->progress);
    if (n->state) val_set_str(v, "state", n->state);
    if (n->message) val_set_str(v, "message", n->message);
    val_write_json(&s, v, 0);
    str_addc(&s, '\n');
    put(p, &s);
    arena_done(&a);
}

static void put_bar(struct progress *p, const struct job_news *n)
{
    int64_t now = clock_mono_us();
    if (p->drawn && now - p->drawn_us < REDRAW_US && n->progress < 1) return;
    double share = n->progress > 1 ? 1 : n->progress > 0 ? n->progress : 0;
    int full = (int)(share * BAR_WIDTH);
    STR_AUTO s = STR_INIT;
    str_add(&s, "\r\033[K[");
    for (int i = 0; i < BAR_WIDTH; i++) {
        const char *block = p->ascii ? "#" : "█", *gap = p->ascii ? "." : "░";
        str_add(&s, i < full ? block : gap);
    }
    str_addf(&s, "] %3d%% ", (int)(share * 100));
    size_t used = BAR_WIDTH + 9, room = p->width > used ? p->width - used : 0;
    STR_AUTO text = STR_INIT;
    str_add(&text, n->message && *n->message ? n->message : n->state ? n->state : "");
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.p[i] < 0x20) text.p[i] = ' ';
    str_addn(&s, str_c(&text), utf8_fit(str_c(&text), room));
    put(p, &s);
    p->drawn = true;
    p->drawn_us = now;
}

void progress_news(void *user, const struct job_news *n)
{
    struct progress *p = user;
    if (p->mode == PROGRESS_JSON) put_json(p, n);
    else if (p->mode == PROGRESS_BAR) put_bar(p, n);
}

void progress_end(struct progress *p)
{
    if (!p->drawn) return;
    STR_AUTO s = STR_INIT;
    str_add(&s, "\r\033[K");
    put(p, &s);
    p->drawn = false;
}
