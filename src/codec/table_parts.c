/* table_parts.c: CSV into a builder on several threads.
 *
 * Text goes through two windows in turn. One round:
 *
 *   cut      the owner finds the ends of whole rows in the full window (csv_cut)
 *   parse    one task reads and unpacks on into the other window, behind the row that was cut off;
 *            the others turn a piece each into columns of its own (struct part)
 *   settle   a piece that took a column for numbers although an earlier one of the same round met
 *            text in it is parsed again, with that column as text; rare, and mostly in round one
 *   append   column by column: parts in order behind the rows there are
 *
 * Where a piece ends is decided without its neighbours, and appending follows the order of the
 * file, so the result is that of reading row by row. A piece does not know its line number; when
 * it fails, or is the first with a bad row, it is read once more with the number, for the message.
 * A row longer than a window ends the parting: the rest is read row by row, which knows the limits.
 * The pool's tasks run on any thread, one at a time on each window, part or column. */
#include "base/mem.h"
#include "base/pool.h"
#include "codec/csv.h"
#include "codec/table_build.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PIECE         ((size_t)128 << 10) /* with its columns in the L2 cache */
#define PIECES_THREAD 8                   /* so that a slow piece keeps the others waiting little */
#define SLACK         1.05                /* of the number of rows that is expected */

struct part {
    struct builder b;
    const char *from, *to;
    uint64_t lines;
    struct row_report r;
    bool again; /* to be parsed once more */
    int rc;
    struct err e;
};

struct parts {
    struct builder *whole;
    const struct part_options *o;
    struct csv_head *h;
    struct input *in;
    struct pool *pool;
    struct block w[2];
    struct block *now, *next;
    struct part *part;
    size_t piece, cap, n; /* n: parts of this round, at most cap */
    size_t *at;           /* their first rows */
    int read_rc, *append_rc;
    struct err read_e;
};

/* -- windows ------------------------------------------------------------------------------ */

static int window_init(struct block *w, struct input *in, size_t cap, struct err *e)
{
    *w = (struct block){ .in = in, .cap = cap };
    w->buf = mem_try_large(NULL, cap + BLOCK_PAD, 1);
    return w->buf ? 0 : err_set(e, ERR_NOMEM, "no memory for %zu bytes of text", cap);
}

/* Fills a window that begins with the n bytes at p, which no window is too short for. */
static int window_fill(struct block *w, const char *p, size_t n, bool eof, struct err *e)
{
    int rc = 0;

    assert(n <= w->cap);
    if (n) memcpy(w->buf, p, n);
    w->start = 0;
    w->end = n;
    w->eof = eof;
    while (rc == 0 && !w->eof && w->end < w->cap) {
        size_t got;
        if ((rc = input_read(w->in, w->buf + w->end, w->cap - w->end, &got, e))) return rc;
        w->end += got;
        w->eof = got == 0;
    }
    memset(w->buf + w->end, 0, BLOCK_PAD);
    return rc;
}

/* Cuts the whole rows of the present window into pieces; start moves behind them. */
static void cut_window(struct parts *p)
{
    struct block *w = p->now;
    const char *end = w->buf + w->end;
    struct csv_cut c = { .at = w->buf + w->start, .end = end, .delimiter = p->h->delimiter };

    for (p->n = 0; p->n < p->cap && c.at < end; p->n++) {
        struct part *part = &p->part[p->n];
        bool last = (size_t)(end - c.at) <= p->piece;
        const char *to;
        part->from = c.at;
        to = csv_cut(&c, last ? end : c.at + p->piece);
        if (w->eof && (!to || last)) c.at = to = end;
        if (!to) break;
        part->to = to;
        part->again = true;
    }
    w->start = (size_t)(c.at - w->buf);
}

/* -- a round ------------------------------------------------------------------------------ */

static struct block piece_block(const struct parts *p, const struct part *part)
{
    return (struct block){ .in = p->in,
                           .buf = p->now->buf,
                           .start = (size_t)(part->from - p->now->buf),
                           .end = (size_t)(part->to - p->now->buf),
                           .eof = true };
}

