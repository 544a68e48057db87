/* drive.h: driving the real program from a C test: a temporary folder with a workspace and a
 * small table, processes in groups of their own, and an end when anything goes wrong. */
#pragma once
#include "base/rng.h"

#include <stdbool.h>
#include <stdnoreturn.h>
#include <sys/types.h>

struct drive {
    const char *program;                      /* $SIGNALBOX */
    char dir[64], ws[80], table[80], out[80]; /* out: standard output of the last one */
    struct rng rng;
};

noreturn void drive_die(const char *what, const char *why);
long drive_env(const char *name, long dflt); /* a positive number */
/* False: $SIGNALBOX is not set, to be skipped. Makes the workspace and the table, columns
 * x, z and y, 0 or 1. */
bool drive_open(struct drive *d, uint64_t seed);
void drive_close(struct drive *d);
/* signalbox -q -w WS -o json WORDS…, NULL-terminated; leads a process group. */
pid_t drive_start(const struct drive *d, const char *const *words);
/* Waits that long at most; true: it has ended, and drive_finish says how. */
bool drive_ends_within(pid_t pid, int64_t us);
/* Its exit status, 128+n for a signal. What runs for two minutes ends the test. */
int drive_finish(pid_t pid);
void drive_sleep_us(int64_t us);
