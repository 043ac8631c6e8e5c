/* Pooling of one row: channels in lanes, or those of several neighbouring windows where they are few; one pass over the taps
 * that lie inside the image. The inner functions take the window by value: through a pointer, every store of a float would
 * make the compiler read it again. */

/* The parts of `run` neighbouring windows that lie inside the image: `height` x `width` taps of each, the first at x + start
 * and a stride further for every next window; in its whole window it is tap number `first`. */
typedef struct {
    int64_t start, height, width, run, first;
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

/* How many taps of a window that begins at `start` lie in front of `first`. */
INLINE int64_t taps_before(int64_t first, int64_t start, int64_t dilation) {
    return first == start ? 0 : (first - start) / dilation;
}

/* Of window `ow` of output row `oh` and the following windows up to `end`, that have as many taps: one window where the image's
 * edge cuts it. */
static inline taps taps_from(pool_window p, span rows, int64_t oh, int64_t ow, int64_t end) {
    const span columns = span_inside(ow * p.SW - p.left, p.W, p.KW, p.DW);
    const int64_t above = taps_before(rows.first, oh * p.SH - p.top, p.DH);
    const int64_t before = taps_before(columns.first, ow * p.SW - p.left, p.DW);
    int64_t run = 1;
    if (columns.count == p.KW) run = (p.W - 1 - (p.KW - 1) * p.DW - columns.first) / p.SW + 1;
    if (run > end - ow) run = end - ow;
    return (taps){(rows.first * p.W + columns.first) * p.C, rows.count, columns.count, run, above * p.KW + before};
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

/* (the reduction so far, the number of the tap that it is, if that is `wanted`) := the same with x, which is tap `number`:
 * of equals the first stays, and the first NaN. */
INLINE void pool_step(enum reduction kind, int wanted, vec *a, ivec *winner, vec x, ivec number) {
    const vec best = reduction_step(kind, *a, x);
    if (wanted) *winner = (ivec)v_choose(v_equal(*a, best) | v_nan(*a), (vec)*winner, (vec)number);
    *a = best;
}

/* The number of a window's first tap inside the image; -1 where there is none. */
INLINE ivec first_winner(taps t) { return v_same_int(t.height * t.width > 0 ? (int32_t)t.first : -1); }

INLINE ivec read_argmax(const int32_t *argmax, int64_t left) { return (ivec)v_read((const float *)argmax, left); }
INLINE void write_argmax(int32_t *argmax, ivec winner, int64_t left) { v_write((float *)argmax, (vec)winner, left); }

/* Windows that are narrower than a vector: `packed` of them at a time. */
INLINE void pool_packed(enum reduction kind, int wanted, float *y, int32_t *argmax, const float *x, pool_window p, taps t) {
    const int64_t C = p.C, next_row = p.DH * p.W * C, next_column = p.DW * C;
    const int64_t count = average_count(p, t.height * t.width);
    const ivec pick = pool_pick(p);
    const ivec first = first_winner(t);
    const int32_t rest = (int32_t)(p.KW - t.width);
    for (int64_t run = t.run; run > 0; run -= p.packed, x += p.packed * p.SW * C, y += p.packed * C) {
        const int64_t left = ((run - 1) * p.SW + 1) * C;
        vec a = v_set(reduction_start(kind));
        ivec winner = first, number = first;
        for (int64_t kh = 0; kh < t.height; kh++, number += rest)
            for (int64_t kw = 0; kw < t.width; kw++, number += 1)
                pool_step(kind, wanted, &a, &winner, pool_read(p, x + kh * next_row + kw * next_column, left, pick), number);
        v_write(y, pool_finish(kind, a, count), run * C);
        if (!wanted) continue;
        write_argmax(argmax, winner, run * C);
        argmax += p.packed * C;
    }
}

/* `vectors` whole vectors of channels of one window. */
INLINE void pool_strip(
    enum reduction kind, int wanted, int vectors, float *y, int32_t *argmax, const float *x, pool_window p, taps t) {
    const int64_t count = average_count(p, t.height * t.width);
    const int32_t rest = (int32_t)(p.KW - t.width);
    vec a[4];
    ivec winner[4], number = first_winner(t);
    UNROLL for (int v = 0; v < vectors; v++) a[v] = v_set(reduction_start(kind)), winner[v] = number;
    for (int64_t kh = 0; kh < t.height; kh++, number += rest)
        for (int64_t kw = 0; kw < t.width; kw++, number += 1) {
            const float *tap = x + (kh * p.DH * p.W + kw * p.DW) * p.C;
            UNROLL for (int v = 0; v < vectors; v++)
                pool_step(kind, wanted, &a[v], &winner[v], v_load(tap + v * LANES), number);
        }
    UNROLL for (int v = 0; v < vectors; v++) v_store(y + v * LANES, pool_finish(kind, a[v], count));
    if (wanted) UNROLL for (int v = 0; v < vectors; v++) write_argmax(argmax + v * LANES, winner[v], LANES);
}

/* Windows of many taps of many channels: a tap is read in whole, since strips of it lie too far apart to be fetched ahead: 30
 * and 65 GB/s with 7 x 7 taps of 1024 and 2048 channels; of 512, 69 and 63. */
INLINE void pool_large(enum reduction kind, float *y, const float *x, pool_window p, taps t) {
    const int64_t C = p.C, count = average_count(p, t.height * t.width);
    for (int64_t run = t.run; run > 0; run--, x += p.SW * C, y += C) {
        for (int64_t c = 0; c < C; c += LANES) v_write(y + c, v_set(reduction_start(kind)), C - c);
        for (int64_t kh = 0; kh < t.height; kh++)
            for (int64_t kw = 0; kw < t.width; kw++) reduce_group(kind, y, x + (kh * p.DH * p.W + kw * p.DW) * C, 1, C);
        for (int64_t c = 0; c < C; c += LANES) v_write(y + c, pool_finish(kind, v_read(y + c, C - c), count), C - c);
    }
}

INLINE void pool_wide(enum reduction kind, int wanted, float *y, int32_t *argmax, const float *x, pool_window p, taps t) {
    for (int64_t run = t.run; run > 0; run--, x += p.SW * p.C, y += p.C) {
        int64_t c = 0;
        for (; c + 4 * LANES <= p.C; c += 4 * LANES)
            pool_strip(kind, wanted, 4, y + c, wanted ? argmax + c : NULL, x + c, p, t);
        for (; c + LANES <= p.C; c += LANES)
            pool_strip(kind, wanted, 1, y + c, wanted ? argmax + c : NULL, x + c, p, t);
        if (c < p.C) {    /* some channels twice, which costs less than a part of a vector */
            c = p.C - LANES;
            pool_strip(kind, wanted, 1, y + c, wanted ? argmax + c : NULL, x + c, p, t);
        }
        if (wanted) argmax += p.C;
    }
}

/* The sum of height x width vectors of `left` floats each: in halves, so that errors grow with the logarithm of their number. A
 * float of 2^24 stays as it is if 1 is added. */
static vec sum_taps(
    const float *x, int64_t next_row, int64_t next_column, int64_t height, int64_t width, int64_t left) {
    enum { MOST = 1024 };
    if (height * width > MOST) {
        const int64_t down = height > 1 ? height / 2 : 0, across = height > 1 ? 0 : width / 2;
        return sum_taps(x, next_row, next_column, down ? down : 1, across ? across : width, left)
            + sum_taps(
                x + down * next_row + across * next_column, next_row, next_column, height - down, width - across, left);
    }
    vec sum = v_set(0);
    for (int64_t kh = 0; kh < height; kh++)
        for (int64_t kw = 0; kw < width; kw++) sum += v_read(x + kh * next_row + kw * next_column, left);
    return sum;
}

/* Means of windows of very many taps. */
static void average_many(float *y, const float *x, pool_window p, taps t) {
    const int64_t C = p.C, count = average_count(p, t.height * t.width);
    for (int64_t run = t.run; run > 0; run--, x += p.SW * C, y += C)
        for (int64_t c = 0; c < C; c += LANES) {
            const vec sum = sum_taps(x + c, p.DH * p.W * C, p.DW * C, t.height, t.width, C - c);
            v_write(y + c, v_mean(sum, count), C - c);
        }
}

INLINE void pool_run(enum reduction kind, int wanted, float *y, int32_t *argmax, const float *x, pool_window p, taps t) {
    enum { MANY_TAPS = 10, MANY_CHANNELS = 513, VERY_MANY_TAPS = 1024 };
    if (kind == SUM && t.height * t.width > VERY_MANY_TAPS) average_many(y, x, p, t);
    else if (p.C < LANES) pool_packed(kind, wanted, y, argmax, x, p, t);
    else if (!wanted && p.C >= MANY_CHANNELS && t.height * t.width >= MANY_TAPS) pool_large(kind, y, x, p, t);
    else pool_wide(kind, wanted, y, argmax, x, p, t);
}

INLINE taps resized(taps t, int64_t height, int64_t width) {
    t.height = height;
    t.width = width;
    return t;
}

/* Windows [first, end) of output row `oh` (OW, C) of image x (H, W, C); an average is a SUM, divided. Runs of windows of
 * 2 x 2 and 3 x 3 taps, the most frequent ones, get code of their own without loops over taps. */
INLINE void pool_row(
    enum reduction kind, int wanted, float *y, int32_t *argmax, const float *x, pool_window p, int64_t oh, int64_t first,
    int64_t end) {
    const span rows = rows_of(p, oh);
    taps t;
    for (int64_t ow = first; ow < end; ow += t.run) {
        t = taps_from(p, rows, oh, ow, end);
        const float *from = x + t.start;
        float *to = y + ow * p.C;
        int32_t *to_argmax = wanted ? argmax + ow * p.C : NULL;
        if (t.height == 2 && t.width == 2) pool_run(kind, wanted, to, to_argmax, from, p, resized(t, 2, 2));
        else if (t.height == 3 && t.width == 3) pool_run(kind, wanted, to, to_argmax, from, p, resized(t, 3, 3));
        else pool_run(kind, wanted, to, to_argmax, from, p, t);
    }
}

/* y as pool_row says; argmax, unless it is NULL, the number kh KW + kw of the first tap of each window that is y. */
static void f32_max_pool(
    float *y, int32_t *argmax, const float *x, const pool_window *p, int64_t oh, int64_t first, int64_t end) {
    if (argmax == NULL) pool_row(MAXIMUM, 0, y, NULL, x, *p, oh, first, end);
    else pool_row(MAXIMUM, 1, y, argmax, x, *p, oh, first, end);
}
static void f32_min_pool(
    float *y, int32_t *argmax, const float *x, const pool_window *p, int64_t oh, int64_t first, int64_t end) {
    if (argmax == NULL) pool_row(MINIMUM, 0, y, NULL, x, *p, oh, first, end);
    else pool_row(MINIMUM, 1, y, argmax, x, *p, oh, first, end);
}
static void f32_average_pool(
    float *y, int32_t *argmax, const float *x, const pool_window *p, int64_t oh, int64_t first, int64_t end) {
    (void)argmax;
    pool_row(SUM, 0, y, NULL, x, *p, oh, first, end);
}

/* Of one axis, the windows that meet an element and at which of their taps: `window` at `tap`, the next one of them
 * `windows_apart` windows before it at `taps_apart` taps more, and so on. */
typedef struct {
    int64_t tap, window, taps_apart, windows_apart;
} meeting;

/* a / b for a >= 0: of the usual strides without a division. */
INLINE int64_t quotient(int64_t a, int64_t b) { return b == 1 ? a : b == 2 ? a >> 1 : a / b; }

static inline int64_t greatest_common_divisor(int64_t a, int64_t b) {
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Of element i, counted from the first of the padding; a stride further the taps, `count` in all, are the same, of one window
 * further. */
static inline meeting meeting_at(int64_t i, int64_t stride, int64_t dilation, int64_t count) {
    if (dilation == 1) return (meeting){i - quotient(i, stride) * stride, quotient(i, stride), stride, 1};
    const int64_t period = stride / greatest_common_divisor(stride, dilation), most = period < count ? period : count;
    int64_t tap = 0;
    while (tap < most && (i - tap * dilation) % stride) tap++;
    if (tap == most) return (meeting){INT32_MAX, 0, 1, 1};    /* no window has as many */
    return (meeting){tap, (i - tap * dilation) / stride, period, period * dilation / stride};
}

/* The same from the first window on that exists, of `outputs`. */
static inline meeting first_meeting(meeting m, int64_t outputs) {
    if (m.window < outputs) return m;
    const int64_t skipped = (m.window - outputs) / m.windows_apart + 1;
    return (meeting){
        m.tap + skipped * m.taps_apart, m.window - skipped * m.windows_apart, m.taps_apart, m.windows_apart};
}

/* What a window gives to an element: the dy at `at`, where the winner there is tap `tap`. */
typedef struct {
    int64_t at;
    int32_t tap;
} share;

/* The dy that tap `number` has won, 0 elsewhere. */
INLINE vec won_by(int32_t number, ivec winner, vec dy) {
    return v_choose(v_equal_int(winner, v_same_int(number)), dy, v_set(0));
}

/* A vector of dx, of `left` floats, := the sum of `n` shares, or += where there are `more`. */
INLINE void add_up(int n, int more, float *dx, const float *dy, const int32_t *argmax, const share *shares, int64_t left) {
    vec sum = more ? v_read(dx, left) : v_set(0);
    UNROLL for (int i = 0; i < n; i++) {
        const int64_t at = shares[i].at;
        sum += won_by(shares[i].tap, read_argmax(argmax + at, left), v_read(dy + at, left));
    }
    v_write(dx, sum, left);
}

/* `run` pixels dx (C), `step` floats apart, each with the shares of the pixel before it, but from one window further. */
INLINE void add_up_run(
    int n, int more, float *dx, int64_t step, const float *dy, const int32_t *argmax, const share *shares, int64_t C,
    int64_t run) {
    for (; run > 0; run--, dx += step, dy += C, argmax += C) {
        int64_t c = 0;
        for (; c + LANES <= C; c += LANES) add_up(n, more, dx + c, dy + c, argmax + c, shares, LANES);
        if (c == C) continue;
        if (c > 0 && !more) c = C - LANES;    /* some channels twice, which costs less than a part of a vector */
        add_up(n, more, dx + c, dy + c, argmax + c, shares, C - c);
    }
}

/* The counts of windows of up to 3 taps an axis get code of their own. */
static void add_up_shares(
    int n, int more, float *dx, int64_t step, const float *dy, const int32_t *argmax, const share *shares, int64_t C,
    int64_t run) {
    if (more) add_up_run(n, 1, dx, step, dy, argmax, shares, C, run);
    else if (n == 1) add_up_run(1, 0, dx, step, dy, argmax, shares, C, run);
    else if (n == 2) add_up_run(2, 0, dx, step, dy, argmax, shares, C, run);
    else if (n == 4) add_up_run(4, 0, dx, step, dy, argmax, shares, C, run);
    else if (n == 6) add_up_run(6, 0, dx, step, dy, argmax, shares, C, run);
    else if (n == 9) add_up_run(9, 0, dx, step, dy, argmax, shares, C, run);
    else add_up_run(n, 0, dx, step, dy, argmax, shares, C, run);
}

/* `run` pixels of a row of dx, a stride apart, from the one on that windows meet as `rows` and `columns` say: each := what
 * they give to it, in the order of the taps. */
INLINE void unpool_run(
    float *dx, const float *dy, const int32_t *argmax, pool_window p, meeting rows, meeting columns, int64_t run) {
    enum { MOST = 9 };
    const int64_t C = p.SW == 1 ? p.C * run : p.C, pixels = p.SW == 1 ? 1 : run;    /* neighbours are as one */
    share shares[MOST];
    int n = 0, more = 0;
    rows = first_meeting(rows, p.OH);
    columns = first_meeting(columns, p.OW);
    for (int64_t kh = rows.tap, oh = rows.window; kh < p.KH && oh >= 0; kh += rows.taps_apart, oh -= rows.windows_apart)
        for (int64_t kw = columns.tap, ow = columns.window; kw < p.KW && ow >= 0;
             kw += columns.taps_apart, ow -= columns.windows_apart) {
            if (n == MOST) {
                add_up_shares(n, more, dx, p.SW * p.C, dy, argmax, shares, C, pixels);
                more = 1;
                n = 0;
            }
            shares[n++] = (share){(oh * p.OW + ow) * p.C, (int32_t)(kh * p.KW + kw)};
        }
    add_up_shares(n, more, dx, p.SW * p.C, dy, argmax, shares, C, pixels);
}

/* Pixels [first, end) of a row of dx (W, C): those a stride apart, one after the other, since they have the same taps. */
static void unpool_columns(
    float *dx, const float *dy, const int32_t *argmax, pool_window p, meeting rows, int64_t first, int64_t end) {
    for (int64_t begin = first; begin < end && begin < first + p.SW; begin++) {
        meeting columns = meeting_at(begin + p.left, p.SW, p.DW, p.KW);
        const int64_t others = columns.tap < p.KW ? quotient(p.KW - 1 - columns.tap, columns.taps_apart) : 0;
        const int64_t furthest = others * columns.windows_apart;
        int64_t run;
        for (int64_t w = begin; w < end; w += run * p.SW, columns.window += run) {
            run = quotient(end - w + p.SW - 1, p.SW);
            if (columns.window < furthest || columns.window >= p.OW) run = 1;
            else if (run > p.OW - columns.window) run = p.OW - columns.window;
            unpool_run(dx + w * p.C, dy, argmax, p, rows, columns, run);
        }
    }
}

/* Windows of two columns side by side, narrower than a vector: the even and the odd pixels of `packed` ones at a time. */
INLINE void unpool_packed_pairs(
    float *dx, const float *dy, const int32_t *argmax, pool_window p, int32_t number, int64_t run) {
    const int64_t step = p.packed * p.C;
    ivec pair[2];
    memcpy(pair, p.pair, sizeof(ivec));
    memcpy(pair + 1, p.pair + LANES, sizeof(ivec));
    for (; run > 0; run -= p.packed, dx += 2 * step, dy += step, argmax += step) {
        const int64_t left = 2 * run * p.C;
        const ivec winner = read_argmax(argmax, run * p.C);
        const vec gradient = v_read(dy, run * p.C);
        const vec even = won_by(number, winner, gradient), odd = won_by(number + 1, winner, gradient);
        v_write(dx, v_pick(even, odd, pair[0]), left);
        if (left > LANES) v_write(dx + LANES, v_pick(even, odd, pair[1]), left - LANES);
    }
}

/* `run` windows of two columns side by side, whose first column is tap `number`. Pixels are stored from left to right: what
 * a vector writes after its own, the next one overwrites. */
INLINE void unpool_pairs(
    float *dx, const float *dy, const int32_t *argmax, pool_window p, int32_t number, int64_t run) {
    const float *end = dx + 2 * run * p.C;
    for (; run > 0; run--, dy += p.C, argmax += p.C)
        for (int column = 0; column < 2; column++, dx += p.C)
            for (int64_t c = 0; c < p.C; c += LANES) {
                const int64_t left = run * p.C - c;
                const vec share = won_by(number + column, read_argmax(argmax + c, left), v_read(dy + c, left));
                v_write(dx + c, share, end - dx - c);
            }
}

/* Pixels [first, end) of row h of dx (H, W, C): to each, the dy (OH, OW, C) of all windows whose winner, the number of a tap,
 * it is. Windows of two columns that do not overlap, the most frequent ones, get code of their own. */
static void f32_unpool(
    float *dx, const float *dy, const int32_t *argmax, const pool_window *window, int64_t h, int64_t first, int64_t end) {
    const pool_window p = *window;
    const meeting rows = meeting_at(h + p.top, p.SH, p.DH, p.KH);
    const int paired = p.KW == 2 && p.SW == 2 && p.DW == 1 && p.KH <= p.SH && p.DH == 1;
    dx += h * p.W * p.C;
    if (paired && rows.tap < p.KH && rows.window < p.OH) {
        const int64_t before = first + (first + p.left) % 2, ow = (before + p.left) / 2;
        const int64_t whole = (end - before) / 2, run = whole < p.OW - ow ? whole : p.OW - ow;
        if (run > 0) {
            const int64_t at = (rows.window * p.OW + ow) * p.C;
            const int32_t number = (int32_t)(rows.tap * p.KW);
            if (p.packed > 1) unpool_packed_pairs(dx + before * p.C, dy + at, argmax + at, p, number, run);
            else unpool_pairs(dx + before * p.C, dy + at, argmax + at, p, number, run);
            unpool_columns(dx, dy, argmax, p, rows, first, before);
            first = before + 2 * run;
        }
    }
    unpool_columns(dx, dy, argmax, p, rows, first, end);
}

/* Stores each dy of output row `oh`, divided by its count, in every tap; no element lies in two windows. */
static void f32_average_pool_backward(float *dx, const float *dy, const pool_window *window, int64_t oh) {
    const pool_window p = *window;
    const int64_t C = p.C, next_row = p.W * C;
    const span rows = rows_of(p, oh);
    taps t;
    for (int64_t ow = 0; ow < p.OW; ow += t.run) {
        t = taps_from(p, rows, oh, ow, p.OW);
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
        t = taps_from(p, rows, oh, ow, p.OW);
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
