/* help.h: help texts, made from the tables of verbs, options, learners and errors. Any thread. */
#pragma once
#include "batch/options.h"

/* Commands of the program that are no verbs: they cannot be called over HTTP or in a script. */
struct command { const char *name, *help; const struct param *params; };
extern const struct command help_commands[]; /* name NULL ends */

void help_overview(struct str *out);
void help_verb(const char *name, struct str *out, const struct verb *v);
/* The verbs that begin with this word; false when there are none. */
bool help_noun(const char *noun, struct str *out);
/* ERR_USAGE for words that are no verb, with the nearest one as hint. */
int help_unknown(int argc, char *const *argv, struct err *e);
/* "N, 1 to 100, default 7": what a value may be; empty for plain text. */
void help_value(const struct param *p, struct str *out);
/* Whether the verb takes hyper-parameters of a learner: its help lists them. */
bool help_lists_learners(const struct verb *v);
