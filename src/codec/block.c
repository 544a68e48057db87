/* block.c: see block.h. The window starts at 256 KiB, which stays in the L2 cache while its
 * fields are parsed, and doubles only for rows longer than that, so a huge quoted field is
 * scanned again a logarithmic number of times. */
#include "codec/block.h"
#include "base/mem.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_FIRST ((size_t)256 << 10)

static int grow(struct block *b, struct err *e)
{
    size_t cap = b->cap ? b->cap * 2 : BLOCK_FIRST;
    char *p;

    if (cap > BLOCK_MAX) {
        err_set(e, ERR_LIMIT, "a row is longer than %zu MiB", BLOCK_MAX >> 20);
        return err_hint(e, "look for a quote that is not closed, or for missing line ends");
    }
    p = mem_try_grow(b->buf, cap + BLOCK_PAD, 1);
    if (!p) return err_set(e, ERR_NOMEM, "not enough memory for a row of %zu MiB", cap >> 20);
    b->buf = p;
    b->cap = cap;
    return 0;
}

int block_more(struct block *b, struct err *e)
{
    size_t got, rest = b->end - b->start;
    int rc;

    assert(!b->eof);
    if (b->start > 0) {
        memmove(b->buf, b->buf + b->start, rest);
        b->start = 0;
        b->end = rest;
    }
    if (b->end == b->cap && (rc = grow(b, e))) return err_prefix(e, "%s", input_name(b->in));
    if ((rc = input_read(b->in, b->buf + b->end, b->cap - b->end, &got, e))) return rc;
    b->end += got;
    b->eof = got == 0;
    memset(b->buf + b->end, 0, BLOCK_PAD);
    return 0;
}

static int first_bytes(struct block *b, struct err *e)
{
    int rc;

    do
        if ((rc = block_more(b, e))) return rc;
    while (b->end < 3 && !b->eof);
    if (b->end >= 3 && memcmp(b->buf, "\xef\xbb\xbf", 3) == 0) b->start = 3;
    return 0;
}

int block_open(struct block *b, struct input *in, struct err *e)
{
    int rc;

    *b = (struct block){ .in = in };
    if ((rc = first_bytes(b, e))) block_done(b);
    return rc;
}

int block_rewind(struct block *b, struct err *e)
{
    int rc = input_rewind(b->in, e);

    if (rc) return rc;
    b->start = b->end = 0;
    b->eof = false;
    return first_bytes(b, e);
}

void block_done(struct block *b)
{
    free(b->buf);
    b->buf = NULL;
    b->cap = b->start = b->end = 0;
}
