/* schema.c: the tables, as numbered migrations.
 *
 * A migration is never edited once released; a change is a new row. Each runs in a write
 * transaction together with its row in schema_version, after looking again whether another
 * process has done it meanwhile. Column types and table options are {words} of the driver;
 * everything else is SQL every engine understands. Times are µs since 1970; 0 in end, finished
 * and lease columns means "not yet".
 *
 * run.rid and experiment.id are small integers, so the big tables (param, metric, tag) stay
 * narrow and are stored in the order they are read. NaN is a flag, because SQLite has no NaN. */
#include "base/mem.h"
#include "store/monitor_priv.h"
#include <string.h>

static const char tracking[] =
    "CREATE TABLE experiment ("
    " id {i64} PRIMARY KEY, name {text} NOT NULL UNIQUE,"
    " lifecycle {text} NOT NULL DEFAULT 'active' CHECK (lifecycle IN ('active', 'deleted')),"
    " created_us {i64} NOT NULL, updated_us {i64} NOT NULL) {table};"

    "CREATE TABLE run ("
    " rid {i64} PRIMARY KEY, id {text} NOT NULL UNIQUE,"
    " experiment_id {i64} NOT NULL REFERENCES experiment (id),"
    " name {text} NOT NULL,"
    " status {text} NOT NULL CHECK"
    "  (status IN ('RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED')),"
    " user_name {text} NOT NULL,"
    " lifecycle {text} NOT NULL DEFAULT 'active' CHECK (lifecycle IN ('active', 'deleted')),"
    " start_us {i64} NOT NULL, end_us {i64} NOT NULL DEFAULT 0) {table};"
    "CREATE INDEX run_by_start ON run (lifecycle, start_us DESC, id);"
    "CREATE INDEX run_by_experiment ON run (experiment_id, lifecycle, start_us DESC, id);"
    "CREATE INDEX run_counts ON run (lifecycle, experiment_id);" /* narrow: counting is quick */

    "CREATE TABLE param ("
    " rid {i64} NOT NULL REFERENCES run (rid), key {text} NOT NULL, value {text} NOT NULL,"
    " PRIMARY KEY (rid, key)) {table_by_key};"

    "CREATE TABLE tag ("
    " rid {i64} NOT NULL REFERENCES run (rid), key {text} NOT NULL, value {text} NOT NULL,"
    " PRIMARY KEY (rid, key)) {table_by_key};"

    /* Every point; identical ones are one. */
    "CREATE TABLE metric ("
    " rid {i64} NOT NULL REFERENCES run (rid), key {text} NOT NULL, step {i64} NOT NULL,"
    " time_us {i64} NOT NULL, value {f64} NOT NULL, is_nan {i64} NOT NULL,"
    " PRIMARY KEY (rid, key, step, time_us, value, is_nan)) {table_by_key};"

    /* The greatest (step, time, value) of each key. */
    "CREATE TABLE metric_latest ("
    " rid {i64} NOT NULL REFERENCES run (rid), key {text} NOT NULL, step {i64} NOT NULL,"
    " time_us {i64} NOT NULL, value {f64} NOT NULL, is_nan {i64} NOT NULL,"
    " PRIMARY KEY (rid, key)) {table_by_key};"

    "CREATE TABLE artifact ("
    " rid {i64} NOT NULL REFERENCES run (rid), path {text} NOT NULL, digest {text} NOT NULL,"
    " size {i64} NOT NULL, PRIMARY KEY (rid, path)) {table_by_key};"
    "CREATE INDEX artifact_by_digest ON artifact (digest);"

    /* Data sets a run has read. */
    "CREATE TABLE run_input ("
    " rid {i64} NOT NULL REFERENCES run (rid), name {text} NOT NULL, digest {text} NOT NULL,"
    " context {text} NOT NULL, PRIMARY KEY (rid, name, digest)) {table_by_key};"

    "CREATE TABLE dataset ("
    " id {text} PRIMARY KEY, name {text} NOT NULL, version {i64} NOT NULL, digest {text} NOT NULL,"
    " size {i64} NOT NULL, n_rows {i64} NOT NULL, n_columns {i64} NOT NULL,"
    " skipped_rows {i64} NOT NULL, source {text} NOT NULL, format {text} NOT NULL,"
    " schema_json {text} NOT NULL, profile_json {text} NOT NULL, created_us {i64} NOT NULL,"
    " UNIQUE (name, version), UNIQUE (name, digest)) {table};";

