/* test_demo.c: the sample tables in data/ are what the generator makes, byte for byte, on every
 * machine. `test_demo --write` makes them anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/demo.h"
#include "base/file.h"
#include "base/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct sample {
    const char *name;
    struct demo_spec spec;
} samples[] = {
    { "transactions_sample", { .seed = 7, .rows = 2000, .start_us = DEMO_START_US } },
    { "transactions_new", { .seed = 8, .rows = 500, .start_us = DEMO_NEW_START_US } },
};

static void path_of(const struct sample *s, struct str *path)
{
    const char *top = getenv("top_srcdir");
    str_addf(path, "%s/data/%s.csv", top ? top : ".", s->name);
}

static void files_are_what_the_generator_makes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        STR_AUTO path = STR_INIT;
        STR_AUTO made = STR_INIT;
        STR_AUTO shipped = STR_INIT;
        struct err e = ERR_INIT;
        path_of(&samples[i], &path);
        if (file_read(path.p, 1 << 20, &shipped, &e)) fail_msg("%s", e.msg);
        assert_int_equal(demo_csv(&samples[i].spec, &made, &e), 0);
        assert_int_equal(made.len, shipped.len);
        assert_memory_equal(made.p, shipped.p, made.len);
    }
}

static void other_seeds_make_other_rows(void **state)
{
    (void)state;
    STR_AUTO a = STR_INIT;
    STR_AUTO b = STR_INIT;
    struct demo_spec spec = { .seed = 1, .rows = 100, .start_us = DEMO_START_US };
    assert_int_equal(demo_csv(&spec, &a, NULL), 0);
    spec.seed = 2;
    assert_int_equal(demo_csv(&spec, &b, NULL), 0);
    assert_string_not_equal(a.p, b.p);
    size_t lines = 0;
    for (const char *p = a.p; (p = strchr(p, '\n')); p++) lines++;
    assert_int_equal(lines, 101);
}

static int write_samples(void)
{
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        STR_AUTO path = STR_INIT;
        STR_AUTO made = STR_INIT;
        struct err e = ERR_INIT;
        path_of(&samples[i], &path);
        int rc = demo_csv(&samples[i].spec, &made, &e);
        if (!rc) rc = file_write_atomic(path.p, made.p, made.len, &e);
        if (rc) {
            fprintf(stderr, "%s\n", e.msg);
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && str_eq(argv[1], "--write")) return write_samples();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_what_the_generator_makes),
        cmocka_unit_test(other_seeds_make_other_rows),
    };
    return cmocka_run_group_tests_name("app.demo", tests, NULL, NULL);
}
