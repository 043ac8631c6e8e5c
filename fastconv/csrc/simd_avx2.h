/* Vector words of AVX2 with FMA: 8 floats. */
#include <immintrin.h>
#include <stdint.h>
#define ISA avx2
#define LANES 8
#define VECTOR_REGISTERS 16
typedef __m256 vec;
typedef int32_t ivec __attribute__((vector_size(32)));
typedef ivec vmask;

static inline vec v_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void v_store(float *p, vec a) { _mm256_storeu_ps(p, a); }
static inline void v_stream(float *p, vec a) { _mm256_stream_ps(p, a); }
static inline void v_settle(void) { _mm_sfence(); }
static inline vec v_set(float a) { return _mm256_set1_ps(a); }
static inline vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
static inline vec v_max(vec a, vec b) { return _mm256_max_ps(a, b); }
static inline vec v_min(vec a, vec b) { return _mm256_min_ps(a, b); }
static inline vec v_permute(vec a, ivec lanes) { return _mm256_permutevar8x32_ps(a, (__m256i)lanes); }
static inline vec v_sqrt(vec a) { return _mm256_sqrt_ps(a); }
static inline vmask v_greater(vec a, vec b) { return (vmask)_mm256_cmp_ps(a, b, _CMP_GT_OQ); }
static inline vmask v_equal(vec a, vec b) { return (vmask)_mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
static inline vmask v_equal_int(ivec a, ivec b) { return a == b; }
static inline vmask v_nan(vec a) { return (vmask)_mm256_cmp_ps(a, a, _CMP_UNORD_Q); }
static inline vec v_choose(vmask mask, vec a, vec b) { return _mm256_blendv_ps(b, a, (vec)mask); }
static inline vec v_pick(vec a, vec b, ivec index) {
    const vec low = _mm256_permutevar8x32_ps(a, (__m256i)index), high = _mm256_permutevar8x32_ps(b, (__m256i)index);
    return v_choose(index > 7, high, low);
}
static inline __m256i v_first(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline vec v_load_tail(const float *p, int n) { return _mm256_maskload_ps(p, v_first(n)); }
static inline vec v_load_part(const float *p, int n) { return n >= LANES ? v_load(p) : v_load_tail(p, n); }
static inline void v_store_tail(float *p, vec a, int n) { _mm256_maskstore_ps(p, v_first(n), a); }
#include "simd_ldexp.h"
