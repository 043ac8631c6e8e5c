/* Images seen through an affine map, mirrored, or with other brightness and contrast. Pixels are C floats. */

/* A coordinate along an axis of n pixels as SciPy changes it before it interpolates: `constant` counts nothing beyond the outermost
 * pixels' centres (-2 meets none of them), `wrap` has a period of n - 1. Others are kept, but finite. */
static double image_coordinate(double c, int64_t n, int64_t fill) {
    const double last = (double)(n - 1);
    if (fill == FILL_CONSTANT) return c >= 0 && c <= last ? c : -2;
    if (fill == FILL_WRAP && c < 0) c += last * (floor(-c / last) + 1);
    if (fill == FILL_WRAP && c > last) c -= last * floor(c / last);
    return fmin(fmax(c, -1e9), 1e9);
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
    const int64_t h = image_pixel(row, r->H, r->fill), w = image_pixel(column, r->W, r->fill);
    return h < 0 || w < 0 ? r->constant : r->x + (h * r->W + w) * C;
}

INLINE void affine_nearest(float *y, const affine_row *r, double row, double column, int64_t C) {
    const float *x = image_at(r, (int64_t)(row + (row < 0 ? -0.5 : 0.5)), (int64_t)(column + (column < 0 ? -0.5 : 0.5)), C);
    for (int64_t c = 0; c < C; c++) y[c] = x[c];
}

INLINE void affine_bilinear(float *y, const affine_row *r, double row, double column, int64_t C) {
    const double top = floor(row), left = floor(column);
    const int64_t h = (int64_t)top, w = (int64_t)left;
    const float down = (float)(row - top), right = (float)(column - left);
    const float *a, *b, *c, *d;
    if (h >= 0 && h + 1 < r->H && w >= 0 && w + 1 < r->W) {
        a = r->x + (h * r->W + w) * C, b = a + C;
        c = a + r->W * C, d = c + C;
    } else {
        a = image_at(r, h, w, C), b = image_at(r, h, w + 1, C);
        c = image_at(r, h + 1, w, C), d = image_at(r, h + 1, w + 1, C);
    }
    for (int64_t i = 0; i < C; i++) {
        const float upper = a[i] * (1 - right) + b[i] * right, lower = c[i] * (1 - right) + d[i] * right;
        y[i] = upper * (1 - down) + lower * down;
    }
}

INLINE void affine_pixels(float *y, const affine_row *r, int64_t C) {
    for (int64_t w = 0; w < r->W; w++, y += C) {
        const double row = image_coordinate(r->row + (double)w * r->row_step, r->H, r->fill);
        const double column = image_coordinate(r->column + (double)w * r->column_step, r->W, r->fill);
        if (r->nearest) affine_nearest(y, r, row, column, C);
        else affine_bilinear(y, r, row, column, C);
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

/* y[w] = x[W - 1 - w]: pixels in reverse order. */
static void f32_reverse_row(float *y, const float *x, int64_t W, int64_t C) {
    if (C == 1) reverse_pixels(y, x, W, 1);
    else if (C == 3) reverse_pixels(y, x, W, 3);
    else reverse_pixels(y, x, W, C);
}

enum { STRETCH_REPEATED = 16 };    /* the most channels that are narrow */

/* y[i] = min(max(x[i] scale + shift[i % C], low), high) for n floats; the shifts of narrow pixels fill whole vectors. */
static void f32_stretch(
    float *y, const float *x, const float *shift, float scale, float low, float high, int64_t n, int64_t C, int past) {
    float repeated[16 * STRETCH_REPEATED];
    const int64_t copies = C <= STRETCH_REPEATED ? 16 : 1, width = C * copies;
    for (int64_t i = 0; copies > 1 && i < width; i++) repeated[i] = shift[i % C];
    const float *added = copies > 1 ? repeated : shift;
    for (int64_t start = 0; start < n; start += width)
        for (int64_t i = 0, count = n - start < width ? n - start : width; i < count; i += LANES) {
            const vec a = v_fma(v_read(x + start + i, count - i), v_set(scale), v_read(added + i, count - i));
            v_send(y + start + i, v_minimum(v_maximum(a, v_set(low)), v_set(high)), count - i, past);
        }
    if (past) v_settle();
}
