# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Matrix products: correlations of a row of pixels with a single tap, unless a factor has few rows.

The caller (`backends/cpu/backend.py`) checks shapes, dtypes and contiguity.
"""
cimport numpy as cnp
from cython.parallel cimport parallel, prange
from libc.stdint cimport int64_t

from fastconv._conv cimport Correlation, correlate
from fastconv._conv_gradient cimport KernelGradient, correlate_gradients
from fastconv._geometry cimport DOTS, Image, ceil_div, even_parts, floats, forward_axis, multiply, tile_vectors
from fastconv._core cimport flush_denormals, gemm_tile, kernel_table, restore_denormals, threads_for, tiles

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
    c.width = y.shape[1]
    c.w_tap = c.w_group = 0
    c.w_row = 1 if transpose_b else b.shape[1]
    c.w_column = b.shape[1] if transpose_b else 1
    c.bias = <float *> NULL if bias is None else floats(bias, y.shape[1])
    c.y = floats(y, a.shape[0] * y.shape[1])
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
    if a.shape[0] <= SHALLOW_DEPTH:
        matmul_shallow(a, b, y)
        return
    g.x = matrix_rows(a)
    g.dy = floats(b, a.shape[0] * b.shape[1])
    g.width = b.shape[1]
    g.dw = floats(y, a.shape[1] * b.shape[1])
    correlate_gradients(&g)


# ---- few rows: b read once, in place ---------------------------------------------------------------------------------

cdef struct Stream:
    # y = act(bias + a op(b))
    const kernel_table *table
    const float *a
    const float *b
    const float *bias
    float *y
    int64_t rows, depth, columns           # M, K, N
    bint transpose_b
    int activation
    float alpha


cdef enum:
    STREAM_ROWS = 64                       # of a, at most
    STREAM_DEPTH = 32                      # rows of b at a time
    STREAM_COLUMNS = 2048                  # of b in a task: runs of 8 KB
    FEWEST_STREAM_COLUMNS = 256
    DOT_TASK = 64                          # rows of b in a task
    TILE_COLUMNS = 64                      # of the widest tile
    CACHE_LINE = 16                        # floats


cdef Stream stream_of(
    cnp.ndarray a, cnp.ndarray b, bias, cnp.ndarray y, bint transpose_b, int activation, float alpha
) except *:
    cdef Stream s
    s.table = tiles()
    s.rows, s.depth, s.columns = a.shape[0], a.shape[1], y.shape[1]
    s.a = floats(a, s.rows * s.depth)
    s.b = floats(b, s.depth * s.columns)
    s.bias = <float *> NULL if bias is None else floats(bias, s.columns)
    s.y = floats(y, s.rows * s.columns)
    s.transpose_b, s.activation, s.alpha = transpose_b, activation, alpha
    return s


cdef void list_matrix_rows(const Stream *s, const float **rows, float **out) noexcept nogil:
    """List the addresses at which the rows of a and y begin."""
    cdef int64_t r
    for r in range(s.rows):
        rows[r] = s.a + r * s.depth
        out[r] = s.y + r * s.columns


cdef inline void fetch(const float *b, int64_t rows, int64_t step, int64_t columns) noexcept nogil:
    """Prefetch a block of b, since a processor does not detect rows far apart as a stream.

    Memory then delivers 1.5 times as much.
    """
    cdef int64_t r, line
    for r in range(rows):
        for line in range(ceil_div(columns, CACHE_LINE)):
            __builtin_prefetch(b + r * step + line * CACHE_LINE, 0, 2)


cdef void stream_rows(const Stream *s, int64_t first, int64_t end) noexcept nogil:
    """Compute the columns first..end of a b: a few rows of b at a time meet all rows of a."""
    cdef const float *rows[STREAM_ROWS]
    cdef float *out[STREAM_ROWS]
    cdef float packed[STREAM_DEPTH * TILE_COLUMNS]
    cdef const float *b
    cdef gemm_tile tile
    cdef int64_t i, k
    cdef int vectors
    list_matrix_rows(s, rows, out)
    tile.offsets = &k
    tile.starts = NULL
    tile.segments = 1
    tile.step = 1
    tile.alpha = s.alpha
    for i in range(ceil_div(s.depth, STREAM_DEPTH)):
        k = i * STREAM_DEPTH
        tile.depth = min(STREAM_DEPTH, s.depth - k)
        tile.accumulate = k > 0
        tile.activation = s.activation if k + tile.depth == s.depth else LINEAR
        tile.column = first
        while tile.column < end:
            vectors = tile_vectors(s.table, end - tile.column)
            tile.b_step = vectors * s.table.vector_floats
            tile.columns = min(tile.b_step, end - tile.column)
            tile.bias = s.bias + tile.column if s.bias else <const float *> NULL
            b = s.b + k * s.columns + tile.column
            if tile.columns == tile.b_step:
                tile.b = b
                tile.b_step = s.columns
            else:
                s.table.f32_pack_rows(packed, tile.b_step, b, tile.depth, s.columns, tile.columns)
                tile.b = packed
            multiply(s.table, &tile, rows, out, s.rows, vectors)
            fetch(b + STREAM_DEPTH * s.columns, min(STREAM_DEPTH, s.depth - k - STREAM_DEPTH), s.columns, tile.columns)
            tile.column += tile.columns


cdef void dot_rows(const Stream *s, int64_t first, int64_t end) noexcept nogil:
    """Compute the rows first..end of a b^T, if b has few rows."""
    cdef Stream part = s[0]
    part.a += first * s.depth
    part.y += first * s.columns
    part.rows = end - first
    stream_dots(&part, 0, s.columns)


cdef void stream_dots(const Stream *s, int64_t first, int64_t end) noexcept nogil:
    """Compute the columns first..end of a b^T: a few rows of b at a time meet all rows of a."""
    cdef const float *rows[STREAM_ROWS]
    cdef float *out[STREAM_ROWS]
    cdef int64_t begin = 0, i
    cdef gemm_tile tile
    list_matrix_rows(s, rows, out)
    tile.offsets = tile.starts = &begin
    tile.segments = 1
    tile.depth = s.depth
    tile.b_step = s.depth
    tile.alpha = s.alpha
    tile.activation = s.activation
    for i in range(ceil_div(end - first, DOT_COLUMNS)):
        tile.column = first + i * DOT_COLUMNS
        tile.columns = min(DOT_COLUMNS, end - tile.column)
        tile.b = s.b + tile.column * s.depth
        tile.bias = s.bias + tile.column if s.bias else <const float *> NULL
        multiply(s.table, &tile, rows, out, s.rows, DOTS)


def matmul_stream(
    cnp.ndarray a,    # IN  (M, K), few rows
    cnp.ndarray b,    # IN  (K, N), or (N, K) to be transposed
    bias,             # IN  (N,) or None
    cnp.ndarray y,    # OUT (M, N)
    bint transpose_b, int activation, float alpha,
):
    """y = act(bias + a op(b)), reading b once, in place"""
    cdef Stream s = stream_of(a, b, bias, y, transpose_b, activation, alpha)
    if s.rows > STREAM_ROWS:
        raise ValueError(f"A stream has at most {STREAM_ROWS} rows. Received: {s.rows}.")
    cdef int64_t most = min(max(s.columns // 2, FEWEST_STREAM_COLUMNS), STREAM_COLUMNS)
    cdef int64_t width = ceil_div(even_parts(s.columns, DOT_TASK if transpose_b else most), 16) * 16, task
    cdef int threads = threads_for(<double> s.rows * s.depth * s.columns)
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads):
        state = flush_denormals()
        for task in prange(ceil_div(s.columns, width), schedule="dynamic"):
            if s.transpose_b:
                stream_dots(&s, task * width, min((task + 1) * width, s.columns))
            else:
                stream_rows(&s, task * width, min((task + 1) * width, s.columns))
        restore_denormals(state)


def matmul_dots(
    cnp.ndarray a,    # IN  (M, K)
    cnp.ndarray b,    # IN  (K, N), few columns, or (N, K) to be transposed
    bias,             # IN  (N,) or None
    cnp.ndarray y,    # OUT (M, N)
    bint transpose_b, int activation, float alpha,
):
    """y = act(bias + a op(b)), reading a once, in place"""
    cdef cnp.ndarray columns = b if transpose_b else b.T.copy()
    cdef Stream s = stream_of(a, columns, bias, y, True, activation, alpha)
    cdef int threads = threads_for(<double> s.rows * s.depth * s.columns)
    cdef unsigned state = 0
    cdef int64_t task
    with nogil, parallel(num_threads=threads):
        state = flush_denormals()
        for task in prange(ceil_div(s.rows, STREAM_ROWS), schedule="dynamic"):
            dot_rows(&s, task * STREAM_ROWS, min((task + 1) * STREAM_ROWS, s.rows))
        restore_denormals(state)


# ---- sums of few products: y written in long runs --------------------------------------------------------------------

cdef struct Shallow:
    # y = a^T b, for a and b of few rows
    const kernel_table *table
    const float *a
    const float *b
    float *y
    int64_t depth, rows, columns           # K, M, N


cdef enum:
    SHALLOW_DEPTH = 16                     # if there are more, packing b once for all rows pays
    SHALLOW_HEIGHT = 12                    # rows of y side by side: one or two tiles
    SHALLOW_TASK = 4 * SHALLOW_HEIGHT      # rows of y in a task


cdef void multiply_shallow(const Shallow *s, int64_t first, int64_t end) noexcept nogil:
    """Compute the rows first..end of y, a few side by side. Runs as long as rows do not slow down stores."""
    cdef const float *rows[SHALLOW_TASK]
    cdef float *out[SHALLOW_TASK]
    cdef float packed[SHALLOW_DEPTH * TILE_COLUMNS]
    cdef int64_t offset = 0, part, r
    cdef int vectors
    cdef gemm_tile tile
    for r in range(first, end):
        rows[r - first] = s.a + r
        out[r - first] = s.y + r * s.columns
    tile.offsets = &offset
    tile.starts = NULL
    tile.segments = 1
    tile.depth = s.depth
    tile.step = s.rows
    tile.accumulate = False
    tile.bias = NULL
    tile.activation = LINEAR
    for part in range(ceil_div(end - first, SHALLOW_HEIGHT)):
        r = part * SHALLOW_HEIGHT
        tile.column = 0
        while tile.column < s.columns:
            vectors = tile_vectors(s.table, s.columns - tile.column)
            tile.b_step = vectors * s.table.vector_floats
            tile.columns = min(tile.b_step, s.columns - tile.column)
            tile.b = s.b + tile.column
            if tile.columns == tile.b_step:
                tile.b_step = s.columns
            else:
                s.table.f32_pack_rows(packed, tile.b_step, tile.b, s.depth, s.columns, tile.columns)
                tile.b = packed
            multiply(s.table, &tile, rows + r, out + r, min(SHALLOW_HEIGHT, end - first - r), vectors)
            tile.column += tile.columns


cdef void matmul_shallow(cnp.ndarray a, cnp.ndarray b, cnp.ndarray y) except *:
    """y = a^T b"""
    cdef Shallow s
    s.table = tiles()
    s.depth, s.rows, s.columns = a.shape[0], a.shape[1], b.shape[1]
    s.a, s.b, s.y = floats(a, s.depth * s.rows), floats(b, s.depth * s.columns), floats(y, s.rows * s.columns)
    cdef int threads = threads_for(<double> s.depth * s.rows * s.columns)
    cdef unsigned state = 0
    cdef int64_t task
    with nogil, parallel(num_threads=threads):
        state = flush_denormals()
        for task in prange(ceil_div(s.rows, SHALLOW_TASK), schedule="dynamic"):
            multiply_shallow(&s, task * SHALLOW_TASK, min((task + 1) * SHALLOW_TASK, s.rows))
        restore_denormals(state)
