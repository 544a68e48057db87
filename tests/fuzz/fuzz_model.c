/* fuzz_model.c: bytes as a model file of our own. Build with clang -fsanitize=fuzzer,address, or
 * with replay.c.
 *
 * Each input is read twice: as it is, where the checksums must refuse nearly all, and with its
 * table of sections and its checksums made right, so that what is behind them is reached. */
#include "base/digest.h"
#include "fuzz_forms.h"

/* modelfile.c says how a file is laid out */
enum { FIXED_HEAD = 24, ENTRY = 32, SECTIONS = 4 };

/* Version 2 has a fourth section. */
static size_t sections_of(const uint8_t *p)
{
    return p[8] == 2 ? 4 : 3;
}

static size_t head_of(const uint8_t *p)
{
    return FIXED_HEAD + sections_of(p) * ENTRY + 4;
}

static void put(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) p[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = n; i-- > 0;) v = v << 8 | p[i];
    return v;
}

/* Sections keep the sizes the table gives them as far as there are bytes; the last has the rest. */
static void make_right(uint8_t *p, size_t n)
{
    static const char *const names[SECTIONS] = { "model", "encoder", "learner", "calib" };
    size_t sections = sections_of(p), head = head_of(p), at = head;

    memcpy(p, "SIGNALBX", 8);
    put(p + 8, sections - 2, 4);
    put(p + 12, sections, 4);
    put(p + 16, n, 8);
    for (size_t i = 0; i < sections; i++) {
        uint8_t *entry = p + FIXED_HEAD + i * ENTRY;
        uint64_t size = get(entry + 16, 8);
        if (size > n - at || i + 1 == sections) size = n - at;
        memset(entry, 0, ENTRY);
        memcpy(entry, names[i], strlen(names[i]));
        put(entry + 8, at, 8);
        put(entry + 16, size, 8);
        put(entry + 24, crc32c(0, p + at, size), 4);
        at += size;
    }
    put(p + head - 4, crc32c(0, p, head - 4), 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_form(NULL, data, n);
    if (n < FIXED_HEAD || n < head_of(data)) return 0;
    uint8_t *copy = mem_alloc(n);
    memcpy(copy, data, n);
    make_right(copy, n);
    fuzz_form(NULL, copy, n);
    free(copy);
    return 0;
}
