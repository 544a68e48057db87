/* param.c: binding of arguments against a schema; see param.h for the contract.
 *
 * There is one conversion path. Words of a command line are first collected into a raw object
 * (strings, lists of strings), which is then bound exactly like a JSON object; so a range or a
 * message cannot differ between front ends. Only the way an argument is named in an error
 * differs: "--seed" or "NAME" on the command line, "seed" elsewhere.
 * In names '_' and '-' are the same character, because JSON and URLs prefer the former. */
#include "base/param.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

enum {
    TEXT_MAX = 64 * 1024, /* bytes of one value */
    ITEMS_MAX = 10000,    /* items of a list or of key=value pairs */
    QUOTE_MAX = 60,       /* bytes of a wrong value repeated in a message */
};

struct binder {
    const struct param *table;
    struct arena *arena;
    bool argv; /* arguments came from a command line */
    struct err *e;
};

static bool name_eq(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        char x = *a == '_' ? '-' : *a, y = *b == '_' ? '-' : *b;
        if (x != y) return false;
    }
    return *a == *b;
}

const struct param *param_find(const struct param *table, const char *name)
{
    for (const struct param *p = table; p && p->name; p++)
        if (name_eq(p->name, name)) return p;
    return NULL;
}

const char *param_type_name(enum param_type t)
{
    static const char *const names[] = {
        [PARAM_STR] = "text",        [PARAM_INT] = "whole number", [PARAM_REAL] = "number",
        [PARAM_BOOL] = "true|false", [PARAM_ENUM] = "choice",      [PARAM_KV] = "key=value",
        [PARAM_LIST] = "list",
    };
    assert((size_t)t < ARRAY_LEN(names));
    return names[t];
}

/* How the user would write the argument. */
static const char *label(const struct binder *b, const struct param *p)
{
    if (!b->argv) return p->name;
    if (!(p->flags & PARAM_POSITIONAL)) return arena_printf(b->arena, "--%s", p->name);
    char *s = arena_strdup(b->arena, p->name);
    for (char *c = s; *c; c++) *c = (char)toupper((unsigned char)*c);
    return s;
}

/* ---- conversion of one value --------------------------------------------------------- */

static int wrong(const struct binder *b, const struct param *p, const char *text,
                 const char *expected)
{
    size_t n = strlen(text), keep = n > QUOTE_MAX ? QUOTE_MAX : n;
    err_set(b->e, ERR_INVALID, "%s must be %s, not '%.*s%s'", label(b, p), expected, (int)keep,
            text, keep < n ? "…" : "");
    return err_hint(b->e, "%s: %s", p->name, p->help ? p->help : param_type_name(p->type));
}

/* The value as text, for conversions and messages; lists and objects as JSON. */
static const char *as_text(const struct binder *b, const struct val *v)
{
    if (val_type(v) == VAL_STR) return val_as_str(v, "");
    STR_AUTO s = STR_INIT;
    if (val_type(v) == VAL_LIST || val_type(v) == VAL_OBJ) val_write_json(&s, v, 0);
    else val_write_text(&s, v);
    return arena_strdup(b->arena, str_c(&s));
}

static bool is_scalar(const struct val *v)
{
    return val_type(v) != VAL_LIST && val_type(v) != VAL_OBJ;
}

static int check_text(const struct binder *b, const struct param *p, const char *s)
{
    size_t n = strlen(s);
    if (n > TEXT_MAX)
        return err_set(b->e, ERR_LIMIT, "%s is longer than %d bytes", label(b, p), TEXT_MAX);
    if (!(p->flags & PARAM_PATH) && !utf8_valid(s, n))
        return err_set(b->e, ERR_INVALID, "%s is not valid UTF-8 text", label(b, p));
    return 0;
}

static int to_str(const struct binder *b, const struct param *p, const struct val *v,
                  struct val **ret)
{
    const char *s = as_text(b, v);
    if (!is_scalar(v)) return wrong(b, p, s, "one text");
    int rc = check_text(b, p, s);
    if (rc) return rc;
    if (!*s && (p->flags & PARAM_REQUIRED)) {
        err_set(b->e, ERR_INVALID, "%s must not be empty", label(b, p));
        return err_hint(b->e, "%s: %s", p->name, p->help ? p->help : "give a text");
    }
    *ret = val_str(b->arena, s);
    return 0;
}