static void parse_part(const struct parts *p, struct part *part)
{
    struct block b = piece_block(p, part);
    struct row_sink sink = builder_sink(&part->b);
    struct csv_head h = *p->h;

    part->r = (struct row_report){ 0 };
    part->again = false;
    part->rc = builder_restart(&part->b, &part->e);
    if (part->rc == 0) part->rc = csv_rows(&b, &h, p->o->rows, &sink, &part->r, &part->e);
    part->lines = h.line - p->h->line;
}

/* Task 0 reads on, the others parse. */
static void round_task(void *arg, size_t task, int thread)
{
    struct parts *p = arg;
    const struct block *w = p->now;

    (void)thread;
    if (task == 0)
        p->read_rc = window_fill(p->next, w->buf + w->start, w->end - w->start, w->eof, &p->read_e);
    else if (p->part[task - 1].again) parse_part(p, &p->part[task - 1]);
}

static void parse_again(void *arg, size_t task, int thread)
{
    struct parts *p = arg;

    (void)thread;
    if (p->part[task].again) parse_part(p, &p->part[task]);
}

/* Finds pieces that must know that column j is text. */
static bool settle_column(struct parts *p, size_t j)
{
    enum mode mode = p->whole->cols[j].mode;
    bool again = false;

    for (size_t i = 0; i < p->n && (mode == MODE_EMPTY || mode == MODE_CODED); i++) {
        struct part *part = &p->part[i];
        struct build *b = &part->b.cols[j];
        if (b->mode == MODE_EMPTY) continue;
        if (mode == MODE_EMPTY) mode = b->first;
        if (mode == MODE_CODED && b->mode != MODE_CODED) again = part->again = b->forced = true;
    }
    return again;
}

static void settle(struct parts *p)
{
    bool again = false;

    for (size_t j = 0; j < p->whole->n_cols; j++) again |= settle_column(p, j);
    if (again) pool_run(p->pool, p->n, parse_again, p);
}

static int no_columns(void *user, char *const *names, size_t n, struct err *e)
{
    (void)user, (void)names, (void)n, (void)e;
    return 0;
}

static int no_row(void *user, const struct field *fields, size_t n, struct err *e)
{
    (void)user, (void)fields, (void)n, (void)e;
    return 0;
}

/* Reads a piece for nothing but its messages, which name lines of the file. */
static int read_for_message(const struct parts *p, const struct part *part, struct row_report *r,
                            struct err *e)
{
    struct block b = piece_block(p, part);
    struct csv_head h = *p->h;
    const struct row_sink sink = { no_columns, no_row, NULL };

    return csv_rows(&b, &h, p->o->rows, &sink, r, e);
}

/* Adds up what the parts say in the order of the file; the first that failed ends it. */
static int take_reports(struct parts *p, struct row_report *r, struct err *e)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct part *part = &p->part[i];
        struct row_report told = { 0 };
        int rc;
        if (part->rc || (part->r.first_bad[0] && !r->first_bad[0])) {
            rc = read_for_message(p, part, &told, e);
            if (rc) return rc;
            if (part->rc && e) *e = part->e;
            if (part->rc) return part->rc;
            memcpy(r->first_bad, told.first_bad, sizeof r->first_bad);
        }
        r->rows += part->r.rows;
        r->skipped += part->r.skipped;
        r->repaired += part->r.repaired;
        p->h->line += part->lines;
    }
    return 0;
}

static void append_column(void *arg, size_t j, int thread)
{
    struct parts *p = arg;

    (void)thread;
    p->append_rc[j] = 0;
    for (size_t i = 0; i < p->n && p->append_rc[j] == 0; i++)
        p->append_rc[j] = builder_append(p->whole, j, p->at[i], &p->part[i].b, NULL);
}

/* What befell a column; many may fail at a time, so the tasks leave the message to this. */
static int append_failed(struct parts *p, size_t j, struct err *e)
{
    if (p->append_rc[j] == -ERR_LIMIT)
        return err_set(e, ERR_LIMIT, "column %s has too many different values",
                       p->whole->cols[j].c.name);
    return err_set(e, ERR_NOMEM, "not enough memory for %zu rows of column %s", p->whole->cap_rows,
                   p->whole->cols[j].c.name);
}

