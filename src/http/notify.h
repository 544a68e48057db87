/* notify.h: what systemd wants to hear of a service of Type=notify, by its plain datagram
 * protocol; nothing happens where nobody listens. Main thread. */
#pragma once

/* socket: $NOTIFY_SOCKET, NULL: nobody listens. state: "READY=1", "STOPPING=1", "WATCHDOG=1",
 * "RELOADING=1…", "STATUS=…", several on lines of their own. */
void notify_send(const char *socket, const char *state);
