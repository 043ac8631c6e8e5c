# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Kernels of image augmentation, in parallel over rows, parts of images or images.

Outputs come first and share no memory with inputs. Images are float32 (N, H, W, C) in C order. The functions check only
the sizes on which memory safety depends; the caller (`backends/cpu/backend.py`) checks the rest.
"""
from cython.parallel cimport parallel, prange
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy

from fastconv._core cimport (
    affine_row, flush_denormals, kernel_table, restore_denormals, threads_for, tiles,
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


cdef void sample_row(
    const kernel_table *tile, float *y, const float *x, const double *t, int64_t row, affine_row r
) noexcept nogil:
    """Compute row `row` of all N H rows of y; t holds a transform for each image."""
    cdef int64_t image = row // r.H, h = row % r.H
    t += 8 * image
    r.x = x + image * r.H * r.W * r.C
    r.column, r.column_step = t[2] + h * t[1], t[0]
    r.row, r.row_step = t[5] + h * t[4], t[3]
    tile.f32_affine_row(y + row * r.W * r.C, &r)


def affine_transform(
    float[:, :, :, ::1] y, const float[:, :, :, ::1] x, const double[:, ::1] transform, bint nearest, fill, float value
) -> None:
    """y[n, h, w] := x[n] at row t3 w + t4 h + t5, column t0 w + t1 h + t2, with t = transform[n]."""
    cdef int64_t N = x.shape[0], row
    cdef const float[::1] constant = np.full(max(1, x.shape[3]), value, np.float32)
    cdef affine_row r
    cdef const kernel_table *tile = tiles()
    cdef unsigned state = 0
    if tuple(y.shape) != tuple(x.shape) or transform.shape[0] != N or transform.shape[1] != 8:
        raise ValueError(f"affine_transform: shapes differ. Received: {y.shape=}, {x.shape=}, {transform.shape=}")
    if x.size == 0:
        return
    r.H, r.W, r.C = x.shape[1], x.shape[2], x.shape[3]
    r.nearest, r.fill, r.constant = nearest, FILLS[fill], &constant[0]
    with nogil, parallel(num_threads=threads_for(PIXEL * N * r.H * r.W)):
        state = flush_denormals()
        for row in prange(N * r.H, schedule="static"):
            sample_row(tile, &y[0, 0, 0, 0], &x[0, 0, 0, 0], &transform[0, 0], row, r)
        restore_denormals(state)


def flip_some(float[:, :, :, ::1] y, const float[:, :, :, ::1] x, flips, bint rows, bint columns) -> None:
    """y[n] := x[n]; if flips[n], in reverse order along its rows (if `rows`) and columns (if `columns`)."""
    cdef int64_t N = x.shape[0], H = x.shape[1], W = x.shape[2], C = x.shape[3], row, source
    cdef const uint8_t[::1] flip = flips.view(np.uint8)
    cdef const kernel_table *tile = tiles()
    if tuple(y.shape) != tuple(x.shape) or flip.shape[0] != N:
        raise ValueError(f"flip_some: shapes differ. Received: {y.shape=}, {x.shape=}, {flips.shape=}")
    if x.size == 0:
        return
    for row in prange(N * H, schedule="static", num_threads=threads_for(PLAIN * N * H * W * C), nogil=True):
        source = row // H * H + (H - 1 - row % H if rows and flip[row // H] else row % H)
        if columns and flip[row // H]:
            tile.f32_reverse_row(&y[0, 0, 0, 0] + row * W * C, &x[0, 0, 0, 0] + source * W * C, W, C)
        else:
            memcpy(&y[0, 0, 0, 0] + row * W * C, &x[0, 0, 0, 0] + source * W * C, W * C * sizeof(float))


def resample(
    float[:, :, ::1] y, const float[:, :, ::1] x, const float[:, ::1] w, const int64_t[::1] first
) -> None:
    """y[m, o] := the sum over t of w[o, t] x[m, first[o] + t], in parallel over m and blocks of o."""
    cdef int64_t M = x.shape[0], inputs = x.shape[1], C = x.shape[2], outputs = first.shape[0], taps = w.shape[1]
    cdef int64_t height, parts, task, m, o
    cdef const kernel_table *tile = tiles()
    cdef unsigned state = 0
    if y.shape[0] != M or y.shape[1] != outputs or y.shape[2] != C or w.shape[0] != outputs:
        raise ValueError(f"resample: shapes differ. Received: {y.shape=}, {x.shape=}, {w.shape=}, {first.shape=}")
    for o in range(outputs):
        if not 0 <= first[o] <= inputs - taps:
            raise ValueError(f"resample: taps must lie within {inputs} inputs. Received: first={first[o]}, {taps=}")
    if y.size == 0 or taps == 0:
        return
    height = min(outputs, max(1, TASK // C))
    parts = (outputs + height - 1) // height
    with nogil, parallel(num_threads=threads_for(PLAIN * M * outputs * C * taps)):
        state = flush_denormals()
        for task in prange(M * parts, schedule="static"):
            m = task // parts
            o = task % parts * height
            tile.f32_resample(
                &y[m, o, 0], &x[m, 0, 0], &first[o], &w[o, 0], min(height, outputs - o), taps, C
            )
        restore_denormals(state)


def stretch(
    float[:, :, ::1] y, const float[:, :, ::1] x, const float[::1] scale, const float[:, ::1] shift, float low,
    float high
) -> None:
    """y[n, p, c] := min(max(x[n, p, c] scale[n] + shift[n, c], low), high)."""
    cdef int64_t N = x.shape[0], P = x.shape[1], C = x.shape[2], n
    cdef bint nontemporal
    cdef const kernel_table *tile = tiles()
    cdef unsigned state = 0
    if tuple(y.shape) != tuple(x.shape) or scale.shape[0] != N or shift.shape[0] != N or shift.shape[1] != C:
        raise ValueError(f"stretch: shapes differ. Received: {y.shape=}, {x.shape=}, {scale.shape=}, {shift.shape=}")
    if x.size == 0:
        return
    nontemporal = (
        N * P * C >= NONTEMPORAL_FLOATS and P * C % 16 == 0 and C % 16 * (C > 16) == 0
        and <size_t> &y[0, 0, 0] % 64 == 0)
    with nogil, parallel(num_threads=threads_for(PLAIN * N * P * C)):
        state = flush_denormals()
        for n in prange(N, schedule="static"):
            tile.f32_stretch(
                &y[0, 0, 0] + n * P * C, &x[0, 0, 0] + n * P * C, &shift[0, 0] + n * C, scale[n], low, high, P * C, C,
                nontemporal
            )
        restore_denormals(state)
