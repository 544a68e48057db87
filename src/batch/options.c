/* options.c: separating global options from a verb's words.
 *
 * Before the verb every option is global. After it the verb's own arguments come first, so a
 * verb may have an option of the same name (`reason` is one); what it does not know and the
 * table below does is global; everything else stays for the verb's binding to judge. */
#include "batch/options.h"
#include "base/vec.h"
#include <string.h>

#define OPT(n, t, f, h)                                                                            \
    {                                                                                              \
        .name = n, .type = PARAM_##t, .flags = (f), .help = h                                      \
    }
const struct param option_params[] = {
    OPT("workspace", STR, PARAM_PATH,
        "folder to work in; default: $SIGNALBOX_WORKSPACE, the nearest .signalbox upward, the data "
        "home"),
    { .name = "output",
      .type = PARAM_ENUM,
      .choices = "table|json|jsonl|csv",
      .help = "form of results; default: table on a terminal, else json, and jsonl for scripts" },
    OPT("as", STR, 0, "name that goes into the audit log; default: your login"),
    OPT("reason", STR, 0, "why; kept in the audit log"),
    OPT("yes", BOOL, 0, "answer every question with yes"),
    OPT("quiet", BOOL, 0, "no progress, no remarks"),
    OPT("no-color", BOOL, 0, "no colour"),
    OPT("junit", STR, PARAM_PATH, "write what was done as JUnit XML to this file"),
    OPT("markdown", STR, PARAM_PATH, "write what was done as a Markdown table to this file"),
    { .name = "timeout",
      .type = PARAM_REAL,
      .min = 0.001,
      .max = 1e7,
      .help = "seconds after which a verb is given up" },
    OPT("dry-run", BOOL, 0, "check everything, change nothing"),
    OPT("batch", BOOL, 0, "run a script (a file, or - for standard input) or a verb, unattended"),
    OPT("keep-going", BOOL, 0,
        "go on with a script after a failure; exit with the first one's code"),
    OPT("once", BOOL, 0, "print a pane of the console and exit"),
    OPT("no-bootstrap", BOOL, 0, "open the console on an empty workspace without training a model"),
    OPT("help", BOOL, 0, "help, also for a verb"),
    OPT("version", BOOL, 0, "print the version"),
    { .name = "dump",
      .type = PARAM_ENUM,
      .flags = PARAM_HIDDEN,
      .choices = "man|bash|zsh|verbs",
      .help = "print a generated file" },
    { .name = NULL },
};
#undef OPT

static const struct {
    char letter;
    const char *name;
} letters[] = {
    { 'w', "workspace" }, { 'o', "output" }, { 'q', "quiet" },
    { 'y', "yes" },       { 'h', "help" },   { 'V', "version" },
};

char option_letter(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        if (str_eq(letters[i].name, name)) return letters[i].letter;
    return 0;
}

static const struct param *by_letter(char c)
{
    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        if (letters[i].letter == c) return param_find(option_params, letters[i].name);
    return NULL;
}

/* Words taken so far: global ones in long form, and the rest. */
struct sorted {
    struct arena *a;
    char *const *argv;
    int argc, at;
    VEC(char *) global, rest;
};

static bool takes_value(const struct param *p)
{
    return p->type != PARAM_BOOL;
}

/* The row a long option names in a table; *ret_inline: its value follows after '='. */
static const struct param *long_option(struct arena *a, const struct param *table, const char *word,
                                       bool *ret_inline)
{
    size_t n = strcspn(word + 2, "=");
    const char *name = arena_strndup(a, word + 2, n);
    *ret_inline = word[2 + n] == '=';
    const struct param *p = param_find(table, name);
    if (!p && str_starts(name, "no-")) p = param_find(table, name + 3);
    return p;
}

/* "-w DIR", "-wDIR", "-q". False: no such letter. */
static bool take_short(struct sorted *s, const char *word)
{
    const struct param *p = by_letter(word[1]);
    if (!p || (word[2] && !takes_value(p))) return false;
    if (!takes_value(p)) vec_push(&s->global, arena_printf(s->a, "--%s", p->name));
    else if (word[2]) vec_push(&s->global, arena_printf(s->a, "--%s=%s", p->name, word + 2));
    else if (s->at + 1 < s->argc)
        vec_push(&s->global, arena_printf(s->a, "--%s=%s", p->name, s->argv[++s->at]));
    else vec_push(&s->global, arena_printf(s->a, "--%s", p->name));
    return true;
}

/* An option of `table` with its value goes to `global` or the rest. False: not in the table. */
static bool take_long(struct sorted *s, const struct param *table, bool global)
{
    bool has_value;
    const struct param *p = long_option(s->a, table, s->argv[s->at], &has_value);
    if (!p) return false;
    int words = takes_value(p) && !has_value && s->at + 1 < s->argc ? 2 : 1;
    for (int i = 0; i < words; i++) {
        if (global) vec_push(&s->global, s->argv[s->at + i]);
        else vec_push(&s->rest, s->argv[s->at + i]);
    }
    s->at += words - 1;
    return true;
}

