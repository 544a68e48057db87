/* test_buf.c: bytes written are bytes read, and a cursor never leaves its buffer. */
#include "engine/model/buf.h"
#include "enginetest.h"

static void write_one_of_each(struct buf *b)
{
    buf_u8(b, 0xab);
    buf_u32(b, 0x01020304);
    buf_u64(b, 0x1122334455667788);
    buf_f64(b, -0.1);
    buf_str(b, "grün");
    buf_bytes(b, "xyz", 3);
}

static void test_layout_is_little_endian(void **state)
{
    static const uint8_t want[] = {
        0xab, 4, 3, 2, 1, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11
    };
    struct buf b = BUF_INIT;

    (void)state;
    write_one_of_each(&b);
    assert_int_equal(b.n, 1 + 4 + 8 + 8 + 4 + 5 + 3);
    assert_memory_equal(b.p, want, sizeof want);
    buf_done(&b);
    assert_int_equal(b.n, 0);
}

static void test_round_trip(void **state)
{
    struct buf b = BUF_INIT;
    size_t len;

    (void)state;
    write_one_of_each(&b);
    struct cursor c = { b.p, b.n, false };
    assert_int_equal(cur_u8(&c), 0xab);
    assert_int_equal(cur_u32(&c), 0x01020304);
    assert_true(cur_u64(&c) == 0x1122334455667788);
    assert_true(cur_f64(&c) == -0.1);
    const char *s = cur_str(&c, &len);
    assert_int_equal(len, 5);
    assert_memory_equal(s, "grün", 5);
    assert_memory_equal(cur_bytes(&c, 3), "xyz", 3);
    assert_int_equal(c.left, 0);
    assert_false(c.bad);
    assert_int_equal(cur_u8(&c), 0);
    assert_true(c.bad);
    buf_done(&b);
}

/* Cut anywhere, reading the same structure ends bad, and never before the cut. */
static void test_every_truncation_is_noticed(void **state)
{
    struct buf b = BUF_INIT;
    size_t len;

    (void)state;
    write_one_of_each(&b);
    for (size_t n = 0; n < b.n; n++) {
        uint8_t *exact = malloc(n ? n : 1); /* its own block: a sanitizer sees any overrun */
        memcpy(exact, b.p, n);
        struct cursor c = { exact, n, false };
        cur_u8(&c);
        cur_u32(&c);
        cur_u64(&c);
        cur_f64(&c);
        cur_str(&c, &len);
        cur_bytes(&c, 3);
        assert_true(c.bad);
        assert_int_equal(cur_u64(&c), 0);
        free(exact);
    }
    buf_done(&b);
}

static void test_length_beyond_the_end(void **state)
{
    static const uint8_t bytes[] = { 0xff, 0xff, 0xff, 0xff, 'a' };
    struct cursor c = { bytes, sizeof bytes, false };
    size_t len = 9;

    (void)state;
    assert_string_equal(cur_str(&c, &len), "");
    assert_int_equal(len, 0);
    assert_true(c.bad);
    assert_null(cur_bytes(&c, 0));
}

static void test_grows(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    for (uint32_t i = 0; i < 100000; i++) buf_u32(&b, i);
    struct cursor c = { b.p, b.n, false };
    for (uint32_t i = 0; i < 100000; i++) assert_int_equal(cur_u32(&c), i);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_layout_is_little_endian),
        TEST(test_round_trip),
        TEST(test_every_truncation_is_noticed),
        TEST(test_length_beyond_the_end),
        TEST(test_grows),
    };
    return cmocka_run_group_tests_name("engine/buf", tests, NULL, NULL);
}