static int check_range(const struct binder *b, const struct param *p, const char *text, double x)
{
    if ((p->min == 0 && p->max == 0) || (x >= p->min && x <= p->max)) return 0;
    char lo[32], hi[32];
    str_real(lo, p->min);
    str_real(hi, p->max);
    return wrong(b, p, text, arena_printf(b->arena, "between %s and %s", lo, hi));
}

static int to_int(const struct binder *b, const struct param *p, const struct val *v,
                  struct val **ret)
{
    const double exact = 9007199254740992.0; /* 2^53: beyond it a real is not one integer */
    const char *s = as_text(b, v);
    long long x = 0;
    double d;
    if (val_type(v) == VAL_INT) {
        x = val_as_int(v, 0);
    } else if (val_type(v) == VAL_REAL) {
        d = val_as_real(v, 0);
        if (!(fabs(d) <= exact) || d != floor(d)) return wrong(b, p, s, "a whole number");
        x = (long long)d;
    } else if (val_type(v) != VAL_STR || !str_to_i64(s, &x)) {
        return wrong(b, p, s, "a whole number");
    }
    int rc = check_range(b, p, s, (double)x);
    if (rc) return rc;
    *ret = val_int(b->arena, x);
    return 0;
}

static int to_real(const struct binder *b, const struct param *p, const struct val *v,
                   struct val **ret)
{
    const char *s = as_text(b, v);
    double x = val_as_real(v, 0);
    bool number = val_type(v) == VAL_INT || val_type(v) == VAL_REAL ||
                  (val_type(v) == VAL_STR && str_to_real(s, &x));
    if (!number || !isfinite(x)) return wrong(b, p, s, "a number");
    int rc = check_range(b, p, s, x);
    if (rc) return rc;
    *ret = val_real(b->arena, x);
    return 0;
}

static int to_bool(const struct binder *b, const struct param *p, const struct val *v,
                   struct val **ret)
{
    static const char *const words[2][4] = { { "false", "no", "off", "0" },
                                             { "true", "yes", "on", "1" } };
    if (val_type(v) == VAL_BOOL) {
        *ret = val_bool(b->arena, val_as_bool(v, false));
        return 0;
    }
    const char *s = as_text(b, v);
    for (int truth = 0; truth < 2; truth++) {
        for (size_t i = 0; i < ARRAY_LEN(words[truth]); i++) {
            if (strcasecmp(s, words[truth][i])) continue;
            *ret = val_bool(b->arena, truth);
            return 0;
        }
    }
    return wrong(b, p, s, "true or false");
}

static int to_enum(const struct binder *b, const struct param *p, const struct val *v,
                   struct val **ret)
{
    const char *s = as_text(b, v), *near = NULL;
    int best = 99;
    char *all = arena_strdup(b->arena, p->choices), *save = NULL;
    for (char *c = strtok_r(all, "|", &save); c; c = strtok_r(NULL, "|", &save)) {
        if (!strcasecmp(c, s)) {
            *ret = val_str(b->arena, c);
            return 0;
        }
        int d = str_distance(c, s);
        if (d < best) {
            best = d;
            near = c;
        }
    }
    wrong(b, p, s, arena_printf(b->arena, "one of %s", p->choices));
    if (best <= 2) err_hint(b->e, "did you mean %s?", near);
    return -ERR_INVALID;
}

static int add_pair(const struct binder *b, const struct param *p, const char *pair,
                    struct val *into)
{
    const char *eq = strchr(pair, '=');
    if (!eq || eq == pair) return wrong(b, p, pair, "key=value");
    int rc = check_text(b, p, pair);
    if (rc) return rc;
    val_set_str(into, arena_strndup(b->arena, pair, (size_t)(eq - pair)), eq + 1);
    return 0;
}

