/* report_model.c: the card of a registered model, or of one of its versions: where it stands, how
 * it was made, how well it does, what it looks at, what happened to it. */
#include "app/report.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By number, stage or alias; NULL: the one in Production, else in Staging, else the newest. */
static const struct val *version_of(const struct val *v, const char *which)
{
    static const char *const stages[] = { "Production", "Staging" };
    const struct val *list = val_get(v, "versions");

    for (size_t i = 0; which && i < val_len(list); i++) {
        const struct val *o = val_at(list, i), *aliases = val_get(o, "aliases");
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)val_get_int(o, "version", 0));
        if (str_eq(number, which) || str_eq(val_get_str(o, "stage", ""), which)) return o;
        for (size_t k = 0; *which == '@' && k < val_len(aliases); k++)
            if (str_eq(val_as_str(val_at(aliases, k), ""), which + 1)) return o;
    }
    for (size_t s = 0; !which && s < ARRAY_LEN(stages); s++)
        for (size_t i = 0; i < val_len(list); i++)
            if (str_eq(val_get_str(val_at(list, i), "stage", ""), stages[s]))
                return val_at(list, i);
    return which ? NULL : val_at(list, 0);
}

static void put_facts(struct doc *d, const struct val *v, const struct val *o)
{
    STR_AUTO aliases = STR_INIT;
    const struct val *list = val_get(o, "aliases");

    for (size_t i = 0; i < val_len(list); i++)
        str_addf(&aliases, "%s@%s", i ? ", " : "", val_as_str(val_at(list, i), ""));
    doc_section(d, "");
    if (*val_get_str(v, "description", "")) doc_text(d, val_get_str(v, "description", ""));
    struct val *f = doc_facts(d);
    doc_factf(f, "version", "%lld (%s)", (long long)val_get_int(o, "version", 0),
              val_get_str(o, "semver", ""));
    doc_fact(f, "stage", val_get_str(o, "stage", ""));
    doc_fact(f, "aliases", str_c(&aliases));
    doc_fact(f, "algorithm", val_get_str(o, "algorithm", ""));
    doc_fact(f, "task", val_get_str(o, "task", ""));
    doc_fact(f, "made", val_get_str(o, "created_at", ""));
    doc_fact(f, "by", val_get_str(o, "created_by", ""));
    doc_factf(f, "size", "%.4g kB", (double)val_get_int(o, "size", 0) / 1e3);
    doc_fact(f, "run", val_get_str(o, "run_id", ""));
    doc_fact(f, "digest", val_get_str(o, "digest", ""));
    doc_fact(f, "about this version", val_get_str(o, "description", ""));
}

static void put_versions(struct doc *d, const struct val *v)
{
    static const char *const keys[] = { "version",   "semver",     "stage",
                                        "algorithm", "created_at", "created_by" };
    const struct val *list = val_get(v, "versions"), *history = val_get(v, "history");
    struct val *t;

    doc_section(d, "Versions and history");
    t = doc_table(d, "Versions", ">version|semver|stage|algorithm|made|by|main metric|>value");
    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *m = val_get(val_at(list, i), "metrics");
        const char *best = val_has(m, "auc") ? "auc" : val_has(m, "rmse") ? "rmse" : "accuracy";
        struct val *row = doc_row(d, t);
        for (size_t k = 0; k < ARRAY_LEN(keys); k++)
            doc_cell(d, row, val_get(val_at(list, i), keys[k]));
        doc_cell_str(d, row, val_has(m, best) ? best : "");
        doc_cell(d, row, val_get(m, best));
    }
    if (!val_len(history)) return;
    t = doc_table(d, "History", "at|what|>version|from|to|by|reason");
    static const char *const facts[] = { "at", "verb", "version", "from", "to", "actor", "reason" };
    for (size_t i = 0; i < val_len(history); i++) {
        struct val *row = doc_row(d, t);
        for (size_t k = 0; k < ARRAY_LEN(facts); k++)
            doc_cell(d, row, val_get(val_at(history, i), facts[k]));
    }
}

/* How it was made: the run's data and parameters, if the run is still there. */
static void put_training(struct doc *d, const struct val *version)
{
    const char *id = val_get_str(version, "run_id", NULL);
    struct val *args = val_obj(d->a), *facts;
    const struct val *run, *params;
    struct err ignored = ERR_INIT;

    if (!id) return;
    val_set_str(args, "run", id);
    if (report_ask(d, "run show", args, &run, &ignored)) return;
    report_curves(d, val_get(run, "history"), "Learning curves");
    params = val_get(run, "params");
    doc_section(d, "How it was made");
    facts = doc_facts(d);
    for (size_t i = 0; i < val_len(params); i++)
        doc_fact(facts, val_key(params, i), val_as_str(val_at(params, i), ""));
}

int report_model(struct doc *d, const char *name, const char *which, struct err *e)
{
    struct val *args = val_obj(d->a);
    const struct val *v, *o;
    STR_AUTO uri = STR_INIT, sub = STR_INIT;
    int rc;

    val_set_str(args, "name", name);
    if ((rc = report_ask(d, "model show", args, &v, e))) return rc;
    if (!(o = version_of(v, which)))
        return err_set(e, ERR_NOTFOUND, "model %s has no version %s", name, which ? which : "yet");
    long long number = (long long)val_get_int(o, "version", 0);
    str_addf(&uri, "models:/%s/%lld", name, number);
    str_addf(&sub, "Card of version %lld, %s", number, val_get_str(o, "stage", "None"));
    doc_begin(d, "model", name, str_c(&sub));
    put_facts(d, v, o);
    report_metrics(d, val_get(o, "metrics"));
    if ((rc = report_evaluation(d, str_c(&uri), e))) return rc;
    if ((rc = report_importance(d, str_c(&uri), e))) return rc;
    put_training(d, o);
    put_versions(d, v);
    return 0;
}
