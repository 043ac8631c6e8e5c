"""The CPU kernels that are bound by memory: everything but convolutions and matrix products.

They take float32 in C order; arrays that lie otherwise are copied first. Other dtypes, and the cases named in a
method's docstring, are computed by `Reference`. An `out` may be one of the inputs, or share no memory with any of them.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from fastconv import _stream
from fastconv._stream import contiguous, dense_float32, integer_room, is_float32, room, rooms
from fastconv.backends.reference import Array, Pair, Reference, Sides
from fastconv.window import output_size

# The numbers by which the tiles know the activations (csrc/kernels.h).
ACTIVATION_NUMBERS = {None: 0, "relu": 1, "leaky_relu": 2, "elu": 3, "sigmoid": 4, "tanh": 5, "clipped_relu": 6}

# The functions that have a kernel, by the number of their arguments.
TUNED = {1: _stream.UNARY, 2: _stream.BINARY}

# From this many elements an elementwise function is worth a second thread, and a kernel beats NumPy's ufunc; with a
# vector of channels, which NumPy takes one short row at a time, it does so much earlier.
LARGE, LARGE_WITH_CHANNELS = 1 << 17, 1 << 12

BLOCK = 1 << 15  # elements that are counted at once, so that what is computed of them stays in the cache
FEW_THRESHOLDS = 32  # comparing 32,768 elements with each takes 0.35 ms, searching for their places 0.8 ms

Axes = int | tuple[int, ...] | None
Runs = tuple[tuple[int, int], ...]

# What a call comes to: the result, which may be several arrays, and the function that fills it from its arguments.
Work = tuple[Any, Callable[..., None], tuple[Any, ...]]


# The kernels and how many seeds end their arrays, by the methods that `float32` has made of them.
KERNELS: dict[Any, tuple[Callable[..., Work | None], int]] = {}


def float32(kernel: Callable[..., Any], seeds: int = 0) -> Callable[..., Any]:
    """A method that does what `kernel` says for float32 arrays, in C order by a copy where they are not, and leaves
    others to the reference.

    The positional arguments are the arrays; the last ones, as many as there are `seeds`, may be of any dtype. The
    kernel looks at shapes alone and returns what is to be done, (result, function, arguments):
    ``function(*arguments)`` fills the result. It returns None where the reference is the better choice. Results come
    from `room(out, shape)`, so that they are `out` where that is possible; where not, they are copied to it here.
    """
    reference = getattr(Reference, kernel.__name__)

    def method(self, *arrays, out=None, **parameters):
        floats = len(arrays) - seeds
        dense = dense_float32(arrays[:floats])
        work = None if dense is None else kernel(self, *dense, *arrays[floats:], out=out, **parameters)
        if work is None:
            return reference(self, *arrays, out=out, **parameters)
        result, function, arguments = work
        function(*arguments)
        return result if out is None or out is result else delivered(result, out)

    functools.update_wrapper(method, reference)
    KERNELS[method] = kernel, seeds
    return method


seeded = functools.partial(float32, seeds=1)


def bound(method: Any, arrays: tuple[Array, ...], parameters: dict, out: Any) -> Callable[[], Any]:
    """``method(*arrays, **parameters, out=out)``, to be called without arguments: what follows from shapes and settings
    is found out now, once, where a kernel reads the arrays and fills `out` as they lie."""
    kernel, seeds = KERNELS.get(getattr(method, "__func__", None), (None, 0))
    floats = arrays[: len(arrays) - seeds]
    dense = dense_float32(floats)
    if kernel is not None and dense is floats:
        work = kernel(method.__self__, *arrays, **parameters, out=out)
        if work is not None and is_filled(out, work[0]):
            return functools.partial(work[1], *work[2])
    elif kernel is not None and dense is None:
        method = functools.partial(getattr(Reference, kernel.__name__), method.__self__)
    return functools.partial(method, *arrays, **parameters, out=out)


def is_filled(out: Any, result: Any) -> bool:
    """Whether `result`, an array or several, is `out` itself."""
    return all(map(operator.is_, result, out)) if isinstance(out, tuple) else result is out


def delivered(result: Array | tuple[Array, ...], out: Array | tuple[Array, ...]) -> Array | tuple[Array, ...]:
    """`out`, filled with `result` where that was not computed in place."""
    if isinstance(out, tuple):
        return tuple(delivered(r, o) for r, o in zip(result, out))
    if out is not result:
        out[...] = result
    return out


class CpuStream(Reference):
    """The contract is `Reference`'s, method for method."""

    # ---- padding and pooling -------------------------------------------------------------------------------------

    @float32
    def pad(self, x, *, pad_width, mode="constant", value=0.0, out=None):
        if not x.size:
            return None
        image, sides = padded_image(x.shape, pad_width)
        *sources, columns = [pad_source(n, *side, mode) for n, side in zip(image[1:-1], sides)]
        y = room(out, tuple([n + before + after for n, (before, after) in zip(x.shape, pad_width)]))
        return y, _stream.pad, (y, x.reshape(image), sources, columns, sides[-1][0], value)

    @float32
    def pad_backward(self, dy, *, pad_width, mode="constant", out=None):
        """A kernel for two neighbouring axes; others two by two, from the first one on."""
        shape = tuple([n - before - after for n, (before, after) in zip(dy.shape, pad_width)])
        dx = room(out, shape)
        first, last = split_sides(pad_width)
        if first is not None:
            return dx, self._pad_backward_twice, (dx, dy, first, last, mode)
        image, sides = padded_image(shape, pad_width)
        grown = tuple([n + sum(side) for n, side in zip(image, ((0, 0), *sides, (0, 0)))])
        if mode == "constant":
            return dx, _stream.crop, (dx.reshape(image), dy.reshape(grown), corner(sides))
        if not dx.size:
            return None
        sources = [pad_source(n, *side, mode) for n, side in zip(image[1:3], sides)]
        return dx, _stream.pad_backward, (dx.reshape(image), dy.reshape(grown), *sources, corner(sides))

    def _pad_backward_twice(self, dx, dy, first, last, mode):
        self.pad_backward(self.pad_backward(dy, pad_width=first, mode=mode), pad_width=last, mode=mode, out=dx)

    @float32
    def max_pool(self, x, *, size, strides, padding, dilation=(1, 1), out=None):
        y = room(out, pooled_shape(x.shape, size, strides, padding, dilation))
        return y, _stream.max_pool, (y, x, (size, strides, dilation, corner(padding)))

    @float32
    def min_pool(self, x, *, size, strides, padding, dilation=(1, 1), out=None):
        y = room(out, pooled_shape(x.shape, size, strides, padding, dilation))
        return y, _stream.min_pool, (y, x, (size, strides, dilation, corner(padding)))

    @float32
    def max_pool_winners(self, x, *, size, strides, padding, dilation=(1, 1), out=None):
        shape = pooled_shape(x.shape, size, strides, padding, dilation)
        y, winners = extremes(out, shape)
        return (y, winners), _stream.max_pool, (y, x, (size, strides, dilation, corner(padding)), winners)

    @float32
    def min_pool_winners(self, x, *, size, strides, padding, dilation=(1, 1), out=None):
        shape = pooled_shape(x.shape, size, strides, padding, dilation)
        y, winners = extremes(out, shape)
        return (y, winners), _stream.min_pool, (y, x, (size, strides, dilation, corner(padding)), winners)

    @seeded
    def extreme_pool_backward(self, dy, winners, *, input_shape, size, strides, padding, dilation=(1, 1), out=None):
        dx = room(out, tuple(input_shape))
        winners = np.ascontiguousarray(winners, np.int32)
        return dx, _stream.extreme_pool_backward, (dx, dy, winners, (size, strides, dilation, corner(padding)))

    @float32
    def average_pool(self, x, *, size, strides, padding, count_padding=False, out=None):
        y = room(out, pooled_shape(x.shape, size, strides, padding, (1, 1)))
        return y, _stream.average_pool, (y, x, (size, strides, (1, 1), corner(padding)), count_padding)

    @float32
    def average_pool_backward(self, dy, *, input_shape, size, strides, padding, count_padding=False, out=None):
        dx = room(out, tuple(input_shape))
        return dx, _stream.average_pool_backward, (dx, dy, (size, strides, (1, 1), corner(padding)), count_padding)

    # ---- activations ---------------------------------------------------------------------------------------------

    @float32
    def activate(self, x, *, activation, alpha=0.0, out=None):
        y = room(out, x.shape)
        return y, _stream.activate, (y, x, ACTIVATION_NUMBERS[activation], alpha)

    @float32
    def activate_backward(self, dy, y, *, activation, alpha=0.0, out=None):
        dx = room(out, y.shape)
        return dx, _stream.activate_backward, (dx, dy, y, ACTIVATION_NUMBERS[activation], alpha)

    @float32
    def gate(self, x, *, linear, cubic, out=None):
        y = room(out, x.shape)
        return y, _stream.gate, (y, x, linear, cubic)

    @float32
    def gate_backward(self, dy, x, *, linear, cubic, out=None):
        dx = room(out, x.shape)
        return dx, _stream.gate_backward, (dx, dy, x, linear, cubic)

    @float32
    def gelu(self, x, *, out=None):
        y = room(out, x.shape)
        return y, _stream.elementwise, ("gelu", y, x)

    @float32
    def gelu_backward(self, dy, x, *, out=None):
        dx = room(out, x.shape)
        return dx, _stream.elementwise, ("gelu_backward", dx, dy, x)

    @float32
    def softmax(self, x, *, out=None):
        y = room(out, x.shape)
        return y, _stream.softmax, (y, x, prod(x.shape[:-1]))

    @float32
    def softmax_backward(self, dy, y, *, out=None):
        dx = room(out, y.shape)
        return dx, _stream.softmax_backward, (dx, dy, y, prod(y.shape[:-1]))

    @float32
    def log_softmax(self, x, *, out=None):
        y = room(out, x.shape)
        return y, _stream.log_softmax, (y, x, prod(x.shape[:-1]))

    @float32
    def log_softmax_backward(self, dy, y, *, out=None):
        dx = room(out, y.shape)
        return dx, _stream.log_softmax_backward, (dx, dy, y, prod(y.shape[:-1]))

    # ---- fused losses: logits (M, K), one loss per row -----------------------------------------------------------

    @float32
    def softmax_cross_entropy(self, logits, target, *, out=None):
        loss = room(out, logits.shape[:-1])
        return loss, _stream.softmax_cross_entropy, (loss, logits, target)

    @float32
    def softmax_cross_entropy_backward(self, dloss, logits, target, *, out=None):
        d = room(out, logits.shape)
        return d, _stream.softmax_cross_entropy_backward, (d, dloss, logits, target)

    def sparse_softmax_cross_entropy(self, logits, target, *, out=None):
        """Raises ValueError for a label outside [0, K)."""
        if not is_float32(logits):
            return super().sparse_softmax_cross_entropy(logits, target, out=out)
        loss = room(out, logits.shape[:-1])
        _stream.sparse_softmax_cross_entropy(loss, contiguous(logits), int64(target))
        return loss if out is None else delivered(loss, out)

    def sparse_softmax_cross_entropy_backward(self, dloss, logits, target, *, out=None):
        """Raises ValueError for a label outside [0, K)."""
        if not is_float32(dloss, logits):
            return super().sparse_softmax_cross_entropy_backward(dloss, logits, target, out=out)
        d = room(out, logits.shape)
        _stream.sparse_softmax_cross_entropy_backward(d, contiguous(dloss), contiguous(logits), int64(target))
        return d if out is None else delivered(d, out)

    # ---- counts, a block of elements at a time -------------------------------------------------------------------

    def threshold_counts(self, x, real, weights, thresholds, *, out=None):
        """Each element is counted once, between the two thresholds where it lies; sums of these counts follow."""
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
        return counts if out is None else delivered(counts, out)

    def confusion_matrix(self, real, called, weights, *, classes, out=None):
        """Each pair of classes has a number, of which there are counts."""
        counts = np.zeros(classes * classes)
        for part in blocks(len(real), BLOCK):
            rows, columns = int64(real[part]), int64(called[part])
            counted = (rows >= 0) & (rows < classes) & (columns >= 0) & (columns < classes)
            counts += weighted_counts((rows * classes + columns)[counted], weights[part][counted], counts.size)
        matrix = counts.reshape(classes, classes)
        return matrix if out is None else delivered(matrix, out)

    # ---- normalisation over all axes but the last ----------------------------------------------------------------

    @float32
    def batch_norm(self, x, gamma, beta, *, epsilon, out=None):
        results = rooms(out, x.shape, gamma.shape, gamma.shape)
        return results, _stream.batch_norm, (*results, x, gamma, beta, epsilon)

    @float32
    def batch_norm_backward(self, dy, x, mean, variance, gamma, *, epsilon, out=None):
        results = rooms(out, x.shape, gamma.shape, gamma.shape)
        return results, _stream.batch_norm_backward, (*results, dy, x, mean, variance, gamma, epsilon)

    @float32
    def normalize(self, x, mean, variance, gamma, beta, *, epsilon, out=None):
        y = room(out, x.shape)
        return y, _stream.normalize, (y, x, mean, variance, gamma, beta, epsilon)

    @float32
    def scale_shift(self, x, scale, shift, *, out=None):
        """A kernel for one scale and shift a channel; else the reference."""
        if not scale.shape == shift.shape == x.shape[-1:]:
            return None
        y = room(out, x.shape)
        return y, _stream.scale_shift, (y, x, scale, shift)

    @float32
    def standardize(self, x, *, epsilon, out=None):
        y, inverse = rooms(out, x.shape, (*x.shape[:-1], 1))
        return (y, inverse), _stream.standardize, (y, inverse, x, epsilon)

    @float32
    def standardize_backward(self, dy, y, inverse, *, out=None):
        dx = room(out, y.shape)
        return dx, _stream.standardize_backward, (dx, dy, y, inverse)

    # ---- elementwise, reductions ---------------------------------------------------------------------------------

    @float32
    def add(self, x, y, *, out=None):
        return streamed("add", (x, y), out)

    @float32
    def multiply(self, x, y, *, out=None):
        return streamed("multiply", (x, y), out)

    @float32
    def elementwise(self, *arrays, function, out=None):
        """A kernel for `_stream.UNARY` and `_stream.BINARY` on large arrays, of one shape or one of them a vector of
        channels or a number; else NumPy. Kernels give no warnings."""
        return streamed(function, arrays, out)

    @float32
    def sum(self, x, *, axis=None, keepdims=False, out=None):
        return reduced(SUM, x, axis, keepdims, out)

    @float32
    def mean(self, x, *, axis=None, keepdims=False, out=None):
        return reduced(average, x, axis, keepdims, out)

    @float32
    def max(self, x, *, axis=None, keepdims=False, out=None):
        return reduced(MAX, x, axis, keepdims, out)

    @float32
    def min(self, x, *, axis=None, keepdims=False, out=None):
        return reduced(MIN, x, axis, keepdims, out)

    # ---- random --------------------------------------------------------------------------------------------------

    @seeded
    def dropout(self, x, seed, *, rate, out=None):
        """The bits of the reference."""
        y = room(out, x.shape)
        return y, _stream.dropout, (y, x, seed, rate)

    # ---- optimizers: `out` may be the very arrays that are updated -----------------------------------------------

    @float32
    def update(self, w, dw, *states_and_scalars, rule, constants, out=None):
        *states, scalars = states_and_scalars
        results = rooms(out if out is None or states else (out,), w.shape, *(state.shape for state in states))
        return (
            results if states or out is None else results[0],
            _stream.update,
            (rule, results, (w, dw, *states), scalars, constants),
        )


