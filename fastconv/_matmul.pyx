# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Matrix products: correlations of a row of pixels with a single tap, unless a factor has few rows.

The caller (`backends/cpu/backend.py`) checks shapes, dtypes and contiguity.
"""
cimport numpy as cnp
from libc.stdint cimport int64_t

from fastconv._conv cimport Correlation, correlate
from fastconv._conv_gradient cimport KernelGradient, correlate_gradients
from fastconv._arrays cimport floats
from fastconv._geometry cimport DOTS, Image, ceil_div, even_parts, forward_axis, multiply, tile_vectors
from fastconv._core cimport (
    borrow_with_weights, gemm_tile, give_scratch_back, kernel_table, pack_and_run, run_tasks, task_phase, threads_for,
    tiles,
)

cnp.import_array()

cdef extern from "kernels.h":
    enum: LINEAR
    enum: DOT_COLUMNS

cdef extern from * nogil:
    void __builtin_prefetch(const void *p, int rw, int locality)


# ---- many rows: b packed into tiles ----------------------------------------------------------------------------------

cdef Image matrix_rows(cnp.ndarray a) except *:
    """Return an image with the rows of a matrix as pixels and its columns as channels."""
    cdef int64_t pixels = a.shape[0], channels = a.shape[1]
    return Image(
        floats(a, pixels * channels), 1,
        forward_axis(1, 1, 1, 1, 1, 0), forward_axis(1, 1, 1, 1, 1, 0), forward_axis(pixels, pixels, 1, 1, 1, 0),
        channels, 1, channels)


def matmul(
    cnp.ndarray a,    # IN  (M, K)
    cnp.ndarray b,    # IN  (K, N), or (N, K) to be transposed
    bias,             # IN  (N,) or None
    cnp.ndarray y,    # OUT (M, N)
    bint transpose_b, int activation, float alpha,
):
    """y = act(bias + a op(b))"""
    cdef Correlation c
    c.x = matrix_rows(a)
    c.w = floats(b, a.shape[1] * y.shape[1])
    c.kernel_rows = c.kernel_columns = 1
    c.co = y.shape[1]
    c.w_tap = c.w_group = 0
    c.w_ci = 1 if transpose_b else b.shape[1]
    c.w_co = b.shape[1] if transpose_b else 1
    c.bias = <float *> NULL if bias is None else floats(bias, y.shape[1])
    c.y, c.y_pixel = floats(y, a.shape[0] * y.shape[1]), y.shape[1]
    c.residual = 0
    c.activation, c.alpha = activation, alpha
    c.dots = False
    correlate(&c, 1)


def matmul_transposed(
    cnp.ndarray a,    # IN  (K, M)
    cnp.ndarray b,    # IN  (K, N)
    cnp.ndarray y,    # OUT (M, N)
):
    """y = a^T b"""
    cdef KernelGradient g
    if a.shape[0] <= SHALLOW_K:
        matmul_shallow(a, b, y)
        return
    g.x = matrix_rows(a)
    g.dy = floats(b, a.shape[0] * b.shape[1])
    g.co = b.shape[1]
    g.dw = floats(y, a.shape[1] * b.shape[1])
    correlate_gradients(&g)


# ---- few rows: b read once, in place ---------------------------------------------------------------------------------

cdef struct Product:
    # y = act(bias + a op(b)), of m rows, n columns and k products each
    const kernel_table *table
    const float *a
    const float *b
    const float *bias
    float *y
    int64_t m, n, k
    int64_t nc                             # columns of y in a task
    float *columns                         # b^T for dot products, if b is not transposed: scratch memory
    bint transpose_b
    int activation
    float alpha


cdef enum:
    MOST_ROWS = 64                         # of a
    STREAM_KC = 64                         # rows of b at a time
    IN_CACHE = 1 << 17                     # floats of b: so small a matrix is read from the cache of the core
    STREAM_NC = 2048                       # columns of b in a task: runs of 8 KB
    FEWEST_STREAM_NC = 256
    DOT_NC = 64                            # rows of b^T in a task
    TILE_COLUMNS = 64                      # of the widest tile
    CACHE_LINE = 16                        # floats


cdef Product product_of(
    cnp.ndarray a, cnp.ndarray b, bias, cnp.ndarray y, bint transpose_b, int activation, float alpha
) except *:
    cdef Product p
    p.table = tiles()
    p.m, p.k, p.n = a.shape[0], a.shape[1], y.shape[1]
    p.a = floats(a, p.m * p.k)
    p.b = floats(b, p.k * p.n)
    p.bias = <float *> NULL if bias is None else floats(bias, p.n)
    p.y = floats(y, p.m * p.n)
    p.transpose_b, p.activation, p.alpha = transpose_b, activation, alpha
    return p


cdef inline void list_matrix_rows(
    const Product *p, int64_t first, int64_t count, const float **rows, float **out
) noexcept nogil:
    """List the addresses at which some rows of a and y begin."""
    cdef int64_t r
    for r in range(count):
        rows[r] = p.a + (first + r) * p.k
        out[r] = p.y + (first + r) * p.n


cdef inline void fetch(const float *b, int64_t rows, int64_t step, int64_t columns) noexcept nogil:
    """Prefetch a block of b, since a processor does not detect rows far apart as a stream.

    Memory then delivers 1.5 times as much.
    """
    cdef int64_t r, line
    for r in range(rows):
        for line in range(ceil_div(columns, CACHE_LINE)):
            __builtin_prefetch(b + r * step + line * CACHE_LINE, 0, 2)


cdef inline int take_columns(
    const kernel_table *table, gemm_tile *tile, const float *b, int64_t rows, int64_t n, int64_t end, float *packed
) noexcept nogil:
    """Let the tile read its next columns of b in place, or `packed` if its last vector would reach beyond the array.

    b has `rows` rows of `n` columns, of which the tile may take the columns up to `end`. If they do not fill vectors,
    lanes that the tile does not store read the next row. Returns the number of vectors of columns.
    """
    cdef int vectors = tile_vectors(table, end - tile.column)
    tile.b_step = vectors * table.vector_floats
    tile.columns = min(tile.b_step, end - tile.column)
    tile.b = b + tile.column
    if (tile.depth - 1) * n + tile.column + tile.b_step <= rows * n:
        tile.b_step = n
    else:
        table.f32_pack_rows(packed, tile.b_step, tile.b, tile.depth, n, tile.columns)
        tile.b = packed
    return vectors


cdef void stream_columns(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Compute a block of columns of a b: a few rows of b at a time meet all rows of a."""
    cdef const Product *p = <const Product *> work
    cdef int64_t first = task * p.nc, end = min(first + p.nc, p.n), i, k
    cdef const float *rows[MOST_ROWS]
    cdef float *out[MOST_ROWS]
    cdef float packed[STREAM_KC * TILE_COLUMNS]
    cdef const float *b
    cdef gemm_tile tile
    cdef int vectors
    list_matrix_rows(p, 0, p.m, rows, out)
    tile.offsets = &k
    tile.starts = NULL
    tile.segments = 1
    tile.step = 1
    tile.alpha = p.alpha
    for i in range(ceil_div(p.k, STREAM_KC)):
        k = i * STREAM_KC
        b = p.b + k * p.n
        tile.depth = min(STREAM_KC, p.k - k)
        tile.accumulate = k > 0
        tile.activation = p.activation if k + tile.depth == p.k else LINEAR
        tile.column = first
        while tile.column < end:
            vectors = take_columns(p.table, &tile, b, p.k - k, p.n, end, packed)
            tile.bias = p.bias + tile.column if p.bias else <const float *> NULL
            multiply(p.table, &tile, rows, out, p.m, vectors)
            if p.k * p.n > IN_CACHE:
                fetch(b + STREAM_KC * p.n + tile.column, min(STREAM_KC, p.k - k - STREAM_KC), p.n, tile.columns)
            tile.column += tile.columns


