# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Copies of elements: padding, its gradient, and concatenation.

On each axis of a padded array, output o is a copy of element `source[o]`, or the constant if `source[o]` is -1. The
elements themselves begin at output `before`, in order. Outputs come first. Every array is float32 in C order, unless a
function says more. The functions check this and the sizes on which memory safety depends; the caller
(`backends/cpu/stream.py`) checks the rest.
"""
cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from fastconv._arrays cimport BLOCK, MOST_AXES, PLAIN, data, float_rows, floats, past_caches
from fastconv._core cimport kernel_table, run_tasks, threads_for, tiles
from fastconv._geometry cimport ceil_div

cnp.import_array()


cdef inline const int64_t *sources_of(object array, int64_t size) except? NULL:
    return <const int64_t *> data(array, cnp.NPY_INT64, size)


# ---- padding ---------------------------------------------------------------------------------------------------------

cdef struct Padding:
    # y (N, *OUT, OW, C) from x (N, *IN, W, C). A task copies a row of y.
    const kernel_table *tile
    float *y
    const float *x
    int64_t W, OW, C, left
    float value
    bint nontemporal
    const int64_t *columns                 # the sources of the pixels of a row
    int axes                               # between N and W: their sizes, and the sources of their elements
    int64_t inputs[MOST_AXES]
    int64_t outputs[MOST_AXES]
    const int64_t *sources[MOST_AXES]


cdef int64_t source_of_row(const Padding *s, int64_t row) noexcept nogil:
    """Return the source of a row, both counted over all images, or -1 if the row is constant."""
    cdef int64_t source = 0, rows = 1, element
    cdef int axis
    for axis in range(s.axes - 1, -1, -1):
        element = s.sources[axis][row % s.outputs[axis]]
        if element < 0:
            return -1
        source += element * rows
        rows *= s.inputs[axis]
        row = row // s.outputs[axis]
    return source + row * rows


cdef void pad_row(const void *work, int64_t row, char *scratch) noexcept nogil:
    cdef const Padding *s = <const Padding *> work
    cdef int64_t h = source_of_row(s, row)
    s.tile.f32_pad_row(
        s.y + row * s.OW * s.C, s.x + h * s.W * s.C if h >= 0 else NULL, s.columns, s.left, s.W, s.OW, s.C, s.value,
        s.nontemporal)


cdef int64_t set_sources(Padding *s, x, list sources) except -1:
    """Store the axes between N and W, and return the number of rows of y."""
    cdef int64_t rows = x.shape[0]
    cdef int axis
    s.axes = len(sources)
    if s.axes > MOST_AXES or x.ndim != s.axes + 3:
        raise ValueError(f"pad: a source for each axis between N and W. Received: {x.shape=}, {len(sources)=}")
    for axis in range(s.axes):
        s.inputs[axis] = x.shape[axis + 1]
        s.outputs[axis] = len(sources[axis])
        s.sources[axis] = sources_of(sources[axis], s.outputs[axis])
        rows *= s.outputs[axis]
    return rows


def pad(y, x, list sources, columns, int64_t left, float value) -> None:
    """y (N, *OUT, OW, C) := x (N, *IN, W, C), padded by `sources` on the axes between N and W; pixel ow of a row is
    a copy of pixel columns[ow]."""
    cdef Padding s
    cdef int64_t rows = set_sources(&s, x, sources), size
    s.tile, s.left, s.value = tiles(), left, value
    s.W, s.C, s.OW = x.shape[x.ndim - 2], x.shape[x.ndim - 1], len(columns)
    size = rows * s.OW * s.C
    s.y = floats(y, size)
    s.x = floats(x, x.size)
    s.columns = sources_of(columns, s.OW)
    s.nontemporal = past_caches(s.y + left * s.C, size, s.OW * s.C)
    with nogil:
        run_tasks(pad_row, &s, sizeof(Padding), rows, threads_for(PLAIN * size), NULL, 0)


# ---- gradients -------------------------------------------------------------------------------------------------------

cdef struct Gradient:
    # dx (N, H, W, C) from dy (N, OH, OW, C), in which the elements of dx begin at row `top` and column `left`
    const kernel_table *tile
    float *dx
    const float *dy
    int64_t N, H, W, C, OH, OW, top, left
    bint nontemporal
    const int64_t *rows                    # the sources of the elements of dy
    const int64_t *columns


cdef Gradient gradient_of(dx, dy, tuple before) except *:
    cdef Gradient s
    s.tile = tiles()
    s.N, s.H, s.W, s.C = dx.shape
    s.OH, s.OW, s.top, s.left = dy.shape[1], dy.shape[2], before[0], before[1]
    s.dx = floats(dx, s.N * s.H * s.W * s.C)
    s.dy = floats(dy, s.N * s.OH * s.OW * s.C)
    if s.top + s.H > s.OH or s.left + s.W > s.OW:
        raise ValueError(f"the elements must lie inside. Received: {dx.shape=}, {dy.shape=}, {before=}")
    return s


cdef void crop_row(const void *work, int64_t row, char *scratch) noexcept nogil:
    cdef const Gradient *s = <const Gradient *> work
    cdef int64_t first = ((row // s.H) * s.OH + row % s.H + s.top) * s.OW + s.left
    s.tile.f32_pad_row(
        s.dx + row * s.W * s.C, s.dy + first * s.C, NULL, 0, s.W, s.W, s.C, 0, s.nontemporal)


def crop(x, y, tuple before) -> None:
    """x (N, H, W, C) := the part of y (N, OH, OW, C) that begins at row before[0] and column before[1]."""
    cdef Gradient s = gradient_of(x, y, before)
    cdef int64_t rows = s.N * s.H, size = rows * s.W * s.C
    s.nontemporal = past_caches(s.dx, size, s.W * s.C)
    with nogil:
        run_tasks(crop_row, &s, sizeof(Gradient), rows, threads_for(PLAIN * size), NULL, 0)


cdef void add_row(const Gradient *s, float *dx, const float *dy) noexcept nogil:
    """dx (W, C) += every pixel of dy (OW, C) at its source pixel."""
    cdef int64_t ow
    cdef float *to
    s.tile.f32_binary[0].run(dx, dx, dy + s.left * s.C, 0, 0, 1, s.W * s.C, False)
    for ow in range(s.OW):
        if s.columns[ow] >= 0 and not s.left <= ow < s.left + s.W:
            to = dx + s.columns[ow] * s.C
            s.tile.f32_binary[0].run(to, to, dy + ow * s.C, 0, 0, 1, s.C, False)


cdef void add_image(const void *work, int64_t image, char *scratch) noexcept nogil:
    """dx := the sum of dy over all copies of the element, in an image."""
    cdef const Gradient *s = <const Gradient *> work
    cdef float *dx = s.dx + image * s.H * s.W * s.C
    cdef int64_t oh
    memset(dx, 0, s.H * s.W * s.C * sizeof(float))
    for oh in range(s.OH):
        if s.rows[oh] >= 0:
            add_row(s, dx + s.rows[oh] * s.W * s.C, s.dy + (image * s.OH + oh) * s.OW * s.C)


def pad_backward(dx, dy, rows, columns, tuple before) -> None:
    """dx := the sum of dy over all copies of the element."""
    cdef Gradient s = gradient_of(dx, dy, before)
    cdef int64_t size = s.N * s.OH * s.OW * s.C
    s.rows = sources_of(rows, s.OH)
    s.columns = sources_of(columns, s.OW)
    with nogil:
        run_tasks(add_image, &s, sizeof(Gradient), s.N, threads_for(PLAIN * size), NULL, 0)


# ---- concatenation ---------------------------------------------------------------------------------------------------

cdef enum:
    MOST_PARTS = 32                        # that are copied at once


cdef struct Part:
    # Columns of rows, to copy to other rows
    const float *source
    float *to
    int64_t step, columns                  # floats between rows of the source
    int64_t tasks


cdef struct Parts:
    # A task copies BLOCK floats of a part.
    int64_t rows, step                     # floats between rows that are written
    int64_t count, tasks
    Part part[MOST_PARTS]


cdef void copy_block(const void *work, int64_t task, char *scratch) noexcept nogil:
    cdef const Parts *s = <const Parts *> work
    cdef const Part *p = &s.part[0]
    cdef int64_t first, left, row, column, count
    while task >= p.tasks:
        task -= p.tasks
        p += 1
    first = task * BLOCK
    left = min(BLOCK, s.rows * p.columns - first)
    row, column = first // p.columns, first % p.columns
    while left > 0:
        count = min(p.columns - column, left)
        memcpy(p.to + row * s.step + column, p.source + row * p.step + column, count * sizeof(float))
        left -= count
        row += 1
        column = 0


cdef void copy_parts(Parts *s) noexcept:
    with nogil:
        run_tasks(copy_block, s, sizeof(Parts), s.tasks, threads_for(PLAIN * BLOCK * s.tasks), NULL, 0)
    s.count = s.tasks = 0


cdef float *matrix(array, int64_t rows, int64_t *step) except? NULL:
    """Return the data of an array seen as a matrix, and store the floats between its rows."""
    cdef float *first = float_rows(array, array.size, step)
    cdef int64_t columns = array.size // max(1, rows), channels = array.shape[array.ndim - 1] if array.ndim else 1
    if columns * rows != array.size or (step[0] > channels and columns != channels):
        raise ValueError(f"an array must consist of {rows} rows. Received: {array.shape=}")
    step[0] = max(step[0], columns)
    return first


def concatenate(y, tuple xs, int64_t rows) -> None:
    """y := the arrays xs side by side, all seen as matrices of `rows` rows. If these are rows of the last axis, arrays
    may be slices of the channels of others. A part that lies in its place in y is not copied."""
    cdef Parts s
    cdef Part *p
    cdef float *to = matrix(y, rows, &s.step)
    if y.size != sum([x.size for x in xs]):
        raise ValueError(f"the parts must fill the result. Received: {y.shape=}, {[x.shape for x in xs]}")
    s.rows, s.count, s.tasks = rows, 0, 0
    for x in xs:
        p = &s.part[s.count]
        p.source, p.to, p.columns = matrix(x, rows, &p.step), to, x.size // max(1, rows)
        to += p.columns
        if x.size == 0 or (p.source == p.to and p.step == s.step):
            continue
        p.tasks = ceil_div(rows * p.columns, BLOCK)
        s.count, s.tasks = s.count + 1, s.tasks + p.tasks
        if s.count == MOST_PARTS:
            copy_parts(&s)
    copy_parts(&s)
