/* dump_man.c: the manual page signalbox(1) as roff (man macros). Prose that no table holds is
 * here; verbs, arguments, options, learners and exit codes come from their tables. */
#include "base/err.h"
#include "batch/dump.h"
#include "config.h"
#include "engine/learn/learner.h"
#include "engine/model/params.h"
#include <ctype.h>
#include <string.h>

/* Text with the characters roff gives a meaning to escaped: backslash, hyphen, quotes, and a
 * dot or apostrophe that would begin a line. */
static void add_text(struct str *out, const char *s)
{
    for (bool first = true; *s; s++, first = false) {
        switch (*s) {
        case '\\': str_add(out, "\\e"); break;
        case '-': str_add(out, "\\-"); break;
        case '"': str_add(out, "\\(dq"); break;
        case '\'': str_add(out, "\\(aq"); break;
        case '~': str_add(out, "\\(ti"); break;
        case '^': str_add(out, "\\(ha"); break;
        case '`': str_add(out, "\\(ga"); break;
        case '.': str_add(out, first ? "\\&." : "."); break;
        default:
            if (strncmp(s, "…", strlen("…"))) {
                str_addc(out, *s);
            } else {
                str_add(out, "\\|.\\|.\\|.");
                s += strlen("…") - 1;
            }
        }
    }
}

static void add_section(struct str *out, const char *macro, const char *title)
{
    str_addf(out, ".%s \"", macro);
    for (; *title; title++) str_addc(out, *title);
    str_add(out, "\"\n");
}

/* Lines as they are, each a line of roff text; an empty one is a paragraph break. */
static void add_prose(struct str *out, const char *const *lines)
{
    for (; *lines; lines++) {
        if (**lines) add_text(out, *lines);
        else str_add(out, ".PP");
        str_addc(out, '\n');
    }
}

static void add_tagged(struct str *out, const char *tag, const char *text)
{
    str_add(out, ".TP\n.B \"");
    add_text(out, tag);
    str_add(out, "\"\n");
    add_text(out, text);
    str_addc(out, '\n');
}

static void add_argument(struct str *out, const struct param *p, bool dashes)
{
    if (p->flags & PARAM_HIDDEN) return;
    STR_AUTO tag = STR_INIT;
    STR_AUTO text = STR_INIT;
    STR_AUTO value = STR_INIT;
    if (p->flags & PARAM_POSITIONAL)
        for (const char *c = p->name; *c; c++) str_addc(&tag, (char)toupper((unsigned char)*c));
    else str_addf(&tag, "%s%s", dashes ? "--" : "", p->name);
    str_add(&text, p->help ? p->help : "");
    help_value(p, &value);
    if (value.len) str_addf(&text, " (%s)", value.p);
    if (p->flags & PARAM_REQUIRED && !(p->flags & PARAM_POSITIONAL)) str_add(&text, "; required");
    add_tagged(out, str_c(&tag), str_c(&text));
}

static void add_verbs(struct str *out)
{
    add_section(out, "SH", "VERBS");
    for (const struct verb *v = verbs; v->name; v++) {
        STR_AUTO syn = STR_INIT;
        param_synopsis(v->params, &syn);
        add_section(out, "SS", v->name);
        add_text(out, v->help);
        str_add(out, ".\n.PP\n.B signalbox ");
        add_text(out, v->name);
        str_addc(out, '\n');
        if (syn.len) {
            add_text(out, syn.p);
            str_addc(out, '\n');
        }
        for (const struct param *p = v->params; p->name; p++) add_argument(out, p, true);
        str_add(out, ".PP\nNeeds the role ");
        add_text(out, perm_name(v->perm));
        str_add(out, ".\n");
    }
}

static void add_options(struct str *out)
{
    add_section(out, "SH", "OPTIONS");
    str_add(out, "These may stand before or after the verb.\n");
    for (const struct param *p = option_params; p->name; p++) {
        if (p->flags & PARAM_HIDDEN) continue;
        STR_AUTO tag = STR_INIT;
        STR_AUTO text = STR_INIT;
        char letter = option_letter(p->name);
        if (letter) str_addf(&tag, "-%c, ", letter);
        str_addf(&tag, "--%s", p->name);
        if (p->choices) str_addf(&tag, " %s", p->choices);
        else if (p->type == PARAM_REAL) str_add(&tag, " S");
        else if (p->type != PARAM_BOOL) str_add(&tag, p->flags & PARAM_PATH ? " FILE" : " TEXT");
        str_add(&text, p->help);
        add_tagged(out, str_c(&tag), str_c(&text));
    }
}

static void add_commands(struct str *out, const struct command *commands)
{
    add_section(out, "SH", "OTHER COMMANDS");
    for (const struct command *c = commands; c->name; c++) {
        STR_AUTO syn = STR_INIT;
        param_synopsis(c->params, &syn);
        add_section(out, "SS", c->name);
        add_text(out, c->help);
        str_add(out, ".\n.PP\n.B signalbox ");
        add_text(out, c->name);
        str_addc(out, '\n');
        add_text(out, str_c(&syn));
        str_addc(out, '\n');
        for (const struct param *p = c->params; p->name; p++) add_argument(out, p, true);
    }
}

