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
