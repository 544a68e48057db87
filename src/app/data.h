/* data.h: what the verbs on data share; for data*.c alone. */
#pragma once
#include "app/ingest.h"
#include "base/val.h"

/* Everything `data profile` says of a table, without a target. */
int data_write_profile(struct arena *a, struct val *o, const struct frame *f,
                       const struct ingest_report *rep, struct err *e);
/* correlations{}: how its columns hang together. */
int data_write_correlations(struct arena *a, struct val *o, const struct frame *f, struct err *e);
/* target, target_kind, target_relation[]: what each column says about one of them. */
int data_write_target(struct val *o, const struct frame *f, const char *target, struct err *e);
