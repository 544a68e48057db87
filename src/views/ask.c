/* ask.c: one line of text that a pane asks for, typed in the footer behind its label. Enter hands
 * it to the pane, Esc leaves things as they are. */
#include "base/mem.h"
#include "views/ui.h"
#include "views/widgets/edit.h"
#include <stdlib.h>

struct ask {
    struct overlay o;
    struct edit edit;
    char *label, *id;
    struct view *view;
    void (*take)(struct view *v, const char *id, const char *text);
};

static void ask_draw(struct overlay *o, struct ui *ui, struct canvas *cv,
                     const struct frame_layout *f)
{
    struct ask *p = (struct ask *)o;
    struct rect r = f->footer;
    (void)ui;
    canvas_fill(cv, r, ROLE_TEXT, ' ');
    int used = canvas_fit(cv, rect_make(r.x + 1, r.y, r.w / 2, 1), ROLE_KEY, p->label) + 2;
    edit_draw(cv, rect_make(r.x + used, r.y, r.w - used - 1, 1), &p->edit, true);
}

static void ask_key(struct overlay *o, struct ui *ui, uint32_t key)
{
    struct ask *p = (struct ask *)o;
    if (key == K_ENTER) p->take(p->view, p->id, edit_text(&p->edit));
    if (key == K_ENTER || key == K_ESC) ui_close(ui, o);
    else edit_key(&p->edit, key);
}

static void ask_done(struct overlay *o)
{
    struct ask *p = (struct ask *)o;
    edit_done(&p->edit);
    free(p->label);
    free(p->id);
    free(p);
}

static const struct overlay_ops ask_ops = { ask_draw, ask_key, ask_done, false };

struct overlay *ask_new(struct ui *ui, const struct intent *in)
{
    struct ask *p = mem_zalloc(1, sizeof *p);
    p->o.ops = &ask_ops;
    p->label = mem_strdup(in->ask_label);
    p->id = mem_strdup(in->id);
    p->view = ui_view(ui);
    p->take = in->take;
    edit_set(&p->edit, in->ask_text ? in->ask_text : "");
    return &p->o;
}
