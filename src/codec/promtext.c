/* promtext.c: writing promtext.h's two formats, and choosing between them. They differ in the
 * name of a counter's family, in HELP's escapes and in the last line; everything else, the text
 * of the bounds included, is the same in both, so that a scraper that changes formats goes on with
 * the same series. */
#include "codec/promtext.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *prom_content_type(enum prom_format f)
{
    return f == PROM_OPENMETRICS ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                 : "text/plain; version=0.0.4; charset=utf-8";
}

/* The q of one range of an Accept header, 0..1. */
static double quality(const char *range, size_t n)
{
    for (size_t i = 0; i + 3 < n; i++)
        if (range[i] == ';' &&
            strncasecmp(range + i + 1 + strspn(range + i + 1, " "), "q=", 2) == 0)
            return strtod(range + i + 3 + strspn(range + i + 1, " "), NULL);
    return 1;
}

/* OpenMetrics in the one version spoken here, or in none said. */
static bool range_is(const char *range, size_t n, const char *type, const char *version)
{
    size_t len = strlen(type);

    if (n < len || strncasecmp(range, type, len) != 0) return false;
    if (n > len && range[len] != ';' && range[len] != ' ') return false;
    const char *at = memmem(range, n, "version=", 8);
    return !at || strncmp(at + 8, version, strlen(version)) == 0;
}

enum prom_format prom_negotiate(const char *accept)
{
    double text = 0, open = 0;

    for (const char *at = accept ? accept : ""; *at;) {
        at += strspn(at, " \t,");
        size_t n = strcspn(at, ",");
        double q = quality(at, n);
        if (range_is(at, n, "application/openmetrics-text", "1.0.0")) open = fmax(open, q);
        if (range_is(at, n, "text/plain", "0.0.4") || range_is(at, n, "*/*", ""))
            text = fmax(text, q);
        at += n;
    }
    return open > 0 && open >= text ? PROM_OPENMETRICS : PROM_TEXT;
}

/* ---- writing --------------------------------------------------------------------------------- */

static const char *const type_names[] = {
    [PROM_UNTYPED] = "untyped",     [PROM_COUNTER] = "counter", [PROM_GAUGE] = "gauge",
    [PROM_HISTOGRAM] = "histogram", [PROM_SUMMARY] = "summary", [PROM_INFO] = "info",
};

static void add_escaped(struct str *out, const char *s, bool quotes)
{
    for (; *s; s++) {
        if (*s == '\\') str_add(out, "\\\\");
        else if (*s == '\n') str_add(out, "\\n");
        else if (*s == '"' && quotes) str_add(out, "\\\"");
        else str_addc(out, *s);
    }
}

static void add_number(struct str *out, double v)
{
    char buf[32];

    if (isnan(v)) str_add(out, "NaN");
    else if (isinf(v)) str_add(out, v > 0 ? "+Inf" : "-Inf");
    else str_add(out, str_real(buf, v));
}

/* As OpenMetrics wants bounds: "1.0", "0.005", "1e-05". */
static void add_bound(struct str *out, double v)
{
    size_t from = out->len;

    add_number(out, v);
    if (isfinite(v) && !strpbrk(out->p + from, ".e")) str_add(out, ".0");
}

void prom_begin(struct prom_writer *w, struct str *out, enum prom_format f)
{
    *w = (struct prom_writer){ .out = out, .format = f };
}

void prom_family(struct prom_writer *w, const char *name, enum prom_type type, const char *help)
{
    w->name = name;
    w->type = type;
    w->help = help;
    w->begun = false;
}

static void begin_family(struct prom_writer *w)
{
    const bool open = w->format == PROM_OPENMETRICS;
    const char *type = type_names[w->type];
    size_t n = strlen(w->name);

    if (w->begun) return;
    w->begun = true;
    if (open && w->type == PROM_COUNTER && str_ends(w->name, "_total")) n -= strlen("_total");
    if (open && w->type == PROM_INFO && str_ends(w->name, "_info")) n -= strlen("_info");
    if (open && w->type == PROM_UNTYPED) type = "unknown";
    if (!open && w->type == PROM_INFO) type = "gauge";
    str_add(w->out, "# HELP ");
    str_addn(w->out, w->name, n);
    str_addc(w->out, ' ');
    add_escaped(w->out, w->help, open);
    str_add(w->out, "\n# TYPE ");
    str_addn(w->out, w->name, n);
    str_addf(w->out, " %s\n", type);
}

static void add_line(struct prom_writer *w, const char *suffix, const struct prom_label *labels,
                     size_t n, const double *le)
{
    struct str *out = w->out;

    begin_family(w);
    str_add(out, w->name);
    str_add(out, suffix);
    for (size_t i = 0; i < n; i++) {
        str_addc(out, i ? ',' : '{');
        str_add(out, labels[i].name);
        str_add(out, "=\"");
        add_escaped(out, labels[i].value, true);
        str_addc(out, '"');
    }
    if (le) {
        str_add(out, n ? ",le=\"" : "{le=\"");
        add_bound(out, *le);
        str_addc(out, '"');
    }
    str_add(out, n || le ? "} " : " ");
}

void prom_sample(struct prom_writer *w, const struct prom_label *labels, size_t n, double value)
{
    assert(w->name && w->type != PROM_HISTOGRAM && w->type != PROM_SUMMARY);
    add_line(w, "", labels, n, NULL);
    add_number(w->out, value);
    str_addc(w->out, '\n');
}

/* The count is the sum of the buckets, so the text agrees with itself also when the counts were
 * copied while somebody counted on. */
void prom_histogram(struct prom_writer *w, const struct prom_label *labels, size_t n,
                    const struct prom_hist *h)
{
    uint64_t total = 0;

    assert(w->name && w->type == PROM_HISTOGRAM);
    for (size_t i = 0; i <= h->n_bounds; i++) {
        const double le = i < h->n_bounds ? h->bounds[i] : (double)INFINITY;
        total += h->counts[i];
        add_line(w, "_bucket", labels, n, &le);
        str_addf(w->out, "%llu\n", (unsigned long long)total);
    }
    add_line(w, "_sum", labels, n, NULL);
    add_number(w->out, h->sum);
    str_addc(w->out, '\n');
    add_line(w, "_count", labels, n, NULL);
    str_addf(w->out, "%llu\n", (unsigned long long)total);
}

void prom_end(struct prom_writer *w)
{
    if (w->format == PROM_OPENMETRICS) str_add(w->out, "# EOF\n");
}
