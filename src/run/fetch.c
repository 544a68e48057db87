/* fetch.c: see fetch.h. One easy handle a request: deliveries are rare and each is a process of
 * its own, so there is nothing to share, and nothing a slow receiver can hold up. */
#include "run/fetch.h"

#include <curl/curl.h>
#include <pthread.h>

#define BODY_MAX (64u << 10)

static void start_library(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t take_body(char *p, size_t size, size_t n, void *user)
{
    struct str *body = user;
    size_t have = size * n, room = body->len < BODY_MAX ? BODY_MAX - body->len : 0;

    str_addn(body, p, have < room ? have : room);
    return have; /* the rest is read and dropped */
}

static int set_headers(const struct http_request *q, struct curl_slist **ret, struct err *e)
{
    struct curl_slist *list = NULL;

    for (const char *const *h = q->headers; h && *h; h++) {
        struct curl_slist *more = curl_slist_append(list, *h);
        if (!more) {
            curl_slist_free_all(list);
            return err_set(e, ERR_NOMEM, "no memory for a request");
        }
        list = more;
    }
    *ret = list;
    return 0;
}

static void set_options(CURL *c, const struct http_request *q, struct http_response *r,
                        struct curl_slist *headers, char *why)
{
    long timeout = q->timeout_s > 0 ? q->timeout_s : 10;

    curl_easy_setopt(c, CURLOPT_URL, q->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, timeout);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, timeout);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "signalbox");
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->n_body);
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &r->body);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
}

static int perform(CURL *c, const char *why, const char *url, struct http_response *r,
                   struct err *e)
{
    CURLcode code = curl_easy_perform(c);
    curl_off_t wait = 0;

    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        return err_set(e, ERR_INVALID, "'%s' is no http or https address", url);
    if (code != CURLE_OK)
        return err_set(e, ERR_BUSY, "%s: %s", url, *why ? why : curl_easy_strerror(code));
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &r->status);
    curl_easy_getinfo(c, CURLINFO_RETRY_AFTER, &wait);
    r->retry_after_s = wait > 0 ? (int64_t)wait : -1;
    return 0;
}

int fetch_post(void *user, const struct http_request *q, struct http_response *r, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char why[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;

    (void)user;
    pthread_once(&once, start_library);
    CURL *c = curl_easy_init();
    if (!c) return err_set(e, ERR_NOMEM, "no memory for a request");
    int rc = set_headers(q, &headers, e);
    if (rc == 0) {
        set_options(c, q, r, headers, why);
        rc = perform(c, why, q->url, r, e);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(c);
    return rc;
}
