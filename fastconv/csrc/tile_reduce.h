/* Sums and extremes of blocks of at most some 10^5 floats; in extremes a NaN wins. The caller combines those of the blocks in
 * float64, in a fixed order.
 *
 * Columns are added up within groups of GROUP rows, then over the groups, so that errors of sums grow with the number of groups
 * and not of rows. */
enum { GROUP = 8, SEGMENT = 64 * LANES, STRIP = VECTOR_REGISTERS == 32 ? 10 : 4 };

/* What changes nothing. */
INLINE float reduction_start(enum reduction kind) {
    return kind == SUM ? 0 : kind == MAXIMUM ? -INFINITY : INFINITY;
}

INLINE vec reduction_step(enum reduction kind, vec a, vec b) {
    switch (kind) {
        case MAXIMUM: return v_maximum(a, b);
        case MINIMUM: return v_minimum(a, b);
        default: return a + b;
    }
}

INLINE vec reduction_read(enum reduction kind, const float *x, int64_t left) {
    return kind == SUM ? v_read(x, left) : v_read_or(x, left, reduction_start(kind));
}

/* Of all lanes. */
INLINE float reduction_across(enum reduction kind, vec a) {
    return kind == SUM ? v_sum(a) : kind == MAXIMUM ? v_largest(a) : -v_largest(-a);
}

/* y[i] = reduction over r of x[r, i] for `vectors` vectors, the last of them of `left` floats: sums stay in registers. */
INLINE void reduce_strip(
    enum reduction kind, int vectors, float *y, const float *x, int64_t rows, int64_t n, int64_t left) {
    vec total[STRIP], part[STRIP];
    UNROLL for (int v = 0; v < vectors; v++) total[v] = v_set(reduction_start(kind));
    for (int64_t r = 0; r < rows; ) {
        const int64_t end = r + GROUP <= rows ? r + GROUP : r + 1;
        UNROLL for (int v = 0; v < vectors; v++) part[v] = v_read(x + r * n + v * LANES, left - v * LANES);
        for (r++; r < end; r++)
            UNROLL for (int v = 0; v < vectors; v++)
                part[v] = reduction_step(kind, part[v], v_read(x + r * n + v * LANES, left - v * LANES));
        UNROLL for (int v = 0; v < vectors; v++) total[v] = reduction_step(kind, total[v], part[v]);
    }
    UNROLL for (int v = 0; v < vectors; v++) v_write(y + v * LANES, total[v], left - v * LANES);
}

#define REDUCE_CASE(vectors) case vectors: reduce_strip(kind, vectors, y, x, rows, n, left); break;
INLINE void reduce_any_strip(
    enum reduction kind, int64_t vectors, float *y, const float *x, int64_t rows, int64_t n, int64_t left) {
    switch (vectors) {
        REDUCE_CASE(1) REDUCE_CASE(2) REDUCE_CASE(3) REDUCE_CASE(4)
#if VECTOR_REGISTERS == 32
        REDUCE_CASE(5) REDUCE_CASE(6) REDUCE_CASE(7) REDUCE_CASE(8) REDUCE_CASE(9) REDUCE_CASE(10)
#endif
    }
}

/* y = reduction of y and of `group` rows of x. */
INLINE void reduce_group(enum reduction kind, float *y, const float *x, int group, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        vec a = v_read(x + i, n - i);
        for (int r = 1; r < group; r++) a = reduction_step(kind, a, v_read(x + r * n + i, n - i));
        v_write(y + i, reduction_step(kind, v_read(y + i, n - i), a), n - i);
    }
}

/* y[i] = reduction over r of x[r, i]. Rows of up to STRIP vectors are read as they lie, 10 to 20 % faster than in strips of four,
 * in which wider ones are read. Those of more than NARROW floats are read in groups, since strips of them lie too far apart to be
 * fetched ahead: 47 and 33 GB/s with 2048 floats a row, 55 and 78 with 64. */
INLINE void reduce_columns(enum reduction kind, float *y, const float *x, int64_t rows, int64_t n) {
    enum { NARROW = 256 };
    int64_t r = 0;
    if (n <= NARROW) {
        const int64_t vectors = (n + LANES - 1) / LANES, strips = vectors <= STRIP ? 1 : (vectors + 3) / 4;
        for (int64_t s = 0; s < strips; s++) {
            const int64_t first = s * vectors / strips, count = (s + 1) * vectors / strips - first;
            reduce_any_strip(kind, count, y + first * LANES, x + first * LANES, rows, n, n - first * LANES);
        }
        return;
    }
    for (int64_t i = 0; i < n; i += LANES) v_write(y + i, v_set(reduction_start(kind)), n - i);
    for (; r + GROUP <= rows; r += GROUP) reduce_group(kind, y, x + r * n, GROUP, n);
    for (; r < rows; r++) reduce_group(kind, y, x + r * n, 1, n);
}

static void f32_sum_columns(float *y, const float *x, int64_t rows, int64_t n) { reduce_columns(SUM, y, x, rows, n); }
static void f32_maximum_of_columns(float *y, const float *x, int64_t rows, int64_t n) {
    reduce_columns(MAXIMUM, y, x, rows, n);
}
static void f32_minimum_of_columns(float *y, const float *x, int64_t rows, int64_t n) {
    reduce_columns(MINIMUM, y, x, rows, n);
}

/* Of the following, rows of x and dy lie `step` floats apart. */

