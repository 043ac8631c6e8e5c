/* Activations and their gradients on n floats; the output may be an input, and go past the caches. */

INLINE void activate_all(float *y, const float *x, int64_t n, int kind, float alpha, int nontemporal) {
    for (int64_t i = 0; i < n; i += LANES) v_send(y + i, v_activate(v_read(x + i, n - i), kind, alpha), n - i, nontemporal);
    if (nontemporal) v_settle();
}

/* CALL(kind) with a constant, so that a loop is compiled once per kind. */
#define FOR_KIND(kind, CALL) \
    switch (kind) { \
        case RELU: CALL(RELU); break; \
        case LEAKY_RELU: CALL(LEAKY_RELU); break; \
        case ELU: CALL(ELU); break; \
        case SIGMOID: CALL(SIGMOID); break; \
        case TANH: CALL(TANH); break; \
        case CLIPPED_RELU: CALL(CLIPPED_RELU); break; \
        case SILU: CALL(SILU); break; \
        default: CALL(LINEAR); \
    }

static void f32_activate(float *y, const float *x, int64_t n, int kind, float alpha, int nontemporal) {
#define ACTIVATE_ALL(kind) activate_all(y, x, n, kind, alpha, nontemporal)
    FOR_KIND(kind, ACTIVATE_ALL)
}

/* The columns [column, column + columns) of some rows, in place: a finished tile that is still in the first-level cache. */
INLINE void activate_tile(
    float *const *rows, int64_t height, int64_t column, int64_t columns, int kind, float alpha) {
    for (int64_t r = 0; r < height; r++)
        for (int64_t c = 0; c < columns; c += LANES) {
            float *y = rows[r] + column + c;
            v_write(y, v_activate(v_read(y, columns - c), kind, alpha), columns - c);
        }
}
static __attribute__((noinline)) void activate_rows(
    float *const *rows, int64_t height, int64_t column, int64_t columns, int kind, float alpha) {
#define ACTIVATE_TILE(kind) activate_tile(rows, height, column, columns, kind, alpha)
    FOR_KIND(kind, ACTIVATE_TILE)
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
#define ACTIVATE_ALL_BACKWARD(kind) activate_all_backward(dx, dy, y, n, kind, alpha, nontemporal)
    FOR_KIND(kind, ACTIVATE_ALL_BACKWARD)
}

/* y = x sigmoid(p), where p = x (linear + cubic x^2). */
static void f32_gate(float *y, const float *x, int64_t n, float linear, float cubic, int nontemporal) {
    if (linear == 1 && cubic == 0) {
        activate_all(y, x, n, SILU, 0, nontemporal);
        return;
    }
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
