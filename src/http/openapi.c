/* openapi.c: see openapi.h. A route with a verb gets the verb's arguments: GET in the query, POST
 * as an object in the body; those that the pattern names, in the path. */
#include "http/openapi.h"

#include "base/mem.h"
#include "config.h"

#include <string.h>

/* ---- arguments ----------------------------------------------------------------------- */

/* JSON and queries write '_' where the command line has '-'. */
static const char *json_name(struct arena *a, const char *name)
{
    char *s = arena_strdup(a, name);

    for (char *c = s; *c; c++)
        if (*c == '-') *c = '_';
    return s;
}

static void add_choices(struct arena *a, struct val *schema, const char *choices)
{
    struct val *list = val_set_list(schema, "enum");
    char *all = arena_strdup(a, choices), *save = NULL;

    for (char *c = strtok_r(all, "|", &save); c; c = strtok_r(NULL, "|", &save))
        val_push_str(list, c);
}

static void add_default(struct arena *a, struct val *schema, const struct param *p)
{
    long long i;
    double d;

    if (p->type == PARAM_BOOL) val_set_bool(schema, "default", str_eq(p->dflt, "true"));
    else if (p->type == PARAM_INT && str_to_i64(p->dflt, &i)) val_set_int(schema, "default", i);
    else if (p->type == PARAM_REAL && str_to_real(p->dflt, &d)) val_set_real(schema, "default", d);
    else if (p->type == PARAM_STR || p->type == PARAM_ENUM) val_set_str(schema, "default", p->dflt);
    (void)a;
}

static struct val *schema_of(struct arena *a, const struct param *p)
{
    static const char *const types[] = {
        [PARAM_STR] = "string",   [PARAM_INT] = "integer", [PARAM_REAL] = "number",
        [PARAM_BOOL] = "boolean", [PARAM_ENUM] = "string", [PARAM_KV] = "object",
        [PARAM_LIST] = "array",
    };
    struct val *s = val_obj(a);
    bool number = p->type == PARAM_INT || p->type == PARAM_REAL;

    val_set_str(s, "type", types[p->type]);
    if (p->type == PARAM_LIST) val_set_str(val_set_obj(s, "items"), "type", "string");
    if (p->type == PARAM_KV) val_set_str(val_set_obj(s, "additionalProperties"), "type", "string");
    if (p->type == PARAM_ENUM) add_choices(a, s, p->choices);
    if (number && (p->min != 0 || p->max != 0)) {
        val_set_real(s, "minimum", p->min);
        val_set_real(s, "maximum", p->max);
    }
    if (p->type == PARAM_STR && (p->flags & PARAM_REQUIRED)) val_set_int(s, "minLength", 1);
    if (p->dflt) add_default(a, s, p);
    return s;
}

static const char *help_of(struct arena *a, const struct param *p)
{
    if (p->flags & PARAM_PATH) return arena_printf(a, "%s (here: the name of a data set)", p->help);
    return p->help ? p->help : param_type_name(p->type);
}

static bool in_pattern(const char *pattern, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = strchr(pattern, '{'); at; at = strchr(at + 1, '{'))
        if (!strncmp(at + 1, name, n) && (at[1 + n] == '}' || at[1 + n] == '*')) return true;
    return false;
}

/* ---- operations ---------------------------------------------------------------------- */

static void add_parameter(struct arena *a, struct val *list, const char *name, const char *in,
                          const struct param *p)
{
    struct val *o = val_push_obj(list);

    val_set_str(o, "name", name);
    val_set_str(o, "in", in);
    if (str_eq(in, "path") || (p && p->flags & PARAM_REQUIRED)) val_set_bool(o, "required", true);
    if (p) val_set_str(o, "description", help_of(a, p));
    struct val *schema = p ? schema_of(a, p) : val_obj(a);
    if (!p) val_set_str(schema, "type", "string");
    val_set(o, "schema", schema);
    if (p && p->type == PARAM_KV) val_set_str(o, "style", "deepObject");
}

static void add_path_parameters(struct arena *a, struct val *list, const char *pattern,
                                const struct verb *v)
{
    for (const char *at = strchr(pattern, '{'); at; at = strchr(at + 1, '{')) {
        const char *name = arena_strndup(a, at + 1, strcspn(at + 1, "*}"));
        add_parameter(a, list, name, "path", v ? param_find(v->params, name) : NULL);
    }
}

static void add_body(struct arena *a, struct val *op, const struct http_route *r,
                     const struct verb *v)
{
    struct val *body = val_set_obj(op, "requestBody");
    struct val *json = val_set_obj(val_set_obj(body, "content"), "application/json");
    struct val *schema = val_set_obj(json, "schema");

    val_set_str(schema, "type", "object");
    if (!v) return;
    struct val *required = val_list(a), *fields = val_set_obj(schema, "properties");
    for (const struct param *p = v->params; p->name; p++) {
        if (in_pattern(r->pattern, p->name)) continue;
        struct val *s = schema_of(a, p);
        val_set_str(s, "description", help_of(a, p));
        val_set(fields, json_name(a, p->name), s);
        if (p->flags & PARAM_REQUIRED) val_push_str(required, json_name(a, p->name));
    }
    if (val_len(required)) {
        val_set(schema, "required", required);
        val_set_bool(body, "required", true);
    }
}

