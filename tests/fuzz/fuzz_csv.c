/* fuzz_csv.c: bytes as CSV, and the same bytes in pieces of odd lengths by two threads, which must
 * give the same. Build with clang -fsanitize=fuzzer,address, or with replay.c. */
#include "../unit/codec/same_table.h"
#include "fuzz_rows.h"

static void compare_pieces(const uint8_t *data, size_t n, enum bad_row policy)
{
    struct table_options o = { .rows = { .bad_row = policy }, .threads = 1 };
    struct reading serial, parted;

    reading_make(&serial, &codecs[CODEC_CSV], data, n, &o);
    o.threads = 2;
    o.piece = 1 + (n * 7 + data[n / 2]) % 61;
    reading_make(&parted, &codecs[CODEC_CSV], data, n, &o);
    fuzz_require(reading_differs(&serial, &parted) == NULL);
    reading_done(&serial);
    reading_done(&parted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n) compare_pieces(data, n, (enum bad_row)(data[0] % 3));
    return fuzz_table(&codecs[CODEC_CSV], data, n);
}
