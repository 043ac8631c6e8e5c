# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Depthwise convolution, where each channel has a kernel of its own: channels lie in the lanes of vectors.

Blocks, views and lists of places are those of `_conv`; an image counts as one group whose channels are computed side by
side. Shapes, dtypes and contiguity have been checked by the caller (`backends/cpu.py`).
"""
from fastconv._conv import fill_bias, fill_unreached, phases

cimport numpy as cnp
from cython.parallel cimport parallel, prange, threadid
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from fastconv._conv cimport (
    Block,
    Cut,
    Image,
    View,
    backward_image,
    ceil_div,
    cut_block,
    cut_pixels,
    even_parts,
    floats,
    forward_image,
    kernel_element,
    list_inputs,
    list_outputs,
    list_rows,
    list_taps,
    look,
    pixels_of,
    taps_of,
)
from fastconv._core cimport (
    borrow_scratch,
    flush_denormals,
    gemm_tile,
    give_scratch_back,
    kernel_table,
    restore_denormals,
    threads_for,
    tiles,
)

cnp.import_array()

cdef extern from "kernels.h":
    enum: LINEAR
    enum: DEPTHWISE_ROWS

# Cuts by shape alone, so that the bits of a result do not depend on the number of threads.
cdef enum:
    SLICE = 128                            # channels at a time: whole lines of the cache, and panels of many rows
    PIXELS = 512                           # of a block
    CHUNKS = 16                            # partial sums of a kernel's gradient,
    MOST_PARTIAL_FLOATS = 1 << 20          # as long as they are small
    LOADS = 4                              # a depthwise multiply-add waits for memory: it counts as so many


cdef struct Depthwise:
    # y[.., c] = act(bias[c] + sum over taps of x[window, c] * w(tap)[c]), or the gradient with respect to w
    const kernel_table *table
    Image x
    const float *w
    int64_t kernel_rows, kernel_columns    # KH, KW
    const float *bias
    float *y                               # the output; or dy, which is read
    float *dw
    float *partials                        # dw of the chunks but the first
    int64_t activation
    float alpha
    Cut cut
    int64_t slice, slices
    int64_t chunk, chunks                  # blocks of pixels in a chunk
    int64_t scratch_bytes


cdef void cut_depthwise(Depthwise *d) noexcept nogil:
    cdef int64_t taps = taps_of(&d.x), blocks
    d.table = tiles()
    d.slice = even_parts(d.x.channels, SLICE)
    d.slices = ceil_div(d.x.channels, d.slice)
    d.cut = cut_pixels(&d.x, d.x.d.taps * d.slice, PIXELS)
    blocks = d.cut.row_blocks * d.cut.column_blocks
    d.chunk = ceil_div(blocks, max(min(CHUNKS, MOST_PARTIAL_FLOATS // (taps * d.x.channels)), 1))
    d.chunks = ceil_div(blocks, d.chunk)
    d.scratch_bytes = (
        sizeof(float) * (d.cut.panel_floats + taps * d.slice)
        + sizeof(void *) * (2 * d.cut.rows * d.cut.columns + 3 * taps + d.cut.rows) + 127
    ) // 64 * 64


cdef void run_tiles(
    const kernel_table *table, gemm_tile *tile, const float **rows, float **out, int64_t count
) noexcept nogil:
    """Runs `count` rows through tiles of nearly equal heights."""
    cdef int64_t parts = ceil_div(count, DEPTHWISE_ROWS), part, first = 0, last
    for part in range(parts):
        last = count * (part + 1) // parts
        tile.rows = rows + first
        tile.out = out + first
        tile.height = last - first
        table.f32_depthwise[tile.height](tile)
        first = last


cdef void correlate_block(const Depthwise *d, int64_t task, char *scratch) noexcept nogil:
    """One block of pixels of one slice of the channels."""
    cdef const Image *x = &d.x
    cdef int64_t channel = task % d.slices * d.slice, channels = min(d.slice, x.channels - channel)
    cdef int64_t taps = taps_of(x)
    cdef Block block = cut_block(x, &d.cut, task // d.slices)
    cdef float *panel = <float *> scratch
    cdef const float **rows = <const float **> (panel + d.cut.panel_floats)
    cdef float **out = <float **> (rows + block.rows * block.columns)
    cdef int64_t *offsets = <int64_t *> (out + block.rows * block.columns)
    cdef float *weights = <float *> (offsets + taps)
    cdef View view = look(x, &block, 0, x.d.taps, channel, channels, panel)
    cdef int64_t i, j, row
    cdef gemm_tile tile
    list_inputs(x, &view, &block, rows)
    list_outputs(x, &block, d.y, x.channels, out)
    list_taps(x, &view, 0, x.d.taps * x.v.taps, 0, offsets)
    for i in range(x.d.taps * x.v.taps):
        row = kernel_element(&x.d, i // x.v.taps) * d.kernel_rows + kernel_element(&x.v, i % x.v.taps)
        for j in range(x.h.taps):
            memcpy(
                weights + (i * x.h.taps + j) * channels,
                d.w + channel + (row * d.kernel_columns + kernel_element(&x.h, j)) * x.channels,
                channels * sizeof(float))
    tile.offsets = offsets
    tile.segments = taps
    tile.depth = tile.step = 1
    tile.b = weights
    tile.b_step = tile.columns = channels
    tile.column = channel
    tile.accumulate = False
    tile.bias = d.bias + channel if d.bias else <const float *> NULL
    tile.activation = d.activation
    tile.alpha = d.alpha
    run_tiles(d.table, &tile, rows, out, block.rows * block.columns)


cdef void correlate(Depthwise *d) except *:
    cut_depthwise(d)
    cdef int64_t tasks = d.cut.row_blocks * d.cut.column_blocks * d.slices, task
    cdef int threads = threads_for(LOADS * <double> pixels_of(&d.x) * taps_of(&d.x) * d.x.channels)
    cdef char *scratch = <char *> borrow_scratch(threads * d.scratch_bytes)
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads):
        state = flush_denormals()
        for task in prange(tasks, schedule="dynamic"):
            correlate_block(d, task, scratch + threadid() * d.scratch_bytes)
        restore_denormals(state)
    give_scratch_back(scratch)


def conv(
    cnp.ndarray x,    # IN  (N, .., C), with one to three spatial axes
    cnp.ndarray w,    # IN  (.., 1, C)
    bias,             # IN  (C,) or None
    cnp.ndarray y,    # OUT (N, .., C)
    tuple strides, tuple padding, tuple dilation, int activation, float alpha,
):
    """y = act(bias + x * w), channel by channel"""
    cdef Depthwise d
    if cnp.PyArray_SIZE(y) == 0:
        return
    d.x = forward_image(x, w, y, strides, padding, dilation, 1)
    d.w = floats(w, taps_of(&d.x) * d.x.channels)
    d.kernel_rows, d.kernel_columns = d.x.v.taps, d.x.h.taps
    d.bias = <float *> NULL if bias is None else floats(bias, d.x.channels)
    d.y = floats(y, pixels_of(&d.x) * d.x.channels)
    d.activation, d.alpha = activation, alpha
    correlate(&d)


def conv_backward_input(
    cnp.ndarray dy,   # IN  (N, .., C), with one to three spatial axes
    cnp.ndarray w,    # IN  (.., 1, C)
    bias,             # IN  (C,) or None
    cnp.ndarray dx,   # OUT (N, .., C)
    tuple strides, tuple padding, tuple dilation, int activation, float alpha,
):
    """dx = act(bias + C^T dy): for every phase of a stride a correlation of dy with the taps that reach it"""
    cdef Depthwise d
    if cnp.PyArray_SIZE(dy) == 0:
        fill_bias(dx, bias, activation, alpha)
        return
    d.w = floats(w, cnp.PyArray_SIZE(w))
    d.kernel_rows = w.shape[w.ndim - 4] if w.ndim > 3 else 1
    d.kernel_columns = w.shape[w.ndim - 3]
    d.bias = <float *> NULL if bias is None else floats(bias, dy.shape[dy.ndim - 1])
    d.y = floats(dx, cnp.PyArray_SIZE(dx))
    d.activation, d.alpha = activation, alpha
    fill_unreached(dx, w, bias, strides, dilation, activation, alpha)
    for phase in phases(strides, dx):
        d.x = backward_image(dy, w, dx, strides, padding, dilation, phase, 1)
        if taps_of(&d.x):
            correlate(&d)


cdef void sum_chunk(const Depthwise *d, int64_t task, char *scratch) noexcept nogil:
    """The sum over one chunk of the pixels of dw for one slice of the channels."""
    cdef const Image *x = &d.x
    cdef int64_t channel = task % d.slices * d.slice, channels = min(d.slice, x.channels - channel)
    cdef int64_t chunk = task // d.slices, taps = taps_of(x), i, tap
    cdef float *dw = d.dw if chunk == 0 else d.partials + (chunk - 1) * taps * x.channels
    cdef float *panel = <float *> scratch
    cdef const float **rows = <const float **> (panel + d.cut.panel_floats)
    cdef float **out = <float **> (rows + taps)
    cdef int64_t *starts = <int64_t *> (out + taps)
    cdef int64_t *offsets = starts + taps
    cdef Block block
    cdef View view
    cdef gemm_tile tile
    for tap in range(taps):
        out[tap] = dw + tap * x.channels
    tile.offsets = offsets
    tile.column = channel
    tile.columns = channels
    tile.b_step = x.channels
    tile.accumulate = False
    tile.bias = NULL
    tile.activation = LINEAR
    for i in range(chunk * d.chunk, min((chunk + 1) * d.chunk, d.cut.row_blocks * d.cut.column_blocks)):
        block = cut_block(x, &d.cut, i)
        view = look(x, &block, 0, x.d.taps, channel, channels, panel)
        list_taps(x, &view, 0, x.d.taps * x.v.taps, 0, starts)
        for tap in range(taps):
            rows[tap] = view.data + starts[tap]
        tile.segments = list_rows(x, &view, &block, offsets)
        tile.depth = block.rows * block.columns // tile.segments
        tile.step = x.h.stride * view.pixel
        tile.b = d.y + (block.row * x.h.outputs + block.column) * x.channels + channel
        run_tiles(d.table, &tile, rows, out, taps)
        tile.accumulate = True


def conv_backward_kernel(
    cnp.ndarray x,    # IN  (N, .., C), with one to three spatial axes
    cnp.ndarray dy,   # IN  (N, .., C)
    cnp.ndarray dw,   # OUT (.., 1, C)
    tuple strides, tuple padding, tuple dilation,
):
    """dw[tap, 0, c] = x shifted by the tap times dy, summed over pixels"""
    cdef Depthwise d
    cdef int64_t size = cnp.PyArray_SIZE(dw), task, chunk
    if cnp.PyArray_SIZE(dy) == 0:
        (<object> dw)[...] = 0
        return
    d.x = forward_image(x, dw, dy, strides, padding, dilation, 1)
    d.y = floats(dy, pixels_of(&d.x) * d.x.channels)
    d.dw = floats(dw, taps_of(&d.x) * d.x.channels)
    cut_depthwise(&d)
    cdef int threads = threads_for(LOADS * <double> size * pixels_of(&d.x))
    cdef char *scratch = <char *> borrow_scratch(threads * d.scratch_bytes + (d.chunks - 1) * size * sizeof(float))
    cdef unsigned state = 0
    d.partials = <float *> (scratch + threads * d.scratch_bytes)
    with nogil, parallel(num_threads=threads):
        state = flush_denormals()
        for task in prange(d.chunks * d.slices, schedule="dynamic"):
            sum_chunk(&d, task, scratch + threadid() * d.scratch_bytes)
        restore_denormals(state)
    for chunk in range(d.chunks - 1):
        for task in range(size):
            d.dw[task] += d.partials[chunk * size + task]
    give_scratch_back(scratch)
