/* page.c: the small routes that tell about the daemon itself. */
#include "http/handlers.h"

#include "http/priv.h"

void health_handler(struct http_req *q)
{
    char when[32];
    struct val *v = val_obj(http_arena(q));

    val_set_str(v, "status", "healthy");
    val_set_str(v, "timestamp", clock_format(when, clock_now(server_clock(http_server_of(q)))));
    http_answer_val(q, 200, v);
}
