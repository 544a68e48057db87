/* render.c: the four forms of a reply. The table form shows what the verb declared as columns;
 * the others give every field, because programs read them. */
#include "batch/render.h"
#include "base/map.h"
#include "base/vec.h"
#include <string.h>

/* ---- CSV ----------------------------------------------------------------------------- */

struct pair {
    const char *name;
    const struct val *v;
};
typedef VEC(struct pair) pair_list;

/* Inner objects become "metrics.auc"; lists stay one field, as JSON. */
static void flatten(struct arena *a, const char *prefix, const struct val *obj, pair_list *out)
{
    for (size_t i = 0; i < val_len(obj); i++) {
        const char *key = val_key(obj, i);
        if (*prefix) key = arena_printf(a, "%s.%s", prefix, key);
        if (val_type(val_at(obj, i)) == VAL_OBJ) flatten(a, key, val_at(obj, i), out);
        else vec_push(out, ((struct pair){ key, val_at(obj, i) }));
    }
}

static void csv_field(struct str *out, const char *s)
{
    if (!s[strcspn(s, ",\"\r\n")]) {
        str_add(out, s);
        return;
    }
    str_addc(out, '"');
    for (; *s; s++) {
        if (*s == '"') str_addc(out, '"');
        str_addc(out, *s);
    }
    str_addc(out, '"');
}

static void csv_value(struct str *out, const struct val *v)
{
    STR_AUTO s = STR_INIT;
    if (val_type(v) == VAL_LIST) val_write_json(&s, v, 0);
    else if (val_type(v) != VAL_NULL) val_write_text(&s, v);
    csv_field(out, str_c(&s));
}

static void csv_row(struct str *out, const struct map *columns, const pair_list *row,
                    const struct val **slots)
{
    size_t n = map_len(columns);
    memset(slots, 0, n * sizeof *slots);
    for (size_t i = 0; i < row->n; i++)
        slots[*map_find(columns, row->p[i].name, strlen(row->p[i].name))] = row->p[i].v;
    for (size_t c = 0; c < n; c++) {
        if (c) str_addc(out, ',');
        csv_value(out, slots[c]);
    }
    str_addc(out, '\n');
}

void render_csv(struct str *out, const struct val *rows)
{
    struct arena a = ARENA_INIT;
    struct map *columns = map_new();
    size_t n = val_len(rows);
    pair_list *flat = arena_zalloc(&a, n + 1, sizeof *flat);
    for (size_t r = 0; r < n; r++) {
        flatten(&a, "", val_at(rows, r), &flat[r]);
        for (size_t i = 0; i < flat[r].n; i++) {
            bool is_new;
            const char *name = flat[r].p[i].name;
            int64_t *slot = map_at(columns, name, strlen(name), &is_new);
            if (is_new) *slot = (int64_t)map_len(columns) - 1;
        }
    }
    for (size_t c = 0; c < map_len(columns); c++) {
        if (c) str_addc(out, ',');
        csv_field(out, map_key(columns, c, NULL));
    }
    if (map_len(columns)) str_addc(out, '\n');
    const struct val **slots = arena_array(&a, map_len(columns) + 1, const struct val *);
    for (size_t r = 0; r < n; r++) {
        csv_row(out, columns, &flat[r], slots);
        vec_done(&flat[r]);
    }
    map_free(columns);
    arena_done(&a);
}

/* ---- replies ------------------------------------------------------------------------- */

static void json_lines(struct str *out, const struct reply *r, bool script)
{
    const struct val *rows = r->rows && !script ? val_get(r->v, r->rows) : NULL;
    if (val_type(rows) != VAL_LIST) {
        val_write_json(out, r->v, 0);
        str_addc(out, '\n');
        return;
    }
    for (size_t i = 0; i < val_len(rows); i++) {
        val_write_json(out, val_at(rows, i), 0);
        str_addc(out, '\n');
    }
}

static void as_csv(struct str *out, const struct reply *r)
{
    const struct val *rows = r->rows ? val_get(r->v, r->rows) : NULL;
    if (val_type(rows) == VAL_LIST) {
        render_csv(out, rows);
        return;
    }
    struct arena a = ARENA_INIT;
    struct val *one = val_list(&a);
    val_push(one, val_copy(&a, r->v));
    render_csv(out, one);
    arena_done(&a);
}

static void as_table(struct str *out, const struct reply *r, const struct table_style *st)
{
    const struct val *rows = r->rows ? val_get(r->v, r->rows) : NULL;
    if (r->text) {
        str_add(out, r->text);
        if (*r->text && !str_ends(r->text, "\n")) str_addc(out, '\n');
    } else if (val_type(rows) != VAL_LIST) {
        table_object(out, r->v, st);
    } else if (!val_len(rows)) {
        str_addf(out, "no %s\n", r->rows);
    } else {
        table_rows(out, rows, r->columns, st);
    }
    if (r->note) str_addf(out, "%s\n", r->note);
}

void render_reply(struct str *out, const struct reply *r, const struct render_style *st)
{
    bool table = st->output == OUTPUT_TABLE || st->output == OUTPUT_AUTO;
    if (!r->v && !(table && r->text)) return;
    switch (st->output) {
    case OUTPUT_JSON:
        val_write_json(out, r->v, 2);
        str_addc(out, '\n');
        break;
    case OUTPUT_JSONL: json_lines(out, r, st->script); break;
    case OUTPUT_CSV: as_csv(out, r); break;
    case OUTPUT_AUTO:
    case OUTPUT_TABLE: as_table(out, r, &st->table);
    }
}

void render_error(struct str *out, const struct err *e, const char *where, bool json)
{
    if (!json) {
        str_addf(out, "signalbox: %s%s%s\n", where ? where : "", where ? ": " : "", e->msg);
        if (*e->hint) str_addf(out, "  hint: %s\n", e->hint);
        return;
    }
    struct arena a = ARENA_INIT;
    struct val *v = val_obj(&a), *error = val_set_obj(v, "error");
    val_set_str(error, "code", err_code(e->kind));
    val_set_str(error, "message", e->msg);
    if (*e->hint) val_set_str(error, "hint", e->hint);
    if (where) val_set_str(error, "where", where);
    val_write_json(out, v, 0);
    str_addc(out, '\n');
    arena_done(&a);
}
