/* whatif.h: a row in hand, as it is and as it might be: what whatif.c asks models about, and
 * whatif_row.c fetches and changes. Of one verb call, on its thread. */
#pragma once
#include "app/app.h"
#include "app/modelref.h"
#include "engine/frame/frame.h"

enum { WHATIF_ARMS = 2 };

struct whatif_arm {
    const char *role; /* "Production", "Staging", "model", "against" */
    struct modelref ref;
    struct model *model;
};
struct whatif {
    struct app *app;
    struct arena *a;
    struct whatif_arm arm[WHATIF_ARMS];
    size_t n_arms;
    struct frame *rows;     /* two: the row as it is, and as it might be */
    const char *source;     /* table, or "log" */
    const char *request_id; /* of the log; NULL */
};

/* Fills in rows. args: data, row, set of the verb. ERR_NOTFOUND: no such row. ERR_INVALID: a
 * column no model uses, or a value it cannot have. */
int whatif_row(struct whatif *w, const struct val *args, struct err *e);
