/* test_cache.c: entries of the workspace's cache: whole, of their key, one an owner, bounded; and
 * a model's reference read from it: the same to the bit, made again when it is damaged or what
 * it was made from has changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "desk.h"
#include "app/cache.h"
#include "app/monitor_priv.h"
#include "app/verb.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utime.h>

#define DAY  (86400 * 1000000LL)
#define JAN5 (1767571200LL * 1000000) /* 2026-01-05 */

struct fixture {
    char dir[64];
    struct clock clock;
    struct app app;
    struct arena a;
    struct err e;
};

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(1, sizeof *f);
    desk_open(&f->app, f->dir, &f->clock, JAN5 + 30 * DAY);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    desk_close(&f->app);
    arena_done(&f->a);
    free(f);
    return 0;
}

/* ---- helpers ---------------------------------------------------------------------------- */

/* The only file of the cache that begins so; NULL: none. */
static const char *entry_of(struct fixture *f, const char *prefix)
{
    DIR *dir = opendir(arena_printf(&f->a, "%s/cache", f->dir));
    const char *found = NULL;
    if (!dir) return NULL;
    for (const struct dirent *d; (d = readdir(dir));) {
        if (!str_starts(d->d_name, prefix)) continue;
        assert_null(found);
        found = arena_printf(&f->a, "%s/cache/%s", f->dir, d->d_name);
    }
    closedir(dir);
    return found;
}

