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
from libc.stdint cimport int64_t
from libc.string cimport memset

from fastconv._conv_gradient cimport add_partials
from fastconv._arrays cimport floats
from fastconv._geometry cimport TASKS, ceil_div
from fastconv._core cimport (
    borrow_parts,
    borrow_with_weights,
    give_scratch_back,
    kernel_table,
    pack_and_run,
    run_phases,
    task_phase,
    threads_for,
    tiles,
)

from fastconv._geometry import fill_bias

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
    # The kernel, or its gradient
    float *w
    float *spectra                         # of the kernel, or partial sums of the gradient's: scratch memory
    int64_t chunks                         # partial sums
    const float *bias
    float *out
    int64_t activation
    float alpha


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


cdef void filter_pair(const void *work, int64_t pair, char *scratch) noexcept nogil:
    """Compute the outputs of a pair of tiles from their spectra and the kernel's."""
    cdef const Filter *f = <const Filter *> work
    cdef float *strip = <float *> scratch
    cdef float *spectrum = strip + f.strip_floats
    cdef int64_t strip_floats = 2 * f.lanes * f.points_h, s
    cdef float *rows
    transform(f, &f.x, pair, -f.top, -f.left, f.points_v, f.points_h, strip, spectrum)
    for s in range(f.points_v // f.lanes):
        rows = spectrum + s * strip_floats
        f.table.f32_fourier(rows, f.points_h, f.roots_h)
        f.table.f32_fourier_multiply(rows, f.spectra + s * strip_floats, f.points_h)
        f.table.f32_fourier_inverse(rows, f.points_h, f.roots_h)
    for s in range(ceil_div(f.step_h, f.lanes)):
        transform_back(f, spectrum, s, strip)
        write_strip(f, pair, s, strip)


cdef inline void write_strip(const Filter *f, int64_t pair, int64_t s, const float *strip) noexcept nogil:
    """Write the outputs of a strip of columns of a pair of tiles."""
    cdef int64_t half = ceil_div(f.tiles, 2), image = pair // half, first = pair % half * 2, t, row, column
    cdef float bias = f.bias[0] if f.bias else 0
    for t in range(min(2, f.tiles - first)):
        row = (first + t) // f.tiles_h * f.step_v
        column = (first + t) % f.tiles_h * f.step_h + s * f.lanes
        if column < f.y.columns:
            f.table.f32_fourier_write(
                f.out + (image * f.y.rows + row) * f.y.columns + column, f.y.columns, strip + t * f.lanes,
                min(f.step_v, f.y.rows - row),
                min(min(f.lanes, f.step_h - s * f.lanes), f.y.columns - column), bias, f.activation, f.alpha)


cdef void kernel_spectrum(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Compute the spectrum of the kernel, divided by the number of points, because inverse transforms do not divide."""
    cdef const Filter *f = <const Filter *> work
    cdef Filter single = f[0]
    cdef Plane plane = Plane(f.w, f.taps_v, f.taps_h)
    cdef int64_t s, i
    cdef float scale = 1.0 / (f.points_v * f.points_h)
    single.tiles = 1
    transform(&single, &plane, 0, 0, 0, f.taps_v, f.taps_h, <float *> scratch, f.spectra)
    for s in range(f.points_v // f.lanes):
        f.table.f32_fourier(f.spectra + s * 2 * f.lanes * f.points_h, f.points_h, f.roots_h)
    for i in range(f.spectrum_floats):
        f.spectra[i] *= scale


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
    f.w = floats(w, w.shape[0] * w.shape[1])
    f.bias = <float *> NULL if bias is None else floats(bias, 1)
    f.out = <float *> f.y.data
    f.activation, f.alpha = activation, alpha
    cdef int64_t own = (f.spectrum_floats + f.strip_floats) * sizeof(float)
    cdef int threads = threads_for(<double> WORK_PER_FLOAT * f.spectrum_floats * f.pairs)
    cdef char *scratch = <char *> borrow_with_weights(
        threads, own, 0, f.spectrum_floats * sizeof(float), <void **> &f.spectra)
    cdef task_phase[2] phases = [task_phase(kernel_spectrum, 1), task_phase(filter_pair, f.pairs)]
    with nogil:
        pack_and_run(phases, 2, &f, sizeof(Filter), threads, scratch, own)
    give_scratch_back(scratch)


cdef void sum_pairs(const void *work, int64_t chunk, char *scratch) noexcept nogil:
    """Compute the spectrum of the kernel's gradient, summed over a chunk of the pairs of tiles."""
    cdef const Filter *f = <const Filter *> work
    cdef float *sums = f.spectra + chunk * f.spectrum_floats
    cdef float *strip = <float *> scratch
    cdef float *spectrum = strip + f.strip_floats
    cdef float *other = spectrum + f.spectrum_floats
    cdef int64_t strip_floats = 2 * f.lanes * f.points_h, pair, s
    memset(sums, 0, f.spectrum_floats * sizeof(float))
    for pair in range(chunk * f.pairs // f.chunks, (chunk + 1) * f.pairs // f.chunks):
        transform(f, &f.x, pair, -f.top, -f.left, f.points_v, f.points_h, strip, spectrum)
        transform(f, &f.y, pair, 0, 0, f.step_v, f.step_h, strip, other)
        for s in range(f.points_v // f.lanes):
            f.table.f32_fourier(spectrum + s * strip_floats, f.points_h, f.roots_h)
            f.table.f32_fourier(other + s * strip_floats, f.points_h, f.roots_h)
            f.table.f32_fourier_accumulate(
                sums + s * strip_floats, spectrum + s * strip_floats, other + s * strip_floats, f.points_h)


cdef void add_chunks(const void *work, int64_t part, char *scratch) noexcept nogil:
    """Add a part of the spectra of all chunks to the first."""
    cdef const Filter *f = <const Filter *> work
    add_partials(f.spectra, f.spectra + f.spectrum_floats, f.chunks - 1, f.spectrum_floats, part)


cdef void kernel_of_spectrum(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Compute the taps from the sum of the chunks' spectra and divide them by the number of points."""
    cdef const Filter *f = <const Filter *> work
    cdef float *strip = <float *> scratch
    cdef int64_t s, i
    cdef float scale = 1.0 / (f.points_v * f.points_h)
    for s in range(f.points_v // f.lanes):
        f.table.f32_fourier_inverse(f.spectra + s * 2 * f.lanes * f.points_h, f.points_h, f.roots_h)
    for s in range(ceil_div(f.taps_h, f.lanes)):
        transform_back(f, f.spectra, s, strip)
        f.table.f32_fourier_write(
            f.w + s * f.lanes, f.taps_h, strip, f.taps_v, min(f.lanes, f.taps_h - s * f.lanes), 0, LINEAR, 0)
    for i in range(f.taps_v * f.taps_h):
        f.w[i] *= scale


def conv_backward_kernel(
    convolution,      # IN  a Convolution of one channel, of strides and dilation 1
    cnp.ndarray x,    # IN  (N, H, W, 1)
    cnp.ndarray dy,   # IN  (N, OH, OW, 1)
    cnp.ndarray dw,   # OUT (KH, KW, 1, 1)
    tuple points, tuple roots,
):
    """dw[kh, kw] = x shifted by (kh, kw) times dy, summed over pixels: the spectra's products, summed over tiles"""
    if cnp.PyArray_SIZE(dy) == 0:
        fill_bias(dw, None, LINEAR, 0)
        return
    cdef Filter f = cut_filter(x, dy, (dw.shape[0], dw.shape[1]), convolution.padding, points, roots)
    f.w = floats(dw, dw.shape[0] * dw.shape[1])
    f.chunks = max(min(min(CHUNKS, MOST_PARTIAL_FLOATS // f.spectrum_floats), f.pairs), 1)
    cdef int64_t own = (2 * f.spectrum_floats + f.strip_floats) * sizeof(float)
    cdef int threads = threads_for(<double> 2 * WORK_PER_FLOAT * f.spectrum_floats * f.pairs)
    cdef char *scratch = <char *> borrow_parts(threads, own, f.chunks * f.spectrum_floats * sizeof(float))
    cdef task_phase[3] phases = [
        task_phase(sum_pairs, f.chunks), task_phase(add_chunks, TASKS), task_phase(kernel_of_spectrum, 1)]
    f.spectra = <float *> (scratch + threads * own)
    with nogil:
        run_phases(phases, 3, &f, sizeof(Filter), threads, scratch, own)
    give_scratch_back(scratch)
