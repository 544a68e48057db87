/* report.c: the verb report: finds out what its subject is, has the report made, and writes it as
 * markdown, HTML or JSON. A subject that could be several things is, in this order: runs separated
 * by commas, a model URI, a run's id, a registered model, a data set, a file. */
#include "app/report.h"

#include "app/ingest.h"
#include "app/output.h"
#include "app/verb.h"
#include "base/file.h"
#include "store/dataset.h"

#include <ctype.h>
#include <string.h>

/* "models:/NAME/3", "models:/NAME@alias", "models:/NAME/Production" */
static int report_uri(struct doc *d, const char *uri, struct err *e)
{
    const char *rest = uri + strlen("models:/"), *end = rest + strcspn(rest, "/@");
    char *name = arena_strndup(d->a, rest, (size_t)(end - rest));

    return report_model(d, name, *end == '@' ? end : *end ? end + 1 : NULL, e);
}

static bool looks_like_run(const char *s)
{
    size_t n = strspn(s, "0123456789abcdef");

    return n >= 4 && s[n] == '\0';
}

static bool is_model(struct doc *d, const char *name)
{
    struct val *args = val_obj(d->a);
    const struct val *unused;
    struct err ignored = ERR_INIT;

    val_set_str(args, "name", name);
    return d->app->store && report_ask(d, "model show", args, &unused, &ignored) == 0;
}

static bool is_run(struct doc *d, const char *id)
{
    struct val *args = val_obj(d->a);
    const struct val *unused;
    struct err ignored = ERR_INIT;

    val_set_str(args, "run", id);
    return d->app->store && looks_like_run(id) &&
           report_ask(d, "run show", args, &unused, &ignored) == 0;
}

static const struct val *split_runs(struct doc *d, const char *subject)
{
    struct val *list = val_list(d->a);

    for (const char *s = subject; *s;) {
        size_t n = strcspn(s, ",");
        if (n) val_push(list, val_strn(d->a, s, n));
        s += n + (s[n] == ',');
    }
    return list;
}

static int make(struct doc *d, const char *subject, struct err *e)
{
    const char *kind = val_get_str(d->args, "kind", NULL);
    struct dataset unused;

    if (str_starts(subject, "models:/")) return report_uri(d, subject, e);
    if (str_starts(subject, "runs:/"))
        return report_run(d, arena_strndup(d->a, subject + 6, strcspn(subject + 6, "/")), e);
    if (kind ? str_eq(kind, "comparison") : strchr(subject, ',') && !file_exists(subject))
        return report_comparison(d, split_runs(d, subject), e);
    if (kind ? str_eq(kind, "run") : is_run(d, subject)) return report_run(d, subject, e);
    if (kind ? str_eq(kind, "model") : is_model(d, subject))
        return report_model(d, subject, NULL, e);
    bool known = kind || (d->app->store && ingest_dataset(d->app, d->a, subject, &unused)) ||
                 (!d->app->remote && file_exists(subject));
    if (known) return report_data(d, subject, e);
    err_set(e, ERR_NOTFOUND, "%.80s is no run, model, data set or file", subject);
    return err_hint(e, "signalbox run list, model list and data list show what there is");
}

static void render(struct str *out, const struct val *doc, const char *format)
{
    if (str_eq(format, "html")) {
        report_write_html(out, doc);
    } else if (str_eq(format, "md")) {
        report_write_markdown(out, doc);
    } else {
        val_write_json(out, doc, 2);
        str_addc(out, '\n');
    }
}

int verb_report(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct doc d = { .app = app, .a = &r->arena, .args = args };
    const char *format = val_get_str(args, "format", "md"), *out = val_get_str(args, "out", NULL);
    STR_AUTO text = STR_INIT;
    int rc;

    if (out && app->remote)
        return err_set(e, ERR_INVALID, "out: a request over the network writes no files here");
    if ((rc = make(&d, val_get_str(args, "subject", ""), e))) return rc;
    render(&text, d.v, format);
    if (str_eq(out, "-")) return output_write(out, &text, e);
    r->v = val_obj(&r->arena);
    val_set_str(r->v, "kind", val_get_str(d.v, "kind", ""));
    val_set_str(r->v, "title", val_get_str(d.v, "title", ""));
    val_set_str(r->v, "format", format);
    val_set_int(r->v, "size", (int64_t)text.len);
    val_set_str(r->v, "out", out);
    if (out) return output_write(out, &text, e);
    if (str_eq(format, "json")) val_set(r->v, "report", d.v);
    else val_set_str(r->v, "report", str_c(&text));
    r->text = arena_strdup(&r->arena, str_c(&text));
    return 0;
}
