/* input.c: see input.h. Two stages: a raw source (descriptor or memory) and an unpacker.
 *
 *   source --raw_read--> chunk --unpack_{none,gzip,zstd}--> caller
 *
 * Invariants: chunk[at..n) are raw bytes not yet unpacked; `spool` holds every byte read so far
 * from a source that cannot seek, and replaces that source after the first rewind. A packed
 * stream that stops in the middle is an error, never a short file; several gzip members or zstd
 * frames behind each other are one stream, as gzip(1) and zstd(1) have it. */
#include "codec/input.h"
#include "base/mem.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define CHUNK     ((size_t)128 << 10)
#define MAGIC_MAX 8

struct input {
    char *name;
    int fd;          /* -1: memory */
    bool own_fd;     /* close it */
    off_t origin;    /* where a seekable descriptor stood when opened */
    FILE *spool;     /* copy of an unseekable source */
    const char *mem; /* memory source */
    size_t mem_n, mem_at;
    enum input_packing packing;
    unsigned char *chunk;
    size_t at, n;
    bool eof;       /* the source is exhausted */
    bool mid_frame; /* the unpacker is inside a packed stream */
    z_stream *z;
    ZSTD_DStream *zst;
};

static const struct magic {
    const char *bytes;
    size_t n;
    enum input_packing packing;
    const char *refuse, *hint; /* NULL: readable */
} magics[] = {
    { "\x1f\x8b", 2, INPUT_GZIP, NULL, NULL },
    { "\x28\xb5\x2f\xfd", 4, INPUT_ZSTD, NULL, NULL },
    { "\xff\xfe", 2, INPUT_PLAIN, "UTF-16 text", "convert it with iconv -f UTF-16 -t UTF-8" },
    { "\xfe\xff", 2, INPUT_PLAIN, "UTF-16 text", "convert it with iconv -f UTF-16 -t UTF-8" },
    { "PAR1", 4, INPUT_PLAIN, "a Parquet file", "export it as CSV" },
    { "ARROW1", 6, INPUT_PLAIN, "an Arrow file", "export it as CSV" },
    { "PK\x03\x04", 4, INPUT_PLAIN, "a ZIP or Excel file", "unpack it, or export it as CSV" },
    { "\x89HDF", 4, INPUT_PLAIN, "an HDF5 file", "export it as CSV" },
    { "SQLite format", 8, INPUT_PLAIN, "an SQLite database", "export the table as CSV" },
    { "BZh", 3, INPUT_PLAIN, "packed with bzip2", "unpack it, or pack it with gzip or zstd" },
    { "\xfd"
      "7zXZ",
      5, INPUT_PLAIN, "packed with xz", "unpack it, or pack it with gzip or zstd" },
};

const char *input_name(const struct input *in)
{
    return in->name;
}
enum input_packing input_packing(const struct input *in)
{
    return in->packing;
}

const char *input_packing_suffix(enum input_packing p)
{
    static const char *const suffix[] = { "", ".gz", ".zst" };

    return suffix[p];
}

/* -- source ------------------------------------------------------------------------------- */

static int read_fd(struct input *in, void *buf, size_t cap, size_t *ret_n, struct err *e)
{
    ssize_t got;

    do got = read(in->fd, buf, cap);
    while (got < 0 && errno == EINTR);
    if (got < 0) return err_sys(e, ERR_IO, "cannot read %s", in->name);
    *ret_n = (size_t)got;
    if (in->spool && got > 0 && fwrite(buf, 1, *ret_n, in->spool) != *ret_n)
        return err_sys(e, ERR_IO, "cannot keep a temporary copy of %s", in->name);
    return 0;
}

static void read_mem(struct input *in, void *buf, size_t cap, size_t *ret_n)
{
    size_t n = in->mem_n - in->mem_at;

    if (n > cap) n = cap;
    if (n) memcpy(buf, in->mem + in->mem_at, n);
    in->mem_at += n;
    *ret_n = n;
}

static int raw_read(struct input *in, void *buf, size_t cap, size_t *ret_n, struct err *e)
{
    int rc = 0;

    if (in->fd < 0) read_mem(in, buf, cap, ret_n);
    else rc = read_fd(in, buf, cap, ret_n, e);
    if (rc == 0 && *ret_n == 0) in->eof = true;
    return rc;
}

/* Makes chunk[at..n) non-empty unless the source is exhausted. */
static int refill(struct input *in, struct err *e)
{
    size_t n;
    int rc;

    if (in->at < in->n || in->eof) return 0;
    if ((rc = raw_read(in, in->chunk, CHUNK, &n, e))) return rc;
    in->at = 0;
    in->n = n;
    return 0;
}

