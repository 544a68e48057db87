/* err.h: the one error type of the program.
 *
 * Convention everywhere: a function that can fail returns 0 or a negative kind (-ERR_x) and
 * takes a `struct err *` last, which may be NULL. ret_ parameters are untouched on failure.
 * A message says what was wrong and where; a hint says what to do about it.
 * Bugs are assert()ed; faults are reported. No allocation happens here, so an error can
 * always be reported. Any thread; a struct err belongs to one thread at a time. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>

enum err_kind {
#define ERR(id, code, exit, http, retry, help) ERR_##id,
#include "base/errors.def"
#undef ERR
    ERR_COUNT
};

struct err {
    enum err_kind kind;
    char msg[768];
    char hint[320];
};

#define ERR_INIT { ERR_OK, "", "" }

/* Sets kind and message (clearing the hint), returns -kind. e may be NULL. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int err_vset(struct err *e, enum err_kind kind, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
/* As err_set, with ": strerror(errno)" appended; ENOENT, EACCES, ENOMEM choose a better kind
 * when `kind` is ERR_IO. */
int err_sys(struct err *e, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "text: " before the message. Returns -kind of the error. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Sets the hint. Returns -kind of the error; without an e the kind is not known and it is
 * -ERR_INTERNAL, so who looks at a kind passes an e. The same holds for err_prefix. */
int err_hint(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void err_clear(struct err *e);

const char *err_code(enum err_kind kind);  /* "RESOURCE_DOES_NOT_EXIST" */
int err_exit(enum err_kind kind);          /* process exit code */
int err_http(enum err_kind kind);          /* HTTP status */
bool err_retryable(enum err_kind kind);
const char *err_help(enum err_kind kind);
