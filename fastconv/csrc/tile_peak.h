/* The register-only loop that says how fast this processor can multiply and add. */
enum { PEAK_CHAINS = 12 };

static float f32_fma_peak(int64_t steps) {
    vec sums[PEAK_CHAINS];
    const vec a = v_set(0.999f), b = v_set(1e-3f);
    UNROLL for (int i = 0; i < PEAK_CHAINS; i++) sums[i] = v_set((float)i);
    for (int64_t step = 0; step < steps; step++)
        UNROLL for (int i = 0; i < PEAK_CHAINS; i++) sums[i] = v_fma(sums[i], a, b);
    UNROLL for (int i = 1; i < PEAK_CHAINS; i++) sums[0] = sums[0] + sums[i];
    return v_sum(sums[0]);
}
