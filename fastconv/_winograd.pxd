"""Tiles of 4 x 4 or 2 x 2 output pixels, and the 6 x 6 or 4 x 4 input pixels that they read."""
cimport numpy as cnp
from libc.stdint cimport int64_t

from fastconv._geometry cimport ceil_div


cdef enum:
    FREQUENCIES = 36                       # of a tile of 4 x 4 outputs


cdef struct TiledAxis:
    # A spatial axis: output o reads inputs o - before + i * step (zero outside) for the taps i.
    int64_t inputs, outputs, taps
    int64_t before, step
    int64_t side                           # outputs of a tile, at a distance of `step`
    int64_t tiles


cdef struct TiledImage:
    # The images that tiles read, and the planes, rows and columns of tiles that cover the outputs.
    const float *data
    int64_t images
    TiledAxis d, v, h
    int64_t side                           # of a tile, in outputs
    int64_t channels                       # of a pixel in memory: groups * ci
    int64_t groups, ci
    int64_t tiles                          # of all output planes of all images
    int64_t pieces                         # of the kernel, row by row in each of its planes


cdef inline int64_t taps_of(const TiledImage *x) noexcept nogil:
    return x.d.taps * x.v.taps * x.h.taps


cdef inline int64_t window_of(const TiledImage *x) noexcept nogil:
    """Return the number of inputs along an axis that a tile reads for a piece of the kernel."""
    return x.side + 2


cdef inline int64_t first_output(const TiledAxis *a, int64_t i) noexcept nogil:
    """Return the first output of the i-th tile along an axis; neighbouring tiles fill the gaps between steps."""
    return i // a.step * a.side * a.step + i % a.step


cdef inline int64_t outputs_of(const TiledAxis *a, int64_t first) noexcept nogil:
    """Return how many outputs of the tile that begins at `first` exist."""
    return max(min(ceil_div(a.outputs - first, a.step), a.side), 0)


cdef struct Piece:
    # The first tap of a piece of the kernel, and how many rows and columns of its 3 x 3 taps exist.
    int64_t plane, row, column, rows, columns


cdef inline Piece piece_of(const TiledImage *x, int64_t i) noexcept nogil:
    cdef int64_t across = ceil_div(x.h.taps, 3), down = ceil_div(x.v.taps, 3)
    cdef int64_t row = i // across % down * 3, column = i % across * 3
    return Piece(i // (across * down), row, column, min(x.v.taps - row, 3), min(x.h.taps - column, 3))


cdef inline int64_t first_tap(const TiledImage *x, const Piece *piece) noexcept nogil:
    """Return the index of a piece's first tap among all taps."""
    return (piece.plane * x.v.taps + piece.row) * x.h.taps + piece.column


cdef inline void list_pixels(
    const TiledImage *x, int64_t i, int64_t piece, const float *zeros, const float **pixels
) noexcept nogil:
    """List the pixels of tile i that a piece of the kernel reads."""
    cdef Piece p = piece_of(x, piece)
    cdef int64_t window = window_of(x)
    cdef int64_t left = first_output(&x.h, i % x.h.tiles) - x.h.before + p.column * x.h.step
    cdef int64_t top = first_output(&x.v, i // x.h.tiles % x.v.tiles) - x.v.before + p.row * x.v.step
    cdef int64_t plane = i // (x.h.tiles * x.v.tiles), image = plane // x.d.outputs, row, column, r, c
    plane = plane % x.d.outputs - x.d.before + p.plane * x.d.step
    for row in range(window):
        r = top + row * x.v.step
        for column in range(window):
            c = left + column * x.h.step
            pixels[window * row + column] = zeros
            if 0 <= plane < x.d.inputs and 0 <= r < x.v.inputs and 0 <= c < x.h.inputs:
                pixels[window * row + column] = x.data + (
                    ((image * x.d.inputs + plane) * x.v.inputs + r) * x.h.inputs + c) * x.channels


cdef inline int64_t output_pixel(const TiledImage *x, int64_t i, int64_t *rows, int64_t *columns) noexcept nogil:
    """Return the index of the first output pixel of tile i; store how many of its rows and columns exist."""
    cdef int64_t left = first_output(&x.h, i % x.h.tiles), top = first_output(&x.v, i // x.h.tiles % x.v.tiles)
    rows[0] = outputs_of(&x.v, top)
    columns[0] = outputs_of(&x.h, left)
    return (i // (x.h.tiles * x.v.tiles) * x.v.outputs + top) * x.h.outputs + left


cdef TiledImage tiled_image(
    cnp.ndarray x, cnp.ndarray y, cnp.ndarray w, before, steps, int64_t groups, int64_t side
) except *
cdef int64_t groups_of(cnp.ndarray x, cnp.ndarray w) except -1
