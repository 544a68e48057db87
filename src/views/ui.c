/* ui.c: life of the interface, keys, and what requests lead to.
 *
 * A key goes to the topmost window, else through keys.def to a request: the interface handles
 * movement and switching itself, the rest is the pane's. A pane answers with an intent (view.h)
 * and never executes anything. */
#include "base/mem.h"
#include "views/ui_priv.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ui *ui_new(const struct ui_options *opt, const struct ui_host *host)
{
    struct ui *ui = mem_zalloc(1, sizeof *ui);
    ui->opt = *opt;
    ui->host = *host;
    ui->now_us = opt->now_us;
    ui->revision = 1;
    ui->dirty = true;
    for (int i = 0; i < VIEW_COUNT; i++) {
        view_init(&ui->views[i], (enum view_id)i);
        ui->views[i].now_us = opt->now_us;
        ui->views[i].focus = &ui->focus;
    }
    return ui;
}

/* Whoever still waits is told that no answer will come, and frees what it kept for it. */
static void cancel_calls(struct ui *ui)
{
    const struct err e = { .kind = ERR_CANCELLED, .msg = "cancelled" };
    while (ui->calls) {
        struct reply r;
        reply_init(&r);
        ui_call_done(ui->calls, -ERR_CANCELLED, &r, &e);
        reply_done(&r);
    }
}

void ui_free(struct ui *ui)
{
    if (!ui) return;
    cancel_calls(ui);
    while (ui->top) ui_close(ui, ui->top);
    for (int i = 0; i < VIEW_COUNT; i++) view_done(&ui->views[i]);
    for (int i = 0; i < HISTORY; i++) free(ui->history[i]);
    free(ui);
}

/* -- calls ------------------------------------------------------------------------------ */

struct ui_call *ui_post(struct ui *ui, const char *verb, const struct val *args, ui_done *done,
                        void *ctx)
{
    const struct verb *v = verb_find(verb);
    if (!v) {
        ui_say(ui, ROLE_BAD, "this build has no verb '%s'", verb);
        return NULL;
    }
    struct ui_call *c = mem_zalloc(1, sizeof *c);
    *c = (struct ui_call){ ui, ui->calls, v, done, ctx };
    ui->calls = c;
    ui->host.post(ui->host.user, v, args, c);
    return c;
}

void *ui_call_host(const struct ui_call *call)
{
    return call->ui->host.user;
}

void ui_call_done(struct ui_call *call, int rc, const struct reply *r, const struct err *e)
{
    struct ui *ui = call->ui;
    struct ui_call **at = &ui->calls;
    while (*at != call) at = &(*at)->next;
    *at = call->next;
    if (call->done) call->done(ui, call->ctx, rc, r, e);
    free(call);
}

void ui_forget(struct ui *ui, const void *ctx)
{
    for (struct ui_call *c = ui->calls; c; c = c->next)
        if (c->ctx == ctx) c->done = NULL;
}

const char *ui_busy(const struct ui *ui)
{
    for (const struct ui_call *c = ui->calls; c; c = c->next)
        if ((c->verb->flags & VERB_LONG) && (c->verb->flags & VERB_WRITE)) return c->verb->name;
    return NULL;
}

/* -- messages, windows ------------------------------------------------------------------ */

void ui_say(struct ui *ui, enum role role, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(ui->message, sizeof ui->message, fmt, ap);
    va_end(ap);
    ui->message_role = role;
    ui->dirty = true;
}

void ui_say_err(struct ui *ui, const struct err *e)
{
    ui_say(ui, ROLE_BAD, "✗ %s%s%s", e->msg, e->hint[0] ? " · " : "", e->hint);
}

void ui_push(struct ui *ui, struct overlay *o)
{
    o->below = ui->top;
    ui->top = o;
    ui->dirty = true;
}

/* A window that nobody asked for right now must not take the keys from one in use. */
void ui_output(struct ui *ui, const char *title, const char *text)
{
    size_t line = strcspn(text, "\n");
    ui->message[0] = '\0';
    if (line < 160 && text[line + (text[line] == '\n')] == '\0') {
        ui_say(ui, ROLE_OK, "✓ %.*s", (int)line, text);
        return;
    }
    struct overlay *o = popup_new(title, text), **at = &ui->top;
    while (*at) at = &(*at)->below;
    *at = o;
    ui->dirty = true;
}

