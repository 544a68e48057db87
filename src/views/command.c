/* command.c: see command.h. Completion knows no verb by name: verbs, options and choices come
 * from the verb table, names of models and ids from the last overview. */
#include "views/command.h"
#include "base/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- words ------------------------------------------------------------------------------ */

/* Reads one word at s into out; returns the bytes consumed. *ret_open: a quote is not closed. */
static size_t read_word(const char *s, struct str *out, bool *ret_open)
{
    char quote = 0;
    size_t i = 0;
    for (; s[i] && (quote || (s[i] != ' ' && s[i] != '\t')); i++) {
        if (quote && s[i] == quote) quote = 0;
        else if (!quote && (s[i] == '\'' || s[i] == '"')) quote = s[i];
        else if (s[i] == '\\' && quote != '\'' && s[i + 1]) str_addc(out, s[++i]);
        else str_addc(out, s[i]);
    }
    *ret_open = quote != 0;
    return i;
}

int command_split(struct arena *a, const char *line, struct command *ret, struct err *e)
{
    *ret = (struct command){ 0 };
    const char *s = line;
    bool quote = false;
    for (;;) {
        s += strspn(s, " \t");
        ret->start = (size_t)(s - line);
        if (!*s) break;
        if (ret->argc == COMMAND_WORDS)
            return err_set(e, ERR_LIMIT, "the line has more than %d words", COMMAND_WORDS);
        STR_AUTO word = STR_INIT;
        size_t n = read_word(s, &word, &quote);
        ret->argv[ret->argc++] = arena_strdup(a, str_c(&word));
        s += n;
        ret->open = !*s;
        if (!*s) break;
    }
    return quote ? err_set(e, ERR_USAGE, "a quote is not closed") : 0;
}

/* -- completion ------------------------------------------------------------------------- */

struct completion {
    struct arena *a;
    const char *part; /* what is typed of the word */
    struct candidate *out;
    int n;
};

static void offer(struct completion *c, const char *text, const char *help)
{
    if (!text || !str_starts(text, c->part) || c->n == CANDIDATES) return;
    for (int i = 0; i < c->n; i++)
        if (str_eq(c->out[i].text, text)) return;
    c->out[c->n++] = (struct candidate){ text, help ? help : "" };
}

/* Verbs whose first words are the ones typed: offers what follows, up to the end of the name. */
static void offer_verbs(struct completion *c, char *const *words, int n)
{
    STR_AUTO typed = STR_INIT;
    for (int i = 0; i < n; i++) str_addf(&typed, "%s ", words[i]);
    for (const struct verb *v = verbs; v->name; v++)
        if (str_starts(v->name, str_c(&typed)))
            offer(c, arena_strdup(c->a, v->name + typed.len), v->help);
}

static void offer_choices(struct completion *c, const char *choices)
{
    while (choices && *choices) {
        size_t n = strcspn(choices, "|");
        offer(c, arena_strndup(c->a, choices, n), NULL);
        choices += n + (choices[n] == '|');
    }
}

static void offer_options(struct completion *c, const struct verb *v)
{
    for (const struct param *p = v->params; p->name; p++)
        if (!(p->flags & PARAM_HIDDEN)) offer(c, arena_printf(c->a, "--%s", p->name), p->help);
}

static void offer_list(struct completion *c, const struct val *list, const char *key,
                       const char *note)
{
    for (size_t i = 0; i < val_len(list); i++)
        offer(c, val_get_str(val_at(list, i), key, NULL), val_get_str(val_at(list, i), note, NULL));
}

static const struct param *positional(const struct verb *v, int nth)
{
    for (const struct param *p = v->params; p->name; p++) {
        if (!(p->flags & PARAM_POSITIONAL)) continue;
        if ((p->flags & PARAM_REST) || nth-- == 0) return p;
    }
    return NULL;
}

/* Names the overview knows, for the argument p of v. */
static void offer_names(struct completion *c, struct ui *ui, const struct verb *v,
                        const struct param *p)
{
    const struct val *o = ui_overview_data(ui);
    if (str_starts(v->name, "model") && str_eq(p->name, "name"))
        offer_list(c, val_get(o, "models"), "name", NULL);
    if (str_starts(p->name, "run")) offer_list(c, fmt_path(o, "runs.recent"), "run_id", "name");
    if (str_eq(p->name, "job")) {
        offer_list(c, fmt_path(o, "jobs.running"), "id", "message");
        offer_list(c, fmt_path(o, "jobs.failed"), "id", "error");
    }
}

static void offer_arguments(struct completion *c, struct ui *ui, const struct verb *v,
                            const struct command *cmd, int from, int last)
{
    int bare = 0;
    const struct param *p = NULL;
    for (int i = from; i < last; i++) {
        bool option = str_starts(cmd->argv[i], "--");
        p = option ? param_find(v->params, cmd->argv[i] + 2) : NULL;
        if (p && p->type == PARAM_BOOL) p = NULL;
        if (!option) {
            bare++;
        } else if (p && i + 1 < last) {
            p = NULL; /* its value is there */
            i++;
        }
    }
    if (!p && str_starts(c->part, "-")) {
        offer_options(c, v);
        return;
    }
    if (!p) p = positional(v, bare);
    if (p) {
        offer_choices(c, p->choices);
        offer_names(c, ui, v, p);
    }
    if (!*c->part && c->n == 0) offer_options(c, v);
}

