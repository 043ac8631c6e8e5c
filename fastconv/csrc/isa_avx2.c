#include "simd_avx2.h"
#include "table.h"