/* -- unpackers ---------------------------------------------------------------------------- */

static int unpack_none(struct input *in, void *buf, size_t cap, size_t *ret_n, struct err *e)
{
    size_t n = in->n - in->at;

    if (n == 0 && !in->eof) return raw_read(in, buf, cap, ret_n, e);
    if (n > cap) n = cap;
    memcpy(buf, in->chunk + in->at, n);
    in->at += n;
    *ret_n = n;
    return 0;
}

static int packed_error(const struct input *in, const char *what, struct err *e)
{
    err_set(e, ERR_PARSE, "%s: packed data is damaged: %s", in->name, what);
    return err_hint(e, "check the file with gzip -t or zstd -t; fetch it again");
}

/* Zero padding behind the last member is allowed, as gzip(1) does. */
static int gzip_next_member(struct input *in, struct err *e)
{
    while (in->at < in->n && in->chunk[in->at] == 0) in->at++;
    if (in->at < in->n) {
        if (inflateReset(in->z) != Z_OK) return packed_error(in, "cannot start over", e);
        in->mid_frame = true;
    }
    return 0;
}

static int unpack_gzip(struct input *in, void *buf, size_t cap, size_t *ret_n, struct err *e)
{
    int rc, z;

    in->z->next_out = buf;
    in->z->avail_out = cap > UINT32_MAX ? UINT32_MAX : (unsigned)cap;
    for (;;) {
        if ((rc = refill(in, e))) return rc;
        if (in->at < in->n && !in->mid_frame) {
            if ((rc = gzip_next_member(in, e))) return rc;
            continue;
        }
        if (in->at == in->n && in->eof) break;
        in->z->next_in = in->chunk + in->at;
        in->z->avail_in = (unsigned)(in->n - in->at);
        z = inflate(in->z, Z_NO_FLUSH);
        in->at = in->n - in->z->avail_in;
        if (z == Z_STREAM_END) in->mid_frame = false;
        else if (z != Z_OK && z != Z_BUF_ERROR)
            return packed_error(in, in->z->msg ? in->z->msg : "not gzip", e);
        if (in->z->next_out != buf) break;
    }
    *ret_n = (size_t)(in->z->next_out - (unsigned char *)buf);
    if (*ret_n == 0 && in->mid_frame) return packed_error(in, "it ends too early", e);
    return 0;
}

static int unpack_zstd(struct input *in, void *buf, size_t cap, size_t *ret_n, struct err *e)
{
    ZSTD_outBuffer out = { buf, cap, 0 };
    int rc;

    while (out.pos == 0) {
        size_t left;
        ZSTD_inBuffer src;
        if ((rc = refill(in, e))) return rc;
        src = (ZSTD_inBuffer){ in->chunk, in->n, in->at };
        left = ZSTD_decompressStream(in->zst, &out, &src);
        if (ZSTD_isError(left)) return packed_error(in, ZSTD_getErrorName(left), e);
        if (src.pos > in->at || out.pos) in->mid_frame = left != 0;
        in->at = src.pos;
        if (out.pos == 0 && in->at == in->n && in->eof) break;
    }
    if (out.pos == 0 && in->mid_frame) return packed_error(in, "it ends too early", e);
    *ret_n = out.pos;
    return 0;
}

int input_read(struct input *in, void *buf, size_t cap, size_t *ret_n, struct err *e)
{
    assert(cap > 0);
    switch (in->packing) {
    case INPUT_GZIP: return unpack_gzip(in, buf, cap, ret_n, e);
    case INPUT_ZSTD: return unpack_zstd(in, buf, cap, ret_n, e);
    case INPUT_PLAIN: break;
    }
    return unpack_none(in, buf, cap, ret_n, e);
}

uint64_t input_left(const struct input *in)
{
    struct stat st;
    off_t at;

    if (in->packing != INPUT_PLAIN) return 0;
    if (in->fd < 0) return in->mem_n - in->mem_at + (in->n - in->at);
    at = lseek(in->fd, 0, SEEK_CUR);
    if (at < 0 || fstat(in->fd, &st) || !S_ISREG(st.st_mode) || st.st_size < at) return 0;
    return (uint64_t)(st.st_size - at) + (in->n - in->at);
}

/* -- opening ------------------------------------------------------------------------------ */

