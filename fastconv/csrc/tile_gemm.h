/* The tile under every convolution and matrix product:
 *
 *     out[r][column + c]  =  act(start + sum over s, k of  rows[r][offsets[s] + k * step] * b[(starts[s] + k) * b_step + c]
 *                                + out[r][residual + column + c])
 *
 * Each row of b is read once and used by every row of the tile, so that few loads feed many multiply-adds. All tiles sum in
 * the same order, s outside and k inside: the bits of a row do not depend on the height of the tile that holds it. */

#define TO_4(X, v) X(1, v) X(2, v) X(3, v) X(4, v)
#define TO_6(X, v) TO_4(X, v) X(5, v) X(6, v)
#define TO_9(X, v) TO_6(X, v) X(7, v) X(8, v) X(9, v)
#define TO_12(X, v) TO_9(X, v) X(10, v) X(11, v) X(12, v)
#define TO_14(X, v) TO_12(X, v) X(13, v) X(14, v)

/* X(height, vectors) for every tile: sums, one row of b and one broadcast fill the registers of the tallest. */
#if VECTOR_REGISTERS == 32
#define FOR_EACH_GEMM_TILE(X) TO_14(X, 1) TO_12(X, 2) TO_9(X, 3) TO_6(X, 4)
#define GEMM_HEIGHTS {DOT_HEIGHT, 14, 12, 9, 6}
#else
#define FOR_EACH_GEMM_TILE(X) TO_12(X, 1) TO_6(X, 2) TO_4(X, 3)
#define GEMM_HEIGHTS {DOT_HEIGHT, 12, 6, 4, 0}
#endif

/* The v-th vector of a row whose last one holds `tail` columns. */
INLINE vec gemm_read(const float *row, int v, int vectors, int64_t tail) {
    return v < vectors - 1 ? v_load(row + v * LANES) : v_read(row + v * LANES, tail);
}
INLINE void gemm_write(float *row, vec a, int v, int vectors, int64_t tail) {
    if (v < vectors - 1) v_store(row + v * LANES, a);
    else v_write(row + v * LANES, a, tail);
}

/* Applied to the finished tile. */
INLINE void gemm_activate(const gemm_tile *t) {
    activate_rows(t->out, t->height, t->column, t->columns, t->activation, t->alpha);
}

/* High tiles have more row pointers than there are registers: each is loaded once for so many rows of b. */
#define GEMM_UNROLL(vectors) (VECTOR_REGISTERS == 32 ? (vectors == 1 ? 4 : vectors == 2 ? 2 : 1) : vectors == 1 ? 2 : 1)

INLINE void gemm_step(
    vec sums[][GEMM_VECTORS], const float **row, int64_t k, int64_t step, const float *b, int64_t b_step, const int height,
    const int vectors, const int steps
) {
    vec right[4][GEMM_VECTORS];
    UNROLL for (int u = 0; u < steps; u++)
        UNROLL for (int v = 0; v < vectors; v++) right[u][v] = v_load(b + u * b_step + v * LANES);
    UNROLL for (int r = 0; r < height; r++)
        UNROLL for (int u = 0; u < steps; u++) {
            const vec left = v_set(row[r][k + u * step]);
            UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = v_fma(left, right[u][v], sums[r][v]);
        }
}

/* Sums over all segments. The rows that the next tile reads are fetched once for a cache line of steps: fetching at every step took 5 %
 * of the time of 15 convolutions, and 10 % if windows are short. */
