# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Batch normalisation: statistics over all axes but the last, their gradients, and a scale and shift for each channel.

Outputs come first. Every array is float32 in C order. The functions check this and the sizes on which memory safety
depends; the caller (`backends/cpu/stream.py`) checks the rest.
"""
cimport numpy as cnp
from libc.math cimport sqrt
from libc.stdint cimport int64_t
from libc.string cimport memcpy, memset

from fastconv._arrays cimport EXPONENTIAL, PLAIN, float_rows, floats, past_caches
from fastconv._channels cimport (
    STRIP, WIDTH, Block, Grid, block_of, block_rows, block_with, column_totals, copies_in, grid_of, grid_with,
    place_in, repeat,
)
from fastconv._core cimport (
    SUM, borrow_scratch, borrow_with_weights, give_scratch_back, kernel_table, pack_and_run, run_phases, task_phase,
    threads_for, tiles,
)
from fastconv._geometry cimport ceil_div

cnp.import_array()

cdef extern from "kernels.h":
    enum:
        LINEAR
        RELU


cdef struct Normalization:
    # y := f((x - mean) scale + shift). Blocks of the grid are tasks, and groups of WIDTH channels.
    const kernel_table *tile
    Grid grid
    Grid fine
    float *y
    const float *x
    int64_t x_step                         # floats between rows of the grid in x
    int activation
    float alpha
    float *mean                            # a number for each channel, as the variance, gamma and beta
    float *variance
    float *scale                           # these, too, and the shift, or NULL
    float *shift
    const float *gamma
    const float *beta
    double epsilon
    float *wide                            # mean, scale and shift, a row of the grid each
    float *rest                            # the part of the mean that float32 cannot hold, or NULL
    float *partial                         # 3 rows of a strip for each block: see moments_of_block
    bint nontemporal


cdef Grid finer(Grid g) noexcept:
    """Return the grid with a quarter of the rows in a block. It makes more tasks for threads, if no block is summed."""
    g.height = max(1, g.height // 4)
    g.full_blocks = ceil_div(g.rows, g.height) * g.strips
    g.blocks = g.full_blocks + (g.rest > 0)
    return g


cdef Normalization normalization(y, x, gamma, beta, bint slices=False) except *:
    """Return the sizes and addresses; if `slices`, x may be a slice of the channels of an array."""
    cdef Normalization s
    cdef int64_t size = x.size
    s.tile = tiles()
    s.grid = grid_of(size, gamma.size, STRIP)
    s.y = floats(y, size)
    s.x = float_rows(x, size, &s.x_step) if slices else floats(x, size)
    if slices and s.x_step > s.grid.channels:    # rows do not follow each other
        s.grid = grid_with(size, s.grid.channels, 1, STRIP)
    else:
        s.x_step = s.grid.width
    s.fine = finer(s.grid)
    s.activation, s.alpha = LINEAR, 0
    s.scale = s.shift = NULL
    s.gamma = floats(gamma, s.grid.channels)
    s.beta = floats(beta, s.grid.channels)
    s.rest = NULL
    s.nontemporal = past_caches(s.y, size, s.grid.width)
    return s


cdef void run(
    const task_phase *phases, int count, const Normalization *s, double cost, bint keeps_first=False
) noexcept:
    """Run phases; if `keeps_first`, a plan runs the first again only after its inputs have changed."""
    cdef int threads = threads_for(cost * s.grid.rows * s.grid.width)
    with nogil:
        if keeps_first:
            pack_and_run(phases, count, s, sizeof(Normalization), threads, NULL, 0)
        else:
            run_phases(phases, count, s, sizeof(Normalization), threads, NULL, 0)


# ---- scale and shift -------------------------------------------------------------------------------------------------

cdef void repeat_scale_shift(const void *work, int64_t task, char *scratch) noexcept nogil:
    cdef const Normalization *s = <const Normalization *> work
    repeat(s.wide, s.gamma, s.grid.channels, &s.grid)
    repeat(s.wide + s.grid.width, s.beta, s.grid.channels, &s.grid)


cdef void scale_shift_block(const void *work, int64_t k, char *scratch) noexcept nogil:
    cdef const Normalization *s = <const Normalization *> work
    cdef int64_t width = s.grid.width
    cdef Block b = block_of(&s.grid, k)
    cdef const float *scale = s.wide + b.column
    s.tile.f32_scale_shift(s.y + b.start, s.x + b.start, scale, scale + width, b.rows, b.width, width, s.nontemporal)


def scale_shift(y, x, scale, shift) -> None:
    """y[..., c] := x[..., c] scale[c] + shift[c]."""
    cdef Normalization s = normalization(y, x, scale, shift)
    cdef task_phase *phases = [task_phase(repeat_scale_shift, 1), task_phase(scale_shift_block, s.grid.blocks)]
    s.wide = <float *> borrow_scratch(2 * s.grid.width * sizeof(float))
    run(phases, 2, &s, PLAIN)
    give_scratch_back(s.wide)


# ---- normalisation by given statistics -------------------------------------------------------------------------------

cdef void prepare_group(const void *work, int64_t group, char *scratch) noexcept nogil:
    """wide := mean, scale and shift of a group of channels."""
    cdef const Normalization *s = <const Normalization *> work
    cdef int64_t first = group * WIDTH, count = min(WIDTH, s.grid.channels - first), c
    cdef double factor
    cdef float scale[WIDTH]
    cdef float shift[WIDTH]
    for c in range(count):
        factor = s.gamma[first + c] / sqrt(<double> s.variance[first + c] + s.epsilon)
        scale[c] = <float> factor
        shift[c] = s.beta[first + c] if s.rest == NULL else <float> (s.beta[first + c] - s.rest[first + c] * factor)
    if s.scale != NULL:
        memcpy(s.scale + first, scale, count * sizeof(float))
        memcpy(s.shift + first, shift, count * sizeof(float))
    repeat(s.wide + first, s.mean + first, count, &s.grid)
    repeat(s.wide + s.grid.width + first, scale, count, &s.grid)
    repeat(s.wide + 2 * s.grid.width + first, shift, count, &s.grid)


cdef void normalize_block(const void *work, int64_t k, char *scratch) noexcept nogil:
    cdef const Normalization *s = <const Normalization *> work
    cdef int64_t width = s.grid.width
    cdef Block b = block_of(&s.fine, k)
    cdef const float *mean = s.wide + b.column
    s.tile.f32_normalize(
        s.y + b.start, width, s.x + b.row * s.x_step + b.column, s.x_step, mean, mean + width, mean + 2 * width, b.rows,
        b.width, s.activation, s.alpha, s.nontemporal)


def normalize(y, x, mean, variance, gamma, beta, double epsilon, int activation, float alpha) -> None:
    """y[..., c] := f(gamma[c] (x[..., c] - mean[c]) / sqrt(variance[c] + epsilon) + beta[c])."""
    cdef Normalization s = normalization(y, x, gamma, beta, True)
    cdef task_phase *phases = [
        task_phase(prepare_group, ceil_div(s.grid.channels, WIDTH)), task_phase(normalize_block, s.fine.blocks)]
    s.mean = floats(mean, s.grid.channels)
    s.variance = floats(variance, s.grid.channels)
    s.epsilon, s.activation, s.alpha = epsilon, activation, alpha
    cdef void *scratch = borrow_with_weights(0, 0, 0, 3 * s.grid.width * sizeof(float), <void **> &s.wide)
    run(phases, 2, &s, PLAIN if activation <= RELU else EXPONENTIAL, True)
    give_scratch_back(scratch)


# ---- normalisation by the array's own statistics ---------------------------------------------------------------------

cdef void moments_of_block(const void *work, int64_t k, char *scratch) noexcept nogil:
    """partial := (center, sum of x - center, sum of (x - center)^2) of the block's columns, a row each."""
    cdef const Normalization *s = <const Normalization *> work
    cdef int64_t strip = s.grid.strip
    cdef Block b = block_of(&s.grid, k)
    cdef float *center = s.partial + 3 * k * strip
    s.tile.f32_column_moments(
        center, center + strip, center + 2 * strip, s.x + b.start, b.rows, b.width, s.grid.width)


