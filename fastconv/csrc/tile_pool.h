/* Pooling of one row: channels in lanes, or those of several neighbouring windows where they are few; one pass over the taps
 * that lie inside the image. The inner functions take the window by value: behind a pointer, every store of a float would
 * make the compiler read it again. */

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
INLINE int64_t average_count(pool_window p, int64_t inside) {
    const int64_t count = p.count_padding ? p.KH * p.KW : inside;
    return count > 0 ? count : 1;
}

/* sum / count; a power of two has an exact inverse. */
INLINE vec v_mean(vec sum, int64_t count) {
    return count & (count - 1) ? sum / v_set((float)count) : sum * v_set(1 / (float)count);
}

INLINE vec pool_finish(enum reduction kind, vec a, int64_t count) { return kind == SUM ? v_mean(a, count) : a; }

INLINE ivec pool_pick(pool_window p) {
    ivec pick;
    memcpy(&pick, p.pick, sizeof(pick));
    return pick;
}

/* The elements of `packed` neighbouring windows from x on, of which `left` floats are left in the row. */
INLINE vec pool_read(pool_window p, const float *x, int64_t left, ivec pick) {
    const vec a = v_read(x, left);
    if (p.SW == 1 || p.packed == 1) return a;
    return v_pick(a, left > LANES ? v_read(x + LANES, left - LANES) : a, pick);
}

/* Windows that are narrower than a vector: `packed` of them at a time. */
INLINE void pool_packed(
    enum reduction kind, float *y, const float *x, pool_window p, int64_t height, int64_t width, int64_t run) {
    const int64_t C = p.C, next_row = p.DH * p.W * C, next_column = p.DW * C, count = average_count(p, height * width);
    const ivec pick = pool_pick(p);
    for (; run > 0; run -= p.packed, x += p.packed * p.SW * C, y += p.packed * C) {
        const int64_t left = ((run - 1) * p.SW + 1) * C;
        vec a = v_set(reduction_start(kind));
        for (int64_t kh = 0; kh < height; kh++)
            for (int64_t kw = 0; kw < width; kw++)
                a = reduction_step(kind, a, pool_read(p, x + kh * next_row + kw * next_column, left, pick));
        v_write(y, pool_finish(kind, a, count), run * C);
    }
}

/* `vectors` whole vectors of channels of one window. */
INLINE void pool_strip(
    enum reduction kind, int vectors, float *y, const float *x, pool_window p, int64_t height, int64_t width,
    int64_t count) {
    vec a[4];
    UNROLL for (int v = 0; v < vectors; v++) a[v] = v_set(reduction_start(kind));
    for (int64_t kh = 0; kh < height; kh++)
        for (int64_t kw = 0; kw < width; kw++) {
            const float *tap = x + (kh * p.DH * p.W + kw * p.DW) * p.C;
            UNROLL for (int v = 0; v < vectors; v++) a[v] = reduction_step(kind, a[v], v_load(tap + v * LANES));
        }
    UNROLL for (int v = 0; v < vectors; v++) v_store(y + v * LANES, pool_finish(kind, a[v], count));
}

INLINE void pool_wide(
    enum reduction kind, float *y, const float *x, pool_window p, int64_t height, int64_t width, int64_t run) {
    const int64_t C = p.C, count = average_count(p, height * width);
    for (; run > 0; run--, x += p.SW * C, y += C) {
        int64_t c = 0;
        for (; c + 4 * LANES <= C; c += 4 * LANES) pool_strip(kind, 4, y + c, x + c, p, height, width, count);
        for (; c + LANES <= C; c += LANES) pool_strip(kind, 1, y + c, x + c, p, height, width, count);
        if (c < C) {
            vec a = v_set(reduction_start(kind));
            for (int64_t kh = 0; kh < height; kh++)
                for (int64_t kw = 0; kw < width; kw++)
                    a = reduction_step(kind, a, v_load_tail(x + (kh * p.DH * p.W + kw * p.DW) * C + c, (int)(C - c)));
            v_store_tail(y + c, pool_finish(kind, a, count), (int)(C - c));
        }
    }
}

