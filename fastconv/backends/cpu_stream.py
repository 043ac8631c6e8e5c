"""The CPU kernels that are bound by memory: everything but convolutions and matrix products.

They take float32 in C order; arrays that lie otherwise are copied first. Other dtypes, and the cases named in a
method's docstring, are computed by `Reference`. An `out` may be one of the inputs, or share no memory with any of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from fastconv import _stream
from fastconv._stream import contiguous, dense_float32, is_float32, room, rooms
from fastconv.backends.reference import Array, Pair, Reference, Sides
from fastconv.window import output_size

# The numbers by which the tiles know the activations (csrc/kernels.h).
ACTIVATION_NUMBERS = {None: 0, "relu": 1, "leaky_relu": 2, "elu": 3, "sigmoid": 4, "tanh": 5}

# The functions that have a kernel, by the number of their arguments.
TUNED = {1: _stream.UNARY, 2: _stream.BINARY}

# From this many elements an elementwise function is worth a second thread, and a kernel beats NumPy's ufunc; with a
# vector of channels, which NumPy takes one short row at a time, it does so much earlier.
LARGE, LARGE_WITH_CHANNELS = 1 << 17, 1 << 12

Axes = int | tuple[int, ...] | None


def float32(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A method that calls `kernel` for float32 arrays, in C order by a copy where they are not, else the reference.

    The positional arguments are the arrays. The kernel takes its results from `room(out, shape)`, so that they are
    `out` where that is possible; where not, they are copied to it here.
    """
    reference = getattr(Reference, kernel.__name__)

    @functools.wraps(reference)
    def method(self, *arrays, out=None, **parameters):
        dense = dense_float32(arrays)
        if dense is None:
            return reference(self, *arrays, out=out, **parameters)
        result = kernel(self, *dense, out=out, **parameters)
        return result if out is None or out is result else delivered(result, out)

    return method


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
            return super().pad(x, pad_width=pad_width, mode=mode, value=value, out=out)
        image, sides = padded_image(x.shape, pad_width)
        *sources, columns = [pad_source(n, *side, mode) for n, side in zip(image[1:-1], sides)]
        y = room(out, tuple([n + before + after for n, (before, after) in zip(x.shape, pad_width)]))
        _stream.pad(y, x.reshape(image), sources, columns, sides[-1][0], value)
        return y

    @float32
    def pad_backward(self, dy, *, pad_width, mode="constant", out=None):
        """A kernel for two neighbouring axes; others two by two, from the first one on."""
        first, last = split_sides(pad_width)
        if first is not None:
            dy = self.pad_backward(dy, pad_width=first, mode=mode)
            return self.pad_backward(dy, pad_width=last, mode=mode, out=out)
        shape = tuple([n - before - after for n, (before, after) in zip(dy.shape, pad_width)])
        dx = room(out, shape)
        image, sides = padded_image(shape, pad_width)
        grown = tuple([n + sum(side) for n, side in zip(image, ((0, 0), *sides, (0, 0)))])
        if mode == "constant":
            _stream.crop(dx.reshape(image), dy.reshape(grown), corner(sides))
        elif not dx.size:
            return super().pad_backward(dy, pad_width=pad_width, mode=mode, out=out)
        else:
            sources = [pad_source(n, *side, mode) for n, side in zip(image[1:3], sides)]
            _stream.pad_backward(dx.reshape(image), dy.reshape(grown), *sources, corner(sides))
        return dx

    @float32
    def max_pool(self, x, *, size, strides, padding, dilation=(1, 1), out=None):
        y = room(out, pooled_shape(x.shape, size, strides, padding, dilation))
        _stream.max_pool(y, x, (size, strides, dilation, corner(padding)))
        return y

    @float32
    def min_pool(self, x, *, size, strides, padding, dilation=(1, 1), out=None):
        y = room(out, pooled_shape(x.shape, size, strides, padding, dilation))
        _stream.min_pool(y, x, (size, strides, dilation, corner(padding)))
        return y

    @float32
    def max_pool_winners(self, x, *, size, strides, padding, dilation=(1, 1), out=None):
        shape = pooled_shape(x.shape, size, strides, padding, dilation)
        y, winners = rooms(out, shape, shape)
        _stream.max_pool(y, x, (size, strides, dilation, corner(padding)), winners)
        return y, winners

    @float32
    def min_pool_winners(self, x, *, size, strides, padding, dilation=(1, 1), out=None):
        shape = pooled_shape(x.shape, size, strides, padding, dilation)
        y, winners = rooms(out, shape, shape)
        _stream.min_pool(y, x, (size, strides, dilation, corner(padding)), winners)
        return y, winners

    @float32
    def extreme_pool_backward(self, dy, winners, *, input_shape, size, strides, padding, dilation=(1, 1), out=None):
        dx = room(out, tuple(input_shape))
        _stream.extreme_pool_backward(dx, dy, winners, (size, strides, dilation, corner(padding)))
        return dx

    @float32
    def average_pool(self, x, *, size, strides, padding, count_padding=False, out=None):
        y = room(out, pooled_shape(x.shape, size, strides, padding, (1, 1)))
        _stream.average_pool(y, x, (size, strides, (1, 1), corner(padding)), count_padding)
        return y

    @float32
    def average_pool_backward(self, dy, *, input_shape, size, strides, padding, count_padding=False, out=None):
        dx = room(out, tuple(input_shape))
        _stream.average_pool_backward(dx, dy, (size, strides, (1, 1), corner(padding)), count_padding)
        return dx

    # ---- activations ---------------------------------------------------------------------------------------------

    @float32
    def activate(self, x, *, activation, alpha=0.0, out=None):
        y = room(out, x.shape)
        _stream.activate(y, x, ACTIVATION_NUMBERS[activation], alpha)
        return y

    @float32
    def activate_backward(self, dy, y, *, activation, alpha=0.0, out=None):
        dx = room(out, y.shape)
        _stream.activate_backward(dx, dy, y, ACTIVATION_NUMBERS[activation], alpha)
        return dx

    @float32
    def gate(self, x, *, linear, cubic, out=None):
        y = room(out, x.shape)
        _stream.gate(y, x, linear, cubic)
        return y

    @float32
    def gate_backward(self, dy, x, *, linear, cubic, out=None):
        dx = room(out, x.shape)
        _stream.gate_backward(dx, dy, x, linear, cubic)
        return dx

    @float32
    def gelu(self, x, *, out=None):
        y = room(out, x.shape)
        _stream.elementwise("gelu", y, x)
        return y

    @float32
    def gelu_backward(self, dy, x, *, out=None):
        dx = room(out, x.shape)
        _stream.elementwise("gelu_backward", dx, dy, x)
        return dx

    @float32
    def softmax(self, x, *, out=None):
        y = room(out, x.shape)
        _stream.softmax(y, x, prod(x.shape[:-1]))
        return y

    @float32
    def softmax_backward(self, dy, y, *, out=None):
        dx = room(out, y.shape)
        _stream.softmax_backward(dx, dy, y, prod(y.shape[:-1]))
        return dx

    @float32
    def log_softmax(self, x, *, out=None):
        y = room(out, x.shape)
        _stream.log_softmax(y, x, prod(x.shape[:-1]))
        return y

    @float32
    def log_softmax_backward(self, dy, y, *, out=None):
        dx = room(out, y.shape)
        _stream.log_softmax_backward(dx, dy, y, prod(y.shape[:-1]))
        return dx

    # ---- fused losses: logits (M, K), one loss per row -----------------------------------------------------------

    @float32
    def softmax_cross_entropy(self, logits, target, *, out=None):
        loss = room(out, logits.shape[:-1])
        _stream.softmax_cross_entropy(loss, logits, target)
        return loss

    @float32
    def softmax_cross_entropy_backward(self, dloss, logits, target, *, out=None):
        d = room(out, logits.shape)
        _stream.softmax_cross_entropy_backward(d, dloss, logits, target)
        return d

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

    # ---- normalisation over all axes but the last ----------------------------------------------------------------

    @float32
    def batch_norm(self, x, gamma, beta, *, epsilon, out=None):
        results = rooms(out, x.shape, gamma.shape, gamma.shape)
        _stream.batch_norm(*results, x, gamma, beta, epsilon)
        return results

    @float32
    def batch_norm_backward(self, dy, x, mean, variance, gamma, *, epsilon, out=None):
        results = rooms(out, x.shape, gamma.shape, gamma.shape)
        _stream.batch_norm_backward(*results, dy, x, mean, variance, gamma, epsilon)
        return results

    @float32
    def normalize(self, x, mean, variance, gamma, beta, *, epsilon, out=None):
        y = room(out, x.shape)
        _stream.normalize(y, x, mean, variance, gamma, beta, epsilon)
        return y

    @float32
    def scale_shift(self, x, scale, shift, *, out=None):
        """A kernel for one scale and shift a channel; else the reference."""
        if not scale.shape == shift.shape == x.shape[-1:]:
            return super().scale_shift(x, scale, shift, out=out)
        y = room(out, x.shape)
        _stream.scale_shift(y, x, scale, shift)
        return y

    # ---- elementwise, reductions ---------------------------------------------------------------------------------

    def add(self, x, y, *, out=None):
        return self.elementwise(x, y, function="add", out=out)

    def multiply(self, x, y, *, out=None):
        return self.elementwise(x, y, function="multiply", out=out)

    def elementwise(self, *arrays, function, out=None):
        """A kernel for `_stream.UNARY` and `_stream.BINARY` on large arrays, of one shape or one of them a vector of
        channels or a number; else NumPy. Kernels give no warnings."""
        shape = streamed_shape(arrays) if function in TUNED[len(arrays)] else None
        if shape is None:
            return super().elementwise(*arrays, function=function, out=out)
        z = room(out, shape)
        _stream.elementwise(function, z, *map(contiguous, arrays))
        return z if out is None else delivered(z, out)

    @float32
    def sum(self, x, *, axis=None, keepdims=False, out=None):
        """A kernel over neighbouring axes; NumPy over others."""
        result = reduced("sum", x, axis, keepdims, out)
        return super().sum(x, axis=axis, keepdims=keepdims, out=out) if result is None else result

    @float32
    def mean(self, x, *, axis=None, keepdims=False, out=None):
        """A kernel over neighbouring axes; NumPy over others."""
        total = reduced("sum", x, axis, keepdims, out)
        if total is None:
            return super().mean(x, axis=axis, keepdims=keepdims, out=out)
        return np.multiply(total, np.float32(total.size / x.size), out=total)

    @float32
    def max(self, x, *, axis=None, keepdims=False, out=None):
        """A kernel over neighbouring axes; NumPy over others."""
        result = reduced("max", x, axis, keepdims, out)
        return super().max(x, axis=axis, keepdims=keepdims, out=out) if result is None else result

    @float32
    def min(self, x, *, axis=None, keepdims=False, out=None):
        """A kernel over neighbouring axes; NumPy over others."""
        result = reduced("min", x, axis, keepdims, out)
        return super().min(x, axis=axis, keepdims=keepdims, out=out) if result is None else result

    # ---- random --------------------------------------------------------------------------------------------------

    def dropout(self, x, seed, *, rate, out=None):
        """The bits of the reference."""
        if not is_float32(x):
            return super().dropout(x, seed, rate=rate, out=out)
        y = room(out, x.shape)
        _stream.dropout(y, contiguous(x), int(seed[0]), rate)
        return y if out is None else delivered(y, out)

    # ---- optimizers: `out` may be the very arrays that are updated -----------------------------------------------

    def update(self, w, dw, *states_and_scalars, rule, constants, out=None):
        *states, scalars = states_and_scalars
        if not is_float32(w, dw, *states):
            return super().update(w, dw, *states_and_scalars, rule=rule, constants=constants, out=out)
        out = out if out is None or states else (out,)
        results = rooms(out, w.shape, *(state.shape for state in states))
        old = tuple(map(contiguous, (w, dw, *states)))
        _stream.update(rule, tuple(results), old, np.asarray(scalars, np.float32), constants)
        return results if out is None else delivered(results, out)


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


