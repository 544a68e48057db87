/* confirm.c: the question before something changes.
 *
 *   asked --Enter--> reason --Enter--> ready --y--> checking --same--> executing --done--> closed
 *     |                |                 |              '--changed--> refused      '--error-->
 * refused
 *     '------Esc-------'-------Esc-------'------------------ Esc -------------------------> closed
 *
 * asked: one argument is typed first, where the intent wants one. What offers nothing to confirm
 * opens as refused: a statement to read and close.
 * It acts on ids taken when it opened; the data behind it is frozen. Before executing it reads
 * again what it was based on and refuses when that has changed. The confirming key is y: no key
 * opens a question with y, and typing the reason needs Enter before y counts. */
#include "base/mem.h"
#include "base/utf8.h"
#include "views/ui.h"
#include "views/widgets/edit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum state { ST_ASKED, ST_REASON, ST_READY, ST_CHECKING, ST_EXECUTING, ST_REFUSED };

struct confirm {
    struct overlay o;
    struct intent in;
    enum state state;
    struct edit asked, reason;
    char problem[900];
};

static bool wants_reason(const struct confirm *c)
{
    const struct verb *v = verb_find(c->in.verb);
    return c->in.yes && (c->in.reason || (v && (v->flags & VERB_REASON)));
}

/* -- drawing ---------------------------------------------------------------------------- */

static void draw_line(struct canvas *cv, struct rect r, const struct intent_line *l)
{
    int label = r.w < 50 ? 13 : 18;
    canvas_fit(cv, rect_make(r.x, r.y, label - 1, 1), ROLE_DIM, l->label);
    int x = r.x + label, end = r.x + r.w;
    if (!l->to) {
        canvas_fit(cv, rect_make(x, r.y, end - x, 1), l->role ? l->role : ROLE_TEXT, l->from);
        return;
    }
    int w = (int)utf8_width(l->from);
    x += canvas_fit(cv, rect_make(x, r.y, end - x, 1), ROLE_TEXT, l->from);
    if (w < 10) x += 10 - w;
    x += canvas_text(cv, x, r.y, ROLE_DIM, " → ");
    w = canvas_fit(cv, rect_make(x, r.y, end - x, 1), l->note ? ROLE_STRONG : l->role, l->to);
    x += w < 10 ? 12 : w + 2;
    canvas_fit(cv, rect_make(x, r.y, end - x, 1), l->role, l->note);
}

static void draw_hints(const struct confirm *c, struct canvas *cv, struct rect at)
{
    const char *busy = c->state == ST_CHECKING    ? "looking whether it is still so …"
                       : c->state == ST_EXECUTING ? "working …"
                                                  : NULL;
    if (busy) {
        canvas_text(cv, at.x, at.y, ROLE_DIM, busy);
        return;
    }
    int x = at.x;
    bool typing = c->state == ST_ASKED || c->state == ST_REASON;
    if (typing) x += hint_draw(cv, rect_make(x, at.y, at.w, 1), "Enter", "next") + 3;
    if (c->state == ST_READY) x += hint_draw(cv, rect_make(x, at.y, at.w, 1), "y", c->in.yes) + 3;
    hint_draw(cv, rect_make(x, at.y, at.x + at.w - x, 1), "Esc",
              c->in.yes ? "leave it as it is" : "close");
}

static int draw_edit(struct canvas *cv, struct rect r, const char *label, const struct edit *e,
                     bool focus)
{
    int x = r.w < 50 ? 13 : 18;
    canvas_fit(cv, rect_make(r.x, r.y, x - 1, 1), ROLE_DIM, label);
    edit_draw(cv, rect_make(r.x + x, r.y, r.w - x, 1), e, focus);
    return 1;
}

