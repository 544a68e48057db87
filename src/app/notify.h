/* notify.h: telling people: receivers of the settings, one delivery a job (kind "notify"), so a
 * dead receiver delays nothing and loses nothing: retry with back-off, then dead, visible.
 * Wire formats in notify_format.c; the transport is a port filled in by run/ (libcurl). */
#pragma once
#include "app/app.h"
#include "store/alert.h"

/* Queues one delivery per receiver that wants this change; inside a transaction. */
int notify_queue(struct app *app, const struct alert *al, const char *from_state, struct err *e);

struct http_request {
    const char *url, *method;      /* POST */
    const char *const *headers;    /* "Name: value", NULL-terminated */
    const char *body;
    size_t n_body;
    int timeout_s;
};
struct http_response { long status; struct str body; char retry_after[32]; };
