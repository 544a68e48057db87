/* rows.c: see rows.h: the set of columns behind a route, and the cells of a request. The scanner
 * of JSON is in rows_scan.c; other protocols add rows with rows_add. A rows object keeps its
 * cells from request to request, unless one was unusually large. */
#include "serve/rows.h"
#include "serve/priv.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"

#include <assert.h>
#include <string.h>

#define KEEP_CELLS ((size_t)16 << 10) /* more are given back after the request */

/* ---- schema ----------------------------------------------------------------------------- */

struct schema {
    VEC(struct schema_field) fields;
    struct map *index; /* name -> slot; owns the names */
};

/* Can it stand in JSON text as it is? */
static bool needs_no_escape(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] == '"' || s[i] == '\\' || (unsigned char)s[i] < 0x20) return false;
    return true;
}

static void add_field(struct schema *s, const char *name, enum col_type type)
{
    size_t n = strlen(name);
    bool fresh;
    int64_t *slot = map_at(s->index, name, n, &fresh);

    if (fresh) {
        struct schema_field f = { .n_name = (uint32_t)n,
                                  .type = type,
                                  .plain = needs_no_escape(name, n) };
        *slot = (int64_t)s->fields.n;
        f.name = map_key(s->index, s->fields.n, NULL);
        vec_push(&s->fields, f);
    }
    s->fields.p[*slot].text |= col_is_coded(type);
}

struct schema *schema_new(const struct model *const *models, size_t n)
{
    struct schema *s = mem_zalloc(1, sizeof *s);

    s->index = map_new();
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < model_features(models[k]); i++) {
            enum col_type type;
            const char *name = model_feature(models[k], i, &type);
            add_field(s, name, type);
        }
    return s;
}

void schema_free(struct schema *s)
{
    if (!s) return;
    vec_done(&s->fields);
    map_free(s->index);
    free(s);
}

size_t schema_width(const struct schema *s)
{
    return s->fields.n;
}

const struct schema_field *schema_field(const struct schema *s, size_t slot)
{
    assert(slot < s->fields.n);
    return &s->fields.p[slot];
}

int schema_find(const struct schema *s, const char *name, size_t n)
{
    const int64_t *slot = map_find(s->index, name, n);

    return slot ? (int)*slot : -1;
}

/* ---- rows ------------------------------------------------------------------------------- */

static void memo_free(struct rows_memo *m)
{
    if (!m) return;
    free(m->x);
    free(m);
}

void rows_changed(struct rows *r)
{
    if (!r->memo) r->memo = mem_zalloc(1, sizeof *r->memo);
    r->memo->arm = NULL;
    if (r->memo->room <= KEEP_CELLS) return;
    free(r->memo->x);
    r->memo->x = NULL;
    r->memo->room = 0;
}

void rows_init(struct rows *r)
{
    *r = (struct rows){ 0 };
}

void rows_done(struct rows *r)
{
    free(r->cells);
    memo_free(r->memo);
    arena_done(&r->text);
    rows_init(r);
}

void rows_clear(struct rows *r, const struct schema *s)
{
    if (r->room > KEEP_CELLS) {
        free(r->cells);
        r->cells = NULL;
        r->room = 0;
    }
    if (r->text.head) arena_reset(&r->text);
    r->schema = s;
    r->n = r->unknown = 0;
    r->list = r->no_cache = false;
    rows_changed(r);
}

static int too_many(size_t n, size_t width, struct err *e)
{
    err_set(e, ERR_LIMIT, "the request has more than %zu rows of %zu columns", n, width);
    err_hint(e, "send fewer rows at a time");
    return -ERR_LIMIT; /* also without an e */
}

int rows_add(struct rows *r, struct cell **ret, struct err *e)
{
    size_t width = schema_width(r->schema);

    if (r->n == SERVE_MAX_ROWS || (r->n + 1) * width > SERVE_MAX_CELLS)
        return too_many(r->n, width, e);
    if ((r->n + 1) * width > r->room || !r->cells) {
        size_t room = r->room ? 2 * r->room : 4 * width + 1;
        while (room < (r->n + 1) * width) room *= 2;
        struct cell *cells = mem_try_grow(r->cells, room, sizeof *cells);
        if (!cells) return err_set(e, ERR_NOMEM, "no memory for %zu rows", r->n + 1);
        r->cells = cells;
        r->room = room;
    }
    *ret = r->cells + r->n++ * width;
    memset(*ret, 0, width * sizeof **ret);
    return 0;
}

void rows_own(struct rows *r)
{
    size_t n = r->n * schema_width(r->schema);

    for (struct cell *c = r->cells; c < r->cells + n; c++)
        if (c->text) c->text = arena_strndup(&r->text, c->text, c->n);
}

static bool anywhere(const struct rows *r, size_t slot)
{
    size_t width = schema_width(r->schema);

    for (size_t i = 0; i < r->n; i++)
        if (r->cells[i * width + slot].kind != CELL_ABSENT) return true;
    return false;
}

static int lacks(const struct model *m, const char *name, struct err *e)
{
    STR_AUTO all = STR_INIT;

    for (size_t i = 0; i < model_features(m); i++)
        str_addf(&all, "%s%s", all.len ? ", " : "", model_feature(m, i, NULL));
    if (all.len > 250) {
        size_t cut = 250;
        while (cut && ((unsigned char)all.p[cut] & 0xc0) == 0x80) cut--;
        all.p[all.len = cut] = '\0';
        str_add(&all, " …");
    }
    err_set(e, ERR_INVALID, "the column '%.200s' is missing", name);
    err_hint(e, "the model takes %s; null stands for an unknown value", str_c(&all));
    return -ERR_INVALID; /* also without an e */
}

int rows_check(const struct rows *r, const struct model *m, struct err *e)
{
    for (size_t i = 0; r->n && i < model_features(m); i++) {
        const char *name = model_feature(m, i, NULL);
        int slot = schema_find(r->schema, name, strlen(name));
        if (slot < 0 || !anywhere(r, (size_t)slot)) return lacks(m, name, e);
    }
    return 0;
}
