# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Convolutions: every one is row pointers times packed columns, tile by tile.

A correlation reads windows of an image at regular places. Convolution is one; its gradient with respect to the input is
one for every phase of the stride; a matrix product is one whose window is a single pixel. The gradient with respect to
the kernel runs the same tiles with the roles exchanged: they sum over pixels.
Shapes, dtypes and contiguity have been checked by the caller (`backends/cpu/backend.py`).
"""
import itertools
import math

import numpy as np

cimport numpy as cnp
from cython.parallel cimport parallel, prange, threadid
from libc.math cimport sqrt
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from fastconv._core cimport (
    borrow_parts,
    flush_denormals,
    gemm_tile,
    give_scratch_back,
    kernel_table,
    restore_denormals,
    size_product,
    threads_for,
    tiles,
)

cnp.import_array()

cdef extern from "kernels.h":
    enum: LINEAR
    enum: DOT_COLUMNS

cdef extern from * nogil:
    void __builtin_prefetch(const void *p, int rw, int locality)


# ---- geometry: an image, the windows that move over it, and blocks of their places -----------------------------------

# Cuts by shape alone, so that the bits of a result do not depend on the number of threads.
cdef enum:
    FEWEST_PIXELS = 128                    # fewer spend much of their time on packing the weights
    MOST_PIXELS = 1024
    ZONE_PIXELS = 8                        # of an image: where zones have fewer, blocks take rows of one height from
    MOST_PLANES = 32                       # so many planes
    PANEL_FLOATS = 1 << 16                 # 256 KB: a quarter to a half of a second-level cache
    GEMM_DEPTH = 640                       # rows of packed columns: 160 KB at the widest tile
    BUNDLE_CHANNELS = 64                   # of groups whose pixels are summed over together: whole lines of the cache
    PIXEL_DEPTH = 384                      # the same where pixels are summed over
    FETCHED_DEPTH = 96                     # where those of the next block come to the cache at the same time
    FETCHED_SLICE = 256                    # channels of them: 96 KB a block
    ZONED_CHANNELS = 10                    # fewer of one tap do not fill tiles
    CACHE_LINE = 16                        # floats
    MOST_PARTIAL_FLOATS = 1 << 20          # in all partial sums of a kernel's gradient


cdef double MOST_BYTES = 4.0 * (1 << 30) * (1 << 30)
cdef double ZONE_GAIN = 16.0               # vector multiply-adds a pixel that repay the shorter runs of pixels


cdef float *floats(cnp.ndarray array, int64_t size) except? NULL:
    """The last gate before raw pointers: `array` must hold `size` float32 in C order."""
    if (
        cnp.PyArray_TYPE(array) != cnp.NPY_FLOAT32 or not cnp.PyArray_ISCARRAY_RO(array)
        or cnp.PyArray_SIZE(array) != size
    ):
        raise ValueError(
            f"A kernel needs {size} elements of float32 in C order. "
            f"Received: shape {(<object> array).shape}, {(<object> array).dtype}.")
    return <float *> cnp.PyArray_DATA(array)


cdef int64_t groups_of(int64_t channels, cnp.ndarray w) except -1:
    """How many groups of input channels the kernel w (.., CI, CO) has."""
    cdef int64_t ci = w.shape[w.ndim - 2]
    if channels < 1 or ci < 1 or channels % ci or w.shape[w.ndim - 1] % (channels // ci):
        raise ValueError(
            f"Channels must be whole groups of the kernel's. Received: {channels}, kernel {(<object> w).shape}.")
    return channels // ci


cdef Axis forward_axis(
    int64_t inputs, int64_t outputs, int64_t taps, int64_t stride, int64_t dilation, int64_t before
) noexcept nogil:
    """y[o] = sum over k of x[o * stride + k * dilation - before] w[k]"""
    return Axis(inputs, outputs, taps, stride, -before, dilation, 0, 1, outputs, 0, 1)


cdef Axis backward_axis(
    int64_t inputs, int64_t outputs, int64_t taps, int64_t stride, int64_t dilation, int64_t before, int64_t phase
) noexcept nogil:
    """dx[phase + o * stride] = sum over k of dy[o + (phase + before - k * dilation) / stride] w[k], where it divides"""
    cdef Axis axis = Axis(outputs, ceil_div(inputs - phase, stride), 0, 1, 0, 0, 0, 0, inputs, phase, stride)
    cdef int64_t k
    for k in reversed(range(taps)):
        if (phase + before - k * dilation) % stride == 0:
            if axis.taps == 0:
                axis.kernel_first = k
                axis.first = (phase + before - k * dilation) // stride
            elif axis.taps == 1:
                axis.kernel_step = k - axis.kernel_first
                axis.step = -axis.kernel_step * dilation // stride
            axis.taps += 1
    return axis


cdef inline Axis forward_axis_of(
    cnp.ndarray x, cnp.ndarray w, cnp.ndarray y, tuple strides, tuple padding, tuple dilation, int64_t following
) except *:
    """Return the spatial axis that `following` others follow; an axis of one pixel and one tap if there is none."""
    cdef int64_t i = w.ndim - 3 - following
    if i < 0:
        return forward_axis(1, 1, 1, 1, 1, 0)
    return forward_axis(x.shape[i + 1], y.shape[i + 1], w.shape[i], strides[i], dilation[i], padding[i][0])


cdef inline Axis backward_axis_of(
    cnp.ndarray dy, cnp.ndarray w, cnp.ndarray dx, tuple strides, tuple padding, tuple dilation, tuple phase,
    int64_t following
) except *:
    """Return the same axis for one phase of the gradient with respect to the input."""
    cdef int64_t i = w.ndim - 3 - following
    if i < 0:
        return forward_axis(1, 1, 1, 1, 1, 0)
    return backward_axis(
        dx.shape[i + 1], dy.shape[i + 1], w.shape[i], strides[i], dilation[i], padding[i][0], phase[i])


cdef Image forward_image(
    convolution,      # IN  strides, padding and dilation
    cnp.ndarray x,    # IN  (N, .., C), with one to three spatial axes
    cnp.ndarray w,    # IN  (.., CI, CO); only its shape is read
    cnp.ndarray y,    # OUT (N, .., CO); only its shape is read
    int64_t groups,
) except *:
    """Return the input of a convolution, with the axes along which windows move."""
    cdef tuple strides = convolution.strides, padding = convolution.padding, dilation = convolution.dilation
    cdef int64_t channels = x.shape[x.ndim - 1]
    cdef Image image = Image(
        floats(x, cnp.PyArray_SIZE(x)), x.shape[0],
        forward_axis_of(x, w, y, strides, padding, dilation, 2),
        forward_axis_of(x, w, y, strides, padding, dilation, 1),
        forward_axis_of(x, w, y, strides, padding, dilation, 0),
        channels, groups, channels // groups)
    check_addresses(image.images, &image.d, &image.v, &image.h, channels)
    return image


cdef Image backward_image(
    convolution,      # IN  strides, padding and dilation
    cnp.ndarray dy,   # IN  (N, .., CO)
    cnp.ndarray w,    # IN  (.., CI, CO)
    cnp.ndarray dx,   # OUT (N, .., C)
    tuple phase, int64_t groups,
) except *:
    """Return dy, with the axes along which one phase of the gradient with respect to the input reads it."""
    cdef tuple strides = convolution.strides, padding = convolution.padding, dilation = convolution.dilation
    cdef int64_t channels = dy.shape[dy.ndim - 1]
    cdef Image image = Image(
        floats(dy, cnp.PyArray_SIZE(dy)), dy.shape[0],
        backward_axis_of(dy, w, dx, strides, padding, dilation, phase, 2),
        backward_axis_of(dy, w, dx, strides, padding, dilation, phase, 1),
        backward_axis_of(dy, w, dx, strides, padding, dilation, phase, 0),
        channels, groups, channels // groups)
    check_addresses(image.images, &image.d, &image.v, &image.h, channels)
    return image


cdef void check_addresses(
    int64_t images, const Axis *d, const Axis *v, const Axis *h, int64_t channels
) except *:
    """The padding that windows reach has addresses, too: their differences must be int64.

    Raises ValueError if they may not be.
    """
    cdef double bytes = sizeof(float) * <double> images * channels * reach_of(d) * reach_of(v) * reach_of(h)
    if bytes >= MOST_BYTES:
        raise ValueError(
            f"Windows must reach less than 2**62 bytes, padding included. "
            f"Received: {images} x ({d.inputs}, {v.inputs}, {h.inputs}) x {channels} inputs, "
            f"({d.outputs}, {v.outputs}, {h.outputs}) outputs, strides of ({d.stride}, {v.stride}, {h.stride})")


cdef inline double reach_of(const Axis *a) noexcept nogil:
    """The most inputs, padding included, from the first one or the first that is read, to the last."""
    cdef int64_t last = a.first + axis_span(a)
    return max(last, a.inputs) - min(a.first, 0)


cdef int64_t taps_of(const Image *x) noexcept nogil:
    return x.d.taps * x.v.taps * x.h.taps


cdef int64_t pixels_of(const Image *x) noexcept nogil:
    """Output pixels."""
    return x.images * x.d.outputs * x.v.outputs * x.h.outputs


def phases(tuple strides, tuple padding, tuple dilation, cnp.ndarray w, cnp.ndarray dx):
    """The phases of strides that have pixels in dx (N, .., C) and that taps of the kernel w reach."""
    axes = zip(strides, padding, dilation, (<object> w).shape, (<object> dx).shape[1:])
    return list(itertools.product(*[
        sorted({phase for k in range(min(taps, s)) if (phase := (k * d - before) % s) < n}) if s > 1 else (0,)
        for s, (before, _), d, taps, n in axes
    ]))


def fill_unreached(cnp.ndarray y, cnp.ndarray w, bias, tuple strides, tuple dilation, int activation, float alpha):
    """y = act(bias) if there are phases of strides that no tap of the kernel w reaches"""
    if all(math.gcd(s, d) == 1 and s <= k for s, d, k in zip(strides, dilation, (<object> w).shape)):
        return
    fill_bias(y, bias, activation, alpha)


def fill_bias(cnp.ndarray y, bias, int activation, float alpha):
    """y = act(bias)"""
    cdef cnp.ndarray start = np.zeros(1, np.float32) if bias is None else bias.copy()
    cdef float *values = floats(start, cnp.PyArray_SIZE(start))
    tiles().f32_activate(values, values, cnp.PyArray_SIZE(start), activation, alpha, False)
    (<object> y)[...] = start


cdef inline int64_t reach(const Axis *a) noexcept nogil:
    """Inputs between the first and the last tap of one output, both included."""
    return (a.taps - 1) * a.step + 1


cdef inline int64_t axis_span(const Axis *a) noexcept nogil:
    """Inputs between the first and the last that any output reads, padding included."""
    return (a.outputs - 1) * a.stride + reach(a)


cdef inline bint axis_in_place(const Axis *a) noexcept nogil:
    return a.first >= 0 and a.first + axis_span(a) <= a.inputs


cdef inline bint sparse_axis(const Axis *a) noexcept nogil:
    """Whether most of what windows span is neither read nor written: strides, dilation and padding are large."""
    return axis_span(a) > 4 * (a.inputs + a.outputs) or reach(a) > 4 * a.inputs + a.taps


cdef inline bint sparse(const Image *x) noexcept nogil:
    return sparse_axis(&x.d) or sparse_axis(&x.v) or sparse_axis(&x.h)


cdef inline bint in_place(const Image *x) noexcept nogil:
    """Whether no output reads padding."""
    return axis_in_place(&x.d) and axis_in_place(&x.v) and axis_in_place(&x.h)


cdef inline bint block_in_place(const Image *x, const Block *block) noexcept nogil:
    """Whether no output of a block reads padding: of a long line only the ends do."""
    cdef int64_t left = x.h.first + block.column * x.h.stride
    cdef int64_t right = left + (block.columns - 1) * x.h.stride + reach(&x.h)
    return axis_in_place(&x.d) and axis_in_place(&x.v) and left >= 0 and right <= x.h.inputs


cdef Cut cut_pixels(const Image *x, int64_t channels, int64_t pixels, bint copied) noexcept nogil:
    """Blocks of at most so many pixels, but for short rows, whose panels fit the cache.

    `channels` counts those of all taps along the depth that are taken at a time.
    """
    cdef Cut cut
    cdef int64_t all_rows = x.images * x.d.outputs * x.v.outputs, columns = pixels, rows, width, panel_rows
    if copied:
        width = PANEL_FLOATS // (reach(&x.v) * channels)
        columns = min(columns, max((width - reach(&x.h)) // x.h.stride + 1, reach(&x.h) // x.h.stride, 16))
    cut.columns = even_parts(x.h.outputs, columns)
    cut.column_blocks = ceil_div(x.h.outputs, cut.columns)
    width = (cut.columns - 1) * x.h.stride + reach(&x.h)
    rows = max(pixels // cut.columns, 1) if cut.column_blocks == 1 else 1
    if copied:
        rows = min(rows, max((PANEL_FLOATS // (width * channels) - reach(&x.v)) // x.v.stride + 1, 1))
    cut.rows = even_parts(all_rows, rows)
    cut.row_blocks = ceil_div(all_rows, cut.rows)
    # Rows of a block are a stride apart, but for the first of a plane.
    panel_rows = (cut.rows - 1) * x.v.stride + (ceil_div(cut.rows, x.v.outputs) + 1) * reach(&x.v)
    cut.panel_floats = (size_product(size_product(panel_rows, width), channels) + 15) // 16 * 16 if copied else 0
    return cut


cdef Block cut_block(const Image *x, const Cut *cut, int64_t i) noexcept nogil:
    """The i-th block, row by row."""
    cdef int64_t row = i // cut.column_blocks * cut.rows, column = i % cut.column_blocks * cut.columns
    return Block(
        row, min(cut.rows, x.images * x.d.outputs * x.v.outputs - row), column, min(cut.columns, x.h.outputs - column))


cdef View look(
    const Image *x, const Block *block, int64_t tap, int64_t taps, int64_t channel, int64_t channels, float *panel
) noexcept nogil:
    """What a block reads of channels channel..channel + channels for the taps tap..tap + taps along the depth.

    It is copied to `panel`, if there is one, where it reads padding.
    """
    cdef View view
    cdef int64_t last = block.row + block.rows - 1, first_plane = block.row // x.v.outputs
    cdef int64_t first_row = block.row % x.v.outputs * x.v.stride
    cdef int64_t planes = last // x.v.outputs - first_plane
    cdef int64_t rows = last % x.v.outputs * x.v.stride - first_row + reach(&x.v)
    cdef int64_t left = x.h.first + block.column * x.h.stride, width, t, r, plane, id, ih
    if panel == NULL or block_in_place(x, block):
        view.planes = x.d.inputs
        view.plane_stride = x.d.stride
        view.first_row = 0
        view.rows = x.v.inputs
        view.row = x.h.inputs * x.channels
        view.pixel = x.channels
        view.tap = x.d.step * view.rows * view.row
        view.data = x.data + (
            ((x.d.first + tap * x.d.step) * view.rows + x.v.first) * view.row + left * view.pixel + channel)
        return view
    width = (block.columns - 1) * x.h.stride + reach(&x.h)
    view.planes = x.d.outputs
    view.plane_stride = 1
    view.rows = axis_span(&x.v)
    view.row = width * channels
    view.pixel = channels
    view.tap = (planes * view.rows + rows) * view.row
    view.first_row = first_plane * view.rows + first_row
    view.data = panel
    for t in range(tap, tap + taps):
        for r in range(view.first_row, view.first_row + planes * view.rows + rows):
            plane = r // view.rows
            id = plane % x.d.outputs * x.d.stride + x.d.first + t * x.d.step
            ih = r % view.rows + x.v.first
            if 0 <= id < x.d.inputs and 0 <= ih < x.v.inputs:
                plane = plane // x.d.outputs * x.d.inputs + id
                copy_row(panel, x, (plane * x.v.inputs + ih) * x.h.inputs, left, width, channel, channels)
            else:
                memset(panel, 0, view.row * sizeof(float))
            panel += view.row
    return view


cdef inline int64_t plane_of(const Image *x, const View *view, int64_t plane) noexcept nogil:
    """The plane of a view that an output plane, counted over all images, reads first."""
    return plane // x.d.outputs * view.planes + plane % x.d.outputs * view.plane_stride


cdef inline int64_t window_offset(const Image *x, const View *view, int64_t plane, int64_t row) noexcept nogil:
    """Where the windows of a row of a plane begin in a view."""
    return (plane_of(x, view, plane) * view.rows + row * x.v.stride - view.first_row) * view.row


cdef inline int64_t row_offset(const Image *x, const View *view, int64_t row) noexcept nogil:
    """The same of a row that is counted over all planes."""
    return window_offset(x, view, row // x.v.outputs, row % x.v.outputs)


cdef inline void copy_row(
    float *to, const Image *x, int64_t row, int64_t left, int64_t width, int64_t channel, int64_t channels
) noexcept nogil:
    """`width` pixels from column `left` of the input row that starts at pixel `row`, zeros outside of it."""
    cdef int64_t before = min(max(-left, 0), width)
    cdef int64_t inside = max(min(left + width, x.h.inputs) - (left + before), 0)
    cdef const float *source = x.data + (row + left + before) * x.channels + channel
    cdef int64_t i
    memset(to, 0, before * channels * sizeof(float))
    to += before * channels
    if channels == x.channels:
        memcpy(to, source, inside * channels * sizeof(float))
    else:
        for i in range(inside):
            memcpy(to + i * channels, source + i * x.channels, channels * sizeof(float))
    memset(to + inside * channels, 0, (width - before - inside) * channels * sizeof(float))


# ---- products of row pointers with packed columns --------------------------------------------------------------------

cdef int widest(const kernel_table *table) noexcept nogil:
    """Vectors of columns in the widest tile."""
    return 4 if table.gemm_height[4] else 3


cdef int tile_vectors(const kernel_table *table, int64_t columns) noexcept nogil:
    """Width of the next tile where `columns` are left: the widest one, but no thin rest after it."""
    cdef int most = widest(table)
    cdef int64_t left = ceil_div(columns, table.vector_floats)
    if left <= most:
        return <int> left
    return most if left >= 2 * most else <int> ceil_div(left, 2)


def tile_shape(int64_t columns) -> tuple:
    """(rows, columns) of the sums that the first tile of so many columns holds in registers."""
    cdef int vectors = tile_vectors(tiles(), columns)
    return tiles().gemm_height[vectors], vectors * tiles().vector_floats


cdef void multiply(
    const kernel_table *table, gemm_tile *tile, const float **rows, float **out, int64_t count, int vectors
) noexcept nogil:
    """Runs `count` rows through tiles of nearly equal heights."""
    cdef int64_t parts = ceil_div(count, table.gemm_height[vectors]), part, first = 0, last
    for part in range(parts):
        last = count * (part + 1) // parts
        tile.rows = rows + first
        tile.out = out + first
        tile.height = last - first
        tile.ahead = rows[last] - rows[first] if last < count else 0
        table.f32_gemm[vectors][tile.height](tile)
        first = last


# ---- correlation: convolution and its gradient with respect to the input ---------------------------------------------

cdef void choose_zones(Correlation *c) noexcept nogil:
    """Whether leaving out the taps in the padding saves more than shorter runs of pixels and lower tiles cost."""
    cdef Image *x = &c.x
    cdef int64_t zones = 1
    cdef double inside = share_inside(&x.d, &zones) * share_inside(&x.v, &zones) * share_inside(&x.h, &zones)
    cdef double work = <double> taps_of(x) * x.depth * c.width / c.table.vector_floats
    cdef bint gain = pixels_of(x) * (work * (1 - inside) - ZONE_GAIN) > zones * work * inside
    c.zoned = not in_place(x) and (gain or c.dots or sparse(x))
    c.group = 1
    if c.zoned and pixels_of(x) < ZONE_PIXELS * zones * x.images:
        c.group = even_parts(x.images * x.d.outputs, MOST_PLANES)


cdef void align_rows(Cut *cut, int64_t all_rows, int64_t group) noexcept nogil:
    """Cuts the rows between those of different height, or those of the same height in equal parts."""
    cut.rows = cut.rows // group * group if cut.rows > group else even_parts(group, cut.rows)
    cut.row_blocks = ceil_div(all_rows, cut.rows)


cdef void cut_correlation(Correlation *c) noexcept nogil:
    cdef Image *x = &c.x
    cdef int64_t tile_columns = widest(c.table) * c.table.vector_floats
    cdef int64_t pixels = pixels_of(x), taps = x.v.taps * x.h.taps, most
    cdef bint copied
    choose_zones(c)
    copied = not (in_place(x) or c.zoned)
    # Weights are packed fastest in long runs of channels; panels hold few.
    most = taps_of(x) * x.depth if c.dots else GEMM_DEPTH    # dot products are whole
    c.depth_block = even_parts(x.depth, max(most // (taps if copied else x.h.taps), 16))
    c.plane_block = even_parts(x.d.taps, max(most // (taps * c.depth_block), 1))
    c.tap_block = min(c.plane_block * x.v.taps, max((1 + copied) * most // (x.h.taps * c.depth_block), 1))
    # Every block of pixels packs the weights, every block of columns copies the pixels: cut most what is copied least.
    c.column_blocks = max(<int64_t> sqrt(<double> TASKS * taps * c.width / pixels), 1)
    c.column_block = ceil_div(ceil_div(c.width, c.column_blocks), tile_columns) * tile_columns
    c.column_blocks = ceil_div(c.width, c.column_block)
    pixels = max(ceil_div(pixels * c.column_blocks * x.groups, TASKS), FEWEST_PIXELS)
    c.cut = cut_pixels(x, c.plane_block * c.depth_block, min(pixels, MOST_PIXELS), copied)
    if c.group > 1:
        align_rows(&c.cut, x.images * x.d.outputs * x.v.outputs, c.group)
    if tasks_of(c) == 1 and not c.dots:    # two threads do more than the widest tile
        c.column_block = ceil_div(ceil_div(c.width, 2), c.table.vector_floats) * c.table.vector_floats
        c.column_blocks = ceil_div(c.width, c.column_block)
    c.packed_floats = c.tap_block * x.h.taps * c.depth_block * tile_columns
    c.scratch_bytes = (
        sizeof(float) * (c.cut.panel_floats + c.packed_floats)
        + (sizeof(Zone) + sizeof(Strip) + 2 * sizeof(void *)) * c.cut.rows * c.cut.columns
        + sizeof(Place) * c.cut.rows + sizeof(int64_t) * 2 * c.plane_block * taps + 63
    ) // 64 * 64


cdef void list_places(const Correlation *c, const Block *block, Place *places) noexcept nogil:
    """Where the rows of a block lie: those of the same height in a group of planes follow each other."""
    cdef int64_t planes = c.x.images * c.x.d.outputs, group_rows = c.group * c.x.v.outputs, i, row, first, count
    for i in range(block.rows):
        first = (block.row + i) // group_rows * c.group
        row = (block.row + i) % group_rows
        count = min(c.group, planes - first)
        places[i] = Place(first + row % count, row // count)


cdef void list_inputs(
    const Image *x, const View *view, const Place *places, const Strip *strips, int64_t count, const float **rows
) noexcept nogil:
    """Where the windows of the pixels of some strips begin."""
    cdef int64_t i, c
    cdef const Strip *strip
    cdef const float *start
    for i in range(count):
        strip = strips + i
        start = view.data + (
            window_offset(x, view, places[strip.row].plane, places[strip.row].row)
            + strip.column * x.h.stride * view.pixel)
        for c in range(strip.columns):
            rows[c] = start + c * x.h.stride * view.pixel
        rows += strip.columns


cdef void list_outputs(
    const Image *x, const Block *block, const Place *places, const Strip *strips, int64_t count, float *y,
    int64_t channels, float **out
) noexcept nogil:
    """Where the same pixels are written, in an array y with some `channels`."""
    cdef int64_t i, c, plane, row
    cdef const Strip *strip
    cdef float *start
    for i in range(count):
        strip = strips + i
        plane = places[strip.row].plane
        plane = plane // x.d.outputs * x.d.y_size + x.d.y_first + plane % x.d.outputs * x.d.y_step
        row = plane * x.v.y_size + x.v.y_first + places[strip.row].row * x.v.y_step
        start = y + (row * x.h.y_size + x.h.y_first + (block.column + strip.column) * x.h.y_step) * channels
        for c in range(strip.columns):
            out[c] = start + c * x.h.y_step * channels
        out += strip.columns


cdef inline Span inside(int64_t start, int64_t step, int64_t count, int64_t inputs) noexcept nogil:
    """Which i < count have inputs, not padding, at start + i * step; none where the last lies before the first."""
    return Span(
        max(ceil_div(-start, step), 0) if start < 0 else 0,
        min(count, ceil_div(inputs - start, step) if start < inputs else 0))


cdef inline Span taps_inside(const Axis *a, int64_t output) noexcept nogil:
    """The taps by which an output reads inputs."""
    return inside(output * a.stride + a.first, max(a.step, 1), a.taps, a.inputs)


cdef inline Span outputs_inside(const Axis *a, int64_t tap) noexcept nogil:
    """The outputs that read inputs by a tap."""
    return inside(a.first + tap * a.step, a.stride, a.outputs, a.inputs)


cdef inline bint equal(Span a, Span b) noexcept nogil:
    return a.first == b.first and a.last == b.last


cdef inline int64_t run_end(const Axis *a, int64_t output) noexcept nogil:
    """Where the outputs end that have the taps of `output`, its neighbours."""
    cdef Span span = taps_inside(a, output)
    if span.first == 0 and span.last == a.taps:
        return min(a.outputs, (a.inputs - reach(a) - a.first) // a.stride + 1)
    while output < a.outputs and equal(taps_inside(a, output), span):
        output += 1
    return output


cdef double share_inside(const Axis *a, int64_t *zones) noexcept nogil:
    """The share of all taps of all outputs that read inputs; multiplies `zones` by how many runs the outputs form."""
    cdef int64_t inside = 0, runs = 0, output = 0, end
    cdef Span span
    while output < a.outputs:
        span = taps_inside(a, output)
        end = run_end(a, output)
        inside += (end - output) * max(span.last - span.first, 0)
        runs += 1
        output = end
    zones[0] *= runs
    return <double> inside / (a.outputs * a.taps)


cdef int64_t list_strips(const Image *x, const Block *block, Strip *strips, Zone *zones) noexcept nogil:
    """All rows of a block, as one zone of all taps; returns their number."""
    cdef int64_t r
    zones[0] = Zone(block.rows * block.columns, Span(0, x.d.taps), Span(0, x.v.taps), Span(0, x.h.taps))
    for r in range(block.rows):
        strips[r] = Strip(r, 0, block.columns)
    return block.rows


cdef int64_t list_zones(
    const Image *x, const Block *block, const Place *places, Strip *strips, Zone *zones
) noexcept nogil:
    """The zones of a block, and the strips of one after the other; returns the number of these."""
    cdef int64_t end = block.column + block.columns, plane = 0, count = 0, pixels = 0, row, column
    cdef int64_t plane_end, row_end, column_end, first, r
    while plane < x.d.outputs:
        plane_end = run_end(&x.d, plane)
        row = 0
        while row < x.v.outputs:
            row_end = run_end(&x.v, row)
            column = block.column
            while column < end:
                column_end = min(run_end(&x.h, column), end)
                first = count
                for r in range(block.rows):
                    if plane <= places[r].plane % x.d.outputs < plane_end and row <= places[r].row < row_end:
                        strips[count] = Strip(r, column - block.column, column_end - column)
                        count += 1
                if count > first:
                    pixels += (count - first) * (column_end - column)
                    zones[0] = Zone(
                        pixels, taps_inside(&x.d, plane), taps_inside(&x.v, row), taps_inside(&x.h, column))
                    zones += 1
                column = column_end
            row = row_end
        plane = plane_end
    return count


cdef void list_taps(
    const Image *x, const View *view, int64_t plane, int64_t first, int64_t count, int64_t depth, const Zone *zone,
    gemm_tile *tile
) noexcept nogil:
    """The segments of a tile: the taps of a zone in some kernel rows, which are counted from a plane of the kernel on.

    A row is one segment where nothing lies between its taps.
    """
    cdef bint dense = view.pixel == depth and (x.h.step == 1 or x.h.taps == 1)
    cdef int64_t run = max(zone.h.last - zone.h.first, 0) if dense else 1, i, j
    cdef int64_t *offsets = <int64_t *> tile.offsets
    cdef int64_t *starts = <int64_t *> tile.starts
    tile.depth = run * depth
    tile.segments = 0
    for i in range(first, first + count):
        if zone.d.first <= plane + i // x.v.taps < zone.d.last and zone.v.first <= i % x.v.taps < zone.v.last:
            for j in range(zone.h.first, zone.h.first + 1 if dense else zone.h.last):
                offsets[tile.segments] = (
                    i // x.v.taps * view.tap + i % x.v.taps * x.v.step * view.row + j * x.h.step * view.pixel)
                starts[tile.segments] = ((i - first) * x.h.taps + j) * depth
                tile.segments += 1


cdef void multiply_zones(
    const Correlation *c, const View *view, const Zone *zones, gemm_tile *tile, const float **rows, float **out,
    int64_t count, int vectors, int64_t plane, int64_t tap, int64_t taps, int64_t depth
) noexcept nogil:
    """`multiply`, zone by zone, where each sums over those of some kernel rows' taps by which it reads inputs."""
    cdef int64_t first = 0
    while first < count:
        list_taps(&c.x, view, plane, tap, taps, depth, zones, tile)
        multiply(c.table, tile, rows + first, out + first, zones.end - first, vectors)
        first = zones.end
        zones += 1


