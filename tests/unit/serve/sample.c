/* sample.c: see sample.h. */
#include "sample.h"

#include "base/mem.h"
#include "base/rng.h"
#include "engine/pool.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct column *add(struct frame *f, const char *name, enum col_type type)
{
    struct column *c;

    assert_int_equal(frame_add(f, name, type, SAMPLE_ROWS, &c, NULL), 0);
    return c;
}

static void put(struct frame *f, const char *name, size_t row, const char *s)
{
    struct column *c = &f->cols[frame_index(f, name)];

    c->code[row] = dict_add(c->dict, s, strlen(s));
}

static void put_number(struct frame *f, const char *name, size_t row, double v)
{
    f->cols[frame_index(f, name)].num[row] = v;
}

struct frame *sample_frame(void)
{
    static const char *const cities[] = { "Bern", "Genf", "Chur" };
    static const char *const kinds[] = { "a", "b", "c" };
    struct frame *f = frame_new();
    struct rng r;

    rng_seed(&r, 7);
    add(f, "age", COL_INT);
    add(f, "balance", COL_REAL);
    add(f, "city", COL_CATEGORY);
    add(f, "member", COL_BOOL);
    add(f, "since", COL_TIME);
    add(f, "buys", COL_CATEGORY);
    add(f, "kind", COL_CATEGORY);
    add(f, "price", COL_REAL);
    for (size_t i = 0; i < SAMPLE_ROWS; i++) {
        double age = 18 + (double)rng_below(&r, 60), balance = rng_unit(&r) * 1000;
        size_t city = rng_below(&r, 3);
        double score = balance / 500 + (city == 1) - age / 60 + rng_unit(&r) / 4;
        put_number(f, "age", i, age);
        put_number(f, "balance", i, i % 17 ? balance : (double)NAN);
        put(f, "city", i, cities[city]);
        put_number(f, "member", i, (double)(i % 2));
        put_number(f, "since", i, 1.6e15 + (double)i * 864e8);
        put(f, "buys", i, score > 0.7 ? "yes" : "no");
        put(f, "kind", i, kinds[score > 1.2 ? 2 : score > 0.5]);
        put_number(f, "price", i, 10 * score);
    }
    return f;
}

struct model *sample_model(const char *algorithm, const char *target, const char *drop,
                           const char *const *params)
{
    static const char *const targets[] = { "buys", "kind", "price" };
    const char *drops[5] = { NULL };
    size_t n = 0;
    struct arena a = ARENA_INIT;
    struct val *p = val_obj(&a);
    struct engine en = { .pool = pool_new(1) };
    struct frame *f = sample_frame();
    struct model *m = NULL;

    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        if (strcmp(targets[i], target) != 0) drops[n++] = targets[i];
    drops[n++] = drop;
    for (; params && *params; params += 2) val_set_str(p, params[0], params[1]);
    struct model_spec spec = {
        .algorithm = algorithm, .target = target, .drop = drops, .params = p
    };
    assert_int_equal(model_fit(&en, &spec, f, NULL, &m, NULL), 0);
    frame_free(f);
    pool_free(en.pool);
    arena_done(&a);
    return m;
}
