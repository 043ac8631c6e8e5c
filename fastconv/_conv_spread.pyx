# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""The gradient of a convolution with respect to an input of few channels: pixels of dy are spread over their windows.

The products of a pixel with a kernel row are KW * CI neighbours of dx. They fill vectors although CI does not.
"""
cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from fastconv._core cimport (
    borrow_with_weights,
    gemm_tile,
    give_scratch_back,
    kernel_table,
    pack_and_run,
    size_product,
    task_phase,
    threads_for,
    tiles,
)
from fastconv._arrays cimport floats
from fastconv._geometry cimport Axis, axis_span, ceil_div, fill_pixels, forward_axis, multiply, tile_vectors

cnp.import_array()

cdef extern from "kernels.h":
    enum: LINEAR


cdef struct Spread:
    # dx[n, oh * SH + kh * DH - top, ow * SW - left + kw, c] += sum over k of dy[n, oh, ow, k] w[kh, kw, c, k]
    const kernel_table *table
    const float *dy
    const float *w
    float *packed                          # w[kh]^T for every kh, k by (kw, c): scratch memory
    float *dx
    Axis v, h                              # axes of the forward pass
    int64_t ci, co
    const float *bias
    int activation
    float alpha
    int64_t height, width                  # of dx with the padding that windows reach
    int64_t panel_floats, scratch_bytes    # a padded image, if there is padding


cdef enum:
    SPREAD_ROWS = 28                       # of dy at a time: two tiles of the narrowest columns


cdef void spread_image(const void *work, int64_t n, char *scratch) noexcept nogil:
    """Compute dx of an image.

    The products of a pixel with a kernel row are KW * CI neighbours, which are added directly. The rows of a tile are
    pixels below each other, so that no two rows add to the same place.
    """
    cdef const Spread *s = <const Spread *> work
    cdef float *image = s.dx + n * s.v.inputs * s.h.inputs * s.ci
    cdef float *target = <float *> scratch if s.panel_floats else image
    cdef const float **rows = <const float **> (<float *> scratch + s.panel_floats)
    cdef float **out = <float **> (rows + SPREAD_ROWS)
    cdef int64_t dy_row = s.h.outputs * s.co, row = s.width * s.ci
    cdef int64_t block, count, r
    fill_pixels(target, s.bias, s.height * s.width, s.ci)
    for block in range(ceil_div(s.v.outputs, SPREAD_ROWS)):
        count = min(s.v.outputs - block * SPREAD_ROWS, SPREAD_ROWS)
        for r in range(count):
            rows[r] = s.dy + (n * s.v.outputs + block * SPREAD_ROWS + r) * dy_row
            out[r] = target + (block * SPREAD_ROWS + r) * s.v.stride * row
        spread_rows(s, rows, out, count)
    if s.panel_floats:
        for r in range(s.v.inputs):
            memcpy(
                image + r * s.h.inputs * s.ci,
                target + ((r - s.v.first) * s.width - s.h.first) * s.ci,
                s.h.inputs * s.ci * sizeof(float))
    if s.activation != LINEAR:
        s.table.f32_activate(image, image, s.v.inputs * s.h.inputs * s.ci, s.activation, s.alpha, False)


cdef void spread_rows(const Spread *s, const float **rows, float **out, int64_t count) noexcept nogil:
    """Add the products of `count` rows of dy to the rows of dx that begin at `out`."""
    cdef int64_t columns = s.h.taps * s.ci
    cdef int64_t kh, ow, column, offset
    cdef int vectors
    cdef gemm_tile tile
    tile.offsets = &offset
    tile.starts = NULL
    tile.segments = 1
    tile.depth = s.co
    tile.step = 1
    tile.accumulate = True
    tile.bias = NULL
    tile.activation = LINEAR
    for kh in range(s.v.taps):
        column = 0
        while column < columns:
            vectors = tile_vectors(s.table, columns - column)
            tile.b_step = vectors * s.table.vector_floats
            tile.columns = min(tile.b_step, columns - column)
            tile.b = s.packed + s.co * (kh * packed_columns(s) + column)
            for ow in range(s.h.outputs):
                offset = ow * s.co
                tile.column = (kh * s.v.step * s.width + ow * s.h.stride) * s.ci + column
                multiply(s.table, &tile, rows, out, count, vectors)
            column += tile.columns


cdef void pack_kernel_row(const void *work, int64_t kh, char *scratch) noexcept nogil:
    """Pack w[kh]^T in the order in which spread_rows reads it."""
    cdef const Spread *s = <const Spread *> work
    cdef int64_t columns = s.h.taps * s.ci, column = 0, width
    cdef float *to = s.packed + kh * packed_columns(s) * s.co
    while column < columns:
        width = tile_vectors(s.table, columns - column) * s.table.vector_floats
        s.table.f32_pack_columns(
            to, width, s.w + (kh * columns + column) * s.co, s.co, s.co, min(width, columns - column))
        to += s.co * width
        column += width


cdef inline int64_t packed_columns(const Spread *s) noexcept nogil:
    """Return the columns (kw, c) of a kernel row, rounded up to entire vectors."""
    return ceil_div(s.h.taps * s.ci, s.table.vector_floats) * s.table.vector_floats


def conv_backward_input(
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
    s.w = floats(w, cnp.PyArray_SIZE(w))
    s.dy = floats(dy, dy.shape[0] * dy.shape[1] * dy.shape[2] * w.shape[3])
    s.dx = floats(dx, dy.shape[0] * dx.shape[1] * dx.shape[2] * w.shape[2])
    s.v = forward_axis(dx.shape[1], dy.shape[1], w.shape[0], strides[0], dilation[0], padding[0][0])
    s.h = forward_axis(dx.shape[2], dy.shape[2], w.shape[1], strides[1], 1, padding[1][0])
    s.co, s.ci = w.shape[3], w.shape[2]
    s.bias = <float *> NULL if bias is None else floats(bias, s.ci)
    s.activation, s.alpha = activation, alpha
    s.height = max(s.v.inputs - s.v.first, axis_span(&s.v))
    s.width = max(s.h.inputs - s.h.first, axis_span(&s.h))
    cdef bint padded = s.height > s.v.inputs or s.width > s.h.inputs
    s.panel_floats = (size_product(size_product(s.height, s.width), s.ci) + 15) // 16 * 16 if padded else 0
    s.scratch_bytes = (s.panel_floats * sizeof(float) + 2 * SPREAD_ROWS * sizeof(void *) + 63) // 64 * 64
    cdef int64_t packed_floats = s.v.taps * packed_columns(&s) * s.co
    cdef int threads = threads_for(<double> dy.size * s.v.taps * s.h.taps * s.ci)
    cdef char *scratch = <char *> borrow_with_weights(
        threads, s.scratch_bytes, 0, packed_floats * sizeof(float), <void **> &s.packed)
    cdef task_phase[2] phases = [task_phase(pack_kernel_row, s.v.taps), task_phase(spread_image, dy.shape[0])]
    with nogil:
        pack_and_run(phases, 2, &s, sizeof(Spread), threads, scratch, s.scratch_bytes)
    give_scratch_back(scratch)