INLINE void pool_run(
    enum reduction kind, float *y, const float *x, pool_window p, int64_t height, int64_t width, int64_t run) {
    if (p.C < LANES) pool_packed(kind, y, x, p, height, width, run);
    else pool_wide(kind, y, x, p, height, width, run);
}

/* y (OW, C) is output row `oh` of image x (H, W, C); an average is a SUM, divided. Runs of windows of 2 x 2 and 3 x 3 taps,
 * the most frequent ones, get code of their own without loops over taps. */
INLINE void pool_row(enum reduction kind, float *y, const float *x, pool_window p, int64_t oh) {
    const span rows = rows_of(p, oh);
    taps t;
    for (int64_t ow = 0; ow < p.OW; ow += t.run) {
        t = taps_from(p, rows, ow);
        if (t.height == 2 && t.width == 2) pool_run(kind, y + ow * p.C, x + t.start, p, 2, 2, t.run);
        else if (t.height == 3 && t.width == 3) pool_run(kind, y + ow * p.C, x + t.start, p, 3, 3, t.run);
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

/* Whether x is what y says that the window's extreme is. */
INLINE vmask is_extreme(vec x, vec y) { return v_equal(x, y) | v_nan(x); }

/* The part of an image's gradient that may be written, floats [first, end), and where the windows of a run begin. */
typedef struct {
    float *dx;
    int64_t first, end, start;
} target;

/* Channels in lanes; each tap's row is written where it lies in the target, in whole. */
INLINE void extreme_pool_wide_backward(
    int disjoint, target to, const float *dy, const float *x, const float *y, pool_window p, int64_t height, int64_t width,
    int64_t run) {
    const int64_t C = p.C, next_row = p.DH * p.W * C, next_column = p.DW * C;
    for (; run > 0; run--, to.start += p.SW * C, x += p.SW * C, dy += C, y += C)
        for (int64_t c = 0; c < C; c += LANES) {
            const vec best = v_read(y + c, C - c);
            vec gradient = v_read(dy + c, C - c);    /* 0 in the lanes that have found their tap */
            for (int64_t kh = 0; kh < height; kh++) {
                const int64_t row = to.start + kh * next_row;
                const int written = row >= to.first && row < to.end;
                for (int64_t kw = 0; kw < width; kw++) {
                    const int64_t i = kw * next_column + c;
                    const vmask here = is_extreme(v_read(x + kh * next_row + i, C - c), best);
                    if (written) pool_give(disjoint, to.dx + row + i, v_choose(here, gradient, v_set(0)), C - c);
                    gradient = v_choose(here, v_set(0), gradient);
                }
            }
        }
}

/* Windows of two columns, side by side: the even and the odd pixels of `packed` windows at a time. */
INLINE void extreme_pool_pairs_backward(
    target to, const float *dy, const float *x, const float *y, pool_window p, int64_t height, int64_t run) {
    const int64_t C = p.C, next_row = p.DH * p.W * C, step = p.packed * C;
    const ivec even = pool_pick(p), odd = even + (int32_t)C;
    ivec pair[2];
    memcpy(pair, p.pair, sizeof(ivec));
    memcpy(pair + 1, p.pair + LANES, sizeof(ivec));
    for (; run > 0; run -= p.packed, to.start += 2 * step, x += 2 * step, dy += step, y += step) {
        const int64_t left = 2 * run * C;
        const vec best = v_read(y, run * C), zero = v_set(0);
        vec gradient = v_read(dy, run * C);
        for (int64_t kh = 0; kh < height; kh++) {
            const float *row = x + kh * next_row;
            float *row_gradient = to.dx + to.start + kh * next_row;
            const vec a = v_read(row, left), b = left > LANES ? v_read(row + LANES, left - LANES) : a;
            const vmask here = is_extreme(v_pick(a, b, even), best), next = is_extreme(v_pick(a, b, odd), best);
            const vec kept = v_choose(here, zero, gradient);
            const vec first = v_choose(here, gradient, zero), second = v_choose(next, kept, zero);
            gradient = v_choose(next, zero, kept);
            v_write(row_gradient, v_pick(first, second, pair[0]), left);
            if (left > LANES) v_write(row_gradient + LANES, v_pick(first, second, pair[1]), left - LANES);
        }
    }
}

/* dx[at[i]] += dy[i] for the `n` first lanes, unless that lies outside of [0, extent). */
INLINE void scatter_lanes(float *dx, uint32_t extent, ivec at, const float *dy, int64_t n) {
    uint32_t place[LANES];
    memcpy(place, &at, sizeof(place));
    for (int64_t i = 0; i < n; i++)
        if (place[i] < extent) dx[place[i]] += dy[i];
}

/* Windows that are narrower than a vector: `packed` of them at a time; an image has less than 2^30 floats. */
INLINE void extreme_pool_packed_backward(
    target to, const float *dy, const float *x, const float *y, pool_window p, int64_t height, int64_t width, int64_t run) {
    enum { NOWHERE = -(1 << 30) };
    const int64_t C = p.C, next_row = p.DH * p.W * C, next_column = p.DW * C, step = p.packed * C;
    const ivec pick = pool_pick(p), nowhere = (ivec){0} + NOWHERE;
    for (; run > 0; run -= p.packed, to.start += p.SW * step, x += p.SW * step, dy += step, y += step) {
        const int64_t left = run * C, x_left = ((run - 1) * p.SW + 1) * C;
        const vec best = v_read(y, left);
        vec found = (vec)nowhere;
        for (int64_t kh = height - 1; kh >= 0; kh--)
            for (int64_t kw = width - 1; kw >= 0; kw--) {
                const int64_t i = kh * next_row + kw * next_column;
                const vmask here = is_extreme(pool_read(p, x + i, x_left, pick), best);
                found = v_choose(here, (vec)((ivec){0} + (int32_t)i), found);
            }
        const ivec at = (ivec)found + pick + (int32_t)(to.start - to.first);
        scatter_lanes(to.dx + to.first, (uint32_t)(to.end - to.first), at, dy, left < step ? left : step);
    }
}

INLINE void extreme_pool_run_backward(
    int disjoint, target to, const float *dy, const float *x, const float *y, pool_window p, int64_t height, int64_t width,
    int64_t run) {
    if (p.C >= LANES) extreme_pool_wide_backward(disjoint, to, dy, x, y, p, height, width, run);
    else if (disjoint && p.packed > 1 && width == 2 && p.SW == 2 && p.DW == 1)
        extreme_pool_pairs_backward(to, dy, x, y, p, height, run);
    else extreme_pool_packed_backward(to, dy, x, y, p, height, width, run);
}

INLINE void extreme_pool_row_backward(
    int disjoint, target to, const float *dy, const float *x, const float *y, pool_window p, int64_t oh) {
    const span rows = rows_of(p, oh);
    taps t;
    for (int64_t ow = 0; ow < p.OW; ow += t.run, dy += t.run * p.C, y += t.run * p.C) {
        t = taps_from(p, rows, ow);
        to.start = t.start;
        const float *from = x + t.start;
        if (t.height == 2 && t.width == 2) extreme_pool_run_backward(disjoint, to, dy, from, y, p, 2, 2, t.run);
        else if (t.height == 3 && t.width == 3) extreme_pool_run_backward(disjoint, to, dy, from, y, p, 3, 3, t.run);
        else extreme_pool_run_backward(disjoint, to, dy, from, y, p, t.height, t.width, t.run);
    }
}

/* Adds each dy of output row `oh` to the first tap, in row-major order, whose x is y, or NaN as y then is, where that lies
 * in the rows of dx (H, W, C), which holds zeros before, that are floats [first, end). */
static void f32_extreme_pool_backward(
    float *dx, int64_t first, int64_t end, const float *dy, const float *x, const float *y, const pool_window *p,
    int64_t oh) {
    const target to = {dx, first, end, 0};
    if (windows_disjoint(*p)) extreme_pool_row_backward(1, to, dy, x, y, *p, oh);
    else extreme_pool_row_backward(0, to, dy, x, y, *p, oh);
}

/* Stores each dy of output row `oh`, divided by its count, in every tap; no element lies in two windows. */
static void f32_average_pool_backward(float *dx, const float *dy, const pool_window *window, int64_t oh) {
    const pool_window p = *window;
    const int64_t C = p.C, next_row = p.W * C;
    const span rows = rows_of(p, oh);
    taps t;
    for (int64_t ow = 0; ow < p.OW; ow += t.run) {
        t = taps_from(p, rows, ow);
        const int64_t count = average_count(p, t.height * t.width);
        for (int64_t k = 0; k < t.run; k++, dy += C)
            for (int64_t c = 0; c < C; c += LANES) {
                const vec share = v_mean(v_read(dy + c, C - c), count);
                float *row = dx + t.start + k * p.SW * C + c;
                for (int64_t kh = 0; kh < t.height; kh++, row += next_row)
                    for (int64_t kw = 0; kw < t.width; kw++) v_write(row + kw * C, share, C - c);
            }
    }
}

/* Of one axis, the windows that meet element i: every `stride`, the first `before` elements in front of the image. */
static inline span windows_over(int64_t i, int64_t before, int64_t size, int64_t stride, int64_t outputs) {
    const int64_t above = i + before - size, first = above < 0 ? 0 : above / stride + 1;
    const int64_t last = (i + before) / stride, count = (last < outputs ? last + 1 : outputs) - first;
    return (span){first, count > 0 ? count : 0};
}

/* sums (OW, C) += what each window of output row `oh` gives to every one of its taps. */
INLINE void add_shares(float *sums, const float *dy, pool_window p, int64_t oh) {
    const span rows = rows_of(p, oh);
    taps t;
    for (int64_t ow = 0; ow < p.OW; ow += t.run, dy += t.run * p.C, sums += t.run * p.C) {
        t = taps_from(p, rows, ow);
        if (t.height * t.width == 0) continue;
        const int64_t count = average_count(p, t.height * t.width), n = t.run * p.C;
        for (int64_t i = 0; i < n; i += LANES)
            v_write(sums + i, v_read(sums + i, n - i) + v_mean(v_read(dy + i, n - i), count), n - i);
    }
}

/* dx (W, C) is row h of the gradient: to each element, the sum of what the windows over it give, first along the columns
 * of windows, to sums (OW, C), then along the row. */
static void f32_average_pool_gather(float *dx, const float *dy, const pool_window *window, int64_t h, float *sums) {
    const pool_window p = *window;
    const span rows = windows_over(h, p.top, p.KH, p.SH, p.OH);
    memset(sums, 0, sizeof(float) * p.OW * p.C);
    for (int64_t oh = rows.first; oh < rows.first + rows.count; oh++) add_shares(sums, dy + oh * p.OW * p.C, p, oh);
    for (int64_t w = 0; w < p.W; w++, dx += p.C) {
        const span columns = windows_over(w, p.left, p.KW, p.SW, p.OW);
        for (int64_t c = 0; c < p.C; c += LANES) {
            vec sum = v_set(0);
            for (int64_t ow = columns.first; ow < columns.first + columns.count; ow++)
                sum += v_read(sums + ow * p.C + c, p.C - c);
            v_write(dx + c, sum, p.C - c);
        }
    }
}
