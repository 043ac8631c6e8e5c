/* Vector words that every instruction set builds in the same way from its own. */

/* The first `left` floats at p (all lanes when left >= LANES), zeros after them; and their way back. */
static inline vec v_read(const float *p, int64_t left) { return left >= LANES ? v_load(p) : v_load_tail(p, (int)left); }
static inline void v_write(float *p, vec a, int64_t left) {
    if (left >= LANES) v_store(p, a);
    else v_store_tail(p, a, (int)left);
}

/* v_load_part (of each instruction set) is v_load_tail for n that often is LANES. */

/* v_write; where `nontemporal` is set and the vector is whole, past the caches: p then lies on a multiple of its bytes, and v_settle is to
 * follow before another thread may read. */
static inline void v_send(float *p, vec a, int64_t left, int nontemporal) {
    if (nontemporal && left >= LANES) v_stream(p, a);
    else v_write(p, a, left);
}

static inline ivec v_same_int(int32_t a) { return a + (ivec)v_set(0); }

/* v_read with `rest` instead of zeros. */
static inline vec v_read_or(const float *p, int64_t left, float rest) {
    static const float lane[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    if (left >= LANES) return v_load(p);
    return v_choose(v_greater(v_set((float)left), v_load(lane)), v_load_tail(p, (int)left), v_set(rest));
}

/* max and min that a NaN always wins: v_max and v_min return b where either is NaN. */
static inline vec v_maximum(vec a, vec b) { return v_choose(v_nan(a), a, v_max(a, b)); }
static inline vec v_minimum(vec a, vec b) { return v_choose(v_nan(a), a, v_min(a, b)); }

static inline vec v_abs(vec a) { return (vec)((ivec)a & 0x7fffffff); }
static inline vec v_copysign(vec a, vec sign) { return (vec)(((ivec)a & 0x7fffffff) | ((ivec)sign & ~0x7fffffff)); }

/* The lanes from `distance` on, then the first lanes. */
INLINE vec v_rotate(vec a, int distance) {
    static const int32_t lane[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    ivec index;
    memcpy(&index, lane, sizeof(index));
    return v_pick(a, a, index + distance);
}

/* Sum of the lanes, and their maximum (NaN wins): halves upon halves. */
INLINE float v_sum(vec a) {
    UNROLL for (int half = LANES / 2; half > 0; half /= 2) a += v_rotate(a, half);
    return a[0];
}
INLINE float v_largest(vec a) {
    UNROLL for (int half = LANES / 2; half > 0; half /= 2) a = v_maximum(a, v_rotate(a, half));
    return a[0];
}

/* to[i] = the sum of the lanes of a[i], for four vectors. */
typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));
static inline quad v_quarter(vec a) {
    quad quarters[LANES / 4];
    v_store((float *)quarters, a);
    for (int half = LANES / 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++) quarters[i] += quarters[i + half];
    return quarters[0];
}
static inline void v_store_sums(float *to, const vec *a) {
    const quad p = v_quarter(a[0]), q = v_quarter(a[1]), r = v_quarter(a[2]), s = v_quarter(a[3]);
    const quad pq = __builtin_shufflevector(p, q, 0, 4, 1, 5) + __builtin_shufflevector(p, q, 2, 6, 3, 7);
    const quad rs = __builtin_shufflevector(r, s, 0, 4, 1, 5) + __builtin_shufflevector(r, s, 2, 6, 3, 7);
    *(quad *)to = __builtin_shufflevector(pq, rs, 0, 1, 4, 5) + __builtin_shufflevector(pq, rs, 2, 3, 6, 7);
}
