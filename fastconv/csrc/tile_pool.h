/* Pooling of one output row: channels in lanes, one pass over the taps that lie inside the image. The inner functions take
 * the window by value: behind a pointer, every store of a float would make the compiler read it again. */

/* The parts of `run` neighbouring windows that lie inside the image: `height` x `width` taps of each, the first at x + start
 * and a stride further for every next window. */
typedef struct {
    int64_t start, height, width, run;
} taps;

/* Of one axis: the first of them, and how many. */
typedef struct {
    int64_t first, count;
} span;

/* The elements start + k dilation, k < count, that lie in [0, extent). */
static inline span span_inside(int64_t start, int64_t extent, int64_t count, int64_t dilation) {
    if (start >= 0 && start + (count - 1) * dilation < extent) return (span){start, count};
    const int64_t skipped = start < 0 ? (-start + dilation - 1) / dilation : 0;
    const int64_t end = extent > start ? (extent - start + dilation - 1) / dilation : 0;
    const int64_t left = (end < count ? end : count) - skipped;
    return (span){start + skipped * dilation, left > 0 ? left : 0};
}

INLINE span rows_of(pool_window p, int64_t oh) { return span_inside(oh * p.SH - p.top, p.H, p.KH, p.DH); }

/* Of window `ow` and those behind it that have as many taps: one window where the image's edge cuts it. */
static inline taps taps_from(pool_window p, span rows, int64_t ow) {
    const span columns = span_inside(ow * p.SW - p.left, p.W, p.KW, p.DW);
    int64_t run = 1;
    if (columns.count == p.KW) run = (p.W - 1 - (p.KW - 1) * p.DW - columns.first) / p.SW + 1;
    if (run > p.OW - ow) run = p.OW - ow;
    return (taps){(rows.first * p.W + columns.first) * p.C, rows.count, columns.count, run};
}

/* How many elements an average is over: at least one. */
INLINE float average_count(pool_window p, int64_t inside) {
    const int64_t count = p.count_padding ? p.KH * p.KW : inside;
    return count > 0 ? (float)count : 1;
}

/* Runs of windows of 2 x 2 taps, the most frequent ones, get code of their own without loops over taps. */
INLINE void pool_run(enum reduction kind, float *y, const float *x, pool_window p, int64_t height, int64_t width, int64_t run) {
    const int64_t C = p.C, next_row = p.DH * p.W * C, next_column = p.DW * C;
    const vec count = v_set(average_count(p, height * width));
    for (; run > 0; run--, x += p.SW * C, y += C)
        for (int64_t c = 0; c < C; c += LANES) {
            vec a = v_set(reduction_start(kind));
            for (int64_t kh = 0; kh < height; kh++)
                for (int64_t kw = 0; kw < width; kw++)
                    a = reduction_step(kind, a, v_read(x + kh * next_row + kw * next_column + c, C - c));
            if (kind == SUM) a = a / count;
            v_write(y + c, a, C - c);
        }
}

/* y (OW, C) is output row `oh` of image x (H, W, C); an average is a SUM, divided. */
INLINE void pool_row(enum reduction kind, float *y, const float *x, pool_window p, int64_t oh) {
    const span rows = rows_of(p, oh);
    taps t;
    for (int64_t ow = 0; ow < p.OW; ow += t.run) {
        t = taps_from(p, rows, ow);
        if (t.height == 2 && t.width == 2) pool_run(kind, y + ow * p.C, x + t.start, p, 2, 2, t.run);
        else pool_run(kind, y + ow * p.C, x + t.start, p, t.height, t.width, t.run);
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

INLINE void extreme_pool_run_backward(
    int disjoint, float *dx, const float *dy, const float *x, const float *y, pool_window p, int64_t height, int64_t width,
    int64_t run) {
    const int64_t C = p.C, next_row = p.DH * p.W * C, next_column = p.DW * C;
    for (; run > 0; run--, dx += p.SW * C, x += p.SW * C, dy += C, y += C)
        for (int64_t c = 0; c < C; c += LANES) {
            const vec best = v_read(y + c, C - c);
            vec gradient = v_read(dy + c, C - c);    /* 0 in the lanes that have found their tap */
            for (int64_t kh = 0; kh < height; kh++)
                for (int64_t kw = 0; kw < width; kw++) {
                    const int64_t i = kh * next_row + kw * next_column + c;
                    const vec value = v_read(x + i, C - c);
                    const vmask here = v_equal(value, best) | v_nan(value);
                    pool_give(disjoint, dx + i, v_choose(here, gradient, v_set(0)), C - c);
                    gradient = v_choose(here, v_set(0), gradient);
                }
        }
}

/* Gives each dy of output row `oh` to the first tap, in row-major order, whose x is y, or NaN as y then is. */
INLINE void extreme_pool_row_backward(
    int disjoint, float *dx, const float *dy, const float *x, const float *y, pool_window p, int64_t oh) {
    const span rows = rows_of(p, oh);
    taps t;
    for (int64_t ow = 0; ow < p.OW; ow += t.run) {
        t = taps_from(p, rows, ow);
        float *to = dx + t.start;
        const float *from = x + t.start, *gradient = dy + ow * p.C, *best = y + ow * p.C;
        if (t.height == 2 && t.width == 2) extreme_pool_run_backward(disjoint, to, gradient, from, best, p, 2, 2, t.run);
        else extreme_pool_run_backward(disjoint, to, gradient, from, best, p, t.height, t.width, t.run);
    }
}

static void f32_extreme_pool_backward(
    float *dx, const float *dy, const float *x, const float *y, const pool_window *p, int64_t oh) {
    if (windows_disjoint(*p)) extreme_pool_row_backward(1, dx, dy, x, y, *p, oh);
    else extreme_pool_row_backward(0, dx, dy, x, y, *p, oh);
}

/* Gives each dy of output row `oh`, divided by its count, to every tap. */
INLINE void average_pool_row_backward(int disjoint, float *dx, const float *dy, pool_window p, int64_t oh) {
    const int64_t C = p.C, next_row = p.DH * p.W * C, next_column = p.DW * C;
    const span rows = rows_of(p, oh);
    taps t;
    for (int64_t ow = 0; ow < p.OW; ow += t.run) {
        t = taps_from(p, rows, ow);
        const vec count = v_set(average_count(p, t.height * t.width));
        for (int64_t k = 0; k < t.run; k++, dy += C)
            for (int64_t c = 0; c < C; c += LANES) {
                const vec share = v_read(dy + c, C - c) / count;
                float *row = dx + t.start + k * p.SW * C + c;
                for (int64_t kh = 0; kh < t.height; kh++, row += next_row)
                    for (int64_t kw = 0; kw < t.width; kw++) pool_give(disjoint, row + kw * next_column, share, C - c);
            }
    }
}

static void f32_average_pool_backward(float *dx, const float *dy, const pool_window *p, int64_t oh) {
    if (windows_disjoint(*p)) average_pool_row_backward(1, dx, dy, *p, oh);
    else average_pool_row_backward(0, dx, dy, *p, oh);
}