cdef void multiply_dots(
    const Product *p, const float *columns, int64_t row, int64_t rows, int64_t first, int64_t end
) noexcept nogil:
    """Compute the columns first..end of some rows of y: a few of the `columns` of b at a time meet all these rows."""
    cdef const float *left[MOST_ROWS]
    cdef float *out[MOST_ROWS]
    cdef int64_t begin = 0, i
    cdef gemm_tile tile
    list_matrix_rows(p, row, rows, left, out)
    tile.offsets = tile.starts = &begin
    tile.segments = 1
    tile.depth = p.k
    tile.b_step = p.k
    tile.alpha = p.alpha
    tile.activation = p.activation
    for i in range(ceil_div(end - first, DOT_COLUMNS)):
        tile.column = first + i * DOT_COLUMNS
        tile.columns = min(DOT_COLUMNS, end - tile.column)
        tile.b = columns + tile.column * p.k
        tile.bias = p.bias + tile.column if p.bias else <const float *> NULL
        multiply(p.table, &tile, left, out, rows, DOTS)


cdef void dot_columns(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Compute a block of columns of a b^T, if a has few rows."""
    cdef const Product *p = <const Product *> work
    multiply_dots(p, p.b, 0, p.m, task * p.nc, min((task + 1) * p.nc, p.n))


cdef void dot_rows(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Compute a block of rows of y, if it has few columns."""
    cdef const Product *p = <const Product *> work
    cdef int64_t row = task * MOST_ROWS
    multiply_dots(p, p.b if p.transpose_b else p.columns, row, min(MOST_ROWS, p.m - row), 0, p.n)


cdef void transpose_columns(const void *work, int64_t column, char *scratch) noexcept nogil:
    """Copy a column of b, so that its elements are neighbours."""
    cdef const Product *p = <const Product *> work
    cdef int64_t i
    for i in range(p.k):
        p.columns[column * p.k + i] = p.b[i * p.n + column]


def matmul_stream(
    cnp.ndarray a,    # IN  (M, K), few rows
    cnp.ndarray b,    # IN  (K, N), or (N, K) to be transposed
    bias,             # IN  (N,) or None
    cnp.ndarray y,    # OUT (M, N)
    bint transpose_b, int activation, float alpha,
):
    """y = act(bias + a op(b)), reading b once, in place"""
    cdef Product p = product_of(a, b, bias, y, transpose_b, activation, alpha)
    if p.m > MOST_ROWS:
        raise ValueError(f"A stream has at most {MOST_ROWS} rows. Received: {p.m}.")
    cdef int64_t most = DOT_NC if transpose_b else min(max(p.n // 2, FEWEST_STREAM_NC), STREAM_NC)
    cdef int threads = threads_for(<double> p.m * p.k * p.n)
    most = min(most, max(ceil_div(p.n, threads), TILE_COLUMNS))
    p.nc = ceil_div(even_parts(p.n, most), 16) * 16
    with nogil:
        run_tasks(
            dot_columns if transpose_b else stream_columns, &p, sizeof(Product), ceil_div(p.n, p.nc), threads, NULL, 0)


def matmul_dots(
    cnp.ndarray a,    # IN  (M, K)
    cnp.ndarray b,    # IN  (K, N), few columns, or (N, K) to be transposed
    bias,             # IN  (N,) or None
    cnp.ndarray y,    # OUT (M, N)
    bint transpose_b, int activation, float alpha,
):
    """y = act(bias + a op(b)), reading a once, in place"""
    cdef Product p = product_of(a, b, bias, y, transpose_b, activation, alpha)
    cdef int64_t copied = 0 if transpose_b else p.n
    cdef task_phase[2] phases = [task_phase(transpose_columns, copied), task_phase(dot_rows, ceil_div(p.m, MOST_ROWS))]
    cdef int threads = threads_for(<double> p.m * p.k * p.n)
    cdef char *scratch = <char *> borrow_with_weights(0, 0, 0, copied * p.k * sizeof(float), <void **> &p.columns)
    with nogil:
        pack_and_run(phases, 2, &p, sizeof(Product), threads, scratch, 0)
    give_scratch_back(scratch)


# ---- sums of few products: y written in long runs --------------------------------------------------------------------

cdef struct Shallow:
    # y = a^T b, of m rows, n columns and few products k each
    const kernel_table *table
    const float *a
    const float *b
    float *y
    int64_t m, n, k


cdef enum:
    SHALLOW_K = 16                         # if there are more, packing b once for all rows pays
    SHALLOW_MR = 12                        # rows of y side by side: one or two tiles
    SHALLOW_MC = 4 * SHALLOW_MR            # rows of y in a task


cdef void multiply_shallow(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Compute a block of rows of y, a few side by side. Runs as long as rows do not slow down stores."""
    cdef const Shallow *s = <const Shallow *> work
    cdef int64_t first = task * SHALLOW_MC, count = min(SHALLOW_MC, s.m - first), offset = 0, part, r
    cdef const float *rows[SHALLOW_MC]
    cdef float *out[SHALLOW_MC]
    cdef float packed[SHALLOW_K * TILE_COLUMNS]
    cdef int vectors
    cdef gemm_tile tile
    for r in range(count):
        rows[r] = s.a + first + r
        out[r] = s.y + (first + r) * s.n
    tile.offsets = &offset
    tile.starts = NULL
    tile.segments = 1
    tile.depth = s.k
    tile.step = s.m
    tile.accumulate = False
    tile.bias = NULL
    tile.activation = LINEAR
    for part in range(ceil_div(count, SHALLOW_MR)):
        r = part * SHALLOW_MR
        tile.column = 0
        while tile.column < s.n:
            vectors = take_columns(s.table, &tile, s.b, s.k, s.n, s.n, packed)
            multiply(s.table, &tile, rows + r, out + r, min(SHALLOW_MR, count - r), vectors)
            tile.column += tile.columns


cdef void matmul_shallow(cnp.ndarray a, cnp.ndarray b, cnp.ndarray y) except *:
    """y = a^T b"""
    cdef Shallow s
    s.table = tiles()
    s.k, s.m, s.n = a.shape[0], a.shape[1], b.shape[1]
    s.a, s.b, s.y = floats(a, s.k * s.m), floats(b, s.k * s.n), floats(y, s.m * s.n)
    cdef int threads = threads_for(<double> s.k * s.m * s.n)
    with nogil:
        run_tasks(multiply_shallow, &s, sizeof(Shallow), ceil_div(s.m, SHALLOW_MC), threads, NULL, 0)
