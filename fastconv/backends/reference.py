"""The contract of every kernel as plain array code. `cpu` and `gpu` override it, and their tests compare with it.

Arrays are channels last: activations ``x (N, H, W, CI)``, kernels ``w (KH, KW, CI/groups, CO)``, outputs
``y (N, OH, OW, CO)``. ``d`` before a name is the gradient of a scalar with respect to it. Sizes, strides, padding and
dilation are in a record of `fastconv.geometry`; convolutions have one to three spatial axes. Every method takes
``out``, the array (or tuple of arrays) that receives the result; if it is None, a new array is returned. `ops` has
checked the arguments.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from fastconv.backends import formulas
from fastconv.backends.launch import Backend
from fastconv.backends.updates import step
from fastconv.geometry import Convolution, Pooling
from fastconv.typing import Array, ArrayModule, Shape

Pair = tuple[int, int]
Sides = tuple[Pair, ...]
Axes = int | tuple[int, ...] | None  # of a reduction; None for all axes
Out = Array | None  # the array that receives the result; None for a new one

NO_INTEGER = -(2**63)  # stands for a class index or position that is not an integer, on a GPU
COUNTED_AT_ONCE = 1 << 20  # comparisons of elements with thresholds or classes; bounds the memory of counts


def deliver(result: Array, out: Out) -> Array:
    """Return `result`, or `out` filled with it."""
    if out is None:
        return result
    out[...] = result
    return out


def normalized_axes(axis: Axes, ndim: int) -> tuple[int, ...]:
    """Return `axis`, one, several or None for all, counted from the front and in order."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple(sorted(a + ndim if a < 0 else a for a in axes))


TapSlices = tuple[Shape, tuple[slice, ...], tuple[slice, ...]]


