/* Rows of n floats with mean 0 and variance 1. */

/* The sums over i of d and of d d, where d = x[i] - center. */
static inline void row_moments(double *sum, double *square, const float *x, int64_t n, float center) {
    *sum = *square = 0;
    for (int64_t start = 0; start < n; start += SEGMENT) {
        const int64_t end = start + SEGMENT < n ? start + SEGMENT : n;
        vec a = v_set(0), b = v_set(0);
        for (int64_t i = start; i < end; i += LANES) {
            const vec d = v_read_or(x + i, end - i, center) - center;
            a += d;
            b = v_fma(d, d, b);
        }
        *sum += v_sum(a);
        *square += v_sum(b);
    }
}

/* The same if squares exceed a float. */
static void wide_row_moments(double *sum, double *square, const float *x, int64_t n, float center) {
    *sum = *square = 0;
    for (int64_t i = 0; i < n; i++) {
        const double d = (double)x[i] - center;
        *sum += d;
        *square += d * d;
    }
}

/* y = (x - mean) inverse, where inverse = 1 / sqrt(variance + epsilon), in each of `rows` rows; y may be x. The mean is rounded to a
 * float, and the rest of it subtracted from the distances, so that a mean far from 0 costs no digits. */
static void f32_standardize(float *y, float *inverse, const float *x, int64_t rows, int64_t n, double epsilon) {
    for (int64_t r = 0; r < rows; r++, x += n, y += n) {
        const float center = row_sum(x, n) / (float)n;
        double sum, square;
        row_moments(&sum, &square, x, n, center);
        if (!(square < INFINITY)) wide_row_moments(&sum, &square, x, n, center);
        const double rest = sum / (double)n, variance = square / (double)n - rest * rest;
        inverse[r] = (float)(1 / sqrt((variance < 0 ? 0 : variance) + epsilon));
        for (int64_t i = 0; i < n; i += LANES)
            v_write(y + i, (v_read(x + i, n - i) - center - (float)rest) * inverse[r], n - i);
    }
}

/* dx = inverse (dy - mean(dy) - y mean(dy y)) in each of `rows` rows; dx may be dy or y. */
static void f32_standardize_backward(
    float *dx, const float *dy, const float *y, const float *inverse, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, dx += n, dy += n, y += n) {
        const float offset = row_sum(dy, n) / (float)n, slope = row_dot(dy, y, n) / (float)n;
        for (int64_t i = 0; i < n; i += LANES)
            v_write(dx + i, (v_read(dy + i, n - i) - offset - v_read(y + i, n - i) * slope) * inverse[r], n - i);
    }
}
