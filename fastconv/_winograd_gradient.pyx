# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""The gradient of a convolution with respect to its kernel by Winograd's F(4 x 4, 3 x 3): 36 small matrix products.

At each frequency, the gradient is a product of (CI, tiles) with (tiles, CO). `_winograd.pyx` describes tiles and pieces
of the kernel. The caller (`backends/cpu/backend.py`) has checked shapes, dtypes and contiguity.
"""
cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.string cimport memset

from fastconv._conv_gradient cimport add_partials
from fastconv._core cimport (
    borrow_parts,
    gemm_tile,
    give_scratch_back,
    kernel_table,
    run_phases,
    task_phase,
    threads_for,
    tiles,
)
from fastconv._arrays cimport floats
from fastconv._geometry cimport TASKS, ceil_div, even_parts, multiply, tile_vectors
from fastconv._shares cimport Share, Side, Work, share_out
from fastconv._winograd cimport (
    FREQUENCIES,
    Piece,
    TiledImage,
    first_tap,
    groups_of,
    list_pixels,
    output_pixel,
    piece_of,
    taps_of,
    tiled_image,
)

from fastconv._geometry import fill_bias

cnp.import_array()

cdef extern from "kernels.h":
    enum: LINEAR

cdef enum:
    GRADIENT_SLICE = 128                   # rows and columns of a task
    GRADIENT_BUNDLE = 32                   # channels of small groups that are transformed together
    GRADIENT_TILES = 64                    # of a block: 64 multiply-adds for each sum that is read and written
    MOST_PARTIAL_FLOATS = 1 << 20          # in all partial sums

# Transforming a row or a column of a tile takes as long as multiplying it by GRADIENT_COLUMNS columns or rows.
cdef double GRADIENT_COLUMNS = 6.0


cdef struct KernelGradient:
    # dw = G^T m G, m[f] = sum over tiles of (B^T x B)[f]^T (A dy A^T)[f]
    const kernel_table *table
    TiledImage x
    const float *dy
    int64_t co                             # output channels of a group
    float *dw
    # A task sums a chunk of the blocks of tiles, for a slice of the rows of a piece times a slice of the columns of a
    # group, or for a bundle of small groups
    int64_t block, blocks
    int64_t chunk, chunks                  # blocks of tiles in a chunk
    int64_t rows, row_slices, columns, column_slices
    int64_t bundle, bundles
    float *partials                        # dw of all chunks except the first
    int64_t v_row, e_row                   # floats between tiles of v and e
    int64_t v_step, e_step, m_step         # floats between frequencies of v, e and m
    int64_t zero_floats, dw_floats, scratch_bytes


cdef void share_gradient(KernelGradient *g, int threads) noexcept nogil:
    """Cut rows and columns again if threads would wait for each other."""
    cdef int64_t lanes = g.table.vector_floats, height = ceil_div(g.x.ci, lanes), width = ceil_div(g.co, lanes)
    cdef Side rows = Side(height, ceil_div(g.rows, lanes), GRADIENT_COLUMNS / lanes)
    cdef Side columns = Side(width, g.columns // lanes, GRADIENT_COLUMNS / lanes)
    cdef Work work = Work(threads, g.x.pieces * g.bundles * g.chunks, rows, columns)
    cdef Share share = share_out(&work, rows.most, columns.most)
    if share.rows < rows.most:
        g.rows = share.rows * lanes
        g.row_slices = ceil_div(g.x.ci, g.rows)
    g.columns = share.columns * lanes
    g.column_slices = ceil_div(g.co, g.columns)


cdef void cut_kernel_gradient(KernelGradient *g, int threads) noexcept nogil:
    cdef int64_t lanes = g.table.vector_floats, parts
    g.rows = even_parts(g.x.ci, GRADIENT_SLICE)
    g.row_slices = ceil_div(g.x.ci, g.rows)
    g.columns = ceil_div(even_parts(g.co, GRADIENT_SLICE), lanes) * lanes
    g.column_slices = ceil_div(g.co, g.columns)
    g.bundle = min(max(GRADIENT_BUNDLE // max(g.x.ci, g.co), 1), g.x.groups)
    g.bundles = ceil_div(g.x.groups, g.bundle)
    g.block = even_parts(g.x.tiles, GRADIENT_TILES)
    g.blocks = ceil_div(g.x.tiles, g.block)
    g.dw_floats = taps_of(&g.x) * g.x.channels * g.co
    # If dw is too small to be shared among tasks, a fixed number of partial sums over the tiles are added in order.
    parts = min(
        TASKS // (g.x.pieces * g.bundles * g.row_slices * g.column_slices), MOST_PARTIAL_FLOATS // g.dw_floats)
    g.chunk = even_parts(g.blocks, ceil_div(g.blocks, max(parts, 1)))
    g.chunks = ceil_div(g.blocks, g.chunk)
    if threads > 1 and g.bundle == 1:
        share_gradient(g, threads)
    g.v_row = g.bundle * g.rows
    g.e_row = ceil_div(g.bundle * min(g.columns, g.co), lanes) * lanes
    # Add a cache line: at a distance of a power of two, frequencies would share a set of the cache.
    g.v_step = g.block * g.v_row + 16
    g.e_step = g.block * g.e_row + 16
    g.m_step = g.v_row * g.columns + 16
    g.zero_floats = ceil_div(max(g.x.channels, g.x.groups * g.co), 16) * 16
    g.scratch_bytes = (
        sizeof(float) * (g.zero_floats + FREQUENCIES * (g.v_step + g.e_step + g.m_step))
        + 2 * sizeof(void *) * g.v_row + 63
    ) // 64 * 64


cdef struct Part:
    # The part of dw that a task sums: some rows and columns of some groups of a piece of the kernel
    int64_t piece, group, groups, row, rows, column, columns


cdef Part part_of(const KernelGradient *g, int64_t task) noexcept nogil:
    cdef Part part
    part.column = task % g.column_slices * g.columns
    part.columns = min(g.columns, g.co - part.column)
    task //= g.column_slices
    part.row = task % g.row_slices * g.rows
    part.rows = min(g.rows, g.x.ci - part.row)
    task //= g.row_slices
    part.group = task % g.bundles * g.bundle
    part.groups = min(g.bundle, g.x.groups - part.group)
    part.piece = task // g.bundles % g.x.pieces
    return part


cdef void sum_chunk(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Sum a part of dw over a chunk of the tiles."""
    cdef const KernelGradient *g = <const KernelGradient *> work
    cdef Part part = part_of(g, task)
    cdef int64_t chunk = task // (g.column_slices * g.row_slices * g.bundles * g.x.pieces), block, i
    cdef float *zeros = <float *> scratch
    cdef float *m = zeros + g.zero_floats
    cdef float *v = m + FREQUENCIES * g.m_step
    cdef float *e = v + FREQUENCIES * g.v_step
    cdef const float **left = <const float **> (e + FREQUENCIES * g.e_step)
    cdef float **out = <float **> (left + g.v_row)
    memset(zeros, 0, g.zero_floats * sizeof(float))
    for i in range(g.v_row):
        left[i] = v + i
        out[i] = m + i * g.columns
    for block in range(chunk * g.chunk, min((chunk + 1) * g.chunk, g.blocks)):
        transform_block(g, &part, block, zeros, v, e)
        multiply_block(
            g, &part, min(g.block, g.x.tiles - block * g.block), block > chunk * g.chunk, left, e, out)
    write_taps(g, &part, m, g.dw if chunk == 0 else g.partials + (chunk - 1) * g.dw_floats)


