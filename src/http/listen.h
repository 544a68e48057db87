/* listen.h: the daemon's listening sockets: HOST:PORT as people write it, one socket an I/O
 * thread on the same port (SO_REUSEPORT: the kernel spreads the connections). Main thread, at
 * the start. */
#pragma once
#include "base/err.h"

/* n sockets into fds; port 0 is chosen by the kernel, the same for all. bound: the address with
 * the real port ("127.0.0.1:5000", "[::1]:5000"). ERR_CONFLICT: somebody listens there. */
int listen_open(const char *address, int n, int *fds, char bound[80], bool *ret_loopback,
                struct err *e);
