/* test_data.c: ingest and the data verbs on a real store in a temporary folder: names and files,
 * versions, reading a data set as it was imported, reports, and every way to be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/ingest.h"
#include "app/verb.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/dataset.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fixture {
    char dir[64];
    struct clock clock;
    struct app app;
    struct reply r;
    struct err e;
};

static int setup(void **state)
{
    static const struct ports none;
    struct fixture *f = mem_zalloc(1, sizeof *f);

    strcpy(f->dir, "/tmp/test_data.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->clock = clock_fixed(1700000000LL * 1000000);
    f->app = (struct app){
        .dir = f->dir, .clock = &f->clock, .actor = "kim", .role = "admin", .ports = &none
    };
    if (store_open(&f->app.store, f->dir, STORE_CREATE, &f->clock, &f->e)) fail_msg("%s", f->e.msg);
    reply_init(&f->r);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    reply_done(&f->r);
    store_close(f->app.store);
    assert_int_equal(file_remove_tree(f->dir, NULL), 0);
    free(f);
    return 0;
}

static const char *put_file(struct fixture *f, const char *name, const char *text)
{
    const char *path = arena_printf(&f->r.arena, "%s/%s", f->dir, name);

    assert_int_equal(file_write_atomic(path, text, strlen(text), &f->e), 0);
    return path;
}

/* Calls a verb with arguments "key", "value", …, NULL. */
static int call(struct fixture *f, const char *verb, const char *const *args)
{
    struct val *in = val_obj(&f->r.arena);

    for (; *args; args += 2) val_set_str(in, args[0], args[1]);
    f->r.v = NULL;
    f->r.text = NULL;
    err_clear(&f->e);
    return verb_call(&f->app, verb_find(verb), in, &f->r, &f->e);
}
#define CALL(f, verb, ...) call(f, verb, (const char *const[]){ __VA_ARGS__, NULL })

static void ok(struct fixture *f, int rc)
{
    if (rc) fail_msg("%d: %s", rc, f->e.msg);
}

static int64_t reply_int(const struct fixture *f, const char *key)
{
    return val_get_int(f->r.v, key, -1);
}

static void t_import(void **state)
{
    struct fixture *f = *state;
    const char *path = put_file(f, "a.csv", "x,c,when\n1,u,2020-01-01\n2,v,\n,u,2020-01-03\n");

    ok(f, CALL(f, "data import", "file", path, "name", "a"));
    assert_int_equal(reply_int(f, "version"), 1);
    assert_int_equal(reply_int(f, "rows"), 3);
    assert_int_equal(reply_int(f, "columns"), 3);
    assert_int_equal(reply_int(f, "skipped_rows"), 0);
    assert_int_equal(reply_int(f, "size"), 43);
    assert_true(val_get_bool(f->r.v, "new", false));
    assert_string_equal(val_get_str(f->r.v, "format", ""), "csv");
    assert_string_equal(val_get_str(f->r.v, "source", ""), path);
    assert_string_equal(val_get_str(val_at(val_get(f->r.v, "schema"), 2), "type", ""), "timestamp");
    assert_int_equal(strlen(val_get_str(f->r.v, "digest", "")), 64);
    assert_int_equal(strlen(val_get_str(f->r.v, "id", "")), 26);
}

static void t_versions(void **state)
{
    struct fixture *f = *state;
    const char *one = put_file(f, "1.csv", "x\n1\n"), *two = put_file(f, "2.csv", "x\n1\n2\n");

    ok(f, CALL(f, "data import", "file", one, "name", "a"));
    ok(f, CALL(f, "data import", "file", two, "name", "a"));
    assert_int_equal(reply_int(f, "version"), 2);
    ok(f, CALL(f, "data import", "file", one, "name", "a"));
    assert_int_equal(reply_int(f, "version"), 1);
    assert_false(val_get_bool(f->r.v, "new", true));
    ok(f, CALL(f, "data import", "file", one, "name", "b"));
    assert_true(val_get_bool(f->r.v, "new", false));
    ok(f, call(f, "data list", (const char *const[]){ NULL }));
    assert_int_equal(val_len(val_get(f->r.v, "datasets")), 2);
    assert_int_equal(val_get_int(val_at(val_get(f->r.v, "datasets"), 0), "version", 0), 2);
    assert_string_equal(val_get_str(val_at(val_get(f->r.v, "datasets"), 0), "created_at", ""),
                        "2023-11-14T22:13:20Z");
}

