/* The tiles of depthwise convolutions with 3 x 3 taps next to each other: one row of outputs, or two that are `y_next` floats apart,
 *
 *     y[q][r][c]  =  act(bias[c] + sum over i, k of  x[q * stride + i][r * stride + k][c] * w[i, k][c])
 *
 * where x[i][j] = lines[i].pixels + (pixel + j) * lines[i].step, but zeros for j = 0 and for the last j if `first` and `last` are 0. Both
 * rows use the lines that they share while these are in registers. An output is summed in the same order by every tile, here and in
 * tile_grouped.h. Tiles load no pointers to pixels, as those do: on a Zen 5 a pointer before each vector halves the loads of vectors, and
 * with stride 2 there is a load for every one or two multiply-adds. */

/* X(stride, rows, height) for every tile: the sums of two rows and the taps fill 32 registers. */
#define DEPTHWISE_HEIGHTS(X, stride, rows) X(stride, rows, 1) X(stride, rows, 2) X(stride, rows, 4) X(stride, rows, 7) X(stride, rows, 8)
#define DEPTHWISE_ROW(X) DEPTHWISE_HEIGHTS(X, 1, 1) DEPTHWISE_HEIGHTS(X, 2, 1)
#if VECTOR_REGISTERS == 32
#define FOR_EACH_DEPTHWISE_TILE(X) DEPTHWISE_ROW(X) DEPTHWISE_HEIGHTS(X, 1, 2) DEPTHWISE_HEIGHTS(X, 2, 2)
#else
#define FOR_EACH_DEPTHWISE_TILE(X) DEPTHWISE_ROW(X)
#endif

/* The j-th pixel of a part of a line that ends with pixel `last`. */
INLINE vec depthwise_read(const grouped_tile *t, const float *pixel, int j, const int last, int64_t left) {
    if (j != 0 && j != last) return v_read(pixel, left);
    const int64_t inside = j == 0 ? t->first : t->last;
    return v_load_part(pixel, (int)(left < inside ? left : inside));
}

/* What the next rows of outputs read in a line that these do not read. */
INLINE void depthwise_prefetch(const grouped_line *line, int64_t pixel, int64_t c, const int pixels) {
    const float *x = line->pixels + pixel * line->step + c;
    UNROLL_LINE for (int j = 0; j < pixels; j++, x += line->step) __builtin_prefetch(x, 0, 2);
}

INLINE void depthwise_vector(const grouped_tile *t, int64_t c, int64_t left, const int stride, const int rows, const int height) {
    enum { TAPS = 3 };
    const vec start = t->bias ? v_read(t->bias + c, left) : v_set(0);
    const int last = (height - 1) * stride + TAPS - 1;
    vec sums[2][GROUPED_ROWS], weights[TAPS][TAPS];
    UNROLL for (int q = 0; q < rows; q++) {
        UNROLL for (int r = 0; r < height; r++) sums[q][r] = start;
        if (follows_tile(t->activation)) grouped_prefetch_next(t, t->y + (rows + q) * t->y_next + c, height);
    }
    UNROLL for (int i = 0; i < (rows - 1) * stride + TAPS; i++) {
        const grouped_line *line = t->lines + i;
        const int64_t step = line->step;
        const float *pixel = line->pixels + t->pixel * step + c;
        if (i < TAPS)
            UNROLL for (int k = 0; k < TAPS; k++) weights[i][k] = v_read(t->w + t->w_offsets[i] + c + k * t->w_tap, left);
        if (i >= TAPS - stride && t->fresh < t->segments) depthwise_prefetch(line + rows * stride, t->pixel, c, height * stride);
        UNROLL_LINE for (int j = 0; j <= last; j++, pixel += step) {
            STEP_BY_STEP(pixel);
            const vec x = depthwise_read(t, pixel, j, last, left);
            UNROLL for (int q = 0; q < rows; q++)
                if (i >= q * stride && i < q * stride + TAPS)
                    UNROLL for (int k = 0; k < TAPS; k++)
                        if (grouped_meets(j, k, stride, height))
                            sums[q][(j - k) / stride] = v_fma(x, weights[i - q * stride][k], sums[q][(j - k) / stride]);
        }
    }
    UNROLL for (int q = 0; q < rows; q++) grouped_write(t, t->y + q * t->y_next + c, sums[q], height, left);
}

#define DEFINE_DEPTHWISE_TILE(stride, rows, height)                                                                   \
    static void f32_depthwise_##stride##_##rows##_##height(const grouped_tile *t) {                                   \
        int64_t c = 0;                                                                                                \
        for (; c + LANES <= t->columns; c += LANES) depthwise_vector(t, c, LANES, stride, rows, height);              \
        if (c < t->columns) depthwise_vector(t, c, t->columns - c, stride, rows, height);                             \
        if (follows_tile(t->activation))                                                                              \
            for (int q = 0; q < rows; q++) grouped_activate(t, t->y + q * t->y_next, height);                         \
    }
FOR_EACH_DEPTHWISE_TILE(DEFINE_DEPTHWISE_TILE)
#define DEPTHWISE_TABLE_ENTRY(stride, rows, height) [stride][rows][height] = f32_depthwise_##stride##_##rows##_##height,
