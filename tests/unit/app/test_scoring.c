/* test_scoring.c: evaluate, predict and explain on a model file, through verb_call, without a
 * workspace: what they write, in which columns and formats, and what they refuse. */
#include "app/verb.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/model/model.h"
#include "engine/pool.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 300 };

struct bench {
    char dir[64], model[96], prices[96], csv[96], out[96];
    struct app app;
    struct ports ports;
    struct arena arena;
};

static double *number(struct frame *f, const char *name, enum col_type type)
{
    struct column *c;

    assert_int_equal(frame_add(f, name, type, ROWS, &c, NULL), 0);
    return c->num;
}

/* zip is a category whose levels look like numbers; y is yes where x + (zip is 007) > 0.5. */
static struct frame *sample(void)
{
    static const char *const zips[] = { "007", "100", "2e3" };
    struct frame *f = frame_new();
    double *x = number(f, "x", COL_REAL), *price = number(f, "price", COL_REAL);
    struct column *zip, *y;

    assert_int_equal(frame_add(f, "zip", COL_CATEGORY, ROWS, &zip, NULL), 0);
    assert_int_equal(frame_add(f, "y", COL_CATEGORY, ROWS, &y, NULL), 0);
    for (int i = 0; i < ROWS; i++) {
        const char *z = zips[i % 3];
        x[i] = (double)(i * 37 % 100) / 50 - 1;
        price[i] = 10 + 3 * x[i] + (i % 3 == 0);
        zip->code[i] = dict_add(zip->dict, z, strlen(z));
        y->code[i] =
            x[i] + (i % 3 == 0) > 0.5 ? dict_add(y->dict, "yes", 3) : dict_add(y->dict, "no", 2);
    }
    return f;
}

static void write_model(const char *path, const char *algorithm, const char *target,
                        const char *drop)
{
    const char *const drops[] = { drop, NULL };
    struct model_spec spec = { .algorithm = algorithm, .target = target, .drop = drops };
    struct engine en = { .pool = pool_new(1) };
    struct frame *f = sample();
    struct buf b = BUF_INIT;
    struct model *m;

    assert_int_equal(model_fit(&en, &spec, f, NULL, &m, NULL), 0);
    assert_int_equal(model_save(m, &b, NULL), 0);
    assert_int_equal(file_write_atomic(path, b.p, b.n, NULL), 0);
    buf_done(&b);
    model_free(m);
    frame_free(f);
    pool_free(en.pool);
}

