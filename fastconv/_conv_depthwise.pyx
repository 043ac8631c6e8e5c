# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""A convolution and the depthwise convolution that reads its result, depth first.

A task computes some rows of the first convolution, the rows of the second that read them, and then the next rows. The
result of the first convolution, the middle, is never complete: a few of its rows are in scratch memory, in the cache.
Each element is summed as by the two kernels in turn.
"""
cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.string cimport memmove

from fastconv._conv cimport (
    Correlation,
    correlate_block as correlate_conv,
    cut_correlation,
    describe as describe_conv,
    keeps,
    kept_bytes,
    pack_columns,
    packing_tasks,
    tasks_of as conv_tasks,
)
from fastconv._core cimport (
    borrow_parts, borrow_with_weights, give_scratch_back, pack_and_run, task_phase, threads_for, tiles,
)
from fastconv._geometry cimport Span, ceil_div, even_parts, pixels_of, taps_of
from fastconv._grouped cimport (
    Grouped,
    Way,
    correlate_block as correlate_depthwise,
    cut as cut_depthwise,
    describe as describe_depthwise,
    tasks_of as depthwise_tasks,
    work_of as depthwise_work,
)

import numpy as np

cnp.import_array()

cdef enum:
    MIDDLE_BYTES = 1 << 18                 # of the rows of the middle in memory: a quarter of a second-level cache
    FEWEST_ROWS = 4                        # of y at a time: some rows of the middle are moved before the next ones

cdef double BALANCE = 0.9                  # the part of the time of all threads that tasks have to fill


cdef struct Pair:
    # y = depthwise(conv(x)). A task is a strip of rows of an image.
    Correlation conv                       # the first member: its weights are packed by `pack_columns`
    Grouped depthwise
    int64_t images, strips
    int64_t rows                           # of y that are computed at a time
    int64_t row_floats                     # of a row of the middle
    int64_t middle_bytes                   # of scratch memory


cdef Span rows_read(const Way *v, int64_t row, int64_t rows) noexcept nogil:
    """Return the rows of the middle that some rows of y read, without padding."""
    cdef int64_t first = row * v.stride - v.before
    cdef int64_t last = first + (rows - 1) * v.stride + (v.taps - 1) * v.dilation + 1
    first = min(max(first, 0), v.inputs)
    return Span(first, min(max(last, first), v.inputs))


cdef Span keep_rows(const Pair *p, float *middle, Span held, Span needed) noexcept nogil:
    """Move the needed rows among the rows that `middle` holds to its beginning, and return them."""
    if held.last <= needed.first:
        return Span(needed.first, needed.first)
    memmove(
        middle, middle + (needed.first - held.first) * p.row_floats,
        (held.last - needed.first) * p.row_floats * sizeof(float))
    return Span(needed.first, held.last)


cdef void compute_middle(const Pair *p, int64_t image, Span rows, float *to, char *scratch) noexcept nogil:
    """Compute some rows of the middle of an image."""
    cdef Correlation c = p.conv
    cdef int64_t count = rows.last - rows.first, task
    if count == 0:
        return
    c.x.data += image * c.x.v.inputs * c.x.h.inputs * c.x.channels
    c.x.images = 1
    c.x.v.first += rows.first * c.x.v.stride
    c.x.v.outputs = c.x.v.y_size = count
    c.y = to
    c.cut.rows = even_parts(count, c.cut.rows)
    c.cut.row_blocks = ceil_div(count, c.cut.rows)
    for task in range(conv_tasks(&c)):
        correlate_conv(&c, task, scratch)


cdef void compute_rows(
    const Pair *p, int64_t image, int64_t row, int64_t rows, Span held, const float *middle, char *scratch
) noexcept nogil:
    """Compute some rows of y of an image from the rows of the middle that are in memory."""
    cdef Grouped g = p.depthwise
    cdef int64_t task
    g.images = 1
    g.x = middle
    g.y += (image * g.v.outputs + row) * g.h.outputs * g.y_channels
    g.v.before += held.first - row * g.v.stride
    g.v.inputs, g.v.outputs = held.last - held.first, rows
    g.rows = even_parts(rows, g.rows)
    g.row_blocks = ceil_div(rows, g.rows)
    for task in range(depthwise_tasks(&g)):
        correlate_depthwise(&g, task, scratch)


cdef void compute_strip(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Compute a strip of y, a few rows at a time."""
    cdef const Pair *p = <const Pair *> work
    cdef const Way *v = &p.depthwise.v
    cdef int64_t image = task // p.strips, strip = task % p.strips
    cdef int64_t row = v.outputs * strip // p.strips, end = v.outputs * (strip + 1) // p.strips, rows
    cdef float *middle = <float *> scratch
    cdef Span held = Span(0, 0), needed
    scratch += p.middle_bytes
    while row < end:
        rows = min(p.rows, end - row)
        needed = rows_read(v, row, rows)
        held = keep_rows(p, middle, held, needed)
        compute_middle(
            p, image, Span(held.last, needed.last), middle + (held.last - held.first) * p.row_floats, scratch)
        held.last = needed.last
        compute_rows(p, image, row, rows, held, middle, scratch)
        row += rows


