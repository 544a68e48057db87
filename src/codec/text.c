/* text.c: see text.h. The Windows-1252 table covers 0x80..0x9f; above, that code page equals the
 * first page of Unicode. */
#include "codec/text.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/num.h"
#include <stdlib.h>
#include <string.h>

static const uint16_t cp1252[32] = {
    0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd, 0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178,
};

struct slice text_trim(const char *p, size_t n)
{
    const char *end = p + n;

    while (p < end && num_blank(*p)) p++;
    while (end > p && num_blank(end[-1])) end--;
    return (struct slice){ p, (size_t)(end - p) };
}

static bool one_of(struct slice s, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(list[i]) == s.len && memcmp(list[i], s.p, s.len) == 0) return true;
    return false;
}

bool text_missing(const char *p, size_t n)
{
    static const char *const tokens[] = { "NA", "?", "N/A", "NaN", "nan", "null", "NULL" };
    struct slice s = text_trim(p, n);

    if (s.len == 0) return true;
    if (*s.p != 'N' && *s.p != 'n' && *s.p != '?') return false; /* nearly every value */
    return s.len <= 4 && one_of(s, tokens, ARRAY_LEN(tokens));
}

bool text_bool(const char *p, size_t n, bool *ret)
{
    static const char *const yes[] = { "true", "True", "TRUE" };
    static const char *const no[] = { "false", "False", "FALSE" };
    struct slice s = text_trim(p, n);

    bool truth = s.len == 4 && one_of(s, yes, ARRAY_LEN(yes));

    if (!truth && !(s.len == 5 && one_of(s, no, ARRAY_LEN(no)))) return false;
    *ret = truth;
    return true;
}

bool text_clean(const char *p, size_t n)
{
    size_t i = 0;

    while (i < n && p[i] > 0) i++;
    return i == n || (!memchr(p, 0, n) && utf8_valid(p + i, n - i));
}

static uint32_t byte_meaning(unsigned char c)
{
    if (c == 0) return 0xfffd;
    if (c >= 0x80 && c < 0xa0) return cp1252[c - 0x80];
    return c;
}

void text_repair(struct str *out, const char *p, size_t n)
{
    while (n) {
        uint32_t cp;
        size_t used = utf8_next(p, n, &cp);
        char buf[4];
        if (used == 1) cp = byte_meaning((unsigned char)*p);
        str_addn(out, buf, utf8_put(buf, cp));
        p += used;
        n -= used;
    }
}

/* name, or name_2, name_3 … : the first that is free. The map keeps the next number to try. */
static char *unique_name(struct map *taken, const char *name, size_t len)
{
    STR_AUTO s = STR_INIT;
    bool fresh;
    int64_t i = *map_at(taken, name, len, &fresh);

    str_addn(&s, name, len);
    if (i < 2) i = 2;
    for (; !fresh; i++) {
        str_clear(&s);
        str_addn(&s, name, len);
        str_addf(&s, "_%lld", (long long)i);
        map_at(taken, str_c(&s), s.len, &fresh);
    }
    *map_at(taken, name, len, NULL) = i;
    return str_steal(&s);
}

/* Names as they stand go first, so that a made-up one never takes the name of a real one. */
char **text_names(const struct field *f, size_t n, uint64_t *ret_unnamed, uint64_t *ret_renamed)
{
    char **names = mem_zalloc(n, sizeof *names);
    struct map *taken = map_new();
    STR_AUTO s = STR_INIT;

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < n; i++) {
            struct slice raw = text_trim(f[i].p, f[i].len);
            if (names[i]) continue;
            str_clear(&s);
            if (raw.len) {
                text_repair(&s, raw.p, raw.len);
                if (pass == 0 && map_find(taken, str_c(&s), s.len)) continue;
                *ret_renamed += pass == 1;
            } else {
                if (pass == 0) continue;
                str_addf(&s, "column_%zu", i + 1);
                ++*ret_unnamed;
            }
            names[i] = unique_name(taken, str_c(&s), s.len);
        }
    }
    map_free(taken);
    return names;
}

void text_names_free(char **names, size_t n)
{
    if (!names) return;
    for (size_t i = 0; i < n; i++) free(names[i]);
    free(names);
}
