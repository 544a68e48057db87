/* space.c: reading the `parameters` of a sweep file.
 *
 * A parameter is an object: `value`, `values` (and `probabilities`), a `distribution` with its
 * numbers, or `parameters` of its own, whose paths begin with its name. Without `distribution`,
 * `values` are choices, whole bounds are int_uniform, others uniform. Everything that a
 * distribution would ignore is refused: a misspelt bound is no default. */
#include "engine/search/space.h"

#include <math.h>
#include <string.h>

const struct dist dists[] = {
#define DIST(name, family, quantised, first, second, help)                                         \
    { #name, DIST_##family, quantised, first, second, help },
#include "engine/search/dists.def"
#undef DIST
    { .name = NULL },
};

enum { DEPTH_MAX = 8, CHOICES_MAX = 1000 };

struct reader {
    struct arena *a;
    struct dim *dims;
    size_t n;
    struct val *fixed;
    struct err *e;
};

#define REFUSE(r, ...) err_set((r)->e, ERR_INVALID, __VA_ARGS__)

static const struct dist *dist_find(const char *name)
{
    for (const struct dist *d = dists; d->name; d++)
        if (str_eq(d->name, name)) return d;
    return NULL;
}

/* ---- keys ----------------------------------------------------------------------------------- */

static int check_keys(struct reader *r, const char *path, const struct val *o,
                      const char *const *known)
{
    for (size_t i = 0; i < val_len(o); i++) {
        const char *key = val_key(o, i);
        bool found = false;
        STR_AUTO list = STR_INIT;
        for (const char *const *k = known; *k; k++) {
            found |= str_eq(*k, key);
            str_addf(&list, "%s%s", k == known ? "" : ", ", *k);
        }
        if (found) continue;
        REFUSE(r, "parameters.%s.%s: is not used here", path, key);
        return err_hint(r->e, "possible with what is given: %s", str_c(&list));
    }
    return 0;
}

static bool is_number(const struct val *v)
{
    return val_type(v) == VAL_INT || (val_type(v) == VAL_REAL && isfinite(val_as_real(v, 0)));
}

/* dflt NaN: the key is needed. */
static int number(struct reader *r, const char *path, const struct val *o, const char *key,
                  double dflt, double *ret)
{
    const struct val *v = val_get(o, key);

    if (!v && isnan(dflt)) {
        REFUSE(r, "parameters.%s.%s: is missing", path, key);
        return err_hint(r->e, "%s needs it, a number", val_get_str(o, "distribution", "a range"));
    }
    if (v && !is_number(v)) return REFUSE(r, "parameters.%s.%s: is not a number", path, key);
    *ret = v ? val_as_real(v, 0) : dflt;
    return 0;
}

/* ---- numbers -------------------------------------------------------------------------------- */

static int check_range(struct reader *r, const char *path, const struct dim *d)
{
    bool whole = d->a == rint(d->a) && d->b == rint(d->b);

    if (d->a > d->b) return REFUSE(r, "parameters.%s: min %g is above max %g", path, d->a, d->b);
    switch (d->dist->family) {
    case DIST_INT:
        if (!whole || fabs(d->a) > 1e15 || fabs(d->b) > 1e15)
            return REFUSE(r, "parameters.%s: int_uniform needs whole numbers", path);
        break;
    case DIST_LOG:
    case DIST_INVLOG:
        if (d->a <= 0) {
            REFUSE(r, "parameters.%s.min: %g has no logarithm", path, d->a);
            return err_hint(r->e, "%s needs values above 0", d->dist->name);
        }
        break;
    case DIST_EXP:
    case DIST_INVEXP:
        if (fabs(d->a) > 700 || fabs(d->b) > 700) {
            REFUSE(r, "parameters.%s: exp of %g is no number", path,
                   fabs(d->a) > 700 ? d->a : d->b);
            return err_hint(r->e, "min and max of %s are exponents of e; %s_values takes values",
                            d->dist->name, d->dist->name);
        }
        break;
    case DIST_LINEAR:
    case DIST_NORMAL:
    case DIST_LOGNORMAL:
    case DIST_BETA: break;
    }
    return 0;
}

static int check_shape(struct reader *r, const char *path, const struct dim *d)
{
    if (str_eq(d->dist->first, "min")) return check_range(r, path, d);
    if (d->b <= 0 || (d->dist->family == DIST_BETA && d->a <= 0))
        return REFUSE(r, "parameters.%s.%s: must be above 0", path,
                      d->b <= 0 ? d->dist->second : d->dist->first);
    return 0;
}

/* Known when the range has ends. */
static int count_levels(struct reader *r, const char *path, struct dim *d)
{
    double n;

    if (d->dist->family == DIST_INT) n = d->b - d->a + 1;
    else if (d->dist->quantised && d->dist->family != DIST_NORMAL &&
             d->dist->family != DIST_LOGNORMAL)
        n = rint(dim_number(d, 1) / d->q) - rint(dim_number(d, 0) / d->q) + 1;
    else return 0;
    if (!(n < 1e15)) return REFUSE(r, "parameters.%s: has more than 1e15 values", path);
    d->levels = (size_t)n;
    return 0;
}

static int read_numeric(struct reader *r, const char *path, const struct val *o,
                        const struct dist *dist, struct dim *d)
{
    bool bounds = str_eq(dist->first, "min");
    double first = str_eq(dist->first, "mu") ? 0 : (double)NAN;
    double second = str_eq(dist->second, "sigma") ? 1 : (double)NAN;
    const char *known[5] = { "distribution", dist->first, dist->second };
    int rc;

    if (dist->quantised) known[3] = "q";
    rc = check_keys(r, path, o, known);
    d->dist = dist;
    d->q = 1;
    if (rc == 0) rc = number(r, path, o, dist->first, first, &d->a);
    if (rc == 0) rc = number(r, path, o, dist->second, second, &d->b);
    if (rc == 0) rc = number(r, path, o, "q", 1, &d->q);
    if (rc < 0) return rc;
    if (!(d->q > 0)) return REFUSE(r, "parameters.%s.q: must be above 0", path);
    rc = check_shape(r, path, d);
    if (rc == 0 && bounds && d->a == d->b) {
        val_set(r->fixed, d->name, dim_value(d, r->a, 0.5));
        d->dist = NULL;
        return 0;
    }
    return rc < 0 ? rc : count_levels(r, path, d);
}

/* ---- choices -------------------------------------------------------------------------------- */

static bool same(const struct val *a, const struct val *b)
{
    STR_AUTO x = STR_INIT;
    STR_AUTO y = STR_INIT;

    val_write_json(&x, a, 0);
    val_write_json(&y, b, 0);
    return str_eq(str_c(&x), str_c(&y));
}

static int check_choices(struct reader *r, const char *path, const struct val *list)
{
    size_t n = val_len(list);

    if (val_type(list) != VAL_LIST || n == 0 || n > CHOICES_MAX)
        return REFUSE(r, "parameters.%s.values: must be a list of 1 to %d values", path,
                      CHOICES_MAX);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (same(val_at(list, i), val_at(list, k))) {
                STR_AUTO text = STR_INIT;
                val_write_json(&text, val_at(list, i), 0);
                return REFUSE(r, "parameters.%s.values: %s is given twice", path, str_c(&text));
            }
    return 0;
}

static int read_probabilities(struct reader *r, const char *path, const struct val *list,
                              double *upto, size_t n)
{
    double sum = 0;

    if (list && val_len(list) != n)
        return REFUSE(r, "parameters.%s.probabilities: must be as many as the values, %zu", path,
                      n);
    for (size_t i = 0; i < n; i++) {
        const struct val *v = list ? val_at(list, i) : NULL;
        double p = list ? val_as_real(v, -1) : 1 / (double)n;
        if (list && (!is_number(v) || p < 0))
            return REFUSE(r, "parameters.%s.probabilities: are numbers from 0 to 1", path);
        upto[i] = sum += p;
    }
    if (fabs(sum - 1) > 1e-6)
        return REFUSE(r, "parameters.%s.probabilities: add up to %g, not 1", path, sum);
    upto[n - 1] = 1;
    return 0;
}

static int read_choices(struct reader *r, const char *path, const struct val *o, struct dim *d)
{
    static const char *const known[] = { "values", "probabilities", "distribution", NULL };
    const struct val *list = val_get(o, "values");
    int rc = check_keys(r, path, o, known);

    if (rc == 0) rc = check_choices(r, path, list);
    if (rc < 0) return rc;
    double *upto = arena_array(r->a, val_len(list), double);
    rc = read_probabilities(r, path, val_get(o, "probabilities"), upto, val_len(list));
    if (rc < 0) return rc;
    if (val_len(list) == 1) {
        val_set(r->fixed, d->name, val_copy(r->a, val_at(list, 0)));
        return 0;
    }
    d->values = val_copy(r->a, list);
    d->upto = upto;
    d->levels = val_len(list);
    return 0;
}

/* ---- a parameter ---------------------------------------------------------------------------- */

static int read_all(struct reader *r, const char *prefix, const struct val *o, int depth);

static int unknown_distribution(struct reader *r, const char *path, const char *name)
{
    const char *nearest = NULL;
    int best = 4;

    for (const struct dist *d = dists; d->name; d++) {
        int far = str_distance(d->name, name);
        if (far < best) nearest = d->name;
        if (far < best) best = far;
    }
    REFUSE(r, "parameters.%s.distribution: '%s' is none", path, name);
    return nearest ? err_hint(r->e, "did you mean %s?", nearest)
                   : err_hint(r->e, "constant, categorical, categorical_w_probabilities, "
                                    "[q_]uniform, int_uniform, [q_]log_uniform[_values], "
                                    "inv_log_uniform[_values], [q_]normal, [q_]log_normal, "
                                    "[q_]beta");
}

static int read_constant(struct reader *r, const char *path, const struct val *o)
{
    static const char *const known[] = { "value", "distribution", NULL };
    int rc = check_keys(r, path, o, known);

    if (rc == 0) val_set(r->fixed, arena_strdup(r->a, path), val_copy(r->a, val_get(o, "value")));
    return rc;
}

/* What kind of parameter it is, told by its keys. */
static const char *kind_of(const struct val *o)
{
    const char *name = val_get_str(o, "distribution", NULL);
    bool whole = val_type(val_get(o, "min")) == VAL_INT && val_type(val_get(o, "max")) == VAL_INT;

    if (str_eq(name, "categorical_w_probabilities")) return "categorical";
    if (name) return name;
    if (val_get(o, "value")) return "constant";
    if (val_get(o, "values")) return "categorical";
    if (val_get(o, "min") && val_get(o, "max")) return whole ? "int_uniform" : "uniform";
    return NULL;
}

static int keep(struct reader *r, const char *path, const struct dim *d)
{
    if (!d->dist && !d->values) return 0; /* it turned out to be fixed */
    if (r->n == SPACE_DIMS_MAX)
        return REFUSE(r, "parameters.%s: more than %d parameters vary", path, SPACE_DIMS_MAX);
    r->dims[r->n++] = *d;
    return 0;
}

static int read_one(struct reader *r, const char *path, const struct val *o, int depth)
{
    static const char *const nested[] = { "parameters", NULL };
    struct dim d = { .name = path };
    const char *kind = kind_of(o);
    const struct dist *dist;
    int rc;

    if (val_type(o) != VAL_OBJ) {
        REFUSE(r, "parameters.%s: is not an object", path);
        return err_hint(r->e, "for example  %s: {values: [1, 2]}", path);
    }
    if (val_get(o, "parameters")) {
        rc = check_keys(r, path, o, nested);
        return rc < 0 ? rc : read_all(r, path, val_get(o, "parameters"), depth + 1);
    }
    if (!kind) {
        REFUSE(r, "parameters.%s: says nothing of its values", path);
        return err_hint(r->e, "give value, values, min and max, or a distribution");
    }
    if (str_eq(kind, "constant")) return read_constant(r, path, o);
    dist = dist_find(kind);
    if (str_eq(kind, "categorical")) rc = read_choices(r, path, o, &d);
    else if (dist) rc = read_numeric(r, path, o, dist, &d);
    else return unknown_distribution(r, path, kind);
    return rc < 0 ? rc : keep(r, path, &d);
}

static int read_all(struct reader *r, const char *prefix, const struct val *o, int depth)
{
    if (val_type(o) != VAL_OBJ || val_len(o) == 0) {
        REFUSE(r, "parameters%s%s: must be an object with the parameters to try",
               *prefix ? "." : "", prefix);
        return err_hint(r->e, "for example  learning_rate: {min: 0.01, max: 0.3}");
    }
    if (depth > DEPTH_MAX) return REFUSE(r, "parameters.%s: is nested too deep", prefix);
    for (size_t i = 0; i < val_len(o); i++) {
        const char *key = val_key(o, i);
        const char *path =
            *prefix ? arena_printf(r->a, "%s.%s", prefix, key) : arena_strdup(r->a, key);
        int rc = read_one(r, path, val_at(o, i), depth);
        if (rc < 0) return rc;
    }
    return 0;
}

int space_parse(struct arena *a, const struct val *parameters, struct space *ret, struct err *e)
{
    struct reader r = {
        .a = a, .dims = arena_array(a, SPACE_DIMS_MAX, struct dim), .fixed = val_obj(a), .e = e
    };
    int rc = read_all(&r, "", parameters, 0);

    if (rc == 0) *ret = (struct space){ r.dims, r.n, r.fixed };
    return rc;
}

void space_values(const struct space *s, struct arena *a, const double *u, struct val *out)
{
    for (size_t i = 0; i < val_len(s->fixed); i++)
        val_set(out, val_key(s->fixed, i), val_copy(a, val_at(s->fixed, i)));
    for (size_t i = 0; i < s->n; i++)
        val_set(out, s->dims[i].name, dim_value(&s->dims[i], a, u[i]));
}
