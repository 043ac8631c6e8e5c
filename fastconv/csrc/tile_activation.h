/* Activations and their gradients on n floats; the output may be an input, and go past the caches. */

INLINE void activate_all(float *y, const float *x, int64_t n, int kind, float alpha, int past) {
    for (int64_t i = 0; i < n; i += LANES) v_send(y + i, v_activate(v_read(x + i, n - i), kind, alpha), n - i, past);
    if (past) v_settle();
}

/* The loop is compiled once per kind. */
static void f32_activate(float *y, const float *x, int64_t n, int kind, float alpha, int past) {
    switch (kind) {
        case RELU: activate_all(y, x, n, RELU, alpha, past); break;
        case LEAKY_RELU: activate_all(y, x, n, LEAKY_RELU, alpha, past); break;
        case ELU: activate_all(y, x, n, ELU, alpha, past); break;
        case SIGMOID: activate_all(y, x, n, SIGMOID, alpha, past); break;
        case TANH: activate_all(y, x, n, TANH, alpha, past); break;
        case CLIPPED_RELU: activate_all(y, x, n, CLIPPED_RELU, alpha, past); break;
        default: activate_all(y, x, n, LINEAR, alpha, past);
    }
}

/* f'(x) in terms of y = f(x). */
static inline vec v_activation_slope(vec y, int kind, float alpha) {
    const vec one = v_set(1), zero = v_set(0);
    switch (kind) {
        case RELU: return v_choose(v_greater(y, zero), one, zero);
        case LEAKY_RELU: return v_choose(v_greater(y, zero), one, v_set(alpha));
        case ELU: return v_choose(v_greater(y, zero), one, y + alpha);
        case SIGMOID: return y * (1.0f - y);
        case TANH: return 1.0f - y * y;
        case CLIPPED_RELU: return v_choose(v_greater(y, zero), v_choose(v_greater(v_set(alpha), y), one, zero), zero);
        default: return one;
    }
}

INLINE void activate_all_backward(
    float *dx, const float *dy, const float *y, int64_t n, int kind, float alpha, int past) {
    for (int64_t i = 0; i < n; i += LANES)
        v_send(dx + i, v_read(dy + i, n - i) * v_activation_slope(v_read(y + i, n - i), kind, alpha), n - i, past);
    if (past) v_settle();
}

static void f32_activate_backward(
    float *dx, const float *dy, const float *y, int64_t n, int kind, float alpha, int past) {
    switch (kind) {
        case RELU: activate_all_backward(dx, dy, y, n, RELU, alpha, past); break;
        case LEAKY_RELU: activate_all_backward(dx, dy, y, n, LEAKY_RELU, alpha, past); break;
        case ELU: activate_all_backward(dx, dy, y, n, ELU, alpha, past); break;
        case SIGMOID: activate_all_backward(dx, dy, y, n, SIGMOID, alpha, past); break;
        case TANH: activate_all_backward(dx, dy, y, n, TANH, alpha, past); break;
        case CLIPPED_RELU: activate_all_backward(dx, dy, y, n, CLIPPED_RELU, alpha, past); break;
        default: activate_all_backward(dx, dy, y, n, LINEAR, alpha, past);
    }
}

/* y = x sigmoid(p), where p = x (linear + cubic x^2). */
static void f32_gate(float *y, const float *x, int64_t n, float linear, float cubic, int past) {
    for (int64_t i = 0; i < n; i += LANES) {
        const vec a = v_read(x + i, n - i);
        v_send(y + i, a / (1.0f + v_exp(-a * v_fma(a * cubic, a, v_set(linear)))), n - i, past);
    }
    if (past) v_settle();
}

/* dx = dy (s + x s (1 - s) p'(x)), where s = sigmoid(p). Beyond 64 the second term is 0, and would be 0 times infinity. */
static void f32_gate_backward(
    float *dx, const float *dy, const float *x, int64_t n, float linear, float cubic, int past) {
    for (int64_t i = 0; i < n; i += LANES) {
        const vec a = v_min(v_set(64), v_max(v_set(-64), v_read(x + i, n - i))), square = a * a;
        const vec s = v_sigmoid(a * v_fma(square, v_set(cubic), v_set(linear)));
        const vec slope = v_fma(square, v_set(3 * cubic), v_set(linear));
        v_send(dx + i, v_read(dy + i, n - i) * v_fma(a * s * (1.0f - s), slope, s), n - i, past);
    }
    if (past) v_settle();
}