/* An object of scalars, one "k=v", or a list of them. */
static int to_kv(const struct binder *b, const struct param *p, const struct val *v,
                 struct val **ret)
{
    struct val *out = val_obj(b->arena);
    size_t n = val_len(v);
    if (n > ITEMS_MAX)
        return err_set(b->e, ERR_LIMIT, "%s has more than %d pairs", label(b, p), ITEMS_MAX);
    int rc = 0;
    if (val_type(v) == VAL_STR) rc = add_pair(b, p, val_as_str(v, ""), out);
    else if (is_scalar(v)) rc = wrong(b, p, as_text(b, v), "key=value");
    for (size_t i = 0; i < n && !rc; i++) {
        const struct val *item = val_at(v, i);
        const char *s = as_text(b, item);
        if (!is_scalar(item)) rc = wrong(b, p, s, "pairs of a key and a plain value");
        else if (val_type(v) == VAL_LIST) rc = add_pair(b, p, s, out);
        else if (!(rc = check_text(b, p, s))) val_set_str(out, val_key(v, i), s);
    }
    if (rc) return rc;
    *ret = out;
    return 0;
}

/* Splits at commas ("\," is a comma), trims blanks, drops empty items. */
static void split_list(struct arena *a, const char *s, struct val *into)
{
    STR_AUTO item = STR_INIT;
    for (;; s++) {
        if (*s == '\\' && s[1] == ',') {
            str_addc(&item, *++s);
            continue;
        }
        if (*s && *s != ',') {
            if (item.len || !isspace((unsigned char)*s)) str_addc(&item, *s);
            continue;
        }
        while (item.len && isspace((unsigned char)item.p[item.len - 1])) item.p[--item.len] = 0;
        if (item.len) val_push(into, val_strn(a, item.p, item.len));
        str_clear(&item);
        if (!*s) return;
    }
}

static int to_list(const struct binder *b, const struct param *p, const struct val *v,
                   struct val **ret)
{
    struct val *out = val_list(b->arena);
    if (val_type(v) == VAL_OBJ) return wrong(b, p, as_text(b, v), "a list");
    if (is_scalar(v)) split_list(b->arena, as_text(b, v), out);
    for (size_t i = 0; i < val_len(v) && i <= ITEMS_MAX; i++) {
        const struct val *item = val_at(v, i);
        const char *s = as_text(b, item);
        if (!is_scalar(item) || val_type(item) == VAL_NULL)
            return wrong(b, p, s, "a list of plain texts");
        val_push(out, val_str(b->arena, s));
    }
    if (val_len(out) > ITEMS_MAX)
        return err_set(b->e, ERR_LIMIT, "%s has more than %d items", label(b, p), ITEMS_MAX);
    for (size_t i = 0; i < val_len(out); i++) {
        int rc = check_text(b, p, val_as_str(val_at(out, i), ""));
        if (rc) return rc;
    }
    *ret = out;
    return 0;
}

static int convert(const struct binder *b, const struct param *p, const struct val *v,
                   struct val **ret)
{
    static int (*const by_type[])(const struct binder *, const struct param *, const struct val *,
                                  struct val **) = {
        [PARAM_STR] = to_str,   [PARAM_INT] = to_int,   [PARAM_REAL] = to_real,
        [PARAM_BOOL] = to_bool, [PARAM_ENUM] = to_enum, [PARAM_KV] = to_kv,
        [PARAM_LIST] = to_list,
    };
    assert((size_t)p->type < ARRAY_LEN(by_type));
    return by_type[p->type](b, p, v, ret);
}

/* ---- whole objects ------------------------------------------------------------------- */

/* The row whose spelling is nearest to a wrong name, if it is near; *ret_no: with "no-". */
static const struct param *nearest(const struct binder *b, const char *name, bool *ret_no)
{
    bool no = b->argv && str_starts(name, "no-");
    const struct param *near = NULL;
    int best = 2 + (int)strlen(name) / 3;
    for (const struct param *p = b->table; p && p->name; p++) {
        int plain = str_distance(p->name, name);
        int negated = no && p->type == PARAM_BOOL ? str_distance(p->name, name + 3) : best;
        int d = negated < plain ? negated : plain;
        if (d >= best || p->flags & PARAM_HIDDEN) continue;
        best = d;
        near = p;
        *ret_no = negated < plain;
    }
    return near;
}

