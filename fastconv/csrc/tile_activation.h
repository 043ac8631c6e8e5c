/* Activations and their gradients on n floats; the output may be an input, and go past the caches. */

INLINE void activate_all(float *y, const float *x, int64_t n, int kind, float alpha, int nontemporal) {
    for (int64_t i = 0; i < n; i += LANES) v_send(y + i, v_activate(v_read(x + i, n - i), kind, alpha), n - i, nontemporal);
    if (nontemporal) v_settle();
}

/* The loop is compiled once per kind. */
static void f32_activate(float *y, const float *x, int64_t n, int kind, float alpha, int nontemporal) {
    switch (kind) {
        case RELU: activate_all(y, x, n, RELU, alpha, nontemporal); break;
        case LEAKY_RELU: activate_all(y, x, n, LEAKY_RELU, alpha, nontemporal); break;
        case ELU: activate_all(y, x, n, ELU, alpha, nontemporal); break;
        case SIGMOID: activate_all(y, x, n, SIGMOID, alpha, nontemporal); break;
        case TANH: activate_all(y, x, n, TANH, alpha, nontemporal); break;
        case CLIPPED_RELU: activate_all(y, x, n, CLIPPED_RELU, alpha, nontemporal); break;
        default: activate_all(y, x, n, LINEAR, alpha, nontemporal);
    }
}

/* dy f'(x) in terms of y = f(x); a slope of 0 chooses 0 instead of multiplying by it, so that an infinite dy ends there. */
static inline vec v_activation_gradient(vec dy, vec y, int kind, float alpha) {
    const vec zero = v_set(0);
    switch (kind) {
        case RELU: return v_choose(v_greater(y, zero), dy, zero);
        case LEAKY_RELU: return v_choose(v_greater(y, zero), dy, dy * alpha);
        case ELU: return v_choose(v_greater(y, zero), dy, dy * (y + alpha));
        case SIGMOID: return dy * (y * (1.0f - y));
        case TANH: return dy * ((1.0f - y) * (1.0f + y));
        case CLIPPED_RELU: return v_choose(v_greater(y, zero), v_choose(v_greater(v_set(alpha), y), dy, zero), zero);
        default: return dy;
    }
}

INLINE void activate_all_backward(
    float *dx, const float *dy, const float *y, int64_t n, int kind, float alpha, int nontemporal) {
    for (int64_t i = 0; i < n; i += LANES)
        v_send(dx + i, v_activation_gradient(v_read(dy + i, n - i), v_read(y + i, n - i), kind, alpha), n - i, nontemporal);
    if (nontemporal) v_settle();
}

static void f32_activate_backward(
    float *dx, const float *dy, const float *y, int64_t n, int kind, float alpha, int nontemporal) {
    switch (kind) {
        case RELU: activate_all_backward(dx, dy, y, n, RELU, alpha, nontemporal); break;
        case LEAKY_RELU: activate_all_backward(dx, dy, y, n, LEAKY_RELU, alpha, nontemporal); break;
        case ELU: activate_all_backward(dx, dy, y, n, ELU, alpha, nontemporal); break;
        case SIGMOID: activate_all_backward(dx, dy, y, n, SIGMOID, alpha, nontemporal); break;
        case TANH: activate_all_backward(dx, dy, y, n, TANH, alpha, nontemporal); break;
        case CLIPPED_RELU: activate_all_backward(dx, dy, y, n, CLIPPED_RELU, alpha, nontemporal); break;
        default: activate_all_backward(dx, dy, y, n, LINEAR, alpha, nontemporal);
    }
}

/* y = x sigmoid(p), where p = x (linear + cubic x^2). */
static void f32_gate(float *y, const float *x, int64_t n, float linear, float cubic, int nontemporal) {
    for (int64_t i = 0; i < n; i += LANES) v_send(y + i, v_gate(v_read(x + i, n - i), linear, cubic), n - i, nontemporal);
    if (nontemporal) v_settle();
}

/* dx = dy times its derivative at x. */
static void f32_gate_backward(
    float *dx, const float *dy, const float *x, int64_t n, float linear, float cubic, int nontemporal) {
    for (int64_t i = 0; i < n; i += LANES)
        v_send(dx + i, v_read(dy + i, n - i) * v_gate_slope(v_read(x + i, n - i), linear, cubic), n - i, nontemporal);
    if (nontemporal) v_settle();
}
