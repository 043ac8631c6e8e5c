/* Vector words of the baseline: 4 floats by the compiler's own vector type (SSE2, NEON or scalar code, as it sees fit). */
#include <math.h>
#include <stdint.h>
#define ISA ref
#define LANES 4
#if defined(__aarch64__)
#define VECTOR_REGISTERS 32
#else
#define VECTOR_REGISTERS 16
#endif
typedef float vec __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(16), aligned(4), may_alias));
typedef ivec vmask;

static inline vec v_load(const float *p) { return *(const vec *)p; }
static inline void v_store(float *p, vec a) { *(vec *)p = a; }
static inline void v_stream(float *p, vec a) { v_store(p, a); }
static inline void v_settle(void) {}
static inline vec v_set(float a) { return (vec){a, a, a, a}; }
static inline vec v_fma(vec a, vec b, vec c) { return a * b + c; }
static inline vmask v_greater(vec a, vec b) { return a > b; }
static inline vmask v_equal(vec a, vec b) { return a == b; }
static inline vmask v_equal_int(ivec a, ivec b) { return a == b; }
static inline vmask v_nan(vec a) { return a != a; }
static inline vec v_choose(vmask mask, vec a, vec b) { return (vec)((mask & (ivec)a) | (~mask & (ivec)b)); }
static inline vec v_max(vec a, vec b) { return v_choose(a > b, a, b); }
static inline vec v_min(vec a, vec b) { return v_choose(a < b, a, b); }
static inline vec v_permute(vec a, ivec lanes) { return (vec){a[lanes[0]], a[lanes[1]], a[lanes[2]], a[lanes[3]]}; }
static inline vec v_sqrt(vec a) { return (vec){sqrtf(a[0]), sqrtf(a[1]), sqrtf(a[2]), sqrtf(a[3])}; }
static inline vec v_pick(vec a, vec b, ivec index) {
    vec picked;
    for (int i = 0; i < LANES; i++) picked[i] = index[i] < LANES ? a[index[i]] : b[index[i] - LANES];
    return picked;
}
static inline vec v_load_tail(const float *p, int n) {
    vec a = {0, 0, 0, 0};
    for (int i = 0; i < n; i++) a[i] = p[i];
    return a;
}
static inline vec v_load_part(const float *p, int n) { return n >= LANES ? v_load(p) : v_load_tail(p, n); }
static inline void v_store_tail(float *p, vec a, int n) {
    for (int i = 0; i < n; i++) p[i] = a[i];
}
#include "simd_ldexp.h"