static const struct val *profile_column_of(const struct fixture *f, size_t i)
{
    return val_at(val_get(f->r.v, "columns"), i);
}

static void check_profile(const struct fixture *f)
{
    const struct val *c = profile_column_of(f, 0);

    assert_int_equal(reply_int(f, "rows"), 4);
    assert_string_equal(val_get_str(c, "name", ""), "n");
    assert_string_equal(val_get_str(c, "type", ""), "integer");
    assert_int_equal(val_get_int(c, "missing", -1), 1);
    assert_int_equal(val_get_int(c, "distinct", -1), 3);
    assert_int_equal(val_type(val_get(c, "max")), VAL_INT);
    assert_int_equal(val_get_int(c, "max", -1), 6);
    assert_true(val_get_real(c, "mean", 0) == 3);
    assert_true(val_get_real(val_get(c, "quantiles"), "p50", 0) == 2);
    assert_int_equal(val_len(val_get(val_get(c, "histogram"), "counts")), 20);
    c = profile_column_of(f, 1);
    assert_string_equal(val_get_str(val_at(val_get(c, "top"), 0), "value", ""), "u");
    assert_int_equal(val_get_int(val_at(val_get(c, "top"), 0), "count", 0), 3);
    c = profile_column_of(f, 2);
    assert_string_equal(val_get_str(c, "min", ""), "2020-01-01T00:00:00Z");
    assert_string_equal(val_get_str(c, "mean", ""), "2020-01-02T00:00:00Z");
    assert_true(fabs(val_get_real(c, "std", 0) - 86400 * sqrt(2)) < 1e-6);
}

static void t_profile(void **state)
{
    struct fixture *f = *state;
    const char *path = put_file(f, "p.csv", "n,c,t\n1,u,2020-01-01\n2,u,\n,u,\n6,v,2020-01-03\n");

    ok(f, CALL(f, "data profile", "data", path));
    check_profile(f);
    ok(f, CALL(f, "data import", "file", path, "name", "p"));
    assert_int_equal(unlink(path), 0);
    ok(f, CALL(f, "data profile", "data", "p"));
    check_profile(f);
    ok(f, CALL(f, "data profile", "data", "p:1"));
    check_profile(f);
}

static void t_refusals(void **state)
{
    struct fixture *f = *state;
    const char *bad = put_file(f, "bad.csv", "a,b\n1,2\n3\n");

    assert_int_equal(CALL(f, "data import", "file", bad, "name", "x"), -ERR_PARSE);
    assert_non_null(
        strstr(f->e.msg, "bad.csv: line 3: 1 field, expected 2: column 2 b is missing"));
    assert_non_null(strstr(f->e.hint, "--on-bad-row skip"));
    assert_int_equal(CALL(f, "data import", "file", "/nowhere/x.csv", "name", "x"), -ERR_NOTFOUND);
    assert_int_equal(CALL(f, "data import", "file", f->dir, "name", "x"), -ERR_INVALID);
    assert_int_equal(CALL(f, "data import", "file", bad, "name", "x:1", "on-bad-row", "skip"),
                     -ERR_INVALID);
    assert_int_equal(CALL(f, "data import", "file", bad, "name", "x", "delimiter", "ab"),
                     -ERR_INVALID);
    assert_int_equal(CALL(f, "data profile", "data", "nothing"), -ERR_NOTFOUND);
    assert_string_equal(f->e.msg, "'nothing' is neither a data set nor a file");
    assert_non_null(strstr(f->e.hint, "data list"));
    ok(f, call(f, "data list", (const char *const[]){ NULL }));
    assert_int_equal(val_len(val_get(f->r.v, "datasets")), 0);
}

