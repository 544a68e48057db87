/* replay.c: a main for fuzz targets, so that make check runs them without a fuzzer.
 *
 *   fuzz_csv FILE|FOLDER…      replays these inputs
 *   fuzz_csv                   replays the corpus named after the program (fuzz_csv: corpus/csv),
 *                              then mutations of it for a second (FUZZ_SECONDS: for so long),
 *                              from a fixed seed
 *
 * A crash is a failure. Mutations come from a fixed seed and a fixed corpus, so the same number
 * of them always ends in the same crash; a debugger shows the bytes. */
#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/vec.h"
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE  ((size_t)1 << 20)
#define SECOND_US INT64_C(1000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

typedef VEC(struct str) inputs;

static void run(const struct str *s)
{
    LLVMFuzzerTestOneInput((const uint8_t *)str_c(s), s->len);
}

static void load(inputs *all, const char *path)
{
    struct err e = ERR_INIT;
    struct str s = STR_INIT;

    if (file_read(path, MAX_FILE, &s, &e)) {
        fprintf(stderr, "%s\n", e.msg);
        exit(1);
    }
    vec_push(all, s);
}

static void load_folder(inputs *all, const char *path)
{
    struct dirent **list;
    int n = scandir(path, &list, NULL, alphasort);

    if (n < 0) {
        load(all, path);
        return;
    }
    for (int i = 0; i < n; i++) {
        STR_AUTO file = STR_INIT;
        str_addf(&file, "%s/%s", path, list[i]->d_name);
        if (list[i]->d_name[0] != '.') load(all, str_c(&file));
        free(list[i]);
    }
    free(list);
}

/* Bytes that mean something to parsers come more often than others. */
static char any_byte(struct rng *r)
{
    static const char telling[] = "\",;\t\n\r\\{}[]:0019.eE+-tfnu \xc3\xa9\xef\xbb\xbf\x00\x1f\x8b";

    if (rng_below(r, 3) == 0) return (char)rng_below(r, 256);
    return telling[rng_below(r, sizeof telling)];
}

/* Integers at the edges of what programs count with, either end first. */
static void put_integer(struct rng *r, char *p, size_t room)
{
    static const uint64_t edges[] = { 0,          1,         2,         31,    127,
                                      255,        4096,      65535,     65536, INT32_MAX,
                                      UINT32_MAX, INT64_MAX, UINT64_MAX };
    size_t n = (size_t)1 << rng_below(r, 4);
    uint64_t v = edges[rng_below(r, sizeof edges / sizeof *edges)];
    bool big = rng_below(r, 2);

    for (size_t i = 0; i < n && i < room; i++) p[big ? n - 1 - i : i] = (char)(v >> 8 * i);
}

/* The number in decimals at or after a place becomes another one. */
static void put_decimal(struct rng *r, struct str *s, size_t at)
{
    static const char *const values[] = {
        "-1",    "0",      "1",     "2",          "3",
        "7",     "255",    "65536", "2147483648", "99999999999999999999",
        "1e308", "-1e-40", "nan",   "-inf",       "0.5"
    };
    const char *with = values[rng_below(r, sizeof values / sizeof *values)];
    size_t n = 0, k = strlen(with);

    while (at < s->len && !strchr("0123456789", s->p[at])) at++;
    while (at + n < s->len && s->p[at + n] && strchr("0123456789.eE+-", s->p[at + n])) n++;
    if (n == 0) return;
    str_reserve(s, k);
    memmove(s->p + at + k, s->p + at + n, s->len - at - n);
    memcpy(s->p + at, with, k);
    s->len += k - n;
}

static void mutate(struct rng *r, const inputs *all, struct str *s)
{
    bool gentle = rng_below(r, 2); /* pieces of a few bytes: the rest still makes sense */
    const struct str *from = &all->p[rng_below(r, all->n)];

    str_clear(s);
    str_addn(s, str_c(from), from->len);
    for (uint64_t k = 1 + rng_below(r, 6); k && s->len; k--) {
        size_t at = rng_below(r, s->len), rest = s->len - at;
        size_t n = 1 + rng_below(r, gentle && rest > 12 ? 12 : rest);
        const struct str *other = &all->p[rng_below(r, all->n)];
        switch (rng_below(r, gentle ? 6 : 7)) {
        case 0: s->p[at] = any_byte(r); break;
        case 1: s->p[at] ^= (char)(1 << rng_below(r, 8)); break;
        case 2: /* cut out */
            memmove(s->p + at, s->p + at + n, s->len - at - n);
            s->len -= n;
            break;
        case 3: /* repeat */
            if (s->len > 4096) break;
            str_reserve(s, n);
            memcpy(s->p + s->len, s->p + at, n);
            s->len += n;
            break;
        case 4: put_integer(r, s->p + at, rest < 8 ? 0 : 8); break;
        case 5: put_decimal(r, s, at); break;
        default: /* go on with another input */ s->len = at; str_addn(s, str_c(other), other->len);
        }
    }
}

static size_t run_mutations(const inputs *all)
{
    const char *seconds = getenv("FUZZ_SECONDS");
    int64_t stop = clock_mono_us() + (seconds ? atoi(seconds) : 1) * SECOND_US;
    STR_AUTO s = STR_INIT;
    struct rng r;
    size_t n = 0;

    rng_seed(&r, 1);
    for (; clock_mono_us() < stop; n++) {
        mutate(&r, all, &s);
        run(&s);
    }
    return n;
}

int main(int argc, char **argv)
{
    const char *top = getenv("top_srcdir"), *name = strstr(argv[0], "fuzz_");
    inputs all = VEC_INIT;
    size_t mutations = 0;

    for (int i = 1; i < argc; i++) load_folder(&all, argv[i]);
    if (argc == 1 && name) {
        STR_AUTO path = STR_INIT;
        str_addf(&path, "%s/tests/fuzz/corpus/%s", top ? top : ".", name + strlen("fuzz_"));
        load_folder(&all, str_c(&path));
    }
    for (size_t i = 0; i < all.n; i++) run(&all.p[i]);
    if (argc == 1 && all.n) mutations = run_mutations(&all);
    printf("%zu inputs, %zu mutations\n", all.n, mutations);
    for (size_t i = 0; i < all.n; i++) str_done(&all.p[i]);
    vec_done(&all);
    return argc == 1 && mutations == 0;
}
