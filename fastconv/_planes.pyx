# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Convolutions with few output channels, and the gradients of their kernels: vectors hold neighbouring pixels of a row.

The channels of the input are copied into planes, between the zeros of the padding. Columns that are a stride apart lie
beside each other, in planes of their own: a tap reads adjacent floats for neighbouring outputs.
"""
cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from fastconv._conv_gradient cimport add_partials
from fastconv._core cimport (
    PLANE_VECTORS, SUM, borrow_parts, give_scratch_back, kernel_table, planes_gradient_tile, planes_tile, run_phases,
    run_tasks, task_phase, threads_for, tiles,
)
from fastconv._arrays cimport floats
from fastconv._geometry cimport TASKS, Axis, ceil_div, even_parts, forward_image, Image, reach

from fastconv._geometry import fill_bias

cnp.import_array()

cdef extern from "kernels.h":
    enum: LINEAR

cdef enum:
    PLANE_FLOATS = 1 << 14                 # of the planes of a task: 64 KB


cdef struct Planes:
    # y[n, oh, ow, k] = act(bias[k] + sum of x[n, oh * SH + i * DH - top, ow * SW + j * DW - left, c] w[i, j, c, k])
    const kernel_table *table
    Image x                                # without depth: images, rows and columns
    const float *w
    const float *bias
    float *y
    int64_t channels                       # of y
    int activation
    float alpha
    int64_t rows, row_blocks               # of y in a task; tasks for each image
    int64_t plane_rows, plane_row          # rows of a plane, and floats of a row
    int64_t plane                          # floats
    int64_t scratch_bytes                  # the planes of a task, and the offsets of its taps


cdef struct KernelGradient:
    # dw[i, j, c, k] = sum of x[n, oh * SH + i * DH - top, ow * SW + j * DW - left, c] dy[n, oh, ow, k]
    Planes of
    const float *dy
    int64_t dy_row                         # floats of a row of dy of a channel, in whole vectors
    float *dw
    float *partials                        # dw of all chunks except the first
    int64_t dw_floats
    int64_t chunk, chunks                  # row blocks of all images
    int64_t scratch_bytes                  # planes, rows of dy, sums and offsets of a task


cdef inline void gather(float *to, const float *source, int64_t count, int64_t step) noexcept nogil:
    """Copy floats that are `step` apart."""
    cdef int64_t i
    if step == 1:
        memcpy(to, source, count * sizeof(float))
        return
    for i in range(count):
        to[i] = source[i * step]


cdef void read_row(const Planes *p, const float *row, float *planes) noexcept nogil:
    """Copy a row of x to its places in the planes: each phase of the columns, channel by channel."""
    cdef int64_t left = -p.x.h.first, stride = p.x.h.stride, channels = p.x.channels
    cdef int64_t phase, c, first, place, count
    for phase in range(stride):
        first = (phase - left) % stride
        first += stride if first < 0 else 0    # the first column of x in this phase
        place = (first + left) // stride
        count = min(ceil_div(p.x.h.inputs - first, stride), p.plane_row - place)
        for c in range(channels):
            gather(
                planes + (phase * channels + c) * p.plane + place, row + first * channels + c, count, stride * channels)


cdef void read_planes(const Planes *p, int64_t n, int64_t first, int64_t rows, float *planes) noexcept nogil:
    """Fill the planes with the rows of image n that the outputs of `rows` rows from `first` on read."""
    cdef int64_t start = first * p.x.v.stride + p.x.v.first, r
    cdef int64_t row_floats = p.x.h.inputs * p.x.channels
    memset(planes, 0, p.x.h.stride * p.x.channels * p.plane * sizeof(float))
    for r in range(max(0, -start), min((rows - 1) * p.x.v.stride + reach(&p.x.v), p.x.v.inputs - start)):
        read_row(p, p.x.data + (n * p.x.v.inputs + start + r) * row_floats, planes + r * p.plane_row)


cdef void list_taps(const Planes *p, int64_t *offsets) noexcept nogil:
    """List the offsets of the taps in the planes, in the order of the kernel: rows, columns, channels."""
    cdef const Axis *h = &p.x.h
    cdef int64_t i, j, c, column
    for i in range(p.x.v.taps):
        for j in range(h.taps):
            column = j * h.step
            for c in range(p.x.channels):
                offsets[0] = (
                    (column % h.stride * p.x.channels + c) * p.plane + i * p.x.v.step * p.plane_row
                    + column // h.stride)
                offsets += 1


cdef void correlate_rows(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Compute some rows of an image of y."""
    cdef const Planes *p = <const Planes *> work
    cdef int64_t n = task // p.row_blocks, first = task % p.row_blocks * p.rows
    cdef int64_t rows = min(p.rows, p.x.v.outputs - first), row = p.x.h.outputs * p.channels
    cdef float *planes = <float *> scratch
    cdef int64_t *offsets = <int64_t *> (planes + p.x.h.stride * p.x.channels * p.plane)
    cdef float *y = p.y + (n * p.x.v.outputs + first) * row
    cdef planes_tile tile = planes_tile(
        planes, offsets, p.x.v.taps * p.x.h.taps * p.x.channels, p.w, p.bias, y, p.x.h.outputs, p.channels)
    read_planes(p, n, first, rows, planes)
    list_taps(p, offsets)
    for _ in range(rows):
        p.table.f32_planes(&tile)
        tile.x += p.x.v.stride * p.plane_row
        tile.y += row
    if p.activation != LINEAR:
        p.table.f32_activate(y, y, rows * row, p.activation, p.alpha, False)


