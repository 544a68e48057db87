/* listen.c: see listen.h. With SO_REUSEPORT a second daemon of the same user would share the
 * port without a word; therefore the address is bound once without it first, which fails while
 * anybody listens there. */
#include "http/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024 };

struct place {
    struct sockaddr_storage addr;
    socklen_t len;
};

static int bad_address(const char *address, const char *why, struct err *e)
{
    err_set(e, ERR_USAGE, "cannot listen on '%.100s': %s", address, why);
    return err_hint(e, "HOST:PORT, for example 127.0.0.1:5000, [::1]:5000 or 0.0.0.0:8080");
}

static int resolve(const char *address, struct place *ret, struct err *e)
{
    const struct addrinfo want = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    const char *colon = strrchr(address, ':');
    struct addrinfo *found;
    char host[256];
    size_t n = colon ? (size_t)(colon - address) : 0;
    bool brackets = n > 2 && address[0] == '[' && address[n - 1] == ']';

    if (!colon || n == 0 || n >= sizeof host) return bad_address(address, "no HOST:PORT", e);
    if (!brackets && memchr(address, ':', n))
        return bad_address(address, "an IPv6 address goes into [ ]", e);
    if (!colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon) > 6 ||
        atoi(colon + 1) > 65535)
        return bad_address(address, "the port is no number up to 65535", e);
    snprintf(host, sizeof host, "%.*s", (int)(brackets ? n - 2 : n), address + brackets);
    int rc = getaddrinfo(host, colon + 1, &want, &found);
    if (rc) return bad_address(address, gai_strerror(rc), e);
    memcpy(&ret->addr, found->ai_addr, found->ai_addrlen);
    ret->len = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static bool is_loopback(const struct place *p)
{
    if (p->addr.ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, &p->addr, sizeof in);
        return ntohl(in.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 in6;
    memcpy(&in6, &p->addr, sizeof in6);
    return p->addr.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

/* A bound socket; the port that the kernel chose goes into the place. */
static int open_one(struct place *p, bool shared, const char *address, int *ret, struct err *e)
{
    int one = 1, fd = socket(p->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) return err_sys(e, ERR_IO, "cannot make a socket");
    bool ok = !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) &&
              (!shared || !setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one)) &&
              !bind(fd, (const struct sockaddr *)&p->addr, p->len) &&
              !getsockname(fd, (struct sockaddr *)&p->addr, &p->len) && !listen(fd, BACKLOG);
    if (ok) {
        *ret = fd;
        return 0;
    }
    bool taken = errno == EADDRINUSE;
    err_sys(e, taken ? ERR_CONFLICT : ERR_IO, "cannot listen on %.100s", address);
    close(fd);
    return taken ? err_hint(e, "another program listens there; choose another port with --listen")
                 : -(int)(e ? e->kind : ERR_IO);
}

static void say_where(const struct place *p, char bound[80])
{
    char host[64] = "?", port[8] = "?";

    getnameinfo((const struct sockaddr *)&p->addr, p->len, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(bound, 80, p->addr.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

int listen_open(const char *address, int n, int *fds, char bound[80], bool *ret_loopback,
                struct err *e)
{
    struct place p;
    int rc = resolve(address, &p, e), got = 0;

    if (!rc) rc = open_one(&p, false, address, &fds[0], e);
    if (rc) return rc;
    say_where(&p, bound);
    *ret_loopback = is_loopback(&p);
    if (n == 1) return 0;
    close(fds[0]);
    while (got < n && !rc) {
        rc = open_one(&p, true, address, &fds[got], e);
        if (!rc) got++;
    }
    while (rc && got > 0) close(fds[--got]);
    return rc;
}
