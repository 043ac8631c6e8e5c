/* Fourier transforms of LANES columns at once. A strip holds its rows one after the other, each as LANES real parts and
 * LANES imaginary ones; `points`, its number of rows, is 4^k, 2 4^k or 3 4^k.
 *
 * Forward transforms decimate in frequency and leave the frequencies in the order of reversed digits; inverse ones, which
 * do not divide by `points`, take them in that order: products need no other. */

typedef struct {
    vec re, im;
} cvec;

enum { FOURIER_ROW = 2 * LANES };

INLINE cvec c_load(const float *p) { return (cvec){v_load(p), v_load(p + LANES)}; }
INLINE void c_store(float *p, cvec a) {
    v_store(p, a.re);
    v_store(p + LANES, a.im);
}
INLINE cvec c_add(cvec a, cvec b) { return (cvec){a.re + b.re, a.im + b.im}; }
INLINE cvec c_subtract(cvec a, cvec b) { return (cvec){a.re - b.re, a.im - b.im}; }
/* a + i b and a - i b */
INLINE cvec c_add_turned(cvec a, cvec b) { return (cvec){a.re - b.im, a.im + b.re}; }
INLINE cvec c_subtract_turned(cvec a, cvec b) { return (cvec){a.re + b.im, a.im - b.re}; }
INLINE cvec c_multiply(cvec a, cvec b) {
    return (cvec){v_fma(a.re, b.re, -(a.im * b.im)), v_fma(a.re, b.im, a.im * b.re)};
}
/* a times the conjugate of b */
INLINE cvec c_multiply_conjugate(cvec a, cvec b) {
    return (cvec){v_fma(a.re, b.re, a.im * b.im), v_fma(a.im, b.re, -(a.re * b.im))};
}
INLINE cvec c_root(const float *roots) { return (cvec){v_set(roots[0]), v_set(roots[1])}; }

/* One transform of 4 points `step` floats apart, times the powers 1, 2 and 3 of a root of unity unless roots is NULL. */
INLINE void fourier_4(float *p, int64_t step, const float *roots) {
    const cvec a = c_load(p), b = c_load(p + step), c = c_load(p + 2 * step), d = c_load(p + 3 * step);
    const cvec even = c_add(a, c), odd = c_add(b, d), even_rest = c_subtract(a, c), odd_rest = c_subtract(b, d);
    cvec first = c_subtract_turned(even_rest, odd_rest), second = c_subtract(even, odd);
    cvec third = c_add_turned(even_rest, odd_rest);
    if (roots) {
        first = c_multiply(first, c_root(roots));
        second = c_multiply(second, c_root(roots + 2));
        third = c_multiply(third, c_root(roots + 4));
    }
    c_store(p, c_add(even, odd));
    c_store(p + step, first);
    c_store(p + 2 * step, second);
    c_store(p + 3 * step, third);
}

INLINE void fourier_inverse_4(float *p, int64_t step, const float *roots) {
    cvec a = c_load(p), b = c_load(p + step), c = c_load(p + 2 * step), d = c_load(p + 3 * step);
    if (roots) {
        b = c_multiply_conjugate(b, c_root(roots));
        c = c_multiply_conjugate(c, c_root(roots + 2));
        d = c_multiply_conjugate(d, c_root(roots + 4));
    }
    const cvec even = c_add(a, c), odd = c_add(b, d), even_rest = c_subtract(a, c), odd_rest = c_subtract(b, d);
    c_store(p, c_add(even, odd));
    c_store(p + step, c_add_turned(even_rest, odd_rest));
    c_store(p + 2 * step, c_subtract(even, odd));
    c_store(p + 3 * step, c_subtract_turned(even_rest, odd_rest));
}

/* 2 points are their own inverse. */
INLINE void fourier_2(float *p) {
    const cvec a = c_load(p), b = c_load(p + FOURIER_ROW);
    c_store(p, c_add(a, b));
    c_store(p + FOURIER_ROW, c_subtract(a, b));
}

/* `sine` is that of a third of a turn: negative for the forward transform. */
INLINE void fourier_3(float *p, float sine) {
    const cvec a = c_load(p), b = c_load(p + FOURIER_ROW), c = c_load(p + 2 * FOURIER_ROW);
    const cvec sum = c_add(b, c), rest = c_subtract(b, c);
    const cvec middle = {v_fma(sum.re, v_set(-0.5f), a.re), v_fma(sum.im, v_set(-0.5f), a.im)};
    const cvec turned = {rest.re * v_set(sine), rest.im * v_set(sine)};
    c_store(p, c_add(a, sum));
    c_store(p + FOURIER_ROW, c_add_turned(middle, turned));
    c_store(p + 2 * FOURIER_ROW, c_subtract_turned(middle, turned));
}

