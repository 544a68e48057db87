/* cpu.h: how many CPUs this process may use: its affinity mask and, in a container, the CPU
 * quota of its control group. Any thread. */
#pragma once

int cpu_count(void); /* >= 1 */
