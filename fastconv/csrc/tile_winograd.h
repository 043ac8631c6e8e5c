/* Winograd's minimal filtering F(4 x 4, 3 x 3) (Lavin and Gray 2016; Toom-Cook with the points 0, +-5/8, +-3/2 and infinity):
 * four outputs of a three-tap correlation in a row are
 *
 *     y = A^T ((G w) (B^T x)),        six products of numbers in place of twelve,
 *
 * and a tile of 4 x 4 outputs is the same along both axes: 36 products in place of 144. With p the points,
 *
 *     A^T[i][j] = p_j^i,      G[j][k] = p_j^k / prod over l != j of (p_j - p_l),      B^T[j] = coefficients of prod over l != j of (z - p_l);
 *
 * infinity stands for the leading coefficient. The gradient with respect to w is the adjoint, G^T ((B^T x) (A dy)).
 * Each function transforms one tile, channels in the lanes; frequency f of the result lies at f * step. */

#define P1 0.625f
#define P2 1.5f
#define P1_2 (P1 * P1)
#define P2_2 (P2 * P2)

/* 6 inputs to the frequencies of +p and -p, with q the other point: (z + p) z (z^2 - q^2) and (z - p) z (z^2 - q^2). */
INLINE void winograd_input_pair(vec *plus, vec *minus, vec x1, vec x2, vec x3, vec x4, float p, float q_2) {
    const vec even = v_fma(v_set(-q_2), x2, x4), odd = v_fma(v_set(-q_2), x1, x3);
    *plus = v_fma(v_set(p), odd, even);
    *minus = v_fma(v_set(-p), odd, even);
}

/* (z^2 - P1^2) (z^2 - P2^2): the frequency of 0, and of infinity from the inputs one further. */
INLINE vec winograd_input_end(vec x0, vec x2, vec x4) {
    return v_fma(v_set(P1_2 * P2_2), x0, v_fma(v_set(-(P1_2 + P2_2)), x2, x4));
}

/* One row of B^T x, times B, to memory. */
INLINE void winograd_input_row(float *to, int64_t step, const vec *x, int64_t left) {
    vec y[6];
    y[0] = winograd_input_end(x[0], x[2], x[4]);
    winograd_input_pair(&y[1], &y[2], x[1], x[2], x[3], x[4], P1, P2_2);
    winograd_input_pair(&y[3], &y[4], x[1], x[2], x[3], x[4], P2, P1_2);
    y[5] = winograd_input_end(x[1], x[3], x[5]);
    UNROLL for (int j = 0; j < 6; j++) v_write(to + j * step, y[j], left);
}

INLINE void winograd_input_vector(float *to, int64_t step, const float *const *pixels, int64_t c, int64_t left) {
#define PIXEL(i, j) v_read(pixels[6 * (i) + (j)] + c, left)
    vec x[6], minus[6];
    UNROLL for (int j = 0; j < 6; j++) x[j] = winograd_input_end(PIXEL(0, j), PIXEL(2, j), PIXEL(4, j));
    winograd_input_row(to, step, x, left);
    UNROLL for (int j = 0; j < 6; j++)
        winograd_input_pair(&x[j], &minus[j], PIXEL(1, j), PIXEL(2, j), PIXEL(3, j), PIXEL(4, j), P1, P2_2);
    winograd_input_row(to + 6 * step, step, x, left);
    winograd_input_row(to + 12 * step, step, minus, left);
    UNROLL for (int j = 0; j < 6; j++)
        winograd_input_pair(&x[j], &minus[j], PIXEL(1, j), PIXEL(2, j), PIXEL(3, j), PIXEL(4, j), P2, P1_2);
    winograd_input_row(to + 18 * step, step, x, left);
    winograd_input_row(to + 24 * step, step, minus, left);
    UNROLL for (int j = 0; j < 6; j++) x[j] = winograd_input_end(PIXEL(1, j), PIXEL(3, j), PIXEL(5, j));
    winograd_input_row(to + 30 * step, step, x, left);
#undef PIXEL
}

/* to[f * step + c] = (B^T x B)[f] of the 6 x 6 pixels at `pixels`. */
static void f32_winograd_input(float *to, int64_t step, const float *const *pixels, int64_t channels) {
    int64_t c = 0;
    for (; c + LANES <= channels; c += LANES) winograd_input_vector(to + c, step, pixels, c, LANES);
    if (c < channels) winograd_input_vector(to + c, step, pixels, c, channels - c);
}

