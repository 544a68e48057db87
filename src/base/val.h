/* val.h: an ordered value tree (null, bool, int, real, string, list, object) in an arena.
 *
 * The neutral form of everything that crosses a front end: validated arguments go into a verb
 * as an object, a reply comes out as one, and the command line, the console and HTTP render
 * it. Objects keep the order in which keys were set. Strings are copied into the arena of the
 * tree; nothing is freed singly. Getters accept NULL and the wrong type and then answer the
 * default, so a chain of look-ups needs no checks. One owner; read-only sharing is fine. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

enum val_type { VAL_NULL, VAL_BOOL, VAL_INT, VAL_REAL, VAL_STR, VAL_LIST, VAL_OBJ };
struct val;

struct val *val_null(struct arena *a);
struct val *val_bool(struct arena *a, bool b);
struct val *val_int(struct arena *a, int64_t i);
struct val *val_real(struct arena *a, double d);
struct val *val_str(struct arena *a, const char *s); /* NULL gives a null value */
struct val *val_strn(struct arena *a, const char *s, size_t n);
struct val *val_list(struct arena *a);
struct val *val_obj(struct arena *a);
struct val *val_copy(struct arena *a, const struct val *v); /* deep */

void val_push(struct val *list, struct val *item);
void val_set(struct val *obj, const char *key, struct val *item); /* replaces */
void val_set_str(struct val *obj, const char *key, const char *s);
void val_set_strf(struct val *obj, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void val_set_int(struct val *obj, const char *key, int64_t i);
void val_set_real(struct val *obj, const char *key, double d);
void val_set_bool(struct val *obj, const char *key, bool b);
struct val *val_set_list(struct val *obj, const char *key); /* a new list under key */
struct val *val_set_obj(struct val *obj, const char *key);
struct val *val_push_obj(struct val *list);
void val_push_str(struct val *list, const char *s);

enum val_type val_type(const struct val *v); /* NULL is VAL_NULL */
size_t val_len(const struct val *v);         /* items of a list or object, else 0 */
const struct val *val_get(const struct val *obj, const char *key); /* NULL when absent */
const struct val *val_at(const struct val *list_or_obj, size_t i);
const char *val_key(const struct val *obj, size_t i);
bool val_has(const struct val *obj, const char *key); /* present and not null */
const char *val_as_str(const struct val *v, const char *dflt);
int64_t val_as_int(const struct val *v, int64_t dflt);   /* reals are truncated */
double val_as_real(const struct val *v, double dflt);    /* ints are converted */
bool val_as_bool(const struct val *v, bool dflt);
const char *val_get_str(const struct val *obj, const char *key, const char *dflt);
int64_t val_get_int(const struct val *obj, const char *key, int64_t dflt);
double val_get_real(const struct val *obj, const char *key, double dflt);
bool val_get_bool(const struct val *obj, const char *key, bool dflt);

/* JSON text: indent 0 is one line. Non-finite reals become null. Keys in order. */
void val_write_json(struct str *out, const struct val *v, int indent);
/* JSON string literal with quotes; invalid UTF-8 bytes become U+FFFD. */
void val_write_json_str(struct str *out, const char *s, size_t n);
/* Parses one JSON document (jansson; depth and size limits of json.c). Duplicate keys are an
 * error. ERR_PARSE with line and column, ERR_LIMIT. */
int val_parse_json(struct arena *a, const char *text, size_t n, struct val **ret, struct err *e);
/* Scalar as display text into out (no quotes): what a table cell shows. */
void val_write_text(struct str *out, const struct val *v);
