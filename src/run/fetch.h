/* fetch.h: HTTP from here to others, through libcurl. For worker processes: it blocks. */
#pragma once
#include "app/ports.h"

/* As the port http_post. Only http and https, no redirects, no proxy secrets, an answer's body
 * cut at 64 KiB; what url says is never opened as anything else. */
int fetch_post(void *user, const struct http_request *q, struct http_response *r, struct err *e);
