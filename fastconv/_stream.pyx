# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Memory-bound kernels: each passes over its arrays once, on a number of threads that depends on the work.

Outputs come first. Every array is float32 in C order. The functions check this and the sizes on which memory safety
depends; the caller (`backends/cpu/stream.py`) checks the rest. Blocks depend only on shapes, and sums of blocks are
added in float64 in the order of the blocks, so that results are bit-equal for any number of threads.
"""
cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_New
from cython.parallel cimport parallel, prange, threadid
from libc.math cimport INFINITY, ceil, sqrt
from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from fastconv._core cimport (
    BINARY_FUNCTIONS, MAXIMUM, MINIMUM, SUM, UNARY_FUNCTIONS, UPDATE_RULES, UPDATE_STATES, binary_function,
    borrow_scratch, flush_denormals, give_scratch_back, kernel_table, pool_window, reduction, restore_denormals,
    threads_for, tiles, unary_function, update_rule,
)

import numpy as np

cdef extern from "aligned.h":
    cnp.PyDataMem_Handler aligned_memory
    object aligned_array(int axes, const cnp.npy_intp *sizes, size_t bytes, object owner)

cnp.import_array()

cdef enum:
    BLOCK = 32768                  # floats: 128 KB, which leaves room for two more streams in every L2 cache
    WIDTH = 64                     # floats: narrower rows are processed several at a time
    STRIP = 512                    # floats: statistics and normalisation process wider rows in strips of 512 columns
    NONTEMPORAL_FLOATS = 3 << 20   # floats: outputs of at least this size bypass the caches
    MOST_AXES = 64                 # axes of a NumPy array
    ALIGNED = 4096                 # bytes: NumPy allocates smaller arrays, in 0.1 us; aligned arrays take 0.15 us

# The time of an element in multiply-adds, for threads_for.
cdef double PLAIN = 8.0
cdef double EXPONENTIAL = 20.0


# ---- arrays ----------------------------------------------------------------------------------------------------------

def is_float32(*arrays) -> bool:
    """Return whether all `arrays` are NumPy arrays of native float32."""
    for array in arrays:
        if not _is_float32(array):
            return False
    return True


cdef bint _is_float32(array):
    return (
        cnp.PyArray_Check(array) and cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT32 and cnp.PyArray_ISNOTSWAPPED(array)
    )


def dense_float32(tuple arrays):
    """Return `arrays` in C order, copied if necessary, or None if an array is not native float32. A None stays None."""
    cdef bint dense = True
    for array in arrays:
        if array is None:
            continue
        if not _is_float32(array):
            return None
        dense = dense and cnp.PyArray_ISCARRAY_RO(array)
    return arrays if dense else tuple(map(contiguous, arrays))


def contiguous(array):
    """Return `array` itself if it is in C order, else a copy in C order."""
    return array if array is None or cnp.PyArray_ISCARRAY_RO(array) else np.array(array, order="C")


cdef object aligned_owner = PyCapsule_New(&aligned_memory, "mem_handler", NULL)


cdef empty(tuple shape):
    """Return a new float32 array of `shape` in C order; a large array begins on a cache line."""
    cdef cnp.npy_intp sizes[MOST_AXES]
    cdef double bytes = sizeof(float)
    cdef int axes = len(shape), i
    if axes > MOST_AXES:
        raise ValueError(f"arrays have at most {MOST_AXES} axes. Received: shape={shape}")
    for i in range(axes):
        sizes[i] = shape[i]
        bytes *= sizes[i]
    if not ALIGNED <= bytes < 1 << 48:
        return cnp.PyArray_EMPTY(axes, sizes, cnp.NPY_FLOAT32, 0)
    return aligned_array(axes, sizes, <size_t> bytes, aligned_owner)


def output_array(out, tuple shape):
    """Return a float32 array of `shape` in C order for a result: `out` itself if it matches, else a new array."""
    if (
        out is not None and cnp.PyArray_Check(out) and cnp.PyArray_TYPE(out) == cnp.NPY_FLOAT32
        and cnp.PyArray_ISCARRAY(out) and out.shape == shape
    ):
        return out
    return empty(shape)


def integer_output_array(out, tuple shape):
    """Return an int32 array of `shape` in C order for a result: `out` itself if it matches, else a new array."""
    if (
        out is not None and cnp.PyArray_Check(out) and cnp.PyArray_TYPE(out) == cnp.NPY_INT32
        and cnp.PyArray_ISCARRAY(out) and out.shape == shape
    ):
        return out
    return np.empty(shape, np.int32)


def output_arrays(out, *shapes) -> tuple:
    """Return `output_array` for each of several results; `out` is a tuple of arrays or None."""
    if out is None:
        return tuple([empty(shape) for shape in shapes])
    return tuple([output_array(array, shape) for array, shape in zip(out, shapes)])


cdef void *data(object array, int type_number, int64_t size) except? NULL:
    """Return the data pointer of `array`; raise ValueError unless it holds `size` elements of a type in C order."""
    if (
        not cnp.PyArray_Check(array) or cnp.PyArray_TYPE(array) != type_number
        or not cnp.PyArray_ISCARRAY_RO(array) or cnp.PyArray_SIZE(array) != size
    ):
        raise ValueError(
            f"A kernel needs {size} elements of {cnp.PyArray_DescrFromType(type_number)} in C order. Received: "
            f"{type(array).__name__} of shape={getattr(array, 'shape', None)}, dtype={getattr(array, 'dtype', None)}"
        )
    return cnp.PyArray_DATA(array)


cdef inline float *floats(object array, int64_t size) except? NULL:
    return <float *> data(array, cnp.NPY_FLOAT32, size)


cdef inline int32_t *integers(object array, int64_t size) except? NULL:
    return <int32_t *> data(array, cnp.NPY_INT32, size)


cdef inline bint past_caches(const float *y, int64_t n, int64_t step) noexcept nogil:
    """Return whether to write y, n floats in rows of `step`, to memory by nontemporal stores, which bypass the caches.

    A nontemporal store does not read the cache line before, but the next reader has to fetch it. A chain of functions
    that each read the result of the function before runs 0.83 times as fast with 6.4 MB, 1.14 times with 12.8 MB, 1.5
    times with 25.7 MB.
    """
    return n >= NONTEMPORAL_FLOATS and step % 16 == 0 and <size_t> y % 64 == 0


# ---- elementwise -----------------------------------------------------------------------------------------------------

def activate(y, x, int kind, float alpha) -> None:
    """y := f(x)."""
    cdef int64_t n = x.size, start
    cdef float *to = floats(y, n)
    cdef const float *source = floats(x, n)
    cdef bint nontemporal = past_caches(to, n, BLOCK)
    cdef const kernel_table *tile = tiles()
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(EXPONENTIAL * n)):
        state = flush_denormals()
        for start in prange(0, n, BLOCK, schedule="static"):
            tile.f32_activate(to + start, source + start, min(BLOCK, n - start), kind, alpha, nontemporal)
        restore_denormals(state)


def activate_backward(dx, dy, y, int kind, float alpha) -> None:
    """dx := dy f'(x), computed from y = f(x)."""
    cdef int64_t n = y.size, start
    cdef float *to = floats(dx, n)
    cdef const float *slope = floats(y, n)
    cdef const float *gradient = floats(dy, n)
    cdef bint nontemporal = past_caches(to, n, BLOCK)
    cdef const kernel_table *tile = tiles()
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(PLAIN * n)):
        state = flush_denormals()
        for start in prange(0, n, BLOCK, schedule="static"):
            tile.f32_activate_backward(
                to + start, gradient + start, slope + start, min(BLOCK, n - start), kind, alpha, nontemporal
            )
        restore_denormals(state)


