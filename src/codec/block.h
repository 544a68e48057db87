/* block.h: a window on an input that row readers scan in place.
 *
 * [start,end) are bytes read but not yet consumed; a reader that meets an unfinished row calls
 * block_more, which moves the rest to the front, grows the window when it is full, and reads
 * on. The BLOCK_PAD bytes behind `end` are always zero and may be read, so scanners need no
 * bounds check inside a vector. Readers may change bytes of a finished row in place. One owner. */
#pragma once
#include "codec/input.h"
#include <stdbool.h>

#define BLOCK_PAD 64
#define BLOCK_MAX ((size_t)64 << 20) /* longest row in bytes */

struct block {
    struct input *in; /* borrowed */
    char *buf;
    size_t cap, start, end;
    bool eof; /* nothing will follow `end` */
};

/* Reads the first bytes; a byte order mark of UTF-8 is passed over. */
int block_open(struct block *b, struct input *in, struct err *e);
/* More bytes or eof. ERR_LIMIT when an unfinished row reaches BLOCK_MAX. */
int block_more(struct block *b, struct err *e);
int block_rewind(struct block *b, struct err *e);
void block_done(struct block *b);
