/* drive.c: see drive.h. */
#include "drive.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORDS = 24, HANGS_S = 120, ROWS = 400 };

void drive_die(const char *what, const char *why)
{
    fprintf(stderr, "FAILED: %s: %s\n", what, why);
    _exit(1);
}

long drive_env(const char *name, long dflt)
{
    long long v;
    const char *text = getenv(name);

    return text && str_to_i64(text, &v) && v > 0 ? (long)v : dflt;
}

void drive_sleep_us(int64_t us)
{
    const struct timespec t = { us / 1000000, us % 1000000 * 1000 };

    nanosleep(&t, NULL);
}

pid_t drive_start(const struct drive *d, const char *const *words)
{
    const char *argv[WORDS] = { d->program, "-q", "-w", d->ws, "-o", "json" };
    size_t n = 6;
    pid_t pid;

    while (*words && n < WORDS - 1) argv[n++] = *words++;
    pid = fork();
    if (pid == 0) {
        int out = open(d->out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        int null = open("/dev/null", O_RDWR);
        setpgid(0, 0);
        dup2(null, 0);
        dup2(out, 1);
        dup2(null, 2);
        execv(d->program, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    if (pid < 0) drive_die("fork", strerror(errno));
    setpgid(pid, pid);
    return pid;
}

bool drive_ends_within(pid_t pid, int64_t us)
{
    enum { STEP_US = 1000 };
    siginfo_t info = { 0 };

    for (;; us -= STEP_US) {
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid)
            return true;
        if (us <= 0) return false;
        drive_sleep_us(us < STEP_US ? us : STEP_US);
    }
}

int drive_finish(pid_t pid)
{
    int status = 0;

    alarm(HANGS_S);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    alarm(0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool drive_open(struct drive *d, uint64_t seed)
{
    STR_AUTO text = STR_INIT;
    struct err e = ERR_INIT;

    d->program = getenv("SIGNALBOX");
    if (!d->program) return false;
    rng_seed(&d->rng, seed);
    snprintf(d->dir, sizeof d->dir, "/tmp/sbxdrive.XXXXXX");
    if (!mkdtemp(d->dir)) drive_die("mkdtemp", strerror(errno));
    snprintf(d->ws, sizeof d->ws, "%s/ws", d->dir);
    snprintf(d->out, sizeof d->out, "%s/out", d->dir);
    snprintf(d->table, sizeof d->table, "%s/table.csv", d->dir);
    str_add(&text, "x,z,y\n");
    for (int i = 0; i < ROWS; i++) {
        double x = rng_normal(&d->rng), z = rng_normal(&d->rng);
        str_addf(&text, "%.3f,%.3f,%d\n", x, z, x + z * x > 0.2);
    }
    if (file_write_atomic(d->table, text.p, text.len, &e) < 0) drive_die("table", e.msg);
    if (drive_finish(drive_start(d, (const char *const[]){ "init", NULL })) != 0)
        drive_die("init", "failed");
    return true;
}

void drive_close(struct drive *d)
{
    struct err e = ERR_INIT;

    if (file_remove_tree(d->dir, &e) < 0) drive_die("clean up", e.msg);
}
