/* Vector words that every instruction set builds in the same way from its own. */

/* The first `left` floats at p (all lanes when left >= LANES), zeros behind them; and their way back. */
static inline vec v_read(const float *p, int64_t left) { return left >= LANES ? v_load(p) : v_load_tail(p, (int)left); }
static inline void v_write(float *p, vec a, int64_t left) {
    if (left >= LANES) v_store(p, a);
    else v_store_tail(p, a, (int)left);
}

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

/* Sum of the lanes, and their maximum (NaN wins). */
static inline float v_sum(vec a) {
    float lanes[LANES];
    v_store(lanes, a);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
    return lanes[0];
}
static inline float v_largest(vec a) {
    float lanes[LANES];
    v_store(lanes, a);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) lanes[i] = lanes[i] >= lanes[i + half] || lanes[i] != lanes[i] ? lanes[i] : lanes[i + half];
    return lanes[0];
}
