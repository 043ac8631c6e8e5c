/* Softmax, its logarithm and the losses made of them, on `rows` rows of n floats; a row is read from memory once.
 * An output may be any input of its own shape, except `target`. */

/* sum over i of exp(x[i] - maximum); the terms go to y. */
INLINE float row_exp(float *y, const float *x, int64_t n, float maximum) {
    double total = 0;
    for (int64_t start = 0; start < n; start += SEGMENT) {
        const int64_t end = start + SEGMENT < n ? start + SEGMENT : n;
        vec sum = v_set(0);
        for (int64_t i = start; i < end; i += LANES) {
            const vec e = v_exp(v_read_or(x + i, end - i, -INFINITY) - maximum);
            v_write(y + i, e, end - i);
            sum += e;
        }
        total += v_sum(sum);
    }
    return (float)total;
}

/* log(sum over i of exp(x[i] - maximum)), from what the sum exceeds 1 by: that may be less than a float tells beside 1. */
INLINE float row_log_sum(const float *x, int64_t n, float maximum) {
    double others = -1, rest = 0;
    for (int64_t start = 0; start < n; start += SEGMENT) {
        const int64_t end = start + SEGMENT < n ? start + SEGMENT : n;
        vec sum = v_set(0), largest = v_set(0);
        for (int64_t i = start; i < end; i += LANES) {
            const vec distance = v_read_or(x + i, end - i, -INFINITY) - maximum;
            const vmask first = v_equal(distance, v_set(0));
            sum += v_choose(first, v_set(0), v_exp(distance));
            largest += v_choose(first, v_set(1), v_set(0));
        }
        others += v_sum(largest);
        rest += v_sum(sum);
    }
    const float excess = (float)(others + rest);
    return excess > 0.5f ? logf(1 + excess) : log1pf(excess);    /* logf takes a third of the time */
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

/* Rows of up to FEW vectors stay in registers; of those shorter than half a vector several lie in one. Such rows are segments of
 * its lanes, each of which is folded upon its first lane. */
enum { FEW = 4, TOGETHER = 4 };

typedef struct {
    int64_t rows;    /* in a vector */
    int folds;
    ivec fold[4];    /* the lane whose number each lane takes in, LANES where there is none left */
    ivec first;      /* of each lane's segment */
} segments;

static segments segments_of(int64_t n) {
    const int lanes = n < LANES ? (int)n : LANES;
    segments s = {.rows = LANES / lanes};
    for (int lane = 0; lane < LANES; lane++) s.first[lane] = lane / lanes * lanes;
    for (int length = lanes; length > 1; length = (length + 1) / 2) {
        const int half = (length + 1) / 2;
        for (int lane = 0; lane < LANES; lane++)
            s.fold[s.folds][lane] = lane % lanes + half < length ? lane + half : LANES;
        s.folds++;
    }
    return s;
}

/* In every lane the sum, or the maximum, of its segment; where there is a NaN in it, its sum is one. */
INLINE vec segment_sum(vec a, const segments *s) {
    for (int i = 0; i < s->folds; i++) a += v_pick(a, v_set(0), s->fold[i]);
    return v_permute(a, s->first);
}
INLINE vec segment_maximum(vec a, const segments *s) {
    for (int i = 0; i < s->folds; i++) a = v_max(a, v_pick(a, v_set(-INFINITY), s->fold[i]));
    return v_permute(a, s->first);
}

/* y = softmax(x) for `together` groups, each of as many rows as lie in a vector: `width` floats, on `vectors` vectors. The way
 * through one of them is long, so that several had better be on it at the same time. */
INLINE void softmax_of_groups(
    int together, int vectors, float *y, const float *x, int64_t width, const segments *s) {
    const int last = vectors - 1;
    vec e[TOGETHER][FEW], maximum[TOGETHER], inverse[TOGETHER];
    UNROLL for (int g = 0; g < together; g++) {
        const float *from = x + g * width;
        UNROLL for (int v = 0; v < last; v++) e[g][v] = v_load(from + v * LANES);
        e[g][last] = last > 0 ? v_read_or(from + last * LANES, width - last * LANES, -INFINITY) : v_read(from, width);
        maximum[g] = e[g][0];
        UNROLL for (int v = 1; v < vectors; v++) maximum[g] = v_max(maximum[g], e[g][v]);
    }
    UNROLL for (int g = 0; g < together; g++) maximum[g] = segment_maximum(maximum[g], s);
    UNROLL for (int g = 0; g < together; g++) {
        vec sum = v_set(0);
        UNROLL for (int v = 0; v < vectors; v++) sum += e[g][v] = v_exp(e[g][v] - maximum[g]);
        inverse[g] = sum;
    }
    UNROLL for (int g = 0; g < together; g++) inverse[g] = 1.0f / segment_sum(inverse[g], s);
    UNROLL for (int g = 0; g < together; g++)
        UNROLL for (int v = 0; v < vectors; v++)
            v_write(y + g * width + v * LANES, e[g][v] * inverse[g], width - v * LANES);
}

/* dx = y (dy - sum(dy y)) for such groups. */
INLINE void softmax_gradient_of_groups(
    int together, int vectors, float *dx, const float *dy, const float *y, int64_t width, const segments *s) {
    vec slope[TOGETHER][FEW], value[TOGETHER][FEW], dot[TOGETHER];
    UNROLL for (int g = 0; g < together; g++) {
        dot[g] = v_set(0);
        UNROLL for (int v = 0; v < vectors; v++) {
            slope[g][v] = v_read(dy + g * width + v * LANES, width - v * LANES);
            value[g][v] = v_read(y + g * width + v * LANES, width - v * LANES);
            dot[g] = v_fma(slope[g][v], value[g][v], dot[g]);
        }
    }
    UNROLL for (int g = 0; g < together; g++) dot[g] = segment_sum(dot[g], s);
    UNROLL for (int g = 0; g < together; g++)
        UNROLL for (int v = 0; v < vectors; v++)
            v_write(dx + g * width + v * LANES, value[g][v] * (slope[g][v] - dot[g]), width - v * LANES);
}

INLINE void softmax_in_registers(int vectors, float *y, const float *x, int64_t rows, int64_t n) {
    const segments s = segments_of(n);
    const int64_t width = s.rows * n, end = rows * n;
    int64_t i = 0;
    for (; i + TOGETHER * width <= end; i += TOGETHER * width) softmax_of_groups(TOGETHER, vectors, y + i, x + i, width, &s);
    for (; i < end; i += width) softmax_of_groups(1, vectors, y + i, x + i, end - i < width ? end - i : width, &s);
}

INLINE void softmax_backward_in_registers(
    int vectors, float *dx, const float *dy, const float *y, int64_t rows, int64_t n) {
    const segments s = segments_of(n);
    const int64_t width = s.rows * n, end = rows * n;
    int64_t i = 0;
    for (; i + TOGETHER * width <= end; i += TOGETHER * width)
        softmax_gradient_of_groups(TOGETHER, vectors, dx + i, dy + i, y + i, width, &s);
    for (; i < end; i += width)
        softmax_gradient_of_groups(1, vectors, dx + i, dy + i, y + i, end - i < width ? end - i : width, &s);
}

static void f32_softmax(float *y, const float *x, int64_t rows, int64_t n) {
    switch ((n + LANES - 1) / LANES) {
        case 1: softmax_in_registers(1, y, x, rows, n); return;
        case 2: softmax_in_registers(2, y, x, rows, n); return;
        case 3: softmax_in_registers(3, y, x, rows, n); return;
        case 4: softmax_in_registers(4, y, x, rows, n); return;
    }
    for (int64_t r = 0; r < rows; r++, y += n, x += n) {
        const float inverse = 1 / row_exp(y, x, n, row_maximum(x, n));
        for (int64_t i = 0; i < n; i += LANES) v_write(y + i, v_read(y + i, n - i) * inverse, n - i);
    }
}

/* dx = y (dy - sum(dy y)). */
static void f32_softmax_backward(float *dx, const float *dy, const float *y, int64_t rows, int64_t n) {
    switch ((n + LANES - 1) / LANES) {
        case 1: softmax_backward_in_registers(1, dx, dy, y, rows, n); return;
        case 2: softmax_backward_in_registers(2, dx, dy, y, rows, n); return;
        case 3: softmax_backward_in_registers(3, dx, dy, y, rows, n); return;
        case 4: softmax_backward_in_registers(4, dx, dy, y, rows, n); return;
    }
    for (int64_t r = 0; r < rows; r++, dx += n, dy += n, y += n) {
        const float dot = row_dot(dy, y, n);
        for (int64_t i = 0; i < n; i += LANES)
            v_write(dx + i, v_read(y + i, n - i) * (v_read(dy + i, n - i) - dot), n - i);
    }
}

static void f32_log_softmax(float *y, const float *x, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, y += n, x += n) {
        const float maximum = row_maximum(x, n), logarithm = row_log_sum(x, n, maximum);
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

/* loss[r] = -sum over i of target[r, i] log_softmax(x)[r, i]; a target of 0 counts nothing, whatever its logarithm is. */
static void f32_softmax_cross_entropy(float *loss, const float *x, const float *target, int64_t rows, int64_t n) {
    for (int64_t r = 0; r < rows; r++, x += n, target += n) {
        const float maximum = row_maximum(x, n), logarithm = row_log_sum(x, n, maximum);
        double total = 0;
        for (int64_t start = 0; start < n; start += SEGMENT) {
            const int64_t end = start + SEGMENT < n ? start + SEGMENT : n;
            vec sum = v_set(0);
            for (int64_t i = start; i < end; i += LANES) {
                const vec wanted = v_read(target + i, end - i), log = v_read(x + i, end - i) - maximum - logarithm;
                sum = v_fma(wanted, v_choose(v_equal(wanted, v_set(0)), v_set(0), log), sum);
            }
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
        const float maximum = row_maximum(x, n), logarithm = row_log_sum(x, n, maximum);
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
