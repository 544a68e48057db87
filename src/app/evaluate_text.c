/* evaluate_text.c: an evaluation as a person reads it, from the reply alone. */
#include "app/evaluate.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

static void add_cell(struct str *s, int digits, double v)
{
    if (isnan(v)) str_addf(s, " %9s", "-");
    else str_addf(s, " %9.*f", digits, v);
}

static double number(const struct val *o, const char *key)
{
    return val_get_real(o, key, (double)NAN);
}

static void add_metrics(struct str *s, const struct val *v)
{
    const struct val *m = val_get(v, "metrics"), *in = val_get(v, "intervals");

    for (size_t i = 0; i < val_len(m); i++) {
        const struct val *ci = val_get(in, val_key(m, i));
        str_addf(s, "%-18s %.6g", val_key(m, i), val_as_real(val_at(m, i), (double)NAN));
        if (ci) str_addf(s, "%*s[%.4g, %.4g]", 2, "", number(ci, "low"), number(ci, "high"));
        str_addc(s, '\n');
    }
    if (val_len(in))
        str_addf(s, "95 %% intervals; %lld rows, %lld replicates\n",
                 (long long)val_get_int(v, "rows", 0), (long long)val_get_int(v, "bootstrap", 0));
}

static void add_confusion(struct str *s, const struct val *v)
{
    const struct val *rows = val_get(v, "confusion"), *classes = val_get(v, "classes");

    if (!val_len(rows)) return;
    str_add(s, "\nactual \\ predicted");
    if (val_has(v, "threshold")) str_addf(s, "   (threshold %.4g)", number(v, "threshold"));
    str_addc(s, '\n');
    for (size_t i = 0; i < val_len(rows); i++) {
        str_addf(s, "%-18.18s", val_as_str(val_at(classes, i), ""));
        for (size_t j = 0; j < val_len(rows); j++)
            str_addf(s, " %8lld", (long long)val_as_int(val_at(val_at(rows, i), j), 0));
        str_addc(s, '\n');
    }
}

static void add_lift(struct str *s, const struct val *v)
{
    const struct val *list = val_get(v, "lift"), *ks = val_get(v, "ks");

    if (!val_len(list)) return;
    str_add(s, "\ndecile      rows      rate      lift      gain        ks\n");
    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *o = val_at(list, i);
        str_addf(s, "%6zu %9lld", i + 1, (long long)val_get_int(o, "n", 0));
        add_cell(s, 4, number(o, "rate"));
        add_cell(s, 2, number(o, "lift"));
        add_cell(s, 4, number(o, "gain"));
        add_cell(s, 4, number(o, "ks"));
        str_addc(s, '\n');
    }
    str_addf(s, "KS %.4f at threshold %.4g\n", number(ks, "value"), number(ks, "threshold"));
}

static void add_costs(struct str *s, const struct val *v)
{
    const struct val *c = val_get(v, "costs"), *best = val_get(c, "best"),
                     *chosen = val_get(c, "chosen");

    if (!c) return;
    str_addf(s, "\ncheapest threshold %.6g", number(best, "threshold"));
    if (val_has(best, "threshold_low") && !isnan(number(best, "threshold_low")))
        str_addf(s, "  [%.4g, %.4g]", number(best, "threshold_low"),
                 number(best, "threshold_high"));
    str_addf(s, "\n  cost of a row %.6g there, %.6g at %.4g\n", number(best, "cost"),
             number(chosen, "cost"), number(chosen, "threshold"));
}

static void add_deciles(struct str *s, const struct val *v)
{
    const struct val *list = val_get(v, "by_decile"),
                     *q = val_get(val_get(v, "residuals"), "quantiles");

    if (!val_len(list)) return;
    str_addf(s, "\nprediction - target: median %.4g, 5 %% under %.4g, 5 %% over %.4g\n",
             number(q, "p50"), number(q, "p05"), number(q, "p95"));
    str_add(s, "tenth of predictions      rows   predicted      target        bias  [95 %]\n");
    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *o = val_at(list, i), *b = val_get(o, "bias");
        str_addf(s, "%20zu %9lld %11.5g %11.5g %11.4g  [%.4g, %.4g]\n", i + 1,
                 (long long)val_get_int(o, "n", 0), number(o, "mean_prediction"),
                 number(o, "mean_target"), number(b, "value"), number(b, "low"), number(b, "high"));
    }
}

static void add_groups(struct str *s, const struct val *v)
{
    static const char *const rates[] = { "selection_rate", "tpr", "fpr", "precision", "accuracy" };
    const struct val *by = val_get(v, "by_group"), *fair = val_get(v, "fairness"),
                     *m = val_get(fair, "measures");

    if (!val_len(by)) return;
    str_addf(s, "\n%-20s %9s", "group", "rows");
    for (size_t k = 0; fair && k < ARRAY_LEN(rates); k++)
        str_addf(s, " %9s", strcmp(rates[k], "selection_rate") ? rates[k] : "selected");
    str_addc(s, '\n');
    for (size_t i = 0; i < val_len(by); i++) {
        const struct val *g = val_at(by, i);
        str_addf(s, "%-20.20s %9lld", val_key(by, i), (long long)val_get_int(g, "n", 0));
        for (size_t k = 0; fair && k < ARRAY_LEN(rates); k++)
            add_cell(s, 4, number(val_get(val_get(g, "rates"), rates[k]), "value"));
        const struct val *some = val_get(g, "metrics");
        for (size_t k = 0; !fair && k < val_len(some) && k < 3; k++)
            str_addf(s, "  %s %.4g", val_key(some, k), val_as_real(val_at(some, k), (double)NAN));
        str_add(s, val_get_bool(g, "small", false) ? "  small, not compared\n" : "\n");
    }
    for (size_t i = 0; i < val_len(m); i++) {
        const struct val *o = val_at(m, i);
        str_addf(s, "%-30s %8.4f  [%.4g, %.4g]\n", val_key(m, i), number(o, "value"),
                 number(o, "low"), number(o, "high"));
    }
}

const char *evaluate_text(struct reply *r)
{
    STR_AUTO s = STR_INIT;

    add_metrics(&s, r->v);
    add_confusion(&s, r->v);
    add_lift(&s, r->v);
    add_costs(&s, r->v);
    add_deciles(&s, r->v);
    add_groups(&s, r->v);
    return arena_strdup(&r->arena, str_c(&s));
}