def gate(y, x, float linear, float cubic) -> None:
    """y := x sigmoid(x (linear + cubic x^2))."""
    cdef int64_t n = x.size, start
    cdef float *to = floats(y, n)
    cdef const float *source = floats(x, n)
    cdef bint nontemporal = past_caches(to, n, BLOCK)
    cdef const kernel_table *tile = tiles()
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(EXPONENTIAL * n)):
        state = flush_denormals()
        for start in prange(0, n, BLOCK, schedule="static"):
            tile.f32_gate(to + start, source + start, min(BLOCK, n - start), linear, cubic, nontemporal)
        restore_denormals(state)


def gate_backward(dx, dy, x, float linear, float cubic) -> None:
    """dx := dy times the derivative of `gate` at x."""
    cdef int64_t n = x.size, start
    cdef float *to = floats(dx, n)
    cdef const float *gradient = floats(dy, n)
    cdef const float *source = floats(x, n)
    cdef bint nontemporal = past_caches(to, n, BLOCK)
    cdef const kernel_table *tile = tiles()
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(EXPONENTIAL * n)):
        state = flush_denormals()
        for start in prange(0, n, BLOCK, schedule="static"):
            tile.f32_gate_backward(
                to + start, gradient + start, source + start, min(BLOCK, n - start), linear, cubic, nontemporal
            )
        restore_denormals(state)


def dropout(y, x, seeds, double rate) -> None:
    """y[i] := x[i] / (1 - rate) or 0, by the random number of index i from the first of `seeds`."""
    cdef uint64_t seed = seeds[0]
    cdef int64_t n = x.size, start
    cdef float *to = floats(y, n)
    cdef const float *source = floats(x, n)
    cdef uint32_t threshold = <uint32_t> ceil(<double> <float> rate * (1 << 24))
    cdef float scale = <float> (1 / (1 - rate))
    cdef const kernel_table *tile = tiles()
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(EXPONENTIAL * n)):
        state = flush_denormals()
        for start in prange(0, n, BLOCK, schedule="static"):
            tile.f32_dropout(to + start, source + start, min(BLOCK, n - start), seed, start, threshold, scale)
        restore_denormals(state)


UPDATES = {tiles().f32_update[i].name.decode(): i for i in range(UPDATE_RULES)}


cdef void update_block(
    const update_rule *rule, float *const *new, const float *const *old, int64_t start, int64_t n, const float *scalars,
    const float *constants
) noexcept nogil:
    cdef float *to[UPDATE_STATES + 1]
    cdef const float *source[UPDATE_STATES + 2]
    cdef int k
    for k in range(rule.states + 1):
        to[k] = new[k] + start
    for k in range(rule.states + 2):
        source[k] = old[k] + start
    rule.run(to, source, n, scalars, constants)


def update(str name, tuple new, tuple old, scalars, tuple constants) -> None:
    """(w, states..) := a step of the update rule `name` from (w, dw, states..)."""
    cdef const update_rule *rule = &tiles().f32_update[UPDATES[name]]
    cdef int64_t n = old[0].size, start
    cdef float *to[UPDATE_STATES + 1]
    cdef const float *source[UPDATE_STATES + 2]
    cdef const float *changing = floats(scalars, 4)
    cdef float *fixed = [0.0, 0.0, 0.0, 0.0]
    cdef unsigned state = 0
    cdef int k
    if len(new) != rule.states + 1 or len(old) != rule.states + 2 or len(constants) > 4:
        raise ValueError(f"{name} has {rule.states} states. Received: {len(new)}, {len(old)}, {len(constants)}")
    for k in range(len(constants)):
        fixed[k] = constants[k]
    for k in range(rule.states + 1):
        to[k] = floats(new[k], n)
    for k in range(rule.states + 2):
        source[k] = floats(old[k], n)
    with nogil, parallel(num_threads=threads_for((rule.states + 1) * PLAIN * n)):
        state = flush_denormals()
        for start in prange(0, n, BLOCK, schedule="static"):
            update_block(rule, to, source, start, min(BLOCK, n - start), changing, fixed)
        restore_denormals(state)


# ---- channels --------------------------------------------------------------------------------------------------------

# An array (M, C) seen as rows of `width` floats. Each consists of `copies` rows of the array, so that narrow rows fill
# vectors; `rest` floats follow the last full row. The unit of work is a block of `height` rows and `strip` columns; the
# rest is a block, too.
ctypedef struct grid:
    int64_t channels, copies, width, rows, rest, strip, strips, height, full_blocks, blocks

ctypedef struct block:
    int64_t start, rows, column, width


