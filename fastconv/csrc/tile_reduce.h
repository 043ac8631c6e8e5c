/* Sums of blocks of at most some 10^5 floats. The caller adds those of the blocks in float64, in a fixed order.
 *
 * Column sums go through memory once for every GROUP rows: within a group, then over the groups, so that errors grow with the
 * number of groups and not of rows. */
enum { GROUP = 8, SEGMENT = 64 * LANES };

INLINE void add_group(float *sums, const float *x, int group, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        vec sum = v_read(x + i, n - i);
        for (int r = 1; r < group; r++) sum += v_read(x + r * n + i, n - i);
        v_write(sums + i, v_read(sums + i, n - i) + sum, n - i);
    }
}

/* sums[i] = sum over r of x[r, i]. */
static void f32_column_sums(float *sums, const float *x, int64_t rows, int64_t n) {
    int64_t r = 0;
    memset(sums, 0, sizeof(float) * n);
    for (; r + GROUP <= rows; r += GROUP) add_group(sums, x + r * n, GROUP, n);
    for (; r < rows; r++) add_group(sums, x + r * n, 1, n);
}

INLINE void add_moments(
    float *sums, float *products, const float *dy, const float *x, const float *center, int group, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        const vec middle = v_read(center + i, n - i);
        vec sum = v_set(0), product = v_set(0);
        for (int r = 0; r < group; r++) {
            const vec distance = v_read(x + r * n + i, n - i) - middle;
            const vec factor = dy == NULL ? distance : v_read(dy + r * n + i, n - i);
            sum += factor;
            product = v_fma(factor, distance, product);
        }
        v_write(sums + i, v_read(sums + i, n - i) + sum, n - i);
        v_write(products + i, v_read(products + i, n - i) + product, n - i);
    }
}

INLINE void sum_moments(
    float *sums, float *products, const float *dy, const float *x, const float *center, int64_t rows, int64_t n) {
    const int64_t step = dy == NULL ? 0 : n;
    int64_t r = 0;
    memset(sums, 0, sizeof(float) * n);
    memset(products, 0, sizeof(float) * n);
    for (; r + GROUP <= rows; r += GROUP, dy += GROUP * step)
        add_moments(sums, products, dy, x + r * n, center, GROUP, n);
    for (; r < rows; r++, dy += step) add_moments(sums, products, dy, x + r * n, center, 1, n);
}

/* sums[i] = sum over r of d, squares[i] = sum over r of d d, where d = x[r, i] - center[i]. */
static void f32_column_moments(
    float *sums, float *squares, const float *x, const float *center, int64_t rows, int64_t n) {
    sum_moments(sums, squares, NULL, x, center, rows, n);
}

/* sums[i] = sum over r of dy[r, i], products[i] = sum over r of dy[r, i] (x[r, i] - center[i]). */
static void f32_column_products(
    float *sums, float *products, const float *dy, const float *x, const float *center, int64_t rows, int64_t n) {
    sum_moments(sums, products, dy, x, center, rows, n);
}

/* sums[r] = sum over i of x[r, i]: vectors within a segment, segments in float64. */
static void f32_row_sums(float *sums, const float *x, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, x += n) {
        double total = 0;
        for (int64_t start = 0; start < n; start += SEGMENT) {
            const int64_t end = start + SEGMENT < n ? start + SEGMENT : n;
            vec sum = v_set(0);
            for (int64_t i = start; i < end; i += LANES) sum += v_read(x + i, end - i);
            total += v_sum(sum);
        }
        sums[r] = (float)total;
    }
}
