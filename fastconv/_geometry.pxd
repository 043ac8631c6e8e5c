cimport numpy as cnp
from libc.stdint cimport int64_t

from fastconv._core cimport gemm_tile, kernel_table


cdef struct Axis:
    # A spatial axis: output o reads inputs o * stride + first + i * step (zero outside) for the taps i.
    int64_t inputs, outputs, taps
    int64_t stride, first, step
    int64_t kernel_first, kernel_step      # tap i is the kernel's element kernel_first + i * kernel_step
    int64_t y_size, y_first, y_step        # output o is element y_first + o * y_step of y_size in memory


cdef struct Image:
    # The input: `images` NDHWC arrays. Windows that move along three axes read them. A missing axis has a single place
    # and a single tap.
    const float *data
    int64_t images
    Axis d, v, h                           # depth, vertical, horizontal
    int64_t channels                       # of a pixel in memory: groups * ci
    int64_t groups, ci


cdef struct Block:
    # Output pixels: rows counted over all planes of all images; either entire rows or a part of a row.
    int64_t row, rows, column, columns


cdef struct Cut:
    # The division of all output pixels into blocks. The pixels of a block are BLIS's mc rows of the left factor.
    int64_t rows, columns                  # of a block
    int64_t row_blocks, column_blocks
    int64_t panel_floats                   # of the panel of a block


cdef struct Span:
    # The taps first..last - 1 of an axis.
    int64_t first, last


cdef struct View:
    # The location of the channels of a block of an image: in place, or copied between zeros into a panel.
    # Output row (n, od, oh) reads the rows R = (n * planes + od * plane_stride) * rows + oh * stride + i * step, which
    # start at data + (R - first_row) * row. The rows of its next tap along the depth start `tap` floats later.
    const float *data
    int64_t planes, plane_stride           # planes of an image, and from an output plane to the next
    int64_t first_row, rows                # rows of a plane
    int64_t tap, row, pixel                # floats to the next tap, row, and pixel


cdef inline int64_t ceil_div(int64_t a, int64_t b) noexcept nogil:
    return (a + b - 1) // b


cdef inline int64_t even_parts(int64_t whole, int64_t most) noexcept nogil:
    """Return the size of the parts, at most `most` each, that divide `whole` most evenly."""
    return ceil_div(whole, ceil_div(whole, most)) if whole > 0 else 1


cdef inline int64_t kernel_element(const Axis *a, int64_t tap) noexcept nogil:
    return a.kernel_first + tap * a.kernel_step


cdef inline int64_t reach(const Axis *a) noexcept nogil:
    """Return the number of inputs from the first to the last tap of an output, both included."""
    return (a.taps - 1) * a.step + 1


cdef inline int64_t axis_span(const Axis *a) noexcept nogil:
    """Return the number of inputs from the first to the last that any output reads, padding included."""
    return (a.outputs - 1) * a.stride + reach(a)


cdef inline bint axis_in_place(const Axis *a) noexcept nogil:
    return a.first >= 0 and a.first + axis_span(a) <= a.inputs


cdef inline bint sparse_axis(const Axis *a) noexcept nogil:
    """Return True if most elements in the span of windows are neither read nor written.

    This is the case when strides, dilation or padding are large.
    """
    return axis_span(a) > 4 * (a.inputs + a.outputs) or reach(a) > 4 * a.inputs + a.taps


cdef inline bint sparse(const Image *x) noexcept nogil:
    return sparse_axis(&x.d) or sparse_axis(&x.v) or sparse_axis(&x.h)


cdef inline bint in_place(const Image *x) noexcept nogil:
    """Return True if no output reads padding."""
    return axis_in_place(&x.d) and axis_in_place(&x.v) and axis_in_place(&x.h)


cdef inline int64_t plane_of(const Image *x, const View *view, int64_t plane) noexcept nogil:
    """Return the plane of a view that an output plane, counted over all images, reads first."""
    return plane // x.d.outputs * view.planes + plane % x.d.outputs * view.plane_stride


cdef inline int64_t window_offset(const Image *x, const View *view, int64_t plane, int64_t row) noexcept nogil:
    """Return the offset in a view at which the windows of a row of a plane begin."""
    return (plane_of(x, view, plane) * view.rows + row * x.v.stride - view.first_row) * view.row


