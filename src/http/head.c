/* head.c: see head.h. RFC 9110 and 9112, the strict reading. */
#include "http/head.h"

#include <string.h>
#include <strings.h>

static bool is_token(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_named(const char *name, size_t n, const char *want)
{
    return n == strlen(want) && !strncasecmp(name, want, n);
}

void head_init(struct head *h)
{
    *h = (struct head){ .length = -1 };
}

static void take_length(struct head *h, const char *value, size_t n)
{
    int64_t v = 0;

    h->lengths++;
    if (n == 0 || n > 18) h->bad_length = true;
    for (size_t i = 0; i < n && !h->bad_length; i++) {
        if (value[i] < '0' || value[i] > '9') h->bad_length = true;
        else v = v * 10 + (value[i] - '0');
    }
    h->length = h->bad_length ? -1 : v;
}

void head_field(struct head *h, const char *name, size_t n_name, const char *value, size_t n_value)
{
    h->fields++;
    if (n_name == 0) h->bad_name = true;
    for (size_t i = 0; i < n_name; i++)
        if (!is_token((unsigned char)name[i])) h->bad_name = true;
    for (size_t i = 0; i < n_value; i++) {
        unsigned char c = (unsigned char)value[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) h->bad_value = true;
    }
    if (is_named(name, n_name, "Host")) {
        h->hosts++;
        h->host = value;
    } else if (is_named(name, n_name, "Content-Length")) {
        take_length(h, value, n_value);
    } else if (is_named(name, n_name, "Transfer-Encoding")) {
        h->encodings++;
        if (n_value == 7 && !strncasecmp(value, "chunked", 7)) h->chunked = true;
        else h->other_encoding = true;
    }
}

static bool host_is_fit(const char *host)
{
    for (const char *c = host; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
              strchr(".-_:[]%~", *c)))
            return false;
    return true;
}

static int refuse(struct err *e, int status, const char *why)
{
    err_set(e, status == 501 ? ERR_INVALID : ERR_USAGE, "%s", why);
    return status;
}

int head_check(const struct head *h, const char *version, struct err *e)
{
    bool v11 = !strcmp(version, "HTTP/1.1");

    if (!v11 && strcmp(version, "HTTP/1.0")) return refuse(e, 505, "only HTTP/1.0 and HTTP/1.1");
    if (h->bad_name) return refuse(e, 400, "a field's name has a character that none may have");
    if (h->bad_value) return refuse(e, 400, "a field's value has a control character");
    if (h->lengths > 1) return refuse(e, 400, "more than one Content-Length");
    if (h->bad_length) return refuse(e, 400, "Content-Length is no number");
    if (h->encodings && h->lengths)
        return refuse(e, 400, "both Transfer-Encoding and Content-Length");
    if (h->encodings > 1) return refuse(e, 400, "more than one Transfer-Encoding");
    if (h->encodings && !v11) return refuse(e, 400, "Transfer-Encoding in HTTP/1.0");
    if (h->other_encoding) return refuse(e, 501, "Transfer-Encoding: only chunked is known here");
    if (h->hosts > 1) return refuse(e, 400, "more than one Host");
    if (h->hosts == 0 && v11) return refuse(e, 400, "HTTP/1.1 without Host");
    if (h->host && !host_is_fit(h->host)) return refuse(e, 400, "Host is no host's name");
    return 0;
}

bool head_host_is_loopback(const char *host)
{
    if (*host == '[') return !strncmp(host, "[::1]", 5) && (host[5] == 0 || host[5] == ':');
    size_t n = strcspn(host, ":");
    if (n == 9 && !strncasecmp(host, "localhost", 9)) return true;
    if (n < 7 || n > 15 || strncmp(host, "127.", 4)) return false;
    return strspn(host, "0123456789.") == n;
}

bool head_id_is_fit(const char *id)
{
    size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-");

    return n >= 1 && n <= 64 && !id[n];
}