static int unknown(const struct binder *b, const char *dash, const char *name)
{
    bool no = false;
    const struct param *near = nearest(b, name, &no);
    err_set(b->e, ERR_USAGE, "unknown %s %s%.*s", b->argv ? "option" : "argument", dash, QUOTE_MAX,
            name);
    if (near)
        return err_hint(b->e, "did you mean %s%s%s?", b->argv ? "--" : "", no ? "no-" : "",
                        near->name);
    STR_AUTO s = STR_INIT;
    if (b->argv) param_synopsis(b->table, &s);
    for (const struct param *p = b->table; p && p->name && !b->argv; p++)
        if (!(p->flags & PARAM_HIDDEN)) str_addf(&s, "%s%s", s.len ? ", " : "", p->name);
    return err_hint(b->e, "arguments: %s", s.len ? s.p : "none");
}

static int missing(const struct binder *b, const struct param *p)
{
    err_set(b->e, ERR_USAGE, "%s is missing", label(b, p));
    if (b->argv && str_eq(p->name, "reason")) return err_hint(b->e, "--reason TEXT: %s", p->help);
    return err_hint(b->e, "%s: %s", label(b, p), p->help ? p->help : param_type_name(p->type));
}

/* The value given for p under any spelling of its name; the last one counts. */
static const struct val *given(const struct val *in, const struct param *p)
{
    const struct val *found = NULL;
    for (size_t i = 0; i < val_len(in); i++)
        if (name_eq(p->name, val_key(in, i))) found = val_at(in, i);
    return val_type(found) == VAL_NULL ? NULL : found;
}

static int bind_object(const struct binder *b, const struct val *in, struct val **ret)
{
    struct val *out = val_obj(b->arena);
    for (size_t i = 0; i < val_len(in); i++)
        if (!param_find(b->table, val_key(in, i))) return unknown(b, "", val_key(in, i));
    for (const struct param *p = b->table; p && p->name; p++) {
        const struct val *v = given(in, p);
        struct val *typed = NULL;
        if (!v && p->dflt) v = val_str(b->arena, p->dflt);
        if (v) {
            int rc = convert(b, p, v, &typed);
            if (rc) return rc;
        }
        bool empty = !typed || ((p->type == PARAM_LIST || p->type == PARAM_KV) && !val_len(typed));
        if (empty && (p->flags & PARAM_REQUIRED)) return missing(b, p);
        if (typed) val_set(out, p->name, typed);
    }
    *ret = out;
    return 0;
}

int param_bind_val(const struct param *table, struct arena *a, const struct val *in,
                   struct val **ret, struct err *e)
{
    const struct binder b = { table, a, false, e };
    if (val_type(in) != VAL_NULL && val_type(in) != VAL_OBJ)
        return err_set(e, ERR_INVALID, "the arguments must be an object");
    return bind_object(&b, in, ret);
}

/* ---- command lines ------------------------------------------------------------------- */

/* What was collected so far; lists: for each row of the table that takes several words, the
 * list they go to. */
struct raw {
    struct val *obj;
    struct val **lists;
};

static void put_raw(const struct binder *b, struct raw *raw, const struct param *p,
                    const char *text)
{
    if (p->type != PARAM_LIST && p->type != PARAM_KV) {
        val_set_str(raw->obj, p->name, text);
        return;
    }
    struct val **list = &raw->lists[p - b->table];
    if (!*list) *list = val_set_list(raw->obj, p->name);
    if (p->type == PARAM_LIST) split_list(b->arena, text, *list);
    else val_push_str(*list, text);
}

/* word: an option without its dashes. next: the following word or NULL. *ret_used: whether it
 * was the option's value. */
static int take_option(const struct binder *b, const char *word, const char *next, struct raw *raw,
                       bool *ret_used)
{
    const char *eq = strchr(word, '=');
    const char *name = eq ? arena_strndup(b->arena, word, (size_t)(eq - word)) : word;
    const struct param *p = param_find(b->table, name);
    *ret_used = false;
    if (!p && !eq && str_starts(name, "no-")) {
        p = param_find(b->table, name + 3);
        if (p && p->type == PARAM_BOOL) {
            put_raw(b, raw, p, "false");
            return 0;
        }
        p = NULL;
    }
    if (!p) return unknown(b, "--", name);
    if (eq) {
        put_raw(b, raw, p, eq + 1);
        return 0;
    }
    if (p->type == PARAM_BOOL) {
        put_raw(b, raw, p, "true");
        return 0;
    }
    if (!next || (str_starts(next, "--") && next[2])) {
        err_set(b->e, ERR_USAGE, "--%s needs a value", p->name);
        return err_hint(b->e, "--%s=VALUE: %s", p->name, p->help ? p->help : "");
    }
    *ret_used = true;
    put_raw(b, raw, p, next);
    return 0;
}

