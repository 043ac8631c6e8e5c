/* The tiles of convolutions whose groups have few channels, down to depthwise ones with a single channel each. A vector
 * holds neighbouring output channels, of a part of a group or of several. The window slides along a line of pixels, so
 * that each is loaded once for all outputs that it reaches:
 *
 *     y[r][c]        =   act(bias[c] + sum over s, j, k of  x[s, r * stride + k][j] * w[s, j, k][c])
 *     w[s, j, k][c]  +=  sum over r of  x[s, r * stride + k][j] * y[r][c],   with dw for w
 *
 * where x[s, i][j] = (pixels + line_offsets[s])[i][c / width * depth + j] and
 * w[s, j, k][c] = w[w_offsets[s] + j * w_row + k * w_tap + c]. An output is summed in the same order by every height. */

/* X(fetch, taps, stride, height) for every tile. */
#define HEIGHTS_OF(X, fetch, taps, stride)                                          \
    X(fetch, taps, stride, 1) X(fetch, taps, stride, 2) X(fetch, taps, stride, 4)     \
    X(fetch, taps, stride, 7) X(fetch, taps, stride, 8)
#define WINDOWS_OF_3(X, fetch) \
    HEIGHTS_OF(X, fetch, 1, 1) HEIGHTS_OF(X, fetch, 2, 1) HEIGHTS_OF(X, fetch, 3, 1) HEIGHTS_OF(X, fetch, 3, 2)
#define FOR_EACH_GROUPED_TILE(X)                                                      \
    WINDOWS_OF_3(X, FETCH_SAME) WINDOWS_OF_3(X, FETCH_PICK) WINDOWS_OF_3(X, FETCH_ONE) \
    HEIGHTS_OF(X, FETCH_SAME, 5, 1) HEIGHTS_OF(X, FETCH_SAME, 5, 2)                   \
    HEIGHTS_OF(X, FETCH_SAME, 7, 1) HEIGHTS_OF(X, FETCH_SAME, 7, 2)

#define UNROLL_LINE _Pragma("GCC unroll 32")

/* What the lanes of column c multiply with: x[c / width * depth + j] of one pixel. */
INLINE vec grouped_fetch(
    const grouped_tile *t, const float *pixel, int64_t c, int64_t j, ivec lanes, int64_t left, const int fetch) {
    if (fetch == FETCH_SAME) return v_read(pixel + c, left);
    if (fetch == FETCH_ONE) return v_set(pixel[c + j]);
    return v_permute(v_read(pixel + c, t->x_columns - c), lanes);
}

/* Where the groups of the vector at column c begin in a pixel of x. */
INLINE int64_t grouped_source(const grouped_tile *t, int64_t c, const int fetch) {
    return fetch == FETCH_SAME ? c : c / t->width * t->depth;
}

/* What the same tile reads a row further down: vectors of pixels that lie apart are not what a processor foresees. */
INLINE void grouped_prefetch(const float *const *line, int64_t c, const int pixels) {
    UNROLL_LINE for (int i = 0; i < pixels; i++) __builtin_prefetch(line[i] + c, 0, 2);
}

/* Whether the i-th pixel of a line is what tap k of one of `height` outputs reads. */
INLINE int grouped_meets(int i, int k, const int stride, const int height) {
    return i >= k && (i - k) % stride == 0 && (i - k) / stride < height;
}

/* The finished sums of a row of outputs. */
INLINE void grouped_write(const grouped_tile *t, float *y, vec *sums, const int height, int64_t left) {
    if (is_clamp(t->activation)) {
        const vec ceiling = clamp_ceiling(t->activation, t->alpha);
        UNROLL for (int r = 0; r < height; r++) sums[r] = v_min(ceiling, v_max(v_set(0), sums[r]));
    }
    UNROLL for (int r = 0; r < height; r++) v_write(y + r * t->y_step, sums[r], left);
}

/* The outputs that the next tile writes: its stores, or those of an activation that follows, would wait for them. */
INLINE void grouped_prefetch_next(const grouped_tile *t, const float *next, const int height) {
    UNROLL for (int r = 0; r < height; r++) __builtin_prefetch(next + r * t->y_step, 1, 2);
}

