/* moment.h: the time cursor that the panes about monitoring share (struct focus in view.h): moving
 * it over the windows a pane shows, and asking for what was then. The loop's thread. */
#pragma once
#include "views/view.h"

/* Adds `at` where the cursor rests in the past; answers true. */
bool moment_args(const struct view *v, struct val *args);
/* Index of the row that the cursor is on, in a list of windows, oldest first, whose starts are at
 * `path`: the last one that began by then. Now is the last row; -1: none began by then. */
long moment_index(const struct focus *f, const struct val *list, const char *path);
/* Moves the cursor by so many rows, not before row `first`; the last row is now. False: it is at
 * the end already. */
bool moment_step(struct focus *f, const struct val *list, const char *path, long by, long first);
/* "03-14 02:00" of an RFC 3339 time. */
const char *moment_text(char buf[FMT_LEN], const char *rfc3339);
int64_t moment_us(const char *rfc3339); /* INT64_MIN: none */
