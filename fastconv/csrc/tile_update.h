/* One step of an optimizer on n weights; every output may be the input of its name. */

static void f32_descend(float *new_w, const float *w, const float *dw, int64_t n, float rate) {
    for (int64_t i = 0; i < n; i += LANES) v_write(new_w + i, v_read(w + i, n - i) - v_read(dw + i, n - i) * rate, n - i);
}

/* v' = momentum v - rate dw; w' = w + v', or w + momentum v' - rate dw with Nesterov. */
static void f32_sgd_update(
    float *new_w, float *new_v, const float *w, const float *dw, const float *v, int64_t n, const sgd_step *step) {
    for (int64_t i = 0; i < n; i += LANES) {
        const vec move = v_read(dw + i, n - i) * step->rate;
        const vec velocity = v_read(v + i, n - i) * step->momentum - move;
        vec applied = velocity;
        if (step->nesterov) applied = velocity * step->momentum - move;
        v_write(new_w + i, v_read(w + i, n - i) + applied, n - i);
        v_write(new_v + i, velocity, n - i);
    }
}

/* m' = m + (dw - m) rest_1; v' = v + (dw dw - v) rest_2; w' = w - rate m' / (sqrt(v') + epsilon). */
static void f32_adam_update(
    float *new_w, float *new_m, float *new_v, const float *w, const float *dw, const float *m, const float *v, int64_t n,
    const adam_step *step) {
    for (int64_t i = 0; i < n; i += LANES) {
        const vec gradient = v_read(dw + i, n - i), old_m = v_read(m + i, n - i), old_v = v_read(v + i, n - i);
        const vec first = v_fma(gradient - old_m, v_set(step->rest_1), old_m);
        const vec second = v_fma(gradient * gradient - old_v, v_set(step->rest_2), old_v);
        const vec move = first * step->rate / (v_sqrt(second) + step->epsilon);
        v_write(new_w + i, v_read(w + i, n - i) - move, n - i);
        v_write(new_m + i, first, n - i);
        v_write(new_v + i, second, n - i);
    }
}