def axis_tap_slices(
    inputs: int, outputs: int, size: int, stride: int, sides: Pair, dilation: int
) -> list[tuple[int, slice, slice]]:
    """Return (tap, inputs, outputs) of one axis for each tap that meets inputs: these inputs, and their outputs."""
    found = []
    for tap in range(size):
        start = tap * dilation - sides[0]
        first, end = max(-(start // stride), 0), min((inputs - 1 - start) // stride + 1, outputs)
        if first < end:
            read = slice(start + first * stride, start + (end - 1) * stride + 1, stride)
            found.append((tap, read, slice(first, end)))
    return found


def tap_slices(c: Convolution | Pooling) -> list[TapSlices]:
    """Return (tap, part of x (N, .., C), part of y (N, .., C)) for every tap of a window that meets inputs."""
    axes = map(axis_tap_slices, c.inputs, c.outputs, c.size, c.strides, c.padding, c.dilation)
    every = slice(None)
    return [
        (tap, (every, *reads), (every, *writes)) for tap, reads, writes in (zip(*meeting) for meeting in product(*axes))
    ]


class Reference(Backend):
    """Plain array code over `xp`, NumPy or CuPy."""

    def __init__(self, xp: ArrayModule) -> None:
        self.xp = xp

    # ---- convolution ---------------------------------------------------------------------------------------------

    def conv(
        self,
        x: Array,
        w: Array,
        bias: Array | None = None,
        residual: Array | None = None,
        *,
        convolution: Convolution,
        activation: str | None = None,
        alpha: float = 0.0,
        out: Out = None,
    ) -> Array:
        """y[n, oh, ow, co] = f(bias[co] + sum over kh, kw, ci of x[n, oh SH + kh DH - top, ...] w[kh, kw, ci, co]).

        If there is a residual, it is added to the sum with its bias, before f. `out` must not share its memory.
        """
        c, ci = convolution, w.shape[-2]
        grouped = x.reshape(*x.shape[:-1], c.groups, ci)  # N H W G CI
        y = self.xp.zeros((*c.output_shape[:-1], c.groups, w.shape[-1] // c.groups), x.dtype)
        for tap, read, written in tap_slices(c):
            kernel = w[tap].reshape(ci, c.groups, -1)
            y[written] += self.xp.einsum("...gi,igo->...go", grouped[read], kernel, optimize=True)
        return self._finish(y.reshape(c.output_shape), bias, activation, alpha, out, residual)

    def conv_depthwise(
        self,
        x: Array,
        w: Array,
        bias: Array,
        depthwise_kernel: Array,
        depthwise_bias: Array,
        *,
        convolution: Convolution,
        activation: str | None = None,
        alpha: float = 0.0,
        depthwise_convolution: Convolution,
        depthwise_activation: str | None = None,
        depthwise_alpha: float = 0.0,
        out: Out = None,
    ) -> Array:
        """Return conv(conv(x, w, bias), depthwise_kernel, depthwise_bias), each with its activation."""
        middle = self.conv(x, w, bias, convolution=convolution, activation=activation, alpha=alpha)
        return self.conv(
            middle,
            depthwise_kernel,
            depthwise_bias,
            convolution=depthwise_convolution,
            activation=depthwise_activation,
            alpha=depthwise_alpha,
            out=out,
        )

    def conv_backward_input(
        self,
        dy: Array,
        w: Array,
        bias: Array | None = None,
        *,
        convolution: Convolution,
        activation: str | None = None,
        alpha: float = 0.0,
        out: Out = None,
    ) -> Array:
        """dx = f(bias + C^T dy), with the matrix C of conv(x, w) = C x."""
        c, ci = convolution, w.shape[-2]
        dx = self.xp.zeros((*c.input_shape[:-1], c.groups, ci), dy.dtype)
        grouped = dy.reshape(*dy.shape[:-1], c.groups, dy.shape[-1] // c.groups)  # N OH OW G CO
        for tap, written, read in tap_slices(c):
            kernel = w[tap].reshape(ci, c.groups, -1)
            dx[written] += self.xp.einsum("...go,igo->...gi", grouped[read], kernel, optimize=True)
        return self._finish(dx.reshape(c.input_shape), bias, activation, alpha, out)

    def conv_backward_kernel(self, x: Array, dy: Array, *, convolution: Convolution, out: Out = None) -> Array:
        """dw[kh, kw, ci, co] = sum over n, oh, ow of x[n, oh*SH + kh*DH - top, ...] * dy[n, oh, ow, co]."""
        c, (ci, co) = convolution, convolution.kernel_shape[-2:]
        dw = self.xp.zeros(c.kernel_shape, x.dtype)
        for tap, x_part, dy_part in tap_slices(c):
            patch = x[x_part].reshape(-1, c.groups, ci)  # (N OH OW) G CI
            grouped = dy[dy_part].reshape(-1, c.groups, co // c.groups)  # (N OH OW) G CO
            dw[tap] = self.xp.einsum("pgi,pgo->igo", patch, grouped, optimize=True).reshape(ci, co)
        return deliver(dw, out)

    def matmul(
        self,
        a: Array,
        b: Array,
        bias: Array | None = None,
        *,
        transpose_a: bool = False,
        transpose_b: bool = False,
        activation: str | None = None,
        alpha: float = 0.0,
        out: Out = None,
    ) -> Array:
        """act(bias + op(a) op(b)), with op swapping the last two axes of a transposed factor."""
        a = self.xp.swapaxes(a, -1, -2) if transpose_a else a
        b = self.xp.swapaxes(b, -1, -2) if transpose_b else b
        return self._finish(self.xp.matmul(a, b), bias, activation, alpha, out)

    def _finish(
        self,
        y: Array,
        bias: Array | None,
        activation: str | None,
        alpha: float,
        out: Out,
        residual: Array | None = None,
    ) -> Array:
        """Apply the epilogue of conv and matmul: bias, residual, activation, output."""
        y = y if bias is None else y + bias
        y = y if residual is None else y + residual
        return deliver(y if activation is None else formulas.activate(self.xp, y, activation, alpha), out)

    # ---- padding and pooling -------------------------------------------------------------------------------------

    def pad(self, x: Array, *, pad_width: Sides, mode: str = "constant", value: float = 0.0, out: Out = None) -> Array:
        """x extended on every axis by pad_width[axis] = (before, after), as by numpy.pad; see ops.pad for the modes."""
        extra = {"constant_values": value} if mode == "constant" else {}
        return deliver(self.xp.pad(x, pad_width, mode=mode, **extra), out)

    def pad_backward(self, dy: Array, *, pad_width: Sides, mode: str = "constant", out: Out = None) -> Array:
        """dx: every element of dy is added to the element of x of which it is a copy (none for a constant)."""
        for axis, (before, after) in enumerate(pad_width):
            n = dy.shape[axis] - before - after
            rows = self.xp.moveaxis(dy, axis, 0)
            dx = rows[before : before + n].copy()
            if mode != "constant":
                source = self.xp.pad(self.xp.arange(n), (before, after), mode=mode).tolist()
                for i in [*range(before), *range(before + n, before + n + after)]:
                    dx[source[i]] += rows[i]
            dy = self.xp.moveaxis(dx, 0, axis)
        return deliver(dy, out)

    def subsample(self, x: Array, *, strides: Shape, out: Out = None) -> Array:
        """y[n, oh, ow, c] = x[n, oh SH, ow SW, c], with a stride for each axis, that of n and c included."""
        part = x[tuple([slice(None, None, s) for s in strides])]
        return part.copy() if out is None else deliver(part, out)

    def max_pool(self, x: Array, *, pooling: Pooling, out: Out = None) -> Array:
        """y[n, oh, ow, c] = the maximum of the window. Padding is never the maximum; a NaN in the window gives NaN."""
        return deliver(self._extreme_pool(-self.xp.inf, x, pooling)[0], out)

    def min_pool(self, x: Array, *, pooling: Pooling, out: Out = None) -> Array:
        """y[n, oh, ow, c] = the minimum of the window. Padding is never the minimum; a NaN in the window gives NaN."""
        return deliver(self._extreme_pool(self.xp.inf, x, pooling)[0], out)

    def max_pool_argmax(self, x: Array, *, pooling: Pooling, out: Out = None) -> tuple[Array, ...]:
        """(max_pool(x), the number kh KW + kw of the first tap of each window that equals y, or is NaN if y is NaN).

        If a window lies in the padding only, its number is -1. Numbers are int32.
        """
        results = self._extreme_pool(-self.xp.inf, x, pooling)
        return tuple(deliver(r, o) for r, o in zip(results, out or (None,) * 2))

    def min_pool_argmax(self, x: Array, *, pooling: Pooling, out: Out = None) -> tuple[Array, ...]:
        """(min_pool(x), the argmax as for `max_pool_argmax`)."""
        results = self._extreme_pool(self.xp.inf, x, pooling)
        return tuple(deliver(r, o) for r, o in zip(results, out or (None,) * 2))

    def _extreme_pool(self, initial: float, x: Array, pooling: Pooling) -> tuple[Array, Array]:
        limits = np.iinfo(x.dtype) if x.dtype.kind in "iu" else None
        worst = initial if limits is None else limits.min if initial < 0 else limits.max
        y = self.xp.full(pooling.output_shape, worst, x.dtype)
        argmax = self.xp.full(y.shape, -1, self.xp.int32)
        for tap, read, written in tap_slices(pooling):
            new, best, best_tap = x[read], y[written], argmax[written]
            better = new > best if initial < 0 else new < best
            here = (better | (best_tap < 0) | self.xp.isnan(new)) & ~self.xp.isnan(best)
            y[written] = self.xp.where(here, new, best)
            argmax[written] = self.xp.where(here, self.xp.int32(tap[0] * pooling.size[1] + tap[1]), best_tap)
        return y, argmax

    def extreme_pool_backward(self, dy: Array, argmax: Array, *, pooling: Pooling, out: Out = None) -> Array:
        """dx: each dy is added to the element of its window with the number in `argmax`."""
        dx = self.xp.zeros(pooling.input_shape, dy.dtype)
        for tap, written, read in tap_slices(pooling):
            dx[written] += self.xp.where(argmax[read] == tap[0] * pooling.size[1] + tap[1], dy[read], 0)
        return deliver(dx, out)

    def average_pool(self, x: Array, *, pooling: Pooling, count_padding: bool = False, out: Out = None) -> Array:
        """y[n, oh, ow, c] = the mean of the window, over its size or over the part of it inside x."""
        y = self.xp.zeros(pooling.output_shape, x.dtype)
        for _, read, written in tap_slices(pooling):
            y[written] += x[read]
        return deliver(y / self._window_counts(pooling, count_padding, x.dtype), out)

    def average_pool_backward(
        self, dy: Array, *, pooling: Pooling, count_padding: bool = False, out: Out = None
    ) -> Array:
        """dx: each dy, divided by the count of its window, added to every element of the window."""
        quotients = dy / self._window_counts(pooling, count_padding, dy.dtype)
        dx = self.xp.zeros(pooling.input_shape, dy.dtype)
        for _, written, read in tap_slices(pooling):
            dx[written] += quotients[read]
        return deliver(dx, out)

    def _window_counts(self, pooling: Pooling, count_padding: bool, dtype: Any) -> Array:
        """(1, OH, OW, 1): the number of elements that each window averages, at least one."""
        if count_padding:
            return self.xp.full((1, 1, 1, 1), prod(pooling.size), dtype)
        total = self.xp.zeros((1, *pooling.outputs, 1), dtype)
        for _, _, written in tap_slices(pooling):
            total[written] += 1
        return self.xp.maximum(total, 1)

    # ---- activations ---------------------------------------------------------------------------------------------

    def activate(self, x: Array, *, activation: str, alpha: float = 0.0, out: Out = None) -> Array:
        """y = f(x) for a name in EPILOGUES."""
        return deliver(formulas.activate(self.xp, x, activation, alpha), out)

    def activate_backward(self, dy: Array, y: Array, *, activation: str, alpha: float = 0.0, out: Out = None) -> Array:
        """dx = dy f'(x) for a name in ACTIVATIONS, with f' written in terms of y = f(x)."""
        return deliver(formulas.activate_backward(self.xp, dy, y, activation, alpha), out)

    def gate(self, x: Array, *, linear: float, cubic: float, out: Out = None) -> Array:
        """y = x sigmoid(p), with p = x (linear + cubic x^2)."""
        return deliver(formulas.gate(self.xp, x, linear, cubic), out)

    def gate_backward(self, dy: Array, x: Array, *, linear: float, cubic: float, out: Out = None) -> Array:
        """dx = dy s (1 + x (1 - s) p'), with s = sigmoid(p)."""
        return deliver(formulas.gate_backward(self.xp, dy, x, linear, cubic), out)

    def gelu(self, x: Array, *, out: Out = None) -> Array:
        """y = x P(x), with the standard normal cumulative distribution function P(x) = erfc(-x / sqrt(2)) / 2."""
        return deliver(formulas.gelu(self.xp, x), out)

    def gelu_backward(self, dy: Array, x: Array, *, out: Out = None) -> Array:
        """dx = dy (P(x) + x p(x)), with the density p(x) = exp(-x^2/2) / sqrt(2 pi)."""
        return deliver(formulas.gelu_backward(self.xp, dy, x), out)

    def smooth(self, x: Array, *, function: str, constants: tuple = (), out: Out = None) -> Array:
        """y = f(x) for a name in SMOOTH."""
        return deliver(formulas.smooth(self.xp, x, function, constants), out)

    def softmax(self, x: Array, *, out: Out = None) -> Array:
        """y = exp(x) / sum(exp(x)) along the last axis, with the maximum subtracted first."""
        e = self.xp.exp(x - x.max(axis=-1, keepdims=True))
        return deliver(e / e.sum(axis=-1, keepdims=True), out)

    def softmax_backward(self, dy: Array, y: Array, *, out: Out = None) -> Array:
        """dx = y (dy - sum(dy y))."""
        return deliver(y * (dy - (dy * y).sum(axis=-1, keepdims=True)), out)

    def log_softmax(self, x: Array, *, out: Out = None) -> Array:
        """y = x - log(sum(exp(x))) along the last axis, with the maximum subtracted first."""
        shifted = x - x.max(axis=-1, keepdims=True)
        first = shifted == 0
        rest = self.xp.where(first, x.dtype.type(0), self.xp.exp(shifted)).sum(axis=-1, keepdims=True)
        count = first.sum(axis=-1, keepdims=True, dtype=x.dtype)  # the rest may be small in comparison
        return deliver(shifted - self.xp.log1p(count - 1 + rest), out)

    def log_softmax_backward(self, dy: Array, y: Array, *, out: Out = None) -> Array:
        """dx = dy - exp(y) sum(dy)."""
        return deliver(dy - self.xp.exp(y) * dy.sum(axis=-1, keepdims=True), out)

    # ---- fused losses: one loss per logit --------------------------------------------------------------------------

    def sigmoid_loss(self, x: Array, target: Array, *, out: Out = None) -> Array:
        """loss = log(1 + e^x) - target x, accurate for small losses."""
        return deliver(formulas.sigmoid_loss(self.xp, x, target), out)

    def sigmoid_loss_slope(self, x: Array, target: Array, *, out: Out = None) -> Array:
        """The derivative of `sigmoid_loss`: sigmoid(x) - target, accurate for small slopes."""
        return deliver(formulas.sigmoid_loss_slope(self.xp, x, target), out)

    # ---- fused losses: logits (M, K), one loss per row -----------------------------------------------------------

    def softmax_cross_entropy(self, logits: Array, target: Array, *, out: Out = None) -> Array:
        """loss[m] = -sum over k of target[m, k] log_softmax(logits)[m, k]; terms with target 0 are 0."""
        logarithms = self.xp.where(target == 0, target.dtype.type(0), self.log_softmax(logits))
        return deliver(-(target * logarithms).sum(axis=-1), out)

    def softmax_cross_entropy_backward(self, dloss: Array, logits: Array, target: Array, *, out: Out = None) -> Array:
        """dlogits = (softmax(logits) sum(target) - target) dloss."""
        total = target.sum(axis=-1, keepdims=True)
        return deliver((self.softmax(logits) * total - target) * dloss[..., None], out)

    def sparse_softmax_cross_entropy(self, logits: Array, target: Array, *, out: Out = None) -> Array:
        """loss[m] = -log_softmax(logits)[m, target[m]]. Raises ValueError if a label is outside [0, K)."""
        check_labels(target, logits.shape[-1])
        return deliver(-self.log_softmax(logits)[self.xp.arange(len(target)), target], out)

    def sparse_softmax_cross_entropy_backward(
        self, dloss: Array, logits: Array, target: Array, *, out: Out = None
    ) -> Array:
        """dlogits = (softmax(logits) - one_hot(target)) dloss. Raises ValueError if a label is outside [0, K)."""
        check_labels(target, logits.shape[-1])
        d = self.softmax(logits)
        d[self.xp.arange(len(target)), target] -= 1
        return deliver(d * dloss[:, None], out)

    # ---- normalisation over all axes but the last ----------------------------------------------------------------

    def batch_norm(self, x: Array, gamma: Array, beta: Array, *, epsilon: float, out: Out = None) -> tuple[Array, ...]:
        """(y, mean, variance): y = gamma (x - mean) / sqrt(variance + epsilon) + beta with the statistics of x."""
        rows = x.reshape(-1, x.shape[-1])
        mean, variance = rows.mean(axis=0), rows.var(axis=0)
        y = formulas.normalize(self.xp, x, mean, variance, gamma, beta, epsilon)
        return tuple(deliver(r, o) for r, o in zip((y, mean, variance), out or (None,) * 3))

    def batch_norm_backward(
        self, dy: Array, x: Array, mean: Array, variance: Array, gamma: Array, *, epsilon: float, out: Out = None
    ) -> tuple[Array, ...]:
        """(dx, dgamma, dbeta) of y; Ioffe and Szegedy 2015, section 3."""
        axes = tuple(range(x.ndim - 1))
        normal = (x - mean) * (1 / self.xp.sqrt(variance + epsilon))
        dbeta, dgamma = dy.sum(axis=axes), (dy * normal).sum(axis=axes)
        n = x.size // x.shape[-1]
        dx = formulas.normal_backward(self.xp, dy, x, mean, variance, gamma, dgamma, dbeta, epsilon, n)
        return tuple(deliver(r, o) for r, o in zip((dx, dgamma, dbeta), out or (None,) * 3))

    def batch_norm_activate(
        self, x: Array, gamma: Array, beta: Array, *, epsilon: float, activation: str, alpha: float = 0.0,
        out: Out = None,
    ) -> tuple[Array, ...]:  # fmt: skip
        """(y, mean, variance, scale, shift): y = f((x - mean) scale + shift), with a name f in PIECEWISE.

        Without f it is `batch_norm`.
        """
        rows = x.reshape(-1, x.shape[-1])
        mean, variance = rows.mean(axis=0), rows.var(axis=0)
        scale, shift = formulas.scale_and_shift(self.xp, variance, gamma, beta, epsilon)
        y = formulas.normalize_activate(self.xp, x, mean, scale, shift, activation, alpha)
        return tuple(deliver(r, o) for r, o in zip((y, mean, variance, scale, shift), out or (None,) * 5))

    def batch_norm_activate_backward(
        self, dy: Array, x: Array, mean: Array, variance: Array, gamma: Array, scale: Array, shift: Array, *,
        epsilon: float, activation: str, alpha: float = 0.0, out: Out = None,
    ) -> tuple[Array, ...]:  # fmt: skip
        """(dx, dgamma, dbeta) of the y of `batch_norm_activate`."""
        dh = formulas.normalize_activate_backward(self.xp, dy, x, mean, scale, shift, activation, alpha)
        return self.batch_norm_backward(dh, x, mean, variance, gamma, epsilon=epsilon, out=out)

    def normalize(
        self,
        x: Array,
        mean: Array,
        variance: Array,
        gamma: Array,
        beta: Array,
        *,
        epsilon: float,
        activation: str | None = None,
        alpha: float = 0.0,
        out: Out = None,
    ) -> Array:
        """y = f(gamma (x - mean) / sqrt(variance + epsilon) + beta) with given statistics."""
        y = formulas.normalize(self.xp, x, mean, variance, gamma, beta, epsilon, activation, alpha)
        return deliver(y, out)

    def standardize(self, x: Array, *, epsilon: float, out: Out = None) -> tuple[Array, ...]:
        """(y, inverse): y = (x - mean) inverse along the last axis, with inverse = 1 / sqrt(variance + epsilon).

        The mean is subtracted, and then the mean of the differences, which is the rounding error of the first mean.
        """
        distance = x - self.mean(x, axis=(-1,), keepdims=True)
        distance = distance - self.mean(distance, axis=(-1,), keepdims=True)
        variance = self.mean(distance * distance, axis=(-1,), keepdims=True)
        inverse = 1 / self.xp.sqrt(variance + epsilon)
        return tuple(deliver(r, o) for r, o in zip((distance * inverse, inverse), out or (None,) * 2))

    def standardize_backward(self, dy: Array, y: Array, inverse: Array, *, out: Out = None) -> Array:
        """dx = inverse (dy - mean(dy) - y mean(dy y)) along the last axis."""
        offset, slope = (self.mean(a, axis=(-1,), keepdims=True) for a in (dy, dy * y))
        return deliver((dy - offset - y * slope) * inverse, out)

    def scale_shift(self, x: Array, scale: Array, shift: Array, *, out: Out = None) -> Array:
        """y[..., c] = x[..., c] scale[c] + shift[c]."""
        return deliver(formulas.scale_shift(self.xp, x, scale, shift), out)

    # ---- elementwise, reductions ---------------------------------------------------------------------------------

    def add(self, x: Array, y: Array, *, out: Out = None) -> Array:
        """x + y, broadcast as NumPy does."""
        return self.xp.add(x, y, out=out)

    def multiply(self, x: Array, y: Array, *, out: Out = None) -> Array:
        """x y, broadcast as NumPy does."""
        return self.xp.multiply(x, y, out=out)

    def sum(self, x: Array, *, axis: tuple[int, ...] | None = None, keepdims: bool = False, out: Out = None) -> Array:
        """The sum over `axis`, a tuple of axes, or None for all axes."""
        return deliver(self.xp.sum(x, axis=axis, keepdims=keepdims), out)

    def mean(self, x: Array, *, axis: tuple[int, ...] | None = None, keepdims: bool = False, out: Out = None) -> Array:
        """The arithmetic mean over `axis`; NaN if there are no elements."""
        if x.size:
            return deliver(self.xp.mean(x, axis=axis, keepdims=keepdims), out)
        return deliver(self.xp.sum(x, axis=axis, keepdims=keepdims) * x.dtype.type(self.xp.nan), out)

    def moments(self, x: Array, *, axis: tuple[int, ...] | None = None, out: Out = None) -> tuple[Array, ...]:
        """(mean, variance) over `axis`, with reduced axes of size 1, from the distances to the rounded mean.

        The mean of these distances corrects both.
        """
        center = self.mean(x, axis=axis, keepdims=True)
        distance = self.elementwise(x, center, function="subtract")
        rest = self.mean(distance, axis=axis, keepdims=True)
        square = self.mean(self.multiply(distance, distance), axis=axis, keepdims=True)
        correction = self.xp.minimum(rest * rest, self.xp.finfo(x.dtype).max)  # the square may be infinite
        results = center + rest, self.xp.maximum(square - correction, 0)
        return tuple(deliver(r, o) for r, o in zip(results, out or (None,) * 2))

    def elementwise(self, *arrays: Array, function: str, out: Out = None) -> Array:
        """Apply the ufunc named `function`."""
        return getattr(self.xp, function)(*arrays, out=out)

    def max(self, x: Array, *, axis: tuple[int, ...] | None = None, keepdims: bool = False, out: Out = None) -> Array:
        """The maximum over `axis`; NaN propagates."""
        return deliver(self.xp.max(x, axis=axis, keepdims=keepdims), out)

    def min(self, x: Array, *, axis: tuple[int, ...] | None = None, keepdims: bool = False, out: Out = None) -> Array:
        """The minimum over `axis`; NaN propagates."""
        return deliver(self.xp.min(x, axis=axis, keepdims=keepdims), out)

    def indices(self, x: Array, *, out: Out = None) -> Array:
        """Floats as int64. Raises ValueError if a number is not an integer."""
        fits = (x == self.xp.floor(x)) & (abs(x) < 2.0**63)
        if not fits.all():
            raise no_integer(x, int(fits.argmin()))
        return deliver(x.astype("int64"), out)

    def argmax(self, x: Array, *, axis: int | None = None, out: Out = None) -> Array:
        """The position of the first maximum along an axis, or of the flattened array."""
        return deliver(self.xp.argmax(x, axis=axis), out)

    def argsort(self, x: Array, *, axis: int, out: Out = None) -> Array:
        """The positions that sort the elements along an axis in ascending order. Equal elements keep their order."""
        return deliver(self.xp.argsort(x, axis=axis, kind="stable"), out)

    def threshold_counts(self, x: Array, real: Array, weights: Array, thresholds: Array, *, out: Out = None) -> Array:
        """Weighted counts of false positives, true positives, true negatives, false negatives: (4, thresholds, K)."""
        xp, weights = self.xp, weights.astype("float64")
        sides = xp.stack([xp.where(real == 0, weights, 0), xp.where(real == 0, 0, weights)])[:, None]  # (2, 1, N, K)
        step, counts = max(1, COUNTED_AT_ONCE // max(1, x.size)), []
        for first in range(0, len(thresholds), step):
            above = x > thresholds[first : first + step, None, None]  # (step, N, K)
            counts.append(xp.concatenate([xp.where(above, sides, 0).sum(2), xp.where(above, 0, sides).sum(2)]))
        return deliver(xp.concatenate(counts, axis=1), out)

    def confusion_matrix(self, real: Array, called: Array, weights: Array, *, classes: int, out: Out = None) -> Array:
        """matrix[i, j] = sum of the weights with real = i and called = j. Other indices are not counted."""
        xp, numbers, matrix = self.xp, self.xp.arange(classes), self.xp.zeros((classes, classes), "float64")
        step = max(1, COUNTED_AT_ONCE // classes)
        for first in range(0, len(real), step):
            part = slice(first, first + step)
            rows = xp.where(real[part, None] == numbers, weights[part, None].astype("float64"), 0)
            matrix += rows.T @ (called[part, None] == numbers).astype("float64")
        return deliver(matrix, out)

    def where(self, condition: Array, x: Array, y: Array, *, out: Out = None) -> Array:
        """x where `condition` holds, else y."""
        return deliver(self.xp.where(condition, x, y), out)

    def cast(self, x: Array, *, dtype: str, out: Out = None) -> Array:
        """x with elements of another dtype."""
        return deliver(self.xp.asarray(x).astype(dtype), out)

    # ---- moving elements -----------------------------------------------------------------------------------------

    def concatenate(self, *xs: Array, axis: int, out: Out = None) -> Array:
        """The arrays joined along `axis`."""
        return deliver(self.xp.concatenate(xs, axis=axis), out)

    def part_backward(self, dy: Array, *, key: tuple, input_shape: Shape, out: Out = None) -> Array:
        """dx of y = x[key]: dy at its positions, zeros elsewhere. A slice in `key` is written (start, stop, step)."""
        dx = self.xp.zeros(input_shape, dy.dtype)
        dx[tuple(slice(*k) if isinstance(k, tuple) else k for k in key)] = dy
        return deliver(dx, out)

    def take(self, x: Array, indices: Array, *, axis: int, out: Out = None) -> Array:
        """The elements of x at `indices` along `axis`."""
        return deliver(self.xp.take(x, indices, axis=axis), out)

    def take_backward(self, dy: Array, indices: Array, *, axis: int, input_shape: Shape, out: Out = None) -> Array:
        """dx of y = take(x, indices): every element of dy is added at the position from which it was taken."""
        dx = self.xp.zeros(input_shape, dy.dtype)
        self.xp.add.at(dx, (slice(None),) * axis + (indices,), dy)
        return deliver(dx, out)

    def take_along_axis(self, x: Array, indices: Array, *, axis: int, out: Out = None) -> Array:
        """The elements of x at `indices` along `axis`; the other axes of both broadcast."""
        return deliver(self.xp.take_along_axis(x, indices, axis=axis), out)

    def take_along_axis_backward(
        self, dy: Array, indices: Array, *, axis: int, input_shape: Shape, out: Out = None
    ) -> Array:
        """dx of y = take_along_axis(x, indices): dy is added at the positions from which it was taken."""
        dx = self.xp.zeros(input_shape, dy.dtype)
        grid = [self.xp.arange(n).reshape(-1, *(1,) * (dx.ndim - a - 1)) for a, n in enumerate(input_shape)]
        self.xp.add.at(dx, (*grid[:axis], indices, *grid[axis + 1 :]), dy)
        return deliver(dx, out)

    # ---- images --------------------------------------------------------------------------------------------------

    def affine_transform(
        self, x: Array, transform: Array, *, nearest: bool, fill: str, value: float, out: Out = None
    ) -> Array:
        """y[n, h, w] = x[n] at row t3 w + t4 h + t5 and column t0 w + t1 h + t2, with t = transform[n].

        Between pixels, the four neighbours are interpolated, or the nearest is taken. `fill` defines the values beyond
        the border, with SciPy's names. "nearest", "reflect", "mirror", "grid-wrap" and "wrap" continue the image.
        "constant" gives `value` at any position beyond the outermost pixel centres, "grid-constant" at each pixel
        outside.
        """
        t = transform.astype("float64")[:, :, None, None]
        h, w = self.xp.arange(x.shape[1])[:, None], self.xp.arange(x.shape[2])
        rows = axis_taps(self.xp, t[:, 5] + h * t[:, 4] + w * t[:, 3], x.shape[1], nearest, fill)
        columns = axis_taps(self.xp, t[:, 2] + h * t[:, 1] + w * t[:, 0], x.shape[2], nearest, fill)
        images = self.xp.arange(x.shape[0])[:, None, None]
        y = self.xp.zeros_like(x)
        for (row, down), (column, right) in product(rows, columns):
            pixels = x[images, self.xp.maximum(row, 0), self.xp.maximum(column, 0)]
            outside, share = ((row < 0) | (column < 0))[..., None], (down * right)[..., None].astype(x.dtype)
            pixels = self.xp.where(outside, x.dtype.type(value), pixels)
            y += self.xp.where(share == 0, x.dtype.type(0), pixels) * share  # 0 times infinity or NaN is NaN
        return deliver(y, out)

    def resample(self, x: Array, w: Array, back_w: Array, first: Array, back_first: Array, *, out: Out = None) -> Array:
        """y[m, o] = sum over t of w[o, t] x[m, first[o] + t]; taps of weight 0 are not read.

        back_w and back_first describe the transposed matrix, by which the gradient resamples.
        """
        y = self.xp.zeros((x.shape[0], len(first), x.shape[2]), x.dtype)
        for t in range(w.shape[1]):
            share = w[:, t, None]
            y += self.xp.where(share == 0, x.dtype.type(0), x[:, first + t]) * share
        return deliver(y, out)

    def flip_some(self, x: Array, flips: Array, *, axes: tuple[int, ...], out: Out = None) -> Array:
        """y[n] = x[n] in reverse order along `axes` if flips[n], else x[n]."""
        return deliver(self.xp.where(flips[:, None, None, None], self.xp.flip(x, axes), x), out)

    def crop_at(self, x: Array, starts: Array, *, size: Pair, out: Out = None) -> Array:
        """y = x[:, row : row + height, column : column + width], with starts = (row, column)."""
        (row, column), (height, width) = map(int, starts), size
        y = x[:, row : row + height, column : column + width]
        return y.copy() if out is None else deliver(y, out)

    def stretch(self, x: Array, scale: Array, shift: Array, *, low: float, high: float, out: Out = None) -> Array:
        """y[n, p, c] = min(max(x[n, p, c] scale[n] + shift[n, c], low), high)."""
        return deliver(formulas.stretch(self.xp, x, scale[:, None, None], shift[:, None], low, high), out)

    # ---- random --------------------------------------------------------------------------------------------------

    def dropout(self, x: Array, seed: Array, *, rate: float, out: Out = None) -> Array:
        """y[i] = x[i] / (1 - rate) if uniform(seed, i) >= rate, else 0; seed is a (1,) uint64 array.

        uniform(seed, i) = (splitmix64(seed + i * 0x9E3779B97F4A7C15) >> 40) / 2^24 (Steele, Lea and Flood 2014). It
        depends only on the seed and the element's index, so that the gradient draws the same mask again, with any
        number of threads.
        """
        y = formulas.dropout(self.xp, x.ravel(), seed, self.xp.arange(x.size, dtype="uint64"), rate)
        return deliver(y.reshape(x.shape), out)

    def uniform(self, seed: Array, *, shape: Shape, out: Out = None) -> Array:
        """uniform(seed, i), as in `dropout`, float32."""
        return deliver(formulas.uniform(self.xp, seed, self.xp.arange(prod(shape), dtype="uint64")).reshape(shape), out)

    # ---- optimizers: `out` may be the very arrays that are updated -----------------------------------------------

    def update(
        self, w: Array, dw: Array, *states_and_scalars: Array, rule: str, constants: tuple, out: Out = None
    ) -> tuple[Array, ...]:
        """The new w and states by a rule of `updates.RULES`. The first scalar multiplies w (1 without weight decay)."""
        *states, scalars = states_and_scalars
        results = step(self.xp, w, dw, *states, scalars, rule, constants)
        outs = (None,) * len(results) if out is None else out if states else (out,)
        return tuple(deliver(r, o) for r, o in zip(results, outs))


def axis_taps(xp: ArrayModule, c: Array, n: int, nearest: bool, fill: str) -> list[tuple[Array, Array]]:
    """Return the pixels of an axis of n that are combined at coordinates c, and their weights; -1 is the constant."""
    if fill == "wrap" and n > 1:
        c = xp.where(c < 0, c + (n - 1) * (xp.floor(-c / (n - 1)) + 1), c)
        c = xp.where(c > n - 1, c % (n - 1), c)
    if fill == "constant":
        c = xp.where((c >= 0) & (c <= n - 1), c, -2)
    c = xp.clip(c, -1e9, 1e9)
    if nearest:
        return [(axis_pixel(xp, xp.copysign(xp.floor(abs(c) + 0.5), c).astype("int64"), n, fill), xp.ones_like(c))]
    first = xp.floor(c).astype("int64")
    return [(axis_pixel(xp, first, n, fill), 1 - (c - first)), (axis_pixel(xp, first + 1, n, fill), c - first)]


def axis_pixel(xp: ArrayModule, i: Array, n: int, fill: str) -> Array:
    """Return the pixel at position i of an axis of n, or -1 for the constant."""
    if fill in ("constant", "grid-constant"):
        return xp.where((i >= 0) & (i < n), i, -1)
    if fill == "nearest" or n == 1:
        return xp.clip(i, 0, n - 1)
    if fill in ("wrap", "grid-wrap"):
        return i % n
    once = int(fill == "reflect")  # 1 if the outermost pixel is repeated
    at = i % (2 * n - 2 + 2 * once)
    return xp.where(at < n, at, 2 * n - 2 + once - at)


def check_labels(target: Array, classes: int) -> None:
    """Raise ValueError with the first label outside [0, classes), if there is any."""
    wrong = ((target < 0) | (target >= classes)).nonzero()[0]
    if wrong.size:
        raise wrong_label(int(wrong[0]), int(target[wrong[0]]), classes)


def no_integer(x: Array, place: int) -> ValueError:
    """Return the error for a class index or position that is not an integer."""
    return ValueError(
        "Class indices and positions must be integers; probabilities and one-hot rows belong to other losses and "
        f"metrics. Received: {float(x.ravel()[place])} at position {place} of an array of shape {x.shape}"
    )


def wrong_label(row: int, label: int, classes: int) -> ValueError:
    """Return the error for a label outside [0, classes), or not an integer (NO_INTEGER, or if classes is 0)."""
    if label == NO_INTEGER or not classes:
        return ValueError(
            "Class indices and positions must be integers; probabilities and one-hot rows belong to other losses and "
            f"metrics. Received: another number at position {row} of the array"
        )
    return ValueError(
        f"sparse_softmax_cross_entropy: labels must lie in [0, {classes}), the number of classes. "
        f"Received: target[{row}]={label}"
    )
