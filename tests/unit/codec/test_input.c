/* test_input.c: unpacking, rewinding and refusing, for files, pipes and memory. Packed inputs
 * are made here with the libraries' own packers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "codec/input.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static char *plain; /* content that does not pack away */
enum { PLAIN_N = 700000 };

static int make_plain(void **state)
{
    struct rng r;

    (void)state;
    rng_seed(&r, 5);
    plain = mem_alloc(PLAIN_N);
    for (size_t i = 0; i < PLAIN_N; i++) plain[i] = (char)('a' + rng_below(&r, 20));
    return 0;
}

static int free_plain(void **state)
{
    (void)state;
    free(plain);
    return 0;
}

static void add_gzip(struct str *out, const char *p, size_t n)
{
    z_stream z = { 0 };
    size_t bound;

    assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    bound = deflateBound(&z, n) + 32;
    str_reserve(out, bound);
    z.next_in = (unsigned char *)(uintptr_t)p;
    z.avail_in = (unsigned)n;
    z.next_out = (unsigned char *)out->p + out->len;
    z.avail_out = (unsigned)bound;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len += z.total_out;
    deflateEnd(&z);
}

static void add_zstd(struct str *out, const char *p, size_t n)
{
    size_t bound = ZSTD_compressBound(n);

    str_reserve(out, bound);
    out->len += ZSTD_compress(out->p + out->len, bound, p, n, 1);
}

static void read_all(struct input *in, size_t step, struct str *out)
{
    char *buf = mem_alloc(step);
    struct err e = ERR_INIT;
    size_t n;

    do {
        if (input_read(in, buf, step, &n, &e)) fail_msg("%s", e.msg);
        str_addn(out, buf, n);
    } while (n);
    free(buf);
}

static void check_twice(struct input *in, size_t step, const char *want, size_t n)
{
    for (int round = 0; round < 3; round++) {
        STR_AUTO got = STR_INIT;
        struct err e = ERR_INIT;
        if (round && input_rewind(in, &e)) fail_msg("%s", e.msg);
        read_all(in, step + (size_t)round, &got);
        assert_int_equal(got.len, n);
        assert_memory_equal(str_c(&got), want, n);
    }
}

static void check_memory(const char *p, size_t n, enum input_packing packing)
{
    static const size_t steps[] = { 777, 65536, 2000000 };

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct input *in;
        struct err e = ERR_INIT;
        if (input_memory(&in, p, n, "m", &e)) fail_msg("%s", e.msg);
        assert_int_equal(input_packing(in), packing);
        check_twice(in, steps[i], plain, PLAIN_N);
        input_close(in);
    }
}

static void t_plain(void **state)
{
    (void)state;
    check_memory(plain, PLAIN_N, INPUT_PLAIN);
}

static void t_gzip(void **state)
{
    STR_AUTO s = STR_INIT;

    (void)state;
    add_gzip(&s, plain, PLAIN_N);
    check_memory(s.p, s.len, INPUT_GZIP);
    str_pad(&s, '\0', 1000); /* padding, as on tapes */
    check_memory(s.p, s.len, INPUT_GZIP);
}

static void t_gzip_members(void **state)
{
    STR_AUTO s = STR_INIT;

    (void)state;
    add_gzip(&s, plain, 100000);
    add_gzip(&s, plain, 0);
    add_gzip(&s, plain + 100000, PLAIN_N - 100000);
    check_memory(s.p, s.len, INPUT_GZIP);
}

static void t_zstd(void **state)
{
    STR_AUTO s = STR_INIT;

    (void)state;
    add_zstd(&s, plain, 100000);
    add_zstd(&s, plain, 0);
    add_zstd(&s, plain + 100000, PLAIN_N - 100000);
    check_memory(s.p, s.len, INPUT_ZSTD);
}

static void t_empty(void **state)
{
    STR_AUTO s = STR_INIT;
    struct input *in;

    (void)state;
    assert_int_equal(input_memory(&in, "", 0, "m", NULL), 0);
    check_twice(in, 10, "", 0);
    input_close(in);
    add_gzip(&s, "", 0);
    assert_int_equal(input_memory(&in, s.p, s.len, "m", NULL), 0);
    check_twice(in, 10, "", 0);
    input_close(in);
}

/* Every cut of a packed stream is an error, never a shorter content. */
static void check_cuts(const struct str *s)
{
    char buf[4096];

    for (size_t n = 8; n < s->len; n++) {
        struct input *in;
        struct err e = ERR_INIT;
        size_t got = 1;
        int rc = input_memory(&in, s->p, n, "m.gz", &e);
        assert_int_equal(rc, 0);
        while (rc == 0 && got) rc = input_read(in, buf, sizeof buf, &got, &e);
        if (rc != -ERR_PARSE) fail_msg("cut at %zu of %zu: %d", n, s->len, rc);
        assert_non_null(strstr(e.msg, "m.gz: packed data is damaged: "));
        input_close(in);
    }
}

static void t_truncated(void **state)
{
    STR_AUTO gz = STR_INIT, zst = STR_INIT;

    (void)state;
    add_gzip(&gz, plain, 1000);
    check_cuts(&gz);
    add_zstd(&zst, plain, 1000);
    check_cuts(&zst);
}

