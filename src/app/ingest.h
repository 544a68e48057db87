/* ingest.h: data from outside into an engine frame: the one place that joins codec and engine.
 *
 * Column types are decided as codec/table.h says; scoring matches columns by name later, so
 * nothing here needs a schema. A data set of the store is read with the options it was imported
 * with, whatever the caller asks, so that its rows are always the same. Blocking; the thread of
 * the verb. */
#pragma once
#include "app/app.h"
#include "codec/rows.h"
#include "engine/frame/frame.h"
#include <stdatomic.h>

struct ingest_options {
    enum bad_row bad_row;
    char delimiter;             /* 0: from the file */
    const char *const *as_text; /* columns read as category or text whatever they look like, */
    size_t n_as_text;           /* e.g. those a model knows as categories */
    const atomic_bool *cancel;  /* set: ERR_CANCELLED; NULL: never */
    const char *label;          /* name in messages; NULL: the path */
    const char *format;         /* "csv", "tsv.gz" …; NULL: from content and name */
    const char *labels;         /* images: the file of their labels; NULL: the one beside them
                                   with the usual name, if it is there */
};

#define INGEST_NOTES 8
struct ingest_report {
    int64_t rows, columns, skipped, repaired; /* repaired: delivered with missing fields */
    char format[16];                          /* "csv", "jsonl.zst" … */
    char first_bad[512];                      /* message of the first bad row; "" */
    int n_notes;
    char notes[INGEST_NOTES][160]; /* remarks for the user: renamed columns, not UTF-8 … */
};

/* The file of labels beside a file of images, in the arena: wanted, or the one with the usual
 * name; NULL: the file is none of images, or has no labels. ERR_INVALID: wanted for a file
 * without images. */
int ingest_labels(struct arena *a, const char *path, const char *wanted, const char **ret,
                  struct err *e);
/* Reads "on-bad-row", "delimiter" and "labels" of a verb's arguments; absent ones are the default. */
int ingest_options_from(const struct val *args, struct ingest_options *ret, struct err *e);

/* o and report may be NULL. path "-" is standard input. ERR_PARSE names file, line, column. */
int ingest_frame(const char *path, const struct ingest_options *o, struct frame **ret,
                 struct ingest_report *report, struct err *e);
int ingest_bytes(const void *p, size_t n, const struct ingest_options *o, struct frame **ret,
                 struct ingest_report *report, struct err *e);
/* Only the header of a delimited file: its column names, in the arena. *ret_n is 0 for formats
 * without a header, whose columns only reading everything tells. */
int ingest_header(const char *path, const struct ingest_options *o, struct arena *a,
                  const char *const **ret, size_t *ret_n, struct err *e);
/* ref: "name" or "name:3" of the store (if the app has one), else a file, else "-".
 * ERR_NOTFOUND with a hint when it is none of them. */
int ingest_data(struct app *app, const char *ref, const struct ingest_options *o,
                struct frame **ret, struct ingest_report *report, struct err *e);

/* The data set ref names, if there is one; file names and "-" are none. Fields in the arena. */
struct dataset;
bool ingest_dataset(struct app *app, struct arena *a, const char *ref, struct dataset *ret);

/* How rows were read, kept in a data set's profile so that it reads the same again. */
void ingest_options_write(const struct ingest_options *o, struct val *profile);
