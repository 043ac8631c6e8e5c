"""The memory-bound kernels of the CPU: everything but convolutions and matrix products.

They take float32 arrays in C order; other layouts are copied first. Other dtypes, and the cases named in a method's
docstring, are computed by `Reference`. An `out` may be one of the inputs, or share no memory with any of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

import fastconv._elementwise as _elementwise
import fastconv._normalization as _normalization
import fastconv._pad as _pad
import fastconv._pool as _pool
import fastconv._reduce as _reduce
import fastconv._rows as _rows
from fastconv._arrays import contiguous, integer_output_array, output_array, output_arrays
from fastconv.backends.cpu.kernel import float32
from fastconv.backends.launch import Launch
from fastconv.backends.reference import Array, Axes, Pair, Reference, Sides, normalized_axes
from fastconv.geometry import Pooling

# The numbers of activations in the tiles (csrc/kernels.h).
ACTIVATION_NUMBERS = {
    name: number
    for number, name in enumerate((None, "relu", "leaky_relu", "elu", "sigmoid", "tanh", "clipped_relu", "silu"))
}

# The functions that have a kernel, by the number of their arguments.
TUNED = {1: _elementwise.UNARY, 2: _elementwise.BINARY}

# From this number of elements, an elementwise function is worth a second thread, and a kernel is faster than NumPy's
# ufunc. With a vector of channels the limit is much lower, since NumPy processes one short row at a time.
LARGE, LARGE_WITH_CHANNELS = 1 << 17, 1 << 12

BLOCK = 1 << 15  # elements that are counted at once, so that intermediate results stay in the cache
FEW_THRESHOLDS = 32  # comparing 32,768 elements with all takes 0.35 ms, a binary search for each element 0.8 ms

Runs = tuple[tuple[int, int], ...]


class CpuStream(Reference):
    """The contract is `Reference`'s, method for method."""

    # ---- padding and pooling -------------------------------------------------------------------------------------

    @float32(Reference.pad)
    def pad(self, x, *, pad_width, mode="constant", value=0.0, out=None):
        if not x.size:
            return None
        image, sides = padded_image(x.shape, pad_width)
        *sources, columns = [pad_source(n, *side, mode) for n, side in zip(image[1:-1], sides)]
        y = output_array(out, tuple([n + before + after for n, (before, after) in zip(x.shape, pad_width)]))
        return Launch(y, _pad.pad, (y, x.reshape(image), sources, columns, sides[-1][0], value))

    @float32(Reference.pad_backward)
    def pad_backward(self, dy, *, pad_width, mode="constant", out=None):
        """A kernel for two neighbouring axes. Other axes are processed two at a time."""
        shape = tuple([n - before - after for n, (before, after) in zip(dy.shape, pad_width)])
        dx = output_array(out, shape)
        first, last = split_sides(pad_width)
        if first is not None:
            return Launch(dx, self._pad_backward_twice, (dx, dy, first, last, mode))
        image, sides = padded_image(shape, pad_width)
        grown = tuple([n + sum(side) for n, side in zip(image, ((0, 0), *sides, (0, 0)))])
        if mode == "constant":
            return Launch(dx, _pad.crop, (dx.reshape(image), dy.reshape(grown), corner(sides)))
        if not dx.size:
            return None
        sources = [pad_source(n, *side, mode) for n, side in zip(image[1:3], sides)]
        return Launch(dx, _pad.pad_backward, (dx.reshape(image), dy.reshape(grown), *sources, corner(sides)))

    def _pad_backward_twice(self, dx, dy, first, last, mode):
        self.pad_backward(self.pad_backward(dy, pad_width=first, mode=mode), pad_width=last, mode=mode, out=dx)

    @float32(Reference.subsample)
    def subsample(self, x, *, strides, out=None):
        """A pooling of windows of one pixel. The kernel is for strides over pixels of images."""
        if x.ndim != 4 or strides[0] > 1 or strides[3] > 1:
            return None
        pooling = Pooling.of(x.shape, (1, 1), strides[1:3], ((0, 0), (0, 0)))
        y = output_array(out, pooling.output_shape)
        return Launch(y, _pool.max_pool, (y, x, pooling))

    @float32(Reference.max_pool)
    def max_pool(self, x, *, pooling, out=None):
        y = output_array(out, pooling.output_shape)
        return Launch(y, _pool.max_pool, (y, x, pooling))

    @float32(Reference.min_pool)
    def min_pool(self, x, *, pooling, out=None):
        y = output_array(out, pooling.output_shape)
        return Launch(y, _pool.min_pool, (y, x, pooling))

    @float32(Reference.max_pool_argmax)
    def max_pool_argmax(self, x, *, pooling, out=None):
        y, argmax = extremes(out, pooling.output_shape)
        return Launch((y, argmax), _pool.max_pool, (y, x, pooling, argmax))

    @float32(Reference.min_pool_argmax)
    def min_pool_argmax(self, x, *, pooling, out=None):
        y, argmax = extremes(out, pooling.output_shape)
        return Launch((y, argmax), _pool.min_pool, (y, x, pooling, argmax))

    @float32(Reference.extreme_pool_backward, seeds=1)
    def extreme_pool_backward(self, dy, argmax, *, pooling, out=None):
        dx = output_array(out, pooling.input_shape)
        return Launch(dx, extreme_pool_backward, (dx, dy, argmax, pooling))

    @float32(Reference.average_pool)
    def average_pool(self, x, *, pooling, count_padding=False, out=None):
        y = output_array(out, pooling.output_shape)
        return Launch(y, _pool.average_pool, (y, x, pooling, count_padding))

    @float32(Reference.average_pool_backward)
    def average_pool_backward(self, dy, *, pooling, count_padding=False, out=None):
        dx = output_array(out, pooling.input_shape)
        return Launch(dx, _pool.average_pool_backward, (dx, dy, pooling, count_padding))

    # ---- activations ---------------------------------------------------------------------------------------------

    @float32(Reference.activate)
    def activate(self, x, *, activation, alpha=0.0, out=None):
        y = output_array(out, x.shape)
        return Launch(y, _elementwise.activate, (y, x, ACTIVATION_NUMBERS[activation], alpha))

    @float32(Reference.activate_backward)
    def activate_backward(self, dy, y, *, activation, alpha=0.0, out=None):
        dx = output_array(out, y.shape)
        return Launch(dx, _elementwise.activate_backward, (dx, dy, y, ACTIVATION_NUMBERS[activation], alpha))

    @float32(Reference.gate)
    def gate(self, x, *, linear, cubic, out=None):
        y = output_array(out, x.shape)
        return Launch(y, _elementwise.gate, (y, x, linear, cubic))

    @float32(Reference.gate_backward)
    def gate_backward(self, dy, x, *, linear, cubic, out=None):
        dx = output_array(out, x.shape)
        return Launch(dx, _elementwise.gate_backward, (dx, dy, x, linear, cubic))

    @float32(Reference.gelu)
    def gelu(self, x, *, out=None):
        y = output_array(out, x.shape)
        return Launch(y, _elementwise.elementwise, ("gelu", y, x))

    @float32(Reference.gelu_backward)
    def gelu_backward(self, dy, x, *, out=None):
        dx = output_array(out, x.shape)
        return Launch(dx, _elementwise.elementwise, ("gelu_backward", dx, dy, x))

    @float32(Reference.softmax)
    def softmax(self, x, *, out=None):
        y = output_array(out, x.shape)
        return Launch(y, _rows.softmax, (y, x, prod(x.shape[:-1])))

    @float32(Reference.softmax_backward)
    def softmax_backward(self, dy, y, *, out=None):
        dx = output_array(out, y.shape)
        return Launch(dx, _rows.softmax_backward, (dx, dy, y, prod(y.shape[:-1])))

    @float32(Reference.log_softmax)
    def log_softmax(self, x, *, out=None):
        y = output_array(out, x.shape)
        return Launch(y, _rows.log_softmax, (y, x, prod(x.shape[:-1])))

    @float32(Reference.log_softmax_backward)
    def log_softmax_backward(self, dy, y, *, out=None):
        dx = output_array(out, y.shape)
        return Launch(dx, _rows.log_softmax_backward, (dx, dy, y, prod(y.shape[:-1])))

    # ---- fused losses: one loss per logit --------------------------------------------------------------------------

    @float32(Reference.sigmoid_loss)
    def sigmoid_loss(self, x, target, *, out=None):
        loss = output_array(out, x.shape)
        return Launch(loss, _elementwise.elementwise, ("sigmoid_loss", loss, x, target))

    @float32(Reference.sigmoid_loss_slope)
    def sigmoid_loss_slope(self, x, target, *, out=None):
        slope = output_array(out, x.shape)
        return Launch(slope, _elementwise.elementwise, ("sigmoid_loss_slope", slope, x, target))

    # ---- fused losses: logits (M, K), one loss per row -----------------------------------------------------------

    @float32(Reference.softmax_cross_entropy)
    def softmax_cross_entropy(self, logits, target, *, out=None):
        loss = output_array(out, logits.shape[:-1])
        return Launch(loss, _rows.softmax_cross_entropy, (loss, logits, target))

    @float32(Reference.softmax_cross_entropy_backward)
    def softmax_cross_entropy_backward(self, dloss, logits, target, *, out=None):
        d = output_array(out, logits.shape)
        return Launch(d, _rows.softmax_cross_entropy_backward, (d, dloss, logits, target))

    @float32(Reference.sparse_softmax_cross_entropy, seeds=1)
    def sparse_softmax_cross_entropy(self, logits, target, *, out=None):
        """Raises ValueError for a label outside [0, K)."""
        loss = output_array(out, logits.shape[:-1])
        return Launch(loss, _sparse_softmax_cross_entropy, (loss, logits, target))

    @float32(Reference.sparse_softmax_cross_entropy_backward, seeds=1)
    def sparse_softmax_cross_entropy_backward(self, dloss, logits, target, *, out=None):
        """Raises ValueError for a label outside [0, K)."""
        d = output_array(out, logits.shape)
        return Launch(d, _sparse_softmax_cross_entropy_backward, (d, dloss, logits, target))

    # ---- counts, of arrays of any dtype --------------------------------------------------------------------------

    @float32(Reference.threshold_counts, seeds=4)
    def threshold_counts(self, x, real, weights, thresholds, *, out=None):
        return Launch(None, threshold_counts, (x, real, weights, thresholds))

    @float32(Reference.confusion_matrix, seeds=3)
    def confusion_matrix(self, real, called, weights, *, classes, out=None):
        return Launch(None, confusion_matrix, (real, called, weights, classes))

    # ---- normalisation over all axes but the last ----------------------------------------------------------------

    @float32(Reference.batch_norm)
    def batch_norm(self, x, gamma, beta, *, epsilon, out=None):
        results = output_arrays(out, x.shape, gamma.shape, gamma.shape)
        return Launch(results, _normalization.batch_norm, (*results, x, gamma, beta, epsilon))

    @float32(Reference.batch_norm_backward)
    def batch_norm_backward(self, dy, x, mean, variance, gamma, *, epsilon, out=None):
        results = output_arrays(out, x.shape, gamma.shape, gamma.shape)
        return Launch(results, _normalization.batch_norm_backward, (*results, dy, x, mean, variance, gamma, epsilon))

    @float32(Reference.batch_norm_activate)
    def batch_norm_activate(self, x, gamma, beta, *, epsilon, activation, alpha=0.0, out=None):
        results = output_arrays(out, x.shape, *[gamma.shape] * 4)
        constants = (epsilon, ACTIVATION_NUMBERS[activation], alpha)
        return Launch(results, _normalization.batch_norm_activate, (*results, x, gamma, beta, *constants))

    @float32(Reference.batch_norm_activate_backward)
    def batch_norm_activate_backward(
        self, dy, x, mean, variance, gamma, scale, shift, *, epsilon, activation, alpha=0.0, out=None
    ):
        results = output_arrays(out, x.shape, gamma.shape, gamma.shape)
        arrays = (*results, dy, x, mean, variance, gamma, scale, shift)
        constants = (epsilon, ACTIVATION_NUMBERS[activation], alpha)
        return Launch(results, _normalization.batch_norm_activate_backward, (*arrays, *constants))

    @float32(Reference.normalize, reads_slices=True)
    def normalize(self, x, mean, variance, gamma, beta, *, epsilon, activation=None, alpha=0.0, out=None):
        y = output_array(out, x.shape)
        number = ACTIVATION_NUMBERS[activation]
        return Launch(y, _normalization.normalize, (y, x, mean, variance, gamma, beta, epsilon, number, alpha))

    @float32(Reference.scale_shift)
    def scale_shift(self, x, scale, shift, *, out=None):
        """A kernel if there is one scale and shift per channel; else the reference."""
        if not scale.shape == shift.shape == x.shape[-1:]:
            return None
        y = output_array(out, x.shape)
        return Launch(y, _normalization.scale_shift, (y, x, scale, shift))

    @float32(Reference.standardize)
    def standardize(self, x, *, epsilon, out=None):
        y, inverse = output_arrays(out, x.shape, (*x.shape[:-1], 1))
        return Launch((y, inverse), _rows.standardize, (y, inverse, x, epsilon))

    @float32(Reference.standardize_backward)
    def standardize_backward(self, dy, y, inverse, *, out=None):
        dx = output_array(out, y.shape)
        return Launch(dx, _rows.standardize_backward, (dx, dy, y, inverse))

    # ---- moving elements -----------------------------------------------------------------------------------------

    @float32(Reference.concatenate, reads_slices=True)
    def concatenate(self, *xs, axis, out=None):
        """A kernel for the last axis, and for other axes of arrays in C order."""
        first = xs[0].shape
        shape = (*first[:axis], sum([x.shape[axis] for x in xs]), *first[axis + 1 :])
        is_last = axis == len(first) - 1
        if not is_last and not all(x.flags.c_contiguous for x in xs):
            return None
        y = output_array(out, shape, is_last)
        return Launch(y, _pad.concatenate, (y, xs, prod(first[:axis])))

    # ---- elementwise, reductions ---------------------------------------------------------------------------------

    @float32(Reference.add)
    def add(self, x, y, *, out=None):
        return streamed("add", (x, y), out)

    @float32(Reference.multiply)
    def multiply(self, x, y, *, out=None):
        return streamed("multiply", (x, y), out)

    @float32(Reference.elementwise)
    def elementwise(self, *arrays, function, out=None):
        """A kernel for `_elementwise.UNARY` and `_elementwise.BINARY` on large arrays; else NumPy.

        Arrays must have equal shapes, or one of them must be a vector of channels or a number. Kernels give no
        warnings.
        """
        return streamed(function, arrays, out)

    @float32(Reference.sum)
    def sum(self, x, *, axis=None, keepdims=False, out=None):
        return reduced(SUM, x, axis, keepdims, out)

    @float32(Reference.mean)
    def mean(self, x, *, axis=None, keepdims=False, out=None):
        return reduced(MEAN, x, axis, keepdims, out)

    @float32(Reference.max)
    def max(self, x, *, axis=None, keepdims=False, out=None):
        return reduced(MAX, x, axis, keepdims, out)

    @float32(Reference.min)
    def min(self, x, *, axis=None, keepdims=False, out=None):
        return reduced(MIN, x, axis, keepdims, out)

    # ---- random --------------------------------------------------------------------------------------------------

    @float32(Reference.dropout, seeds=1)
    def dropout(self, x, seed, *, rate, out=None):
        """The same bits as the reference."""
        y = output_array(out, x.shape)
        return Launch(y, _elementwise.dropout, (y, x, seed, rate))

    # ---- optimizers: `out` may be the very arrays that are updated -----------------------------------------------

    @float32(Reference.update)
    def update(self, w, dw, *states_and_scalars, rule, constants, out=None):
        *states, scalars = states_and_scalars
        results = output_arrays(out if out is None or states else (out,), w.shape, *(state.shape for state in states))
        filled = results if states or out is None else results[0]
        return Launch(filled, _elementwise.update, (rule, results, (w, dw, *states), scalars, constants))


