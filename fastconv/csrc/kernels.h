/* The contract between _core.pyx and the register tiles.
 *
 * A tile works on one small block held in registers. It starts no threads, allocates nothing, knows no Python and cannot
 * fail: whoever calls it has checked every size. Each instruction set exports one constant table of the same tiles. */
#ifndef FASTCONV_KERNELS_H
#define FASTCONV_KERNELS_H

#include <stdint.h>

/* Activations that a tile may apply to a value on its way to memory. */
enum activation { LINEAR = 0, RELU = 1, LEAKY_RELU = 2, ELU = 3, SIGMOID = 4, TANH = 5 };

typedef struct {
    const char *name;    /* as FASTCONV_ISA spells it */
    int vector_floats;   /* lanes of one float32 vector */

    /* FMA peak: runs `steps` x 24 independent vector multiply-adds in registers; returns a value so that none is dropped. */
    float (*f32_fma_peak)(int64_t steps);
} kernel_table;

/* Every instruction set that this build holds, the best last: X(name, "is it usable on this processor"). */
#if defined(__x86_64__)
#define FOR_EACH_ISA(X)                                                                                       \
    X(ref, 1)                                                                                                 \
    X(avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))                                  \
    X(avx512, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&                      \
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&                 \
                  __builtin_cpu_supports("avx512cd"))
#else
#define FOR_EACH_ISA(X) X(ref, 1)
#endif

#define DECLARE_TABLE(isa, usable) extern const kernel_table kernels_##isa;
FOR_EACH_ISA(DECLARE_TABLE)
#undef DECLARE_TABLE

/* The table called `name`, or the best usable one when name is NULL; NULL when it is unknown or unusable here. */
const kernel_table *fastconv_find_kernels(const char *name);

/* The i-th table usable on this processor, the best last; NULL past the end. */
const kernel_table *fastconv_usable_kernels(int i);

/* Flushes denormals to zero on the calling thread; returns the former state for fastconv_restore_denormals. */
unsigned fastconv_flush_denormals(void);
void fastconv_restore_denormals(unsigned state);

#endif