INLINE void gemm_multiply(const gemm_tile *t, vec sums[][GEMM_VECTORS], const int height, const int vectors) {
    enum { LINE = 16 };    /* floats */
    const int steps = GEMM_UNROLL(vectors);
    const int64_t step = t->step, b_step = t->b_step;
    const float *b = t->b, *coming = t->coming, *row[GEMM_ROWS];
    UNROLL for (int r = 0; r < height; r++) row[r] = t->rows[r];
    for (int64_t s = 0; s < t->segments; s++) {
        int64_t k = t->offsets[s];
        const int64_t end = k + t->depth * step;
        if (t->starts) b = t->b + t->starts[s] * b_step;
        while (k < end) {
            const int64_t stop = k + LINE * step < end ? k + LINE * step : end;
            UNROLL for (int r = 0; r < height; r++) __builtin_prefetch(row[r] + k + t->ahead);
            for (; k <= stop - steps * step; k += steps * step, b += steps * b_step) {
                gemm_step(sums, row, k, step, b, b_step, height, vectors, steps);
                __builtin_prefetch(coming);
                coming += steps * t->coming_step;
            }
            for (; k < stop; k += step, b += b_step) gemm_step(sums, row, k, step, b, b_step, height, vectors, 1);
        }
    }
}

/* The rows of `out` that the next tile writes: its stores would wait for them, and those of the activation again. */
INLINE void gemm_prefetch_next(const gemm_tile *t, const int height, const int vectors) {
    const float *next = t->out[height] + t->column;
    UNROLL for (int r = 0; r < height; r++)
        UNROLL for (int v = 0; v < vectors; v++) __builtin_prefetch(next + (t->out[r] - t->out[0]) + v * LANES, 1, 3);
}

/* The rows that are added to those of the next tile. */
INLINE void gemm_prefetch_residual(const gemm_tile *t, const int height, const int vectors) {
    const float *next = t->out[height] + t->residual + t->column;
    UNROLL for (int r = 0; r < height; r++)
        UNROLL for (int v = 0; v < vectors; v++) __builtin_prefetch(next + (t->out[r] - t->out[0]) + v * LANES, 0, 3);
}

INLINE void gemm_add_residual(vec sums[][GEMM_VECTORS], const gemm_tile *t, const int height, const int vectors, int64_t tail) {
    UNROLL for (int r = 0; r < height; r++) {
        const float *row = t->out[r] + t->residual + t->column;
        UNROLL for (int v = 0; v < vectors; v++) sums[r][v] += gemm_read(row, v, vectors, tail);
    }
}

INLINE void gemm_body(const gemm_tile *t, const int height, const int vectors) {
    const int64_t tail = t->columns - (vectors - 1) * LANES;
    vec sums[GEMM_ROWS][GEMM_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) {
        const vec start = t->bias ? gemm_read(t->bias, v, vectors, tail) : v_set(0);
        UNROLL for (int r = 0; r < height; r++) sums[r][v] = start;
    }
    if (t->accumulate)
        UNROLL for (int r = 0; r < height; r++)
            UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = gemm_read(t->out[r] + t->column, v, vectors, tail);

    else if (t->ahead)
        gemm_prefetch_next(t, height, vectors);
    if (t->residual && t->ahead) gemm_prefetch_residual(t, height, vectors);

    gemm_multiply(t, sums, height, vectors);
    if (t->residual) gemm_add_residual(sums, t, height, vectors, tail);
    if (is_clamp(t->activation)) {
        const vec ceiling = clamp_ceiling(t->activation, t->alpha);
        UNROLL for (int r = 0; r < height; r++)
            UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = v_min(ceiling, v_max(v_set(0), sums[r][v]));
    }
    float *out[GEMM_ROWS];    /* all are read before the first store: the compiler cannot tell that stores leave them as they are */
    UNROLL for (int r = 0; r < height; r++) out[r] = t->out[r] + t->column;
    UNROLL for (int r = 0; r < height; r++)
        UNROLL for (int v = 0; v < vectors; v++) gemm_write(out[r], sums[r][v], v, vectors, tail);
    if (follows_tile(t->activation)) gemm_activate(t);
}

#define DEFINE_GEMM_TILE(height, vectors) \
    static void f32_gemm_##height##x##vectors(const gemm_tile *t) { gemm_body(t, height, vectors); }
FOR_EACH_GEMM_TILE(DEFINE_GEMM_TILE)
#define GEMM_TABLE_ENTRY(height, vectors) [vectors][height] = f32_gemm_##height##x##vectors,