static const char registry[] =
    "CREATE TABLE model ("
    " name {text} PRIMARY KEY, description {text} NOT NULL,"
    " created_us {i64} NOT NULL, updated_us {i64} NOT NULL) {table};"

    "CREATE TABLE model_version ("
    " name {text} NOT NULL REFERENCES model (name), version {i64} NOT NULL,"
    " semver {text} NOT NULL,"
    " stage {text} NOT NULL CHECK (stage IN ('None', 'Staging', 'Production', 'Archived')),"
    " run_id {text}, digest {text} NOT NULL, size {i64} NOT NULL, algorithm {text} NOT NULL,"
    " task {text} NOT NULL, description {text} NOT NULL, created_by {text} NOT NULL,"
    " fp_signature {text} NOT NULL, fp_architecture {text} NOT NULL, fp_data {text} NOT NULL,"
    " fp_params {text} NOT NULL, created_us {i64} NOT NULL, updated_us {i64} NOT NULL,"
    " PRIMARY KEY (name, version)) {table};"
    "CREATE UNIQUE INDEX one_in_production ON model_version (name) WHERE stage = 'Production';"
    "CREATE UNIQUE INDEX one_in_staging ON model_version (name) WHERE stage = 'Staging';"
    "CREATE INDEX version_by_digest ON model_version (digest);"

    "CREATE TABLE alias ("
    " name {text} NOT NULL, alias {text} NOT NULL, version {i64} NOT NULL,"
    " PRIMARY KEY (name, alias),"
    " FOREIGN KEY (name, version) REFERENCES model_version (name, version)) {table};"
    "CREATE INDEX alias_by_version ON alias (name, version);"

    "CREATE TABLE stage_event ("
    " seq {i64} PRIMARY KEY, name {text} NOT NULL, version {i64} NOT NULL,"
    " from_stage {text} NOT NULL, to_stage {text} NOT NULL, actor {text} NOT NULL,"
    " reason {text} NOT NULL, verb {text} NOT NULL, at_us {i64} NOT NULL,"
    " audit_seq {i64} NOT NULL,"
    " FOREIGN KEY (name, version) REFERENCES model_version (name, version)) {table};"
    "CREATE INDEX stage_event_by_name ON stage_event (name, seq);";

static const char queue[] =
    "CREATE TABLE job ("
    " id {text} PRIMARY KEY, queue {text} NOT NULL, kind {text} NOT NULL,"
    " state {text} NOT NULL CHECK"
    "  (state IN ('ready', 'running', 'succeeded', 'dead', 'cancelled')),"
    " payload {text} NOT NULL, dedup_key {text}, serial_key {text}, priority {i64} NOT NULL,"
    " attempt {i64} NOT NULL DEFAULT 0, max_attempts {i64} NOT NULL, run_at_us {i64} NOT NULL,"
    " lease_until_us {i64} NOT NULL DEFAULT 0, worker {text}, worker_pid {i64} NOT NULL DEFAULT 0,"
    " cancel_requested {i64} NOT NULL DEFAULT 0, progress {f64} NOT NULL DEFAULT 0,"
    " message {text} NOT NULL DEFAULT '', result {text}, error {text}, actor {text} NOT NULL,"
    " run_id {text}, created_us {i64} NOT NULL, started_us {i64} NOT NULL DEFAULT 0,"
    " finished_us {i64} NOT NULL DEFAULT 0,"
    " CHECK (state <> 'running' OR lease_until_us > 0)) {table};"
    "CREATE INDEX job_ready ON job (queue, priority, id) WHERE state = 'ready';"
    "CREATE INDEX job_by_state ON job (state, id);"
    "CREATE INDEX job_by_run ON job (run_id);"
    "CREATE UNIQUE INDEX job_dedup ON job (dedup_key) WHERE state IN ('ready', 'running');"
    "CREATE UNIQUE INDEX job_serial ON job (serial_key) WHERE state = 'running';"

    "CREATE TABLE job_event ("
    " job_id {text} NOT NULL REFERENCES job (id), seq {i64} NOT NULL, at_us {i64} NOT NULL,"
    " type {text} NOT NULL, actor {text} NOT NULL, detail {text} NOT NULL,"
    " attempt {i64} NOT NULL, PRIMARY KEY (job_id, seq)) {table_by_key};";

