/* help.c: the program's own words about its verbs: an overview, a page a verb, and what to say
 * to a word it does not know. Everything comes from the tables, so help cannot be out of date. */
#include "batch/help.h"
#include "base/utf8.h"
#include "engine/learn/learner.h"
#include "engine/model/params.h"
#include <ctype.h>
#include <string.h>

enum { TEXT_WIDTH = 80, NAME_WIDTH = 22 };

const struct param help_params[] = {
    { .name = "verb",
      .type = PARAM_STR,
      .flags = PARAM_POSITIONAL,
      .help = "verb, or its first word" },
    { .name = NULL },
};

/* Words of text from column `indent` on, broken before the right margin. */
static void add_wrapped(struct str *out, const char *text, size_t indent)
{
    size_t col = indent;
    for (const char *word = text; *word;) {
        const char *end = strchrnul(word, ' ');
        STR_AUTO w = STR_INIT;
        str_addn(&w, word, (size_t)(end - word));
        size_t n = utf8_width(str_c(&w));
        if (col > indent && col + 1 + n > TEXT_WIDTH) {
            str_addc(out, '\n');
            str_pad(out, ' ', indent);
            col = indent;
        } else if (col > indent) {
            str_addc(out, ' ');
            col++;
        }
        str_add(out, str_c(&w));
        col += n;
        word = *end ? end + 1 : end;
    }
    str_addc(out, '\n');
}

/* "  name                  text", the text on a line of its own after a long name. */
static void add_item(struct str *out, const char *name, const char *text)
{
    size_t w = utf8_width(name);
    str_addf(out, "  %s", name);
    if (w + 2 > NAME_WIDTH) {
        str_addc(out, '\n');
        str_pad(out, ' ', NAME_WIDTH + 2);
    } else {
        str_pad(out, ' ', NAME_WIDTH - w);
    }
    add_wrapped(out, text, NAME_WIDTH + 2);
}

static void add_options(struct str *out)
{
    for (const struct param *p = option_params; p->name; p++) {
        if (p->flags & PARAM_HIDDEN) continue;
        STR_AUTO name = STR_INIT;
        char letter = option_letter(p->name);
        if (letter) str_addf(&name, "-%c, ", letter);
        str_addf(&name, "--%s", p->name);
        if (p->type != PARAM_BOOL) str_add(&name, p->type == PARAM_REAL ? " S" : " X");
        STR_AUTO text = STR_INIT;
        str_addf(&text, "%s%s%s", p->choices ? p->choices : "", p->choices ? ": " : "", p->help);
        add_item(out, str_c(&name), str_c(&text));
    }
}

void help_overview(struct str *out, const struct command *commands)
{
    str_add(out, "usage: signalbox                              the console\n"
                 "       signalbox [OPTIONS] VERB [ARGUMENTS]   one verb\n"
                 "       signalbox [OPTIONS] --batch [FILE|-]   a script, a verb a line\n\n"
                 "Trains, tracks, promotes and rolls back models on one machine.\n\nVerbs:\n");
    for (const struct verb *v = verbs; v->name; v++) add_item(out, v->name, v->help);
    str_add(out, "\nAlso:\n");
    for (const struct command *c = commands; c->name; c++) add_item(out, c->name, c->help);
    str_add(out, "\nOptions, before or after the verb:\n");
    add_options(out);
    str_add(out, "\n'signalbox help VERB' shows a verb's arguments; the manual is signalbox(1).\n");
}

bool help_noun(const char *noun, struct str *out)
{
    size_t n = strlen(noun);
    bool any = false;
    for (const struct verb *v = verbs; v->name; v++) {
        if (strncmp(v->name, noun, n) || v->name[n] != ' ') continue;
        if (!any) str_addf(out, "usage: signalbox %s VERB [ARGUMENTS]\n\nVerbs:\n", noun);
        add_item(out, v->name, v->help);
        any = true;
    }
    return any;
}

/* ---- one verb ------------------------------------------------------------------------ */

void help_value(const struct param *p, struct str *out)
{
    char lo[32], hi[32];
    const char *sep = "";
    if (p->min != 0 || p->max != 0) {
        str_addf(out, "%s to %s", str_real(lo, p->min), str_real(hi, p->max));
        sep = ", ";
    }
    if (p->choices) {
        str_addf(out, "%s%s", sep, p->choices);
        sep = ", ";
    }
    if (p->type == PARAM_KV || p->type == PARAM_LIST) {
        str_addf(out, "%srepeatable", sep);
        sep = ", ";
    }
    if (p->dflt && p->type == PARAM_BOOL && str_eq(p->dflt, "true"))
        str_addf(out, "%son unless --no-%s", sep, p->name);
    else if (p->dflt && p->type != PARAM_BOOL) str_addf(out, "%sdefault %s", sep, p->dflt);
}

