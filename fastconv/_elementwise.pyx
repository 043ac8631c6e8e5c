# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Functions of single elements: activations, NumPy's functions, dropout, the rules of optimizers.

Outputs come first. Every array is float32 in C order. The functions check this and the sizes on which memory safety
depends; the caller (`backends/cpu/stream.py`) checks the rest.
"""
cimport numpy as cnp
from libc.math cimport ceil
from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t

from fastconv._arrays cimport BLOCK, EXPONENTIAL, PLAIN, data, floats, past_caches
from fastconv._channels cimport Block, Grid, block_of, grid_of, repeat, share_rows
from fastconv._core cimport (
    BINARY_FUNCTIONS, UNARY_FUNCTIONS, UPDATE_RULES, UPDATE_STATES, binary_function, borrow_scratch, give_scratch_back,
    kernel_table, run_phases, run_tasks, task_phase, threads_for, tiles, unary_function, update_rule,
)
from fastconv._geometry cimport ceil_div
from fastconv._shares cimport even_block

cnp.import_array()

cdef enum:
    UNIT = 1024        # floats: tiles compute all of a block but the end of the array in full vectors


# ---- arrays of equal sizes -------------------------------------------------------------------------------------------

ctypedef void (*stream_tile)(const Stream *s) noexcept nogil


cdef struct Stream:
    # y[i] := f(x[i]) or f(x[i], other[i]) for all i < n, or for the `block` elements of a task, which begin at `first`
    stream_tile run
    const kernel_table *tile
    float *y
    const float *x
    const float *other
    int64_t first, n, block
    bint nontemporal
    int activation                         # activate
    float alpha
    float linear, cubic                    # gate
    const uint64_t *seed                   # dropout
    uint32_t threshold
    float scale
    const unary_function *unary
    const binary_function *binary


cdef Stream stream(y, x, other=None) except *:
    cdef Stream s
    s.tile = tiles()
    s.n = x.size
    s.y = floats(y, s.n)
    s.x = floats(x, s.n)
    s.other = NULL if other is None else floats(other, s.n)
    s.nontemporal = past_caches(s.y, s.n, BLOCK)
    return s


cdef void run_block(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Run the tile on the block of a task."""
    cdef Stream s = (<const Stream *> work)[0]
    s.first = task * s.block
    s.n = min(s.block, s.n - s.first)
    s.y += s.first
    s.x += s.first
    if s.other != NULL:
        s.other += s.first
    s.run(&s)


cdef void run(stream_tile tile, Stream *s, double cost) noexcept:
    cdef int threads = threads_for(cost * s.n)
    s.run = tile
    s.block = even_block(s.n, BLOCK, UNIT, threads)
    with nogil:
        run_tasks(run_block, s, sizeof(Stream), ceil_div(s.n, s.block), threads, NULL, 0)


cdef void activate_tile(const Stream *s) noexcept nogil:
    s.tile.f32_activate(s.y, s.x, s.n, s.activation, s.alpha, s.nontemporal)


def activate(y, x, int kind, float alpha) -> None:
    """y := f(x)."""
    cdef Stream s = stream(y, x)
    s.activation, s.alpha = kind, alpha
    run(activate_tile, &s, EXPONENTIAL)


cdef void activate_backward_tile(const Stream *s) noexcept nogil:
    s.tile.f32_activate_backward(s.y, s.x, s.other, s.n, s.activation, s.alpha, s.nontemporal)


def activate_backward(dx, dy, y, int kind, float alpha) -> None:
    """dx := dy f'(x), computed from y = f(x)."""
    cdef Stream s = stream(dx, dy, y)
    s.activation, s.alpha = kind, alpha
    run(activate_backward_tile, &s, PLAIN)


cdef void gate_tile(const Stream *s) noexcept nogil:
    s.tile.f32_gate(s.y, s.x, s.n, s.linear, s.cubic, s.nontemporal)


def gate(y, x, float linear, float cubic) -> None:
    """y := x sigmoid(x (linear + cubic x^2))."""
    cdef Stream s = stream(y, x)
    s.linear, s.cubic = linear, cubic
    run(gate_tile, &s, EXPONENTIAL)


cdef void gate_backward_tile(const Stream *s) noexcept nogil:
    s.tile.f32_gate_backward(s.y, s.x, s.other, s.n, s.linear, s.cubic, s.nontemporal)


def gate_backward(dx, dy, x, float linear, float cubic) -> None:
    """dx := dy times the derivative of `gate` at x."""
    cdef Stream s = stream(dx, dy, x)
    s.linear, s.cubic = linear, cubic
    run(gate_backward_tile, &s, EXPONENTIAL)


cdef void dropout_tile(const Stream *s) noexcept nogil:
    s.tile.f32_dropout(s.y, s.x, s.n, s.seed[0], s.first, s.threshold, s.scale)


def dropout(y, x, seed, double rate) -> None:
    """y[i] := x[i] / (1 - rate) or 0, by the random number of index i from `seed`, (1,) uint64."""
    cdef Stream s = stream(y, x)
    s.seed = <const uint64_t *> data(seed, cnp.NPY_UINT64, 1)
    s.threshold = <uint32_t> ceil(<double> <float> rate * (1 << 24))
    s.scale = <float> (1 / (1 - rate))
    run(dropout_tile, &s, EXPONENTIAL)


cdef void unary_tile(const Stream *s) noexcept nogil:
    s.unary.run(s.y, s.x, s.n, s.nontemporal)


cdef void unary(const unary_function *function, y, x):
    """y := function(x)."""
    cdef Stream s = stream(y, x)
    s.unary = function
    run(unary_tile, &s, PLAIN)


cdef void binary_tile(const Stream *s) noexcept nogil:
    s.binary.run(s.y, s.x, s.other, s.n, s.n, 1, s.n, s.nontemporal)


