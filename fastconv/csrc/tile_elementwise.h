/* Functions of one and two elements, and affine maps of channels; any output may be any input, and go
 * past the caches.
 *
 * X(its name, NumPy's where it has one; its value at the vectors a and b); FOR_EACH_BINARY begins with addition. */
#define FOR_EACH_UNARY(X)     \
    X(negative, -a)           \
    X(absolute, v_abs(a))     \
    X(square, a * a)          \
    X(sqrt, v_sqrt(a))        \
    X(exp, v_exp(a))          \
    X(reciprocal, 1.0f / a)   \
    X(gelu, v_gelu(a))

#define FOR_EACH_BINARY(X)         \
    X(add, a + b)                  \
    X(subtract, a - b)             \
    X(multiply, a * b)             \
    X(true_divide, a / b)          \
    X(maximum, v_maximum(a, b))    \
    X(minimum, v_minimum(a, b))    \
    X(gelu_backward, a * v_gelu_slope(b)) \
    X(sigmoid_loss, v_sigmoid_loss(a, b)) \
    X(sigmoid_loss_slope, v_sigmoid_loss_slope(a, b))

/* y[i] = f(x[i]). */
#define UNARY_FUNCTION(name, value)                                         \
    static void f32_##name(float *y, const float *x, int64_t n, int nontemporal) { \
        for (int64_t i = 0; i < n; i += LANES) {                            \
            const vec a = v_read(x + i, n - i);                             \
            v_send(y + i, value, n - i, nontemporal);                              \
        }                                                                   \
        if (nontemporal) v_settle();                                               \
    }

/* z[r, i] = f(x[r, i], y[r, i]) for `rows` rows of n floats. The rows of x lie x_step floats apart, those of y y_step: n, or
 * 0 for one row that serves all. */
#define BINARY_FUNCTION(name, value)                                                                              \
    static void f32_##name(                                                                                       \
        float *z, const float *x, const float *y, int64_t x_step, int64_t y_step, int64_t rows, int64_t n,        \
        int nontemporal) {                                                                                               \
        for (int64_t r = 0; r < rows; r++, z += n, x += x_step, y += y_step)                                      \
            for (int64_t i = 0; i < n; i += LANES) {                                                              \
                const vec a = v_read(x + i, n - i), b = v_read(y + i, n - i);                                     \
                v_send(z + i, value, n - i, nontemporal);                                                                \
            }                                                                                                     \
        if (nontemporal) v_settle();                                                                                     \
    }

#define FUNCTION_TABLE_ENTRY(name, value) {#name, f32_##name},

FOR_EACH_UNARY(UNARY_FUNCTION)
FOR_EACH_BINARY(BINARY_FUNCTION)

/* Of the following, rows of x, y and their gradients lie `step` floats apart. */

/* y[r, i] = x[r, i] scale[i] + shift[i] for `rows` rows of n floats. */
static void f32_scale_shift(
    float *y, const float *x, const float *scale, const float *shift, int64_t rows, int64_t n, int64_t step, int nontemporal) {
    for (int64_t r = 0; r < rows; r++, y += step, x += step)
        for (int64_t i = 0; i < n; i += LANES) {
            const vec a = v_read(x + i, n - i);
            v_send(y + i, v_fma(a, v_read(scale + i, n - i), v_read(shift + i, n - i)), n - i, nontemporal);
        }
    if (nontemporal) v_settle();
}

/* y = f((x - center) scale + shift): the subtraction first, so that a mean far from 0 costs no digits. Rows of x lie x_step
 * floats apart, rows of y y_step. */
INLINE void normalize_all(
    float *y, int64_t y_step, const float *x, int64_t x_step, const float *center, const float *scale, const float *shift,
    int64_t rows, int64_t n, int kind, float alpha, int nontemporal) {
    for (int64_t r = 0; r < rows; r++, y += y_step, x += x_step)
        for (int64_t i = 0; i < n; i += LANES) {
            const vec distance = v_read(x + i, n - i) - v_read(center + i, n - i);
            const vec normal = v_fma(distance, v_read(scale + i, n - i), v_read(shift + i, n - i));
            v_send(y + i, v_activate(normal, kind, alpha), n - i, nontemporal);
        }
    if (nontemporal) v_settle();
}

/* The loop is compiled for the activations that most often follow, and for any. */
static void f32_normalize(
    float *y, int64_t y_step, const float *x, int64_t x_step, const float *center, const float *scale, const float *shift,
    int64_t rows, int64_t n, int kind, float alpha, int nontemporal) {
    if (kind == LINEAR)
        normalize_all(y, y_step, x, x_step, center, scale, shift, rows, n, LINEAR, alpha, nontemporal);
    else if (kind == RELU)
        normalize_all(y, y_step, x, x_step, center, scale, shift, rows, n, RELU, alpha, nontemporal);
    else if (kind == CLIPPED_RELU)
        normalize_all(y, y_step, x, x_step, center, scale, shift, rows, n, CLIPPED_RELU, alpha, nontemporal);
    else
        normalize_all(y, y_step, x, x_step, center, scale, shift, rows, n, kind, alpha, nontemporal);
}

/* CALL(kind) with a constant, so that a loop is compiled once per kind: of the activations f whose slope at h follows from the
 * intervals in which h lies, and for which f(h) lies in the same. */
#define FOR_PIECEWISE_KIND(kind, CALL)              \
    switch (kind) {                                 \
        case RELU: CALL(RELU); break;               \
        case LEAKY_RELU: CALL(LEAKY_RELU); break;   \
        case CLIPPED_RELU: CALL(CLIPPED_RELU); break; \
        default: CALL(LINEAR);                      \
    }

/* dy f'(h), where h = distance scale + shift has the bits of f32_normalize. */
INLINE vec v_normal_gradient(
    vec dy, vec distance, const float *scale, const float *shift, int64_t left, int kind, float alpha) {
    if (kind == LINEAR) return dy;
    return v_activation_gradient(dy, v_fma(distance, v_read(scale, left), v_read(shift, left)), kind, alpha);
}

INLINE void normalize_all_backward(
    float *dx, const float *dy, const float *x, const float *wide, int64_t rows, int64_t n, int64_t step, int kind,
    float alpha, int nontemporal) {
    const float *center = wide, *scale = center + step, *shift = scale + step;
    const float *slope = shift + step, *offset = slope + step, *factor = offset + step;
    for (int64_t r = 0; r < rows; r++, dx += step, dy += step, x += step)
        for (int64_t i = 0; i < n; i += LANES) {
            const vec distance = v_read(x + i, n - i) - v_read(center + i, n - i);
            const vec dh = v_normal_gradient(v_read(dy + i, n - i), distance, scale + i, shift + i, n - i, kind, alpha);
            const vec rest = dh - v_read(offset + i, n - i) - distance * v_read(slope + i, n - i);
            v_send(dx + i, rest * v_read(factor + i, n - i), n - i, nontemporal);
        }
    if (nontemporal) v_settle();
}

/* dx = (dh - offset - (x - center) slope) factor, with dh = dy f'(h) and h = (x - center) scale + shift. Rows of `wide` are center,
 * scale, shift, slope, offset and factor. */
static void f32_normalize_backward(
    float *dx, const float *dy, const float *x, const float *wide, int64_t rows, int64_t n, int64_t step, int kind,
    float alpha, int nontemporal) {
#define NORMALIZE_BACKWARD(kind) normalize_all_backward(dx, dy, x, wide, rows, n, step, kind, alpha, nontemporal)
    FOR_PIECEWISE_KIND(kind, NORMALIZE_BACKWARD)
}
