/* blob.c: content-addressed files: dir/blobs/ab/abcdef….
 *
 * A blob is complete and on disk before its name exists: bytes go to a temporary file in the
 * same folder tree, are fsynced, and renamed; the folder is fsynced. Putting bytes that are
 * there already only renews the file's time, so the collector's hour of grace starts again and
 * a row can safely name it; a file whose bytes were damaged meanwhile is replaced. Any thread
 * and process. */
#include "store/blob.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/store_priv.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GRACE_S  3600
#define BLOB_MAX (4LL << 30)
#define COPY_BUF (256 * 1024)

static bool is_digest(const char *d)
{
    return d && strlen(d) == SHA256_HEX && strspn(d, "0123456789abcdef") == SHA256_HEX;
}

static int check_digest(const char *d, struct err *e)
{
    if (is_digest(d)) return 0;
    return err_set(e, ERR_INVALID, "'%.80s' is not a digest of 64 hex digits", d ? d : "");
}

static void folder_of(struct store *s, const char *digest, struct str *out)
{
    str_addf(out, "%s/blobs/%.2s", s->dir, digest);
}

static void path_of(struct store *s, const char *digest, struct str *out)
{
    folder_of(s, digest, out);
    str_addf(out, "/%s", digest);
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) return -1;
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

/* Digests `in` to its end, and copies it to `out` unless that is -1. */
static int digest_file(int in, int out, char digest[SHA256_HEX + 1], int64_t *ret_size)
{
    MEM_AUTO char *buf = mem_alloc(COPY_BUF);
    struct sha256 h;
    int64_t size = 0;
    sha256_init(&h);
    for (;;) {
        ssize_t n = read(in, buf, COPY_BUF);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        sha256_add(&h, buf, (size_t)n);
        if (out >= 0 && write_all(out, buf, (size_t)n) < 0) return -1;
        size += n;
    }
    sha256_hex(&h, digest);
    *ret_size = size;
    return 0;
}

/* True when the blob is there and undamaged; its time is renewed. */
static bool keep(const char *path, const char *digest)
{
    char real[SHA256_HEX + 1];
    int64_t size;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    bool intact = digest_file(fd, -1, real, &size) == 0 && !strcmp(real, digest);
    close(fd);
    return intact && utimensat(AT_FDCWD, path, NULL, 0) == 0;
}

/* Whoever made the blob may not have come to this yet. */
static int sync_folder(struct store *s, const char *digest, struct err *e)
{
    STR_AUTO dir = STR_INIT;
    folder_of(s, digest, &dir);
    return file_sync_dir(str_c(&dir), e);
}

static int make_folder(struct store *s, const char *digest, struct err *e)
{
    STR_AUTO dir = STR_INIT;
    folder_of(s, digest, &dir);
    if (file_exists(str_c(&dir))) return 0;
    int r = file_mkdirs(str_c(&dir), e);
    if (r < 0) return r;
    STR_AUTO top = STR_INIT;
    str_addf(&top, "%s/blobs", s->dir);
    r = file_sync_dir(str_c(&top), e);
    return r < 0 ? r : file_sync_dir(s->dir, e);
}

int blob_put(struct store *s, const void *p, size_t n, char ret_digest[65], struct err *e)
{
    char digest[SHA256_HEX + 1];
    sha256_buf(p, n, digest);
    STR_AUTO path = STR_INIT;
    path_of(s, digest, &path);
    int r = 0;
    if (keep(str_c(&path), digest)) {
        r = sync_folder(s, digest, e);
    } else {
        r = make_folder(s, digest, e);
        if (r == 0) r = file_write_atomic(str_c(&path), p, n, e);
    }
    if (r == 0) memcpy(ret_digest, digest, sizeof digest);
    return r;
}

/* The copy `tmp`, already on disk, becomes the blob, unless that exists. */
static int settle(struct store *s, const char *tmp, const char *digest, struct err *e)
{
    STR_AUTO path = STR_INIT;
    path_of(s, digest, &path);
    if (keep(str_c(&path), digest)) {
        unlink(tmp);
        return sync_folder(s, digest, e);
    }
    int r = make_folder(s, digest, e);
    if (r < 0) return r;
    if (rename(tmp, str_c(&path)) < 0) return err_sys(e, ERR_IO, "%s", str_c(&path));
    return sync_folder(s, digest, e);
}

