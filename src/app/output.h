/* output.h: where the verbs that produce a file put it. Blocking; the thread of the verb. */
#pragma once
#include "base/err.h"
#include "base/str.h"

/* path "-": standard output. A file is replaced whole or not at all. */
int output_write(const char *path, const struct str *text, struct err *e);
