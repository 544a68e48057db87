/* openapi.h: the description of every route in OpenAPI 3.0, printed from the same rows that
 * answer. Any thread. */
#pragma once
#include "http/router.h"

/* JSON. Types, ranges, choices and defaults of arguments are those of the verbs. */
void openapi_write(const struct router *r, struct str *out);
