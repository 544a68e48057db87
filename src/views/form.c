/* form.c: a form for some arguments of a verb, made from its parameter rows: the same names,
 * ranges and messages as on the command line. Enter goes on to the next field and from the last
 * one to the start line; a wrong value is said under the fields and nothing is lost. */
#include "base/mem.h"
#include "views/ui.h"
#include "views/widgets/edit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS = 16, LABEL = 14 };

struct form {
    struct overlay o;
    const struct verb *verb;
    const struct param *params[FIELDS];
    struct edit edits[FIELDS];
    int n, at; /* at == n: the start line */
    char problem[900];
    char known[300]; /* data sets, for the field `data` */
};

/* -- drawing ---------------------------------------------------------------------------- */

static const char *field_hint(const struct form *f, const struct param *p)
{
    if (str_eq(p->name, "data") && f->known[0]) return f->known;
    return p->choices ? p->choices : p->help;
}

static void draw_field(const struct form *f, struct canvas *cv, struct rect r, int i)
{
    const struct param *p = f->params[i];
    bool here = f->at == i;
    bool must = p->flags & PARAM_REQUIRED;
    canvas_printf(cv, r.x, r.y, here ? ROLE_TITLE : ROLE_DIM, "%s%s", p->name, must ? " *" : "");
    struct rect at = rect_make(r.x + LABEL, r.y, r.w - LABEL, 1);
    edit_draw(cv, at, &f->edits[i], here);
    if (*edit_text(&f->edits[i])) return;
    canvas_fit(cv, rect_make(at.x + 2, at.y, at.w - 2, 1), ROLE_RULE, field_hint(f, p));
}

static void form_draw(struct overlay *o, struct ui *ui, struct canvas *cv,
                      const struct frame_layout *f)
{
    (void)ui;
    struct form *p = (struct form *)o;
    int w = cv->w < 76 ? cv->w : 76;
    int problem = canvas_wrap(cv, rect_make(0, 0, w - 4, 0), ROLE_BAD, p->problem);
    int room = f->footer.y - f->header.h - 4 - problem;
    int shown = p->n < room ? p->n : room > 1 ? room : 1;
    int first = p->at >= shown ? (p->at < p->n ? p->at : p->n - 1) - shown + 1 : 0;
    struct rect screen = rect_make(0, f->header.h, cv->w, f->footer.y - f->header.h);
    char title[80];
    snprintf(title, sizeof title, "%s: %s", p->verb->name, p->verb->help);
    struct rect r = window_draw(cv, screen, w, shown + problem + 4, ROLE_TITLE, title);
    struct rect old = canvas_clip(cv, r);
    for (int i = 0; i < shown; i++) draw_field(p, cv, rect_make(r.x, r.y + i, r.w, 1), first + i);
    int y = r.y + shown;
    canvas_wrap(cv, rect_make(r.x, y, r.w, problem), ROLE_BAD, p->problem);
    y += problem + 1;
    bool start = p->at == p->n;
    int x = r.x;
    if (start) canvas_put(cv, x, y, ROLE_KEY, 0x25b8);
    x += 2 + hint_draw(cv, rect_make(x + 2, y, r.w, 1), "Enter", start ? "start" : "next") + 3;
    x += hint_draw(cv, rect_make(x, y, r.w, 1), "^S", "start now") + 3;
    hint_draw(cv, rect_make(x, y, r.x + r.w - x, 1), "Esc", "close");
    canvas_unclip(cv, old);
}

/* -- doing it -----------------------------------------------------------------------------------
 */

/* "k=v k2=v2" or "a,b" as the object or list the parameter wants. */
static void set_words(struct arena *a, struct val *args, const struct param *p, const char *text)
{
    struct val *list =
        p->type == PARAM_LIST ? val_set_list(args, p->name) : val_set_obj(args, p->name);
    for (const char *s = text + strspn(text, " ,"); *s; s += strspn(s, " ,")) {
        size_t n = strcspn(s, " ,");
        char *word = arena_strndup(a, s, n);
        char *eq = strchr(word, '=');
        if (p->type == PARAM_LIST) {
            val_push_str(list, word);
        } else {
            if (eq) *eq = '\0';
            val_set_str(list, word, eq ? eq + 1 : "");
        }
        s += n;
    }
}

