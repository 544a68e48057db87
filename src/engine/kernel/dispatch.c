/* dispatch.c: one table of kernels per instruction set, and the choice between them.
 *
 * The processor is asked each time; nothing is kept, so there is no state to initialise and
 * any thread may call. A caller asks once per fit, not per row. */
#include "engine/kernel/kernel.h"
#include "engine/kernel/variants.h"

static const struct kernels generic = {
    .isa = "generic",
#define KERNEL(name, args) .name = kernel_##name##_generic,
#include "engine/kernel/kernels.def"
#undef KERNEL
};

#ifdef KERNEL_HAVE_AVX2
static const struct kernels avx2 = {
    .isa = "avx2",
#define KERNEL(name, args) .name = kernel_##name##_avx2,
#include "engine/kernel/kernels.def"
#undef KERNEL
};
#endif

const struct kernels *kernels_for(enum kernel_isa isa)
{
    if (isa == KERNEL_GENERIC) return &generic;
#ifdef KERNEL_HAVE_AVX2
    if (isa == KERNEL_AVX2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("popcnt"))
        return &avx2;
#endif
    return NULL;
}

const struct kernels *kernels_best(void)
{
    const struct kernels *k = kernels_for(KERNEL_AVX2);
    return k ? k : &generic;
}
