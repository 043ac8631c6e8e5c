#include "simd_avx512.h"
#include "table.h"
