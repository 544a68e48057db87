/* test_secret.c: unit tests of base/secret: form of keys, the keyed hash against a published
 * vector, and how the file comes to be, also when several processes make it at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/secret.h"

static void a_key_has_its_form_and_none_is_like_another(void **state)
{
    (void)state;
    char a[SECRET_KEY + 1], b[SECRET_KEY + 1];

    secret_key_make(a);
    secret_key_make(b);
    assert_int_equal(strlen(a), SECRET_KEY);
    assert_memory_equal(a, "sbx_", 4);
    assert_string_not_equal(a, b);
    assert_true(secret_key_formed(a, strlen(a)));
    assert_false(secret_key_formed(a, strlen(a) - 1));
    assert_false(secret_key_formed("", 0));
    for (const char *c = "+/=@[`{ \x7f\xe1\x01"; *c; c++) { /* beside the alphabet */
        a[20] = *c;
        assert_false(secret_key_formed(a, strlen(a)));
    }
    a[20] = '\0';
    assert_false(secret_key_formed(a, SECRET_KEY));
    b[0] = 'S';
    assert_false(secret_key_formed(b, strlen(b)));
}

/* The expected value was computed with another implementation: Python's
 * hashlib.blake2b(digest_size=32, key=bytes(range(32))). */
static void the_hash_is_keyed_blake2b(void **state)
{
    (void)state;
    unsigned char secret[SECRET_BYTES], out[SECRET_BYTES], other[SECRET_BYTES];
    char hex[SECRET_HEX + 1];

    for (int i = 0; i < SECRET_BYTES; i++) secret[i] = (unsigned char)i;
    secret_hash(secret, "signalbox", 9, out);
    secret_to_hex(out, hex);
    assert_string_equal(hex, "5aa7e4486aead13d31da6abded57b03b679aea8a5e669ca9cdfff0601763ced4");
    assert_true(secret_from_hex(hex, other));
    assert_true(secret_equal(out, other));
    other[31] ^= 1;
    assert_false(secret_equal(out, other));
    secret[0] ^= 1;
    secret_hash(secret, "signalbox", 9, other);
    assert_false(secret_equal(out, other));
}

static void hex_is_exact(void **state)
{
    (void)state;
    unsigned char out[SECRET_BYTES];
    char hex[SECRET_HEX + 2];

    memset(hex, 'a', sizeof hex);
    hex[SECRET_HEX] = '\0';
    assert_true(secret_from_hex(hex, out));
    assert_int_equal(out[0], 0xaa);
    hex[3] = 'g';
    assert_false(secret_from_hex(hex, out));
    hex[SECRET_HEX - 1] = '\0';
    assert_false(secret_from_hex(hex, out));
    assert_false(secret_from_hex("", out));
}

static char dir[] = "/tmp/sb-secret-XXXXXX";

static int setup(void **state)
{
    strcpy(dir, "/tmp/sb-secret-XXXXXX");
    *state = dir;
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return file_remove_tree(dir, NULL);
}

static void the_file_is_made_once_and_only_for_its_owner(void **state)
{
    char path[64];
    unsigned char a[SECRET_BYTES], b[SECRET_BYTES];
    struct err e = ERR_INIT;
    struct stat st;

    snprintf(path, sizeof path, "%s/secret", (char *)*state);
    assert_int_equal(secret_file(path, false, a, &e), -ERR_NOTFOUND);
    assert_int_equal(secret_file(path, true, a, &e), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(secret_file(path, true, b, &e), 0);
    assert_true(secret_equal(a, b));

    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(secret_file(path, false, b, &e), -ERR_DENIED);
    assert_non_null(strstr(e.hint, "chmod 600"));
}

static void a_damaged_file_is_reported_and_left_alone(void **state)
{
    char path[64];
    unsigned char a[SECRET_BYTES];
    struct err e = ERR_INIT;

    snprintf(path, sizeof path, "%s/secret", (char *)*state);
    assert_int_equal(file_write_atomic(path, "short\n", 6, NULL), 0);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(secret_file(path, true, a, &e), -ERR_CORRUPT);
    assert_int_equal(file_size(path), 6);
}

static void processes_that_make_it_at_once_agree(void **state)
{
    enum { N = 8 };
    char path[64];
    unsigned char got[N][SECRET_BYTES];
    int fds[2];

    snprintf(path, sizeof path, "%s/secret", (char *)*state);
    assert_int_equal(pipe(fds), 0);
    for (int i = 0; i < N; i++) {
        if (fork() > 0) continue;
        unsigned char s[SECRET_BYTES];
        int rc = secret_file(path, true, s, NULL);
        _exit(rc == 0 && write(fds[1], s, sizeof s) == (ssize_t)sizeof s ? 0 : 1);
    }
    for (int i = 0; i < N; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(read(fds[0], got[i], SECRET_BYTES), SECRET_BYTES);
        assert_true(secret_equal(got[0], got[i]));
    }
    close(fds[0]);
    close(fds[1]);
    char command[128];
    snprintf(command, sizeof command, "test \"$(ls %s)\" = secret", (char *)*state);
    assert_int_equal(system(command), 0); /* no temporary file is left */
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(a_key_has_its_form_and_none_is_like_another),
        cmocka_unit_test(the_hash_is_keyed_blake2b),
        cmocka_unit_test(hex_is_exact),
        cmocka_unit_test_setup_teardown(the_file_is_made_once_and_only_for_its_owner, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_reported_and_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(processes_that_make_it_at_once_agree, setup, teardown),
    };
    return cmocka_run_group_tests_name("base.secret", t, NULL, NULL);
}
