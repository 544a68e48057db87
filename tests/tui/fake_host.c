/* fake_host.c: see fake_host.h. Used by the golden-screen tests and by those of the curses
 * layer, so both show the same screens. */
#include "fake_host.h"
#include "base/file.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW_US 1773457920000000LL /* 2026-03-14T03:12:00Z */

const char *fake_source(const char *file)
{
    static char path[512];
    const char *top = getenv("top_srcdir");
    snprintf(path, sizeof path, "%s/tests/tui/%s", top ? top : "..", file);
    return path;
}

static void post(void *user, const struct verb *v, const struct val *args, struct ui_call *call)
{
    struct fake *f = user;
    struct posted *p = mem_zalloc(1, sizeof *p);
    p->verb = v;
    p->call = call;
    p->args = args ? val_copy(&p->arena, args) : NULL;
    vec_push(&f->queue, p);
    if (!(v->flags & VERB_WRITE) || val_get_bool(args, "dry-run", false)) return;
    snprintf(f->last_write, sizeof f->last_write, "%s", v->name);
    str_clear(&f->last_args);
    if (args) val_write_json(&f->last_args, args, 0);
}

void fake_open(struct fake *f, int w, int h, bool ascii)
{
    struct str text = STR_INIT;
    struct err e = ERR_INIT;
    *f = (struct fake){ .now_us = NOW_US };
    if (file_read(fake_source("replies.json"), 1 << 22, &text, &e) ||
        val_parse_json(&f->arena, text.p, text.len, &f->replies, &e)) {
        fprintf(stderr, "replies.json: %s\n", e.msg);
        abort();
    }
    str_done(&text);
    struct ui_options opt = { .workspace = "/srv/ml", .actor = "anna", .now_us = f->now_us };
    struct ui_host host = { .user = f, .post = post };
    f->ui = ui_new(&opt, &host);
    canvas_init(&f->cv, w, h, ascii);
    fake_settle(f);
}

void fake_close(struct fake *f)
{
    fake_answer(f);
    ui_free(f->ui);
    canvas_done(&f->cv);
    for (size_t i = 0; i < f->queue.n; i++) {
        arena_done(&f->queue.p[i]->arena);
        free(f->queue.p[i]);
    }
    vec_done(&f->queue);
    str_done(&f->last_args);
    arena_done(&f->arena);
}

static const struct val *reply_for(const struct fake *f, const struct posted *p)
{
    static const char *const subjects[] = { "metric", "run",   "name",   "job",
                                            "alert",  "sweep", "target", "data" };
    const char *at = val_get_str(p->args, "at", NULL);
    const char *name = val_get_str(p->args, "name", NULL);
    char key[200];
    snprintf(key, sizeof key, "%s%s%s at %s", p->verb->name, name ? " " : "", name ? name : "", at);
    if (at && val_has(f->replies, key)) return val_get(f->replies, key);
    if (val_len(val_get(p->args, "set"))) {
        snprintf(key, sizeof key, "%s set", p->verb->name);
        return val_get(f->replies, key);
    }
    for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
        const char *s = val_get_str(p->args, subjects[i], NULL);
        if (!s) continue;
        snprintf(key, sizeof key, "%s %s", p->verb->name, s);
        if (val_has(f->replies, key)) return val_get(f->replies, key);
    }
    return val_get(f->replies, p->verb->name);
}

static void answer(struct fake *f, struct posted *p)
{
    struct err e = ERR_INIT;
    struct reply r;
    reply_init(&r);
    const struct val *v = reply_for(f, p);
    int rc = 0;
    if (str_eq(f->fail_verb, p->verb->name)) {
        e = f->fail_with;
        rc = -(int)e.kind;
    } else if (v) {
        r.v = val_copy(&r.arena, v);
    } else {
        rc = err_set(&e, ERR_NOTFOUND, "no recorded reply of '%s'", p->verb->name);
    }
    ui_call_done(p->call, rc, &r, &e);
    reply_done(&r);
    arena_done(&p->arena);
    free(p);
}

void fake_answer(struct fake *f)
{
    size_t n = f->queue.n;
    for (size_t i = 0; i < n; i++) answer(f, f->queue.p[i]);
    memmove(f->queue.p, f->queue.p + n, (f->queue.n - n) * sizeof *f->queue.p);
    f->queue.n -= n;
}

void fake_settle(struct fake *f)
{
    f->now_us += 100000; /* the cursor rests; the minute stays the same */
    ui_poll(f->ui, f->now_us);
    for (int i = 0; f->queue.n && i < 20; i++) {
        fake_answer(f);
        ui_poll(f->ui, f->now_us);
    }
}

void fake_draw(struct fake *f)
{
    ui_draw(f->ui, &f->cv);
}

static uint32_t named_key(const char *s, size_t n)
{
    for (uint32_t key = 1; key <= K_LAST; key = key == K_BACKSPACE ? (uint32_t)K_UP : key + 1) {
        char name[KEY_NAME_LEN];
        key_label(name, key);
        if (strlen(name) == n && memcmp(name, s, n) == 0) return key;
    }
    fprintf(stderr, "no key <%.*s>\n", (int)n, s);
    abort();
}

void fake_keys(struct fake *f, const char *keys)
{
    while (*keys) {
        uint32_t key = (unsigned char)*keys;
        size_t n = strcspn(keys, ">");
        if (*keys == '<' && keys[1] && keys[n] == '>') {
            key = named_key(keys + 1, n - 1);
            keys += n;
        }
        keys++;
        ui_key(f->ui, key, f->now_us);
        fake_settle(f);
    }
}
