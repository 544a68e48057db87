/* registry.h: which moves the model registry allows, each one transaction.
 *
 *            register            promote              promote
 *   (run) ------------> None ------------> Staging ------------> Production
 *                        ^ \________________promote_______________^   |
 *                        |                     |  ^                   | displaced, rolled back
 *                        '-- displaced --------'  | promote           v or archived
 *                                                 '-------------- Archived
 *
 * - A model has at most one version in Production and one in Staging. Who promotes displaces:
 *   from Production to Archived, from Staging back to None.
 * - An archived version goes through Staging before it serves again.
 * - Roll back leaves the version in Production and puts back the one that was there before it.
 *   Promotions pile up, a roll back takes the top one off; doing it again walks further back,
 *   and a promotion after it piles on what is left. Archiving takes a version out of the pile.
 * - The aliases `production` and `staging` follow the stages and cannot be set by hand.
 * Every move writes stages, aliases, stage events and one audit row together or not at all.
 * Any thread with its own app. */
#pragma once
#include "app/app.h"
#include "store/registry.h"

struct registry_new {
    const char *name;   /* model; made when there is none */
    const char *run_id; /* NULL: imported */
    const char *digest; /* blob of the model file, already stored */
    int64_t size;
    const char *algorithm, *task;
    const char *fp_signature, *fp_architecture, *fp_data, *fp_params; /* hex */
    const char *description;                                          /* NULL: none */
    const char *reason; /* for the audit row; NULL: none */
};
struct registry_done {
    struct reg_version version; /* strings in the caller's arena */
    bool is_new;                /* false: the same fingerprints and bytes exist already */
    int64_t audit_seq;          /* 0 when not new */
};
/* Makes a trained model the next version, stage None. The semantic version follows from what
 * differs from the newest version: architecture or signature (major), data (minor), parameters
 * or only the bytes, as with another seed (patch). A version with the same four fingerprints
 * and the same bytes is found instead and nothing changes. Call inside an open transaction, so
 * that all of it commits or vanishes with whatever else the transaction does. ERR_INVALID for
 * a bad name. */
int registry_register(struct app *app, struct arena *a, const struct registry_new *in,
                      struct registry_done *ret, struct err *e);
/* "1.2.3" after a change; the version before is NULL for the first one. */
const char *registry_next_semver(struct arena *a, const struct reg_version *before,
                                 const struct registry_new *in);

struct registry_moved {
    struct reg_version version; /* as it is after the move */
    const char *previous_stage;
    struct reg_version replaced; /* displaced version, before the move; name NULL: none */
    const char *replaced_to;     /* stage it went to */
    int64_t audit_seq;           /* 0 on a dry run */
};
/* Each is a transaction of its own, or part of the one that is open: then the caller commits, or
 * rolls back after an error. With app->dry_run nothing is written and the answer says
 * what would be. reason must not be blank. ERR_NOTFOUND, ERR_STATE for a move that the drawing
 * above does not have, ERR_INVALID. */
int registry_promote(struct app *app, struct arena *a, const char *name, int64_t version,
                     const char *to, const char *reason, struct registry_moved *ret, struct err *e);
int registry_rollback(struct app *app, struct arena *a, const char *name, const char *reason,
                      struct registry_moved *ret, struct err *e);
int registry_archive(struct app *app, struct arena *a, const char *name, int64_t version,
                     const char *reason, struct registry_moved *ret, struct err *e);
/* version 0 removes the alias. ERR_INVALID for names that are kept or would read as a number. */
int registry_alias(struct app *app, struct arena *a, const char *name, const char *alias,
                   int64_t version, const char *reason, struct err *e);
/* "7" or "@champion" to the version's row. */
int registry_version(struct app *app, struct arena *a, const char *name, const char *which,
                     struct reg_version *ret, struct err *e);

/* Tag of a run that holds the fingerprint of what it was trained on (data set, split, columns),
 * hex; `model register` takes fp_data from there. */
#define RUN_TAG_FP_DATA "signalbox.fp_data"
