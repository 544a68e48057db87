/* notify_format.c: a change of an alert as the requests that receivers understand. The alert's
 * id is the key everywhere, so a receiver joins escalation and all-clear to one incident. */
#include "app/notify.h"
#include "base/digest.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define TIMES 32
/* An open alert stands this long at an Alertmanager without another word; it is told when the
 * alert ends, so this only bounds what a lost all-clear can do. */
#define STANDS_US (7 * 86400 * 1000000LL)

/* Header list: JSON, and one more if given. */
static const char *const *headers(struct arena *a, const char *extra)
{
    const char **h = arena_array(a, 3, const char *);

    h[0] = "Content-Type: application/json";
    h[1] = extra;
    return h;
}

static void set_body(struct arena *a, struct http_request *q, const char *url, const struct val *v,
                     const char *header)
{
    STR_AUTO s = STR_INIT;

    val_write_json(&s, v, 0);
    *q = (struct http_request){ .url = url, .headers = headers(a, header), .n_body = s.len,
                                .body = arena_strndup(a, str_c(&s), s.len) };
}

static void set_number(struct val *o, const char *key, double v)
{
    if (isfinite(v)) val_set_real(o, key, v);
    else val_set_str(o, key, NULL);
}

static const char *time_text(struct arena *a, int64_t us)
{
    char buf[TIMES];

    return arena_strdup(a, clock_format(buf, us));
}

/* "fraud: drift is an incident (0.43, limit 0.2)" */
static const char *summary(struct arena *a, const struct notice *n)
{
    STR_AUTO s = STR_INIT;
    char buf[TIMES];

    str_addf(&s, "%s: %s ", n->model, n->rule);
    if (n->resolved) str_add(&s, "is over");
    else str_addf(&s, "is %s%s", str_eq(n->state, "incident") ? "an " : "on ", n->state);
    if (isfinite(n->value)) {
        snprintf(buf, sizeof buf, "%.4g", n->value);
        str_addf(&s, " (%s", buf);
        if (isfinite(n->threshold)) str_addf(&s, ", limit %.4g", n->threshold);
        str_add(&s, ")");
    }
    return arena_strdup(a, str_c(&s));
}

static void write_fields(struct arena *a, struct val *o, const struct notice *n)
{
    val_set_str(o, "id", n->id);
    val_set_str(o, "model", n->model);
    val_set_str(o, "rule", n->rule);
    val_set_str(o, "kind", n->kind);
    val_set_str(o, "state", n->state);
    val_set_str(o, "from", n->from);
    val_set_str(o, "severity", n->severity);
    set_number(o, "value", n->value);
    set_number(o, "threshold", n->threshold);
    val_set_int(o, "n", n->n);
    val_set_str(o, "recommended_action", n->action);
    val_set_str(o, "since", time_text(a, n->since_us));
    val_set_str(o, "at", time_text(a, n->at_us));
}

static int write_webhook(struct arena *a, const struct notice *n, const char *url,
                         const char *secret, struct http_request *ret, struct err *e)
{
    struct val *o = val_obj(a);

    (void)e;
    val_set_str(o, "status", n->resolved ? "resolved" : "firing");
    val_set_str(o, "summary", summary(a, n));
    write_fields(a, o, n);
    set_body(a, ret, url, o, NULL);
    if (secret) {
        char hex[SHA256_HEX + 1];
        hmac_sha256(secret, strlen(secret), ret->body, ret->n_body, hex);
        ret->headers = headers(a, arena_printf(a, "X-Signalbox-Signature: sha256=%s", hex));
    }
    return 0;
}

/* Slack's three special characters. */
static const char *slack_text(struct arena *a, const char *s)
{
    STR_AUTO out = STR_INIT;

    for (; *s; s++) {
        if (*s == '&') str_add(&out, "&amp;");
        else if (*s == '<') str_add(&out, "&lt;");
        else if (*s == '>') str_add(&out, "&gt;");
        else str_addc(&out, *s);
    }
    return arena_strdup(a, str_c(&out));
}

