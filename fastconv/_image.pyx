# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Kernels of image augmentation; a task computes a row, a part of an image or an image.

Outputs come first and share no memory with inputs. Images are float32 (N, H, W, C) in C order. The functions check only
the sizes on which memory safety depends; the caller (`backends/cpu/backend.py`) checks the rest.
"""
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy

from fastconv._core cimport (
    affine_row, borrow_parts, give_scratch_back, kernel_table, run_tasks, threads_for, tiles,
)

import numpy as np

# The tiles' numbers for the ways to fill the space beyond the border (csrc/kernels.h).
FILLS = {
    name: number
    for number, name in enumerate(("grid-constant", "nearest", "reflect", "mirror", "grid-wrap", "constant", "wrap"))
}

# The time of a pixel and of a float in multiply-adds, for threads_for.
cdef double PIXEL = 60.0
cdef double PLAIN = 8.0

cdef enum:
    NONTEMPORAL_FLOATS = 3 << 20   # floats: outputs of at least this size bypass the caches
    TASK = 8192                    # floats that a task of resampling writes


# ---- affine maps -----------------------------------------------------------------------------------------------------

cdef struct Affine:
    const kernel_table *table
    float *y
    const float *x
    const double *transforms               # 8 numbers for each image
    affine_row row                         # the fields that all rows have in common
    float value                            # of the space beyond the border


cdef void sample_row(const void *work, int64_t row, char *scratch) noexcept nogil:
    """Compute row `row` of all N H rows of y."""
    cdef const Affine *a = <const Affine *> work
    cdef affine_row r = a.row
    cdef int64_t image = row // r.H, h = row % r.H, c
    cdef const double *t = a.transforms + 8 * image
    cdef float *constant = <float *> scratch
    for c in range(r.C):
        constant[c] = a.value
    r.constant = constant
    r.x = a.x + image * r.H * r.W * r.C
    r.column, r.column_step = t[2] + h * t[1], t[0]
    r.row, r.row_step = t[5] + h * t[4], t[3]
    a.table.f32_affine_row(a.y + row * r.W * r.C, &r)


def affine_transform(
    float[:, :, :, ::1] y, const float[:, :, :, ::1] x, const double[:, ::1] transform, bint nearest, fill, float value
) -> None:
    """y[n, h, w] := x[n] at row t3 w + t4 h + t5, column t0 w + t1 h + t2, with t = transform[n]."""
    cdef Affine a
    cdef int64_t rows = x.shape[0] * x.shape[1], bytes
    if tuple(y.shape) != tuple(x.shape) or transform.shape[0] != x.shape[0] or transform.shape[1] != 8:
        raise ValueError(f"affine_transform: shapes differ. Received: {y.shape=}, {x.shape=}, {transform.shape=}")
    if x.size == 0:
        return
    a.table = tiles()
    a.y, a.x, a.transforms, a.value = &y[0, 0, 0, 0], &x[0, 0, 0, 0], &transform[0, 0], value
    a.row.H, a.row.W, a.row.C = x.shape[1], x.shape[2], x.shape[3]
    a.row.nearest, a.row.fill = nearest, FILLS[fill]
    bytes = (a.row.C * sizeof(float) + 63) // 64 * 64
    cdef int threads = threads_for(PIXEL * rows * a.row.W)
    cdef char *scratch = <char *> borrow_parts(threads, bytes, 0)
    with nogil:
        run_tasks(sample_row, &a, sizeof(Affine), rows, threads, scratch, bytes)
    give_scratch_back(scratch)


# ---- flips -----------------------------------------------------------------------------------------------------------

cdef struct Flip:
    const kernel_table *table
    float *y
    const float *x
    const uint8_t *flipped                 # of each image
    int64_t H, W, C
    bint rows, columns                     # the axes that are reversed in flipped images


cdef void flip_row(const void *work, int64_t row, char *scratch) noexcept nogil:
    """Copy or reverse row `row` of all N H rows of y."""
    cdef const Flip *f = <const Flip *> work
    cdef int64_t image = row // f.H, h = row % f.H, size = f.W * f.C
    cdef bint flipped = f.flipped[image]
    cdef const float *x = f.x + (image * f.H + (f.H - 1 - h if f.rows and flipped else h)) * size
    if f.columns and flipped:
        f.table.f32_reverse_row(f.y + row * size, x, f.W, f.C)
    else:
        memcpy(f.y + row * size, x, size * sizeof(float))


def flip_some(float[:, :, :, ::1] y, const float[:, :, :, ::1] x, flips, bint rows, bint columns) -> None:
    """y[n] := x[n]; if flips[n], in reverse order along its rows (if `rows`) and columns (if `columns`)."""
    cdef const uint8_t[::1] flipped = flips.view(np.uint8)
    cdef int64_t N = x.shape[0], H = x.shape[1], W = x.shape[2], C = x.shape[3]
    if tuple(y.shape) != tuple(x.shape) or flipped.shape[0] != N:
        raise ValueError(f"flip_some: shapes differ. Received: {y.shape=}, {x.shape=}, {flips.shape=}")
    if x.size == 0:
        return
    cdef Flip f = Flip(tiles(), &y[0, 0, 0, 0], &x[0, 0, 0, 0], &flipped[0], H, W, C, rows, columns)
    with nogil:
        run_tasks(flip_row, &f, sizeof(Flip), N * H, threads_for(PLAIN * N * H * W * C), NULL, 0)


# ---- resampling ------------------------------------------------------------------------------------------------------

cdef struct Resampling:
    const kernel_table *table
    float *y
    const float *x
    const float *w
    const int64_t *first
    int64_t inputs, outputs, taps, C
    int64_t height, parts                  # outputs of a task, and tasks of a line


cdef void resample_part(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Compute a part of the outputs of a line."""
    cdef const Resampling *r = <const Resampling *> work
    cdef int64_t m = task // r.parts, o = task % r.parts * r.height
    r.table.f32_resample(
        r.y + (m * r.outputs + o) * r.C, r.x + m * r.inputs * r.C, r.first + o, r.w + o * r.taps,
        min(r.height, r.outputs - o), r.taps, r.C)


