/* modelref.h: what a model URI names, and its bytes.
 *
 *   models:/NAME/VERSION     that version
 *   models:/NAME/STAGE       the version in Production or Staging (also latest)
 *   models:/NAME@ALIAS       the version an alias points at
 *   runs:/RUN_ID/PATH        an artifact of a run, as a rule "model"
 *   anything else            a model file
 * Strings live in the caller's arena. Any thread with its own app. */
#pragma once
#include "app/registry.h"
#include "engine/model/model.h"

struct modelref {
    const char *uri;    /* as given */
    const char *name;   /* registered model, NULL for runs and files */
    int64_t version;    /* 0 for runs and files */
    const char *semver; /* NULL likewise */
    const char *run_id; /* run it came from; NULL: unknown */
    const char *digest; /* blob; NULL for files */
    const char *path;   /* file, or the blob's file */
    int64_t size;
};
/* ERR_NOTFOUND with a hint at what there is; ERR_INVALID for a malformed URI. */
int modelref_resolve(struct app *app, struct arena *a, const char *uri, struct modelref *ret,
                     struct err *e);
/* The bytes, appended to *out; a blob's digest is checked (ERR_CORRUPT). */
int modelref_read(struct app *app, const struct modelref *ref, struct str *out, struct err *e);
/* Resolves, reads and opens; the caller frees the model. */
int modelref_open(struct app *app, struct arena *a, const char *uri, struct modelref *ret,
                  struct model **ret_model, struct err *e);
/* Fills in what a model knows of itself: algorithm, task and three fingerprints. */
void modelref_describe(struct arena *a, const struct model *m, struct registry_new *in);
