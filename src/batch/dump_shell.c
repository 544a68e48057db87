/* dump_shell.c: completion for bash and zsh. The generated functions are a table in the
 * shell's own words: the verbs, and for each verb its options, for each option its choices or
 * "files". They run no program, so completion is instant and works without a workspace. */
#include "batch/dump.h"
#include <string.h>

/* Options of a table as words: "--seed --wait --no-wait"; of a verb only those that are not
 * global ones too. */
static void add_option_words(struct str *out, const struct param *table)
{
    for (const struct param *p = table; p && p->name; p++) {
        if (p->flags & PARAM_HIDDEN) continue;
        if (table != option_params && param_find(option_params, p->name)) continue;
        str_addf(out, " --%s", p->name);
        if (p->type == PARAM_BOOL && p->dflt && str_eq(p->dflt, "true"))
            str_addf(out, " --no-%s", p->name);
    }
}

/* Every command the tables know: verbs, then the program's own. */
static void each_command(struct str *out, const struct command *commands,
                         void (*fn)(struct str *out, const char *name, const struct param *params))
{
    for (const struct verb *v = verbs; v->name; v++) fn(out, v->name, v->params);
    for (const struct command *c = commands; c->name; c++) fn(out, c->name, c->params);
}

static void options_case(struct str *out, const char *name, const struct param *params)
{
    str_addf(out, "    '%s') echo '", name);
    STR_AUTO words = STR_INIT;
    add_option_words(&words, params);
    str_addf(out, "%s' ;;\n", words.len ? words.p + 1 : "");
}

static void add_value(struct str *out, const char *name, const struct param *p)
{
    if (p->choices) {
        str_addf(out, "    '%s:--%s') echo '", name, p->name);
        for (const char *c = p->choices; *c; c++) str_addc(out, *c == '|' ? ' ' : *c);
        str_add(out, "' ;;\n");
    } else if (p->flags & PARAM_PATH) {
        str_addf(out, "    '%s:--%s') echo @files ;;\n", name, p->name);
    } else if (p->type != PARAM_BOOL) {
        str_addf(out, "    '%s:--%s') echo @any ;;\n", name, p->name);
    }
}

static void values_case(struct str *out, const char *name, const struct param *params)
{
    for (const struct param *p = params; p && p->name; p++)
        if (!(p->flags & PARAM_POSITIONAL)) add_value(out, name, p);
}

static void words_case(struct str *out, const char *name, const struct param *params)
{
    bool files = false;
    for (const struct param *p = params; p && p->name; p++)
        files |= p->flags & PARAM_POSITIONAL && p->flags & PARAM_PATH;
    if (files) str_addf(out, "    '%s') echo @files ;;\n", name);
}

static bool is_first(const char *name, size_t n)
{
    for (const struct verb *v = verbs; v->name && v->name != name; v++)
        if (!strncmp(v->name, name, n) && (v->name[n] == ' ' || !v->name[n])) return false;
    return true;
}

/* First words of all commands, each once. */
static void add_first_words(struct str *out, const struct command *commands)
{
    for (const struct verb *v = verbs; v->name; v++) {
        size_t n = strcspn(v->name, " ");
        if (!is_first(v->name, n)) continue;
        str_addn(out, v->name, n);
        str_addc(out, ' ');
    }
    for (const struct command *c = commands; c->name; c++)
        str_addf(out, "%s%s", c->name, c[1].name ? " " : "");
}

/* For a first word that needs a second: "    'model') echo 'list show' ;;". */
static void add_second_words(struct str *out)
{
    for (const struct verb *v = verbs; v->name; v++) {
        size_t n = strcspn(v->name, " ");
        if (!v->name[n] || !is_first(v->name, n)) continue;
        str_addf(out, "    '%.*s') echo '", (int)n, v->name);
        const char *sep = "";
        for (const struct verb *w = v; w->name; w++) {
            if (strncmp(w->name, v->name, n + 1)) continue;
            str_addf(out, "%s%s", sep, w->name + n + 1);
            sep = " ";
        }
        str_add(out, "' ;;\n");
    }
}

