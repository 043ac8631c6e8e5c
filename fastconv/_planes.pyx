# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Convolutions with few channels of the result, whose vectors hold neighbouring pixels of a row.

The channels of the input are copied into planes, between the zeros of the padding. Columns that are a stride apart lie
beside each other, in planes of their own: a tap reads adjacent floats for neighbouring outputs.
"""
cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from fastconv._core cimport (
    PLANE_VECTORS, borrow_parts, give_scratch_back, kernel_table, planes_tile, run_tasks, threads_for, tiles,
)
from fastconv._geometry cimport Axis, ceil_div, even_parts, floats, forward_image, Image, reach

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


cdef void cut(Planes *p) noexcept nogil:
    """Cut the rows of y into tasks, whose planes fit into a cache."""
    cdef int64_t block = PLANE_VECTORS * p.table.vector_floats, planes = p.x.h.stride * p.x.channels
    cdef int64_t columns = ceil_div(p.x.h.outputs, block) * block + (reach(&p.x.h) - 1) // p.x.h.stride
    p.plane_row = ceil_div(columns, 16) * 16
    cdef int64_t most = (PLANE_FLOATS // (planes * p.plane_row) - reach(&p.x.v)) // p.x.v.stride + 1
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
    cut(&p)
    cdef int64_t pixels = p.x.images * p.x.v.outputs * p.x.h.outputs
    cdef int threads = threads_for(<double> pixels * p.x.v.taps * p.x.h.taps * p.x.channels * p.channels)
    cdef char *scratch = <char *> borrow_parts(threads, p.scratch_bytes, 0)
    with nogil:
        run_tasks(correlate_rows, &p, sizeof(Planes), p.x.images * p.row_blocks, threads, scratch, p.scratch_bytes)
    give_scratch_back(scratch)