static bool is_long(const char *w)
{
    return w[0] == '-' && w[1] == '-' && w[2];
}

/* own: the arguments of the verb or command; NULL: neither. */
static void sort_words(struct sorted *s, const struct param *own, int from)
{
    bool open = true;
    for (s->at = from; s->at < s->argc; s->at++) {
        char *w = s->argv[s->at];
        if (str_eq(w, "--")) open = false;
        if (open && is_long(w) && take_long(s, own, false)) continue;
        if (open && is_long(w) && take_long(s, option_params, true)) continue;
        if (open && w[0] == '-' && w[1] && w[1] != '-' && take_short(s, w)) continue;
        vec_push(&s->rest, w);
    }
}

/* Global options in front; leaves `at` on the first other word. */
static int sort_front(struct sorted *s, struct err *e)
{
    for (s->at = 0; s->at < s->argc; s->at++) {
        const char *w = s->argv[s->at];
        if (str_eq(w, "--")) {
            s->at++;
            return 0;
        }
        if (w[0] != '-' || !w[1]) return 0;
        if (is_long(w) ? take_long(s, option_params, true) : take_short(s, w)) continue;
        if (is_long(w)) { /* let the binding say what is wrong with it */
            vec_push(&s->global, s->argv[s->at]);
            continue;
        }
        err_set(e, ERR_USAGE, "unknown option %s", w);
        return err_hint(e, "see signalbox --help");
    }
    return 0;
}

static enum output output_of(const char *name, enum output dflt)
{
    static const char *const names[] = { [OUTPUT_TABLE] = "table",
                                         [OUTPUT_JSON] = "json",
                                         [OUTPUT_JSONL] = "jsonl",
                                         [OUTPUT_CSV] = "csv" };
    for (size_t i = OUTPUT_TABLE; i < ARRAY_LEN(names); i++)
        if (str_eq(names[i], name)) return (enum output)i;
    return dflt;
}

static void fill(struct options *o, const struct val *v)
{
    o->workspace = val_get_str(v, "workspace", o->workspace);
    o->as = val_get_str(v, "as", o->as);
    o->reason = val_get_str(v, "reason", o->reason);
    o->junit = val_get_str(v, "junit", o->junit);
    o->markdown = val_get_str(v, "markdown", o->markdown);
    o->dump = val_get_str(v, "dump", o->dump);
    o->output = output_of(val_get_str(v, "output", NULL), o->output);
    o->timeout_s = val_get_real(v, "timeout", o->timeout_s);
    o->yes = val_get_bool(v, "yes", o->yes);
    o->quiet = val_get_bool(v, "quiet", o->quiet);
    o->no_color = val_get_bool(v, "no-color", o->no_color);
    o->dry_run = val_get_bool(v, "dry-run", o->dry_run);
    o->batch = val_get_bool(v, "batch", o->batch);
    o->keep_going = val_get_bool(v, "keep-going", o->keep_going);
    o->once = val_get_bool(v, "once", o->once);
    o->no_bootstrap = val_get_bool(v, "no-bootstrap", o->no_bootstrap);
    o->help = val_get_bool(v, "help", o->help);
    o->version = val_get_bool(v, "version", o->version);
}

static const struct command *find_command(const struct command *commands, int argc,
                                          char *const *argv)
{
    for (const struct command *c = commands; c && c->name && argc; c++)
        if (str_eq(c->name, argv[0])) return c;
    return NULL;
}

int options_parse(struct arena *a, const struct options *base, int argc, char *const *argv,
                  struct options *ret, struct err *e)
{
    struct sorted s = { .a = a, .argv = argv, .argc = argc, .global = VEC_INIT, .rest = VEC_INIT };
    struct options o = *base;
    struct val *v = NULL;
    int rc = sort_front(&s, e);
    if (!rc) {
        o.verb = verb_match(argc - s.at, argv + s.at, &o.verb_words);
        o.command = o.verb ? NULL : find_command(base->commands, argc - s.at, argv + s.at);
        sort_words(&s, o.verb ? o.verb->params : o.command ? o.command->params : NULL, s.at);
        rc = param_bind_argv(option_params, a, (int)s.global.n, s.global.p, &v, e);
    }
    if (!rc) {
        fill(&o, v);
        o.argc = (int)s.rest.n;
        o.argv = arena_array(a, s.rest.n + 1, char *);
        if (s.rest.n) memcpy(o.argv, s.rest.p, s.rest.n * sizeof *o.argv);
        *ret = o;
    }
    vec_done(&s.global);
    vec_done(&s.rest);
    return rc;
}