@functools.lru_cache(maxsize=256)
def pad_source(n: int, before: int, after: int, mode: Any) -> Array:
    """For each element of a padded axis of n: the index of the element that it copies, -1 where it is the constant."""
    extra: dict[str, Any] = {"constant_values": -1} if mode == "constant" else {}
    return np.pad(np.arange(n), (before, after), mode=mode, **extra)


@functools.lru_cache(maxsize=1024)
def split_sides(pad_width: Sides) -> tuple[Sides | None, Sides]:
    """(all axes but the last ones, the last ones), each with none for the others: such sides that the last ones are
    at most two neighbours, and None where these are all."""
    padded = [axis for axis, side in enumerate(pad_width) if side != (0, 0)]
    if not padded or padded[0] >= padded[-1] - 1:
        return None, pad_width
    cut = padded[-1] - (padded[-2] == padded[-1] - 1)
    none = ((0, 0),) * len(pad_width)
    return pad_width[:cut] + none[cut:], none[:cut] + pad_width[cut:]


@functools.lru_cache(maxsize=1024)
def padded_image(shape: tuple[int, ...], pad_width: Sides) -> tuple[tuple[int, ...], Sides]:
    """`shape` as that of images (N, ..., C) that are padded between these alone, and the sides of the axes there, of
    which there are at least two."""
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
    """Arrays for the extremes of windows and for the numbers of their winners: those of `out` if they fit."""
    y, winners = out or (None, None)
    return room(y, shape), integer_room(winners, shape)