int blob_put_file(struct store *s, const char *path, char ret_digest[65], int64_t *ret_size,
                  struct err *e)
{
    STR_AUTO tmp = STR_INIT;
    str_addf(&tmp, "%s/blobs", s->dir);
    int r = file_mkdirs(str_c(&tmp), e);
    if (r < 0) return r;
    str_add(&tmp, "/tmp-XXXXXX");
    int in = open(path, O_RDONLY | O_CLOEXEC);
    if (in < 0) return err_sys(e, ERR_IO, "%s", path);
    int out = mkostemp(tmp.p, O_CLOEXEC);
    if (out < 0) {
        r = err_sys(e, ERR_IO, "%s", str_c(&tmp));
        close(in);
        return r;
    }
    char digest[SHA256_HEX + 1];
    int64_t size = 0;
    if (digest_file(in, out, digest, &size) < 0 || fsync(out) < 0)
        r = err_sys(e, ERR_IO, "copying %s", path);
    close(in);
    if (close(out) < 0 && r == 0) r = err_sys(e, ERR_IO, "copying %s", path);
    if (r == 0) r = settle(s, str_c(&tmp), digest, e);
    if (r < 0) {
        unlink(str_c(&tmp));
        return r;
    }
    memcpy(ret_digest, digest, sizeof digest);
    if (ret_size) *ret_size = size;
    return 0;
}

int blob_path(struct store *s, struct arena *a, const char *digest, const char **ret, struct err *e)
{
    int r = check_digest(digest, e);
    if (r < 0) return r;
    STR_AUTO path = STR_INIT;
    path_of(s, digest, &path);
    if (!file_exists(str_c(&path)))
        return err_set(e, ERR_NOTFOUND, "object %.12s… is not in %s/blobs", digest, s->dir);
    *ret = arena_strdup(a, str_c(&path));
    return 0;
}

int blob_get(struct store *s, const char *digest, struct str *out, struct err *e)
{
    int r = check_digest(digest, e);
    if (r < 0) return r;
    STR_AUTO path = STR_INIT;
    path_of(s, digest, &path);
    if (!file_exists(str_c(&path)))
        return err_set(e, ERR_NOTFOUND, "object %.12s… is not in %s/blobs", digest, s->dir);
    size_t before = out->len;
    r = file_read(str_c(&path), BLOB_MAX, out, e);
    if (r < 0) return r;
    char real[SHA256_HEX + 1];
    sha256_buf(out->p ? out->p + before : "", out->len - before, real);
    if (!strcmp(real, digest)) return 0;
    out->len = before;
    if (out->p) out->p[before] = '\0';
    err_set(e, ERR_CORRUPT, "%s: its bytes have digest %.12s…", str_c(&path), real);
    return err_hint(e, "restore the file from a backup, or make the object again");
}

/* -- garbage ------------------------------------------------------------------------------ */
static int is_named(struct store *s, const char *digest, bool *ret, struct err *e)
{
    int64_t n = 0;
    int r = db_number(s->db,
                      "SELECT (SELECT count(*) FROM artifact WHERE digest = $1)"
                      " + (SELECT count(*) FROM model_version WHERE digest = $1)"
                      " + (SELECT count(*) FROM dataset WHERE digest = $1)",
                      DB_ARGS(db_t(digest)), 0, &n, e);
    if (r == 0) *ret = n > 0;
    return r;
}

/* Removes the file if it is old and, when it is a blob, no row names it. */
static int consider(struct store *s, int dirfd, const char *name, int64_t now_s, int64_t *removed,
                    struct err *e)
{
    struct stat sb;
    if (fstatat(dirfd, name, &sb, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(sb.st_mode)) return 0;
    if (now_s - sb.st_mtime < GRACE_S) return 0;
    bool named = false;
    if (is_digest(name)) {
        int r = is_named(s, name, &named, e);
        if (r < 0) return r;
    }
    if (!named && unlinkat(dirfd, name, 0) == 0) ++*removed;
    return 0;
}

static int sweep(struct store *s, const char *path, int64_t now_s, int64_t *removed, struct err *e)
{
    DIR *d = opendir(path);
    if (!d) return errno == ENOENT ? 0 : err_sys(e, ERR_IO, "%s", path);
    int r = 0;
    const struct dirent *ent;
    while (r == 0 && (ent = readdir(d))) r = consider(s, dirfd(d), ent->d_name, now_s, removed, e);
    closedir(d);
    return r;
}

int blob_gc(struct store *s, int64_t *ret_removed, struct err *e)
{
    bool own;
    int r = tx_enter(s, &own, e); /* no row may name a blob between look and removal */
    if (r < 0) return r;
    int64_t removed = 0, now_s = store_now(s) / 1000000;
    STR_AUTO path = STR_INIT;
    str_addf(&path, "%s/blobs", s->dir);
    size_t top = path.len;
    r = sweep(s, str_c(&path), now_s, &removed, e);
    for (int i = 0; r == 0 && i < 256; i++) {
        path.len = top;
        str_addf(&path, "/%02x", (unsigned)i);
        r = sweep(s, str_c(&path), now_s, &removed, e);
    }
    r = tx_leave(s, own, r, e);
    if (r == 0) *ret_removed = removed;
    return r;
}
