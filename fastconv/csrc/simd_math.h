/* exp and its relatives in float32, a few ulp from the truth; NaN passes through and infinities give their limits.
 *
 * x = n log 2 + r with integral n and |r| <= log(2)/2, so that e^x = 2^n (1 + (e^r - 1)). The polynomial is the minimax fit of
 * (e^r - 1 - r) / r^2 in degree 4, relative to e^r: its error is 0.04 ulp. */

/* The integer nearest to x / log 2: adding 1.5 * 2^23 leaves no bits after the point. */
static inline vec v_exponent(vec x) { return (x * 1.44269504f + 12582912.0f) - 12582912.0f; }

/* e^r - 1 for r = x - n log 2; the first half of log 2 has 9 bits, so that n times it is exact (Cody and Waite 1980). */
static inline vec v_expm1_of_rest(vec x, vec n) {
    const vec r = v_fma(n, v_set(2.12194440e-4f), v_fma(n, v_set(-0.693359375f), x));
    vec p = v_fma(r, v_set(1.38144672e-3f), v_set(8.36878084e-3f));
    p = v_fma(r, p, v_set(4.16683927e-2f));
    p = v_fma(r, p, v_set(0.166665196f));
    p = v_fma(r, p, v_set(0.49999994f));
    return v_fma(r * r, p, r);
}

static inline vec v_exp(vec x) {
    const vec bounded = v_min(v_set(89.0f), v_max(v_set(-105.0f), x)), n = v_exponent(bounded);
    return v_ldexp(1.0f + v_expm1_of_rest(bounded, n), n);
}

/* e^x - 1 for x <= 0, with a small relative error near 0, too. */
static inline vec v_expm1_negative(vec x) {
    const vec bounded = v_max(v_set(-105.0f), x), n = v_exponent(bounded), scale = v_ldexp(v_set(1), n);
    return v_fma(scale, v_expm1_of_rest(bounded, n), scale - 1.0f);
}

static inline vec v_sigmoid(vec x) { return 1.0f / (1.0f + v_exp(-x)); }

/* Beyond this x, x sigmoid(p) is x or 0 with p = x (linear + cubic x^2), the gates of silu and gelu, and |p| is below 101. */
static inline float gate_bound(float cubic) { return cubic > 0 ? 10.5f : 100.0f; }

/* (1 + e^q) / 256 for |q| < 110: the factor keeps it finite where x sigmoid(-q) still is a normal float, up to q = 94. */
#define SMALL 0.00390625f
static inline vec v_small_denominator(vec q) {
    const vec n = v_exponent(q);
    return v_ldexp(v_fma(v_expm1_of_rest(q, n), v_set(SMALL), v_set(SMALL)), n) + SMALL;
}

/* x sigmoid(p), where p = x (linear + cubic x^2). */
static inline vec v_gate(vec x, float linear, float cubic) {
    const float bound = gate_bound(cubic);
    const vec low = v_max(v_set(-bound), x), a = v_min(v_set(bound), low);
    return low * SMALL / v_small_denominator(a * v_fma(a * a, v_set(-cubic), v_set(-linear)));
}

/* x sigmoid(x): the bits of v_gate(x, 1, 0), in fewer instructions. */
static inline vec v_silu(vec x) {
    const float bound = gate_bound(0);
    const vec low = v_max(v_set(-bound), x);
    return low * SMALL / v_small_denominator(-v_min(v_set(bound), low));
}

/* The derivative of v_gate, s (1 + x (1 - s) p') with s = sigmoid(p). */
static inline vec v_gate_slope(vec x, float linear, float cubic) {
    const float bound = gate_bound(cubic);
    const vec a = v_min(v_set(bound), v_max(v_set(-bound), x)), square = a * a;
    const vec large = 1.0f / v_small_denominator(a * v_fma(square, v_set(-cubic), v_set(-linear)));    /* s / SMALL */
    const vec steepness = a * v_fma(square, v_set(3 * cubic), v_set(linear));
    return v_fma(v_fma(large, v_set(-SMALL), v_set(1)), steepness, v_set(1)) * large * SMALL;
}

static inline vec v_tanh(vec x) {
    const vec e = v_expm1_negative(-2.0f * v_abs(x));
    return v_copysign(e / (e + 2.0f), x);
}

/* P(x), the normal distribution function, is p(x) m(x) for negative x, where p(x) = e^(-x^2/2) and m(x) = t P(t) with
 * t = 1 / (1 + 0.34 |x|); P is the fit in degree 9 to the scaled complementary error function, 3e-7 from it relative to itself. */
