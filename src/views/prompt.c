/* prompt.c: the ':' line with completion and history. Candidates stand above the line while one
 * types; Tab takes what all of them share, then goes through them; Up and Down recall lines
 * that begin with what was typed. */
#include "base/mem.h"
#include "base/utf8.h"
#include "views/command.h"
#include "views/widgets/edit.h"
#include <stdlib.h>
#include <string.h>

enum { ROWS = 8 };

struct prompt {
    struct overlay o;
    struct edit edit;
    char *typed;  /* before history or Tab changed the line */
    int recalled; /* entries back, -1: the line itself */
    int cycled;   /* candidate taken last, -1: none */
};

static void forget_typed(struct prompt *p)
{
    free(p->typed);
    p->typed = NULL;
    p->recalled = p->cycled = -1;
}

static const char *typed(struct prompt *p)
{
    if (!p->typed) p->typed = mem_strdup(edit_text(&p->edit));
    return p->typed;
}

/* -- drawing ---------------------------------------------------------------------------- */

static void draw_candidates(const struct prompt *p, struct ui *ui, struct canvas *cv,
                            struct rect footer)
{
    struct arena a = ARENA_INIT;
    struct candidate list[CANDIDATES];
    size_t start;
    const char *line = p->typed && p->cycled >= 0 ? p->typed : edit_text(&p->edit);
    const char *synopsis = command_synopsis(&a, line);
    int n = command_complete(ui, &a, line, list, &start);
    int rows = n < ROWS ? n : ROWS, extra = synopsis ? 1 : 0;
    if (rows + extra > footer.y - 3) rows = footer.y - 3 - extra;
    int first = p->cycled >= rows ? p->cycled - rows + 1 : 0;
    struct rect r = rect_make(footer.x, footer.y - rows - extra, footer.w, rows + extra);
    cv->ground = GROUND_BAR;
    canvas_fill(cv, r, ROLE_TEXT, ' ');
    for (int i = 0; i < rows; i++) {
        const struct candidate *c = &list[first + i];
        struct rect at = rect_make(r.x + 2, r.y + i, 26, 1);
        int used = canvas_fit(cv, at, first + i == p->cycled ? ROLE_STRONG : ROLE_KEY, c->text);
        int x = at.x + (used > 18 ? used : 18) + 2;
        canvas_fit(cv, rect_make(x, at.y, r.x + r.w - x - 1, 1), ROLE_DIM, c->help);
    }
    if (synopsis) canvas_fit(cv, rect_make(r.x + 2, r.y + rows, r.w - 3, 1), ROLE_TEXT, synopsis);
    cv->ground = GROUND_PLAIN;
    arena_done(&a);
}

static void prompt_draw(struct overlay *o, struct ui *ui, struct canvas *cv,
                        const struct frame_layout *f)
{
    struct prompt *p = (struct prompt *)o;
    struct rect r = f->footer;
    draw_candidates(p, ui, cv, r);
    canvas_fill(cv, r, ROLE_TEXT, ' ');
    int used = canvas_text(cv, r.x + 1, r.y, ROLE_KEY, ":") + 1;
    edit_draw(cv, rect_make(r.x + used, r.y, r.w - used - 1, 1), &p->edit, true);
}

/* -- keys ------------------------------------------------------------------------------- */

static size_t common_prefix(const struct candidate *list, int n)
{
    size_t len = strlen(list[0].text);
    for (int i = 1; i < n; i++) {
        size_t k = 0;
        while (k < len && list[i].text[k] == list[0].text[k]) k++;
        len = k;
    }
    return len;
}

static void complete(struct prompt *p, struct ui *ui, int by)
{
    struct arena a = ARENA_INIT;
    struct candidate list[CANDIDATES];
    size_t start;
    int n = command_complete(ui, &a, typed(p), list, &start);
    size_t have = strlen(typed(p)) - start;
    if (n > 0) {
        size_t shared = common_prefix(list, n);
        edit_set(&p->edit, typed(p));
        if (n == 1 || (p->cycled < 0 && shared > have)) {
            const char *text = arena_strndup(&a, list[0].text, shared);
            edit_complete(&p->edit, start, n == 1 ? arena_printf(&a, "%s ", text) : text);
            forget_typed(p);
        } else {
            p->cycled = p->cycled < 0 ? (by > 0 ? 0 : n - 1) : (p->cycled + by + n) % n;
            edit_complete(&p->edit, start, list[p->cycled].text);
        }
    }
    arena_done(&a);
}

static void recall(struct prompt *p, const struct ui *ui, int by)
{
    const char *head = typed(p);
    for (int i = p->recalled + by; i >= -1; i += by) {
        const char *line = i < 0 ? head : ui_history(ui, (size_t)i);
        if (!line) return;
        if (!str_starts(line, head)) continue;
        p->recalled = i;
        edit_set(&p->edit, line);
        return;
    }
}

static void prompt_key(struct overlay *o, struct ui *ui, uint32_t key)
{
    struct prompt *p = (struct prompt *)o;
    bool empty_back = key == K_BACKSPACE && !*edit_text(&p->edit);
    if (key == K_TAB || key == K_BACKTAB) {
        complete(p, ui, key == K_TAB ? 1 : -1);
    } else if (key == K_UP || key == K_DOWN) {
        recall(p, ui, key == K_UP ? 1 : -1);
    } else if (key == K_ENTER) {
        char *line = mem_strdup(edit_text(&p->edit));
        ui_close(ui, o);
        ui_command(ui, line);
        free(line);
    } else if (key == K_ESC || empty_back) {
        ui_close(ui, o);
    } else {
        forget_typed(p);
        edit_key(&p->edit, key);
    }
}

static void prompt_done(struct overlay *o)
{
    struct prompt *p = (struct prompt *)o;
    edit_done(&p->edit);
    free(p->typed);
    free(p);
}

static const struct overlay_ops prompt_ops = { prompt_draw, prompt_key, prompt_done, false };

struct overlay *prompt_new(const char *text, size_t at)
{
    struct prompt *p = mem_zalloc(1, sizeof *p);
    p->o.ops = &prompt_ops;
    p->recalled = p->cycled = -1;
    edit_set(&p->edit, text);
    if (at && at < p->edit.text.len) p->edit.pos = at;
    return &p->o;
}
