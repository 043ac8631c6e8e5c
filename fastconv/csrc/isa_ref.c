#include "simd_ref.h"
#include "table.h"
