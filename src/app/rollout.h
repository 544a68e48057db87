/* rollout.h: how the traffic of a model is split between its versions: the document, its checks,
 * and the state machine of a canary. Pure policy over stored rows; serve/ carries it out.
 *
 *             start                 step / advance by evidence
 *   (none) ---------> running(step 0) ------------------> running(last step) --promote--> done
 *                      |   ^  hold                            |
 *            max time  v   | step                             | evidence "worse", hard limit,
 *                     paused                                  v abort
 *                        '------------------------------> aborted (all traffic to stable)
 *
 * - One rollout a model; the document is one row, replaced as a whole, its number counts up.
 * - Evidence belongs to a rollout id; starting, stepping and shifting shares of A/B keeps it,
 *   another set of versions gets a new id (and salt), so no sample is used for two questions.
 * - A promotion or rollback in the registry that changes the stable version ends a rollout
 *   that does not fit any more: traffic goes to what is in Production (never elsewhere).
 * - The stable version is where everything goes back to; it is arms[0].
 * Every change is one transaction with its audit row. Any thread with its own app. */
#pragma once
#include "app/app.h"
#include "engine/stats/sequential.h"
#include "store/rollout.h"

enum rollout_mode {
#define MODE(id, help) ROLLOUT_##id,
#include "app/modes.def"
#undef MODE
    ROLLOUT_MODES
};
const char *rollout_mode_name(enum rollout_mode m);
bool rollout_mode_find(const char *name, enum rollout_mode *ret);

struct rollout_arm {
    int64_t version;
    const char *role; /* production canary shadow a b … member fast complex fallback */
    double share;     /* 0..1; single, shadow, members: 1 or weight */
};
struct rollout_rule {                /* mode rules: the first that matches decides */
    const char *feature, *op, *text; /* op: = != < <= > >= */
    double num;                      /* NaN: compare text */
    size_t arm;
};
struct rollout_limits { /* canary guardrails; see rollout.c for the defaults */
    double alpha, tau;  /* mSPRT */
    double margin;      /* non-inferiority margin of the error rate */
    int64_t min_samples, min_time_us, max_time_us;
    double max_p99_ms;          /* hard: NaN none */
    int64_t consecutive_errors; /* hard: trips at once */
    bool auto_advance, auto_promote;
    double slo_ms; /* latency guardrail: share of requests slower than that; NaN: log-latency */
    double latency_margin; /* how much slower is still as good: 0.25 is a quarter */
};
struct rollout {    /* the document, bound and checked */
    const char *id; /* ULID; salt of the assignment */
    const char *model;
    int64_t number; /* counts changes */
    enum rollout_mode mode;
    const char *state; /* "active" for modes without steps; running held paused aborted done */
    size_t n_arms, n_rules, n_steps, n_fallback;
    const struct rollout_arm *arms;
    const struct rollout_rule *rules;
    const double *steps;        /* canary: shares, increasing */
    size_t step;                /* current */
    const size_t *fallback;     /* arms tried in order after a failure or timeout */
    const struct val *constant; /* last resort: {"prediction", "probabilities"}; NULL: none */
    const char *key;            /* request field or header with the assignment key; NULL: id */
    const char *combine;        /* ensemble: mean vote weighted stack */
    double threshold;           /* tiered: confidence that the fast model must reach */
    int64_t timeout_us;         /* of one arm; 0: none */
    int breaker_failures;       /* consecutive; 0: no breaker */
    int64_t breaker_us;         /* time until it is tried again */
    double sample;              /* shadow: share of requests that are mirrored */
    struct rollout_limits limits;
    int64_t started_us, step_us; /* when it and its step began */
    const char *reason;          /* of the last change */
};
/* Text of the row to the document and back. ERR_INVALID names the field. Lives in the arena. */
int rollout_parse(struct arena *a, const struct rollout_row *row, const struct rollout **ret,
                  struct err *e);
struct val *rollout_val(struct arena *a, const struct rollout *r);
/* The rollout that holds for a model now: the stored one if its versions still fit the registry,
 * else mode single on the version in Production. ERR_NOTFOUND: nothing in Production. */
int rollout_current(struct app *app, struct arena *a, const char *model, const struct rollout **ret,
                    struct err *e);
/* Whether traffic goes by the document: not for a canary that is over. */
bool rollout_splits(const struct rollout *r);
/* *ret_why: why the document does not fit the registry any more; NULL: it does. */
int rollout_fits(struct app *app, struct arena *a, const struct rollout *r, const char **ret_why,
                 struct err *e);
int rollout_check(const struct rollout *r, struct err *e); /* ERR_INVALID; parse does it, too */
struct rollout_limits rollout_default_limits(void);
/* Share of a key: FNV-1a64 of salt ":" key through fmix64, in [0, 10000). */
unsigned rollout_bucket(const char *salt, const char *key, size_t n_key);
/* The same in two parts, the first done once a rollout. */
uint64_t rollout_salt(const char *salt);
unsigned rollout_bucket_salted(uint64_t salt, const char *key, size_t n_key);
/* The arm of a key, modes ab and canary: the last arm has the buckets below its share, the one
 * before it those that follow, and the stable one what is left, so a share of a candidate that
 * grows never moves anybody out. */
