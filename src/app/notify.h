/* notify.h: telling people: receivers of the settings, one delivery a job (kind "notify"), so a
 * dead receiver delays nothing and loses nothing: it is tried again with back-off, and when it
 * stays dead the job is visible as dead. A wire format is a row in formats.def and a function
 * in notify_format.c; the transport is the port http_post. */
#pragma once
#include "app/app.h"
#include "store/alert.h"

/* Queues one delivery for every receiver of the settings that wants this change of state; call
 * inside the transaction of the change. Changes of one alert keep their order per receiver. */
int notify_queue(struct app *app, const struct alert *al, const char *from_state, struct err *e);

/* What a delivery says; kept in the job's payload. */
struct notice {
    const char *id;            /* of the alert: the key receivers join changes by */
    const char *model, *rule, *kind, *state, *from, *severity;
    const char *action;        /* recommended */
    double value, threshold;   /* NaN: none */
    int64_t n, since_us, at_us;
    bool resolved;
};
struct notify_format {
    const char *name;
    /* Body and headers in the arena; secret may be NULL. ERR_INVALID: the receiver lacks
     * something this format needs. */
    int (*write)(struct arena *a, const struct notice *n, const char *url, const char *secret,
                 struct http_request *ret, struct err *e);
    const char *help;
};
extern const struct notify_format notify_formats[]; /* name NULL ends */
const struct notify_format *notify_format_find(const char *name);
