/* bench_drift.c: speed of drift statistics, as JSON lines for make bench.
 *
 *   bench_drift [ROWS [COLUMNS]]    1,000,000 rows a side and 50 columns when not said otherwise
 *
 * One column of doubles against another: sorting both and one merge, which gives the statistics
 * of Kolmogorov-Smirnov, Wasserstein, energy, Cramer-von Mises, Anderson-Darling and
 * Mann-Whitney; again with the reference sorted before, as monitoring has it; binning and the
 * index of population stability. Then a whole table against another with the profile sound, on
 * all processors; the same with the reference's columns sorted, as the workspace's cache keeps
 * them; and the features together. Best of three. With SciPy in $SIGNALBOX_BENCH_PYTHON, else
 * python3, else /usr/bin/python3, the six are run there on the same values in the same run, and
 * printed as a ratio. Not a test. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/drift/multivariate.h"
#include "engine/pool.h"
#include "engine/stats/bins.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { REPEATS = 3, BIN_COUNT = 10 };

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_drift: %s\n", what);
    exit(1);
}

static void print(const char *name, double value, const char *unit)
{
    printf("{\"bench\":\"drift.%s\",\"value\":%.4g,\"unit\":\"%s\"}\n", name, value, unit);
    fflush(stdout);
}

static void fill(double *x, size_t n, uint64_t stream, double shift)
{
    struct rng r;

    rng_stream(&r, 11, stream);
    for (size_t i = 0; i < n; i++) x[i] = rng_normal(&r) + shift;
}

static struct sample sorted(const double *x, size_t n)
{
    struct sample s;

    if (sample_new(x, n, &s, NULL) < 0) die("no memory");
    return s;
}

struct column_times {
    double both, merge, psi; /* seconds, the best */
    struct two_sample stats;
};

static double since(int64_t start)
{
    return (double)(clock_mono_us() - start) / 1e6;
}

static void time_column(const double *x, const double *y, size_t n, struct column_times *t)
{
    double a[BINS_MAX], b[BINS_MAX];
    struct bins bins;
    int64_t start = clock_mono_us();
    struct sample ref = sorted(x, n);
    int64_t second = clock_mono_us();
    struct sample cur = sorted(y, n);

    two_sample_merge(&ref, &cur, &t->stats);
    t->both = fmin(t->both, since(start));
    t->merge = fmin(t->merge, since(second));
    start = clock_mono_us();
    bins_quantile(&ref, BIN_COUNT, &bins);
    bins_count(&bins, &ref, a);
    bins_count(&bins, &cur, b);
    t->psi = fmin(t->psi, since(start));
    if (!(dist_psi_jeffreys(a, b, bins.n) >= 0)) die("no index");
    sample_done(&ref);
    sample_done(&cur);
}

static double time_table(const struct engine *en, const struct frame *ref, const struct frame *cur)
{
    double best = INFINITY;

    for (int i = 0; i < REPEATS; i++) {
        struct drift_report r;
        struct err e = ERR_INIT;
        int64_t start = clock_mono_us();
        if (drift_compare(en, ref, cur, drift_profile_find("sound"), NULL, &r, &e)) die(e.msg);
        best = fmin(best, since(start));
        drift_report_done(&r);
    }
    return best;
}

/* The features together, on as many rows as such a test takes. */
static void time_together(const struct engine *en, const struct multi_test *t,
                          const struct frame *ref, const struct frame *cur)
{
    struct multi_result r;
    struct err e = ERR_INIT;
    int64_t start = clock_mono_us();
    char name[64];

    if (multi_compare(en, t, ref, cur, drift_profile_find("sound"), NULL, &r, &e)) die(e.msg);
    snprintf(name, sizeof name, "together_%s", t->name);
    print(name, since(start), "s");
}

static void bench_table(const double *x, const double *y, size_t n, size_t columns)
{
    struct engine en = { .pool = pool_new(0) };
    struct frame *ref = frame_new(), *cur = frame_new();
    struct rusage use;
    char name[32];

    if (!en.pool) die("no threads");
    for (size_t c = 0; c < columns; c++) { /* other values in another order, the same cost */
        struct column *a, *b;
        snprintf(name, sizeof name, "c%zu", c);
        if (frame_add(ref, name, COL_REAL, n, &a, NULL) ||
            frame_add(cur, name, COL_REAL, n, &b, NULL))
            die("no memory for the table");
        for (size_t i = 0; i < n; i++) {
            a->num[i] = x[(i + c * 7919) % n] * (double)(c + 1);
            b->num[i] = y[(i + c * 104729) % n] * (double)(c + 1);
        }
    }
    getrusage(RUSAGE_SELF, &use);
    double before = (double)use.ru_maxrss / 1024, best = time_table(&en, ref, cur);
    getrusage(RUSAGE_SELF, &use);
    print("table", best, "s");
    print("table_cells", 2 * (double)(n * columns) / best, "cells/s");
    print("table_extra_memory", (double)use.ru_maxrss / 1024 - before, "MB");
    print("peak_memory", (double)use.ru_maxrss / 1024, "MB");
    for (const struct multi_test *t = multi_tests; t->name; t++) time_together(&en, t, ref, cur);
    for (size_t c = 0; c < columns; c++) {
        struct sample s = sorted(ref->cols[c].num, n);
        memcpy(ref->cols[c].num, s.x, n * sizeof *s.x);
        sample_done(&s);
    }
    print("table_reference_sorted", time_table(&en, ref, cur), "s");
    frame_free(ref);
    frame_free(cur);
    pool_free(en.pool);
}