static void add_learners(struct str *out)
{
    add_section(out, "SH", "LEARNERS");
    str_add(out, "Each has parameters of its own, given to\n.B train\nas\n.BR \\-\\-param .\n");
    for (size_t i = 0; learners[i]; i++) {
        add_section(out, "SS", learners[i]->name);
        add_text(out, learners[i]->title);
        str_add(out, "\n");
        for (const struct param *p = learners[i]->params; p && p->name; p++)
            add_argument(out, p, false);
    }
    add_section(out, "SS", "every algorithm, for classes");
    for (const struct param *p = model_general_params; p->name; p++) add_argument(out, p, false);
}

/* Kinds that share an exit code and a meaning for the caller are one entry. */
static void add_exit_codes(struct str *out)
{
    add_section(out, "SH", "EXIT STATUS");
    for (int code = 0; code < 128; code++) {
        STR_AUTO text = STR_INIT;
        for (int k = 0; k < ERR_COUNT; k++) {
            if (err_exit((enum err_kind)k) != code) continue;
            if (text.len) str_add(&text, "; ");
            str_add(&text, k == ERR_OK ? "done" : err_help((enum err_kind)k));
        }
        STR_AUTO tag = STR_INIT;
        str_addf(&tag, "%d", code);
        if (text.len) add_tagged(out, str_c(&tag), str_c(&text));
    }
    add_tagged(out, "128+n", "ended by signal n");
}

static void add_environment(struct str *out)
{
    static const char *const rows[][2] = {
        { "SIGNALBOX_WORKSPACE", "workspace, unless --workspace names one" },
        { "XDG_DATA_HOME", "folder of the default workspace; else ~/.local/share" },
        { "NO_COLOR", "when set and not empty: no colour" },
        { "TERM, LC_ALL, LC_CTYPE, LANG", "what the terminal can show" },
        { "COLUMNS", "width of tables when the terminal does not tell" },
    };
    add_section(out, "SH", "ENVIRONMENT");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        add_tagged(out, rows[i][0], rows[i][1]);
}

static void add_files(struct str *out)
{
    static const char *const prose[] = {
        "The workspace is the folder named by --workspace, else by $SIGNALBOX_WORKSPACE, else",
        "the nearest .signalbox from the current folder upward, else",
        "$XDG_DATA_HOME/signalbox. It holds:",
        NULL,
    };
    add_section(out, "SH", "FILES");
    add_prose(out, prose);
    add_tagged(out, "signalbox.db", "runs, models, jobs and the audit log (SQLite)");
    add_tagged(out, "blobs/", "data sets and model files, named by their SHA-256");
    add_tagged(out, "jobs/", "logs of jobs");
}

static void add_scripts(struct str *out)
{
    static const char *const prose[] = {
        "A script holds one verb a line, quoted as in a shell: single quotes are literal, in",
        "double quotes a backslash escapes a quote or a backslash, a backslash at the end of a",
        "line joins it with the next, # begins a comment. Nothing is expanded.",
        "The script stops at the first failure, with that verb's exit status; with --keep-going",
        "it runs to its end and exits with the first failure's. Errors name the file and line.",
        "Each line may have global options of its own.",
        NULL,
    };
    add_section(out, "SH", "SCRIPTS");
    add_prose(out, prose);
}

static void add_output(struct str *out)
{
    static const char *const prose[] = {
        "Results go to standard output, progress and errors to standard error.",
        "With --output json or jsonl an error is one JSON object with the members code, message",
        "and hint under error, and with jsonl progress is a JSON object a line.",
        NULL,
    };
    add_section(out, "SH", "OUTPUT");
    add_prose(out, prose);
}

static void add_examples(struct str *out)
{
    add_section(out, "SH", "EXAMPLES");
    str_add(out, ".nf\n"
                 "signalbox train \\-\\-data cards.csv \\-\\-target fraud \\-\\-register cards\n"
                 "signalbox model promote cards 1 \\-\\-reason \\(dqfirst version\\(dq\n"
                 "signalbox predict \\-\\-model models:/cards/Production \\-\\-data new.csv\n"
                 "signalbox model rollback cards \\-\\-reason \\(dqtoo many alarms\\(dq\n"
                 "signalbox \\-\\-batch nightly.txt \\-\\-junit result.xml\n"
                 ".fi\n");
}

void dump_man(struct str *out, const struct command *commands)
{
    static const char *const about[] = {
        "signalbox trains machine-learning models, keeps experiments, registered models, jobs and",
        "an audit log in one workspace folder, and shows them on a console from which models are",
        "promoted and rolled back. Without arguments it opens that console; with a verb it runs",
        "the verb and exits. Everything the console does is a verb.",
        NULL,
    };
    str_add(out, ".TH SIGNALBOX 1 \"\" \"signalbox " PACKAGE_VERSION "\" \"User Commands\"\n");
    str_add(out, ".nh\n.ad l\n");
    add_section(out, "SH", "NAME");
    str_add(out, "signalbox \\- console for machine\\-learning models\n");
    add_section(out, "SH", "SYNOPSIS");
    str_add(out, ".B signalbox\n.br\n.B signalbox\n[\\fIOPTIONS\\fR] \\fIVERB\\fR "
                 "[\\fIARGUMENTS\\fR]\n.br\n.B signalbox\n[\\fIOPTIONS\\fR] \\-\\-batch "
                 "[\\fIFILE\\fR|\\-]\n");
    add_section(out, "SH", "DESCRIPTION");
    add_prose(out, about);
    add_options(out);
    add_verbs(out);
    add_commands(out, commands);
    add_learners(out);
    add_output(out);
    add_scripts(out);
    add_exit_codes(out);
    add_environment(out);
    add_files(out);
    add_examples(out);
}
