# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""The gradient of a convolution with respect to its kernel: the tiles of a correlation sum over pixels."""
cimport numpy as cnp
from libc.stdint cimport int64_t

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
from fastconv._geometry cimport (
    KC,
    TASKS,
    Block,
    Image,
    Span,
    View,
    ceil_div,
    cut_block,
    cut_pixels,
    even_parts,
    forward_image,
    groups_of,
    in_place,
    multiply,
    outputs_inside,
    pixels_of,
    row_offset,
    sparse,
    taps_of,
    tile_vectors,
    view_block,
    widest,
)
from fastconv._shares cimport Share, Side, Work, share_out

from fastconv._geometry import fill_bias

cnp.import_array()

cdef extern from "kernels.h":
    enum: LINEAR

cdef extern from * nogil:
    void __builtin_prefetch(const void *p, int rw, int locality)

# Cuts of the summed axes depend only on shapes, so that the bits of a result do not depend on the number of threads.
cdef enum:
    BUNDLE_CHANNELS = 64                   # of groups that sum over pixels together: full cache lines
    PIXEL_KC = 384                      # pixels of a block, which tiles sum over
    FETCHED_KC = 96                     # the same if the pixels of the next block are fetched at the same time
    FETCHED_SLICE = 256                    # channels of these pixels: 96 KB a block
    ZONED_CHANNELS = 10                    # fewer channels of a tap do not fill tiles
    CACHE_LINE = 16                        # floats
    MOST_PARTIAL_FLOATS = 1 << 20          # in all partial sums of a kernel's gradient

# Reading an element of x takes as long as multiplying it by READ_COLUMNS columns, and packing an element of dy as long
# as multiplying it by PACKED_ROWS elements of x.
cdef double READ_COLUMNS = 8.0, PACKED_ROWS = 8.0


cdef struct Ahead:
    # The inputs of a later block of pixels: runs of `channels` floats at x, and runs of `columns` floats at dy.
    const float **x
    int64_t pixels, channels
    const float *dy
    int64_t dy_pixel, columns
    int64_t fetched                        # pixels fetched so far


