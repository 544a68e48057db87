/* bench_csv.c: how fast CSV text becomes typed columns, on one thread and on two.
 *
 *   bench_csv [FILE]     FILE, or a generated table of 200,000 rows x 29 numbers like those of
 *                        a physics data set (17 digits in a few columns, short decimals, ints)
 *   bench_csv -g         writes that table to standard output, for others to read
 *
 * Prints JSON lines: MB/s of text, best of five runs, with the whole input in memory so that
 * neither disk nor unpacking counts, and the share of the row scanner alone. One thread: by its
 * CPU time; two: by the clock on the wall, which only an idle machine makes comparable, and by
 * the CPU time of both, which tells what the parting costs. Without FILE also the way of a file of
 * 1,000,000 rows x 28 numbers, 200,000 different ones five times, to the bins that boosted trees
 * learn from, on two threads. pandas.read_csv and LightGBM's Dataset read the same text in the
 * same run where $SIGNALBOX_BENCH_PYTHON (default python3) has them. */
#include "app/ingest.h"
#include "base/file.h"
#include "base/rng.h"
#include "codec/csv.h"
#include "codec/table.h"
#include "engine/learn/gbdt.h"
#include "engine/model/encoder.h"
#include "engine/pool.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define RUNS   5
#define COLS   29
#define BINNED 28 /* columns of the table that is binned */

static void generate(struct str *s, int cols)
{
    enum { ROWS = 200000 };
    struct rng r;

    rng_seed(&r, 1);
    for (int j = 0; j < cols; j++) str_addf(s, "%sf%d", j ? "," : "", j);
    str_add(s, "\n");
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < cols; j++) {
            double v = rng_normal(&r);
            if (j) str_addc(s, ',');
            if (j < 2) str_addf(s, "%.17g", v);
            else if (j < 8) str_addf(s, "%d", (int)(v * 100));
            else str_addf(s, "%.6f", v);
        }
        str_addc(s, '\n');
    }
}

static int no_columns(void *user, char *const *names, size_t n, struct err *e)
{
    (void)user, (void)names, (void)n, (void)e;
    return 0;
}

static int sum_fields(void *user, const struct field *fields, size_t n, struct err *e)
{
    (void)e;
    for (size_t i = 0; i < n; i++) *(size_t *)user += fields[i].len;
    return 0;
}

static int scan_only(struct block *b, struct err *e)
{
    size_t sum = 0;
    const struct row_sink sink = { no_columns, sum_fields, &sum };
    const struct row_options o = { 0 };
    struct row_report r = { 0 };

    return csv_read(b, &o, &sink, &r, e);
}

static int typed(struct block *b, int threads, struct err *e)
{
    const struct table_options o = { .threads = threads };
    struct table t;
    int rc = table_read(b, codec_choose(b), &o, &t, NULL, e);

    if (rc == 0) table_done(&t);
    return rc;
}

static int typed_one(struct block *b, struct err *e)
{
    return typed(b, 1, e);
}

static int typed_two(struct block *b, struct err *e)
{
    return typed(b, 2, e);
}