void ui_close(struct ui *ui, struct overlay *o)
{
    struct overlay **at = &ui->top;
    while (*at != o) at = &(*at)->below;
    *at = o->below;
    ui_forget(ui, o);
    o->ops->done(o);
    ui->dirty = true;
}

bool ui_frozen(const struct ui *ui)
{
    for (const struct overlay *o = ui->top; o; o = o->below)
        if (o->ops->freezes) return true;
    return false;
}

bool ui_dialog(const struct ui *ui)
{
    return ui->top != NULL;
}
bool ui_dirty(const struct ui *ui)
{
    return ui->dirty;
}
bool ui_quitting(const struct ui *ui)
{
    return ui->quit;
}
void ui_quit(struct ui *ui)
{
    ui->quit = true;
}
int64_t ui_now(const struct ui *ui)
{
    return ui->now_us;
}
void ui_changed(struct ui *ui)
{
    ui->dirty = true;
}
void ui_touch(struct ui *ui)
{
    ui->revision++;
}
struct view *ui_view(struct ui *ui)
{
    return &ui->views[ui->current];
}
const struct ui_options *ui_opt(const struct ui *ui)
{
    return &ui->opt;
}

void ui_show(struct ui *ui, enum view_id view)
{
    struct view *was = &ui->views[ui->current], *v = &ui->views[view];
    const char *model = was->ops->model ? was->ops->model(was) : NULL;
    if (model && *model) snprintf(ui->focus.model, sizeof ui->focus.model, "%s", model);
    ui->current = view;
    ui->dirty = true;
    if (v != was && v->ops->enter) v->ops->enter(v);
}

void ui_welcome(struct ui *ui)
{
    ui_push(ui, popup_new("Welcome to signalbox",
                          "This workspace is empty, so signalbox now trains a first model for you: "
                          "card transactions from a generator, a model that finds fraud.\n\n"
                          "Pane 4 Jobs shows it running, with its log. Then pane 2 Runs has the "
                          "run and its loss curve, and pane 3 Registry the versions: one in "
                          "Production, a challenger in Staging, ready for p (promote) and R "
                          "(roll back).\n\n"
                          "Your own data: t opens a form for training on a CSV file.\n"
                          "? shows the keys of a pane, : runs any verb, q leaves; jobs go on.\n\n"
                          "Esc closes this window."));
}

static void set_time(struct ui *ui, int64_t now_us)
{
    if (now_us / 60000000 != ui->now_us / 60000000) ui->dirty = true; /* ages and the clock */
    ui->now_us = now_us;
    for (int i = 0; i < VIEW_COUNT; i++) ui->views[i].now_us = now_us;
}

int ui_poll(struct ui *ui, int64_t now_us)
{
    set_time(ui, now_us);
    return ui_feeds_poll(ui);
}

void ui_draw(struct ui *ui, struct canvas *cv)
{
    ui->dirty = false;
    ui_draw_frame(ui, cv);
}

/* -- history of the prompt -------------------------------------------------------------- */

const char *ui_history(const struct ui *ui, size_t i)
{
    return i < HISTORY ? ui->history[i] : NULL;
}

void ui_history_add(struct ui *ui, const char *line)
{
    if (ui->history[0] && str_eq(ui->history[0], line)) return;
    free(ui->history[HISTORY - 1]);
    memmove(&ui->history[1], &ui->history[0], (HISTORY - 1) * sizeof ui->history[0]);
    ui->history[0] = mem_strdup(line);
}

/* -- intents ---------------------------------------------------------------------------- */

struct show_ctx {
    char title[64];
};

static void show_done(struct ui *ui, void *ctx, int rc, const struct reply *r, const struct err *e)
{
    struct show_ctx *c = ctx;
    if (rc) {
        ui_say_err(ui, e);
    } else {
        STR_AUTO text = STR_INIT;
        show_reply(&text, r, ui->now_us);
        ui_output(ui, c->title, str_c(&text));
    }
    ui_touch(ui);
    free(c);
}

static void show(struct ui *ui, const struct intent *in)
{
    struct show_ctx *c = mem_zalloc(1, sizeof *c);
    snprintf(c->title, sizeof c->title, "%s", in->verb);
    ui_say(ui, ROLE_DIM, "%s …", in->verb);
    if (!ui_post(ui, in->verb, in->args, show_done, c)) free(c);
}

