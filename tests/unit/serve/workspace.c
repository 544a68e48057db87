/* workspace.c: see workspace.h. */
#include "workspace.h"

#include "app/modelref.h"
#include "app/settings.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/model/buf.h"
#include "store/blob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void bench_open(struct bench *b)
{
    struct err e = ERR_INIT;

    *b = (struct bench){ 0 };
    snprintf(b->dir, sizeof b->dir, "/tmp/sbxserve.XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    log_none(&b->log);
    b->cfg = (struct app_config){ .dir = b->dir, .create = true, .actor = "test", .log = &b->log };
    if (app_open(&b->app, &b->cfg, &e)) fail_msg("%s", e.msg);
    b->cfg.create = false;
    assert_int_equal(loop_new(&b->loop, NULL), 0);
}

void bench_close(struct bench *b)
{
    if (b->serve) bench_stop(b);
    loop_free(b->loop);
    app_close(&b->app);
    arena_done(&b->arena);
    file_remove_tree(b->dir, NULL);
}

int64_t bench_register(struct bench *b, const char *name, struct model *m, const char *stage)
{
    struct registry_new in = { .name = name, .fp_data = "0" };
    struct registry_done done;
    struct buf bytes = BUF_INIT;
    struct err e = ERR_INIT;
    char digest[65];
    int rc = model_save(m, &bytes, &e);

    if (!rc) rc = blob_put(b->app.store, bytes.p, bytes.n, digest, &e);
    in.digest = digest;
    in.size = (int64_t)bytes.n;
    modelref_describe(&b->arena, m, &in);
    if (!rc) rc = store_begin(b->app.store, &e);
    if (!rc) rc = registry_register(&b->app, &b->arena, &in, &done, &e);
    if (!rc) rc = store_commit(b->app.store, &e);
    if (rc) fail_msg("%s", e.msg);
    buf_done(&bytes);
    model_free(m);
    if (stage) {
        struct registry_moved moved;
        if (registry_promote(&b->app, &b->arena, name, done.version.version, stage, "test", &moved,
                             &e))
            fail_msg("%s", e.msg);
    }
    return done.version.version;
}

void bench_promote(struct bench *b, const char *name, int64_t version)
{
    struct registry_moved moved;
    struct err e = ERR_INIT;
    struct reg_version v;

    assert_int_equal(store_version_get(b->app.store, &b->arena, name, version, &v, NULL), 0);
    if (strcmp(v.stage, "Archived") == 0 &&
        registry_promote(&b->app, &b->arena, name, version, "Staging", "test", &moved, &e))
        fail_msg("%s", e.msg);
    if (registry_promote(&b->app, &b->arena, name, version, "Production", "test", &moved, &e))
        fail_msg("%s", e.msg);
}

void bench_settings(struct bench *b, const char *yaml)
{
    char path[96];

    snprintf(path, sizeof path, "%s/signalbox.yaml", b->dir);
    assert_int_equal(file_write_atomic(path, yaml, strlen(yaml), NULL), 0);
}

void bench_start(struct bench *b)
{
    struct err e = ERR_INIT;
    struct val *settings;

    if (settings_load(&b->arena, b->dir, &settings, &e)) fail_msg("%s", e.msg);
    const struct serve_config cfg = { .app = &b->cfg, .settings = settings, .workers = 2 };
    if (serve_new(b->loop, &cfg, &b->serve, &e)) fail_msg("%s", e.msg);
    if (serve_io_new(b->serve, b->loop, &b->io, &e)) fail_msg("%s", e.msg);
}

void bench_stop(struct bench *b)
{
    serve_io_free(b->io);
    serve_free(b->serve);
    b->io = NULL;
    b->serve = NULL;
}

static void set(void *flag)
{
    *(bool *)flag = true;
}

void bench_wait(struct bench *b, const bool *flag)
{
    int64_t until = clock_mono_us() + 20 * 1000000;

    while (!*flag && clock_mono_us() < until) loop_run_once(b->loop, 100);
    assert_true(*flag);
}

void bench_reload(struct bench *b)
{
    bool done = false;

    serve_reload(b->serve, set, &done);
    bench_wait(b, &done);
}

static void answered(struct predict_call *c)
{
    /* what p points to goes after this: keep a copy where the caller looks */
    if (c->p) {
        size_t n = c->rows->n * (size_t)model_outputs(c->arm->by->model);
        double *copy = malloc(n * sizeof *copy);
        memcpy(copy, c->p, n * sizeof *copy);
        c->p = copy;
    }
    *(bool *)c->user = true;
}

int bench_predict(struct bench *b, const char *model, const char *body, struct predict_call *c)
{
    const struct catalog *cat = serve_io_catalog(b->io);
    struct rows *rows = serve_io_rows(b->io);
    bool done = false;
    int rc;

    c->route = catalog_route(cat, model, strlen(model));
    assert_non_null(c->route);
    rows_clear(rows, c->route->schema);
    if ((rc = rows_scan_json(rows, body, strlen(body), NULL, &c->err))) return c->rc = rc;
    c->rows = rows;
    c->done = answered;
    c->user = &done;
    c->began_us = c->deadline_us = 0;
    if (!c->request_id) c->request_id = "r";
    if (serve_predict(b->io, c) == 0) {
        if (c->p) answered(c);
    } else {
        bench_wait(b, &done);
    }
    c->rows = NULL;
    return c->rc;
}