/* "-" and negative numbers are words, not options. */
static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] && !isdigit((unsigned char)word[1]) && word[1] != '.';
}

static const struct param *next_positional(const struct param *p)
{
    while (p && p->name && !(p->flags & PARAM_POSITIONAL)) p++;
    return p && p->name ? p : NULL;
}

static int take_word(const struct binder *b, const struct param **pos, const char *word,
                     struct raw *raw)
{
    const struct param *p = next_positional(*pos);
    if (!p) {
        STR_AUTO s = STR_INIT;
        param_synopsis(b->table, &s);
        err_set(b->e, ERR_USAGE, "unexpected word '%.*s'", QUOTE_MAX, word);
        return err_hint(b->e, "arguments: %s", s.len ? s.p : "none");
    }
    put_raw(b, raw, p, word);
    *pos = p->flags & PARAM_REST ? p : p + 1;
    return 0;
}

int param_bind_argv(const struct param *table, struct arena *a, int argc, char *const *argv,
                    struct val **ret, struct err *e)
{
    const struct binder b = { table, a, true, e };
    size_t rows = 0;
    while (table && table[rows].name) rows++;
    struct raw raw = { val_obj(a), arena_array(a, rows + 1, struct val *) };
    const struct param *pos = table;
    bool options = true;
    for (int i = 0; i < argc; i++) {
        const char *w = argv[i];
        bool used = false;
        int rc;
        if (options && str_eq(w, "--")) {
            options = false;
            continue;
        }
        if (!options || !is_option(w)) rc = take_word(&b, &pos, w, &raw);
        else if (w[1] != '-') rc = unknown(&b, "-", w + 1);
        else rc = take_option(&b, w + 2, i + 1 < argc ? argv[i + 1] : NULL, &raw, &used);
        if (rc) return rc;
        i += used;
    }
    return bind_object(&b, raw.obj, ret);
}

/* ---- synopsis ------------------------------------------------------------------------ */

static void add_upper(struct str *out, const char *s)
{
    for (; *s; s++) str_addc(out, (char)toupper((unsigned char)*s));
}

static void add_placeholder(const struct param *p, struct str *out)
{
    switch (p->type) {
    case PARAM_INT: str_add(out, "N"); break;
    case PARAM_REAL: str_add(out, "X"); break;
    case PARAM_ENUM: str_add(out, p->choices); break;
    case PARAM_KV: str_add(out, "K=V"); break;
    case PARAM_BOOL: break;
    case PARAM_STR:
    case PARAM_LIST:
        if (p->flags & PARAM_PATH) str_add(out, "FILE");
        else add_upper(out, p->name);
    }
}

static void add_one(const struct param *p, struct str *out)
{
    bool positional = p->flags & PARAM_POSITIONAL, required = p->flags & PARAM_REQUIRED;
    if (!required) str_addc(out, '[');
    if (positional) {
        add_upper(out, p->name);
    } else {
        bool on = p->type == PARAM_BOOL && p->dflt && str_eq(p->dflt, "true");
        str_addf(out, "--%s%s", on ? "no-" : "", p->name);
        if (p->type != PARAM_BOOL) str_addc(out, ' ');
        add_placeholder(p, out);
    }
    if (!required) str_addc(out, ']');
    if (p->type == PARAM_KV || p->type == PARAM_LIST) str_add(out, "…");
}

void param_synopsis(const struct param *table, struct str *out)
{
    for (int pass = 0; pass < 2; pass++) { /* bare words first */
        for (const struct param *p = table; p && p->name; p++) {
            bool bare = p->flags & PARAM_POSITIONAL;
            if (p->flags & PARAM_HIDDEN || bare == (pass == 1)) continue;
            if (out->len) str_addc(out, ' ');
            add_one(p, out);
        }
    }
}