cdef grid grid_of(int64_t size, int64_t channels, int64_t widest) noexcept nogil:
    """Return a grid of blocks with at most `widest` columns, if `widest` is a multiple of WIDTH."""
    cdef grid g
    g.channels = channels
    g.copies = max(1, WIDTH // max(1, channels))
    g.width = max(1, channels * g.copies)
    g.rows = size // g.width
    g.rest = size - g.rows * g.width
    g.strip = min(g.width, widest)
    g.strips = (g.width + g.strip - 1) // g.strip
    g.height = max(1, BLOCK // g.strip)
    g.full_blocks = (g.rows + g.height - 1) // g.height * g.strips
    g.blocks = g.full_blocks + (g.rest > 0)
    return g


cdef inline block block_of(const grid *g, int64_t k) noexcept nogil:
    cdef int64_t row = min(k // g.strips * g.height, g.rows)
    cdef block b
    b.column = k % g.strips * g.strip
    b.start = row * g.width + b.column
    b.rows = min(g.height, g.rows - row) if k < g.full_blocks else 1
    b.width = min(g.strip, g.width - b.column) if k < g.full_blocks else g.rest
    return b


cdef void repeat(float *wide, const float *vector, int64_t count, const grid *g) noexcept nogil:
    """wide := `vector`, a number for each of `count` channels, in each of the `copies` of a row."""
    cdef int64_t copy
    for copy in range(g.copies):
        memcpy(wide + copy * g.channels, vector, count * sizeof(float))


cdef inline int64_t copies_in(const grid *g, const block *b) noexcept nogil:
    """Return how many rows of channels, or of some channels, lie side by side in the block."""
    return b.width // g.channels if g.strips == 1 else 1


cdef inline double combine(reduction kind, double a, double b) noexcept nogil:
    """Return the sum, maximum or minimum of a and b; it is NaN if a or b is NaN."""
    if kind == SUM:
        return a + b
    if b != b:
        return b
    if kind == MAXIMUM:
        return b if b > a else a
    return b if b < a else a


cdef void column_totals(
    reduction kind, double *totals, const float *partial, int64_t step, const grid *g, int64_t first, int64_t count
) noexcept nogil:
    """Compute the totals over all rows of channels [first, first + count), which lie in a single strip. The tile's
    result for block k is at partial + k * step."""
    cdef int64_t row, k, copy, c
    cdef const float *p
    cdef block b
    for c in range(count):
        totals[c] = 0 if kind == SUM else -INFINITY if kind == MAXIMUM else INFINITY
    for row in range(g.blocks // g.strips):
        k = row * g.strips + first // g.strip
        b = block_of(g, k)
        for copy in range(copies_in(g, &b)):
            p = partial + k * step + copy * g.channels + first - b.column
            for c in range(count):
                totals[c] = combine(kind, totals[c], p[c])


cdef void reduce_partial(
    reduction kind, float *y, const float *partial, int64_t step, const grid *g, int64_t first
) noexcept nogil:
    """y[c] := the total of channel c, for at most WIDTH channels from `first` on."""
    cdef double totals[WIDTH]
    cdef int64_t count = min(WIDTH, g.channels - first), c
    column_totals(kind, totals, partial, step, g, first, count)
    for c in range(count):
        y[first + c] = <float> totals[c]


cdef void unary(const unary_function *function, y, x):
    cdef int64_t n = x.size, start
    cdef float *to = floats(y, n)
    cdef const float *source = floats(x, n)
    cdef bint nontemporal = past_caches(to, n, BLOCK)
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(PLAIN * n)):
        state = flush_denormals()
        for start in prange(0, n, BLOCK, schedule="static"):
            function.run(to + start, source + start, min(BLOCK, n - start), nontemporal)
        restore_denormals(state)


cdef void binary(const binary_function *function, z, x, y):
    """z := function(x, y); x or y may be smaller than z: a vector that is used in every row."""
    cdef int64_t n = z.size, x_moves = x.size == n, y_moves = y.size == n, k
    cdef grid g = grid_of(n, BLOCK if x_moves and y_moves else min(x.size, y.size), INT64_MAX)
    cdef float *to = floats(z, n)
    cdef const float *left = floats(x, n if x_moves else g.channels)
    cdef const float *right = floats(y, n if y_moves else g.channels)
    cdef float *wide = <float *> borrow_scratch(g.width * sizeof(float))
    cdef bint nontemporal = past_caches(to, n, g.width)
    cdef block b
    cdef unsigned state = 0
    if not x_moves:
        repeat(wide, left, g.channels, &g)
        left = wide
    if not y_moves:
        repeat(wide, right, g.channels, &g)
        right = wide
    with nogil, parallel(num_threads=threads_for(PLAIN * n)):
        state = flush_denormals()
        for k in prange(g.blocks, schedule="static"):
            b = block_of(&g, k)
            function.run(
                to + b.start, left + x_moves * b.start, right + y_moves * b.start, x_moves * b.width,
                y_moves * b.width, b.rows, b.width, nontemporal
            )
        restore_denormals(state)
    give_scratch_back(wide)


UNARY = {tiles().f32_unary[i].name.decode(): i for i in range(UNARY_FUNCTIONS)}
BINARY = {tiles().f32_binary[i].name.decode(): i for i in range(BINARY_FUNCTIONS)}


def elementwise(str function, z, x, y=None) -> None:
    """z := f(x) if `function` is in UNARY, f(x, y) if it is in BINARY. If x and y differ in size, the smaller has a
    number for each channel, or a single number."""
    if y is None:
        unary(&tiles().f32_unary[UNARY[function]], z, x)
    else:
        binary(&tiles().f32_binary[BINARY[function]], z, x, y)


def scale_shift(y, x, scale, shift) -> None:
    """y[..., c] := x[..., c] scale[c] + shift[c]."""
    cdef grid g = grid_of(x.size, scale.size, STRIP)
    cdef float *to = floats(y, x.size)
    cdef const float *source = floats(x, x.size)
    cdef const float *factor = floats(scale, g.channels)
    cdef const float *offset = floats(shift, g.channels)
    cdef float *wide = <float *> borrow_scratch(2 * g.width * sizeof(float))
    cdef const kernel_table *tile = tiles()
    cdef bint nontemporal = past_caches(to, x.size, g.width)
    cdef int64_t k
    cdef block b
    cdef unsigned state = 0
    repeat(wide, factor, g.channels, &g)
    repeat(wide + g.width, offset, g.channels, &g)
    with nogil, parallel(num_threads=threads_for(PLAIN * g.rows * g.width)):
        state = flush_denormals()
        for k in prange(g.blocks, schedule="static"):
            b = block_of(&g, k)
            tile.f32_scale_shift(
                to + b.start, source + b.start, wide + b.column, wide + g.width + b.column, b.rows, b.width, g.width,
                nontemporal
            )
        restore_denormals(state)
    give_scratch_back(wide)


cdef void prepare_channels(
    float *wide, const float *mean, const float *rest, const float *variance, const float *gamma, const float *beta,
    double epsilon, const grid *g, int64_t first
) noexcept nogil:
    """wide := mean, scale and shift, a row each, of at most WIDTH channels from `first` on; `rest` is the part of the
    means that float32 cannot hold, or NULL."""
    cdef int64_t count = min(WIDTH, g.channels - first), c
    cdef double factor
    cdef float scale[WIDTH]
    cdef float shift[WIDTH]
    for c in range(count):
        factor = gamma[first + c] / sqrt(<double> variance[first + c] + epsilon)
        scale[c] = <float> factor
        shift[c] = beta[first + c] if rest == NULL else <float> (beta[first + c] - rest[first + c] * factor)
    repeat(wide + first, mean + first, count, g)
    repeat(wide + g.width + first, scale, count, g)
    repeat(wide + 2 * g.width + first, shift, count, g)


cdef inline void normalize_block(
    const kernel_table *tile, float *y, const float *x, const float *wide, const grid *g, int64_t k, bint nontemporal
) noexcept nogil:
    """y := (x - mean) scale + shift in block k; `prepare_channels` has written mean, scale and shift to `wide`."""
    cdef block b = block_of(g, k)
    cdef const float *mean = wide + b.column
    tile.f32_normalize(
        y + b.start, x + b.start, mean, mean + g.width, mean + 2 * g.width, b.rows, b.width, g.width, nontemporal
    )


def normalize(y, x, mean, variance, gamma, beta, double epsilon) -> None:
    """y[..., c] := gamma[c] (x[..., c] - mean[c]) / sqrt(variance[c] + epsilon) + beta[c]."""
    cdef grid g = grid_of(x.size, mean.size, STRIP)
    cdef float *to = floats(y, x.size)
    cdef const float *source = floats(x, x.size)
    cdef const float *center = floats(mean, g.channels)
    cdef const float *spread = floats(variance, g.channels)
    cdef const float *factor = floats(gamma, g.channels)
    cdef const float *offset = floats(beta, g.channels)
    cdef float *wide = <float *> borrow_scratch(3 * g.width * sizeof(float))
    cdef const kernel_table *tile = tiles()
    cdef bint nontemporal = past_caches(to, x.size, g.width)
    cdef int64_t k, first
    cdef unsigned state = 0
    for first in range(0, g.channels, WIDTH):
        prepare_channels(wide, center, NULL, spread, factor, offset, epsilon, &g, first)
    with nogil, parallel(num_threads=threads_for(PLAIN * g.rows * g.width)):
        state = flush_denormals()
        for k in prange(g.blocks, schedule="static"):
            normalize_block(tile, to, source, wide, &g, k, nontemporal)
        restore_denormals(state)
    give_scratch_back(wide)


cdef void reduce_columns(reduction kind, y, x, int64_t outer, int64_t inner):
    """Reduce each of `outer` slices of x by blocks; if a slice is a single block, the tile itself writes y."""
    cdef int64_t size = x.size // outer, parts = (inner + WIDTH - 1) // WIDTH, task
    cdef grid g = grid_of(size, inner, INT64_MAX)
    cdef int64_t step = min(g.width, size)
    cdef bint whole = g.blocks == 1 and step == inner
    cdef float *to = floats(y, outer * inner)
    cdef const float *source = floats(x, outer * size)
    scratch = y if whole else np.empty(outer * g.blocks * step, np.float32)
    cdef float *partial = floats(scratch, outer * g.blocks * step)
    cdef const kernel_table *tile = tiles()
    cdef block b
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(PLAIN * outer * size)):
        state = flush_denormals()
        for task in prange(outer * g.blocks, schedule="static"):
            b = block_of(&g, task % g.blocks)
            tile.f32_reduce_columns[<int> kind](
                partial + task * step, source + (task // g.blocks) * size + b.start, b.rows, b.width
            )
        for task in prange(0 if whole else outer * parts, schedule="static"):
            reduce_partial(
                kind, to + (task // parts) * inner, partial + (task // parts) * g.blocks * step, step, &g,
                task % parts * WIDTH
            )
        restore_denormals(state)


REDUCTION_NUMBERS = {"sum": SUM, "max": MAXIMUM, "min": MINIMUM}


def reduce(str name, y, x, int64_t outer, int64_t inner) -> None:
    """y := the sum, max or min over the middle axis of x seen as (outer, n, inner); no axis is empty."""
    cdef reduction kind = REDUCTION_NUMBERS[name]
    if inner == 1 and x.size // outer <= BLOCK:
        each_row(tiles().f32_reduce_rows[<int> kind], y, x, outer, PLAIN)
    else:
        reduce_columns(kind, y, x, outer, inner)


# ---- batch normalisation ---------------------------------------------------------------------------------------------

# The tile's result for block k begins at k times 3 rows (2 for gradients) of `strip` floats; channels are then
# processed WIDTH at a time.

cdef void moments_of_block(
    const kernel_table *tile, float *partial, const float *x, const grid *g, int64_t k
) noexcept nogil:
    """partial := (center, sum of x - center, sum of (x - center)^2), a row each."""
    cdef block b = block_of(g, k)
    cdef float *center = partial + 3 * k * g.strip
    tile.f32_column_moments(center, center + g.strip, center + 2 * g.strip, x + b.start, b.rows, b.width, g.width)


cdef void moments_of_channels(
    float *mean, float *rest, float *variance, const float *partial, const grid *g, int64_t first
) noexcept nogil:
    """Move moments about the centers of blocks to the mean of all rows, mean + rest: Chan, Golub and LeVeque 1979."""
    cdef int64_t rows = g.rows * g.copies + g.rest // g.channels, count = min(WIDTH, g.channels - first)
    cdef int64_t row, k, copy, c
    cdef double means[WIDTH]
    cdef double squares[WIDTH]
    cdef double shift
    cdef const float *center
    cdef const float *sums
    cdef block b
    memset(means, 0, sizeof(means))
    memset(squares, 0, sizeof(squares))
    for row in range(g.blocks // g.strips):
        k = row * g.strips + first // g.strip
        b = block_of(g, k)
        for copy in range(copies_in(g, &b)):
            center = partial + 3 * k * g.strip + copy * g.channels + first - b.column
            sums = center + g.strip
            for c in range(count):
                means[c] += <double> center[c] * b.rows + sums[c]
    for c in range(count):
        means[c] /= rows
    for row in range(g.blocks // g.strips):
        k = row * g.strips + first // g.strip
        b = block_of(g, k)
        for copy in range(copies_in(g, &b)):
            center = partial + 3 * k * g.strip + copy * g.channels + first - b.column
            sums = center + g.strip
            for c in range(count):
                shift = center[c] - means[c]
                squares[c] += sums[g.strip + c] + shift * (2 * sums[c] + shift * b.rows)
    for c in range(count):
        mean[first + c] = <float> means[c]
        rest[first + c] = <float> (means[c] - mean[first + c])
        variance[first + c] = <float> (max(squares[c], 0) / rows)


def batch_norm(y, mean, variance, x, gamma, beta, double epsilon) -> None:
    """(y, mean, variance) := x normalised by its own mean and variance, and these statistics."""
    cdef grid g = grid_of(x.size, gamma.size, STRIP)
    cdef float *to = floats(y, x.size)
    cdef float *to_mean = floats(mean, g.channels)
    cdef float *to_variance = floats(variance, g.channels)
    cdef const float *source = floats(x, x.size)
    cdef const float *factor = floats(gamma, g.channels)
    cdef const float *offset = floats(beta, g.channels)
    cdef int64_t partial_floats = 3 * g.blocks * g.strip, k, first
    cdef float *wide = <float *> borrow_scratch((4 * g.width + partial_floats) * sizeof(float))
    cdef float *rest = wide + 3 * g.width    # after mean, scale and shift, a row each
    cdef float *partial = rest + g.width
    cdef const kernel_table *tile = tiles()
    cdef bint nontemporal = past_caches(to, x.size, g.width)
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(2 * PLAIN * g.rows * g.width)):
        state = flush_denormals()
        for k in prange(g.blocks, schedule="static"):
            moments_of_block(tile, partial, source, &g, k)
        for first in prange(0, g.channels, WIDTH, schedule="static"):
            moments_of_channels(to_mean, rest, to_variance, partial, &g, first)
            prepare_channels(wide, to_mean, rest, to_variance, factor, offset, epsilon, &g, first)
        for k in prange(g.blocks, schedule="static"):
            normalize_block(tile, to, source, wide, &g, k, nontemporal)
        restore_denormals(state)
    give_scratch_back(wide)


cdef void gradients_of_channels(
    float *wide, float *dgamma, float *dbeta, const float *partial, const float *distances, const float *variance,
    const float *gamma, double epsilon, int64_t rows, const grid *g, int64_t first
) noexcept nogil:
    """(dgamma, dbeta) := the gradients of at most WIDTH channels from `first` on; `wide` := their slope, offset and
    scale, a row each. `distances` are sums of x - mean, laid out as `partial`, or NULL if they are negligible."""
    cdef int64_t count = min(WIDTH, g.channels - first), c
    cdef double sums[WIDTH]
    cdef double products[WIDTH]
    cdef double rest[WIDTH]
    cdef float slope[WIDTH]
    cdef float offset[WIDTH]
    cdef float scale[WIDTH]
    cdef double inverse
    memset(rest, 0, sizeof(rest))
    column_totals(SUM, sums, partial, 2 * g.strip, g, first, count)
    column_totals(SUM, products, partial + g.strip, 2 * g.strip, g, first, count)
    if distances != NULL:
        column_totals(SUM, rest, distances, 2 * g.strip, g, first, count)
    for c in range(count):
        inverse = 1 / sqrt(<double> variance[first + c] + epsilon)
        rest[c] /= rows
        products[c] = (products[c] - rest[c] * sums[c]) * inverse
        dbeta[first + c] = <float> sums[c]
        dgamma[first + c] = <float> products[c]
        slope[c] = <float> (inverse * products[c] / rows)
        offset[c] = <float> (sums[c] / rows - rest[c] * slope[c])
        scale[c] = <float> (gamma[first + c] * inverse)
    repeat(wide + first, slope, count, g)
    repeat(wide + g.width + first, offset, count, g)
    repeat(wide + 2 * g.width + first, scale, count, g)


cdef bint is_far(const float *mean, const float *variance, double epsilon, int64_t channels) noexcept nogil:
    """Return whether a mean is more than 20 deviations from 0, so that its rounding to float32 matters."""
    cdef int64_t c
    for c in range(channels):
        if mean[c] * <double> mean[c] > 400 * (<double> variance[c] + epsilon):
            return True
    return False


def batch_norm_backward(dx, dgamma, dbeta, dy, x, mean, variance, gamma, double epsilon) -> None:
    """(dx, dgamma, dbeta) := the gradients of batch_norm; Ioffe and Szegedy 2015, section 3."""
    cdef grid g = grid_of(x.size, gamma.size, STRIP)
    cdef float *to = floats(dx, x.size)
    cdef float *to_gamma = floats(dgamma, g.channels)
    cdef float *to_beta = floats(dbeta, g.channels)
    cdef const float *gradient = floats(dy, x.size)
    cdef const float *source = floats(x, x.size)
    cdef const float *center = floats(mean, g.channels)
    cdef const float *spread = floats(variance, g.channels)
    cdef const float *factor = floats(gamma, g.channels)
    cdef int64_t rows = x.size // max(1, g.channels), partial_floats = 2 * g.blocks * g.strip, k, first
    cdef bint far = is_far(center, spread, epsilon, g.channels)
    cdef float *wide = <float *> borrow_scratch((4 * g.width + (1 + far) * partial_floats) * sizeof(float))
    cdef float *partial = wide + 4 * g.width    # after mean, slope, offset and scale, a row each
    cdef float *distances = partial + partial_floats if far else NULL
    cdef const kernel_table *tile = tiles()
    cdef bint nontemporal = past_caches(to, x.size, g.width)
    cdef float *sums
    cdef float *means
    cdef block b
    cdef unsigned state = 0
    repeat(wide, center, g.channels, &g)
    with nogil, parallel(num_threads=threads_for(2 * PLAIN * g.rows * g.width)):
        state = flush_denormals()
        for k in prange(g.blocks, schedule="static"):
            b = block_of(&g, k)
            sums = partial + 2 * k * g.strip
            tile.f32_column_products(
                sums, sums + g.strip, gradient + b.start, source + b.start, wide + b.column, b.rows, b.width, g.width
            )
        for k in prange(g.blocks if far else 0, schedule="static"):
            b = block_of(&g, k)
            sums = distances + 2 * k * g.strip
            tile.f32_column_products(
                sums, sums + g.strip, NULL, source + b.start, wide + b.column, b.rows, b.width, g.width
            )
        for first in prange(0, g.channels, WIDTH, schedule="static"):
            gradients_of_channels(
                wide + g.width, to_gamma, to_beta, partial, distances, spread, factor, epsilon, rows, &g, first
            )
        for k in prange(g.blocks, schedule="static"):
            b = block_of(&g, k)
            means = wide + b.column
            tile.f32_normalize_backward(
                to + b.start, gradient + b.start, source + b.start, means, means + g.width, means + 2 * g.width,
                means + 3 * g.width, b.rows, b.width, g.width, nontemporal
            )
        restore_denormals(state)
    give_scratch_back(wide)


# ---- rows ------------------------------------------------------------------------------------------------------------

ctypedef void (*row_tile)(float *, const float *, int64_t, int64_t) noexcept nogil
ctypedef void (*row_pair_tile)(float *, const float *, const float *, int64_t, int64_t) noexcept nogil


cdef void each_row(row_tile tile, y, x, int64_t rows, double work):
    """y := tile(x) for each of `rows` rows; the rows of y may differ in length from the rows of x."""
    cdef int64_t n = x.size // max(1, rows), step = y.size // max(1, rows), height = max(1, BLOCK // max(1, n)), r
    cdef float *to = floats(y, rows * step)
    cdef const float *source = floats(x, rows * n)
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(work * rows * n)):
        state = flush_denormals()
        for r in prange(0, rows, height, schedule="static"):
            tile(to + r * step, source + r * n, min(height, rows - r), n)
        restore_denormals(state)


cdef void each_row_pair(row_pair_tile tile, z, x, y, int64_t rows, double work):
    """z := tile(x, y) for each of `rows` rows; the rows of z may differ in length from the rows of x and y."""
    cdef int64_t n = x.size // max(1, rows), step = z.size // max(1, rows), height = max(1, BLOCK // max(1, n)), r
    cdef float *to = floats(z, rows * step)
    cdef const float *left = floats(x, rows * n)
    cdef const float *right = floats(y, rows * n)
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(work * rows * n)):
        state = flush_denormals()
        for r in prange(0, rows, height, schedule="static"):
            tile(to + r * step, left + r * n, right + r * n, min(height, rows - r), n)
        restore_denormals(state)


def softmax(y, x, int64_t rows) -> None:
    """y := exp(x) / sum(exp(x)) in each of `rows` rows."""
    each_row(tiles().f32_softmax, y, x, rows, EXPONENTIAL)


def softmax_backward(dx, dy, y, int64_t rows) -> None:
    """dx := y (dy - sum(dy y)) in each of `rows` rows."""
    each_row_pair(tiles().f32_softmax_backward, dx, dy, y, rows, PLAIN)


def log_softmax(y, x, int64_t rows) -> None:
    """y := x - log(sum(exp(x))) in each of `rows` rows."""
    each_row(tiles().f32_log_softmax, y, x, rows, EXPONENTIAL)


def log_softmax_backward(dx, dy, y, int64_t rows) -> None:
    """dx := dy - exp(y) sum(dy) in each of `rows` rows."""
    each_row_pair(tiles().f32_log_softmax_backward, dx, dy, y, rows, EXPONENTIAL)


def standardize(y, inverse, x, double epsilon) -> None:
    """y := (x - mean) inverse, inverse := 1 / sqrt(variance + epsilon), in each row of x (.., n)."""
    cdef int64_t rows = inverse.size, n = x.size // max(1, rows), height = max(1, BLOCK // max(1, n)), r
    cdef float *to = floats(y, rows * n)
    cdef float *scale = floats(inverse, rows)
    cdef const float *source = floats(x, rows * n)
    cdef const kernel_table *tile = tiles()
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(2 * PLAIN * rows * n)):
        state = flush_denormals()
        for r in prange(0, rows, height, schedule="static"):
            tile.f32_standardize(to + r * n, scale + r, source + r * n, min(height, rows - r), n, epsilon)
        restore_denormals(state)


def standardize_backward(dx, dy, y, inverse) -> None:
    """dx := inverse (dy - mean(dy) - y mean(dy y)) in each row."""
    cdef int64_t rows = inverse.size, n = y.size // max(1, rows), height = max(1, BLOCK // max(1, n)), r
    cdef float *to = floats(dx, rows * n)
    cdef const float *gradient = floats(dy, rows * n)
    cdef const float *value = floats(y, rows * n)
    cdef const float *scale = floats(inverse, rows)
    cdef const kernel_table *tile = tiles()
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(2 * PLAIN * rows * n)):
        state = flush_denormals()
        for r in prange(0, rows, height, schedule="static"):
            tile.f32_standardize_backward(
                to + r * n, gradient + r * n, value + r * n, scale + r, min(height, rows - r), n
            )
        restore_denormals(state)


def softmax_cross_entropy(loss, x, target) -> None:
    """loss[m] := -sum over k of target[m, k] log_softmax(x)[m, k]."""
    each_row_pair(tiles().f32_softmax_cross_entropy, loss, x, target, loss.size, EXPONENTIAL)


def softmax_cross_entropy_backward(dx, dloss, x, target) -> None:
    """dx := (softmax(x) sum(target) - target) dloss in each row."""
    cdef int64_t rows = dloss.size, n = x.size // max(1, rows), height = max(1, BLOCK // max(1, n)), r
    cdef float *to = floats(dx, rows * n)
    cdef const float *gradient = floats(dloss, rows)
    cdef const float *logits = floats(x, rows * n)
    cdef const float *wanted = floats(target, rows * n)
    cdef const kernel_table *tile = tiles()
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(EXPONENTIAL * rows * n)):
        state = flush_denormals()
        for r in prange(0, rows, height, schedule="static"):
            tile.f32_softmax_cross_entropy_backward(
                to + r * n, gradient + r, logits + r * n, wanted + r * n, min(height, rows - r), n
            )
        restore_denormals(state)


