/* Pooling of one output row: channels in lanes, one pass over the taps that lie inside the image. */

typedef struct {
    int64_t first, end;
} range;

/* The taps k of `taps` for which 0 <= start + k * dilation < extent. */
static inline range taps_inside(int64_t start, int64_t extent, int64_t taps, int64_t dilation) {
    if (start >= 0 && start + (taps - 1) * dilation < extent) return (range){0, taps};
    const int64_t first = start < 0 ? (-start + dilation - 1) / dilation : 0;
    const int64_t end = extent > start ? (extent - start + dilation - 1) / dilation : 0;
    return (range){first, end < taps ? end : taps};
}

static inline int64_t count_taps(range rows, range columns) {
    return rows.end > rows.first && columns.end > columns.first
        ? (rows.end - rows.first) * (columns.end - columns.first) : 0;
}

/* How many elements an average is over: at least one. */
static inline float average_count(const pool_window *p, range rows, range columns) {
    const int64_t count = p->count_padding ? p->KH * p->KW : count_taps(rows, columns);
    return count > 0 ? (float)count : 1;
}

enum pool { MAX_POOL, MIN_POOL, AVERAGE_POOL };

static inline vec pool_start(enum pool kind) {
    return v_set(kind == MAX_POOL ? -INFINITY : kind == MIN_POOL ? INFINITY : 0);
}

static inline vec pool_step(enum pool kind, vec a, vec b) {
    switch (kind) {
        case MAX_POOL: return v_maximum(a, b);
        case MIN_POOL: return v_minimum(a, b);
        default: return a + b;
    }
}

/* y (OW, C) is output row `oh` of image x (H, W, C). */
INLINE void pool_row(
    enum pool kind, float *y, const float *x, const pool_window *p, int64_t oh) {
    const int64_t h = oh * p->SH - p->top;
    const range rows = taps_inside(h, p->H, p->KH, p->DH);
    for (int64_t ow = 0; ow < p->OW; ow++, y += p->C) {
        const int64_t w = ow * p->SW - p->left;
        const range columns = taps_inside(w, p->W, p->KW, p->DW);
        const vec count = v_set(average_count(p, rows, columns));
        for (int64_t c = 0; c < p->C; c += LANES) {
            vec a = pool_start(kind);
            for (int64_t kh = rows.first; kh < rows.end; kh++)
                for (int64_t kw = columns.first; kw < columns.end; kw++) {
                    const int64_t pixel = (h + kh * p->DH) * p->W + w + kw * p->DW;
                    a = pool_step(kind, a, v_read(x + pixel * p->C + c, p->C - c));
                }
            if (kind == AVERAGE_POOL) a = a / count;
            v_write(y + c, a, p->C - c);
        }
    }
}

static void f32_max_pool(float *y, const float *x, const pool_window *p, int64_t oh) { pool_row(MAX_POOL, y, x, p, oh); }
static void f32_min_pool(float *y, const float *x, const pool_window *p, int64_t oh) { pool_row(MIN_POOL, y, x, p, oh); }
static void f32_average_pool(float *y, const float *x, const pool_window *p, int64_t oh) {
    pool_row(AVERAGE_POOL, y, x, p, oh);
}

/* Adds each dy of output row `oh` to dx at the first tap, in row-major order, whose x is y, or NaN as y then is. */
static void f32_extreme_pool_backward(
    float *dx, const float *dy, const float *x, const float *y, const pool_window *p, int64_t oh) {
    const int64_t h = oh * p->SH - p->top;
    const range rows = taps_inside(h, p->H, p->KH, p->DH);
    for (int64_t ow = 0; ow < p->OW; ow++, dy += p->C, y += p->C) {
        const int64_t w = ow * p->SW - p->left;
        const range columns = taps_inside(w, p->W, p->KW, p->DW);
        for (int64_t c = 0; c < p->C; c += LANES) {
            const int64_t left = p->C - c;
            const vec best = v_read(y + c, left);
            vec gradient = v_read(dy + c, left);    /* 0 in the lanes that have found their tap */
            for (int64_t kh = rows.first; kh < rows.end; kh++)
                for (int64_t kw = columns.first; kw < columns.end; kw++) {
                    const int64_t i = ((h + kh * p->DH) * p->W + w + kw * p->DW) * p->C + c;
                    const vec value = v_read(x + i, left);
                    const vmask here = v_equal(value, best) | v_nan(value);
                    v_write(dx + i, v_read(dx + i, left) + v_choose(here, gradient, v_set(0)), left);
                    gradient = v_choose(here, v_set(0), gradient);
                }
        }
    }
}

/* Adds each dy of output row `oh`, divided by its count, to dx at every tap. */
static void f32_average_pool_backward(float *dx, const float *dy, const pool_window *p, int64_t oh) {
    const int64_t h = oh * p->SH - p->top;
    const range rows = taps_inside(h, p->H, p->KH, p->DH);
    for (int64_t ow = 0; ow < p->OW; ow++, dy += p->C) {
        const int64_t w = ow * p->SW - p->left;
        const range columns = taps_inside(w, p->W, p->KW, p->DW);
        const vec count = v_set(average_count(p, rows, columns));
        for (int64_t c = 0; c < p->C; c += LANES) {
            const int64_t left = p->C - c;
            const vec share = v_read(dy + c, left) / count;
            for (int64_t kh = rows.first; kh < rows.end; kh++)
                for (int64_t kw = columns.first; kw < columns.end; kw++) {
                    float *to = dx + ((h + kh * p->DH) * p->W + w + kw * p->DW) * p->C + c;
                    v_write(to, v_read(to, left) + share, left);
                }
        }
    }
}