struct prepare_ctx {
    struct arena *arena; /* becomes the question's */
    void (*then)(const struct val *reply, struct intent *out);
};

static void follow(struct ui *ui, struct intent *in);

/* A window opened meanwhile keeps the keys: then there is no question. */
static void prepared(struct ui *ui, void *ctx, int rc, const struct reply *r, const struct err *e)
{
    struct prepare_ctx *c = ctx;
    struct intent in = { .arena = c->arena };
    ui->message[0] = '\0';
    if (rc) ui_say_err(ui, e);
    else if (!ui->top) c->then(val_copy(c->arena, r->v), &in);
    follow(ui, &in);
    free(c);
}

/* Reads first; what it answers becomes a question. */
static void prepare(struct ui *ui, const struct intent *in)
{
    struct prepare_ctx *c = mem_zalloc(1, sizeof *c);
    *c = (struct prepare_ctx){ in->arena, in->then };
    ui_say(ui, ROLE_DIM, "%s …", in->verb);
    if (ui_post(ui, in->verb, in->args, prepared, c)) return;
    arena_done(c->arena);
    free(c->arena);
    free(c);
}

static void follow(struct ui *ui, struct intent *in)
{
    switch (in->kind) {
    case INTENT_NONE: break;
    case INTENT_SAY: ui_say(ui, ROLE_WARN, "%s", in->text); break;
    case INTENT_GO:
        ui_show(ui, in->view);
        if (in->id) view_reveal(ui_view(ui), in->id);
        break;
    case INTENT_PROMPT: ui_push(ui, prompt_new(in->text, in->at)); break;
    case INTENT_ASK: ui_push(ui, ask_new(ui, in)); break;
    case INTENT_SHOW: show(ui, in); break;
    case INTENT_PREPARE: prepare(ui, in); return;                  /* keeps the arena */
    case INTENT_CONFIRM: ui_push(ui, confirm_new(ui, in)); return; /* and so does this */
    }
    arena_done(in->arena);
    free(in->arena);
}

static bool ask_view(struct ui *ui, enum request req)
{
    struct view *v = ui_view(ui);
    struct arena *a = mem_zalloc(1, sizeof *a);
    struct intent in = { .arena = a };
    bool handled = v->ops->request && v->ops->request(v, req, &in);
    follow(ui, &in);
    return handled;
}

/* -- requests -----------------------------------------------------------------------------------
 */

static void open_train(struct ui *ui)
{
    static const char *const names[] = { "data",       "target",   "algorithm", "task", "param",
                                         "experiment", "run-name", "register",  NULL };
    const struct verb *v = verb_find("train");
    if (v) ui_push(ui, form_new(ui, v, names));
    else ui_say(ui, ROLE_BAD, "this build has no verb 'train'");
}

static void move_focus(struct ui *ui, int by)
{
    struct view *v = ui_view(ui);
    v->part = (v->part + by + v->parts) % v->parts;
}

static bool move_cursor(struct ui *ui, enum request req)
{
    static const struct {
        enum request req;
        uint32_t key;
    } moves[] = { { REQ_UP, K_UP },      { REQ_DOWN, K_DOWN },    { REQ_TOP, K_HOME },
                  { REQ_BOTTOM, K_END }, { REQ_PAGE_UP, K_PGUP }, { REQ_PAGE_DOWN, K_PGDN } };
    struct view *v = ui_view(ui);
    struct listing_rows rows = v->ops->rows(v, v->part);
    for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
        if (moves[i].req != req) continue;
        ui->moved_us = ui->now_us;
        return listing_key(&v->tables[v->part], &rows, moves[i].key);
    }
    return false;
}

static void go_back(struct ui *ui)
{
    struct view *v = ui_view(ui);
    if (ask_view(ui, REQ_BACK)) return;
    if (v->zoom) v->zoom = false;
    else if (v->part) v->part = 0;
    else if (v->tables[0].marks.n) listing_clear_marks(&v->tables[0]);
    else if (v->filter[0]) ui_apply_filter(ui, "");
}