@functools.lru_cache(maxsize=1024)
def pooled_shape(shape: tuple[int, ...], size: Pair, strides: Pair, padding: Sides, dilation: Pair) -> tuple[int, ...]:
    """(N, OH, OW, C) of images (N, H, W, C)."""
    grown = [n + sum(sides) for n, sides in zip(shape[1:3], padding)]
    return (shape[0], *output_size(grown, size, strides, dilation), shape[3])


def streamed(function: str, arrays: tuple[Array, ...], out: Array | None) -> Work | None:
    """A kernel where it is the better choice, or NumPy's ufunc; None for a ufunc that makes its own result."""
    shape = streamed_shape(arrays) if function in TUNED[len(arrays)] else None
    if shape is not None:
        z = room(out, shape)
        return z, _stream.elementwise, (function, z, *arrays)
    return None if out is None else (out, functools.partial(getattr(np, function), out=out), arrays)


def streamed_shape(arrays: tuple[Array, ...]) -> tuple[int, ...] | None:
    """The shape of what a kernel makes of `arrays`, element by element; None where NumPy is the better choice."""
    *small, large = sorted(arrays, key=lambda array: array.size)
    if not small or small[0].shape == large.shape:
        return large.shape if large.size >= LARGE else None
    if small[0].ndim > large.ndim:
        return None
    if small[0].size == 1:
        return large.shape if large.size >= LARGE else None
    channels = small[0].size == small[0].shape[-1] == large.shape[-1]
    return large.shape if channels and large.size >= LARGE_WITH_CHANNELS else None


