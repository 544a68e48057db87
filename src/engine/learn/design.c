/* design.c: see design.h. Which columns are sparse is told from a sample of the rows: a wrong guess
 * costs time, not truth. One pass over the matrix then copies the full columns and collects what
 * is not 0 in the others; each of PARTS threads' shares of the rows has its own list, and the
 * lists are joined in order. */
#include "engine/learn/design.h"

#include "base/mem.h"
#include "engine/kernel/kernel.h"
#include "engine/pool.h"

#include <stdlib.h>
#include <string.h>

#define PARTS        64
#define SAMPLED      1024 /* rows */
#define SPARSE_SHARE 4    /* a sparse column is 0 but in a row of so many */
#define WORTH        2    /* a column of so many has to be one */

/* What a share of the rows has in the sparse columns. */
struct part {
    struct design_entry *entries;
    size_t n, room;
    bool no_memory;
};

struct making {
    const struct matrix *m;
    struct design *x;
    struct part parts[PARTS];
};

/* Numbers the columns: full ones, then sparse ones, both in order. */
static void sort_columns(const struct matrix *m, struct design *x)
{
    size_t step = m->n / SAMPLED + 1, rows = (m->n + step - 1) / step, next = m->d;

    for (size_t j = m->d; j-- > 0;) {
        size_t count = 0;
        for (size_t i = 0; i < m->n; i += step) count += m->x[i * m->d + j] != 0;
        if (count * SPARSE_SHARE < rows) x->column[--next] = (uint32_t)j;
    }
    x->full = next;
    x->sparse = m->d - next;
    for (size_t j = 0, k = 0; k < x->full; j++) {
        if (next < m->d && x->column[next] == j) next++;
        else x->column[k++] = (uint32_t)j;
    }
}

static struct design_entry *room_for(struct part *p, size_t more)
{
    if (p->n + more > p->room) {
        size_t room = 2 * p->room + more;
        void *grown = mem_try_grow(p->entries, room, sizeof *p->entries);
        if (!grown) return NULL;
        p->entries = grown;
        p->room = room;
    }
    return p->entries + p->n;
}

/* Lists what the row has in the sparse columns, for which there is room. */
static size_t list_row(const struct design *x, const double *row, struct design_entry *out)
{
    const uint32_t *column = x->column + x->full;
    size_t n = 0;

    for (size_t k = 0; k < x->sparse; k++)
        if (row[column[k]] != 0) out[n++] = (struct design_entry){ row[column[k]], (uint32_t)k };
    return n;
}

static void fill_part(void *arg, size_t task, int thread)
{
    struct making *t = arg;
    const struct matrix *m = t->m;
    struct design *x = t->x;
    struct part *p = &t->parts[task];

    (void)thread;
    for (size_t i = task * m->n / PARTS; i < (task + 1) * m->n / PARTS; i++) {
        const double *row = m->x + i * m->d;
        struct design_entry *out = room_for(p, x->sparse);
        if (!out) {
            p->no_memory = true;
            return;
        }
        for (size_t k = 0; k < x->full; k++) x->copy[i * x->full + k] = row[x->column[k]];
        x->start[i] = p->n; /* of the part's, until they are joined */
        p->n += list_row(x, row, out);
    }
}

static void join_part(void *arg, size_t task, int thread)
{
    struct making *t = arg;
    size_t n = t->m->n, before = 0;
    const struct part *p = &t->parts[task];

    (void)thread;
    for (size_t i = 0; i < task; i++) before += t->parts[i].n;
    for (size_t i = task * n / PARTS; i < (task + 1) * n / PARTS; i++) t->x->start[i] += before;
    if (p->n) memcpy(t->x->entries + before, p->entries, p->n * sizeof *p->entries);
}

/* Fills the memory of a design whose columns are sorted. */
static bool fill(const struct engine *en, struct making *t)
{
    struct design *x = t->x;
    size_t total = 0;

    pool_run(en->pool, PARTS, fill_part, t);
    for (size_t i = 0; i < PARTS; i++) {
        if (t->parts[i].no_memory) return false;
        total += t->parts[i].n;
    }
    x->entries = mem_try(total + 1, sizeof *x->entries);
    if (!x->entries) return false;
    pool_run(en->pool, PARTS, join_part, t);
    x->start[x->n] = total;
    return true;
}

int design_sparse(const struct engine *en, const struct matrix *m, struct design *ret,
                  struct err *e)
{
    struct making t = { .m = m, .x = ret };
    bool ok;

    *ret = design_plain(m);
    ret->column = mem_try(m->d + 1, sizeof *ret->column);
    if (!ret->column) return err_set(e, ERR_NOMEM, "no memory for %zu columns", m->d);
    sort_columns(m, ret);
    if (ret->sparse * WORTH < m->d) {
        design_done(ret);
        *ret = design_plain(m);
        return 0;
    }
    ret->x = ret->copy = mem_try(m->n * ret->full + 1, sizeof *ret->copy);
    ret->start = mem_try(m->n + 1, sizeof *ret->start);
    ok = ret->copy && ret->start && fill(en, &t);
    for (size_t i = 0; i < PARTS; i++) free(t.parts[i].entries);
    if (ok) return 0;
    design_done(ret);
    return err_set(e, ERR_NOMEM, "no memory for the rows of %zu columns", m->d);
}

void design_done(struct design *x)
{
    free(x->copy);
    free(x->entries);
    free(x->start);
    free(x->column);
    *x = (struct design){ 0 };
}

void design_order(const struct design *x, const double *w, double *ret)
{
    for (size_t k = 0; k < x->full + x->sparse; k++) ret[k] = w[design_column(x, k)];
}

void design_dots(const struct design *x, const struct kernels *kernels, size_t from, size_t to,
                 const double *w, double *out)
{
    const struct kernel_rows rows = { x->x + from * x->full, to - from, x->full };

    kernels->dots(&rows, w, 1, out);
    if (!x->sparse) return;
    for (size_t i = from; i < to; i++)
        for (uint64_t k = x->start[i]; k < x->start[i + 1]; k++)
            out[i - from] += x->entries[k].value * w[x->full + x->entries[k].column];
}