@functools.lru_cache(maxsize=256)
def pad_source(n: int, before: int, after: int, mode: Any) -> Array:
    """Return the index of the element that each element of a padded axis of n copies, or -1 for the constant."""
    extra: dict[str, Any] = {"constant_values": -1} if mode == "constant" else {}
    return np.pad(np.arange(n), (before, after), mode=mode, **extra)


@functools.lru_cache(maxsize=1024)
def split_sides(pad_width: Sides) -> tuple[Sides | None, Sides]:
    """Return (sides of the first padded axes, sides of the last padded axes), each with (0, 0) for all other axes.

    The last padded axes are at most two neighbours. The first result is None if no other axis is padded.
    """
    padded = [axis for axis, side in enumerate(pad_width) if side != (0, 0)]
    if not padded or padded[0] >= padded[-1] - 1:
        return None, pad_width
    cut = padded[-1] - (padded[-2] == padded[-1] - 1)
    none = ((0, 0),) * len(pad_width)
    return pad_width[:cut] + none[cut:], none[:cut] + pad_width[cut:]


@functools.lru_cache(maxsize=1024)
def padded_image(shape: tuple[int, ...], pad_width: Sides) -> tuple[tuple[int, ...], Sides]:
    """Return the shape and the padded sides of images (N, ..., C) that are equivalent to `shape` padded by `pad_width`.

    Only the axes between N and C are padded. There are at least two of them.
    """
    padded = [axis for axis, side in enumerate(pad_width) if side != (0, 0)] or [len(shape)]
    first, end = padded[0], padded[-1] + 1
    spatial, sides = shape[first:end], pad_width[first:end]
    if len(spatial) < 2:
        spatial, sides = (1,) * (2 - len(spatial)) + spatial, ((0, 0),) * (2 - len(sides)) + sides
    return (prod(shape[:first]), *spatial, prod(shape[end:])), sides