void ui_apply_filter(struct ui *ui, const char *filter)
{
    struct view *v = ui_view(ui);
    snprintf(v->filter, sizeof v->filter, "%s", filter);
    ui->moved_us = ui->now_us;
    view_refresh(v, 0);
    ui->dirty = true;
}

/* Jobs go on without the console, but a verb it runs itself does not: that is said once. */
static void leave(struct ui *ui)
{
    const char *busy = ui_busy(ui);
    if (busy && !ui->quit_asked)
        ui_say(ui, ROLE_WARN, "! %s is still working; q again leaves it unfinished", busy);
    else ui->quit = true;
    ui->quit_asked = true;
}

static bool handle(struct ui *ui, enum request req)
{
    struct view *v = ui_view(ui);
    switch ((int)req) {
    case REQ_QUIT: leave(ui); return true;
    case REQ_HELP: ui_push(ui, help_new()); return true;
    case REQ_PROMPT: ui_push(ui, prompt_new("", 0)); return true;
    case REQ_FILTER: ui_push(ui, filter_new(v->filter)); return true;
    case REQ_TRAIN: open_train(ui); return true;
    case REQ_FOCUS: move_focus(ui, 1); return true;
    case REQ_FOCUS_BACK: move_focus(ui, -1); return true;
    case REQ_NEXT_VIEW: ui_show(ui, (ui->current + 1) % VIEW_COUNT); return true;
    case REQ_PREV_VIEW: ui_show(ui, (ui->current + VIEW_COUNT - 1) % VIEW_COUNT); return true;
    case REQ_REFRESH: ui_touch(ui); return true;
    case REQ_NOW: ui->focus.at_us = 0; return true;
    case REQ_REDRAW:
        if (ui->host.redraw) ui->host.redraw(ui->host.user);
        return true;
    case REQ_MARK: listing_toggle_mark(&v->tables[0]); return move_cursor(ui, REQ_DOWN);
    case REQ_BACK: go_back(ui); return true;
    default: return move_cursor(ui, req);
    }
}

/* What the past shows is nothing to act on: it may be over, or another. */
const char *ui_why_not(const struct ui *ui, enum request req)
{
    const struct view *v = &ui->views[ui->current];
    bool past = ui->focus.at_us && (IN_TIME & (1u << v->id));
    if (req == REQ_NOW && !ui->focus.at_us) return "this is now";
    if (past && (binding_of(req)->flags & KEY_CONFIRM))
        return "this is how it was; 0 returns to now";
    return v->ops->why_not ? v->ops->why_not(v, req) : NULL;
}

static void request(struct ui *ui, enum request req)
{
    const struct binding *b = binding_of(req);
    const char *why = ui_why_not(ui, req);
    char key[KEY_NAME_LEN];
    int64_t at_us = ui->focus.at_us;
    if (why) {
        ui_say(ui, ROLE_WARN, "%s %s: %s", key_label(key, b->key1), b->label, why);
        return;
    }
    if (req == REQ_BACK || !ask_view(ui, req)) handle(ui, req);
    if (ui->focus.at_us != at_us) ui->moved_us = ui->now_us;
}

static bool switch_view(struct ui *ui, uint32_t key)
{
    for (int i = 0; i < VIEW_COUNT; i++) {
        if (key != view_key(i) && key != view_infos[i].letter) continue;
        ui_show(ui, (enum view_id)i);
        return true;
    }
    return false;
}

void ui_key(struct ui *ui, uint32_t key, int64_t now_us)
{
    set_time(ui, now_us);
    ui->input_us = now_us;
    if (ui->hidden) {
        ui->quit |= key == 'q'; /* a key whose effect cannot be seen is not meant */
        return;
    }
    ui->message[0] = '\0';
    ui->quit_asked &= key == 'q';
    ui->dirty = true;
    if (ui->top) {
        ui->top->ops->key(ui->top, ui, key);
        return;
    }
    bool gg = ui->g_pending && key == 'g';
    ui->g_pending = key == 'g' && !gg;
    enum request req = gg ? REQ_TOP : binding_find(ui->current, key);
    if (req) request(ui, req);
    else if (!ui->g_pending && !switch_view(ui, key)) {
        char name[KEY_NAME_LEN];
        ui_say(ui, ROLE_DIM, "%s does nothing here; ? shows the keys", key_label(name, key));
    }
}