def reduced(kernel: Callable[..., None], x: Array, axis: Axes, keepdims: bool, out: Array | None) -> Work | None:
    """What reduces axes of x, which is not empty; None if there are none."""
    shape, runs = reduced_sizes(x.shape, axis, keepdims)
    if not runs:
        return None
    y = room(out, shape)
    return (y, kernel, (y, x, *runs[0])) if len(runs) == 1 else (y, reduce_runs, (kernel, y, x, runs))


def reduce_runs(kernel: Callable[..., None], y: Array, x: Array, runs: Runs) -> None:
    """y := the reduction of x over several runs of neighbouring axes, one after another."""
    for outer, inner in runs[:-1]:
        part = np.empty(outer * inner, np.float32)
        kernel(part, x, outer, inner)
        x = part
    kernel(y, x, *runs[-1])


SUM, MAX, MIN = (functools.partial(_stream.reduce, name) for name in ("sum", "max", "min"))


def average(y: Array, x: Array, outer: int, inner: int) -> None:
    """y := the mean over the middle axis of x seen as (outer, n, inner)."""
    SUM(y, x, outer, inner)
    np.divide(y, np.float32(x.size // y.size), out=y)


@functools.lru_cache(maxsize=1024)
def reduced_sizes(shape: tuple[int, ...], axis: Axes, keepdims: bool) -> tuple[tuple[int, ...], Runs]:
    """(the shape of the result, for each run of neighbouring axes from the last one on: elements before and after it).

    There are no runs if nothing is reduced, the array is empty, or axes are wrong: NumPy says how.
    """
    axes = axes_of(axis, len(shape))
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


def axes_of(axis: Axes, ndim: int) -> tuple[int, ...]:
    """`axis`, one, several or None for all, counted from the front and in order."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple(sorted(a + ndim if a < 0 else a for a in axes))


def blocks(rows: int, height: int) -> list[slice]:
    """Slices of at most `height` rows, but of one at least, that follow each other."""
    height = max(1, height)
    return [slice(first, first + height) for first in range(0, rows, height)]


def thresholds_below(x: Array, thresholds: Array) -> Array:
    """How many of `thresholds`, in ascending order, each element is above; NaN is above none."""
    if len(thresholds) <= FEW_THRESHOLDS:
        below = np.zeros(x.shape, np.intp)
        for threshold in thresholds:
            below += x > threshold
    else:
        below = np.asarray(np.searchsorted(thresholds, x))
        below[np.isnan(x)] = 0
    return below


def weighted_counts(numbers: Array, weights: Array, count: int) -> Array:
    """The sum of the weights of each number less than `count`."""
    if weights.size and not any(weights.strides):  # a single weight, broadcast
        return np.bincount(numbers.ravel(), minlength=count) * float(weights.flat[0])
    return np.bincount(numbers.ravel(), weights.ravel(), count)


def int64(labels: Array) -> Array:
    """`labels` of any integer dtype as the kernels take them."""
    return contiguous(labels.astype(np.int64, copy=False))
