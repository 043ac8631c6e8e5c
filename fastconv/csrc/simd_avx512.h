/* Vector words of AVX-512: 16 floats. */
#include <immintrin.h>
#include <stdint.h>
#define ISA avx512
#define LANES 16
#define VECTOR_REGISTERS 32
typedef __m512 vec;
typedef int32_t ivec __attribute__((vector_size(64)));
typedef __mmask16 vmask;

static inline vec v_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void v_store(float *p, vec a) { _mm512_storeu_ps(p, a); }
static inline void v_stream(float *p, vec a) { _mm512_stream_ps(p, a); }
static inline void v_settle(void) { _mm_sfence(); }
static inline vec v_set(float a) { return _mm512_set1_ps(a); }
static inline vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec v_max(vec a, vec b) { return _mm512_max_ps(a, b); }
static inline vec v_min(vec a, vec b) { return _mm512_min_ps(a, b); }
static inline vec v_permute(vec a, ivec lanes) { return _mm512_permutexvar_ps((__m512i)lanes, a); }
static inline vec v_sqrt(vec a) { return _mm512_sqrt_ps(a); }
static inline vmask v_greater(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
static inline vmask v_equal(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
static inline vmask v_equal_int(ivec a, ivec b) { return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b); }
static inline vmask v_nan(vec a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
static inline vec v_choose(vmask mask, vec a, vec b) { return _mm512_mask_blend_ps(mask, b, a); }
static inline vec v_pick(vec a, vec b, ivec index) { return _mm512_permutex2var_ps(a, (__m512i)index, b); }
static inline vec v_ldexp(vec a, vec n) { return _mm512_scalef_ps(a, n); }
static inline __mmask16 v_first(int n) { return (__mmask16)((1u << n) - 1u); }
static inline vec v_load_tail(const float *p, int n) { return _mm512_maskz_loadu_ps(v_first(n), p); }
static inline vec v_load_part(const float *p, int n) { return v_load_tail(p, n); }
static inline void v_store_tail(float *p, vec a, int n) { _mm512_mask_storeu_ps(p, v_first(n), a); }