static void confirm_draw(struct overlay *o, struct ui *ui, struct canvas *cv,
                         const struct frame_layout *f)
{
    (void)ui;
    struct confirm *c = (struct confirm *)o;
    int w = cv->w < 72 ? cv->w : 72;
    int problem = canvas_wrap(cv, rect_make(0, 0, w - 4, 0), ROLE_BAD, c->problem);
    int typed = (wants_reason(c) ? 1 : 0) + (c->in.ask_label ? 1 : 0);
    int below = 2 + typed + (problem ? problem + 1 : 0);
    int room = f->footer.y - f->header.h - 2;
    int lines = c->in.n_lines;
    bool air = lines + below + 1 <= room && typed;
    if (air) below++;
    if (lines > room - below) lines = room - below;
    if (lines < 0) lines = 0;
    struct rect screen = rect_make(0, f->header.h, cv->w, f->footer.y - f->header.h);
    enum role frame = c->in.production ? ROLE_PROD : ROLE_TITLE;
    struct rect r = window_draw(cv, screen, w, lines + below + 2, frame, c->in.text);
    struct rect old = canvas_clip(cv, r);
    int y = r.y;
    for (int i = 0; i < lines; i++) draw_line(cv, rect_make(r.x, y++, r.w, 1), &c->in.lines[i]);
    if (air) y++;
    struct rect line = rect_make(r.x, y, r.w, 1);
    if (c->in.ask_label)
        line.y += draw_edit(cv, line, c->in.ask_label, &c->asked, c->state == ST_ASKED);
    if (wants_reason(c)) line.y += draw_edit(cv, line, "reason", &c->reason, c->state == ST_REASON);
    y = line.y;
    if (problem) {
        canvas_wrap(cv, rect_make(r.x, y + 1, r.w, problem), ROLE_BAD, c->problem);
        y += problem + 1;
    }
    draw_hints(c, cv, rect_make(r.x, y + 1, r.w, 1));
    canvas_unclip(cv, old);
}

/* -- doing it --------------------------------------------------------------------------- */

static void refuse(struct confirm *c, const char *text, const char *hint)
{
    c->state = ST_REFUSED;
    snprintf(c->problem, sizeof c->problem, "%.500s%s%.300s", text, *hint ? "\n" : "", hint);
}

/* Of route and canary: where the traffic goes now. */
static void tell_route(struct ui *ui, const struct val *v, const char *seq)
{
    const struct val *arms = val_get(v, "arms");
    STR_AUTO s = STR_INIT;
    for (size_t i = 0; i < val_len(arms); i++) {
        double share = val_get_real(val_at(arms, i), "share", 0);
        if (share <= 0) continue;
        str_addf(&s, "%sv%lld %.4g %%", s.len ? ", " : "",
                 (long long)val_get_int(val_at(arms, i), "version", 0), 100 * share);
    }
    ui_say(ui, ROLE_OK, "✓ %s: %s%s", val_get_str(v, "name", "?"), str_c(&s), seq);
}

static void tell(struct ui *ui, const struct confirm *c, const struct val *v)
{
    char seq[48] = "", id[FMT_LEN];
    if (val_has(v, "audit_seq"))
        snprintf(seq, sizeof seq, " · audit %lld", (long long)val_get_int(v, "audit_seq", 0));
    if (val_has(v, "stage"))
        ui_say(ui, ROLE_OK, "✓ %s v%lld is now in %s%s", val_get_str(v, "name", "?"),
               (long long)val_get_int(v, "version", 0), val_get_str(v, "stage", "?"), seq);
    else if (val_has(v, "rule"))
        ui_say(ui, ROLE_OK, "✓ %s %s: %s", val_get_str(v, "model", "?"),
               val_get_str(v, "rule", "?"),
               str_eq(c->in.verb, "alert ack")       ? "acknowledged"
               : str_eq(c->in.verb, "alert silence") ? "silenced"
                                                     : "resolved");
    else if (val_has(v, "job_id"))
        ui_say(ui, ROLE_OK, "✓ job %s is %s", fmt_id(id, val_get_str(v, "job_id", NULL)),
               val_has(v, "duplicate_of") ? "there already and does it" : "queued");
    else if (val_has(v, "change")) tell_route(ui, v, seq);
    else if (val_has(v, "state"))
        ui_say(ui, ROLE_OK, "✓ job %s: %s", fmt_id(id, val_get_str(v, "id", "")),
               str_eq(c->in.verb, "job cancel") ? "asked to stop"
                                                : status_look(val_get_str(v, "state", "")).word);
    else ui_say(ui, ROLE_OK, "✓ %s: done%s", c->in.verb, seq);
}

static void executed(struct ui *ui, void *ctx, int rc, const struct reply *r, const struct err *e)
{
    struct confirm *c = ctx;
    ui_touch(ui);
    ui_changed(ui);
    if (rc) {
        refuse(c, e->msg, e->hint);
        return;
    }
    tell(ui, c, r->v);
    ui_close(ui, &c->o);
}

