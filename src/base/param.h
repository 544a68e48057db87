/* param.h: one typed argument schema for the whole program.
 *
 * A verb, a learner and a setting describe their arguments as rows of struct param; argv, a
 * JSON body, a query string or a form of the console are bound against the same rows with the
 * same ranges and the same messages, giving a val object in which every value has its declared
 * type, defaults are filled in, and unknown names were refused with the nearest known one.
 * Reads nothing but its arguments. Any thread. */
#pragma once
#include "base/val.h"

enum param_type {
    PARAM_STR,
    PARAM_INT,
    PARAM_REAL,
    PARAM_BOOL, /* argv: --name, --no-name or --name=true|false */
    PARAM_ENUM, /* choices "a|b|c" */
    PARAM_KV,   /* argv: --name k=v, repeatable; an object of strings */
    PARAM_LIST, /* argv: repeatable or comma-separated; a list of strings */
};

enum param_flag {
    PARAM_REQUIRED = 1,   /* error when absent */
    PARAM_POSITIONAL = 2, /* taken from bare words, in row order; also as --name */
    PARAM_REST = 4,       /* PARAM_LIST: takes all remaining bare words */
    PARAM_PATH = 8,       /* completion offers files */
    PARAM_HIDDEN = 16,    /* not in help */
};

struct param {
    const char *name; /* NULL ends a table; words joined by '-' */
    enum param_type type;
    unsigned flags;
    const char *dflt;     /* as text; NULL: absent when not given */
    double min, max;      /* INT, REAL: inclusive; both 0: any */
    const char *choices;  /* ENUM */
    const char *help;     /* one line, no full stop */
};

/* argv: words after the verb's name. "--" ends options. "-" is a bare word.
 * Errors are ERR_USAGE (unknown or missing argument) or ERR_INVALID (bad value). */
int param_bind_argv(const struct param *table, struct arena *a, int argc, char *const *argv,
                    struct val **ret, struct err *e);
/* in: object whose values are already typed (JSON) or strings (query, form, k=v). NULL: {}. */
int param_bind_val(const struct param *table, struct arena *a, const struct val *in,
                   struct val **ret, struct err *e);
const struct param *param_find(const struct param *table, const char *name);
/* "--name K=V", "NAME", "[--seed N]" … as in a synopsis line. */
void param_synopsis(const struct param *table, struct str *out);
const char *param_type_name(enum param_type t);