static inline vec v_tail_ratio(vec size) {
    const vec t = 1.0f / v_fma(size, v_set(0.34f), v_set(1));
    vec p = v_fma(t, v_set(-0.0261212979f), v_set(0.139503479f));
    p = v_fma(t, p, v_set(-0.273140877f));
    p = v_fma(t, p, v_set(0.202191785f));
    p = v_fma(t, p, v_set(-0.0447245650f));
    p = v_fma(t, p, v_set(0.115361661f));
    p = v_fma(t, p, v_set(0.115197048f));
    p = v_fma(t, p, v_set(0.136112273f));
    p = v_fma(t, p, v_set(0.135620505f));
    return t * p;
}

/* x P(x) and its derivative P(x) + x p(x) / sqrt(2 pi); beyond 40 deviations P is 0 or 1. */
static inline vec v_gelu(vec x) {
    const vec tail = v_exp(x * x * -0.5f) * v_tail_ratio(v_abs(x));
    return v_max(v_set(-40.0f), x) * v_choose(v_greater(x, v_set(0)), 1.0f - tail, tail);
}
static inline vec v_gelu_slope(vec x) {
    const vec size = v_min(v_set(40.0f), v_abs(x));
    const vec below = v_exp(size * size * -0.5f) * v_fma(size, v_set(-0.398942280f), v_tail_ratio(size));
    return v_choose(v_greater(x, v_set(0)), 1.0f - below, below);
}

/* log(1 + e) for 0 <= e <= 1, as 2 artanh(s) with s = e / (2 + e): a series whose next term is below 2e-8 of it. */
static inline vec v_log1p_unit(vec e) {
    const vec s = e / (e + 2.0f), square = s * s;
    vec p = v_fma(square, v_set(2.0f / 13), v_set(2.0f / 11));
    p = v_fma(square, p, v_set(2.0f / 9));
    p = v_fma(square, p, v_set(2.0f / 7));
    p = v_fma(square, p, v_set(2.0f / 5));
    p = v_fma(square, p, v_set(2.0f / 3));
    return v_fma(s * square, p, s + s);
}

/* log(1 + e^x) - target x and its derivative sigmoid(x) - target, with the digits of small ones. With u = -x for targets above 1/2,
 * else x, and m = min(target, 1 - target) they are log(1 + e^u) - m u and +-(sigmoid(u) - m). */
static inline vec v_sigmoid_loss(vec x, vec target) {
    const vec u = v_choose(v_greater(target, v_set(0.5f)), -x, x), m = v_min(1.0f - target, target);
    const vec above = v_max(v_set(0), u) + v_log1p_unit(v_exp(-v_abs(x)));
    return above - m * v_choose(v_equal(m, v_set(0)), v_set(0), u);
}
static inline vec v_sigmoid_loss_slope(vec x, vec target) {
    const vmask flipped = v_greater(target, v_set(0.5f));
    const vec u = v_choose(flipped, -x, x), e = v_exp(-v_abs(x));
    const vec slope = v_choose(v_greater(u, v_set(0)), v_set(1), e) / (e + 1.0f) - v_min(1.0f - target, target);
    return v_choose(flipped, -slope, slope);
}

/* Tiles apply RELU and CLIPPED_RELU to their sums in registers, as min(ceiling, max(0, a)). The other activations cost more than
 * a trip to the first-level cache: tiles apply them to the finished tile in memory. */
static inline int is_clamp(int kind) { return kind == RELU || kind == CLIPPED_RELU; }
static inline int follows_tile(int kind) { return kind != LINEAR && !is_clamp(kind); }
static inline vec clamp_ceiling(int kind, float alpha) { return v_set(kind == CLIPPED_RELU ? alpha : INFINITY); }

/* f(a) for a `kind` of enum activation; alpha is the slope of LEAKY_RELU, the depth of ELU and the height of CLIPPED_RELU. */
static inline vec v_activate(vec a, int kind, float alpha) {
    switch (kind) {
        case RELU: return v_max(v_set(0), a);
        case LEAKY_RELU: return v_choose(v_greater(a, v_set(0)), a, a * alpha);
        case ELU: return v_choose(v_greater(a, v_set(0)), a, alpha * v_expm1_negative(v_min(v_set(0), a)));
        case SIGMOID: return v_sigmoid(a);
        case TANH: return v_tanh(a);
        case CLIPPED_RELU: return v_min(v_set(alpha), v_max(v_set(0), a));
        case SILU: return v_silu(a);
        default: return a;
    }
}