size_t rollout_arm_of(const struct rollout *r, uint64_t salt, const char *key, size_t n_key);

/* ---- evidence ------------------------------------------------------------------------------- */

/* What the prediction log knows of one version's answers. */
struct rollout_answers {
    int64_t n;             /* answers with a probability (or number) */
    double mean, variance; /* of these */
    int64_t labelled, wrong;
};
struct rollout_facts { /* [0] stable, [1] candidate; since the rollout began */
    struct serving_sum sum[2];
    int64_t step_requests[2]; /* since the step began */
    bool with_log;            /* answers were read */
    struct rollout_answers answers[2];
};
/* One thing in which a candidate may be worse: the difference (candidate - stable; of latencies
 * the logarithm of their ratio), and how much of it is still as good. */
struct rollout_guard {
    const char *name; /* error_rate, latency or slow_rate, label_error, prediction */
    double value[2];  /* NaN: no data */
    int64_t n[2];
    struct sequential s;
    double margin;
    bool warns;        /* warns only, never decides */
    const char *state; /* "ok": not worse by margin, "worse", "unsure", "no data" */
};
enum { ROLLOUT_GUARDS = 4 };
struct rollout_evidence {
    int64_t n[2], errors[2];
    double p99_ms[2];
    struct sequential error_rate; /* guard[0].s */
    struct rollout_guard guard[ROLLOUT_GUARDS];
    const char *verdict; /* "hold" "advance" "rollback" "pause" */
    char why[200];
};
/* What is known of a candidate against the concurrent stable version, and what follows. Pure.
 * Modes other than canary get their guards and the verdict "hold". */
void rollout_judge(const struct rollout *r, const struct rollout_facts *f, int64_t now_us,
                   struct rollout_evidence *ret);
/* Facts about arm `i` against arms[0]; with_log: also from the prediction log, which takes time
 * in proportion to the predictions since the rollout began. */
int rollout_facts(struct app *app, const struct rollout *r, size_t i, bool with_log,
                  struct rollout_facts *ret, struct err *e);

/* ---- changes (rollout_change.c) ------------------------------------------------------------- */

struct rollout_change {
    const char *type;                     /* "set" "start" "step" "hold" "resume" "abort" "clear"
                                             by verbs, "advance" "pause" "rollback" by evidence,
                                             "done" "follow" "end" by a move in the registry */
    const struct rollout *before, *after; /* NULL: none */
    int64_t audit_seq;                    /* 0 on a dry run */
};
/* Each is one transaction with its audit row and event, or part of the one that is open. With
 * app->dry_run nothing is written. ERR_NOTFOUND: no rollout; ERR_STATE: not in this state;
 * ERR_CONFLICT: somebody else changed it in between. */
int rollout_set(struct app *app, struct arena *a, const struct rollout *want, const char *reason,
                struct rollout_change *ret, struct err *e);
int rollout_clear(struct app *app, struct arena *a, const char *model, const char *reason,
                  struct rollout_change *ret, struct err *e);
enum canary_move_kind { CANARY_STEP, CANARY_HOLD, CANARY_RESUME, CANARY_ABORT };
/* Stepping at the last step promotes the candidate in the registry. */
int canary_move(struct app *app, struct arena *a, const char *model, enum canary_move_kind move,
                const char *reason, struct rollout_change *ret, struct err *e);
/* The same by evidence, only if the row still has that number: verdict "advance" (at the last
 * step: promotes), "rollback" or "pause". ret->type NULL: somebody else was first. */
int canary_act(struct app *app, struct arena *a, const struct rollout *judged,
               const struct rollout_evidence *ev, struct rollout_change *ret, struct err *e);
/* Error rates, guards and verdict as the replies and events have them. */
struct val *rollout_evidence_val(struct arena *a, const struct rollout_evidence *ev);
/* registry.c calls it inside the transaction of every move: a rollout that does not fit any more
 * ends there and then. */
int rollout_registry_moved(struct app *app, struct arena *a, const char *model, const char *reason,
                           struct err *e);

/* What `route show NAME` answers, into o (share/doc/REPLIES): everything a screen of this route
 * needs, figures over the last window_us. */
int route_to_val(struct app *app, struct arena *a, const char *model, int64_t window_us,
                 bool with_log, struct val *o, struct err *e);

/* ---- judging by itself ---------------------------------------------------------------------- */

/* Judges a canary (model NULL: all) by the stored evidence and does what follows: next step,
 * promotion where auto_promote, back to the stable version, pause. Of several that look at once
 * one wins (by the row's number), the others change nothing. with_log false looks at counters
 * alone, which is quick: then it takes back and pauses, but nothing advances. Appends {model,
 * version, state, step, share, verdict, why, action} to the list. */
int canary_check(struct app *app, struct arena *a, const char *model, bool with_log,
                 struct val *list, struct err *e);
/* A daemon's hard limit tripped: back to the stable version, unless that rollout is over. */
int canary_tripped(struct app *app, const char *model, const char *rollout_id, const char *reason,
                   struct err *e);
