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
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE ((size_t)1 << 20)
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

static void mutate(struct rng *r, const inputs *all, struct str *s)
{
    const struct str *from = &all->p[rng_below(r, all->n)];

    str_clear(s);
    str_addn(s, str_c(from), from->len);
    for (uint64_t k = 1 + rng_below(r, 6); k && s->len; k--) {
        size_t at = rng_below(r, s->len), n = 1 + rng_below(r, s->len - at);
        const struct str *other = &all->p[rng_below(r, all->n)];
        switch (rng_below(r, 5)) {
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