static const char audit[] =
    "CREATE TABLE audit ("
    " seq {i64} PRIMARY KEY, at_us {i64} NOT NULL, actor {text} NOT NULL, verb {text} NOT NULL,"
    " object {text} NOT NULL, reason {text} NOT NULL, detail {text} NOT NULL,"
    " prev {text} NOT NULL, hash {text} NOT NULL) {table};"
    "CREATE INDEX audit_by_object ON audit (object, seq);"
    /* The end of the chain, so that cutting off the last rows shows. */
    "CREATE TABLE audit_head ("
    " one {i64} PRIMARY KEY CHECK (one = 1), seq {i64} NOT NULL, hash {text} NOT NULL) {table};";

static const char audit_guard_sqlite[] =
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'rows of the audit log cannot be changed'); END;"
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'rows of the audit log cannot be deleted'); END;";

/* A prediction is stored in the order of time in which windows read it, its newest label with
 * it. Labels that came first wait in label_orphan.
 * monitored counts what would otherwise be counted by reading everything. */
static const char predictions[] =
    "CREATE TABLE monitored ("
    " id {i64} PRIMARY KEY, name {text} NOT NULL UNIQUE,"
    " n_rows {i64} NOT NULL DEFAULT 0, n_labels {i64} NOT NULL DEFAULT 0,"
    " n_orphans {i64} NOT NULL DEFAULT 0, ingest_us {i64} NOT NULL DEFAULT 0,"
    " pruned_us {i64}) {table};"

    "CREATE TABLE feature_schema ("
    " id {i64} PRIMARY KEY, columns_json {text} NOT NULL UNIQUE) {table};"

    "CREATE TABLE prediction ("
    " model {i64} NOT NULL REFERENCES monitored (id), at_us {i64} NOT NULL,"
    " request {text} NOT NULL, version {i64} NOT NULL, answer {text} NOT NULL,"
    " probability {f64}, latency_ms {f64}, label {text}, label_us {i64},"
    " schema_id {i64} REFERENCES feature_schema (id), features {blob},"
    " PRIMARY KEY (model, at_us, request)) {table_by_key};"
    "CREATE UNIQUE INDEX prediction_by_request ON prediction (model, request);"

    "CREATE TABLE label_orphan ("
    " model {i64} NOT NULL REFERENCES monitored (id), request {text} NOT NULL,"
    " label {text} NOT NULL, label_us {i64} NOT NULL, since_us {i64} NOT NULL,"
    " PRIMARY KEY (model, request)) {table_by_key};";

/* mark counts the batches that brought rows, the last at touched_us; measured is the mark that
 * the newest snapshot saw. */