cdef void binary(const binary_function *function, z, x, y):
    """z := function(x, y)."""
    cdef Stream s = stream(z, x, y)
    s.binary = function
    run(binary_tile, &s, PLAIN)


# ---- an array and a number for each channel --------------------------------------------------------------------------

cdef struct Broadcast:
    # z[m, c] := function(array[m, c], vector[c]), or function(vector[c], array[m, c]) if the vector is first.
    const binary_function *function
    Grid grid
    float *z
    const float *array
    const float *vector
    const float *wide                      # the vector, or `repeated` if rows of the grid have several copies
    float *repeated
    bint vector_first, nontemporal


cdef void repeat_vector(const void *work, int64_t task, char *scratch) noexcept nogil:
    cdef const Broadcast *s = <const Broadcast *> work
    repeat(s.repeated, s.vector, s.grid.channels, &s.grid)


cdef void broadcast_block(const void *work, int64_t k, char *scratch) noexcept nogil:
    cdef const Broadcast *s = <const Broadcast *> work
    cdef Block b = block_of(&s.grid, k)
    cdef float *z = s.z + b.start
    cdef const float *array = s.array + b.start
    if s.vector_first:
        s.function.run(z, s.wide, array, 0, b.width, b.rows, b.width, s.nontemporal)
    else:
        s.function.run(z, array, s.wide, b.width, 0, b.rows, b.width, s.nontemporal)


cdef void broadcast(const binary_function *function, z, array, vector, bint vector_first):
    """z := function(array, vector), or function(vector, array) if the vector is first."""
    cdef Broadcast s
    cdef int64_t n = z.size
    cdef int threads = threads_for(PLAIN * n)
    s.function = function
    s.grid = grid_of(n, vector.size, INT64_MAX)
    s.z = floats(z, n)
    s.array = floats(array, n)
    s.vector = floats(vector, s.grid.channels)
    s.vector_first = vector_first
    s.nontemporal = past_caches(s.z, n, s.grid.width)
    share_rows(&s.grid, threads)
    cdef task_phase *phases = [task_phase(repeat_vector, 1), task_phase(broadcast_block, s.grid.blocks)]
    if s.grid.copies == 1:
        s.wide = s.vector
        with nogil:
            run_phases(phases + 1, 1, &s, sizeof(Broadcast), threads, NULL, 0)
        return
    s.wide = s.repeated = <float *> borrow_scratch(s.grid.width * sizeof(float))
    with nogil:
        run_phases(phases, 2, &s, sizeof(Broadcast), threads, NULL, 0)
    give_scratch_back(s.repeated)


UNARY = {tiles().f32_unary[i].name.decode(): i for i in range(UNARY_FUNCTIONS)}
BINARY = {tiles().f32_binary[i].name.decode(): i for i in range(BINARY_FUNCTIONS)}


def elementwise(str function, z, x, y=None) -> None:
    """z := f(x) if `function` is in UNARY, f(x, y) if it is in BINARY. If x and y differ in size, the smaller has a
    number for each channel, or a single number."""
    if y is None:
        unary(&tiles().f32_unary[UNARY[function]], z, x)
    elif x.size == y.size:
        binary(&tiles().f32_binary[BINARY[function]], z, x, y)
    elif x.size < y.size:
        broadcast(&tiles().f32_binary[BINARY[function]], z, y, x, True)
    else:
        broadcast(&tiles().f32_binary[BINARY[function]], z, x, y, False)


# ---- optimizers ------------------------------------------------------------------------------------------------------

cdef struct Update:
    # (w, states..) := a step of the rule from (w, dw, states..), for n elements. A task computes `block` of them.
    const update_rule *rule
    float *new[UPDATE_STATES + 1]
    const float *old[UPDATE_STATES + 2]
    int64_t n, block
    const float *scalars                   # numbers that change from step to step,
    float constants[4]                     # and numbers that do not


cdef void update_block(const void *work, int64_t task, char *scratch) noexcept nogil:
    cdef const Update *u = <const Update *> work
    cdef int64_t i = task * u.block
    cdef float *new[UPDATE_STATES + 1]
    cdef const float *old[UPDATE_STATES + 2]
    cdef int k
    for k in range(u.rule.states + 1):
        new[k] = u.new[k] + i
    for k in range(u.rule.states + 2):
        old[k] = u.old[k] + i
    u.rule.run(new, old, min(u.block, u.n - i), u.scalars, u.constants)


UPDATES = {tiles().f32_update[i].name.decode(): i for i in range(UPDATE_RULES)}


def update(str name, tuple new, tuple old, scalars, tuple constants) -> None:
    """(w, states..) := a step of the update rule `name` from (w, dw, states..)."""
    cdef Update u
    cdef int k
    u.rule = &tiles().f32_update[UPDATES[name]]
    if len(new) != u.rule.states + 1 or len(old) != u.rule.states + 2 or len(constants) > 4:
        raise ValueError(f"{name} has {u.rule.states} states. Received: {len(new)}, {len(old)}, {len(constants)}")
    u.n = old[0].size
    u.scalars = floats(scalars, 4)
    for k in range(4):
        u.constants[k] = constants[k] if k < len(constants) else 0
    for k in range(u.rule.states + 1):
        u.new[k] = floats(new[k], u.n)
    for k in range(u.rule.states + 2):
        u.old[k] = floats(old[k], u.n)
    cdef int threads = threads_for((u.rule.states + 1) * PLAIN * u.n)
    u.block = even_block(u.n, BLOCK, UNIT, threads)
    with nogil:
        run_tasks(update_block, &u, sizeof(Update), ceil_div(u.n, u.block), threads, NULL, 0)
