/* options.h: the command line before it means anything: global options taken out, from before
 * and after the verb, and the words that are left. The options are rows of a parameter table
 * like a verb's arguments, so help, man page and completion come from the same place. */
#pragma once
#include "app/verb.h"

enum output { OUTPUT_AUTO, OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_JSONL, OUTPUT_CSV };

struct options {
    const char *workspace, *as, *reason, *junit, *markdown, *dump; /* NULL: not given */
    enum output output;
    double timeout_s; /* 0: none */
    bool yes, quiet, no_color, dry_run, help, version;
    bool batch, keep_going;
    bool once, no_bootstrap;
    const struct verb *verb; /* NULL: words do not begin with one */
    int verb_words;          /* how many of the words are its name */
    int argc;
    char **argv; /* the words left, in the arena; argv[argc] is NULL */
};

extern const struct param option_params[]; /* name NULL ends */
/* One-letter form of a row, 0: none. */
char option_letter(const char *name);

/* argc, argv without the program's name. base: options that hold unless given here (those of a
 * script's command line for its lines), or NULL. */
int options_parse(struct arena *a, const struct options *base, int argc, char *const *argv,
                  struct options *ret, struct err *e);
