/* test_idx.c: idx files: labels, images, both in one stream and from two inputs, every way of
 * being cut or contradicting itself, and the name of the labels' file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/codec.h"
#include "codec/idx.h"
#include "collect.h"
#include <stdlib.h>
#include <string.h>

#define LABELS   "\0\0\x08\x01\0\0\0\x03\x05\x00\x09"
#define IMAGES   "\0\0\x08\x03\0\0\0\x03\0\0\0\x02\0\0\0\x01\x00\xff\x0a\x64\x01\x02"
#define BYTES(s) (s), sizeof(s) - 1

static void reads(const char *p, size_t n, struct row_options o, const char *want)
{
    struct collected c;

    collect(&c, idx_read, p, n, o);
    if (c.rc) fail_msg("%s", c.err.msg);
    assert_string_equal(str_c(&c.text), want);
    collected_done(&c);
}

static void refuses(const char *p, size_t n, struct row_options o, const char *why)
{
    struct collected c;

    collect(&c, idx_read, p, n, o);
    assert_int_not_equal(c.rc, 0);
    if (!strstr(c.err.msg, why)) fail_msg("\"%s\" does not contain \"%s\"", c.err.msg, why);
    collected_done(&c);
}

static const struct row_options plain;

static void t_reads(void **state)
{
    struct input *in;

    (void)state;
    reads(BYTES(LABELS), plain, "label\n5\n0\n9\n");
    reads(BYTES(IMAGES), plain, "pixel_0|pixel_1\n0|255\n10|100\n1|2\n");
    reads(BYTES(LABELS IMAGES), plain, "pixel_0|pixel_1|label\n0|255|5\n10|100|0\n1|2|9\n");
    assert_int_equal(input_memory(&in, BYTES(LABELS), "labels", NULL), 0);
    reads(BYTES(IMAGES), (struct row_options){ .labels = in },
          "pixel_0|pixel_1|label\n0|255|5\n10|100|0\n1|2|9\n");
    input_close(in);
}

static void t_refuses(void **state)
{
    static const char both[] = LABELS IMAGES;
    struct input *in;

    (void)state;
    for (size_t n = 0; n < sizeof both - 1; n++)
        if (n != sizeof LABELS - 1) refuses(both, n, plain, "");
    refuses(BYTES(IMAGES "x"), plain, "bytes after the last image");
    refuses(BYTES(LABELS "xyz"), plain, "no idx file");
    refuses(BYTES(LABELS LABELS), plain, "labels follow labels");
    refuses(BYTES("\0\0\x0d\x03\0\0\0\x03\0\0\0\x02\0\0\0\x01"), plain, "type 0x0d");
    refuses(BYTES("\0\0\x08\x03\0\0\0\x03\0\0\0\x02\0\0\0\0"), plain, "no pixels");
    refuses(BYTES("\0\0\x08\x03\0\0\0\x03\0\x01\0\0\0\0\0\x02"), plain, "more than");
    refuses(BYTES("\0\0\x08\x03\xff\xff\xff\xff\0\0\0\x02\0\0\0\x01\x07"), plain,
            "after 0 of 4294967295 images");
    refuses(BYTES("\0\0\x08\x01\xff\xff\xff\xff\x07"), plain, "too many");
    refuses(BYTES("\0\0\x08\x01\0\0\0\x02\x01\x02" IMAGES), plain, "3 images but 2 labels");
    assert_int_equal(input_memory(&in, BYTES(LABELS), "labels", NULL), 0);
    refuses(BYTES(LABELS), (struct row_options){ .labels = in }, "these are labels");
    input_close(in);
    assert_int_equal(input_memory(&in, BYTES(IMAGES), "labels", NULL), 0);
    refuses(BYTES(IMAGES), (struct row_options){ .labels = in }, "these are images");
    input_close(in);
}

/* A set of many rows crosses the window's border; packed streams behind each other are one. */
static void t_large(void **state)
{
    enum { N = 5000, SIZE = 200 };
    size_t n = 16 + (size_t)N * SIZE;
    char *p = mem_zalloc(n, 1);
    struct collected c;

    (void)state;
    memcpy(p, "\0\0\x08\x03\0\0\x13\x88\0\0\0\x0a\0\0\0\x14", 16);
    for (size_t i = 16; i < n; i++) p[i] = (char)(i % 251);
    collect(&c, idx_read, p, n, plain);
    assert_int_equal(c.rc, 0);
    assert_int_equal(c.rows, N);
    assert_int_equal(c.columns, SIZE);
    collected_done(&c);
    free(p);
}

static void t_names(void **state)
{
    static const char *const pairs[][2] = {
        { "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz" },
        { "/images/t10k-images.idx3-ubyte", "/images/t10k-labels.idx1-ubyte" },
        { "images", "labels" },
        { "/images/x.csv", NULL },
        { "emnist.gz", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        STR_AUTO name = STR_INIT;
        assert_int_equal(idx_labels_name(pairs[i][0], &name), pairs[i][1] != NULL);
        if (pairs[i][1]) assert_string_equal(str_c(&name), pairs[i][1]);
    }
    assert_ptr_equal(codec_of_name("train-images-idx3-ubyte.gz"), &codecs[CODEC_IDX]);
    assert_true(idx_is(BYTES(LABELS)) && !idx_is_images(BYTES(LABELS)));
    assert_true(idx_is_images(BYTES(IMAGES)));
    assert_false(idx_is("\0\0\x08", 3) || idx_is("a,b\n", 4) || idx_is("\0\0\x08\x05", 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_reads),
        cmocka_unit_test(t_refuses),
        cmocka_unit_test(t_large),
        cmocka_unit_test(t_names),
    };
    return cmocka_run_group_tests_name("idx", tests, NULL, NULL);
}