int command_complete(struct ui *ui, struct arena *a, const char *line,
                     struct candidate out[CANDIDATES], size_t *ret_start)
{
    struct command cmd;
    int used = 0;
    command_split(a, line, &cmd, NULL);
    int last = cmd.open ? cmd.argc - 1 : cmd.argc; /* words that are complete */
    struct completion c = { .a = a, .part = cmd.open ? cmd.argv[last] : "", .out = out };
    *ret_start = cmd.start;
    const struct verb *v = verb_match(last, cmd.argv, &used);
    if (!v || used == last) offer_verbs(&c, cmd.argv, last);
    if (v) offer_arguments(&c, ui, v, &cmd, used, last);
    return c.n;
}

const char *command_synopsis(struct arena *a, const char *line)
{
    struct command cmd;
    int used;
    command_split(a, line, &cmd, NULL);
    const struct verb *v = verb_match(cmd.argc, cmd.argv, &used);
    if (!v) return NULL;
    STR_AUTO s = STR_INIT;
    param_synopsis(v->params, &s);
    return arena_printf(a, "%s %s", v->name, str_c(&s));
}

/* -- running --------------------------------------------------------------------------------------
 */

static const char *verb_help(struct arena *a, const struct verb *v)
{
    STR_AUTO s = STR_INIT;
    str_addf(&s, "%s: %s\n\n%s ", v->name, v->help, v->name);
    param_synopsis(v->params, &s);
    str_add(&s, "\n\n");
    for (const struct param *p = v->params; p->name; p++) {
        if (p->flags & PARAM_HIDDEN) continue;
        str_addf(&s, "  %-16s %s", p->name, p->help);
        if (p->choices) str_addf(&s, " (%s)", p->choices);
        if (p->dflt) str_addf(&s, " [%s]", p->dflt);
        str_addc(&s, '\n');
    }
    return arena_strdup(a, str_c(&s));
}

static bool help_command(struct ui *ui, struct arena *a, const struct command *cmd)
{
    if (!str_eq(cmd->argv[0], "help")) return false;
    int used;
    const struct verb *v = verb_match(cmd->argc - 1, cmd->argv + 1, &used);
    if (v) {
        ui_push(ui, popup_new(v->name, verb_help(a, v)));
        return true;
    }
    STR_AUTO s = STR_INIT;
    for (v = verbs; v->name; v++) str_addf(&s, "%-20s %s\n", v->name, v->help);
    ui_push(ui, popup_new("Verbs", str_c(&s)));
    return true;
}

/* Output that would go to standard output belongs to the terminal here. */
static int check_output(const struct verb *v, const struct val *args, struct err *e)
{
    const struct param *p = param_find(v->params, "out");
    if (!p || !str_eq(p->dflt, "-") || !str_eq(val_get_str(args, "out", "-"), "-")) return 0;
    err_set(e, ERR_USAGE, "'%s' writes to standard output, which is this screen", v->name);
    return err_hint(e, "add --out FILE");
}

struct run_ctx {
    const struct verb *verb;
};

static void run_done(struct ui *ui, void *ctx, int rc, const struct reply *r, const struct err *e)
{
    struct run_ctx *c = ctx;
    ui_touch(ui);
    const char *job = val_get_str(r->v, "job_id", NULL);
    if (rc) {
        STR_AUTO text = STR_INIT;
        str_addf(&text, "%s\n\n%s", e->msg, e->hint);
        ui_output(ui, c->verb->name, str_c(&text));
        ui_say(ui, ROLE_BAD, "✗ %s", e->msg);
    } else if (job) {
        char id[FMT_LEN];
        ui_say(ui, ROLE_OK, "✓ job %s is in the queue; 4 shows it", fmt_id(id, job));
    } else {
        STR_AUTO text = STR_INIT;
        show_reply(&text, r, ui_now(ui));
        ui_output(ui, c->verb->name, str_c(&text));
    }
    free(c);
}

void ui_run(struct ui *ui, const struct verb *v, struct val *args)
{
    struct run_ctx *c = mem_zalloc(1, sizeof *c);
    c->verb = v;
    if (param_find(v->params, "wait")) val_set_bool(args, "wait", false);
    ui_say(ui, ROLE_DIM, "%s …", v->name);
    if (!ui_post(ui, v->name, args, run_done, c)) free(c);
}

static int run_verb(struct ui *ui, struct arena *a, struct command *cmd, struct err *e)
{
    int used;
    struct val *args = NULL;
    const struct verb *v = verb_match(cmd->argc, cmd->argv, &used);
    if (!v) {
        err_set(e, ERR_USAGE, "there is no verb '%s'", cmd->argv[0]);
        return err_hint(e, ":help lists them");
    }
    int rc = param_bind_argv(v->params, a, cmd->argc - used, cmd->argv + used, &args, e);
    if (!rc) rc = check_output(v, args, e);
    if (!rc) ui_run(ui, v, args);
    return rc;
}

void ui_command(struct ui *ui, const char *line)
{
    struct arena a = ARENA_INIT;
    struct command cmd;
    struct err e = ERR_INIT;
    int rc = command_split(&a, line, &cmd, &e);
    if (!rc && cmd.argc) {
        ui_history_add(ui, line);
        if (str_eq(cmd.argv[0], "q") || str_eq(cmd.argv[0], "quit")) ui_quit(ui);
        else if (!help_command(ui, &a, &cmd)) rc = run_verb(ui, &a, &cmd, &e);
    }
    if (rc) ui_say_err(ui, &e);
    arena_done(&a);
}
