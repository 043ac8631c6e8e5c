/* Images seen through an affine map, mirrored, or with other brightness and contrast. Pixels are C floats. */

static const double FARTHEST = 1e9;    /* from the image any place lies, and int32_t holds it */

/* A coordinate along an axis of n pixels as SciPy changes it before it interpolates: `constant` counts nothing beyond the outermost
 * pixels' centres (-2 meets none of them), `wrap` has a period of n - 1. */
static double scipy_coordinate(double c, int64_t n, int64_t fill) {
    const double last = (double)(n - 1);
    if (fill == FILL_CONSTANT) return c >= 0 && c <= last ? c : -2;
    if (c < 0) c += last * (floor(-c / last) + 1);
    return c > last ? c - last * floor(c / last) : c;
}

static inline int64_t image_modulo(int64_t i, int64_t period) { return (i % period + period) % period; }

/* The pixel that stands at position i of an axis of n; -1 where the constant does. */
static int64_t image_pixel(int64_t i, int64_t n, int64_t fill) {
    if (i >= 0 && i < n) return i;
    if (fill == FILL_GRID_CONSTANT || fill == FILL_CONSTANT) return -1;
    if (fill == FILL_NEAREST || n == 1) return i < 0 ? 0 : n - 1;
    if (fill == FILL_GRID_WRAP || fill == FILL_WRAP) return image_modulo(i, n);
    const int64_t once = fill == FILL_REFLECT;    /* whether the outermost pixel is repeated */
    const int64_t at = image_modulo(i, 2 * n - 2 + 2 * once);
    return at < n ? at : 2 * n - 2 + once - at;
}

INLINE const float *image_at(const affine_row *r, int64_t row, int64_t column, int64_t C) {
    if (row >= 0 && row < r->H && column >= 0 && column < r->W) return r->x + (row * r->W + column) * C;
    const int64_t h = image_pixel(row, r->H, r->fill), w = image_pixel(column, r->W, r->fill);
    return h < 0 || w < 0 ? r->constant : r->x + (h * r->W + w) * C;
}

enum { AFFINE_PIXELS = 64 };    /* of a row are located together, by loops that have lanes */

/* Where pixels [first, first + count) of y lie along an axis of n pixels of x: index[i] + part[i], or at the pixel index[i]. */
INLINE void affine_locate(
    int32_t *index, float *part, double start, double step, int64_t first, int64_t count, int64_t n,
    const affine_row *r) {
    double c[AFFINE_PIXELS];
    for (int i = 0; i < AFFINE_PIXELS; i++) c[i] = start + (double)((int)first + i) * step;
    if (r->fill == FILL_CONSTANT || r->fill == FILL_WRAP)
        for (int64_t i = 0; i < count; i++) c[i] = scipy_coordinate(c[i], n, r->fill);
    for (int i = 0; i < AFFINE_PIXELS; i++) {
        c[i] = c[i] > -FARTHEST ? c[i] : -FARTHEST;    /* no numbers, too */
        c[i] = c[i] < FARTHEST ? c[i] : FARTHEST;
    }
    if (r->nearest)
        for (int i = 0; i < AFFINE_PIXELS; i++) index[i] = (int32_t)(c[i] + (c[i] < 0 ? -0.5 : 0.5));
    else
        for (int i = 0; i < AFFINE_PIXELS; i++) {
            const double below = floor(c[i]);
            index[i] = (int32_t)below;
            part[i] = (float)(c[i] - below);
        }
}

INLINE void affine_nearest(float *y, const affine_row *r, int64_t h, int64_t w, int64_t C) {
    const float *x = image_at(r, h, w, C);
    for (int64_t c = 0; c < C; c++) y[c] = x[c];
}

INLINE void affine_mix(
    float *y, const float *a, const float *b, const float *c, const float *d, float down, float right, int64_t C) {
    for (int64_t i = 0; i < C; i++) {
        const float upper = a[i] * (1 - right) + b[i] * right, lower = c[i] * (1 - right) + d[i] * right;
        y[i] = upper * (1 - down) + lower * down;
    }
}

/* The same for three channels of pixels with another number after them: of all squares but the last of an image. */
INLINE void affine_mix_3(
    float *y, const float *a, const float *b, const float *c, const float *d, float down, float right) {
    const quad upper = *(const quad *)a * (1 - right) + *(const quad *)b * right;
    const quad lower = *(const quad *)c * (1 - right) + *(const quad *)d * right;
    const quad mixed = upper * (1 - down) + lower * down;
    memcpy(y, &mixed, 3 * sizeof(float));
}

/* Between two pixels, or at the first: what counts 0 is not looked at, since it may be infinite or no number. */
INLINE void affine_line(float *y, const float *a, const float *b, float part, int64_t C) {
    for (int64_t i = 0; i < C; i++) y[i] = part == 0 ? a[i] : a[i] * (1 - part) + b[i] * part;
}

