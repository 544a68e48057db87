/* variants.h: declarations of every kernel in every instruction set; only for kernel/. */
#pragma once
#include "engine/kernel/kernel.h"

#if defined(__x86_64__)
#define KERNEL_HAVE_AVX2 1
#endif

#define KERNEL(name, args) void kernel_##name##_generic args;
#include "engine/kernel/kernels.def"
#undef KERNEL

#ifdef KERNEL_HAVE_AVX2
#define KERNEL(name, args) void kernel_##name##_avx2 args;
#include "engine/kernel/kernels.def"
#undef KERNEL
#endif
