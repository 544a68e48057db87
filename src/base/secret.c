/* secret.c: see secret.h. libsodium does the cryptography; here is only how its parts are put
 * together and how the file comes to be. */
#include "base/secret.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "sbx_"

_Static_assert(crypto_generichash_BYTES == SECRET_BYTES, "BLAKE2b-256");
_Static_assert(crypto_generichash_KEYBYTES == SECRET_BYTES, "key of the hash");

void secret_key_make(char buf[SECRET_KEY + 1])
{
    unsigned char bin[SECRET_BYTES];
    const size_t n = strlen(PREFIX);

    randombytes_buf(bin, sizeof bin);
    memcpy(buf, PREFIX, n);
    sodium_bin2base64(buf + n, SECRET_KEY + 1 - n, bin, sizeof bin,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bin, sizeof bin);
}

/* Of base64's alphabet for names of files and addresses. */
static bool in_alphabet(unsigned char c)
{
    unsigned char lower = c | 0x20;
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool secret_key_formed(const char *text, size_t n)
{
    if (n != SECRET_KEY || memcmp(text, PREFIX, strlen(PREFIX)) != 0) return false;
    for (size_t i = strlen(PREFIX); i < n; i++)
        if (!in_alphabet((unsigned char)text[i])) return false;
    return true;
}

void secret_hash(const unsigned char secret[SECRET_BYTES], const void *p, size_t n,
                 unsigned char ret[SECRET_BYTES])
{
    crypto_generichash(ret, SECRET_BYTES, p, n, secret, SECRET_BYTES);
}

bool secret_equal(const unsigned char a[SECRET_BYTES], const unsigned char b[SECRET_BYTES])
{
    return sodium_memcmp(a, b, SECRET_BYTES) == 0;
}

void secret_to_hex(const unsigned char in[SECRET_BYTES], char hex[SECRET_HEX + 1])
{
    sodium_bin2hex(hex, SECRET_HEX + 1, in, SECRET_BYTES);
}

bool secret_from_hex(const char *hex, unsigned char ret[SECRET_BYTES])
{
    size_t n = 0;

    if (strlen(hex) != SECRET_HEX) return false;
    return sodium_hex2bin(ret, SECRET_BYTES, hex, SECRET_HEX, NULL, &n, NULL) == 0 &&
           n == SECRET_BYTES;
}

void secret_wipe(void *p, size_t n)
{
    sodium_memzero(p, n);
}

/* ---- the file ------------------------------------------------------------------------------- */

static int read_secret(const char *path, unsigned char ret[SECRET_BYTES], struct err *e)
{
    STR_AUTO text = STR_INIT;
    struct stat st;

    if (stat(path, &st) < 0) return err_sys(e, ERR_IO, "%s", path);
    if (st.st_mode & 077) {
        err_set(e, ERR_DENIED, "%s: others than its owner may read or write it", path);
        return err_hint(
            e, "chmod 600 %s; if somebody may have read it, remove it and make new keys", path);
    }
    int rc = file_read(path, 4096, &text, e);
    if (rc) return rc;
    while (text.len && text.p[text.len - 1] == '\n') text.p[--text.len] = '\0';
    bool fine = secret_from_hex(str_c(&text), ret);
    if (text.p) secret_wipe(text.p, text.len);
    if (fine) return 0;
    err_set(e, ERR_CORRUPT, "%s does not hold a secret of %d hex digits", path, SECRET_HEX);
    return err_hint(e, "restore the file, or remove it and give every user a new key");
}

/* Writes a new secret beside the path and links it there, so whoever is first wins and nobody
 * sees half a file. */
static int make_secret(const char *path, struct err *e)
{
    unsigned char bin[SECRET_BYTES];
    char hex[SECRET_HEX + 2];
    STR_AUTO tmp = STR_INIT;

    str_addf(&tmp, "%s.XXXXXX", path);
    int fd = mkostemp(tmp.p, O_CLOEXEC); /* mode 0600 */
    if (fd < 0) return err_sys(e, ERR_IO, "%s", path);
    randombytes_buf(bin, sizeof bin);
    secret_to_hex(bin, hex);
    hex[SECRET_HEX] = '\n';
    int rc = 0;
    if (write(fd, hex, SECRET_HEX + 1) != SECRET_HEX + 1 || fsync(fd) < 0)
        rc = err_sys(e, ERR_IO, "%s: cannot write", path);
    secret_wipe(bin, sizeof bin);
    secret_wipe(hex, sizeof hex);
    close(fd);
    if (!rc && link(tmp.p, path) < 0 && errno != EEXIST)
        rc = err_sys(e, ERR_IO, "%s: cannot make it", path);
    unlink(tmp.p);
    if (rc) return rc;
    const char *slash = strrchr(path, '/');
    MEM_AUTO char *dir = slash && slash != path ? mem_strndup(path, (size_t)(slash - path))
                                                : mem_strdup(slash ? "/" : ".");
    return file_sync_dir(dir, e);
}

int secret_file(const char *path, bool create, unsigned char ret[SECRET_BYTES], struct err *e)
{
    if (sodium_init() < 0) return err_set(e, ERR_INTERNAL, "libsodium cannot be used here");
    if (create && !file_exists(path)) {
        int rc = make_secret(path, e);
        if (rc) return rc;
    }
    return read_secret(path, ret, e);
}