cdef void write_taps(const KernelGradient *g, const Part *part, const float *m, float *dw) noexcept nogil:
    """Write a part of dw from its sums at all frequencies."""
    cdef int64_t row_floats = g.x.groups * g.co, tap_floats = g.x.ci * row_floats, i, k
    cdef Piece piece = piece_of(&g.x, part.piece)
    dw += first_tap(&g.x, &piece) * tap_floats + part.row * row_floats + part.group * g.co + part.column
    for i in range(part.groups):
        for k in range(part.rows):
            g.table.f32_winograd_taps(
                dw + k * row_floats + i * g.co, g.x.h.taps * tap_floats, tap_floats, piece.rows, piece.columns,
                m + (i * part.rows + k) * g.columns, g.m_step, part.columns)


cdef void transform_block(
    const KernelGradient *g, const Part *part, int64_t block, const float *zeros, float *v, float *e
) noexcept nogil:
    """Transform the tiles of a block for a part of dw: x to v, dy to e."""
    cdef int64_t first = block * g.block, column = part.group * g.co + part.column, i
    cdef const float *pixels[FREQUENCIES]
    cdef TiledImage x = g.x
    x.data += part.group * x.ci + part.row
    for i in range(min(g.block, g.x.tiles - first)):
        list_pixels(&x, first + i, part.piece, zeros, pixels)
        g.table.f32_winograd_input(v + i * g.v_row, g.v_step, pixels, part.groups * part.rows)
        list_gradients(g, first + i, column, zeros, pixels)
        g.table.f32_winograd_gradient(e + i * g.e_row, g.e_step, pixels, part.groups * part.columns)