@functools.lru_cache(maxsize=1024)
def pooled_shape(shape: tuple[int, ...], size: Pair, strides: Pair, padding: Sides, dilation: Pair) -> tuple[int, ...]:
    """(N, OH, OW, C) of images (N, H, W, C)."""
    grown = [n + sum(sides) for n, sides in zip(shape[1:3], padding)]
    return (shape[0], *output_size(grown, size, strides, dilation), shape[3])


def streamed_shape(arrays: tuple[Array, ...]) -> tuple[int, ...] | None:
    """The shape of what a kernel makes of `arrays`, element by element; None where NumPy is the better choice."""
    if not is_float32(*arrays):
        return None
    *small, large = sorted(arrays, key=lambda array: array.size)
    if not small or small[0].shape == large.shape:
        return large.shape if large.size >= LARGE else None
    if small[0].ndim > large.ndim:
        return None
    if small[0].size == 1:
        return large.shape if large.size >= LARGE else None
    channels = small[0].size == small[0].shape[-1] == large.shape[-1]
    return large.shape if channels and large.size >= LARGE_WITH_CHANNELS else None


def reduced(kind: str, x: Array, axis: Axes, keepdims: bool, out: Array | None) -> Array | None:
    """The sum, max or min over axes that follow one another in x, which is not empty; else None."""
    sizes = reduced_sizes(x.shape, axis, keepdims)
    if sizes is None:
        return None
    shape, outer, inner = sizes
    y = room(out, shape)
    _stream.reduce(kind, y, x, outer, inner)
    return y


@functools.lru_cache(maxsize=1024)
def reduced_sizes(shape: tuple[int, ...], axis: Axes, keepdims: bool) -> tuple[tuple[int, ...], int, int] | None:
    """(the shape of the result, elements before the axes, those behind them); None where the axes do not follow one
    another, or nothing is reduced."""
    axes = axes_of(axis, len(shape))
    if not (prod(shape) and axes) or axes != tuple(range(len(shape)))[axes[0] : axes[-1] + 1]:
        return None
    result = tuple(1 if i in axes else n for i, n in enumerate(shape) if keepdims or i not in axes)
    return result, prod(shape[: axes[0]]), prod(shape[axes[-1] + 1 :])


def axes_of(axis: Axes, ndim: int) -> tuple[int, ...]:
    """`axis`, one, several or None for all, counted from the front and in order."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple(sorted(a + ndim if a < 0 else a for a in axes))


def int64(labels: Array) -> Array:
    """`labels` of any integer dtype as the kernels take them."""
    return contiguous(labels.astype(np.int64, copy=False))