INLINE void affine_bilinear(
    float *y, const affine_row *r, int64_t h, int64_t w, float down, float right, int64_t C) {
    if (down == 0 || right == 0) {
        const float *a = image_at(r, h, w, C);
        const float *b = down == 0 ? image_at(r, h, w + 1, C) : image_at(r, h + 1, w, C);
        affine_line(y, a, b, down == 0 ? right : down, C);
    } else if (h >= 0 && h + 1 < r->H && w >= 0 && w + 1 < r->W) {
        const float *a = r->x + (h * r->W + w) * C, *c = a + r->W * C;
        if (C == 3 && h + w + 4 < r->H + r->W) affine_mix_3(y, a, a + C, c, c + C, down, right);
        else affine_mix(y, a, a + C, c, c + C, down, right, C);
    } else {
        const float *a = image_at(r, h, w, C), *b = image_at(r, h, w + 1, C);
        affine_mix(y, a, b, image_at(r, h + 1, w, C), image_at(r, h + 1, w + 1, C), down, right, C);
    }
}

INLINE void affine_pixels(float *y, const affine_row *r, int64_t C) {
    int32_t row[AFFINE_PIXELS], column[AFFINE_PIXELS];
    float down[AFFINE_PIXELS], right[AFFINE_PIXELS];
    for (int64_t first = 0; first < r->W; first += AFFINE_PIXELS) {
        const int64_t count = r->W - first < AFFINE_PIXELS ? r->W - first : AFFINE_PIXELS;
        affine_locate(row, down, r->row, r->row_step, first, count, r->H, r);
        affine_locate(column, right, r->column, r->column_step, first, count, r->W, r);
        for (int64_t i = 0; i < count; i++, y += C)
            if (r->nearest) affine_nearest(y, r, row[i], column[i], C);
            else affine_bilinear(y, r, row[i], column[i], down[i], right[i], C);
    }
}

/* y (W, C) = x at (row + w row_step, column + w column_step). */
static void f32_affine_row(float *y, const affine_row *r) {
    if (r->C == 1) affine_pixels(y, r, 1);
    else if (r->C == 3) affine_pixels(y, r, 3);
    else affine_pixels(y, r, r->C);
}

INLINE void reverse_pixels(float *y, const float *x, int64_t W, int64_t C) {
    for (int64_t w = 0; w < W; w++)
        for (int64_t c = 0; c < C; c++) y[w * C + c] = x[(W - 1 - w) * C + c];
}

/* Pixels between the first and the last are copied with a number after them, which the next pixel overwrites. */
INLINE void reverse_pixels_3(float *y, const float *x, int64_t W) {
    memcpy(y, x + (W - 1) * 3, 3 * sizeof(float));
    for (int64_t w = 1; w < W - 1; w++) *(quad *)(y + w * 3) = *(const quad *)(x + (W - 1 - w) * 3);
    memcpy(y + (W - 1) * 3, x, 3 * sizeof(float));
}

/* y[w] = x[W - 1 - w]: pixels in reverse order. */
static void f32_reverse_row(float *y, const float *x, int64_t W, int64_t C) {
    if (C == 1) reverse_pixels(y, x, W, 1);
    else if (C == 3) reverse_pixels_3(y, x, W);
    else reverse_pixels(y, x, W, C);
}

INLINE void resample_narrow(
    float *y, const float *x, const int64_t *first, const float *w, int64_t outputs, int64_t taps, int64_t C) {
    for (int64_t o = 0; o < outputs; o++, y += C, w += taps)
        for (int64_t c = 0; c < C; c++) {
            const float *from = x + first[o] * C + c;
            float sum = 0;
            for (int64_t t = 0; t < taps; t++)
                if (w[t] != 0) sum += w[t] * from[t * C];
            y[c] = sum;
        }
}

/* y[o] = sum over t of w[o, t] x[first[o] + t] for pixels of C floats; a tap of weight 0 is not looked at, whatever it is. */
static void f32_resample(
    float *y, const float *x, const int64_t *first, const float *w, int64_t outputs, int64_t taps, int64_t C) {
    if (C == 1) resample_narrow(y, x, first, w, outputs, taps, 1);
    else if (C == 3) resample_narrow(y, x, first, w, outputs, taps, 3);
    else if (C < LANES) resample_narrow(y, x, first, w, outputs, taps, C);
    else
        for (int64_t o = 0; o < outputs; o++, y += C, w += taps)
            for (int64_t i = 0; i < C; i += LANES) {
                const float *from = x + first[o] * C + i;
                vec sum = v_set(0);
                for (int64_t t = 0; t < taps; t++)
                    if (w[t] != 0) sum = v_fma(v_set(w[t]), v_read(from + t * C, C - i), sum);
                v_write(y + i, sum, C - i);
            }
}

enum { STRETCH_REPEATED = 16 };    /* the most channels that are narrow */

/* y[i] = min(max(x[i] scale + shift[i % C], low), high) for n floats; the shifts of narrow pixels fill whole vectors. */
static void f32_stretch(
    float *y, const float *x, const float *shift, float scale, float low, float high, int64_t n, int64_t C, int nontemporal) {
    float repeated[16 * STRETCH_REPEATED];
    const int64_t copies = C <= STRETCH_REPEATED ? 16 : 1, width = C * copies;
    for (int64_t i = 0; copies > 1 && i < width; i++) repeated[i] = shift[i % C];
    const float *added = copies > 1 ? repeated : shift;
    for (int64_t start = 0; start < n; start += width)
        for (int64_t i = 0, count = n - start < width ? n - start : width; i < count; i += LANES) {
            const vec a = v_fma(v_read(x + start + i, count - i), v_set(scale), v_read(added + i, count - i));
            v_send(y + start + i, v_minimum(v_maximum(a, v_set(low)), v_set(high)), count - i, nontemporal);
        }
    if (nontemporal) v_settle();
}