cdef const int64_t *labels(object target, int64_t rows, int64_t n) except? NULL:
    """Return a pointer to `target` (rows,), int64 labels in [0, n); raise ValueError if a label is outside."""
    cdef const int64_t *label = <const int64_t *> data(target, cnp.NPY_INT64, rows)
    cdef int64_t r
    for r in range(rows):
        if not 0 <= label[r] < n:
            raise ValueError(
                f"sparse_softmax_cross_entropy: labels must lie in [0, {n}), the number of classes. "
                f"Received: target[{r}]={label[r]}"
            )
    return label


def sparse_softmax_cross_entropy(loss, x, target) -> None:
    """loss[m] := -log_softmax(x)[m, target[m]]."""
    cdef int64_t rows = loss.size, n = x.size // max(1, rows), height = max(1, BLOCK // max(1, n)), r
    cdef float *to = floats(loss, rows)
    cdef const float *logits = floats(x, rows * n)
    cdef const int64_t *label = labels(target, rows, n)
    cdef const kernel_table *tile = tiles()
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(EXPONENTIAL * rows * n)):
        state = flush_denormals()
        for r in prange(0, rows, height, schedule="static"):
            tile.f32_sparse_softmax_cross_entropy(to + r, logits + r * n, label + r, min(height, rows - r), n)
        restore_denormals(state)


