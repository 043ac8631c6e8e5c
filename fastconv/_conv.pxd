cimport numpy as cnp
from libc.stdint cimport int64_t

from fastconv._core cimport kernel_table
from fastconv._geometry cimport Cut, Image


cdef struct Correlation:
    # y[n, oh, ow, c] = act(bias[c] + sum over taps i, j and k of x[n, window(oh, i), window(ow, j), k] * w(i, j)[k, c])
    # and the same with a window along the depth, or with another array added before the activation
    const kernel_table *table
    Image x
    const float *w
    int64_t kernel_rows, kernel_columns    # KH, KW
    int64_t w_tap, w_group, w_ci, w_co     # floats between taps, groups, input and output channels of the weights
    int64_t co                             # output channels of a group
    const float *bias
    float *y
    int64_t y_pixel                        # floats between pixels of y
    int64_t residual                       # floats from y to the array that is added before the activation; or 0
    int64_t activation
    float alpha
    int64_t parts                          # correlations that read the same image, in an array from the first on
    # A task is a block of pixels times nc output channels of a group. It takes the input channels, the kernel's planes
    # and their rows in blocks, whose kc products are summed at a time.
    Cut cut
    int64_t nc, nc_blocks
    int64_t ci_block, plane_block, row_block
    int64_t stack                          # planes whose rows of the same height follow each other
    bint zoned                             # taps that lie in the padding are left out
    bint dots                              # few channels: each is a dot product with the window
    int64_t packed_floats, scratch_bytes
    float *kept                            # all weights packed, if they are constant in a plan; else NULL


cdef void correlate(Correlation *parts, int64_t count) except *
cdef void describe(
    Correlation *c, convolution, cnp.ndarray x, cnp.ndarray w, bias, cnp.ndarray y, int activation, float alpha
) except *
cdef void cut_correlation(Correlation *c, int threads) noexcept nogil
cdef int64_t tasks_of(const Correlation *c) noexcept nogil
cdef void correlate_block(const Correlation *c, int64_t task, char *scratch) noexcept nogil
cdef bint keeps(const Correlation *c) noexcept nogil
cdef int64_t kept_bytes(const Correlation *c) noexcept nogil
cdef int64_t packing_tasks(const Correlation *c) noexcept nogil
cdef void pack_columns(const void *work, int64_t task, char *scratch) noexcept nogil
