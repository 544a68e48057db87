/* route.h: a route with one arm behind it, without a daemon: what the readers of prediction
 * protocols need of a question. */
#pragma once
#include "http/infer.h"
#include <string.h>

struct route {
    struct served served;
    struct arm arm;
    struct serve_route route;
    struct schema *schema;
    int32_t slots[64];
    struct rows rows;
    struct infer infer;
};
static inline void route_open(struct route *r, struct model *m)
{
    const struct model *const one[] = { m };

    *r = (struct route){ .schema = schema_new(one, 1) };
    for (size_t i = 0; i < model_features(m); i++) {
        const char *name = model_feature(m, i, NULL);
        r->slots[i] = schema_find(r->schema, name, strlen(name));
    }
    r->served.model = m;
    r->served.name = "m\"1";
    r->served.version = 3;
    r->arm = (struct arm){ .by = &r->served, .role = "production", .share = 1, .slot = r->slots };
    r->route =
        (struct serve_route){ .name = "m\"1", .schema = r->schema, .n_arms = 1, .arms = &r->arm };
    rows_init(&r->rows);
    r->infer.call.route = &r->route;
    r->infer.call.rows = &r->rows;
}
static inline void route_close(struct route *r)
{
    rows_done(&r->rows);
    schema_free(r->schema);
    model_free(r->served.model);
}
static inline void route_clear(struct route *r)
{
    rows_clear(&r->rows, r->schema);
}