cdef inline int64_t row_offset(const Image *x, const View *view, int64_t row) noexcept nogil:
    """Return the same offset for a row that is counted over all planes."""
    return window_offset(x, view, row // x.v.outputs, row % x.v.outputs)


cdef inline Span inside(int64_t start, int64_t step, int64_t count, int64_t inputs) noexcept nogil:
    """Return the i < count that have inputs, not padding, at start + i * step; none if last <= first."""
    return Span(
        max(ceil_div(-start, step), 0) if start < 0 else 0,
        min(count, ceil_div(inputs - start, step) if start < inputs else 0))


cdef inline Span taps_inside(const Axis *a, int64_t output) noexcept nogil:
    """Return the taps by which an output reads inputs."""
    return inside(output * a.stride + a.first, max(a.step, 1), a.taps, a.inputs)


cdef inline Span outputs_inside(const Axis *a, int64_t tap) noexcept nogil:
    """Return the outputs that read inputs by a tap."""
    return inside(a.first + tap * a.step, a.stride, a.outputs, a.inputs)


cdef inline bint equal(Span a, Span b) noexcept nogil:
    return a.first == b.first and a.last == b.last


cdef int64_t residual_of(residual, const float *y, int64_t size) except? -1
cdef Axis forward_axis(
    int64_t inputs, int64_t outputs, int64_t taps, int64_t stride, int64_t dilation, int64_t before) noexcept nogil
cdef Axis backward_axis(
    int64_t inputs, int64_t outputs, int64_t taps, int64_t stride, int64_t dilation, int64_t before, int64_t phase
) noexcept nogil
cdef Image forward_image(
    convolution, cnp.ndarray x, cnp.ndarray w, cnp.ndarray y, int64_t groups) except *
cdef Image backward_image(
    convolution, cnp.ndarray dy, cnp.ndarray w, cnp.ndarray dx, tuple phase, int64_t groups) except *
cdef void check_addresses(
    int64_t images, const Axis *d, const Axis *v, const Axis *h, int64_t channels) except *
cdef void fill_pixels(float *y, const float *bias, int64_t pixels, int64_t channels) noexcept nogil
cdef int64_t taps_of(const Image *x) noexcept nogil
cdef int64_t pixels_of(const Image *x) noexcept nogil

cdef Cut cut_pixels(const Image *x, int64_t channels, int64_t pixels, bint copied) noexcept nogil
cdef Block cut_block(const Image *x, const Cut *cut, int64_t i) noexcept nogil
cdef View view_block(
    const Image *x, const Block *block, int64_t tap, int64_t taps, int64_t channel, int64_t channels, float *panel
) noexcept nogil

cdef enum:
    DOTS = 0                               # vectors of columns in tiles of dot products

cdef int widest(const kernel_table *table) noexcept nogil
cdef int tile_vectors(const kernel_table *table, int64_t columns) noexcept nogil
cdef void multiply(
    const kernel_table *table, gemm_tile *tile, const float **rows, float **out, int64_t count, int vectors
) noexcept nogil
cdef void fetch_meanwhile(
    const kernel_table *table, gemm_tile *tile, const float *coming, int64_t count, int vectors
) noexcept nogil
cdef void multiply_and_fetch(
    const kernel_table *table, gemm_tile *tile, const float **rows, float **out, int64_t count, int vectors
) noexcept nogil
cdef int64_t groups_of(int64_t channels, cnp.ndarray w) except -1
cdef Axis forward_axis_of(
    cnp.ndarray x, cnp.ndarray w, cnp.ndarray y, tuple strides, tuple padding, tuple dilation, int64_t following
) except *

# Blocks are named as in BLIS (Van Zee and van de Geijn 2015, after Goto and van de Geijn 2008): y (m, n) := a (m, k)
# b (k, n) is computed by mc rows, nc columns and kc products at a time, in register tiles of mr rows and nr columns.
cdef enum:
    KC = 640     # taps times channels at a time: 160 KB of packed columns at the widest tile
    TASKS = 16    # pieces of work: they divide evenly among few threads, and depend only on shapes
