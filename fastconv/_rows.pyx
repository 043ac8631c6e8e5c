# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Functions of rows: softmax, the losses with a softmax, and standardisation.

Outputs come first. Every array is float32 in C order. The functions check this and the sizes on which memory safety
depends; the caller (`backends/cpu/stream.py`) checks the rest.
"""
cimport numpy as cnp
from libc.math cimport NAN
from libc.stdint cimport int64_t

from fastconv._arrays cimport BLOCK, EXPONENTIAL, PLAIN, data, floats
from fastconv._core cimport kernel_table, run_tasks, threads_for, tiles
from fastconv._geometry cimport ceil_div

cnp.import_array()

ctypedef void (*rows_tile)(const Rows *r) noexcept nogil
ctypedef void (*one_matrix)(float *, const float *, int64_t, int64_t) noexcept nogil
ctypedef void (*two_matrices)(float *, const float *, const float *, int64_t, int64_t) noexcept nogil


cdef struct Rows:
    # Matrices of `rows` rows of n floats, and vectors of a number for each row; or their part of `height` rows that a
    # task computes.
    rows_tile run
    const kernel_table *tile
    one_matrix one                         # the function of x, or of x and other, if no vector is among its arguments
    two_matrices two
    float *y
    int64_t y_row                          # floats of a row of y: n, or 1 if y is a vector
    const float *x
    const float *other                     # a second matrix
    float *vector
    const int64_t *label                   # a vector of integers
    int64_t rows, n, height
    double epsilon


cdef Rows rows_of(y, x, int64_t rows, bint y_is_vector=False) except *:
    cdef Rows r
    cdef int64_t size = x.size
    r.tile = tiles()
    r.rows, r.n = rows, size // max(1, rows)
    r.height = max(1, BLOCK // max(1, r.n))
    r.y_row = 1 if y_is_vector else r.n
    r.y = floats(y, rows * r.y_row)
    r.x = floats(x, rows * r.n)
    r.other = r.vector = NULL
    r.label = NULL
    return r


cdef void run_rows(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Run the tile on the rows of a task."""
    cdef Rows r = (<const Rows *> work)[0]
    cdef int64_t first = task * r.height
    r.rows = min(r.height, r.rows - first)
    r.y += first * r.y_row
    r.x += first * r.n
    if r.other != NULL:
        r.other += first * r.n
    if r.vector != NULL:
        r.vector += first
    if r.label != NULL:
        r.label += first
    r.run(&r)


cdef void run(rows_tile tile, Rows *r, double cost) noexcept:
    r.run = tile
    with nogil:
        run_tasks(
            run_rows, r, sizeof(Rows), ceil_div(r.rows, r.height), threads_for(cost * r.rows * r.n), NULL, 0)


# ---- softmax ---------------------------------------------------------------------------------------------------------

cdef void one_tile(const Rows *r) noexcept nogil:
    r.one(r.y, r.x, r.rows, r.n)


cdef void two_tile(const Rows *r) noexcept nogil:
    r.two(r.y, r.x, r.other, r.rows, r.n)


def softmax(y, x, int64_t rows) -> None:
    """y := exp(x) / sum(exp(x)) in each of `rows` rows."""
    cdef Rows r = rows_of(y, x, rows)
    r.one = r.tile.f32_softmax
    run(one_tile, &r, EXPONENTIAL)


def softmax_backward(dx, dy, y, int64_t rows) -> None:
    """dx := y (dy - sum(dy y)) in each of `rows` rows."""
    cdef Rows r = rows_of(dx, dy, rows)
    r.other = floats(y, rows * r.n)
    r.two = r.tile.f32_softmax_backward
    run(two_tile, &r, PLAIN)


def log_softmax(y, x, int64_t rows) -> None:
    """y := x - log(sum(exp(x))) in each of `rows` rows."""
    cdef Rows r = rows_of(y, x, rows)
    r.one = r.tile.f32_log_softmax
    run(one_tile, &r, EXPONENTIAL)


def log_softmax_backward(dx, dy, y, int64_t rows) -> None:
    """dx := dy - exp(y) sum(dy) in each of `rows` rows."""
    cdef Rows r = rows_of(dx, dy, rows)
    r.other = floats(y, rows * r.n)
    r.two = r.tile.f32_log_softmax_backward
    run(two_tile, &r, EXPONENTIAL)


# ---- losses ----------------------------------------------------------------------------------------------------------

def softmax_cross_entropy(loss, x, target) -> None:
    """loss[m] := -sum over k of target[m, k] log_softmax(x)[m, k]."""
    cdef Rows r = rows_of(loss, x, loss.size, y_is_vector=True)
    r.other = floats(target, r.rows * r.n)
    r.two = r.tile.f32_softmax_cross_entropy
    run(two_tile, &r, EXPONENTIAL)


