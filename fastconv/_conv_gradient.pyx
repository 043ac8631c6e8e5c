# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""The gradient of a convolution with respect to its kernel: the tiles of a correlation sum over pixels."""
cimport numpy as cnp
from cython.parallel cimport parallel, prange, threadid
from libc.stdint cimport int64_t

from fastconv._core cimport (
    borrow_parts,
    flush_denormals,
    gemm_tile,
    give_scratch_back,
    kernel_table,
    restore_denormals,
    threads_for,
    tiles,
)
from fastconv._geometry cimport (
    GEMM_DEPTH,
    TASKS,
    Block,
    Image,
    Span,
    View,
    ceil_div,
    cut_block,
    cut_pixels,
    even_parts,
    floats,
    forward_image,
    groups_of,
    in_place,
    look,
    multiply,
    outputs_inside,
    pixels_of,
    row_offset,
    sparse,
    taps_of,
    tile_vectors,
    widest,
)

cnp.import_array()

cdef extern from "kernels.h":
    enum: LINEAR

cdef extern from * nogil:
    void __builtin_prefetch(const void *p, int rw, int locality)

# Cuts depend only on shapes, so that the bits of a result do not depend on the number of threads.
cdef enum:
    BUNDLE_CHANNELS = 64                   # of groups that sum over pixels together: full cache lines
    PIXEL_DEPTH = 384                      # pixels of a block, which tiles sum over
    FETCHED_DEPTH = 96                     # the same if the pixels of the next block are fetched at the same time
    FETCHED_SLICE = 256                    # channels of these pixels: 96 KB a block
    ZONED_CHANNELS = 10                    # fewer channels of a tap do not fill tiles
    CACHE_LINE = 16                        # floats
    MOST_PARTIAL_FLOATS = 1 << 20          # in all partial sums of a kernel's gradient


cdef struct Ahead:
    # The inputs of a later block of pixels: runs of `depth` floats at x, and runs of `columns` floats at dy.
    const float **x
    int64_t pixels, depth
    const float *dy
    int64_t dy_pixel, columns
    int64_t fetched                        # pixels fetched so far