static const char snapshots[] =
    "CREATE TABLE monitor_window ("
    " model {i64} NOT NULL REFERENCES monitored (id), start_us {i64} NOT NULL,"
    " end_us {i64} NOT NULL, mark {i64} NOT NULL, measured {i64} NOT NULL DEFAULT 0,"
    " touched_us {i64} NOT NULL, PRIMARY KEY (model, start_us, end_us)) {table_by_key};"

    "CREATE TABLE snapshot ("
    " seq {i64} PRIMARY KEY, model {i64} NOT NULL REFERENCES monitored (id),"
    " start_us {i64} NOT NULL, end_us {i64} NOT NULL, version {i64} NOT NULL,"
    " at_us {i64} NOT NULL, data {text} NOT NULL,"
    " UNIQUE (model, start_us, end_us, version)) {table};";

static const char alerts[] =
    "CREATE TABLE alert ("
    " id {text} PRIMARY KEY, model {text} NOT NULL, rule {text} NOT NULL, kind {text} NOT NULL,"
    " state {text} NOT NULL CHECK (state IN ('none', 'active', 'watch', 'incident')),"
    " severity {text} NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),"
    " value {f64}, threshold {f64}, n {i64} NOT NULL, streak {i64} NOT NULL,"
    " clean {i64} NOT NULL, since_us {i64} NOT NULL, window_us {i64} NOT NULL,"
    " action {text} NOT NULL, acked_by {text}, acked_us {i64} NOT NULL,"
    " silenced_until_us {i64} NOT NULL, resolved_us {i64} NOT NULL, inhibited_by {text},"
    " group_key {text}, detail {text} NOT NULL, updated_us {i64} NOT NULL,"
    " UNIQUE (model, rule)) {table};"

    "CREATE TABLE alert_event ("
    " seq {i64} PRIMARY KEY, at_us {i64} NOT NULL,"
    " alert_id {text} NOT NULL REFERENCES alert (id), type {text} NOT NULL,"
    " from_state {text}, to_state {text}, actor {text} NOT NULL, reason {text} NOT NULL,"
    " until_us {i64} NOT NULL, snapshot_seq {i64} NOT NULL) {table};"
    "CREATE INDEX alert_event_by_alert ON alert_event (alert_id, seq);";

static const char schedules[] =
    "CREATE TABLE schedule_slot ("
    " name {text} NOT NULL, slot_us {i64} NOT NULL, claimed_us {i64} NOT NULL,"
    " PRIMARY KEY (name, slot_us)) {table_by_key};"

    "CREATE TABLE retrain ("
    " id {text} PRIMARY KEY, model {text} NOT NULL, at_us {i64} NOT NULL, actor {text} NOT NULL,"
    " cause {text} NOT NULL CHECK (cause IN ('policy', 'schedule', 'manual')),"
    " should_retrain {i64} NOT NULL, dry_run {i64} NOT NULL, job_id {text},"
    " duplicate_of {text}, dedup_key {text}, decision {text} NOT NULL) {table};"
    "CREATE INDEX retrain_by_model ON retrain (model, at_us, id);"
    "CREATE INDEX retrain_by_key ON retrain (dedup_key);";

/* One document a model; what served is counted in buckets of ten seconds. */
static const char rollouts[] =
    "CREATE TABLE rollout ("
    " model {text} PRIMARY KEY, id {text} NOT NULL, number {i64} NOT NULL,"
    " document {text} NOT NULL, updated_us {i64} NOT NULL) {table};"

    "CREATE TABLE rollout_event ("
    " seq {i64} PRIMARY KEY, at_us {i64} NOT NULL, model {text} NOT NULL, id {text} NOT NULL,"
    " type {text} NOT NULL, actor {text} NOT NULL, reason {text} NOT NULL,"
    " detail {text} NOT NULL) {table};"
    "CREATE INDEX rollout_event_by_model ON rollout_event (model, seq);"

    "CREATE TABLE serving_bucket ("
    " model {text} NOT NULL, start_us {i64} NOT NULL, version {i64} NOT NULL,"
    " role {text} NOT NULL, rollout_id {text} NOT NULL, requests {i64} NOT NULL,"
    " n_rows {i64} NOT NULL, errors {i64} NOT NULL, cached {i64} NOT NULL,"
    " fallbacks {i64} NOT NULL, seconds {text} NOT NULL, compared {i64} NOT NULL,"
    " agreed {i64} NOT NULL, sum_abs_dp {f64} NOT NULL, max_abs_dp {f64} NOT NULL,"
    " abs_dp {text} NOT NULL, confusion00 {i64} NOT NULL, confusion01 {i64} NOT NULL,"
    " confusion10 {i64} NOT NULL, confusion11 {i64} NOT NULL,"
    " PRIMARY KEY (model, start_us, version, role, rollout_id)) {table_by_key};"
    "CREATE INDEX serving_bucket_by_time ON serving_bucket (start_us);"

    "CREATE TABLE serving_daemon ("
    " id {text} PRIMARY KEY, listen {text} NOT NULL, detail {text} NOT NULL, pid {i64} NOT NULL,"
    " started_us {i64} NOT NULL, seen_us {i64} NOT NULL) {table};";