def sparse_softmax_cross_entropy_backward(dx, dloss, x, target) -> None:
    """dx := (softmax(x) - one_hot(target)) dloss in each row."""
    cdef int64_t rows = dloss.size, n = x.size // max(1, rows), height = max(1, BLOCK // max(1, n)), r
    cdef float *to = floats(dx, rows * n)
    cdef const float *gradient = floats(dloss, rows)
    cdef const float *logits = floats(x, rows * n)
    cdef const int64_t *label = labels(target, rows, n)
    cdef const kernel_table *tile = tiles()
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(EXPONENTIAL * rows * n)):
        state = flush_denormals()
        for r in prange(0, rows, height, schedule="static"):
            tile.f32_sparse_softmax_cross_entropy_backward(
                to + r * n, gradient + r, logits + r * n, label + r, min(height, rows - r), n
            )
        restore_denormals(state)


# ---- pooling ---------------------------------------------------------------------------------------------------------

ctypedef void (*pool_tile)(
    float *, int32_t *, const float *, const pool_window *, int64_t, int64_t, int64_t
) noexcept nogil


cdef pool_window window_of(tuple x, tuple y, pooling, bint count_padding):
    """Return the window of a Pooling of images x (N, H, W, C) to y (N, OH, OW, C); x and y are shapes."""
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


