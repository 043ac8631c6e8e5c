# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""The geometry that all kernels of convolutions share: axes, images, blocks of output pixels, and register tiles.

A correlation reads windows of an image at regular places. `Axis` describes a spatial axis, `Image` the array that is
read, `Block` a part of the output pixels, and `View` the place from which a block reads its channels. If an axis is
missing, it has a single pixel and a single tap, so that the same loop nest serves lines, images and volumes.
"""
import itertools
import math

cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from fastconv._arrays cimport floats
from fastconv._core cimport gemm_tile, kernel_table, run_tasks, size_product, threads_for, tiles

cnp.import_array()


# ---- geometry: an image, the windows that move over it, and blocks of output pixels ----------------------------------

cdef enum:
    PANEL_FLOATS = 1 << 16                 # 256 KB: a quarter to a half of a second-level cache

cdef double MOST_BYTES = 4.0 * (1 << 30) * (1 << 30)


cdef int64_t residual_of(residual, const float *y, int64_t size) except? -1:
    """Return the floats from the array y of a result to the array that is added to it, of the same size; 0 for None."""
    return 0 if residual is None else floats(residual, size) - y


cdef int64_t groups_of(int64_t channels, cnp.ndarray w) except -1:
    """Return the number of groups of input channels of the kernel w (.., CI, CO)."""
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
    """dx[phase + o * stride] = sum over k of dy[o + (phase + before - k * dilation) / stride] w[k]

    A tap k is part of the sum only if the division leaves no remainder.
    """
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


cdef Axis forward_axis_of(
    cnp.ndarray x, cnp.ndarray w, cnp.ndarray y, tuple strides, tuple padding, tuple dilation, int64_t following
) except *:
    """Return the spatial axis that `following` others follow; an axis of one pixel and one tap if there is none."""
    cdef int64_t i = w.ndim - 3 - following
    if i < 0:
        return forward_axis(1, 1, 1, 1, 1, 0)
    return forward_axis(x.shape[i + 1], y.shape[i + 1], w.shape[i], strides[i], dilation[i], padding[i][0])


cdef Axis backward_axis_of(
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
    """Raise ValueError if the addresses that windows reach may differ by more than an int64 holds.

    Windows also have addresses in the padding.
    """
    cdef double bytes = sizeof(float) * <double> images * channels * reach_of(d) * reach_of(v) * reach_of(h)
    if bytes >= MOST_BYTES:
        raise ValueError(
            f"Windows must reach less than 2**62 bytes, padding included. "
            f"Received: {images} x ({d.inputs}, {v.inputs}, {h.inputs}) x {channels} inputs, "
            f"({d.outputs}, {v.outputs}, {h.outputs}) outputs, strides of ({d.stride}, {v.stride}, {h.stride})")


cdef inline double reach_of(const Axis *a) noexcept nogil:
    """Return the number of elements from the first to the last that is an input or is read, padding included."""
    cdef int64_t last = a.first + axis_span(a)
    return max(last, a.inputs) - min(a.first, 0)


cdef int64_t taps_of(const Image *x) noexcept nogil:
    return x.d.taps * x.v.taps * x.h.taps


cdef int64_t pixels_of(const Image *x) noexcept nogil:
    """Return the number of output pixels."""
    return x.images * x.d.outputs * x.v.outputs * x.h.outputs


def phases(tuple strides, tuple padding, tuple dilation, cnp.ndarray w, cnp.ndarray dx):
    """Return the phases of strides that have pixels in dx (N, .., C) and that taps of the kernel w reach."""
    axes = zip(strides, padding, dilation, (<object> w).shape, (<object> dx).shape[1:])
    return list(itertools.product(*[
        sorted({phase for k in range(min(taps, s)) if (phase := (k * d - before) % s) < n}) if s > 1 else (0,)
        for s, (before, _), d, taps, n in axes
    ]))


cdef struct Fill:
    # y = act(bias), pixel by pixel
    const kernel_table *table
    float *y
    const float *bias
    int64_t pixels, channels
    int activation
    float alpha


def fill_unreached(cnp.ndarray y, cnp.ndarray w, bias, tuple strides, tuple dilation, int activation, float alpha):
    """y = act(bias), if no tap of the kernel w reaches some phases of the strides"""
    if all(math.gcd(s, d) == 1 and s <= k for s, d, k in zip(strides, dilation, (<object> w).shape)):
        return
    fill_bias(y, bias, activation, alpha)


def fill_bias(cnp.ndarray y, bias, int activation, float alpha):
    """y = act(bias)"""
    cdef int64_t channels = y.shape[y.ndim - 1]
    if cnp.PyArray_SIZE(y) == 0:
        return
    cdef Fill f = Fill(tiles(), floats(y, cnp.PyArray_SIZE(y)), NULL, 0, channels, activation, alpha)
    f.bias = <float *> NULL if bias is None else floats(bias, channels)
    f.pixels = cnp.PyArray_SIZE(y) // channels
    with nogil:
        run_tasks(fill_part, &f, sizeof(Fill), TASKS, threads_for(<double> f.pixels * channels), NULL, 0)


cdef void fill_part(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Fill one of TASKS parts of the pixels."""
    cdef const Fill *f = <const Fill *> work
    cdef int64_t first = f.pixels * task // TASKS, pixels = f.pixels * (task + 1) // TASKS - first
    cdef float *y = f.y + first * f.channels
    if pixels == 0:
        return
    fill_pixels(y, f.bias, 1, f.channels)
    f.table.f32_activate(y, y, f.channels, f.activation, f.alpha, False)
    repeat(y, f.channels, pixels)