/* One row a key; what is stored of it is a keyed hash. */
static const char keys[] =
    "CREATE TABLE api_key ("
    " id {text} PRIMARY KEY, name {text} NOT NULL,"
    " role {text} NOT NULL CHECK (role IN"
    "  ('viewer', 'developer', 'operator', 'approver', 'auditor', 'admin')),"
    " hash {text} NOT NULL UNIQUE, prefix {text} NOT NULL, created_us {i64} NOT NULL,"
    " expires_us {i64} NOT NULL DEFAULT 0, revoked_us {i64} NOT NULL DEFAULT 0,"
    " created_by {text} NOT NULL) {table};"
    "CREATE INDEX api_key_by_name ON api_key (name);";

/* Requests by hash (prediction_request.c) in place of an index by request. */
static const char requests[] =
    "CREATE TABLE prediction_request ("
    " model {i64} NOT NULL, hash {i64} NOT NULL, n {i64} NOT NULL, at_us {i64} NOT NULL,"
    " PRIMARY KEY (model, hash, n)) {table_by_key};"
    "DROP INDEX prediction_by_request;";

/* Whoever claims a slot says so and until when; slots claimed before that was asked are done. */
static const char slot_leases[] =
    "ALTER TABLE schedule_slot ADD COLUMN claimant {text} NOT NULL DEFAULT '';"
    "ALTER TABLE schedule_slot ADD COLUMN lease_until_us {i64} NOT NULL DEFAULT 0;"
    "ALTER TABLE schedule_slot ADD COLUMN done_us {i64} NOT NULL DEFAULT 0;"
    "ALTER TABLE schedule_slot ADD COLUMN tries {i64} NOT NULL DEFAULT 1;"
    "UPDATE schedule_slot SET done_us = claimed_us;";

/* Trials by sweep and number; each has one job. Steps are what early termination compares. */
static const char sweeps[] =
    "CREATE TABLE sweep ("
    " id {text} PRIMARY KEY, name {text} NOT NULL,"
    " state {text} NOT NULL CHECK (state IN ('running', 'stopping', 'cancelling', 'finished',"
    "  'stopped', 'cancelled', 'failed')),"
    " actor {text} NOT NULL, spec {text} NOT NULL, args {text} NOT NULL, method {text} NOT NULL,"
    " metric {text} NOT NULL, maximise {i64} NOT NULL, seed {i64} NOT NULL,"
    " parallel {i64} NOT NULL, planned {i64} NOT NULL, error {text}, created_us {i64} NOT NULL,"
    " finished_us {i64} NOT NULL DEFAULT 0) {table};"

    "CREATE TABLE sweep_trial ("
    " sweep_id {text} NOT NULL REFERENCES sweep (id), number {i64} NOT NULL,"
    " state {text} NOT NULL CHECK (state IN ('waiting', 'running', 'complete', 'pruned', 'failed',"
    "  'cancelled')),"
    " job_id {text} NOT NULL UNIQUE, params {text}, unit {text}, algorithm {text}, run_id {text},"
    " error {text}, value {f64}, step {i64} NOT NULL DEFAULT 0, created_us {i64} NOT NULL,"
    " started_us {i64} NOT NULL DEFAULT 0, finished_us {i64} NOT NULL DEFAULT 0,"
    " PRIMARY KEY (sweep_id, number)) {table_by_key};"

    "CREATE TABLE sweep_step ("
    " sweep_id {text} NOT NULL, number {i64} NOT NULL, step {i64} NOT NULL, value {f64},"
    " PRIMARY KEY (sweep_id, number, step)) {table_by_key};";

