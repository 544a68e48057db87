/* err.c: see err.h. The tables are expanded from errors.def. */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *code, *help;
    int exit, http, retryable;
} kinds[ERR_COUNT] = {
#define ERR(id, code, exit, http, retry, help) [ERR_##id] = { code, help, exit, http, retry },
#include "base/errors.def"
#undef ERR
};

int err_vset(struct err *e, enum err_kind kind, const char *fmt, va_list ap)
{
    if (e) {
        e->kind = kind;
        e->hint[0] = '\0';
        vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    }
    return -(int)kind;
}

int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = err_vset(e, kind, fmt, ap);
    va_end(ap);
    return rc;
}

static enum err_kind kind_of_errno(int no)
{
    switch (no) {
    case ENOENT:
    case ENOTDIR: return ERR_NOTFOUND;
    case EACCES:
    case EPERM:
    case EROFS: return ERR_DENIED;
    case ENOMEM: return ERR_NOMEM;
    default: return ERR_IO;
    }
}

int err_sys(struct err *e, enum err_kind kind, const char *fmt, ...)
{
    int no = errno;
    if (kind == ERR_IO) kind = kind_of_errno(no);
    if (!e) return -(int)kind;
    va_list ap;
    va_start(ap, fmt);
    err_vset(e, kind, fmt, ap);
    va_end(ap);
    size_t n = strlen(e->msg);
    snprintf(e->msg + n, sizeof e->msg - n, ": %s", strerror(no));
    return -(int)kind;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
    if (!e) return -(int)ERR_INTERNAL;
    char old[sizeof e->msg];
    memcpy(old, e->msg, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    size_t used = n < 0 ? 0 : (size_t)n, room = sizeof e->msg;
    if (used + 2 < room) {
        size_t keep = strnlen(old, room - used - 3); /* what does not fit is cut */
        memcpy(e->msg + used, ": ", 2);
        memcpy(e->msg + used + 2, old, keep);
        e->msg[used + 2 + keep] = '\0';
    }
    return -(int)e->kind;
}

int err_hint(struct err *e, const char *fmt, ...)
{
    if (!e) return -(int)ERR_INTERNAL;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->hint, sizeof e->hint, fmt, ap);
    va_end(ap);
    return -(int)e->kind;
}

void err_clear(struct err *e)
{
    if (e) *e = (struct err)ERR_INIT;
}

const char *err_code(enum err_kind kind) { return kinds[kind].code; }
int err_exit(enum err_kind kind) { return kinds[kind].exit; }
int err_http(enum err_kind kind) { return kinds[kind].http; }
bool err_retryable(enum err_kind kind) { return kinds[kind].retryable != 0; }
const char *err_help(enum err_kind kind) { return kinds[kind].help; }