static void t_damaged(void **state)
{
    STR_AUTO s = STR_INIT;
    struct input *in;
    struct err e = ERR_INIT;
    char buf[4096];
    size_t got;

    (void)state;
    add_gzip(&s, plain, 3000);
    s.p[s.len - 6] ^= 1; /* checksum */
    assert_int_equal(input_memory(&in, s.p, s.len, "m", &e), 0);
    while (input_read(in, buf, sizeof buf, &got, &e) == 0 && got) {}
    assert_int_equal(e.kind, ERR_PARSE);
    assert_string_equal(e.msg, "m: packed data is damaged: incorrect data check");
    input_close(in);
    str_clear(&s);
    add_gzip(&s, plain, 3000);
    str_add(&s, "junk");
    assert_int_equal(input_memory(&in, s.p, s.len, "m", &e), 0);
    err_clear(&e);
    while (input_read(in, buf, sizeof buf, &got, &e) == 0 && got) {}
    assert_int_equal(e.kind, ERR_PARSE);
    input_close(in);
}

static void t_file(void **state)
{
    char path[] = "/tmp/test_input_XXXXXX";
    int fd = mkstemp(path);
    struct err e = ERR_INIT;
    struct input *in;

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(file_write_atomic(path, plain, PLAIN_N, &e), 0);
    assert_int_equal(input_open(&in, path, NULL, &e), 0);
    assert_string_equal(input_name(in), path);
    check_twice(in, 5000, plain, PLAIN_N);
    input_close(in);
    assert_int_equal(input_open(&in, path, "label", &e), 0);
    assert_string_equal(input_name(in), "label");
    input_close(in);
    unlink(path);
    assert_int_equal(input_open(&in, path, NULL, &e), -ERR_NOTFOUND);
    assert_non_null(strstr(e.msg, path));
    assert_int_equal(input_open(&in, "/tmp", NULL, &e), -ERR_INVALID);
    assert_string_equal(e.msg, "/tmp is a folder, expected a file");
}

/* A pipe as standard input, rewound before its end and behind it. */
static void t_pipe(void **state)
{
    STR_AUTO s = STR_INIT;
    int saved = dup(0), ends[2];
    struct err e = ERR_INIT;
    struct input *in;
    pid_t child;
    char buf[100];
    size_t n;

    (void)state;
    add_gzip(&s, plain, PLAIN_N);
    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        for (size_t at = 0; at < s.len; at += (size_t)n) {
            ssize_t put = write(ends[1], s.p + at, s.len - at);
            if (put < 0) _exit(1);
            n = (size_t)put;
        }
        _exit(0);
    }
    close(ends[1]);
    dup2(ends[0], 0);
    close(ends[0]);
    if (input_open(&in, "-", NULL, &e)) fail_msg("%s", e.msg);
    assert_string_equal(input_name(in), "standard input");
    assert_int_equal(input_read(in, buf, sizeof buf, &n, &e), 0);
    assert_memory_equal(buf, plain, n);
    assert_int_equal(input_rewind(in, &e), 0);
    check_twice(in, 5000, plain, PLAIN_N);
    input_close(in);
    dup2(saved, 0);
    close(saved);
}

static void t_refused(void **state)
{
    static const struct {
        const char *bytes, *message;
    } cases[] = {
        { "PK\x03\x04....", "m is a ZIP or Excel file" },
        { "\x89HDF....", "m is an HDF5 file" },
        { "SQLite format 3", "m is an SQLite database" },
        { "BZh9....", "m is packed with bzip2" },
        { "\xfd"
          "7zXZ....",
          "m is packed with xz" },
        { "ARROW1..", "m is an Arrow file" },
        { "\xfe\xff..", "m is UTF-16 text" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct input *in;
        struct err e = ERR_INIT;
        int rc = input_memory(&in, cases[i].bytes, strlen(cases[i].bytes), "m", &e);
        assert_int_equal(rc, -ERR_PARSE);
        assert_non_null(strstr(e.msg, cases[i].message));
        assert_true(e.hint[0] != '\0');
    }
}

/* Told of memory and files, from any place in them; not of packed bytes. */
static void t_left(void **state)
{
    char path[] = "/tmp/test_input_XXXXXX", buf[1000];
    struct input *in;
    size_t n;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(file_write_atomic(path, plain, PLAIN_N, NULL), 0);
    for (int i = 0; i < 2; i++) {
        if (i) assert_int_equal(input_memory(&in, plain, PLAIN_N, "m", NULL), 0);
        else assert_int_equal(input_open(&in, path, NULL, NULL), 0);
        assert_int_equal(input_left(in), PLAIN_N);
        assert_int_equal(input_read(in, buf, sizeof buf, &n, NULL), 0);
        assert_int_equal(input_left(in), PLAIN_N - n);
        input_close(in);
    }
    unlink(path);
    assert_int_equal(input_memory(&in, "\x1f\x8b\x08", 3, "m", NULL), 0);
    assert_int_equal(input_left(in), 0);
    input_close(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_plain),   cmocka_unit_test(t_gzip),    cmocka_unit_test(t_gzip_members),
        cmocka_unit_test(t_zstd),    cmocka_unit_test(t_empty),   cmocka_unit_test(t_truncated),
        cmocka_unit_test(t_file),    cmocka_unit_test(t_damaged), cmocka_unit_test(t_pipe),
        cmocka_unit_test(t_refused), cmocka_unit_test(t_left),
    };

    return cmocka_run_group_tests_name("codec.input", tests, make_plain, free_plain);
}
