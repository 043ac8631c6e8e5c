# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Pooling of images (N, H, W, C) and its gradients.

Outputs come first. Every array is float32 in C order. The functions check this and the sizes on which memory safety
depends; the caller (`backends/cpu/stream.py`) checks the rest.
"""
cimport numpy as cnp
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from fastconv._arrays cimport BLOCK, PLAIN, floats, integers
from fastconv._core cimport (
    borrow_parts, give_scratch_back, kernel_table, pool_window, run_tasks, threads_for, tiles,
)
from fastconv._geometry cimport ceil_div

cnp.import_array()

ctypedef void (*pool_tile)(
    float *, int32_t *, const float *, const pool_window *, int64_t, int64_t, int64_t
) noexcept nogil


cdef struct Pool:
    pool_window window
    const kernel_table *table
    pool_tile tile                         # of the forward pass
    const float *x
    float *y
    int32_t *argmax                        # or NULL
    const float *dy
    float *dx
    int64_t images, x_image, y_image, x_row, y_row    # floats of an image, and of a row
    int64_t pixels                         # of a row in a task; even a single row, as of audio, has several tasks


cdef Pool pool_of(tuple x, tuple y, pooling, bint count_padding) except *:
    """Return the work of pooling images x (N, H, W, C) to y (N, OH, OW, C); x and y are shapes."""
    cdef Pool s
    cdef pool_window p = window_of(x, y, pooling, count_padding)
    s.window, s.table, s.images = p, tiles(), x[0]
    s.x_row, s.y_row = p.W * p.C, p.OW * p.C
    s.x_image, s.y_image = p.H * s.x_row, p.OH * s.y_row
    s.pixels = max(1, BLOCK // 4 // max(1, p.C))
    return s


cdef pool_window window_of(tuple x, tuple y, pooling, bint count_padding) except *:
    cdef pool_window p
    cdef int lanes = tiles().vector_floats, lane, pixel
    _, p.H, p.W, p.C = x
    _, p.OH, p.OW, _ = y
    (p.KH, p.KW), (p.SH, p.SW), (p.DH, p.DW) = pooling.size, pooling.strides, pooling.dilation
    (p.top, _), (p.left, _) = pooling.padding
    p.count_padding = count_padding
    p.packed = lanes // p.C if p.SW <= 2 and 0 < p.C < lanes else 1    # two vectors hold all elements of a pick
    for lane in range(lanes):
        p.pick[lane] = lane // p.C * p.SW * p.C + lane % p.C if lane < p.packed * p.C else lane
    for lane in range(2 * lanes if p.packed > 1 else 0):
        pixel = lane // p.C
        p.pair[lane] = pixel // 2 * p.C + lane % p.C + pixel % 2 * lanes
    return p


cdef double pooling_work(const Pool *s) noexcept nogil:
    """Return the time of all images in elements that are read or written once; windows overlap, but vectors read them.
    """
    cdef const pool_window *p = &s.window
    return s.images * (s.x_image + <double> s.y_image * p.KH * p.KW / 4)


# ---- forward ---------------------------------------------------------------------------------------------------------

cdef void pool_part(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Compute a part of a row of y."""
    cdef const Pool *s = <const Pool *> work
    cdef const pool_window *p = &s.window
    cdef int64_t parts = ceil_div(p.OW, s.pixels), row = task // parts, first = task % parts * s.pixels
    s.tile(
        s.y + row * s.y_row, NULL if s.argmax == NULL else s.argmax + row * s.y_row, s.x + (row // p.OH) * s.x_image,
        p, row % p.OH, first, min(first + s.pixels, p.OW))


cdef void pool(pool_tile tile, y, argmax, x, pooling, bint count_padding):
    """y := pool(x), and argmax unless it is None."""
    cdef Pool s = pool_of(x.shape, y.shape, pooling, count_padding)
    cdef int64_t tasks = s.images * s.window.OH * ceil_div(s.window.OW, s.pixels)
    s.tile = tile
    s.y = floats(y, s.images * s.y_image)
    s.argmax = NULL if argmax is None else integers(argmax, s.images * s.y_image)
    s.x = floats(x, s.images * s.x_image)
    with nogil:
        run_tasks(pool_part, &s, sizeof(Pool), tasks, threads_for(PLAIN * pooling_work(&s)), NULL, 0)


def max_pool(y, x, pooling, argmax=None) -> None:
    """y := the largest element of every window; argmax := the number kh KW + kw of the first tap with this value,
    or -1 if no tap of the window is inside the image."""
    pool(tiles().f32_max_pool, y, argmax, x, pooling, False)


def min_pool(y, x, pooling, argmax=None) -> None:
    """y := the smallest element of every window; argmax as for `max_pool`."""
    pool(tiles().f32_min_pool, y, argmax, x, pooling, False)


def average_pool(y, x, pooling, bint count_padding) -> None:
    """y := the mean of every window."""
    pool(tiles().f32_average_pool, y, None, x, pooling, count_padding)


# ---- gradients -------------------------------------------------------------------------------------------------------

cdef void unpool_part(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Compute a part of a row of dx."""
    cdef const Pool *s = <const Pool *> work
    cdef const pool_window *p = &s.window
    cdef int64_t parts = ceil_div(p.W, s.pixels), row = task // parts, first = task % parts * s.pixels
    cdef int64_t image = row // p.H
    s.table.f32_unpool(
        s.dx + image * s.x_image, s.dy + image * s.y_image, s.argmax + image * s.y_image, p, row % p.H, first,
        min(first + s.pixels, p.W))


def extreme_pool_backward(dx, dy, argmax, pooling) -> None:
    """dx := the sum of dy over the windows whose argmax is the element."""
    cdef Pool s = pool_of(dx.shape, dy.shape, pooling, False)
    cdef int64_t tasks = s.images * s.window.H * ceil_div(s.window.W, s.pixels)
    s.dx = floats(dx, s.images * s.x_image)
    s.dy = floats(dy, s.images * s.y_image)
    s.argmax = integers(argmax, s.images * s.y_image)
    with nogil:
        run_tasks(unpool_part, &s, sizeof(Pool), tasks, threads_for(PLAIN * pooling_work(&s)), NULL, 0)


# A band holds the input rows of some rows of windows. Windows do not overlap, so that tasks write to disjoint bands.

cdef inline int64_t band_rows(const pool_window *p) noexcept nogil:
    return min(max(1, p.OH), max(1, BLOCK // max(1, p.W * p.C) // p.SH))


cdef inline int64_t band_start(const pool_window *p, int64_t band) noexcept nogil:
    """Return the index of the first float of a band in an image, or the end of the image after the last band."""
    cdef int64_t oh = band * band_rows(p)
    return (0 if band == 0 else p.H if oh >= p.OH else max(0, min(p.H, oh * p.SH - p.top))) * p.W * p.C


cdef inline int64_t bands_of(const pool_window *p) noexcept nogil:
    return max(1, ceil_div(p.OH, band_rows(p)))


cdef inline bint tiles_axis(int64_t n, int64_t outputs, int64_t size, int64_t stride, int64_t before) noexcept nogil:
    """Return True if windows without gaps stand side by side on an axis of n elements and cover all of them."""
    return size == stride and outputs * stride - before >= n


cdef void clear_band(float *dx, const pool_window *p, int64_t band) noexcept nogil:
    """dx := 0 in a band, unless all its elements are about to be stored."""
    cdef int64_t first = band_start(p, band), end = band_start(p, band + 1)
    if not (tiles_axis(p.H, p.OH, p.KH, p.SH, p.top) and tiles_axis(p.W, p.OW, p.KW, p.SW, p.left)):
        memset(dx + first, 0, (end - first) * sizeof(float))


cdef void scatter_band(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Compute a band of dx for windows that do not overlap."""
    cdef const Pool *s = <const Pool *> work
    cdef const pool_window *p = &s.window
    cdef int64_t bands = bands_of(p), image = task // bands, band = task % bands, oh
    cdef float *dx = s.dx + image * s.x_image
    clear_band(dx, p, band)
    for oh in range(band * band_rows(p), min(p.OH, (band + 1) * band_rows(p))):
        s.table.f32_average_pool_backward(dx, s.dy + image * s.y_image + oh * s.y_row, p, oh)


cdef void gather_row(const void *work, int64_t row, char *scratch) noexcept nogil:
    """Compute a row of dx for windows that overlap."""
    cdef const Pool *s = <const Pool *> work
    cdef const pool_window *p = &s.window
    s.table.f32_average_pool_gather(
        s.dx + row * s.x_row, s.dy + (row // p.H) * s.y_image, p, row % p.H, <float *> scratch)


cdef void gather(const Pool *s):
    cdef int threads = threads_for(PLAIN * pooling_work(s))
    cdef int64_t bytes = ceil_div(s.y_row * sizeof(float), 64) * 64
    cdef char *sums = <char *> borrow_parts(threads, bytes, 0)
    with nogil:
        run_tasks(gather_row, s, sizeof(Pool), s.images * s.window.H, threads, sums, bytes)
    give_scratch_back(sums)


def average_pool_backward(dx, dy, pooling, bint count_padding) -> None:
    """dx := the sum of dy, divided by the count of its window, over the windows that contain the element."""
    cdef Pool s = pool_of(dx.shape, dy.shape, pooling, count_padding)
    cdef const pool_window *p = &s.window
    s.dx = floats(dx, s.images * s.x_image)
    s.dy = floats(dy, s.images * s.y_image)
    if p.SH < p.KH or p.SW < p.KW:
        gather(&s)
        return
    with nogil:
        run_tasks(
            scatter_band, &s, sizeof(Pool), s.images * bands_of(p), threads_for(PLAIN * s.images * s.x_image), NULL, 0)
