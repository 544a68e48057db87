/* str.h: a growable byte string, always NUL-terminated once something was added.
 * STR_INIT owns nothing; str_done frees. Never fails (see mem.h). One owner. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct str {
    char *p;         /* NULL while empty and never grown */
    size_t len, cap; /* bytes without, with the NUL */
};

#define STR_INIT { NULL, 0, 0 }

void str_done(struct str *s);
void str_clear(struct str *s);                 /* length 0, keeps the memory */
const char *str_c(const struct str *s);        /* "" while empty */
char *str_steal(struct str *s);                /* caller frees; never NULL */
void str_reserve(struct str *s, size_t extra);
void str_add(struct str *s, const char *text);
void str_addn(struct str *s, const char *text, size_t n);
void str_addc(struct str *s, char c);
void str_addf(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void str_vaddf(struct str *s, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void str_pad(struct str *s, char c, size_t n);
#define STR_AUTO __attribute__((cleanup(str_done))) struct str

/* Shortest decimal text that reads back as the same double; buf has 32 bytes. "nan", "inf". */
const char *str_real(char buf[32], double v);
bool str_eq(const char *a, const char *b);     /* NULL equals only NULL */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* Whole string as a number; false on junk, overflow or emptiness. */
bool str_to_i64(const char *s, long long *ret);
bool str_to_real(const char *s, double *ret);
/* Levenshtein distance, capped at 99: for "did you mean". */
int str_distance(const char *a, const char *b);
