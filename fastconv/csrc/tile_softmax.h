/* Softmax, its logarithm and the losses made of them, on `rows` rows of n floats; a row is read from memory once.
 * An output may be any input of its own shape, except `target`. */

/* sum over i of exp(x[i] - maximum); the terms go to y unless it is NULL. */
INLINE float row_exp(float *y, const float *x, int64_t n, float maximum) {
    double total = 0;
    for (int64_t start = 0; start < n; start += SEGMENT) {
        const int64_t end = start + SEGMENT < n ? start + SEGMENT : n;
        vec sum = v_set(0);
        for (int64_t i = start; i < end; i += LANES) {
            const vec e = v_exp(v_read_or(x + i, end - i, -INFINITY) - maximum);
            if (y != NULL) v_write(y + i, e, end - i);
            sum += e;
        }
        total += v_sum(sum);
    }
    return (float)total;
}

/* sum over i of x[i] y[i]. */
static inline float row_dot(const float *x, const float *y, int64_t n) {
    double total = 0;
    for (int64_t start = 0; start < n; start += SEGMENT) {
        const int64_t end = start + SEGMENT < n ? start + SEGMENT : n;
        int64_t i = start;
        vec a = v_set(0), b = v_set(0);
        for (; i + 2 * LANES <= end; i += 2 * LANES) {
            a = v_fma(v_load(x + i), v_load(y + i), a);
            b = v_fma(v_load(x + i + LANES), v_load(y + i + LANES), b);
        }
        for (; i < end; i += LANES) a = v_fma(v_read(x + i, end - i), v_read(y + i, end - i), a);
        total += v_sum(a + b);
    }
    return (float)total;
}

static void f32_softmax(float *y, const float *x, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, y += n, x += n) {
        const float inverse = 1 / row_exp(y, x, n, row_maximum(x, n));
        for (int64_t i = 0; i < n; i += LANES) v_write(y + i, v_read(y + i, n - i) * inverse, n - i);
    }
}

/* dx = y (dy - sum(dy y)). */
static void f32_softmax_backward(float *dx, const float *dy, const float *y, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, dx += n, dy += n, y += n) {
        const float dot = row_dot(dy, y, n);
        for (int64_t i = 0; i < n; i += LANES)
            v_write(dx + i, v_read(y + i, n - i) * (v_read(dy + i, n - i) - dot), n - i);
    }
}

static void f32_log_softmax(float *y, const float *x, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, y += n, x += n) {
        const float maximum = row_maximum(x, n), logarithm = logf(row_exp(NULL, x, n, maximum));
        for (int64_t i = 0; i < n; i += LANES) v_write(y + i, v_read(x + i, n - i) - maximum - logarithm, n - i);
    }
}

/* dx = dy - exp(y) sum(dy). */
static void f32_log_softmax_backward(float *dx, const float *dy, const float *y, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, dx += n, dy += n, y += n) {
        const float sum = row_sum(dy, n);
        for (int64_t i = 0; i < n; i += LANES)
            v_write(dx + i, v_read(dy + i, n - i) - v_exp(v_read(y + i, n - i)) * sum, n - i);
    }
}

/* loss[r] = -sum over i of target[r, i] log_softmax(x)[r, i]. */
static void f32_softmax_cross_entropy(float *loss, const float *x, const float *target, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, x += n, target += n) {
        const float maximum = row_maximum(x, n), logarithm = logf(row_exp(NULL, x, n, maximum));
        double total = 0;
        for (int64_t start = 0; start < n; start += SEGMENT) {
            const int64_t end = start + SEGMENT < n ? start + SEGMENT : n;
            vec sum = v_set(0);
            for (int64_t i = start; i < end; i += LANES)
                sum = v_fma(v_read(target + i, end - i), v_read(x + i, end - i) - maximum - logarithm, sum);
            total += v_sum(sum);
        }
        loss[r] = (float)-total;
    }
}

/* dx = (softmax(x) sum(target) - target) dloss. */
static void f32_softmax_cross_entropy_backward(
    float *dx, const float *dloss, const float *x, const float *target, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, dx += n, x += n, target += n) {
        const float inverse = 1 / row_exp(dx, x, n, row_maximum(x, n));
        const float sum = row_sum(target, n);
        for (int64_t i = 0; i < n; i += LANES) {
            const vec softmax = v_read(dx + i, n - i) * inverse;
            v_write(dx + i, (softmax * sum - v_read(target + i, n - i)) * dloss[r], n - i);
        }
    }
}

/* loss[r] = -log_softmax(x)[r, target[r]], where 0 <= target[r] < n. */
static void f32_sparse_softmax_cross_entropy(
    float *loss, const float *x, const int64_t *target, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, x += n) {
        const float maximum = row_maximum(x, n), logarithm = logf(row_exp(NULL, x, n, maximum));
        loss[r] = logarithm - (x[target[r]] - maximum);
    }
}

/* dx = (softmax(x) - one_hot(target)) dloss. */
static void f32_sparse_softmax_cross_entropy_backward(
    float *dx, const float *dloss, const float *x, const int64_t *target, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, dx += n, x += n) {
        const float sum = row_exp(dx, x, n, row_maximum(x, n)), inverse = 1 / sum;
        dx[target[r]] -= sum;
        for (int64_t i = 0; i < n; i += LANES) v_write(dx + i, v_read(dx + i, n - i) * inverse * dloss[r], n - i);
    }
}
