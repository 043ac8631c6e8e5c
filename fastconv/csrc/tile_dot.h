/* The tile under products with few columns, which are read as runs, like the rows: lanes lie along the sum.
 *
 *     out[r][column + c]  =  act(bias[c] + sum over s, k of  rows[r][offsets[s] + k] * b[c * b_step + starts[s] + k])
 *
 * for c < columns <= 4, read from the same struct as the tiles of tile_gemm.h. The bits of a row do not depend on the height of
 * its tile. */

/* X(height) for every tile: the sums of four columns, with a vector of each row, fill the registers of the tallest. */
#if VECTOR_REGISTERS == 32
#define FOR_EACH_DOT_TILE(X) X(1) X(2) X(3) X(4) X(5) X(6)
#define DOT_HEIGHT 6
#else
#define FOR_EACH_DOT_TILE(X) X(1) X(2) X(3)
#define DOT_HEIGHT 3
#endif

INLINE void dot_step(
    vec sums[][DOT_COLUMNS], const float **row, const float *b, int64_t b_step, int64_t left, const int height,
    const int columns
) {
    vec right[DOT_COLUMNS];
    UNROLL for (int c = 0; c < columns; c++) right[c] = v_read(b + c * b_step, left);
    UNROLL for (int r = 0; r < height; r++) {
        vec left_side = v_read(row[r], left);
        IN_REGISTER(left_side);
        UNROLL for (int c = 0; c < columns; c++) sums[r][c] = v_fma(left_side, right[c], sums[r][c]);
    }
}

INLINE void dot_body(const gemm_tile *t, const int height, const int columns) {
    vec sums[GEMM_ROWS][DOT_COLUMNS];
    UNROLL for (int r = 0; r < height; r++)
        UNROLL for (int c = 0; c < DOT_COLUMNS; c++) sums[r][c] = v_set(0);
    for (int64_t s = 0; s < t->segments; s++) {
        const float *row[GEMM_ROWS];
        UNROLL for (int r = 0; r < height; r++) row[r] = t->rows[r] + t->offsets[s];
        const float *b = t->b + t->starts[s];
        int64_t k = 0;
        for (; k + LANES <= t->depth; k += LANES, b += LANES) {
            dot_step(sums, row, b, t->b_step, LANES, height, columns);
            UNROLL for (int r = 0; r < height; r++) row[r] += LANES;
        }
        if (k < t->depth) dot_step(sums, row, b, t->b_step, t->depth - k, height, columns);
    }
    UNROLL for (int r = 0; r < height; r++) {
        float *out = t->out[r] + t->column, totals[DOT_COLUMNS];
        if (columns == 1) totals[0] = v_sum(sums[r][0]);
        else v_store_sums(totals, sums[r]);
        UNROLL for (int c = 0; c < columns; c++) out[c] = t->bias ? totals[c] + t->bias[c] : totals[c];
    }
}

INLINE void dot_tile(const gemm_tile *t, const int height) {
    switch (t->columns) {
        case 1: dot_body(t, height, 1); break;
        case 2: dot_body(t, height, 2); break;
        case 3: dot_body(t, height, 3); break;
        default: dot_body(t, height, 4);
    }
    if (t->activation != LINEAR) gemm_activate(t);
}

#define DEFINE_DOT_TILE(height) \
    static void f32_dot_##height(const gemm_tile *t) { dot_tile(t, height); }
FOR_EACH_DOT_TILE(DEFINE_DOT_TILE)
#define DOT_TABLE_ENTRY(height) [0][height] = f32_dot_##height,
