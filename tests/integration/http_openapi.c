/* http_openapi.c: replays the daemon's own description against it, on the demo's workspace. Every
 * operation of GET /openapi.json is called with arguments that fit its schema and name things
 * that are there, then with each argument
 * spoilt, left out or unknown, then with bodies that are no JSON. No answer may be a 5xx, what is
 * wrong must be refused, and the daemon must live on. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/val.h"
#include "daemon.h"

struct replay {
    struct daemon d;
    struct arena arena;
    const struct val *doc;
    int fd, calls, refused, fine;
    char run[40], job[40], alert[40];
};

static struct replay r;

/* ---- one request --------------------------------------------------------------------- */

static void encode(struct str *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-')
            str_addc(out, (char)c);
        else str_addf(out, "%%%02x", c);
    }
}

static int send_request(const char *method, const char *path, const char *body)
{
    STR_AUTO s = STR_INIT;

    str_addf(&s, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path);
    if (body)
        str_addf(&s, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    str_add(&s, "\r\n");
    if (body) str_add(&s, body);
    if (r.fd < 0 || !say(r.fd, str_c(&s))) {
        if (r.fd >= 0) close(r.fd);
        r.fd = dial(&r.d);
        say(r.fd, str_c(&s));
    }
    struct answer a = hear(r.fd, 30000);
    if (a.status < 200 || a.status >= 500)
        fail_msg("%s %s %s: %d %s", method, path, body ? body : "", a.status, a.body ? a.body : "");
    if (a.status >= 400 && !strstr(a.body, "\"error"))
        fail_msg("%s %s: %d without an error: %s", method, path, a.status, a.body);
    if (a.close) {
        close(r.fd);
        r.fd = -1;
    }
    answer_done(&a);
    r.calls++;
    r.refused += a.status >= 400;
    r.fine += a.status < 300;
    return a.status;
}

/* ---- arguments out of a schema --------------------------------------------------------- */

/* Something of the demo's that goes by this name; NULL: nothing does. */
static const char *known(const char *name, const char *help)
{
    const struct {
        const char *name, *value;
    } things[] = {
        { "name", "fraud" },      { "run", r.run },
        { "runs", r.run },        { "job", r.job },
        { "alert", r.alert },     { "version", "1" },
        { "target", "fraud" },    { "reason", "the replay" },
        { "metric", "accuracy" }, { "experiment", "Default" },
    };

    if (strstr(help, "model URI") || strstr(help, "runs:/")) return "models:/fraud/1";
    if (strstr(help, "name of a data set")) return "card_transactions";
    if (str_eq(name, "model")) return "fraud";
    for (size_t i = 0; i < sizeof things / sizeof *things; i++)
        if (str_eq(name, things[i].name)) return things[i].value;
    return NULL;
}

static struct val *fitting(struct arena *a, const char *name, const struct val *schema)
{
    const char *type = val_get_str(schema, "type", "string");
    const char *thing = known(name, val_get_str(schema, "description", ""));
    const struct val *choices = val_get(schema, "enum");

    if (thing && str_eq(type, "string") && !choices) return val_str(a, thing);
    if (choices) return val_copy(a, val_at(choices, 0));
    if (val_has(schema, "default")) return val_copy(a, val_get(schema, "default"));
    if (str_eq(type, "integer")) return val_int(a, val_get_int(schema, "minimum", 1));
    if (str_eq(type, "number")) return val_real(a, val_get_real(schema, "minimum", 0.5));
    if (str_eq(type, "boolean")) return val_bool(a, false);
    if (str_eq(type, "object")) return val_obj(a);
    if (str_eq(type, "array")) {
        struct val *list = val_list(a);
        val_push_str(list, thing ? thing : "x");
        return list;
    }
    return val_str(a, "x");
}

/* A value of another type, or out of range; NULL: every text is right. */
static struct val *spoilt(struct arena *a, const struct val *schema)
{
    const char *type = val_get_str(schema, "type", "string");
    struct val *nested = val_obj(a);

    val_set(nested, "a", val_list(a));
    if (val_has(schema, "maximum")) return val_real(a, val_get_real(schema, "maximum", 0) * 2 + 1);
    if (val_get(schema, "enum") || str_eq(type, "integer") || str_eq(type, "number") ||
        str_eq(type, "boolean"))
        return val_str(a, "\xc3\xa9 no such");
    return nested;
}

static const char *as_text(struct arena *a, const struct val *v)
{
    STR_AUTO s = STR_INIT;

    if (val_type(v) == VAL_LIST || val_type(v) == VAL_OBJ) val_write_json(&s, v, 0);
    else val_write_text(&s, v);
    return arena_strdup(a, str_c(&s));
}

/* The path with its parameters filled in, and a query of the others. */
static const char *address(struct arena *a, const char *pattern, const struct val *query)
{
    STR_AUTO s = STR_INIT;

    for (const char *c = pattern; *c; c++) {
        if (*c != '{') str_addc(&s, *c);
        else {
            const char *name = arena_strndup(a, c + 1, strcspn(c, "}") - 1),
                       *thing = known(name, "");
            str_add(&s, thing ? thing : "x");
            c = strchr(c, '}');
        }
    }
    for (size_t i = 0; i < val_len(query); i++) {
        str_addc(&s, i ? '&' : '?');
        encode(&s, val_key(query, i));
        str_addc(&s, '=');
        encode(&s, as_text(a, val_at(query, i)));
    }
    return arena_strdup(a, str_c(&s));
}

/* ---- one operation ------------------------------------------------------------------- */

struct operation {
    struct arena *a;
    const char *method, *pattern;
    bool body;
    struct val *schemas;  /* name -> schema of everything that goes into query or body */
    struct val *required; /* names */
};

static void call(const struct operation *o, const struct val *args, bool must_refuse)
{
    STR_AUTO text = STR_INIT;

    if (o->body) val_write_json(&text, args, 0);
    const char *path = address(o->a, o->pattern, o->body ? NULL : args);
    int status = send_request(o->method, path, o->body ? str_c(&text) : NULL);
    if (must_refuse && status < 400)
        fail_msg("%s %s %s: %d", o->method, path, o->body ? str_c(&text) : "", status);
}

static struct val *all_fitting(const struct operation *o, const char *without)
{
    struct val *args = val_obj(o->a);

    for (size_t i = 0; i < val_len(o->schemas); i++) {
        const struct val *schema = val_at(o->schemas, i);
        bool needed = false;
        for (size_t k = 0; k < val_len(o->required); k++)
            needed |= str_eq(val_as_str(val_at(o->required, k), ""), val_key(o->schemas, i));
        if ((needed || val_has(schema, "default")) && !str_eq(val_key(o->schemas, i), without))
            val_set(args, val_key(o->schemas, i), fitting(o->a, val_key(o->schemas, i), schema));
    }
    return args;
}

static void replay_operation(const struct operation *o)
{
    call(o, all_fitting(o, NULL), false);
    for (size_t i = 0; i < val_len(o->required); i++)
        call(o, all_fitting(o, val_as_str(val_at(o->required, i), "")), true);
    for (size_t i = 0; i < val_len(o->schemas); i++) {
        struct val *args = all_fitting(o, NULL);
        const struct val *schema = val_at(o->schemas, i);
        bool text = str_eq(val_get_str(schema, "type", ""), "string") && !val_get(schema, "enum");
        bool nested = str_eq(val_get_str(schema, "type", ""), "array") ||
                      str_eq(val_get_str(schema, "type", ""), "object");
        val_set(args, val_key(o->schemas, i), spoilt(o->a, schema));
        call(o, args, !nested && !(text && !o->body));
    }
    if (val_len(o->schemas)) {
        struct val *args = all_fitting(o, NULL);
        val_set_str(args, "no_such_argument", "x");
        call(o, args, true);
    }
    if (!o->body) return;
    static const char *const bodies[] = { "{", "[]", "nul", "\"x\"", "{\"a\":1,\"a\":2}", "{}}" };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_in_range(send_request(o->method, address(o->a, o->pattern, NULL), bodies[i]), 400,
                        499);
}

/* Those of other protocols say what they take in their own words. */
static bool is_described(const struct val *op)
{
    return val_has(op, "x-verb");
}

static void take_parameters(struct operation *o, const struct val *list)
{
    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *p = val_at(list, i);
        if (!str_eq(val_get_str(p, "in", ""), "query")) continue;
        struct val *schema = val_copy(o->a, val_get(p, "schema"));
        val_set_str(schema, "description", val_get_str(p, "description", ""));
        val_set(o->schemas, val_get_str(p, "name", ""), schema);
        if (val_get_bool(p, "required", false))
            val_push_str(o->required, val_get_str(p, "name", ""));
    }
}