cdef void cut_kernel_gradient(KernelGradient *g) noexcept nogil:
    cdef Image *x = &g.x
    cdef int64_t tile_columns = widest(g.table) * g.table.vector_floats
    cdef int64_t taps = x.v.taps * x.h.taps, most_parts = MOST_PARTIAL_FLOATS // g.dw_floats, parts = 1, blocks
    cdef bint copied
    g.fetching = taps_of(x) == 1 and in_place(x)
    if g.fetching:
        # Each block of columns reads all pixels. If there are many pixels, they are cut first.
        most_parts = min(most_parts, pixels_of(x) // PIXEL_DEPTH)
        parts = max(min(TASKS // x.groups, most_parts), 1)
        g.slice = even_parts(x.depth, FETCHED_SLICE)
    else:
        g.slice = even_parts(x.depth, max(GEMM_DEPTH // taps, 16))
    g.slices = ceil_div(x.depth, g.slice)
    g.bundle = min(max(BUNDLE_CHANNELS // x.depth, 1), x.groups) if g.slices == 1 and not g.fetching else 1
    g.bundles = ceil_div(x.groups, g.bundle)
    g.column_blocks = ceil_div(TASKS, 2 * g.slices * g.bundles * x.d.taps * parts)
    g.column_block = ceil_div(ceil_div(g.width, g.column_blocks), tile_columns) * tile_columns
    g.column_blocks = ceil_div(g.width, g.column_block)
    # If there are strides, a bundle reads pixels in many cache lines: copying these pixels pays.
    g.zoned = not in_place(x) and (
        sparse(x) or (g.slice >= ZONED_CHANNELS and (g.bundle == 1 or x.h.stride == 1)))
    copied = not (in_place(x) or g.zoned)
    g.cut = cut_pixels(x, g.bundle * g.slice, FETCHED_DEPTH if g.fetching else PIXEL_DEPTH, copied)
    # If dw is too small to be shared among tasks, a fixed number of partial sums over the pixels are added up in order.
    parts = min(TASKS // (g.slices * g.column_blocks * g.bundles * x.d.taps), most_parts)
    blocks = g.cut.row_blocks * g.cut.column_blocks
    g.chunk = even_parts(blocks, ceil_div(blocks, max(parts, 1)))
    g.chunks = ceil_div(blocks, g.chunk)
    g.packed_floats = g.cut.rows * g.cut.columns * tile_columns
    g.scratch_bytes = (
        sizeof(float) * (g.cut.panel_floats + g.packed_floats)
        + sizeof(void *) * (2 * taps * g.slice + g.cut.rows * (2 + g.cut.columns)) + 63
    ) // 64 * 64


cdef void list_elements(
    const KernelGradient *g, const View *view, int64_t channel, int64_t depth, const float **rows
) noexcept nogil:
    """List the inputs of the first pixel for the elements (i, j, k) of a slice of a plane of the kernel.

    The slice begins at `channel`.
    """
    cdef int64_t i, j, k
    for i in range(g.x.v.taps):
        for j in range(g.x.h.taps):
            for k in range(depth):
                rows[k] = view.data + channel + i * g.x.v.step * view.row + j * g.x.h.step * view.pixel + k
            rows += depth


cdef void list_gradients(
    const KernelGradient *g, float *dw, int64_t group, int64_t k, int64_t depth, float **out
) noexcept nogil:
    """List the addresses at which the gradients of these elements are written."""
    cdef int64_t taps = g.x.v.taps * g.x.h.taps, tap, i
    for tap in range(taps):
        for i in range(depth):
            out[tap * depth + i] = dw + ((tap * g.x.depth + k + i) * g.x.groups + group) * g.width


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
    const KernelGradient *g, const View *view, const Block *block, int64_t plane, int64_t depth, gemm_tile *tile,
    const float **rows, float **out, int vectors
) noexcept nogil:
    """Call `multiply` tap by tap. A tap sums only over the pixels of a block that read inputs by it."""
    cdef int64_t i, j
    for i in range(g.x.v.taps):
        for j in range(g.x.h.taps):
            list_runs(&g.x, view, block, plane, i, j, tile)
            multiply(g.table, tile, rows, out, depth, vectors)
            rows += depth
            out += depth


cdef Ahead look_ahead(
    const KernelGradient *g, int64_t i, int64_t channel, int64_t depth, int64_t column, int64_t columns,
    const float **pixels
) noexcept nogil:
    """Return the inputs that the i-th block of pixels reads in x and dy."""
    cdef Block block = cut_block(&g.x, &g.cut, i)
    cdef View view = look(&g.x, &block, 0, 1, channel, depth, NULL)
    cdef int64_t r, c
    cdef const float *start
    for r in range(block.rows):
        start = view.data + row_offset(&g.x, &view, block.row + r)
        for c in range(block.columns):
            pixels[r * block.columns + c] = start + c * g.x.h.stride * view.pixel
    return Ahead(
        pixels, block.rows * block.columns, depth,
        g.dy + (block.row * g.x.h.outputs + block.column) * g.x.groups * g.width + column, g.x.groups * g.width,
        columns, 0)


cdef inline void fetch_run(const float *run, int64_t size) noexcept nogil:
    cdef int64_t line
    for line in range(ceil_div(size, CACHE_LINE)):
        __builtin_prefetch(run + line * CACHE_LINE, 0, 2)


cdef void fetch(Ahead *ahead, int64_t pixels) noexcept nogil:
    """Prefetch the first `pixels` pixels, except pixels already fetched: memory is slower than the sums."""
    cdef int64_t i
    for i in range(ahead.fetched, pixels):
        fetch_run(ahead.x[i], ahead.depth)
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


cdef void sum_chunk(const KernelGradient *g, int64_t task, char *scratch) noexcept nogil:
    """Sum a slice of dw over a chunk of the pixels."""
    cdef const Image *x = &g.x
    cdef int64_t first = task % g.column_blocks * g.column_block, end = min(first + g.column_block, g.width)
    cdef int64_t k = task // g.column_blocks % g.slices * g.slice, depth = min(g.slice, x.depth - k)
    cdef int64_t group = task // (g.column_blocks * g.slices) % g.bundles * g.bundle
    cdef int64_t groups = min(g.bundle, x.groups - group)
    cdef int64_t plane = task // (g.column_blocks * g.slices * g.bundles) % x.d.taps
    cdef int64_t chunk = task // (g.column_blocks * g.slices * g.bundles * x.d.taps)
    cdef float *dw = (
        (g.dw if chunk == 0 else g.partials + (chunk - 1) * g.dw_floats) + plane * (g.dw_floats // x.d.taps))
    cdef int64_t elements = x.v.taps * x.h.taps * depth, dy_pixel = x.groups * g.width
    cdef int64_t last = min((chunk + 1) * g.chunk, g.cut.row_blocks * g.cut.column_blocks)

    cdef float *panel = <float *> scratch
    cdef float *packed = panel + g.cut.panel_floats
    cdef const float **rows = <const float **> (packed + g.packed_floats)
    cdef float **out = <float **> (rows + elements)
    cdef int64_t *offsets = <int64_t *> (out + elements)
    cdef int64_t *starts = offsets + g.cut.rows
    cdef const float **pixels = <const float **> (starts + g.cut.rows)

    cdef Ahead ahead
    cdef gemm_tile tile
    cdef Block block
    cdef View view
    cdef const float *dy
    cdef int64_t i, member
    cdef int vectors
    tile.offsets = offsets
    tile.starts = starts if g.zoned else NULL
    tile.bias = NULL
    tile.activation = LINEAR
    tile.accumulate = False
    for i in range(chunk * g.chunk, last):
        block = cut_block(x, &g.cut, i)
        view = look(
            x, &block, plane, 1, group * x.depth + k, depth + (groups - 1) * x.depth,
            <float *> NULL if g.zoned else panel)
        tile.step = x.h.stride * view.pixel
        if not g.zoned:
            tile.segments = list_rows(x, &view, &block, offsets)
            tile.depth = block.rows * block.columns // tile.segments
        if g.fetching and i + 1 < last:
            ahead = look_ahead(
                g, i + 1, group * x.depth + k, depth, group * g.width + first, end - first, pixels)
        else:
            ahead.pixels = ahead.fetched = 0
        for member in range(groups):
            list_elements(g, &view, member * x.depth, depth, rows)
            list_gradients(g, dw, group + member, k, depth, out)
            tile.column = first
            while tile.column < end:
                vectors = tile_vectors(g.table, end - tile.column)
                tile.b_step = vectors * g.table.vector_floats
                tile.columns = min(tile.b_step, end - tile.column)
                dy = g.dy + (
                    (block.row * x.h.outputs + block.column) * dy_pixel + (group + member) * g.width + tile.column)
                if tile.columns == tile.b_step == dy_pixel:
                    tile.b = dy
                else:
                    g.table.f32_pack_rows(packed, tile.b_step, dy, block.rows * block.columns, dy_pixel, tile.columns)
                    tile.b = packed
                if g.zoned:
                    multiply_inside(g, &view, &block, plane, depth, &tile, rows, out, vectors)
                else:
                    multiply_fetching(
                        g.table, &tile, rows, out, elements, vectors, &ahead, (tile.column - first) * elements,
                        (end - first) * elements)
                tile.column += tile.columns
        tile.accumulate = True


cdef void add_partials(float *sums, const float *partials, int64_t count, int64_t size, int64_t part) noexcept nogil:
    """Add one of TASKS parts of `count` partial sums, in their order, to `size` sums."""
    cdef int64_t first = size * part // TASKS, last = size * (part + 1) // TASKS, i, k
    for k in range(count):
        for i in range(first, last):
            sums[i] += partials[k * size + i]


cdef void correlate_gradients(KernelGradient *g) except *:
    """Run the tasks of a gradient on `threads_for` threads, then add its partial sums."""
    g.table = tiles()
    g.dw_floats = taps_of(&g.x) * g.x.channels * g.width
    cut_kernel_gradient(g)
    cdef int64_t tasks = g.chunks * g.x.d.taps * g.bundles * g.slices * g.column_blocks, task
    cdef int threads = threads_for(<double> pixels_of(&g.x) * g.dw_floats)
    cdef char *scratch = <char *> borrow_parts(
        threads, g.scratch_bytes, (g.chunks - 1) * g.dw_floats * sizeof(float))
    cdef unsigned state = 0
    g.partials = <float *> (scratch + threads * g.scratch_bytes)
    with nogil, parallel(num_threads=threads):
        state = flush_denormals()
        for task in prange(tasks, schedule="dynamic"):
            sum_chunk(g, task, scratch + threadid() * g.scratch_bytes)
        for task in prange(TASKS):
            add_partials(g.dw, g.partials, g.chunks - 1, g.dw_floats, task)
        restore_denormals(state)
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
        (<object> dw)[...] = 0
        return
    g.x = forward_image(convolution, x, dw, dy, groups)
    g.dy = floats(dy, pixels_of(&g.x) * co)
    g.width = co // groups
    g.dw = floats(dw, cnp.PyArray_SIZE(dw))
    correlate_gradients(&g)
