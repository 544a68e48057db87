/* str.c: see str.h. */
#include "base/str.h"
#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void str_done(struct str *s)
{
    free(s->p);
    *s = (struct str)STR_INIT;
}

void str_clear(struct str *s)
{
    s->len = 0;
    if (s->p) s->p[0] = '\0';
}

const char *str_c(const struct str *s) { return s->p ? s->p : ""; }

char *str_steal(struct str *s)
{
    char *p = s->p ? s->p : mem_strdup("");
    *s = (struct str)STR_INIT;
    return p;
}

static void grow(struct str *s, size_t extra)
{
    size_t need;
    if (__builtin_add_overflow(s->len, extra, &need) || need == (size_t)-1) abort();
    size_t cap = s->cap ? s->cap : 32;
    while (cap <= need) cap *= 2;
    s->p = mem_realloc(s->p, cap);
    s->cap = cap;
}

/* Texts are added in small pieces, so that there is room already is what has to be quick. */
static inline void need(struct str *s, size_t extra)
{
    if (__builtin_expect(extra >= s->cap - s->len, 0)) grow(s, extra);
}

void str_reserve(struct str *s, size_t extra)
{
    need(s, extra);
}

void str_addn(struct str *s, const char *text, size_t n)
{
    need(s, n);
    if (n) memcpy(s->p + s->len, text, n);
    s->len += n;
    s->p[s->len] = '\0';
}

void str_add(struct str *s, const char *text) { str_addn(s, text, strlen(text)); }

void str_addc(struct str *s, char c)
{
    need(s, 1);
    s->p[s->len++] = c;
    s->p[s->len] = '\0';
}

void str_pad(struct str *s, char c, size_t n)
{
    str_reserve(s, n);
    memset(s->p + s->len, c, n);
    s->len += n;
    s->p[s->len] = '\0';
}

void str_vaddf(struct str *s, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0) abort();
    str_reserve(s, (size_t)n);
    vsnprintf(s->p + s->len, (size_t)n + 1, fmt, again);
    s->len += (size_t)n;
    va_end(again);
}

void str_addf(struct str *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    str_vaddf(s, fmt, ap);
    va_end(ap);
}

bool str_eq(const char *a, const char *b)
{
    if (!a || !b) return a == b;
    return strcmp(a, b) == 0;
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), k = strlen(suffix);
    return n >= k && memcmp(s + n - k, suffix, k) == 0;
}

bool str_to_i64(const char *s, long long *ret)
{
    if (!s || !*s || *s == ' ' || *s == '\t' || *s == '\n') return false;
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (errno || *end) return false;
    *ret = v;
    return true;
}

bool str_to_real(const char *s, double *ret)
{
    if (!s || !*s || *s == ' ' || *s == '\t' || *s == '\n') return false;
    char *end;
    errno = 0;
    double v = strtod(s, &end);
    if (*end || (errno == ERANGE && isinf(v))) return false;
    *ret = v;
    return true;
}

int str_distance(const char *a, const char *b)
{
    enum { MAX = 64 };
    size_t n = strlen(a), m = strlen(b);
    if (n >= MAX || m >= MAX) return 99;
    int row[MAX + 1];
    for (size_t j = 0; j <= m; j++) row[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int diag = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int best = diag + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diag = row[j];
            row[j] = best;
        }
    }
    return row[m];
}
