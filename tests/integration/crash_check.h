/* crash_check.h: what must hold in a workspace after any crash. */
#pragma once
#include "base/vec.h"
#include "store/store.h"

/* Something the program said was done, before or in spite of the crash. */
struct promise {
    enum { PROMISE_RUN, PROMISE_MOVE, PROMISE_DATA } kind;
    char name[40];  /* run id, model, data set */
    int64_t number; /* version; for moves the audit row */
};
struct promises {
    VEC(struct promise) list;
};

/* Opens the workspace afresh and checks everything; 0 or -kind with the first finding. */
int crash_check(const char *dir, const struct promises *p, struct err *e);
/* When all is quiet: no job runs and no run is RUNNING. */
int crash_check_quiet(const char *dir, struct err *e);