/* Hashes of requests follow their time now (prediction_request.c); they are filled in anew. */
static const char requests_by_time[] = "DELETE FROM prediction_request;";

/* In order of version; rows of one version run in one transaction. dialect NULL: every engine. */
static const struct migration {
    int version;
    const char *dialect, *sql;
} migrations[] = {
    { 1, NULL, tracking },
    { 1, NULL, registry },
    { 1, NULL, queue },
    { 1, NULL, audit },
    { 1, "sqlite", audit_guard_sqlite },
    { 2, NULL, predictions },
    { 2, NULL, snapshots },
    { 2, NULL, alerts },
    { 2, NULL, schedules },
    { 3, NULL, rollouts },
    { 3, NULL, keys },
    { 3, NULL, requests },
    { 3, NULL, slot_leases },
    { 4, NULL, sweeps },
    { 5, NULL, requests_by_time },
};

int schema_latest(void)
{
    return migrations[ARRAY_LEN(migrations) - 1].version;
}

int schema_version(struct store *s, int64_t *ret, struct err *e)
{
    int r = db_has_table(s->db, "schema_version", e);
    if (r < 0) return r;
    *ret = 0;
    if (r == 0) return 0;
    return db_number(s->db, "SELECT max(version) FROM schema_version", DB_NOARGS, 0, ret, e);
}

static int run_migration(struct store *s, int version, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(migrations); i++) {
        const struct migration *m = &migrations[i];
        if (m->version != version) continue;
        if (m->dialect && strcmp(m->dialect, db_dialect(s->db)) != 0) continue;
        int r = db_script(s->db, m->sql, e);
        if (r < 0) return r;
    }
    int r = version == 5 ? request_fill(s, e) : 0; /* hashes are not for SQL */
    if (r < 0) return r;
    int64_t now = store_now(s);
    r = store_exec(s, "INSERT INTO schema_version (version, at_us) VALUES ($1, $2)",
                   DB_ARGS(db_i(version), db_i(now)), NULL, e);
    if (r < 0 || version != 1) return r;
    return store_exec(s,
                      "INSERT INTO experiment (id, name, created_us, updated_us)"
                      " VALUES (0, 'Default', $1, $1)",
                      DB_ARGS(db_i(now)), NULL, e);
}

/* One step forward, if nobody else has taken it. *ret_version: where the schema is now. */
static int step_forward(struct store *s, int64_t *ret_version, struct err *e)
{
    int r = db_begin(s->db, e);
    if (r < 0) return r;
    r = db_script(s->db,
                  "CREATE TABLE IF NOT EXISTS schema_version"
                  " (version {i64} PRIMARY KEY, at_us {i64} NOT NULL) {table};",
                  e);
    int64_t version = 0;
    if (r == 0) r = schema_version(s, &version, e);
    if (r == 0 && version < schema_latest()) r = run_migration(s, (int)++version, e);
    if (r < 0) {
        db_rollback(s->db);
        return r;
    }
    *ret_version = version;
    return db_commit(s->db, e);
}

int schema_migrate(struct store *s, struct err *e)
{
    int64_t version = 0;
    while (version < schema_latest()) {
        int r = step_forward(s, &version, e);
        if (r < 0) {
            err_prefix(e, "moving %s to schema %d", s->dir, schema_latest());
            return r;
        }
    }
    return 0;
}
