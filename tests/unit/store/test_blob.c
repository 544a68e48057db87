/* test_blob.c: content-addressed files: put, get, damage, garbage; and the data sets and other
 * rows that keep a blob alive. */
#include "base/digest.h"
#include "store/blob.h"
#include "store/dataset.h"
#include "store/registry.h"
#include "store/run.h"
#include "storetest.h"
#include <fcntl.h>
#include <sys/stat.h>

static void put(struct fx *f, const char *text, char digest[65])
{
    OK(blob_put(f->s, text, strlen(text), digest, &f->e));
}

static const char *path_of(struct fx *f, const char *digest)
{
    const char *path = NULL;
    OK(blob_path(f->s, &f->a, digest, &path, &f->e));
    return path;
}

/* Sets a file's time to some seconds before the test's clock. */
static void age(struct fx *f, const char *path, int64_t seconds)
{
    int64_t t = f->clock->now / 1000000 - seconds;
    struct timespec times[2] = { { .tv_sec = t }, { .tv_sec = t } };
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_put_and_get(void **state)
{
    struct fx *f = *state;
    char d[65], again[65], empty[65];
    put(f, "hello", d);
    assert_string_equal(d, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    put(f, "hello", again);
    assert_string_equal(d, again);
    put(f, "", empty);
    STR_AUTO out = STR_INIT;
    str_add(&out, "before ");
    OK(blob_get(f->s, d, &out, &f->e));
    assert_string_equal(str_c(&out), "before hello");
    OK(blob_get(f->s, empty, &out, &f->e));
    assert_int_equal(out.len, 12);
    assert_non_null(strstr(path_of(f, d), "/blobs/2c/2cf24d"));
}

static void test_put_file(void **state)
{
    struct fx *f = *state;
    char path[128], d[65], direct[65];
    size_t n = 700001;
    char *bytes = mem_alloc(n);
    for (size_t i = 0; i < n; i++) bytes[i] = (char)(i * 7);
    snprintf(path, sizeof path, "%s/input", f->dir);
    assert_int_equal(file_write_atomic(path, bytes, n, &f->e), 0);
    int64_t size = 0;
    OK(blob_put_file(f->s, path, d, &size, &f->e));
    assert_int_equal(size, n);
    OK(blob_put(f->s, bytes, n, direct, &f->e));
    assert_string_equal(d, direct);
    OK(blob_put_file(f->s, path, d, NULL, &f->e));
    assert_string_equal(d, direct);
    FAILS(NOTFOUND, blob_put_file(f->s, "/nonexistent/file", d, NULL, &f->e));
    free(bytes);
}

static void test_damage_is_found(void **state)
{
    struct fx *f = *state;
    char d[65];
    put(f, "precious", d);
    const char *path = path_of(f, d);
    assert_int_equal(file_write_atomic(path, "precioux", 8, &f->e), 0);
    STR_AUTO out = STR_INIT;
    FAILS(CORRUPT, blob_get(f->s, d, &out, &f->e));
    assert_int_equal(out.len, 0);
    put(f, "precious", d); /* making the object again mends it */
    OK(blob_get(f->s, d, &out, &f->e));
    assert_string_equal(str_c(&out), "precious");
    assert_int_equal(file_write_atomic(path, "prec", 4, &f->e), 0);
    char source[128];
    snprintf(source, sizeof source, "%s/source", f->dir);
    assert_int_equal(file_write_atomic(source, "precious", 8, &f->e), 0);
    OK(blob_put_file(f->s, source, d, NULL, &f->e));
    str_clear(&out);
    OK(blob_get(f->s, d, &out, &f->e));
    assert_int_equal(unlink(path), 0);
    FAILS(NOTFOUND, blob_get(f->s, d, &out, &f->e));
    FAILS(NOTFOUND, blob_path(f->s, &f->a, d, &path, &f->e));
    FAILS(INVALID, blob_get(f->s, "../../../../etc/passwd", &out, &f->e));
    FAILS(INVALID, blob_path(f->s, &f->a, "ABC", &path, &f->e));
}

static void test_garbage(void **state)
{
    struct fx *f = *state;
    char artifact[65], version[65], data[65], old[65], young[65], saved[65], stray[128];
    put(f, "artifact", artifact);
    put(f, "version", version);
    put(f, "data", data);
    put(f, "old", old);
    put(f, "young", young);
    put(f, "saved", saved);
    struct run r = { .id = "aaaa" };
    OK(store_run_create(f->s, &f->a, &r, &f->e));
    struct artifact file = { "model", artifact, 1 };
    OK(store_run_add_artifact(f->s, "aaaa", &file, &f->e));
    struct reg_version v = { .name = "m", .digest = version };
    struct dataset ds = { .name = "d", .digest = data };
    int64_t n;
    OK(store_model_ensure(f->s, "m", &f->e));
    OK(store_version_create(f->s, &v, &n, &f->e));
    OK(store_dataset_add(f->s, &ds, &n, &f->e));
    const char *const all[] = { artifact, version, data, old, saved };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) age(f, path_of(f, all[i]), 4000);
    age(f, path_of(f, young), 3000);
    snprintf(stray, sizeof stray, "%s/blobs/tmp-crashed", f->dir);
    assert_int_equal(file_write_atomic(stray, "x", 1, &f->e), 0);
    age(f, stray, 4000);
    put(f, "saved", saved); /* putting again starts the hour anew */
    OK(blob_gc(f->s, &n, &f->e));
    assert_int_equal(n, 2);
    const char *path;
    FAILS(NOTFOUND, blob_path(f->s, &f->a, old, &path, &f->e));
    assert_false(file_exists(stray));
    const char *const kept[] = { artifact, version, data, young, saved };
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) path_of(f, kept[i]);
    OK(blob_gc(f->s, &n, &f->e));
    assert_int_equal(n, 0);
}