static void write_file(const char *path, const char *text)
{
    assert_int_equal(file_write_atomic(path, text, strlen(text), NULL), 0);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    snprintf(b->dir, sizeof b->dir, "/tmp/sbxscore.XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->model, sizeof b->model, "%s/y.model", b->dir);
    snprintf(b->prices, sizeof b->prices, "%s/price.model", b->dir);
    snprintf(b->csv, sizeof b->csv, "%s/in.csv", b->dir);
    snprintf(b->out, sizeof b->out, "%s/out.csv", b->dir);
    b->app =
        (struct app){ .clock = &clock_system, .actor = "t", .role = "admin", .ports = &b->ports };
    write_model(b->model, "logistic", "y", "price");
    write_model(b->prices, "linear", "price", "y");
    write_file(b->csv, "request_id,x,zip,y,customerID,note\n"
                       "a1,0.9,007,yes,c-1,first\n"
                       "a2,-0.9,100,no,c-2,second\n"
                       "a3,,007,yes,c-3,third\n"
                       "a4,0.1,unseen,,c-4,fourth\n"
                       "a5,0.8,2e3,no,c-5,fifth\n");
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    file_remove_tree(b->dir, NULL);
    arena_done(&b->arena);
    free(b);
    return 0;
}

/* Calls a verb with name, value, name, value …, NULL. */
static int call(struct bench *b, struct reply *r, struct err *e, const char *verb, ...)
{
    struct val *args = val_obj(&b->arena);
    const char *name;
    va_list ap;

    va_start(ap, verb);
    while ((name = va_arg(ap, const char *))) val_set_str(args, name, va_arg(ap, const char *));
    va_end(ap);
    reply_init(r);
    return verb_call(&b->app, verb_find(verb), args, r, e);
}

static void check_ok(int rc, const struct err *e)
{
    if (rc) fail_msg("error %d: %s (%s)", rc, e->msg, e->hint);
}

static char *content(struct bench *b, const char *path)
{
    STR_AUTO s = STR_INIT;

    assert_int_equal(file_read(path, 1 << 20, &s, NULL), 0);
    return arena_strdup(&b->arena, str_c(&s));
}

/* Text of line i and of its field j, both from 0. */
static const char *field(struct bench *b, const char *text, int i, int j)
{
    while (i-- > 0) text = strchr(text, '\n') + 1;
    while (j-- > 0) text = strchr(text, ',') + 1;
    return arena_strndup(&b->arena, text, strcspn(text, ",\n"));
}

static void test_predict_writes_a_row_for_each(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct err e = ERR_INIT;

    check_ok(call(b, &r, &e, "predict", "model", b->model, "data", b->csv, "out", b->out, "proba",
                  "true", NULL),
             &e);
    assert_int_equal(val_get_int(r.v, "rows", 0), 5);
    assert_string_equal(val_get_str(r.v, "model", ""), b->model);
    assert_false(val_has(r.v, "version"));
    const char *text = content(b, b->out);
    assert_true(str_starts(text, "request_id,customerID,prediction,probability\na1,c-1,yes,0."));
    assert_string_equal(field(b, text, 2, 2), "no");
    for (int i = 1; i <= 5; i++) {
        double p = strtod(field(b, text, i, 3), NULL);
        assert_true(p > 0 && p < 1);
        assert_string_equal(field(b, text, i, 2), p >= 0.5 ? "yes" : "no");
    }
    reply_done(&r);
}

static void test_predict_keys_and_formats(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct err e = ERR_INIT;
    char jsonl[128];

    snprintf(jsonl, sizeof jsonl, "%s/out.jsonl", b->dir);
    check_ok(call(b, &r, &e, "predict", "model", b->model, "data", b->csv, "out", jsonl, "key",
                  "note", NULL),
             &e);
    assert_true(str_starts(content(b, jsonl), "{\"note\":\"first\",\"prediction\":\"yes\"}\n"));
    reply_done(&r);
    /* what was written reads as data again; a number is predicted */
    check_ok(call(b, &r, &e, "predict", "model", b->prices, "data", b->csv, "out", b->out, "proba",
                  "true", "key", "note", NULL),
             &e);
    const char *text = content(b, b->out);
    assert_true(str_starts(text, "note,prediction\nfirst,"));
    assert_true(fabs(strtod(field(b, text, 1, 1), NULL) - 13.7) < 0.3);
    reply_done(&r);
}

static void test_predict_refusals(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct err e = ERR_INIT;

    assert_int_equal(call(b, &r, &e, "predict", "model", b->model, "data", b->csv, "out", b->out,
                          "key", "nothing", NULL),
                     -ERR_INVALID);
    assert_non_null(strstr(e.msg, "nothing"));
    reply_done(&r);
    write_file(b->csv, "zip,y\n007,yes\n");
    assert_int_equal(
        call(b, &r, &e, "predict", "model", b->model, "data", b->csv, "out", b->out, NULL),
        -ERR_INVALID);
    assert_non_null(strstr(e.msg, "no column x"));
    reply_done(&r);
    write_file(b->csv, "zip,x\n007,much\n");
    assert_int_equal(
        call(b, &r, &e, "predict", "model", b->model, "data", b->csv, "out", b->out, NULL),
        -ERR_INVALID);
    assert_non_null(strstr(e.msg, "column x is category here (\"much\" in row 1)"));
    reply_done(&r);
    assert_int_equal(call(b, &r, &e, "predict", "model", "/nowhere.model", "data", b->csv, NULL),
                     -ERR_NOTFOUND);
    reply_done(&r);
    assert_false(file_exists(b->out)); /* nothing half done was left */
}

static void test_evaluate(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct err e = ERR_INIT;
    int64_t sum = 0;

    check_ok(call(b, &r, &e, "evaluate", "model", b->model, "data", b->csv, "group", "zip", NULL),
             &e);
    assert_int_equal(val_get_int(r.v, "rows", 0), 4);
    assert_int_equal(val_get_int(r.v, "unlabelled_rows", 0), 1);
    assert_string_equal(val_get_str(r.v, "task", ""), "binary");
    const struct val *m = val_get(r.v, "metrics"), *c = val_get(r.v, "confusion");
    assert_true(val_get_real(m, "auc", 0) >= 0.75);
    assert_false(val_has(m, "rmse"));
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 2; j++) sum += val_as_int(val_at(val_at(c, i), j), 0);
    assert_int_equal(sum, 4);
    assert_string_equal(val_as_str(val_at(val_get(r.v, "classes"), 1), ""), "yes");
    assert_int_equal(val_len(val_get(r.v, "calibration")), 10);
    const struct val *by = val_get(r.v, "by_group");
    assert_int_equal(val_len(by), 4);
    assert_int_equal(val_get_int(val_get(by, "007"), "n", 0), 2);
    assert_true(val_has(val_get(val_get(by, "007"), "metrics"), "accuracy"));
    reply_done(&r);
}

static void test_evaluate_refusals(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct err e = ERR_INIT;

    assert_int_equal(
        call(b, &r, &e, "evaluate", "model", b->model, "data", b->csv, "group", "me", NULL),
        -ERR_INVALID);
    reply_done(&r);
    assert_int_equal(call(b, &r, &e, "evaluate", "model", b->prices, "data", b->csv, NULL),
                     -ERR_INVALID);
    assert_non_null(strstr(e.msg, "no column price"));
    reply_done(&r);
    write_file(b->csv, "zip,x,y\n007,1,maybe\n");
    assert_int_equal(call(b, &r, &e, "evaluate", "model", b->model, "data", b->csv, NULL),
                     -ERR_INVALID);
    assert_non_null(strstr(e.msg, "known value of y"));
    reply_done(&r);
}

static void test_explain(void **state)
{
    struct bench *b = *state;
    struct reply r;
    struct err e = ERR_INIT;

    check_ok(call(b, &r, &e, "explain", "model", b->model, NULL), &e);
    const struct val *list = val_get(r.v, "importance");
    assert_int_equal(val_len(list), 2);
    double first = val_get_real(val_at(list, 0), "gain", 0);
    double second = val_get_real(val_at(list, 1), "gain", 0);
    assert_true(first >= second && fabs(first + second - 1) < 1e-12);
    reply_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_predict_writes_a_row_for_each, setup, teardown),
        cmocka_unit_test_setup_teardown(test_predict_keys_and_formats, setup, teardown),
        cmocka_unit_test_setup_teardown(test_predict_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_evaluate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_evaluate_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_explain, setup, teardown),
    };
    return cmocka_run_group_tests_name("scoring", tests, NULL, NULL);
}
