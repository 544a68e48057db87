/* audit.c: the verbs of the audit log: list, verify, export. */
#include "store/audit.h"
#include "app/output.h"
#include "app/runval.h"
#include "app/verb.h"
#include <stdio.h>
#include <string.h>

#define PAGE 1000

static const struct reply_column columns[] = {
    { "seq", "seq", NULL },   { "at", "at", "time" },       { "actor", "actor", NULL },
    { "verb", "verb", NULL }, { "object", "object", NULL }, { "reason", "reason", NULL },
    { NULL, NULL, NULL },
};

static struct val *row_to_val(struct arena *a, const struct audit_row *row)
{
    struct val *o = val_obj(a), *detail = NULL;
    val_set_int(o, "seq", row->seq);
    val_set_time(o, "at", row->at_us);
    val_set_str(o, "actor", row->actor);
    val_set_str(o, "verb", row->verb);
    val_set_str(o, "object", row->object);
    val_set_str(o, "reason", row->reason);
    /* Somebody may have tampered with the text; then it is shown as it is. */
    if (val_parse_json(a, row->detail, strlen(row->detail), &detail, NULL) < 0)
        detail = val_str(a, row->detail);
    val_set(o, "detail", detail);
    val_set_str(o, "hash", row->hash);
    return o;
}

int verb_audit_list(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct audit_row *rows = NULL;
    size_t n = 0;
    int rc =
        audit_list(app->store, &r->arena, val_get_str(args, "object", NULL),
                   val_get_int(args, "before", 0), val_get_int(args, "limit", 50), &rows, &n, e);
    if (rc < 0) return rc;
    r->v = val_obj(&r->arena);
    struct val *list = val_set_list(r->v, "rows");
    for (size_t i = 0; i < n; i++) val_push(list, row_to_val(&r->arena, &rows[i]));
    reply_table(r, "rows", columns);
    return 0;
}

int verb_audit_verify(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    (void)args;
    struct audit_check c;
    int rc = audit_verify(app->store, &c, e);
    if (rc < 0) return rc;
    r->v = val_obj(&r->arena);
    val_set_bool(r->v, "ok", c.first_bad == 0);
    val_set_int(r->v, "rows", c.rows);
    val_set_str(r->v, "head", c.head);
    if (c.first_bad) val_set_int(r->v, "first_bad", c.first_bad);
    else val_set(r->v, "first_bad", val_null(&r->arena));
    r->exit = c.first_bad ? err_exit(ERR_CHECK) : 0;
    return 0;
}

/* -- export ------------------------------------------------------------------------------- */
static void add_line(struct str *out, struct arena *a, const struct audit_row *row)
{
    struct val *o = row_to_val(a, row);
    val_set_int(o, "at_us", row->at_us);
    val_set_str(o, "detail", row->detail); /* the very bytes that were hashed */
    val_set_str(o, "prev", row->prev);
    val_write_json(out, o, 0);
    str_addc(out, '\n');
}

/* The whole log as JSON lines with everything the hashes were made from. */
static int collect(struct store *s, struct str *out, int64_t *ret_rows, char head[65],
                   struct err *e)
{
    struct arena a = ARENA_INIT;
    struct audit_row *rows = NULL;
    int64_t after = 0;
    size_t n = 0;
    int rc;
    do {
        arena_reset(&a);
        rc = audit_page(s, &a, after, PAGE, &rows, &n, e);
        for (size_t i = 0; rc == 0 && i < n; i++) add_line(out, &a, &rows[i]);
        if (rc < 0 || n == 0) break;
        after = rows[n - 1].seq;
        *ret_rows += (int64_t)n;
        snprintf(head, 65, "%s", rows[n - 1].hash);
    } while (n == PAGE);
    arena_done(&a);
    return rc;
}

int verb_audit_export(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const char *out = val_get_str(args, "out", "-");
    char head[65] = "";
    int64_t rows = 0;
    STR_AUTO text = STR_INIT;
    int rc = collect(app->store, &text, &rows, head, e);
    if (rc == 0) rc = output_write(out, &text, e);
    if (rc < 0) return rc;
    r->v = val_obj(&r->arena);
    val_set_int(r->v, "rows", rows);
    val_set_str(r->v, "head", head);
    val_set_str(r->v, "out", out);
    return 0;
}