static void take_body(struct operation *o, const struct val *body)
{
    const struct val *json = val_get(val_get(body, "content"), "application/json");
    const struct val *schema = val_get(json, "schema"), *fields = val_get(schema, "properties");

    o->body = body;
    for (size_t i = 0; i < val_len(fields); i++)
        val_set(o->schemas, val_key(fields, i), val_copy(o->a, val_at(fields, i)));
    for (size_t i = 0; i < val_len(val_get(schema, "required")); i++)
        val_push_str(o->required, val_as_str(val_at(val_get(schema, "required"), i), ""));
}

static void every_operation_is_replayed(void **state)
{
    const struct val *paths = val_get(r.doc, "paths");
    int described = 0;
    (void)state;

    for (size_t i = 0; i < val_len(paths); i++) {
        for (size_t k = 0; k < val_len(val_at(paths, i)); k++) {
            struct arena a = ARENA_INIT;
            const struct val *op = val_at(val_at(paths, i), k);
            char method[8] = "";
            for (const char *c = val_key(val_at(paths, i), k); *c && strlen(method) < 7; c++)
                method[strlen(method)] = (char)(*c & ~0x20);
            struct operation o = { .a = &a,
                                   .method = method,
                                   .pattern = val_key(paths, i),
                                   .schemas = val_obj(&a),
                                   .required = val_list(&a) };
            take_parameters(&o, val_get(op, "parameters"));
            if (val_get(op, "requestBody")) take_body(&o, val_get(op, "requestBody"));
            if (is_described(op)) replay_operation(&o);
            else send_request(method, address(&a, o.pattern, NULL), o.body ? "{" : NULL);
            described += is_described(op);
            arena_done(&a);
        }
    }
    print_message("%d operations, %d requests, %d fine, %d refused\n", described, r.calls, r.fine,
                  r.refused);
    assert_in_range(r.fine, 100, r.calls);
    assert_in_range(described, 100, 10000);
    assert_in_range(r.refused, 100, r.calls - 50);
    assert_int_equal(send_request("GET", "/health", NULL), 200);
}