cdef void add_means(double *means, const float *center, int64_t strip, int64_t rows, int64_t count) noexcept nogil:
    """means += the sums of `rows` rows of a block."""
    cdef const float *sums = center + strip
    cdef int64_t c
    for c in range(count):
        means[c] += <double> center[c] * rows + sums[c]


cdef void add_squares(
    double *squares, const double *means, const float *center, int64_t strip, int64_t rows, int64_t count
) noexcept nogil:
    """squares += the sums of squares of a block, about the means: Chan, Golub and LeVeque 1979."""
    cdef const float *sums = center + strip
    cdef double shift
    cdef int64_t c
    for c in range(count):
        shift = center[c] - means[c]
        squares[c] += sums[strip + c] + shift * (2 * sums[c] + shift * rows)


cdef void add_moments(
    double *sums, const double *means, const Normalization *s, int64_t first, int64_t count
) noexcept nogil:
    """sums += the sums over all rows of x, or of the squares about the means unless these are NULL."""
    cdef const Grid *g = &s.grid
    cdef int64_t row, k, copy
    cdef const float *center
    cdef Block b
    for row in range(block_rows(g)):
        k = block_with(g, row, first)
        b = block_of(g, k)
        for copy in range(copies_in(g, &b)):
            center = s.partial + 3 * k * g.strip + place_in(g, &b, copy, first)
            if means == NULL:
                add_means(sums, center, g.strip, b.rows, count)
            else:
                add_squares(sums, means, center, g.strip, b.rows, count)


