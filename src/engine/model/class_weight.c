/* class_weight.c: see class_weight.h. */
#include "engine/model/class_weight.h"

#include "base/mem.h"
#include "base/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BALANCED   "balanced"
#define WEIGHT_MAX 1e9

/* One LABEL:WEIGHT of the list; label is not NUL-terminated. */
struct item {
    const char *label;
    size_t len;
    double weight;
};

/* Reads the item at *at and moves *at behind it. */
static int next_item(const char **at, struct item *ret, struct err *e)
{
    size_t n = strcspn(*at, ",");
    const char *colon = memrchr(*at, ':', n);
    char *end = NULL;

    ret->label = *at;
    if (colon) {
        ret->len = (size_t)(colon - *at);
        ret->weight = strtod(colon + 1, &end);
    }
    if (!colon || end == colon + 1 || end != *at + n || !(ret->weight >= 0) ||
        ret->weight > WEIGHT_MAX) {
        err_set(e, ERR_INVALID, "class_weight: '%.*s' is not LABEL:WEIGHT", (int)n, *at);
        return err_hint(e, "balanced, or for instance yes:5,no:1");
    }
    *at += n;
    if (**at) ++*at;
    return 0;
}

int class_weight_check(const char *text, struct err *e)
{
    struct item item;
    int r = 0;

    if (!text || str_eq(text, BALANCED)) return 0;
    if (!*text) return err_set(e, ERR_INVALID, "class_weight: is empty");
    while (*text && r == 0) r = next_item(&text, &item, e);
    return r;
}

static int unknown_label(const struct target *t, const struct item *item, struct err *e)
{
    STR_AUTO known = STR_INIT;
    int n = target_n_classes(t);

    for (int c = 0; c < n && c < 10; c++)
        str_addf(&known, "%s%s", c ? ", " : "", dict_str(t->classes, c, NULL));
    err_set(e, ERR_INVALID, "class_weight: column %s has no label '%.*s'", t->name, (int)item->len,
            item->label);
    return err_hint(e, "its labels are %s%s", str_c(&known), n > 10 ? ", …" : "");
}

static int read_list(const char *text, const struct target *t, double *weights, struct err *e)
{
    for (int c = 0; c < target_n_classes(t); c++) weights[c] = 1;
    while (*text) {
        struct item item;
        int r = next_item(&text, &item, e);
        if (r < 0) return r;
        int32_t c = dict_find(t->classes, item.label, item.len);
        if (c < 0) return unknown_label(t, &item, e);
        weights[c] = item.weight;
    }
    return 0;
}

static void balance(const double *y, size_t n, size_t k, double *weights)
{
    for (size_t c = 0; c < k; c++) weights[c] = 0;
    for (size_t i = 0; i < n; i++) weights[(size_t)y[i]]++;
    for (size_t c = 0; c < k; c++)
        if (weights[c] > 0) weights[c] = (double)n / ((double)k * weights[c]);
}

int class_weight_apply(const char *text, const struct target *t, const double *y, const double *w,
                       size_t n, double **ret, struct err *e)
{
    size_t k = (size_t)target_n_classes(t);
    double total = 0;
    int r = 0;

    *ret = NULL;
    if (!text) return 0;
    MEM_AUTO double *of_class = mem_zalloc(k + 1, sizeof *of_class);
    if (str_eq(text, BALANCED)) balance(y, n, k, of_class);
    else r = read_list(text, t, of_class, e);
    if (r < 0) return r;
    double *all = mem_try(n + 1, sizeof *all);
    if (!all) return err_set(e, ERR_NOMEM, "no memory for the weights of %zu rows", n);
    for (size_t i = 0; i < n; i++) {
        all[i] = of_class[(size_t)y[i]] * (w ? w[i] : 1);
        total += all[i];
    }
    if (!(total > 0)) {
        free(all);
        return err_set(e, ERR_INVALID, "class_weight: every row has weight 0");
    }
    *ret = all;
    return 0;
}
