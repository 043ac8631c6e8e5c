/* Winograd's F(2 x 2, 3 x 3) with the points 0, 1, -1 and infinity, y = A^T ((G w G^T) (B^T x B)) A: 16 products for 4 outputs.
 *
 * Each function transforms one tile, channels in the lanes; frequency f of the result lies at f * step. */

/* B^T of 4 inputs. */
INLINE void winograd_2x2_input_four(vec *to, vec x0, vec x1, vec x2, vec x3) {
    to[0] = x0 - x2;
    to[1] = x1 + x2;
    to[2] = x2 - x1;
    to[3] = x1 - x3;
}

INLINE void winograd_2x2_input_vector(float *to, int64_t step, const float *const *pixels, int64_t c, int64_t left) {
    vec rows[4][4];
    UNROLL for (int j = 0; j < 4; j++) {
        vec column[4];
        winograd_2x2_input_four(
            column, v_read(pixels[j] + c, left), v_read(pixels[4 + j] + c, left), v_read(pixels[8 + j] + c, left),
            v_read(pixels[12 + j] + c, left));
        UNROLL for (int i = 0; i < 4; i++) rows[i][j] = column[i];
    }
    UNROLL for (int i = 0; i < 4; i++) {
        vec y[4];
        winograd_2x2_input_four(y, rows[i][0], rows[i][1], rows[i][2], rows[i][3]);
        UNROLL for (int j = 0; j < 4; j++) v_write(to + (4 * i + j) * step, y[j], left);
    }
}

/* to[f * step + c] = (B^T x B)[f] of the 4 x 4 pixels at `pixels`. */
static void f32_winograd_2x2_input(float *to, int64_t step, const float *const *pixels, int64_t channels) {
    int64_t c = 0;
    for (; c + LANES <= channels; c += LANES) winograd_2x2_input_vector(to + c, step, pixels, c, LANES);
    if (c < channels) winograd_2x2_input_vector(to + c, step, pixels, c, channels - c);
}

/* A^T of 4 frequencies. */
INLINE void winograd_2x2_output_two(vec *y, const vec *m) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] - m[3];
}

/* LANES channels from c on, or the `left` first of them, of some rows and columns of the tile. */
INLINE void winograd_2x2_output_vector(
    const winograd_tile *t, const float *m, int64_t step, int64_t c, int64_t rows, int64_t columns, int64_t left) {
    const vec floor = v_set(is_clamp(t->activation) ? 0 : -INFINITY);
    const vec ceiling = clamp_ceiling(t->activation, t->alpha);
    const vec bias = t->bias ? v_read(t->bias + c, left) : v_set(0);
    vec columns_of_y[4][2];
    UNROLL for (int j = 0; j < 4; j++) {
        vec frequencies[4];
        UNROLL for (int i = 0; i < 4; i++) frequencies[i] = v_load(m + (4 * i + j) * step + c);
        winograd_2x2_output_two(columns_of_y[j], frequencies);
    }
    UNROLL for (int i = 0; i < 2; i++) {
        vec row[4], y[2];
        UNROLL for (int j = 0; j < 4; j++) row[j] = columns_of_y[j][i];
        winograd_2x2_output_two(y, row);
        UNROLL for (int j = 0; j < 2; j++)
            if (i < rows && j < columns)
                winograd_write(t, t->y + i * t->y_row + j * t->y_pixel + c, bias + y[j], floor, ceiling, left);
    }
}

/* y = act(bias + A^T m A + residual): the part of one 2 x 2 tile that lies in the image, from m[f * step + c]. */
static void f32_winograd_2x2_output(const winograd_tile *t, const float *m, int64_t step) {
    for (int64_t c = 0; c < t->channels; c += LANES)
        winograd_2x2_output_vector(t, m, step, c, t->rows, t->columns, t->channels - c);
    if (follows_tile(t->activation)) winograd_activate(t);
}

/* G of 3 taps. */
INLINE void winograd_2x2_kernel_four(wide *to, const wide *w) {
    const wide even = (w[0] + w[2]) * 0.5, odd = w[1] * 0.5;
    to[0] = w[0];
    to[1] = even + odd;
    to[2] = even - odd;
    to[3] = w[2];
}

/* u[f * u_step + i] = (G w G^T)[f], for n elements i, whole vectors, of the 3 x 3 taps at w[tap * tap_step + i]. */
static void f32_winograd_2x2_kernel(float *u, int64_t u_step, const float *w, int64_t tap_step, int64_t n) {
    for (int64_t i = 0; i < n; i += LANES) {
        wide rows[4][3];
        UNROLL for (int j = 0; j < 3; j++) {
            wide taps[3], column[4];
            UNROLL for (int r = 0; r < 3; r++) taps[r] = WIDEN(w + (3 * r + j) * tap_step + i);
            winograd_2x2_kernel_four(column, taps);
            UNROLL for (int r = 0; r < 4; r++) rows[r][j] = column[r];
        }
        UNROLL for (int r = 0; r < 4; r++) {
            wide y[4];
            winograd_2x2_kernel_four(y, rows[r]);
            UNROLL for (int j = 0; j < 4; j++)
                *(narrow *)(u + (4 * r + j) * u_step + i) = __builtin_convertvector(y[j], narrow);
        }
    }
}

#undef WIDEN