cdef void moments_of_group(const void *work, int64_t group, char *scratch) noexcept nogil:
    """Compute mean + rest and variance of a group of channels over all rows, and prepare its scale and shift."""
    cdef const Normalization *s = <const Normalization *> work
    cdef int64_t rows = s.grid.rows * s.grid.copies + s.grid.rest // s.grid.channels
    cdef int64_t first = group * WIDTH, count = min(WIDTH, s.grid.channels - first), c
    cdef double means[WIDTH]
    cdef double squares[WIDTH]
    memset(means, 0, sizeof(means))
    memset(squares, 0, sizeof(squares))
    add_moments(means, NULL, s, first, count)
    for c in range(count):
        means[c] /= rows
    add_moments(squares, means, s, first, count)
    for c in range(count):
        s.mean[first + c] = <float> means[c]
        s.rest[first + c] = <float> (means[c] - s.mean[first + c])
        s.variance[first + c] = <float> (max(squares[c], 0) / rows)
    prepare_group(work, group, scratch)


cdef void normalize_by_moments(Normalization *s) noexcept:
    """Compute y, the statistics, and their scale and shift."""
    cdef task_phase *phases = [
        task_phase(moments_of_block, s.grid.blocks), task_phase(moments_of_group, ceil_div(s.grid.channels, WIDTH)),
        task_phase(normalize_block, s.fine.blocks)]
    s.wide = <float *> borrow_scratch((4 * s.grid.width + 3 * s.grid.blocks * s.grid.strip) * sizeof(float))
    s.rest = s.wide + 3 * s.grid.width
    s.partial = s.rest + s.grid.width
    run(phases, 3, s, 2 * PLAIN)
    give_scratch_back(s.wide)


def batch_norm(y, mean, variance, x, gamma, beta, double epsilon) -> None:
    """(y, mean, variance) := x normalised by its own mean and variance, and these statistics."""
    cdef Normalization s = normalization(y, x, gamma, beta)
    s.mean, s.variance, s.epsilon = floats(mean, s.grid.channels), floats(variance, s.grid.channels), epsilon
    normalize_by_moments(&s)