/* Every verb by GET with what JSON cannot say: fields twice, empty, escaped oddly. */
static void odd_queries_are_no_server_errors(void **state)
{
    static const char *const queries[] = { "?",
                                           "?=",
                                           "?a&b&c",
                                           "?limit=1&limit=2",
                                           "?%41=%42",
                                           "?limit=",
                                           "?limit=1e400",
                                           "?name=%ff%fe",
                                           "?name=x&name=y",
                                           "?offset=-1",
                                           "?limit=99999999999999999999" };
    const struct val *paths = val_get(r.doc, "paths");
    (void)state;

    for (size_t i = 0; i < val_len(paths); i++) {
        if (!val_has(val_get(val_at(paths, i), "get"), "x-verb")) continue;
        for (size_t k = 0; k < sizeof queries / sizeof *queries; k++) {
            struct arena a = ARENA_INIT;
            const char *path = address(&a, val_key(paths, i), NULL);
            send_request("GET", arena_printf(&a, "%s%s", path, queries[k]), NULL);
            arena_done(&a);
        }
    }
}

static struct val *get(const char *path)
{
    struct val *v = NULL;
    char text[200];
    int fd = dial(&r.d);

    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    say(fd, text);
    struct answer a = hear(fd, 10000);
    if (a.status != 200 || val_parse_json(&r.arena, a.body, a.n, &v, NULL))
        fail_msg("%s: %d", path, a.status);
    answer_done(&a);
    close(fd);
    return v;
}

/* The id of the first in a list. */
static void find_id(const char *path, const char *list, const char *field, char ret[40])
{
    const struct val *v = get(path);

    snprintf(ret, 40, "%s", val_get_str(val_at(val_get(v, list), 0), field, "x"));
}

static int open_all(void **state)
{
    (void)state;
    r.fd = -1;
    assert_int_equal(
        daemon_run(&r.d, (const char *const[]){ "--yes", "demo", "--rows", "2000", NULL }), 0);
    daemon_settings(&r.d, "serve:\n  jobs: 0\n");
    daemon_start(&r.d, (const char *const[]){ "--no-auth", NULL });
    r.doc = get("/openapi.json");
    find_id("/api/v1/run/list", "runs", "run_id", r.run);
    find_id("/api/v1/job/list", "jobs", "id", r.job);
    find_id("/api/v1/alert/list?all=true", "alerts", "id", r.alert);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    if (r.fd >= 0) close(r.fd);
    kill(r.d.pid, 15);
    int code = daemon_wait(&r.d, 20000);
    daemon_close(&r.d);
    arena_done(&r.arena);
    return code != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_is_replayed),
        cmocka_unit_test(odd_queries_are_no_server_errors),
    };

    if (!daemon_open(&r.d, NULL)) return 77;
    return cmocka_run_group_tests_name("http_openapi", tests, open_all, close_all);
}
