/* fuzz_xgboost.c: bytes as a model file of XGBoost's JSON form. Build with clang
 * -fsanitize=fuzzer,address, or with replay.c. */
#include "fuzz_forms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_form("xgboost-json", data, n);
}