/* What was skipped or split at import is skipped and split whenever the data set is read. */
static void t_reads_as_imported(void **state)
{
    struct fixture *f = *state;
    const char *path = put_file(f, "odd.csv", "a:b\n1:2\n3\n4:5,5\n");
    struct ingest_report rep;
    struct frame *frame;

    ok(f,
       CALL(f, "data import", "file", path, "name", "odd", "delimiter", ":", "on-bad-row", "skip"));
    assert_int_equal(reply_int(f, "rows"), 2);
    assert_int_equal(reply_int(f, "skipped_rows"), 1);
    assert_string_equal(val_as_str(val_at(val_get(f->r.v, "notes"), 0), ""),
                        "bad rows left out: 1");
    ok(f, ingest_data(&f->app, "odd", NULL, &frame, &rep, &f->e));
    assert_int_equal(frame->n_rows, 2);
    assert_int_equal(frame->n_cols, 2);
    assert_int_equal(rep.skipped, 1);
    assert_string_equal(rep.first_bad, "line 3: 1 field, expected 2: column 2 b is missing");
    assert_int_equal(frame->cols[1].type, COL_CATEGORY);
    frame_free(frame);
}

/* A data set comes before a file of the same name; a slash always means a file. */
static void t_name_before_file(void **state)
{
    struct fixture *f = *state;
    struct frame *frame;
    char cwd[4096];

    assert_non_null(getcwd(cwd, sizeof cwd));
    ok(f, CALL(f, "data import", "file", put_file(f, "one.csv", "x\n1\n"), "name", "same"));
    put_file(f, "same", "x\n1\n2\n");
    assert_int_equal(chdir(f->dir), 0);
    ok(f, ingest_data(&f->app, "same", NULL, &frame, NULL, &f->e));
    assert_int_equal(frame->n_rows, 1);
    frame_free(frame);
    ok(f, ingest_data(&f->app, "./same", NULL, &frame, NULL, &f->e));
    assert_int_equal(frame->n_rows, 2);
    frame_free(frame);
    assert_int_equal(chdir(cwd), 0);
}

static void t_frame(void **state)
{
    static const char in[] = "i,r,b,t,c\n1,.5,true,2020-01-01,u\n,,,,\n-2,3,FALSE,2020-01-02,v\n";
    static const enum col_type types[] = { COL_INT, COL_REAL, COL_BOOL, COL_TIME, COL_CATEGORY };
    struct fixture *f = *state;
    struct ingest_report rep;
    struct frame *frame;
    char buf[40];

    ok(f, ingest_bytes(in, sizeof in - 1, NULL, &frame, &rep, &f->e));
    assert_int_equal(frame->n_rows, 3);
    assert_int_equal(rep.columns, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(frame->cols[i].type, types[i]);
        assert_int_equal(column_missing(&frame->cols[i], 3), 1);
    }
    assert_string_equal(column_text(&frame->cols[0], 2, buf), "-2");
    assert_string_equal(column_text(&frame->cols[4], 2, buf), "v");
    frame_free(frame);
}

static void t_as_text(void **state)
{
    static const char *const names[] = { "zip" };
    static const char in[] = "zip\n01234\n";
    const struct ingest_options o = { .as_text = names, .n_as_text = 1 };
    struct fixture *f = *state;
    struct frame *frame;
    char buf[40];

    ok(f, ingest_bytes(in, sizeof in - 1, &o, &frame, NULL, &f->e));
    assert_int_equal(frame->cols[0].type, COL_CATEGORY);
    assert_string_equal(column_text(&frame->cols[0], 0, buf), "01234");
    frame_free(frame);
}

static void t_notes(void **state)
{
    static const char in[] = "a,,a\ncaf\xe9,1,inf\nb,2,1\n";
    struct fixture *f = *state;
    struct ingest_report rep;
    struct frame *frame;

    ok(f, ingest_bytes(in, sizeof in - 1, NULL, &frame, &rep, &f->e));
    assert_int_equal(rep.n_notes, 4);
    assert_string_equal(rep.notes[0], "columns without a name, now column_N: 1");
    assert_string_equal(rep.notes[2], "fields that are not UTF-8, read as Windows-1252: 1");
    assert_string_equal(rep.notes[3], "infinite numbers, which count as missing: 1");
    frame_free(frame);
    ok(f, ingest_bytes("1,2.5\n3,4\n", 10, NULL, &frame, &rep, &f->e));
    assert_int_equal(rep.n_notes, 1);
    assert_string_equal(rep.notes[0], "every column name is a number: is the header line missing?");
    frame_free(frame);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(t_import),           T(t_versions), T(t_profile), T(t_refusals), T(t_reads_as_imported),
        T(t_name_before_file), T(t_frame),    T(t_as_text), T(t_notes),
    };

    return cmocka_run_group_tests_name("app.data", tests, NULL, NULL);
}
