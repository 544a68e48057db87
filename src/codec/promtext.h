/* promtext.h: the text in which Prometheus reads metrics, version 0.0.4 and OpenMetrics 1.0:
 * a writer, and a reader that is stricter than any scraper, so that a test that reads what was
 * written proves more than that one scraper put up with it. No I/O; any thread. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include <stdint.h>

enum prom_format { PROM_TEXT, PROM_OPENMETRICS };
enum prom_type { PROM_UNTYPED, PROM_COUNTER, PROM_GAUGE, PROM_HISTOGRAM, PROM_SUMMARY, PROM_INFO };
const char *prom_content_type(enum prom_format f);
/* The format that a scraper's Accept header asks for; NULL: text. */
enum prom_format prom_negotiate(const char *accept);

struct prom_label {
    const char *name, *value;
};

/* -- writing ----------------------------------------------------------------------------------
 * prom_family, then its samples, then the next family; prom_end at last. A family of which no
 * sample came is not in the text. Names are the caller's to get right: counters end in _total,
 * infos in _info, whatever the format. */
struct prom_writer {
    struct str *out;
    enum prom_format format;
    const char *name, *help;
    enum prom_type type;
    bool begun; /* the head of the family is written */
};
void prom_begin(struct prom_writer *w, struct str *out, enum prom_format f);
void prom_family(struct prom_writer *w, const char *name, enum prom_type type, const char *help);
void prom_sample(struct prom_writer *w, const struct prom_label *labels, size_t n, double value);
struct prom_hist {
    const double *bounds;   /* increasing, without the infinite one */
    const uint64_t *counts; /* n_bounds + 1: of each bucket alone, the last is what is above */
    size_t n_bounds;
    double sum;
};
void prom_histogram(struct prom_writer *w, const struct prom_label *labels, size_t n,
                    const struct prom_hist *h);
void prom_end(struct prom_writer *w);

/* -- reading ----------------------------------------------------------------------------------- */
struct prom_read_sample {
    const char *name; /* as written, with _bucket and the like */
    const struct prom_label *labels;
    size_t n_labels;
    double value;
    bool has_time;
    double time_s;
};
struct prom_read_family {
    const char *name, *help; /* name as in TYPE; help NULL: none */
    enum prom_type type;
    const struct prom_read_sample *samples;
    size_t n;
};
struct prom_doc {
    const struct prom_read_family *families;
    size_t n;
};
/* Refuses, with the line: bytes that are no UTF-8; a missing last newline; carriage returns; bad
 * names, labels, escapes, numbers; HELP or TYPE twice, or behind samples; a family without HELP or
 * TYPE, or in two places; a series twice; counters below zero or not a number; histograms without
 * +Inf, with bounds or counts that do not increase, with _count or _sum missing or not agreeing,
 * or with the series of two label sets mixed; and what OpenMetrics asks for beyond: no blank
 * lines, # EOF at the end, _total on counters. Exemplars are not read. ERR_PARSE, ERR_LIMIT. */
int prom_read(struct arena *a, const char *text, size_t n, enum prom_format f, struct prom_doc *ret,
              struct err *e);
const struct prom_read_family *prom_find(const struct prom_doc *d, const char *name);
/* Sum of the samples of that name whose labels include all of these; NaN when there is none. */
double prom_sum(const struct prom_doc *d, const char *sample, const struct prom_label *labels,
                size_t n);
