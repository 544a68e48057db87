/* dump.h: files printed from the tables: the manual page and shell completions. Any thread. */
#pragma once
#include "batch/help.h"

void dump_man(struct str *out, const struct command *commands);
void dump_bash(struct str *out, const struct command *commands);
void dump_zsh(struct str *out, const struct command *commands);
void dump_verbs(struct str *out, const struct command *commands); /* "name<TAB>help" a line */
/* what: man, bash, zsh or verbs. False: none of them. */
bool dump(const char *what, struct str *out, const struct command *commands);
