/* options.h: the command line before it means anything: global options taken out, from before
 * and after the verb, and the words that are left. The options are rows of a parameter table
 * like a verb's arguments, so help, man page and completion come from the same place. */
#pragma once
#include "app/verb.h"

enum output { OUTPUT_AUTO, OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_JSONL, OUTPUT_CSV };

/* A command of the program that is no verb: not for HTTP, not for a script. Which there are,
 * main knows: they belong to folders that batch/ does not see. */
struct command {
    const char *name, *help;
    const struct param *params;
}; /* name NULL ends */

struct options {
    const char *workspace, *as, *reason, *junit, *markdown, *dump; /* NULL: not given */
    enum output output;
    double timeout_s; /* 0: none */
    bool yes, quiet, no_color, dry_run, help, version;
    bool batch, keep_going;
    bool once, no_bootstrap;
    const struct verb *verb;        /* NULL: words do not begin with one */
    int verb_words;                 /* how many of the words are its name */
    const struct command *commands; /* those there are */
    const struct command *command;  /* the first word is this one; NULL: none */
    int argc;
    char **argv; /* the words left, in the arena; argv[argc] is NULL */
};

extern const struct param option_params[]; /* name NULL ends */
/* One-letter form of a row, 0: none. */
char option_letter(const char *name);

/* argc, argv without the program's name. base: the commands, and options that hold unless given
 * here (those of a script's command line for its lines). */
int options_parse(struct arena *a, const struct options *base, int argc, char *const *argv,
                  struct options *ret, struct err *e);
