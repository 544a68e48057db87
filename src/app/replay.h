/* replay.h: what the log says production answered, beside what a candidate would have answered to
 * the same requests: replay.c reads and scores, replay_report.c compares. Of one verb call, on
 * its thread. */
#pragma once
#include "app/app.h"
#include "app/modelref.h"
#include "engine/frame/frame.h"
#include "store/snapshot.h"

/* One request. Classes are the candidate's; -1: unknown (or a regression). */
struct replay_row {
    int old_class, new_class;
    double old_p, new_p; /* of the positive class, of the class that was answered, or the number;
                            NaN: not logged */
    int label_class;     /* -1: no label */
    double label;        /* of a regression; NaN: none */
};
struct replay {
    const char *name;
    struct modelref ref;
    struct model *model;
    struct window w;
    int64_t logged;  /* predictions in the window */
    int64_t without; /* of them: without features, passed over */
    int64_t stride;  /* every so many-th was scored */
    size_t n;
    struct replay_row *rows;
    struct frame *features; /* of the rows, the candidate's columns */
    struct val *versions;   /* {version that answered: rows} */
    double seconds;         /* of scoring */
};
/* args: name, version, window, against, rows, threads of the verb. ERR_STATE: the log lacks a
 * column that the candidate needs. */
int replay_read(struct app *app, struct arena *a, const struct val *args, struct replay *ret,
                struct err *e);
void replay_done(struct replay *r);

struct replay_options {
    double threshold;        /* of the binary decision that is compared in segments and flips */
    double cost_fp, cost_fn; /* of a wrong yes, of a wrong no */
    double tolerance;        /* regression: less is no change; NaN: 5 % of the spread */
};
/* Fills in the reply's fields (share/doc/REPLIES). */
int replay_report(struct arena *a, const struct replay *r, const struct replay_options *o,
                  struct val *out, struct err *e);
