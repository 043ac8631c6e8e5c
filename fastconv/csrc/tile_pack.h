/* Copies one panel of columns of a matrix, transposed or not, into the dense rows that gemm tiles read. */

static void f32_pack_rows(float *to, int64_t width, const float *from, int64_t rows, int64_t step, int64_t columns) {
    for (int64_t k = 0; k < rows; k++, from += step, to += width)
        for (int64_t c = 0; c < width; c += LANES)
            v_store(to + c, columns > c ? v_read(from + c, columns - c) : v_set(0));
}

/* Column c is contiguous at from + c * step. Squares of LANES x LANES keep both sides in the first-level cache. */
static void f32_pack_columns(float *to, int64_t width, const float *from, int64_t rows, int64_t step, int64_t columns) {
    for (int64_t k = 0; k < rows; k += LANES) {
        const int64_t deep = rows - k < LANES ? rows - k : LANES;
        for (int64_t c = 0; c < columns; c++)
            for (int64_t i = 0; i < deep; i++) to[(k + i) * width + c] = from[c * step + k + i];
        for (int64_t c = columns; c < width; c++)
            for (int64_t i = 0; i < deep; i++) to[(k + i) * width + c] = 0;
    }
}
