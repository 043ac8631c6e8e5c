from libc.stdint cimport int64_t

from fastconv._core cimport kernel_table
from fastconv._geometry cimport Cut, Image


cdef struct KernelGradient:
    # dw[i, j, k, c] = sum over n, oh, ow of x[n, window(oh, i), window(ow, j), k] * dy[n, oh, ow, c],
    # and the same with a window along the depth
    const kernel_table *table
    Image x
    const float *dy
    int64_t co                             # output channels of a group
    float *dw
    # A task sums a chunk of the blocks of pixels into a slice of input channels times nc output channels, in a plane
    # of the kernel. It does so for a bundle of groups, whose channels are read together. The kc products of a sum are
    # the pixels of a block.
    Cut cut
    int64_t bundle, bundles
    int64_t slice, slices
    int64_t nc, nc_blocks
    int64_t chunk, chunks                  # blocks of pixels in a chunk
    float *partials                        # dw of all chunks except the first
    bint fetching                          # a kernel of one tap: the next block of pixels is fetched
    bint zoned                             # pixels that read padding by a tap are left out of its sum
    int64_t dw_floats, packed_floats, scratch_bytes


cdef void correlate_gradients(KernelGradient *g) except *
cdef void add_partials(float *sums, const float *partials, int64_t count, int64_t size, int64_t part) noexcept nogil