static void slack_field(struct arena *a, struct val *fields, const char *title, const char *value)
{
    struct val *f = val_push_obj(fields);

    val_set_str(f, "title", title);
    val_set_str(f, "value", slack_text(a, value));
    val_set_bool(f, "short", true);
}

static int write_slack(struct arena *a, const struct notice *n, const char *url,
                       const char *secret, struct http_request *ret, struct err *e)
{
    struct val *o = val_obj(a), *att = val_push_obj(val_set_list(o, "attachments"));

    (void)secret;
    (void)e;
    val_set_str(o, "text", slack_text(a, summary(a, n)));
    val_set_str(att, "fallback", slack_text(a, summary(a, n)));
    val_set_str(att, "color", n->resolved                       ? "good"
                              : str_eq(n->severity, "critical") ? "danger"
                                                                : "warning");
    struct val *fields = val_set_list(att, "fields");
    slack_field(a, fields, "model", n->model);
    slack_field(a, fields, "state", arena_printf(a, "%s, was %s", n->state, n->from));
    slack_field(a, fields, "what to do", n->action);
    slack_field(a, fields, "since", time_text(a, n->since_us));
    val_set_strf(att, "footer", "signalbox %s", n->id);
    set_body(a, ret, url, o, NULL);
    return 0;
}

static int write_pagerduty(struct arena *a, const struct notice *n, const char *url,
                           const char *secret, struct http_request *ret, struct err *e)
{
    struct val *o = val_obj(a);

    if (!secret) {
        err_set(e, ERR_INVALID, "a pagerduty receiver needs its routing key");
        return err_hint(e, "name the environment variable that holds it as secret_env");
    }
    val_set_str(o, "routing_key", secret);
    val_set_str(o, "event_action", n->resolved ? "resolve" : "trigger");
    val_set_str(o, "dedup_key", n->id);
    if (!n->resolved) {
        struct val *p = val_set_obj(o, "payload");
        val_set_strf(p, "summary", "%.1000s", summary(a, n));
        val_set_str(p, "source", n->model);
        val_set_str(p, "severity", n->severity);
        val_set_str(p, "timestamp", time_text(a, n->at_us));
        val_set_str(p, "component", n->rule);
        val_set_str(p, "class", n->kind);
        write_fields(a, val_set_obj(p, "custom_details"), n);
        val_set_str(o, "client", "signalbox");
    }
    set_body(a, ret, url, o, NULL);
    return 0;
}

/* Labels are the alert's identity: nothing that changes may be among them. */
static int write_alertmanager(struct arena *a, const struct notice *n, const char *url,
                              const char *secret, struct http_request *ret, struct err *e)
{
    struct val *list = val_list(a), *o = val_push_obj(list), *labels = val_set_obj(o, "labels");
    const char *slash = str_ends(url, "/") ? "" : "/";

    (void)secret;
    (void)e;
    val_set_strf(labels, "alertname", "signalbox_%s", n->rule);
    val_set_str(labels, "model", n->model);
    val_set_str(labels, "rule", n->rule);
    val_set_str(labels, "kind", n->kind);
    val_set_str(labels, "signalbox_id", n->id);
    struct val *notes = val_set_obj(o, "annotations");
    val_set_str(notes, "summary", summary(a, n));
    val_set_str(notes, "state", n->state);
    val_set_str(notes, "severity", n->severity);
    val_set_str(notes, "recommended_action", n->action);
    val_set_str(o, "startsAt", time_text(a, n->since_us));
    val_set_str(o, "endsAt", time_text(a, n->resolved ? n->at_us : n->at_us + STANDS_US));
    if (!str_ends(url, "/api/v2/alerts"))
        url = arena_printf(a, "%s%sapi/v2/alerts", url, slash);
    set_body(a, ret, url, list, NULL);
    return 0;
}

const struct notify_format notify_formats[] = {
#define FORMAT(name, help) { #name, write_##name, help },
#include "app/formats.def"
#undef FORMAT
    { NULL, NULL, NULL },
};

const struct notify_format *notify_format_find(const char *name)
{
    for (const struct notify_format *f = notify_formats; f->name; f++)
        if (str_eq(f->name, name)) return f;
    return NULL;
}
