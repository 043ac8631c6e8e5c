/* Includes every tile body for the vector words defined before it and exports them as kernels_<ISA>. */
#include "kernels.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

/* Keeps a vector in its register; compilers may load anew for each use what lies in memory. */
#if defined(__x86_64__)
#define IN_REGISTER(a) __asm__("" : "+v"(a))
#elif defined(__aarch64__)
#define IN_REGISTER(a) __asm__("" : "+w"(a))
#else
#define IN_REGISTER(a) (void)(a)
#endif

/* Keeps a pointer that moves on in its register: compilers would compute each place from the first, with more registers than there are. */
#if defined(__GNUC__)
#define STEP_BY_STEP(pointer) __asm__("" : "+r"(pointer))
#else
#define STEP_BY_STEP(pointer) (void)(pointer)
#endif

#include "simd_derived.h"
#include "simd_math.h"
#include "tile_activation.h"
#include "tile_dropout.h"
#include "tile_elementwise.h"
#include "tile_gemm.h"
#include "tile_dot.h"
#include "tile_grouped.h"
#include "tile_depthwise.h"
#include "tile_image.h"
#include "tile_pack.h"
#include "tile_fourier.h"
#include "tile_peak.h"
#include "tile_planes.h"
#include "tile_pad.h"
#include "tile_reduce.h"
#include "tile_pool.h"
#include "tile_softmax.h"
#include "tile_standardize.h"
#include "tile_update.h"
#include "tile_winograd.h"
#include "tile_winograd_2x2.h"

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define STRING_(a) #a
#define STRING(a) STRING_(a)
#define TABLE_ENTRY(result, name, parameters) .name = name,

const kernel_table PASTE(kernels_, ISA) = {
    .name = STRING(ISA),
    .vector_floats = LANES,
    .gemm_height = GEMM_HEIGHTS,
    .f32_gemm = {FOR_EACH_DOT_TILE(DOT_TABLE_ENTRY) FOR_EACH_GEMM_TILE(GEMM_TABLE_ENTRY)},
    .f32_grouped = {FOR_EACH_GROUPED_TILE(GROUPED_TABLE_ENTRY)},
    .f32_depthwise = {FOR_EACH_DEPTHWISE_TILE(DEPTHWISE_TABLE_ENTRY)},
    .f32_grouped_gradient = {FOR_EACH_GROUPED_TILE(GROUPED_GRADIENT_TABLE_ENTRY)},
    .f32_unary = {FOR_EACH_UNARY(FUNCTION_TABLE_ENTRY)},
    .f32_binary = {FOR_EACH_BINARY(FUNCTION_TABLE_ENTRY)},
    .f32_reduce_columns = {f32_sum_columns, f32_maximum_of_columns, f32_minimum_of_columns},
    .f32_reduce_rows = {f32_sum_rows, f32_maximum_of_rows, f32_minimum_of_rows},
    .f32_update = {FOR_EACH_UPDATE(UPDATE_TABLE_ENTRY)},
    FOR_EACH_TILE(TABLE_ENTRY)
};