/* The tables as shell functions, in words that bash and zsh both understand. */
static void add_tables(struct str *out, const struct command *commands)
{
    str_add(out, "_signalbox_first() { echo '");
    add_first_words(out, commands);
    str_add(out, "'; }\n_signalbox_second() {\n  case \"$1\" in\n");
    add_second_words(out);
    str_add(out, "  esac\n}\n_signalbox_options() {\n  case \"$1\" in\n");
    each_command(out, commands, options_case);
    str_add(out, "  esac\n  echo '");
    STR_AUTO words = STR_INIT;
    add_option_words(&words, option_params);
    str_addf(out, "%s -w -o -q -y -h -V'\n}\n", words.p + 1);
    str_add(out, "_signalbox_value() { # VERB --OPTION\n  case \"$1:$2\" in\n");
    each_command(out, commands, values_case);
    str_add(out, "  *)\n    case \":$2\" in\n");
    values_case(out, "", option_params);
    str_add(out, "    :-w) echo @files ;;\n    :-o) echo 'table json jsonl csv' ;;\n    esac ;;\n"
                 "  esac\n}\n_signalbox_words() {\n  case \"$1\" in\n");
    each_command(out, commands, words_case);
    str_add(out, "  help) _signalbox_first ;;\n  esac\n}\n");
}

/* Finds the verb among the words before the cursor and prints what may stand at the cursor:
 * words, or @files, or @any. $1: the word before the cursor; the rest: all words before it. */
static const char candidates[] =
    "_signalbox_candidates() {\n"
    "  local prev=\"$1\" verb='' first='' w skip='' v\n"
    "  shift\n"
    "  for w in \"$@\"; do\n"
    "    if [ -n \"$skip\" ]; then skip=''; continue; fi\n"
    "    case \"$w\" in\n"
    "    -*=*) ;;\n"
    "    -*) [ -n \"$(_signalbox_value \"$verb\" \"$w\")\" ] && skip=1 ;;\n"
    "    *) if [ -z \"$first\" ]; then\n"
    "         first=\"$w\"\n"
    "         [ -z \"$(_signalbox_second \"$w\")\" ] && verb=\"$w\"\n"
    "       elif [ -z \"$verb\" ]; then verb=\"$first $w\"; fi ;;\n"
    "    esac\n"
    "  done\n"
    "  v=\"$(_signalbox_value \"$verb\" \"$prev\")\"\n"
    "  if [ -n \"$skip\" ] && [ -n \"$v\" ]; then echo \"$v\"\n"
    "  elif [ -z \"$first\" ]; then _signalbox_first; _signalbox_options ''\n"
    "  elif [ -z \"$verb\" ]; then _signalbox_second \"$first\"\n"
    "  else _signalbox_options \"$verb\"; _signalbox_words \"$verb\"; fi\n"
    "}\n";

void dump_bash(struct str *out, const struct command *commands)
{
    str_add(out, "# bash completion for signalbox; generated by the program itself\n");
    add_tables(out, commands);
    str_add(out, candidates);
    str_add(out,
            "_signalbox() {\n"
            "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" all w prev='' files=() words=() before=()\n"
            "  for w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do # bash parts --name=value\n"
            "    [ \"$w\" = '=' ] || { before+=(\"$w\"); prev=\"$w\"; }\n"
            "  done\n"
            "  [ \"$cur\" = '=' ] && cur=''\n"
            "  all=\"$(_signalbox_candidates \"$prev\" \"${before[@]}\")\"\n"
            "  case \" ${all//$'\\n'/ } \" in\n"
            "  *' @files '*) [[ $cur == -* ]] || mapfile -t files < <(compgen -f -- \"$cur\") ;;\n"
            "  esac\n"
            "  all=\"${all//@files/}\"\n"
            "  mapfile -t words < <(compgen -W \"${all//@any/}\" -- \"$cur\")\n"
            "  COMPREPLY=(\"${files[@]}\" \"${words[@]}\")\n"
            "}\n"
            "complete -o filenames -F _signalbox signalbox\n");
}

void dump_zsh(struct str *out, const struct command *commands)
{
    str_add(out, "#compdef signalbox\n"
                 "# zsh completion for signalbox; generated by the program itself\n");
    add_tables(out, commands);
    str_add(out, candidates);
    str_add(out, "_signalbox() {\n"
                 "  local -a all\n"
                 "  all=(${=\"$(_signalbox_candidates \"${words[CURRENT-1]}\" "
                 "\"${(@)words[2,CURRENT-1]}\")\"})\n"
                 "  if (( ${all[(I)@files]} )); then _files; fi\n"
                 "  all=(${all:#@*})\n"
                 "  (( $#all )) && compadd -- $all\n"
                 "}\n"
                 "_signalbox \"$@\"\n");
}
