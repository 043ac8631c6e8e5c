/* Pooling of one output row: channels in lanes, one pass over the taps that lie inside the image. The inner functions take
 * the window by value: behind a pointer, every store of a float would make the compiler read it again. */

/* The part of a window that lies inside the image: `height` x `width` taps, the first at x + start. */
typedef struct {
    int64_t start, height, width;
} taps;

/* The taps k < count of one axis for which 0 <= start + k * dilation < extent: from `*first`, as many as returned. */
static inline int64_t taps_inside(int64_t *first, int64_t start, int64_t extent, int64_t count, int64_t dilation) {
    *first = 0;
    if (start >= 0 && start + (count - 1) * dilation < extent) return count;
    if (start < 0) *first = (-start + dilation - 1) / dilation;
    const int64_t end = extent > start ? (extent - start + dilation - 1) / dilation : 0;
    return (end < count ? end : count) - *first;
}

INLINE taps taps_of(pool_window p, int64_t oh, int64_t ow) {
    const int64_t h = oh * p.SH - p.top, w = ow * p.SW - p.left;
    int64_t kh, kw;
    const int64_t height = taps_inside(&kh, h, p.H, p.KH, p.DH), width = taps_inside(&kw, w, p.W, p.KW, p.DW);
    return (taps){((h + kh * p.DH) * p.W + w + kw * p.DW) * p.C, height, width > 0 ? width : 0};
}

/* How many elements an average is over: at least one. */
INLINE float average_count(pool_window p, taps inside) {
    const int64_t count = p.count_padding ? p.KH * p.KW : inside.height * inside.width;
    return count > 0 ? (float)count : 1;
}

/* y (OW, C) is output row `oh` of image x (H, W, C); an average is a SUM, divided. */
INLINE void pool_row(enum reduction kind, float *y, const float *x, pool_window p, int64_t oh) {
    const int64_t C = p.C, OW = p.OW, next_row = p.DH * p.W * C, next_column = p.DW * C;
    for (int64_t ow = 0; ow < OW; ow++, y += C) {
        const taps inside = taps_of(p, oh, ow);
        const vec count = v_set(average_count(p, inside));
        for (int64_t c = 0; c < C; c += LANES) {
            const float *row = x + inside.start + c;
            vec a = v_set(reduction_start(kind));
            for (int64_t kh = 0; kh < inside.height; kh++, row += next_row)
                for (int64_t kw = 0; kw < inside.width; kw++) a = reduction_step(kind, a, v_read(row + kw * next_column, C - c));
            if (kind == SUM) a = a / count;
            v_write(y + c, a, C - c);
        }
    }
}

static void f32_max_pool(float *y, const float *x, const pool_window *p, int64_t oh) { pool_row(MAXIMUM, y, x, *p, oh); }
static void f32_min_pool(float *y, const float *x, const pool_window *p, int64_t oh) { pool_row(MINIMUM, y, x, *p, oh); }
static void f32_average_pool(float *y, const float *x, const pool_window *p, int64_t oh) {
    pool_row(SUM, y, x, *p, oh);
}

/* Whether no element lies in two windows: gradients are then stored, not added, which spares small images a stall where a
 * vector is read back before the stores that overlap it have reached the cache. */
INLINE int windows_disjoint(pool_window p) {
    return p.SH > (p.KH - 1) * p.DH && p.SW > (p.KW - 1) * p.DW;
}

INLINE void pool_give(int disjoint, float *dx, vec gradient, int64_t left) {
    v_write(dx, disjoint ? gradient : (vec)(v_read(dx, left) + gradient), left);
}

/* Gives each dy of output row `oh` to the first tap, in row-major order, whose x is y, or NaN as y then is. */
INLINE void extreme_pool_row_backward(
    int disjoint, float *dx, const float *dy, const float *x, const float *y, pool_window p, int64_t oh) {
    const int64_t C = p.C, OW = p.OW, next_row = p.DH * p.W * C, next_column = p.DW * C;
    for (int64_t ow = 0; ow < OW; ow++, dy += C, y += C) {
        const taps inside = taps_of(p, oh, ow);
        for (int64_t c = 0; c < C; c += LANES) {
            const vec best = v_read(y + c, C - c);
            vec gradient = v_read(dy + c, C - c);    /* 0 in the lanes that have found their tap */
            int64_t row = inside.start + c;
            for (int64_t kh = 0; kh < inside.height; kh++, row += next_row)
                for (int64_t kw = 0; kw < inside.width; kw++) {
                    const int64_t i = row + kw * next_column;
                    const vec value = v_read(x + i, C - c);
                    const vmask here = v_equal(value, best) | v_nan(value);
                    pool_give(disjoint, dx + i, v_choose(here, gradient, v_set(0)), C - c);
                    gradient = v_choose(here, v_set(0), gradient);
                }
        }
    }
}

static void f32_extreme_pool_backward(
    float *dx, const float *dy, const float *x, const float *y, const pool_window *p, int64_t oh) {
    if (windows_disjoint(*p)) extreme_pool_row_backward(1, dx, dy, x, y, *p, oh);
    else extreme_pool_row_backward(0, dx, dy, x, y, *p, oh);
}

/* Gives each dy of output row `oh`, divided by its count, to every tap. */
INLINE void average_pool_row_backward(int disjoint, float *dx, const float *dy, pool_window p, int64_t oh) {
    const int64_t C = p.C, OW = p.OW, next_row = p.DH * p.W * C, next_column = p.DW * C;
    for (int64_t ow = 0; ow < OW; ow++, dy += C) {
        const taps inside = taps_of(p, oh, ow);
        const vec count = v_set(average_count(p, inside));
        for (int64_t c = 0; c < C; c += LANES) {
            const vec share = v_read(dy + c, C - c) / count;
            float *row = dx + inside.start + c;
            for (int64_t kh = 0; kh < inside.height; kh++, row += next_row)
                for (int64_t kw = 0; kw < inside.width; kw++) pool_give(disjoint, row + kw * next_column, share, C - c);
        }
    }
}

static void f32_average_pool_backward(float *dx, const float *dy, const pool_window *p, int64_t oh) {
    if (windows_disjoint(*p)) average_pool_row_backward(1, dx, dy, *p, oh);
    else average_pool_row_backward(0, dx, dy, *p, oh);
}