def batch_norm_activate(
    y, mean, variance, scale, shift, x, gamma, beta, double epsilon, int activation, float alpha
) -> None:
    """(y, mean, variance, scale, shift) := f((x - mean) scale + shift), the statistics of x, the scale and shift."""
    cdef Normalization s = normalization(y, x, gamma, beta)
    s.mean, s.variance, s.epsilon = floats(mean, s.grid.channels), floats(variance, s.grid.channels), epsilon
    s.scale, s.shift = floats(scale, s.grid.channels), floats(shift, s.grid.channels)
    s.activation, s.alpha = activation, alpha
    normalize_by_moments(&s)


# ---- gradients -------------------------------------------------------------------------------------------------------

cdef struct Gradient:
    # dx := (dh - offset - slope (x - mean)) factor: Ioffe and Szegedy 2015, section 3;
    # dh := dy f'(h) at h = (x - mean) scale + shift
    const kernel_table *tile
    Grid grid
    Grid fine
    float *dx
    float *dgamma
    float *dbeta
    const float *dy
    const float *x
    const float *mean
    const float *variance
    const float *gamma
    const float *scale                     # not read if the activation is LINEAR
    const float *shift
    int activation
    float alpha
    double epsilon
    int64_t rows
    float *wide                            # mean, scale, shift, slope, offset and factor, a row of the grid each
    float *partial                         # sums of dh and of dh (x - mean): 2 rows of a strip for each block
    float *distances                       # sums of x - mean, laid out as `partial`, if `far`
    bint *far                              # whether a mean is far from 0, so that its rounding to float32 matters
    bint nontemporal


cdef bint is_far(const Gradient *s) noexcept nogil:
    """Return True if a mean is more than 20 deviations from 0."""
    cdef int64_t c
    for c in range(s.grid.channels):
        if s.mean[c] * <double> s.mean[c] > 400 * (<double> s.variance[c] + s.epsilon):
            return True
    return False


