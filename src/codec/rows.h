/* rows.h: what every row reader (csv.h, jsonl.h) offers and delivers.
 *
 * A reader turns a block into rows of fields, which are slices of its window: valid during the
 * call only. Rows that break the format follow one policy for all formats, and every message
 * names file, line, column and what was expected. Lines count from 1 as an editor shows them,
 * also behind quoted newlines. Any thread. */
#pragma once
#include "base/err.h"
#include "codec/block.h"
#include <stddef.h>
#include <stdint.h>

enum field_flag {
    FIELD_ABSENT = 1, /* nothing there: missing whatever the column is */
    FIELD_STRING = 2, /* typed as text by the format (JSON string): no number, no boolean */
    FIELD_QUOTED = 4, /* stood in CSV quotes; says nothing about the type */
    FIELD_ESCAPED = 8 /* reader's own: doubled quotes inside */
};
struct field {
    const char *p; /* not NUL-terminated; BLOCK_PAD / 2 bytes behind the text may be read */
    uint32_t len, flags;
};

enum bad_row {
    BAD_ROW_ERROR, /* the first one ends the reading */
    BAD_ROW_SKIP,  /* left out and counted */
    BAD_ROW_NULL   /* broken and absent fields become missing, extra ones are dropped */
};

#define ROWS_MAX_FIELD   ((size_t)16 << 20)
#define ROWS_MAX_COLUMNS 65536

struct row_options {
    enum bad_row bad_row;
    char delimiter; /* 0: chosen from the header */
    struct input *labels; /* idx: the labels beside the images; NULL: none. Borrowed */
};

/* Where rows go. A negative answer ends the reading with it. */
struct row_sink {
    /* Names are unique and not empty. CSV calls it once; JSON lines again with a longer list
     * (the known names first) when a key turns up that was not there before. */
    int (*columns)(void *user, char *const *names, size_t n, struct err *e);
    /* n is the number of columns announced last. */
    int (*row)(void *user, const struct field *fields, size_t n, struct err *e);
    void *user;
};

struct row_report {
    uint64_t rows;       /* delivered */
    uint64_t skipped;    /* bad ones left out */
    uint64_t repaired;   /* bad ones delivered with missing fields */
    uint64_t unnamed;    /* columns without a name in the header: became column_N */
    uint64_t renamed;    /* columns with a name of another one: became NAME_2 … */
    char delimiter;      /* CSV: the one in use */
    char first_bad[512]; /* message of the first bad row; "" */
};

typedef int row_reader(struct block *b, const struct row_options *o, const struct row_sink *sink,
                       struct row_report *r, struct err *e);

/* Applies the policy to a bad row: 0 go on, else the error. The text continues
 * "FILE: line N: ". Counting skipped or repaired is the caller's. */
int rows_bad(const struct block *b, const struct row_options *o, struct row_report *r,
             uint64_t line, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