static void flip(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    int c = fgetc(file);
    assert_int_equal(fseek(file, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    assert_int_equal(fputc(c ^ 1, file), c ^ 1);
    assert_int_equal(fclose(file), 0);
}

static bool holds(struct fixture *f, const struct cache_slot *s, const char *want)
{
    STR_AUTO got = STR_INIT;
    bool found = cache_get(&f->app, s, &got);
    if (found) assert_string_equal(str_c(&got), want);
    return found;
}

/* ---- entries ---------------------------------------------------------------------------- */

static void entries_are_of_their_key(void **state)
{
    struct fixture *f = *state;
    const struct cache_slot one = { "kind", "owner", "key 1" }, two = { "kind", "owner", "key 2" };
    const struct cache_slot other = { "kind", "another", "key 1" };
    assert_false(holds(f, &one, ""));
    cache_put(&f->app, &one, "bytes", 5);
    cache_put(&f->app, &other, "others", 6);
    assert_true(holds(f, &one, "bytes"));
    assert_true(holds(f, &other, "others"));
    assert_false(holds(f, &two, ""));
    cache_put(&f->app, &two, "new", 3);
    assert_true(holds(f, &two, "new"));
    assert_false(holds(f, &one, "")); /* an owner has one */
    assert_true(holds(f, &other, "others"));
    cache_put(&f->app, &two, "", 0);
    assert_true(holds(f, &two, ""));
    struct app nowhere = f->app;
    nowhere.dir = "/proc/nowhere";
    cache_put(&nowhere, &one, "bytes", 5); /* cannot be written: no matter */
    nowhere.dir = NULL;
    cache_put(&nowhere, &one, "bytes", 5);
    STR_AUTO got = STR_INIT;
    assert_false(cache_get(&nowhere, &one, &got));
}

static void damage_is_absence(void **state)
{
    struct fixture *f = *state;
    const struct cache_slot s = { "kind", "owner", "key" };
    cache_put(&f->app, &s, "some bytes", 10);
    const char *path = entry_of(f, "kind-");
    long size = (long)file_size(path);
    for (long at = 0; at < size; at++) {
        flip(path, at);
        assert_false(holds(f, &s, ""));
        flip(path, at);
    }
    assert_true(holds(f, &s, "some bytes"));
    while (size-- > 0) {
        assert_int_equal(truncate(path, size), 0);
        assert_false(holds(f, &s, ""));
    }
    cache_put(&f->app, &s, "some bytes", 10);
    assert_true(holds(f, &s, "some bytes"));
    assert_int_equal(file_remove_tree(arena_printf(&f->a, "%s/cache", f->dir), NULL), 0);
    assert_false(holds(f, &s, ""));
}

static void the_oldest_make_room(void **state)
{
    struct fixture *f = *state;
    const struct cache_slot old = { "kind", "old", "k" }, young = { "kind", "young", "k" };
    cache_put(&f->app, &old, "old", 3);
    const char *first = entry_of(f, "kind-");
    const struct utimbuf then = { 1000, 1000 };
    assert_int_equal(utime(first, &then), 0);
    cache_put(&f->app, &young, "young", 5);
    assert_true(holds(f, &old, "old"));
    /* a file of the folder's whole size, younger than the old entry, without a block of its own */
    const char *large = arena_printf(&f->a, "%s/cache/large", f->dir);
    assert_int_equal(file_write_atomic(large, "", 0, NULL), 0);
    assert_int_equal(truncate(large, CACHE_MAX), 0);
    const struct utimbuf later = { 2000, 2000 };
    assert_int_equal(utime(large, &later), 0);
    cache_put(&f->app, &young, "young", 5);
    assert_false(file_exists(large));
    assert_false(holds(f, &old, ""));
    assert_true(holds(f, &young, "young"));
}

/* ---- references ------------------------------------------------------------------------- */

static const char *write_file(struct fixture *f, const char *name, const char *text)
{
    const char *path = arena_printf(&f->a, "%s/%s", f->dir, name);
    assert_int_equal(file_write_atomic(path, text, strlen(text), &f->e), 0);
    return path;
}

/* Numbers with gaps, negative zero and infinities; levels with missing ones; scores. */
static void write_reference(struct fixture *f, uint64_t seed)
{
    STR_AUTO s = STR_INIT;
    struct rng r;
    rng_seed(&r, seed);
    str_add(&s, "x,shop,at,flag,probability\n");
    for (int i = 0; i < 3000; i++) {
        if (i % 7) str_addf(&s, "%.9g", rng_normal(&r));
        else if (i % 2) str_add(&s, i % 3 ? "-0" : "inf");
        str_addf(&s, ",%s,2026-01-01T00:00:%02dZ,%s,%.6f\n",
                 i % 11 ? i % 3 ? "north" : "south \xc3\xa9" : "", i % 60, i % 5 ? "true" : "false",
                 rng_unit(&r));
    }
    const char *path = write_file(f, "reference.csv", str_c(&s));
    write_file(f, "signalbox.yaml",
               arena_printf(&f->a,
                            "monitoring: { reference: %s, max_rows: 1000, multivariate: pca }\n",
                            path));
}

static void open_monitor(struct fixture *f, struct monitor *m)
{
    if (monitor_open(&f->app, &f->a, "m", m, &f->e)) fail_msg("%s", f->e.msg);
    assert_non_null(m->ref.features);
}

static void same_frame(const struct frame *a, const struct frame *b)
{
    assert_int_equal(a->n_rows, b->n_rows);
    assert_int_equal(a->n_cols, b->n_cols);
    for (size_t j = 0; j < a->n_cols; j++) {
        const struct column *c = &a->cols[j], *d = &b->cols[j];
        assert_string_equal(c->name, d->name);
        assert_int_equal(c->type, d->type);
        if (!c->code) {
            assert_memory_equal(c->num, d->num, a->n_rows * sizeof *c->num);
            continue;
        }
        assert_memory_equal(c->code, d->code, a->n_rows * sizeof *c->code);
        assert_int_equal(dict_len(c->dict), dict_len(d->dict));
        for (size_t i = 0; i < dict_len(c->dict); i++)
            assert_string_equal(dict_str(c->dict, (int32_t)i, NULL),
                                dict_str(d->dict, (int32_t)i, NULL));
    }
}

static void same_reference(const struct reference *a, const struct reference *b)
{
    assert_int_equal(a->rows, b->rows);
    assert_int_equal(a->probable, b->probable);
    same_frame(a->features, b->features);
    same_frame(a->sample, b->sample);
    same_frame(a->scores, b->scores);
    for (size_t i = 0; i < a->features->n_cols; i++)
        assert_memory_equal(&a->feature_bins[i], &b->feature_bins[i], sizeof *a->feature_bins);
}

static void a_reference_is_the_same_from_the_cache(void **state)
{
    struct fixture *f = *state;
    struct monitor made, kept, again;
    write_reference(f, 1);
    open_monitor(f, &made);
    assert_int_equal(made.ref.rows, 3000);
    assert_int_equal(made.ref.features->n_rows, 1000);
    assert_int_equal(made.ref.sample->n_rows, 3000);
    const char *path = entry_of(f, "reference-");
    assert_non_null(path);
    open_monitor(f, &kept);
    same_reference(&made.ref, &kept.ref);
    monitor_done(&kept);
    /* damaged: made again, and kept again */
    STR_AUTO before = STR_INIT, after = STR_INIT;
    assert_int_equal(file_read(path, 1u << 26, &before, NULL), 0);
    flip(path, -1000);
    open_monitor(f, &again);
    same_reference(&made.ref, &again.ref);
    assert_int_equal(file_read(path, 1u << 26, &after, NULL), 0);
    assert_true(before.len == after.len && memcmp(before.p, after.p, before.len) == 0);
    monitor_done(&again);
    /* what an entry says is what counts: it is read, not made */
    struct reference other = made.ref, back = { 0 };
    other.rows = 77;
    reference_remember(&made, "a key", &other);
    assert_true(reference_recall(&made, "a key", &back));
    assert_int_equal(back.rows, 77);
    reference_done(&back);
    assert_false(reference_recall(&made, "another key", &back));
    monitor_done(&made);
}

static void a_changed_reference_is_read_again(void **state)
{
    struct fixture *f = *state;
    struct monitor m;
    write_reference(f, 1);
    open_monitor(f, &m);
    double first = m.ref.features->cols[0].num[0];
    monitor_done(&m);
    const char *path = arena_strdup(&f->a, entry_of(f, "reference-"));
    write_reference(f, 2); /* as many bytes, or nearly so */
    open_monitor(f, &m);
    assert_true(m.ref.features->cols[0].num[0] != first);
    monitor_done(&m);
    assert_false(file_exists(path)); /* the entry that nobody will ask for again is gone */
    assert_non_null(entry_of(f, "reference-"));
    const char *yaml = arena_printf(
        &f->a, "monitoring: { reference: %s/reference.csv, max_rows: 1500 }\n", f->dir);
    write_file(f, "signalbox.yaml", yaml);
    open_monitor(f, &m);
    assert_int_equal(m.ref.features->n_rows, 1500);
    monitor_done(&m);
}

/* Snapshots of one window, but for their version. */
static const char *snapshot_of(struct fixture *f)
{
    struct val *data = NULL;
    STR_AUTO json = STR_INIT;
    const struct window w = { JAN5, JAN5 + DAY };
    if (monitor_measure(&f->app, "m", w, &data, &f->a, &f->e)) fail_msg("%s", f->e.msg);
    val_set_int(data, "version", 0);
    val_write_json(&json, data, 0);
    return arena_strdup(&f->a, str_c(&json));
}

static void snapshots_do_not_depend_on_the_cache(void **state)
{
    struct fixture *f = *state;
    struct reply r;
    STR_AUTO s = STR_INIT;
    struct rng g;
    rng_seed(&g, 3);
    write_reference(f, 1);
    str_add(&s, "request_id,timestamp,prediction,probability,x,shop,flag\n");
    for (int i = 0; i < 400; i++)
        str_addf(&s, "r%d,2026-01-05T%02d:%02d:00Z,1,%.6f,%.9g,%s,%s\n", i, i / 60, i % 60,
                 rng_unit(&g), rng_normal(&g) + 0.5, i % 3 ? "north" : "east",
                 i % 4 ? "true" : "false");
    struct val *in = val_obj(&f->a);
    val_set_str(in, "name", "m");
    val_set_str(in, "data", write_file(f, "in.csv", str_c(&s)));
    reply_init(&r);
    if (verb_call(&f->app, verb_find("monitor ingest"), in, &r, &f->e)) fail_msg("%s", f->e.msg);
    reply_done(&r);
    const char *made = snapshot_of(f), *kept = snapshot_of(f);
    assert_true(strlen(made) > 3000 && strstr(made, "\"multivariate\""));
    assert_string_equal(made, kept);
    flip(entry_of(f, "reference-"), -5);
    assert_string_equal(snapshot_of(f), made);
    assert_int_equal(file_remove_tree(arena_printf(&f->a, "%s/cache", f->dir), NULL), 0);
    assert_string_equal(snapshot_of(f), made);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest t[] = {
        TEST(entries_are_of_their_key),
        TEST(damage_is_absence),
        TEST(the_oldest_make_room),
        TEST(a_reference_is_the_same_from_the_cache),
        TEST(a_changed_reference_is_read_again),
        TEST(snapshots_do_not_depend_on_the_cache),
    };
    return cmocka_run_group_tests_name("cache", t, NULL, NULL);
}
