# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Winograd's F(4 x 4, 3 x 3): convolutions of stride 1 by 36 small matrix products; F(2 x 2, 3 x 3) by 16.

Tiles of 4 x 4 output pixels become 36 frequencies. At each frequency a convolution is a product of (tiles, CI) with
(CI, CO). A block of tiles goes through transform, products and inverse while it lies in the cache.
`csrc/tile_winograd.h` holds the transforms. They treat all channels alike; only the products depend on groups.

Larger kernels are cut into pieces of 3 x 3 taps, kernels of volumes also into planes. The pixels that a tile reads for
each piece are additional channels. If the kernel is dilated, so are the pixels of a tile. The caller
(`backends/cpu/backend.py`) has checked shapes, dtypes and contiguity.
"""
cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.string cimport memset

from fastconv._arrays cimport float_rows
from fastconv._arrays cimport floats
from fastconv._geometry cimport (
    TASKS, ceil_div, even_parts, fetch_meanwhile, multiply, multiply_and_fetch, residual_of, tile_vectors,
    widest,
)
from fastconv._shares cimport Share, Side, Work, share_out
from fastconv._core cimport (
    borrow_with_weights,
    gemm_tile,
    give_scratch_back,
    keeps_weights,
    kernel_table,
    pack_and_run,
    run_phases,
    task_phase,
    threads_for,
    tiles,
    winograd_tile,
)

cnp.import_array()

cdef extern from "kernels.h":
    enum: LINEAR

cdef enum:
    TAPS = 9
    # Cuts of the summed axes depend only on shapes, so that results are bit-equal for any number of threads.
    BLOCK_FLOATS = 160 * 1024              # working set of a block of tiles: a good half of a second-level cache
    FEWEST_TILES = 24                      # of a block: fewer tiles reread the kernel too often
    MOST_TILES = 96
    MOST_TILES_ALONE = 50                  # if each block transforms the kernel for itself: its sums fill the cache
    FEWEST_ROWS = 32                       # of the kernel at a time: fewer rows reread the sums too often
    MOST_ROWS = 64
    LEAST_RATIO = 64                       # of weights to inputs and outputs of a tile, by frequencies
    SMALL_BYTES = 3 << 19                  # of transformed inputs and products: most lie in a second-level cache
    MOST_FREQUENCY_BYTES = 16 << 20        # of a block by frequencies: half of a third-level cache
    PART_CHANNELS = 128                    # of a tile that a task transforms by frequencies
    BUNDLE_CHANNELS = 64                   # of small groups whose tiles are transformed together
    FEWEST_SHARED_ROWS = 8                 # of a kernel that tasks share, transformed by a task

# Reading a column of a kernel that tasks share takes as long as multiplying it by SHARED_TILES tiles, and transforming
# it as long as by TRANSFORMED_TILES. Transforming the inputs of a tile takes as long as multiplying it by INPUT_COLUMNS
# columns, and reading transformed inputs as long as by READ_COLUMNS.
cdef double SHARED_TILES = 3.0, TRANSFORMED_TILES = 8.0
cdef double INPUT_COLUMNS = 8.0, READ_COLUMNS = 2.0


# ---- tiles -----------------------------------------------------------------------------------------------------------

cdef TiledAxis tiled_axis(
    int64_t inputs, int64_t outputs, int64_t taps, int64_t before, int64_t step, int64_t side
) noexcept nogil:
    return TiledAxis(inputs, outputs, taps, before, step, side, step * ceil_div(ceil_div(outputs, step), side))


cdef TiledImage tiled_image(
    cnp.ndarray x, cnp.ndarray y, cnp.ndarray w, before, steps, int64_t groups, int64_t side
) except *:
    """Return the geometry of the correlation of x (N, .., C) with the taps of w to y; a missing axis has size 1."""
    cdef int64_t rank = x.ndim - 2
    cdef TiledImage a
    a.data = floats(x, cnp.PyArray_SIZE(x))
    a.images, a.channels = x.shape[0], x.shape[rank + 1]
    a.groups, a.ci = groups, a.channels // groups
    a.d = tiled_axis(1, 1, 1, 0, 1, side)
    if rank == 3:
        a.d = tiled_axis(x.shape[1], y.shape[1], w.shape[0], before[0], steps[0], side)
    a.v = tiled_axis(x.shape[rank - 1], y.shape[rank - 1], w.shape[rank - 2], before[rank - 2], steps[rank - 2], side)
    a.h = tiled_axis(x.shape[rank], y.shape[rank], w.shape[rank - 1], before[rank - 1], steps[rank - 1], side)
    a.side = side
    a.tiles = a.images * a.d.outputs * a.v.tiles * a.h.tiles
    a.pieces = a.d.taps * ceil_div(a.v.taps, 3) * ceil_div(a.h.taps, 3)
    return a


cdef int64_t groups_of(cnp.ndarray x, cnp.ndarray w) except -1:
    """Return the number of groups of the input x (N, .., groups * CI) of a kernel w (.., CI, CO).

    Raises ValueError if there are several groups and the kernel has more taps than a piece.
    """
    cdef int64_t groups = x.shape[x.ndim - 1] // w.shape[w.ndim - 2]
    if groups > 1 and (w.ndim > 4 or max(w.shape[0], w.shape[1]) > 3):
        raise ValueError(f"Groups take a kernel of at most 3 x 3 taps. Received: kernel {(<object> w).shape}.")
    return groups


# ---- correlation: convolution and its gradient with respect to the input ---------------------------------------------

cdef struct Correlation:
    # y = act(bias + x * w + residual); w may be the rotated and transposed kernel
    const kernel_table *table
    TiledImage x
    int64_t frequencies                    # of a tile
    int64_t k, co                          # of a group: input channels of all pieces, output channels
    const float *w
    int64_t w_tap, w_group, w_ci, w_co    # floats between taps, groups, input and output channels of w
    const float *bias
    float *y
    int64_t y_pixel                        # floats between pixels of y
    int64_t residual                       # floats from y to the array that is added before the activation; or 0
    int64_t activation
    float alpha
    # By blocks, a task is a block of tiles times a slice of a group's columns, or all columns of a bundle of small
    # groups. The smaller of the transformed kernel and the transformed inputs is computed first and shared by all
    # tasks; the larger is computed when a task needs it. A plan keeps the transformed kernel if it is constant.
    # By frequencies, a task is a frequency times a slice of columns, for all tiles of a large block: each weight that a
    # plan keeps is read once for them.
    bint shares_kernel, by_frequencies
    int64_t block, blocks
    int64_t first, count                   # of the tiles in a block of frequencies
    int64_t bundle, bundles
    int64_t slice, slices
    int64_t panel                          # columns of a group, between products and inverse
    int64_t rows, row_blocks               # of a piece of the kernel, transformed at a time
    float *u                               # shared: the transformed kernel,
    float *v                               # the transformed inputs,
    float *m                               # and by frequencies their products
    int64_t v_row, v_step, m_row, m_step   # floats between tiles and frequencies of v and m
    int64_t u_group                        # floats between groups of the shared kernel
    int64_t zero_floats, m_floats, v_floats, u_floats, packed_floats, scratch_bytes    # of a task
    int64_t u_bytes, shared_bytes


cdef void share_tiles(Correlation *c, int threads) noexcept nogil:
    """Cut tiles and columns again if threads would wait for each other; cut the rows of a kernel that they share."""
    cdef int64_t lanes = c.table.vector_floats, vectors = ceil_div(c.co, lanes)
    cdef Side down = Side(c.x.tiles, c.block, SHARED_TILES if c.shares_kernel else TRANSFORMED_TILES)
    cdef Side across = Side(vectors, vectors, (INPUT_COLUMNS if c.shares_kernel else READ_COLUMNS) / lanes)
    cdef Work work
    cdef Share share
    if c.bundle > 1:
        across.size = across.most = 1
    work = Work(threads, c.bundles, down, across)
    share = share_out(&work, c.block, c.slice // lanes if c.bundle == 1 else 1)
    c.block = share.rows
    c.blocks = ceil_div(c.x.tiles, c.block)
    if c.bundle == 1:
        c.slice = share.columns * lanes
        c.slices = ceil_div(c.co, c.slice)
    if c.shares_kernel:
        c.rows = min(c.rows, max(
            ceil_div(c.x.ci, ceil_div(threads, c.x.groups * c.x.pieces * c.slices)), FEWEST_SHARED_ROWS))


cdef void cut_correlation(Correlation *c, int threads) noexcept nogil:
    """Choose the sizes of tasks."""
    cdef int64_t lanes = c.table.vector_floats, panel = widest(c.table) * lanes
    c.u_group = c.frequencies * c.k * ceil_div(c.co, lanes) * lanes
    c.u_bytes = c.x.groups * c.u_group * sizeof(float)
    c.shares_kernel = c.x.tiles >= c.co or keeps_weights(c.u_bytes)
    c.by_frequencies = keeps_weights(c.u_bytes) and suits_frequencies(c)
    c.zero_floats = ceil_div(c.x.channels, 16) * 16
    if c.by_frequencies:
        cut_frequencies(c, panel)
    else:
        cut_blocks(c, panel, threads)
    c.packed_floats = TAPS * c.rows * panel
    c.scratch_bytes = (
        sizeof(float) * (c.zero_floats + c.v_floats + c.u_floats + c.packed_floats + c.m_floats)
        + 2 * sizeof(void *) * c.block + 63
    ) // 64 * 64


cdef bint suits_frequencies(const Correlation *c) noexcept nogil:
    """Return True if reading transformed inputs and products from memory takes less time than the kernel again."""
    return c.x.groups == 1 and (
        c.k * c.co >= LEAST_RATIO * (c.k + c.co)
        or c.frequencies * c.x.tiles * (c.k + c.co) * <int64_t> sizeof(float) <= SMALL_BYTES)


cdef void cut_frequencies(Correlation *c, int64_t panel) noexcept nogil:
    """Choose the sizes of tasks by frequencies."""
    cdef int64_t lanes = c.table.vector_floats, tile_bytes
    c.bundle = c.bundles = 1
    c.panel = c.slice = panel
    c.slices = ceil_div(c.co, panel)
    c.m_row = ceil_div(c.co, lanes) * lanes
    c.v_row = c.k
    tile_bytes = c.frequencies * (c.v_row + c.m_row) * sizeof(float)
    c.block = even_parts(c.x.tiles, max(MOST_FREQUENCY_BYTES // tile_bytes, FEWEST_TILES))
    c.blocks = ceil_div(c.x.tiles, c.block)
    c.rows = min(c.x.ci, MOST_ROWS)
    c.row_blocks = ceil_div(c.x.ci, c.rows)
    separate_frequencies(c)
    c.v_floats = c.u_floats = c.m_floats = 0
    c.shared_bytes = (c.frequencies * (c.v_step + c.m_step) * sizeof(float) + 63) // 64 * 64


cdef inline void separate_frequencies(Correlation *c) noexcept nogil:
    """Add a cache line: at a distance of a power of two, frequencies would share a set of the cache."""
    c.v_step = c.block * c.v_row + 16
    c.m_step = c.block * c.m_row + 16


cdef void cut_blocks(Correlation *c, int64_t panel, int threads) noexcept nogil:
    """Choose the sizes of tasks by blocks of tiles."""
    cdef int64_t lanes = c.table.vector_floats, most, parts
    c.bundle = min(max(BUNDLE_CHANNELS // max(c.k, c.co), 1), c.x.groups)
    c.bundles = ceil_div(c.x.groups, c.bundle)
    c.panel = panel if c.bundle == 1 else c.co
    c.m_row = ceil_div(c.bundle * min(c.panel, c.co), lanes) * lanes
    c.v_row = (c.bundle if c.shares_kernel else c.x.groups) * c.k
    if c.shares_kernel:
        most = min(max(BLOCK_FLOATS // (c.frequencies * (c.v_row + c.m_row)), FEWEST_TILES), MOST_TILES)
    else:
        most = MOST_TILES_ALONE
    c.block = even_parts(c.x.tiles, most)
    c.blocks = ceil_div(c.x.tiles, c.block)
    parts = min(ceil_div(TASKS, c.blocks * c.bundles), ceil_div(c.co, panel)) if c.bundle == 1 else 1
    c.slice = ceil_div(ceil_div(c.co, parts), c.panel) * c.panel
    c.slices = ceil_div(c.co, c.slice)
    c.rows = min(max(BLOCK_FLOATS // (c.frequencies * c.m_row) - c.block, FEWEST_ROWS), MOST_ROWS)
    if threads > 1:
        share_tiles(c, threads)
    c.row_blocks = ceil_div(c.x.ci, c.rows)
    separate_frequencies(c)
    c.m_floats = c.frequencies * c.m_step
    c.v_floats = c.frequencies * c.v_step if c.shares_kernel else 0
    c.u_floats = 0 if c.shares_kernel else c.frequencies * c.rows * panel
    c.shared_bytes = 0 if c.shares_kernel else (c.frequencies * c.v_step * c.blocks * sizeof(float) + 63) // 64 * 64


cdef inline int64_t panel_columns(const Correlation *c, int64_t column, int64_t end) noexcept nogil:
    """Return the width of the panel of packed columns that begins at `column` of a slice."""
    return tile_vectors(c.table, end - column) * c.table.vector_floats


cdef inline int64_t first_row(const Correlation *c, int64_t block) noexcept nogil:
    """Return the first row of a block of rows, which lies within a single piece."""
    return block // c.row_blocks * c.x.ci + block % c.row_blocks * c.rows


cdef inline int64_t rows_of(const Correlation *c, int64_t block) noexcept nogil:
    return min(c.rows, c.x.ci - block % c.row_blocks * c.rows)


cdef void transform_kernel(
    const Correlation *c, int64_t group, int64_t block, int64_t column, int64_t end, float *u, int64_t u_step,
    float *packed
) noexcept nogil:
    """Pack a block of rows of a panel of a group's columns in the order of tiles, then transform it."""
    cdef int64_t rows = rows_of(c, block), width = panel_columns(c, column, end), tap
    cdef Piece piece = piece_of(&c.x, block // c.row_blocks)
    cdef const float *w = (
        c.w + first_tap(&c.x, &piece) * c.w_tap + group * c.w_group + block % c.row_blocks * c.rows * c.w_ci
        + column * c.w_co)
    cdef const float *source
    for tap in range(TAPS):
        source = w + (tap // 3 * c.x.h.taps + tap % 3) * c.w_tap
        if tap // 3 >= piece.rows or tap % 3 >= piece.columns:
            memset(packed + tap * rows * width, 0, rows * width * sizeof(float))
        elif c.w_co == 1:
            c.table.f32_pack_rows(
                packed + tap * rows * width, width, source, rows, c.w_ci, min(width, end - column))
        else:
            c.table.f32_pack_columns(
                packed + tap * rows * width, width, source, rows, c.w_co, min(width, end - column))
    if c.x.side == 2:
        c.table.f32_winograd_2x2_kernel(u, u_step, packed, rows * width, rows * width)
    else:
        c.table.f32_winograd_kernel(u, u_step, packed, rows * width, rows * width)


cdef inline void transform_tile(
    const Correlation *c, int64_t i, int64_t channel, int64_t channels, const float *zeros, float *v
) noexcept nogil:
    """Transform some channels of the inputs of tile i, for each piece of the kernel."""
    cdef const float *pixels[FREQUENCIES]
    cdef int64_t piece
    cdef TiledImage x = c.x
    x.data += channel
    for piece in range(x.pieces):
        list_pixels(&x, i, piece, zeros, pixels)
        if x.side == 2:
            c.table.f32_winograd_2x2_input(v + piece * x.ci, c.v_step, pixels, channels)
        else:
            c.table.f32_winograd_input(v + piece * x.ci, c.v_step, pixels, channels)


cdef struct Memory:
    # The scratch memory of a task, which begins with zeros
    float *m
    float *v
    float *u
    float *packed
    const float **rows                     # a row of v for each tile
    float **out                            # a row of m for each tile


cdef Memory divide(const Correlation *c, char *scratch) noexcept nogil:
    cdef Memory memory
    memory.m = <float *> scratch + c.zero_floats
    memory.v = memory.m + c.m_floats
    memory.u = memory.v + c.v_floats
    memory.packed = memory.u + c.u_floats
    memory.rows = <const float **> (memory.packed + c.packed_floats)
    memory.out = <float **> (memory.rows + c.block)
    return memory


cdef void share_kernel(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Transform some rows of a slice of a group of the kernel that tasks share."""
    cdef const Correlation *c = <const Correlation *> work
    cdef int64_t column = task % c.slices * c.slice, end = min(column + c.slice, c.co), width
    cdef int64_t group = task // c.slices % c.x.groups, block = task // (c.slices * c.x.groups)
    cdef Memory memory = divide(c, scratch)
    while column < end:
        width = panel_columns(c, column, end)
        transform_kernel(
            c, group, block, column, end, shared_panel(c, group, column) + first_row(c, block) * width,
            c.k * width, memory.packed)
        column += width


cdef void share_inputs(const void *work, int64_t i, char *scratch) noexcept nogil:
    """Transform the inputs of tile i, which tasks share."""
    cdef const Correlation *c = <const Correlation *> work
    cdef float *v = c.v + i // c.block * c.frequencies * c.v_step + i % c.block * c.v_row
    transform_tile(c, i, 0, c.x.channels, zeros_of(c, scratch), v)


cdef inline const float *zeros_of(const Correlation *c, char *scratch) noexcept nogil:
    """Return a pixel outside of the image."""
    memset(scratch, 0, c.zero_floats * sizeof(float))
    return <const float *> scratch


cdef inline float *shared_panel(const Correlation *c, int64_t group, int64_t column) noexcept nogil:
    """Return the panel of the shared kernel that begins at `column` of a group."""
    return c.u + group * c.u_group + c.frequencies * c.k * column


cdef void correlate_block(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Correlate a block of tiles with a slice of the columns of a group, or with all columns of a bundle."""
    cdef const Correlation *c = <const Correlation *> work
    cdef int64_t column = task % c.slices * c.slice, end = min(column + c.slice, c.co), columns
    cdef int64_t group = task // c.slices % c.bundles * c.bundle, groups = min(c.bundle, c.x.groups - group)
    cdef int64_t block = task // (c.slices * c.bundles), first = block * c.block
    cdef int64_t count = min(c.block, c.x.tiles - first), i
    cdef Memory memory = divide(c, scratch)
    cdef const float *zeros = zeros_of(c, scratch)
    if not c.shares_kernel:
        memory.v = c.v + block * c.frequencies * c.v_step + group * c.k
    for i in range(count):
        memory.rows[i] = memory.v + i * c.v_row
        memory.out[i] = memory.m + i * c.m_row
        if c.shares_kernel:
            transform_tile(c, first + i, group * c.x.ci, groups * c.x.ci, zeros, memory.v + i * c.v_row)
    while column < end:
        columns = min(panel_columns(c, column, end) if c.bundle == 1 else c.co, end - column)
        for i in range(groups):
            multiply_group(c, &memory, group + i, i, column, column + columns, count)
        for i in range(count):
            write_tile(c, first + i, group * c.co + column, groups * columns, memory.out[i])
        column += columns


cdef void multiply_group(
    const Correlation *c, const Memory *memory, int64_t group, int64_t place, int64_t first, int64_t end, int64_t count
) noexcept nogil:
    """Compute m, at every frequency, in the columns first..end - 1 of a group; `place` is its index in the bundle."""
    cdef int64_t column = first, width, i
    cdef gemm_tile tile
    tile.starts = NULL
    tile.segments = tile.step = 1
    tile.bias = NULL
    tile.activation = LINEAR
    while column < end:
        width = panel_columns(c, column, end)
        tile.b_step = width
        tile.columns = min(width, end - column)
        tile.column = place * c.co + column - first
        tile.accumulate = False
        if c.shares_kernel:
            tile.depth = c.k
            tile.b = shared_panel(c, group, column)
            multiply_rows(c, &tile, memory, place * c.k, c.k * width, count)
        else:
            tile.b = memory.u
            for i in range(c.x.pieces * c.row_blocks):
                transform_kernel(c, group, i, column, end, memory.u, c.rows * width, memory.packed)
                tile.depth = rows_of(c, i)
                multiply_rows(c, &tile, memory, place * c.k + first_row(c, i), c.rows * width, count)
                tile.accumulate = True
        column += width


cdef void multiply_rows(
    const Correlation *c, const gemm_tile *product, const Memory *memory, int64_t row, int64_t u_step, int64_t count
) noexcept nogil:
    """Multiply `count` rows of v, from float `row` of each on, at all frequencies; `product` is for frequency 0."""
    cdef gemm_tile tile = product[0]
    cdef int64_t f, offset
    tile.offsets = &offset
    for f in range(c.frequencies):
        offset = f * c.v_step + row
        tile.column = product.column + f * c.m_step
        tile.b = product.b + f * u_step
        multiply(c.table, &tile, memory.rows, memory.out, count, <int> (tile.b_step // c.table.vector_floats))


cdef inline void write_tile(
    const Correlation *c, int64_t i, int64_t column, int64_t columns, const float *m
) noexcept nogil:
    """Write some channels of the outputs of tile i."""
    cdef winograd_tile tile
    tile.y = c.y + output_pixel(&c.x, i, &tile.rows, &tile.columns) * c.y_pixel + column
    tile.y_row = c.x.v.step * c.x.h.outputs * c.y_pixel
    tile.y_pixel = c.x.h.step * c.y_pixel
    tile.channels = columns
    tile.bias = c.bias + column if c.bias else <const float *> NULL
    tile.residual = c.residual
    tile.activation = c.activation
    tile.alpha = c.alpha
    if c.x.side == 2:
        c.table.f32_winograd_2x2_output(&tile, m, c.m_step)
    else:
        c.table.f32_winograd_output(&tile, m, c.m_step)


cdef void transform_part(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Transform a part of the channels of the inputs of a tile of the block, for all pieces of the kernel."""
    cdef const Correlation *c = <const Correlation *> work
    cdef int64_t i = task % c.count, channel = task // c.count * PART_CHANNELS
    transform_tile(
        c, c.first + i, channel, min(PART_CHANNELS, c.x.ci - channel), zeros_of(c, scratch),
        c.v + i * c.v_row + channel)


cdef inline const float *panel_after(
    const Correlation *c, int64_t f, int64_t column, const gemm_tile *tile
) noexcept nogil:
    """Return the weights that are read after those of `tile`, at `column` of frequency f or at the next frequency."""
    if column < c.co:
        return shared_panel(c, 0, column) + f * c.k * panel_columns(c, column, min(column + c.slice, c.co))
    if f + 1 < c.frequencies:
        return c.u + (f + 1) * c.k * panel_columns(c, 0, min(c.slice, c.co))
    return tile.b


cdef void multiply_frequency(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Multiply the inputs of all tiles of the block with a slice of the columns, at a single frequency."""
    cdef const Correlation *c = <const Correlation *> work
    cdef int64_t f = task // c.slices, column = task % c.slices * c.slice, end = min(column + c.slice, c.co), i
    cdef int64_t offset = f * c.v_step
    cdef int vectors
    cdef Memory memory = divide(c, scratch)
    cdef gemm_tile tile
    for i in range(c.count):
        memory.rows[i] = c.v + i * c.v_row
        memory.out[i] = c.m + i * c.m_row
    tile.offsets = &offset
    tile.starts = NULL
    tile.segments = tile.step = 1
    tile.depth = c.k
    tile.accumulate = False
    tile.bias = NULL
    tile.residual = 0
    tile.activation = LINEAR
    while column < end:
        tile.b_step = panel_columns(c, column, end)
        tile.b = shared_panel(c, 0, column) + f * c.k * tile.b_step
        tile.columns = min(tile.b_step, end - column)
        tile.column = f * c.m_step + column
        vectors = <int> (tile.b_step // c.table.vector_floats)
        column += tile.columns
        fetch_meanwhile(c.table, &tile, panel_after(c, f, column, &tile), c.count, vectors)
        multiply_and_fetch(c.table, &tile, memory.rows, memory.out, c.count, vectors)


cdef void write_part(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Write a part of the channels of the outputs of a tile of the block."""
    cdef const Correlation *c = <const Correlation *> work
    cdef int64_t i = task % c.count, channel = task // c.count * PART_CHANNELS
    write_tile(
        c, c.first + i, channel, min(PART_CHANNELS, c.co - channel), c.m + i * c.m_row + channel)


cdef void correlate(Correlation *c) except *:
    """Compute the array that tasks share, then run the tasks, on a number of threads that depends on the work."""
    c.table = tiles()
    c.frequencies = window_of(&c.x) * window_of(&c.x)
    cdef int threads = threads_for(<double> c.frequencies * c.x.tiles * c.x.groups * c.k * c.co)
    cut_correlation(c, threads)
    cdef char *scratch = <char *> borrow_with_weights(
        threads, c.scratch_bytes, c.shared_bytes, c.u_bytes if c.shares_kernel else 0, <void **> &c.u)
    c.v = <float *> (scratch + threads * c.scratch_bytes)
    c.m = c.v + c.frequencies * c.v_step
    with nogil:
        if c.by_frequencies:
            run_frequencies(c, threads, scratch)
        else:
            run_blocks(c, threads, scratch)
    give_scratch_back(scratch)


cdef void run_blocks(const Correlation *c, int threads, char *scratch) noexcept nogil:
    cdef task_phase[2] phases = [
        task_phase(share_kernel, c.x.groups * c.x.pieces * c.row_blocks * c.slices),
        task_phase(correlate_block, c.blocks * c.bundles * c.slices)]
    if c.shares_kernel:
        pack_and_run(phases, 2, c, sizeof(Correlation), threads, scratch, c.scratch_bytes)
    else:
        phases[0] = task_phase(share_inputs, c.x.tiles)
        run_phases(phases, 2, c, sizeof(Correlation), threads, scratch, c.scratch_bytes)


cdef void run_frequencies(Correlation *c, int threads, char *scratch) noexcept nogil:
    """Correlate block by block; the first time, after transforming the kernel."""
    cdef task_phase[4] phases
    cdef int64_t block
    phases[0] = task_phase(share_kernel, c.x.pieces * c.row_blocks * c.slices)
    for block in range(c.blocks):
        c.first = block * c.block
        c.count = min(c.block, c.x.tiles - c.first)
        phases[1] = task_phase(transform_part, c.count * ceil_div(c.x.ci, PART_CHANNELS))
        phases[2] = task_phase(multiply_frequency, c.frequencies * c.slices)
        phases[3] = task_phase(write_part, c.count * ceil_div(c.co, PART_CHANNELS))
        if block == 0:
            pack_and_run(phases, 4, c, sizeof(Correlation), threads, scratch, c.scratch_bytes)
        else:
            run_phases(phases + 1, 3, c, sizeof(Correlation), threads, scratch, c.scratch_bytes)


def conv(
    convolution,      # IN  a Convolution of strides 1
    cnp.ndarray x,    # IN  (N, .., groups * CI), with two or three spatial axes
    cnp.ndarray w,    # IN  (.., CI, CO)
    bias,             # IN  (CO,) or None
    cnp.ndarray y,    # OUT (N, .., CO), in C order or a slice of the channels of an array in C order
    int activation, float alpha,
    residual=None,    # IN  (N, .., CO), or None
):
    """y = act(bias + x * w + residual), by tiles of 4 x 4 outputs"""
    correlate_forward(convolution, x, w, bias, y, activation, alpha, residual, 4)


def conv_2x2(
    convolution,      # IN  a Convolution of strides 1
    cnp.ndarray x,    # IN  (N, .., groups * CI), with two or three spatial axes
    cnp.ndarray w,    # IN  (.., CI, CO)
    bias,             # IN  (CO,) or None
    cnp.ndarray y,    # OUT (N, .., CO)
    int activation, float alpha,
    residual=None,    # IN  (N, .., CO), or None
):
    """y = act(bias + x * w + residual), by tiles of 2 x 2 outputs"""
    correlate_forward(convolution, x, w, bias, y, activation, alpha, residual, 2)


cdef void correlate_forward(
    convolution, cnp.ndarray x, cnp.ndarray w, bias, cnp.ndarray y, int activation, float alpha, residual,
    int64_t side
) except *:
    """y = act(bias + x * w + residual), by tiles of side x side outputs"""
    cdef Correlation c
    if cnp.PyArray_SIZE(y) == 0:
        return
    cdef int64_t ci = w.shape[w.ndim - 2], co = w.shape[w.ndim - 1]
    c.x = tiled_image(
        x, y, w, [before for before, _ in convolution.padding], convolution.dilation, groups_of(x, w), side)
    c.k, c.co = c.x.pieces * ci, co // c.x.groups
    c.w_tap, c.w_group, c.w_ci, c.w_co = ci * co, c.co, co, 1
    c.w = floats(w, taps_of(&c.x) * c.w_tap)
    c.bias = <float *> NULL if bias is None else floats(bias, co)
    c.y = float_rows(y, cnp.PyArray_SIZE(y), &c.y_pixel)
    c.residual = 0
    if residual is not None:               # of the same layout as y
        c.residual = residual_of(residual, floats(y, cnp.PyArray_SIZE(y)), cnp.PyArray_SIZE(y))
    c.activation, c.alpha = activation, alpha
    correlate(&c)


def conv_backward_input(
    convolution,      # IN  a Convolution of strides 1
    cnp.ndarray dy,   # IN  (N, .., CO), with two or three spatial axes
    cnp.ndarray w,    # IN  (.., CI, CO)
    bias,             # IN  (groups * CI,) or None
    cnp.ndarray dx,   # OUT (N, .., groups * CI)
    int activation, float alpha,
):
    """dx = act(bias + C^T dy): a convolution of dy with the kernel rotated by 180 degrees, its channels exchanged"""
    cdef Correlation c
    if cnp.PyArray_SIZE(dx) == 0:
        return
    cdef tuple padding = convolution.padding, dilation = convolution.dilation
    cdef list before = [(w.shape[i] - 1) * dilation[i] - padding[i][0] for i in range(dy.ndim - 2)]
    cdef int64_t ci = w.shape[w.ndim - 2], co = w.shape[w.ndim - 1]
    c.x = tiled_image(dy, dx, w, before, dilation, groups_of(dx, w), 4)
    c.k, c.co = c.x.pieces * c.x.ci, ci
    c.w_tap, c.w_group, c.w_ci, c.w_co = -ci * co, c.x.ci, 1, co
    c.w = floats(w, -taps_of(&c.x) * c.w_tap) - (taps_of(&c.x) - 1) * c.w_tap
    c.bias = <float *> NULL if bias is None else floats(bias, c.x.groups * ci)
    c.y, c.y_pixel = floats(dx, cnp.PyArray_SIZE(dx)), c.x.groups * c.co
    c.residual = 0
    c.activation, c.alpha = activation, alpha
    correlate(&c)