cdef void repeat_given(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Prepare the rows of `wide` that are given, and `far`."""
    cdef const Gradient *s = <const Gradient *> work
    repeat(s.wide, s.mean, s.grid.channels, &s.grid)
    if s.activation != LINEAR:
        repeat(s.wide + s.grid.width, s.scale, s.grid.channels, &s.grid)
        repeat(s.wide + 2 * s.grid.width, s.shift, s.grid.channels, &s.grid)
    s.far[0] = is_far(s)


cdef void products_of_block(const void *work, int64_t k, char *scratch) noexcept nogil:
    """Compute `partial` and, if a mean is far from 0, `distances`."""
    cdef const Gradient *s = <const Gradient *> work
    cdef Block b = block_of(&s.grid, k)
    cdef int64_t strip = s.grid.strip, width = s.grid.width
    cdef float *sums = s.partial + 2 * k * strip
    s.tile.f32_column_products(
        sums, sums + strip, s.dy + b.start, s.x + b.start, s.wide + b.column, b.rows, b.width, width, s.activation,
        s.alpha)
    if s.far[0]:
        sums = s.distances + 2 * k * strip
        s.tile.f32_column_products(
            sums, sums + strip, NULL, s.x + b.start, s.wide + b.column, b.rows, b.width, width, LINEAR, 0)


cdef void gradients_of_group(const void *work, int64_t group, char *scratch) noexcept nogil:
    """Compute dgamma and dbeta, and the slope, offset and factor of `wide`, of a group of channels."""
    cdef const Gradient *s = <const Gradient *> work
    cdef int64_t first = group * WIDTH, count = min(WIDTH, s.grid.channels - first), width = s.grid.width, c
    cdef int64_t step = 2 * s.grid.strip
    cdef double sums[WIDTH]
    cdef double products[WIDTH]
    cdef double rest[WIDTH]
    cdef float slope[WIDTH]
    cdef float offset[WIDTH]
    cdef float factor[WIDTH]
    cdef double inverse

    memset(rest, 0, sizeof(rest))
    column_totals(SUM, sums, s.partial, step, &s.grid, first, count)
    column_totals(SUM, products, s.partial + s.grid.strip, step, &s.grid, first, count)
    if s.far[0]:
        column_totals(SUM, rest, s.distances, step, &s.grid, first, count)

    for c in range(count):
        inverse = 1 / sqrt(<double> s.variance[first + c] + s.epsilon)
        rest[c] /= s.rows
        products[c] = (products[c] - rest[c] * sums[c]) * inverse
        s.dbeta[first + c] = <float> sums[c]
        s.dgamma[first + c] = <float> products[c]
        slope[c] = <float> (inverse * products[c] / s.rows)
        offset[c] = <float> (sums[c] / s.rows - rest[c] * slope[c])
        factor[c] = <float> (s.gamma[first + c] * inverse)
    repeat(s.wide + 3 * width + first, slope, count, &s.grid)
    repeat(s.wide + 4 * width + first, offset, count, &s.grid)
    repeat(s.wide + 5 * width + first, factor, count, &s.grid)


cdef void gradient_block(const void *work, int64_t k, char *scratch) noexcept nogil:
    cdef const Gradient *s = <const Gradient *> work
    cdef Block b = block_of(&s.fine, k)
    s.tile.f32_normalize_backward(
        s.dx + b.start, s.dy + b.start, s.x + b.start, s.wide + b.column, b.rows, b.width, s.grid.width, s.activation,
        s.alpha, s.nontemporal)


cdef Gradient gradient(dx, dgamma, dbeta, dy, x, mean, variance, gamma, double epsilon) except *:
    cdef Gradient s
    cdef int64_t size = x.size, channels = gamma.size
    s.tile, s.grid, s.epsilon, s.rows = tiles(), grid_of(size, channels, STRIP), epsilon, size // max(1, channels)
    s.fine = finer(s.grid)
    s.dx, s.dgamma, s.dbeta = floats(dx, size), floats(dgamma, channels), floats(dbeta, channels)
    s.dy, s.x = floats(dy, size), floats(x, size)
    s.mean, s.variance, s.gamma = floats(mean, channels), floats(variance, channels), floats(gamma, channels)
    s.scale = s.shift = NULL
    s.activation, s.alpha = LINEAR, 0
    s.nontemporal = past_caches(s.dx, size, s.grid.width)
    return s


cdef void compute_gradients(Gradient *s) noexcept:
    """Compute dx, dgamma and dbeta."""
    cdef int64_t partial_floats = 2 * s.grid.blocks * s.grid.strip, groups = ceil_div(s.grid.channels, WIDTH)
    s.wide = <float *> borrow_scratch((6 * s.grid.width + 2 * partial_floats) * sizeof(float) + sizeof(bint))
    s.partial = s.wide + 6 * s.grid.width
    s.distances = s.partial + partial_floats
    s.far = <bint *> (s.distances + partial_floats)
    cdef task_phase *phases = [
        task_phase(repeat_given, 1), task_phase(products_of_block, s.grid.blocks),
        task_phase(gradients_of_group, groups), task_phase(gradient_block, s.fine.blocks)]
    with nogil:
        run_phases(
            phases, 4, s, sizeof(Gradient), threads_for(2 * PLAIN * s.grid.rows * s.grid.width), NULL, 0)
    give_scratch_back(s.wide)


def batch_norm_backward(dx, dgamma, dbeta, dy, x, mean, variance, gamma, double epsilon) -> None:
    """(dx, dgamma, dbeta) := the gradients of batch_norm."""
    cdef Gradient s = gradient(dx, dgamma, dbeta, dy, x, mean, variance, gamma, epsilon)
    compute_gradients(&s)


def batch_norm_activate_backward(
    dx, dgamma, dbeta, dy, x, mean, variance, gamma, scale, shift, double epsilon, int activation, float alpha
) -> None:
    """(dx, dgamma, dbeta) := the gradients of batch_norm_activate."""
    cdef Gradient s = gradient(dx, dgamma, dbeta, dy, x, mean, variance, gamma, epsilon)
    s.scale, s.shift = floats(scale, s.grid.channels), floats(shift, s.grid.channels)
    s.activation, s.alpha = activation, alpha
    compute_gradients(&s)