cdef inline void list_gradients(
    const KernelGradient *g, int64_t i, int64_t column, const float *zeros, const float **pixels
) noexcept nogil:
    """List the 4 x 4 pixels of dy in tile i, from channel `column` on."""
    cdef int64_t rows = 0, columns = 0, first = output_pixel(&g.x, i, &rows, &columns), r, c
    for r in range(4):
        for c in range(4):
            pixels[4 * r + c] = zeros
            if r < rows and c < columns:
                pixels[4 * r + c] = g.dy + column + (
                    first + r * g.x.v.step * g.x.h.outputs + c * g.x.h.step) * g.x.groups * g.co


cdef void multiply_block(
    const KernelGradient *g, const Part *part, int64_t count, bint accumulate, const float **left, const float *e,
    float **out
) noexcept nogil:
    """m := v^T e, added to m if `accumulate`, at every frequency and for each group; v and e have `count` tiles."""
    cdef int64_t offset, i, column
    cdef int f, vectors
    cdef gemm_tile tile
    tile.offsets = &offset
    tile.starts = NULL
    tile.segments = 1
    tile.depth = count
    tile.step = g.v_row
    tile.b_step = g.e_row
    tile.accumulate = accumulate
    tile.bias = NULL
    tile.activation = LINEAR
    for f in range(FREQUENCIES):
        offset = f * g.v_step
        for i in range(part.groups):
            column = 0
            while column < part.columns:
                vectors = tile_vectors(g.table, part.columns - column)
                tile.b = e + f * g.e_step + i * part.columns + column
                tile.column = f * g.m_step + column
                tile.columns = vectors * g.table.vector_floats
                multiply(g.table, &tile, left + i * part.rows, out + i * part.rows, part.rows, vectors)
                column += tile.columns


cdef void add_chunks(const void *work, int64_t part, char *scratch) noexcept nogil:
    """Add a part of the partial sums to dw."""
    cdef const KernelGradient *g = <const KernelGradient *> work
    add_partials(g.dw, g.partials, g.chunks - 1, g.dw_floats, part)


def conv_backward_kernel(
    convolution,      # IN  a Convolution of strides 1
    cnp.ndarray x,    # IN  (N, .., groups * CI), with two or three spatial axes
    cnp.ndarray dy,   # IN  (N, .., CO)
    cnp.ndarray dw,   # OUT (.., CI, CO)
):
    """dw[tap] = x shifted by the tap, transposed, times dy: the adjoint of `conv` for a given x"""
    cdef KernelGradient g
    if cnp.PyArray_SIZE(dy) == 0:
        fill_bias(dw, None, LINEAR, 0)
        return
    g.table = tiles()
    g.x = tiled_image(
        x, dy, dw, [before for before, _ in convolution.padding], convolution.dilation, groups_of(x, dw), 4)
    g.dy = floats(dy, cnp.PyArray_SIZE(dy))
    g.co = dy.shape[dy.ndim - 1] // g.x.groups
    cdef int threads = threads_for(<double> FREQUENCIES * g.x.pieces * g.x.channels * g.co * g.x.tiles)
    cut_kernel_gradient(&g, threads)
    g.dw = floats(dw, g.dw_floats)
    cdef int64_t tasks = g.chunks * g.x.pieces * g.bundles * g.row_slices * g.column_slices
    cdef task_phase[2] phases = [task_phase(sum_chunk, tasks), task_phase(add_chunks, TASKS)]
    cdef char *scratch = <char *> borrow_parts(
        threads, g.scratch_bytes, sizeof(float) * (g.chunks - 1) * g.dw_floats)
    g.partials = <float *> (scratch + threads * g.scratch_bytes)
    with nogil:
        run_phases(phases, 2 if g.chunks > 1 else 1, &g, sizeof(KernelGradient), threads, scratch, g.scratch_bytes)
    give_scratch_back(scratch)
