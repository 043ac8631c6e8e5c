/* A row of a convolution with few channels of the result: lanes hold neighbouring pixels, and registers hold channels.
 *
 *     y[p, k] = bias[k] + sum over t of x[offsets[t] + p] w[t, k]    for the pixels p of the row
 *
 * x holds each input channel in a plane of its own, so that neighbouring pixels are adjacent; it may be read up to
 * PLANE_VECTORS vectors beyond the last pixel. */

/* `vectors` vectors of pixels. The number of channels is a constant, so that all sums are in registers. */
INLINE void planes_block(const planes_tile *tile, int64_t p, const int channels, const int vectors) {
    vec sums[MOST_PLANE_CHANNELS][PLANE_VECTORS];
    UNROLL for (int k = 0; k < channels; k++)
        UNROLL for (int v = 0; v < vectors; v++) sums[k][v] = v_set(tile->bias != NULL ? tile->bias[k] : 0.0f);
    const float *w = tile->w;
    for (int64_t t = 0; t < tile->taps; t++, w += channels) {
        const float *x = tile->x + tile->offsets[t] + p;
        vec pixels[PLANE_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) pixels[v] = v_load(x + v * LANES);
        UNROLL for (int k = 0; k < channels; k++) {
            const vec factor = v_set(w[k]);
            UNROLL for (int v = 0; v < vectors; v++) sums[k][v] = v_fma(pixels[v], factor, sums[k][v]);
        }
    }
    float *y = tile->y + p * channels;
    const int64_t count = tile->pixels - p < vectors * LANES ? tile->pixels - p : vectors * LANES;
    if (channels == 1) {
        UNROLL for (int v = 0; v < vectors; v++)
            if (count > v * LANES) v_write(y + v * LANES, sums[0][v], count - v * LANES);
        return;
    }
    float planes[MOST_PLANE_CHANNELS][PLANE_VECTORS * LANES];
    UNROLL for (int k = 0; k < channels; k++)
        UNROLL for (int v = 0; v < vectors; v++) v_store(&planes[k][v * LANES], sums[k][v]);
    int64_t i = 0;
    if (channels >= 4)
        for (; i + 4 <= count; i += 4)
            UNROLL for (int k = 0; k < channels; k += 4) {
                const int first = k + 4 <= channels ? k : channels - 4;    /* some channels are written twice */
                transpose_square(y + i * channels + first, channels, &planes[first][i], PLANE_VECTORS * LANES);
            }
    for (; i < count; i++)
        UNROLL for (int k = 0; k < channels; k++) y[i * channels + k] = planes[k][i];
}

INLINE void planes_row(const planes_tile *tile, const int channels) {
    const int vectors = channels * PLANE_VECTORS <= VECTOR_REGISTERS - 4 - PLANE_VECTORS ? PLANE_VECTORS : 1;
    for (int64_t p = 0; p < tile->pixels; p += vectors * LANES)
        if (vectors == 1 || tile->pixels - p <= LANES) {
            planes_block(tile, p, channels, 1);
            if (vectors > 1) return;
        } else {
            planes_block(tile, p, channels, vectors);
        }
}

static void f32_planes(const planes_tile *tile) {
    switch (tile->channels) {
        case 1: planes_row(tile, 1); break;
        case 2: planes_row(tile, 2); break;
        case 3: planes_row(tile, 3); break;
        case 4: planes_row(tile, 4); break;
        case 5: planes_row(tile, 5); break;
        case 6: planes_row(tile, 6); break;
        case 7: planes_row(tile, 7); break;
        default: planes_row(tile, 8);
    }
}

/* The gradient of a kernel with few output channels: lanes hold neighbouring pixels, and registers hold pairs of a tap and
 * a channel.
 *
 *     sums[t, k, lane] += sum over r, p of x[r, offsets[t] + p] dy[r, k, p]    for the pixels p of a lane
 *
 * A last vector that the pixels of a row do not fill reads no further pixels: they may be infinite. */

/* Add the products of a vector of pixels; `left` pixels are left in the row. */
INLINE void planes_products(
    vec sums[][MOST_PLANE_CHANNELS], const float *x, const int64_t *offsets, const float *dy, int64_t dy_step,
    const int channels, const int taps, int64_t left) {
    vec pixels[MOST_PLANE_TAPS];
    UNROLL for (int i = 0; i < taps; i++) pixels[i] = v_read(x + offsets[i], left);
    UNROLL for (int k = 0; k < channels; k++) {
        const vec gradients = v_load(dy + k * dy_step);
        UNROLL for (int i = 0; i < taps; i++) sums[i][k] = v_fma(pixels[i], gradients, sums[i][k]);
    }
}

/* The numbers of taps and channels are constants, so that all sums are in registers. */
INLINE void planes_gradient_block(const planes_gradient_tile *tile, int64_t t, const int channels, const int taps) {
    vec sums[MOST_PLANE_TAPS][MOST_PLANE_CHANNELS];
    float *memory = tile->sums + t * channels * LANES;
    int64_t offsets[MOST_PLANE_TAPS];
    UNROLL for (int i = 0; i < taps; i++) offsets[i] = tile->offsets[t + i];
    UNROLL for (int i = 0; i < taps; i++)
        UNROLL for (int k = 0; k < channels; k++) sums[i][k] = v_load(memory + (i * channels + k) * LANES);
    const float *x = tile->x, *dy = tile->dy;
    const int64_t last = tile->pixels / LANES * LANES, left = tile->pixels - last;
    for (int64_t r = 0; r < tile->rows; r++, x += tile->x_row, dy += channels * tile->dy_row) {
        for (int64_t p = 0; p < last; p += LANES)
            planes_products(sums, x + p, offsets, dy + p, tile->dy_row, channels, taps, LANES);
        if (left > 0) planes_products(sums, x + last, offsets, dy + last, tile->dy_row, channels, taps, left);
    }
    UNROLL for (int i = 0; i < taps; i++)
        UNROLL for (int k = 0; k < channels; k++) v_store(memory + (i * channels + k) * LANES, sums[i][k]);
}

#define PLANES_CASE(taps) case taps: if (taps <= most) planes_gradient_block(tile, t, channels, taps); break;
INLINE void planes_gradient(const planes_gradient_tile *tile, const int channels) {
    const int fitting = (VECTOR_REGISTERS - 1) / (channels + 1);
    const int most = fitting < MOST_PLANE_TAPS ? fitting : MOST_PLANE_TAPS;
    for (int64_t t = 0; t < tile->taps; t += most)
        switch (tile->taps - t < most ? tile->taps - t : most) {
            PLANES_CASE(1) PLANES_CASE(2) PLANES_CASE(3) PLANES_CASE(4)
            PLANES_CASE(5) PLANES_CASE(6) PLANES_CASE(7) PLANES_CASE(8)
        }
}

static void f32_planes_gradient(const planes_gradient_tile *tile) {
    switch (tile->channels) {
        case 1: planes_gradient(tile, 1); break;
        case 2: planes_gradient(tile, 2); break;
        case 3: planes_gradient(tile, 3); break;
        case 4: planes_gradient(tile, 4); break;
        case 5: planes_gradient(tile, 5); break;
        case 6: planes_gradient(tile, 6); break;
        case 7: planes_gradient(tile, 7); break;
        default: planes_gradient(tile, 8);
    }
}