cdef int64_t strips_for(int64_t images, int64_t outputs, int threads) noexcept nogil:
    """Return the smallest number of strips of an image that keeps all threads busy.

    Strips compute the rows of the middle twice that two of them read.
    """
    cdef int64_t strips
    for strips in range(1, min(outputs, threads)):
        if images * strips >= BALANCE * threads * ceil_div(images * strips, threads):
            return strips
    return min(outputs, threads)


cdef void cut_pair(Pair *p, int threads) noexcept nogil:
    cdef const Way *v = &p.depthwise.v
    cdef int64_t reach = (v.taps - 1) * v.dilation + 1, most
    p.row_floats = p.depthwise.h.inputs * p.depthwise.x_channels
    most = MIDDLE_BYTES // (p.row_floats * sizeof(float))
    p.strips = strips_for(p.images, v.outputs, threads)
    p.rows = even_parts(ceil_div(v.outputs, p.strips), max((most - reach) // v.stride + 1, FEWEST_ROWS))
    p.middle_bytes = ceil_div(((p.rows - 1) * v.stride + reach) * p.row_floats * sizeof(float), 64) * 64


cdef void run(Pair *p) except *:
    cdef double work = <double> pixels_of(&p.conv.x) * taps_of(&p.conv.x) * p.conv.x.channels * p.conv.co
    cdef int threads = threads_for(work + depthwise_work(&p.depthwise))
    cut_pair(p, threads)
    cdef bint kept = keeps(&p.conv)
    cdef int64_t bytes = p.middle_bytes + max(p.conv.scratch_bytes, p.depthwise.scratch_bytes)
    cdef char *scratch
    cdef task_phase[2] phases = [
        task_phase(pack_columns, packing_tasks(&p.conv) if kept else 0),
        task_phase(compute_strip, p.images * p.strips)]
    if kept:
        scratch = <char *> borrow_with_weights(threads, bytes, 0, kept_bytes(&p.conv), <void **> &p.conv.kept)
    else:
        scratch = <char *> borrow_parts(threads, bytes, 0)
    with nogil:
        pack_and_run(phases, 2, p, sizeof(Pair), threads, scratch, bytes)
    give_scratch_back(scratch)


def conv_depthwise(
    convolution,      # IN  a Convolution with two spatial axes
    depthwise,        # IN  a Convolution of its result, with a group for each channel
    cnp.ndarray x,    # IN  (N, H, W, groups * CI)
    cnp.ndarray w,    # IN  (KH, KW, CI, C)
    bias,             # IN  (C,)
    cnp.ndarray k,    # IN  (KH, KW, 1, C)
    depthwise_bias,   # IN  (C,)
    cnp.ndarray y,    # OUT (N, OH, OW, C)
    int activation, float alpha, int depthwise_activation, float depthwise_alpha,
):
    """y = depthwise_act(depthwise_bias + act(bias + x * w) * k), channel by channel of act(..)"""
    cdef Pair p
    cdef cnp.ndarray middle = np.empty(convolution.output_shape, np.float32)    # only its shape is used
    describe_conv(&p.conv, convolution, x, w, bias, middle, activation, alpha)
    describe_depthwise(
        &p.depthwise, depthwise, middle, k, y, depthwise_bias, depthwise_activation, depthwise_alpha, False)
    p.images = x.shape[0]
    p.conv.table = tiles()
    p.conv.parts = 1
    p.conv.kept = NULL
    cut_correlation(&p.conv, 1)            # a thread computes all tasks of its rows
    cut_depthwise(&p.depthwise)
    run(&p)
