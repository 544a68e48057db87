/* verb.h: the one set of verbs. A verb is a row in verbs.def and a function verb_<id>.
 *
 * Verbs are synchronous, know no event loop and no screen, and get validated arguments: an
 * object in which every value has the type of its row and defaults are filled in. Permission,
 * validation and audit happen in verb_call, so no front end can skip them. */
#pragma once
#include "app/app.h"
#include "app/reply.h"
#include "base/param.h"

enum perm { PERM_VIEWER, PERM_AUDITOR, PERM_DEVELOPER, PERM_OPERATOR, PERM_APPROVER, PERM_ADMIN };
const char *perm_name(enum perm p); /* "viewer" … "admin" */
bool perm_find(const char *role, enum perm *ret);
/* Roles are no straight line: viewer < developer < operator < approver < admin, and beside the
 * three that change things viewer < auditor < admin, who reads everything and changes nothing.
 * role NULL or unknown: nothing is allowed. */
bool perm_allows(const char *role, enum perm need);

enum verb_flag {
    VERB_WRITE = 1,        /* changes the workspace; serialised in the console's writer thread */
    VERB_LONG = 2,         /* may take seconds: a job, or progress */
    VERB_NO_WORKSPACE = 4, /* runs without one */
    VERB_CREATES = 8,      /* makes the default workspace when there is none */
    VERB_REASON = 16,      /* needs a reason: it changes what is in production. Verbs that
                              write have the argument `reason` without saying so; with this
                              flag it is required */
    VERB_AUDIT = 32,       /* verb_call appends an audit row after success (verbs that change
                              several things at once append their own inside their transaction) */
    VERB_DRY = 64,         /* looks at app->dry_run itself; other writing verbs are not run
                              then, and the reply says what would have been called */
    VERB_LOCAL = 128,      /* reads or writes files of whoever calls: not over the network */
    VERB_JOB = 256,        /* queues a job: long only for who follows it */
};

struct verb {
    const char *name;      /* "model promote" */
    int (*fn)(struct app *app, const struct val *args, struct reply *r, struct err *e);
    enum perm perm;
    unsigned flags;
    const char *help;      /* one line */
    const struct param *params; /* name NULL ends */
};
#define VERB(id, name, perm, flags, help, ...)                                                     \
    int verb_##id(struct app *app, const struct val *args, struct reply *r, struct err *e);
#include "app/verbs.def"
#undef VERB

extern const struct verb verbs[]; /* name NULL ends; sorted as in verbs.def */
const struct verb *verb_find(const char *name);
/* Longest verb name at the front of argv; *ret_words: how many words it took. */
const struct verb *verb_match(int argc, char *const *argv, int *ret_words);

/* Binds, checks permission, runs, audits. in: raw arguments (strings or typed), may be NULL. */
int verb_call(struct app *app, const struct verb *v, const struct val *in, struct reply *r,
              struct err *e);
/* As verb_call with arguments already bound against v->params. */
int verb_call_bound(struct app *app, const struct verb *v, const struct val *args,
                    struct reply *r, struct err *e);
