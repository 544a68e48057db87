/* json.c: JSON text into val trees. Parsing is jansson's, within limits, because documents here
 * are small (arguments, payloads, settings); rows of data never come this way. Writing is in
 * val.c, so that who only writes, as the engine does, links without jansson. */
#include "base/val.h"

#include <jansson.h>
#include <string.h>

#define MAX_BYTES (64u << 20)
#define MAX_DEPTH 128
#define MAX_KEYS  10000 /* of an object, whose keys are searched one after another */

static int convert(struct arena *a, const json_t *j, int depth, struct val **ret, struct err *e);

static int convert_object(struct arena *a, const json_t *j, int depth, struct val **ret,
                          struct err *e)
{
    if (json_object_size(j) > MAX_KEYS)
        return err_set(e, ERR_LIMIT, "a JSON object has %zu keys; the limit is %d",
                       json_object_size(j), MAX_KEYS);
    struct val *obj = val_obj(a);
    json_t *mutable = (json_t *)(uintptr_t)j; /* jansson's iterator is not const-correct */
    for (void *it = json_object_iter(mutable); it; it = json_object_iter_next(mutable, it)) {
        struct val *item;
        int rc = convert(a, json_object_iter_value(it), depth + 1, &item, e);
        if (rc) return rc;
        val_set(obj, json_object_iter_key(it), item);
    }
    *ret = obj;
    return 0;
}

static int convert_array(struct arena *a, const json_t *j, int depth, struct val **ret,
                         struct err *e)
{
    struct val *list = val_list(a);
    for (size_t i = 0; i < json_array_size(j); i++) {
        struct val *item;
        int rc = convert(a, json_array_get(j, i), depth + 1, &item, e);
        if (rc) return rc;
        val_push(list, item);
    }
    *ret = list;
    return 0;
}

static int convert(struct arena *a, const json_t *j, int depth, struct val **ret, struct err *e)
{
    if (depth > MAX_DEPTH) return err_set(e, ERR_LIMIT, "JSON is nested deeper than %d", MAX_DEPTH);
    switch (json_typeof(j)) {
    case JSON_OBJECT: return convert_object(a, j, depth, ret, e);
    case JSON_ARRAY: return convert_array(a, j, depth, ret, e);
    case JSON_STRING: *ret = val_strn(a, json_string_value(j), json_string_length(j)); break;
    case JSON_INTEGER: *ret = val_int(a, json_integer_value(j)); break;
    case JSON_REAL: *ret = val_real(a, json_real_value(j)); break;
    case JSON_TRUE: *ret = val_bool(a, true); break;
    case JSON_FALSE: *ret = val_bool(a, false); break;
    case JSON_NULL: *ret = val_null(a); break;
    }
    return 0;
}

int val_parse_json(struct arena *a, const char *text, size_t n, struct val **ret, struct err *e)
{
    if (n > MAX_BYTES)
        return err_set(e, ERR_LIMIT, "JSON document of %zu bytes; the limit is %u", n, MAX_BYTES);
    json_error_t je;
    json_t *j = json_loadb(text, n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &je);
    if (!j)
        return err_set(e, ERR_PARSE, "JSON, line %d, column %d: %s", je.line, je.column, je.text);
    struct val *v;
    int rc = convert(a, j, 0, &v, e);
    json_decref(j);
    if (rc) return rc;
    *ret = v;
    return 0;
}