#define SINE_OF_A_THIRD 0.86602540378443865f

static void f32_fourier(float *strip, int64_t points, const float *roots) {
    int64_t block = points;
    float *const end = strip + points * FOURIER_ROW;
    for (; block % 4 == 0; block /= 4) {
        const int64_t step = block / 4 * FOURIER_ROW;
        for (float *p = strip; p < end; p += 4 * step) fourier_4(p, step, NULL);
        for (float *first = strip + FOURIER_ROW; first < strip + step; first += FOURIER_ROW, roots += 6)
            for (float *p = first; p < end; p += 4 * step) fourier_4(p, step, roots);
    }
    for (float *p = strip; block == 3 && p < end; p += 3 * FOURIER_ROW) fourier_3(p, -SINE_OF_A_THIRD);
    for (float *p = strip; block == 2 && p < end; p += 2 * FOURIER_ROW) fourier_2(p);
}

/* `roots` as for the forward transform: they are read from the end. */
static void f32_fourier_inverse(float *strip, int64_t points, const float *roots) {
    int64_t block = points;
    float *const end = strip + points * FOURIER_ROW;
    for (; block % 4 == 0; block /= 4) roots += 6 * (block / 4 - 1);
    for (float *p = strip; block == 3 && p < end; p += 3 * FOURIER_ROW) fourier_3(p, SINE_OF_A_THIRD);
    for (float *p = strip; block == 2 && p < end; p += 2 * FOURIER_ROW) fourier_2(p);
    for (block *= 4; block <= points; block *= 4) {
        const int64_t step = block / 4 * FOURIER_ROW;
        const float *root = roots -= 6 * (block / 4 - 1);
        for (float *p = strip; p < end; p += 4 * step) fourier_inverse_4(p, step, NULL);
        for (float *first = strip + FOURIER_ROW; first < strip + step; first += FOURIER_ROW, root += 6)
            for (float *p = first; p < end; p += 4 * step) fourier_inverse_4(p, step, root);
    }
}

/* a *= conjugate of w, and sum += a times the conjugate of w. */
static void f32_fourier_multiply(float *a, const float *w, int64_t rows) {
    for (int64_t i = 0; i < rows * FOURIER_ROW; i += FOURIER_ROW)
        c_store(a + i, c_multiply_conjugate(c_load(a + i), c_load(w + i)));
}

static void f32_fourier_accumulate(float *sum, const float *a, const float *w, int64_t rows) {
    for (int64_t i = 0; i < rows * FOURIER_ROW; i += FOURIER_ROW)
        c_store(sum + i, c_add(c_load(sum + i), c_multiply_conjugate(c_load(a + i), c_load(w + i))));
}

/* LANES rows of a strip, transposed. */
static void f32_fourier_transpose(float *to, const float *from) {
    for (int64_t r = 0; r < LANES; r += 4)
        for (int64_t c = 0; c < LANES; c += 4) {
            transpose_square(to + c * FOURIER_ROW + r, FOURIER_ROW, from + r * FOURIER_ROW + c, FOURIER_ROW);
            transpose_square(
                to + c * FOURIER_ROW + LANES + r, FOURIER_ROW, from + r * FOURIER_ROW + LANES + c, FOURIER_ROW);
        }
}

/* part[row + r][lane + c] = from[r * step + c] for r < rows, c < columns, and 0 elsewhere in the `points` rows of the real or
 * imaginary part of a strip. */
static void f32_fourier_read(
    float *part, int64_t points, const float *from, int64_t step, int64_t row, int64_t rows, int64_t lane,
    int64_t columns) {
    const float *const end = part + points * FOURIER_ROW, *const first = part + row * FOURIER_ROW;
    for (; part < first; part += FOURIER_ROW) v_store(part, v_set(0));
    for (int64_t r = 0; r < rows; r++, part += FOURIER_ROW, from += step)
        if (lane == 0) v_store(part, v_read(from, columns));
        else {
            v_store(part, v_set(0));
            for (int64_t c = 0; c < columns; c++) part[lane + c] = from[c];
        }
    for (; part < end; part += FOURIER_ROW) v_store(part, v_set(0));
}

/* to[r * step + c] = act(bias + part[r][c]) for r < rows, c < columns. */
static void f32_fourier_write(
    float *to, int64_t step, const float *part, int64_t rows, int64_t columns, float bias, int64_t activation,
    float alpha) {
    for (int64_t r = 0; r < rows; r++, to += step, part += FOURIER_ROW)
        v_write(to, v_activate(v_load(part) + v_set(bias), activation, alpha), columns);
}
