from libc.stdint cimport int64_t

from fastconv._core cimport kernel_table
from fastconv._geometry cimport Cut, Image


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
    # A task is a block of pixels times a block of columns. It takes the channels, the kernel's planes and their rows in
    # blocks.
    Cut cut
    int64_t column_block, column_blocks
    int64_t depth_block, plane_block, tap_block
    int64_t group                          # planes whose rows of the same height follow each other
    bint zoned                             # taps that lie in the padding are left out
    bint dots                              # few columns: each is a dot product with the window
    int64_t packed_floats, scratch_bytes


cdef void correlate(Correlation *parts, int64_t count) except *
