# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Convolution of single channels with large kernels, by Fourier transforms of tiles (overlap and save).

A product of spectra is the correlation of a tile of an image with the kernel, wrapped around the tile's edges. Outputs
that have not wrapped are kept; neighbouring tiles overlap by the number of outputs that are lost. Two tiles of an image
are transformed at once, as the real and the imaginary part of a complex tile. They stay apart, because the kernel is
real. A transform first takes the columns of a tile strip by strip and transposes the strips. It then takes the columns
of the transposed strips, which are the rows of the tile. A spectrum stays transposed.
The caller (`backends/cpu/backend.py`) has checked shapes, dtypes and contiguity.
"""
cimport numpy as cnp
from cython.parallel cimport parallel, prange, threadid
from libc.stdint cimport int64_t
from libc.string cimport memset

from fastconv._geometry cimport ceil_div, floats
from fastconv._core cimport (
    borrow_scratch,
    flush_denormals,
    give_scratch_back,
    kernel_table,
    restore_denormals,
    threads_for,
    tiles,
)

cnp.import_array()

cdef extern from "kernels.h":
    enum: LINEAR

# Cuts depend only on shapes, so that results are bit-equal for any number of threads.
cdef enum:
    CHUNKS = 8                             # most partial sums of a kernel's gradient
    MOST_PARTIAL_FLOATS = 1 << 20          # in all partial sums
    WORK_PER_FLOAT = 10                    # of a spectrum, in multiply-adds


cdef struct Plane:
    # A channel of an image in memory, from which rectangles are read.
    const float *data
    int64_t rows, columns


cdef struct Filter:
    const kernel_table *table
    int64_t images
    Plane x, y                             # of an image; windows of x begin at (-top, -left)
    int64_t top, left
    int64_t taps_v, taps_h                 # KH, KW
    int64_t points_v, points_h             # size of a tile
    int64_t step_v, step_h                 # size of the outputs of a tile
    int64_t tiles_h, tiles                 # in a row of tiles, in an image
    int64_t pairs                          # of tiles, in all images
    const float *roots_v
    const float *roots_h
    int64_t lanes, spectrum_floats, strip_floats


cdef Filter cut_filter(
    cnp.ndarray x, cnp.ndarray y, tuple taps, tuple padding, tuple points, tuple roots
) except *:
    """Return the tiles for correlations of images x with a kernel of `taps`; x and y have the geometry of `conv`."""
    cdef Filter f
    f.table = tiles()
    f.lanes = f.table.vector_floats
    f.images = x.shape[0]
    f.x = Plane(floats(x, f.images * x.shape[1] * x.shape[2]), x.shape[1], x.shape[2])
    f.y = Plane(floats(y, f.images * y.shape[1] * y.shape[2]), y.shape[1], y.shape[2])
    f.top, f.left = padding[0][0], padding[1][0]
    f.taps_v, f.taps_h = taps
    f.points_v, f.points_h = points
    f.step_v = f.points_v - f.taps_v + 1
    f.step_h = f.points_h - f.taps_h + 1
    f.tiles_h = ceil_div(f.y.columns, f.step_h)
    f.tiles = ceil_div(f.y.rows, f.step_v) * f.tiles_h
    f.pairs = f.images * ceil_div(f.tiles, 2)
    f.roots_v = floats(roots[0], roots[0].size)
    f.roots_h = floats(roots[1], roots[1].size)
    f.spectrum_floats = 2 * f.points_v * f.points_h
    f.strip_floats = 2 * f.points_v * f.lanes
    return f


cdef void read_part(
    const Filter *f, const Plane *plane, int64_t image, int64_t top, int64_t left, int64_t height, int64_t width,
    float *part
) noexcept nogil:
    """Read `height` rows from `top` and `width` columns from `left` of a plane to a part of a strip; else zeros."""
    cdef int64_t row = min(max(-top, 0), f.points_v), lane = max(-left, 0)
    cdef int64_t rows = max(min(plane.rows - top, height) - row, 0)
    cdef int64_t columns = max(min(plane.columns - left, min(f.lanes, width)) - lane, 0)
    cdef const float *source = plane.data + (image * plane.rows + top + row) * plane.columns + left + lane
    f.table.f32_fourier_read(part, f.points_v, source, plane.columns, row, rows if columns else 0, lane, columns)


cdef void transform(
    const Filter *f, const Plane *plane, int64_t pair, int64_t top, int64_t left, int64_t height, int64_t width,
    float *strip, float *spectrum
) noexcept nogil:
    """Transform the columns of a pair of tiles: `height` x `width` from (top, left) of each on, then zeros."""
    cdef int64_t half = ceil_div(f.tiles, 2), image = pair // half, first = pair % half * 2, s, t, tile, row, column
    for s in range(f.points_h // f.lanes):
        for t in range(2):
            tile = first + t
            row = tile // f.tiles_h * f.step_v + top
            column = tile % f.tiles_h * f.step_h + left + s * f.lanes
            read_part(
                f, plane, image, row, column, height if tile < f.tiles else 0, width - s * f.lanes,
                strip + t * f.lanes)
        f.table.f32_fourier(strip, f.points_v, f.roots_v)
        for row in range(f.points_v // f.lanes):
            f.table.f32_fourier_transpose(
                spectrum + 2 * f.lanes * (row * f.points_h + s * f.lanes), strip + 2 * f.lanes * row * f.lanes)


cdef void transform_back(const Filter *f, const float *spectrum, int64_t s, float *strip) noexcept nogil:
    """Compute a strip of columns of a pair of tiles from their transformed columns."""
    cdef int64_t row
    for row in range(f.points_v // f.lanes):
        f.table.f32_fourier_transpose(
            strip + 2 * f.lanes * row * f.lanes, spectrum + 2 * f.lanes * (row * f.points_h + s * f.lanes))
    f.table.f32_fourier_inverse(strip, f.points_v, f.roots_v)


cdef void filter_pair(
    const Filter *f, int64_t pair, const float *kernel, float bias, int64_t activation, float alpha,
    float *y, float *strip, float *spectrum
) noexcept nogil:
    """Compute the outputs of a pair of tiles; `kernel` is a spectrum."""
    cdef int64_t half = ceil_div(f.tiles, 2), image = pair // half, first = pair % half * 2, s, t, row, column
    cdef int64_t strip_floats = 2 * f.lanes * f.points_h
    cdef float *rows
    transform(f, &f.x, pair, -f.top, -f.left, f.points_v, f.points_h, strip, spectrum)
    for s in range(f.points_v // f.lanes):
        rows = spectrum + s * strip_floats
        f.table.f32_fourier(rows, f.points_h, f.roots_h)
        f.table.f32_fourier_multiply(rows, kernel + s * strip_floats, f.points_h)
        f.table.f32_fourier_inverse(rows, f.points_h, f.roots_h)
    for s in range(ceil_div(f.step_h, f.lanes)):
        transform_back(f, spectrum, s, strip)
        for t in range(min(2, f.tiles - first)):
            row = (first + t) // f.tiles_h * f.step_v
            column = (first + t) % f.tiles_h * f.step_h + s * f.lanes
            if column < f.y.columns:
                f.table.f32_fourier_write(
                    y + (image * f.y.rows + row) * f.y.columns + column, f.y.columns, strip + t * f.lanes,
                    min(f.step_v, f.y.rows - row),
                    min(min(f.lanes, f.step_h - s * f.lanes), f.y.columns - column), bias, activation, alpha)


cdef void kernel_spectrum(const Filter *f, const float *w, float *strip, float *spectrum) noexcept nogil:
    """Compute the spectrum of the kernel, divided by the number of points, because inverse transforms do not divide."""
    cdef Filter single = f[0]
    cdef Plane plane = Plane(w, f.taps_v, f.taps_h)
    cdef int64_t s, i
    cdef float scale = 1.0 / (f.points_v * f.points_h)
    single.tiles = 1
    transform(&single, &plane, 0, 0, 0, f.taps_v, f.taps_h, strip, spectrum)
    for s in range(f.points_v // f.lanes):
        f.table.f32_fourier(spectrum + s * 2 * f.lanes * f.points_h, f.points_h, f.roots_h)
    for i in range(f.spectrum_floats):
        spectrum[i] *= scale


def conv(
    convolution,      # IN  a Convolution of one channel, of strides and dilation 1
    cnp.ndarray x,    # IN  (N, H, W, 1)
    cnp.ndarray w,    # IN  (KH, KW, 1, 1)
    bias,             # IN  (1,) or None
    cnp.ndarray y,    # OUT (N, OH, OW, 1)
    int activation, float alpha,
    tuple points, tuple roots,
):
    """y = act(bias + x * w), by tiles of `points`, whose roots of unity are `roots`"""
    if cnp.PyArray_SIZE(y) == 0:
        return
    cdef Filter f = cut_filter(x, y, (w.shape[0], w.shape[1]), convolution.padding, points, roots)
    cdef const float *taps = floats(w, w.shape[0] * w.shape[1])
    cdef float start = 0 if bias is None else floats(bias, 1)[0]
    cdef float *out = <float *> f.y.data
    cdef int64_t pair, own = f.spectrum_floats + f.strip_floats
    cdef int threads = threads_for(<double> WORK_PER_FLOAT * f.spectrum_floats * f.pairs)
    cdef float *kernel = <float *> borrow_scratch((f.spectrum_floats + threads * own) * sizeof(float))
    cdef float *scratch = kernel + f.spectrum_floats
    cdef unsigned state = flush_denormals()
    with nogil:
        kernel_spectrum(&f, taps, scratch, kernel)
        restore_denormals(state)
        with parallel(num_threads=threads):
            state = flush_denormals()
            for pair in prange(f.pairs, schedule="dynamic"):
                filter_pair(
                    &f, pair, kernel, start, activation, alpha, out, scratch + threadid() * own,
                    scratch + threadid() * own + f.strip_floats)
            restore_denormals(state)
    give_scratch_back(kernel)


cdef void sum_pairs(
    const Filter *f, int64_t first, int64_t end, float *sums, float *strip, float *spectrum, float *other
) noexcept nogil:
    """Compute the spectrum of the kernel's gradient, summed over pairs first..end - 1 of tiles."""
    cdef int64_t strip_floats = 2 * f.lanes * f.points_h, pair, s
    memset(sums, 0, f.spectrum_floats * sizeof(float))
    for pair in range(first, end):
        transform(f, &f.x, pair, -f.top, -f.left, f.points_v, f.points_h, strip, spectrum)
        transform(f, &f.y, pair, 0, 0, f.step_v, f.step_h, strip, other)
        for s in range(f.points_v // f.lanes):
            f.table.f32_fourier(spectrum + s * strip_floats, f.points_h, f.roots_h)
            f.table.f32_fourier(other + s * strip_floats, f.points_h, f.roots_h)
            f.table.f32_fourier_accumulate(
                sums + s * strip_floats, spectrum + s * strip_floats, other + s * strip_floats, f.points_h)


cdef void kernel_of_spectrum(const Filter *f, float *spectrum, float *strip, float *dw) noexcept nogil:
    """Compute the taps from the sum of the chunks' spectra and divide them by the number of points."""
    cdef int64_t s, i
    cdef float scale = 1.0 / (f.points_v * f.points_h)
    for s in range(f.points_v // f.lanes):
        f.table.f32_fourier_inverse(spectrum + s * 2 * f.lanes * f.points_h, f.points_h, f.roots_h)
    for s in range(ceil_div(f.taps_h, f.lanes)):
        transform_back(f, spectrum, s, strip)
        f.table.f32_fourier_write(
            dw + s * f.lanes, f.taps_h, strip, f.taps_v, min(f.lanes, f.taps_h - s * f.lanes), 0, LINEAR, 0)
    for i in range(f.taps_v * f.taps_h):
        dw[i] *= scale


def conv_backward_kernel(
    convolution,      # IN  a Convolution of one channel, of strides and dilation 1
    cnp.ndarray x,    # IN  (N, H, W, 1)
    cnp.ndarray dy,   # IN  (N, OH, OW, 1)
    cnp.ndarray dw,   # OUT (KH, KW, 1, 1)
    tuple points, tuple roots,
):
    """dw[kh, kw] = x shifted by (kh, kw) times dy, summed over pixels: the spectra's products, summed over tiles"""
    if cnp.PyArray_SIZE(dy) == 0:
        (<object> dw)[...] = 0
        return
    cdef Filter f = cut_filter(x, dy, (dw.shape[0], dw.shape[1]), convolution.padding, points, roots)
    cdef float *taps = floats(dw, dw.shape[0] * dw.shape[1])
    cdef int64_t chunks = max(min(min(CHUNKS, MOST_PARTIAL_FLOATS // f.spectrum_floats), f.pairs), 1)
    cdef int64_t chunk, i, own = 2 * f.spectrum_floats + f.strip_floats
    cdef int threads = threads_for(<double> 2 * WORK_PER_FLOAT * f.spectrum_floats * f.pairs)
    cdef float *sums = <float *> borrow_scratch((chunks * f.spectrum_floats + threads * own) * sizeof(float))
    cdef float *scratch = sums + chunks * f.spectrum_floats
    cdef float *strip
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads):
        state = flush_denormals()
        for chunk in prange(chunks, schedule="dynamic"):
            strip = scratch + threadid() * own
            sum_pairs(
                &f, chunk * f.pairs // chunks, (chunk + 1) * f.pairs // chunks, sums + chunk * f.spectrum_floats,
                strip, strip + f.strip_floats, strip + f.strip_floats + f.spectrum_floats)
        restore_denormals(state)
    state = flush_denormals()
    for chunk in range(1, chunks):
        for i in range(f.spectrum_floats):
            sums[i] += sums[chunk * f.spectrum_floats + i]
    kernel_of_spectrum(&f, sums, scratch, taps)
    restore_denormals(state)
    give_scratch_back(sums)
