/* The tile under products with a transposed matrix, whose rows are read where they lie:
 *
 *     out[r][column + c]  =  act(bias[c] + sum over k < depth of  rows[r][k] * b[c * b_step + k])    for c < columns <= 4
 *
 * read from the same struct as the tiles of tile_gemm.h. The bits of a row do not depend on the height of its tile. */

/* X(height) for every tile: the sums of four columns, with a vector of each row, fill the registers of the tallest. */
#if VECTOR_REGISTERS == 32
#define FOR_EACH_DOT_TILE(X) X(1) X(2) X(3) X(4) X(5) X(6)
#define DOT_HEIGHT 6
#else
#define FOR_EACH_DOT_TILE(X) X(1) X(2) X(3)
#define DOT_HEIGHT 3
#endif

INLINE void dot_step(
    vec sums[][DOT_COLUMNS], const gemm_tile *t, int64_t column, int64_t k, int64_t left, const int height, const int columns
) {
    vec row[GEMM_ROWS];
    UNROLL for (int r = 0; r < height; r++) row[r] = v_read(t->rows[r] + k, left);
    UNROLL for (int c = 0; c < columns; c++) {
        const vec b = v_read(t->b + (column + c) * t->b_step + k, left);
        UNROLL for (int r = 0; r < height; r++) sums[r][c] = v_fma(row[r], b, sums[r][c]);
    }
}

/* Some columns, from `column` of the tile on. */
INLINE void dot_body(const gemm_tile *t, int64_t column, const int height, const int columns) {
    vec sums[GEMM_ROWS][DOT_COLUMNS];
    UNROLL for (int r = 0; r < height; r++)
        UNROLL for (int c = 0; c < columns; c++) sums[r][c] = v_set(0);
    int64_t k = 0;
    for (; k + LANES <= t->depth; k += LANES) dot_step(sums, t, column, k, LANES, height, columns);
    if (k < t->depth) dot_step(sums, t, column, k, t->depth - k, height, columns);
    UNROLL for (int r = 0; r < height; r++) {
        float *out = t->out[r] + t->column + column;
        if (columns == DOT_COLUMNS) v_store_sums(out, sums[r]);
        else UNROLL for (int c = 0; c < columns; c++) out[c] = v_sum(sums[r][c]);
        if (t->bias)
            UNROLL for (int c = 0; c < columns; c++) out[c] += t->bias[column + c];
    }
}

INLINE void dot_tile(const gemm_tile *t, const int height) {
    if (t->columns == DOT_COLUMNS) dot_body(t, 0, height, DOT_COLUMNS);
    else for (int64_t c = 0; c < t->columns; c++) dot_body(t, c, height, 1);
    if (t->activation != LINEAR) gemm_activate(t);
}

#define DEFINE_DOT_TILE(height) \
    static void f32_dot_##height(const gemm_tile *t) { dot_tile(t, height); }
FOR_EACH_DOT_TILE(DEFINE_DOT_TILE)
#define DOT_TABLE_ENTRY(height) [height] = f32_dot_##height,
