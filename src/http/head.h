/* head.h: what a request's head must be like beyond what the protocol library insists on: the
 * rules that keep two servers in a row from reading one request as two, and the caps. Pure
 * functions over names and values; any thread. */
#pragma once
#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

/* Gathers the fields of one head, in any order; zero it before the first. */
struct head {
    unsigned hosts, lengths, encodings, fields;
    int64_t length; /* of Content-Length; -1 unless there is a good one */
    bool chunked, bad_name, bad_value, bad_length, other_encoding;
    const char *host; /* the last; borrowed */
};

void head_init(struct head *h);
/* One field as it came; lengths in bytes, so that a NUL is seen. */
void head_field(struct head *h, const char *name, size_t n_name, const char *value, size_t n_value);
/* 0, or the HTTP status to refuse with and the reason in e. version: "HTTP/1.1". */
int head_check(const struct head *h, const char *version, struct err *e);
/* Is this Host (port ignored) this machine's loopback: localhost, 127.0.0.0/8, [::1]? */
bool head_host_is_loopback(const char *host);
/* Fit for X-Request-Id: 1 to 64 letters, digits and ._:- */
bool head_id_is_fit(const char *id);
