/* y[c] += sum over k < depth of a[k] * b[k * b_step + c]: a thin product streams b once, where it lies. */

INLINE void gemv_body(float *y, const float *a, const float *b, int64_t b_step, int64_t columns, const int depth) {
    for (int64_t c = 0; c < columns; c += LANES) {
        vec sum = v_read(y + c, columns - c);
        UNROLL for (int k = 0; k < depth; k++) sum = v_fma(v_set(a[k]), v_read(b + k * b_step + c, columns - c), sum);
        v_write(y + c, sum, columns - c);
    }
}

/* Eight rows of b at a time: as many streams as processors prefetch well. */
static void f32_gemv(float *y, const float *a, const float *b, int64_t b_step, int64_t columns, int64_t depth) {
    for (; depth >= 8; depth -= 8, a += 8, b += 8 * b_step) gemv_body(y, a, b, b_step, columns, 8);
    for (; depth > 0; depth--, a++, b += b_step) gemv_body(y, a, b, b_step, columns, 1);
}

/* sum over k < depth of a[k] * b[k], in four sums that do not wait for each other. */
static float f32_dot(const float *a, const float *b, int64_t depth) {
    enum { SUMS = 4 };
    vec sums[SUMS];
    UNROLL for (int i = 0; i < SUMS; i++) sums[i] = v_set(0);
    int64_t k = 0;
    for (; k + SUMS * LANES <= depth; k += SUMS * LANES)
        UNROLL for (int i = 0; i < SUMS; i++)
            sums[i] = v_fma(v_load(a + k + i * LANES), v_load(b + k + i * LANES), sums[i]);
    for (; k < depth; k += LANES) sums[0] = v_fma(v_read(a + k, depth - k), v_read(b + k, depth - k), sums[0]);
    return v_sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}
