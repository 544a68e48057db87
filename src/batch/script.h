/* script.h: reading a batch script: one verb a line, quoted as in a shell.
 *
 *   'single'   literal, may span lines          "double"   \" \\ \$ \` and \newline escape
 *   \x         x itself; \newline joins lines   # …        comment, at the start of a word
 * Nothing is expanded: $ and * are ordinary characters. Input is read as it comes, so a
 * program may feed verbs through a pipe and wait for each answer. One owner. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include <stdio.h>

struct script {
    FILE *f;
    const char *name; /* for messages */
    int line;         /* lines read so far */
};
struct script_command {
    int line; /* where it begins */
    int argc;
    char **argv; /* in the arena */
};
/* 1: *ret is the next command; 0: the end; -ERR_PARSE: an open quote, a NUL byte, too long. */
int script_next(struct script *s, struct arena *a, struct script_command *ret, struct err *e);
