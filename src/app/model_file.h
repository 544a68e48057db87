/* model_file.h: what the verbs that turn bytes into versions share. Any thread with its own app. */
#pragma once
#include "app/registry.h"
#include "app/reply.h"
#include "base/str.h"

/* The bytes become a blob; fills in digest and size. On a dry run only the digest is made. */
int model_file_blob(struct app *app, struct arena *a, const struct str *bytes,
                    struct registry_new *in, struct err *e);
/* Fingerprint of the data a run learned from; "" where that is not known. */
int model_file_data(struct app *app, struct arena *a, const char *run_id, const char **ret,
                    struct err *e);
/* Registers the candidate in a transaction of its own and answers with the version. */
int model_file_enter(struct app *app, const struct registry_new *in, struct reply *r,
                     struct err *e);
