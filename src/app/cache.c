/* cache.c: see cache.h.
 *
 *   cache/KIND-OWNER-KEY     OWNER, KEY: the first 16 hex digits of their SHA-256
 *   "SBXCACHE" | version u32 | length u64 | CRC-32C u32 | key's SHA-256, 64 hex digits | bytes
 *
 * Numbers have their least significant byte first. */
#include "app/cache.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/model/buf.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC   "SBXCACHE"
#define VERSION 1
#define HEAD    (8 + 4 + 8 + 4 + SHA256_HEX)
#define SHORT   16

/* ---- names ------------------------------------------------------------------------------ */

static void add_folder(const struct app *app, struct str *s)
{
    str_addf(s, "%s/cache", app->dir);
}

/* "reference-0123456789abcdef-": what all entries of an owner begin with. */
static void add_prefix(const struct cache_slot *slot, struct str *s)
{
    char hex[SHA256_HEX + 1];

    sha256_buf(slot->owner, strlen(slot->owner), hex);
    str_addf(s, "%s-%.*s-", slot->kind, SHORT, hex);
}

static void add_path(const struct app *app, const struct cache_slot *slot, const char *key_hex,
                     struct str *s)
{
    add_folder(app, s);
    str_addc(s, '/');
    add_prefix(slot, s);
    str_addf(s, "%.*s", SHORT, key_hex);
}

bool cache_file_stamp(struct str *key, const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0) return false;
    str_addf(key, "%llu %llu %lld %lld.%09ld %lld.%09ld", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
             st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
    return true;
}

/* ---- reading ---------------------------------------------------------------------------- */

static bool is_whole(const struct str *file, const char *key_hex)
{
    struct cursor in = { (const uint8_t *)file->p, file->len, false };
    const uint8_t *magic = cur_bytes(&in, 8);
    uint32_t version = cur_u32(&in);
    uint64_t length = cur_u64(&in);
    uint32_t crc = cur_u32(&in);
    const uint8_t *key = cur_bytes(&in, SHA256_HEX);

    if (in.bad || memcmp(magic, MAGIC, 8) != 0 || version != VERSION) return false;
    if (memcmp(key, key_hex, SHA256_HEX) != 0 || length != in.left) return false;
    return crc32c(0, in.p, in.left) == crc;
}

bool cache_get(const struct app *app, const struct cache_slot *slot, struct str *ret)
{
    char key_hex[SHA256_HEX + 1];
    STR_AUTO path = STR_INIT, file = STR_INIT;

    if (!app->dir) return false;
    sha256_buf(slot->key, strlen(slot->key), key_hex);
    add_path(app, slot, key_hex, &path);
    if (!file_exists(str_c(&path))) return false;
    if (file_read(str_c(&path), CACHE_ENTRY_MAX + HEAD, &file, NULL) < 0) return false;
    if (!is_whole(&file, key_hex)) {
        log_line(app->log, LOG_WARN, "cache", "%s is damaged and will be made again",
                 str_c(&path));
        return false;
    }
    str_addn(ret, file.p + HEAD, file.len - HEAD);
    return true;
}

/* ---- bounds ----------------------------------------------------------------------------- */

struct entry {
    char *name;
    int64_t size, at_s;
};
struct entries {
    struct entry *p;
    size_t n, cap;
};

static void add_entry(struct entries *list, const char *name, const struct stat *st)
{
    if (list->n == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 16;
        list->p = mem_realloc(list->p, list->cap * sizeof *list->p);
    }
    list->p[list->n++] = (struct entry){ mem_strdup(name), st->st_size, st->st_mtim.tv_sec };
}

static int oldest_first(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->at_s != y->at_s) return x->at_s < y->at_s ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void list_entries(int dir_fd, DIR *dir, struct entries *ret)
{
    struct stat st;

    for (const struct dirent *d; (d = readdir(dir));)
        if (fstatat(dir_fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            add_entry(ret, d->d_name, &st);
    qsort(ret->p, ret->n, sizeof *ret->p, oldest_first);
}

/* Removes the owner's other entries, then the oldest of all until they fit. */
static void tidy(const char *folder, const char *prefix, const char *keep)
{
    DIR *dir = opendir(folder);
    struct entries list = { 0 };
    int64_t sum = 0;

    if (!dir) return;
    list_entries(dirfd(dir), dir, &list);
    for (size_t i = 0; i < list.n; i++) sum += list.p[i].size;
    for (size_t i = 0; i < list.n; i++) {
        struct entry *x = &list.p[i];
        bool mine = str_eq(x->name, keep), outdated = str_starts(x->name, prefix);
        if (!mine && (outdated || sum > CACHE_MAX) && unlinkat(dirfd(dir), x->name, 0) == 0)
            sum -= x->size;
        free(x->name);
    }
    free(list.p);
    closedir(dir);
}

/* ---- writing ---------------------------------------------------------------------------- */

static void add_head(struct buf *b, const void *p, size_t n, const char *key_hex)
{
    buf_bytes(b, MAGIC, 8);
    buf_u32(b, VERSION);
    buf_u64(b, n);
    buf_u32(b, crc32c(0, p, n));
    buf_bytes(b, key_hex, SHA256_HEX);
    buf_bytes(b, p, n);
}

void cache_put(const struct app *app, const struct cache_slot *slot, const void *p, size_t n)
{
    char key_hex[SHA256_HEX + 1];
    STR_AUTO folder = STR_INIT, path = STR_INIT, prefix = STR_INIT;
    struct buf file = BUF_INIT;
    struct err e = ERR_INIT;

    if (!app->dir || n > CACHE_ENTRY_MAX) return;
    sha256_buf(slot->key, strlen(slot->key), key_hex);
    add_folder(app, &folder);
    add_path(app, slot, key_hex, &path);
    add_prefix(slot, &prefix);
    add_head(&file, p, n, key_hex);
    int rc = file_mkdirs(str_c(&folder), &e);
    if (rc == 0) rc = file_write_atomic(str_c(&path), file.p, file.n, &e);
    if (rc == 0) tidy(str_c(&folder), str_c(&prefix), strrchr(str_c(&path), '/') + 1);
    else log_line(app->log, LOG_INFO, "cache", "nothing kept: %s", e.msg);
    buf_done(&file);
    err_clear(&e);
}