cdef void fill_pixels(float *y, const float *bias, int64_t pixels, int64_t channels) noexcept nogil:
    """y = bias, or 0 if it is NULL, for each of `pixels` pixels"""
    if bias == NULL:
        memset(y, 0, pixels * channels * sizeof(float))
    else:
        memcpy(y, bias, channels * sizeof(float))
        repeat(y, channels, pixels)


cdef inline void repeat(float *y, int64_t channels, int64_t pixels) noexcept nogil:
    """Copy the first pixel of y to the pixels that follow."""
    cdef int64_t size = channels * pixels, filled = channels, more
    while filled < size:
        more = min(filled, size - filled)
        memcpy(y + filled, y, more * sizeof(float))
        filled += more


cdef inline bint block_in_place(const Image *x, const Block *block) noexcept nogil:
    """Return True if no output of a block reads padding. In a long line only the ends read padding."""
    cdef int64_t left = x.h.first + block.column * x.h.stride
    cdef int64_t right = left + (block.columns - 1) * x.h.stride + reach(&x.h)
    return axis_in_place(&x.d) and axis_in_place(&x.v) and left >= 0 and right <= x.h.inputs


cdef Cut cut_pixels(const Image *x, int64_t channels, int64_t pixels, bint copied) noexcept nogil:
    """Cut the output pixels into blocks of at most `pixels` pixels.

    The panel of a block fits the cache, unless a short row exceeds it. `channels` is the number of channels of all taps
    along the depth that are taken at a time.
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
    # Rows of a block are a stride apart, except the first row of a plane.
    panel_rows = (cut.rows - 1) * x.v.stride + (ceil_div(cut.rows, x.v.outputs) + 1) * reach(&x.v)
    cut.panel_floats = (size_product(size_product(panel_rows, width), channels) + 15) // 16 * 16 if copied else 0
    return cut


cdef Block cut_block(const Image *x, const Cut *cut, int64_t i) noexcept nogil:
    """Return the i-th block; blocks are counted row by row."""
    cdef int64_t row = i // cut.column_blocks * cut.rows, column = i % cut.column_blocks * cut.columns
    return Block(
        row, min(cut.rows, x.images * x.d.outputs * x.v.outputs - row), column, min(cut.columns, x.h.outputs - column))


cdef View view_block(
    const Image *x, const Block *block, int64_t tap, int64_t taps, int64_t channel, int64_t channels, float *panel
) noexcept nogil:
    """Return the view of a block: channels channel..channel + channels, taps tap..tap + taps along the depth.

    If the block reads padding, its inputs are copied to `panel`, unless that is NULL.
    """
    if panel == NULL or block_in_place(x, block):
        return view_in_place(x, block, tap, channel)
    return view_of_copy(x, block, tap, taps, channel, channels, panel)


cdef inline View view_in_place(const Image *x, const Block *block, int64_t tap, int64_t channel) noexcept nogil:
    cdef View view
    cdef int64_t left = x.h.first + block.column * x.h.stride
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


cdef inline View view_of_copy(
    const Image *x, const Block *block, int64_t tap, int64_t taps, int64_t channel, int64_t channels, float *panel
) noexcept nogil:
    """Copy the rows that a block reads, with zeros for padding, and return the view of the copy."""
    cdef View view
    cdef int64_t last = block.row + block.rows - 1, first_plane = block.row // x.v.outputs
    cdef int64_t first_row = block.row % x.v.outputs * x.v.stride
    cdef int64_t planes = last // x.v.outputs - first_plane
    cdef int64_t rows = last % x.v.outputs * x.v.stride - first_row + reach(&x.v)
    cdef int64_t left = x.h.first + block.column * x.h.stride
    cdef int64_t width = (block.columns - 1) * x.h.stride + reach(&x.h), t, r
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
            copy_row(panel, x, r // view.rows, t, r % view.rows, left, width, channel, channels)
            panel += view.row
    return view


cdef inline void copy_row(
    float *to, const Image *x, int64_t plane, int64_t tap, int64_t row, int64_t left, int64_t width, int64_t channel,
    int64_t channels
) noexcept nogil:
    """Copy the row that a tap along the depth of an output plane reads, `row` rows below the first of the windows."""
    cdef int64_t id = plane % x.d.outputs * x.d.stride + x.d.first + tap * x.d.step, ih = row + x.v.first
    if 0 <= id < x.d.inputs and 0 <= ih < x.v.inputs:
        plane = plane // x.d.outputs * x.d.inputs + id
        copy_pixels(to, x, (plane * x.v.inputs + ih) * x.h.inputs, left, width, channel, channels)
    else:
        memset(to, 0, width * channels * sizeof(float))


cdef inline void copy_pixels(
    float *to, const Image *x, int64_t row, int64_t left, int64_t width, int64_t channel, int64_t channels
) noexcept nogil:
    """Copy `width` pixels from column `left` of the input row that starts at pixel `row`; write zeros outside of it."""
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
    """Return the number of vectors of columns in the widest tile."""
    return 4 if table.gemm_height[4] else 3


cdef int tile_vectors(const kernel_table *table, int64_t columns) noexcept nogil:
    """Return the width in vectors of the next tile if `columns` are left.

    It is the widest tile, or half of the rest if a thin rest would follow.
    """
    cdef int most = widest(table)
    cdef int64_t left = ceil_div(columns, table.vector_floats)
    if left <= most:
        return <int> left
    return most if left >= 2 * most else <int> ceil_div(left, 2)


def tile_shape(int64_t columns) -> tuple:
    """Return the (rows, columns) of sums that the first tile of `columns` columns holds in registers."""
    cdef int vectors = tile_vectors(tiles(), columns)
    return tiles().gemm_height[vectors], vectors * tiles().vector_floats


cdef void multiply(
    const kernel_table *table, gemm_tile *tile, const float **rows, float **out, int64_t count, int vectors
) noexcept nogil:
    """Run `count` rows through tiles of nearly equal heights, without a residual."""
    tile.coming, tile.coming_step = tile.b, 0
    tile.residual = 0
    multiply_and_fetch(table, tile, rows, out, count, vectors)


cdef void fetch_meanwhile(
    const kernel_table *table, gemm_tile *tile, const float *coming, int64_t count, int vectors
) noexcept nogil:
    """Let `multiply_and_fetch` of `count` rows, in one call or several, fetch as many floats as `b` has."""
    tile.coming = coming
    tile.coming_step = ceil_div(tile.b_step, ceil_div(count, table.gemm_height[vectors]))


cdef void multiply_and_fetch(
    const kernel_table *table, gemm_tile *tile, const float **rows, float **out, int64_t count, int vectors
) noexcept nogil:
    """Do as `multiply`, and fetch the weights that later tiles read into the first cache."""
    cdef int64_t parts = ceil_div(count, table.gemm_height[vectors]), part, first = 0, last
    for part in range(parts):
        last = count * (part + 1) // parts
        tile.rows = rows + first
        tile.out = out + first
        tile.height = last - first
        tile.ahead = rows[last] - rows[first] if last < count else 0
        table.f32_gemm[vectors][tile.height](tile)
        tile.coming += tile.segments * tile.depth * tile.coming_step
        first = last