def resample(
    float[:, :, ::1] y, const float[:, :, ::1] x, const float[:, ::1] w, const int64_t[::1] first
) -> None:
    """y[m, o] := the sum over t of w[o, t] x[m, first[o] + t], in parallel over m and blocks of o."""
    cdef int64_t M = x.shape[0], inputs = x.shape[1], C = x.shape[2], outputs = first.shape[0], taps = w.shape[1]
    cdef int64_t height, parts, o
    if y.shape[0] != M or y.shape[1] != outputs or y.shape[2] != C or w.shape[0] != outputs:
        raise ValueError(f"resample: shapes differ. Received: {y.shape=}, {x.shape=}, {w.shape=}, {first.shape=}")
    for o in range(outputs):
        if not 0 <= first[o] <= inputs - taps:
            raise ValueError(f"resample: taps must lie within {inputs} inputs. Received: first={first[o]}, {taps=}")
    if y.size == 0 or taps == 0:
        return
    height = min(outputs, max(1, TASK // C))
    parts = (outputs + height - 1) // height
    cdef Resampling r = Resampling(
        tiles(), &y[0, 0, 0], &x[0, 0, 0], &w[0, 0], &first[0], inputs, outputs, taps, C, height, parts)
    cdef int threads = threads_for(PLAIN * M * outputs * C * taps)
    with nogil:
        run_tasks(resample_part, &r, sizeof(Resampling), M * parts, threads, NULL, 0)


# ---- brightness and contrast -----------------------------------------------------------------------------------------

cdef struct Stretch:
    const kernel_table *table
    float *y
    const float *x
    const float *scale
    const float *shift
    float low, high
    int64_t P, C
    bint nontemporal


cdef void stretch_image(const void *work, int64_t n, char *scratch) noexcept nogil:
    cdef const Stretch *s = <const Stretch *> work
    cdef int64_t size = s.P * s.C
    s.table.f32_stretch(
        s.y + n * size, s.x + n * size, s.shift + n * s.C, s.scale[n], s.low, s.high, size, s.C, s.nontemporal)


def stretch(
    float[:, :, ::1] y, const float[:, :, ::1] x, const float[::1] scale, const float[:, ::1] shift, float low,
    float high
) -> None:
    """y[n, p, c] := min(max(x[n, p, c] scale[n] + shift[n, c], low), high)."""
    cdef int64_t N = x.shape[0], P = x.shape[1], C = x.shape[2]
    cdef bint nontemporal
    if tuple(y.shape) != tuple(x.shape) or scale.shape[0] != N or shift.shape[0] != N or shift.shape[1] != C:
        raise ValueError(f"stretch: shapes differ. Received: {y.shape=}, {x.shape=}, {scale.shape=}, {shift.shape=}")
    if x.size == 0:
        return
    nontemporal = (
        N * P * C >= NONTEMPORAL_FLOATS and P * C % 16 == 0 and C % 16 * (C > 16) == 0
        and <size_t> &y[0, 0, 0] % 64 == 0)
    cdef Stretch s = Stretch(
        tiles(), &y[0, 0, 0], &x[0, 0, 0], &scale[0], &shift[0, 0], low, high, P, C, nontemporal)
    with nogil:
        run_tasks(stretch_image, &s, sizeof(Stretch), N, threads_for(PLAIN * N * P * C), NULL, 0)
