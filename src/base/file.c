/* file.c: see file.h. */
#include "base/file.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read(const char *path, size_t max, struct str *out, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return err_sys(e, ERR_IO, "%s", path);
    size_t total = 0;
    int rc = 0;
    for (;;) {
        str_reserve(out, 65536);
        ssize_t n = read(fd, out->p + out->len, 65536);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) rc = err_sys(e, ERR_IO, "%s", path);
        if (n <= 0) break;
        out->len += (size_t)n;
        total += (size_t)n;
        if (total > max) {
            rc = err_set(e, ERR_LIMIT, "%s: larger than the limit of %zu bytes", path, max);
            break;
        }
    }
    if (out->p) out->p[out->len] = '\0';
    close(fd);
    return rc;
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return -1;
        p += k;
        n -= (size_t)k;
    }
    return 0;
}

static char *dir_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return mem_strdup(".");
    return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

int file_sync_dir(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return err_sys(e, ERR_IO, "%s", path);
    int rc = fsync(fd) < 0 ? err_sys(e, ERR_IO, "%s: fsync", path) : 0;
    close(fd);
    return rc;
}

int file_write_atomic(const char *path, const void *data, size_t n, struct err *e)
{
    STR_AUTO tmp = STR_INIT;
    str_addf(&tmp, "%s.XXXXXX", path);
    int fd = mkostemp(tmp.p, O_CLOEXEC);
    if (fd < 0) return err_sys(e, ERR_IO, "%s", path);
    mode_t mask = umask(0);
    umask(mask);
    int rc = 0;
    if (fchmod(fd, 0666 & ~mask) < 0 || write_all(fd, data, n) < 0 || fsync(fd) < 0)
        rc = err_sys(e, ERR_IO, "%s: cannot write", path);
    if (close(fd) < 0 && !rc) rc = err_sys(e, ERR_IO, "%s: close", path);
    if (!rc && rename(tmp.p, path) < 0) rc = err_sys(e, ERR_IO, "%s: rename", path);
    if (rc) {
        unlink(tmp.p);
        return rc;
    }
    MEM_AUTO char *dir = dir_of(path);
    return file_sync_dir(dir, e);
}

int file_mkdirs(const char *path, struct err *e)
{
    MEM_AUTO char *copy = mem_strdup(path);
    for (char *p = copy + 1;; p++) {
        if (*p != '/' && *p != '\0') continue;
        char old = *p;
        *p = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
            return err_sys(e, ERR_IO, "%s: cannot make the folder", copy);
        *p = old;
        if (!old) break;
    }
    struct stat st;
    if (stat(path, &st) < 0) return err_sys(e, ERR_IO, "%s", path);
    if (!S_ISDIR(st.st_mode)) return err_set(e, ERR_EXISTS, "%s exists and is not a folder", path);
    return 0;
}

bool file_exists(const char *path) { return access(path, F_OK) == 0; }

int64_t file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) < 0 ? -1 : (int64_t)st.st_size;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int file_remove_tree(const char *path, struct err *e)
{
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
        return err_sys(e, ERR_IO, "%s: cannot remove", path);
    return 0;
}

int file_lock(const char *path, bool wait, int *ret_fd, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return err_sys(e, ERR_IO, "%s", path);
    while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0) {
        if (errno == EINTR) continue;
        int rc = errno == EWOULDBLOCK
                     ? err_set(e, ERR_BUSY, "%s: locked by another process", path)
                     : err_sys(e, ERR_IO, "%s: flock", path);
        close(fd);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

void file_unlock(int fd)
{
    assert(fd >= 0);
    close(fd);
}