cdef void softmax_cross_entropy_backward_tile(const Rows *r) noexcept nogil:
    r.tile.f32_softmax_cross_entropy_backward(r.y, r.vector, r.x, r.other, r.rows, r.n)


def softmax_cross_entropy_backward(dx, dloss, x, target) -> None:
    """dx := (softmax(x) sum(target) - target) dloss in each row."""
    cdef Rows r = rows_of(dx, x, dloss.size)
    r.vector = floats(dloss, r.rows)
    r.other = floats(target, r.rows * r.n)
    run(softmax_cross_entropy_backward_tile, &r, EXPONENTIAL)


cdef int64_t first_outside(const int64_t *label, int64_t rows, int64_t n) noexcept nogil:
    """Return the index of the first label outside [0, n), or -1."""
    cdef int64_t r
    for r in range(rows):
        if not 0 <= label[r] < n:
            return r
    return -1


def check_labels(target, int64_t n) -> None:
    """Raise ValueError if one of the int64 labels `target` lies outside [0, n)."""
    cdef int64_t rows = target.size
    cdef const int64_t *label = <const int64_t *> data(target, cnp.NPY_INT64, rows)
    cdef int64_t r = first_outside(label, rows, n)
    if r >= 0:
        raise ValueError(
            f"sparse_softmax_cross_entropy: labels must lie in [0, {n}), the number of classes. "
            f"Received: target[{r}]={label[r]}"
        )


cdef void fill_with_nan(const Rows *r) noexcept nogil:
    cdef int64_t i
    for i in range(r.rows * r.y_row):
        r.y[i] = NAN


cdef void sparse_softmax_cross_entropy_tile(const Rows *r) noexcept nogil:
    if first_outside(r.label, r.rows, r.n) < 0:
        r.tile.f32_sparse_softmax_cross_entropy(r.y, r.x, r.label, r.rows, r.n)
    else:
        fill_with_nan(r)


def sparse_softmax_cross_entropy(loss, x, target) -> None:
    """loss[m] := -log_softmax(x)[m, target[m]]; NaN in each task with a label that `check_labels` refuses."""
    cdef Rows r = rows_of(loss, x, loss.size, y_is_vector=True)
    r.label = <const int64_t *> data(target, cnp.NPY_INT64, r.rows)
    run(sparse_softmax_cross_entropy_tile, &r, EXPONENTIAL)


cdef void sparse_softmax_cross_entropy_backward_tile(const Rows *r) noexcept nogil:
    if first_outside(r.label, r.rows, r.n) < 0:
        r.tile.f32_sparse_softmax_cross_entropy_backward(r.y, r.vector, r.x, r.label, r.rows, r.n)
    else:
        fill_with_nan(r)


def sparse_softmax_cross_entropy_backward(dx, dloss, x, target) -> None:
    """dx := (softmax(x) - one_hot(target)) dloss in each row; NaN as for `sparse_softmax_cross_entropy`."""
    cdef Rows r = rows_of(dx, x, dloss.size)
    r.vector = floats(dloss, r.rows)
    r.label = <const int64_t *> data(target, cnp.NPY_INT64, r.rows)
    run(sparse_softmax_cross_entropy_backward_tile, &r, EXPONENTIAL)


# ---- standardisation -------------------------------------------------------------------------------------------------

cdef void standardize_tile(const Rows *r) noexcept nogil:
    r.tile.f32_standardize(r.y, r.vector, r.x, r.rows, r.n, r.epsilon)


def standardize(y, inverse, x, double epsilon) -> None:
    """y := (x - mean) inverse, inverse := 1 / sqrt(variance + epsilon), in each row of x (.., n)."""
    cdef Rows r = rows_of(y, x, inverse.size)
    r.vector = floats(inverse, r.rows)
    r.epsilon = epsilon
    run(standardize_tile, &r, 2 * PLAIN)


cdef void standardize_backward_tile(const Rows *r) noexcept nogil:
    r.tile.f32_standardize_backward(r.y, r.x, r.other, r.vector, r.rows, r.n)


def standardize_backward(dx, dy, y, inverse) -> None:
    """dx := inverse (dy - mean(dy) - y mean(dy y)) in each row."""
    cdef Rows r = rows_of(dx, dy, inverse.size)
    r.other = floats(y, r.rows * r.n)
    r.vector = floats(inverse, r.rows)
    run(standardize_backward_tile, &r, 2 * PLAIN)
