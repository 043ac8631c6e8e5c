/* Includes every tile body for the vector words defined before it and exports them as kernels_<ISA>. */
#include "kernels.h"
#include "simd_derived.h"
#include "simd_math.h"
#include "tile_activation.h"
#include "tile_peak.h"

#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define STRING_(a) #a
#define STRING(a) STRING_(a)

const kernel_table PASTE(kernels_, ISA) = {
    .name = STRING(ISA),
    .vector_floats = LANES,
    .f32_fma_peak = f32_fma_peak,
    .f32_activate = f32_activate,
    .f32_activate_backward = f32_activate_backward,
};
