"""Arrays with a number for each channel: their division into blocks, and totals of the blocks' results.

Blocks depend only on shapes, and results of blocks are added in float64 in the order of the blocks, so that results are
bit-equal for any number of threads.
"""
from libc.math cimport INFINITY
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from fastconv._arrays cimport BLOCK
from fastconv._core cimport MAXIMUM, SUM, reduction
from fastconv._shares cimport even_block

cdef enum:
    WIDTH = 64         # floats: narrower rows are processed several at a time
    STRIP = 512        # floats: statistics and normalisation process wider rows in strips of 512 columns


cdef struct Grid:
    # An array (M, C) seen as rows of `width` floats. Each consists of `copies` rows of the array, so that narrow rows
    # fill vectors; `rest` floats follow the last full row. A task is a block of `height` rows and `strip` columns; the
    # rest is a block, too.
    int64_t channels, copies, width, rows, rest, strip, strips, height, full_blocks, blocks


cdef struct Block:
    int64_t start, row, rows, column, width


cdef inline Grid grid_of(int64_t size, int64_t channels, int64_t widest) noexcept nogil:
    """Return a grid of blocks with at most `widest` columns, if `widest` is a multiple of WIDTH."""
    return grid_with(size, channels, max(1, WIDTH // max(1, channels)), widest)


cdef inline Grid grid_with(int64_t size, int64_t channels, int64_t copies, int64_t widest) noexcept nogil:
    cdef Grid g
    g.channels = channels
    g.copies = copies
    g.width = max(1, channels * g.copies)
    g.rows = size // g.width
    g.rest = size - g.rows * g.width
    g.strip = min(g.width, widest)
    g.strips = (g.width + g.strip - 1) // g.strip
    g.height = max(1, BLOCK // g.strip)
    g.full_blocks = (g.rows + g.height - 1) // g.height * g.strips
    g.blocks = g.full_blocks + (g.rest > 0)
    return g


cdef inline void share_rows(Grid *g, int64_t threads) noexcept nogil:
    """Cut the rows of a grid, whose blocks are not summed, into as many blocks for each thread."""
    g.height = even_block(g.rows, g.height, 1, threads)
    g.full_blocks = (g.rows + g.height - 1) // g.height * g.strips
    g.blocks = g.full_blocks + (g.rest > 0)


cdef inline Block block_of(const Grid *g, int64_t k) noexcept nogil:
    cdef Block b
    b.row = min(k // g.strips * g.height, g.rows)
    b.column = k % g.strips * g.strip
    b.start = b.row * g.width + b.column
    b.rows = min(g.height, g.rows - b.row) if k < g.full_blocks else 1
    b.width = min(g.strip, g.width - b.column) if k < g.full_blocks else g.rest
    return b


cdef inline void repeat(float *wide, const float *vector, int64_t count, const Grid *g) noexcept nogil:
    """wide := `vector`, a number for each of `count` channels, in each of the `copies` of a row."""
    cdef int64_t copy
    for copy in range(g.copies):
        memcpy(wide + copy * g.channels, vector, count * sizeof(float))


cdef inline int64_t copies_in(const Grid *g, const Block *b) noexcept nogil:
    """Return the number of rows of channels, or of some channels, that lie side by side in the block."""
    return b.width // g.channels if g.strips == 1 else 1


cdef inline int64_t block_rows(const Grid *g) noexcept nogil:
    """Return the number of blocks below each other."""
    return g.blocks // g.strips


cdef inline int64_t block_with(const Grid *g, int64_t row, int64_t channel) noexcept nogil:
    """Return the number of the block in a row of blocks that holds a channel."""
    return row * g.strips + channel // g.strip


cdef inline int64_t place_in(const Grid *g, const Block *b, int64_t copy, int64_t channel) noexcept nogil:
    """Return the column of a block that holds a channel."""
    return copy * g.channels + channel - b.column


cdef inline double combine(reduction kind, double a, double b) noexcept nogil:
    """Return the sum, maximum or minimum of a and b; it is NaN if a or b is NaN."""
    if kind == SUM:
        return a + b
    if b != b:
        return b
    if kind == MAXIMUM:
        return b if b > a else a
    return b if b < a else a


cdef inline void column_totals(
    reduction kind, double *totals, const float *partial, int64_t step, const Grid *g, int64_t first, int64_t count
) noexcept nogil:
    """Compute the totals over all rows of channels [first, first + count), which lie in a single strip. The tile's
    result for block k is at partial + k * step."""
    cdef int64_t row, k, copy, c
    cdef const float *p
    cdef Block b
    for c in range(count):
        totals[c] = 0 if kind == SUM else -INFINITY if kind == MAXIMUM else INFINITY
    for row in range(block_rows(g)):
        k = block_with(g, row, first)
        b = block_of(g, k)
        for copy in range(copies_in(g, &b)):
            p = partial + k * step + place_in(g, &b, copy, first)
            for c in range(count):
                totals[c] = combine(kind, totals[c], p[c])