cdef inline double pooling_work(const pool_window *p, int64_t x_image) noexcept nogil:
    """Return the time of an image in elements that are read or written once; windows overlap, but vectors read them."""
    return x_image + <double> p.OH * p.OW * p.C * p.KH * p.KW / 4


cdef inline int64_t pixels_a_task(int64_t channels) noexcept nogil:
    """Return the number of pixels of a row in a task; even a single row, as of audio, is work for several threads."""
    return max(1, BLOCK // 4 // max(1, channels))


cdef void each_output_row(pool_tile tile, y, argmax, x, pooling, bint count_padding):
    """y := pool(x), and argmax unless it is None, in parallel over the rows of all images."""
    cdef int64_t images = x.shape[0], task, row, first
    cdef pool_window p = window_of(x.shape, y.shape, pooling, count_padding)
    cdef int64_t x_image = p.H * p.W * p.C, y_row = p.OW * p.C
    cdef int64_t pixels = pixels_a_task(p.C), parts = (p.OW + pixels - 1) // pixels
    cdef float *to = floats(y, images * p.OH * y_row)
    cdef int32_t *to_argmax = NULL if argmax is None else integers(argmax, images * p.OH * y_row)
    cdef const float *source = floats(x, images * x_image)
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(PLAIN * images * pooling_work(&p, x_image))):
        state = flush_denormals()
        for task in prange(images * p.OH * parts, schedule="static"):
            row = task // parts
            first = task % parts * pixels
            tile(
                to + row * y_row, NULL if to_argmax == NULL else to_argmax + row * y_row,
                source + (row // p.OH) * x_image, &p, row % p.OH, first, min(first + pixels, p.OW)
            )
        restore_denormals(state)


def max_pool(y, x, pooling, argmax=None) -> None:
    """y := the largest element of every window; argmax := the number kh KW + kw of the first tap with this value,
    or -1 if no tap of the window is inside the image."""
    each_output_row(tiles().f32_max_pool, y, argmax, x, pooling, False)


def min_pool(y, x, pooling, argmax=None) -> None:
    """y := the smallest element of every window; argmax as for `max_pool`."""
    each_output_row(tiles().f32_min_pool, y, argmax, x, pooling, False)


def average_pool(y, x, pooling, bint count_padding) -> None:
    """y := the mean of every window."""
    each_output_row(tiles().f32_average_pool, y, None, x, pooling, count_padding)


def extreme_pool_backward(dx, dy, argmax, pooling) -> None:
    """dx := the sum of dy over the windows whose argmax is the element, in parallel over the rows of all images."""
    cdef int64_t images = dx.shape[0], task, row, first
    cdef pool_window p = window_of(dx.shape, dy.shape, pooling, False)
    cdef int64_t x_image = p.H * p.W * p.C, y_image = p.OH * p.OW * p.C
    cdef int64_t pixels = pixels_a_task(p.C), parts = (p.W + pixels - 1) // pixels
    cdef float *to = floats(dx, images * x_image)
    cdef const float *gradient = floats(dy, images * y_image)
    cdef const int32_t *won = integers(argmax, images * y_image)
    cdef const kernel_table *tile = tiles()
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(PLAIN * images * pooling_work(&p, x_image))):
        state = flush_denormals()
        for task in prange(images * p.H * parts, schedule="static"):
            row = task // parts
            first = task % parts * pixels
            tile.f32_unpool(
                to + (row // p.H) * x_image, gradient + (row // p.H) * y_image, won + (row // p.H) * y_image, &p,
                row % p.H, first, min(first + pixels, p.W)
            )
        restore_denormals(state)


# A band holds the input rows of some rows of windows. Windows do not overlap, so that tasks write to disjoint bands.

cdef inline int64_t band_rows(const pool_window *p) noexcept nogil:
    return min(max(1, p.OH), max(1, BLOCK // max(1, p.W * p.C) // p.SH))


cdef inline int64_t band_start(const pool_window *p, int64_t band) noexcept nogil:
    """Return the index of the first float of a band in an image, or the end of the image after the last band."""
    cdef int64_t oh = band * band_rows(p)
    return (0 if band == 0 else p.H if oh >= p.OH else max(0, min(p.H, oh * p.SH - p.top))) * p.W * p.C


cdef inline int64_t bands_of(const pool_window *p) noexcept nogil:
    return max(1, (p.OH + band_rows(p) - 1) // band_rows(p))


cdef inline bint tiles_axis(int64_t n, int64_t outputs, int64_t size, int64_t stride, int64_t before) noexcept nogil:
    """Return whether windows without gaps stand side by side on an axis of n elements and cover all of them."""
    return size == stride and outputs * stride - before >= n


cdef void clear_band(float *dx, const pool_window *p, int64_t band) noexcept nogil:
    """dx := 0 in a band, unless all its elements are about to be stored."""
    cdef int64_t first = band_start(p, band), end = band_start(p, band + 1)
    if not (tiles_axis(p.H, p.OH, p.KH, p.SH, p.top) and tiles_axis(p.W, p.OW, p.KW, p.SW, p.left)):
        memset(dx + first, 0, (end - first) * sizeof(float))


def average_pool_backward(dx, dy, pooling, bint count_padding) -> None:
    """dx := the sum of dy, divided by the count of its window, over the windows that contain the element."""
    cdef pool_window p = window_of(dx.shape, dy.shape, pooling, count_padding)
    if p.SH >= p.KH and p.SW >= p.KW:
        average_pool_scatter(dx, dy, &p, dx.shape[0])
    else:
        average_pool_gather(dx, dy, &p, dx.shape[0])


cdef void average_pool_scatter(dx, dy, const pool_window *p, int64_t images):
    """Compute dx for windows that do not overlap, in parallel over bands of dx."""
    cdef int64_t x_image = p.H * p.W * p.C, y_row = p.OW * p.C, bands = bands_of(p), task, image, band, oh
    cdef float *to = floats(dx, images * x_image)
    cdef const float *gradient = floats(dy, images * p.OH * y_row)
    cdef const kernel_table *tile = tiles()
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(PLAIN * images * x_image)):
        state = flush_denormals()
        for task in prange(images * bands, schedule="static"):
            image = task // bands
            band = task % bands
            clear_band(to + image * x_image, p, band)
            for oh in range(band * band_rows(p), min(p.OH, (band + 1) * band_rows(p))):
                tile.f32_average_pool_backward(to + image * x_image, gradient + (image * p.OH + oh) * y_row, p, oh)
        restore_denormals(state)


cdef void average_pool_gather(dx, dy, const pool_window *p, int64_t images):
    """Compute dx for windows that overlap, in parallel over the rows of dx."""
    cdef int64_t x_row = p.W * p.C, y_image = p.OH * p.OW * p.C, row
    cdef float *to = floats(dx, images * p.H * x_row)
    cdef const float *gradient = floats(dy, images * y_image)
    cdef int threads = threads_for(PLAIN * images * pooling_work(p, p.H * x_row))
    cdef float *sums = <float *> borrow_scratch(threads * p.OW * p.C * sizeof(float))
    cdef const kernel_table *tile = tiles()
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads):
        state = flush_denormals()
        for row in prange(images * p.H, schedule="static"):
            tile.f32_average_pool_gather(
                to + row * x_row, gradient + (row // p.H) * y_image, p, row % p.H, sums + threadid() * p.OW * p.C
            )
        restore_denormals(state)
    give_scratch_back(sums)


# ---- padding ---------------------------------------------------------------------------------------------------------

# On each axis, output o is a copy of element `source[o]`, or the constant if `source[o]` is -1. The elements themselves
# begin at output `before`, in order.

ctypedef struct row_sources:
    # For each axis between N and W: its sizes, and the sources of its elements.
    int axes
    int64_t inputs[MOST_AXES]
    int64_t outputs[MOST_AXES]
    const int64_t *sources[MOST_AXES]


cdef int64_t source_of_row(const row_sources *r, int64_t row) noexcept nogil:
    """Return the source of a row, both counted over all images, or -1 if the row is constant."""
    cdef int64_t source = 0, rows = 1, element
    cdef int axis
    for axis in range(r.axes - 1, -1, -1):
        element = r.sources[axis][row % r.outputs[axis]]
        if element < 0:
            return -1
        source += element * rows
        rows *= r.inputs[axis]
        row = row // r.outputs[axis]
    return source + row * rows


def pad(y, x, list sources, columns, int64_t left, float value) -> None:
    """y (N, *OUT, OW, C) := x (N, *IN, W, C), padded by `sources` on the axes between N and W; pixel ow of a row is
    a copy of pixel columns[ow]."""
    cdef int axis
    cdef int64_t W = x.shape[x.ndim - 2], C = x.shape[x.ndim - 1], OW = len(columns), rows = x.shape[0], h, row
    cdef row_sources r
    r.axes = len(sources)
    if r.axes > MOST_AXES or x.ndim != r.axes + 3:
        raise ValueError(f"pad: a source for each axis between N and W. Received: {x.shape=}, {len(sources)=}")
    for axis in range(r.axes):
        r.inputs[axis] = x.shape[axis + 1]
        r.outputs[axis] = len(sources[axis])
        r.sources[axis] = <const int64_t *> data(sources[axis], cnp.NPY_INT64, r.outputs[axis])
        rows *= r.outputs[axis]
    cdef float *to = floats(y, rows * OW * C)
    cdef const float *source = floats(x, x.size)
    cdef const int64_t *column_source = <const int64_t *> data(columns, cnp.NPY_INT64, OW)
    cdef const kernel_table *tile = tiles()
    cdef bint nontemporal = past_caches(to + left * C, rows * OW * C, OW * C)
    with nogil:
        for row in prange(rows, schedule="static", num_threads=threads_for(PLAIN * rows * OW * C)):
            h = source_of_row(&r, row)
            tile.f32_pad_row(
                to + row * OW * C, source + h * W * C if h >= 0 else NULL, column_source, left, W, OW, C, value,
                nontemporal
            )


def crop(x, y, tuple before) -> None:
    """x (N, H, W, C) := the part of y (N, OH, OW, C) that begins at row before[0] and column before[1]."""
    cdef int64_t N, H, W, C, OH = y.shape[1], OW = y.shape[2], top = before[0], left = before[1], row
    N, H, W, C = x.shape
    cdef float *to = floats(x, N * H * W * C)
    cdef const float *source = floats(y, N * OH * OW * C)
    cdef bint nontemporal = past_caches(to, x.size, W * C)
    cdef const kernel_table *tile = tiles()
    if top + H > OH or left + W > OW:
        raise ValueError(f"crop: the part must lie inside. Received: {x.shape=}, {y.shape=}, {before=}")
    with nogil:
        for row in prange(N * H, schedule="static", num_threads=threads_for(PLAIN * N * H * W * C)):
            tile.f32_pad_row(
                to + row * W * C, source + (((row // H) * OH + row % H + top) * OW + left) * C, NULL, 0, W, W, C, 0,
                nontemporal
            )


cdef void pad_row_backward(
    const kernel_table *tile, float *dx, const float *dy, const int64_t *source, int64_t before, int64_t W, int64_t OW,
    int64_t C
) noexcept nogil:
    """dx (W, C) += every pixel of dy (OW, C) at its source pixel."""
    cdef int64_t ow
    cdef float *to
    tile.f32_binary[0].run(dx, dx, dy + before * C, 0, 0, 1, W * C, False)
    for ow in range(OW):
        if source[ow] >= 0 and not before <= ow < before + W:
            to = dx + source[ow] * C
            tile.f32_binary[0].run(to, to, dy + ow * C, 0, 0, 1, C, False)


def pad_backward(dx, dy, rows, columns, tuple before) -> None:
    """dx := the sum of dy over all copies of the element, in parallel over images."""
    cdef int64_t N, H, W, C, OH = dy.shape[1], OW = dy.shape[2], left = before[1], image, oh
    N, H, W, C = dx.shape
    cdef float *to = floats(dx, N * H * W * C)
    cdef const float *gradient = floats(dy, N * OH * OW * C)
    cdef const int64_t *row_source = <const int64_t *> data(rows, cnp.NPY_INT64, OH)
    cdef const int64_t *column_source = <const int64_t *> data(columns, cnp.NPY_INT64, OW)
    cdef const kernel_table *tile = tiles()
    cdef unsigned state = 0
    with nogil, parallel(num_threads=threads_for(PLAIN * N * OH * OW * C)):
        state = flush_denormals()
        for image in prange(N, schedule="static"):
            memset(to + image * H * W * C, 0, H * W * C * sizeof(float))
            for oh in range(OH):
                if row_source[oh] >= 0:
                    pad_row_backward(
                        tile, to + (image * H + row_source[oh]) * W * C, gradient + (image * OH + oh) * OW * C,
                        column_source, left, W, OW, C
                    )
        restore_denormals(state)