static void add_argument(struct str *out, const struct param *p, bool learner)
{
    STR_AUTO name = STR_INIT;
    STR_AUTO text = STR_INIT;
    STR_AUTO value = STR_INIT;
    if (p->flags & PARAM_POSITIONAL)
        for (const char *c = p->name; *c; c++) str_addc(&name, (char)toupper((unsigned char)*c));
    else str_addf(&name, "%s%s", learner ? "" : "--", p->name);
    str_add(&text, p->help ? p->help : "");
    help_value(p, &value);
    if (value.len) str_addf(&text, " (%s)", value.p);
    add_item(out, str_c(&name), str_c(&text));
}

/* The synopsis, broken between arguments and indented under the first one. */
static void add_usage(struct str *out, const char *name, const struct param *params)
{
    STR_AUTO syn = STR_INIT;
    param_synopsis(params, &syn);
    size_t indent = strlen("usage: signalbox ") + strlen(name) + 1, col = indent;
    str_addf(out, "usage: signalbox %s", name);
    int depth = 0;
    for (const char *s = str_c(&syn), *word = s; *s; s++) {
        depth += *s == '[' ? 1 : *s == ']' ? -1 : 0;
        bool required = s[0] == ' ' && s[1] != '[' && s[1] != '-' && word[0] == '-';
        if ((*s != ' ' || depth || required) && s[1]) continue;
        size_t n = (size_t)(s - word) + (s[1] == 0);
        if (col + n + 1 > TEXT_WIDTH && col > indent) {
            str_addc(out, '\n');
            str_pad(out, ' ', indent - 1);
            col = indent;
        }
        str_addc(out, ' ');
        str_addn(out, word, n);
        col += n + 1;
        word = s + 1;
    }
    str_addc(out, '\n');
}

bool help_lists_learners(const struct verb *v)
{
    return param_find(v->params, "algorithm") && param_find(v->params, "param");
}

static void add_learners(struct str *out)
{
    for (size_t i = 0; learners[i]; i++) {
        const struct learner *l = learners[i];
        str_addf(out, "\n--algorithm %s: %s; its --param:\n", l->name, l->title);
        for (const struct param *p = l->params; p && p->name; p++)
            if (!(p->flags & PARAM_HIDDEN)) add_argument(out, p, true);
    }
    str_add(out, "\nfor classes, whatever the algorithm; more --param:\n");
    for (const struct param *p = model_general_params; p->name; p++) add_argument(out, p, true);
}

static void add_page(struct str *out, const char *name, const char *help,
                     const struct param *params)
{
    bool any = false;
    add_usage(out, name, params);
    str_addf(out, "\n%c%s.\n", toupper((unsigned char)help[0]), help + 1);
    for (const struct param *p = params; p->name; p++) {
        if (p->flags & PARAM_HIDDEN) continue;
        if (!any) str_add(out, "\nArguments:\n");
        add_argument(out, p, false);
        any = true;
    }
}

void help_verb(struct str *out, const struct verb *v)
{
    add_page(out, v->name, v->help, v->params);
    if (help_lists_learners(v)) add_learners(out);
    str_addf(out, "\nNeeds the role %s%s.\n", perm_name(v->perm),
             v->flags & VERB_NO_WORKSPACE ? "; runs without a workspace" : "");
}

void help_command(struct str *out, const struct command *c)
{
    add_page(out, c->name, c->help, c->params);
}

/* ---- words that are no verb ---------------------------------------------------------- */

int help_unknown(int argc, char *const *argv, struct err *e)
{
    STR_AUTO nouns = STR_INIT;
    if (argc && help_noun(argv[0], &nouns)) {
        if (argc > 1) err_set(e, ERR_USAGE, "'%s %.40s' is not a verb", argv[0], argv[1]);
        else err_set(e, ERR_USAGE, "'%s' needs a second word", argv[0]);
    } else {
        err_set(e, ERR_USAGE, "'%.60s' is not a verb", argc ? argv[0] : "");
    }
    STR_AUTO said = STR_INIT;
    str_addf(&said, "%s%s%s", argc ? argv[0] : "", argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
    const char *near = NULL;
    int best = 99;
    for (const struct verb *v = verbs; v->name; v++) {
        int both = str_distance(v->name, str_c(&said));
        int one = str_distance(v->name, argc ? argv[0] : "");
        int d = both < one ? both : one;
        if (d < best) {
            best = d;
            near = v->name;
        }
    }
    if (near && best <= 3) return err_hint(e, "did you mean '%s'?", near);
    if (nouns.len) return err_hint(e, "see signalbox help %s", argv[0]);
    return err_hint(e, "see signalbox help");
}
