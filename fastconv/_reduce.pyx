# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Sums, means and extremes over an axis. Outputs come first; every array is float32 in C order."""
cimport numpy as cnp
from libc.stdint cimport INT64_MAX, int64_t

from fastconv._arrays cimport BLOCK, PLAIN, floats
from fastconv._channels cimport WIDTH, Block, Grid, block_of, column_totals, grid_of
from fastconv._core cimport (
    MAXIMUM, MINIMUM, SUM, borrow_scratch, give_scratch_back, kernel_table, reduction, run_phases, task_phase,
    threads_for, tiles,
)
from fastconv._geometry cimport ceil_div

cnp.import_array()


cdef struct Reduction:
    # y (outer, inner) := the reduction of x (outer, size / inner, inner) over its middle axis, divided by `divisor`.
    const kernel_table *tile
    reduction kind
    float *y
    const float *x
    int64_t outer, inner, size             # size: of a slice of x
    float divisor
    Grid grid                              # of a slice
    float *partial                         # the reductions of its blocks: `step` floats each
    int64_t step
    int64_t parts                          # of WIDTH channels
    int64_t height                         # rows of a task, if slices are rows


cdef void reduce_rows(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Reduce rows: a slice that a single block holds, with inner = 1."""
    cdef const Reduction *r = <const Reduction *> work
    cdef int64_t row = task * r.height
    r.tile.f32_reduce_rows[<int> r.kind](r.y + row, r.x + row * r.size, min(r.height, r.outer - row), r.size)


cdef void reduce_block(const void *work, int64_t task, char *scratch) noexcept nogil:
    cdef const Reduction *r = <const Reduction *> work
    cdef int64_t part = task // r.grid.blocks
    cdef Block b = block_of(&r.grid, task % r.grid.blocks)
    r.tile.f32_reduce_columns[<int> r.kind](
        r.partial + task * r.step, r.x + part * r.size + b.start, b.rows, b.width)


cdef void reduce_partial(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Reduce the blocks' results of at most WIDTH channels of a slice."""
    cdef const Reduction *r = <const Reduction *> work
    cdef int64_t part = task // r.parts, first = task % r.parts * WIDTH
    cdef int64_t count = min(WIDTH, r.inner - first), c
    cdef double totals[WIDTH]
    column_totals(
        r.kind, totals, r.partial + part * r.grid.blocks * r.step, r.step, &r.grid, first, count)
    for c in range(count):
        r.y[part * r.inner + first + c] = <float> totals[c]


cdef void divide_block(const void *work, int64_t task, char *scratch) noexcept nogil:
    cdef const Reduction *r = <const Reduction *> work
    cdef int64_t i
    for i in range(task * BLOCK, min((task + 1) * BLOCK, r.outer * r.inner)):
        r.y[i] = r.y[i] / r.divisor


cdef void run(const Reduction *r, task_phase first, task_phase second) noexcept:
    cdef int64_t results = r.outer * r.inner if r.divisor != 1 else 0
    cdef task_phase *phases = [first, second, task_phase(divide_block, ceil_div(results, BLOCK))]
    with nogil:
        run_phases(phases, 3, r, sizeof(Reduction), threads_for(PLAIN * r.outer * r.size), NULL, 0)


cdef void reduce_columns(Reduction *r):
    """Reduce each slice by blocks; if a slice is a single block, the tile itself writes y."""
    r.grid = grid_of(r.size, r.inner, INT64_MAX)
    r.step = min(r.grid.width, r.size)
    r.parts = ceil_div(r.inner, WIDTH)
    r.partial = r.y
    cdef task_phase blocks = task_phase(reduce_block, r.outer * r.grid.blocks)
    if r.grid.blocks == 1 and r.step == r.inner:
        run(r, blocks, task_phase(reduce_partial, 0))
        return
    r.partial = <float *> borrow_scratch(r.outer * r.grid.blocks * r.step * sizeof(float))
    run(r, blocks, task_phase(reduce_partial, r.outer * r.parts))
    give_scratch_back(r.partial)


REDUCTION_NUMBERS = {"sum": SUM, "mean": SUM, "max": MAXIMUM, "min": MINIMUM}


def reduce(str name, y, x, int64_t outer, int64_t inner) -> None:
    """y := the sum, mean, max or min over the middle axis of x seen as (outer, n, inner); no axis is empty."""
    cdef Reduction r
    cdef int64_t elements = x.size
    r.tile, r.kind = tiles(), REDUCTION_NUMBERS[name]
    r.outer, r.inner, r.size = outer, inner, elements // max(1, outer)
    r.y = floats(y, outer * inner)
    r.x = floats(x, outer * r.size)
    r.divisor = <float> (r.size // max(1, inner)) if name == "mean" else 1
    if inner > 1 or r.size > BLOCK:
        reduce_columns(&r)
    else:
        r.height = BLOCK // max(1, r.size)
        run(&r, task_phase(reduce_rows, ceil_div(outer, r.height)), task_phase(reduce_partial, 0))