/* A^T of 6 frequencies. */
INLINE void winograd_output_four(vec *y, const vec *m) {
    const vec even_1 = m[1] + m[2], odd_1 = m[1] - m[2], even_2 = m[3] + m[4], odd_2 = m[3] - m[4];
    y[0] = m[0] + even_1 + even_2;
    y[1] = v_fma(v_set(P1), odd_1, v_set(P2) * odd_2);
    y[2] = v_fma(v_set(P1_2), even_1, v_set(P2_2) * even_2);
    y[3] = v_fma(v_set(P1 * P1_2), odd_1, v_fma(v_set(P2 * P2_2), odd_2, m[5]));
}

/* Applied to the finished tile. */
static __attribute__((noinline)) void winograd_activate(const winograd_tile *t) {
    float *pixels[4 * 4];
    int64_t count = 0;
    for (int64_t i = 0; i < t->rows; i++)
        for (int64_t j = 0; j < t->columns; j++) pixels[count++] = t->y + i * t->y_row + j * t->y_pixel;
    activate_rows(pixels, count, 0, t->channels, t->activation, t->alpha);
}

/* act(sum + residual) of LANES channels of an output at `to`, or of the `left` first of them, for activations in registers. */
INLINE void winograd_write(const winograd_tile *t, float *to, vec sum, vec floor, vec ceiling, int64_t left) {
    if (t->residual) sum += v_read(to + t->residual, left);
    v_write(to, v_min(ceiling, v_max(floor, sum)), left);
}

/* LANES channels from c on, or the `left` first of them, of some rows and columns of the tile. */
INLINE void winograd_output_vector(
    const winograd_tile *t, const float *m, int64_t step, int64_t c, int64_t rows, int64_t columns, int64_t left) {
    const vec floor = v_set(is_clamp(t->activation) ? 0 : -INFINITY);
    const vec ceiling = clamp_ceiling(t->activation, t->alpha);
    const vec bias = t->bias ? v_read(t->bias + c, left) : v_set(0);
    vec columns_of_y[6][4];
    UNROLL for (int j = 0; j < 6; j++) {
        vec frequencies[6];
        UNROLL for (int i = 0; i < 6; i++) frequencies[i] = v_load(m + (6 * i + j) * step + c);
        winograd_output_four(columns_of_y[j], frequencies);
    }
    UNROLL for (int i = 0; i < 4; i++) {
        vec row[6], y[4];
        UNROLL for (int j = 0; j < 6; j++) row[j] = columns_of_y[j][i];
        winograd_output_four(y, row);
        UNROLL for (int j = 0; j < 4; j++)
            if (i < rows && j < columns)
                winograd_write(t, t->y + i * t->y_row + j * t->y_pixel + c, bias + y[j], floor, ceiling, left);
    }
}

/* y = act(bias + A^T m A + residual): the part of one 4 x 4 tile that lies in the image, from m[f * step + c]. */
static void f32_winograd_output(const winograd_tile *t, const float *m, int64_t step) {
    int64_t c = 0;
    if (t->rows == 4 && t->columns == 4)
        for (; c + LANES <= t->channels; c += LANES) winograd_output_vector(t, m, step, c, 4, 4, LANES);
    for (; c < t->channels; c += LANES) winograd_output_vector(t, m, step, c, t->rows, t->columns, t->channels - c);
    if (follows_tile(t->activation)) winograd_activate(t);
}

/* A of 4 gradients. */
INLINE void winograd_gradient_six(vec *to, vec y0, vec y1, vec y2, vec y3) {
    const vec even_1 = v_fma(v_set(P1_2), y2, y0), odd_1 = v_fma(v_set(P1_2), y3, y1);
    const vec even_2 = v_fma(v_set(P2_2), y2, y0), odd_2 = v_fma(v_set(P2_2), y3, y1);
    to[0] = y0;
    to[1] = v_fma(v_set(P1), odd_1, even_1);
    to[2] = v_fma(v_set(-P1), odd_1, even_1);
    to[3] = v_fma(v_set(P2), odd_2, even_2);
    to[4] = v_fma(v_set(-P2), odd_2, even_2);
    to[5] = y3;
}

INLINE void winograd_gradient_vector(float *to, int64_t step, const float *const *pixels, int64_t c, int64_t left) {
    vec rows[6][4];
    UNROLL for (int j = 0; j < 4; j++) {
        vec column[6];
        winograd_gradient_six(
            column, v_read(pixels[j] + c, left), v_read(pixels[4 + j] + c, left), v_read(pixels[8 + j] + c, left),
            v_read(pixels[12 + j] + c, left));
        UNROLL for (int i = 0; i < 6; i++) rows[i][j] = column[i];
    }
    UNROLL for (int i = 0; i < 6; i++) {
        vec y[6];
        winograd_gradient_six(y, rows[i][0], rows[i][1], rows[i][2], rows[i][3]);
        UNROLL for (int j = 0; j < 6; j++) v_store(to + (6 * i + j) * step + c, y[j]);
    }
}