static void execute(struct ui *ui, struct confirm *c)
{
    c->state = ST_EXECUTING;
    if (c->in.ask_label) val_set_str(c->in.args, c->in.ask_arg, edit_text(&c->asked));
    if (wants_reason(c)) val_set_str(c->in.args, "reason", edit_text(&c->reason));
    if (!ui_post(ui, c->in.verb, c->in.args, executed, c))
        refuse(c, "this build does not have that verb", "");
}

static bool same_value(const struct val *a, const struct val *b)
{
    STR_AUTO x = STR_INIT;
    STR_AUTO y = STR_INIT;
    if (a) val_write_json(&x, a, 0);
    if (b) val_write_json(&y, b, 0);
    const char *p = x.len ? str_c(&x) : "null", *q = y.len ? str_c(&y) : "null";
    return str_eq(p, q);
}

static void checked(struct ui *ui, void *ctx, int rc, const struct reply *r, const struct err *e)
{
    struct confirm *c = ctx;
    ui_changed(ui);
    if (rc) {
        refuse(c, e->msg, e->hint);
    } else if (!same_value(fmt_path(r->v, c->in.check_path), c->in.check_value)) {
        ui_touch(ui);
        refuse(c, "Somebody changed this meanwhile, so nothing was done.",
               "Close this with Esc and look again.");
    } else {
        execute(ui, c);
    }
}

static void yes(struct ui *ui, struct confirm *c)
{
    if (!c->in.check_verb) {
        execute(ui, c);
        return;
    }
    c->state = ST_CHECKING;
    if (!ui_post(ui, c->in.check_verb, c->in.check_args, checked, c)) execute(ui, c);
}

/* -- keys -----------------------------------------------------------------------------------------
 */

static bool blank(const char *s)
{
    return s[strspn(s, " ")] == '\0';
}

static void reason_key(struct confirm *c, uint32_t key)
{
    if (key != K_ENTER) {
        edit_key(&c->reason, key);
        c->problem[0] = '\0';
    } else if (blank(edit_text(&c->reason))) {
        snprintf(c->problem, sizeof c->problem, "Say why: the audit log keeps it.");
    } else {
        c->problem[0] = '\0';
        c->state = ST_READY;
    }
}

static void asked_key(struct confirm *c, uint32_t key)
{
    if (key != K_ENTER) edit_key(&c->asked, key);
    else if (!blank(edit_text(&c->asked))) c->state = wants_reason(c) ? ST_REASON : ST_READY;
}

static void confirm_key(struct overlay *o, struct ui *ui, uint32_t key)
{
    struct confirm *c = (struct confirm *)o;
    if (c->state == ST_EXECUTING) return; /* it can no longer be left undone */
    if (key == K_ESC) {
        ui_close(ui, o);
        return;
    }
    bool back = key == K_BACKTAB || key == K_UP;
    if (c->state == ST_REASON && back && c->in.ask_label) c->state = ST_ASKED;
    else if (c->state == ST_ASKED) asked_key(c, key);
    else if (c->state == ST_REASON) reason_key(c, key);
    else if (c->state == ST_READY && key == 'y') yes(ui, c);
    else if (c->state == ST_READY && wants_reason(c) && (back || key == K_TAB))
        c->state = ST_REASON;
}

static void confirm_done(struct overlay *o)
{
    struct confirm *c = (struct confirm *)o;
    edit_done(&c->asked);
    edit_done(&c->reason);
    arena_done(c->in.arena);
    free(c->in.arena);
    free(c);
}

static const struct overlay_ops confirm_ops = { confirm_draw, confirm_key, confirm_done, true };

struct overlay *confirm_new(struct ui *ui, const struct intent *in)
{
    struct confirm *c = mem_zalloc(1, sizeof *c);
    c->o.ops = &confirm_ops;
    c->in = *in;
    c->state = !in->yes          ? ST_REFUSED
               : in->ask_label   ? ST_ASKED
               : wants_reason(c) ? ST_REASON
                                 : ST_READY;
    edit_set(&c->asked, in->ask_text);
    edit_set(&c->reason, ui_opt(ui)->reason);
    return &c->o;
}
