/* filter.c: the filter of a pane, typed in the footer. Applied when Enter is pressed, so that a
 * long list does not jump under the typing; Esc leaves the filter as it was. */
#include "base/mem.h"
#include "views/ui.h"
#include "views/widgets/edit.h"
#include <stdlib.h>

struct filter {
    struct overlay o;
    struct edit edit;
};

static void filter_draw(struct overlay *o, struct ui *ui, struct canvas *cv,
                        const struct frame_layout *f)
{
    struct filter *p = (struct filter *)o;
    struct rect r = f->footer;
    canvas_fill(cv, r, ROLE_TEXT, ' ');
    int used = canvas_text(cv, r.x + 1, r.y, ROLE_KEY, "/") + 1;
    edit_draw(cv, rect_make(r.x + used, r.y, r.w - used - 1, 1), &p->edit, true);
    if (!*edit_text(&p->edit) && ui_view(ui)->id == VIEW_runs)
        canvas_fit(cv, rect_make(r.x + used + 2, r.y, r.w - used - 3, 1), ROLE_DIM,
                   "part of a name, or metrics.auc > 0.8 and params.algorithm = 'gbdt'");
}

static void filter_key(struct overlay *o, struct ui *ui, uint32_t key)
{
    struct filter *p = (struct filter *)o;
    if (key == K_ENTER) ui_apply_filter(ui, edit_text(&p->edit));
    if (key == K_ENTER || key == K_ESC) ui_close(ui, o);
    else edit_key(&p->edit, key);
}

static void filter_done(struct overlay *o)
{
    struct filter *p = (struct filter *)o;
    edit_done(&p->edit);
    free(p);
}

static const struct overlay_ops filter_ops = { filter_draw, filter_key, filter_done, false };

struct overlay *filter_new(const char *text)
{
    struct filter *p = mem_zalloc(1, sizeof *p);
    p->o.ops = &filter_ops;
    edit_set(&p->edit, text);
    return &p->o;
}
