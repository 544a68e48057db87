/* fuzz_idx.c: bytes as images and labels. Build with clang -fsanitize=fuzzer,address, or with
 * replay.c. */
#include "fuzz_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_table(&codecs[CODEC_IDX], data, n);
}
