/* registry.h: making a trained model a version of a registered model.
 *
 * The same four fingerprints under the same name are the same version: registering again finds
 * it and changes nothing. A new one gets the next number and a semantic version that follows
 * from which fingerprint differs from the newest version's: architecture or signature (major),
 * data (minor), parameters (patch). Stage None. Any thread with its own app. */
#pragma once
#include "app/app.h"
#include "store/registry.h"

struct registry_new {
    const char *name;        /* model; made when there is none */
    const char *run_id;      /* NULL: imported */
    const char *digest;      /* blob of the model file, already stored */
    int64_t size;
    const char *algorithm, *task;
    const char *fp_signature, *fp_architecture, *fp_data, *fp_params; /* hex */
    const char *description; /* NULL: none */
    const char *reason;      /* for the audit row; NULL: none */
};
struct registry_done {
    struct reg_version version; /* strings in the caller's arena */
    bool is_new;                /* false: the same fingerprints exist already */
    int64_t audit_seq;          /* 0 when not new */
};
/* Call inside an open transaction: writes the version, its stage event and its audit row, so
 * they commit or vanish with whatever else the transaction does. ERR_INVALID for a bad name. */
int registry_register(struct app *app, struct arena *a, const struct registry_new *in,
                      struct registry_done *ret, struct err *e);
