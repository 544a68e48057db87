/* registry.h: registered models, their versions, stages, aliases and stage history. Rows only;
 * which moves are allowed is app/registry's business. Stages: None, Staging, Production,
 * Archived. At most one version of a model is in Production and one in Staging (unique
 * partial indexes hold it). */
#pragma once
#include "store/store.h"
#include <stdint.h>

struct reg_model {
    const char *name, *description;
    int64_t created_us, updated_us;
    int64_t n_versions, latest;     /* latest: highest version number */
    int64_t production, staging;    /* version in that stage, 0: none */
};
struct reg_version {
    const char *name;
    int64_t version;
    const char *semver;             /* "1.2.0" */
    const char *stage;
    const char *run_id;             /* may be NULL (imported) */
    const char *digest;             /* blob of the model file */
    int64_t size;
    const char *algorithm, *task, *description, *created_by;
    const char *fp_signature, *fp_architecture, *fp_data, *fp_params; /* hex */
    int64_t created_us, updated_us;
    const char *aliases;            /* comma-separated, "" when none */
};
struct stage_event {                /* newest first when listed */
    const char *name; int64_t version;
    const char *from, *to, *actor, *reason, *verb; /* verb: promote | rollback | archive | register */
    int64_t at_us, audit_seq;
};

int store_model_ensure(struct store *s, const char *name, struct err *e); /* created when absent */
int store_model_get(struct store *s, struct arena *a, const char *name, struct reg_model *ret,
                    struct err *e);
int store_model_list(struct store *s, struct arena *a, struct reg_model **ret, size_t *n,
                     struct err *e);
/* v->version is assigned (highest + 1) and returned. Call inside a transaction. */
int store_version_create(struct store *s, struct reg_version *v, int64_t *ret, struct err *e);
int store_version_get(struct store *s, struct arena *a, const char *name, int64_t version,
                      struct reg_version *ret, struct err *e);
int store_version_by_stage(struct store *s, struct arena *a, const char *name, const char *stage,
                           struct reg_version *ret, struct err *e); /* ERR_NOTFOUND: none */
int store_version_by_alias(struct store *s, struct arena *a, const char *name, const char *alias,
                           struct reg_version *ret, struct err *e);
int store_version_list(struct store *s, struct arena *a, const char *name,
                       struct reg_version **ret, size_t *n, struct err *e); /* newest first */
/* Sets the stage if it still is `from`: ERR_CONFLICT otherwise. */
int store_version_set_stage(struct store *s, const char *name, int64_t version, const char *from,
                            const char *to, struct err *e);
int store_alias_set(struct store *s, const char *name, const char *alias, int64_t version,
                    struct err *e);
int store_alias_delete(struct store *s, const char *name, const char *alias, struct err *e);
int store_stage_event_add(struct store *s, const struct stage_event *ev, struct err *e);
/* name NULL: all models. limit 0: 100. */
int store_stage_events(struct store *s, struct arena *a, const char *name, int64_t limit,
                       struct stage_event **ret, size_t *n, struct err *e);