/* ---- SciPy, where there is one ---------------------------------------------------------- */

static const char script[] =
    "import sys, time, numpy as np\n"
    "from scipy import stats\n"
    "x, y = np.fromfile(sys.argv[1]), np.fromfile(sys.argv[2])\n"
    "six = [lambda: stats.ks_2samp(x, y, method='asymp').statistic,\n"
    "       lambda: stats.wasserstein_distance(x, y), lambda: stats.energy_distance(x, y),\n"
    "       lambda: stats.cramervonmises_2samp(x, y, method='asymptotic').statistic,\n"
    "       lambda: stats.anderson_ksamp([x, y]).statistic,\n"
    "       lambda: stats.mannwhitneyu(x, y, method='asymptotic').statistic]\n"
    "import warnings; warnings.simplefilter('ignore')\n"
    "t = time.perf_counter(); v = [float(f()) for f in six]\n"
    "print(time.perf_counter() - t, *('%.17g' % f for f in v))\n";

static void write_all(const char *path, const void *p, size_t size)
{
    FILE *f = fopen(path, "wb");

    if (!f || fwrite(p, 1, size, f) != size || fclose(f)) die("cannot write");
}

static void agree(const char *what, double ours, double theirs)
{
    if (!(fabs(ours - theirs) <= 1e-6 * fabs(theirs) + 1e-9))
        fprintf(stderr, "bench_drift: %s: %.12g here, %.12g in SciPy\n", what, ours, theirs);
}

/* Seconds SciPy takes for the six, and their values; false: that python has no SciPy. */
static bool ask_scipy(const char *python, char path[3][64], double *took, double v[6])
{
    char command[320];

    snprintf(command, sizeof command, "%.80s %s %s %s 2>/dev/null", python, path[2], path[0],
             path[1]);
    FILE *f = popen(command, "r");
    int got = f ? fscanf(f, "%lf %lf %lf %lf %lf %lf %lf", took, &v[0], &v[1], &v[2], &v[3], &v[4],
                         &v[5])
                : 0;
    if (f) pclose(f);
    return got == 7;
}

static void compare_scipy(const double *x, const double *y, size_t n, const struct column_times *t)
{
    char dir[] = "/tmp/bench_drift.XXXXXX", path[3][64];
    double took = 0, v[6] = { 0 };
    const char *named = getenv("SIGNALBOX_BENCH_PYTHON");

    if (!mkdtemp(dir)) die("no folder");
    for (int i = 0; i < 3; i++) snprintf(path[i], sizeof path[i], "%s/%d", dir, i);
    write_all(path[0], x, n * sizeof *x);
    write_all(path[1], y, n * sizeof *y);
    write_all(path[2], script, sizeof script - 1);
    bool got = named ? ask_scipy(named, path, &took, v)
                     : ask_scipy("python3", path, &took, v) ||
                           ask_scipy("/usr/bin/python3", path, &took, v);
    for (int i = 0; i < 3; i++) unlink(path[i]);
    rmdir(dir);
    if (!got) {
        puts("bench_drift: no python3 with SciPy (set SIGNALBOX_BENCH_PYTHON), nothing to compare "
             "with");
        return;
    }
    agree("KS", t->stats.ks, v[0]);
    agree("Wasserstein", t->stats.wasserstein, v[1]);
    agree("energy", t->stats.energy, v[2]);
    agree("Cramer-von Mises", t->stats.cvm, v[3]);
    agree("Anderson-Darling", t->stats.ad, v[4]);
    agree("Mann-Whitney", t->stats.u1, v[5]);
    print("six_statistics_scipy", took, "s");
    print("six_statistics_ratio", took / t->both, "times");
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    size_t columns = argc > 2 ? strtoul(argv[2], NULL, 10) : 50;
    struct column_times t = { INFINITY, INFINITY, INFINITY, { 0 } };
    double *x = mem_try(n + 1, sizeof *x), *y = mem_try(n + 1, sizeof *y);

    if (n < 100 || columns < 1) return 2;
    if (!x || !y) die("no memory");
    fill(x, n, 1, 0);
    fill(y, n, 2, 0.01);
    for (int i = 0; i < REPEATS; i++) time_column(x, y, n, &t);
    print("six_statistics", t.both, "s");
    print("six_statistics_reference_sorted", t.merge, "s");
    print("psi_ten_bins", t.psi, "s");
    compare_scipy(x, y, n, &t);
    bench_table(x, y, n, columns);
    free(x);
    free(y);
    return 0;
}
