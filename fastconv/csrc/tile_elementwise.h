/* Sums, products and per-channel affine maps of `rows` rows of n floats; any output may be any input. */

/* z[r, i] = x[r, i] + y[r, i], where the rows of y lie y_step floats apart: n, or 0 for one row that serves all. */
static void f32_add(float *z, const float *x, const float *y, int64_t y_step, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, z += n, x += n, y += y_step)
        for (int64_t i = 0; i < n; i += LANES) v_write(z + i, v_read(x + i, n - i) + v_read(y + i, n - i), n - i);
}

static void f32_multiply(float *z, const float *x, const float *y, int64_t y_step, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, z += n, x += n, y += y_step)
        for (int64_t i = 0; i < n; i += LANES) v_write(z + i, v_read(x + i, n - i) * v_read(y + i, n - i), n - i);
}

static void f32_scale_shift(float *y, const float *x, const float *scale, const float *shift, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, y += n, x += n)
        for (int64_t i = 0; i < n; i += LANES)
            v_write(y + i, v_fma(v_read(x + i, n - i), v_read(scale + i, n - i), v_read(shift + i, n - i)), n - i);
}

/* y = (x - center) scale + shift: the subtraction first, so that a mean far from 0 costs no digits. */
static void f32_normalize(
    float *y, const float *x, const float *center, const float *scale, const float *shift, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, y += n, x += n)
        for (int64_t i = 0; i < n; i += LANES) {
            const vec distance = v_read(x + i, n - i) - v_read(center + i, n - i);
            v_write(y + i, v_fma(distance, v_read(scale + i, n - i), v_read(shift + i, n - i)), n - i);
        }
}

/* dx = (dy - offset - (x - center) slope) scale. */
static void f32_normalize_backward(
    float *dx, const float *dy, const float *x, const float *center, const float *slope, const float *offset,
    const float *scale, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, dx += n, dy += n, x += n)
        for (int64_t i = 0; i < n; i += LANES) {
            const vec distance = v_read(x + i, n - i) - v_read(center + i, n - i);
            const vec rest = v_read(dy + i, n - i) - v_read(offset + i, n - i) - distance * v_read(slope + i, n - i);
            v_write(dx + i, rest * v_read(scale + i, n - i), n - i);
        }
}