/* CPU time of this thread: the figure is per core, whatever else the machine does. */
static double seconds_of(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Best time of RUNS in seconds. */
static double best(const struct str *s, const char *name, clockid_t id,
                   int (*fn)(struct block *, struct err *))
{
    double least = 1e9;

    for (int i = 0; i < RUNS; i++) {
        double start = seconds_of(id);
        struct err e = ERR_INIT;
        struct input *in;
        struct block b;
        double t;
        if (input_memory(&in, s->p, s->len, name, &e) || block_open(&b, in, &e) || fn(&b, &e)) {
            fprintf(stderr, "%s\n", e.msg);
            exit(1);
        }
        block_done(&b);
        input_close(in);
        t = seconds_of(id) - start;
        if (t < least) least = t;
    }
    return least;
}

static void print(const char *what, size_t bytes, double seconds)
{
    double mb = (double)bytes / 1e6;

    printf("{\"bench\":\"%s\",\"value\":%.1f,\"unit\":\"MB/s\",\"mb\":%.1f,\"seconds\":%.4f}\n",
           what, mb / seconds, mb, seconds);
}

/* ---- from a file to bins ---- */

__attribute__((noreturn)) static void die(const struct err *e)
{
    fprintf(stderr, "bench_csv: %s\n", e->msg);
    exit(1);
}

/* The columns of a file as bins, by the parts that a training puts together. */
static void bin_file(const char *path)
{
    struct engine en = { .pool = pool_new(2) };
    const struct gbdt_params p = { .max_bin = 255 };
    struct encoder *enc = NULL;
    struct frame *f = NULL;
    struct matrix m = { 0 };
    struct gbdt_bins bins = { 0 };
    struct err e = ERR_INIT;

    if (ingest_frame(path, NULL, &f, NULL, &e) || encoder_fit(&en, ENC_TREE, f, NULL, &enc, &e) ||
        encoder_matrix(&en, enc, f, &m, &e) || gbdt_bin(&en, &m, &p, &bins, &e))
        die(&e);
    gbdt_bins_done(&bins);
    free((double *)(uintptr_t)m.x);
    encoder_free(enc);
    frame_free(f);
    pool_free(en.pool);
}

/* The rows of the text, without the header, `times` times. */
static void repeat_rows(struct str *s, int times)
{
    size_t first = (size_t)(strchr(s->p, '\n') + 1 - s->p), n = s->len - first;

    str_reserve(s, n * (size_t)(times - 1));
    for (int i = 1; i < times; i++) str_addn(s, s->p + first, n);
}

static void print_binned(void)
{
    char path[] = "/tmp/bench_csv_XXXXXX";
    struct str s = STR_INIT;
    struct err e = ERR_INIT;
    double least = 1e9;
    int fd = mkstemp(path);

    if (fd < 0) return;
    close(fd);
    generate(&s, BINNED);
    repeat_rows(&s, 5);
    if (file_write_atomic(path, s.p, s.len, &e)) die(&e);
    for (int i = 0; i < RUNS; i++) {
        double start = seconds_of(CLOCK_MONOTONIC), took;
        bin_file(path);
        took = seconds_of(CLOCK_MONOTONIC) - start;
        if (took < least) least = took;
    }
    printf("{\"bench\":\"csv file of 1,000,000 x 28 to bins, 2 threads\",\"value\":%.3f,"
           "\"unit\":\"s\",\"mb\":%.1f}\n",
           least, (double)s.len / 1e6);
    unlink(path);
    str_done(&s);
}
static const char peers[] =
    "import sys, time\n"
    "def told(what, f):\n"
    "    start = time.process_time(); f(); s = time.process_time() - start\n"
    "    mb = float(sys.argv[2]) / 1e6\n"
    "    print('{\"bench\":\"csv "
    "%s\",\"value\":%.1f,\"unit\":\"MB/s\",\"mb\":%.1f,\"seconds\":%.4f}'\n"
    "          % (what, mb / s, mb, s), flush=True)\n"
    "try:\n"
    "    import pandas\n"
    "    told('pandas.read_csv, CPU time', lambda: pandas.read_csv(sys.argv[1]))\n"
    "except ImportError: pass\n"
    "try:\n"
    "    import lightgbm\n"
    "    told('LightGBM parsed and binned, CPU time', lambda: lightgbm.Dataset(sys.argv[1],\n"
    "         params={'header': True, 'verbosity': -1, 'num_threads': 2}).construct())\n"
    "except ImportError: pass\n";

/* A file of the text for those who cannot read memory; no python, no figures. */
static void print_peers(const struct str *s)
{
    const char *python = getenv("SIGNALBOX_BENCH_PYTHON");
    char folder[] = "/tmp/bench_csv_XXXXXX";
    STR_AUTO csv = STR_INIT;
    STR_AUTO script = STR_INIT;
    STR_AUTO command = STR_INIT;
    struct err e = ERR_INIT;

    if (!mkdtemp(folder)) return;
    str_addf(&csv, "%s/table.csv", folder);
    str_addf(&script, "%s/peers.py", folder);
    str_addf(&command, "%s %s %s %zu 2>/dev/null", python ? python : "python3", str_c(&script),
             str_c(&csv), s->len);
    fflush(stdout);
    if (file_write_atomic(str_c(&csv), s->p, s->len, &e) ||
        file_write_atomic(str_c(&script), peers, sizeof peers - 1, &e) || system(str_c(&command)))
        fprintf(stderr, "bench_csv: no peers\n");
    unlink(str_c(&csv));
    unlink(str_c(&script));
    rmdir(folder);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "generated.csv";
    struct str s = STR_INIT;
    struct err e = ERR_INIT;

    if (argc > 1 && strcmp(name, "-g") == 0) {
        generate(&s, COLS);
        fwrite(s.p, 1, s.len, stdout);
        str_done(&s);
        return 0;
    }
    if (argc > 1 && file_read(name, (size_t)4 << 30, &s, &e)) {
        fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    if (argc == 1) generate(&s, COLS);
    print("csv text to typed columns, 1 thread", s.len,
          best(&s, name, CLOCK_THREAD_CPUTIME_ID, typed_one));
    print("csv text to typed columns, 2 threads", s.len,
          best(&s, name, CLOCK_MONOTONIC, typed_two));
    print("csv text to typed columns, CPU time of 2 threads", s.len,
          best(&s, name, CLOCK_PROCESS_CPUTIME_ID, typed_two));
    print("csv rows scanned, 1 thread", s.len, best(&s, name, CLOCK_THREAD_CPUTIME_ID, scan_only));
    if (argc == 1) print_binned();
    print_peers(&s);
    str_done(&s);
    return 0;
}
