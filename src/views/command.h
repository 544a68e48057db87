/* command.h: command lines of the ':' prompt: splitting, completing, running. */
#pragma once
#include "views/ui.h"

enum { COMMAND_WORDS = 64 };
struct command {
    char *argv[COMMAND_WORDS + 1];
    int argc;
    bool open;    /* the line ends inside a word (no blank after it) */
    size_t start; /* byte where the last word begins, or the end when not open */
};
/* Shell-like: blanks, '…', "…", backslash. ERR_USAGE when a quote is not closed (the words
 * found are there all the same). */
int command_split(struct arena *a, const char *line, struct command *ret, struct err *e);

struct candidate {
    const char *text, *help;
};
enum { CANDIDATES = 64 };
/* What may stand at the end of the line; returns how many. *ret_start: the byte it replaces
 * from. */
int command_complete(struct ui *ui, struct arena *a, const char *line,
                     struct candidate out[CANDIDATES], size_t *ret_start);
/* "model promote NAME VERSION [--to …]" for the verb at the front; NULL: none yet. */
const char *command_synopsis(struct arena *a, const char *line);
