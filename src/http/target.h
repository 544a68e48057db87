/* target.h: the request-target of HTTP/1.1 taken apart: path into decoded segments, query into
 * decoded names and values. Bytes from outside: everything has a limit, and what is not well
 * formed is refused instead of being guessed at. A decoded slash inside a segment stays data, so
 * "/models/a%2Fb" names the model "a/b" and no other route. Any thread. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include <stddef.h>

enum { TARGET_SEGMENTS = 32, TARGET_FIELDS = 128 };

struct target_text {
    const char *p; /* terminated; in the arena */
    size_t n;
};
struct target_field {
    struct target_text name, value;
};
struct target {
    const char *path; /* as sent, without the query; for logs */
    size_t n_segments, n_fields;
    struct target_text
        segments[TARGET_SEGMENTS]; /* "/" has none; one slash at the end is dropped */
    struct target_field *fields;   /* in the order they came */
};

/* Origin form ("/a/b?c=d") or absolute form ("http://host/a/b?c=d"). ERR_INVALID: a malformed
 * escape, an escaped NUL, a control character, no leading slash; ERR_LIMIT: too many parts.
 * Fields live in the arena. */
int target_parse(struct arena *a, const char *text, struct target *ret, struct err *e);
/* The first field of that name; NULL: none. */
const char *target_field(const struct target *t, const char *name);