static int start_unpacker(struct input *in, struct err *e)
{
    in->mid_frame = false;
    if (in->packing == INPUT_GZIP) {
        in->mid_frame = true;
        if (in->z) return inflateReset(in->z) == Z_OK ? 0 : packed_error(in, "cannot start", e);
        in->z = mem_zalloc(1, sizeof *in->z);
        if (inflateInit2(in->z, 15 + 16) != Z_OK)
            return err_set(e, ERR_NOMEM, "%s: not enough memory to unpack", in->name);
    } else if (in->packing == INPUT_ZSTD) {
        if (!in->zst) in->zst = ZSTD_createDStream();
        if (!in->zst || ZSTD_isError(ZSTD_initDStream(in->zst)))
            return err_set(e, ERR_NOMEM, "%s: not enough memory to unpack", in->name);
    }
    return 0;
}

/* Looks at the first bytes; they stay in the chunk. */
static int detect(struct input *in, struct err *e)
{
    size_t i, n;
    int rc;

    while (in->n < MAGIC_MAX && !in->eof) {
        if ((rc = raw_read(in, in->chunk + in->n, CHUNK - in->n, &n, e))) return rc;
        in->n += n;
    }
    for (i = 0; i < ARRAY_LEN(magics); i++) {
        const struct magic *m = &magics[i];
        if (in->n < m->n || memcmp(in->chunk, m->bytes, m->n) != 0) continue;
        if (!m->refuse) {
            in->packing = m->packing;
            break;
        }
        err_set(e, ERR_PARSE, "%s is %s, expected CSV or JSON lines, also as .gz or .zst", in->name,
                m->refuse);
        return err_hint(e, "%s", m->hint);
    }
    return start_unpacker(in, e);
}

static struct input *input_new(const char *name)
{
    struct input *in = mem_zalloc(1, sizeof *in);

    in->name = mem_strdup(name);
    in->chunk = mem_alloc(CHUNK);
    in->fd = -1;
    in->origin = -1;
    return in;
}

static int open_source(struct input *in, const char *path, struct err *e)
{
    struct stat st;

    if (strcmp(path, "-") == 0) {
        in->fd = STDIN_FILENO;
    } else {
        in->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (in->fd < 0) return err_sys(e, ERR_IO, "cannot open %s", path);
        in->own_fd = true;
    }
    if (fstat(in->fd, &st) == 0 && S_ISDIR(st.st_mode))
        return err_set(e, ERR_INVALID, "%s is a folder, expected a file", path);
    in->origin = lseek(in->fd, 0, SEEK_CUR);
    if (in->origin < 0 && !(in->spool = tmpfile()))
        return err_sys(e, ERR_IO, "cannot make a temporary file for %s", in->name);
    return 0;
}

int input_open(struct input **ret, const char *path, const char *label, struct err *e)
{
    bool is_stdin = strcmp(path, "-") == 0;
    struct input *in = input_new(label ? label : is_stdin ? "standard input" : path);
    int rc = open_source(in, path, e);

    if (rc == 0) rc = detect(in, e);
    if (rc) {
        input_close(in);
        return rc;
    }
    *ret = in;
    return 0;
}

int input_memory(struct input **ret, const void *p, size_t n, const char *name, struct err *e)
{
    struct input *in = input_new(name);
    int rc;

    in->mem = p;
    in->mem_n = n;
    if ((rc = detect(in, e))) {
        input_close(in);
        return rc;
    }
    *ret = in;
    return 0;
}

/* The copy of a pipe becomes the source. */
static int switch_to_spool(struct input *in, struct err *e)
{
    int fd;

    while (!in->eof) {
        size_t n;
        int rc = raw_read(in, in->chunk, CHUNK, &n, e);
        if (rc) return rc;
    }
    fd = fflush(in->spool) == 0 ? dup(fileno(in->spool)) : -1;
    if (fd < 0) return err_sys(e, ERR_IO, "cannot read the temporary copy of %s", in->name);
    fclose(in->spool);
    in->spool = NULL;
    if (in->own_fd) close(in->fd);
    in->fd = fd;
    in->own_fd = true;
    in->origin = 0;
    return 0;
}

int input_rewind(struct input *in, struct err *e)
{
    int rc;

    if (in->spool && (rc = switch_to_spool(in, e))) return rc;
    if (in->fd >= 0 && lseek(in->fd, in->origin, SEEK_SET) < 0)
        return err_sys(e, ERR_IO, "cannot read %s a second time", in->name);
    in->mem_at = in->at = in->n = 0;
    in->eof = false;
    return start_unpacker(in, e);
}

void input_close(struct input *in)
{
    if (!in) return;
    if (in->z) inflateEnd(in->z);
    free(in->z);
    ZSTD_freeDStream(in->zst);
    if (in->spool) fclose(in->spool);
    if (in->own_fd) close(in->fd);
    free(in->chunk);
    free(in->name);
    free(in);
}