/* `wide` is center, scale and shift, as in f32_normalize_backward; only the center is read if the kind is LINEAR. The next group
 * of rows is fetched meanwhile: 1.4 times as fast with 2 to 4 MB that are not in the caches, 1.2 times with 28 MB. */
INLINE void add_moments(
    float *sums, float *products, const float *dy, const float *x, const float *wide, int group, int64_t n, int64_t step,
    int kind, float alpha) {
    const float *center = wide, *scale = center + step, *shift = scale + step;
    for (int64_t i = 0; i < n; i += LANES) {
        const vec middle = v_read(center + i, n - i);
        vec sum = v_set(0), product = v_set(0);
        for (int r = 0; r < group; r++) {
            __builtin_prefetch(x + (r + GROUP) * step + i);
            if (dy != NULL) __builtin_prefetch(dy + (r + GROUP) * step + i);
            const vec distance = v_read(x + r * step + i, n - i) - middle;
            const vec factor = dy == NULL ? distance : v_normal_gradient(
                v_read(dy + r * step + i, n - i), distance, scale + i, shift + i, n - i, kind, alpha);
            sum += factor;
            product = v_fma(factor, distance, product);
        }
        v_write(sums + i, v_read(sums + i, n - i) + sum, n - i);
        v_write(products + i, v_read(products + i, n - i) + product, n - i);
    }
}

INLINE void sum_moments(
    float *sums, float *products, const float *dy, const float *x, const float *wide, int64_t rows, int64_t n,
    int64_t step, int kind, float alpha) {
    const int64_t dy_step = dy == NULL ? 0 : step;
    int64_t r = 0;
    memset(sums, 0, sizeof(float) * n);
    memset(products, 0, sizeof(float) * n);
    for (; r + GROUP <= rows; r += GROUP, dy += GROUP * dy_step)
        add_moments(sums, products, dy, x + r * step, wide, GROUP, n, step, kind, alpha);
    for (; r < rows; r++, dy += dy_step) add_moments(sums, products, dy, x + r * step, wide, 1, n, step, kind, alpha);
}

/* center[i] = mean over the first eighth of the rows, or GROUP of them; sums[i] = sum over r of d, squares[i] = sum over r of d d,
 * where d = x[r, i] - center[i]. The center is near enough to the mean of all rows that squares about it lose no more than three
 * bits, even where the first ones are unlike the others. */
static void f32_column_moments(
    float *center, float *sums, float *squares, const float *x, int64_t rows, int64_t n, int64_t step) {
    const int64_t eighth = rows / 8 > GROUP ? rows / 8 : GROUP, sample = eighth < rows ? eighth : rows;
    for (int64_t i = 0; i < n; i += LANES) {
        vec sum = v_set(0);
        for (int64_t r = 0; r < sample; r++) sum += v_read(x + r * step + i, n - i);
        v_write(center + i, sum * (1.0f / sample), n - i);
    }
    sum_moments(sums, squares, NULL, x, center, rows, n, step, LINEAR, 0);
}

/* sums[i] = sum over r of dh[r, i], products[i] = sum over r of dh[r, i] (x[r, i] - center[i]), with dh and `wide` as in
 * f32_normalize_backward; dh is x - center if dy is NULL. */
static void f32_column_products(
    float *sums, float *products, const float *dy, const float *x, const float *wide, int64_t rows, int64_t n,
    int64_t step, int kind, float alpha) {
    if (dy == NULL) {
        sum_moments(sums, products, NULL, x, wide, rows, n, step, LINEAR, 0);
        return;
    }
#define COLUMN_PRODUCTS(kind) sum_moments(sums, products, dy, x, wide, rows, n, step, kind, alpha)
    FOR_PIECEWISE_KIND(kind, COLUMN_PRODUCTS)
}

/* Reduction over i < n of x[i]: four vectors at a time, so that one need not wait for the one before. */
INLINE float reduce_segment(enum reduction kind, const float *x, int64_t n) {
    int64_t i = 0;
    vec a[4];
    UNROLL for (int v = 0; v < 4; v++) a[v] = v_set(reduction_start(kind));
    for (; i + 4 * LANES <= n; i += 4 * LANES)
        UNROLL for (int v = 0; v < 4; v++) a[v] = reduction_step(kind, a[v], v_load(x + i + v * LANES));
    for (; i < n; i += LANES) a[0] = reduction_step(kind, a[0], reduction_read(kind, x + i, n - i));
    return reduction_across(kind, reduction_step(kind, reduction_step(kind, a[0], a[1]), reduction_step(kind, a[2], a[3])));
}

/* Sum of n floats: segments in float64. */
static inline float row_sum(const float *x, int64_t n) {
    double total = 0;
    for (int64_t start = 0; start < n; start += SEGMENT)
        total += reduce_segment(SUM, x + start, start + SEGMENT < n ? SEGMENT : n - start);
    return (float)total;
}

static inline float row_maximum(const float *x, int64_t n) { return reduce_segment(MAXIMUM, x, n); }
static inline float row_minimum(const float *x, int64_t n) { return reduce_segment(MINIMUM, x, n); }

/* y[r] = reduction over i of x[r, i]. */
static void f32_sum_rows(float *y, const float *x, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++) y[r] = row_sum(x + r * n, n);
}
static void f32_maximum_of_rows(float *y, const float *x, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++) y[r] = row_maximum(x + r * n, n);
}
static void f32_minimum_of_rows(float *y, const float *x, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++) y[r] = row_minimum(x + r * n, n);
}
