/* fuzz_rows.h: what the fuzz targets of row readers do with their bytes: read them as a table
 * under every policy for bad rows, and check what must hold whatever the bytes are. */
#pragma once
#include "codec/table.h"
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static inline void fuzz_require(bool holds)
{
    if (!holds) abort();
}

static inline void fuzz_check_table(const struct table *t, const struct row_report *r)
{
    fuzz_require(t->n_rows == r->rows);
    for (size_t i = 0; i < t->n_cols; i++) {
        const struct table_column *c = &t->cols[i];
        fuzz_require(c->name[0] != '\0');
        fuzz_require((c->num != NULL) != (c->code != NULL));
        for (size_t row = 0; row < t->n_rows; row++) {
            if (c->num) fuzz_require(!isinf(c->num[row]));
            else fuzz_require(c->code[row] >= -1 && c->code[row] < (int32_t)map_len(c->dict));
        }
    }
}

static inline int fuzz_table(const struct codec *codec, const uint8_t *data, size_t n)
{
    for (int policy = BAD_ROW_ERROR; policy <= BAD_ROW_NULL; policy++) {
        const struct table_options o = { .rows = { .bad_row = (enum bad_row)policy } };
        struct err e = ERR_INIT;
        struct row_report r;
        struct input *in;
        struct block b;
        struct table t;
        int rc;
        if (input_memory(&in, data, n, "fuzz", &e)) return 0;
        rc = block_open(&b, in, &e);
        if (rc == 0 && (rc = table_read(&b, codec, &o, &t, &r, &e)) == 0) {
            fuzz_check_table(&t, &r);
            table_done(&t);
        }
        fuzz_require(rc == 0 || (rc == -(int)e.kind && e.msg[0] != '\0'));
        block_done(&b);
        input_close(in);
    }
    return 0;
}