/* to[f * step + c] = (A dy A^T)[f] of the 4 x 4 pixels at `pixels`; whole vectors, zeros after the channels. */
static void f32_winograd_gradient(float *to, int64_t step, const float *const *pixels, int64_t channels) {
    int64_t c = 0;
    for (; c + LANES <= channels; c += LANES) winograd_gradient_vector(to, step, pixels, c, LANES);
    if (c < channels) winograd_gradient_vector(to, step, pixels, c, channels - c);
}

/* Weights are transformed in float64 and rounded once. */
typedef double wide __attribute__((vector_size(8 * LANES), aligned(4)));
typedef float narrow __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define WIDEN(p) __builtin_convertvector(*(const narrow *)(p), wide)

/* The denominators of G. */
#define N0 ((double)P1_2 * P2_2)
#define N1 (2.0 * P1_2 * (P1_2 - P2_2))
#define N2 (2.0 * P2_2 * (P2_2 - P1_2))

/* G of 3 taps. */
INLINE void winograd_kernel_six(wide *to, const wide *w) {
    const wide even_1 = (w[0] + w[2] * P1_2) * (1 / N1), odd_1 = w[1] * (P1 / N1);
    const wide even_2 = (w[0] + w[2] * P2_2) * (1 / N2), odd_2 = w[1] * (P2 / N2);
    to[0] = w[0] * (1 / N0);
    to[1] = even_1 + odd_1;
    to[2] = even_1 - odd_1;
    to[3] = even_2 + odd_2;
    to[4] = even_2 - odd_2;
    to[5] = w[2];
}

/* u[f * u_step + i] = (G w G^T)[f], for n elements i, whole vectors, of the 3 x 3 taps at w[tap * tap_step + i]. */
static void f32_winograd_kernel(float *u, int64_t u_step, const float *w, int64_t tap_step, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        wide rows[6][3];
        UNROLL for (int j = 0; j < 3; j++) {
            wide taps[3], column[6];
            UNROLL for (int r = 0; r < 3; r++) taps[r] = WIDEN(w + (3 * r + j) * tap_step + i);
            winograd_kernel_six(column, taps);
            UNROLL for (int r = 0; r < 6; r++) rows[r][j] = column[r];
        }
        UNROLL for (int r = 0; r < 6; r++) {
            wide y[6];
            winograd_kernel_six(y, rows[r]);
            UNROLL for (int j = 0; j < 6; j++)
                *(narrow *)(u + (6 * r + j) * u_step + i) = __builtin_convertvector(y[j], narrow);
        }
    }
}

/* G^T of 6 frequencies. */
INLINE void winograd_taps_three(wide *to, const wide *m) {
    const wide even_1 = (m[1] + m[2]) * (1 / N1), odd_1 = (m[1] - m[2]) * (1 / N1);
    const wide even_2 = (m[3] + m[4]) * (1 / N2), odd_2 = (m[3] - m[4]) * (1 / N2);
    to[0] = m[0] * (1 / N0) + even_1 + even_2;
    to[1] = odd_1 * P1 + odd_2 * P2;
    to[2] = even_1 * P1_2 + even_2 * P2_2 + m[5];
}

/* dw[r * row_step + s * tap_step + i] = (G^T m G)[r, s], the first rows and columns of 3 x 3 taps, for n elements i of
 * m[f * m_step + i], whole vectors of them. */
static void f32_winograd_taps(
    float *dw, int64_t row_step, int64_t tap_step, int64_t rows, int64_t columns, const float *m, int64_t m_step,
    int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        wide sums[3][6];
        UNROLL for (int j = 0; j < 6; j++) {
            wide column[6], taps[3];
            UNROLL for (int r = 0; r < 6; r++) column[r] = WIDEN(m + (6 * r + j) * m_step + i);
            winograd_taps_three(taps, column);
            UNROLL for (int r = 0; r < 3; r++) sums[r][j] = taps[r];
        }
        UNROLL for (int r = 0; r < 3; r++) {
            wide y[3];
            winograd_taps_three(y, sums[r]);
            UNROLL for (int j = 0; j < 3; j++)
                if (r < rows && j < columns)
                    v_write(dw + r * row_step + j * tap_step + i, (vec)__builtin_convertvector(y[j], narrow), n - i);
        }
    }
}

#undef P1
#undef P2
#undef P1_2
#undef P2_2
#undef N0
#undef N1
#undef N2
