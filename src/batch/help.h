/* help.h: help texts, made from the tables of verbs, options, learners and errors. Any thread. */
#pragma once
#include "batch/options.h"

extern const struct param help_params[]; /* of the command `help` */
void help_overview(struct str *out, const struct command *commands);
void help_verb(struct str *out, const struct verb *v);
void help_command(struct str *out, const struct command *c);
/* The verbs that begin with this word; false when there are none. */
bool help_noun(const char *noun, struct str *out);
/* ERR_USAGE for words that are no verb, with the nearest one as hint. */
int help_unknown(int argc, char *const *argv, struct err *e);
/* "N, 1 to 100, default 7": what a value may be; empty for plain text. */
void help_value(const struct param *p, struct str *out);
/* Whether the verb takes hyper-parameters of a learner: its help lists them. */
bool help_lists_learners(const struct verb *v);
