/* The contract between _core.pyx and the register tiles.
 *
 * A tile works on one small block held in registers. It starts no threads, allocates nothing, knows no Python and cannot
 * fail: whoever calls it has checked every size. Each instruction set exports one constant table of the same tiles. */
#ifndef FASTCONV_KERNELS_H
#define FASTCONV_KERNELS_H

#include <stdint.h>

/* Activations that a tile may apply to a value on its way to memory. */
enum activation { LINEAR = 0, RELU = 1, LEAKY_RELU = 2, ELU = 3, SIGMOID = 4, TANH = 5 };

/* One register tile of a matrix product; tile_gemm.h says what it computes. */
typedef struct {
    const float *const *rows;    /* `height` pointers */
    const int64_t *offsets;      /* `segments` of them, added to each row pointer in turn */
    int64_t segments, depth;     /* `depth` elements of every segment, */
    int64_t step;                /* `step` floats apart */
    const float *b;              /* segments * depth rows, each of whole vectors, */
    int64_t b_step;              /* `b_step` floats apart */
    float *const *out;           /* `height` pointers; the tile writes columns [column, column + columns) */
    int64_t height, column, columns;
    int64_t accumulate;          /* start from what `out` holds; else from bias, or 0 where it is NULL */
    const float *bias;           /* of the tile's first column */
    int64_t activation;
    float alpha;
} gemm_tile;

enum { GEMM_VECTORS = 4, GEMM_ROWS = 14 };    /* no tile is wider or higher */

typedef struct {
    const char *name;    /* as FASTCONV_ISA spells it */
    int vector_floats;   /* lanes of one float32 vector */

    /* FMA peak: runs `steps` x 24 independent vector multiply-adds in registers; returns a value so that none is dropped. */
    float (*f32_fma_peak)(int64_t steps);

    /* Matrix product tiles by [vectors of columns][rows], and the most rows that each width has (0: no such width). */
    int gemm_height[GEMM_VECTORS + 1];
    void (*f32_gemm[GEMM_VECTORS + 1][GEMM_ROWS + 1])(const gemm_tile *tile);

    /* to[k][c] = from[k * step + c] or from[c * step + k] for c < columns, 0 up to `width`, which is whole vectors. */
    void (*f32_pack_rows)(float *to, int64_t width, const float *from, int64_t rows, int64_t step, int64_t columns);
    void (*f32_pack_columns)(float *to, int64_t width, const float *from, int64_t rows, int64_t step, int64_t columns);

    /* y[c] += sum over k < depth of a[k] * b[k * b_step + c]. */
    void (*f32_gemv)(float *y, const float *a, const float *b, int64_t b_step, int64_t columns, int64_t depth);

    /* y[i] = f(x[i]) and dx[i] = dy[i] f'(x[i]) for a `kind` of enum activation; the output may be an input. */
    void (*f32_activate)(float *y, const float *x, int64_t n, int kind, float alpha);
    void (*f32_activate_backward)(float *dx, const float *dy, const float *y, int64_t n, int kind, float alpha);
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
