/* yaml.c: see yaml.h: libyaml's events into values. Anchors may stand there, but aliases are
 * refused: nothing here needs them, and a few of them can stand for gigabytes. */
#include "codec/yaml.h"

#include "base/file.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    struct arena *arena;
    const char *name;
    struct err *e;
};

static int fail_at(struct reader *r, enum err_kind kind, yaml_mark_t m, const char *what)
{
    return err_set(r->e, kind, "%s, line %zu, column %zu: %s", r->name, m.line + 1, m.column + 1,
                   what);
}

/* The next event; the caller deletes it. */
static int next(struct reader *r, yaml_event_t *ev)
{
    if (yaml_parser_parse(&r->parser, ev)) return 0;
    return fail_at(r, ERR_PARSE, r->parser.problem_mark,
                   r->parser.problem ? r->parser.problem : "malformed");
}

static bool one_of(const char *s, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(s, *list) == 0) return true;
    return false;
}

static struct val *plain(struct arena *a, const char *s, size_t n)
{
    static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
    static const char *const yes[] = { "true", "True", "TRUE", NULL };
    static const char *const no[] = { "false", "False", "FALSE", NULL };
    static const char *const inf[] = { ".inf", ".Inf", "+.inf", NULL };
    long long i;
    double d;

    if (one_of(s, nulls)) return val_null(a);
    if (one_of(s, yes) || one_of(s, no)) return val_bool(a, one_of(s, yes));
    if (one_of(s, inf)) return val_real(a, (double)INFINITY);
    if (strcmp(s, "-.inf") == 0) return val_real(a, -(double)INFINITY);
    if (strcmp(s, ".nan") == 0) return val_real(a, (double)NAN);
    bool numeric = n > 0 && strspn(s, "+-.eE0123456789") == n && strpbrk(s, "0123456789");
    if (numeric && str_to_i64(s, &i)) return val_int(a, i);
    if (numeric && str_to_real(s, &d)) return val_real(a, d);
    return val_strn(a, s, n);
}

static struct val *scalar(struct arena *a, const yaml_event_t *ev)
{
    const char *s = (const char *)ev->data.scalar.value;
    size_t n = ev->data.scalar.length;

    if (ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strlen(s) == n) return plain(a, s, n);
    return val_strn(a, s, n);
}

static int node(struct reader *r, const yaml_event_t *ev, int depth, struct val **ret);

static int sequence(struct reader *r, int depth, struct val **ret)
{
    struct val *list = val_list(r->arena), *item;
    int rc = 0;

    while (rc == 0) {
        yaml_event_t ev;
        if ((rc = next(r, &ev))) return rc;
        bool end = ev.type == YAML_SEQUENCE_END_EVENT;
        if (!end && (rc = node(r, &ev, depth + 1, &item)) == 0) val_push(list, item);
        yaml_event_delete(&ev);
        if (end) break;
    }
    if (rc == 0) *ret = list;
    return rc;
}

static int pair(struct reader *r, const yaml_event_t *key, int depth, struct val *obj)
{
    struct val *item;
    yaml_event_t ev;
    int rc;

    if (key->type != YAML_SCALAR_EVENT)
        return fail_at(r, ERR_PARSE, key->start_mark, "a key must be a plain text");
    const char *name = (const char *)key->data.scalar.value;
    if (val_get(obj, name)) {
        STR_AUTO what = STR_INIT;
        str_addf(&what, "'%s' is given twice", name);
        return fail_at(r, ERR_PARSE, key->start_mark, str_c(&what));
    }
    if ((rc = next(r, &ev))) return rc;
    rc = node(r, &ev, depth + 1, &item);
    if (rc == 0) val_set(obj, name, item);
    yaml_event_delete(&ev);
    return rc;
}

static int mapping(struct reader *r, int depth, struct val **ret)
{
    struct val *obj = val_obj(r->arena);
    int rc = 0;

    while (rc == 0) {
        yaml_event_t ev;
        if ((rc = next(r, &ev))) return rc;
        bool end = ev.type == YAML_MAPPING_END_EVENT;
        if (!end) rc = pair(r, &ev, depth, obj);
        yaml_event_delete(&ev);
        if (end) break;
    }
    if (rc == 0) *ret = obj;
    return rc;
}

static int node(struct reader *r, const yaml_event_t *ev, int depth, struct val **ret)
{
    if (depth > YAML_MAX_DEPTH)
        return fail_at(r, ERR_LIMIT, ev->start_mark, "nested too deeply");
    if (ev->type == YAML_SCALAR_EVENT) {
        *ret = scalar(r->arena, ev);
        return 0;
    }
    if (ev->type == YAML_SEQUENCE_START_EVENT) return sequence(r, depth, ret);
    if (ev->type == YAML_MAPPING_START_EVENT) return mapping(r, depth, ret);
    return fail_at(r, ERR_PARSE, ev->start_mark,
                   ev->type == YAML_ALIAS_EVENT ? "aliases are not supported: write it out"
                                                : "a value was expected");
}

/* Stream start, at most one document, stream end. */
static int document(struct reader *r, struct val **ret)
{
    struct val *root = val_null(r->arena);
    bool seen = false, end = false;
    int rc = 0;

    while (rc == 0 && !end) {
        yaml_event_t ev;
        if ((rc = next(r, &ev))) return rc;
        if (ev.type == YAML_DOCUMENT_START_EVENT && seen) {
            rc = fail_at(r, ERR_PARSE, ev.start_mark, "more than one document");
        } else if (ev.type == YAML_DOCUMENT_START_EVENT) {
            seen = true;
        } else if (ev.type == YAML_STREAM_END_EVENT) {
            end = true;
        } else if (ev.type != YAML_STREAM_START_EVENT && ev.type != YAML_DOCUMENT_END_EVENT) {
            rc = node(r, &ev, 0, &root);
        }
        yaml_event_delete(&ev);
    }
    if (rc == 0) *ret = root;
    return rc;
}

int yaml_parse(struct arena *a, const char *name, const char *text, size_t n, struct val **ret,
               struct err *e)
{
    struct reader r = { .arena = a, .name = name, .e = e };

    if (n > YAML_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "%s: %zu bytes; the limit is %u", name, n, YAML_MAX_BYTES);
    if (!yaml_parser_initialize(&r.parser)) return err_set(e, ERR_NOMEM, "%s: no memory", name);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
    int rc = document(&r, ret);
    yaml_parser_delete(&r.parser);
    return rc;
}

int yaml_read(struct arena *a, const char *path, struct val **ret, struct err *e)
{
    STR_AUTO text = STR_INIT;
    int rc = file_read(path, YAML_MAX_BYTES, &text, e);

    return rc ? rc : yaml_parse(a, path, str_c(&text), text.len, ret, e);
}