static void submit(struct ui *ui, struct form *f)
{
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct val *in = val_obj(&a), *args = NULL;
    for (int i = 0; i < f->n; i++) {
        const struct param *p = f->params[i];
        const char *text = edit_text(&f->edits[i]);
        if (!*text) continue;
        if (p->type == PARAM_KV || p->type == PARAM_LIST) set_words(&a, in, p, text);
        else val_set_str(in, p->name, text);
    }
    if (param_bind_val(f->verb->params, &a, in, &args, &e)) {
        snprintf(f->problem, sizeof f->problem, "%.560s%s%.300s", e.msg, e.hint[0] ? "\n" : "",
                 e.hint);
    } else {
        ui_run(ui, f->verb, args);
        ui_close(ui, &f->o);
    }
    arena_done(&a);
}

static void cycle_choice(struct form *f, int by)
{
    const char *choices = f->params[f->at]->choices, *now = edit_text(&f->edits[f->at]);
    const char *all[16];
    size_t len[16];
    int n = 0, here = -1;
    for (const char *s = choices; *s && n < 16; n++) {
        all[n] = s;
        len[n] = strcspn(s, "|");
        if (strlen(now) == len[n] && memcmp(now, s, len[n]) == 0) here = n;
        s += len[n] + (s[len[n]] == '|');
    }
    int next = here < 0 ? (by > 0 ? 0 : n - 1) : (here + by + n) % n;
    char text[80];
    snprintf(text, sizeof text, "%.*s", (int)len[next], all[next]);
    edit_set(&f->edits[f->at], text);
}

static void form_key(struct overlay *o, struct ui *ui, uint32_t key)
{
    struct form *f = (struct form *)o;
    bool choice = f->at < f->n && f->params[f->at]->choices;
    if (key == K_ESC) ui_close(ui, o);
    else if (key == K_CTRL('s') || (key == K_ENTER && f->at == f->n)) submit(ui, f);
    else if (key == K_ENTER || key == K_TAB || key == K_DOWN) f->at = (f->at + 1) % (f->n + 1);
    else if (key == K_UP || key == K_BACKTAB) f->at = (f->at + f->n) % (f->n + 1);
    else if (choice && (key == K_LEFT || key == K_RIGHT || key == ' '))
        cycle_choice(f, key == K_LEFT ? -1 : 1);
    else if (f->at < f->n && edit_key(&f->edits[f->at], key)) f->problem[0] = '\0';
}

static void form_done(struct overlay *o)
{
    struct form *f = (struct form *)o;
    for (int i = 0; i < f->n; i++) edit_done(&f->edits[i]);
    free(f);
}

static const struct overlay_ops form_ops = { form_draw, form_key, form_done, false };

static void know_datasets(struct ui *ui, void *ctx, int rc, const struct reply *r,
                          const struct err *e)
{
    (void)e;
    struct form *f = ctx;
    const struct val *list = rc ? NULL : val_get(r->v, "datasets");
    STR_AUTO s = STR_INIT;
    for (size_t i = 0; i < val_len(list); i++)
        str_addf(&s, "%s%s", i ? ", " : "a file, or ", val_get_str(val_at(list, i), "name", ""));
    snprintf(f->known, sizeof f->known, "%.290s", str_c(&s));
    ui_changed(ui);
}

struct overlay *form_new(struct ui *ui, const struct verb *verb, const char *const *names)
{
    struct form *f = mem_zalloc(1, sizeof *f);
    f->o.ops = &form_ops;
    f->verb = verb;
    for (; *names && f->n < FIELDS; names++) {
        const struct param *p = param_find(verb->params, *names);
        if (!p) continue;
        if (p->dflt && !(p->flags & PARAM_REQUIRED)) edit_set(&f->edits[f->n], p->dflt);
        f->params[f->n++] = p;
    }
    if (verb_find("data list")) ui_post(ui, "data list", NULL, know_datasets, f);
    return &f->o;
}
