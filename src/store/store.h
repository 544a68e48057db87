/* store.h: the workspace's durable memory: one handle on one database and its blob folder.
 *
 * A handle belongs to one thread; several handles, threads and processes may use a workspace at
 * once. Aggregates (experiment.h, run.h, registry.h, job.h, dataset.h, audit.h, blob.h) turn
 * structs into rows and back and hold no policy. Strings in results live in the arena the
 * caller passes. Functions that write outside store_begin … store_commit are a transaction of
 * their own. Writers wait for each other up to 10 s (randomised back-off), then ERR_BUSY. */
#pragma once
#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"

struct store;

enum store_flag { STORE_CREATE = 1 /* make it when absent */, STORE_READONLY = 2 };

/* dir: the workspace folder; the database is dir/signalbox.db. Migrates an older schema
 * forward; refuses a newer one (ERR_STATE). */
int store_open(struct store **ret, const char *dir, unsigned flags, const struct clock *clock,
               struct err *e);
void store_close(struct store *s); /* NULL is fine; rolls an open transaction back */
const char *store_dir(const struct store *s);
int64_t store_now(const struct store *s); /* the clock's time */

/* Write transaction (BEGIN IMMEDIATE, fsync on commit). Not nestable: asserts. */
int store_begin(struct store *s, struct err *e);
int store_commit(struct store *s, struct err *e); /* on failure everything is rolled back */
void store_rollback(struct store *s);             /* nothing open: does nothing */
bool store_in_tx(const struct store *s);

/* A number that changes when anybody committed anything; cheap, for polling. */
int64_t store_revision(struct store *s);
/* Structural check of the database file, for `doctor`: ERR_CORRUPT with the first finding. */
int store_check(struct store *s, struct err *e);
int store_schema_version(struct store *s);

struct kv { const char *key, *value; };