INLINE void grouped_vector(
    const grouped_tile *t, int64_t c, int64_t left, const int fetch, const int taps, const int stride, const int height) {
    const int64_t source = grouped_source(t, c, fetch), depth = fetch == FETCH_SAME ? 1 : t->depth;
    const vec start = t->bias ? v_read(t->bias + c, left) : v_set(0);
    float *y = t->y + c;
    vec sums[GROUPED_ROWS];
    UNROLL for (int r = 0; r < height; r++) sums[r] = start;
    grouped_prefetch_next(t, y + t->y_next, height);
    for (int64_t s = 0; s < t->segments; s++) {
        const float *const *line = t->pixels + t->line_offsets[s];
        const float *w = t->w + t->w_offsets[s] + c;
        if (s >= t->fresh) grouped_prefetch(line + t->next, source, height * stride);
        ivec lanes = fetch == FETCH_PICK ? (ivec)v_load((const float *)t->lanes) : (ivec)v_set(0);
        for (int64_t j = 0; j < depth; j++, lanes += 1, w += t->w_row) {
            vec weights[GROUPED_TAPS];
            UNROLL for (int k = 0; k < taps; k++) weights[k] = v_read(w + k * t->w_tap, left);
            UNROLL_LINE for (int i = 0; i < (height - 1) * stride + taps; i++) {
                const vec x = grouped_fetch(t, line[i], source, j, lanes, left, fetch);
                UNROLL for (int k = 0; k < taps; k++)
                    if (grouped_meets(i, k, stride, height))
                        sums[(i - k) / stride] = v_fma(x, weights[k], sums[(i - k) / stride]);
            }
        }
    }
    grouped_write(t, y, sums, height, left);
}

/* Applied to a finished row of outputs. */
static __attribute__((noinline)) void grouped_activate(const grouped_tile *t, float *y, int height) {
    float *rows[GROUPED_ROWS];
    for (int r = 0; r < height; r++) rows[r] = y + r * t->y_step;
    activate_rows(rows, height, 0, t->columns, t->activation, t->alpha);
}

INLINE void grouped_gradient_vector(
    const grouped_tile *t, int64_t c, int64_t left, const int fetch, const int taps, const int stride, const int height) {
    const int64_t source = grouped_source(t, c, fetch), depth = fetch == FETCH_SAME ? 1 : t->depth;
    vec dy[GROUPED_ROWS];
    UNROLL for (int r = 0; r < height; r++) {
        dy[r] = v_read(t->y + r * t->y_step + c, left);
        __builtin_prefetch(t->y + t->y_next + r * t->y_step + c, 0, 2);
    }
    for (int64_t s = 0; s < t->segments; s++) {
        const float *const *line = t->pixels + t->line_offsets[s];
        float *dw = t->dw + t->w_offsets[s] + c;
        if (s >= t->fresh) grouped_prefetch(line + t->next, source, height * stride);
        ivec lanes = fetch == FETCH_PICK ? (ivec)v_load((const float *)t->lanes) : (ivec)v_set(0);
        for (int64_t j = 0; j < depth; j++, lanes += 1, dw += t->w_row) {
            vec sums[GROUPED_TAPS];
            UNROLL for (int k = 0; k < taps; k++) sums[k] = v_read(dw + k * t->w_tap, left);
            UNROLL_LINE for (int i = 0; i < (height - 1) * stride + taps; i++) {
                const vec x = grouped_fetch(t, line[i], source, j, lanes, left, fetch);
                UNROLL for (int k = 0; k < taps; k++)
                    if (grouped_meets(i, k, stride, height)) sums[k] = v_fma(x, dy[(i - k) / stride], sums[k]);
            }
            UNROLL for (int k = 0; k < taps; k++) v_write(dw + k * t->w_tap, sums[k], left);
        }
    }
}

#define DEFINE_GROUPED_TILE(fetch, taps, stride, height)                                                          \
    static void f32_grouped_##fetch##_##taps##_##stride##_##height(const grouped_tile *t) {                       \
        int64_t c = 0;                                                                                            \
        for (; c + LANES <= t->columns; c += LANES) grouped_vector(t, c, LANES, fetch, taps, stride, height);     \
        if (c < t->columns) grouped_vector(t, c, t->columns - c, fetch, taps, stride, height);                    \
        if (follows_tile(t->activation)) grouped_activate(t, t->y, height);                                       \
    }                                                                                                             \
    static void f32_grouped_gradient_##fetch##_##taps##_##stride##_##height(const grouped_tile *t) {              \
        int64_t c = 0;                                                                                            \
        for (; c + LANES <= t->columns; c += LANES)                                                               \
            grouped_gradient_vector(t, c, LANES, fetch, taps, stride, height);                                    \
        if (c < t->columns) grouped_gradient_vector(t, c, t->columns - c, fetch, taps, stride, height);           \
    }
FOR_EACH_GROUPED_TILE(DEFINE_GROUPED_TILE)

#define GROUPED_TABLE_ENTRY(fetch, taps, stride, height) \
    [fetch][stride][taps][height] = f32_grouped_##fetch##_##taps##_##stride##_##height,
#define GROUPED_GRADIENT_TABLE_ENTRY(fetch, taps, stride, height) \
    [fetch][stride][taps][height] = f32_grouped_gradient_##fetch##_##taps##_##stride##_##height,
