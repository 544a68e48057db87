/* same_table.h: whether text gives the same table, report and error when it is read row by row
 * and in pieces by several threads. For test_table and the fuzz target of CSV. */
#pragma once
#include "codec/table.h"
#include <string.h>

struct reading {
    int rc;
    struct table t;
    struct row_report r;
    struct err e;
};

static inline void reading_make(struct reading *ret, const struct codec *codec, const void *p,
                                size_t n, const struct table_options *o)
{
    struct input *in;
    struct block b;

    *ret = (struct reading){ .e = ERR_INIT };
    ret->rc = input_memory(&in, p, n, "text", &ret->e);
    if (ret->rc) return;
    ret->rc = block_open(&b, in, &ret->e);
    if (ret->rc == 0) {
        ret->rc = table_read(&b, codec, o, &ret->t, &ret->r, &ret->e);
        block_done(&b);
    }
    input_close(in);
}

static inline void reading_done(struct reading *r)
{
    if (r->rc == 0) table_done(&r->t);
}

static inline bool same_dict(const struct map *a, const struct map *b)
{
    if (map_len(a) != map_len(b)) return false;
    for (size_t i = 0; i < map_len(a); i++) {
        size_t na, nb;
        const char *ka = map_key(a, i, &na), *kb = map_key(b, i, &nb);
        if (na != nb || memcmp(ka, kb, na) != 0) return false;
    }
    return true;
}

static inline bool same_column(const struct table_column *a, const struct table_column *b, size_t n)
{
    if (strcmp(a->name, b->name) != 0 || a->type != b->type) return false;
    if ((a->num == NULL) != (b->num == NULL)) return false;
    if (a->num) return memcmp(a->num, b->num, n * sizeof *a->num) == 0;
    return memcmp(a->code, b->code, n * sizeof *a->code) == 0 && same_dict(a->dict, b->dict);
}

/* NULL, or what differs. */
static inline const char *reading_differs(const struct reading *a, const struct reading *b)
{
    if (a->rc != b->rc) return "result";
    if (strcmp(a->e.msg, b->e.msg) != 0 || strcmp(a->e.hint, b->e.hint) != 0) return "message";
    if (a->rc) return NULL;
    if (a->t.n_rows != b->t.n_rows || a->t.n_cols != b->t.n_cols) return "size";
    if (a->t.not_utf8 != b->t.not_utf8 || a->t.infinite != b->t.infinite ||
        a->t.reread != b->t.reread)
        return "counters";
    if (a->r.rows != b->r.rows || a->r.skipped != b->r.skipped || a->r.repaired != b->r.repaired ||
        strcmp(a->r.first_bad, b->r.first_bad) != 0)
        return "report";
    for (size_t j = 0; j < a->t.n_cols; j++)
        if (!same_column(&a->t.cols[j], &b->t.cols[j], a->t.n_rows)) return a->t.cols[j].name;
    return NULL;
}
