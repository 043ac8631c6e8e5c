/* Copies one panel of columns of a matrix, transposed or not, into the dense rows that gemm tiles read. */

/* Rows far apart are no stream to a processor: they are asked for so many rows ahead. */
enum { PACK_AHEAD = 16 };

static void f32_pack_rows(float *to, int64_t width, const float *from, int64_t rows, int64_t step, int64_t columns) {
    for (int64_t k = 0; k < rows; k++, from += step, to += width)
        for (int64_t c = 0; c < width; c += LANES) {
            __builtin_prefetch(from + PACK_AHEAD * step + c);
            v_store(to + c, columns > c ? v_read(from + c, columns - c) : v_set(0));
        }
}

/* to[k][c] = from[c][k] for a square of 4 x 4. */
INLINE void transpose_square(float *to, int64_t to_step, const float *from, int64_t step) {
    const quad a = *(const quad *)from, b = *(const quad *)(from + step);
    const quad c = *(const quad *)(from + 2 * step), d = *(const quad *)(from + 3 * step);
    const quad ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const quad cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(quad *)to = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
    *(quad *)(to + to_step) = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
    *(quad *)(to + 2 * to_step) = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
    *(quad *)(to + 3 * to_step) = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

/* Sixteen rows at a time: the columns lie far apart, often in one set of the cache, and each line of them is read just once. */
static void f32_pack_columns(float *to, int64_t width, const float *from, int64_t rows, int64_t step, int64_t columns) {
    for (int64_t k = 0; k < rows; k += 16)
        for (int64_t c = 0; c < width; c += 4) {
            const int64_t end = rows - k < 16 ? rows : k + 16;
            int64_t i = k;
            for (int64_t j = c; j < c + 4; j++) __builtin_prefetch(from + j * step + k + 16);
            if (c + 4 <= columns)
                for (; i < end && end - k >= 4; i += 4) {
                    if (i + 4 > end) i = end - 4;    /* some columns are written twice */
                    transpose_square(to + i * width + c, width, from + c * step + i, step);
                }
            for (; i < end; i++)
                for (int64_t j = c; j < c + 4; j++) to[i * width + j] = j < columns ? from[j * step + i] : 0;
        }
}
