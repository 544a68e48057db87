/* infer.h: from rows to an answer, the same for every protocol of predictions: which route and
 * version, the key of the assignment, answering at once or later. A protocol fills the rows and
 * writes the answer or the error in its own form. I/O thread. */
#pragma once
#include "http/http.h"

struct infer {
    struct predict_call call; /* route, rows; the rest is filled in by infer_run */
    struct http_req *q;
    void (*answer)(struct infer *s); /* call.rc: 0, or the error is call.err */
    void *user;
};
/* In the request's arena. */
struct infer *infer_new(struct http_req *q, void (*answer)(struct infer *s), void *user);
/* The route of a name (NULL: the default one) and of a version (NULL: as the rollout says; else
 * exactly this one), and rows to fill for it. */
int infer_begin(struct infer *s, const char *name, const char *version, struct rows **ret,
                struct err *e);
/* Inputs and outputs are those of this arm: the version that was named, else the stable one. */
const struct arm *infer_arm(const struct infer *s);
/* Asks, and calls answer: before it returns, or later. */
void infer_run(struct infer *s);

/* The key that keeps a caller with one version; call->route and rows are there. */
void infer_find_key(struct http_req *q, struct predict_call *call);

/* What a row's answer is: the class, -1 for a number. */
int infer_class(const struct infer *s, size_t row);
/* Probability of a class (a binary model has one output for two classes), or the number. */
double infer_value(const struct infer *s, size_t row, int class);
/* Are all labels of the classes whole numbers? Then answers are numbers, too. */
bool infer_whole_labels(const struct model *m);
/* The label or number that is the answer for a row, as JSON. */
void infer_write_answer(const struct infer *s, size_t row, bool whole, struct str *out);
