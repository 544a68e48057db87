/* promread.c: prom_read of promtext.h: a line at a time into families, then what can only be
 * judged when all of a family is there. Texts are copied into the arena with escapes resolved. */
#include "base/map.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "codec/promtext.h"
#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BYTES  (64 << 20)
#define MAX_LABELS 64

struct building {
    struct prom_read_family f;
    bool typed;
    VEC(struct prom_read_sample) samples;
    VEC(size_t) lines; /* of the samples */
};

struct reader {
    struct arena *a;
    enum prom_format format;
    size_t line;
    bool ended; /* # EOF was there */
    VEC(struct building) families;
    struct map *names;  /* family to index + 1 */
    struct map *series; /* those seen */
    struct err *e;
};

static int bad(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int bad(struct reader *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = err_vset(r->e, ERR_PARSE, fmt, ap);
    va_end(ap);
    err_prefix(r->e, "line %zu", r->line);
    return rc;
}

/* ---- pieces of a line ------------------------------------------------------------------------ */

static size_t name_length(const char *s, bool colons)
{
    size_t n = 0;
    while (isalnum((unsigned char)s[n]) || s[n] == '_' || (colons && s[n] == ':')) n++;
    return n && !isdigit((unsigned char)s[0]) ? n : 0;
}

/* Decimal numbers, NaN and infinities, to the end of the word; no hexadecimal, no blanks. */
static const char *read_number(const char *s, double *ret)
{
    size_t n = strcspn(s, " ");
    char buf[64], *end;

    if (n == 0 || n >= sizeof buf) return NULL;
    memcpy(buf, s, n);
    buf[n] = '\0';
    const char *body = buf + (buf[0] == '+' || buf[0] == '-');
    bool named = str_eq(body, "Inf") || str_eq(buf, "NaN");
    if (!named && strspn(body, "0123456789.eE+-") != strlen(body)) return NULL;
    *ret = strtod(buf, &end);
    return *end || end == buf ? NULL : s + n;
}

/* A quoted text with its escapes; *at is behind the opening quote and goes behind the closing. */
static const char *read_quoted(struct reader *r, const char **at)
{
    const char *s = *at;
    char *out = arena_alloc(r->a, strlen(s) + 1), *to = out;

    for (; *s != '"'; s++) {
        if (*s == '\0') {
            bad(r, "a label's value does not end");
            return NULL;
        }
        if (*s != '\\') {
            *to++ = *s;
            continue;
        }
        s++;
        if (*s != '\\' && *s != '"' && *s != 'n') {
            bad(r, "a bad escape in a label");
            return NULL;
        }
        *to++ = *s == 'n' ? '\n' : *s;
    }
    *to = '\0';
    *at = s + 1;
    return out;
}

static const char *read_help(struct reader *r, const char *s)
{
    char *out = arena_alloc(r->a, strlen(s) + 1), *to = out;

    for (; *s; s++) {
        const bool escaped = *s == '\\';
        if (escaped) {
            s++;
            bool quote = *s == '"' && r->format == PROM_OPENMETRICS;
            if (*s != '\\' && *s != 'n' && !quote) {
                bad(r, "a bad escape in HELP");
                return NULL;
            }
        }
        *to++ = escaped && *s == 'n' ? '\n' : *s;
    }
    *to = '\0';
    return out;
}

static int by_label(const void *a, const void *b)
{
    return strcmp(((const struct prom_label *)a)->name, ((const struct prom_label *)b)->name);
}

static int read_labels(struct reader *r, const char **at, struct prom_read_sample *s)
{
    struct prom_label labels[MAX_LABELS];
    const char *p = *at + 1;
    size_t n = 0;

    while (*p != '}') {
        if (n == MAX_LABELS) return bad(r, "more than %d labels", MAX_LABELS);
        size_t len = name_length(p, false);
        if (!len || p[len] != '=' || p[len + 1] != '"')
            return bad(r, "NAME=\"VALUE\" was expected");
        labels[n].name = arena_strndup(r->a, p, len);
        p += len + 2;
        if (!(labels[n].value = read_quoted(r, &p))) return -ERR_PARSE;
        n++;
        if (*p == ',' && p[1] != '}') p++;
        else if (*p != '}') return bad(r, "',' or '}' was expected");
    }
    qsort(labels, n, sizeof *labels, by_label);
    for (size_t i = 1; i < n; i++)
        if (str_eq(labels[i - 1].name, labels[i].name))
            return bad(r, "label %s twice", labels[i].name);
    struct prom_label *copy = arena_array(r->a, n, struct prom_label);
    if (n) memcpy(copy, labels, n * sizeof *labels);
    s->labels = copy;
    s->n_labels = n;
    *at = p + 1;
    return 0;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static struct building *last(struct reader *r)
{
    return r->families.n ? &r->families.p[r->families.n - 1] : NULL;
}

/* The family a HELP or TYPE line is about: the last one, or a new one. */
static int family_for(struct reader *r, const char *name, struct building **ret)
{
    struct building *l = last(r);
    bool is_new;

    if (l && str_eq(l->f.name, name)) {
        if (l->samples.n) return bad(r, "HELP or TYPE of %s behind its samples", name);
        *ret = l;
        return 0;
    }
    map_at(r->names, name, strlen(name), &is_new);
    if (!is_new) return bad(r, "%s is in two places", name);
    vec_push(&r->families, ((struct building){ .f.name = name }));
    *ret = last(r);
    return 0;
}

static int read_type(struct reader *r, struct building *b, const char *text)
{
    static const struct {
        const char *name;
        enum prom_type type;
        bool text, open;
    } types[] = {
        { "counter", PROM_COUNTER, true, true },     { "gauge", PROM_GAUGE, true, true },
        { "histogram", PROM_HISTOGRAM, true, true }, { "summary", PROM_SUMMARY, true, true },
        { "untyped", PROM_UNTYPED, true, false },    { "unknown", PROM_UNTYPED, false, true },
        { "info", PROM_INFO, false, true },
    };
    if (b->typed) return bad(r, "TYPE of %s twice", b->f.name);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        bool here = r->format == PROM_OPENMETRICS ? types[i].open : types[i].text;
        if (!here || !str_eq(types[i].name, text)) continue;
        b->typed = true;
        b->f.type = types[i].type;
        return 0;
    }
    return bad(r, "'%s' is no type", text);
}

static int comment_line(struct reader *r, const char *line)
{
    const bool help = str_starts(line, "# HELP "), type = str_starts(line, "# TYPE ");
    struct building *b = NULL;

    if (r->format == PROM_OPENMETRICS && str_eq(line, "# EOF")) {
        r->ended = true;
        return 0;
    }
    if (!help && !type)
        return r->format == PROM_TEXT ? 0 : bad(r, "a comment that is not HELP, TYPE or EOF");
    const char *at = line + strlen("# HELP ");
    size_t n = name_length(at, true);
    if (!n || at[n] != ' ') return bad(r, "a name and a text were expected");
    int rc = family_for(r, arena_strndup(r->a, at, n), &b);
    if (rc) return rc;
    at += n + 1;
    if (type) return read_type(r, b, at);
    if (b->f.help) return bad(r, "HELP of %s twice", b->f.name);
    if (!*at) return bad(r, "HELP of %s is empty", b->f.name);
    return (b->f.help = read_help(r, at)) ? 0 : -ERR_PARSE;
}

/* May a family of this type and name have a sample of that name? */
static bool belongs(const struct reader *r, const struct prom_read_family *f, const char *sample)
{
    static const char *const of_histogram[] = { "_bucket", "_sum", "_count", NULL };
    static const char *const of_summary[] = { "", "_sum", "_count", NULL };
    static const char *const of_counter[] = { "_total", "_created", NULL };
    static const char *const of_info[] = { "_info", NULL };
    static const char *const plain[] = { "", NULL };
    const bool open = r->format == PROM_OPENMETRICS;
    const char *const *suffix = f->type == PROM_HISTOGRAM         ? of_histogram
                                : f->type == PROM_SUMMARY         ? of_summary
                                : f->type == PROM_COUNTER && open ? of_counter
                                : f->type == PROM_INFO            ? of_info
                                                                  : plain;
    size_t n = strlen(f->name);

    if (strncmp(sample, f->name, n) != 0) return false;
    for (; *suffix; suffix++)
        if (str_eq(sample + n, *suffix)) return true;
    return false;
}

static int note_series(struct reader *r, const struct prom_read_sample *s)
{
    STR_AUTO key = STR_INIT;
    bool is_new;

    str_add(&key, s->name);
    for (size_t i = 0; i < s->n_labels; i++) {
        str_addn(&key, "\0", 1);
        str_add(&key, s->labels[i].name);
        str_addn(&key, "\0", 1);
        str_add(&key, s->labels[i].value);
    }
    map_at(r->series, key.p, key.len, &is_new);
    return is_new ? 0 : bad(r, "the same series of %s twice", s->name);
}

static int sample_line(struct reader *r, const char *line)
{
    struct prom_read_sample s = { 0 };
    struct building *b = last(r);
    size_t n = name_length(line, true);
    const char *at = line + n;

    if (!n) return bad(r, "a metric's name was expected");
    s.name = arena_strndup(r->a, line, n);
    if (*at == '{') {
        int rc = read_labels(r, &at, &s);
        if (rc) return rc;
    }
    if (*at != ' ' || !(at = read_number(at + 1, &s.value)))
        return bad(r, "a number was expected behind %s", s.name);
    if (*at == ' ') {
        s.has_time = true;
        if (!(at = read_number(at + 1, &s.time_s))) return bad(r, "a bad time");
        if (r->format == PROM_TEXT) s.time_s /= 1000;
    }
    if (*at) return bad(r, "more than a value and a time");
    if (!b || !belongs(r, &b->f, s.name))
        return bad(r, "%s does not belong to the family before it", s.name);
    if (!b->typed || !b->f.help) return bad(r, "%s has no TYPE or no HELP", b->f.name);
    if (b->f.type == PROM_COUNTER && !(s.value >= 0))
        return bad(r, "the counter %s is below zero or no number", s.name);
    vec_push(&b->samples, s);
    vec_push(&b->lines, r->line);
    return note_series(r, &s);
}

/* ---- histograms ------------------------------------------------------------------------------ */

static const char *label_of(const struct prom_read_sample *s, const char *name)
{
    for (size_t i = 0; i < s->n_labels; i++)
        if (str_eq(s->labels[i].name, name)) return s->labels[i].value;
    return NULL;
}

static bool same_labels(const struct prom_read_sample *a, const struct prom_read_sample *b)
{
    size_t i = 0, k = 0;

    for (;; i++, k++) {
        if (i < a->n_labels && str_eq(a->labels[i].name, "le")) i++;
        if (k < b->n_labels && str_eq(b->labels[k].name, "le")) k++;
        if (i == a->n_labels || k == b->n_labels) return i == a->n_labels && k == b->n_labels;
        if (!str_eq(a->labels[i].name, b->labels[k].name) ||
            !str_eq(a->labels[i].value, b->labels[k].value))
            return false;
    }
}

/* The samples of one label set, from *at on; moves *at to where the next begins. */
static int check_histogram(struct reader *r, const struct building *b, size_t *at)
{
    const struct prom_read_sample *first = &b->samples.p[*at], *s;
    double bound = -(double)INFINITY, count = 0, total = -1;
    bool sum = false, infinite = false;
    size_t i = *at;

    for (; i < b->samples.n && same_labels(first, &b->samples.p[i]); i++) {
        s = &b->samples.p[i];
        r->line = b->lines.p[i];
        if (str_ends(s->name, "_sum")) sum = true;
        if (str_ends(s->name, "_count")) total = s->value;
        if (!str_ends(s->name, "_bucket")) continue;
        const char *le = label_of(s, "le"), *end = NULL;
        double v = 0;
        if (le) end = read_number(le, &v);
        if (!end || *end) return bad(r, "a bucket without le");
        if (!(v > bound)) return bad(r, "le=\"%s\" is not above the bound before it", le);
        if (!(s->value >= count)) return bad(r, "the count at le=\"%s\" goes down", le);
        bound = v;
        count = s->value;
        infinite |= isinf(v) && v > 0;
    }
    if (!infinite) return bad(r, "%s has no bucket +Inf", b->f.name);
    if (!sum || total < 0) return bad(r, "%s has no _sum or no _count", b->f.name);
    if (fabs(total - count) > 0) return bad(r, "_count of %s is not its last bucket", b->f.name);
    *at = i;
    return 0;
}

static int check_family(struct reader *r, const struct building *b)
{
    if (!b->typed || !b->f.help) return bad(r, "%s has no TYPE or no HELP", b->f.name);
    if (b->f.type != PROM_HISTOGRAM) return 0;
    for (size_t i = 0; i < b->samples.n;) {
        for (size_t k = 0; k < i; k++) {
            if (!same_labels(&b->samples.p[k], &b->samples.p[i])) continue;
            r->line = b->lines.p[i];
            return bad(r, "the label sets of %s are mixed", b->f.name);
        }
        int rc = check_histogram(r, b, &i);
        if (rc) return rc;
    }
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int read_lines(struct reader *r, const char *text, size_t n)
{
    for (size_t at = 0; at < n;) {
        size_t len = (size_t)((const char *)memchr(text + at, '\n', n - at) - (text + at));
        const char *line = arena_strndup(r->a, text + at, len);
        r->line++;
        at += len + 1;
        if (strlen(line) != len || strchr(line, '\r'))
            return bad(r, "a control character that has no place here");
        if (r->ended) return bad(r, "something behind # EOF");
        if (len == 0 && r->format == PROM_OPENMETRICS) return bad(r, "an empty line");
        int rc = len == 0 ? 0 : line[0] == '#' ? comment_line(r, line) : sample_line(r, line);
        if (rc) return rc;
    }
    if (r->format == PROM_OPENMETRICS && !r->ended) return bad(r, "# EOF is missing");
    return 0;
}

static void take(struct reader *r, struct prom_doc *ret)
{
    struct prom_read_family *f = arena_array(r->a, r->families.n, struct prom_read_family);

    for (size_t i = 0; i < r->families.n; i++) {
        const struct building *b = &r->families.p[i];
        struct prom_read_sample *s = arena_array(r->a, b->samples.n, struct prom_read_sample);
        if (b->samples.n) memcpy(s, b->samples.p, b->samples.n * sizeof *s);
        f[i] = b->f;
        f[i].samples = s;
        f[i].n = b->samples.n;
    }
    *ret = (struct prom_doc){ f, r->families.n };
}

int prom_read(struct arena *a, const char *text, size_t n, enum prom_format f, struct prom_doc *ret,
              struct err *e)
{
    struct reader r = { .a = a, .format = f, .e = e };

    if (n > MAX_BYTES) return err_set(e, ERR_LIMIT, "more than %d bytes of metrics", MAX_BYTES);
    if (!utf8_valid(text, n)) return err_set(e, ERR_PARSE, "the metrics are no UTF-8");
    if (n && text[n - 1] != '\n') return err_set(e, ERR_PARSE, "the last line does not end");
    r.names = map_new();
    r.series = map_new();
    int rc = read_lines(&r, text, n);
    for (size_t i = 0; rc == 0 && i < r.families.n; i++) rc = check_family(&r, &r.families.p[i]);
    if (rc == 0) take(&r, ret);
    for (size_t i = 0; i < r.families.n; i++) {
        vec_done(&r.families.p[i].samples);
        vec_done(&r.families.p[i].lines);
    }
    vec_done(&r.families);
    map_free(r.names);
    map_free(r.series);
    return rc;
}

const struct prom_read_family *prom_find(const struct prom_doc *d, const char *name)
{
    for (size_t i = 0; i < d->n; i++)
        if (str_eq(d->families[i].name, name)) return &d->families[i];
    return NULL;
}

double prom_sum(const struct prom_doc *d, const char *sample, const struct prom_label *labels,
                size_t n)
{
    double sum = (double)NAN;

    for (size_t i = 0; i < d->n; i++) {
        const struct prom_read_family *f = &d->families[i];
        for (size_t k = 0; k < f->n; k++) {
            bool fits = str_eq(f->samples[k].name, sample);
            for (size_t l = 0; fits && l < n; l++)
                fits = str_eq(label_of(&f->samples[k], labels[l].name), labels[l].value);
            if (fits) sum = isnan(sum) ? f->samples[k].value : sum + f->samples[k].value;
        }
    }
    return sum;
}
