/* modetest.h: a route to try the modes on, with scripted arms in the place of the scorer.
 *
 * Models are real (their tasks and classes matter); what an arm answers is said by the test:
 * numbers, an error, or nothing until its deadline. What would run on a worker waits in a list
 * until the test lets it go, so every order of events can be had without a clock. */
#pragma once
#include "engine/model/model.h"
#include "serve/mode.h"

enum { FAKE_ARMS = 8, FAKE_ROWS = 16 };
struct fake_arm {
    double p[FAKE_ROWS * 4]; /* rows * outputs */
    int rc;                  /* < 0: it fails with that */
    double model_us;
    atomic_int asked_now, asked_later, asked_aside;
    atomic_size_t rows;      /* of the last ask */
    int64_t deadline_us;     /* of the last ask on a worker */
};
struct fake {
    struct serve_route route;
    struct rollout rollout;
    struct rollout_arm docs[FAKE_ARMS];
    struct served served[FAKE_ARMS];
    struct arm arms[FAKE_ARMS];
    struct fake_arm script[FAKE_ARMS];
    struct rows rows;
    struct predict_call call;
    int answered;            /* times serve_answer was called */
    const char *id;          /* of the next request */
    size_t aside_room;       /* shadows that find room */
    bool cache;              /* answers of arm 0 are remembered */
    atomic_int cached_puts;
};
extern struct fake fake;

/* n arms: versions 1, 2, … of the model, production then member; everything cheap. */
void fake_setup(enum rollout_mode mode, size_t n, const struct model *const *models);
void fake_ready(void);       /* after the test changed the rollout */
void fake_done(void);
void fake_rows(size_t n);    /* rows, whose "age" is 0, 1, 2 … */
/* mode_run with this key; 0 or 1. */
int fake_ask(const char *key);
void fake_let_go(void);      /* what waits on the worker is answered, in order */
void fake_mirror(bool late); /* the shadows that were asked come back, or came too late */
void fake_let_go_arm(size_t arm, int rc); /* one ask of that arm, with that outcome */
size_t fake_waiting(void);
struct serve_count fake_count(int64_t version, const char *role); /* zero: there is none */
struct serving_sum fake_flush(int64_t version); /* sum of a flush; the others are lost */