cdef inline const float *weights_of(
    const Correlation *c, int64_t group, int64_t k, int64_t column, int64_t i, int64_t j
) noexcept nogil:
    """Those of channel k and a column, for tap j of a kernel row i, which is counted over all planes."""
    cdef int64_t row = (
        kernel_element(&c.x.d, i // c.x.v.taps) * c.kernel_rows + kernel_element(&c.x.v, i % c.x.v.taps))
    return c.w + (
        group * c.w_group + k * c.w_row + column * c.w_column
        + (row * c.kernel_columns + kernel_element(&c.x.h, j)) * c.w_tap)


cdef void pack_weights(
    const Correlation *c, int64_t group, int64_t k, int64_t depth, int64_t tap, int64_t taps,
    int64_t column, int64_t columns, int64_t width, float *to
) noexcept nogil:
    """The weights of some kernel rows, input channels and columns in the order in which tiles read them."""
    cdef const float *w
    cdef int64_t i, j
    for i in range(tap, tap + taps):
        for j in range(c.x.h.taps):
            w = weights_of(c, group, k, column, i, j)
            if c.w_column == 1:
                c.table.f32_pack_rows(to, width, w, depth, c.w_row, columns)
            else:
                c.table.f32_pack_columns(to, width, w, depth, c.w_column, columns)
            to += depth * width


cdef void lay_columns(
    const Correlation *c, int64_t group, int64_t k, int64_t depth, int64_t tap, int64_t taps, gemm_tile *tile, float *to
) noexcept nogil:
    """The weights of some kernel rows and input channels, a run for each of the tile's columns."""
    cdef int64_t column, i, j, e
    cdef const float *w
    for column in range(tile.column, tile.column + tile.columns):
        for i in range(tap, tap + taps):
            for j in range(c.x.h.taps):
                w = weights_of(c, group, k, column, i, j)
                if c.w_row == 1:
                    memcpy(to, w, depth * sizeof(float))
                else:
                    for e in range(depth):
                        to[e] = w[e * c.w_row]
                to += depth


cdef int next_tile(
    const Correlation *c, int64_t group, int64_t k, int64_t depth, int64_t tap, int64_t taps, int64_t columns,
    gemm_tile *tile
) noexcept nogil:
    """Lays the weights of the tile's columns, of which `columns` are left; returns its vectors of columns."""
    cdef float *packed = <float *> tile.b
    cdef int vectors = DOTS
    if c.dots:
        tile.b_step = taps * c.x.h.taps * depth
        tile.columns = min(DOT_COLUMNS, columns)
        lay_columns(c, group, k, depth, tap, taps, tile, packed)
    else:
        vectors = tile_vectors(c.table, columns)
        tile.b_step = vectors * c.table.vector_floats
        tile.columns = min(tile.b_step, columns)
        pack_weights(c, group, k, depth, tap, taps, tile.column, tile.columns, tile.b_step, packed)
    tile.bias = c.bias + group * c.width + tile.column if c.bias else <const float *> NULL
    return vectors


cdef void correlate_block(const Correlation *c, int64_t task, char *scratch) noexcept nogil:
    """One block of pixels times one block of columns of one group."""
    cdef const Image *x = &c.x
    cdef int64_t first = task % c.column_blocks * c.column_block, end = min(first + c.column_block, c.width)
    cdef int64_t group = task // c.column_blocks % x.groups
    cdef Block block = cut_block(x, &c.cut, task // (c.column_blocks * x.groups))
    cdef int64_t pixels = block.rows * block.columns

    cdef float *panel = <float *> scratch
    cdef float *packed = panel + c.cut.panel_floats
    cdef const float **rows = <const float **> (packed + c.packed_floats)
    cdef float **out = <float **> (rows + pixels)
    cdef Zone *zones = <Zone *> (out + pixels)
    cdef Strip *strips = <Strip *> (zones + pixels)
    cdef Place *places = <Place *> (strips + pixels)
    cdef int64_t *offsets = <int64_t *> (places + block.rows)

    cdef gemm_tile tile
    cdef View view
    cdef int64_t count, i, j, k, depth, plane, planes, tap, taps, row
    cdef int vectors
    tile.step = 1
    tile.offsets = offsets
    tile.starts = offsets + c.plane_block * x.v.taps * x.h.taps
    tile.b = packed
    tile.alpha = c.alpha
    list_places(c, &block, places)
    count = list_zones(x, &block, places, strips, zones) if c.zoned else list_strips(x, &block, strips, zones)
    list_outputs(x, &block, places, strips, count, c.y + group * c.width, x.groups * c.width, out)
    for i in range(ceil_div(x.depth, c.depth_block) * ceil_div(x.d.taps, c.plane_block)):
        k = i // ceil_div(x.d.taps, c.plane_block) * c.depth_block
        depth = min(c.depth_block, x.depth - k)
        plane = i % ceil_div(x.d.taps, c.plane_block) * c.plane_block
        planes = min(c.plane_block, x.d.taps - plane)
        view = look(x, &block, plane, planes, group * x.depth + k, depth, <float *> NULL if c.zoned else panel)
        list_inputs(x, &view, places, strips, count, rows)
        for j in range(ceil_div(planes * x.v.taps, c.tap_block)):
            tap = j * c.tap_block
            taps = min(c.tap_block, planes * x.v.taps - tap)
            row = plane * x.v.taps + tap
            tile.accumulate = k + row > 0
            tile.activation = c.activation if k + depth == x.depth and row + taps == x.d.taps * x.v.taps else LINEAR
            tile.column = first
            while tile.column < end:
                vectors = next_tile(c, group, k, depth, row, taps, end - tile.column, &tile)
                multiply_zones(c, &view, zones, &tile, rows, out, pixels, vectors, plane, tap, taps, depth)
                tile.column += tile.columns


cdef void correlate(Correlation *parts, int64_t count) except *:
    """Runs the tasks of correlations that read the same image on as many threads as are worth it.

    Those of all parts take turns, so that they find in the cache what the others have read.
    """
    cdef int64_t most = 0, bytes = 0, i, task
    cdef double work = 0
    cdef Correlation *c
    for i in range(count):
        c = parts + i
        c.table = tiles()
        cut_correlation(c)
        most = max(most, tasks_of(c))
        bytes = max(bytes, c.scratch_bytes)
        work += <double> pixels_of(&c.x) * taps_of(&c.x) * c.x.channels * c.width
    cdef int threads = threads_for(work)
    cdef char *scratch = <char *> borrow_parts(threads, bytes, 0)
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads):
        state = flush_denormals()
        for task in prange(most * count, schedule="dynamic"):
            if task // count < tasks_of(parts + task % count):
                correlate_block(parts + task % count, task // count, scratch + threadid() * bytes)
        restore_denormals(state)
    give_scratch_back(scratch)


cdef inline int64_t tasks_of(const Correlation *c) noexcept nogil:
    return c.cut.row_blocks * c.cut.column_blocks * c.x.groups * c.column_blocks


def conv(
    convolution,      # IN  a Convolution
    cnp.ndarray x,    # IN  (N, .., groups * CI), with one to three spatial axes
    cnp.ndarray w,    # IN  (.., CI, CO)
    bias,             # IN  (CO,) or None
    cnp.ndarray y,    # OUT (N, .., CO)
    int activation, float alpha,
    bint dots=False,
):
    """y = act(bias + x * w), a cross-correlation; few channels CO as dot products"""
    cdef Correlation c
    cdef int64_t groups = groups_of(x.shape[x.ndim - 1], w), ci = w.shape[w.ndim - 2], co = w.shape[w.ndim - 1]
    if cnp.PyArray_SIZE(y) == 0:
        return
    c.x = forward_image(convolution, x, w, y, groups)
    c.w = floats(w, cnp.PyArray_SIZE(w))
    c.kernel_rows, c.kernel_columns = c.x.v.taps, c.x.h.taps
    c.width = co // groups
    c.w_tap, c.w_group, c.w_row, c.w_column = ci * co, c.width, co, 1
    c.bias = <float *> NULL if bias is None else floats(bias, co)
    c.y = floats(y, pixels_of(&c.x) * co)
    c.activation, c.alpha = activation, alpha
    c.dots = dots
    correlate(&c, 1)


def conv_backward_input(
    convolution,      # IN  a Convolution
    cnp.ndarray dy,   # IN  (N, .., CO), with one to three spatial axes
    cnp.ndarray w,    # IN  (.., CI, CO)
    bias,             # IN  (groups * CI,) or None
    cnp.ndarray dx,   # OUT (N, .., groups * CI)
    int activation, float alpha,
    bint folded=False, bint dots=False,
):
    """dx = act(bias + C^T dy): a correlation of dy with the taps that reach each phase of a stride, never a scatter

    Few channels CI are dot products. Along a folded last axis, dx = act(bias + a cross-correlation of dy and w), whose
    stride and padding are given.
    """
    cdef int64_t channels = dx.shape[dx.ndim - 1]
    cdef int64_t groups = groups_of(channels, w), ci = w.shape[w.ndim - 2], co = w.shape[w.ndim - 1], count = 0
    cdef tuple strides = convolution.strides, padding = convolution.padding, dilation = convolution.dilation
    cdef tuple steps = (*strides[:len(strides) - 1], 1) if folded else strides
    cdef list places = phases(steps, padding, dilation, w, dx)
    cdef bytearray memory = bytearray(len(places) * sizeof(Correlation))
    cdef Correlation *parts = <Correlation *> <char *> memory
    cdef Correlation *c
    if cnp.PyArray_SIZE(dy) == 0 or cnp.PyArray_SIZE(dx) == 0:
        fill_bias(dx, bias, activation, alpha)
        return
    fill_unreached(dx, w, bias, steps, dilation, activation, alpha)
    for phase in places:
        c = parts + count
        c.x = backward_image(convolution, dy, w, dx, phase, groups)
        if folded:
            c.x.h = forward_axis_of(dy, w, dx, strides, padding, dilation, 0)
        c.w = floats(w, cnp.PyArray_SIZE(w))
        c.kernel_rows = w.shape[w.ndim - 4] if w.ndim > 3 else 1
        c.kernel_columns = w.shape[w.ndim - 3]
        c.width = ci
        c.w_tap, c.w_group, c.w_row, c.w_column = ci * co, co // groups, 1, co
        c.bias = <float *> NULL if bias is None else floats(bias, channels)
        c.y = floats(dx, cnp.PyArray_SIZE(dx))
        c.activation, c.alpha = activation, alpha
        c.dots = dots
        count += taps_of(&c.x) > 0
    correlate(parts, count)


# ---- the gradient with respect to an input of few channels -----------------------------------------------------------

cdef struct Spread:
    # dx[n, oh * SH + kh * DH - top, ow * SW - left + kw, ci] += sum over k of dy[n, oh, ow, k] w[kh, kw, ci, k]
    const kernel_table *table
    const float *dy
    const float *packed                    # for every kh w[kh]^T, k by (kw, ci)
    float *dx
    Axis v, h                              # those of the forward pass
    int64_t depth, channels                # CO, CI
    const float *bias
    int activation
    float alpha
    int64_t height, width                  # of dx with the padding that windows reach
    int64_t panel_floats, scratch_bytes    # a padded image, where there is padding


cdef enum:
    SPREAD_ROWS = 28                       # of dy at a time: two tiles of the narrowest columns


cdef void spread_image(const Spread *s, int64_t n, char *scratch) noexcept nogil:
    """dx of one image: the products of a pixel with a kernel row are KW * CI neighbours, which are added as they come.

    The rows of a tile are pixels below each other, so that no two of them add to the same place.
    """
    cdef float *image = s.dx + n * s.v.inputs * s.h.inputs * s.channels
    cdef float *target = <float *> scratch if s.panel_floats else image
    cdef const float **rows = <const float **> (<float *> scratch + s.panel_floats)
    cdef float **out = <float **> (rows + SPREAD_ROWS)
    cdef int64_t dy_row = s.h.outputs * s.depth, row = s.width * s.channels
    cdef int64_t block, count, r
    start_image(s, target)
    for block in range(ceil_div(s.v.outputs, SPREAD_ROWS)):
        count = min(s.v.outputs - block * SPREAD_ROWS, SPREAD_ROWS)
        for r in range(count):
            rows[r] = s.dy + (n * s.v.outputs + block * SPREAD_ROWS + r) * dy_row
            out[r] = target + (block * SPREAD_ROWS + r) * s.v.stride * row
        spread_rows(s, rows, out, count)
    if s.panel_floats:
        for r in range(s.v.inputs):
            memcpy(
                image + r * s.h.inputs * s.channels,
                target + ((r - s.v.first) * s.width - s.h.first) * s.channels,
                s.h.inputs * s.channels * sizeof(float))
    if s.activation != LINEAR:
        s.table.f32_activate(image, image, s.v.inputs * s.h.inputs * s.channels, s.activation, s.alpha, False)


cdef void start_image(const Spread *s, float *target) noexcept nogil:
    """An image of biases, to which products are added."""
    cdef int64_t size = s.height * s.width * s.channels, filled = s.channels, more
    if s.bias == NULL:
        memset(target, 0, size * sizeof(float))
        return
    memcpy(target, s.bias, s.channels * sizeof(float))
    while filled < size:
        more = min(filled, size - filled)
        memcpy(target + filled, target, more * sizeof(float))
        filled += more


cdef void spread_rows(const Spread *s, const float **rows, float **out, int64_t count) noexcept nogil:
    """Adds what `count` rows of dy contribute to the rows of dx that begin at `out`."""
    cdef int64_t columns = s.h.taps * s.channels, lanes = s.table.vector_floats
    cdef int64_t kh, ow, column, offset
    cdef int vectors
    cdef gemm_tile tile
    tile.offsets = &offset
    tile.starts = NULL
    tile.segments = 1
    tile.depth = s.depth
    tile.step = 1
    tile.accumulate = True
    tile.bias = NULL
    tile.activation = LINEAR
    for kh in range(s.v.taps):
        column = 0
        while column < columns:
            vectors = tile_vectors(s.table, columns - column)
            tile.b_step = vectors * lanes
            tile.columns = min(tile.b_step, columns - column)
            tile.b = s.packed + s.depth * (kh * ceil_div(columns, lanes) * lanes + column)
            for ow in range(s.h.outputs):
                offset = ow * s.depth
                tile.column = (kh * s.v.step * s.width + ow * s.h.stride) * s.channels + column
                multiply(s.table, &tile, rows, out, count, vectors)
            column += tile.columns


cdef void pack_kernel_rows(const Spread *s, const float *w, float *to) noexcept nogil:
    """w[kh]^T for every kh, in the order in which spread_rows reads them."""
    cdef int64_t columns = s.h.taps * s.channels, kh, column, width
    for kh in range(s.v.taps):
        column = 0
        while column < columns:
            width = tile_vectors(s.table, columns - column) * s.table.vector_floats
            s.table.f32_pack_columns(
                to, width, w + (kh * columns + column) * s.depth, s.depth, s.depth, min(width, columns - column))
            to += s.depth * width
            column += width


def conv_backward_input_spread(
    convolution,      # IN  a Convolution of one group
    cnp.ndarray dy,   # IN  (N, OH, OW, CO)
    cnp.ndarray w,    # IN  (KH, KW, CI, CO)
    bias,             # IN  (CI,) or None
    cnp.ndarray dx,   # OUT (N, H, W, CI)
    int activation, float alpha,
):
    """dx = act(bias + C^T dy) for one group and no horizontal dilation, image by image

    Every vector holds whole runs of KW * CI.
    """
    cdef Spread s
    cdef tuple strides = convolution.strides, padding = convolution.padding, dilation = convolution.dilation
    s.table = tiles()
    s.dy = floats(dy, dy.shape[0] * dy.shape[1] * dy.shape[2] * w.shape[3])
    s.dx = floats(dx, dy.shape[0] * dx.shape[1] * dx.shape[2] * w.shape[2])
    s.v = forward_axis(dx.shape[1], dy.shape[1], w.shape[0], strides[0], dilation[0], padding[0][0])
    s.h = forward_axis(dx.shape[2], dy.shape[2], w.shape[1], strides[1], 1, padding[1][0])
    s.depth, s.channels = w.shape[3], w.shape[2]
    s.bias = <float *> NULL if bias is None else floats(bias, s.channels)
    s.activation, s.alpha = activation, alpha
    s.height = max(s.v.inputs - s.v.first, axis_span(&s.v))
    s.width = max(s.h.inputs - s.h.first, axis_span(&s.h))
    cdef bint padded = s.height > s.v.inputs or s.width > s.h.inputs
    s.panel_floats = (size_product(size_product(s.height, s.width), s.channels) + 15) // 16 * 16 if padded else 0
    s.scratch_bytes = (s.panel_floats * sizeof(float) + 2 * SPREAD_ROWS * sizeof(void *) + 63) // 64 * 64
    cdef int64_t lanes = s.table.vector_floats, images = dy.shape[0], n
    cdef int64_t packed_floats = s.v.taps * s.depth * ceil_div(s.h.taps * s.channels, lanes) * lanes
    cdef int threads = threads_for(<double> dy.size * s.v.taps * s.h.taps * s.channels)
    cdef const float *kernel = floats(w, cnp.PyArray_SIZE(w))
    cdef char *scratch = <char *> borrow_parts(threads, s.scratch_bytes, packed_floats * sizeof(float))
    cdef unsigned state = 0
    s.packed = <float *> (scratch + threads * s.scratch_bytes)
    pack_kernel_rows(&s, kernel, <float *> s.packed)
    with nogil, parallel(num_threads=threads):
        state = flush_denormals()
        for n in prange(images, schedule="dynamic"):
            spread_image(&s, n, scratch + threadid() * s.scratch_bytes)
        restore_denormals(state)
    give_scratch_back(scratch)


# ---- the gradient of a convolution with respect to its kernel --------------------------------------------------------

cdef void cut_kernel_gradient(KernelGradient *g) noexcept nogil:
    cdef Image *x = &g.x
    cdef int64_t tile_columns = widest(g.table) * g.table.vector_floats
    cdef int64_t taps = x.v.taps * x.h.taps, most_parts = MOST_PARTIAL_FLOATS // g.dw_floats, parts = 1, blocks
    cdef bint copied
    g.fetching = taps_of(x) == 1 and in_place(x)
    if g.fetching:
        # Each block of columns reads all pixels: where these are many, they are cut first.
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
    # Strides spread what a bundle reads over many lines of the cache: its pixels are worth a copy.
    g.zoned = not in_place(x) and (
        sparse(x) or (g.slice >= ZONED_CHANNELS and (g.bundle == 1 or x.h.stride == 1)))
    copied = not (in_place(x) or g.zoned)
    g.cut = cut_pixels(x, g.bundle * g.slice, FETCHED_DEPTH if g.fetching else PIXEL_DEPTH, copied)
    # Where dw is too small to be shared, a fixed number of partial sums over the pixels are added up in order.
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
    """Where the first pixel meets each element (i, j, k) of a slice, from some channel on, of a plane of the kernel."""
    cdef int64_t i, j, k
    for i in range(g.x.v.taps):
        for j in range(g.x.h.taps):
            for k in range(depth):
                rows[k] = view.data + channel + i * g.x.v.step * view.row + j * g.x.h.step * view.pixel + k
            rows += depth


cdef void list_gradients(
    const KernelGradient *g, float *dw, int64_t group, int64_t k, int64_t depth, float **out
) noexcept nogil:
    """Where their gradients are written."""
    cdef int64_t taps = g.x.v.taps * g.x.h.taps, tap, i
    for tap in range(taps):
        for i in range(depth):
            out[tap * depth + i] = dw + ((tap * g.x.depth + k + i) * g.x.groups + group) * g.width


cdef int64_t list_rows(const Image *x, const View *view, const Block *block, int64_t *offsets) noexcept nogil:
    """Offsets of the rows of a block; returns their number, 1 for all together where nothing lies between pixels."""
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
    """The segments of a tile: the pixels of a block, row by row, that read inputs by one tap, not padding."""
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
    """`multiply`, tap by tap, where each sums over those pixels of a block that read inputs by it."""
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
    """What the i-th block of pixels reads of x and dy."""
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


cdef inline void fetch_run(const float *run, int64_t floats) noexcept nogil:
    cdef int64_t line
    for line in range(ceil_div(floats, CACHE_LINE)):
        __builtin_prefetch(run + line * CACHE_LINE, 0, 2)


cdef void fetch(Ahead *ahead, int64_t pixels) noexcept nogil:
    """Asks for the first so many pixels, but those that have been asked for: memory alone is slower than the sums."""
    cdef int64_t i
    for i in range(ahead.fetched, pixels):
        fetch_run(ahead.x[i], ahead.depth)
        fetch_run(ahead.dy + i * ahead.dy_pixel, ahead.columns)
    ahead.fetched = max(ahead.fetched, pixels)


cdef void multiply_fetching(
    const kernel_table *table, gemm_tile *tile, const float **rows, float **out, int64_t count, int vectors,
    Ahead *ahead, int64_t before, int64_t products
) noexcept nogil:
    """`multiply`; each tile fetches as large a share of the pixels ahead as it has of all products, `before` done."""
    cdef int64_t parts = ceil_div(count, table.gemm_height[vectors]), part, first = 0, last
    for part in range(parts):
        last = count * (part + 1) // parts
        multiply(table, tile, rows + first, out + first, last - first, vectors)
        fetch(ahead, ahead.pixels * (before + last * tile.columns) // products)
        first = last


cdef void sum_chunk(const KernelGradient *g, int64_t task, char *scratch) noexcept nogil:
    """The sum over one chunk of the pixels of one slice of dw."""
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
    """Adds to `size` sums one of TASKS parts of `count` partial sums, in their order."""
    cdef int64_t first = size * part // TASKS, last = size * (part + 1) // TASKS, i, k
    for k in range(count):
        for i in range(first, last):
            sums[i] += partials[k * size + i]


cdef void correlate_gradients(KernelGradient *g) except *:
    """Runs the tasks of a gradient on as many threads as are worth it, then adds its partial sums."""
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