static void add_responses(struct arena *a, struct val *op, const struct http_route *r)
{
    struct val *all = val_set_obj(op, "responses");
    struct val *ok = val_set_obj(all, str_ends(r->pattern, "train") ? "202" : "200");
    struct val *bad = val_set_obj(all, "default");

    val_set_str(ok, "description", r->verb ? "what the verb answers" : "the answer");
    val_set_str(bad, "description", "an error");
    struct val *json = val_set_obj(val_set_obj(bad, "content"), "application/json");
    val_set_str(val_set_obj(json, "schema"), "$ref", "#/components/schemas/Error");
    (void)a;
}

static void add_security(struct val *op, const struct http_route *r)
{
    struct val *list = val_set_list(op, "security");

    if (r->auth == HTTP_PUBLIC) return;
    val_set_list(val_push_obj(list), "key");
    val_set_list(val_push_obj(list), "bearer");
    val_set_str(op, "x-least-role", perm_name(r->perm));
}

static const char *operation_id(struct arena *a, const struct http_route *r)
{
    char *id = arena_printf(a, "%s%s", r->method, r->pattern), *to = id;

    for (const char *c = id; *c; c++) {
        bool word =
            (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        if (word) *to++ = *c;
        else if (to > id && to[-1] != '_') *to++ = '_';
    }
    while (to > id && to[-1] == '_') to--;
    *to = 0;
    return id;
}

static void add_operation(struct arena *a, struct val *path, const struct http_route *r)
{
    const struct verb *v = r->verb ? verb_find(r->verb) : NULL;
    char *method = arena_strdup(a, r->method);

    for (char *c = method; *c; c++) *c = (char)(*c | 0x20);
    struct val *op = val_set_obj(path, method), *parameters;
    val_set_str(op, "operationId", operation_id(a, r));
    val_set_str(op, "summary", r->help);
    if (v) val_set_str(op, "x-verb", v->name);
    parameters = val_set_list(op, "parameters");
    add_path_parameters(a, parameters, r->pattern, v);
    if (r->max_body) {
        add_body(a, op, r, v);
    } else if (v) {
        for (const struct param *p = v->params; p->name; p++)
            if (!in_pattern(r->pattern, p->name))
                add_parameter(a, parameters, json_name(a, p->name), "query", p);
    }
    add_responses(a, op, r);
    add_security(op, r);
}

/* ---- the document -------------------------------------------------------------------- */

static void add_error_schema(struct val *components)
{
    static const char *const fields[] = { "error_code", "message", "hint" };
    struct val *e = val_set_obj(val_set_obj(components, "schemas"), "Error");

    val_set_str(e, "type", "object");
    struct val *required = val_set_list(e, "required"), *p = val_set_obj(e, "properties");
    val_push_str(required, "error_code");
    val_push_str(required, "message");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        val_set_str(val_set_obj(p, fields[i]), "type", "string");
}

static void add_schemes(struct val *components)
{
    struct val *all = val_set_obj(components, "securitySchemes");
    struct val *key = val_set_obj(all, "key"), *bearer = val_set_obj(all, "bearer");

    val_set_str(key, "type", "apiKey");
    val_set_str(key, "in", "header");
    val_set_str(key, "name", "X-API-Key");
    val_set_str(bearer, "type", "http");
    val_set_str(bearer, "scheme", "bearer");
}

/* "/a/{rest*}" as OpenAPI writes it. */
static const char *path_of(struct arena *a, const char *pattern)
{
    char *s = arena_strdup(a, pattern), *to = s;

    for (const char *c = s; *c; c++)
        if (*c != '*') *to++ = *c;
    *to = 0;
    return s;
}

void openapi_write(const struct router *r, struct str *out)
{
    struct arena a = ARENA_INIT;
    struct val *doc = val_obj(&a), *info, *paths, *components;
    size_t n;
    const struct http_route *const *routes = router_routes(r, &n);

    val_set_str(doc, "openapi", "3.0.3");
    info = val_set_obj(doc, "info");
    val_set_str(info, "title", "signalbox");
    val_set_str(info, "version", PACKAGE_VERSION);
    val_set_str(info, "description", "Every verb of signalbox, and what services ask for.");
    paths = val_set_obj(doc, "paths");
    for (size_t i = 0; i < n; i++) {
        const char *path = path_of(&a, routes[i]->pattern);
        struct val *p = (struct val *)(uintptr_t)val_get(paths, path);
        add_operation(&a, p ? p : val_set_obj(paths, path), routes[i]);
    }
    components = val_set_obj(doc, "components");
    add_error_schema(components);
    add_schemes(components);
    val_write_json(out, doc, 0);
    str_addc(out, '\n');
    arena_done(&a);
}
