/* The register-only loop that says how fast this processor can multiply and add. */
enum { PEAK_CHAINS = LANES == 16 ? 24 : 12 };

static float f32_fma_peak(int64_t steps) {
    vec sums[PEAK_CHAINS];
    const vec a = v_set(0.999f), b = v_set(1e-3f);
    for (int i = 0; i < PEAK_CHAINS; i++) sums[i] = v_set((float)i);
    for (int64_t step = 0; step < steps; step++)
        for (int repeat = 0; repeat < 24 / PEAK_CHAINS; repeat++)
            _Pragma("GCC unroll 24") for (int i = 0; i < PEAK_CHAINS; i++) sums[i] = v_fma(sums[i], a, b);
    float lanes[LANES], total = 0;
    for (int i = 0; i < PEAK_CHAINS; i++) {
        v_store(lanes, sums[i]);
        for (int lane = 0; lane < LANES; lane++) total += lanes[lane];
    }
    return total;
}
