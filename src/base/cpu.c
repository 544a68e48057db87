/* cpu.c: CPUs by affinity and by quota, whichever is less.
 *
 * In a container the affinity mask often shows all CPUs of the host while the control group
 * allows the time of two; starting a thread for each of the others would only make them wait
 * for one another. Only control groups of version 2 are read, at the root of the namespace,
 * which is where a container sees its own limit. */
#include "base/cpu.h"

#include "base/file.h"
#include "base/str.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>

/* CPUs worth of time the control group allows, rounded up; INT_MAX without a limit. */
static int quota_cpus(void)
{
    STR_AUTO text = STR_INIT;
    long long quota, period;

    if (file_read("/sys/fs/cgroup/cpu.max", 256, &text, NULL) < 0) return INT_MAX;
    if (sscanf(str_c(&text), "%lld %lld", &quota, &period) != 2) return INT_MAX;
    if (quota <= 0 || period <= 0 || quota / period >= INT_MAX) return INT_MAX;
    return (int)((quota + period - 1) / period);
}

int cpu_count(void)
{
    cpu_set_t set;
    int cpus = 1, quota = quota_cpus();

    if (sched_getaffinity(0, sizeof set, &set) == 0) cpus = CPU_COUNT(&set);
    if (cpus < 1) cpus = 1;
    return cpus < quota ? cpus : quota;
}
