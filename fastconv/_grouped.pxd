cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t

from fastconv._core cimport kernel_table


cdef enum:
    LANES = 16                             # of the widest vector


cdef struct Way:
    # A spatial axis of a convolution, or of its gradient with respect to x. If `backward`, x is dy, and the outputs are
    # pixels of dx.
    bint backward
    int64_t inputs, outputs, taps, stride, dilation, before
    int64_t phases                         # of the outputs; each phase has its own axis


cdef struct Grouped:
    # y[.., c] = act(bias[c] + sum over taps i, j and k of x[window, c // co * ci + k] * w(i, j)[k, c]),
    # or the gradient with respect to w
    const kernel_table *table
    int fetch
    const float *x
    int64_t images, x_channels
    int64_t groups, ci, co                 # channels of a group in x and in y
    const float *w
    int64_t w_tap, w_row                   # floats to the next tap of the kernel, and to the next channel k
    int64_t w_floats
    float *transposed                      # w with its channels exchanged, if the tiles read it so: scratch memory
    const float *bias
    float *y                               # the output, or dy, which is read
    int64_t y_channels
    int64_t activation
    float alpha
    float *dw
    float *partials                        # dw of all chunks except the first
    Way d, v, h                            # depth, vertical, horizontal
    # A task is a block of the pixels of a plane of an image times a slice of the channels
    int64_t planes, rows, row_blocks, columns, column_blocks, slice, slices
    int64_t chunk, chunks                  # blocks in a chunk
    int32_t lanes[LANES]
    int64_t pixels, segments               # capacity: pointers to pixels, and offsets
    int64_t scratch_bytes


cdef void describe(
    Grouped *g, convolution, cnp.ndarray x, cnp.ndarray w, cnp.ndarray y, bias, int activation, float alpha,
    bint backward
) except *
cdef void cut(Grouped *g) noexcept nogil
cdef int64_t tasks_of(const Grouped *g) noexcept nogil
cdef double work_of(const Grouped *g) noexcept nogil
cdef void correlate_block(const void *work, int64_t task, char *scratch) noexcept nogil
