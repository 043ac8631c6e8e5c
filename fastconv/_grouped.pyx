# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Convolutions whose groups have few channels, down to depthwise convolutions.

Output channels lie in the lanes of vectors. A vector may hold several groups. Windows slide along lines of pointers to
pixels. Only the pointers depend on padding, strides and dilation: padding is a pointer to zeros.
The caller (`backends/cpu/backend.py`) checks shapes, dtypes and contiguity.
"""
cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from fastconv._conv_gradient cimport add_partials
from fastconv._arrays cimport floats
from fastconv._geometry cimport (
    TASKS,
    Axis,
    backward_axis,
    ceil_div,
    check_addresses,
    even_parts,
    forward_axis,
    kernel_element,
)
from fastconv._shares cimport Share, Side, Work, share_out
from fastconv._core cimport (
    borrow_parts,
    borrow_with_weights,
    give_scratch_back,
    grouped_kernel,
    grouped_line,
    grouped_tile,
    pack_and_run,
    run_phases,
    size_product,
    task_phase,
    threads_for,
    tiles,
)

cnp.import_array()

from fastconv._geometry import fill_bias

cdef extern from "kernels.h":
    enum: LINEAR
    enum: FETCH_SAME
    enum: FETCH_ONE
    enum: FETCH_PICK
    enum: FETCHES
    enum: GROUPED_STRIDE
    enum: GROUPED_TAPS
    enum: GROUPED_ROWS

# Cuts of the summed axes depend only on shapes, so that the bits of a result do not depend on the number of threads.
cdef enum:
    SLICE = 128                            # channels at a time: a window's pixels stay in the first-level cache
    KERNEL_FLOATS = 1 << 13                # of the kernel, for the same reason: 32 KB
    LINE = 256                             # pixels of a row in a block
    BLOCK_FLOATS = 1 << 16                 # of y in a block: 256 KB
    CACHED_FLOATS = 1 << 21                # of x and y: if they have fewer, prefetching takes longer than it saves
    CHUNKS = 16                            # partial sums of a kernel's gradient
    MOST_PARTIAL_FLOATS = 1 << 20          # in all these partial sums
    LOADS = 4                              # a multiply-add waits for memory: it counts LOADS times
    AHEAD = 32                             # outputs between a tile of a long row and the tile that it fetches

# Listing the pixels of a block takes as long as multiplying them by LISTED_CHANNELS channels.
cdef double LISTED_CHANNELS = 16.0


cdef Way way_of(
    cnp.ndarray x, cnp.ndarray w, cnp.ndarray y, tuple strides, tuple padding, tuple dilation, int64_t following,
    bint backward
) except *:
    """Return the spatial axis that `following` others follow; an axis of a single place if there is none."""
    cdef int64_t i = w.ndim - 3 - following
    if i < 0:
        return Way(backward, 1, 1, 1, 1, 1, 0, 1)
    return Way(
        backward, x.shape[i + 1], y.shape[i + 1], w.shape[i], strides[i], dilation[i], padding[i][0],
        min(<int64_t> strides[i], y.shape[i + 1]) if backward else 1)


cdef Axis phase_axis(const Way *way, int64_t phase) noexcept nogil:
    if way.backward:
        return backward_axis(way.outputs, way.inputs, way.taps, way.stride, way.dilation, way.before, phase)
    return forward_axis(way.inputs, way.outputs, way.taps, way.stride, way.dilation, way.before)


cdef struct Axes:
    Axis d, v, h


cdef struct Region:
    # The output pixels of a block, of the axes of a phase, and the first channel that they read in x
    int64_t image, plane, row, rows, column, columns
    int64_t channel


cdef struct Lines:
    # Lines along which windows slide: the outputs p, p + phases, .. of an axis read neighbours in some lines of pixels.
    int64_t phases
    int64_t count, elements                # lines of a phase, and pixels of a line
    int64_t element, shift                 # pixels to the next element, and to the next line
    int64_t taps, stride                   # of the tiles; if a window has more taps, it is cut into segments
    int64_t segment                        # pointers from the first pixel of a segment to the next segment


cdef int64_t widest_window(const Grouped *g, const Axis *h) noexcept nogil:
    """Return the largest number of neighbouring taps that tiles take at once and that divides the taps of an axis."""
    cdef int64_t taps
    if (h.step == 1 or h.stride == 1) and h.stride <= GROUPED_STRIDE:
        for taps in reversed(range(2, min(h.taps, GROUPED_TAPS) + 1)):
            if h.taps % taps == 0 and g.table.f32_grouped[g.fetch][h.stride][taps][1] != NULL:
                return taps
    return 1


cdef Lines lay_lines(const Grouped *g, const Axis *h, int64_t outputs) noexcept nogil:
    """Return the lines from which `outputs` neighbours along an axis are computed."""
    cdef int64_t taps = widest_window(g, h), phases = h.step if h.stride == 1 else 1
    if taps == 1:
        return Lines(1, h.taps, outputs, h.stride, h.step, 1, 1, outputs)
    return Lines(
        phases, 1, (ceil_div(outputs, phases) - 1) * h.stride + h.taps, phases, 0, taps, h.stride, taps)


cdef inline int64_t pixel_rows(const Axis *v, int64_t outputs) noexcept nogil:
    """Return the number of input rows that are listed for `outputs` rows of outputs.

    They end with the last row that the next two rows of outputs would read, which the last tiles prefetch.
    """
    return (outputs + 1) * v.stride + (v.taps - 1) * v.step + 1 if v.taps else 0


cdef inline void list_line(
    const Grouped *g, const Lines *lines, const float *zeros, const float *start, int64_t iw, int64_t inputs,
    const float **pixels
) noexcept nogil:
    """List pointers to the pixels of a line from column `iw` on, whose address is `start`; `zeros` for padding."""
    cdef int64_t first = min(max(ceil_div(-iw, lines.element), 0), lines.elements), e
    cdef int64_t end = max(min(ceil_div(inputs - iw, lines.element), lines.elements), first)
    cdef int64_t step = lines.element * g.x_channels
    for e in range(first):
        pixels[e] = zeros
    for e in range(first, end):
        pixels[e] = start + e * step
    for e in range(end, lines.elements):
        pixels[e] = zeros


cdef void list_pixels(
    const Grouped *g, const Axes *a, const Region *r, const Lines *lines, const float *zeros, const float **pixels
) noexcept nogil:
    """List pointers to the pixels that a block reads: row by row, phase by phase, line by line."""
    cdef int64_t t, row, p, i, id, ih, iw, inputs
    for t in range(a.d.taps):
        id = r.plane * a.d.stride + a.d.first + t * a.d.step
        for row in range(pixel_rows(&a.v, r.rows)):
            ih = r.row * a.v.stride + a.v.first + row
            inputs = a.h.inputs if 0 <= id < a.d.inputs and 0 <= ih < a.v.inputs else 0
            for p in range(lines.phases):
                for i in range(lines.count):
                    iw = (r.column + p) * a.h.stride + a.h.first + i * lines.shift
                    list_line(
                        g, lines, zeros, g.x + r.channel + g.x_channels * (
                            ((r.image * a.d.inputs + id) * a.v.inputs + ih) * a.h.inputs + iw),
                        iw, inputs, pixels)
                    pixels += lines.elements


cdef int64_t list_segments(
    const Grouped *g, const Axes *a, const Lines *lines, int64_t rows, int64_t *line_offsets, int64_t *w_offsets
) noexcept nogil:
    """List the offsets of the segments of a window among the pointers and in the kernel; return their number."""
    cdef int64_t row = lines.phases * lines.count * lines.elements, parts = a.h.taps // lines.taps, t, i, j
    for t in range(a.d.taps):
        for i in range(a.v.taps):
            for j in range(parts):
                line_offsets[j] = (t * pixel_rows(&a.v, rows) + i * a.v.step) * row + j * lines.segment
                w_offsets[j] = g.w_tap * (
                    (kernel_element(&a.d, t) * g.v.taps + kernel_element(&a.v, i)) * g.h.taps
                    + kernel_element(&a.h, j * lines.taps))
            line_offsets += parts
            w_offsets += parts
    return a.d.taps * a.v.taps * parts


cdef inline int64_t tile_rows(int64_t left) noexcept nogil:
    """Return the height of the next tile if `left` outputs are left: few tiles, and no small tiles if 7 divides."""
    if left >= 7 and left % 7 == 0:
        return 7
    return 8 if left >= 8 else 7 if left == 7 else 4 if left >= 4 else 2 if left >= 2 else 1


cdef inline int64_t zero_floats(const Grouped *g) noexcept nogil:
    """Return the number of zeros for a pixel of padding and for the floats that a vector reads after it.

    They fill entire cache lines.
    """
    return (g.slice // g.co * g.ci + LANES + 15) // 16 * 16


cdef Region region_of(const Grouped *g, int64_t block, int64_t channel, const Axes *a) noexcept nogil:
    """Return the pixels of a block along the axes of a phase; the last phases may have no rows or columns."""
    cdef Region r
    r.column = block % g.column_blocks * g.columns
    r.columns = min(g.columns, a.h.outputs - r.column)
    block //= g.column_blocks
    r.row = block % g.row_blocks * g.rows
    r.rows = min(g.rows, a.v.outputs - r.row)
    block //= g.row_blocks
    r.plane = block % g.planes
    r.image = block // g.planes
    if r.plane >= a.d.outputs:
        r.rows = 0
    r.channel = channel // g.co * g.ci
    return r


cdef void sweep(
    const Grouped *g, const grouped_kernel *kernels, grouped_tile *tile, const Axes *a, int64_t block, int64_t channel,
    char *scratch
) noexcept nogil:
    """Run the tiles over a block of the outputs of two axes: columns in strips, whose rows share most pixels."""
    cdef Region r = region_of(g, block, channel, a)
    cdef float *zeros = <float *> scratch
    cdef const float **pixels = <const float **> (zeros + zero_floats(g))
    cdef int64_t *line_offsets = <int64_t *> (pixels + g.pixels)
    cdef int64_t *w_offsets = line_offsets + g.segments
    cdef Lines lines
    if r.rows <= 0 or r.columns <= 0:
        return
    memset(zeros, 0, <char *> pixels - <char *> zeros)
    lines = lay_lines(g, &a.h, r.columns)
    tile.line_offsets = line_offsets
    tile.w_offsets = w_offsets
    tile.segments = list_segments(g, a, &lines, r.rows, line_offsets, w_offsets)
    tile.w_tap = a.h.kernel_step * g.w_tap
    tile.x_columns = g.x_channels - r.channel
    tile.y_step = lines.phases * a.h.y_step * g.y_channels
    fetch_ahead(g, a, &r, &lines, tile)
    if kernels == &g.table.f32_grouped[0][0][0][0] and is_square(g, a):    # lines take less memory than their pixels
        list_lines(g, a, &r, zeros, <grouped_line *> pixels)
        run_square_tiles(g, tile, a, &r, <const grouped_line *> pixels, channel)
    else:
        list_pixels(g, a, &r, &lines, zeros, pixels)
        run_tiles(g, kernels, tile, a, &r, &lines, pixels, channel)


cdef inline void fetch_ahead(
    const Grouped *g, const Axes *a, const Region *r, const Lines *lines, grouped_tile *tile
) noexcept nogil:
    """Prefetch the tile below, or a later tile of the same row if there is only a single, long row.

    Nothing is prefetched if the caches may hold all pixels.
    """
    cdef bint along = r.rows == 1 and lines.elements >= 2 * AHEAD * lines.stride
    cdef int64_t fresh_rows = min(max(a.v.stride // max(a.v.step, 1), 1), a.v.taps)
    cdef int64_t read = a.d.inputs * a.v.inputs * a.h.inputs * g.x_channels
    cdef int64_t written = a.d.y_size * a.v.y_size * a.h.y_size * g.y_channels
    tile.fresh = tile.segments
    if g.images * (read + written) > CACHED_FLOATS:
        tile.fresh -= a.h.taps // lines.taps * fresh_rows
    tile.y_next = AHEAD * tile.y_step if along else a.v.y_step * a.h.y_size * g.y_channels
    tile.next = AHEAD * lines.stride if along else a.v.stride * lines.phases * lines.count * lines.elements


cdef inline float *output_of(
    const Grouped *g, const Axes *a, const Region *r, int64_t row, int64_t column, int64_t channel
) noexcept nogil:
    """Return the address of an output pixel of a block."""
    cdef int64_t plane = r.image * a.d.y_size + a.d.y_first + r.plane * a.d.y_step
    cdef int64_t line = plane * a.v.y_size + a.v.y_first + (r.row + row) * a.v.y_step
    return g.y + channel + g.y_channels * (line * a.h.y_size + a.h.y_first + (r.column + column) * a.h.y_step)


cdef void run_tiles(
    const Grouped *g, const grouped_kernel *kernels, grouped_tile *tile, const Axes *a, const Region *r,
    const Lines *lines, const float **pixels, int64_t channel
) noexcept nogil:
    """Run the tiles of a block, row by row of each phase of its columns."""
    cdef const grouped_kernel *heights = kernels + (
        (g.fetch * (GROUPED_STRIDE + 1) + lines.stride) * (GROUPED_TAPS + 1) + lines.taps) * (GROUPED_ROWS + 1)
    cdef int64_t p, row, first, count, height
    for p in range(lines.phases):
        count = ceil_div(r.columns - p, lines.phases)
        for row in range(r.rows):
            first = 0
            while first < count:
                height = tile_rows(count - first)
                tile.pixels = pixels + (
                    (row * a.v.stride * lines.phases + p) * lines.count * lines.elements + first * lines.stride)
                tile.y = output_of(g, a, r, row, p + first * lines.phases, channel)
                heights[height](tile)
                first += height


cdef inline bint is_square(const Grouped *g, const Axes *a) noexcept nogil:
    """Return True for depthwise windows of 3 x 3 neighbours that meet at most a column of padding on each side."""
    cdef int64_t end = a.h.first + (a.h.outputs - 1) * a.h.stride + 3
    return (
        g.fetch == FETCH_SAME and a.d.taps == 1 and a.v.taps == a.h.taps == 3 and a.v.step == a.h.step == 1
        and a.v.stride == a.h.stride <= GROUPED_STRIDE and a.h.first >= -1 and end <= a.h.inputs + 1)


cdef void list_lines(
    const Grouped *g, const Axes *a, const Region *r, const float *zeros, grouped_line *lines
) noexcept nogil:
    """List the lines of pixels that a block with square windows reads, from its first column on; zeros for padding."""
    cdef int64_t id = r.plane * a.d.stride + a.d.first, row, ih, line
    for row in range(pixel_rows(&a.v, r.rows)):
        ih = r.row * a.v.stride + a.v.first + row
        if 0 <= id < a.d.inputs and 0 <= ih < a.v.inputs:
            line = ((r.image * a.d.inputs + id) * a.v.inputs + ih) * a.h.inputs + r.column * a.h.stride + a.h.first
            lines[row] = grouped_line(g.x + r.channel + g.x_channels * line, g.x_channels)
        else:
            lines[row] = grouped_line(zeros, 0)


cdef void run_square_tiles(
    const Grouped *g, grouped_tile *tile, const Axes *a, const Region *r, const grouped_line *lines, int64_t channel
) noexcept nogil:
    """Run the tiles of a block with square windows, one or two rows at a time."""
    cdef int64_t stride = a.h.stride, row = 0, rows, first, height, column
    while row < r.rows:
        rows = 2 if g.table.f32_depthwise[stride][2][1] != NULL and row + 1 < r.rows else 1
        tile.lines = lines + row * stride
        first = 0
        while first < r.columns:
            height = tile_rows(r.columns - first)
            column = (r.column + first) * stride + a.h.first
            tile.pixel = first * stride
            tile.first = LANES if column >= 0 else 0
            tile.last = LANES if column + (height - 1) * stride + 3 <= a.h.inputs else 0
            tile.y = output_of(g, a, r, row, first, channel)
            g.table.f32_depthwise[stride][rows][height](tile)
            first += height
        row += rows


cdef grouped_tile start_tile(const Grouped *g, int64_t channel) noexcept nogil:
    """Return a tile with the fields that all tiles of a slice of the channels have in common."""
    cdef grouped_tile tile
    tile.w_row = g.w_row
    tile.w = (g.transposed if g.transposed else g.w) + channel
    tile.columns = min(g.slice, g.y_channels - channel)
    tile.width = g.co
    tile.depth = g.ci
    tile.lanes = &g.lanes[0]
    tile.bias = g.bias + channel if g.bias else <const float *> NULL
    tile.activation = g.activation
    tile.alpha = g.alpha
    return tile


cdef Axes phase_axes(const Grouped *g, int64_t phase) noexcept nogil:
    return Axes(
        phase_axis(&g.d, phase // (g.v.phases * g.h.phases)), phase_axis(&g.v, phase // g.h.phases % g.v.phases),
        phase_axis(&g.h, phase % g.h.phases))


cdef void correlate_block(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Compute a block of pixels of a slice of the channels, phase by phase."""
    cdef const Grouped *g = <const Grouped *> work
    cdef int64_t channel = task % g.slices * g.slice, phase
    cdef grouped_tile tile = start_tile(g, channel)
    cdef Axes axes
    for phase in range(g.d.phases * g.v.phases * g.h.phases):
        axes = phase_axes(g, phase)
        sweep(g, &g.table.f32_grouped[0][0][0][0], &tile, &axes, task // g.slices, channel, scratch)


cdef void transpose_tap(const void *work, int64_t tap, char *scratch) noexcept nogil:
    """Exchange the channels of each group of a tap: w (CI, groups, CO) to `transposed` (CO, groups, CI).

    The convolution reads CO channels of a group, which `ci` counts, and computes CI channels, which `co` counts.
    """
    cdef const Grouped *g = <const Grouped *> work
    cdef const float *w = g.w + tap * g.w_tap
    cdef float *to = g.transposed + tap * g.w_tap
    cdef int64_t k, i, c
    for k in range(g.ci):
        for i in range(g.groups):
            for c in range(g.co):
                to[(k * g.groups + i) * g.co + c] = w[(c * g.groups + i) * g.ci + k]


cdef void sum_chunk(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Sum a chunk of the blocks of pixels into dw, for a slice of the channels."""
    cdef const Grouped *g = <const Grouped *> work
    cdef int64_t channel = task % g.slices * g.slice, chunk = task // g.slices, i
    cdef int64_t blocks = g.images * g.planes * g.row_blocks * g.column_blocks
    cdef grouped_tile tile = start_tile(g, channel)
    cdef Axes axes = phase_axes(g, 0)
    tile.dw = (g.dw if chunk == 0 else g.partials + (chunk - 1) * g.w_floats) + channel
    for i in range(g.w_floats // g.y_channels):
        memset(tile.dw + i * g.y_channels, 0, tile.columns * sizeof(float))
    for i in range(chunk * g.chunk, min((chunk + 1) * g.chunk, blocks)):
        sweep(g, &g.table.f32_grouped_gradient[0][0][0][0], &tile, &axes, i, channel, scratch)


cdef void add_chunks(const void *work, int64_t part, char *scratch) noexcept nogil:
    """Add a part of the partial sums to dw."""
    cdef const Grouped *g = <const Grouped *> work
    add_partials(g.dw, g.partials, g.chunks - 1, g.w_floats, part)


cdef inline int64_t slice_unit(const Grouped *g) noexcept nogil:
    """Return the number of channels that fill vectors with entire groups."""
    cdef int64_t unit = LANES
    while unit % g.co:
        unit += LANES
    return unit


cdef void share_rows(Grouped *g, int threads) noexcept nogil:
    """Cut rows and channels again if threads would wait for each other. Neighbouring blocks read some rows twice."""
    cdef int64_t unit = slice_unit(g), rows = ceil_div(g.v.outputs, g.v.phases)
    cdef int64_t units = ceil_div(g.y_channels, unit), most = ceil_div(g.slice, unit)
    cdef Work work = Work(
        threads, g.images * g.planes * g.column_blocks, Side(rows, g.rows, (g.v.taps - 1.0) / g.v.taps),
        Side(units, most, LISTED_CHANNELS / unit))
    cdef Share share = share_out(&work, g.rows, most)
    g.rows = share.rows
    g.row_blocks = ceil_div(rows, g.rows)
    g.slice = min(share.columns * unit, g.y_channels)
    g.slices = ceil_div(g.y_channels, g.slice)
    measure_scratch(g)


cdef void pair_rows(Grouped *g) noexcept nogil:
    """Let all blocks but the last have an even number of rows, since tiles take two at a time."""
    g.rows += g.rows % 2
    g.row_blocks = ceil_div(ceil_div(g.v.outputs, g.v.phases), g.rows)
    measure_scratch(g)


cdef void cut(Grouped *g) noexcept nogil:
    cdef int64_t unit, i, tasks, blocks
    cdef Axes a = phase_axes(g, 0)         # phase 0 has the most outputs
    g.table = tiles()
    g.fetch = FETCH_SAME if g.co == 1 and g.ci == 1 else (
        FETCH_ONE if g.co % g.table.vector_floats == 0 else FETCH_PICK)
    for i in range(LANES):
        g.lanes[i] = <int32_t> (i // g.co * g.ci)
    unit = slice_unit(g)
    g.slice = min(SLICE, max(KERNEL_FLOATS * g.y_channels // g.w_floats, 1))
    g.slice = min(ceil_div(even_parts(g.y_channels, g.slice), unit) * unit, g.y_channels)
    g.slices = ceil_div(g.y_channels, g.slice)
    g.planes = a.d.outputs
    g.columns = even_parts(a.h.outputs, LINE)
    g.column_blocks = ceil_div(a.h.outputs, g.columns)
    tasks = g.images * g.planes * g.column_blocks * g.slices
    g.rows = even_parts(a.v.outputs, max(min(
        BLOCK_FLOATS // (g.columns * g.slice * g.v.phases * g.h.phases), ceil_div(a.v.outputs * tasks, TASKS)), 1))
    g.row_blocks = ceil_div(a.v.outputs, g.rows)
    blocks = g.images * g.planes * g.row_blocks * g.column_blocks
    g.chunks = max(min(ceil_div(CHUNKS, g.slices), MOST_PARTIAL_FLOATS // g.w_floats), 1)
    g.chunk = ceil_div(blocks, g.chunks)
    g.chunks = ceil_div(blocks, g.chunk)
    measure_scratch(g)


cdef void measure_scratch(Grouped *g) noexcept nogil:
    """Set the most pointers and offsets that a block of any phase has, and the bytes of scratch memory."""
    cdef int64_t phase
    cdef Lines lines
    cdef Axes a
    g.pixels = 0
    for phase in range(g.v.phases * g.h.phases):
        a = phase_axes(g, phase)
        lines = lay_lines(g, &a.h, g.columns)
        g.pixels = max(
            g.pixels, size_product(pixel_rows(&a.v, g.rows), lines.phases * lines.count * lines.elements))
    g.pixels = size_product(g.pixels, g.d.taps)
    g.segments = g.d.taps * g.v.taps * g.h.taps
    g.scratch_bytes = (
        sizeof(float) * zero_floats(g) + size_product(sizeof(void *), g.pixels + 2 * g.segments) + 63) // 64 * 64


cdef int64_t tasks_of(const Grouped *g) noexcept nogil:
    return g.images * g.planes * g.row_blocks * g.column_blocks * g.slices


cdef double work_of(const Grouped *g) noexcept nogil:
    """Return the number of multiply-adds, as `threads_for` counts them."""
    cdef double pixels = <double> g.images * min(
        g.d.inputs * g.v.inputs * g.h.inputs, g.d.outputs * g.v.outputs * g.h.outputs)
    return LOADS * pixels * g.d.taps * g.v.taps * g.h.taps * g.y_channels * g.ci


cdef void correlate(Grouped *g, bint exchange) except *:
    """Run the tasks of a correlation; if `exchange`, with the input and output channels of w exchanged."""
    cut(g)
    cdef int threads = threads_for(work_of(g))
    if threads > 1:
        share_rows(g, threads)
    else:
        pair_rows(g)
    cdef int64_t taps = g.w_floats // g.w_tap
    cdef char *scratch
    cdef task_phase[2] phases = [
        task_phase(transpose_tap, taps if exchange else 0), task_phase(correlate_block, tasks_of(g))]
    if exchange:
        scratch = <char *> borrow_with_weights(
            threads, g.scratch_bytes, 0, g.w_floats * sizeof(float), <void **> &g.transposed)
    else:
        scratch = <char *> borrow_parts(threads, g.scratch_bytes, 0)
    with nogil:
        pack_and_run(phases, 2, g, sizeof(Grouped), threads, scratch, g.scratch_bytes)
    give_scratch_back(scratch)


cdef void describe(
    Grouped *g, convolution, cnp.ndarray x, cnp.ndarray w, cnp.ndarray y, bias, int activation, float alpha,
    bint backward
) except *:
    """Set the sizes and pointers of a correlation of x with windows of w, of all groups."""
    cdef tuple strides = convolution.strides, padding = convolution.padding, dilation = convolution.dilation
    cdef int64_t last = x.ndim - 1
    g.images, g.x_channels, g.y_channels = x.shape[0], x.shape[last], y.shape[last]
    g.groups = (g.y_channels if backward else g.x_channels) // w.shape[last - 1]
    g.ci, g.co = g.x_channels // g.groups, g.y_channels // g.groups
    g.x = floats(x, cnp.PyArray_SIZE(x))
    g.y = floats(y, cnp.PyArray_SIZE(y))
    g.w = floats(w, cnp.PyArray_SIZE(w))
    g.w_floats = cnp.PyArray_SIZE(w)
    g.transposed = NULL
    g.w_row, g.w_tap = g.y_channels, g.ci * g.y_channels
    g.bias = <float *> NULL if bias is None else floats(bias, g.y_channels)
    g.activation, g.alpha = activation, alpha
    g.d = way_of(x, w, y, strides, padding, dilation, 2, backward)
    g.v = way_of(x, w, y, strides, padding, dilation, 1, backward)
    g.h = way_of(x, w, y, strides, padding, dilation, 0, backward)
    cdef Axes axes = phase_axes(g, 0)
    check_addresses(g.images, &axes.d, &axes.v, &axes.h, g.x_channels)


def conv(
    convolution,      # IN  a Convolution
    cnp.ndarray x,    # IN  (N, .., groups * CI), with one to three spatial axes
    cnp.ndarray w,    # IN  (.., CI, CO)
    bias,             # IN  (CO,) or None
    cnp.ndarray y,    # OUT (N, .., CO)
    int activation, float alpha,
):
    """y = act(bias + x * w), group by group"""
    cdef Grouped g
    if cnp.PyArray_SIZE(y) == 0:
        return
    describe(&g, convolution, x, w, y, bias, activation, alpha, False)
    correlate(&g, False)


def conv_backward_input(
    convolution,      # IN  a Convolution
    cnp.ndarray dy,   # IN  (N, .., groups * CO), with one to three spatial axes
    cnp.ndarray w,    # IN  (.., CI, groups * CO)
    bias,             # IN  (groups * CI,) or None
    cnp.ndarray dx,   # OUT (N, .., groups * CI)
    int activation, float alpha,
):
    """dx = act(bias + C^T dy): for every phase of a stride a correlation of dy with the taps that reach it"""
    cdef Grouped g
    if cnp.PyArray_SIZE(dy) == 0 or cnp.PyArray_SIZE(dx) == 0:
        fill_bias(dx, bias, activation, alpha)
        return
    describe(&g, convolution, dy, w, dx, bias, activation, alpha, True)
    correlate(&g, max(g.ci, g.co) > 1)


def conv_backward_kernel(
    convolution,      # IN  a Convolution
    cnp.ndarray x,    # IN  (N, .., groups * CI), with one to three spatial axes
    cnp.ndarray dy,   # IN  (N, .., CO)
    cnp.ndarray dw,   # OUT (.., CI, CO)
):
    """dw[.., k, c] = x shifted by a tap times dy, summed over pixels"""
    cdef Grouped g
    if cnp.PyArray_SIZE(dy) == 0:
        fill_bias(dw, None, LINEAR, 0)
        return
    describe(&g, convolution, x, dw, dy, None, LINEAR, 0, False)
    g.dw = floats(dw, g.w_floats)
    cut(&g)
    cdef int threads = threads_for(work_of(&g))
    cdef char *scratch = <char *> borrow_parts(
        threads, g.scratch_bytes, (g.chunks - 1) * g.w_floats * sizeof(float))
    cdef task_phase[2] phases = [task_phase(sum_chunk, g.chunks * g.slices), task_phase(add_chunks, TASKS)]
    g.partials = <float *> (scratch + threads * g.scratch_bytes)
    with nogil:
        run_phases(phases, 2 if g.chunks > 1 else 1, &g, sizeof(Grouped), threads, scratch, g.scratch_bytes)
    give_scratch_back(scratch)
