/* yaml.h: a YAML document as a value tree. For settings, suites and pipelines: small files
 * written by people. Plain scalars get the type they look like by YAML 1.2's core schema (null,
 * true/false, integers, reals); quoted ones are strings. Duplicate keys, aliases, more than one
 * document, and nesting or sizes beyond the limits are errors with line and column. */
#pragma once
#include "base/val.h"

#define YAML_MAX_BYTES (4u << 20)
#define YAML_MAX_DEPTH 64

/* name: what messages call the text, a file name. An empty document is a null value. */
int yaml_parse(struct arena *a, const char *name, const char *text, size_t n, struct val **ret,
               struct err *e);
int yaml_read(struct arena *a, const char *path, struct val **ret, struct err *e);
