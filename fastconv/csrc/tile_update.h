/* One step of an optimizer on n weights. A rule reads w, dw and its states from[2], from[3] ..., and writes w and the states
 * to[0], to[1] ...; every output may be the input of its name. s are numbers that change from step to step, s[0] the share of
 * w that weight decay leaves and s[1] the rate; h are those that do not.
 *
 * X(name, how many states) */
#define FOR_EACH_UPDATE(X)          \
    X(descend, 0)                   \
    X(momentum, 1)                  \
    X(nesterov, 1)                  \
    X(adam, 2)                      \
    X(amsgrad, 3)                   \
    X(adamax, 2)                    \
    X(nadam, 2)                     \
    X(rmsprop, 1)                   \
    X(rmsprop_momentum, 2)          \
    X(rmsprop_centered, 2)          \
    X(rmsprop_centered_momentum, 3) \
    X(adagrad, 1)                   \
    X(adadelta, 2)                  \
    X(ftrl, 2)                      \
    X(lion, 1)

#define UPDATE(name) \
    static void f32_update_##name(float *const *to, const float *const *from, int64_t n, const float *s, const float *h)
#define EACH_VECTOR for (int64_t i = 0; i < n; i += LANES)
#define OLD(k) v_read(from[k] + i, n - i)
#define NEW(k, value) v_write(to[k] + i, value, n - i)

UPDATE(descend) {
    (void)h;
    EACH_VECTOR NEW(0, OLD(0) * s[0] - OLD(1) * s[1]);
}

/* h: momentum */
UPDATE(momentum) {
    EACH_VECTOR {
        const vec w = OLD(0) * s[0], velocity = OLD(2) * h[0] - OLD(1) * s[1];
        NEW(0, w + velocity);
        NEW(1, velocity);
    }
}

UPDATE(nesterov) {
    EACH_VECTOR {
        const vec w = OLD(0) * s[0], move = OLD(1) * s[1], velocity = OLD(2) * h[0] - move;
        NEW(0, w + (velocity * h[0] - move));
        NEW(1, velocity);
    }
}

/* The Adam family, h: 1 - beta_1, 1 - beta_2, epsilon. */
UPDATE(adam) {
    EACH_VECTOR {
        const vec w = OLD(0) * s[0], g = OLD(1), old_m = OLD(2), old_v = OLD(3);
        const vec m = v_fma(g - old_m, v_set(h[0]), old_m), v = v_fma(g * g - old_v, v_set(h[1]), old_v);
        NEW(0, w - m * s[1] / (v_sqrt(v) + h[2]));
        NEW(1, m);
        NEW(2, v);
    }
}

UPDATE(amsgrad) {
    EACH_VECTOR {
        const vec w = OLD(0) * s[0], g = OLD(1), old_m = OLD(2), old_v = OLD(3);
        const vec m = v_fma(g - old_m, v_set(h[0]), old_m), v = v_fma(g * g - old_v, v_set(h[1]), old_v);
        const vec most = v_maximum(OLD(4), v);
        NEW(0, w - m * s[1] / (v_sqrt(most) + h[2]));
        NEW(1, m);
        NEW(2, v);
        NEW(3, most);
    }
}

/* h: 1 - beta_1, beta_2, epsilon */
UPDATE(adamax) {
    EACH_VECTOR {
        const vec w = OLD(0) * s[0], g = OLD(1), old_m = OLD(2);
        const vec m = v_fma(g - old_m, v_set(h[0]), old_m), norm = v_maximum(OLD(3) * h[1], v_abs(g));
        NEW(0, w - m * s[1] / (norm + h[2]));
        NEW(1, m);
        NEW(2, norm);
    }
}

/* s[1], s[2]: the rates of m and of g; s[3]: what corrects v */
UPDATE(nadam) {
    EACH_VECTOR {
        const vec w = OLD(0) * s[0], g = OLD(1), old_m = OLD(2), old_v = OLD(3);
        const vec m = v_fma(g - old_m, v_set(h[0]), old_m), v = v_fma(g * g - old_v, v_set(h[1]), old_v);
        NEW(0, w - (m * s[1] + g * s[2]) / (v_sqrt(v * s[3]) + h[2]));
        NEW(1, m);
        NEW(2, v);
    }
}

/* h: rho, 1 - rho, epsilon, momentum */
INLINE void update_rmsprop(
    float *const *to, const float *const *from, int64_t n, const float *s, const float *h, const int momentum,
    const int centered) {
    EACH_VECTOR {
        const vec w = OLD(0) * s[0], g = OLD(1), v = OLD(2) * h[0] + g * g * h[1];
        vec spread = v;
        if (centered) {
            const vec mean = OLD(3 + momentum) * h[0] + g * h[1];
            spread = v - mean * mean;
            NEW(2 + momentum, mean);
        }
        vec move = g * s[1] / v_sqrt(spread + h[2]);
        if (momentum) {
            move = OLD(3) * h[3] + move;
            NEW(2, move);
        }
        NEW(0, w - move);
        NEW(1, v);
    }
}

UPDATE(rmsprop) { update_rmsprop(to, from, n, s, h, 0, 0); }
UPDATE(rmsprop_momentum) { update_rmsprop(to, from, n, s, h, 1, 0); }
UPDATE(rmsprop_centered) { update_rmsprop(to, from, n, s, h, 0, 1); }
UPDATE(rmsprop_centered_momentum) { update_rmsprop(to, from, n, s, h, 1, 1); }

/* h: epsilon */
UPDATE(adagrad) {
    EACH_VECTOR {
        const vec w = OLD(0) * s[0], g = OLD(1), sum = OLD(2) + g * g;
        NEW(0, w - g * s[1] / v_sqrt(sum + h[0]));
        NEW(1, sum);
    }
}

/* h: rho, 1 - rho, epsilon */
UPDATE(adadelta) {
    EACH_VECTOR {
        const vec w = OLD(0) * s[0], g = OLD(1), old_moves = OLD(3), squares = OLD(2) * h[0] + g * g * h[1];
        const vec move = v_sqrt(old_moves + h[2]) * g / v_sqrt(squares + h[2]);
        NEW(0, w - move * s[1]);
        NEW(1, squares);
        NEW(2, old_moves * h[0] + move * move * h[1]);
    }
}

/* h: l1, 2 l2, beta, 2 shrinkage */
UPDATE(ftrl) {
    EACH_VECTOR {
        const vec w = OLD(0) * s[0], g = OLD(1), total = OLD(2), grown = total + g * g, root = v_sqrt(grown);
        const vec linear = OLD(3) + (g + w * h[3]) - (root - v_sqrt(total)) / s[1] * w;
        const vec clipped = v_min(v_set(h[0]), v_max(v_set(-h[0]), linear));
        NEW(0, (clipped - linear) / (root / s[1] + (h[1] + h[2] / s[1])));
        NEW(1, grown);
        NEW(2, linear);
    }
}

/* h: beta_1, 1 - beta_1, beta_2, 1 - beta_2 */
UPDATE(lion) {
    EACH_VECTOR {
        const vec w = OLD(0) * s[0], g = OLD(1), m = OLD(2), way = m * h[0] + g * h[1], zero = v_set(0);
        const vec sign = v_choose(v_greater(way, zero), v_set(1), v_choose(v_greater(zero, way), v_set(-1), zero));
        NEW(0, w - sign * s[1]);
        NEW(1, m * h[2] + g * h[3]);
    }
}

#define UPDATE_TABLE_ENTRY(name, states) {#name, states, f32_update_##name},

#undef UPDATE
#undef EACH_VECTOR
#undef OLD
#undef NEW