cdef void cut(Planes *p, int64_t block, int64_t row_floats) noexcept nogil:
    """Cut the rows of y into tasks, whose planes and `row_floats` for each row fit into a cache.

    Tiles read `block` pixels at a time.
    """
    cdef int64_t planes = p.x.h.stride * p.x.channels
    cdef int64_t columns = ceil_div(p.x.h.outputs, block) * block + (reach(&p.x.h) - 1) // p.x.h.stride
    p.plane_row = ceil_div(columns, 16) * 16
    cdef int64_t row = planes * p.plane_row
    cdef int64_t most = (
        (PLANE_FLOATS - row * (reach(&p.x.v) - p.x.v.stride)) // (row * p.x.v.stride + row_floats))
    p.rows = even_parts(p.x.v.outputs, max(1, most))
    p.row_blocks = ceil_div(p.x.v.outputs, p.rows)
    p.plane_rows = (p.rows - 1) * p.x.v.stride + reach(&p.x.v)
    p.plane = p.plane_rows * p.plane_row
    p.scratch_bytes = planes * p.plane * sizeof(float) + p.x.v.taps * p.x.h.taps * p.x.channels * sizeof(int64_t)
    p.scratch_bytes = ceil_div(p.scratch_bytes, 64) * 64


def conv(
    convolution,      # IN  a Convolution of one group, with one or two spatial axes
    cnp.ndarray x,    # IN  (N, .., CI)
    cnp.ndarray w,    # IN  (.., CI, CO), with at most MOST_PLANE_CHANNELS output channels
    bias,             # IN  (CO,) or None
    cnp.ndarray y,    # OUT (N, .., CO)
    int activation, float alpha,
):
    """y = act(bias + x * w)"""
    cdef Planes p
    p.table = tiles()
    p.x = forward_image(convolution, x, w, y, 1)
    p.channels = w.shape[w.ndim - 1]
    p.w = floats(w, p.x.v.taps * p.x.h.taps * p.x.channels * p.channels)
    p.y = floats(y, p.x.images * p.x.v.outputs * p.x.h.outputs * p.channels)
    p.bias = <float *> NULL if bias is None else floats(bias, p.channels)
    p.activation, p.alpha = activation, alpha
    if p.x.images * p.x.v.outputs * p.x.h.outputs == 0:
        return
    cut(&p, PLANE_VECTORS * p.table.vector_floats, 0)
    cdef int64_t pixels = p.x.images * p.x.v.outputs * p.x.h.outputs
    cdef int threads = threads_for(<double> pixels * p.x.v.taps * p.x.h.taps * p.x.channels * p.channels)
    cdef char *scratch = <char *> borrow_parts(threads, p.scratch_bytes, 0)
    with nogil:
        run_tasks(correlate_rows, &p, sizeof(Planes), p.x.images * p.row_blocks, threads, scratch, p.scratch_bytes)
    give_scratch_back(scratch)


cdef void split_channels(const KernelGradient *g, const float *dy, float *planes) noexcept nogil:
    """Copy a row of dy, channel by channel, into whole vectors that end with zeros."""
    cdef int64_t channels = g.of.channels, pixels = g.of.x.h.outputs, k
    if channels >= 4:
        g.of.table.f32_pack_columns(planes, g.dy_row, dy, channels, channels, pixels)
        return
    for k in range(channels):
        gather(planes + k * g.dy_row, dy + k, pixels, channels)
        memset(planes + k * g.dy_row + pixels, 0, (g.dy_row - pixels) * sizeof(float))


cdef void sum_rows(const KernelGradient *g, int64_t block, float *planes, planes_gradient_tile *tile) noexcept nogil:
    """Add the products of a block of rows of an image to the sums of a tile."""
    cdef const Planes *p = &g.of
    cdef int64_t n = block // p.row_blocks, first = block % p.row_blocks * p.rows, row
    cdef const float *dy = g.dy + (n * p.x.v.outputs + first) * p.x.h.outputs * p.channels
    tile.rows = min(p.rows, p.x.v.outputs - first)
    read_planes(p, n, first, tile.rows, planes)
    for row in range(tile.rows):
        split_channels(
            g, dy + row * p.x.h.outputs * p.channels, <float *> tile.dy + row * p.channels * g.dy_row)
    p.table.f32_planes_gradient(tile)


cdef void sum_chunk(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Sum dw over a chunk of the row blocks of all images."""
    cdef const KernelGradient *g = <const KernelGradient *> work
    cdef const Planes *p = &g.of
    cdef float *planes = <float *> scratch
    cdef float *dy = planes + p.x.h.stride * p.x.channels * p.plane
    cdef float *sums = dy + p.rows * p.channels * g.dy_row
    cdef int64_t *offsets = <int64_t *> (sums + g.dw_floats * p.table.vector_floats)
    cdef planes_gradient_tile tile = planes_gradient_tile(
        planes, offsets, g.dw_floats // p.channels, dy, sums, 0, p.x.h.outputs, p.x.v.stride * p.plane_row, g.dy_row,
        p.channels)
    cdef int64_t block
    memset(sums, 0, g.dw_floats * p.table.vector_floats * sizeof(float))
    list_taps(p, offsets)
    for block in range(task * g.chunk, min((task + 1) * g.chunk, p.x.images * p.row_blocks)):
        sum_rows(g, block, planes, &tile)
    p.table.f32_reduce_rows[<int> SUM](
        g.dw if task == 0 else g.partials + (task - 1) * g.dw_floats, sums, g.dw_floats, p.table.vector_floats)


cdef void add_chunks(const void *work, int64_t part, char *scratch) noexcept nogil:
    """Add a part of the partial sums to dw."""
    cdef const KernelGradient *g = <const KernelGradient *> work
    add_partials(g.dw, g.partials, g.chunks - 1, g.dw_floats, part)


cdef void cut_gradient(KernelGradient *g) noexcept nogil:
    """Cut the rows of dy into blocks, and these into chunks whose number depends only on shapes."""
    cdef Planes *p = &g.of
    cdef int64_t lanes = p.table.vector_floats, blocks
    g.dy_row = ceil_div(p.x.h.outputs, lanes) * lanes
    g.dw_floats = p.x.v.taps * p.x.h.taps * p.x.channels * p.channels
    cut(p, lanes, p.channels * g.dy_row)
    blocks = p.x.images * p.row_blocks
    g.chunk = even_parts(blocks, ceil_div(blocks, TASKS))
    g.chunks = ceil_div(blocks, g.chunk)
    g.scratch_bytes = p.scratch_bytes + (p.rows * p.channels * g.dy_row + g.dw_floats * lanes) * sizeof(float)
    g.scratch_bytes = ceil_div(g.scratch_bytes, 64) * 64


cdef void correlate_gradients(KernelGradient *g) except *:
    """Run the tasks of a gradient on `threads_for` threads, then add its partial sums."""
    cut_gradient(g)
    cdef int64_t pixels = g.of.x.images * g.of.x.v.outputs * g.of.x.h.outputs
    cdef int threads = threads_for(<double> pixels * g.dw_floats)
    cdef char *scratch = <char *> borrow_parts(
        threads, g.scratch_bytes, (g.chunks - 1) * g.dw_floats * sizeof(float))
    cdef task_phase[2] phases = [task_phase(sum_chunk, g.chunks), task_phase(add_chunks, TASKS)]
    g.partials = <float *> (scratch + threads * g.scratch_bytes)
    with nogil:
        run_phases(phases, 2 if g.chunks > 1 else 1, g, sizeof(KernelGradient), threads, scratch, g.scratch_bytes)
    give_scratch_back(scratch)


def conv_backward_kernel(
    convolution,      # IN  a Convolution of one group, with one or two spatial axes
    cnp.ndarray x,    # IN  (N, .., CI)
    cnp.ndarray dy,   # IN  (N, .., CO)
    cnp.ndarray dw,   # OUT (.., CI, CO), with at most MOST_PLANE_CHANNELS output channels
):
    """dw[tap] = x shifted by the tap, transposed, times dy"""
    cdef KernelGradient g
    if cnp.PyArray_SIZE(dy) == 0:
        fill_bias(dw, None, LINEAR, 0)
        return
    g.of.table = tiles()
    g.of.x = forward_image(convolution, x, dw, dy, 1)
    g.of.channels = dw.shape[dw.ndim - 1]
    g.dy = floats(dy, cnp.PyArray_SIZE(dy))
    g.dw = floats(dw, cnp.PyArray_SIZE(dw))
    correlate_gradients(&g)
