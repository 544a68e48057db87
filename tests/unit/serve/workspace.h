/* workspace.h: a temporary workspace with models in Production, and a serve on it with one I/O
 * thread, which is the test's own. */
#pragma once
#include "app/app.h"
#include "run/loop.h"
#include "serve/serve.h"

struct bench {
    char dir[64];
    struct app app;
    struct app_config cfg;
    struct log log;
    struct arena arena;
    struct loop *loop;
    struct serve *serve;
    struct serve_io *io;
};
void bench_open(struct bench *b);
void bench_close(struct bench *b); /* stops what is started */
/* Registers the model as the next version of a name; stage NULL: none. Frees the model. */
int64_t bench_register(struct bench *b, const char *name, struct model *m, const char *stage);
void bench_promote(struct bench *b, const char *name, int64_t version);
void bench_settings(struct bench *b, const char *yaml);
void bench_start(struct bench *b); /* serve and io */
void bench_stop(struct bench *b);  /* and the log is written */
void bench_reload(struct bench *b); /* returns when the new catalog is out */
/* Lets the loop turn until *flag or the time is up. */
void bench_wait(struct bench *b, const bool *flag);
/* One call with this body for the model; waits for the answer. c is filled in by it. */
int bench_predict(struct bench *b, const char *model, const char *body, struct predict_call *c);
