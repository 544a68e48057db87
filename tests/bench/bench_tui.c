/* bench_tui.c: what the console costs, measured from outside in a pseudo-terminal of 120x40.
 *
 *   bench_tui [WORKSPACE]    default: a new one that fill_runs fills with 100,000 runs (or
 *                            $BENCH_RUNS of them), next to this program
 *
 * First paint: from exec to the last byte of the first burst, before 0.4 s of silence; the median
 * of 15 starts. Idle: bytes of 20 s without a key, as bytes a minute, and wake-ups a second of
 * the main thread. Keys: from writing `j` to the first byte back, 60 presses. Prints lines of
 * the bench format. Needs $SIGNALBOX, the program. */
#include "../tui/pty.h"
#include "base/clock.h"
#include "base/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STARTS = 15, PRESSES = 60, IDLE_MS = 20000, SILENCE_US = 400000 };

static const char *program;
static char workspace[512];
static const char *const env[] = { "TERM=xterm-256color", "LC_ALL=C.UTF-8", "NO_COLOR", NULL };

static void report(const char *name, double value, const char *unit)
{
    printf("{\"bench\":\"tui_%s\",\"value\":%.4g,\"unit\":\"%s\"}\n", name, value, unit);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof *v, compare);
    return v[n / 2];
}

static void start(struct pty *p)
{
    char *const argv[] = { (char *)(uintptr_t)program, (char *)(uintptr_t) "-w", workspace,
                           (char *)(uintptr_t) "--no-bootstrap", NULL };
    pty_start(p, 120, 40, argv, env, false);
}

/* Until nothing came for 0.4 s. */
static void until_silent(struct pty *p)
{
    do pty_pump(p, 50);
    while (p->bytes == 0 || clock_mono_us() - p->last_us < SILENCE_US);
}

static void quit(struct pty *p)
{
    pty_send(p, "q");
    pty_exit(p, 5000);
    pty_stop(p);
}

static void bench_start(void)
{
    double ms[STARTS], bytes = 0;
    for (int i = 0; i < STARTS; i++) {
        struct pty p;
        int64_t since = clock_mono_us();
        start(&p);
        until_silent(&p);
        ms[i] = (double)(p.last_us - since) / 1000;
        bytes = (double)p.bytes;
        quit(&p);
    }
    report("first_paint", median(ms, STARTS), "ms");
    report("first_paint_worst", ms[STARTS - 1], "ms");
    report("first_paint_size", bytes, "bytes");
}

static long switches(pid_t pid)
{
    char path[64], line[256];
    long n = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1) break;
    if (f) fclose(f);
    return n;
}

static void bench_idle(void)
{
    struct pty p;
    start(&p);
    until_silent(&p);
    pty_pump(&p, 6000); /* what follows the start, and the eager second after it */
    size_t before = p.bytes;
    long woke = switches(p.pid);
    pty_pump(&p, IDLE_MS);
    report("idle_bytes", (double)(p.bytes - before) * 60000 / IDLE_MS, "bytes/min");
    report("idle_wakeups", (double)(switches(p.pid) - woke) * 1000 / IDLE_MS, "1/s");
    quit(&p);
}

static void bench_keys(void)
{
    double ms[PRESSES], bytes[PRESSES];
    struct pty p;
    start(&p);
    until_silent(&p);
    pty_send(&p, "2");
    until_silent(&p);
    for (int i = 0; i < PRESSES; i++) {
        size_t before = p.bytes;
        int64_t since = clock_mono_us();
        pty_send(&p, i % 20 < 10 ? "j" : "k");
        while (p.bytes == before) pty_take(&p, 1000);
        ms[i] = (double)(p.last_us - since) / 1000;
        pty_pump(&p, 20); /* the whole answer; the details wait longer */
        bytes[i] = (double)(p.bytes - before);
        pty_pump(&p, 200);
    }
    report("key_latency", median(ms, PRESSES), "ms");
    report("key_latency_worst", ms[PRESSES - 1], "ms");
    report("cursor_move", median(bytes, PRESSES), "bytes");
    quit(&p);
}

static int fill(const char *self)
{
    char command[1400];
    const char *slash = strrchr(self, '/');
    const char *runs = getenv("BENCH_RUNS");
    snprintf(workspace, sizeof workspace, "/tmp/sbbenchXXXXXX");
    if (!mkdtemp(workspace)) return 1;
    snprintf(command, sizeof command, "'%.*s/fill_runs' '%s' %s >/dev/null",
             slash ? (int)(slash - self) : 1, slash ? self : ".", workspace,
             runs ? runs : "100000");
    return system(command);
}

int main(int argc, char **argv)
{
    program = getenv("SIGNALBOX");
    if (!program) {
        fprintf(stderr, "bench_tui: $SIGNALBOX must name the program\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1) snprintf(workspace, sizeof workspace, "%s", argv[1]);
    else if (fill(argv[0])) return 1;
    bench_start();
    bench_idle();
    bench_keys();
    if (argc > 1) return 0;
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", workspace);
    return system(command);
}
