cimport numpy as cnp
from libc.stdint cimport int64_t

from fastconv._core cimport gemm_tile, kernel_table


cdef struct Axis:
    # One spatial axis: output o reads inputs o * stride + first + i * step (zero outside) for the taps i.
    int64_t inputs, outputs, taps
    int64_t stride, first, step
    int64_t kernel_first, kernel_step      # tap i is the kernel's element kernel_first + i * kernel_step
    int64_t y_size, y_first, y_step        # output o is element y_first + o * y_step of the y_size in memory


cdef struct Image:
    # What is read: `images` NDHWC arrays, by windows that move along three axes; one missing has one place and tap.
    const float *data
    int64_t images
    Axis d, v, h                           # depth, vertical, horizontal
    int64_t channels                       # of a pixel in memory: groups * depth
    int64_t groups, depth


cdef struct Block:
    # Output pixels: rows counted over all planes of all images; either whole rows or a part of one.
    int64_t row, rows, column, columns


cdef struct Cut:
    # The division of all output pixels into blocks.
    int64_t rows, columns                  # of a block
    int64_t row_blocks, column_blocks
    int64_t panel_floats                   # that the view of a block needs


cdef struct Place:
    # A row of output pixels: its plane, counted over all images, and which of the plane's it is.
    int64_t plane, row


cdef struct Strip:
    # Neighbours in a row of a block, whose columns and rows are counted from its first.
    int64_t row, column, columns


cdef struct Span:
    # The taps first..last - 1 of an axis.
    int64_t first, last


cdef struct Zone:
    # Pixels of a block, from those of the zone before to `end`, whose windows meet the image with the same taps.
    int64_t end
    Span d, v, h


cdef struct View:
    # Where the channels of a block of an image are found: in place, or copied between zeros into a panel.
    # Output row (n, od, oh) reads the rows R = (n * planes + od * plane_stride) * rows + oh * stride + i * step, which
    # start at data + (R - first_row) * row, and `tap` floats on those of its next tap along the depth.
    const float *data
    int64_t planes, plane_stride           # planes of an image, and from one output plane to the next
    int64_t first_row, rows                # rows of a plane
    int64_t tap, row, pixel                # floats from one to the next


cdef struct Ahead:
    # What a later block of pixels reads: runs of `depth` floats at x, of `columns` floats at dy.
    const float **x
    int64_t pixels, depth
    const float *dy
    int64_t dy_pixel, columns
    int64_t fetched                        # pixels


cdef inline int64_t ceil_div(int64_t a, int64_t b) noexcept nogil:
    return (a + b - 1) // b


cdef inline int64_t even_parts(int64_t whole, int64_t most) noexcept nogil:
    """Size of the parts, at most `most` each, that divide `whole` most evenly."""
    return ceil_div(whole, ceil_div(whole, most)) if whole > 0 else 1


cdef inline int64_t kernel_element(const Axis *a, int64_t tap) noexcept nogil:
    return a.kernel_first + tap * a.kernel_step


cdef float *floats(cnp.ndarray array, int64_t size) except? NULL
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
cdef int64_t taps_of(const Image *x) noexcept nogil
cdef int64_t pixels_of(const Image *x) noexcept nogil

cdef Cut cut_pixels(const Image *x, int64_t channels, int64_t pixels, bint copied) noexcept nogil
cdef Block cut_block(const Image *x, const Cut *cut, int64_t i) noexcept nogil
cdef View look(
    const Image *x, const Block *block, int64_t tap, int64_t taps, int64_t channel, int64_t channels, float *panel
) noexcept nogil
cdef int64_t list_rows(const Image *x, const View *view, const Block *block, int64_t *offsets) noexcept nogil

cdef enum:
    DOTS = 0                               # vectors of columns in tiles of dot products

cdef int widest(const kernel_table *table) noexcept nogil
cdef int tile_vectors(const kernel_table *table, int64_t columns) noexcept nogil
cdef void multiply(
    const kernel_table *table, gemm_tile *tile, const float **rows, float **out, int64_t count, int vectors
) noexcept nogil


cdef struct Correlation:
    # y[n, oh, ow, c] = act(bias[c] + sum over taps i, j and k of x[n, window(oh, i), window(ow, j), k] * w(i, j)[k, c])
    # and the same with a window along the depth
    const kernel_table *table
    Image x
    const float *w
    int64_t kernel_rows, kernel_columns    # KH, KW
    int64_t w_tap, w_group, w_row, w_column    # floats between taps, groups, rows k and columns c of the weights
    int64_t width                          # columns of a group
    const float *bias
    float *y
    int64_t activation
    float alpha
    # A task is a block of pixels times a block of columns; it takes the channels, the kernel's planes and their rows in
    # blocks
    Cut cut
    int64_t column_block, column_blocks
    int64_t depth_block, plane_block, tap_block
    int64_t group                          # planes whose rows of the same height follow each other
    bint zoned                             # taps that lie in the padding are left out
    bint dots                              # few columns: each is a dot product with the window
    int64_t packed_floats, scratch_bytes


cdef struct KernelGradient:
    # dw[i, j, k, c] = sum over n, oh, ow of x[n, window(oh, i), window(ow, j), k] * dy[n, oh, ow, c],
    # and the same with a window along the depth
    const kernel_table *table
    Image x
    const float *dy
    int64_t width                          # columns of a group
    float *dw
    # A task sums one chunk of the blocks of pixels into a slice of the channels, in one plane of the kernel, times a
    # block of columns, for a bundle of groups, whose channels are read together
    Cut cut
    int64_t bundle, bundles
    int64_t slice, slices
    int64_t column_block, column_blocks
    int64_t chunk, chunks                  # blocks of pixels in a chunk
    float *partials                        # dw of the chunks but the first
    bint fetching                          # a kernel of one tap: the next block of pixels is fetched
    bint zoned                             # pixels that read padding by a tap are left out of its sum
    int64_t dw_floats, packed_floats, scratch_bytes


cdef void correlate(Correlation *parts, int64_t count) except *
cdef void correlate_gradients(KernelGradient *g) except *

cdef enum:
    TASKS = 16    # cuts by shape alone: as many pieces as this share evenly among few threads

cdef void add_partials(float *sums, const float *partials, int64_t count, int64_t size, int64_t part) noexcept nogil