static void test_datasets(void **state)
{
    struct fx *f = *state;
    struct dataset one = { .name = "adult",
                           .digest = "d1",
                           .size = 3,
                           .rows = 2,
                           .columns = 1,
                           .skipped_rows = 4,
                           .source = "/tmp/a.csv",
                           .format = "csv.gz",
                           .schema = "[1]",
                           .profile = "{}" };
    struct dataset got, *list;
    int64_t v = 0;
    size_t n;
    OK(store_dataset_add(f->s, &one, &v, &f->e));
    assert_int_equal(v, 1);
    one.digest = "d2";
    OK(store_dataset_add(f->s, &one, &v, &f->e));
    assert_int_equal(v, 2);
    one.digest = "d1"; /* the same bytes again */
    OK(store_dataset_add(f->s, &one, &v, &f->e));
    assert_int_equal(v, 1);
    one.name = "zoo";
    OK(store_dataset_add(f->s, &one, &v, &f->e));
    OK(store_dataset_get(f->s, &f->a, "adult", &got, &f->e));
    assert_int_equal(got.version, 2);
    assert_string_equal(got.digest, "d2");
    OK(store_dataset_get(f->s, &f->a, "adult:1", &got, &f->e));
    assert_string_equal(got.digest, "d1");
    assert_string_equal(got.format, "csv.gz");
    assert_int_equal(got.skipped_rows, 4);
    assert_int_equal(got.created_us, T0);
    FAILS(NOTFOUND, store_dataset_get(f->s, &f->a, "adult:3", &got, &f->e));
    FAILS(NOTFOUND, store_dataset_get(f->s, &f->a, "nope", &got, &f->e));
    FAILS(INVALID, store_dataset_get(f->s, &f->a, "adult:x", &got, &f->e));
    one.name = "a:b";
    FAILS(INVALID, store_dataset_add(f->s, &one, &v, &f->e));
    OK(store_dataset_list(f->s, &f->a, &list, &n, &f->e));
    assert_int_equal(n, 2);
    assert_string_equal(list[0].name, "adult");
    assert_int_equal(list[0].version, 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        STORE_TEST(test_put_and_get), STORE_TEST(test_put_file), STORE_TEST(test_damage_is_found),
        STORE_TEST(test_garbage),     STORE_TEST(test_datasets),
    };
    return STORE_GROUPS("store.blob", tests);
}
