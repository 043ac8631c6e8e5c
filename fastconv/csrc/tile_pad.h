/* Padding of one row, and the copies that it is made of; the output is no input, and x's part of it may go past the caches. */

INLINE void copy_floats(float *y, const float *x, int64_t n, int nontemporal) {
    for (int64_t i = 0; i < n; i += LANES) v_send(y + i, v_read(x + i, n - i), n - i, nontemporal);
}

INLINE void fill_floats(float *y, float value, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) v_write(y + i, v_set(value), n - i);
}

/* `count` pixels of C floats of y: x's pixels at `source`, or all of them the constant. */
INLINE void pad_side(float *y, const float *x, const int64_t *source, int64_t count, int64_t C, float value) {
    if (count > 0 && source[0] < 0) fill_floats(y, value, count * C);
    else
        for (int64_t i = 0; i < count; i++) copy_floats(y + i * C, x + source[i] * C, C, 0);
}

/* y (OW, C) = x (W, C) after `before` other pixels and in front of the rest; source[ow] >= 0 is the pixel that they copy, else
 * they are the constant, as all are where x is NULL. */
static void f32_pad_row(
    float *y, const float *x, const int64_t *source, int64_t before, int64_t W, int64_t OW, int64_t C, float value,
    int nontemporal) {
    if (x == NULL) {
        fill_floats(y, value, OW * C);
        return;
    }
    pad_side(y, x, source, before, C, value);
    copy_floats(y + before * C, x, W * C, nontemporal);
    pad_side(y + (before + W) * C, x, source + before + W, OW - before - W, C, value);
    if (nontemporal) v_settle();
}
