/* The tile of depthwise convolutions: gemm's, but every column has its own left factor instead of one for all:
 *
 *     out[r][column + c]  =  act(start + sum over s, k of  rows[r][offsets[s] + k * step + c] * b[(s * depth + k) * b_step + c]) */

#define FOR_EACH_DEPTHWISE_TILE(X) TO_9(X, 1)

/* Columns c .. c + LANES, or the `left` first of them. */
INLINE void depthwise_vector(const gemm_tile *t, int64_t c, int64_t left, const int height) {
    const float *b = t->b + c, *row[GEMM_ROWS];
    const int64_t end = t->depth * t->step;
    vec sums[GEMM_ROWS];
    UNROLL for (int r = 0; r < height; r++) {
        row[r] = t->rows[r] + c;
        sums[r] = t->accumulate ? v_read(t->out[r] + t->column + c, left) : t->bias ? v_read(t->bias + c, left) : v_set(0);
    }
    for (int64_t s = 0; s < t->segments; s++)
        for (int64_t k = t->offsets[s]; k < t->offsets[s] + end; k += t->step, b += t->b_step) {
            const vec right = v_read(b, left);
            UNROLL for (int r = 0; r < height; r++) sums[r] = v_fma(v_read(row[r] + k, left), right, sums[r]);
        }
    UNROLL for (int r = 0; r < height; r++)
        v_write(t->out[r] + t->column + c, t->activation == RELU ? v_max(v_set(0), sums[r]) : sums[r], left);
}

INLINE void depthwise_body(const gemm_tile *t, const int height) {
    int64_t c = 0;
    for (; c + LANES <= t->columns; c += LANES) depthwise_vector(t, c, LANES, height);
    if (c < t->columns) depthwise_vector(t, c, t->columns - c, height);
    if (t->activation > RELU) gemm_activate(t);
}

#define DEFINE_DEPTHWISE_TILE(height, _) \
    static void f32_depthwise_##height(const gemm_tile *t) { depthwise_body(t, height); }
FOR_EACH_DEPTHWISE_TILE(DEFINE_DEPTHWISE_TILE)
#define DEPTHWISE_TABLE_ENTRY(height, _) [height] = f32_depthwise_##height,