def corner(padding: Sides) -> Pair:
    """(top, left)."""
    return padding[0][0], padding[1][0]


def extremes(out: Any, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Return arrays for the extremes of windows and for their argmax: those of `out` if they fit."""
    y, argmax = out or (None, None)
    return output_array(y, shape), integer_output_array(argmax, shape)


def streamed(function: str, arrays: tuple[Array, ...], out: Array | None) -> Launch:
    """Return the launch of a kernel if it is the better choice, else of NumPy's ufunc."""
    shape = streamed_shape(arrays, LARGE, LARGE_WITH_CHANNELS) if function in TUNED[len(arrays)] else None
    if shape is not None:
        z = output_array(out, shape)
        return Launch(z, _elementwise.elementwise, (function, z, *arrays))
    ufunc = getattr(np, function)
    return Launch(out, ufunc if out is None else functools.partial(ufunc, out=out), arrays)


def streamed_shape(arrays: tuple[Array, ...], least: int, least_with_channels: int) -> tuple[int, ...] | None:
    """Return the shape of the result of an elementwise kernel on `arrays`, or None if NumPy is the better choice.

    Args:
        least: the elements from which a kernel is faster.
        least_with_channels: the same if one of the arrays is a vector of channels.
    """
    *small, large = sorted(arrays, key=lambda array: array.size)
    if not small or small[0].shape == large.shape:
        return large.shape if large.size >= least else None
    if small[0].ndim > large.ndim:
        return None
    if small[0].size == 1:
        return large.shape if large.size >= least else None
    channels = small[0].size == small[0].shape[-1] == large.shape[-1]
    return large.shape if channels and large.size >= least_with_channels else None


def reduced(kernel: Callable[..., None], x: Array, axis: Axes, keepdims: bool, out: Array | None) -> Launch | None:
    """Return the launch that reduces axes of x, or None if x is empty or nothing is reduced."""
    shape, runs = reduced_sizes(x.shape, axis, keepdims)
    if not runs:
        return None
    y = output_array(out, shape)
    if len(runs) == 1:
        return Launch(y, kernel, (y, x, *runs[0]))
    return Launch(y, reduce_runs, (kernel, y, x, runs))


def reduce_runs(kernel: Callable[..., None], y: Array, x: Array, runs: Runs) -> None:
    """y := the reduction of x over several runs of neighbouring axes, run by run."""
    for outer, inner in runs[:-1]:
        part = np.empty(outer * inner, np.float32)
        kernel(part, x, outer, inner)
        x = part
    kernel(y, x, *runs[-1])


SUM, MEAN, MAX, MIN = (functools.partial(_reduce.reduce, name) for name in ("sum", "mean", "max", "min"))


@functools.lru_cache(maxsize=1024)
def reduced_sizes(shape: tuple[int, ...], axis: Axes, keepdims: bool) -> tuple[tuple[int, ...], Runs]:
    """Return (shape of the result, runs): for each run of reduced axes, from the last, the elements before and after.

    There are no runs if nothing is reduced, if the array is empty, or if axes are wrong. NumPy handles these cases.
    """
    axes = normalized_axes(axis, len(shape))
    if not prod(shape) or len(set(axes)) < len(axes) or not all(0 <= a < len(shape) for a in axes):
        return (), ()
    result = tuple(1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes)
    runs, sizes = [], list(shape)
    for end in sorted((i + 1 for i in axes if i + 1 not in axes), reverse=True):
        first = end - 1
        while first - 1 in axes:
            first -= 1
        runs.append((prod(sizes[:first]), prod(sizes[end:])))
        sizes[first:end] = [1] * (end - first)
    return result, tuple(runs)


def extreme_pool_backward(dx: Array, dy: Array, argmax: Array, pooling: Pooling) -> None:
    """dx := the pixels of dy, each added to the pixel of its window that `argmax` names"""
    _pool.extreme_pool_backward(dx, dy, np.ascontiguousarray(argmax, np.int32), pooling)


def _sparse_softmax_cross_entropy(loss: Array, logits: Array, target: Array) -> None:
    labels = checked_labels(target, logits.shape[-1])
    _rows.sparse_softmax_cross_entropy(loss, logits, labels)


def _sparse_softmax_cross_entropy_backward(d: Array, dloss: Array, logits: Array, target: Array) -> None:
    labels = checked_labels(target, logits.shape[-1])
    _rows.sparse_softmax_cross_entropy_backward(d, dloss, logits, labels)


# ---- counts, a block of elements at a time ---------------------------------------------------------------------------


def threshold_counts(x: Array, real: Array, weights: Array, thresholds: Array) -> Array:
    """Count each element once, between the two thresholds around it, and add up these counts."""
    order = np.argsort(thresholds, kind="stable")
    columns, places = x.shape[1], len(order) + 1
    counts = np.zeros(2 * places * columns)
    for part in blocks(len(x), BLOCK // max(1, columns)):
        cell = thresholds_below(x[part], thresholds[order])
        cell += (real[part] != 0) * places
        if columns > 1:
            cell = cell * columns + np.arange(columns)
        counts += weighted_counts(cell, weights[part], counts.size)
    between = counts.reshape(2, places, columns)
    above = np.flip(np.flip(between, 1).cumsum(1), 1)[:, 1:]
    counts = np.empty((4, places - 1, columns))
    counts[:, order] = np.concatenate([above, between.cumsum(1)[:, :-1]])
    return counts


def confusion_matrix(real: Array, called: Array, weights: Array, classes: int) -> Array:
    """Give each pair of classes a number, and count these numbers."""
    counts = np.zeros(classes * classes)
    for part in blocks(len(real), BLOCK):
        rows, columns = int64(real[part]), int64(called[part])
        counted = (rows >= 0) & (rows < classes) & (columns >= 0) & (columns < classes)
        counts += weighted_counts((rows * classes + columns)[counted], weights[part][counted], counts.size)
    return counts.reshape(classes, classes)


def blocks(rows: int, height: int) -> list[slice]:
    """Return consecutive slices of at most `height` rows, and at least one."""
    height = max(1, height)
    return [slice(first, first + height) for first in range(0, rows, height)]


def thresholds_below(x: Array, thresholds: Array) -> Array:
    """Return, for each element, the number of `thresholds` (ascending) below it; 0 for NaN."""
    if len(thresholds) <= FEW_THRESHOLDS:
        below = np.zeros(x.shape, np.intp)
        for threshold in thresholds:
            below += x > threshold
    else:
        below = np.asarray(np.searchsorted(thresholds, x))
        below[np.isnan(x)] = 0
    return below


def weighted_counts(numbers: Array, weights: Array, count: int) -> Array:
    """Return the sum of the weights of each number less than `count`."""
    if weights.size and not any(weights.strides):  # a single weight, broadcast
        return np.bincount(numbers.ravel(), minlength=count) * float(weights.flat[0])
    return np.bincount(numbers.ravel(), weights.ravel(), count)


def int64(labels: Array) -> Array:
    """Return `labels` of any integer dtype as int64 in C order."""
    return contiguous(labels.astype(np.int64, copy=False))


def checked_labels(labels: Array, classes: int) -> Array:
    """Return `labels` of any integer dtype as int64 in C order; raise ValueError if one lies outside [0, classes)."""
    checked = int64(labels)
    _rows.check_labels(checked, classes)
    return checked