/* How many rows the table will have if the text goes on as in this round of so many. */
static size_t expected_rows(const struct parts *p, size_t rows)
{
    uint64_t left = input_left(p->in);
    double bytes = (double)(p->part[p->n - 1].to - p->part[0].from);

    if (left == 0) return 0;
    return p->whole->n_rows + rows +
           (size_t)((double)(left + p->next->end) * SLACK * (double)rows / bytes);
}

static int append(struct parts *p, struct err *e)
{
    struct builder *t = p->whole;
    size_t rows = 0;
    int rc;

    for (size_t i = 0; i < p->n; i++) {
        p->at[i] = t->n_rows + rows;
        rows += p->part[i].b.n_rows;
        for (size_t j = 0; j < t->n_cols; j++) p->part[i].b.cols[j].forced = false;
    }
    if ((rc = builder_reserve(t, rows, expected_rows(p, rows), e))) return rc;
    pool_run(p->pool, t->n_cols, append_column, p);
    for (size_t j = 0; j < t->n_cols; j++)
        if (p->append_rc[j]) return append_failed(p, j, e);
    t->n_rows += rows;
    return 0;
}

static int one_round(struct parts *p, struct row_report *r, struct err *e)
{
    struct block *done = p->now;
    int rc;

    pool_run(p->pool, p->n + 1, round_task, p);
    settle(p);
    if ((rc = take_reports(p, r, e)) || (rc = append(p, e))) return rc;
    if (p->read_rc) {
        if (e) *e = p->read_e;
        return p->read_rc;
    }
    p->now = p->next;
    p->next = done;
    return 0;
}

/* -- the whole ---------------------------------------------------------------------------- */

static int parts_init(struct parts *p, struct err *e)
{
    size_t cols = p->whole->n_cols;

    p->pool = pool_new(p->o->threads);
    p->part = mem_try_zero(p->cap, sizeof *p->part);
    p->at = mem_try(p->cap, sizeof *p->at);
    p->append_rc = mem_try(cols, sizeof *p->append_rc);
    if (!p->pool || !p->part || !p->at || !p->append_rc)
        return err_set(e, ERR_NOMEM, "no memory to read %zu columns", cols);
    for (size_t i = 0; i < p->cap; i++) {
        int rc = builder_part(&p->part[i].b, p->whole, 16 + p->piece / (2 * cols), e);
        if (rc) return rc;
    }
    return window_init(p->next, p->in, p->now->cap, e);
}

static void parts_done(struct parts *p)
{
    for (size_t i = 0; p->part && i < p->cap; i++) builder_done(&p->part[i].b);
    free(p->part);
    free(p->at);
    free(p->append_rc);
    pool_free(p->pool);
}

static int run(struct parts *p, struct row_report *r, struct err *e)
{
    struct row_sink sink = builder_sink(p->whole);
    int rc = 0;

    while (rc == 0 && p->now->start < p->now->end) {
        cut_window(p);
        if (p->n == 0) return csv_rows(p->now, p->h, p->o->rows, &sink, r, e);
        rc = one_round(p, r, e);
    }
    return rc;
}

int builder_read_parts(struct builder *t, struct block *b, struct csv_head *h,
                       const struct part_options *o, struct row_report *r, struct err *e)
{
    struct parts p = { .whole = t, .o = o, .h = h, .in = b->in };
    size_t rest = b->end - b->start, cap;
    struct row_sink sink = builder_sink(t);
    int rc;

    p.piece = o->piece ? o->piece : PIECE;
    p.cap = (size_t)o->threads * PIECES_THREAD;
    p.now = &p.w[0];
    p.next = &p.w[1];
    cap = p.piece * p.cap;
    rc = window_init(p.now, b->in, cap > rest ? cap : rest, e);
    if (rc == 0) rc = window_fill(p.now, b->buf + b->start, rest, b->eof, e);
    if (rc == 0 && p.now->eof && p.now->end <= 2 * p.piece) {
        rc = csv_rows(p.now, h, o->rows, &sink, r, e); /* not worth a thread */
    } else if (rc == 0) {
        rc = parts_init(&p, e);
        if (rc == 0) rc = run(&p, r, e);
        parts_done(&p);
    }
    block_done(&p.w[0]);
    block_done(&p.w[1]);
    return rc;
}