cdef void share_gradient(KernelGradient *g, int threads) noexcept nogil:
    """Cut input and output channels again if threads would wait for each other."""
    cdef int64_t lanes = g.table.vector_floats, unit = min(lanes, g.slice), taps = g.x.v.taps * g.x.h.taps
    cdef int64_t width = ceil_div(g.co, lanes)
    cdef Side rows = Side(ceil_div(g.x.ci, unit), ceil_div(g.slice, unit), PACKED_ROWS / (taps * unit))
    cdef Side columns = Side(width, width, READ_COLUMNS / lanes)
    cdef Work work
    cdef Share share
    if g.bundle > 1:
        rows.size = rows.most = 1
    work = Work(threads, g.chunks * g.bundles * g.x.d.taps, rows, columns)
    share = share_out(&work, rows.most, g.nc // lanes)
    if share.rows < rows.most:
        g.slice = share.rows * unit
        g.slices = ceil_div(g.x.ci, g.slice)
    g.nc = share.columns * lanes
    g.nc_blocks = ceil_div(g.co, g.nc)


cdef void cut_kernel_gradient(KernelGradient *g, int threads) noexcept nogil:
    cdef Image *x = &g.x
    cdef int64_t tile_columns = widest(g.table) * g.table.vector_floats
    cdef int64_t taps = x.v.taps * x.h.taps, most_parts = MOST_PARTIAL_FLOATS // g.dw_floats, parts = 1, blocks
    cdef bint copied
    g.fetching = taps_of(x) == 1 and in_place(x)
    if g.fetching:
        # Each block of columns reads all pixels. If there are many pixels, they are cut first.
        most_parts = min(most_parts, pixels_of(x) // PIXEL_KC)
        parts = max(min(TASKS // x.groups, most_parts), 1)
        g.slice = even_parts(x.ci, FETCHED_SLICE)
    else:
        g.slice = even_parts(x.ci, max(KC // taps, 16))
    g.slices = ceil_div(x.ci, g.slice)
    g.bundle = min(max(BUNDLE_CHANNELS // x.ci, 1), x.groups) if g.slices == 1 and not g.fetching else 1
    g.bundles = ceil_div(x.groups, g.bundle)
    g.nc_blocks = ceil_div(TASKS, 2 * g.slices * g.bundles * x.d.taps * parts)
    g.nc = ceil_div(ceil_div(g.co, g.nc_blocks), tile_columns) * tile_columns
    g.nc_blocks = ceil_div(g.co, g.nc)
    # If there are strides, a bundle reads pixels in many cache lines: copying these pixels pays.
    g.zoned = not in_place(x) and (
        sparse(x) or (g.slice >= ZONED_CHANNELS and (g.bundle == 1 or x.h.stride == 1)))
    copied = not (in_place(x) or g.zoned)
    g.cut = cut_pixels(x, g.bundle * g.slice, FETCHED_KC if g.fetching else PIXEL_KC, copied)
    # If dw is too small to be shared among tasks, a fixed number of partial sums over the pixels are added up in order.
    parts = min(TASKS // (g.slices * g.nc_blocks * g.bundles * x.d.taps), most_parts)
    blocks = g.cut.row_blocks * g.cut.column_blocks
    g.chunk = even_parts(blocks, ceil_div(blocks, max(parts, 1)))
    g.chunks = ceil_div(blocks, g.chunk)
    if threads > 1:
        share_gradient(g, threads)
    g.packed_floats = g.cut.rows * g.cut.columns * tile_columns
    g.scratch_bytes = (
        sizeof(float) * (g.cut.panel_floats + g.packed_floats)
        + sizeof(void *) * (2 * taps * g.slice + g.cut.rows * (2 + g.cut.columns)) + 63
    ) // 64 * 64


cdef struct Part:
    # The part of dw that a task sums: some channels of some groups, in a plane of the kernel, over a chunk of blocks
    int64_t group, groups                  # of a bundle
    int64_t channel, channels              # input channels of each group: the first, and their number
    int64_t first, end                     # output channels of each group
    int64_t plane
    int64_t block, last_block
    float *dw                              # the plane of the kernel


cdef struct Memory:
    # The scratch memory of a task
    float *panel
    float *packed
    const float **rows                     # the inputs of the first pixel, for each element of a slice of dw
    float **out                            # the addresses of these elements
    int64_t *offsets
    int64_t *starts
    const float **ahead                    # pixels of the next block


cdef Part part_of(const KernelGradient *g, int64_t task) noexcept nogil:
    cdef Part p
    cdef int64_t blocks = g.cut.row_blocks * g.cut.column_blocks, chunk
    p.first = task % g.nc_blocks * g.nc
    p.end = min(p.first + g.nc, g.co)
    task //= g.nc_blocks
    p.channel = task % g.slices * g.slice
    p.channels = min(g.slice, g.x.ci - p.channel)
    task //= g.slices
    p.group = task % g.bundles * g.bundle
    p.groups = min(g.bundle, g.x.groups - p.group)
    task //= g.bundles
    p.plane = task % g.x.d.taps
    chunk = task // g.x.d.taps
    p.block, p.last_block = chunk * g.chunk, min((chunk + 1) * g.chunk, blocks) - 1
    p.dw = g.dw if chunk == 0 else g.partials + (chunk - 1) * g.dw_floats
    p.dw += p.plane * (g.dw_floats // g.x.d.taps)
    return p


cdef Memory divide(const KernelGradient *g, const Part *p, char *scratch) noexcept nogil:
    cdef int64_t elements = g.x.v.taps * g.x.h.taps * p.channels
    cdef Memory m
    m.panel = <float *> scratch
    m.packed = m.panel + g.cut.panel_floats
    m.rows = <const float **> (m.packed + g.packed_floats)
    m.out = <float **> (m.rows + elements)
    m.offsets = <int64_t *> (m.out + elements)
    m.starts = m.offsets + g.cut.rows
    m.ahead = <const float **> (m.starts + g.cut.rows)
    return m


cdef void list_elements(
    const KernelGradient *g, const Part *p, int64_t member, const View *view, const Memory *m
) noexcept nogil:
    """List the inputs of the first pixel for the elements (i, j, k) of a part of dw, and the addresses of these.

    `member` counts the groups of the bundle.
    """
    cdef const float **rows = m.rows
    cdef float **out = m.out
    cdef const float *x
    cdef float *dw = p.dw + (p.channel * g.x.groups + p.group + member) * g.co
    cdef int64_t i, j, k
    for i in range(g.x.v.taps):
        for j in range(g.x.h.taps):
            x = view.data + member * g.x.ci + i * g.x.v.step * view.row + j * g.x.h.step * view.pixel
            for k in range(p.channels):
                rows[k] = x + k
                out[k] = dw + k * g.x.groups * g.co
            rows += p.channels
            out += p.channels
            dw += g.x.channels * g.co


cdef int64_t list_rows(const Image *x, const View *view, const Block *block, int64_t *offsets) noexcept nogil:
    """List the offsets of the rows of a block; return the number of rows.

    If nothing lies between pixels, all rows count as 1.
    """
    cdef bint dense = view.plane_stride == 1 and view.planes == x.d.outputs
    cdef int64_t i
    for i in range(block.rows):
        offsets[i] = row_offset(x, view, block.row + i)
    if view.rows == x.v.outputs * x.v.stride and x.v.stride * view.row == block.columns * x.h.stride * view.pixel:
        return 1 if dense else block.rows
    return block.rows


cdef void list_runs(
    const Image *x, const View *view, const Block *block, int64_t plane, int64_t row, int64_t column, gemm_tile *tile
) noexcept nogil:
    """List the segments of a tile: the pixels of a block, row by row, that read inputs by a tap, not padding."""
    cdef Span d = outputs_inside(&x.d, plane), v = outputs_inside(&x.v, row), h = outputs_inside(&x.h, column)
    cdef int64_t first = max(h.first - block.column, 0), r
    cdef int64_t *offsets = <int64_t *> tile.offsets
    cdef int64_t *starts = <int64_t *> tile.starts
    tile.depth = max(min(h.last - block.column, block.columns) - first, 0)
    tile.segments = 0
    for r in range(block.rows):
        row = block.row + r
        if d.first <= row // x.v.outputs % x.d.outputs < d.last and v.first <= row % x.v.outputs < v.last:
            offsets[tile.segments] = row_offset(x, view, row) + first * tile.step
            starts[tile.segments] = r * block.columns + first
            tile.segments += 1


cdef void multiply_inside(
    const KernelGradient *g, const Part *p, const View *view, const Block *block, gemm_tile *tile, const Memory *m,
    int vectors
) noexcept nogil:
    """Call `multiply` tap by tap. A tap sums only over the pixels of a block that read inputs by it."""
    cdef int64_t i, j, first = 0
    for i in range(g.x.v.taps):
        for j in range(g.x.h.taps):
            list_runs(&g.x, view, block, p.plane, i, j, tile)
            multiply(g.table, tile, m.rows + first, m.out + first, p.channels, vectors)
            first += p.channels


cdef Ahead look_ahead(const KernelGradient *g, const Part *p, int64_t i, const float **pixels) noexcept nogil:
    """Return the inputs that the i-th block of pixels reads in x and dy; none after the last block."""
    cdef Block block
    cdef View view
    cdef int64_t r, c
    cdef const float *start
    if not g.fetching or i > p.last_block:
        return Ahead(pixels, 0, 0, NULL, 0, 0, 0)
    block = cut_block(&g.x, &g.cut, i)
    view = view_block(&g.x, &block, 0, 1, p.group * g.x.ci + p.channel, p.channels, NULL)
    for r in range(block.rows):
        start = view.data + row_offset(&g.x, &view, block.row + r)
        for c in range(block.columns):
            pixels[r * block.columns + c] = start + c * g.x.h.stride * view.pixel
    return Ahead(
        pixels, block.rows * block.columns, p.channels, gradients_of(g, &block, p.group) + p.first, g.x.groups * g.co,
        p.end - p.first, 0)


cdef inline const float *gradients_of(const KernelGradient *g, const Block *block, int64_t group) noexcept nogil:
    """Return the address of dy of a group at the first pixel of a block."""
    return g.dy + ((block.row * g.x.h.outputs + block.column) * g.x.groups + group) * g.co


cdef inline void fetch_run(const float *run, int64_t size) noexcept nogil:
    cdef int64_t line
    for line in range(ceil_div(size, CACHE_LINE)):
        __builtin_prefetch(run + line * CACHE_LINE, 0, 2)


cdef void fetch(Ahead *ahead, int64_t pixels) noexcept nogil:
    """Prefetch the first `pixels` pixels, except pixels already fetched: memory is slower than the sums."""
    cdef int64_t i
    for i in range(ahead.fetched, pixels):
        fetch_run(ahead.x[i], ahead.channels)
        fetch_run(ahead.dy + i * ahead.dy_pixel, ahead.columns)
    ahead.fetched = max(ahead.fetched, pixels)


cdef void multiply_fetching(
    const kernel_table *table, gemm_tile *tile, const float **rows, float **out, int64_t count, int vectors,
    Ahead *ahead, int64_t before, int64_t products
) noexcept nogil:
    """Call `multiply`; each tile prefetches a share of the pixels ahead.

    This share equals its share of all `products`, of which `before` are done.
    """
    cdef int64_t parts = ceil_div(count, table.gemm_height[vectors]), part, first = 0, last
    for part in range(parts):
        last = count * (part + 1) // parts
        multiply(table, tile, rows + first, out + first, last - first, vectors)
        fetch(ahead, ahead.pixels * (before + last * tile.columns) // products)
        first = last


cdef int next_tile(
    const KernelGradient *g, int64_t end, const float *dy, int64_t pixels, gemm_tile *tile, float *packed
) noexcept nogil:
    """Let a tile read its next columns of dy, packed unless it has no others; return its number of vectors of columns.

    The tile may take the columns up to `end`.
    """
    cdef int vectors = tile_vectors(g.table, end - tile.column)
    cdef int64_t pixel = g.x.groups * g.co
    tile.b_step = vectors * g.table.vector_floats
    tile.columns = min(tile.b_step, end - tile.column)
    tile.b = dy + tile.column
    if not tile.columns == tile.b_step == pixel:
        g.table.f32_pack_rows(packed, tile.b_step, tile.b, pixels, pixel, tile.columns)
        tile.b = packed
    return vectors


cdef void sum_block(
    const KernelGradient *g, const Part *p, int64_t i, gemm_tile *tile, const Memory *m
) noexcept nogil:
    """Add the products of the i-th block of pixels to a part of dw, group by group and tile by tile."""
    cdef Block block = cut_block(&g.x, &g.cut, i)
    cdef View view = view_block(
        &g.x, &block, p.plane, 1, p.group * g.x.ci + p.channel, p.channels + (p.groups - 1) * g.x.ci,
        <float *> NULL if g.zoned else m.panel)
    cdef Ahead ahead = look_ahead(g, p, i + 1, m.ahead)
    cdef int64_t elements = g.x.v.taps * g.x.h.taps * p.channels, pixels = block.rows * block.columns, member
    cdef int vectors
    tile.step = g.x.h.stride * view.pixel
    if not g.zoned:
        tile.segments = list_rows(&g.x, &view, &block, m.offsets)
        tile.depth = pixels // tile.segments
    for member in range(p.groups):
        list_elements(g, p, member, &view, m)
        tile.column = p.first
        while tile.column < p.end:
            vectors = next_tile(g, p.end, gradients_of(g, &block, p.group + member), pixels, tile, m.packed)
            if g.zoned:
                multiply_inside(g, p, &view, &block, tile, m, vectors)
            else:
                multiply_fetching(
                    g.table, tile, m.rows, m.out, elements, vectors, &ahead, (tile.column - p.first) * elements,
                    (p.end - p.first) * elements)
            tile.column += tile.columns


cdef void sum_chunk(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Sum a part of dw over a chunk of the pixels, block by block."""
    cdef const KernelGradient *g = <const KernelGradient *> work
    cdef Part p = part_of(g, task)
    cdef Memory m = divide(g, &p, scratch)
    cdef gemm_tile tile
    cdef int64_t i
    tile.offsets = m.offsets
    tile.starts = m.starts if g.zoned else NULL
    tile.bias = NULL
    tile.activation = LINEAR
    tile.accumulate = False
    for i in range(p.block, p.last_block + 1):
        sum_block(g, &p, i, &tile, &m)
        tile.accumulate = True


cdef void add_partials(float *sums, const float *partials, int64_t count, int64_t size, int64_t part) noexcept nogil:
    """Add one of TASKS parts of `count` partial sums, in their order, to `size` sums."""
    cdef int64_t first = size * part // TASKS, last = size * (part + 1) // TASKS, i, k
    for k in range(count):
        for i in range(first, last):
            sums[i] += partials[k * size + i]


cdef void add_chunks(const void *work, int64_t part, char *scratch) noexcept nogil:
    """Add a part of the partial sums to dw."""
    cdef const KernelGradient *g = <const KernelGradient *> work
    add_partials(g.dw, g.partials, g.chunks - 1, g.dw_floats, part)


cdef void correlate_gradients(KernelGradient *g) except *:
    """Run the tasks of a gradient on `threads_for` threads, then add its partial sums."""
    g.table = tiles()
    g.dw_floats = taps_of(&g.x) * g.x.channels * g.co
    cdef int threads = threads_for(<double> pixels_of(&g.x) * g.dw_floats)
    cut_kernel_gradient(g, threads)
    cdef int64_t tasks = g.chunks * g.x.d.taps * g.bundles * g.slices * g.nc_blocks
    cdef char *scratch = <char *> borrow_parts(
        threads, g.scratch_bytes, (g.chunks - 1) * g.dw_floats * sizeof(float))
    cdef task_phase[2] phases = [task_phase(sum_chunk, tasks), task_phase(add_chunks, TASKS)]
    g.partials = <float *> (scratch + threads * g.scratch_bytes)
    with nogil:
        run_phases(phases, 2 if g.chunks > 1 else 1, g, sizeof(KernelGradient), threads, scratch, g.scratch_bytes)
    give_scratch_back(scratch)


def conv_backward_kernel(
    convolution,      # IN  a Convolution
    cnp.ndarray x,    # IN  (N, .., groups * CI), with one to three spatial axes
    cnp.ndarray dy,   # IN  (N, .., CO)
    cnp.ndarray dw,   # OUT (.., CI, CO)
):
    """dw[tap] = x shifted by the tap, transposed, times dy"""
    cdef KernelGradient g
    cdef int64_t groups = groups_of(x.shape[x.ndim - 1], dw), co = dw.shape[dw.ndim - 1]
    if cnp.PyArray_SIZE(dy) == 0:
        fill_bias(dw, None, LINEAR, 0)
        return
    g.x = forward_image(convolution, x, dw, dy, groups)
    g.dy = floats(dy, pixels_of(&g.x) * co)
    g.co = co // groups
    g.dw = floats(dw, cnp.PyArray_SIZE(dw))
    correlate_gradients(&g)
